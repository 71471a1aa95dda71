//! What a run saw.

use crate::check::Outcome;
use recipients_core::{Checker, Code, Kind, OperatorId, Reason, Territory};
use recipients_ingest::Note;
use recipients_template::Encoding;
use std::collections::BTreeMap;

/// Counts over all rows of a run; equal for equal input, whatever the number of threads.
#[derive(Clone, Debug, Default)]
pub struct Report {
    reasons: BTreeMap<Reason, u64>,
    cleaned: u64,
    destinations: BTreeMap<(Option<Territory>, Option<Kind>), u64>,
    operators: BTreeMap<Option<OperatorId>, u64>,
    segments: Option<SegmentCounts>,
    pub(crate) skipped_blank: u64,
    pub(crate) notes: Vec<(String, Note)>,
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

    fn push(&mut self, cell: &str) {
        self.total += 1;
        if self.cells.len() < Self::CELLS && self.bytes + cell.len() <= Self::BYTES {
            self.bytes += cell.len();
            self.cells.push(cell.into());
        }
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

    pub(crate) fn add(&mut self, outcome: &Outcome, input: &str, checker: &Checker) {
        let verdict = &outcome.verdict;
        *self.reasons.entry(verdict.reason()).or_default() += 1;
        self.cleaned += u64::from(verdict.cleaned());
        if verdict.is_accepted() {
            let destination = (verdict.territory(), verdict.kind());
            *self.destinations.entry(destination).or_default() += 1;
            *self.operators.entry(verdict.operator()).or_default() += 1;
            if let (Some(counts), Some(segments)) = (&mut self.segments, outcome.segments) {
                counts.total += u64::from(segments.parts);
                *counts.by_parts.entry(segments.parts).or_default() += 1;
                counts.ucs2 += u64::from(segments.encoding == Encoding::Ucs2);
                for &culprit in outcome.culprits.iter().flatten() {
                    *counts.culprits.entry(culprit).or_default() += 1;
                }
            }
        }
        let may_be_national = matches!(
            verdict.reason(),
            Reason::LeadingZero
                | Reason::TooShort
                | Reason::ImpossibleLength
                | Reason::UnknownCallingCode
                | Reason::UnknownRange
        );
        if may_be_national && checker.policy().default_region().is_none() {
            self.unread.push(input);
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

    /// What the texts cost, if there was a text.
    pub fn segments(&self) -> Option<&SegmentCounts> {
        self.segments.as_ref()
    }
}
