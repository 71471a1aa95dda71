//! Rows that an import could not use, written down for whoever mends them; and what one import may bring.

use crate::error::Error;
use recipients_batcher::{Checked, FileInfo, annotate};
use recipients_ingest::Writer;
use std::io::{self, Write};

/// Rows that one import may bring.
const MOST_ROWS: i64 = 20_000_000;

/// Rows of an import that are written down.
const MOST_REJECTS: u64 = 500_000;

/// Why an import cannot go on.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The list is to blame.
    Refused(String),
    /// We are; it is tried again.
    Store(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Store(error)
    }
}

/// Refuses a list with more rows than it may have.
pub(crate) fn check_rows(rows: i64) -> Result<(), Failure> {
    match rows {
        ..=MOST_ROWS => Ok(()),
        _ => Err(Failure::Refused(format!(
            "the list has more than {MOST_ROWS} rows; send it in parts"
        ))),
    }
}

/// The list of rejected rows.
pub(crate) struct Rejects<W: Write> {
    writer: Writer<W>,
    told: u64,
}

impl<W: Write> Rejects<W> {
    pub(crate) fn new(files: &[FileInfo], out: W) -> io::Result<Rejects<W>> {
        Ok(Rejects {
            writer: annotate::writer(files, out)?,
            told: 0,
        })
    }

    /// Writes a row down, if there are not too many.
    pub(crate) fn add(&mut self, row: &Checked<'_>) -> io::Result<()> {
        self.told += 1;
        match self.told {
            ..=MOST_REJECTS => annotate::write_row(&mut self.writer, row),
            _ => Ok(()),
        }
    }

    /// Where they were written, and what to tell of it.
    pub(crate) fn finish(self) -> io::Result<(W, Option<String>)> {
        let note = format!("only the first {MOST_REJECTS} rejected rows were written down");
        let note = (self.told > MOST_REJECTS).then_some(note);
        Ok((self.writer.finish()?, note))
    }
}
