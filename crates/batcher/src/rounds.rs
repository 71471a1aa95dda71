//! Carries the chunks of a file through a lane.
//!
//! Threads of the pool read chunks, one thread at a time, and judge them side by side, each as if a row
//! began with it; joined in their order, which tells where they stand, those that began within a quoted
//! field are judged again; then the lane takes them, some at a time, while the next ones are judged.
//! What comes out does not depend on how the file is parted into chunks, nor on the threads.

use crate::error::Error;
use recipients_ingest::{Batch, Chunk, ChunkParser, Chunks, Joints, ParsedChunk, Source};
use std::collections::VecDeque;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

/// What is done with judged chunks, in the order of the file.
pub(crate) trait Lane<J: Judge> {
    /// Bytes of a chunk, if nobody has said how many and it is not what `ingest` takes.
    const CHUNK: Option<usize>;

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

/// Threads that serve one run after the other ([`Pipeline::workers`](crate::Pipeline::workers)): memory that
/// one has used is at hand for the next. Clones are the same threads. Runs that go on at once share them; a
/// run must not be begun by what runs on them, a [`Format`](crate::Format) or rows of a program
/// ([`Source::from_rows`]), say.
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
    others: Option<Arc<Others>>,
}

/// The threads beside the caller's.
struct Others {
    pool: rayon::ThreadPool,
    /// How many of them have nothing to do. A job is given only to these, so that nobody waits for one that
    /// waits for rows to come.
    free: AtomicUsize,
}

impl Others {
    /// One that has nothing to do; it has until the hand is dropped.
    fn hand(&self) -> Option<Hand<'_>> {
        let one_less = |free: usize| free.checked_sub(1);
        let taken = self
            .free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        taken.is_ok().then(|| Hand(&self.free))
    }
}

/// A thread that a job can be given to.
struct Hand<'w>(&'w AtomicUsize);

impl Drop for Hand<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Workers {
    /// So many threads, one for each core if it is 0. That of whoever asks for a run is one of them, and the
    /// others are started.
    ///
    /// # Errors
    ///
    /// If threads cannot be started.
    pub fn new(threads: usize) -> Result<Workers, Error> {
        let threads = match threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        if threads == 1 {
            return Ok(Workers { others: None });
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads - 1);
        let pool = pool
            .build()
            .map_err(|error| Error::Threads(error.to_string()))?;
        let free = AtomicUsize::new(pool.current_num_threads());
        Ok(Workers {
            others: Some(Arc::new(Others { pool, free })),
        })
    }

    /// Does two things, at the same time if one of these threads has nothing else to do. The other one must not
    /// begin a run.
    ///
    /// # Panics
    ///
    /// If one of them does, when both have ended.
    pub fn join<A, B: Send>(
        &self,
        one: impl FnOnce() -> A,
        other: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        let Some(others) = &self.others else {
            return (one(), other());
        };
        let Some(hand) = others.hand() else {
            return (one(), other());
        };
        let mut done = None;
        let place = &mut done;
        let one = others.pool.in_place_scope(|scope| {
            scope.spawn(move |_| {
                let _hand = hand;
                *place = Some(other());
            });
            one()
        });
        (one, done.expect("the scope waits for it"))
    }

    /// How many there are.
    pub fn threads(&self) -> usize {
        let threads = |others: &Arc<Others>| 1 + others.pool.current_num_threads();
        self.others.as_ref().map_or(1, threads)
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

    /// [`Crew::each`] for what may fail; what is left when it does is not worked on.
    pub(crate) fn try_each<T: Send>(
        &self,
        things: &mut [T],
        work: impl Fn(&mut T) -> io::Result<()> + Sync + Send,
    ) -> io::Result<()> {
        let failed = Mutex::new(None);
        self.each(things, |thing| {
            if lock(&failed).is_none()
                && let Err(error) = work(thing)
            {
                lock(&failed).get_or_insert(error);
            }
        });
        match failed.into_inner() {
            Ok(Some(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Works on things, whoever has time on the next one.
    pub(crate) fn each<T: Send>(&self, things: &mut [T], work: impl Fn(&mut T) + Sync + Send) {
        let Some(others) = &self.workers.others else {
            return things.iter_mut().for_each(work);
        };
        let things = Mutex::new(things.iter_mut());
        let next = || lock(&things).next();
        let work = &work;
        others.pool.in_place_scope(|scope| {
            while let Some(thing) = next() {
                // Threads may have nothing else to do only later.
                while lock(&things).len() > 0
                    && let Some(hand) = others.hand()
                {
                    scope.spawn(move |_| {
                        let _hand = hand;
                        while let Some(thing) = next() {
                            work(thing);
                        }
                    });
                }
                work(thing);
            }
        });
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

/// All chunks of a file.
pub(crate) fn drive<J: Judge, L: Lane<J>>(
    judge: &J,
    lane: &mut L,
    crew: &Crew<'_>,
    file: usize,
    source: &mut Source,
) -> Result<(), Error> {
    if let Some(bytes) = L::CHUNK {
        source.prefer_chunks_of(bytes);
    }
    let parser = source.parser();
    let (chunks, joints) = source.apart();
    let reading = Reading {
        judge,
        crew,
        file,
        parser,
        chunks: Mutex::new(chunks),
        is_over: AtomicBool::new(false),
        stock: Mutex::new(Stock {
            // While the lane takes a round, the next one is judged; two for each thread.
            more: L::ROUND + L::ROUND.max(2 * crew.workers.threads()),
            parked: Some(0),
            slots: Vec::new(),
            batches: Vec::new(),
        }),
        turns: Turns {
            waiting: Mutex::new(Waiting {
                turn: 0,
                done: VecDeque::new(),
            }),
            taker: thread::current(),
        },
    };
    let mut joined = Joined {
        lane,
        crew,
        joints,
        reading: &reading,
        round: Vec::new(),
    };
    match &crew.workers.others {
        None => joined.run(None),
        Some(others) => others
            .pool
            .in_place_scope(|scope| joined.run(Some(Helpers { others, scope }))),
    }
}

/// Who can help with a run.
#[derive(Clone, Copy)]
struct Helpers<'a, 'r> {
    others: &'r Others,
    scope: &'a rayon::Scope<'r>,
}

/// A chunk that was judged; or nothing, behind the last one; or why no more can be read. Or else how a thread
/// has panicked.
type Done<W> = thread::Result<Result<Option<Slot<W>>, Error>>;

/// What was judged, until its turn comes.
struct Turns<W> {
    waiting: Mutex<Waiting<W>>,
    /// Who takes them.
    taker: Thread,
}

struct Waiting<W> {
    /// Whose turn is next, and what was judged from there on.
    turn: usize,
    done: VecDeque<Option<Done<W>>>,
}

impl<W> Turns<W> {
    fn put(&self, at: usize, judged: Done<W>) {
        let ahead = {
            let mut waiting = lock(&self.waiting);
            let ahead = at - waiting.turn;
            if ahead >= waiting.done.len() {
                waiting.done.resize_with(ahead + 1, || None);
            }
            waiting.done[ahead] = Some(judged);
            ahead
        };
        if ahead == 0 {
            self.taker.unpark();
        }
    }

    /// The next one, if it is there.
    fn next(&self) -> Option<Done<W>> {
        let mut waiting = lock(&self.waiting);
        let next = waiting.done.front_mut()?.take()?;
        waiting.done.pop_front();
        waiting.turn += 1;
        Some(next)
    }
}

/// A chunk, and where its judgement is to be put.
type Next<W> = (Chunk, Slot<W>);

/// The chunks of a file that nobody has read yet.
///
/// One thread reads at a time, and judges what it has read, which is in the caches of its core then; the
/// next chunk is for whoever has time. No thread but the caller's waits for the one that reads.
struct Reading<'s, J: Judge> {
    judge: &'s J,
    crew: &'s Crew<'s>,
    file: usize,
    parser: ChunkParser,
    chunks: Mutex<Chunks<'s>>,
    is_over: AtomicBool,
    stock: Mutex<Stock<J::Work>>,
    turns: Turns<J::Work>,
}

struct Stock<W> {
    /// How many chunks more may be on their way.
    more: usize,
    /// Which chunk is the next to be read, if nobody is about to.
    parked: Option<usize>,
    /// To be used again.
    slots: Vec<Slot<W>>,
    batches: Vec<Batch>,
}

impl<W> Stock<W> {
    /// Whether a chunk can be read: there is room for more, and nobody is about to.
    fn has_turn(&self) -> bool {
        self.more > 0 && self.parked.is_some()
    }

    /// Which one, for whoever does.
    fn take_turn(&mut self) -> Option<usize> {
        let at = self.parked.take_if(|_| self.more > 0)?;
        self.more -= 1;
        Some(at)
    }
}

impl<'s, J: Judge> Reading<'s, J> {
    fn next(&self) -> Result<Option<Next<J::Work>>, Error> {
        let (batch, slot) = {
            let mut stock = lock(&self.stock);
            (stock.batches.pop(), stock.slots.pop())
        };
        let chunk = lock(&self.chunks).next(batch.unwrap_or_default())?;
        Ok(chunk.map(|chunk| (chunk, slot.unwrap_or_default())))
    }

    fn judged(&self, (chunk, mut slot): Next<J::Work>) -> Slot<J::Work> {
        let work = &mut slot.work;
        slot.parsed = Some(self.judge.chunk(self.file, &self.parser, chunk, work));
        slot
    }

    /// Has another thread read on, if there is something to read and one has nothing to do.
    fn share<'r>(&'r self, helpers: Option<Helpers<'_, 'r>>) {
        let Some(Helpers { others, scope }) = helpers else {
            return;
        };
        if lock(&self.stock).has_turn()
            && let Some(hand) = others.hand()
        {
            scope.spawn(move |scope| {
                let _hand = hand;
                self.read_on(Helpers { others, scope });
            });
        }
    }

    /// Reads chunks and judges them, as long as nobody else reads and there is room.
    fn read_on<'r>(&'r self, helpers: Helpers<'_, 'r>) {
        let turn = || lock(&self.stock).take_turn();
        while let Some(at) = turn() {
            self.read_one(at, || {
                self.share(Some(helpers));
                self.turns.taker.unpark();
            });
        }
    }

    /// Reads this chunk and judges it, while others read on, whom `share` calls.
    fn read_one(&self, at: usize, share: impl FnOnce()) {
        let judged = panic::catch_unwind(AssertUnwindSafe(|| {
            if self.is_over.load(Ordering::Relaxed) {
                return Ok(None);
            }
            self.crew.go_on()?;
            self.next().map(|next| {
                let next = next?;
                lock(&self.stock).parked = Some(at + 1);
                share();
                Some(self.judged(next))
            })
        }));
        self.turns.put(at, judged);
    }
}

/// Says that a run is over, however it ends.
struct Ends<'r>(&'r AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts a judged chunk in its place.
pub(crate) fn join<J: Judge>(
    judge: &J,
    joints: &mut Joints<'_>,
    file: usize,
    slot: &mut Slot<J::Work>,
) -> Result<(), Error> {
    let Some(mut parsed) = slot.parsed.take() else {
        return Ok(());
    };
    let changed = joints.join(&mut parsed)?;
    slot.end = joints.bytes();
    slot.batch = parsed.into_batch();
    slot.lines_before = slot.batch.lines_before();
    if changed {
        judge.again(file, &slot.batch, &mut slot.work);
    }
    Ok(())
}

/// Chunks that have been put in their places.
struct Joined<'l, 's, J: Judge, L> {
    lane: &'l mut L,
    crew: &'l Crew<'l>,
    joints: Joints<'s>,
    reading: &'l Reading<'s, J>,
    /// For the lane.
    round: Vec<Slot<J::Work>>,
}

impl<'l, J: Judge, L: Lane<J>> Joined<'l, '_, J, L> {
    /// Joins all chunks, and reads and judges those that nobody else does.
    fn run(&mut self, helpers: Option<Helpers<'_, 'l>>) -> Result<(), Error> {
        let reading = self.reading;
        // Of a run that has ended, no more is read.
        let _ends = Ends(&reading.is_over);
        let read = loop {
            self.crew.go_on()?;
            reading.share(helpers);
            match reading.turns.next() {
                Some(Ok(Ok(Some(slot)))) => self.push(slot)?,
                Some(Ok(Ok(None))) => break Ok(()),
                Some(Ok(Err(error))) => break Err(error),
                Some(Err(panic)) => panic::resume_unwind(panic),
                None => {
                    let turn = lock(&reading.stock).take_turn();
                    match turn {
                        Some(at) => reading.read_one(at, || reading.share(helpers)),
                        None => thread::park(),
                    }
                }
            }
        };
        // Rows before a fault are handed out.
        self.take()?;
        read
    }

    /// Joins the next chunk.
    fn push(&mut self, mut slot: Slot<J::Work>) -> Result<(), Error> {
        let Reading { judge, file, .. } = self.reading;
        if let Err(error) = join(*judge, &mut self.joints, *file, &mut slot) {
            // Rows before a fault are handed out.
            self.take()?;
            return Err(error);
        }
        if !L::WANTS_ROWS {
            let batch = std::mem::take(&mut slot.batch);
            lock(&self.reading.stock).batches.push(batch);
        }
        self.round.push(slot);
        match self.round.len() < L::ROUND {
            true => Ok(()),
            false => self.take(),
        }
    }

    fn take(&mut self) -> Result<(), Error> {
        self.crew.go_on()?;
        self.lane
            .take(self.reading.judge, self.reading.file, &mut self.round)?;
        let mut stock = lock(&self.reading.stock);
        if L::WANTS_ROWS {
            let batches = self.round.iter_mut().map(|slot| &mut slot.batch);
            stock.batches.extend(batches.map(std::mem::take));
        }
        stock.more += self.round.len();
        stock.slots.append(&mut self.round);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each thing is worked on once, and a failure is told, on however many threads.
    #[test]
    fn each_thing_is_worked_on() {
        for threads in [1, 2, 5] {
            let crew = Crew::new(Workers::new(threads).unwrap(), None);
            for count in [0, 1, 2, 100] {
                let mut things = vec![0; count];
                crew.each(&mut things, |thing| *thing += 1);
                assert_eq!(things, vec![1; count]);
                let mut things: Vec<usize> = (0..count).collect();
                let failed = crew.try_each(&mut things, |&mut thing| match thing {
                    70 => Err(io::ErrorKind::StorageFull.into()),
                    _ => Ok(()),
                });
                assert_eq!(failed.is_err(), count > 70, "{threads} threads");
            }
        }
    }

    /// Two things are done, also within others and beside work that is shared, and the second one by another
    /// thread if there is one.
    #[test]
    fn two_things_are_done() {
        for threads in [1, 2, 3] {
            let workers = Workers::new(threads).unwrap();
            let crew = Crew::new(workers.clone(), None);
            for _ in 0..20 {
                let mut things = [0; 50];
                let ((inner, id), other) = workers.join(
                    || {
                        crew.each(&mut things, |thing| *thing += 1);
                        let inner = workers.join(|| 1, || 2);
                        (inner, thread::current().id())
                    },
                    || thread::current().id(),
                );
                assert_eq!((things, inner), ([1; 50], (1, 2)));
                assert_eq!(id == other, threads == 1);
                // Whoever panics leaves the threads as they were.
                for panics in [1, 2] {
                    let ask = |which| assert_ne!(which, panics);
                    let both = || workers.join(|| ask(1), || ask(2));
                    let panicked = panic::catch_unwind(AssertUnwindSafe(both));
                    assert!(panicked.is_err());
                }
            }
        }
    }
}
