//! What keeps a file from being read. A bad row is no error; it is a row.

use crate::Encoding;
use std::borrow::Cow;
use std::fmt;
use std::io;

/// A file cannot be read, or not further.
///
/// The message names the file, the place and what to do; it never holds a cell's content.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    file: String,
    position: Option<Position>,
    kind: ErrorKind,
}

/// A place in a text file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Position {
    /// Physical line, from 1.
    pub line: u64,
    /// Offset in bytes from the start of the (decompressed) file.
    pub byte: u64,
}

/// What is wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Reading failed.
    Io(io::Error),
    /// A byte that the encoding does not have; with another encoding that would fit.
    Undecodable {
        /// The encoding in use.
        encoding: Encoding,
        /// One that the bytes would fit.
        suggestion: Option<Encoding>,
    },
    /// The byte order mark says one thing and the caller another.
    BomContradicts {
        /// What the mark says.
        bom: &'static str,
        /// What was asked for.
        encoding: Encoding,
    },
    /// UCS-2 without a mark, and the bytes do not tell the order either.
    UnknownByteOrder,
    /// Bytes that no text has.
    Binary,
    /// A format that is not read: its name, and what to do.
    Unsupported {
        /// What the file seems to be.
        what: Cow<'static, str>,
        /// What the person can do.
        advice: Cow<'static, str>,
    },
    /// The compressed data is damaged or cut off.
    Compressed(io::Error),
    /// A row is longer than the limit.
    RowTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The text is longer than the limit ([`crate::Limits::text_bytes`]).
    TextTooLong {
        /// The limit in bytes.
        limit: u64,
    },
    /// A quote is opened and never closed.
    UnclosedQuote {
        /// The enclosure.
        quote: char,
        /// The limit in bytes, if it was reached before the end of the file.
        limit: Option<usize>,
    },
    /// The spreadsheet is protected by a password.
    Encrypted,
    /// The spreadsheet is damaged.
    Workbook(String),
    /// The spreadsheet is larger than the limits allow.
    TooLarge {
        /// What is too large.
        what: Cow<'static, str>,
        /// How much the file claims or holds.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// The process that was to read the spreadsheet ended before it was done
    /// ([`crate::SheetProcess`]).
    ReaderStopped,
    /// There is no such sheet; the names that there are.
    NoSheet {
        /// What was asked for.
        wanted: String,
        /// The sheets of the workbook; none if it is a text.
        sheets: Vec<String>,
    },
    /// There is no such column; the names that there are.
    NoColumn {
        /// What was asked for.
        wanted: String,
        /// The header's names; empty without a header.
        columns: Vec<String>,
    },
    /// Delimiter and enclosure are the same character.
    SameDelimiter,
}

impl Error {
    pub(crate) fn new(file: &str, position: Option<Position>, kind: ErrorKind) -> Error {
        Error(Box::new(Inner {
            file: file.to_owned(),
            position,
            kind,
        }))
    }

    /// What is wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The file's name as it was given.
    pub fn file(&self) -> &str {
        &self.0.file
    }

    /// Where it is wrong, if that can be told.
    pub fn position(&self) -> Option<Position> {
        self.0.position
    }

    /// Whether the options make no sense, whatever the file holds.
    pub fn is_usage(&self) -> bool {
        matches!(self.0.kind, ErrorKind::SameDelimiter)
    }

    /// Whether a limit was reached.
    pub fn is_limit(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::RowTooLong { .. }
                | ErrorKind::TextTooLong { .. }
                | ErrorKind::ReaderStopped
                | ErrorKind::TooLarge { .. }
                | ErrorKind::UnclosedQuote { limit: Some(_), .. }
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.file)?;
        if let Some(Position { line, byte }) = self.0.position {
            write!(f, ", line {line} (byte {byte})")?;
        }
        f.write_str(": ")?;
        match &self.0.kind {
            ErrorKind::Io(error) => write!(f, "cannot be read: {error}"),
            ErrorKind::Undecodable {
                encoding,
                suggestion,
            } => {
                write!(f, "a byte here is not {encoding}")?;
                match suggestion {
                    Some(other) => {
                        write!(f, "; the file may be {other}")
                    }
                    None => f.write_str("; give the file's encoding"),
                }
            }
            ErrorKind::BomContradicts { bom, encoding } => write!(
                f,
                "the byte order mark says {bom}, but the encoding was given as {encoding}; \
                 leave the encoding to the mark, or save the file again"
            ),
            ErrorKind::UnknownByteOrder => f.write_str(
                "UCS-2 without a byte order mark, and the order cannot be told from the text; \
                 give it as UCS-2LE or UCS-2BE",
            ),
            ErrorKind::Binary => f.write_str(
                "binary bytes where text is expected; is this a list? \
                 Export it as CSV (UTF-8) or as an Excel workbook",
            ),
            ErrorKind::Unsupported { what, advice } => write!(f, "this is {what}; {advice}"),
            ErrorKind::Compressed(error) => write!(
                f,
                "the compressed data is damaged or cut off ({error}); copy or download it again"
            ),
            ErrorKind::RowTooLong { limit } => write!(
                f,
                "the row that starts here is longer than {limit} bytes; \
                 is this a list with line breaks between its rows?"
            ),
            ErrorKind::TextTooLong { limit } => write!(
                f,
                "the list is longer than {limit} bytes (unpacked, if it is packed); part it into \
                 several files"
            ),
            ErrorKind::UnclosedQuote { quote, limit } => {
                write!(f, "a quote {quote} is opened here and not closed ")?;
                match limit {
                    Some(limit) => write!(f, "within {limit} bytes")?,
                    None => f.write_str("before the end of the file")?,
                }
                f.write_str("; close it, or read the list without an enclosure")
            }
            ErrorKind::Encrypted => {
                f.write_str("the workbook is protected by a password; save a copy without one")
            }
            ErrorKind::Workbook(what) => write!(
                f,
                "the workbook is damaged ({what}); open it in a spreadsheet program and save it \
                 again, or export it as CSV"
            ),
            ErrorKind::TooLarge { what, size, limit } => write!(
                f,
                "{what}: {size}, more than the limit of {limit}; export the sheet as CSV, which \
                 has no such limit"
            ),
            ErrorKind::ReaderStopped => f.write_str(
                "reading the workbook took more memory or time than it may, and was stopped; open it \
                 in a spreadsheet program and save it again, or export it as CSV",
            ),
            ErrorKind::NoSheet { wanted, sheets } if sheets.is_empty() => write!(
                f,
                "there is no sheet `{wanted}`: this is a text, not a workbook"
            ),
            ErrorKind::NoSheet { wanted, sheets } => write!(
                f,
                "there is no sheet `{wanted}`; the sheets are `{}`",
                sheets.join("`, `")
            ),
            ErrorKind::NoColumn { wanted, columns } if columns.is_empty() => write!(
                f,
                "there is no column `{wanted}`: the list has no header, so give the column's \
                 number, from 1"
            ),
            ErrorKind::NoColumn { wanted, columns } => write!(
                f,
                "there is no column `{wanted}`; the columns are `{}`",
                columns.join("`, `")
            ),
            ErrorKind::SameDelimiter => {
                f.write_str("delimiter and enclosure must be different characters")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            ErrorKind::Io(error) | ErrorKind::Compressed(error) => Some(error),
            _ => None,
        }
    }
}
