//! Any bytes as what the process says that reads a workbook: a sheet that can be laid out, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use recipients::ingest::{Batch, Limits, Options, SheetProcess, Source, WorkbookInput};
use std::io::{self, Cursor, Read};
use std::sync::Arc;

#[derive(Debug)]
struct Says(Vec<u8>);

impl SheetProcess for Says {
    fn start(&self, _: &str, _: WorkbookInput) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(Cursor::new(self.0.clone())))
    }
}

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { sheet_cells: 10_000, sheet_text: 1 << 16, ..Limits::default() };
    let says = Says([b"RSHEET1\n", bytes].concat());
    let options = Options::auto().limits(limits).sheet_process(Some(Arc::new(says)));
    let Ok(mut source) = Source::from_bytes("fuzz", b"PK\x03\x04".to_vec(), &options) else {
        return;
    };
    let mut batch = Batch::new();
    let mut cells = 0;
    while source.fill(&mut batch).unwrap_or(false) {
        assert!(batch.rows().all(|row| row.number() > 0 && !row.is_empty()));
        cells += batch.rows().map(|row| row.fields().count()).sum::<usize>();
    }
    assert!(cells <= 10_000);
});
