//! Any bytes as a text file with any options: rows or an error, never a panic; and the same rows
//! for any chunk size.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use recipients::annotate;
use recipients::ingest::{Batch, Choice, Encoding, Limits, Options, Source};

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

/// The rows as far as they could be read, and whether that was to the end.
fn rows(input: &Input, chunk_bytes: usize) -> (Vec<(u64, u64, Vec<String>)>, bool) {
    let encoding = input.encoding.map(|n| Encoding::ALL[usize::from(n) % Encoding::ALL.len()]);
    let options = Options::auto()
        .encoding(choice(encoding))
        .delimiter(choice(input.delimiter))
        .enclosure(choice(input.enclosure))
        .skip_header(choice(input.skip_header))
        .annotations(annotate::COLUMNS)
        .chunk_bytes(chunk_bytes)
        .limits(Limits { row_bytes: 1000, ..Limits::default() });
    let mut rows = Vec::new();
    let Ok(mut source) = Source::from_bytes("fuzz", input.bytes.clone(), &options) else {
        return (rows, false);
    };
    let mut batch = Batch::new();
    loop {
        match source.fill(&mut batch) {
            Ok(true) => rows.extend(batch.rows().map(|row| {
                let fields = row.fields().map(str::to_owned).collect();
                (row.number(), row.offset(), fields)
            })),
            Ok(false) => return (rows, true),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return (rows, false);
            }
        }
    }
}

fuzz_target!(|input: Input| {
    // Workbooks have a target of their own.
    if input.bytes.starts_with(b"PK") || input.bytes.starts_with(b"\xd0\xcf") {
        return;
    }
    let (whole, complete) = rows(&input, 1 << 17);
    assert!(whole.is_sorted_by_key(|row| (row.0, row.1)));
    let (other, also_complete) = rows(&input, usize::from(input.chunk_bytes));
    assert_eq!(complete, also_complete);
    if complete {
        assert_eq!(whole, other);
    }
});
