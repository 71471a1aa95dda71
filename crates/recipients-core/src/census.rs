//! Counting recipients by verdict, without keeping rows.
//!
//! Of an accepted recipient nothing is kept but the number and the class of its verdict, in eight
//! bytes ([`Candidate`]) or in four ([`Near`]), until a million or so can be looked for on the lists and
//! among those seen, range by range ([`Census::settle`]).

use crate::bulk::{Memo, number_of, text_of};
use crate::leaves::{KEPT_OF_LEAF, LEAVES_BITS, Leaves, Local};
use crate::seen::{Bits, CLEARED_MEANWHILE, LEAF_BITS, Leaf, no_bits};
use crate::{Checker, Msisdn, NumberSet, Reason, Seen, Verdict};
use ahash::RandomState;
use numbering_plan::Answer as Found;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Verdicts without their numbers, as they occur in a list: each is a class, with a small number of
/// its own. Clones share them, on any threads.
///
/// There is room for so many that no list of honest people fills it. Verdicts that find none are
/// told apart only by [`Verdict::reason`] and [`Verdict::cleaned`]; the rest depends on the number
/// alone, and can be found out again.
#[derive(Clone)]
pub struct Classes {
    known: Arc<RwLock<Known>>,
    most: usize,
}

#[derive(Default)]
struct Known {
    numbers: HashMap<Verdict, u16, RandomState>,
    verdicts: Vec<Verdict>,
}

impl Default for Classes {
    fn default() -> Classes {
        Classes::with_room(Candidate::CLASSES)
    }
}

impl Classes {
    fn with_room(most: usize) -> Classes {
        Classes {
            known: Arc::default(),
            most,
        }
    }

    /// The class of an acceptance.
    fn of(&self, verdict: Verdict) -> u16 {
        let verdict = verdict.with_number(None);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(&class) = known.numbers.get(&verdict) {
            return class;
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let next = known.verdicts.len();
        let has_room = next < self.most - Classes::BARE;
        // Bare ones are few: there is always room for them.
        let verdict = match has_room || known.numbers.contains_key(&verdict) {
            true => verdict,
            false => verdict.bare(),
        };
        let class = *known.numbers.entry(verdict).or_insert(next as u16);
        if usize::from(class) == next {
            known.verdicts.push(verdict);
        }
        class
    }

    /// The verdicts, if some of them had no room.
    fn verdicts_if_full(&self) -> Option<Vec<Verdict>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let is_full = known.verdicts.len() >= self.most - Classes::BARE;
        is_full.then(|| known.verdicts.clone())
    }

    /// How many verdicts there are that have nothing but a reason to accept and are clean or cleaned.
    const BARE: usize = 8;

    fn verdicts(&self) -> Vec<Verdict> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.verdicts.clone()
    }
}

/// Shows how many there are.
impl std::fmt::Debug for Classes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Classes({})", self.verdicts().len())
    }
}

/// A recipient who would be accepted: number and class of verdict in eight bytes, with what their owner
/// wants to find again once they are settled.
#[derive(Clone, Copy)]
pub struct Candidate<W = ()> {
    word: u64,
    with: W,
}

impl Candidate {
    /// Bits that 15 digits take.
    const NUMBER_BITS: u32 = 50;
    /// Classes that the other bits tell apart.
    const CLASSES: usize = 1 << (64 - Candidate::NUMBER_BITS);
    /// Bits of a number that tell its place in a range ([`Candidate::range`]).
    pub const RANGE_BITS: u32 = LEAF_BITS + LEAVES_BITS;

    #[inline]
    fn new(number: Msisdn, class: u16) -> Candidate {
        Candidate {
            word: number.as_u64() | u64::from(class) << Self::NUMBER_BITS,
            with: (),
        }
    }

    /// The same with something that belongs to it.
    #[inline]
    pub fn with<W>(self, with: W) -> Candidate<W> {
        Candidate {
            word: self.word,
            with,
        }
    }

    /// What [`Candidate::to_bits`] gave, for the same [`Classes`]; `None` if it did not.
    pub fn from_bits(bits: u64) -> Option<Candidate> {
        let candidate = Candidate {
            word: bits,
            with: (),
        };
        Msisdn::from_u64(candidate.number())?;
        Some(candidate)
    }
}

impl<W: Copy> Candidate<W> {
    /// Which four million numbers it is one of. To settle candidates is quickest if those of a range come close
    /// to each other.
    #[inline]
    pub fn range(self) -> u64 {
        self.number() >> Candidate::RANGE_BITS
    }

    /// The number.
    #[inline]
    pub fn msisdn(self) -> Msisdn {
        Msisdn::from_u64(self.number()).expect("made of a number")
    }

    /// All of it in one word, to be set aside, but for what belongs to it.
    pub fn to_bits(self) -> u64 {
        self.word
    }

    #[inline]
    pub(crate) fn number(self) -> u64 {
        self.word & ((1 << Candidate::NUMBER_BITS) - 1)
    }

    #[inline]
    fn class(self) -> u16 {
        (self.word >> Candidate::NUMBER_BITS) as u16
    }

    /// The same without its leaf.
    #[inline]
    pub(crate) fn local(self) -> Local<W> {
        Local {
            place: self.word as u16,
            class: self.class(),
            with: self.with,
        }
    }

    /// The same without its range, if there is room for its class then.
    #[inline]
    pub fn near(self) -> Option<Near<W>> {
        let class = u32::from(self.class());
        (class < Near::CLASSES).then_some(Near {
            word: class << Candidate::RANGE_BITS
                | (self.word % (1 << Candidate::RANGE_BITS)) as u32,
            with: self.with,
        })
    }
}

/// Shows the number masked.
impl<W: Copy> std::fmt::Debug for Candidate<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Candidate({:?})", self.msisdn())
    }
}

/// A [`Candidate`] in half of the bytes, for whoever knows its [range](Candidate::range): its place there, and
/// its class if that is one of the first thousand.
#[derive(Clone, Copy, Default)]
pub struct Near<W = ()> {
    word: u32,
    with: W,
}

impl Near {
    const CLASSES: u32 = 1 << (u32::BITS - Candidate::RANGE_BITS);
}

impl<W: Copy> Near<W> {
    /// The number's place in its range.
    #[inline]
    pub(crate) fn place(self) -> u32 {
        self.word % (1 << Candidate::RANGE_BITS)
    }

    #[inline]
    fn class(self) -> u16 {
        (self.word >> Candidate::RANGE_BITS) as u16
    }

    /// The same without its leaf.
    #[inline]
    pub(crate) fn local(self) -> Local<W> {
        Local {
            place: self.word as u16,
            class: self.class(),
            with: self.with,
        }
    }

    /// That of the range of which it is.
    fn in_range(self, range: u64) -> Candidate<W> {
        let number = range << Candidate::RANGE_BITS | u64::from(self.place());
        let number = Msisdn::from_u64(number).expect("a number of the range");
        Candidate::new(number, self.class()).with(self.with)
    }
}

/// Shows nothing of the number.
impl<W> std::fmt::Debug for Near<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Near")
    }
}

/// Candidates that are settled together ([`Census::settle`]).
#[derive(Clone, Copy)]
pub enum Together<'a, W = ()> {
    /// Of this range.
    Near(u64, &'a [Near<W>]),
    /// Of any.
    Any(&'a [Candidate<W>]),
}

impl<'a, W: Copy> Together<'a, W> {
    /// All of them.
    ///
    /// # Panics
    ///
    /// If the range is not theirs, and has no such numbers.
    pub fn candidates(self) -> impl Iterator<Item = Candidate<W>> + 'a {
        let (range, near, any) = match self {
            Together::Near(range, near) => (range, near, &[][..]),
            Together::Any(any) => (0, &[][..], any),
        };
        let near = near.iter().map(move |one| one.in_range(range));
        near.chain(any.iter().copied())
    }
}

/// Shows how many.
impl<W> std::fmt::Debug for Together<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Together::Near(_, batch) => write!(f, "Near({})", batch.len()),
            Together::Any(batch) => write!(f, "Any({})", batch.len()),
        }
    }
}

/// What the rules say about facts.
#[derive(Clone, Copy)]
struct Ruling {
    /// Absent if they have to see the cell.
    verdict: Option<Verdict>,
    /// Of an acceptance.
    class: Option<u16>,
}

impl Ruling {
    const UNKNOWN: Ruling = Ruling {
        verdict: None,
        class: None,
    };

    fn new(verdict: Option<Verdict>, classes: &Classes) -> Ruling {
        let acceptance = verdict.filter(Verdict::is_accepted);
        Ruling {
            verdict,
            class: acceptance.map(|verdict| classes.of(verdict)),
        }
    }
}

/// What becomes of candidates, as the places of their counts: they are new, or duplicates, or on one
/// of the policy's lists.
const NEW: usize = 0;
const DUPLICATE: usize = 1;
const LISTED: usize = 2;
const FATES: usize = LISTED + 3;

/// Counts recipients by verdict, for whoever wants to know no more than how many there are of each:
/// several times faster than verdicts one by one. Each thread has its own; those of one list share
/// their [`Classes`].
///
/// ```
/// use recipients_core::{Census, Checker, Classes, Reason, Seen, Together};
///
/// let checker = Checker::default();
/// let mut census = Census::new(&checker, &Classes::default());
/// let (mut candidates, mut refused) = (Vec::new(), Vec::new());
/// census.lines("380971112233\n\nnone\n+380 97 111-22-33\n", |line, judged| match judged {
///     Ok(candidate) => candidates.push(candidate.with(line.text().len())),
///     Err(verdict) => refused.push((line.text().to_owned(), verdict.reason())),
/// });
/// assert_eq!(refused, [("none".to_owned(), Reason::NoDigits)]);
///
/// let mut bytes = 0;
/// let new = |len: usize| bytes += len;
/// let candidates = [Together::Any(&candidates)].into_iter();
/// census.settle(candidates, &mut Seen::numbers_only(), new);
/// let counts: Vec<_> = census.counts().map(|(verdict, count)| (verdict.reason(), count)).collect();
/// assert_eq!(counts, [(Reason::Ok, 1), (Reason::Duplicate, 1)]);
/// assert_eq!(bytes, "380971112233".len());
/// ```
pub struct Census<'c, W = ()> {
    checker: &'c Checker,
    classes: Classes,
    memo: Memo<Ruling>,
    /// By class and fate, as far as classes have come.
    counts: Vec<[u64; FATES]>,
    /// Of acceptances whose class does not tell everything.
    told_again: HashMap<Verdict, u64, RandomState>,
    likely_duplicates: u64,
    leaves: Leaves<W>,
    /// A leaf's numbers, a bit each.
    bits: Box<Bits>,
    /// Of a leaf's candidates.
    is_new: Vec<bool>,
    /// Which of a leaf's candidates are on a list.
    listed: Vec<u32>,
}

/// Shows whom it asks.
impl<W> std::fmt::Debug for Census<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Census")
            .field("checker", &self.checker)
            .finish_non_exhaustive()
    }
}

/// Takes judged lines in their order ([`Census::lines_to`]).
///
/// Every closure `FnMut(Line<'_>, Result<Candidate, Verdict>)` is one.
pub trait Taker {
    /// The line is accepted, unless it turns out to be on a stop list or a duplicate.
    fn accept(&mut self, line: Line<'_>, candidate: Candidate);

    /// It is not.
    fn refuse(&mut self, line: Line<'_>, verdict: Verdict);
}

impl<F: FnMut(Line<'_>, Result<Candidate, Verdict>)> Taker for F {
    #[inline]
    fn accept(&mut self, line: Line<'_>, candidate: Candidate) {
        self(line, Ok(candidate));
    }

    #[inline]
    fn refuse(&mut self, line: Line<'_>, verdict: Verdict) {
        self(line, Err(verdict));
    }
}

/// A line that was judged ([`Census::lines`]).
#[derive(Clone, Copy)]
pub struct Line<'t>(&'t [u8]);

impl<'t> Line<'t> {
    /// What stands in it.
    pub fn text(self) -> &'t str {
        text_of(self.0)
    }
}

/// Shows how many bytes it has, and not what is in them.
impl std::fmt::Debug for Line<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Line({})", self.0.len())
    }
}

impl<'c, W: Copy + Default> Census<'c, W> {
    /// A census that asks this checker.
    pub fn new(checker: &'c Checker, classes: &Classes) -> Census<'c, W> {
        Census {
            checker,
            classes: classes.clone(),
            memo: Memo::new(Ruling::UNKNOWN),
            counts: Vec::new(),
            told_again: HashMap::default(),
            likely_duplicates: 0,
            leaves: Leaves::new(),
            bits: no_bits(),
            is_new: Vec::new(),
            listed: Vec::new(),
        }
    }

    /// Judges every line that has any bytes. Lines end with a newline, which a carriage return may
    /// precede. They are handed out in their order: those that are accepted, unless it turns out that
    /// they are on a stop list or duplicates, as candidates, and the others with their verdicts.
    pub fn lines(&mut self, text: &str, each: impl FnMut(Line<'_>, Result<Candidate, Verdict>)) {
        self.lines_to(text, each);
    }

    /// [`Census::lines`], each kind of line to a function of its own: quicker, where little is to be done
    /// about those that are accepted.
    pub fn lines_to(&mut self, text: &str, mut taker: impl Taker) {
        let Census {
            checker,
            classes,
            memo,
            ..
        } = self;
        checker.plan().for_lines(text, |lines, answers| {
            for (line, found) in lines.iter().zip(answers) {
                if let Some(candidate) = quick_candidate(memo, found) {
                    taker.accept(Line(line), candidate);
                } else {
                    let judged = ruling(checker, classes, memo, found, || text_of(line));
                    hand_out(&mut taker, Line(line), judged);
                }
            }
        });
    }

    /// Judges cells as [`Census::lines`] judges lines, empty ones included; they are handed out with
    /// their places.
    pub fn cells(
        &mut self,
        cells: &[&str],
        mut each: impl FnMut(usize, Result<Candidate, Verdict>),
    ) {
        let Census {
            checker,
            classes,
            memo,
            ..
        } = self;
        let mut at = 0;
        checker.by_batch(cells, |cell, found| {
            each(at, ruling(checker, classes, memo, &found, || cell));
            at += 1;
        });
    }

    /// What is left of an acceptance; `None` of any other verdict.
    pub fn candidate(&self, verdict: Verdict) -> Option<Candidate> {
        let number = verdict.msisdn().filter(|_| verdict.is_accepted())?;
        Some(Candidate::new(number, self.classes.of(verdict)))
    }

    /// Finds out what becomes of candidates, and counts them: whether they are on a stop list, among
    /// those seen, or new; the new ones are seen now, and what belongs to them is handed to `new`, in any
    /// order. Candidates must come in the order of the rows, as far as numbers can be equal.
    ///
    /// Numbers are looked for in the order of ranges as wide as a bitmap that stays in the first-level
    /// cache: to look for them as they come would be to wait for memory most of the time.
    ///
    /// # Panics
    ///
    /// If the set keeps places, or candidates are told to be of a range that has no such numbers.
    pub fn settle<'a>(
        &mut self,
        candidates: impl Iterator<Item = Together<'a, W>>,
        seen: &mut Seen,
        new: impl FnMut(W),
    ) where
        W: 'a,
    {
        self.settle_and(candidates, seen, true, new);
    }

    /// [`Census::settle`] for the last candidates that the set is asked about: quicker, and with less memory, since
    /// they need not become part of it.
    ///
    /// # Panics
    ///
    /// As [`Census::settle`].
    pub fn settle_last<'a>(
        &mut self,
        candidates: impl Iterator<Item = Together<'a, W>>,
        mut seen: Seen,
        new: impl FnMut(W),
    ) where
        W: 'a,
    {
        self.settle_and(candidates, &mut seen, false, new);
    }

    fn settle_and<'a>(
        &mut self,
        candidates: impl Iterator<Item = Together<'a, W>>,
        seen: &mut Seen,
        is_asked_again: bool,
        mut new: impl FnMut(W),
    ) where
        W: 'a,
    {
        let Census {
            checker,
            classes,
            counts,
            told_again,
            leaves,
            bits,
            is_new,
            listed,
            likely_duplicates,
            ..
        } = self;
        leaves.gather(candidates);
        let lists = checker.policy().lists();
        let mut tally = ClassTally {
            counts,
            class: 0,
            fates: [0; FATES],
        };
        let verdicts = classes.verdicts_if_full();
        leaves.drain(|leaf, run| {
            let mut left = run;
            for (at, (_, list)) in lists.iter().enumerate() {
                for set in list.sets() {
                    let kept = strike(leaf, left, set, (bits, listed), |class| {
                        tally.of(class)[LISTED + at] += 1;
                    });
                    left = &mut left[..kept];
                }
            }
            let may_have_twins = Msisdn::may_have_twins(leaf.numbers());
            if may_have_twins {
                *likely_duplicates += twins_seen(leaf, left, seen);
            }
            let places = left.iter().map(|candidate| candidate.place);
            match is_asked_again || may_have_twins {
                true => seen.insert_run(leaf, places, bits, is_new),
                false => seen.judge_last_run(leaf, places, bits, is_new),
            }
            for (candidate, &is_new) in left.iter().zip(&*is_new) {
                if is_new {
                    new(candidate.with);
                }
            }
            if let (None, Some(class)) = (&verdicts, only_class(left)) {
                let found = is_new.iter().filter(|is_new| **is_new).count();
                let fates = tally.of(class);
                fates[NEW] += found as u64;
                fates[DUPLICATE] += (left.len() - found) as u64;
                return;
            }
            for (&candidate, &is_new) in left.iter().zip(&*is_new) {
                let mut is_counted = is_new;
                if let (Some(verdicts), true) = (&verdicts, is_new) {
                    let verdict = verdicts[usize::from(candidate.class)];
                    if verdict == verdict.bare() {
                        let whole = checker.whole(leaf.msisdn(candidate.place), verdict);
                        *told_again.entry(whole).or_default() += 1;
                        is_counted = false;
                    }
                }
                let fates = tally.of(candidate.class);
                fates[NEW] += u64::from(is_counted);
                fates[DUPLICATE] += u64::from(!is_new);
            }
        });
        tally.flush();
        // All of a list may be equal.
        is_new.shrink_to(KEPT_OF_LEAF);
        listed.shrink_to(KEPT_OF_LEAF);
    }

    /// How many numbers were accepted of which the [likely twin](Msisdn::likely_twin) was, too; each
    /// pair counts once.
    pub fn likely_duplicates(&self) -> u64 {
        self.likely_duplicates
    }

    /// The verdicts on all candidates that were settled, without numbers, and how many there are of
    /// each; the same verdict may come more than once.
    pub fn counts(&self) -> impl Iterator<Item = (Verdict, u64)> + '_ {
        let classes = self.classes.verdicts().into_iter().zip(&self.counts);
        let lists = self.checker.policy().lists().map(|(reason, _)| reason);
        let counts = classes.flat_map(move |(class, counts)| {
            let (settled, listed) = counts.split_at(LISTED);
            let duplicate = class.but(Reason::Duplicate);
            let settled = [class, duplicate].into_iter().zip(settled);
            let listed = lists
                .map(|reason| class.but(reason))
                .into_iter()
                .zip(listed);
            settled
                .chain(listed)
                .map(|(verdict, &count)| (verdict, count))
        });
        let told_again = self.told_again.iter().map(|(&v, &count)| (v, count));
        counts.chain(told_again).filter(|&(_, count)| count > 0)
    }
}

/// The class of all of the candidates, if they have the same. Those whose numbers lie close nearly always have.
fn only_class<W>(run: &[Local<W>]) -> Option<u16> {
    let class = run.first()?.class;
    let differences = |all, candidate: &Local<W>| all | (candidate.class ^ class);
    (run.iter().fold(0, differences) == 0).then_some(class)
}

/// How many numbers of a run are not seen yet while their likely twins are. Two twins are never in
/// one leaf.
fn twins_seen<W>(leaf: Leaf, run: &[Local<W>], seen: &Seen) -> u64 {
    let number = |candidate: &Local<W>| leaf.msisdn(candidate.place);
    let mut new: Vec<Msisdn> = run.iter().map(number).collect();
    new.sort_unstable();
    new.dedup();
    let is_seen = |number| seen.get(number).is_some();
    let twins = new.into_iter().filter(|&number| !is_seen(number));
    twins
        .filter_map(Msisdn::likely_twin)
        .filter(|&twin| is_seen(twin))
        .count() as u64
}

/// Counts by class and fate. Neighbours are often of the same class: theirs are counted apart, where
/// no addition has to wait for the one before it to reach memory.
struct ClassTally<'c> {
    counts: &'c mut Vec<[u64; FATES]>,
    class: u16,
    fates: [u64; FATES],
}

impl ClassTally<'_> {
    #[inline]
    fn of(&mut self, class: u16) -> &mut [u64; FATES] {
        if class != self.class {
            self.flush();
            self.class = class;
        }
        &mut self.fates
    }

    fn flush(&mut self) {
        let class = usize::from(self.class);
        if self.counts.len() <= class {
            self.counts.resize(class + 1, [0; FATES]);
        }
        let counts = self.counts[class].iter_mut();
        counts
            .zip(&self.fates)
            .for_each(|(sum, count)| *sum += count);
        self.fates = [0; FATES];
    }
}

/// What is not met often.
#[inline(never)]
fn hand_out(taker: &mut impl Taker, line: Line<'_>, judged: Result<Candidate, Verdict>) {
    match judged {
        Ok(candidate) => taker.accept(line, candidate),
        Err(verdict) if !line.0.is_empty() => taker.refuse(line, verdict),
        Err(_) => {}
    }
}

/// The candidate that an answer is, if such answers were ruled on before.
#[inline]
fn quick_candidate(memo: &Memo<Ruling>, found: &Found) -> Option<Candidate> {
    let class = memo.known(found)?.class?;
    Some(Candidate::new(number_of(found)?, class))
}

/// What becomes of a cell but for lists and duplicates. A cell is asked for only if the facts do not
/// tell.
#[inline(never)]
fn ruling<'t>(
    checker: &Checker,
    classes: &Classes,
    memo: &mut Memo<Ruling>,
    found: &Found,
    cell: impl FnOnce() -> &'t str,
) -> Result<Candidate, Verdict> {
    let number = number_of(found);
    let ruling = match number {
        Some(_) => memo.of(found, || Ruling::new(checker.judge_quickly(found), classes)),
        None => Ruling::UNKNOWN,
    };
    if let (Some(number), Some(class)) = (number, ruling.class) {
        return Ok(Candidate::new(number, class));
    }
    let verdict = match ruling.verdict {
        Some(verdict) => verdict.with_number(number),
        None => checker.check(cell()),
    };
    match verdict.msisdn().filter(|_| verdict.is_accepted()) {
        Some(number) => Ok(Candidate::new(number, classes.of(verdict))),
        None => Err(verdict),
    }
}

/// Moves the candidates of a leaf that are not in a set to the front, in their order; how many they
/// are. The classes of the others are told. All of `bits` are 0, before and after.
fn strike<W: Copy>(
    leaf: Leaf,
    run: &mut [Local<W>],
    set: &NumberSet,
    (bits, listed): (&mut Bits, &mut Vec<u32>),
    mut tell: impl FnMut(u16),
) -> usize {
    /// Numbers of the set that are unpacked while one is looked for among the blocks.
    const UNPACKED_MEANWHILE: usize = 96;
    let numbers = leaf.numbers();
    let blocks = set.blocks(numbers.clone());
    if blocks.is_empty() {
        return run.len();
    }
    if NumberSet::in_blocks(&blocks) + CLEARED_MEANWHILE <= UNPACKED_MEANWHILE * run.len() {
        set.for_blocks(blocks, |number| {
            let place = number.wrapping_sub(numbers.start) as usize;
            if let Some(word) = bits.get_mut(place / 64) {
                *word |= 1 << (place % 64);
            }
        });
        // Which are there cannot be foreseen: each is put behind them, and stays if it is.
        let mut count = 0;
        listed.resize(run.len(), 0);
        for (at, candidate) in run.iter().enumerate() {
            let place = usize::from(candidate.place);
            listed[count] = at as u32;
            count += (bits[place / 64] >> (place % 64) & 1) as usize;
        }
        listed.truncate(count);
        bits.fill(0);
    } else {
        let is_there = |at: &u32| {
            let number = leaf.msisdn(run[*at as usize].place);
            set.is_among(blocks.clone(), number)
        };
        listed.clear();
        listed.extend((0..run.len() as u32).filter(is_there));
    }
    let mut kept = listed.first().map_or(run.len(), |&first| first as usize);
    for (n, &at) in listed.iter().enumerate() {
        tell(run[at as usize].class);
        let next = listed.get(n + 1).map_or(run.len(), |&next| next as usize);
        let between = at as usize + 1..next;
        run.copy_within(between.clone(), kept);
        kept += between.len();
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Lines, Plan, Policy, StopList};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn cell() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => (0u64..300).prop_map(|n| format!("38097111{n:04}")),
            2 => (0u64..300).prop_map(|n| format!("0038 (097) 111-{n:04}")),
            2 => (0u64..9).prop_map(|n| format!("+4915{n}1234567{n}")),
            2 => (0u64..2_000_000).prop_map(|n| format!("{}", 79_000_000_000 + 613 * n)),
            1 => "[0-9+;a ]{0,13}",
        ]
    }

    type Counts = BTreeMap<(Reason, Option<String>, Option<u16>, bool), u64>;

    fn count(counts: &mut Counts, verdict: Verdict, more: u64) {
        let territory = verdict.territory().map(|t| t.to_string());
        let operator = verdict.operator().map(crate::OperatorId::as_u16);
        // What becomes of a duplicate's territory is not told.
        let key = match verdict.is_accepted() {
            true => (verdict.reason(), territory, operator, verdict.cleaned()),
            false => (verdict.reason(), None, None, verdict.cleaned()),
        };
        *counts.entry(key).or_default() += more;
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// A census comes to what verdicts one by one come to, however many classes there is room
        /// for and however the list is parted.
        #[test]
        fn a_census_counts_verdicts(
            cells in prop::collection::vec(cell(), 0..900),
            room in prop_oneof![Just(Classes::BARE), Just(Classes::BARE + 1), Just(Candidate::CLASSES)],
            part in 1usize..400,
            listed in prop::collection::vec(0u64..300, 0..200),
            possible: bool,
        ) {
            let lines = if possible { Lines::Possible } else { Lines::Mobile };
            let list = |from: u64| -> StopList {
                let numbers = listed.iter().map(|n| Msisdn::from_u64(from + n).unwrap());
                numbers.collect()
            };
            let policy = Policy::default()
                .lines(lines)
                .own_stop_list(list(380_971_110_000))
                .system_stop_list(list(79_000_000_000))
                .seen_before(list(380_971_110_050));
            let checker = Checker::with_plan(Plan::builtin(), policy);
            let (mut expected, mut expected_bytes) = (Counts::new(), 0);
            let mut seen = Seen::numbers_only();
            for cell in cells.iter().filter(|cell| !cell.is_empty()) {
                let mut verdict = checker.check(cell);
                if let (true, Some(number)) = (verdict.is_accepted(), verdict.msisdn())
                    && seen.insert(number, 0).is_some()
                {
                    verdict = verdict.but(Reason::Duplicate);
                }
                expected_bytes += if verdict.is_accepted() { cell.len() as u64 } else { 0 };
                count(&mut expected, verdict, 1);
            }
            for spent in [0, 1 << 20] {
                let mut census = Census::new(&checker, &Classes::with_room(room));
                let mut seen = Seen::numbers_only().spending(spent);
                let (mut found, mut new_bytes) = (Counts::new(), 0);
                let mut chunks = cells.chunks(part).peekable();
                while let Some(cells) = chunks.next() {
                    let (one, other) = cells.split_at(cells.len() / 2);
                    let batches: Vec<Vec<Candidate<u64>>> = [one, other]
                        .into_iter()
                        .map(|cells| {
                            let mut candidates = Vec::new();
                            let text: String = cells.iter().map(|cell| format!("{cell}\n")).collect();
                            census.lines(&text, |line, judged| match judged {
                                Ok(candidate) => candidates.push(candidate.with(line.text().len() as u64)),
                                Err(verdict) => count(&mut found, verdict, 1),
                            });
                            candidates
                        })
                        .collect();
                    let mut ranges = BTreeMap::<u64, Vec<Near<u64>>>::new();
                    for candidate in &batches[0] {
                        let near = candidate.near().expect("few classes");
                        ranges.entry(candidate.range()).or_default().push(near);
                    }
                    let near = ranges.iter().map(|(&range, batch)| Together::Near(range, batch));
                    let candidates = near.chain([Together::Any(&batches[1])]);
                    let new = |len| new_bytes += len;
                    match chunks.peek() {
                        Some(_) => census.settle(candidates, &mut seen, new),
                        None => census.settle_last(candidates, std::mem::take(&mut seen), new),
                    }
                }
                for (verdict, more) in census.counts() {
                    count(&mut found, verdict, more);
                }
                prop_assert_eq!(&found, &expected);
                prop_assert_eq!(new_bytes, expected_bytes);
            }
        }
    }

    /// Where a list has thousands of numbers in a leaf, few are looked for without unpacking these.
    #[test]
    fn few_numbers_are_looked_for_on_a_long_list() {
        let listed = (0..5000).map(|n| Msisdn::from_u64(380_971_100_000 + 2 * n).unwrap());
        let policy = Policy::default().own_stop_list(listed.collect());
        let checker = Checker::with_plan(Plan::builtin(), policy);
        let mut census = Census::new(&checker, &Classes::default());
        let mut seen = Seen::numbers_only();
        for round in 0..100u64 {
            let numbers = (0..4).map(|n| 380_971_100_000 + 4 * round + n);
            let text: String = numbers.map(|number| format!("{number}\n")).collect();
            let mut candidates = Vec::new();
            census.lines(&text, |_, judged| candidates.push(judged.unwrap().with(())));
            census.settle([Together::Any(&candidates)].into_iter(), &mut seen, |()| {});
        }
        let mut counts = Counts::new();
        census
            .counts()
            .for_each(|(v, more)| count(&mut counts, v, more));
        let of = |reason| -> u64 {
            counts
                .iter()
                .filter(|(k, _)| k.0 == reason)
                .map(|(_, n)| n)
                .sum()
        };
        assert_eq!((of(Reason::OwnStopList), of(Reason::Ok)), (200, 200));
    }
}
