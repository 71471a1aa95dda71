//! What calamine would pass over in silence in a sheet of an XLSX.
//!
//! It takes the first piece of a value for all of it, and a reference to the table of texts that is no
//! number for the first text: a number would lose its end, or a row get another's. XML allows most
//! of it; programs that write sheets do not, so that it is refused. A sheet is what calamine takes for
//! one: any part with a `sheetData` anywhere in it.

use super::zipped::{
    Archive, MOST_TEXTS, SHARED_TEXTS, attribute, damaged, too_many_texts, unreadable,
};
use crate::error::ErrorKind;
use quick_xml::events::Event;
use std::io::{BufRead, BufReader};

/// Rows and columns of a sheet; of an ODS, those that calamine reads.
pub(super) const MOST_ROWS: u64 = 1 << 20;
pub(super) const MOST_COLUMNS: u64 = 1 << 14;

/// Looks at every sheet, whatever its part is called, and at the table of texts.
pub(super) fn check(archive: &mut Archive) -> Result<(), ErrorKind> {
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(damaged)?;
        let name = part.name().map_err(damaged)?.to_ascii_lowercase();
        let part = BufReader::with_capacity(1 << 16, part);
        match name.ends_with(SHARED_TEXTS) {
            true => texts(part)?,
            false => sheet(part)?,
        }
    }
    Ok(())
}

/// The table of texts says how many it has, and calamine takes memory for as many.
fn texts(part: impl BufRead) -> Result<(), ErrorKind> {
    let mut xml = quick_xml::Reader::from_reader(part);
    xml.config_mut().expand_empty_elements = true;
    let mut buf = Vec::new();
    loop {
        buf.clear();
        match xml.read_event_into(&mut buf).map_err(unreadable)? {
            Event::Start(tag) if tag.local_name().as_ref() == "sst" => {
                let claimed = attribute(&tag, "uniqueCount").unwrap_or_default();
                if !claimed.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(damaged("its table of texts does not say how many it has"));
                }
                let claimed = match claimed.is_empty() {
                    true => 0,
                    false => claimed.parse().unwrap_or(u64::MAX),
                };
                return match claimed {
                    ..=MOST_TEXTS => Ok(()),
                    _ => Err(too_many_texts(claimed)),
                };
            }
            Event::DocType(_) => return Err(unusual(DECLARATION)),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

const DECLARATION: &str = "a document type declaration";

/// Errors that cells may hold.
const ERRORS: [&str; 7] = [
    "#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!",
];

/// A cell on the way.
struct Cell {
    place: String,
    kind: Kind,
    /// Pieces of its value; none where there is no value yet.
    pieces: Option<usize>,
    in_value: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A number or a truth, in one piece.
    Plain,
    /// An error, of which calamine knows the old ones.
    Error,
    /// A reference to the table of texts.
    Shared,
    /// Any text.
    Text,
}

fn sheet(part: impl BufRead) -> Result<(), ErrorKind> {
    let mut xml = quick_xml::Reader::from_reader(part);
    xml.config_mut().expand_empty_elements = true;
    let mut buf = Vec::new();
    let (mut depth, mut tables) = (0u64, 0u64);
    let mut is_declared = false;
    let mut cell: Option<Cell> = None;
    loop {
        buf.clear();
        let event = match xml.read_event_into(&mut buf) {
            Ok(event) => event,
            // Parts that are no sheets are not ours to judge.
            Err(_) if tables == 0 => return Ok(()),
            Err(error) => return Err(unreadable(error)),
        };
        match event {
            Event::DocType(_) => is_declared = true,
            Event::Start(tag) => {
                depth += 1;
                match tag.local_name().as_ref() {
                    "sheetData" if is_declared => return Err(unusual(DECLARATION)),
                    "sheetData" => {
                        tables += 1;
                        if tables > 1 {
                            return Err(damaged("a sheet has two tables of cells"));
                        }
                    }
                    _ if tables == 0 => {}
                    "row" => {
                        if let Some(row) = attribute(&tag, "r") {
                            check_row(&row)?;
                        }
                    }
                    "c" => {
                        let place = attribute(&tag, "r").unwrap_or_default();
                        if !place.is_empty() {
                            check_place(&place)?;
                        }
                        cell = Some(Cell {
                            kind: match attribute(&tag, "t").as_deref() {
                                Some("s") => Kind::Shared,
                                None | Some("n" | "b") => Kind::Plain,
                                Some("e") => Kind::Error,
                                Some(_) => Kind::Text,
                            },
                            place,
                            pieces: None,
                            in_value: false,
                        });
                    }
                    "v" => {
                        if let Some(cell) = &mut cell {
                            if cell.pieces.is_some() {
                                return Err(cell.unusual());
                            }
                            (cell.pieces, cell.in_value) = (Some(0), true);
                        }
                    }
                    _ => {
                        // A formula behind the value, or anything in it, would take its place.
                        if let Some(cell) = cell.as_ref().filter(|cell| cell.pieces.is_some()) {
                            let is_formula = tag.local_name().as_ref() == "f";
                            if cell.in_value || is_formula {
                                return Err(cell.unusual());
                            }
                        }
                    }
                }
            }
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                match (tag.local_name().as_ref(), &mut cell) {
                    ("c", _) => cell = None,
                    ("v", Some(cell)) => cell.in_value = false,
                    _ => {}
                }
            }
            Event::Text(text) => {
                if let Some(cell) = cell.as_mut().filter(|cell| cell.in_value) {
                    cell.take(Some(&text))?;
                }
            }
            Event::GeneralRef(_) => {
                if let Some(cell) = cell.as_mut().filter(|cell| cell.in_value) {
                    cell.take(None)?;
                }
            }
            Event::CData(_) | Event::Comment(_) | Event::PI(_) => {
                if let Some(cell) = cell.as_ref().filter(|cell| cell.in_value) {
                    return Err(cell.unusual());
                }
            }
            Event::Eof if depth > 0 && tables > 0 => {
                return Err(damaged("it ends in the middle of a sheet"));
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

impl Cell {
    /// A piece of its value: a text, or a reference to a character.
    fn take(&mut self, text: Option<&str>) -> Result<(), ErrorKind> {
        let pieces = self.pieces.get_or_insert(0);
        *pieces += 1;
        let is_index = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        match (self.kind, text) {
            (Kind::Text, _) => Ok(()),
            (_, None) => Err(self.unusual()),
            _ if *pieces > 1 => Err(self.unusual()),
            (Kind::Shared, Some(text)) if !is_index(text) => {
                let words = "a cell's text is not in the table of texts";
                Err(damaged(words))
            }
            (Kind::Error, Some(text)) if !ERRORS.contains(&text) => Err(ErrorKind::Unsupported {
                what: format!("an XLSX with a new kind of error in cell {}", self.place).into(),
                advice: "mend or clear that cell, and save the workbook again".into(),
            }),
            _ => Ok(()),
        }
    }

    fn unusual(&self) -> ErrorKind {
        match self.place.as_str() {
            "" => unusual("a value in pieces"),
            place => unusual(&format!("a value in pieces (cell {place})")),
        }
    }
}

fn unusual(what: &str) -> ErrorKind {
    ErrorKind::Unsupported {
        what: format!("an XLSX with {what}").into(),
        advice: "open it in Excel or LibreOffice and save it again".into(),
    }
}

/// A row's number, counted from 1.
fn check_row(row: &str) -> Result<(), ErrorKind> {
    match row.parse() {
        Ok(1..=MOST_ROWS) => Ok(()),
        _ if !row.is_empty() && row.bytes().all(|byte| byte.is_ascii_digit()) => {
            let words = format!("a cell stands in row {row}, behind the last that there can be");
            Err(damaged(words))
        }
        _ => Err(damaged("a row has no number")),
    }
}

/// A cell's place, as `AB12`.
fn check_place(place: &str) -> Result<(), ErrorKind> {
    let digits = place.find(|c: char| !c.is_ascii_alphabetic());
    let (column, row) = place.split_at(digits.unwrap_or(place.len()));
    let number = column.bytes().take(8).fold(0, |number, letter| {
        number * 26 + u64::from(letter.to_ascii_uppercase() - b'A') + 1
    });
    match number {
        1..=MOST_COLUMNS => check_row(row),
        _ => Err(damaged("a cell stands in no column that there can be")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(cells: &str) -> Option<String> {
        let xml =
            format!("<worksheet><sheetData><row r=\"1\">{cells}</row></sheetData></worksheet>");
        sheet(xml.as_bytes())
            .err()
            .map(|error| format!("{error:?}"))
    }

    #[test]
    fn values_are_in_one_piece() {
        for fine in [
            "<c r=\"A1\"><v>380971112233</v></c>",
            "<c><f>A1+1</f><v>5</v></c>",
            "<c r=\"XFD1048576\" t=\"s\"><v>17</v></c>",
            "<c t=\"str\"><v>Tom &amp; Ann</v></c>",
            "<c t=\"inlineStr\"><is><t>a<![CDATA[b]]></t></is></c>",
            "<c t=\"s\"/><c t=\"s\"><v/></c>",
            "<c t=\"e\"><v>#N/A</v></c>",
        ] {
            assert_eq!(told(fine), None, "{fine}");
        }
        for bad in [
            "<c r=\"A1\"><v>6421123456<!---->78</v></c>",
            "<c r=\"A1\"><v>38097111&#50;266</v></c>",
            "<c r=\"A1\"><v><![CDATA[380971112233]]></v></c>",
            "<c r=\"A1\" t=\"str\"><v><![CDATA[380971112233]]></v></c>",
            "<c r=\"A1\"><v>380971112233</v><f>A2</f></c>",
            "<c r=\"A1\"><v>3</v><v>4</v></c>",
            "<c r=\"A1\"><v>3<x/></v></c>",
        ] {
            let told = told(bad).unwrap_or_default();
            assert!(told.contains("(cell A1)"), "{bad}: {told}");
        }
        for bad in [
            "<c t=\"s\"><v>x</v></c>",
            "<c t=\"s\"><v> 2 </v></c>",
            "<c t=\"s\"><v>-1</v></c>",
            "<c r=\"A1\" t=\"e\"><v>#SPILL!</v></c>",
            "<c r=\"A4294967299\"><v>1</v></c>",
            "<c r=\"A0\"><v>1</v></c>",
            "<c r=\"XFE1\"><v>1</v></c>",
            "<c r=\"AAAAAAAAAAAAAAAAAAAAAA1\"><v>1</v></c>",
            "<c r=\"1\"><v>1</v></c>",
            "</row></sheetData><sheetData><row>",
            "</row><row r=\"4294967297\">",
            "<c><v>1</v></row>",
        ] {
            assert!(told(bad).is_some(), "{bad}");
        }
        assert!(sheet(&b"<worksheet><sheetData><row>"[..]).is_err());
        let cell = "<sheetData><row><c><v>3<!---->4</v></c></row></sheetData>";
        for (before, after) in [
            ("<foo/>", ""),
            ("<a>", "</a>"),
            ("<a><b/>", "</a>"),
            ("x", ""),
        ] {
            let part = format!("{before}<worksheet>{cell}</worksheet>{after}");
            assert!(sheet(part.as_bytes()).is_err(), "{part}");
        }
        let part = format!("<!DOCTYPE x [<!ENTITY a \"1\">]><worksheet>{cell}</worksheet>");
        assert!(sheet(part.as_bytes()).is_err());
        assert!(sheet(&b"<!DOCTYPE html><html/>"[..]).is_ok());
        assert!(sheet(&b"\x89PNG\r\n<<>"[..]).is_ok());
        assert!(sheet(&b"<sst><si><t>x</t>"[..]).is_ok());
    }

    #[test]
    fn d19_texts_that_are_claimed_take_no_memory() {
        for (head, is_fine) in [
            ("<sst>", true),
            ("<sst uniqueCount=\"\">", true),
            ("<x:sst uniqueCount=\"4000000\">", true),
            ("<sst uniqueCount=\"4000001\">", false),
            (
                "<x:sst a='1'  uniqueCount =\n'18446744073709551615'/>",
                false,
            ),
            (
                "<a><b/><sst uniqueCount=\"99999999999999999999999\">",
                false,
            ),
            ("<sst uniqueCount=\"+5000000\">", false),
            ("<sst uniqueCount=\"&#53;000000\">", false),
        ] {
            assert_eq!(texts(head.as_bytes()).is_ok(), is_fine, "{head}");
        }
    }
}
