//! Workbooks of all formats, made of parts that may be sound, odd or damaged, with checksums that are right: rows
//! that ascend or an error, within limits, and the same in a process apart. A sound one gives exactly its cells.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use recipients::ingest::{
    Batch, Choice, Limits, Options, SheetProcess, Source, WorkbookInput, answer_sheet_request, in_contained_code,
};
use std::io::{self, Cursor, Read};
use std::panic;
use std::sync::Arc;

#[path = "workbook/binary.rs"]
mod binary;
#[path = "workbook/ods.rs"]
mod ods;
#[path = "workbook/plain.rs"]
mod plain;
#[path = "workbook/pool.rs"]
mod pool;
#[path = "workbook/xlsx.rs"]
mod xlsx;

use pool::{Damage, damage, zipped};

#[derive(Arbitrary, Debug)]
enum Input {
    Plain(plain::Plain),
    Xlsx(xlsx::Xlsx, Vec<Damage>),
    Ods(ods::Ods, Vec<Damage>),
    Xlsb(binary::Binary, Vec<Damage>),
    Xls(binary::Binary, Vec<Damage>),
}

/// Number and fields.
type Row = (u64, Vec<String>);

const CELLS: u64 = 100_000;

/// Answers as another process would, in this one.
#[derive(Debug)]
struct Apart;

impl SheetProcess for Apart {
    fn start(&self, request: &str, workbook: WorkbookInput) -> io::Result<Box<dyn Read>> {
        let mut answer = Vec::new();
        answer_sheet_request(request, workbook, &mut answer)?;
        Ok(Box::new(Cursor::new(answer)))
    }
}

fn read(bytes: &[u8], process: Option<Arc<dyn SheetProcess>>) -> Option<Vec<Row>> {
    let limits = Limits {
        part_bytes: 1 << 20,
        held_part_bytes: 1 << 20,
        sheet_cells: CELLS,
        sheet_text: 1 << 20,
        ..Limits::default()
    };
    let options = Options::auto().skip_header(Choice::Given(false)).limits(limits).sheet_process(process);
    let mut source = match Source::from_bytes("fuzz", bytes.to_vec(), &options) {
        Ok(source) => source,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return None;
        }
    };
    let (mut batch, mut rows) = (Batch::new(), Vec::new());
    while source.fill(&mut batch).expect("a sheet that was opened is there") {
        rows.extend(batch.rows().map(|row| (row.number(), row.fields().map(str::to_owned).collect())));
    }
    Some(rows)
}

fn check(bytes: &[u8]) -> Option<Vec<Row>> {
    let rows = read(bytes, None);
    if let Some(rows) = &rows {
        assert!(rows.is_sorted_by(|one, next| one.0 < next.0));
        assert!(rows.iter().all(|(number, fields)| *number > 0 && !fields.is_empty()));
        assert!(rows.iter().map(|(_, fields)| fields.len() as u64).sum::<u64>() <= CELLS);
    }
    assert_eq!(rows, read(bytes, Some(Arc::new(Apart))), "another process reads the same");
    rows
}

/// What panics in the parsers of others is contained, and told as damage: only own code must not.
fn let_others_panic() {
    let abort = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let is_foreign = info.location().is_some_and(|place| place.file().contains(".cargo/registry"));
        if !(is_foreign && in_contained_code()) {
            abort(info);
        }
    }));
}

fuzz_target!(init: let_others_panic(), |input: Input| {
    let (mut parts, damages) = match &input {
        Input::Plain(plain) => {
            let rows = Some(plain.rows());
            for (format, bytes) in plain.workbooks() {
                assert_eq!(check(&bytes), rows, "{format}");
            }
            return;
        }
        Input::Xlsx(book, damages) => (book.parts(), damages),
        Input::Ods(book, damages) => (book.parts(), damages),
        Input::Xlsb(book, damages) => (binary::xlsb::parts(book), damages),
        Input::Xls(book, damages) => (binary::xls::parts(book), damages),
    };
    damage(&mut parts, damages);
    check(&match input {
        Input::Xls(..) => binary::xls::compound(&parts),
        _ => zipped(&parts),
    });
});
