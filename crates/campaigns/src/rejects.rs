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

#[cfg(test)]
mod tests {
    use super::*;
    use recipients_batcher::{Pipeline, Rows, Sink};
    use recipients_core::{Checker, Policy};
    use recipients_ingest::{Options, Source};

    #[derive(Default)]
    struct Down(Option<Rejects<Vec<u8>>>);

    impl Sink for &mut Down {
        type Format = ();

        fn start(&mut self, files: &[FileInfo]) -> io::Result<()> {
            self.0 = Some(Rejects::new(files, Vec::new())?);
            Ok(())
        }

        fn rows(&mut self, rows: &Rows<'_>, (): ()) -> io::Result<()> {
            let rejects = self.0.as_mut().expect("started");
            rows.iter().try_for_each(|row| rejects.add(&row))
        }
    }

    #[test]
    fn only_so_many_rejected_rows_are_kept() {
        for (more, is_told) in [(0, false), (1, true)] {
            let list = "x\n".repeat(MOST_REJECTS as usize + more);
            let source = Source::from_bytes("l.csv", list.into_bytes(), &Options::api()).unwrap();
            let checker = Checker::new(Policy::default());
            let mut down = Down::default();
            Pipeline::new(&checker)
                .run(vec![source], &mut down)
                .unwrap();
            let (text, note) = down.0.unwrap().finish().unwrap();
            let rows = text
                .split(|byte| *byte == b'\n')
                .filter(|row| row.starts_with(b"x"));
            assert_eq!(rows.count() as u64, MOST_REJECTS);
            assert_eq!(note.is_some_and(|note| note.contains("500000")), is_told);
        }
    }

    #[test]
    fn lists_of_too_many_rows_are_refused() {
        assert!(check_rows(MOST_ROWS).is_ok());
        assert!(matches!(
            check_rows(MOST_ROWS + 1),
            Err(Failure::Refused(_))
        ));
    }
}
