//! A verdict as a line of a file: JSON or CSV.

use crate::failure::Failure;
use recipients::ingest::Writer;
use recipients::{Checked, Checker, Kind, Msisdn, Origin, annotate};
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;

/// How lines are written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LineFormat {
    Json,
    Csv,
}

impl LineFormat {
    /// What a file's name asks for.
    pub(crate) fn of(path: &Path) -> Result<LineFormat, Failure> {
        match path.extension().and_then(OsStr::to_str) {
            Some("ndjson" | "jsonl") => Ok(LineFormat::Json),
            Some("csv") => Ok(LineFormat::Csv),
            _ => Err(Failure::Usage(format!(
                "{}: the name must end in .ndjson, .jsonl or .csv",
                path.display()
            ))),
        }
    }
}

/// What a line tells.
pub(crate) const FIELDS: [&str; 13] = [
    "file",
    "row",
    "input",
    "code",
    "reason",
    "number",
    "territory",
    "kind",
    "operator",
    "cleaned",
    "duplicate_of",
    "segments",
    "likely_duplicate_of",
];

/// Another row: its number, or `FILE:ROW` if it stands in another file.
fn other(row: &Checked<'_>, other: Option<Origin>) -> Option<Result<u64, String>> {
    let other = other?;
    Some(match row.other_file(other) {
        Some(file) => Err(format!("{file}:{}", other.row)),
        None => Ok(other.row),
    })
}

/// The verdict as a JSON object that is not closed yet.
pub(crate) fn json(out: &mut Vec<u8>, row: &Checked<'_>, checker: &Checker) -> io::Result<()> {
    let verdict = row.verdict();
    let mut digits = itoa::Buffer::new();
    let string =
        |out: &mut Vec<u8>, text: &str| serde_json::to_writer(out, text).map_err(io::Error::from);
    let plain = |out: &mut Vec<u8>, text: Option<&str>| match text {
        Some(text) => {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    };
    out.extend_from_slice(b"{\"file\":");
    string(out, row.file().name())?;
    out.extend_from_slice(b",\"row\":");
    out.extend_from_slice(digits.format(row.number()).as_bytes());
    out.extend_from_slice(b",\"input\":");
    string(out, row.input())?;
    out.extend_from_slice(b",\"code\":");
    out.extend_from_slice(digits.format(verdict.code().as_u8()).as_bytes());
    out.extend_from_slice(b",\"reason\":");
    plain(out, Some(verdict.reason().name()));
    out.extend_from_slice(b",\"number\":");
    let number = verdict.msisdn().map(Msisdn::as_u64);
    plain(out, number.map(|number| digits.format(number)));
    out.extend_from_slice(b",\"territory\":");
    let mut letters = [0; 2];
    let territory = verdict.territory();
    plain(
        out,
        territory.map(|territory| territory.encode(&mut letters)),
    );
    out.extend_from_slice(b",\"kind\":");
    plain(out, verdict.kind().map(Kind::name));
    out.extend_from_slice(b",\"operator\":");
    match verdict.operator() {
        Some(operator) => string(out, checker.plan().operator_name(operator))?,
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"cleaned\":");
    out.extend_from_slice(truth(verdict.cleaned()).as_bytes());
    out.extend_from_slice(b",\"duplicate_of\":");
    let mut place = |out: &mut Vec<u8>, origin| -> io::Result<()> {
        match other(row, origin) {
            Some(Ok(row)) => out.extend_from_slice(digits.format(row).as_bytes()),
            Some(Err(place)) => string(out, &place)?,
            None => out.extend_from_slice(b"null"),
        }
        Ok(())
    };
    place(out, row.duplicate_of())?;
    out.extend_from_slice(b",\"segments\":");
    match row.segments() {
        Some(segments) => write!(out, "{}", segments.parts)?,
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"likely_duplicate_of\":");
    place(out, row.likely_duplicate_of())
}

fn truth(is_true: bool) -> &'static str {
    if is_true { "true" } else { "false" }
}

/// The verdict as fields of a row that is not ended yet.
pub(crate) fn csv<W: Write>(writer: &mut Writer<W>, row: &Checked<'_>, checker: &Checker) {
    let verdict = row.verdict();
    let mut digits = itoa::Buffer::new();
    writer.field(&annotate::escape(row.file().name()));
    writer.word(digits.format(row.number()));
    writer.field(&annotate::escape(row.input()));
    writer.word(digits.format(verdict.code().as_u8()));
    writer.word(verdict.reason().name());
    let number = verdict.msisdn().map(Msisdn::as_u64);
    writer.word(number.map_or("", |number| digits.format(number)));
    let mut letters = [0; 2];
    let territory = verdict.territory();
    writer.word(territory.map_or("", |territory| territory.encode(&mut letters)));
    writer.word(verdict.kind().map_or("", Kind::name));
    writer.field(
        verdict
            .operator()
            .map_or("", |operator| checker.plan().operator_name(operator)),
    );
    writer.word(truth(verdict.cleaned()));
    let place = |writer: &mut Writer<W>, origin| match other(row, origin) {
        Some(Ok(row)) => writer.word(itoa::Buffer::new().format(row)),
        Some(Err(place)) => writer.field(&annotate::escape(&place)),
        None => writer.word(""),
    };
    place(writer, row.duplicate_of());
    let parts = row.segments().map(|segments| segments.parts);
    writer.word(parts.map_or("", |parts| digits.format(parts)));
    place(writer, row.likely_duplicate_of());
}
