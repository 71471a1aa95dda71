//! The lane of runs that want no rows, only the sums of the [`Report`].
//!
//! Nothing is kept of a row but the number, if it is accepted, until it is known whether it is a
//! duplicate. Plain lines are not even made into rows. The lane with rows ([`crate::rows`]) comes
//! to the same sums (property test `threads_and_chunks_do_not_show`).

use crate::check::{self, Judged};
use crate::error::Error;
use crate::parts::{PARTS, Parted, part_of};
use crate::pipeline::{Files, Pipeline, Rows, Sink};
use crate::report::{Counts, Report, Unread, may_be_national};
use crate::rounds::{Crew, Judge, Lane, Slot, Stash, drive};
use recipients_core::{Candidate, Census, Classes, NumberSet, Seen, SeveralNumbers, Verdict};
use recipients_ingest::{Batch, Chunk, ChunkParser, ParsedChunk, Source};

/// Candidates that are looked for together. So many that those of the same range are many, too; and
/// all in the last-level cache.
const WINDOW: usize = 1 << 20;

/// Bytes that the sets of numbers may take beyond what they need, to be quicker: enough for bitmaps
/// over the mobile numbers of a large country.
pub(crate) const SPENT: usize = 128 << 20;

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
    desks: Stash<Desk<'p>>,
    /// Whether it is worth knowing which cells may be national numbers.
    keeps_unread: bool,
}

/// What the briefs come to.
struct Totals<'p, S> {
    crew: Crew<'p>,
    seen: Vec<Seen>,
    /// Briefs whose candidates have not been settled, and those that can be used again.
    window: Vec<Brief>,
    spare: Vec<Brief>,
    counts: Counts,
    report: Report,
    sink: S,
}

impl<'p, S: Sink> Sums<'p, S> {
    pub(crate) fn new(pipeline: &'p Pipeline<'p>, files: Files, sink: S, crew: Crew<'p>) -> Self {
        let seen = |_| Seen::numbers_only().spending(SPENT / PARTS);
        Sums {
            judge: SumsJudge {
                pipeline,
                files,
                classes: Classes::default(),
                desks: Stash::new(),
                keeps_unread: pipeline.checker.policy().default_region().is_none(),
            },
            crew,
            totals: Totals {
                crew,
                seen: (0..PARTS).map(seen).collect(),
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
        drive(&self.judge, &mut self.totals, self.crew, file, &mut source)?;
        self.totals.report.file(&source);
        Ok(())
    }

    pub(crate) fn finish(self) -> Report {
        let Sums {
            judge, mut totals, ..
        } = self;
        totals.settle(&judge);
        let mut report = totals.report;
        if judge.pipeline.keeps_accepted {
            report.accepted_numbers = Some(NumberSet::of_seen(&totals.seen));
        }
        report.add_counts(&totals.counts);
        for desk in judge.desks.into_inner() {
            for (verdict, count) in desk.census.counts() {
                report.add_verdicts(verdict, count);
            }
        }
        report
    }
}

impl<'p, S> Totals<'p, S> {
    /// Finds out which candidates are duplicates.
    fn settle(&mut self, judge: &SumsJudge<'p>) {
        let window = &self.window;
        let mut parts: Vec<(usize, &mut Seen)> = self.seen.iter_mut().enumerate().collect();
        self.crew.each(&mut parts, |(part, seen)| {
            let batches = window.iter().map(|brief| brief.candidates.part(*part));
            judge.at_desk(|desk| desk.census.settle(batches, seen));
        });
        self.spare.append(&mut self.window);
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
            let brief = std::mem::replace(&mut slot.work, spare);
            self.counts.add(&brief.counts);
            self.report.unread.append(&brief.unread);
            let verdicts = brief.candidates.len() as u64 + brief.counts.total();
            self.sink.progress(file, verdicts, slot.end);
            self.window.push(brief);
        }
        let in_window = self.window.iter().map(|brief| brief.candidates.len());
        if in_window.sum::<usize>() >= WINDOW {
            self.settle(judge);
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

    /// Whether a line has no more to it than a recipient.
    fn takes_lines(&self, file: usize) -> bool {
        let check = self.files.infos()[file].check();
        let explode = self.pipeline.checker.policy().several() == SeveralNumbers::Explode;
        !explode && check.annotations.is_none() && check.own <= 1
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
            let part = |candidate: &Candidate| part_of(candidate.msisdn());
            brief.candidates.sort(&desk.candidates, part);
        });
    }

    fn lines(&self, lines: &str, brief: &mut Brief) {
        self.fill(brief, |census, candidates, brief| {
            census.lines(
                lines,
                |candidate| candidates.push(candidate),
                |cell, verdict| brief.reject(&verdict, cell, self.keeps_unread),
            );
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
        if !self.takes_lines(file) {
            let parsed = parser.parse(chunk);
            self.again(file, parsed.batch(), brief);
            return parsed;
        }
        let parsed = parser.parse_lines(chunk);
        match parsed.lines() {
            Some(lines) => self.lines(lines, brief),
            None => self.again(file, parsed.batch(), brief),
        }
        parsed
    }

    fn again(&self, file: usize, batch: &Batch, brief: &mut Brief) {
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
