//! Carries the chunks of a file through a lane.
//!
//! The caller's thread reads chunks, and threads of the pool judge them, each as if a row began with
//! it; joined in their order, which tells where they stand, those that began within a quoted field
//! are judged again; then the lane takes them, some at a time, while the next ones are judged. What
//! comes out does not depend on how the file is parted into chunks, nor on the threads.

use crate::error::Error;
use rayon::prelude::*;
use recipients_ingest::{Batch, Chunk, ChunkParser, ParsedChunk, Source};
use std::collections::VecDeque;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

/// Chunks that a lane takes at a time. Enough that numbers of the same part come many at a time; few
/// enough that they stay in the last-level cache.
pub(crate) const ROUND: usize = 8;

/// Chunks on their way, at most: while the lane takes a round, the next one is judged.
const ON_THEIR_WAY: usize = 2 * ROUND;

/// What is done with judged chunks, in the order of the file.
pub(crate) trait Lane<J: Judge> {
    /// Takes the next chunks of a file, judged and joined.
    fn take(&mut self, judge: &J, file: usize, slots: &mut [Slot<J::Work>]) -> Result<(), Error>;
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

type Pool = Arc<rayon::ThreadPool>;

/// The threads of a run, and whether it goes on.
#[derive(Clone)]
pub(crate) struct Crew<'p> {
    pool: Option<Pool>,
    cancel: Option<&'p AtomicBool>,
}

/// So many threads, one for each core if it is 0; none where the caller's does everything.
pub(crate) fn pool(threads: usize) -> Result<Option<Pool>, Error> {
    if threads == 1 {
        return Ok(None);
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map(|pool| Some(Arc::new(pool)))
        .map_err(|error| Error::Threads(error.to_string()))
}

impl<'p> Crew<'p> {
    /// Without a pool everything is done by the caller's thread.
    pub(crate) fn new(pool: Option<Pool>, cancel: Option<&'p AtomicBool>) -> Crew<'p> {
        Crew { pool, cancel }
    }

    pub(crate) fn go_on(&self) -> Result<(), Error> {
        match self.cancel {
            Some(flag) if flag.load(Ordering::Relaxed) => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }

    /// [`Crew::each`] for what may fail.
    pub(crate) fn try_each<T: Send>(
        &self,
        things: &mut [T],
        work: impl Fn(&mut T) -> io::Result<()> + Sync + Send,
    ) -> io::Result<()> {
        match &self.pool {
            None => things.iter_mut().try_for_each(work),
            Some(pool) => pool.install(|| things.par_iter_mut().try_for_each(work)),
        }
    }

    pub(crate) fn each<T: Send>(&self, things: &mut [T], work: impl Fn(&mut T) + Sync + Send) {
        match &self.pool {
            None => things.iter_mut().for_each(work),
            Some(pool) => pool.install(|| things.par_iter_mut().for_each(work)),
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
    pub(crate) parsed: Option<ParsedChunk>,
    pub(crate) batch: Batch,
    /// Bytes of the file up to its end.
    pub(crate) end: u64,
    pub(crate) work: W,
}

/// All chunks of a file.
pub(crate) fn drive<J: Judge>(
    judge: &J,
    lane: &mut impl Lane<J>,
    crew: &Crew<'_>,
    file: usize,
    source: &mut Source,
) -> Result<(), Error> {
    let parser = source.parser();
    let judge_one = |chunk: Chunk, slot: &mut Slot<J::Work>| {
        slot.parsed = Some(judge.chunk(file, &parser, chunk, &mut slot.work));
    };
    let mut joined = Joined {
        judge,
        lane,
        crew,
        file,
        round: Vec::new(),
        spare: Vec::new(),
    };
    let Some(pool) = &crew.pool else {
        let read = loop {
            match joined.read(source) {
                Ok(Some((chunk, mut slot))) => {
                    judge_one(chunk, &mut slot);
                    joined.push(source, slot)?;
                }
                Ok(None) => break Ok(()),
                // Rows before a fault are handed out.
                Err(error) => break Err(error),
            }
        };
        joined.take()?;
        return read;
    };
    pool.in_place_scope(|scope| {
        let (done, judged) = mpsc::channel();
        // Those that were judged before their turn.
        let mut waiting: VecDeque<Option<Slot<J::Work>>> = VecDeque::new();
        let mut turn = 0;
        let mut read = Ok(());
        let mut at_end = false;
        loop {
            while !at_end && waiting.len() + joined.round.len() < ON_THEIR_WAY {
                match joined.read(source) {
                    Ok(Some((chunk, mut slot))) => {
                        let (done, at) = (done.clone(), turn + waiting.len());
                        waiting.push_back(None);
                        let judge_one = &judge_one;
                        scope.spawn(move |_| {
                            let slot = panic::catch_unwind(AssertUnwindSafe(|| {
                                judge_one(chunk, &mut slot);
                                slot
                            }));
                            // Nobody listens any more if the run has failed.
                            let _ = done.send((at, slot));
                        });
                    }
                    Ok(None) => at_end = true,
                    Err(error) => (read, at_end) = (Err(error), true),
                }
            }
            if waiting.is_empty() {
                break;
            }
            let (at, slot) = judged.recv().expect("a sender is kept here");
            let slot = slot.unwrap_or_else(|panic| panic::resume_unwind(panic));
            waiting[at - turn] = Some(slot);
            while let Some(slot) = waiting.front_mut().and_then(Option::take) {
                waiting.pop_front();
                turn += 1;
                joined.push(source, slot)?;
            }
        }
        joined.take()?;
        read
    })
}

/// Puts a judged chunk in its place.
pub(crate) fn join<J: Judge>(
    judge: &J,
    source: &mut Source,
    file: usize,
    slot: &mut Slot<J::Work>,
) -> Result<(), Error> {
    let Some(mut parsed) = slot.parsed.take() else {
        return Ok(());
    };
    let changed = source.join(&mut parsed)?;
    slot.end = source.bytes();
    slot.batch = parsed.into_batch();
    if changed {
        judge.again(file, &slot.batch, &mut slot.work);
    }
    Ok(())
}

/// A chunk, and where its judgement is to be put.
type Next<W> = (Chunk, Slot<W>);

/// Chunks that have been put in their places.
struct Joined<'l, J: Judge, L> {
    judge: &'l J,
    lane: &'l mut L,
    crew: &'l Crew<'l>,
    file: usize,
    /// For the lane.
    round: Vec<Slot<J::Work>>,
    /// To be used again.
    spare: Vec<Slot<J::Work>>,
}

impl<J: Judge, L: Lane<J>> Joined<'_, J, L> {
    /// Reads the next chunk.
    fn read(&mut self, source: &mut Source) -> Result<Option<Next<J::Work>>, Error> {
        self.crew.go_on()?;
        let mut slot = self.spare.pop().unwrap_or_default();
        let chunk = source.next_chunk(std::mem::take(&mut slot.batch))?;
        Ok(chunk.map(|chunk| (chunk, slot)))
    }

    /// Joins the next chunk.
    fn push(&mut self, source: &mut Source, mut slot: Slot<J::Work>) -> Result<(), Error> {
        if let Err(error) = join(self.judge, source, self.file, &mut slot) {
            // Rows before a fault are handed out.
            self.take()?;
            return Err(error);
        }
        self.round.push(slot);
        match self.round.len() < ROUND {
            true => Ok(()),
            false => self.take(),
        }
    }

    fn take(&mut self) -> Result<(), Error> {
        self.crew.go_on()?;
        self.lane.take(self.judge, self.file, &mut self.round)?;
        self.spare.append(&mut self.round);
        Ok(())
    }
}
