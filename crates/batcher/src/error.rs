//! Which end of the pipeline broke.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// The run could not go on. A bad row never causes this.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The input's side: a file cannot be read.
    Source(recipients_ingest::Error),
    /// The header of a list cannot serve the text.
    Header {
        /// The file's name as it was given.
        file: String,
        /// The physical line or sheet row of the header.
        row: u64,
        /// What is wrong with it.
        error: HeaderError,
    },
    /// The output's side: the sink failed.
    Sink(io::Error),
    /// What was to be set aside on disk ([`Pipeline::memory`](crate::Pipeline::memory)) cannot be
    /// written or read there.
    Spill {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A row that was pushed ([`Feed::push`](crate::Feed::push)) is too long; it was left out.
    RowTooLong {
        /// Its number.
        row: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// Threads could not be started.
    Threads(String),
    /// The caller asked to stop.
    Cancelled,
    /// More files than can be told apart.
    TooManyFiles {
        /// The limit.
        limit: usize,
    },
}

/// Why a header cannot serve a text with placeholders (decision D17).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum HeaderError {
    /// Two columns have the same name, so it is not known which one a placeholder means.
    Duplicate {
        /// The name.
        name: String,
        /// Its places, from 1.
        columns: [usize; 2],
    },
    /// A name that no placeholder can have.
    NotAPlaceholder {
        /// The name.
        name: String,
        /// Its place, from 1.
        column: usize,
    },
    /// No column is called `recipient`.
    NoRecipient,
    /// There is no header, and the text has placeholders.
    Missing,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeaderError::Duplicate {
                name,
                columns: [a, b],
            } => write!(
                f,
                "the header names two columns `{name}` (columns {a} and {b}); rename one of them"
            ),
            HeaderError::NotAPlaceholder { name, column } => write!(
                f,
                "column {column} is called `{name}`, and a placeholder cannot be called so: use Latin \
                 letters, digits, _ and - only"
            ),
            HeaderError::NoRecipient => f.write_str(
                "no column is called `recipient`: rename the column with the numbers, or say which \
                 one it is",
            ),
            HeaderError::Missing => f.write_str(
                "the text has placeholders, so the first row must name the columns, but it looks \
                 like data; add a header, or say that it is one",
            ),
        }
    }
}

impl std::error::Error for HeaderError {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Source(error) => error.fmt(f),
            Error::Header { file, row, error } => write!(f, "{file}, line {row}: {error}"),
            Error::Sink(error) => write!(f, "the results cannot be written: {error}"),
            Error::Spill { folder, error } => write!(
                f,
                "numbers that take too much memory cannot be set aside in {}: {error}",
                folder.display()
            ),
            Error::RowTooLong { row, limit } => write!(f, "row {row}: more than {limit} bytes"),
            Error::Threads(error) => write!(f, "threads cannot be started: {error}"),
            Error::Cancelled => f.write_str("stopped before the end"),
            Error::TooManyFiles { limit } => write!(f, "more than {limit} files in one run"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Source(error) => Some(error),
            Error::Header { error, .. } => Some(error),
            Error::Sink(error) | Error::Spill { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<recipients_ingest::Error> for Error {
    fn from(error: recipients_ingest::Error) -> Error {
        Error::Source(error)
    }
}
