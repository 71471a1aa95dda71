//! XLSX and ODS, read by calamine after their parts have been measured.
//!
//! A ZIP archive of a few kilobytes can unpack to gigabytes, and the XML in it can claim any
//! number of texts, rows and columns. What calamine would take memory for is checked first.

use super::cells::Cells;
use super::xlsx::{self, MOST_COLUMNS, MOST_ROWS};
use super::{ReadSeek, SheetCells, choose, xlsb};
use crate::error::ErrorKind;
use crate::options::{Limits, Sheet};
use calamine::{Data, DataRef, Ods, Reader, SheetType, Xlsx};
use quick_xml::events::{BytesStart, Event};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};

pub(super) type Archive = zip::ZipArchive<Box<dyn ReadSeek>>;

/// The longest run without a tag: a cell's text. Excel stops at 32,767 characters.
const LONGEST_RUN: u64 = 8 << 20;
/// Texts in the table that the sheets share. A million rows with three different texts each.
pub(super) const MOST_TEXTS: u64 = 4_000_000;
/// How the name of their part ends.
pub(super) const SHARED_TEXTS: &str = "sharedstrings.xml";

pub(super) fn damaged(error: impl ToString) -> ErrorKind {
    ErrorKind::Workbook(error.to_string())
}

pub(super) fn too_many_texts(size: u64) -> ErrorKind {
    ErrorKind::TooLarge {
        what: "the workbook claims too many different texts".into(),
        size,
        limit: MOST_TEXTS,
    }
}

/// What a parser says, up to where it quotes what it found: that may be anybody's number.
pub(super) fn unreadable(error: impl ToString) -> ErrorKind {
    let words = error.to_string();
    let end = words
        .find(['\'', '"', '`', '(', '{', ':'])
        .unwrap_or(words.len());
    let words = words[..end].trim_end();
    let is_told = words.contains(' ') && !words.bytes().any(|byte| byte.is_ascii_digit());
    damaged(match is_told {
        true => words,
        false => "its parts are not what they should be",
    })
}

pub(super) fn read(
    reader: Box<dyn ReadSeek>,
    wanted: Option<&Sheet>,
    limits: &Limits,
) -> Result<SheetCells, ErrorKind> {
    let mut archive = zip::ZipArchive::new(reader).map_err(damaged)?;
    let names: Vec<String> = archive
        .file_names()
        .flatten()
        .map(|name| name.into_owned())
        .collect();
    let has = |name: &str| names.iter().any(|n| n.eq_ignore_ascii_case(name));
    let read = if has("xl/workbook.xml") {
        measure(&mut archive, limits)?;
        xlsx::check(&mut archive)?;
        xlsx
    } else if has("xl/workbook.bin") {
        measure(&mut archive, limits)?;
        return xlsb::read(&mut archive, wanted, limits);
    } else if has("content.xml") {
        measure(&mut archive, limits)?;
        measure_ods(&mut archive, limits)?;
        ods
    } else {
        return Err(ErrorKind::Unsupported {
            what: "a ZIP archive that is no workbook".into(),
            advice: "unpack it and give the list that is in it".into(),
        });
    };
    let reader = archive.into_inner();
    read(reader, wanted, limits)
}

/// Unpacks every part once without keeping it. Every part counts, whatever its name: a workbook
/// may refer to any.
fn measure(archive: &mut Archive, limits: &Limits) -> Result<(), ErrorKind> {
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|error| match error {
            zip::result::ZipError::UnsupportedArchive(what) if what.contains("assword") => {
                ErrorKind::Encrypted
            }
            error => damaged(error),
        })?;
        let name = part.name().map_err(damaged)?.to_ascii_lowercase();
        // Sheets in XML are read piece by piece.
        let streamed =
            name == "content.xml" || name.starts_with("xl/worksheets/") && name.ends_with(".xml");
        let limit = match streamed {
            true => limits.part_bytes,
            false => limits.held_part_bytes,
        };
        let mut part = BufReader::with_capacity(1 << 16, part);
        let mut runs = Runs::default();
        let mut size = 0u64;
        let mut is_markup = false;
        loop {
            let bytes = part.fill_buf().map_err(damaged)?;
            if bytes.is_empty() {
                break;
            }
            size += bytes.len() as u64;
            if size > limit {
                return Err(ErrorKind::TooLarge {
                    what: "a part of the workbook unpacks to too many bytes".into(),
                    size,
                    limit,
                });
            }
            // Records in binary parts have their own lengths, which are checked where they are read.
            // Pictures are no markup either; what is streamed or counted is held to be.
            if size == bytes.len() as u64 {
                is_markup = match name.ends_with(".bin") {
                    true => false,
                    false => streamed || name.ends_with(SHARED_TEXTS) || begins_with_tag(bytes),
                };
            }
            if is_markup {
                runs.add(bytes)?;
            }
            let len = bytes.len();
            part.consume(len);
        }
        if name.ends_with(SHARED_TEXTS) && runs.tags > 8 * MOST_TEXTS {
            return Err(too_many_texts(runs.tags));
        }
    }
    Ok(())
}

/// Whether a part may be XML: behind a byte order mark and blanks, its first byte opens a tag. Of what is
/// none an XML parser holds no more than the part, whose size is limited.
fn begins_with_tag(bytes: &[u8]) -> bool {
    let is_utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    is_utf16 || text.trim_ascii_start().first() == Some(&b'<')
}

/// How long an XML parser must hold on to text: from tag to tag, except that a comment or CDATA
/// goes on over what looks like tags.
#[derive(Default)]
struct Runs {
    run: u64,
    tags: u64,
    state: Markup,
}

#[derive(Clone, Copy, Default)]
enum Markup {
    #[default]
    Text,
    /// After `<`.
    Tag,
    /// After `<!`.
    Bang,
    /// In a comment or CDATA, after these two bytes.
    Long([u8; 2]),
}

impl Runs {
    fn add(&mut self, bytes: &[u8]) -> Result<(), ErrorKind> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if let Markup::Text = self.state {
                let Some(found) = memchr::memchr(b'<', &bytes[at..]) else {
                    self.run += (bytes.len() - at) as u64;
                    break;
                };
                self.check(found as u64)?;
                (self.run, self.tags, self.state) = (0, self.tags + 1, Markup::Tag);
                at += found + 1;
                continue;
            }
            self.state = match (self.state, byte) {
                (Markup::Tag, b'!') => Markup::Bang,
                (Markup::Bang, b'-' | b'[') => Markup::Long([0; 2]),
                (Markup::Long([b'-', b'-'] | [b']', b']']), b'>') => Markup::Text,
                (Markup::Long([_, last]), byte) => Markup::Long([last, byte]),
                _ => Markup::Text,
            };
            self.run += 1;
            at += 1;
        }
        self.check(0)
    }

    fn check(&self, more: u64) -> Result<(), ErrorKind> {
        if self.run + more <= LONGEST_RUN {
            return Ok(());
        }
        Err(ErrorKind::TooLarge {
            what: "the workbook holds a text of too many bytes".into(),
            size: self.run + more,
            limit: LONGEST_RUN,
        })
    }
}

/// A cell of an ODS on the way.
struct OdsCell {
    repeat: u64,
    /// Bytes of its text once that is laid out, blanks included.
    text: u64,
    /// Those of its attributes; `None` if calamine finds no value in them.
    said: Option<u64>,
    /// Whether it says what it holds.
    is_typed: bool,
    /// Whether its text is its value.
    is_text: bool,
    /// Whether it has a text that people see.
    shows: bool,
    /// Pictures, callouts and text boxes, one within the other; and whether they have a text.
    drawings: u64,
    is_drawn: bool,
}

impl OdsCell {
    fn new(tag: &BytesStart<'_>) -> OdsCell {
        let is_text = attribute(tag, "office:value-type").as_deref() == Some("string");
        OdsCell {
            repeat: repeat(tag, "table:number-columns-repeated"),
            text: 0,
            said: said(tag),
            is_typed: has_value(tag),
            is_text: is_text && attribute(tag, "office:string-value").is_none(),
            shows: false,
            drawings: 0,
            is_drawn: false,
        }
    }

    /// Adds so many bytes of text, which people see unless they are blanks.
    fn add(&mut self, bytes: u64, is_seen: bool) {
        self.text = self.text.saturating_add(bytes);
        self.shows |= is_seen && self.drawings == 0;
        self.is_drawn |= is_seen && self.drawings > 0;
    }

    /// Whether calamine would lose it or make another one of it.
    fn check(&self) -> Result<(), ErrorKind> {
        if self.is_drawn && self.is_text {
            // It would add that to the cell's text.
            return Err(ErrorKind::Unsupported {
                what: "an ODS with a picture or text box in a cell that has a text, too".into(),
                advice: "anchor it to the page or delete it, and save again".into(),
            });
        }
        match self.shows && !self.is_typed {
            true => Err(unusual_ods("an ODS whose cells do not say what they hold")),
            false => Ok(()),
        }
    }
}

fn unusual_ods(what: &'static str) -> ErrorKind {
    ErrorKind::Unsupported {
        what: what.into(),
        advice: "open it in LibreOffice and save it again".into(),
    }
}

/// What the sheets of an ODS make once repeated rows and cells are laid out: calamine holds every
/// cell of the rectangle, with a text of its own. And whatever it would lose in silence is refused.
fn measure_ods(archive: &mut Archive, limits: &Limits) -> Result<(), ErrorKind> {
    let part = archive.by_name("content.xml").map_err(damaged)?;
    let mut xml = quick_xml::Reader::from_reader(BufReader::new(part));
    xml.config_mut().expand_empty_elements = true;
    let mut buf = Vec::new();
    let mut names = HashSet::new();
    let mut depth = 0u64;
    // All cells and texts that are laid out, and what the row at hand adds.
    let (mut rows, mut columns, mut text) = (0u64, 0u64, 0u64);
    let (mut pending_rows, mut row_repeat) = (0u64, 1u64);
    let (mut width, mut used_width, mut row_text) = (0u64, 0u64, 0u64);
    let (mut in_annotation, mut in_row, mut in_link) = (false, false, false);
    let mut cell: Option<OdsCell> = None;
    loop {
        buf.clear();
        let event = xml.read_event_into(&mut buf).map_err(unreadable)?;
        match &event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is_between = in_row && cell.is_none();
        // Annotations are no part of a cell.
        let content = cell.as_mut().filter(|_| !in_annotation);
        match event {
            Event::Start(tag) => match (tag.name().as_ref(), content) {
                ("table:table", _) => {
                    (rows, columns, pending_rows) = (0, 0, 0);
                    let name = attribute(&tag, "table:name").filter(|name| !name.is_empty());
                    if !in_link && !name.is_some_and(|name| names.insert(name)) {
                        return Err(unusual_ods(
                            "an ODS with sheets that have no names of their own",
                        ));
                    }
                }
                ("office:annotation", _) => in_annotation = true,
                // What another program has told.
                ("table:dde-links", _) => in_link = true,
                ("table:table-row", _) => {
                    in_row = true;
                    row_repeat = repeat(&tag, "table:number-rows-repeated");
                    (width, used_width, row_text) = (0, 0, 0);
                }
                ("table:table-cell" | "table:covered-table-cell", _) => {
                    cell = Some(OdsCell::new(&tag));
                }
                // Blanks in any number.
                ("text:s", Some(cell)) => cell.add(repeat(&tag, "text:c"), true),
                (name, Some(cell)) if name.starts_with("draw:") => cell.drawings += 1,
                _ => {}
            },
            Event::CData(_) if content.is_some() => {
                return Err(unusual_ods("an ODS with texts in CDATA sections"));
            }
            Event::Text(text) => match content {
                Some(cell) => cell.add(text.len() as u64, !text.trim().is_empty()),
                None if is_between => return Err(unusual_ods(BETWEEN_CELLS)),
                None => {}
            },
            Event::Comment(_) if is_between => return Err(unusual_ods(BETWEEN_CELLS)),
            Event::GeneralRef(_) => {
                if let Some(cell) = content {
                    cell.add(1, true);
                }
            }
            Event::End(tag) => match (tag.name().as_ref(), content) {
                ("office:annotation", _) => in_annotation = false,
                ("table:dde-links", _) => in_link = false,
                ("table:table-cell" | "table:covered-table-cell", _) => {
                    if let Some(cell) = cell.take() {
                        cell.check()?;
                        width = width.saturating_add(cell.repeat);
                        if cell.said.is_some() {
                            used_width = width;
                        }
                        let text = cell.text.saturating_add(cell.said.unwrap_or(0));
                        row_text = row_text.saturating_add(text.saturating_mul(cell.repeat));
                    }
                }
                ("table:table-row", _) => {
                    in_row = false;
                    if used_width == 0 {
                        // Laid out only if a row with content follows.
                        pending_rows = pending_rows.saturating_add(row_repeat);
                        continue;
                    }
                    rows = rows.saturating_add(pending_rows).saturating_add(row_repeat);
                    pending_rows = 0;
                    columns = columns.max(used_width);
                    text = text.saturating_add(row_text.saturating_mul(row_repeat));
                    let grid = rows.saturating_mul(columns);
                    // Beyond them calamine leaves rows and columns out.
                    for (what, size, limit) in [
                        ("the sheet has too many rows", rows, MOST_ROWS),
                        ("the sheet has too many columns", columns, MOST_COLUMNS),
                        (
                            "the sheet has too many cells (empty ones between used ones count)",
                            grid,
                            limits.sheet_cells,
                        ),
                        (
                            "the sheets hold too many bytes of text",
                            text,
                            limits.sheet_text,
                        ),
                    ] {
                        if size > limit {
                            let what = what.into();
                            return Err(ErrorKind::TooLarge { what, size, limit });
                        }
                    }
                }
                (name, Some(cell)) if name.starts_with("draw:") => {
                    cell.drawings = cell.drawings.saturating_sub(1);
                }
                _ => {}
            },
            Event::Eof if depth > 0 => return Err(damaged("it ends in the middle of a sheet")),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// calamine takes them for the next cell.
const BETWEEN_CELLS: &str = "an ODS with blanks between its cells";

/// Whether a cell says what it holds: that it is a text, or the value that it shows.
fn has_value(tag: &BytesStart<'_>) -> bool {
    let value = match attribute(tag, "office:value-type").as_deref() {
        None => return false,
        Some("float" | "percentage" | "currency") => "office:value",
        Some("date") => "office:date-value",
        Some("time") => "office:time-value",
        Some("boolean") => "office:boolean-value",
        Some(_) => return true,
    };
    attribute(tag, value).is_some()
}

/// Bytes of all that calamine may take for a cell's value, be it of its type or not; `None` if there is
/// nothing.
fn said(tag: &BytesStart<'_>) -> Option<u64> {
    let attributes = tag.attributes().flatten();
    let values = attributes.filter(|attribute| {
        let name: &str = attribute.key.as_ref();
        name.starts_with("office:") || name.starts_with("calcext:") || name == "table:formula"
    });
    values
        .map(
            |attribute| match attribute.key.as_ref().ends_with("value-type") {
                true => 0,
                false => attribute.value.len() as u64,
            },
        )
        .reduce(u64::saturating_add)
}

fn repeat(tag: &BytesStart<'_>, name: &str) -> u64 {
    attribute(tag, name)
        .and_then(|value| value.parse().ok())
        .unwrap_or(1)
}

/// An attribute as it is written.
pub(super) fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag.try_get_attribute(name).ok().flatten()?;
    Some(attribute.value.into_owned())
}

/// The sheets that hold cells, in the order of the workbook.
fn worksheets<R: Reader<RS>, RS: Read + std::io::Seek>(workbook: &R) -> Vec<String> {
    workbook
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        .map(|sheet| sheet.name.clone())
        .collect()
}

fn xlsx(
    reader: Box<dyn ReadSeek>,
    wanted: Option<&Sheet>,
    limits: &Limits,
) -> Result<SheetCells, ErrorKind> {
    let mut workbook = Xlsx::new(BufReader::new(reader)).map_err(|error| match error {
        calamine::XlsxError::Password => ErrorKind::Encrypted,
        error => unreadable(error),
    })?;
    let is_1904 = workbook.has_1904_epoch();
    let sheets = worksheets(&workbook);
    let name = sheets[choose(wanted, &sheets)?].clone();
    let mut found = Cells::new(limits, is_1904);
    let mut reader = workbook.worksheet_cells_reader(&name).map_err(unreadable)?;
    while let Some(cell) = reader.next_cell().map_err(unreadable)? {
        // Rows that do not say where they are.
        if u64::from(cell.get_position().0) >= MOST_ROWS {
            return Err(damaged("a sheet has more rows than there can be"));
        }
        push(&mut found, cell.get_position(), cell.get_value())?;
    }
    found.finish("XLSX", name)
}

fn ods(
    reader: Box<dyn ReadSeek>,
    wanted: Option<&Sheet>,
    limits: &Limits,
) -> Result<SheetCells, ErrorKind> {
    let mut workbook = Ods::new(BufReader::new(reader)).map_err(|error| match error {
        calamine::OdsError::Password => ErrorKind::Encrypted,
        error => unreadable(error),
    })?;
    let sheets = worksheets(&workbook);
    let name = sheets[choose(wanted, &sheets)?].clone();
    let range = workbook.worksheet_range(&name).map_err(unreadable)?;
    let (top, left) = range.start().unwrap_or_default();
    let mut found = Cells::new(limits, false);
    for (row, column, value) in range.used_cells() {
        let place = (top + row as u32, left + column as u32);
        push_data(&mut found, place, value)?;
    }
    found.finish("ODS", name)
}

/// A value of the streaming readers; shared texts are not copied.
fn push(found: &mut Cells<'_>, place: (u32, u32), value: &DataRef<'_>) -> Result<(), ErrorKind> {
    match value {
        DataRef::SharedString(text) => found.push(place.0, place.1, text),
        other => push_data(found, place, &Data::from(other.clone())),
    }
}

fn push_data(
    found: &mut Cells<'_>,
    (row, column): (u32, u32),
    value: &Data,
) -> Result<(), ErrorKind> {
    match value {
        Data::Empty => Ok(()),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => {
            found.push(row, column, text)
        }
        Data::Int(value) => found.push(row, column, &value.to_string()),
        Data::Float(value) => found.push_number(row, column, *value, false),
        Data::Bool(value) => found.push(row, column, if *value { "TRUE" } else { "FALSE" }),
        Data::DateTime(value) => found.push_number(row, column, value.as_f64(), true),
        Data::Error(error) => found.push(row, column, &error.to_string()),
    }
}
