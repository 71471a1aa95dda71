//! Any bytes as a text file with any options: rows or an error, never a panic; and the same rows
//! for any chunk size.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use recipients::annotate;
use recipients::ingest::{Choice, Encoding, Limits, Options};
use shared::rows;

#[path = "shared/rows.rs"]
mod shared;

#[derive(Arbitrary, Debug)]
struct Input {
    encoding: Option<u8>,
    delimiter: Option<Option<char>>,
    enclosure: Option<Option<char>>,
    skip_header: Option<bool>,
    chunk_bytes: u8,
    bytes: Vec<u8>,
}

fn choice<T>(given: Option<T>) -> Choice<T> {
    given.map_or(Choice::Auto, Choice::Given)
}

fn options(input: &Input, chunk_bytes: usize) -> Options {
    let encoding = input.encoding.map(|n| Encoding::ALL[usize::from(n) % Encoding::ALL.len()]);
    Options::auto()
        .encoding(choice(encoding))
        .delimiter(choice(input.delimiter))
        .enclosure(choice(input.enclosure))
        .skip_header(choice(input.skip_header))
        .annotations(annotate::COLUMNS)
        .chunk_bytes(chunk_bytes)
        .limits(Limits { row_bytes: 1000, ..Limits::default() })
}

fuzz_target!(|input: Input| {
    // Workbooks have a target of their own.
    if input.bytes.starts_with(b"PK") || input.bytes.starts_with(b"\xd0\xcf") {
        return;
    }
    let (whole, complete) = rows(&input.bytes, &options(&input, 1 << 17));
    assert!(whole.is_sorted_by_key(|row| (row.0, row.1)));
    let (other, also_complete) = rows(&input.bytes, &options(&input, usize::from(input.chunk_bytes)));
    assert_eq!(complete, also_complete);
    if complete {
        assert_eq!(whole, other);
    }
});
