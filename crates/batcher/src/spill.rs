//! What is set aside on disk when the numbers seen so far take more memory than they may.
//!
//! Numbers are parted by ranges anyway, so each part gets a file: the numbers that it had, and then
//! those that come, in their order. At the end the parts are gone through one by one, each in the
//! memory that its own numbers take. The files have no names and vanish with the process.

use crate::error::Error;
use crate::parts::PARTS;
use recipients_core::{Msisdn, NumberSet, Seen};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes that the sets of numbers may take beyond what they need, to be quicker: enough for bitmaps
/// over the mobile numbers of a large country.
const SPENT: usize = 128 << 20;

/// How much memory the numbers may take, and where they go beyond that.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    pub(crate) bytes: usize,
    pub(crate) folder: PathBuf,
}

impl Budget {
    /// Whether sets take more than they may.
    pub(crate) fn is_exceeded<'s>(&self, sets: impl Iterator<Item = &'s Seen>) -> bool {
        sets.map(Seen::memory).sum::<usize>() > self.bytes
    }

    /// A failure to write or read there.
    pub(crate) fn failed(&self, error: io::Error) -> Error {
        Error::Spill {
            folder: self.folder.clone(),
            error,
        }
    }
}

/// The numbers of a part that were accepted so far: in memory, or all that came in a log. That begins
/// with those that had been in memory before.
pub(crate) struct Part {
    pub(crate) seen: Seen,
    log: Option<(Log, u64)>,
    /// Those of a log that has been gone through, if they are to be kept.
    accepted: Option<NumberSet>,
}

impl Part {
    pub(crate) fn new(seen: Seen) -> Part {
        Part {
            seen,
            log: None,
            accepted: None,
        }
    }

    /// As many parts as there are; they take more memory than they must to be quicker, within the
    /// budget.
    pub(crate) fn all(budget: Option<&Budget>, seen: impl Fn() -> Seen) -> Vec<Part> {
        let spent = budget.map_or(SPENT, |budget| SPENT.min(budget.bytes / 2));
        (0..PARTS)
            .map(|_| Part::new(seen().spending(spent / PARTS)))
            .collect()
    }

    /// Where numbers go, once they have been set aside.
    pub(crate) fn log(&mut self) -> Option<&mut Log> {
        self.log.as_mut().map(|(log, _)| log)
    }

    /// Sets the numbers aside, with their places if these are kept.
    pub(crate) fn spill(&mut self, budget: &Budget, places: bool) -> io::Result<()> {
        let seen = std::mem::take(&mut self.seen);
        let mut log = Log::create(&budget.folder)?;
        for (number, place) in seen.iter() {
            log.push(number.as_u64())?;
            if places {
                log.push(place)?;
            }
        }
        self.log = Some((log, seen.len()));
        Ok(())
    }

    /// What came since the numbers were set aside; those that had come before are in `seen` then.
    pub(crate) fn read_log(
        &mut self,
        seen: &mut Seen,
        places: bool,
    ) -> io::Result<Option<LogReader>> {
        let Some((log, before)) = self.log.take() else {
            return Ok(None);
        };
        let mut log = log.read()?;
        for _ in 0..before {
            let number = log.number()?;
            seen.insert(number, if places { log.word()? } else { 0 });
        }
        Ok(Some(log))
    }

    /// Keeps what came of a log.
    pub(crate) fn keep(&mut self, seen: &Seen) {
        self.accepted = Some(NumberSet::of_seen([seen]));
    }

    /// The numbers of all parts.
    pub(crate) fn accepted<'p>(parts: impl Iterator<Item = &'p Part> + Clone) -> NumberSet {
        let kept = parts.clone().filter_map(|part| part.accepted.as_ref());
        match kept.clone().next() {
            Some(_) => NumberSet::union(kept),
            None => NumberSet::of_seen(parts.map(|part| &part.seen)),
        }
    }
}

/// Words that are written one after the other, and then read in the same order.
pub(crate) struct Log {
    out: BufWriter<File>,
    words: u64,
}

impl Log {
    const BUFFER: usize = 1 << 16;

    pub(crate) fn create(folder: &Path) -> io::Result<Log> {
        Ok(Log {
            out: BufWriter::with_capacity(Self::BUFFER, tempfile::tempfile_in(folder)?),
            words: 0,
        })
    }

    pub(crate) fn push(&mut self, word: u64) -> io::Result<()> {
        self.words += 1;
        self.out.write_all(&word.to_le_bytes())
    }

    pub(crate) fn read(self) -> io::Result<LogReader> {
        Ok(LogReader {
            file: rewind(self.out)?,
            left: self.words,
        })
    }
}

/// Begins to read what was written.
pub(crate) fn rewind(out: BufWriter<File>) -> io::Result<BufReader<File>> {
    let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(BufReader::with_capacity(Log::BUFFER, file))
}

pub(crate) struct LogReader {
    file: BufReader<File>,
    left: u64,
}

impl LogReader {
    /// The next word; `None` behind the last one.
    pub(crate) fn next(&mut self) -> io::Result<Option<u64>> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut word = [0; 8];
        self.file.read_exact(&mut word)?;
        self.left -= 1;
        Ok(Some(u64::from_le_bytes(word)))
    }

    /// A word that must be there.
    pub(crate) fn word(&mut self) -> io::Result<u64> {
        self.next()?
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// A number that must be there.
    pub(crate) fn number(&mut self) -> io::Result<Msisdn> {
        Msisdn::from_u64(self.word()?).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}
