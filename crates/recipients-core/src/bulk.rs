//! Many recipients at a time.
//!
//! The plan is asked about hundreds of cells at once. What it found comes in two words: the number,
//! and everything else. Verdicts on equal everything else differ in the number only, so the rules
//! are asked once for each that occurs, and what they said is remembered ([`Memo`]).

use crate::checker::verdict_on;
use crate::{Answer, Checker, Msisdn, Reason, Verdict};
use numbering_plan::Answer as Found;

impl Checker {
    /// The verdicts on many cells, each as [`Checker::check`] gives it, added to `verdicts`. Asking
    /// for many at a time is several times faster than one by one.
    ///
    /// ```
    /// use recipients_core::{Checker, Reason};
    ///
    /// let mut verdicts = Vec::new();
    /// Checker::default().check_batch(&["380971112233", "none"], &mut verdicts);
    /// assert_eq!(verdicts[0].reason(), Reason::Ok);
    /// assert_eq!(verdicts[1].reason(), Reason::NoDigits);
    /// ```
    pub fn check_batch(&self, cells: &[&str], verdicts: &mut Vec<Verdict>) {
        let start = verdicts.len();
        let mut memo = Memo::new(None);
        self.by_batch(cells, |cell, found| {
            let quick = number_of(&found).and_then(|number| {
                let verdict = memo.of(&found, || self.judge_quickly(&found))?;
                Some(verdict.with_number(Some(number)))
            });
            verdicts.push(quick.unwrap_or_else(|| self.check(cell)));
        });
        if self
            .policy()
            .lists()
            .iter()
            .all(|(_, list)| list.is_empty())
        {
            return;
        }
        // List by list, so that the processor waits for a list's memory for many at a time.
        for (reason, list) in self.policy().lists() {
            for set in list.sets() {
                let may_be_there = set.may_be_there(cells.len());
                for verdict in &mut verdicts[start..] {
                    if let (true, Some(number)) = (verdict.is_accepted(), verdict.msisdn())
                        && may_be_there(number)
                        && set.has(number)
                    {
                        *verdict = verdict.but(reason);
                    }
                }
            }
        }
    }

    /// [`Checker::stop_list_entry`] for many cells.
    pub fn stop_list_batch(&self, cells: &[&str], entries: &mut Vec<Result<Msisdn, Reason>>) {
        self.by_batch(cells, |cell, found| {
            let quick = self.plain(&found).map(|answer| answer.number);
            entries.push(quick.map_or_else(|| self.stop_list_entry(cell), Ok));
        });
    }

    /// [`Checker::stop_list_entry`] for every line of a text that has any bytes: `take` is given the
    /// numbers, `refuse` the other lines, with their places among all lines, from 0. Lines end with a
    /// newline, which a carriage return may precede.
    pub fn stop_list_lines(
        &self,
        text: &str,
        mut take: impl FnMut(Msisdn),
        mut refuse: impl FnMut(usize, &str, Reason),
    ) {
        let mut first = 0;
        let mut memo = Memo::new(false);
        self.plan().for_lines(text, |lines, answers| {
            for (at, (line, found)) in lines.iter().zip(answers).enumerate() {
                if let Some(number) = number_of(found)
                    && memo.of(found, || self.plain(found).is_some())
                {
                    take(number);
                } else if !line.is_empty() {
                    let line = text_of(line);
                    match self.stop_list_entry(line) {
                        Ok(number) => take(number),
                        Err(reason) => refuse(first + at, line, reason),
                    }
                }
            }
            first += lines.len();
        });
    }

    /// Asks the plan about many cells at a time.
    pub(crate) fn by_batch(&self, cells: &[&str], mut each: impl FnMut(&str, Found)) {
        // Answers that are still in the first-level cache when they are used.
        const ROWS: usize = 256;
        let mut found = [Found::BLANK; ROWS];
        let mut fields: [&[u8]; ROWS] = [&[]; ROWS];
        for cells in cells.chunks(ROWS) {
            for (field, cell) in fields.iter_mut().zip(cells) {
                *field = cell.as_bytes();
            }
            let found = &mut found[..cells.len()];
            self.plan().classify_batch(&fields[..cells.len()], found);
            for (cell, &found) in cells.iter().zip(&*found) {
                each(cell, found);
            }
        }
    }

    /// A verdict of which only reason and cleanness are known, with what the plan says of its number.
    pub(crate) fn whole(&self, number: Msisdn, bare: Verdict) -> Verdict {
        let answer = self.plan().international(&number.to_string());
        let verdict = verdict_on(&answer, bare.reason()).with_cleaned(bare.cleaned());
        verdict.with_number(None)
    }

    /// What was found, if it is one plainly written international number of a possible length and
    /// no rule asks for another reading of it; most cells are that.
    fn plain(&self, found: &Found) -> Option<Answer> {
        let notes = found.notes();
        let national = self.policy().default_region().is_some() && !notes.plus() && !notes.idd();
        if national || notes.separated() || notes.labelled() {
            return None;
        }
        self.plan().plain(found)
    }

    /// The verdict but for the stop lists. All but its number depends on nothing but
    /// [`Found::facts`], provided that there is a [`number_of`] it.
    pub(crate) fn judge_quickly(&self, found: &Found) -> Option<Verdict> {
        let answer = self.plain(found)?;
        let reason = match self.unwanted(&answer) {
            Some(refused) => refused,
            None if found.notes().idd() => Reason::IddPrefix,
            None => Reason::Ok,
        };
        Some(verdict_on(&answer, reason).with_cleaned(found.notes().cleaned()))
    }
}

/// A line of a text.
pub(crate) fn text_of(line: &[u8]) -> &str {
    std::str::from_utf8(line).expect("text was cut where lines end")
}

/// The number that was found, if it has as many digits as a number may have.
#[inline]
pub(crate) fn number_of(found: &Found) -> Option<Msisdn> {
    // Fewer than seven digits need more thought.
    const LEAST: u64 = 1_000_000;
    let number = Msisdn::from_u64(found.number()?.get())?;
    (number.as_u64() >= LEAST).then_some(number)
}

/// What the rules said about facts, for those that were met last.
#[derive(Clone)]
pub(crate) struct Memo<T> {
    slots: Box<[(u64, T); SLOTS]>,
}

/// A power of two. Lists hold a few dozen different facts, or a few hundred.
const SLOTS: usize = 256;

impl<T: Copy> Memo<T> {
    /// `unknown` must be right for any facts.
    pub(crate) fn new(unknown: T) -> Memo<T> {
        Memo {
            slots: Box::new([(0, unknown); SLOTS]),
        }
    }

    #[inline]
    fn slot(facts: u64) -> usize {
        let mixed = facts.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> (64 - SLOTS.ilog2())) as usize
    }

    /// What was said, if it was asked.
    #[inline]
    pub(crate) fn known(&self, found: &Found) -> Option<T> {
        let facts = found.facts();
        let slot = &self.slots[Self::slot(facts)];
        (slot.0 == facts).then_some(slot.1)
    }

    #[inline]
    pub(crate) fn of(&mut self, found: &Found, ask: impl FnOnce() -> T) -> T {
        let facts = found.facts();
        let slot = &mut self.slots[Self::slot(facts)];
        if slot.0 != facts {
            *slot = (facts, ask());
        }
        slot.1
    }
}
