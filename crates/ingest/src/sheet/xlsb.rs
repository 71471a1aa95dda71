//! XLSB: the records of BIFF12 in a ZIP archive.
//!
//! Own code rather than calamine's: that passes over the short cell records, which leave out the
//! column (SheetJS writes them), so that whole columns are lost in silence, and it trusts the
//! lengths that records claim. Source: [MS-XLSB].

use super::cells::Cells;
use super::formats::{Formats, TextBudget, bool_or_error, rk};
use super::zipped::{Archive, damaged};
use super::{SheetCells, choose};
use crate::error::ErrorKind;
use crate::options::{Limits, Sheet};
use quick_xml::events::Event;
use std::io::Read;

const ROW: u16 = 0;
const LAST_LONG_CELL: u16 = 11;
const SHORT_BLANK: u16 = 12;
const SHORT_TEXT_INDEX: u16 = 18;
const TEXT_ITEM: u16 = 19;
const NUMBER_FORMAT: u16 = 44;
const CELL_FORMAT: u16 = 47;
const END_SHEET_DATA: u16 = 146;
const WORKBOOK_PROPERTIES: u16 = 153;
const SHEET: u16 = 156;
const BEGIN_CELL_FORMATS: u16 = 617;
const END_CELL_FORMATS: u16 = 618;

pub(super) fn read(
    archive: &mut Archive,
    wanted: Option<&Sheet>,
    limits: &Limits,
) -> Result<SheetCells, ErrorKind> {
    let workbook = part(archive, "xl/workbook.bin")?.ok_or_else(|| damaged("it has no sheets"))?;
    let targets = part(archive, "xl/_rels/workbook.bin.rels")?.unwrap_or_default();
    let targets = relations(&targets)?;
    let mut sheets = Vec::new();
    let mut is_1904 = false;
    let mut records = Records { rest: &workbook };
    while let Some((kind, mut data)) = records.next()? {
        match kind {
            WORKBOOK_PROPERTIES => is_1904 = data.u32()? & 1 != 0,
            SHEET => {
                data.skip(8)?;
                let (relation, name) = (data.text()?, data.text()?);
                let target = targets.iter().find(|(id, _)| *id == relation);
                // Charts and macro sheets have parts of other kinds.
                if let Some((_, path)) = target.filter(|(_, path)| path.contains("worksheets/")) {
                    sheets.push((name, path.clone()));
                }
            }
            _ => {}
        }
    }
    let names: Vec<String> = sheets.iter().map(|(name, _)| name.clone()).collect();
    let (name, path) = sheets.swap_remove(choose(wanted, &names)?);
    let strings = match part(archive, "xl/sharedStrings.bin")? {
        Some(bytes) => strings(&bytes, limits)?,
        None => Vec::new(),
    };
    let formats = match part(archive, "xl/styles.bin")? {
        Some(bytes) => formats(&bytes)?,
        None => Formats::default(),
    };
    let sheet = part(archive, &path)?.ok_or_else(|| damaged("a sheet is missing"))?;
    let mut found = Cells::new(limits, is_1904);
    cells(&sheet, &strings, &formats, &mut found)?;
    found.finish("XLSB", name)
}

/// A part, which has been measured, as a whole.
fn part(archive: &mut Archive, name: &str) -> Result<Option<Vec<u8>>, ErrorKind> {
    let found = archive
        .file_names()
        .flatten()
        .find(|other| other.eq_ignore_ascii_case(name))
        .map(|name| name.into_owned());
    let Some(name) = found else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    archive
        .by_name(&name)
        .map_err(damaged)?
        .read_to_end(&mut bytes)
        .map_err(damaged)?;
    Ok(Some(bytes))
}

/// The parts that the workbook refers to: identifier and path.
fn relations(xml: &[u8]) -> Result<Vec<(String, String)>, ErrorKind> {
    let mut reader = quick_xml::Reader::from_reader(xml);
    let mut buf = Vec::new();
    let mut relations = Vec::new();
    loop {
        buf.clear();
        match reader.read_event_into(&mut buf).map_err(damaged)? {
            Event::Start(tag) | Event::Empty(tag) => {
                let attribute = |name: &str| {
                    tag.attributes()
                        .flatten()
                        .find(|attribute| attribute.key.as_ref() == name)
                        .map(|attribute| attribute.value.to_string())
                };
                if let (Some(id), Some(target)) = (attribute("Id"), attribute("Target")) {
                    let path = match target.strip_prefix('/') {
                        Some(absolute) => absolute.to_owned(),
                        None => format!("xl/{target}"),
                    };
                    relations.push((id, path));
                }
            }
            Event::Eof => return Ok(relations),
            _ => {}
        }
    }
}

fn strings(bytes: &[u8], limits: &Limits) -> Result<Vec<String>, ErrorKind> {
    let mut budget = TextBudget::new(limits);
    let mut strings = Vec::new();
    let mut records = Records { rest: bytes };
    while let Some((kind, mut data)) = records.next()? {
        if kind == TEXT_ITEM {
            data.skip(1)?;
            strings.push(budget.take(data.text()?)?);
        }
    }
    Ok(strings)
}

fn formats(bytes: &[u8]) -> Result<Formats, ErrorKind> {
    let mut formats = Formats::default();
    let mut of_cells = false;
    let mut records = Records { rest: bytes };
    while let Some((kind, mut data)) = records.next()? {
        match kind {
            NUMBER_FORMAT => {
                let id = data.u16()?;
                formats.define(id, &data.text()?);
            }
            BEGIN_CELL_FORMATS => of_cells = true,
            END_CELL_FORMATS => of_cells = false,
            CELL_FORMAT if of_cells => {
                data.skip(2)?;
                formats.push_cell_format(data.u16()?);
            }
            _ => {}
        }
    }
    Ok(formats)
}

fn cells(
    sheet: &[u8],
    strings: &[String],
    formats: &Formats,
    found: &mut Cells<'_>,
) -> Result<(), ErrorKind> {
    let mut records = Records { rest: sheet };
    let (mut row, mut next) = (0, 0);
    loop {
        let Some((kind, mut data)) = records.next()? else {
            return Err(damaged("a sheet has no end"));
        };
        let kind = match kind {
            END_SHEET_DATA => break,
            ROW => {
                row = data.u32()?;
                next = 0;
                continue;
            }
            // The short records stand for the long ones of blank to text, without the column.
            SHORT_BLANK..=SHORT_TEXT_INDEX => kind - SHORT_BLANK + 1,
            1..=LAST_LONG_CELL => {
                next = data.u32()?;
                kind
            }
            _ => continue,
        };
        let column = next;
        next = next.saturating_add(1);
        if row >= 1_048_576 || column >= 16_384 {
            return Err(ErrorKind::TooLarge {
                what: "a cell claims a place that XLSB does not have (row or column)".into(),
                size: u64::from(row.max(column)) + 1,
                limit: if row >= 1_048_576 { 1_048_576 } else { 16_384 },
            });
        }
        let is_date = formats.is_date(data.u32()? & 0x00ff_ffff);
        match kind {
            2 => found.push_number(row, column, rk(data.bytes()?), is_date)?,
            3 | 11 => {
                let [value] = data.bytes()?;
                found.push(row, column, bool_or_error(value, true))?;
            }
            4 | 10 => {
                let [value] = data.bytes()?;
                found.push(row, column, bool_or_error(value, false))?;
            }
            5 | 9 => {
                let value = f64::from_le_bytes(data.bytes()?);
                found.push_number(row, column, value, is_date)?;
            }
            6 | 8 => found.push(row, column, &data.text()?)?,
            7 => {
                let text = strings
                    .get(data.u32()? as usize)
                    .ok_or_else(|| damaged("a cell's text is not in the table of texts"))?;
                found.push(row, column, text)?;
            }
            _ => {} // blank
        }
    }
    Ok(())
}

/// The records of a part: type and data, each with a length of seven bits a byte.
struct Records<'b> {
    rest: &'b [u8],
}

impl<'b> Records<'b> {
    fn next(&mut self) -> Result<Option<(u16, Data<'b>)>, ErrorKind> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let kind = self.packed(2)? as u16;
        let len = self.packed(4)? as usize;
        let (data, rest) = self.rest.split_at_checked(len).ok_or_else(cut)?;
        self.rest = rest;
        Ok(Some((kind, Data { rest: data })))
    }

    fn packed(&mut self, most: u32) -> Result<u32, ErrorKind> {
        let mut value = 0;
        for at in 0..most {
            let (&byte, rest) = self.rest.split_first().ok_or_else(cut)?;
            self.rest = rest;
            value |= u32::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                break;
            }
        }
        Ok(value)
    }
}

fn cut() -> ErrorKind {
    damaged("it ends in the middle of a record")
}

struct Data<'b> {
    rest: &'b [u8],
}

impl Data<'_> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], ErrorKind> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(cut)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn u16(&mut self) -> Result<u16, ErrorKind> {
        self.bytes().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, ErrorKind> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn skip(&mut self, count: usize) -> Result<(), ErrorKind> {
        self.rest = self.rest.get(count..).ok_or_else(cut)?;
        Ok(())
    }

    /// UTF-16 units, and before them how many; all ones stand for none.
    fn text(&mut self) -> Result<String, ErrorKind> {
        let count = self.u32()?;
        if count == u32::MAX {
            return Ok(String::new());
        }
        let bytes = (count as usize).checked_mul(2).ok_or_else(cut)?;
        let (units, rest) = self.rest.split_at_checked(bytes).ok_or_else(cut)?;
        self.rest = rest;
        let units: Vec<u16> = units
            .chunks_exact(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        Ok(String::from_utf16_lossy(&units))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sheet_has_an_end() {
        let limits = Limits::default();
        let mut found = Cells::new(&limits, false);
        let mut read = |sheet: &[u8]| cells(sheet, &[], &Formats::default(), &mut found);
        let end = [
            END_SHEET_DATA as u8 & 0x7f | 0x80,
            (END_SHEET_DATA >> 7) as u8,
            0,
        ];
        let row = [ROW as u8, 4, 1, 0, 0, 0];
        assert!(read(&[&row[..], &end].concat()).is_ok());
        assert!(read(&row).is_err());
    }

    proptest! {
        #[test]
        fn hostile_records_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0u8..20) {
            let record = [&[ROW as u8, 4, 1, 0, 0, 0, kind, bytes.len().min(127) as u8][..], &bytes].concat();
            let limits = Limits::default();
            let mut found = Cells::new(&limits, false);
            let _ = cells(&record, &[], &Formats::default(), &mut found);
            let _ = cells(&bytes, &[], &Formats::default(), &mut found);
            let _ = strings(&bytes, &limits);
            let _ = formats(&bytes);
        }
    }
}
