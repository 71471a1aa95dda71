//! Any bytes as a workbook: rows or an error, within limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use recipients::ingest::{Batch, Limits, Options, Source};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        part_bytes: 1 << 20,
        held_part_bytes: 1 << 20,
        sheet_cells: 100_000,
        sheet_text: 1 << 20,
        ..Limits::default()
    };
    let options = Options::auto().limits(limits);
    let Ok(mut source) = Source::from_bytes("fuzz", bytes.to_vec(), &options) else {
        return;
    };
    let mut batch = Batch::new();
    while source.fill(&mut batch).unwrap_or(false) {
        assert!(batch.rows().all(|row| row.number() > 0 && !row.is_empty()));
    }
});
