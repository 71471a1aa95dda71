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
use crate::parts::{PARTS, Parted, part_of};
use crate::pipeline::{Files, Format, NOT_SEEN, Pipeline, Rows, SEEN_SOMEWHERE, Sink, Wants};
use crate::report::{Report, Tally, may_be_national};
use crate::rounds::{Crew, Judge, Lane, Slot, Stash, drive};
use crate::sums::SPENT;
use recipients_core::{Msisdn, NumberSet, Reason, Seen};
use recipients_ingest::{Batch, Chunk, ChunkParser, ParsedChunk, Source};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A batch of rows on its way.
pub(crate) struct Work<P> {
    judged: Judged,
    /// The accepted numbers, with the places of their verdicts.
    accepted: Vec<(Msisdn, u32)>,
    /// The same by parts.
    numbers: Parted<(Msisdn, u32)>,
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
            judged: Judged::default(),
            accepted: Vec::new(),
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
    tallies: Stash<Tally>,
    format: F,
}

/// What depends on the order of rows.
struct State<'p, S> {
    crew: Crew<'p>,
    /// Lines of the files so far.
    lines: u64,
    /// The numbers of each part that were accepted so far.
    seen: Vec<Seen>,
    wants_winners: bool,
    report: Report,
    sink: S,
}

impl<'p, S: Sink> RowRun<'p, S> {
    pub(crate) fn new(
        pipeline: &'p Pipeline<'p>,
        files: Files,
        sink: S,
        format: S::Format,
        crew: Crew<'p>,
    ) -> Self {
        let wants_winners = sink.wants() == Wants::Winners;
        let set = |_| {
            let set = match wants_winners {
                true => Seen::with_places(),
                false => Seen::numbers_only(),
            };
            set.spending(SPENT / PARTS)
        };
        RowRun {
            judge: RowJudge {
                pipeline,
                files,
                tallies: Stash::new(),
                format,
            },
            crew,
            state: State {
                crew,
                lines: 0,
                seen: (0..PARTS).map(set).collect(),
                wants_winners,
                report: Report::new(pipeline.message.is_some()),
                sink,
            },
        }
    }

    /// All rows of the next file.
    pub(crate) fn file(&mut self, file: usize, mut source: Source) -> Result<(), Error> {
        self.judge.files.begin(self.state.lines);
        drive(&self.judge, &mut self.state, self.crew, file, &mut source)?;
        self.state.report.file(&source);
        Ok(())
    }

    pub(crate) fn finish(self) -> Report {
        let mut report = self.state.report;
        if self.judge.pipeline.keeps_accepted {
            report.accepted_numbers = Some(NumberSet::of_seen(&self.state.seen));
        }
        for tally in self.judge.tallies.into_inner() {
            report.add(&tally);
        }
        report
    }
}

impl<S: Sink> State<'_, S> {
    /// D2: looks for the accepted numbers among those seen, in the order of the rows.
    fn look_up(
        &mut self,
        files: &Files,
        file: usize,
        slots: &[Slot<Work<<S::Format as Format>::Part>>],
    ) {
        let wants_winners = self.wants_winners;
        let mut parts: Vec<(usize, &mut Seen)> = self.seen.iter_mut().enumerate().collect();
        self.crew.each(&mut parts, |(part, seen)| {
            for slot in slots {
                let work = &slot.work;
                for &(number, at) in work.numbers.part(*part) {
                    let at = at as usize;
                    let place = match wants_winners {
                        true => files.place(file, slot.batch.row(work.judged.row(at)).number()),
                        false => 0,
                    };
                    if let Some(winner) = seen.insert(number, place) {
                        let winner = if winner == 0 { SEEN_SOMEWHERE } else { winner };
                        work.winners[at].store(winner, Ordering::Relaxed);
                    }
                }
            }
        });
    }
}

impl<S: Sink> Lane<RowJudge<'_, S::Format>> for State<'_, S> {
    fn take(
        &mut self,
        judge: &RowJudge<'_, S::Format>,
        file: usize,
        slots: &mut [Slot<Work<<S::Format as Format>::Part>>],
    ) -> Result<(), Error> {
        self.look_up(&judge.files, file, slots);
        self.crew.go_on()?;
        self.crew.each(slots, |slot| judge.settle(file, slot));
        for slot in &mut *slots {
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
            self.sink.progress(file, rows.len() as u64, slot.end);
            let part = part.get_mut().unwrap_or_else(PoisonError::into_inner);
            if let Some(part) = part.take() {
                let taken = part.and_then(|part| self.sink.rows(&rows, part));
                taken.map_err(Error::Sink)?;
            }
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
        work.judged.duplicates(&work.winners);
        let tally = || Tally::new(self.pipeline.message.is_some());
        self.tallies.with(tally, |tally| tally.count(&work.judged));
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
        let message = self.pipeline.message.as_ref();
        work.judged = check::check(self.pipeline.checker, message, info.check(), batch);
        let verdicts = work.judged.verdicts.iter().enumerate();
        let accepted = verdicts.filter_map(|(at, verdict)| {
            let number = verdict.msisdn().filter(|_| verdict.is_accepted())?;
            Some((number, at as u32))
        });
        work.accepted.clear();
        work.accepted.extend(accepted);
        work.numbers
            .sort(&work.accepted, |&(number, _)| part_of(number));
        work.winners.clear();
        let verdicts = work.judged.verdicts.len();
        work.winners
            .resize_with(verdicts, || AtomicU64::new(NOT_SEEN));
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
