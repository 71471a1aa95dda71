//! One run: rounds of chunks, each through four stages.
//!
//! 1. every chunk of the file is split into rows and judged by itself;
//! 2. the chunks are joined in their order, which tells their lines, and those that begin within a
//!    quoted field are split and judged again;
//! 3. the accepted numbers, parted by ranges, are looked for among those seen, each part in the
//!    order of the rows;
//! 4. every batch is counted and formatted by itself, and the sink gets the batches in their order.
//!
//! All of it but the joining and the sink's part runs on all threads. What comes out does not depend
//! on how the file is parted into chunks and rounds, nor on the threads: a number's part sees its
//! rows in their order, and counts are sums.

use crate::check::{self, Judged};
use crate::error::Error;
use crate::pipeline::{Files, Format, Pipeline, Rows, Sink};
use crate::report::{Report, Tally, may_be_national};
use rayon::prelude::*;
use recipients_core::{Msisdn, Reason, Seen};
use recipients_ingest::{Batch, Chunk, ChunkParser, ParsedChunk, Source};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// No row before has the number.
pub(crate) const NOT_SEEN: u64 = 0;
/// A row before has it, and nobody wants to know which.
pub(crate) const SEEN_SOMEWHERE: u64 = u64::MAX;

/// Parts that numbers are sorted into, so that threads can look for them side by side.
const PARTS: usize = 64;

/// Bytes that the sets of numbers may take beyond what they need, to be quicker: enough for bitmaps
/// over the mobile numbers of a large country.
const SPENT: usize = 128 << 20;

/// Batches of a round. Enough that numbers of the same part come many at a time; few enough that a
/// round stays in the last-level cache.
const ROUND: usize = 32;

/// The state of a run: all that depends on the order of rows.
pub(crate) struct Run<'p, S: Sink> {
    pipeline: &'p Pipeline<'p>,
    pool: Option<&'p rayon::ThreadPool>,
    files: Files,
    /// Lines of the files so far.
    lines: u64,
    seen: Vec<Mutex<Seen>>,
    wants_winners: bool,
    tallies: Mutex<Vec<Tally>>,
    report: Report,
    sink: S,
    format: S::Format,
}

/// A batch on its way.
struct Work<P> {
    /// As it was read.
    chunk: Option<Chunk>,
    parsed: Option<ParsedChunk>,
    /// Its rows turned out to be others than they seemed.
    changed: bool,
    batch: Batch,
    judged: Judged,
    numbers: Numbers,
    /// For each verdict, the place of the row that won, [`NOT_SEEN`] or [`SEEN_SOMEWHERE`].
    winners: Vec<AtomicU64>,
    /// Verdicts that may be national numbers.
    unread: Vec<u32>,
    /// What was made of it; behind a lock only because threads share the work meanwhile.
    part: Mutex<Option<io::Result<P>>>,
}

impl<P> Default for Work<P> {
    fn default() -> Work<P> {
        Work {
            chunk: None,
            parsed: None,
            changed: false,
            batch: Batch::new(),
            judged: Judged::default(),
            numbers: Numbers::default(),
            winners: Vec::new(),
            unread: Vec::new(),
            part: Mutex::new(None),
        }
    }
}

/// Batches that travel together, and how many of them are filled.
struct Round<P> {
    works: Vec<Work<P>>,
    filled: usize,
}

impl<P> Default for Round<P> {
    fn default() -> Round<P> {
        Round {
            works: Vec::new(),
            filled: 0,
        }
    }
}

impl<P> Round<P> {
    fn read(&mut self, source: &mut Source) -> Result<(), Error> {
        self.filled = 0;
        while self.filled < ROUND {
            if self.works.len() == self.filled {
                self.works.push(Work::default());
            }
            let work = &mut self.works[self.filled];
            work.chunk = source.next_chunk(std::mem::take(&mut work.batch))?;
            if work.chunk.is_none() {
                break;
            }
            self.filled += 1;
        }
        Ok(())
    }

    /// The number of the last row.
    fn last_row(&self) -> Option<u64> {
        let works = self.works[..self.filled].iter().rev();
        let batch = works
            .map(|work| &work.batch)
            .find(|batch| !batch.is_empty())?;
        Some(batch.row(batch.len() - 1).number())
    }
}

/// The accepted numbers of a batch, sorted into parts, in the order of the rows within each.
#[derive(Default)]
struct Numbers {
    /// With the places of their verdicts.
    sorted: Vec<(Msisdn, u32)>,
    starts: Vec<u32>,
    parts: Vec<u8>,
}

impl Numbers {
    fn sort(&mut self, judged: &Judged) {
        let mut starts = [0u32; PARTS + 1];
        self.parts.clear();
        let accepted = || {
            judged
                .verdicts
                .iter()
                .enumerate()
                .filter_map(|(at, verdict)| {
                    let number = verdict.msisdn().filter(|_| verdict.is_accepted())?;
                    Some((number, at as u32))
                })
        };
        let mut first = None;
        for (number, _) in accepted() {
            first = first.or(Some(number));
            let part = part_of(number);
            self.parts.push(part);
            starts[usize::from(part) + 1] += 1;
        }
        for part in 0..PARTS {
            starts[part + 1] += starts[part];
        }
        self.starts.clear();
        self.starts.extend_from_slice(&starts);
        self.sorted.clear();
        if let Some(number) = first {
            self.sorted.resize(self.parts.len(), (number, 0));
        }
        for (entry, &part) in accepted().zip(&self.parts) {
            let next = &mut starts[usize::from(part)];
            self.sorted[*next as usize] = entry;
            *next += 1;
        }
    }

    fn part(&self, part: usize) -> &[(Msisdn, u32)] {
        &self.sorted[self.starts[part] as usize..self.starts[part + 1] as usize]
    }
}

/// Four million numbers that follow each other stay together, so that the set finds them close by.
fn part_of(number: Msisdn) -> u8 {
    const BITS: u32 = 22;
    let range = number.as_u64() >> BITS;
    (range.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PARTS.ilog2())) as u8
}

impl<'p, S: Sink> Run<'p, S>
where
    S::Format: Format,
{
    pub(crate) fn new(
        pipeline: &'p Pipeline<'p>,
        sources: &[Source],
        mut sink: S,
        pool: Option<&'p rayon::ThreadPool>,
    ) -> Result<Self, Error> {
        let files = Files::open(pipeline, sources)?;
        let format = sink.start(files.infos()).map_err(Error::Sink)?;
        let wants_winners = sink.wants_winners();
        let set = || {
            let set = match wants_winners {
                true => Seen::with_places(),
                false => Seen::numbers_only(),
            };
            set.spending(SPENT / PARTS)
        };
        Ok(Run {
            pipeline,
            pool,
            files,
            lines: 0,
            seen: (0..PARTS).map(|_| Mutex::new(set())).collect(),
            wants_winners,
            tallies: Mutex::default(),
            report: Report::new(pipeline.message.is_some()),
            sink,
            format,
        })
    }

    /// All rows of the next file.
    pub(crate) fn file(&mut self, file: usize, mut source: Source) -> Result<(), Error> {
        self.files.begin(self.lines);
        let parser = source.parser();
        let (mut current, mut next) = (Round::default(), Round::default());
        current.read(&mut source)?;
        while current.filled > 0 {
            let works = &mut current.works[..current.filled];
            let stages = Stages {
                pipeline: self.pipeline,
                pool: self.pool,
                files: &self.files,
                file,
                parser: &parser,
                seen: &self.seen,
                wants_winners: self.wants_winners,
                tallies: &self.tallies,
                format: &self.format,
            };
            let (judged, read) = match self.pool {
                None => (stages.read(works), next.read(&mut source)),
                Some(pool) => pool.join(|| stages.read(works), || next.read(&mut source)),
            };
            judged?;
            // Rows before a fault are handed out whatever the round.
            let (joined, fault) = join(&mut source, works);
            let works = &mut works[..joined];
            match self.pool {
                None => stages.settle_all(works)?,
                Some(pool) => pool.install(|| stages.settle_all(works))?,
            }
            for work in works {
                let rows = Rows::new(&self.files, file, &work.batch, &work.judged, &work.winners);
                for &at in &work.unread {
                    self.report.unread(rows.get(at as usize).input());
                }
                let part = work.part.get_mut().unwrap_or_else(PoisonError::into_inner);
                if let Some(part) = part.take() {
                    let taken = part.and_then(|part| self.sink.rows(&rows, part));
                    taken.map_err(Error::Sink)?;
                }
            }
            fault?;
            if let Some(last) = current.last_row() {
                self.lines = self.files.place(file, last);
            }
            read?;
            std::mem::swap(&mut current, &mut next);
        }
        self.report.skipped_blank += source.skipped_blank();
        let notes = source.notes().iter();
        self.report
            .notes
            .extend(notes.map(|&note| (source.name().to_owned(), note)));
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Report {
        let tallies = self.tallies.into_inner();
        for tally in tallies.unwrap_or_else(PoisonError::into_inner) {
            self.report.add(&tally);
        }
        self.report
    }
}

/// Puts the chunks of a round in their places; how many there are before the file cannot be read
/// further.
fn join<P>(source: &mut Source, works: &mut [Work<P>]) -> (usize, Result<(), Error>) {
    for (at, work) in works.iter_mut().enumerate() {
        let Some(mut parsed) = work.parsed.take() else {
            continue;
        };
        match source.join(&mut parsed) {
            Ok(changed) => work.changed = changed,
            Err(error) => return (at, Err(error.into())),
        }
        work.batch = parsed.into_batch();
    }
    (works.len(), Ok(()))
}

/// What the stages of a round share.
struct Stages<'s, F> {
    pipeline: &'s Pipeline<'s>,
    pool: Option<&'s rayon::ThreadPool>,
    files: &'s Files,
    file: usize,
    parser: &'s ChunkParser,
    seen: &'s [Mutex<Seen>],
    wants_winners: bool,
    tallies: &'s Mutex<Vec<Tally>>,
    format: &'s F,
}

impl<F: Format> Stages<'_, F> {
    /// Splits and judges every chunk by itself.
    fn read(&self, works: &mut [Work<F::Part>]) -> Result<(), Error> {
        self.go_on()?;
        self.each(works, |work| {
            if let Some(chunk) = work.chunk.take() {
                let parsed = self.parser.parse(chunk);
                work.judged = self.judge(parsed.batch());
                work.numbers.sort(&work.judged);
                work.parsed = Some(parsed);
            }
        });
        Ok(())
    }

    /// All that comes after the chunks have been joined.
    fn settle_all(&self, works: &mut [Work<F::Part>]) -> Result<(), Error> {
        self.go_on()?;
        self.each(works, |work| {
            if std::mem::take(&mut work.changed) {
                work.judged = self.judge(&work.batch);
                work.numbers.sort(&work.judged);
            }
            work.winners.clear();
            let verdicts = work.judged.verdicts.len();
            work.winners
                .resize_with(verdicts, || AtomicU64::new(NOT_SEEN));
        });
        let works_ref = &*works;
        match self.pool {
            None => (0..PARTS).for_each(|part| self.look_for(part, works_ref)),
            Some(_) => (0..PARTS)
                .into_par_iter()
                .for_each(|part| self.look_for(part, works_ref)),
        }
        self.go_on()?;
        self.each(works, |work| self.settle(work));
        Ok(())
    }

    fn go_on(&self) -> Result<(), Error> {
        match self.pipeline.cancel {
            Some(flag) if flag.load(Ordering::Relaxed) => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }

    fn each(&self, works: &mut [Work<F::Part>], stage: impl Fn(&mut Work<F::Part>) + Sync + Send) {
        match self.pool {
            None => works.iter_mut().for_each(stage),
            Some(_) => works.par_iter_mut().for_each(stage),
        }
    }

    fn judge(&self, batch: &Batch) -> Judged {
        let (pipeline, info) = (self.pipeline, &self.files.infos()[self.file]);
        check::check(
            pipeline.checker,
            pipeline.message.as_ref(),
            info.check(),
            batch,
        )
    }

    /// D2: looks for the numbers of a part among those seen, in the order of the rows.
    fn look_for(&self, part: usize, works: &[Work<F::Part>]) {
        let mut seen = self.seen[part]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for work in works {
            for &(number, at) in work.numbers.part(part) {
                let at = at as usize;
                let place = match self.wants_winners {
                    true => {
                        let row = work.batch.row(work.judged.row(at)).number();
                        self.files.place(self.file, row)
                    }
                    false => 0,
                };
                if let Some(winner) = seen.insert(number, place) {
                    let winner = if winner == 0 { SEEN_SOMEWHERE } else { winner };
                    work.winners[at].store(winner, Ordering::Relaxed);
                }
            }
        }
    }

    fn settle(&self, work: &mut Work<F::Part>) {
        work.judged.duplicates(&work.winners);
        let lock = || self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = lock().pop();
        let mut tally = tally.unwrap_or_else(|| Tally::new(self.pipeline.message.is_some()));
        tally.count(&work.judged);
        lock().push(tally);
        work.unread.clear();
        if self.pipeline.checker.policy().default_region().is_none() {
            let verdicts = work.judged.verdicts.iter().enumerate();
            let unread = verdicts.filter(|(_, verdict)| may_be_national(verdict.reason()));
            work.unread.extend(unread.map(|(at, _)| at as u32));
        }
        let rows = Rows::new(
            self.files,
            self.file,
            &work.batch,
            &work.judged,
            &work.winners,
        );
        let part = self.format.format(&rows);
        *work.part.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(part);
    }
}

impl Judged {
    /// Rows whose numbers were seen before are duplicates.
    fn duplicates(&mut self, winners: &[AtomicU64]) {
        for (at, winner) in winners.iter().enumerate() {
            if winner.load(Ordering::Relaxed) != NOT_SEEN {
                self.verdicts[at] = self.verdicts[at].but(Reason::Duplicate);
                self.without_segments(at);
            }
        }
    }
}
