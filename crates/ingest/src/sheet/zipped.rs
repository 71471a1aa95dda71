//! XLSX and ODS, read by calamine after their parts have been measured.
//!
//! A ZIP archive of a few kilobytes can unpack to gigabytes, and the XML in it can claim any
//! number of texts, rows and columns. What calamine would take memory for is checked first; what
//! still goes wrong inside of it (it is a parser of hostile input, too) is caught and reported as
//! a damaged workbook.

use super::cells::Cells;
use super::{ReadSeek, SheetCells, choose, xlsb};
use crate::error::ErrorKind;
use crate::options::{Limits, Sheet};
use calamine::{Data, DataRef, Ods, Reader, SheetType, Xlsx};
use quick_xml::events::{BytesStart, Event};
use std::cell::Cell;
use std::io::{BufRead, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

pub(super) type Archive = zip::ZipArchive<Box<dyn ReadSeek>>;

/// The longest run without a tag: a cell's text. Excel stops at 32,767 characters.
const LONGEST_RUN: u64 = 8 << 20;
/// Texts in the table that the sheets share. A million rows with three different texts each.
const MOST_TEXTS: u64 = 4_000_000;
/// Cells of the grid that calamine lays out for ODS: it is dense, at 32 bytes a cell.
const ODS_GRID: u64 = 6_000_000;

pub(super) fn damaged(error: impl ToString) -> ErrorKind {
    ErrorKind::Workbook(error.to_string())
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
        xlsx
    } else if has("xl/workbook.bin") {
        measure(&mut archive, limits)?;
        return xlsb::read(&mut archive, wanted, limits);
    } else if has("content.xml") {
        measure(&mut archive, limits)?;
        measure_ods(&mut archive)?;
        ods
    } else {
        return Err(ErrorKind::Unsupported {
            what: "a ZIP archive that is no workbook",
            advice: "unpack it and give the list that is in it",
        });
    };
    let reader = archive.into_inner();
    CONTAINED.set(true);
    let read = catch_unwind(AssertUnwindSafe(|| read(reader, wanted, limits)));
    CONTAINED.set(false);
    read.unwrap_or_else(|_| Err(damaged("its content makes no sense")))
}

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside code whose panics are caught and reported as a damaged workbook,
/// so that a panic hook need not tell of them.
pub fn in_contained_code() -> bool {
    CONTAINED.get()
}

/// Unpacks every part once without keeping it.
fn measure(archive: &mut Archive, limits: &Limits) -> Result<(), ErrorKind> {
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|error| match error {
            zip::result::ZipError::UnsupportedArchive(what) if what.contains("assword") => {
                ErrorKind::Encrypted
            }
            error => damaged(error),
        })?;
        let name = part.name().map_err(damaged)?.to_ascii_lowercase();
        let is_xml = name.ends_with(".xml") || name.ends_with(".rels");
        if !is_xml && !name.ends_with(".bin") {
            continue;
        }
        let shared = name.ends_with("sharedstrings.xml");
        let mut part = BufReader::with_capacity(1 << 16, part);
        let (mut size, mut run, mut tags) = (0u64, 0u64, 0u64);
        let mut head = Vec::new();
        loop {
            let bytes = part.fill_buf().map_err(damaged)?;
            if bytes.is_empty() {
                break;
            }
            size += bytes.len() as u64;
            if size > limits.part_bytes {
                return Err(ErrorKind::TooLarge {
                    what: "a part of the workbook unpacks to too many bytes",
                    size,
                    limit: limits.part_bytes,
                });
            }
            if is_xml {
                let mut from = 0;
                for at in memchr::memchr_iter(b'<', bytes) {
                    run += (at - from) as u64;
                    check_run(run)?;
                    (run, from, tags) = (0, at, tags + 1);
                }
                run += (bytes.len() - from) as u64;
                check_run(run)?;
            }
            if head.len() < 4096 {
                head.extend_from_slice(&bytes[..bytes.len().min(4096)]);
            }
            let len = bytes.len();
            part.consume(len);
        }
        if shared {
            // A text takes at least two tags: <si/> stands for none.
            let claimed = claimed_texts(&head);
            let most = tags.max(claimed);
            if claimed > MOST_TEXTS || tags > 8 * MOST_TEXTS {
                return Err(ErrorKind::TooLarge {
                    what: "the workbook claims too many different texts",
                    size: most,
                    limit: MOST_TEXTS,
                });
            }
        }
    }
    Ok(())
}

fn check_run(run: u64) -> Result<(), ErrorKind> {
    if run <= LONGEST_RUN {
        return Ok(());
    }
    Err(ErrorKind::TooLarge {
        what: "the workbook holds a text of too many bytes",
        size: run,
        limit: LONGEST_RUN,
    })
}

/// The number of texts that the table of shared texts says it has.
fn claimed_texts(head: &[u8]) -> u64 {
    let Some(at) = memchr::memmem::find(head, b"uniqueCount=") else {
        return 0;
    };
    let digits: String = head[at + b"uniqueCount=".len()..]
        .iter()
        .skip(1)
        .take_while(|b| b.is_ascii_digit())
        .map(|&b| char::from(b))
        .collect();
    if digits.is_empty() {
        0
    } else {
        digits.parse().unwrap_or(u64::MAX)
    }
}

/// How large a grid the sheets of an ODS make once repeated rows and cells are laid out.
fn measure_ods(archive: &mut Archive) -> Result<(), ErrorKind> {
    let part = archive.by_name("content.xml").map_err(damaged)?;
    let mut xml = quick_xml::Reader::from_reader(BufReader::new(part));
    let mut buf = Vec::new();
    let (mut rows, mut columns) = (0u64, 0u64);
    let (mut row_repeat, mut row_width, mut width_with_content) = (1u64, 0u64, 0u64);
    loop {
        buf.clear();
        let event = xml.read_event_into(&mut buf).map_err(damaged)?;
        let empty = matches!(event, Event::Empty(_));
        match &event {
            Event::Start(tag) | Event::Empty(tag) => match tag.name().as_ref() {
                "table:table" => (rows, columns) = (0, 0),
                "table:table-row" => {
                    row_repeat = repeat(tag, "table:number-rows-repeated");
                    (row_width, width_with_content) = (0, 0);
                }
                "table:table-cell" | "table:covered-table-cell" => {
                    row_width += repeat(tag, "table:number-columns-repeated");
                    let typed = tag
                        .attributes()
                        .flatten()
                        .any(|a| a.key.as_ref() == "office:value-type");
                    if typed || !empty {
                        width_with_content = row_width;
                    }
                }
                _ => {}
            },
            Event::End(tag) if tag.name().as_ref() == "table:table-row" => {
                rows = rows.saturating_add(row_repeat);
                columns = columns.max(width_with_content);
                // Rows without content at the end of a sheet are not laid out; before content
                // they are, so count them once content follows.
                if width_with_content > 0 {
                    let grid = rows.saturating_mul(columns);
                    if grid > ODS_GRID {
                        return Err(ErrorKind::TooLarge {
                            what: "the sheet has too many cells (empty ones between used ones count)",
                            size: grid,
                            limit: ODS_GRID,
                        });
                    }
                }
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn repeat(tag: &BytesStart<'_>, name: &str) -> u64 {
    tag.attributes()
        .flatten()
        .find(|attribute| attribute.key.as_ref() == name)
        .and_then(|attribute| attribute.value.parse().ok())
        .unwrap_or(1)
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
        error => damaged(error),
    })?;
    let is_1904 = workbook.has_1904_epoch();
    let sheets = worksheets(&workbook);
    let name = sheets[choose(wanted, &sheets)?].clone();
    let mut found = Cells::new(limits, is_1904);
    let mut reader = workbook.worksheet_cells_reader(&name).map_err(damaged)?;
    while let Some(cell) = reader.next_cell().map_err(damaged)? {
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
        error => damaged(error),
    })?;
    let sheets = worksheets(&workbook);
    let name = sheets[choose(wanted, &sheets)?].clone();
    let range = workbook.worksheet_range(&name).map_err(damaged)?;
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
