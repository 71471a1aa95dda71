//! The lane of runs that want no rows, only the sums of the [`Report`].
//!
//! Nothing is kept of a row but the number, if it is accepted, and what its text costs, until it is known
//! whether it is a duplicate. Plain lines are not even made into rows. The lane with rows ([`crate::rows`]) comes
//! to the same sums (property test `runs_without_rows_and_with_little_memory_are_the_same`).

use crate::binding::unfilled_reason;
use crate::candidates::Candidates;
use crate::check;
use crate::cost::{Cost, Texts};
use crate::error::Error;
use crate::parts::Parting;
use crate::pipeline::{Files, Pipeline, Rows, Sink};
use crate::report::{Counts, Report, SegmentCounts, Unread, may_be_national};
use crate::rounds::{Crew, Judge, Lane, Slot, Stash, drive};
use crate::spill::{Budget, Part};
use ahash::RandomState;
use recipients_core::{
    Candidate, Census, Checker, Classes, Code, Line, Msisdn, Seen, SeveralNumbers, Taker, Together,
    Verdict,
};
use recipients_ingest::{Batch, Chunk, ChunkParser, ColumnRun, ParsedChunk, Source, Value};
use recipients_template::{Encoding, Unfilled};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

/// Candidates that are looked for together. So many that those of the same range are many, too; and
/// all in the last-level cache.
const WINDOW: usize = 1 << 20;

/// Briefs that wait, at most: those of a list without good numbers never come to a window.
const MOST_BRIEFS: usize = 256;

/// What is kept of a candidate's text until it is known whether it is written.
pub(crate) trait Price: Copy + Default + Send + Sync {
    /// What is kept of what it costs.
    fn of(
        cost: impl FnOnce() -> Result<Cost, Unfilled>,
        culprits: &mut Culprits,
        ids: &AtomicU32,
    ) -> Result<Self, Unfilled>;

    /// It is written.
    fn count(self, counts: &mut SegmentCounts, culprits: &Culprits);
}

/// Characters that took a text out of the GSM alphabet, by what such texts are called; not 0.
type Culprits = HashMap<u32, Box<[char]>, RandomState>;

/// There is no text.
impl Price for () {
    fn of(
        _: impl FnOnce() -> Result<Cost, Unfilled>,
        _: &mut Culprits,
        _: &AtomicU32,
    ) -> Result<(), Unfilled> {
        Ok(())
    }

    fn count(self, _: &mut SegmentCounts, _: &Culprits) {}
}

/// In eight bytes: a million of them wait.
#[derive(Clone, Copy, Default)]
pub(crate) struct TextPrice {
    /// Twice as many as there are, and one more if the text is UCS-2.
    parts: u32,
    /// 0 if there are none.
    culprits: u32,
}

impl Price for TextPrice {
    #[inline]
    fn of(
        cost: impl FnOnce() -> Result<Cost, Unfilled>,
        culprits: &mut Culprits,
        ids: &AtomicU32,
    ) -> Result<TextPrice, Unfilled> {
        let cost = cost()?;
        let is_ucs2 = cost.segments.encoding == Encoding::Ucs2;
        let mut price = TextPrice {
            parts: cost.segments.parts << 1 | u32::from(is_ucs2),
            culprits: 0,
        };
        if let Some(chars) = cost.culprits {
            // Numbers come again after four thousand million texts, when nobody has them any more.
            while price.culprits == 0 {
                price.culprits = ids.fetch_add(1, Ordering::Relaxed);
            }
            culprits.insert(price.culprits, chars);
        }
        Ok(price)
    }

    #[inline]
    fn count(self, counts: &mut SegmentCounts, culprits: &Culprits) {
        let known = match self.culprits {
            0 => None,
            id => culprits.get(&id),
        };
        let known = known.map(|chars| &**chars).unwrap_or_default();
        counts.count(self.parts >> 1, self.parts & 1 == 1, known);
    }
}

/// What is left of a chunk.
#[derive(Default)]
pub(crate) struct Brief<W> {
    /// Of the rejected.
    counts: Counts,
    unread: Unread,
    candidates: Candidates<W>,
    culprits: Culprits,
}

impl<W: Price> Brief<W> {
    fn clear(&mut self) {
        self.counts.clear();
        self.candidates.clear();
        self.unread = Unread::default();
        self.culprits.clear();
    }
}

/// Whether a window has `most` candidates, or takes the memory of twice as many.
fn is_full<W: Price>(window: &[Brief<W>], most: usize) -> bool {
    let sum = |of: fn(&Candidates<W>) -> usize| -> usize {
        window.iter().map(|brief| of(&brief.candidates)).sum()
    };
    sum(Candidates::len) >= most || sum(Candidates::room) >= 2 * most || window.len() >= MOST_BRIEFS
}

/// What a thread works with.
struct Desk<'p, W> {
    census: Census<'p, W>,
    /// What is written.
    segments: SegmentCounts,
    /// To put texts together in.
    text: String,
}

pub(crate) struct Sums<'p, S, W> {
    judge: SumsJudge<'p, W>,
    crew: Crew<'p>,
    totals: Totals<'p, S, W>,
}

/// What a thread needs to make a brief.
pub(crate) struct SumsJudge<'p, W> {
    pipeline: &'p Pipeline<'p>,
    files: Files,
    classes: Classes,
    parting: Parting,
    desks: Stash<Desk<'p, W>>,
    /// What the next text that has culprits is called.
    ids: AtomicU32,
    /// Whether it is worth knowing which cells may be national numbers.
    keeps_unread: bool,
}

/// Settles what is in a part's log.
fn read_log<W: Price>(part: &mut Part, judge: &SumsJudge<'_, W>) -> io::Result<()> {
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
            let candidate = Candidate::from_bits(word).ok_or(io::ErrorKind::InvalidData)?;
            // Where texts have a price, nothing is set aside.
            batch.push(candidate.with(W::default()));
        }
        if batch.is_empty() {
            break;
        }
        let candidates = std::iter::once(Together::Any(&batch));
        judge.settle(candidates, &mut seen, false, &Culprits::default());
    }
    if judge.pipeline.keeps_accepted {
        part.keep(&seen);
    }
    Ok(())
}

/// What the briefs come to.
struct Totals<'p, S, W> {
    crew: Crew<'p>,
    budget: Option<&'p Budget>,
    parts: Vec<Part>,
    is_spilled: bool,
    /// Briefs whose candidates have not been settled, and those that can be used again.
    window: Vec<Brief<W>>,
    spare: Vec<Brief<W>>,
    /// Of all that is in the window.
    culprits: Culprits,
    counts: Counts,
    report: Report,
    sink: S,
}

impl<'p, S: Sink, W: Price> Sums<'p, S, W> {
    pub(crate) fn new(pipeline: &'p Pipeline<'p>, files: Files, sink: S, crew: Crew<'p>) -> Self {
        let budget = pipeline.budget.as_ref();
        Sums {
            judge: SumsJudge {
                pipeline,
                files,
                classes: Classes::default(),
                parting: Parting::at_random(),
                desks: Stash::new(),
                ids: AtomicU32::new(1),
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
                culprits: Culprits::default(),
                counts: Counts::default(),
                report: Report::new(pipeline.message.is_some()),
                sink,
            },
        }
    }

    /// All rows of all files.
    pub(crate) fn run(
        mut self,
        sources: impl Iterator<Item = (usize, Source)>,
    ) -> Result<Report, Error> {
        for (file, mut source) in sources {
            drive(&self.judge, &mut self.totals, &self.crew, file, &mut source)?;
            self.totals.report.file(&source);
        }
        self.finish()
    }

    fn finish(self) -> Result<Report, Error> {
        let Sums {
            judge, mut totals, ..
        } = self;
        totals.settle(&judge, !judge.pipeline.keeps_accepted)?;
        totals.read_logs(&judge)?;
        let mut report = totals.report;
        if judge.pipeline.keeps_accepted {
            report.accepted_numbers = Some(Part::accepted(totals.parts.iter()));
        }
        report.add_counts(&totals.counts);
        for desk in judge.desks.into_inner() {
            report.likely_duplicates += desk.census.likely_duplicates();
            if let Some(segments) = &mut report.segments {
                segments.add(&desk.segments);
            }
            for (verdict, count) in desk.census.counts() {
                report.add_verdicts(verdict, count);
            }
        }
        Ok(report)
    }
}

impl<'p, S, W: Price> Totals<'p, S, W> {
    /// Finds out which candidates are duplicates, or sets them aside.
    fn settle(&mut self, judge: &SumsJudge<'p, W>, is_last: bool) -> Result<(), Error> {
        let (window, culprits) = (&self.window, &self.culprits);
        let mut parts: Vec<(usize, &mut Part)> = self.parts.iter_mut().enumerate().collect();
        let settled = self.crew.try_each(&mut parts, |(at, part)| {
            let candidates = window.iter().flat_map(|brief| brief.candidates.part(*at));
            match part.log() {
                None => judge.settle(candidates, &mut part.seen, is_last, culprits),
                Some(log) => {
                    let mut candidates = candidates.flat_map(Together::candidates);
                    candidates.try_for_each(|one| log.push(one.to_bits()))?;
                }
            }
            Ok(())
        });
        self.done(settled)?;
        self.spare.append(&mut self.window);
        self.culprits.clear();
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

    fn read_logs(&mut self, judge: &SumsJudge<'p, W>) -> Result<(), Error> {
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

impl<'p, S: Sink, W: Price> Lane<SumsJudge<'p, W>> for Totals<'p, S, W> {
    // Little is kept of the rows of a chunk, so that it may be larger than where rows are wanted; but not so
    // large that the memory of those on their way counts in a short run.
    const CHUNK: Option<usize> = Some(3 << 17);
    // What waits takes memory, and a window has many anyway.
    const ROUND: usize = 2;
    const WANTS_ROWS: bool = false;

    fn take(
        &mut self,
        judge: &SumsJudge<'p, W>,
        file: usize,
        slots: &mut [Slot<Brief<W>>],
    ) -> Result<(), Error> {
        for slot in slots {
            let spare = self.spare.pop().unwrap_or_default();
            let mut brief = std::mem::replace(&mut slot.work, spare);
            self.counts.add(&brief.counts);
            let unread = std::mem::take(&mut brief.unread);
            self.report.unread.append(&unread);
            self.culprits.extend(brief.culprits.drain());
            let verdicts = brief.candidates.len() as u64 + brief.counts.total();
            self.sink.progress(file, verdicts, slot.end);
            self.window.push(brief);
        }
        // Candidates that wait take memory, too.
        let most = self
            .budget
            .map_or(WINDOW, |budget| WINDOW.min(budget.bytes / 16));
        if is_full(&self.window, most) {
            self.settle(judge, false)?;
        }
        Ok(())
    }
}

impl<'p, W: Price> SumsJudge<'p, W> {
    fn at_desk<R>(&self, work: impl FnOnce(&mut Desk<'p, W>) -> R) -> R {
        let new = || Desk {
            census: Census::new(self.pipeline.checker, &self.classes),
            segments: SegmentCounts::default(),
            text: String::new(),
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

    /// Finds out which candidates are duplicates ([`Census::settle`]). With the last ones, what was seen is given up.
    fn settle<'a>(
        &self,
        candidates: impl Iterator<Item = Together<'a, W>>,
        seen: &mut Seen,
        is_last: bool,
        culprits: &Culprits,
    ) where
        W: 'a,
    {
        self.at_desk(|desk| {
            let segments = &mut desk.segments;
            let new = |price: W| price.count(segments, culprits);
            match is_last {
                true => desk
                    .census
                    .settle_last(candidates, std::mem::take(seen), new),
                false => desk.census.settle(candidates, seen, new),
            }
        });
    }

    /// Fills a brief: `judge` hands out the candidates and rejects the others.
    fn fill(
        &self,
        brief: &mut Brief<W>,
        judge: impl FnOnce(&mut Census<'p, W>, &mut Clerk<'_, W>),
    ) {
        brief.clear();
        self.at_desk(|desk| {
            let mut clerk = Clerk {
                checker: self.pipeline.checker,
                keeps_unread: self.keeps_unread,
                ids: &self.ids,
                brief,
                parting: self.parting,
                text: &mut desk.text,
            };
            judge(&mut desk.census, &mut clerk);
        });
    }

    /// Plain rows, and others, by their recipients.
    fn column<'c>(
        &self,
        file: usize,
        runs: impl Iterator<Item = ColumnRun<'c>>,
        mut others: impl Iterator<Item = Value<'c>>,
        batch: &Batch,
        brief: &mut Brief<W>,
    ) {
        let check = self.files.infos()[file].check();
        let cells = check.cells(batch);
        let texts = check.texts.as_ref();
        let columns = texts.map_or(&[][..], Texts::columns);
        // The values of a plain row.
        let mut values = vec![Value::from(""); columns.len()];
        self.fill(brief, |census, clerk| {
            for run in runs {
                match run {
                    ColumnRun::Cells(lines) => census.lines_to(
                        lines,
                        PlainRows {
                            clerk,
                            texts,
                            others: &mut others,
                            values: &mut values,
                        },
                    ),
                    ColumnRun::Rows(rows) => census.cells(&cells[rows.clone()], |at, judged| {
                        let at = rows.start + at;
                        let row = batch.row(at);
                        let judged = judged.map_err(|verdict| match verdict.code() {
                            Code::Empty => check::empty(check, &row, verdict).0,
                            _ => verdict,
                        });
                        let value = |of: usize| check.field(&row, columns[of]).map(Value::from);
                        match judged {
                            Ok(candidate) => clerk.candidate(candidate, texts, value, || cells[at]),
                            Err(verdict) => clerk.refused(verdict, texts, value, || cells[at]),
                        }
                    }),
                }
            }
        });
    }

    fn rows(&self, file: usize, batch: &Batch, brief: &mut Brief<W>) {
        let info = &self.files.infos()[file];
        let judged = check::check(self.pipeline.checker, info.check(), batch);
        let rows = Rows::new(&self.files, file, batch, &judged, &[]);
        self.fill(brief, |census, clerk| {
            for (at, verdict) in judged.verdicts.iter().enumerate() {
                match census.candidate(*verdict) {
                    Some(candidate) => {
                        let price = clerk.price(|_| Ok(judged.cost(at)));
                        let price = price.expect("what it costs is known");
                        clerk.accept(candidate, price);
                    }
                    None => clerk.reject(verdict, || rows.get(at).input()),
                }
            }
        });
    }
}

/// Takes plain rows.
struct PlainRows<'r, 't, 'c, W, I> {
    clerk: &'r mut Clerk<'t, W>,
    texts: Option<&'r Texts>,
    /// What stands in the columns that the text takes values from, row by row.
    others: &'r mut I,
    /// The same of one row.
    values: &'r mut [Value<'c>],
}

impl<'c, W: Price, I: Iterator<Item = Value<'c>>> PlainRows<'_, '_, 'c, W, I> {
    #[inline(always)]
    fn next_values(&mut self) {
        for (value, other) in self.values.iter_mut().zip(&mut *self.others) {
            *value = other;
        }
    }
}

impl<'c, W: Price, I: Iterator<Item = Value<'c>>> Taker for PlainRows<'_, '_, 'c, W, I> {
    // What most rows of most lists come to.
    #[inline(always)]
    fn accept(&mut self, line: Line<'_>, candidate: Candidate) {
        self.next_values();
        let value = |at: usize| self.values.get(at).copied();
        self.clerk
            .candidate(candidate, self.texts, value, || line.text());
    }

    fn refuse(&mut self, line: Line<'_>, verdict: Verdict) {
        self.next_values();
        let value = |at: usize| self.values.get(at).copied();
        self.clerk
            .refused(verdict, self.texts, value, || line.text());
    }
}

/// Takes what was found out about the rows of a chunk.
struct Clerk<'t, W> {
    checker: &'t Checker,
    /// Whether it is worth knowing which cells may be national numbers.
    keeps_unread: bool,
    ids: &'t AtomicU32,
    brief: &'t mut Brief<W>,
    parting: Parting,
    text: &'t mut String,
}

impl<W: Price> Clerk<'_, W> {
    /// A row whose text was not looked at; `value` as for [`Texts::cost`].
    #[inline(always)]
    fn candidate<'c, 't>(
        &mut self,
        candidate: Candidate,
        texts: Option<&Texts>,
        value: impl Fn(usize) -> Option<Value<'c>>,
        cell: impl FnOnce() -> &'t str,
    ) {
        let number = Some(candidate.msisdn());
        match self.price_of(number, texts, value) {
            Ok(price) => self.accept(candidate, price),
            Err(unfilled) => self.unfilled(&unfilled, cell()),
        }
    }

    /// The same of one that is no candidate.
    fn refused<'c, 't>(
        &mut self,
        verdict: Verdict,
        texts: Option<&Texts>,
        value: impl Fn(usize) -> Option<Value<'c>>,
        cell: impl FnOnce() -> &'t str,
    ) {
        if verdict.code() == Code::Duplicate
            && let Err(unfilled) = self.price_of(verdict.msisdn(), texts, value)
        {
            return self.unfilled(&unfilled, cell());
        }
        self.reject(&verdict, cell);
    }

    #[inline(always)]
    fn price_of<'c>(
        &mut self,
        number: Option<Msisdn>,
        texts: Option<&Texts>,
        value: impl Fn(usize) -> Option<Value<'c>>,
    ) -> Result<W, Unfilled> {
        self.price(|text| {
            let texts = texts.expect("whoever wants a price has a text");
            texts.cost(number, value, text)
        })
    }

    #[inline(always)]
    fn accept(&mut self, candidate: Candidate, price: W) {
        let candidates = &mut self.brief.candidates;
        candidates.push(candidate.with(price), self.parting);
    }

    #[inline]
    fn price(
        &mut self,
        cost: impl FnOnce(&mut String) -> Result<Cost, Unfilled>,
    ) -> Result<W, Unfilled> {
        W::of(|| cost(self.text), &mut self.brief.culprits, self.ids)
    }

    /// D1: a text that cannot be made comes before numbers that had one, and behind the stop lists.
    #[cold]
    fn unfilled(&mut self, unfilled: &Unfilled, cell: &str) {
        let verdict = self.checker.check(cell);
        self.reject(&verdict.but(unfilled_reason(unfilled)), || cell);
    }

    fn reject<'t>(&mut self, verdict: &Verdict, cell: impl FnOnce() -> &'t str) {
        self.brief.counts.count(verdict);
        if self.keeps_unread && may_be_national(verdict.reason()) {
            self.brief.unread.push(cell());
        }
    }
}

impl<W: Price> Judge for SumsJudge<'_, W> {
    type Work = Brief<W>;

    fn chunk(
        &self,
        file: usize,
        parser: &ChunkParser,
        chunk: Chunk,
        brief: &mut Brief<W>,
    ) -> ParsedChunk {
        let check = self.files.infos()[file].check();
        let others = check.texts.as_ref().map_or(&[][..], Texts::columns);
        let parsed = match self.is_simple(file) {
            true => parser.parse_column(chunk, check.column, others, check.own),
            false => parser.parse(chunk),
        };
        match parsed.column() {
            Some(runs) => self.column(file, runs, parsed.others(), parsed.batch(), brief),
            None => self.again(file, parsed.batch(), brief),
        }
        parsed
    }

    fn again(&self, file: usize, batch: &Batch, brief: &mut Brief<W>) {
        match self.is_simple(file) {
            true => {
                let all = std::iter::once(ColumnRun::Rows(0..batch.len()));
                self.column(file, all, std::iter::empty(), batch, brief);
            }
            false => self.rows(file, batch, brief),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brief(numbers: impl Iterator<Item = u64>) -> Brief<()> {
        let mut brief = Brief::default();
        let parting = Parting::at_random();
        for number in numbers {
            let candidate = Candidate::from_bits(number).unwrap();
            brief.candidates.push(candidate, parting);
        }
        brief
    }

    /// Few numbers fill a window if each is of another range, and takes a piece; and so do briefs without any.
    #[test]
    fn a_window_is_full_by_candidates_by_their_room_and_by_briefs() {
        let close = |count: u64| brief(79_000_000_000..79_000_000_000 + count);
        let apart =
            |count| brief((0..count).map(|n| 79_000_000_000 + (n << Candidate::RANGE_BITS)));
        assert!(is_full(&[close(500), close(500)], 1000));
        assert!(!is_full(&[close(500), close(499)], 1000));
        assert!(is_full(&[apart(20), apart(20)], 1000));
        assert!(!is_full(&[apart(10), apart(10)], 1000));
        let empty = |count| -> Vec<Brief<()>> { (0..count).map(|_| Brief::default()).collect() };
        assert!(is_full(&empty(MOST_BRIEFS), 1000));
        assert!(!is_full(&empty(MOST_BRIEFS - 1), 1000));
    }
}
