//! What a run saw.

use crate::check::Judged;
use recipients_core::{Code, Kind, NumberSet, OperatorId, Reason, Territory, Verdict};
use recipients_ingest::{Note, Source};
use recipients_template::Encoding;
use std::collections::{BTreeMap, HashMap};

/// Counts over all rows of a run; equal for equal input, whatever the number of threads.
#[derive(Clone, Debug, Default)]
pub struct Report {
    reasons: BTreeMap<Reason, u64>,
    cleaned: u64,
    destinations: BTreeMap<(Option<Territory>, Option<Kind>), u64>,
    operators: BTreeMap<Option<OperatorId>, u64>,
    pub(crate) segments: Option<SegmentCounts>,
    pub(crate) likely_duplicates: u64,
    pub(crate) accepted_numbers: Option<NumberSet>,
    skipped_blank: u64,
    notes: Vec<(String, Note)>,
    /// Cells of rows that may be national numbers, for [`region_suggestions`].
    ///
    /// [`region_suggestions`]: crate::region_suggestions
    pub(crate) unread: Unread,
}

/// What the filled texts of the accepted recipients cost.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SegmentCounts {
    /// SMS in all.
    pub total: u64,
    /// Recipients by how many SMS each gets.
    pub by_parts: BTreeMap<u32, u64>,
    /// Recipients whose text is UCS-2.
    pub ucs2: u64,
    /// Characters of values that took a text out of the GSM alphabet, with the number of
    /// recipients; empty if the text itself is outside of it.
    pub culprits: BTreeMap<char, u64>,
}

impl SegmentCounts {
    /// The text of another recipient.
    #[inline]
    pub(crate) fn count(&mut self, parts: u32, is_ucs2: bool, culprits: &[char]) {
        self.total += u64::from(parts);
        *self.by_parts.entry(parts).or_default() += 1;
        self.ucs2 += u64::from(is_ucs2);
        for &culprit in culprits {
            *self.culprits.entry(culprit).or_default() += 1;
        }
    }

    pub(crate) fn add(&mut self, more: &SegmentCounts) {
        self.total += more.total;
        self.ucs2 += more.ucs2;
        for (&parts, count) in &more.by_parts {
            *self.by_parts.entry(parts).or_default() += count;
        }
        for (&culprit, count) in &more.culprits {
            *self.culprits.entry(culprit).or_default() += count;
        }
    }
}

/// Verdicts by reason.
#[derive(Clone)]
pub(crate) struct Counts {
    /// By the place of the reason in [`Reason::ALL`].
    reasons: Vec<u64>,
    cleaned: u64,
}

impl Default for Counts {
    fn default() -> Counts {
        Counts {
            reasons: vec![0; Reason::ALL.len()],
            cleaned: 0,
        }
    }
}

impl Counts {
    #[inline]
    pub(crate) fn count(&mut self, verdict: &Verdict) {
        self.reasons[verdict.reason() as usize] += 1;
        self.cleaned += u64::from(verdict.cleaned());
    }

    pub(crate) fn add(&mut self, other: &Counts) {
        let reasons = self.reasons.iter_mut().zip(&other.reasons);
        reasons.for_each(|(sum, &count)| *sum += count);
        self.cleaned += other.cleaned;
    }

    pub(crate) fn clear(&mut self) {
        self.reasons.fill(0);
        self.cleaned = 0;
    }

    pub(crate) fn total(&self) -> u64 {
        self.reasons.iter().sum()
    }
}

/// Counts of some rows. Sums do not depend on the order, so each thread keeps its own.
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    destinations: HashMap<Destination, u64, ahash::RandomState>,
    /// By the operator's number; 0 is unknown.
    operators: Vec<u64>,
    segments: Option<SegmentCounts>,
    pub(crate) likely_duplicates: u64,
}

type Destination = (Option<Territory>, Option<Kind>);

impl Tally {
    pub(crate) fn new(with_segments: bool) -> Tally {
        Tally {
            counts: Counts::default(),
            destinations: HashMap::default(),
            operators: vec![0; 1 << 11],
            segments: with_segments.then(SegmentCounts::default),
            likely_duplicates: 0,
        }
    }

    pub(crate) fn count(&mut self, judged: &Judged) {
        // Neighbours often go to the same place.
        let mut run: (Destination, u64) = ((None, None), 0);
        for (at, verdict) in judged.verdicts.iter().enumerate() {
            self.counts.count(verdict);
            if !verdict.is_accepted() {
                continue;
            }
            let destination = (verdict.territory(), verdict.kind());
            if destination != run.0 {
                *self.destinations.entry(run.0).or_default() += run.1;
                run = (destination, 0);
            }
            run.1 += 1;
            let operator = verdict.operator().map_or(0, |id| usize::from(id.as_u16()));
            if operator >= self.operators.len() {
                self.operators.resize(operator + 1, 0);
            }
            self.operators[operator] += 1;
            if let (Some(counts), Some(segments)) = (&mut self.segments, judged.segments(at)) {
                let is_ucs2 = segments.encoding == Encoding::Ucs2;
                let culprits = judged.extra(at).and_then(|extra| extra.culprits.as_deref());
                counts.count(segments.parts, is_ucs2, culprits.unwrap_or_default());
            }
        }
        if run.1 > 0 {
            *self.destinations.entry(run.0).or_default() += run.1;
        }
        self.destinations.retain(|_, count| *count > 0);
    }
}

/// Whether a cell that was rejected so may be a number without its calling code.
pub(crate) fn may_be_national(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::LeadingZero
            | Reason::TooShort
            | Reason::ImpossibleLength
            | Reason::UnknownCallingCode
            | Reason::UnknownRange
    )
}

/// Cells that could not be read as international numbers: the first so many, and a count of all.
#[derive(Clone, Default)]
pub(crate) struct Unread {
    pub(crate) cells: Vec<Box<str>>,
    bytes: usize,
    pub(crate) total: u64,
}

impl Unread {
    /// Enough to count exactly in any list that a person would look at.
    const CELLS: usize = 100_000;
    const BYTES: usize = 4 << 20;

    /// Another cell; they must come in the order of the rows.
    pub(crate) fn push(&mut self, cell: &str) {
        // Once one is too many, all others are: so it does not matter how the rows are parted.
        let is_open = self.cells.len() as u64 == self.total;
        self.total += 1;
        if is_open && self.cells.len() < Self::CELLS && self.bytes + cell.len() <= Self::BYTES {
            self.bytes += cell.len();
            self.cells.push(cell.into());
        }
    }

    /// Those of the rows that follow.
    pub(crate) fn append(&mut self, next: &Unread) {
        let refused = next.total - next.cells.len() as u64;
        next.cells.iter().for_each(|cell| self.push(cell));
        self.total += refused;
    }
}

impl std::fmt::Debug for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Unread({})", self.total)
    }
}

impl Report {
    pub(crate) fn new(with_segments: bool) -> Report {
        Report {
            segments: with_segments.then(SegmentCounts::default),
            ..Report::default()
        }
    }

    pub(crate) fn add(&mut self, tally: &Tally) {
        self.add_counts(&tally.counts);
        self.likely_duplicates += tally.likely_duplicates;
        for (&key, &count) in &tally.destinations {
            *self.destinations.entry(key).or_default() += count;
        }
        for (id, &count) in tally.operators.iter().enumerate() {
            self.add_operator(OperatorId::from_u16(id as u16), count);
        }
        if let (Some(all), Some(some)) = (&mut self.segments, &tally.segments) {
            all.add(some);
        }
    }

    pub(crate) fn add_counts(&mut self, counts: &Counts) {
        for (&reason, &count) in Reason::ALL.iter().zip(&counts.reasons) {
            self.add_reason(reason, count);
        }
        self.cleaned += counts.cleaned;
    }

    /// What a file that has been read tells.
    pub(crate) fn file(&mut self, source: &Source) {
        self.skipped_blank += source.skipped_blank();
        let notes = source.notes().iter();
        let notes = notes.map(|&note| (source.name().to_owned(), note));
        self.notes.extend(notes);
    }

    pub(crate) fn add_verdicts(&mut self, verdict: Verdict, count: u64) {
        self.add_reason(verdict.reason(), count);
        self.cleaned += u64::from(verdict.cleaned()) * count;
        if verdict.is_accepted() && count > 0 {
            let key = (verdict.territory(), verdict.kind());
            *self.destinations.entry(key).or_default() += count;
            self.add_operator(verdict.operator(), count);
        }
    }

    fn add_reason(&mut self, reason: Reason, count: u64) {
        if count > 0 {
            *self.reasons.entry(reason).or_default() += count;
        }
    }

    fn add_operator(&mut self, operator: Option<OperatorId>, count: u64) {
        if count > 0 {
            *self.operators.entry(operator).or_default() += count;
        }
    }

    /// Verdicts in all: rows, and more where cells were taken apart.
    pub fn total(&self) -> u64 {
        self.reasons.values().sum()
    }

    /// Verdicts with this code.
    pub fn count(&self, code: Code) -> u64 {
        let of_code = self
            .reasons
            .iter()
            .filter(|(reason, _)| reason.code() == code);
        of_code.map(|(_, count)| count).sum()
    }

    /// Verdicts with code 0.
    pub fn accepted(&self) -> u64 {
        self.count(Code::Accepted)
    }

    /// Verdicts with any other code.
    pub fn rejected(&self) -> u64 {
        self.total() - self.accepted()
    }

    /// Every reason that occurred and how often, in the order of [`Reason::ALL`].
    pub fn reasons(&self) -> impl Iterator<Item = (Reason, u64)> {
        self.reasons.iter().map(|(&reason, &count)| (reason, count))
    }

    /// Verdicts about cells that had to be cleaned (D4).
    pub fn cleaned(&self) -> u64 {
        self.cleaned
    }

    /// Lines without bytes, or sheet rows without cells (D18). They are no rows.
    pub fn skipped_blank(&self) -> u64 {
        self.skipped_blank
    }

    /// What is worth telling about the files, each with the file's name.
    pub fn notes(&self) -> &[(String, Note)] {
        &self.notes
    }

    /// Rejected rows that may be numbers written without their calling code.
    pub fn may_be_national(&self) -> u64 {
        self.unread.total
    }

    /// Accepted recipients by territory and kind.
    pub fn destinations(&self) -> impl Iterator<Item = ((Option<Territory>, Option<Kind>), u64)> {
        self.destinations.iter().map(|(&key, &count)| (key, count))
    }

    /// Accepted recipients by the operator that holds the range.
    pub fn operators(&self) -> impl Iterator<Item = (Option<OperatorId>, u64)> {
        self.operators.iter().map(|(&key, &count)| (key, count))
    }

    /// Accepted numbers that likely reach a person whose number was accepted in another way of writing
    /// it ([`Msisdn::likely_twin`](recipients_core::Msisdn::likely_twin)); each pair counts once.
    pub fn likely_duplicates(&self) -> u64 {
        self.likely_duplicates
    }

    /// The accepted numbers, if they were to be kept
    /// ([`Pipeline::keep_accepted`](crate::Pipeline::keep_accepted)).
    pub fn accepted_numbers(&self) -> Option<&NumberSet> {
        self.accepted_numbers.as_ref()
    }

    /// What the texts cost, if there was a text.
    pub fn segments(&self) -> Option<&SegmentCounts> {
        self.segments.as_ref()
    }
}
