//! The lane of runs that want every row with its verdict.
//!
//! 1. every chunk is split into rows and judged by itself;
//! 2. the accepted numbers, parted by ranges, are looked for among those seen, each part in the
//!    order of the rows;
//! 3. every batch is counted and formatted by itself, and the sink gets the batches in their order.
//!
//! All of it but the sink's part runs on all threads. A number's part sees its rows in their order,
//! and counts are sums, so nothing depends on threads and chunks.

use crate::check::{self, Judged};
use crate::error::Error;
use crate::parts::{Parted, Parting};
use crate::pipeline::{Files, Format, Pipeline, Rows, Sink, Wants};
use crate::report::{Report, Tally, may_be_national};
use crate::rounds::{Crew, Judge, Lane, Slot, Stash, drive};
use crate::spill::{Budget, Log, LogReader, Part, rewind};
use crate::winner::Winner;
use recipients_core::{Msisdn, Reason, Seen};
use recipients_ingest::{Batch, Chunk, ChunkParser, ParsedChunk, Source};
use std::fs::File;
use std::io::{self, BufWriter};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Chunks that are taken at a time. Enough that numbers of the same part come many at a time; few enough
/// that they stay in the last-level cache.
pub(crate) const ROUND: usize = 8;

/// A batch of rows on its way.
pub(crate) struct Work<P> {
    judged: Judged,
    numbers: Parted<Accepted>,
    /// For each verdict, the [`Winner`].
    winners: Vec<AtomicU64>,
    /// Verdicts that may be national numbers.
    unread: Vec<u32>,
    /// What was made of it; behind a lock only because threads share the work meanwhile.
    part: Mutex<Option<io::Result<P>>>,
}

/// The number of a row that is accepted unless it is a duplicate.
#[derive(Clone, Copy)]
struct Accepted {
    number: Msisdn,
    /// The place of its verdict.
    verdict: u32,
    /// How many lines behind the beginning of the batch the row stands.
    line: u32,
}

impl<P> Default for Work<P> {
    fn default() -> Work<P> {
        Work {
            judged: Judged::default(),
            numbers: Parted::default(),
            winners: Vec::new(),
            unread: Vec::new(),
            part: Mutex::new(None),
        }
    }
}

pub(crate) struct RowRun<'p, S: Sink> {
    judge: RowJudge<'p, S::Format>,
    crew: Crew<'p>,
    state: State<'p, S>,
}

/// What a thread needs to judge rows.
pub(crate) struct RowJudge<'p, F> {
    pipeline: &'p Pipeline<'p>,
    files: Files,
    parting: Parting,
    tallies: Stash<Tally>,
    format: F,
}

/// What depends on the order of rows.
pub(crate) struct State<'p, S> {
    crew: Crew<'p>,
    /// Lines of the files so far.
    lines: u64,
    parts: Vec<Part>,
    /// Of each part the winners of the numbers that were set aside, made of its log.
    winners: Vec<Option<LogReader>>,
    wants_winners: bool,
    budget: Option<&'p Budget>,
    /// The batches that wait for the parts' logs to be read, once there are any.
    spool: Option<Spool>,
    report: Report,
    sink: S,
}

/// Finds the winners of all that is in a part's log.
fn read_log(
    part: &mut Part,
    budget: &Budget,
    wants_winners: bool,
    keeps: bool,
) -> io::Result<Option<LogReader>> {
    let mut seen = new_seen(wants_winners);
    let Some(mut log) = part.read_log(&mut seen, true)? else {
        return Ok(None);
    };
    let mut winners = Log::create(&budget.folder)?;
    while let Some(number) = log.next()? {
        let number = Msisdn::from_u64(number).ok_or(io::ErrorKind::InvalidData)?;
        let winner = winner(&mut seen, number, log.word()?);
        winners.push(winner.to_bits())?;
    }
    if keeps {
        part.keep(&seen);
    }
    winners.read().map(Some)
}

fn new_seen(wants_winners: bool) -> Seen {
    match wants_winners {
        true => Seen::with_places(),
        false => Seen::numbers_only(),
    }
}

/// Which row had the number before.
fn winner(seen: &mut Seen, number: Msisdn, place: u64) -> Winner {
    match seen.insert(number, place) {
        Some(winner) => Winner::duplicate_of(winner),
        None if number.may_have_twin() => {
            let twin = number.likely_twin().and_then(|twin| seen.get(twin));
            twin.map_or(Winner::NONE, Winner::likely)
        }
        None => Winner::NONE,
    }
}

/// Batches on disk, with the index of their file, in their order.
struct Spool {
    out: BufWriter<File>,
    files: Vec<usize>,
}

impl<'p, S: Sink> RowRun<'p, S> {
    pub(crate) fn new(
        pipeline: &'p Pipeline<'p>,
        files: Files,
        sink: S,
        format: S::Format,
        crew: Crew<'p>,
        budget: Option<&'p Budget>,
    ) -> Self {
        let wants_winners = sink.wants() == Wants::Winners;
        RowRun {
            judge: RowJudge {
                pipeline,
                files,
                parting: Parting::at_random(),
                tallies: Stash::new(),
                format,
            },
            crew: crew.clone(),
            state: State {
                crew,
                lines: 0,
                parts: Part::all(budget, || new_seen(wants_winners)),
                winners: Vec::new(),
                wants_winners,
                budget,
                spool: None,
                report: Report::new(pipeline.message.is_some()),
                sink,
            },
        }
    }

    /// All rows of the next file.
    pub(crate) fn file(&mut self, file: usize, mut source: Source) -> Result<(), Error> {
        self.begin();
        let (judge, state, crew) = self.split();
        drive(judge, state, crew, file, &mut source)?;
        self.end(&source);
        Ok(())
    }

    /// The next file begins.
    pub(crate) fn begin(&mut self) {
        self.judge.files.begin(self.state.lines);
    }

    /// A file has been read.
    pub(crate) fn end(&mut self, source: &Source) {
        self.state.report.file(source);
    }

    pub(crate) fn split(&mut self) -> (&RowJudge<'p, S::Format>, &mut State<'p, S>, &Crew<'p>) {
        (&self.judge, &mut self.state, &self.crew)
    }

    pub(crate) fn sink(&mut self) -> &mut S {
        &mut self.state.sink
    }

    pub(crate) fn finish(mut self) -> Result<Report, Error> {
        self.deliver_spooled()?;
        let (parts, mut report) = (self.state.parts, self.state.report);
        if self.judge.pipeline.keeps_accepted {
            report.accepted_numbers = Some(Part::accepted(parts.iter()));
        }
        for tally in self.judge.tallies.into_inner() {
            report.add(&tally);
        }
        Ok(report)
    }

    /// Reads the logs, and hands out the rows that waited for that.
    pub(crate) fn deliver_spooled(&mut self) -> Result<(), Error> {
        let (judge, state, crew) = self.split();
        let (Some(spool), Some(budget)) = (state.spool.take(), state.budget) else {
            return Ok(());
        };
        let failed = |error| budget.failed(error);
        let (winners, keeps) = (state.wants_winners, judge.pipeline.keeps_accepted);
        let mut parts: Vec<(&mut Part, Option<LogReader>)> =
            state.parts.iter_mut().map(|part| (part, None)).collect();
        crew.try_each(&mut parts, |(part, read)| {
            *read = read_log(part, budget, winners, keeps)?;
            Ok(())
        })
        .map_err(failed)?;
        state.winners = parts.into_iter().map(|(_, read)| read).collect();
        let mut batches = rewind(spool.out).map_err(failed)?;
        let mut slots = Vec::new();
        for files in spool.files.chunk_by(|one, next| one == next) {
            let file = files[0];
            for round in files.chunks(ROUND) {
                slots.resize_with(round.len(), Slot::default);
                for slot in &mut slots {
                    slot.batch.read_from(&mut batches).map_err(failed)?;
                }
                crew.go_on()?;
                crew.each(&mut slots, |slot: &mut Slot<_>| {
                    judge.again(file, &slot.batch, &mut slot.work);
                });
                state.read_winners(&slots).map_err(failed)?;
                state.deliver(judge, file, &mut slots)?;
            }
        }
        Ok(())
    }
}

type Slots<S> = [Slot<Work<<<S as Sink>::Format as Format>::Part>>];

impl<S: Sink> State<'_, S> {
    /// D2: looks for the accepted numbers among those seen, in the order of the rows; or sets them
    /// aside.
    fn look_up(&mut self, files: &Files, file: usize, slots: &Slots<S>) -> io::Result<()> {
        let wants_winners = self.wants_winners;
        let mut parts: Vec<(usize, &mut Part)> = self.parts.iter_mut().enumerate().collect();
        self.crew.try_each(&mut parts, |(at, part)| {
            for slot in slots {
                let work = &slot.work;
                let before = files.place(file, slot.batch.lines_before());
                for accepted in work.numbers.part(*at).flatten() {
                    let place = match wants_winners {
                        true => before + u64::from(accepted.line),
                        false => 0,
                    };
                    match part.log() {
                        Some(log) => {
                            log.push(accepted.number.as_u64())?;
                            log.push(place)?;
                        }
                        None => {
                            let winner = winner(&mut part.seen, accepted.number, place);
                            let verdict = accepted.verdict as usize;
                            work.winners[verdict].store(winner.to_bits(), Ordering::Relaxed);
                        }
                    }
                }
            }
            Ok(())
        })
    }

    /// [`State::look_up`] for batches that were set aside.
    fn read_winners(&mut self, slots: &Slots<S>) -> io::Result<()> {
        let mut parts: Vec<(usize, &mut LogReader)> = self
            .winners
            .iter_mut()
            .enumerate()
            .filter_map(|(at, winners)| Some((at, winners.as_mut()?)))
            .collect();
        self.crew.try_each(&mut parts, |(at, winners)| {
            for slot in slots {
                for accepted in slot.work.numbers.part(*at).flatten() {
                    let (winner, verdict) = (winners.word()?, accepted.verdict as usize);
                    slot.work.winners[verdict].store(winner, Ordering::Relaxed);
                }
            }
            Ok(())
        })
    }

    /// Counts and formats rows whose winners are known, and gives them to the sink.
    fn deliver(
        &mut self,
        judge: &RowJudge<'_, S::Format>,
        file: usize,
        slots: &mut Slots<S>,
    ) -> Result<(), Error> {
        self.crew.each(slots, |slot| judge.settle(file, slot));
        for slot in slots {
            let Work {
                judged,
                winners,
                unread,
                part,
                ..
            } = &mut slot.work;
            let rows = Rows::new(&judge.files, file, &slot.batch, judged, winners);
            for &at in &*unread {
                self.report.unread.push(rows.get(at as usize).input());
            }
            let part = part.get_mut().unwrap_or_else(PoisonError::into_inner);
            if let Some(part) = part.take() {
                let taken = part.and_then(|part| self.sink.rows(&rows, part));
                taken.map_err(Error::Sink)?;
            }
        }
        Ok(())
    }

    /// Sets the numbers aside if they take too much memory: from now on, all rows wait.
    fn spill_if_needed(&mut self) -> Result<(), Error> {
        let Some(budget) = self.budget else {
            return Ok(());
        };
        if !budget.is_exceeded(self.parts.iter().map(|part| &part.seen)) {
            return Ok(());
        }
        let mut spill = || {
            self.crew
                .try_each(&mut self.parts, |part| part.spill(budget, true))?;
            self.spool = Some(Spool {
                out: BufWriter::with_capacity(1 << 18, tempfile::tempfile_in(&budget.folder)?),
                files: Vec::new(),
            });
            Ok(())
        };
        spill().map_err(|error| budget.failed(error))
    }
}

impl<'p, S: Sink> Lane<RowJudge<'p, S::Format>> for State<'p, S> {
    const CHUNK: Option<usize> = None;
    const ROUND: usize = ROUND;
    const WANTS_ROWS: bool = true;

    fn take(
        &mut self,
        judge: &RowJudge<'p, S::Format>,
        file: usize,
        slots: &mut Slots<S>,
    ) -> Result<(), Error> {
        let mut set_aside = self.look_up(&judge.files, file, slots);
        if let Some(spool) = &mut self.spool {
            set_aside = set_aside.and_then(|()| {
                slots.iter().try_for_each(|slot| {
                    spool.files.push(file);
                    slot.batch.write_to(&mut spool.out)
                })
            });
        }
        if let (Err(error), Some(budget)) = (set_aside, self.budget) {
            return Err(budget.failed(error));
        }
        self.crew.go_on()?;
        if self.spool.is_none() {
            self.deliver(judge, file, slots)?;
            self.spill_if_needed()?;
        }
        // Of rows that have been handed on, or set aside.
        for slot in &*slots {
            let verdicts = slot.work.judged.verdicts.len() as u64;
            self.sink.progress(file, verdicts, slot.end);
        }
        let mut batches = slots.iter().rev().map(|slot| &slot.batch);
        if let Some(batch) = batches.find(|batch| !batch.is_empty()) {
            let last = batch.row(batch.len() - 1).number();
            self.lines = judge.files.place(file, last);
        }
        Ok(())
    }
}

impl<F: Format> RowJudge<'_, F> {
    /// All that comes after the numbers have been looked for.
    fn settle(&self, file: usize, slot: &mut Slot<Work<F::Part>>) {
        let work = &mut slot.work;
        let likely = work.judged.duplicates(&work.winners);
        let tally = || Tally::new(self.pipeline.message.is_some());
        self.tallies.with(tally, |tally| {
            tally.count(&work.judged);
            tally.likely_duplicates += likely;
        });
        work.unread.clear();
        if self.pipeline.checker.policy().default_region().is_none() {
            let verdicts = work.judged.verdicts.iter().enumerate();
            let unread = verdicts.filter(|(_, verdict)| may_be_national(verdict.reason()));
            work.unread.extend(unread.map(|(at, _)| at as u32));
        }
        let rows = Rows::new(&self.files, file, &slot.batch, &work.judged, &work.winners);
        let part = self.format.format(&rows);
        *work.part.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(part);
    }
}

impl<F: Format> Judge for RowJudge<'_, F> {
    type Work = Work<F::Part>;

    fn chunk(
        &self,
        file: usize,
        parser: &ChunkParser,
        chunk: Chunk,
        work: &mut Work<F::Part>,
    ) -> ParsedChunk {
        let parsed = parser.parse(chunk);
        self.again(file, parsed.batch(), work);
        parsed
    }

    fn again(&self, file: usize, batch: &Batch, work: &mut Work<F::Part>) {
        let info = &self.files.infos()[file];
        work.judged = check::check(self.pipeline.checker, info.check(), batch);
        let verdicts = work.judged.verdicts.iter().enumerate();
        work.numbers.clear();
        for (at, verdict) in verdicts {
            if let (true, Some(number)) = (verdict.is_accepted(), verdict.msisdn()) {
                let row = batch.row(work.judged.row(at));
                let accepted = Accepted {
                    number,
                    verdict: at as u32,
                    line: (row.number() - batch.lines_before()) as u32,
                };
                work.numbers.push(accepted, self.parting.part_of(number));
            }
        }
        work.winners.clear();
        let verdicts = work.judged.verdicts.len();
        work.winners
            .resize_with(verdicts, || AtomicU64::new(Winner::NONE.to_bits()));
    }
}

impl Judged {
    /// Rows whose numbers were seen before are duplicates; how many are likely to be.
    fn duplicates(&mut self, winners: &[AtomicU64]) -> u64 {
        let mut likely = 0;
        for (at, winner) in winners.iter().enumerate() {
            let winner = Winner::from_bits(winner.load(Ordering::Relaxed));
            likely += u64::from(winner.is_likely());
            if winner.is_duplicate() {
                self.verdicts[at] = self.verdicts[at].but(Reason::Duplicate);
                self.without_segments(at);
            }
        }
        likely
    }
}
