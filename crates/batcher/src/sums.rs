//! The lane of runs that want no rows, only the sums of the [`Report`].
//!
//! Nothing is kept of a row but the number, if it is accepted, until it is known whether it is a
//! duplicate. Plain lines are not even made into rows. The lane with rows ([`crate::rows`]) comes
//! to the same sums (property test `threads_and_chunks_do_not_show`).

use crate::check::{self, Judged};
use crate::error::Error;
use crate::parts::{Parted, Parting};
use crate::pipeline::{Files, Pipeline, Rows, Sink};
use crate::report::{Counts, Report, Unread, may_be_national};
use crate::rounds::{Crew, Judge, Lane, Slot, Stash, drive};
use crate::spill::{Budget, Part};
use recipients_core::{Candidate, Census, Classes, Code, Seen, SeveralNumbers, Verdict};
use recipients_ingest::{Batch, Chunk, ChunkParser, ColumnRun, ParsedChunk, Source};
use std::io;

/// Candidates that are looked for together. So many that those of the same range are many, too; and
/// all in the last-level cache.
const WINDOW: usize = 1 << 20;

/// Briefs that wait, at most: those of a list without good numbers never come to a window.
const MOST_BRIEFS: usize = 256;

/// What is left of a chunk.
#[derive(Default)]
pub(crate) struct Brief {
    /// Of the rejected.
    counts: Counts,
    unread: Unread,
    candidates: Parted<Candidate>,
}

impl Brief {
    fn clear(&mut self) {
        self.counts.clear();
        self.unread = Unread::default();
    }

    fn reject(&mut self, verdict: &Verdict, cell: &str, keep_unread: bool) {
        self.counts.count(verdict);
        if keep_unread && may_be_national(verdict.reason()) {
            self.unread.push(cell);
        }
    }
}

/// What a thread works with.
struct Desk<'p> {
    census: Census<'p>,
    /// Of the chunk at hand.
    candidates: Vec<Candidate>,
}

pub(crate) struct Sums<'p, S> {
    judge: SumsJudge<'p>,
    crew: Crew<'p>,
    totals: Totals<'p, S>,
}

/// What a thread needs to make a brief.
pub(crate) struct SumsJudge<'p> {
    pipeline: &'p Pipeline<'p>,
    files: Files,
    classes: Classes,
    parting: Parting,
    desks: Stash<Desk<'p>>,
    /// Whether it is worth knowing which cells may be national numbers.
    keeps_unread: bool,
}

/// Settles what is in a part's log.
fn read_log(part: &mut Part, judge: &SumsJudge<'_>) -> io::Result<()> {
    const BATCH: usize = 1 << 16;
    let mut seen = Seen::numbers_only();
    let Some(mut log) = part.read_log(&mut seen, false)? else {
        return Ok(());
    };
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        batch.clear();
        while batch.len() < BATCH
            && let Some(word) = log.next()?
        {
            batch.push(Candidate::from_bits(word).ok_or(io::ErrorKind::InvalidData)?);
        }
        if batch.is_empty() {
            break;
        }
        let batches = std::iter::once(&batch[..]);
        judge.at_desk(|desk| desk.census.settle(batches, &mut seen));
    }
    if judge.pipeline.keeps_accepted {
        part.keep(&seen);
    }
    Ok(())
}

/// What the briefs come to.
struct Totals<'p, S> {
    crew: Crew<'p>,
    budget: Option<&'p Budget>,
    parts: Vec<Part>,
    is_spilled: bool,
    /// Briefs whose candidates have not been settled, and those that can be used again.
    window: Vec<Brief>,
    spare: Vec<Brief>,
    counts: Counts,
    report: Report,
    sink: S,
}

impl<'p, S: Sink> Sums<'p, S> {
    pub(crate) fn new(pipeline: &'p Pipeline<'p>, files: Files, sink: S, crew: Crew<'p>) -> Self {
        let budget = pipeline.budget.as_ref();
        Sums {
            judge: SumsJudge {
                pipeline,
                files,
                classes: Classes::default(),
                parting: Parting::at_random(),
                desks: Stash::new(),
                keeps_unread: pipeline.checker.policy().default_region().is_none(),
            },
            crew: crew.clone(),
            totals: Totals {
                crew,
                budget,
                parts: Part::all(budget, Seen::numbers_only),
                is_spilled: false,
                window: Vec::new(),
                spare: Vec::new(),
                counts: Counts::default(),
                report: Report::new(false),
                sink,
            },
        }
    }

    /// All rows of the next file.
    pub(crate) fn file(&mut self, file: usize, mut source: Source) -> Result<(), Error> {
        drive(&self.judge, &mut self.totals, &self.crew, file, &mut source)?;
        self.totals.report.file(&source);
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Report, Error> {
        let Sums {
            judge, mut totals, ..
        } = self;
        totals.settle(&judge)?;
        totals.read_logs(&judge)?;
        let mut report = totals.report;
        if judge.pipeline.keeps_accepted {
            report.accepted_numbers = Some(Part::accepted(totals.parts.iter()));
        }
        report.add_counts(&totals.counts);
        for desk in judge.desks.into_inner() {
            report.likely_duplicates += desk.census.likely_duplicates();
            for (verdict, count) in desk.census.counts() {
                report.add_verdicts(verdict, count);
            }
        }
        Ok(report)
    }
}

impl<'p, S> Totals<'p, S> {
    /// Finds out which candidates are duplicates, or sets them aside.
    fn settle(&mut self, judge: &SumsJudge<'p>) -> Result<(), Error> {
        let window = &self.window;
        let mut parts: Vec<(usize, &mut Part)> = self.parts.iter_mut().enumerate().collect();
        let settled = self.crew.try_each(&mut parts, |(at, part)| {
            let batches = window.iter().map(|brief| brief.candidates.part(*at));
            match part.log() {
                None => judge.at_desk(|desk| desk.census.settle(batches, &mut part.seen)),
                Some(log) => {
                    for candidate in batches.flatten() {
                        log.push(candidate.to_bits())?;
                    }
                }
            }
            Ok(())
        });
        self.done(settled)?;
        self.spare.append(&mut self.window);
        if let Some(budget) = self.budget
            && !self.is_spilled
            && budget.is_exceeded(self.parts.iter().map(|part| &part.seen))
        {
            self.is_spilled = true;
            let spilled = self
                .crew
                .try_each(&mut self.parts, |part| part.spill(budget, false));
            self.done(spilled)?;
        }
        Ok(())
    }

    fn read_logs(&mut self, judge: &SumsJudge<'p>) -> Result<(), Error> {
        let read = self
            .crew
            .try_each(&mut self.parts, |part| read_log(part, judge));
        self.done(read)
    }

    /// Only what is set aside can fail.
    fn done(&self, result: io::Result<()>) -> Result<(), Error> {
        match (result, self.budget) {
            (Err(error), Some(budget)) => Err(budget.failed(error)),
            _ => Ok(()),
        }
    }
}

impl<'p, S: Sink> Lane<SumsJudge<'p>> for Totals<'p, S> {
    fn take(
        &mut self,
        judge: &SumsJudge<'p>,
        file: usize,
        slots: &mut [Slot<Brief>],
    ) -> Result<(), Error> {
        for slot in slots {
            let spare = self.spare.pop().unwrap_or_default();
            let mut brief = std::mem::replace(&mut slot.work, spare);
            self.counts.add(&brief.counts);
            let unread = std::mem::take(&mut brief.unread);
            self.report.unread.append(&unread);
            let verdicts = brief.candidates.len() as u64 + brief.counts.total();
            self.sink.progress(file, verdicts, slot.end);
            self.window.push(brief);
        }
        let in_window = self.window.iter().map(|brief| brief.candidates.len());
        let in_window: usize = in_window.sum();
        // Candidates that wait take memory, too.
        let most = self
            .budget
            .map_or(WINDOW, |budget| WINDOW.min(budget.bytes / 16));
        if in_window >= most || self.window.len() >= MOST_BRIEFS {
            self.settle(judge)?;
        }
        Ok(())
    }
}

impl<'p> SumsJudge<'p> {
    fn at_desk<R>(&self, work: impl FnOnce(&mut Desk<'p>) -> R) -> R {
        let new = || Desk {
            census: Census::new(self.pipeline.checker, &self.classes),
            candidates: Vec::new(),
        };
        self.desks.with(new, work)
    }

    /// Whether a row comes to what its cell comes to, unless that is empty.
    fn is_simple(&self, file: usize) -> bool {
        let check = self.files.infos()[file].check();
        let explode = self.pipeline.checker.policy().several() == SeveralNumbers::Explode;
        // Of a list whose sample had no rows, it is not known how many columns it has.
        !explode && check.annotations.is_none() && check.own > 0
    }

    /// Fills a brief: `judge` hands out the candidates and rejects the others.
    fn fill(
        &self,
        brief: &mut Brief,
        judge: impl FnOnce(&mut Census<'p>, &mut Vec<Candidate>, &mut Brief),
    ) {
        brief.clear();
        self.at_desk(|desk| {
            desk.candidates.clear();
            judge(&mut desk.census, &mut desk.candidates, brief);
            let part = |candidate: &Candidate| self.parting.part_of(candidate.msisdn());
            brief.candidates.sort(&desk.candidates, part);
        });
    }

    /// Plain rows, and others, by their recipients.
    fn column<'c>(
        &self,
        file: usize,
        runs: impl Iterator<Item = ColumnRun<'c>>,
        batch: &Batch,
        brief: &mut Brief,
    ) {
        let check = self.files.infos()[file].check();
        let cells = check.cells(batch);
        self.fill(brief, |census, candidates, brief| {
            for run in runs {
                match run {
                    ColumnRun::Cells(lines) => census.lines(
                        lines,
                        |candidate| candidates.push(candidate),
                        |cell, verdict| brief.reject(&verdict, cell, self.keeps_unread),
                    ),
                    ColumnRun::Rows(rows) => census.cells(
                        &cells[rows.clone()],
                        |_, candidate| candidates.push(candidate),
                        |at, verdict| {
                            let at = rows.start + at;
                            let verdict = match verdict.code() {
                                Code::Empty => check::empty(check, &batch.row(at), verdict).0,
                                _ => verdict,
                            };
                            brief.reject(&verdict, cells[at], self.keeps_unread);
                        },
                    ),
                }
            }
        });
    }

    fn rows(&self, file: usize, batch: &Batch, brief: &mut Brief) {
        let info = &self.files.infos()[file];
        let judged: Judged = check::check(self.pipeline.checker, None, info.check(), batch);
        let rows = Rows::new(&self.files, file, batch, &judged, &[]);
        self.fill(brief, |census, candidates, brief| {
            for (at, verdict) in judged.verdicts.iter().enumerate() {
                match census.candidate(*verdict) {
                    Some(candidate) => candidates.push(candidate),
                    None => brief.reject(verdict, rows.get(at).input(), self.keeps_unread),
                }
            }
        });
    }
}

impl Judge for SumsJudge<'_> {
    type Work = Brief;

    fn chunk(
        &self,
        file: usize,
        parser: &ChunkParser,
        chunk: Chunk,
        brief: &mut Brief,
    ) -> ParsedChunk {
        let check = self.files.infos()[file].check();
        let parsed = match self.is_simple(file) {
            true => parser.parse_column(chunk, check.column, check.own),
            false => parser.parse(chunk),
        };
        match parsed.column() {
            Some(runs) => self.column(file, runs, parsed.batch(), brief),
            None => self.again(file, parsed.batch(), brief),
        }
        parsed
    }

    fn again(&self, file: usize, batch: &Batch, brief: &mut Brief) {
        match self.is_simple(file) {
            true => {
                let all = std::iter::once(ColumnRun::Rows(0..batch.len()));
                self.column(file, all, batch, brief);
            }
            false => self.rows(file, batch, brief),
        }
    }
}
