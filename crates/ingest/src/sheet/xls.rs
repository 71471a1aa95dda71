//! XLS as Excel 97 to 2003 wrote it (BIFF8), read record by record.
//!
//! Own code rather than calamine's: that reads every sheet into dense grids whose size the file
//! declares (its records may claim 2^32 rows, and two far-off cells ask for gigabytes), and an
//! allocation that fails aborts the process. Here memory grows with the cells that are there.
//! Calamine is the judge in the tests. Source: [MS-XLS].

use super::cells::Cells;
use super::formats::{Formats, TextBudget, bool_or_error, rk};
use super::{ReadSeek, SheetCells, choose};
use crate::error::ErrorKind;
use crate::options::{Limits, Sheet};
use std::io::Read;

const BOF: u16 = 0x0809;
const EOF: u16 = 0x000a;
const BOUNDSHEET: u16 = 0x0085;
const CONTINUE: u16 = 0x003c;
const SST: u16 = 0x00fc;
const FILEPASS: u16 = 0x002f;
const DATEMODE: u16 = 0x0022;
const FORMAT: u16 = 0x041e;
const XF: u16 = 0x00e0;
const LABEL: u16 = 0x0204;
const RSTRING: u16 = 0x00d6;
const LABELSST: u16 = 0x00fd;
const NUMBER: u16 = 0x0203;
const RK: u16 = 0x027e;
const MULRK: u16 = 0x00bd;
const BOOLERR: u16 = 0x0205;
const FORMULA: u16 = 0x0006;
const STRING: u16 = 0x0207;

const BIFF8: u16 = 0x0600;
/// What begins: a sheet with cells.
const WORKSHEET: u16 = 0x0010;

fn damaged(what: &str) -> ErrorKind {
    ErrorKind::Workbook(what.to_owned())
}

pub(super) fn read(
    reader: Box<dyn ReadSeek>,
    wanted: Option<&Sheet>,
    limits: &Limits,
) -> Result<SheetCells, ErrorKind> {
    let mut file = cfb::CompoundFile::open(reader).map_err(|e| damaged(&e.to_string()))?;
    if file.is_stream("/EncryptedPackage") {
        return Err(ErrorKind::Encrypted);
    }
    if !file.is_stream("/Workbook") {
        return Err(match file.is_stream("/Book") {
            true => ErrorKind::Unsupported {
                what: "a workbook of Excel 95 or older".into(),
                advice: "save it as an Excel 97-2003 workbook (.xls) or as .xlsx".into(),
            },
            false => ErrorKind::Unsupported {
                what: "an Office document that is no workbook".into(),
                advice: "save the list as .xlsx or CSV".into(),
            },
        });
    }
    let stream = file
        .open_stream("/Workbook")
        .map_err(|e| damaged(&e.to_string()))?;
    let mut bytes = Vec::new();
    // A stream cannot be longer than the file it is in, whatever it declares, and the file has
    // been measured.
    stream
        .take(limits.workbook_bytes)
        .read_to_end(&mut bytes)
        .map_err(|e| damaged(&e.to_string()))?;
    let globals = Globals::read(&bytes, limits)?;
    let names: Vec<String> = globals
        .sheets
        .iter()
        .map(|sheet| sheet.name.clone())
        .collect();
    let sheet = &globals.sheets[choose(wanted, &names)?];
    let at = sheet.offset as usize;
    let substream = bytes
        .get(at..)
        .filter(|rest| !rest.is_empty())
        .ok_or_else(|| damaged("a sheet begins behind the end of the file"))?;
    let cells = globals.cells(substream, limits)?;
    cells.finish("XLS", sheet.name.clone())
}

/// The records of a stream: type and data.
struct Records<'b> {
    rest: &'b [u8],
}

impl<'b> Records<'b> {
    /// `None` at the end of the stream.
    fn next(&mut self) -> Result<Option<(u16, &'b [u8])>, ErrorKind> {
        // Some writers pad the stream with zeros.
        if self.rest.iter().take(4).all(|&b| b == 0) {
            return Ok(None);
        }
        let (&[k0, k1, l0, l1], rest) = self
            .rest
            .split_first_chunk()
            .ok_or_else(|| damaged("it ends in the middle of a record"))?;
        let len = usize::from(u16::from_le_bytes([l0, l1]));
        let (data, rest) = rest
            .split_at_checked(len)
            .ok_or_else(|| damaged("it ends in the middle of a record"))?;
        self.rest = rest;
        Ok(Some((u16::from_le_bytes([k0, k1]), data)))
    }

    /// The pieces of a record that goes on in CONTINUE records.
    fn continued(&mut self, first: &'b [u8]) -> Result<Vec<&'b [u8]>, ErrorKind> {
        let mut pieces = vec![first];
        while self.rest.starts_with(&CONTINUE.to_le_bytes()) {
            if let Some((_, data)) = self.next()? {
                pieces.push(data);
            }
        }
        Ok(pieces)
    }
}

struct SheetEntry {
    name: String,
    offset: u32,
}

/// What the sheets share.
#[derive(Default)]
struct Globals {
    sheets: Vec<SheetEntry>,
    strings: Vec<String>,
    is_1904: bool,
    formats: Formats,
}

impl Globals {
    fn read(stream: &[u8], limits: &Limits) -> Result<Globals, ErrorKind> {
        let mut records = Records { rest: stream };
        match records.next()? {
            Some((BOF, data)) if u16_at(data, 0) == Some(BIFF8) => {}
            Some((BOF, _)) => {
                return Err(ErrorKind::Unsupported {
                    what: "a workbook of Excel 95 or older".into(),
                    advice: "save it as an Excel 97-2003 workbook (.xls) or as .xlsx".into(),
                });
            }
            _ => return Err(damaged("it does not begin as a workbook does")),
        }
        let mut globals = Globals::default();
        loop {
            let Some((kind, data)) = records.next()? else {
                return Err(damaged("its list of sheets has no end"));
            };
            match kind {
                FILEPASS => return Err(ErrorKind::Encrypted),
                DATEMODE => globals.is_1904 = u16_at(data, 0) == Some(1),
                BOUNDSHEET => {
                    let broken = || damaged("its list of sheets is broken");
                    let offset = data.first_chunk().ok_or_else(broken)?;
                    // Charts, macro sheets and VBA modules are in the list too.
                    if data.get(5) != Some(&0) {
                        continue;
                    }
                    let count = usize::from(*data.get(6).ok_or_else(broken)?);
                    let mut text = Text::new(vec![&data[7..]]);
                    globals.sheets.push(SheetEntry {
                        name: text.characters(count)?,
                        offset: u32::from_le_bytes(*offset),
                    });
                }
                SST => globals.strings = strings(records.continued(data)?, limits)?,
                FORMAT => {
                    if let (Some(id), Some(count)) = (u16_at(data, 0), u16_at(data, 2)) {
                        let mut text = Text::new(vec![&data[4..]]);
                        globals
                            .formats
                            .define(id, &text.characters(usize::from(count))?);
                    }
                }
                XF => globals
                    .formats
                    .push_cell_format(u16_at(data, 2).unwrap_or(0)),
                EOF => break,
                _ => {}
            }
        }
        Ok(globals)
    }

    fn cells<'l>(&self, substream: &[u8], limits: &'l Limits) -> Result<Cells<'l>, ErrorKind> {
        let mut cells = Cells::new(limits, self.is_1904);
        let mut records = Records { rest: substream };
        match records.next()? {
            Some((BOF, data)) if u16_at(data, 2) == Some(WORKSHEET) => {}
            _ => return Err(damaged("a sheet does not begin where it should")),
        }
        // Charts may be embedded as streams of their own.
        let mut depth = 1;
        // The text of a formula comes in the record after it.
        let mut formula = None;
        loop {
            let Some((kind, data)) = records.next()? else {
                return Err(damaged("a sheet has no end"));
            };
            match kind {
                BOF => depth += 1,
                EOF => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                _ if depth > 1 => {}
                STRING => {
                    if let (Some((row, column)), Some(count)) = (formula.take(), u16_at(data, 0)) {
                        let mut pieces = records.continued(data)?;
                        pieces[0] = &data[2..];
                        let text = Text::new(pieces).characters(usize::from(count))?;
                        cells.push(row, column, &text)?;
                    }
                }
                LABEL | RSTRING | LABELSST | NUMBER | RK | MULRK | BOOLERR | FORMULA => {
                    formula = self.cell(kind, data, &mut cells)?;
                }
                _ => {}
            }
        }
        Ok(cells)
    }

    /// Takes the cell of one record; gives the place of a formula whose text is still to come.
    fn cell(
        &self,
        kind: u16,
        data: &[u8],
        cells: &mut Cells<'_>,
    ) -> Result<Option<(u32, u32)>, ErrorKind> {
        let short = || damaged("a cell's record is too short");
        let half = |at| u16_at(data, at).ok_or_else(short);
        let double = |at: usize| -> Result<f64, ErrorKind> {
            let bytes = data
                .get(at..)
                .and_then(|d| d.first_chunk())
                .ok_or_else(short)?;
            Ok(f64::from_le_bytes(*bytes))
        };
        let (row, column) = (u32::from(half(0)?), u32::from(half(2)?));
        if column >= 256 {
            return Err(ErrorKind::TooLarge {
                what: "a cell claims a column that XLS does not have".into(),
                size: u64::from(column) + 1,
                limit: 256,
            });
        }
        match kind {
            LABEL | RSTRING => {
                let count = usize::from(half(6)?);
                let text = Text::new(vec![&data[8..]]).characters(count)?;
                cells.push(row, column, &text)?;
            }
            LABELSST => {
                let bytes = data
                    .get(6..)
                    .and_then(|d| d.first_chunk())
                    .ok_or_else(short)?;
                let index = u32::from_le_bytes(*bytes) as usize;
                let text = self
                    .strings
                    .get(index)
                    .ok_or_else(|| damaged("a cell's text is not in the table of texts"))?;
                cells.push(row, column, text)?;
            }
            NUMBER => cells.push_number(row, column, double(6)?, self.formats.is_date(half(4)?))?,
            RK => {
                let bytes = data
                    .get(6..)
                    .and_then(|d| d.first_chunk())
                    .ok_or_else(short)?;
                cells.push_number(row, column, rk(*bytes), self.formats.is_date(half(4)?))?;
            }
            MULRK => {
                let body = data.get(4..data.len() - 2).ok_or_else(short)?;
                for (column, cell) in (column..256).zip(body.chunks_exact(6)) {
                    let format = u16::from_le_bytes([cell[0], cell[1]]);
                    let value = rk([cell[2], cell[3], cell[4], cell[5]]);
                    cells.push_number(row, column, value, self.formats.is_date(format))?;
                }
            }
            BOOLERR => {
                let (value, is_error) = match data.get(6..8) {
                    Some(&[value, is_error]) => (value, is_error != 0),
                    _ => return Err(short()),
                };
                cells.push(row, column, bool_or_error(value, is_error))?;
            }
            FORMULA => {
                let result: &[u8; 8] = data
                    .get(6..)
                    .and_then(|d| d.first_chunk())
                    .ok_or_else(short)?;
                match *result {
                    [0, _, _, _, _, _, 0xff, 0xff] => return Ok(Some((row, column))),
                    [1, _, value, _, _, _, 0xff, 0xff] => {
                        cells.push(row, column, bool_or_error(value, false))?;
                    }
                    [2, _, value, _, _, _, 0xff, 0xff] => {
                        cells.push(row, column, bool_or_error(value, true))?;
                    }
                    [3, _, _, _, _, _, 0xff, 0xff] => cells.push(row, column, "")?,
                    bytes => {
                        let value = f64::from_le_bytes(bytes);
                        cells.push_number(row, column, value, self.formats.is_date(half(4)?))?;
                    }
                }
            }
            _ => {}
        }
        Ok(None)
    }
}

fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..)?
        .first_chunk()
        .map(|bytes| u16::from_le_bytes(*bytes))
}

/// The table of texts that the sheets share.
fn strings(pieces: Vec<&[u8]>, limits: &Limits) -> Result<Vec<String>, ErrorKind> {
    let mut budget = TextBudget::new(limits);
    let mut text = Text::new(pieces);
    let _total = text.u32()?;
    // The count of distinct texts is claimed, not known: what is there decides.
    let unique = text.u32()?;
    let mut strings = Vec::new();
    for _ in 0..unique {
        if text.is_empty() {
            break;
        }
        let count = usize::from(text.u16()?);
        let flags = text.u8()?;
        let runs = if flags & 8 != 0 {
            usize::from(text.u16()?)
        } else {
            0
        };
        let extension = if flags & 4 != 0 {
            text.u32()? as usize
        } else {
            0
        };
        strings.push(budget.take(text.characters_flagged(count, flags)?)?);
        text.skip(runs * 4 + extension)?;
    }
    Ok(strings)
}

/// Text across CONTINUE records: where characters are cut, the next piece begins with a byte that
/// tells their width anew.
struct Text<'b> {
    pieces: std::vec::IntoIter<&'b [u8]>,
    rest: &'b [u8],
}

impl<'b> Text<'b> {
    fn new(pieces: Vec<&'b [u8]>) -> Text<'b> {
        let mut pieces = pieces.into_iter();
        let rest = pieces.next().unwrap_or_default();
        Text { pieces, rest }
    }

    fn is_empty(&mut self) -> bool {
        while self.rest.is_empty() {
            match self.pieces.next() {
                Some(piece) => self.rest = piece,
                None => return true,
            }
        }
        false
    }

    fn u8(&mut self) -> Result<u8, ErrorKind> {
        if self.is_empty() {
            return Err(damaged("its table of texts is cut off"));
        }
        let (&first, rest) = self.rest.split_first().expect("not empty");
        self.rest = rest;
        Ok(first)
    }

    fn u16(&mut self) -> Result<u16, ErrorKind> {
        Ok(u16::from_le_bytes([self.u8()?, self.u8()?]))
    }

    fn u32(&mut self) -> Result<u32, ErrorKind> {
        Ok(u32::from(self.u16()?) | u32::from(self.u16()?) << 16)
    }

    fn skip(&mut self, mut count: usize) -> Result<(), ErrorKind> {
        while count > 0 {
            if self.is_empty() {
                return Err(damaged("its table of texts is cut off"));
            }
            let here = count.min(self.rest.len());
            self.rest = &self.rest[here..];
            count -= here;
        }
        Ok(())
    }

    /// A flag byte for the width, and `count` UTF-16 units.
    fn characters(&mut self, count: usize) -> Result<String, ErrorKind> {
        if count == 0 {
            return Ok(String::new());
        }
        let flags = self.u8()?;
        self.characters_flagged(count, flags)
    }

    fn characters_flagged(&mut self, count: usize, flags: u8) -> Result<String, ErrorKind> {
        let mut wide = flags & 1 != 0;
        let mut units: Vec<u16> = Vec::with_capacity(count.min(self.rest.len()));
        while units.len() < count {
            if self.rest.is_empty() {
                wide = self.u8()? & 1 != 0;
                continue;
            }
            let wanted = count - units.len();
            let width = if wide { 2 } else { 1 };
            let here = wanted.min(self.rest.len() / width);
            if here == 0 {
                return Err(damaged("a character is cut in half"));
            }
            let (bytes, rest) = self.rest.split_at(here * width);
            self.rest = rest;
            match wide {
                true => units.extend(
                    bytes
                        .chunks_exact(2)
                        .map(|pair| u16::from_le_bytes([pair[0], pair[1]])),
                ),
                false => units.extend(bytes.iter().map(|&byte| u16::from(byte))),
            }
        }
        Ok(String::from_utf16_lossy(&units))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_go_on_in_the_next_record_with_another_width() {
        let first = [&b"\x01\0\0\0\x02\0\0\0"[..], b"\x04\0\0ab"].concat();
        let second = b"\x01\x36\x04\x37\x04\x01\0\0z";
        let texts = strings(vec![&first, second], &Limits::default()).unwrap();
        assert_eq!(texts, ["abжз", "z"]);
    }

    /// A sheet whose end is missing was cut, and one that begins as a chart has no cells.
    #[test]
    fn sheets_begin_and_end() {
        let record = |kind: u16, data: &[u8]| {
            [
                &kind.to_le_bytes()[..],
                &(data.len() as u16).to_le_bytes(),
                data,
            ]
            .concat()
        };
        let limits = Limits::default();
        let cells = |stream: &[&[u8]]| Globals::default().cells(&stream.concat(), &limits);
        let (sheet, chart) = (record(BOF, &[0, 6, 0x10, 0]), record(BOF, &[0, 6, 0x20, 0]));
        let row = record(NUMBER, &[0; 14]);
        let end = record(EOF, &[]);
        assert!(cells(&[&sheet, &row, &end]).is_ok());
        assert!(cells(&[&sheet, &row]).is_err());
        assert!(cells(&[&sheet, &chart, &end]).is_err());
        assert!(cells(&[&chart, &row, &end]).is_err());
        assert!(Globals::read(&record(BOF, &[0, 6, 5, 0]), &limits).is_err());
    }

    proptest! {
        #[test]
        fn hostile_records_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            kind in prop::sample::select(&[LABEL, RSTRING, LABELSST, NUMBER, RK, MULRK, BOOLERR, FORMULA, STRING, SST, FORMAT, BOUNDSHEET][..]),
        ) {
            let record = |kind: u16, data: &[u8]| {
                [&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat()
            };
            let limits = Limits::default();
            for begins in [5, 0x10] {
                let bof = record(BOF, &[0, 6, begins, 0]);
                let stream = [bof, record(kind, &bytes), bytes.clone()].concat();
                let _ = Globals::read(&stream, &limits);
                let _ = Globals::default().cells(&stream, &limits);
            }
        }
    }
}
