//! A text packed by gzip or zstd in any members, frames and padding: the rows of the text itself, for any chunk
//! size; and cut or damaged, an error or rows, the same for any chunk size, and never half of them as if whole.
#![no_main]

use arbitrary::Arbitrary;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use libfuzzer_sys::fuzz_target;
use recipients::ingest::{Choice, Encoding, Limits, Options};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use shared::rows;
use std::io::Write;

#[path = "shared/rows.rs"]
mod shared;

#[derive(Arbitrary, Debug)]
struct Input {
    zstd: bool,
    pieces: Vec<Piece>,
    /// Zeros behind the last member, or behind the last frame something that is skipped.
    padding: u16,
    chunk_bytes: u8,
    harm: Option<Harm>,
}

#[derive(Arbitrary, Debug)]
struct Piece {
    text: Vec<u8>,
    times: u8,
    packed: bool,
    named: bool,
    padding: u8,
}

#[derive(Arbitrary, Debug)]
enum Harm {
    Cut(u16),
    Set(u16, u8),
    Insert(u16, Vec<u8>),
}

impl Piece {
    fn text(&self) -> Vec<u8> {
        self.text.repeat(1 + usize::from(self.times))
    }

    fn gzip(&self) -> Vec<u8> {
        let level = if self.packed { Compression::best() } else { Compression::none() };
        let mut member = match self.named {
            true => GzBuilder::new().filename("list.csv").comment("a list").extra("x").write(Vec::new(), level),
            false => GzEncoder::new(Vec::new(), level),
        };
        member.write_all(&self.text()).expect("memory");
        member.finish().expect("memory")
    }

    fn zstd(&self) -> Vec<u8> {
        let level = if self.packed { CompressionLevel::Fastest } else { CompressionLevel::Uncompressed };
        compress_to_vec(&self.text()[..], level)
    }
}

/// A frame of zstd that is passed over.
fn skipped(bytes: usize) -> Vec<u8> {
    [&[0x50, 0x2a, 0x4d, 0x18][..], &(bytes as u32).to_le_bytes(), &vec![b'x'; bytes]].concat()
}

/// The packed bytes, and where they may end as they are.
fn pack(input: &Input) -> (Vec<u8>, Vec<usize>) {
    let (mut packed, mut ends) = (Vec::new(), Vec::new());
    for (at, piece) in input.pieces.iter().enumerate() {
        packed.extend(if input.zstd { piece.zstd() } else { piece.gzip() });
        ends.push(packed.len());
        let padding = usize::from(piece.padding);
        let padding = if at + 1 == input.pieces.len() { padding + usize::from(input.padding) } else { padding };
        if !input.zstd {
            ends.extend(packed.len()..=packed.len() + padding);
            packed.resize(packed.len() + padding, 0);
        } else if padding > 0 {
            packed.extend(skipped(padding));
            ends.push(packed.len());
        }
    }
    (packed, ends)
}

/// As few guesses as there can be.
fn options(chunk_bytes: usize) -> Options {
    Options::auto()
        .encoding(Choice::Given(Encoding::Windows1251))
        .delimiter(Choice::Given(Some(';')))
        .enclosure(Choice::Given(None))
        .skip_header(Choice::Given(false))
        .chunk_bytes(chunk_bytes)
        .limits(Limits { row_bytes: 1 << 16, text_bytes: 1 << 22, ..Limits::default() })
}

fuzz_target!(|input: Input| {
    let text: Vec<u8> = input.pieces.iter().flat_map(Piece::text).collect();
    // Workbooks and what is packed twice are for other targets, and so is an empty file.
    let is_other = [&b"PK"[..], b"\xd0\xcf", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"].iter().any(|head| text.starts_with(head));
    if is_other || text.is_empty() || text.len() > 1 << 20 {
        return;
    }
    let (mut packed, ends) = pack(&input);
    let (whole, complete) = rows(&text, &options(1 << 17));
    let chunk_bytes = usize::from(input.chunk_bytes) + 1;
    for chunk_bytes in [1 << 17, chunk_bytes] {
        let (found, also_complete) = rows(&packed, &options(chunk_bytes));
        assert_eq!(complete, also_complete);
        assert!(!complete || found == whole);
    }
    let mut must_fail = false;
    match &input.harm {
        None => return,
        Some(Harm::Cut(at)) => {
            packed.truncate(usize::from(*at) % packed.len());
            // What is left of the first four bytes does not tell that it was packed.
            must_fail = packed.len() >= 4 && !ends.contains(&packed.len());
        }
        Some(Harm::Set(at, byte)) => {
            let at = usize::from(*at) % packed.len();
            packed[at] = *byte;
        }
        Some(Harm::Insert(at, bytes)) => {
            let at = usize::from(*at) % packed.len();
            packed.splice(at..at, bytes.iter().copied());
        }
    }
    let (found, complete) = rows(&packed, &options(1 << 17));
    assert!(!(complete && must_fail));
    let (other, also_complete) = rows(&packed, &options(chunk_bytes));
    assert_eq!(complete, also_complete);
    assert!(!complete || found == other);
});
