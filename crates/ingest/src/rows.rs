//! Rows that come from no file: from a database, a queue, another program.

use crate::batch::Batch;
use crate::error::{Error, ErrorKind, Position};
use crate::options::Limits;
use std::io;

/// Puts the next row into a batch, and tells how many bytes it takes.
type Next = dyn FnMut(&mut Batch) -> Option<io::Result<usize>> + Send;

/// Hands out the rows of an iterator.
pub(crate) struct RowFeed {
    next: Box<Next>,
    name: String,
    rows: u64,
    /// What ends the list, once the rows before have been handed out.
    failed: Option<Error>,
}

impl RowFeed {
    pub(crate) fn new<R>(
        name: &str,
        rows: impl Iterator<Item = io::Result<R>> + Send + 'static,
    ) -> RowFeed
    where
        R: IntoIterator<Item: AsRef<str>>,
    {
        let mut rows = rows;
        let mut number = 0;
        let next = move |batch: &mut Batch| {
            let row = rows.next()?;
            number += 1;
            Some(row.map(|fields| batch.push_row(number, fields)))
        };
        RowFeed {
            next: Box::new(next),
            name: name.to_owned(),
            rows: 0,
            failed: None,
        }
    }

    /// Puts the next rows into an empty batch; false if there are none.
    pub(crate) fn fill(&mut self, rows: usize, batch: &mut Batch) -> Result<bool, Error> {
        while self.failed.is_none() && !batch.is_full(rows) {
            let Some(row) = (self.next)(batch) else {
                break;
            };
            self.rows += 1;
            let position = Some(position(self.rows));
            match row {
                Ok(bytes) if bytes <= limit() => {}
                Ok(_) => {
                    batch.pop_row();
                    let kind = ErrorKind::RowTooLong { limit: limit() };
                    self.failed = Some(Error::new(&self.name, position, kind));
                }
                Err(error) => {
                    let kind = ErrorKind::Io(error);
                    self.failed = Some(Error::new(&self.name, position, kind));
                }
            }
        }
        match (batch.is_empty(), self.failed.take()) {
            (true, Some(error)) => Err(error),
            (is_empty, failed) => {
                self.failed = failed;
                Ok(!is_empty)
            }
        }
    }
}

fn position(row: u64) -> Position {
    Position { line: row, byte: 0 }
}

/// So many bytes may a row have, as one of a file.
fn limit() -> usize {
    Limits::default().row_bytes
}
