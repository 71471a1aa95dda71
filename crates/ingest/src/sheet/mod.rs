//! Spreadsheets: one sheet, held as rows, within limits that are checked first (decision D19).

mod apart;
mod cells;
mod formats;
mod xls;
mod xlsb;
mod xlsx;
mod zipped;

use crate::error::ErrorKind;
use crate::options::{Limits, Options, Sheet};
use std::cell::Cell;
use std::io::{Cursor, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use apart::{SheetProcess, WorkbookInput, answer_sheet_request};
pub(crate) use cells::SheetCells;

pub(crate) trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside code whose panics are caught and reported as a damaged workbook,
/// so that a panic hook need not tell of them.
pub fn in_contained_code() -> bool {
    CONTAINED.get()
}

/// The kinds of workbook, told by their content and not by the file's name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Workbook {
    /// A compound file: XLS, or an encrypted package.
    Compound,
    /// A ZIP archive: XLSX, XLSB, ODS.
    Zip,
}

impl Workbook {
    pub(crate) fn of(head: &[u8]) -> Option<Workbook> {
        if head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
            Some(Workbook::Compound)
        } else if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
            Some(Workbook::Zip)
        } else {
            None
        }
    }

    /// Reads a workbook, in another process if one is given.
    pub(crate) fn read_from(
        self,
        input: WorkbookInput,
        options: &Options,
    ) -> Result<SheetCells, ErrorKind> {
        let (wanted, limits) = (options.sheet.as_ref(), &options.limits);
        if let Some(process) = &options.sheet_process {
            return apart::read(&**process, input, wanted, limits);
        }
        match input {
            WorkbookInput::File(file) => self.read(Box::new(file), wanted, limits),
            WorkbookInput::Bytes(bytes) => self.read(Box::new(Cursor::new(bytes)), wanted, limits),
        }
    }

    fn read(
        self,
        reader: Box<dyn ReadSeek>,
        wanted: Option<&Sheet>,
        limits: &Limits,
    ) -> Result<SheetCells, ErrorKind> {
        // The parsers below are of others and of strangers' files: what still goes wrong inside
        // of them is a damaged workbook, not the end of the process.
        CONTAINED.set(true);
        let read = catch_unwind(AssertUnwindSafe(|| match self {
            Workbook::Compound => xls::read(reader, wanted, limits),
            Workbook::Zip => zipped::read(reader, wanted, limits),
        }));
        CONTAINED.set(false);
        read.unwrap_or_else(|_| Err(ErrorKind::Workbook("its content makes no sense".to_owned())))
    }
}

/// The sheet that is wanted among those that there are.
fn choose(wanted: Option<&Sheet>, sheets: &[String]) -> Result<usize, ErrorKind> {
    let by_number = |number: usize| number.checked_sub(1).filter(|&at| at < sheets.len());
    let wanted = wanted.unwrap_or(&Sheet::Number(1));
    let found = match wanted {
        Sheet::Number(number) => by_number(*number),
        Sheet::Named(name) => sheets
            .iter()
            .position(|sheet| sheet == name)
            .or_else(|| by_number(name.parse().ok()?)),
    };
    found.ok_or_else(|| match sheets {
        [] => ErrorKind::Workbook("it has no sheets".to_owned()),
        _ => ErrorKind::NoSheet {
            wanted: wanted.wanted(),
            sheets: sheets.to_vec(),
        },
    })
}
