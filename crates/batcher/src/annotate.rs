//! The accepted and rejected files: the list's own columns, untouched, and behind them what was
//! found out. Mended or not, such a file can be fed back in.
//!
//! A cell that a spreadsheet program would run as a formula gets a `'` in front; reading the file
//! back takes it away. The columns are recognised by their names ([`COLUMNS`]), then left out of
//! the list, and consulted where the row alone does not tell what it told the first time: a
//! duplicate whose winner is not in this file, a row that was short and has been filled up.

use crate::pipeline::{Checked, FileInfo};
use recipients_core::{Code, Msisdn, Origin, Reason};
use recipients_ingest::{Row, Writer};
pub use recipients_ingest::{escape, unescape};
use std::borrow::Cow;
use std::io::{self, Write};

/// The columns that are added behind the list's own.
pub const COLUMNS: &[&str] = &["code", "reason", "message", "suggestion"];

/// The added columns of a row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Annotation {
    /// The code's number.
    pub code: u16,
    /// The reason's stable name.
    pub reason: &'static str,
    /// A sentence for people.
    pub message: Cow<'static, str>,
    /// What to do.
    pub suggestion: &'static str,
}

/// What is written behind a row.
pub fn annotation(row: &Checked<'_>) -> Annotation {
    let verdict = row.verdict();
    let reason = verdict.reason();
    let message = match (reason, verdict.msisdn()) {
        (Reason::Duplicate, Some(number)) => {
            let winner = row.duplicate_of();
            let file = winner.and_then(|winner| row.other_file(winner));
            duplicate_message(winner, file, number).into()
        }
        (Reason::LeadingZero, _) => {
            let digits: String = row.input().chars().filter(char::is_ascii_digit).collect();
            format!("{} (digits {digits})", reason.message()).into()
        }
        _ => match (row.detail(), row.likely_duplicate_of()) {
            (Some(detail), _) => detail.to_owned().into(),
            (None, Some(twin)) => {
                let of = row.other_file(twin);
                let of = of.map(|file| format!(" of {file}")).unwrap_or_default();
                let message = reason.message();
                format!("{message}; likely the same person as row {}{of}", twin.row).into()
            }
            (None, None) => reason.message().into(),
        },
    };
    Annotation {
        code: u16::from(verdict.code().as_u8()),
        reason: reason.name(),
        message,
        suggestion: reason.advice(),
    }
}

/// Starts a file of annotated rows, in the dialect of the files that the rows come from, and
/// writes its header.
///
/// # Errors
///
/// If the files have different columns, so that their rows cannot stand under one header, or
/// writing fails.
pub fn writer<W: Write>(files: &[FileInfo], out: W) -> io::Result<Writer<W>> {
    let columns = files.first().map(FileInfo::columns).unwrap_or_default();
    let column = |file: &FileInfo| file.layout().column;
    if let Some(other) = files
        .iter()
        .find(|file| file.columns() != columns || column(file) != column(&files[0]))
    {
        return Err(io::Error::other(format!(
            "{} and {} have different columns, or the recipients in different ones, so their rows \
             cannot go into one list; check them one at a time",
            files[0].name(),
            other.name()
        )));
    }
    let layouts: Vec<_> = files.iter().map(FileInfo::layout).collect();
    let mut writer = Writer::like(&layouts, out)?;
    let recipients = files.first().map_or(0, |file| file.layout().column);
    let columns: Vec<String> = columns
        .iter()
        .map(|name| escape(name).into_owned())
        .collect();
    writer.header(&columns, recipients, COLUMNS)?;
    Ok(writer)
}

/// Writes a row with its annotation. The added columns always stand under their names: a short
/// row is filled up before them, and what a long row has too much comes behind them.
///
/// # Errors
///
/// If writing fails.
pub fn write_row<W: Write>(writer: &mut Writer<W>, row: &Checked<'_>) -> io::Result<()> {
    write_fields(
        writer,
        row.file().column_count(),
        &row.fields(),
        &annotation(row),
    )
}

/// Writes the fields of a row of a list with so many columns, and an annotation that was made
/// elsewhere: by a server that refused the recipient, say.
///
/// # Errors
///
/// If writing fails.
pub fn write_fields<W: Write>(
    writer: &mut Writer<W>,
    columns: usize,
    fields: &[impl AsRef<str>],
    annotation: &Annotation,
) -> io::Result<()> {
    let (own, overflow) = fields.split_at(fields.len().min(columns));
    for field in own {
        writer.field(&escape(field.as_ref()));
    }
    for _ in own.len()..columns {
        writer.field("");
    }
    writer.word(itoa::Buffer::new().format(annotation.code));
    writer.field(annotation.reason);
    writer.added_field(&annotation.message);
    writer.added_field(annotation.suggestion);
    for field in overflow {
        writer.field(&escape(field.as_ref()));
    }
    writer.end_row()
}

/// Names the winner, and ends with the number in brackets, which [`prior`] reads back.
fn duplicate_message(winner: Option<Origin>, file: Option<&str>, number: Msisdn) -> String {
    let of = file.map(|file| format!(" of {file}")).unwrap_or_default();
    match winner {
        Some(Origin { row, .. }) => {
            format!("the number is already in row {row}{of} (number {number})")
        }
        None => format!("the number is already in the list (number {number})"),
    }
}

/// How a row whose fields do not match the columns is told; [`prior`] reads the first count back.
pub(crate) fn shape_message(fields: usize, columns: usize) -> String {
    format!("fields in the row: {fields}, columns in the list: {columns}")
}

/// What an earlier run found that the row itself no longer tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Prior {
    Nothing,
    /// This number was a duplicate of a row that is not here.
    DuplicateOf(Msisdn),
    /// The row had only so many fields; the rest has been filled up since.
    Short(usize),
    /// Digits were lost; a spreadsheet program that opened the file has filled them up with
    /// zeros.
    PrecisionLost,
    /// The number began with zeros, which such a program drops; its digits without them.
    LeadingZero(Option<Msisdn>),
}

/// Reads the added columns, which begin at `start`.
pub(crate) fn prior(row: &Row<'_>, start: usize) -> Prior {
    let field = |column: usize| row.get(start + column).unwrap_or_default().trim();
    let code = field(0)
        .parse()
        .ok()
        .and_then(|n: u8| Code::try_from(n).ok());
    let message = field(2);
    let found = match (code, Reason::from_name(field(1))) {
        (Some(Code::Duplicate), _) => message
            .rsplit_once("(number ")
            .and_then(|(_, rest)| Msisdn::from_digits(rest.strip_suffix(')')?.as_bytes()))
            .map(Prior::DuplicateOf),
        (_, Some(Reason::RowShape)) => message
            .strip_prefix("fields in the row: ")
            .and_then(|rest| rest.split(',').next()?.parse().ok())
            .map(Prior::Short),
        (_, Some(Reason::PrecisionLost)) => Some(Prior::PrecisionLost),
        (_, Some(Reason::LeadingZero)) => message
            .rsplit_once("(digits ")
            .and_then(|(_, rest)| rest.strip_suffix(')'))
            .map(|digits| digits.trim_start_matches('0'))
            .map(|digits| Prior::LeadingZero(Msisdn::from_digits(digits.as_bytes()))),
        _ => None,
    };
    found.unwrap_or(Prior::Nothing)
}
