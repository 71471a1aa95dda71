//! The compiled plan: its parts, and what they promise.

use crate::answer::Class;
use crate::error::{Error, Fault};
use crate::layout::{self, GROUPS, HEAD_WORDS, MAGIC, ROW, ROW_FIRST, ROW_LAST, STRIDES, Section};
use crate::{MAX_NATIONAL_DIGITS, OperatorId, Territory};
use core::fmt;

/// The numbering plan of the world, compiled: a few tables in one run of bytes, borrowed.
///
/// ```
/// use numbering_plan::{Kind, Plan};
///
/// let plan = Plan::builtin();
/// let answer = plan.classify(b"+380 97 111-22-33");
/// assert_eq!(answer.number().unwrap().get(), 380971112233);
/// assert_eq!(answer.territory().unwrap().to_string(), "UA");
/// assert_eq!(answer.kind(), Some(Kind::Mobile));
/// assert_eq!(plan.operator_name(answer.operator().unwrap()), Some("Kyivstar"));
/// ```
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    header: &'a str,
    territories: &'a [[u8; 2]],
    regions: &'a [[u8; 16]],
    calling_codes: &'a [[u8; 4]; GROUPS],
    roots: &'a [[u8; 8]; GROUPS],
    steps: &'a [[u8; 8]],
    entries: &'a [[u8; 2]],
    leaves: &'a [[u8; 4]],
    rows: &'a [[u8; 4]],
    readers: &'a [[u8; 24]],
    actions: &'a [[u8; 4]],
    inserts: &'a [[u8; 8]],
    operators: &'a [[u8; 4]],
    names: &'a [u8],
}

/// What the plan says about a territory as a whole.
#[derive(Clone, Copy)]
pub(crate) struct Region {
    pub(crate) calling_code: u16,
    pub(crate) international_prefix: u16,
    pub(crate) national_prefix: u16,
    pub(crate) general: u16,
    pub(crate) lengths: u32,
    pub(crate) local_lengths: u32,
}

/// What is done with a prefix that was found.
pub(crate) struct Action<'a> {
    /// Digits that are left out from the start.
    pub(crate) cut: usize,
    /// The part of them that is kept.
    pub(crate) kept: core::ops::Range<usize>,
    /// Digits, as values, that come before it.
    pub(crate) insert: &'a [u8],
}

const fn u16_of(bytes: [u8; 2]) -> u16 {
    u16::from_le_bytes(bytes)
}

const fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
}

/// The two halves of an element.
#[inline(always)]
pub(crate) const fn halves(bytes: &[u8; 4]) -> (u16, u16) {
    let [a, b, c, d] = *bytes;
    (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))
}

#[inline(always)]
pub(crate) const fn words(bytes: &[u8; 8]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = *bytes;
    (
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    )
}

#[cfg(feature = "builtin")]
static BUILTIN: Plan<'static> = match Plan::lay_out(include_bytes!("../data/plan.bin")) {
    Ok(plan) => plan,
    Err(_) => panic!("data/plan.bin is no compiled plan"),
};

impl Plan<'static> {
    /// The plan that this version of the library was made with. It needs no loading.
    #[cfg(feature = "builtin")]
    pub fn builtin() -> &'static Plan<'static> {
        &BUILTIN
    }
}

impl<'a> Plan<'a> {
    /// A plan that was compiled before, by this library's compiler (`cargo xtask plan`); it stays
    /// where it is. Everything in it is checked first, so that nothing that is asked of it later
    /// can fail: bytes that are damaged, or made to do harm, are an error.
    ///
    /// ```
    /// use numbering_plan::Plan;
    ///
    /// let error = Plan::from_bytes(b"PK\x03\x04").unwrap_err();
    /// assert!(error.to_string().starts_with("not a compiled numbering plan"));
    /// ```
    ///
    /// # Errors
    ///
    /// If the bytes are no compiled plan, of another format, cut off, or contradict themselves.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Plan<'a>, Error> {
        if bytes.len() > layout::MAX_BYTES {
            return Err(Error(Fault::TooLarge));
        }
        let plan = Plan::lay_out(bytes)?;
        let head = plan.header.len() + 1;
        if word(bytes, head) != layout::checksum([&bytes[..head], &bytes[head + 4..]]) as usize {
            return Err(Error(Fault::Checksum));
        }
        plan.validate()?;
        Ok(plan)
    }

    /// Finds the parts. Their contents are not looked at.
    const fn lay_out(bytes: &'a [u8]) -> Result<Plan<'a>, Error> {
        let magic = MAGIC.as_bytes();
        let mut at = 0;
        while at < magic.len() {
            if at >= bytes.len() || bytes[at] != magic[at] {
                return Err(Error(Fault::NoPlan));
            }
            at += 1;
        }
        if at >= bytes.len() || bytes[at] != b'\n' {
            return Err(Error(Fault::NoPlan));
        }
        loop {
            if at + 1 + 4 * HEAD_WORDS >= bytes.len() {
                return Err(Error(Fault::Length));
            }
            if bytes[at] == b'\n' && bytes[at + 1] == b'\n' {
                break;
            }
            at += 1;
        }
        let (header, rest) = bytes.split_at(at + 1);
        let Ok(header) = core::str::from_utf8(header) else {
            return Err(Error(Fault::NoPlan));
        };
        let (_, rest) = rest.split_at(1);
        let (head, mut rest) = rest.split_at(4 * HEAD_WORDS);
        let mut parts: [&[u8]; Section::COUNT] = [&[]; Section::COUNT];
        let mut i = 0;
        while i < Section::COUNT {
            let count = word(head, 4 * (i + 1));
            let len = match count.checked_mul(Section::ALL[i].element()) {
                Some(len) if len <= rest.len() => len,
                _ => return Err(Error(Fault::Length)),
            };
            (parts[i], rest) = rest.split_at(len);
            i += 1;
        }
        if !rest.is_empty() {
            return Err(Error(Fault::Length));
        }
        let codes = parts[Section::CallingCodes as usize].as_chunks().0;
        let roots = parts[Section::Roots as usize].as_chunks().0;
        let (Some(calling_codes), Some(roots)) = (codes.first_chunk(), roots.first_chunk()) else {
            return Err(Error(Fault::Length));
        };
        Ok(Plan {
            header,
            territories: parts[Section::Territories as usize].as_chunks().0,
            regions: parts[Section::Regions as usize].as_chunks().0,
            calling_codes,
            roots,
            steps: parts[Section::Steps as usize].as_chunks().0,
            entries: parts[Section::Entries as usize].as_chunks().0,
            leaves: parts[Section::Leaves as usize].as_chunks().0,
            rows: parts[Section::Rows as usize].as_chunks().0,
            readers: parts[Section::Readers as usize].as_chunks().0,
            actions: parts[Section::Actions as usize].as_chunks().0,
            inserts: parts[Section::Inserts as usize].as_chunks().0,
            operators: parts[Section::Operators as usize].as_chunks().0,
            names: parts[Section::Names as usize],
        })
    }

    /// Every place that an element names must exist.
    fn validate(&self) -> Result<(), Error> {
        use Section as S;
        let all = |section: Section, good: &mut dyn FnMut(usize) -> bool, count: usize| match (0
            ..count)
            .find(|&i| !good(i))
        {
            Some(at) => Err(Error(Fault::Element(section, at))),
            None => Ok(()),
        };
        for key in ["version", "date", "licence"] {
            if self.about(key).is_none() {
                return Err(Error(Fault::Header));
            }
        }
        let places = |n: usize| n < 1 << 16;
        // Nine bits of a row hold the territory.
        let count = self.territories.len();
        if !(2..512).contains(&count) || self.regions.len() != count {
            return Err(Error(Fault::Element(S::Territories, count)));
        }
        all(
            S::Territories,
            &mut |i| (i == 0 && self.territories[0] == [0, 0]) || is_code(self.territories[i]),
            count,
        )?;
        let readers = self.readers.len();
        // Element 0 of these stands for nothing, and is there.
        let nothing = self.readers.first() == Some(&[0; 24])
            && self.actions.first() == Some(&[0; 4])
            && self.inserts.first() == Some(&[0; 8]);
        if !nothing {
            return Err(Error(Fault::Element(S::Readers, 0)));
        }
        let is_reader = |start: u16| usize::from(start) < readers;
        all(
            S::Regions,
            &mut |i| {
                let region = self.region(i);
                let longest = 1u32 << (MAX_NATIONAL_DIGITS + 1);
                if i == 0 {
                    return self.regions[0] == [0; 16];
                }
                (1..1000).contains(&region.calling_code)
                    && is_reader(region.international_prefix)
                    && is_reader(region.national_prefix)
                    && is_reader(region.general)
                    && region.lengths != 0
                    && (region.lengths | region.local_lengths) < longest
            },
            count,
        )?;
        let starts_with =
            |group: usize, code: u16| [group, group / 10, group / 100].contains(&usize::from(code));
        all(
            S::CallingCodes,
            &mut |group| match halves(&self.calling_codes[group]) {
                (0, code) => code == 0,
                (n, code) => {
                    group < 1000
                        && usize::from(n) < count
                        && code == self.region(usize::from(n)).calling_code
                        && starts_with(group, code)
                }
            },
            GROUPS,
        )?;
        let (leaves, steps) = (self.leaves.len(), self.steps.len());
        if leaves == 0 || leaves > steps || !places(steps) || !places(readers) {
            return Err(Error(Fault::Element(S::Steps, steps)));
        }
        let inside = |step: &[u8; 8]| {
            let (place, factor) = words(step);
            let last = u64::from(place) + ((999 * u64::from(factor)) >> 16);
            (factor == 0 || STRIDES.contains(&factor)) && last < self.entries.len() as u64
        };
        all(S::Roots, &mut |i| inside(&self.roots[i]), GROUPS)?;
        all(
            S::Steps,
            &mut |i| {
                let (place, factor) = words(&self.steps[i]);
                let to_itself = || factor == 0 && usize::from(self.entry(place as usize)) == i;
                inside(&self.steps[i]) && (i >= leaves || to_itself())
            },
            steps,
        )?;
        all(
            S::Entries,
            &mut |i| usize::from(self.entry(i)) < steps,
            self.entries.len(),
        )?;
        all(
            S::Leaves,
            &mut |i| {
                let (row, operator) = halves(&self.leaves[i]);
                usize::from(row) + ROW <= self.rows.len()
                    && usize::from(operator) <= self.operators.len()
            },
            leaves,
        )?;
        all(
            S::Rows,
            &mut |i| {
                let element = RowElement(u32::from_le_bytes(self.rows[i]));
                let territory = element.territory();
                element.class().0 <= Class::LAST
                    && (territory == 0 || is_code(territory.to_be_bytes()))
                    && (element.class().0 >= Class::INVALID || territory > 0)
                    && element.0 & 0x7f00_0000 == 0
            },
            self.rows.len(),
        )?;
        all(
            S::Readers,
            &mut |i| {
                let state = &self.readers[i];
                let value = |n: usize| usize::from(u16_of([state[2 * n], state[2 * n + 1]]));
                (0..10).all(|digit| value(digit) < readers)
                    && value(10) < self.actions.len()
                    && value(11) < self.actions.len()
            },
            readers,
        )?;
        all(
            S::Actions,
            &mut |i| {
                let [cut, start, len, insert] = self.actions[i].map(usize::from);
                // What is inserted replaces something.
                cut <= 32
                    && start + len <= cut
                    && insert < self.inserts.len()
                    && (cut > 0 || insert == 0)
            },
            self.actions.len(),
        )?;
        all(
            S::Inserts,
            &mut |i| {
                let [len, digits @ ..] = self.inserts[i];
                len <= 7 && digits.iter().all(|&d| d < 10)
            },
            self.inserts.len(),
        )?;
        let mut before = 0;
        all(
            S::Operators,
            &mut |i| {
                let end = word(&self.operators[i], 0);
                let name = self.names.get(before..end);
                before = end;
                name.is_some_and(|name| core::str::from_utf8(name).is_ok())
            },
            self.operators.len(),
        )?;
        if before != self.names.len() || !places(self.operators.len()) {
            return Err(Error(Fault::Element(S::Names, before)));
        }
        Ok(())
    }

    /// A line of the text header: `version` (`libphonenumber 9.0.43`), `date` (of that release),
    /// `licence` (of the data, an SPDX expression), `source`, and what else the compiler wrote.
    pub fn about(&self, key: &str) -> Option<&'a str> {
        self.header
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
    }

    /// The whole text header.
    pub fn header(&self) -> &'a str {
        self.header
    }

    /// The version of the metadata. Ranges age, so every report should name it.
    pub fn version(&self) -> &'a str {
        self.about("version").unwrap_or_default()
    }

    /// The territories with their calling codes, by calling code; the main one of each first.
    pub fn territories(&self) -> impl Iterator<Item = (Territory, u16)> + use<'a> {
        let plan = *self;
        (1..plan.territories.len()).filter_map(move |i| {
            let territory = Territory::from_packed(plan.packed_territory(i))?;
            Some((territory, plan.region(i).calling_code))
        })
    }

    /// The calling code of a territory. `001` has several, and is not asked for one.
    pub fn calling_code(&self, territory: Territory) -> Option<u16> {
        self.region_of(territory).map(|region| region.calling_code)
    }

    /// The territories of a calling code, the main one first; none if it is not assigned.
    pub fn territories_of(&self, calling_code: u16) -> impl Iterator<Item = Territory> + use<'a> {
        self.territories()
            .filter(move |&(_, code)| code == calling_code)
            .map(|(territory, _)| territory)
    }

    /// The name of an operator; `None` if this plan does not know it.
    pub fn operator_name(&self, operator: OperatorId) -> Option<&'a str> {
        let at = usize::from(operator.as_u16()) - 1;
        let end = word(self.operators.get(at)?, 0);
        let start = match at {
            0 => 0,
            _ => word(&self.operators[at - 1], 0),
        };
        core::str::from_utf8(self.names.get(start..end)?)
            .ok()
            .filter(|name| !name.is_empty())
    }

    /// The operators of the plan and their names.
    pub fn operators(&self) -> impl Iterator<Item = (OperatorId, &'a str)> + use<'a> {
        let plan = *self;
        (1..=plan.operators.len()).filter_map(move |id| {
            let id = OperatorId::from_u16(id as u16)?;
            Some((id, plan.operator_name(id)?))
        })
    }

    /// The territory with this number, as it is packed; 0 for number 0.
    #[inline(always)]
    pub(crate) fn packed_territory(&self, number: usize) -> u16 {
        u16::from_be_bytes(self.territories[number])
    }

    /// The main territory's, or 0 if the calling code has others too.
    pub(crate) fn sole_territory(&self, main: usize) -> u16 {
        let code = self.region(main).calling_code;
        match self.regions.get(main + 1) {
            Some(_) if self.region(main + 1).calling_code == code => 0,
            _ => self.packed_territory(main),
        }
    }

    /// The calling code that these three digits start with, and the number of its main territory;
    /// zeros if it is not assigned.
    #[inline(always)]
    pub(crate) fn calling_code_at(&self, group: u16) -> (usize, u16) {
        let (main, code) = halves(&self.calling_codes[usize::from(group) % GROUPS]);
        (usize::from(main), code)
    }

    /// The number of the main territory, if the calling code is assigned.
    pub(crate) fn main_territory(&self, group: u16) -> Option<usize> {
        match self.calling_code_at(group) {
            (0, _) => None,
            (main, _) => Some(main),
        }
    }

    /// The region of a territory; `001` is no region that anybody dials in.
    pub(crate) fn region_of(&self, territory: Territory) -> Option<Region> {
        if territory == Territory::WORLD {
            return None;
        }
        let at = self
            .territories
            .iter()
            .position(|&code| u16::from_be_bytes(code) == territory.packed())?;
        Some(self.region(at))
    }

    pub(crate) fn region(&self, at: usize) -> Region {
        let r = &self.regions[at];
        let half = |n: usize| u16_of([r[n], r[n + 1]]);
        Region {
            calling_code: half(0),
            international_prefix: half(2),
            national_prefix: half(4),
            general: half(6),
            lengths: word(r, 8) as u32,
            local_lengths: word(r, 12) as u32,
        }
    }

    /// The first step of the walk, taken for the first and second group.
    #[inline(always)]
    pub(crate) fn first_entry(&self, first: u16, second: u16) -> u16 {
        self.step(&self.roots[usize::from(first) % GROUPS], second)
    }

    /// One step more. A leaf leads to itself.
    #[inline(always)]
    pub(crate) fn next_entry(&self, entry: u16, group: u16) -> u16 {
        self.step(&self.steps[usize::from(entry)], group)
    }

    #[inline(always)]
    fn step(&self, step: &[u8; 8], group: u16) -> u16 {
        let (place, factor) = words(step);
        self.entry((place + ((u32::from(group) * factor) >> 16)) as usize)
    }

    #[inline(always)]
    fn entry(&self, place: usize) -> u16 {
        u16_of(self.entries[place])
    }

    /// If the entry is a leaf: what it says of a number with so many digits, and the operator.
    #[inline(always)]
    pub(crate) fn leaf(&self, entry: u16, len: usize) -> Option<(RowElement, u16)> {
        let (row, operator) = halves(self.leaves.get(usize::from(entry))?);
        let n = len.clamp(ROW_FIRST, ROW_LAST) - ROW_FIRST;
        let element = RowElement(u32::from_le_bytes(self.rows[usize::from(row) + n]));
        Some((element, operator))
    }

    /// Follows an automaton over digits (as values); what the last match says, 0 if there was none.
    pub(crate) fn read_prefix(&self, start: u16, digits: &[u8]) -> u16 {
        if start == 0 {
            return 0;
        }
        let mut state = &self.readers[usize::from(start)];
        let mut found = 0;
        for &digit in digits {
            let action = u16_of([state[20], state[21]]);
            if action != 0 {
                found = action;
            }
            let next = 2 * usize::from(digit);
            let next = u16_of([state[next], state[next + 1]]);
            if next == 0 {
                return found;
            }
            state = &self.readers[usize::from(next)];
        }
        match u16_of([state[22], state[23]]) {
            0 => found,
            action => action,
        }
    }

    /// Whether an automaton accepts the digits as a whole.
    pub(crate) fn reads_all(&self, start: u16, digits: &[u8]) -> bool {
        let mut at = start;
        for &digit in digits {
            if at == 0 {
                return false;
            }
            let next = 2 * usize::from(digit);
            let state = &self.readers[usize::from(at)];
            at = u16_of([state[next], state[next + 1]]);
        }
        let state = &self.readers[usize::from(at)];
        at != 0 && u16_of([state[22], state[23]]) != 0
    }

    pub(crate) fn action(&self, action: u16) -> Action<'a> {
        let [cut, start, len, insert] = self.actions[usize::from(action)].map(usize::from);
        let insert = &self.inserts[insert];
        Action {
            cut,
            kept: start..start + len,
            insert: &insert[1..=usize::from(insert[0])],
        }
    }
}

impl fmt::Debug for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan({})", self.version())
    }
}

fn is_code(code: [u8; 2]) -> bool {
    code == [0, 1] || code.iter().all(u8::is_ascii_uppercase)
}

/// An element of a row, as [`layout`] has it.
#[derive(Clone, Copy)]
pub(crate) struct RowElement(pub(crate) u32);

impl RowElement {
    pub(crate) const fn territory(self) -> u16 {
        self.0 as u16
    }

    #[inline(always)]
    pub(crate) const fn class(self) -> Class {
        Class((self.0 >> 16) as u8)
    }

    #[inline(always)]
    pub(crate) const fn prefixed(self) -> bool {
        self.0 >> 31 != 0
    }
}
