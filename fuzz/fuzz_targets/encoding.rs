//! Any bytes in any encoding: what can be decoded is encoded again and decoded to the same rows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use recipients::ingest::{Batch, Choice, Encoding, Options, Source, Writer};

fn rows(source: &mut Source) -> Option<Vec<Vec<String>>> {
    let mut rows = Vec::new();
    let mut batch = Batch::new();
    loop {
        match source.fill(&mut batch) {
            Ok(true) => rows.extend(
                batch.rows().map(|row| row.fields().map(str::to_owned).collect::<Vec<String>>()),
            ),
            Ok(false) => return Some(rows),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return None;
            }
        }
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (encoding, bytes) = input;
    let encoding = Encoding::ALL[usize::from(encoding) % Encoding::ALL.len()];
    let options = Options::auto()
        .encoding(Choice::Given(encoding))
        .delimiter(Choice::Given(Some(',')))
        .enclosure(Choice::Given(Some('"')))
        .skip_header(Choice::Given(false));
    // Workbooks and packed lists have targets of their own.
    if bytes.starts_with(b"PK") || bytes.starts_with(b"\x1f\x8b") || bytes.starts_with(b"\xd0\xcf") {
        return;
    }
    let Ok(mut source) = Source::from_bytes("fuzz", bytes.to_vec(), &options) else {
        return;
    };
    let Some(first) = rows(&mut source) else {
        return;
    };
    let mut writer = Writer::like(&[source.layout()], Vec::new()).expect("memory");
    for row in &first {
        for field in row {
            writer.field(field);
        }
        writer.end_row().expect("what was decoded can be encoded");
    }
    let again = writer.finish().expect("memory");
    if first.is_empty() {
        return;
    }
    // Without its blank lines and needless quotes a text may begin as something else does, or hold too
    // little beside control characters.
    let Ok(mut source) = Source::from_bytes("again", again, &options) else {
        return;
    };
    assert_eq!(rows(&mut source).expect("what was written is read"), first);
});
