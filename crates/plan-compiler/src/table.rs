//! From the automaton to the bytes of a compiled plan.
//!
//! The walk takes three digits a step. A state after which only the length still matters becomes a
//! leaf with a row of answers by length; any other becomes a node that looks at as few of the next
//! three digits as it needs.

use crate::automaton::{self, Automaton, End};
use crate::coverage::coverage;
use crate::prefix::{self, Readers};
use crate::source::{Source, Territory};
use crate::{Error, Registry};
use numbering_plan::layout::{self, GROUPS, MAGIC, ROW, ROW_FIRST, ROW_LAST, STRIDES, Section};
use numbering_plan::{Kind, MAX_NATIONAL_DIGITS, Standing, Territory as Code};
use regex_syntax::hir::{Hir, Look};
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::rc::Rc;

/// What a plan is made of, counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sizes {
    /// States of the minimal automaton.
    pub states: usize,
    /// Elements of each section, in the order of [`Section::ALL`].
    pub sections: [usize; Section::COUNT],
}

/// A compiled plan, and what else is known about it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What [`numbering_plan::Plan::from_bytes`] takes.
    pub bytes: Vec<u8>,
    /// How much there is of everything.
    pub sizes: Sizes,
    /// The minimal automaton behind it.
    pub automaton: Automaton,
    /// A table in Markdown: of how many mobile numbers of each territory the holder is known.
    pub coverage: String,
}

/// Compiles a plan. Operators keep the numbers that the registry gives them, and new ones are added
/// to it.
///
/// # Errors
///
/// If the source cannot be understood, or does not fit the layout.
pub fn compile(source: &Source, registry: &mut Registry) -> Result<Plan, Error> {
    let operators = registry.number(source.carriers.values())?;
    let automaton = automaton::build(source, &operators)?;
    let mut builder = Builder::new(source, &automaton)?;
    builder.walk();
    let parts = builder.parts(registry)?;
    let mut head: Vec<u8> = Vec::new();
    let mut body: Vec<u8> = Vec::new();
    let mut sizes = Sizes {
        states: automaton.states.len(),
        ..Sizes::default()
    };
    for (section, part) in Section::ALL.into_iter().zip(&parts) {
        let count = part.len() / section.element();
        sizes.sections[section as usize] = count;
        head.extend((count as u32).to_le_bytes());
        body.extend(part);
    }
    for value in [
        &source.version,
        &source.date,
        &source.licence,
        &source.origin,
    ] {
        if value.is_empty() || value.contains('\n') {
            return Err(Error::new(
                "the source lacks version, date, licence or origin".into(),
            ));
        }
    }
    let text = format!(
        "{MAGIC}\nversion: {}\ndate: {}\nlicence: {}\nsource: {}\ncontents: {} territories, {} number \
         ranges of {} operators\n\n",
        source.version,
        source.date,
        source.licence,
        source.origin,
        source.territories.len(),
        source.carriers.len(),
        operators.len(),
    );
    let rest: Vec<u8> = [head, body].concat();
    let checksum = layout::checksum([text.as_bytes(), &rest]);
    let bytes = [text.as_bytes(), &checksum.to_le_bytes(), &rest].concat();
    numbering_plan::Plan::from_bytes(&bytes)
        .map_err(|error| Error::new(format!("the plan is faulty: {error}")))?;
    Ok(Plan {
        bytes,
        sizes,
        coverage: coverage(source, &automaton),
        automaton,
    })
}

/// Where a step leads.
#[derive(Clone, Copy)]
enum Entry {
    Node(usize),
    Leaf(usize),
}

/// A set of equal things with their places.
struct Places<T> {
    all: Vec<T>,
    ids: HashMap<T, usize>,
}

impl<T: Clone + Eq + Hash> Places<T> {
    fn new() -> Places<T> {
        Places {
            all: Vec::new(),
            ids: HashMap::new(),
        }
    }

    fn of(&mut self, thing: T) -> usize {
        match self.ids.get(&thing) {
            Some(&id) => id,
            None => {
                self.ids.insert(thing.clone(), self.all.len());
                self.all.push(thing);
                self.all.len() - 1
            }
        }
    }
}

/// Numbers that end before the digits that were looked at: their lengths and what they are. The
/// walk fills missing digits with zeros.
type Short = Vec<(usize, End)>;

type NodeKey = (u32, usize, Option<usize>, Short);

struct Builder<'s> {
    source: &'s Source,
    automaton: &'s Automaton,
    /// For each state, what numbers are by the digits that follow, if it matters how many follow
    /// and not which.
    futures: Vec<Option<Rc<Vec<End>>>>,
    nodes: Vec<(usize, u32)>,
    known: HashMap<NodeKey, usize>,
    entries: Vec<Entry>,
    /// Where the walk starts, by the first three digits.
    roots: Vec<Entry>,
    leaves: Places<(usize, u16)>,
    rows: Places<[u32; ROW]>,
    /// The place of the main territory of the calling code that three digits start with.
    mains: Vec<Option<usize>>,
    /// A number and a longer one that starts with it cannot be told apart.
    too_deep: bool,
}

impl<'s> Builder<'s> {
    fn new(source: &'s Source, automaton: &'s Automaton) -> Result<Builder<'s>, Error> {
        for territory in &source.territories {
            let lengths = territory
                .general
                .iter()
                .flat_map(|g| g.lengths.iter().chain(&g.local_lengths));
            let longest = if territory.calling_code < 100 {
                MAX_NATIONAL_DIGITS
            } else {
                // More than 19 digits are not told apart from each other.
                MAX_NATIONAL_DIGITS - 1
            };
            if lengths
                .clone()
                .any(|&l| !(2..=longest).contains(&usize::from(l)))
            {
                return Err(Error::new(format!(
                    "{} has numbers of a length that the table cannot hold",
                    territory.code
                )));
            }
        }
        let mut mains = vec![None; 1000];
        let mut first = 0;
        for group in source.by_calling_code() {
            let code = group[0].calling_code.to_string();
            for (digits, main) in mains.iter_mut().enumerate() {
                if format!("{digits:03}").starts_with(&code) {
                    *main = Some(first);
                }
            }
            first += group.len();
        }
        let mut builder = Builder {
            source,
            automaton,
            futures: Vec::new(),
            nodes: Vec::new(),
            known: HashMap::new(),
            entries: Vec::new(),
            roots: Vec::new(),
            leaves: Places::new(),
            rows: Places::new(),
            mains,
            too_deep: false,
        };
        builder.find_futures();
        Ok(builder)
    }

    /// Children come before their parents in the automaton.
    fn find_futures(&mut self) {
        let mut shared: HashMap<Rc<Vec<End>>, Rc<Vec<End>>> = HashMap::new();
        for (at, state) in self.automaton.states.iter().enumerate() {
            let future = if at == 0 {
                Some(Rc::default())
            } else {
                let mut children = state.next.iter().map(|&next| &self.futures[next as usize]);
                let first = children.next().and_then(Option::as_ref);
                first
                    .filter(|first| {
                        children.all(|c| c.as_ref().is_some_and(|c| Rc::ptr_eq(c, first)))
                    })
                    .map(|first| {
                        let mut future = vec![state.end];
                        future.extend(first.iter());
                        while future.last() == Some(&End::default()) {
                            future.pop();
                        }
                        Rc::new(future)
                    })
                    // A leaf has one operator.
                    .filter(|future| operator_of(future).is_ok())
            };
            let future =
                future.map(|f| shared.entry(f.clone()).or_insert_with(|| f.clone()).clone());
            self.futures.push(future);
        }
    }

    fn walk(&mut self) {
        let root = self.automaton.root;
        for digits in 0..1000 {
            let mut state = root;
            for digit in split(digits, 3) {
                state = self.automaton.states[state as usize].next[digit];
            }
            // No number ends within its first three digits.
            let entry = self.entry(state, 3, self.mains[digits], Vec::new());
            self.roots.push(entry);
        }
    }

    fn entry(&mut self, state: u32, depth: usize, main: Option<usize>, short: Short) -> Entry {
        if let Some(future) = self.futures[state as usize].clone()
            && let Some(leaf) = self.leaf(&future, depth, main, &short)
        {
            return Entry::Leaf(leaf);
        }
        if depth > ROW_LAST {
            self.too_deep = true;
            return Entry::Leaf(0);
        }
        let key = (state, depth, main, short);
        if let Some(&node) = self.known.get(&key) {
            return Entry::Node(node);
        }
        let short = key.3.clone();
        let stride = (1..3).find(|&n| self.settled(state, n)).unwrap_or(3);
        let (node, place) = (self.nodes.len(), self.entries.len());
        self.nodes.push((place, STRIDES[stride - 1]));
        self.known.insert(key, node);
        let count = 10usize.pow(stride as u32);
        self.entries.resize(place + count, Entry::Leaf(0));
        for digits in 0..count {
            let path = split(digits, stride);
            let mut at = state;
            let mut passed = Vec::new();
            for (i, &digit) in path.iter().enumerate() {
                // A number that ends here is filled with zeros.
                let end = self.automaton.states[at as usize].end;
                if path[i..].iter().all(|&d| d == 0) && end != End::default() {
                    passed.push((depth + i, end));
                }
                at = self.automaton.states[at as usize].next[digit];
            }
            if digits == 0 {
                passed.splice(0..0, short.iter().copied());
            }
            self.entries[place + digits] = self.entry(at, depth + stride, main, passed);
        }
        Entry::Node(node)
    }

    /// Whether after so many digits only the length matters.
    fn settled(&self, state: u32, digits: usize) -> bool {
        match digits {
            0 => self.futures[state as usize].is_some(),
            _ => self.automaton.states[state as usize]
                .next
                .iter()
                .all(|&next| self.settled(next, digits - 1)),
        }
    }

    /// `None` if no leaf can hold it.
    fn leaf(
        &mut self,
        future: &[End],
        depth: usize,
        main: Option<usize>,
        short: &Short,
    ) -> Option<usize> {
        let ends: Vec<End> = (ROW_FIRST..=ROW_LAST)
            .map(|len| match len.checked_sub(depth) {
                Some(more) => future.get(more).copied(),
                None => short.iter().find(|s| s.0 == len).map(|s| s.1),
            })
            .map(Option::unwrap_or_default)
            .collect();
        let operator = operator_of(&ends).ok()?;
        let mut row = [0; ROW];
        for ((element, end), len) in row.iter_mut().zip(ends).zip(ROW_FIRST..) {
            *element = self.element(end, main, len);
        }
        let row = self.rows.of(row);
        Some(self.leaves.of((row, operator)))
    }

    fn element(&self, end: End, main: Option<usize>, len: usize) -> u32 {
        let territories = &self.source.territories;
        let (territory, class) = match (end.range, main) {
            (Some((territory, kind)), _) => (Some(usize::from(territory)), kind as u32),
            (None, None) => (None, class_of(Standing::UnknownCallingCode)),
            (None, Some(main)) => {
                let code = territories[main].calling_code;
                let sole = territories
                    .get(main + 1)
                    .is_none_or(|next| next.calling_code != code);
                let national = len - code.to_string().len();
                (
                    sole.then_some(main),
                    class_of(standing(&territories[main], national)),
                )
            }
        };
        let packed = territory
            .and_then(|at| Code::parse(&territories[at].code))
            .map_or(0, Code::packed);
        u32::from(packed) | class << 16 | u32::from(end.prefixed) << 31
    }

    fn parts(&self, registry: &Registry) -> Result<[Vec<u8>; Section::COUNT], Error> {
        if self.too_deep {
            return Err(Error::new(
                "the operator of a number depends on digits that it does not have".into(),
            ));
        }
        let leaves = self.leaves.all.len();
        let elements = self.rows.all.len() * ROW;
        if leaves + self.nodes.len() >= 1 << 16 || elements >= 1 << 16 {
            return Err(Error::new(
                "the plan has too many nodes, leaves or rows".into(),
            ));
        }
        let mut parts: [Vec<u8>; Section::COUNT] = Default::default();
        let mut prefixes = Prefixes::new();
        parts[Section::Territories as usize].extend([0; Section::Territories.element()]);
        parts[Section::Regions as usize].extend([0; Section::Regions.element()]);
        for territory in &self.source.territories {
            let code = Code::parse(&territory.code)
                .ok_or_else(|| Error::new(format!("{} is no territory", territory.code)))?;
            parts[Section::Territories as usize].extend(code.packed().to_be_bytes());
            let region = &mut parts[Section::Regions as usize];
            region.extend(territory.calling_code.to_le_bytes());
            for start in prefixes.of(territory)? {
                region.extend(start.to_le_bytes());
            }
            let general = territory
                .general
                .as_ref()
                .ok_or_else(|| Error::new(format!("{} has no numbers", territory.code)))?;
            let bits = |lengths: &[u8]| lengths.iter().fold(0u32, |bits, &len| bits | 1 << len);
            region.extend(bits(&general.lengths).to_le_bytes());
            region.extend(bits(&general.local_lengths).to_le_bytes());
        }
        for main in &self.mains {
            let codes = &mut parts[Section::CallingCodes as usize];
            let (number, code) = match *main {
                Some(main) => (main as u16 + 1, self.source.territories[main].calling_code),
                None => (0, 0),
            };
            codes.extend(number.to_le_bytes());
            codes.extend(code.to_le_bytes());
        }
        // After the entries of the nodes come those in which each leaf finds itself.
        let step_of = |entry: Entry| match entry {
            Entry::Node(node) => self.nodes[node],
            Entry::Leaf(leaf) => (self.entries.len() + leaf, 0),
        };
        let all_leaves = (0..leaves).map(Entry::Leaf);
        let steps = all_leaves
            .clone()
            .chain((0..self.nodes.len()).map(Entry::Node))
            .map(|entry| (Section::Steps, entry));
        let roots = self.roots.iter().map(|&root| (Section::Roots, root));
        for (section, entry) in roots.chain(steps) {
            let (place, factor) = step_of(entry);
            parts[section as usize].extend((place as u32).to_le_bytes());
            parts[section as usize].extend(factor.to_le_bytes());
        }
        for section in [Section::CallingCodes, Section::Roots] {
            parts[section as usize].resize(GROUPS * section.element(), 0);
        }
        for entry in self.entries.iter().copied().chain(all_leaves) {
            let number = match entry {
                Entry::Node(node) => leaves + node,
                Entry::Leaf(leaf) => leaf,
            };
            parts[Section::Entries as usize].extend((number as u16).to_le_bytes());
        }
        for &(row, operator) in &self.leaves.all {
            parts[Section::Leaves as usize].extend(((row * ROW) as u16).to_le_bytes());
            parts[Section::Leaves as usize].extend(operator.to_le_bytes());
        }
        for element in self.rows.all.iter().flatten() {
            parts[Section::Rows as usize].extend(element.to_le_bytes());
        }
        for state in &prefixes.readers.states {
            let values = state
                .next
                .iter()
                .chain([&state.action, &state.action_at_end]);
            values.for_each(|v| parts[Section::Readers as usize].extend(v.to_le_bytes()));
        }
        parts[Section::Actions as usize].extend(prefixes.actions.all.iter().flatten());
        parts[Section::Inserts as usize].extend(prefixes.inserts.all.iter().flatten());
        for name in registry.names() {
            parts[Section::Names as usize].extend(name.as_bytes());
            let end = parts[Section::Names as usize].len() as u32;
            parts[Section::Operators as usize].extend(end.to_le_bytes());
        }
        Ok(parts)
    }
}

fn split(mut digits: usize, count: usize) -> Vec<usize> {
    let mut path = vec![0; count];
    for digit in path.iter_mut().rev() {
        *digit = digits % 10;
        digits /= 10;
    }
    path
}

/// The one operator of these ends, 0 if they have none; `Err` if they have different ones.
fn operator_of(ends: &[End]) -> Result<u16, ()> {
    let mut operators = ends
        .iter()
        .filter(|end| {
            matches!(
                end.range,
                Some((_, Kind::Mobile | Kind::FixedLineOrMobile | Kind::Pager))
            )
        })
        .map(|end| end.operator);
    let first = operators.next().unwrap_or(0);
    match operators.all(|operator| operator == first) {
        true => Ok(first),
        false => Err(()),
    }
}

/// How a length stands to those of the main territory of a calling code.
fn standing(main: &Territory, len: usize) -> Standing {
    let (lengths, local) = match &main.general {
        Some(general) => (&general.lengths[..], &general.local_lengths[..]),
        None => (&[][..], &[][..]),
    };
    let has = |lengths: &[u8]| lengths.iter().any(|&l| usize::from(l) == len);
    if has(local) {
        Standing::LocalOnly
    } else if has(lengths) {
        Standing::Possible
    } else if lengths.iter().all(|&l| len < usize::from(l)) {
        Standing::TooShort
    } else if lengths.iter().all(|&l| len > usize::from(l)) {
        Standing::TooLong
    } else {
        Standing::ImpossibleLength
    }
}

/// Kinds come first, then the standings of what is in no range.
fn class_of(standing: Standing) -> u32 {
    Kind::ALL.len() as u32 + standing as u32 - 1
}

/// The automata for prefixes, and what they do.
struct Prefixes {
    readers: Readers,
    actions: Places<[u8; 4]>,
    inserts: Places<[u8; 8]>,
    known: BTreeMap<(u8, String, String), u16>,
}

impl Prefixes {
    fn new() -> Prefixes {
        let mut prefixes = Prefixes {
            readers: Readers::new(),
            actions: Places::new(),
            inserts: Places::new(),
            known: BTreeMap::new(),
        };
        prefixes.actions.of([0; 4]);
        prefixes.inserts.of([0; 8]);
        prefixes
    }

    /// Where the automata of a territory start.
    fn of(&mut self, territory: &Territory) -> Result<[u16; 3], Error> {
        let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
        let general = territory.general.as_ref().map(|g| g.pattern.clone());
        Ok([
            self.prefix(0, or_empty(&territory.international_prefix), String::new())?,
            self.prefix(
                1,
                or_empty(&territory.national_prefix),
                or_empty(&territory.transform),
            )?,
            self.whole(or_empty(&general))?,
        ])
    }

    fn prefix(&mut self, which: u8, pattern: String, transform: String) -> Result<u16, Error> {
        if pattern.is_empty() {
            return Ok(0);
        }
        let key = (which, pattern, transform);
        if let Some(&start) = self.known.get(&key) {
            return Ok(start);
        }
        let ways = prefix::ways(&key.1)?;
        let last_group = ways.iter().flat_map(|w| &w.groups).map(|g| g.0).max();
        let mut actions = Vec::new();
        for way in &ways {
            let took_part = |group: u32| way.groups.iter().find(|g| g.0 == group);
            let mut action = [way.len as u8, 0, 0, 0];
            if !key.2.is_empty() && last_group.is_some_and(|last| took_part(last).is_some()) {
                let (insert, kept) = rewriting(&key.2)?;
                if let Some(&(_, start, len)) = took_part(kept) {
                    action[1] = start as u8;
                    action[2] = len as u8;
                }
                action[3] = u8::try_from(self.inserts.of(insert))
                    .map_err(|_| Error::new("too many transform rules".into()))?;
            }
            // A prefix without digits changes nothing.
            actions.push(match way.len {
                0 => 0,
                _ => self.actions.of(action) as u16,
            });
        }
        let patterns: Vec<Hir> = ways.into_iter().map(|way| way.hir).collect();
        let start = self.readers.add(&patterns, &actions)?;
        self.known.insert(key, start);
        Ok(start)
    }

    /// An automaton that accepts the numbers of a pattern as a whole.
    fn whole(&mut self, pattern: String) -> Result<u16, Error> {
        let key = (2, pattern, String::new());
        if let Some(&start) = self.known.get(&key) {
            return Ok(start);
        }
        let hir = Hir::concat(vec![automaton::parse(&key.1)?, Hir::look(Look::End)]);
        // Any action but none says that the number was accepted.
        let accept = self.actions.of([1, 0, 0, 0]) as u16;
        let start = self.readers.add(&[hir], &[accept])?;
        self.known.insert(key, start);
        Ok(start)
    }
}

/// A transform rule: digits, then a group: `9$1`.
fn rewriting(rule: &str) -> Result<([u8; 8], u32), Error> {
    let fault = || Error::new(format!("the transform rule {rule} is not understood"));
    let (digits, group) = rule.split_once('$').ok_or_else(fault)?;
    let group = group.parse().map_err(|_| fault())?;
    let mut insert = [0; 8];
    if digits.len() > 7 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(fault());
    }
    insert[0] = digits.len() as u8;
    for (slot, digit) in insert[1..].iter_mut().zip(digits.bytes()) {
        *slot = digit - b'0';
    }
    Ok((insert, group))
}
