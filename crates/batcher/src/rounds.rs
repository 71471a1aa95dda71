//! Carries the chunks of a file through a lane.
//!
//! Threads of the pool read chunks, one after the other, and judge them side by side, each as if a row
//! began with it; joined in their order, which tells where they stand, those that began within a quoted
//! field are judged again; then the lane takes them, some at a time, while the next ones are judged.
//! What comes out does not depend on how the file is parted into chunks, nor on the threads.

use crate::error::Error;
use rayon::prelude::*;
use recipients_ingest::{Batch, Chunk, ChunkParser, ParsedChunk, Source};
use std::collections::VecDeque;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

/// What is done with judged chunks, in the order of the file.
pub(crate) trait Lane<J: Judge> {
    /// Chunks that it takes at a time.
    const ROUND: usize;

    /// Whether it looks at the chunks' rows. If not, the memory of a chunk is used again at once, while it is
    /// in the caches.
    const WANTS_ROWS: bool;

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

/// Threads that serve one run after the other ([`Pipeline::workers`](crate::Pipeline::workers)): what one
/// has used is at hand for the next. Clones are the same threads.
///
/// ```
/// use recipients_batcher::{Pipeline, Workers, load_stop_list};
/// use recipients_core::{Checker, Policy};
/// use recipients_ingest::{Options, Source};
///
/// let workers = Workers::new(2)?;
/// let list = Source::from_bytes("stop", "+380 97 111-22-33\n".into(), &Options::auto())?;
/// let stop = load_stop_list(list, &Checker::default(), &workers)?.list;
/// let checker = Checker::new(Policy::default().own_stop_list(stop));
/// let list = Source::from_bytes("list", "380971112233\n".into(), &Options::auto())?;
/// let pipeline = Pipeline::new(&checker).workers(&workers);
/// let report = pipeline.run(vec![list], |_: &recipients_batcher::Checked<'_>| Ok(()))?;
/// assert_eq!(report.rejected(), 1);
/// # Ok::<(), recipients_batcher::Error>(())
/// ```
#[derive(Clone)]
pub struct Workers {
    /// None if the caller's thread does everything.
    pool: Option<Arc<rayon::ThreadPool>>,
}

impl Workers {
    /// So many threads, one for each core if it is 0. If it is 1, the thread of whoever asks for a run does
    /// everything.
    ///
    /// # Errors
    ///
    /// If threads cannot be started.
    pub fn new(threads: usize) -> Result<Workers, Error> {
        if threads == 1 {
            return Ok(Workers { pool: None });
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| Error::Threads(error.to_string()))?;
        Ok(Workers {
            pool: Some(Arc::new(pool)),
        })
    }

    /// How many there are.
    pub fn threads(&self) -> usize {
        let threads = |pool: &Arc<rayon::ThreadPool>| pool.current_num_threads();
        self.pool.as_ref().map_or(1, threads)
    }
}

/// Shows how many.
impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Workers({})", self.threads())
    }
}

/// The threads of a run, and whether it goes on.
#[derive(Clone)]
pub(crate) struct Crew<'p> {
    workers: Workers,
    cancel: Option<&'p AtomicBool>,
}

impl<'p> Crew<'p> {
    pub(crate) fn new(workers: Workers, cancel: Option<&'p AtomicBool>) -> Crew<'p> {
        Crew { workers, cancel }
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
        match &self.workers.pool {
            None => things.iter_mut().try_for_each(work),
            Some(pool) => pool.install(|| things.par_iter_mut().try_for_each(work)),
        }
    }

    pub(crate) fn each<T: Send>(&self, things: &mut [T], work: impl Fn(&mut T) + Sync + Send) {
        match &self.workers.pool {
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
        let taken = lock(&self.0).pop();
        let mut thing = taken.unwrap_or_else(make);
        let result = work(&mut thing);
        lock(&self.0).push(thing);
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
    /// Physical lines before it.
    pub(crate) lines_before: u64,
    /// Bytes of the file up to its end.
    pub(crate) end: u64,
    pub(crate) work: W,
}

/// The chunks of a file that nobody has read yet, for whoever has time to judge one.
struct Unread<'s, W> {
    source: &'s mut Source,
    /// Whether there is nothing more to be read.
    at_end: bool,
    /// How many have been read.
    turn: usize,
    /// What is no longer needed.
    batches: Vec<Batch>,
    slots: Vec<Slot<W>>,
}

/// A chunk, and where its judgement is to be put.
type Next<W> = (Chunk, Slot<W>);

impl<W: Default> Unread<'_, W> {
    fn next(&mut self) -> Result<Option<Next<W>>, Error> {
        if self.at_end {
            return Ok(None);
        }
        let batch = self.batches.pop().unwrap_or_default();
        let chunk = self.source.next_chunk(batch);
        self.at_end = !matches!(chunk, Ok(Some(_)));
        let mut slot = || self.slots.pop().unwrap_or_default();
        Ok(chunk?.map(|chunk| (chunk, slot())))
    }
}

/// All chunks of a file.
pub(crate) fn drive<J: Judge, L: Lane<J>>(
    judge: &J,
    lane: &mut L,
    crew: &Crew<'_>,
    file: usize,
    source: &mut Source,
) -> Result<(), Error> {
    let parser = source.parser();
    let judged = |(chunk, mut slot): Next<J::Work>| {
        slot.parsed = Some(judge.chunk(file, &parser, chunk, &mut slot.work));
        slot
    };
    let unread = Mutex::new(Unread {
        source,
        at_end: false,
        turn: 0,
        batches: Vec::new(),
        slots: Vec::new(),
    });
    let mut joined = Joined {
        judge,
        lane,
        crew,
        file,
        unread: &unread,
        round: Vec::new(),
    };
    let Some(pool) = &crew.workers.pool else {
        let read = loop {
            crew.go_on()?;
            let next = lock(&unread).next();
            match next {
                Ok(Some(next)) => joined.push(judged(next))?,
                Ok(None) => break Ok(()),
                // Rows before a fault are handed out.
                Err(error) => break Err(error),
            }
        };
        joined.take()?;
        return read;
    };
    // A chunk is read by the thread that judges it, and is in the caches of its core then.
    let read_one = || {
        let (turn, next) = {
            let mut unread = lock(&unread);
            let next = unread.next();
            unread.turn += 1;
            (unread.turn - 1, next)
        };
        (turn, next.map(|next| next.map(&judged)))
    };
    pool.in_place_scope(|scope| {
        let (done, all_judged) = mpsc::channel();
        // While the lane takes a round, the next one is judged; two for each thread.
        let most = L::ROUND + L::ROUND.max(2 * crew.workers.threads());
        let mut carry = || {
            // Those that were judged before their turn.
            let mut waiting = VecDeque::new();
            let (mut turn, mut begun) = (0, 0);
            let mut read = Ok(());
            let mut at_end = false;
            loop {
                while !at_end && begun + joined.round.len() < most {
                    crew.go_on()?;
                    let (done, read_one) = (done.clone(), &read_one);
                    begun += 1;
                    scope.spawn(move |_| {
                        let judged = panic::catch_unwind(AssertUnwindSafe(read_one));
                        // Nobody listens any more if the run has failed.
                        let _ = done.send(judged);
                    });
                }
                if begun == 0 {
                    joined.take()?;
                    return read;
                }
                let judged = all_judged.recv().expect("a sender is kept here");
                let (at, slot) = judged.unwrap_or_else(|panic| panic::resume_unwind(panic));
                let ahead: usize = at - turn;
                if ahead >= waiting.len() {
                    waiting.resize_with(ahead + 1, || None);
                }
                waiting[ahead] = Some(slot);
                while let Some(slot) = waiting.front_mut().and_then(Option::take) {
                    waiting.pop_front();
                    turn += 1;
                    begun -= 1;
                    match slot {
                        Ok(Some(slot)) => joined.push(slot)?,
                        Ok(None) => at_end = true,
                        // Rows before a fault are handed out.
                        Err(error) => (read, at_end) = (Err(error), true),
                    }
                }
            }
        };
        let carried = carry();
        // Of a run that has failed, no more is read.
        lock(&unread).at_end = true;
        carried
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    slot.lines_before = slot.batch.lines_before();
    if changed {
        judge.again(file, &slot.batch, &mut slot.work);
    }
    Ok(())
}

/// Chunks that have been put in their places.
struct Joined<'l, 's, J: Judge, L> {
    judge: &'l J,
    lane: &'l mut L,
    crew: &'l Crew<'l>,
    file: usize,
    unread: &'l Mutex<Unread<'s, J::Work>>,
    /// For the lane.
    round: Vec<Slot<J::Work>>,
}

impl<J: Judge, L: Lane<J>> Joined<'_, '_, J, L> {
    /// Joins the next chunk.
    fn push(&mut self, mut slot: Slot<J::Work>) -> Result<(), Error> {
        let joined = {
            let mut unread = lock(self.unread);
            let joined = join(self.judge, unread.source, self.file, &mut slot);
            if !L::WANTS_ROWS {
                unread.batches.push(std::mem::take(&mut slot.batch));
            }
            joined
        };
        if let Err(error) = joined {
            // Rows before a fault are handed out.
            self.take()?;
            return Err(error);
        }
        self.round.push(slot);
        match self.round.len() < L::ROUND {
            true => Ok(()),
            false => self.take(),
        }
    }

    fn take(&mut self) -> Result<(), Error> {
        self.crew.go_on()?;
        self.lane.take(self.judge, self.file, &mut self.round)?;
        let mut unread = lock(self.unread);
        if L::WANTS_ROWS {
            let batches = self
                .round
                .iter_mut()
                .map(|slot| std::mem::take(&mut slot.batch));
            unread.batches.extend(batches);
        }
        unread.slots.append(&mut self.round);
        Ok(())
    }
}
