//! Carries the chunks of a file through a lane, some at a time.
//!
//! A round of chunks is read while the round before it is judged. Chunks are judged on all threads,
//! each as if a row began with it; joined in their order, which tells where they stand, and those
//! that began within a quoted field are judged again; then the lane takes them. What comes out does
//! not depend on how the file is parted into chunks and rounds, nor on the threads.

use crate::error::Error;
use rayon::prelude::*;
use recipients_ingest::{Batch, Chunk, ChunkParser, ParsedChunk, Source};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Chunks of a round. Enough that numbers of the same part come many at a time; few enough that a
/// round stays in the last-level cache.
const ROUND: usize = 16;

/// What is done with chunks, and with rounds of them.
pub(crate) trait Lane {
    type Judge: Judge;

    fn judge(&self) -> &Self::Judge;

    /// Takes the next chunks of a file, judged and joined.
    fn take(
        &mut self,
        file: usize,
        slots: &mut [Slot<<Self::Judge as Judge>::Work>],
    ) -> Result<(), Error>;
}

/// What is done with a chunk by itself, on any thread.
pub(crate) trait Judge: Sync {
    /// What comes out.
    type Work: Default + Send;

    /// Reads a chunk and judges it.
    fn chunk(
        &self,
        file: usize,
        parser: &ChunkParser,
        chunk: Chunk,
        work: &mut Self::Work,
    ) -> ParsedChunk;

    /// Judges rows that are others than they seemed.
    fn again(&self, file: usize, batch: &Batch, work: &mut Self::Work);
}

/// The threads of a run, and whether it goes on.
#[derive(Clone, Copy)]
pub(crate) struct Crew<'p> {
    pool: Option<&'p rayon::ThreadPool>,
    cancel: Option<&'p AtomicBool>,
}

impl<'p> Crew<'p> {
    /// Without a pool everything is done by the caller's thread.
    pub(crate) fn new(
        pool: Option<&'p rayon::ThreadPool>,
        cancel: Option<&'p AtomicBool>,
    ) -> Crew<'p> {
        Crew { pool, cancel }
    }

    pub(crate) fn go_on(&self) -> Result<(), Error> {
        match self.cancel {
            Some(flag) if flag.load(Ordering::Relaxed) => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }

    pub(crate) fn each<T: Send>(&self, things: &mut [T], work: impl Fn(&mut T) + Sync + Send) {
        match self.pool {
            None => things.iter_mut().for_each(work),
            Some(pool) => pool.install(|| things.par_iter_mut().for_each(work)),
        }
    }

    fn both<A: Send, B: Send>(
        &self,
        one: impl FnOnce() -> A + Send,
        other: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        match self.pool {
            None => (one(), other()),
            Some(pool) => pool.join(one, other),
        }
    }
}

/// Things that a thread takes for a while.
pub(crate) struct Stash<T>(Mutex<Vec<T>>);

impl<T> Stash<T> {
    pub(crate) fn new() -> Stash<T> {
        Stash(Mutex::new(Vec::new()))
    }

    /// Works with one of the things that are there, or with a new one.
    pub(crate) fn with<R>(&self, make: impl FnOnce() -> T, work: impl FnOnce(&mut T) -> R) -> R {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = lock().pop();
        let mut thing = taken.unwrap_or_else(make);
        let result = work(&mut thing);
        lock().push(thing);
        result
    }

    pub(crate) fn into_inner(self) -> Vec<T> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A chunk on its way.
#[derive(Default)]
pub(crate) struct Slot<W> {
    /// As it was read.
    chunk: Option<Chunk>,
    parsed: Option<ParsedChunk>,
    /// Its rows turned out to be others than they seemed.
    changed: bool,
    pub(crate) batch: Batch,
    /// Bytes of the file up to its end.
    pub(crate) end: u64,
    pub(crate) work: W,
}

/// Slots that are used again, and how many of them are filled.
struct Round<W> {
    slots: Vec<Slot<W>>,
    filled: usize,
}

impl<W: Default> Round<W> {
    fn new() -> Round<W> {
        Round {
            slots: Vec::new(),
            filled: 0,
        }
    }

    fn read(&mut self, source: &mut Source) -> Result<(), Error> {
        self.filled = 0;
        while self.filled < ROUND {
            if self.slots.len() == self.filled {
                self.slots.push(Slot::default());
            }
            let slot = &mut self.slots[self.filled];
            slot.chunk = source.next_chunk(std::mem::take(&mut slot.batch))?;
            if slot.chunk.is_none() {
                break;
            }
            self.filled += 1;
        }
        Ok(())
    }
}

/// All chunks of a file.
pub(crate) fn drive<L: Lane>(
    lane: &mut L,
    crew: Crew<'_>,
    file: usize,
    source: &mut Source,
) -> Result<(), Error> {
    let parser = source.parser();
    let (mut current, mut next) = (Round::new(), Round::new());
    current.read(source)?;
    while current.filled > 0 {
        crew.go_on()?;
        let slots = &mut current.slots[..current.filled];
        let judge = lane.judge();
        let ((), read) = crew.both(
            || {
                crew.each(slots, |slot| {
                    if let Some(chunk) = slot.chunk.take() {
                        slot.parsed = Some(judge.chunk(file, &parser, chunk, &mut slot.work));
                    }
                });
            },
            || next.read(source),
        );
        // Rows before a fault are handed out whatever the round.
        let (joined, fault) = join(source, slots);
        let slots = &mut slots[..joined];
        crew.go_on()?;
        if slots.iter().any(|slot| slot.changed) {
            crew.each(slots, |slot| {
                if std::mem::take(&mut slot.changed) {
                    judge.again(file, &slot.batch, &mut slot.work);
                }
            });
        }
        lane.take(file, slots)?;
        fault?;
        read?;
        std::mem::swap(&mut current, &mut next);
    }
    Ok(())
}

/// Puts chunks in their places; how many there are before the file cannot be read further.
fn join<W>(source: &mut Source, slots: &mut [Slot<W>]) -> (usize, Result<(), Error>) {
    for (at, slot) in slots.iter_mut().enumerate() {
        let Some(mut parsed) = slot.parsed.take() else {
            continue;
        };
        match source.join(&mut parsed) {
            Ok(changed) => slot.changed = changed,
            Err(error) => return (at, Err(error.into())),
        }
        slot.end = source.bytes();
        slot.batch = parsed.into_batch();
    }
    (slots.len(), Ok(()))
}
