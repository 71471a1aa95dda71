//! Which numbers are already in the list (decision D2).
//!
//! Numbers cluster: a list has a few calling codes, and of each a few ranges that are well filled.
//! The set is a trie over the bits of the number whose nodes change shape as they fill. A node
//! begins as a table that holds only the bits which the way to it does not tell; when it is full
//! it bursts into 256 nodes of eight bits less; a table of 16 bits gives way to a bitmap once that
//! is smaller, or to ranks where first places are kept. So a number costs 5 bytes where numbers lie
//! far apart and as little as an eighth of a byte where they lie densely, without asking the plan
//! where that is; and where it was first, four to five more. The allocator may keep as much again.
//!
//! Numbers that come many at a time ([`Seen::insert_run`]) need no table: they are told apart in a
//! bitmap that stays in the first-level cache, and listed as they come.

mod mixer;
mod ranked;
mod table;

use crate::Msisdn;
use ahash::RandomState;
use mixer::Mixer;
use ranked::Ranked;
use std::collections::HashMap;
use std::ops::Range;
use table::Table;

/// Where a row stands: which file of the run, and its physical line or sheet row.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Origin {
    /// Index of the file, in the order given.
    pub file: u16,
    /// Physical line (text) or row (sheet), from 1.
    pub row: u64,
}

/// The numbers that were accepted so far, and, if wanted, where each was first.
///
/// Ask it in input order: the first one wins. Places in its tables are keyed at random, because
/// numbers are chosen by whoever wrote the list; no answer depends on the key.
///
/// ```
/// use recipients_core::{Msisdn, Seen};
///
/// let mut seen = Seen::with_places();
/// let number = Msisdn::from_digits(b"380971112233").unwrap();
/// assert_eq!(seen.insert(number, 2), None);
/// assert_eq!(seen.insert(number, 9), Some(2));
/// ```
pub struct Seen {
    /// The nodes of 32 bits, by what stands above these.
    roots: HashMap<u32, u32, RandomState>,
    nodes: Vec<Node>,
    /// The root that was asked for last: lists stay with one.
    last: Option<(u32, u32)>,
    mixer: Mixer,
    places: bool,
    /// First places that 32 bits do not hold; the nodes have [`LATE`] for them.
    late: HashMap<Msisdn, u64, RandomState>,
    len: u64,
    bytes: usize,
    /// Bytes below which the set is small.
    small: usize,
}

/// The most that a first place can be.
const MOST_PLACE: u64 = (1 << 40) - 1;

/// What nodes have for a place that stands beside them.
const LATE: u32 = u32::MAX;

/// Bytes that a place beside the nodes takes.
const LATE_BYTES: usize = 40;

/// Bits of a number that the way to a bitmap does not tell.
pub(crate) const LEAF_BITS: u32 = 16;

/// Numbers of a leaf that are worth going through its whole bitmap, or all that are in it.
const MANY: usize = 64;

/// Numbers that are looked at, one by one, while all bits of a leaf are cleared.
pub(crate) const CLEARED_MEANWHILE: usize = 128;

/// A bit for each number of a leaf.
pub(crate) type Bits = [u64; 1 << (LEAF_BITS - 6)];

/// The range that a bitmap covers.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Leaf(u64);

impl Leaf {
    /// That of a number.
    #[inline]
    pub(crate) fn of(number: u64) -> Leaf {
        Leaf(number >> LEAF_BITS)
    }

    pub(crate) fn numbers(self) -> Range<u64> {
        self.0 << LEAF_BITS..(self.0 + 1) << LEAF_BITS
    }

    /// A number of it, by its last bits.
    #[inline]
    pub(crate) fn msisdn(self, place: u16) -> Msisdn {
        Msisdn::from_u64(self.0 << LEAF_BITS | u64::from(place)).expect("a number of the leaf")
    }
}

/// The same to work with, all of them 0.
pub(crate) fn no_bits() -> Box<Bits> {
    Box::new([0; 1 << (LEAF_BITS - 6)])
}

/// Bytes of a line of memory, as processors fetch it.
pub(crate) const LINE: usize = 64;

/// Reads a word of each line of memory that is needed next: to wait for all of them once, in an order that
/// processors foresee, is quicker than to wait for one after the other.
#[inline]
pub(crate) fn touch(words: impl Iterator<Item = u64>) {
    std::hint::black_box(words.fold(0, |all, word| all | word));
}

/// Bits of a number that the way to a root does not tell.
const ROOT_BITS: u32 = 32;

/// Numbers that a table of 32 and of 24 bits holds before it bursts. To burst later takes more memory where
/// numbers lie close; to burst sooner leaves tables of so few numbers that these cost more, time included,
/// where they do not.
const BURST: [u32; 2] = [1 << 15, 1 << 13];

/// Slots of a table of 16 bits that give way to ranks: by count that is early, but tables that have grown leave
/// memory behind which the allocator keeps.
const RANKED_SLOTS: usize = 1 << 11;

/// Slots of a table, or numbers of a list, of 16 bits that take as much as a bitmap.
const BITMAP_SLOTS: usize = (1 << 16) / 8 / 2;

/// Numbers of a table or a list of 16 bits that give way to a bitmap while the whole set is small: then what is
/// quicker is better than what is smaller.
const BITMAP_EARLY: usize = 1 << 9;

enum Node {
    Empty,
    Table32(Box<Table<4>>),
    Table24(Box<Table<3>>),
    Table16(Box<Table<2>>),
    /// Numbers of 16 bits, without places, as they came.
    #[expect(
        clippy::box_collection,
        reason = "most nodes have no list, and each has room for it"
    )]
    Listed(Box<Vec<u16>>),
    Bitmap(Box<Bits>),
    /// Numbers of 16 bits, with places.
    Ranked(Box<Ranked>),
    Split(Box<[Node; 256]>),
}

impl Default for Seen {
    fn default() -> Seen {
        Seen::numbers_only()
    }
}

impl Seen {
    /// A set of numbers: at most 3 bytes a number in a list that fills its ranges, 4 to 7 in any other,
    /// without what the allocator keeps.
    pub fn numbers_only() -> Seen {
        Seen::new(false)
    }

    /// A set that knows where each number was first, for 5 bytes more a number, and 40 from the place
    /// 2³² - 1 on.
    pub fn with_places() -> Seen {
        Seen::new(true)
    }

    fn new(places: bool) -> Seen {
        Seen {
            roots: HashMap::default(),
            nodes: Vec::new(),
            last: None,
            mixer: Mixer::at_random(),
            places,
            late: HashMap::default(),
            len: 0,
            bytes: 0,
            small: 0,
        }
    }

    /// Takes up to so many bytes more than it must, to be quicker. The default is none; it changes nothing
    /// where places are kept.
    #[must_use]
    pub fn spending(mut self, bytes: usize) -> Seen {
        self.small = bytes;
        self
    }

    /// Adds the number; if it was there already, its first place (0 where places are not kept).
    ///
    /// # Panics
    ///
    /// If places are kept and this one is 2⁴⁰ or more.
    #[inline]
    pub fn insert(&mut self, number: Msisdn, place: u64) -> Option<u64> {
        assert!(!self.places || place <= MOST_PLACE, "a place below 2^40");
        let (root, rest) = parts(number);
        let root = self.root(root);
        let shape = Shape {
            places: self.places,
            early: self.bytes < self.small,
        };
        let low = match self.places {
            true => u32::try_from(place).unwrap_or(LATE),
            false => 0,
        };
        let change = insert(&mut self.nodes[root], rest, low, shape, &self.mixer);
        self.bytes = self.bytes.wrapping_add_signed(change.bytes);
        if let Some(found) = change.found {
            return Some(self.place(number, found));
        }
        self.len += 1;
        if low == LATE {
            self.late.insert(number, place);
            self.bytes += LATE_BYTES;
        }
        None
    }

    /// The place of a number for which a node has this one.
    #[inline]
    fn place(&self, number: Msisdn, low: u32) -> u64 {
        match low {
            LATE => self.late.get(&number).copied().unwrap_or(LATE.into()),
            low => low.into(),
        }
    }

    /// Adds numbers of one leaf to a set without places, in their order; `new` becomes for each of them
    /// whether it is. All of `bits` are 0, before and after.
    ///
    /// # Panics
    ///
    /// If places are kept.
    pub(crate) fn insert_run(
        &mut self,
        leaf: Leaf,
        run: impl ExactSizeIterator<Item = u16> + Clone,
        bits: &mut Bits,
        new: &mut Vec<bool>,
    ) {
        new.clear();
        let Some(first) = run.clone().next() else {
            return;
        };
        assert!(!self.places, "a set without places");
        let (root, rest) = parts(leaf.msisdn(first));
        let root = self.root(root);
        let early = self.bytes < self.small;
        let node = below(&mut self.nodes[root], rest);
        let (node, taken) = match run.len() >= MANY {
            true => listed(node, rest, early, &self.mixer),
            false => (node.0, 0),
        };
        self.bytes = self.bytes.wrapping_add_signed(taken);
        match node {
            Node::Bitmap(words) => {
                if run.len() >= MANY {
                    touch(words.iter().step_by(LINE / 8).copied());
                }
                new.extend(run.map(|number| set_bit(words, number)));
            }
            Node::Listed(numbers) if run.len() >= MANY => {
                for &number in &**numbers {
                    set_bit(bits, number);
                }
                let mut taken = make_room(numbers, run.len());
                // Which are new cannot be foreseen: each is put behind them, and stays if it is.
                let mut len = numbers.len();
                numbers.resize((len + run.len()).min(1 << LEAF_BITS), 0);
                new.extend(run.map(|number| {
                    let is_new = set_bit(bits, number);
                    if let Some(place) = numbers.get_mut(len) {
                        *place = number;
                    }
                    len += usize::from(is_new);
                    is_new
                }));
                numbers.truncate(len);
                if numbers.len() >= most_listed(early) {
                    taken -= node.bytes() as isize;
                    *node = Node::Bitmap(Box::new(*bits));
                    taken += node.bytes() as isize;
                }
                self.bytes = self.bytes.wrapping_add_signed(taken);
                bits.fill(0);
            }
            _ => {
                new.extend(run.map(|number| self.insert(leaf.msisdn(number), 0).is_none()));
                return;
            }
        }
        self.len += new.iter().map(|&is_new| u64::from(is_new)).sum::<u64>();
    }

    /// What [`Seen::insert_run`] says of numbers, for whoever will not ask about this leaf again: they need not be
    /// there afterwards, and to put them there takes time and memory.
    ///
    /// # Panics
    ///
    /// If places are kept.
    pub(crate) fn judge_last_run(
        &mut self,
        leaf: Leaf,
        run: impl ExactSizeIterator<Item = u16> + Clone,
        bits: &mut Bits,
        new: &mut Vec<bool>,
    ) {
        new.clear();
        let Some(first) = run.clone().next() else {
            return;
        };
        assert!(!self.places, "a set without places");
        let (root, rest) = parts(leaf.msisdn(first));
        let node = match self.roots.get(&root) {
            Some(&at) => below(&mut self.nodes[at as usize], rest).0,
            None => &mut Node::Empty,
        };
        let known: &[u16] = match node {
            Node::Bitmap(words) => {
                new.extend(run.map(|number| set_bit(words, number)));
                return;
            }
            Node::Listed(numbers) => numbers,
            _ => &[],
        };
        for &number in known {
            set_bit(bits, number);
        }
        new.extend(run.clone().map(|number| set_bit(bits, number)));
        if known.len() + run.len() < CLEARED_MEANWHILE {
            for number in known.iter().copied().chain(run.clone()) {
                bits[usize::from(number) / 64] = 0;
            }
        } else {
            bits.fill(0);
        }
        // What is left are tables.
        if !matches!(node, Node::Empty | Node::Listed(_)) {
            for (number, is_new) in run.zip(new) {
                *is_new = *is_new && self.get(leaf.msisdn(number)).is_none();
            }
        }
    }

    /// The first place of the number, if it is there (0 where places are not kept).
    pub fn get(&self, number: Msisdn) -> Option<u64> {
        let (root, mut rest) = parts(number);
        let mut node = &self.nodes[*self.roots.get(&root)? as usize];
        let mut bits = ROOT_BITS;
        let found = loop {
            node = match node {
                Node::Empty => break None,
                Node::Table32(table) => break table.get(rest, &self.mixer),
                Node::Table24(table) => break table.get(rest, &self.mixer),
                Node::Table16(table) => break table.get(rest, &self.mixer),
                Node::Listed(numbers) => break numbers.contains(&(rest as u16)).then_some(0),
                Node::Bitmap(words) => {
                    let word = words[rest as usize >> 6 & 0x3ff];
                    break (word >> (rest & 63) & 1 == 1).then_some(0);
                }
                Node::Ranked(ranked) => break ranked.get(rest, &self.mixer),
                Node::Split(children) => {
                    bits -= 8;
                    let child = &children[rest as usize >> bits & 0xff];
                    rest &= (1 << bits) - 1;
                    child
                }
            };
        };
        found.map(|low| self.place(number, low))
    }

    fn root(&mut self, id: u32) -> usize {
        if let Some((last, at)) = self.last
            && last == id
        {
            return at as usize;
        }
        let next = self.nodes.len() as u32;
        let at = *self.roots.entry(id).or_insert(next);
        if at == next {
            self.nodes.push(Node::Empty);
            self.bytes += 4 * size_of::<Node>();
        }
        self.last = Some((id, at));
        at as usize
    }

    /// How many numbers there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is none yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory that it takes, nearly.
    pub fn memory(&self) -> usize {
        self.bytes
    }

    /// Every number with its first place (0 where places are not kept), in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (Msisdn, u64)> + '_ {
        let mut roots: Vec<(u32, u32)> = self.roots.iter().map(|(&id, &at)| (id, at)).collect();
        roots.sort_unstable_by(|one, other| other.cmp(one));
        Entries {
            seen: self,
            roots,
            splits: Vec::new(),
            leaf: Vec::new(),
        }
    }
}

/// The entries of a set. What comes next is at the end of each vector.
struct Entries<'s> {
    seen: &'s Seen,
    roots: Vec<(u32, u32)>,
    /// Nodes that are being gone through: their children that are left, the bits of these, and the
    /// number with which the next one begins.
    splits: Vec<(std::slice::Iter<'s, Node>, u32, u64)>,
    leaf: Vec<(u64, u32)>,
}

impl Iterator for Entries<'_> {
    type Item = (Msisdn, u64);

    fn next(&mut self) -> Option<(Msisdn, u64)> {
        loop {
            if let Some((number, low)) = self.leaf.pop() {
                let number = Msisdn::from_u64(number)?;
                return Some((number, self.seen.place(number, low)));
            }
            let (node, bits, base) = match self.splits.last_mut() {
                Some((children, bits, base)) => {
                    let from = *base;
                    match children.next() {
                        Some(child) => {
                            *base += 1 << *bits;
                            (child, *bits, from)
                        }
                        None => {
                            self.splits.pop();
                            continue;
                        }
                    }
                }
                None => {
                    let (id, at) = self.roots.pop()?;
                    let base = u64::from(id) << ROOT_BITS;
                    (&self.seen.nodes[at as usize], ROOT_BITS, base)
                }
            };
            match node {
                Node::Split(children) => self.splits.push((children.iter(), bits - 8, base)),
                leaf => leaf.entries(base, &self.seen.mixer, &mut self.leaf),
            }
        }
    }
}

/// The root that a number belongs to, and the bits below.
#[inline]
fn parts(number: Msisdn) -> (u32, u32) {
    let number = number.as_u64();
    // At most 15 digits: 50 bits.
    ((number >> ROOT_BITS) as u32, number as u32)
}

/// Shows how many, and no number.
impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seen({} numbers)", self.len())
    }
}

/// What nodes are made for.
#[derive(Clone, Copy)]
struct Shape {
    places: bool,
    /// The set is small.
    early: bool,
}

/// What an insertion came to.
struct Change {
    found: Option<u32>,
    /// Bytes of memory taken or given back.
    bytes: isize,
}

/// Whether the bit was 0; it is 1 now.
#[inline]
fn set_bit(bits: &mut Bits, number: u16) -> bool {
    let word = &mut bits[usize::from(number) / 64];
    let bit = 1 << (number % 64);
    let is_new = *word & bit == 0;
    *word |= bit;
    is_new
}

/// Numbers that a list of 16 bits holds before it gives way to a bitmap.
fn most_listed(early: bool) -> usize {
    match early {
        true => BITMAP_EARLY,
        false => BITMAP_SLOTS,
    }
}

/// Room for so many more in a list; how many bytes more that takes.
fn make_room(numbers: &mut Vec<u16>, more: usize) -> isize {
    let before = numbers.capacity();
    // There are no more of a leaf, however often they come.
    let more = more.min((1 << LEAF_BITS) - numbers.len());
    if before - numbers.len() < more {
        numbers.reserve_exact(more.max(numbers.len() / 3));
    }
    2 * (numbers.capacity() - before) as isize
}

/// The node below this one that a number of 32 bits would be put into, with the bits that the way to
/// it does not tell.
#[inline]
fn below(mut node: &mut Node, rest: u32) -> (&mut Node, u32) {
    let mut bits = ROOT_BITS;
    while let Node::Split(children) = node {
        bits -= 8;
        node = &mut children[rest as usize >> bits & 0xff];
    }
    (node, bits)
}

/// Turns such a node into a list of 16 bits, or leads to a new one below it; how many bytes more that
/// takes. Not where that takes more than it must and the set is no longer small.
fn listed<'n>(
    (node, bits): (&'n mut Node, u32),
    rest: u32,
    early: bool,
    mixer: &Mixer,
) -> (&'n mut Node, isize) {
    if matches!(node, Node::Listed(_) | Node::Bitmap(_)) || bits > LEAF_BITS && !early {
        return (node, 0);
    }
    let before = node.bytes() as isize;
    let old = std::mem::replace(node, Node::Empty);
    if bits == LEAF_BITS {
        let mut numbers = Vec::new();
        if let Node::Table16(table) = old {
            numbers.reserve_exact(table.len as usize);
            table.for_each(mixer, |rest, _| numbers.push(rest as u16));
        }
        *node = Node::Listed(Box::new(numbers));
        let taken = node.bytes() as isize - before;
        return (node, taken);
    }
    *node = match old {
        Node::Table32(table) => burst(&table, bits, false, mixer),
        Node::Table24(table) => burst(&table, bits, false, mixer),
        _ => Node::Split(Box::new([const { Node::Empty }; 256])),
    };
    let taken = node.bytes_below() as isize - before;
    let Node::Split(children) = node else {
        unreachable!("just made")
    };
    let bits = bits - 8;
    let child = &mut children[rest as usize >> bits & 0xff];
    let (child, more) = listed((child, bits), rest, early, mixer);
    (child, taken + more)
}

#[inline]
fn insert(mut node: &mut Node, mut rest: u32, place: u32, shape: Shape, mixer: &Mixer) -> Change {
    let mut bits = ROOT_BITS;
    let mut taken = 0;
    loop {
        let full = match node {
            Node::Split(children) => {
                bits -= 8;
                let at = rest as usize >> bits & 0xff;
                rest &= (1 << bits) - 1;
                node = &mut children[at];
                continue;
            }
            Node::Bitmap(words) => {
                return Change {
                    found: (!set_bit(words, rest as u16)).then_some(0),
                    bytes: taken,
                };
            }
            Node::Listed(numbers) if numbers.contains(&(rest as u16)) => {
                return Change {
                    found: Some(0),
                    bytes: taken,
                };
            }
            Node::Listed(numbers) if numbers.len() < most_listed(shape.early) => {
                taken += make_room(numbers, 1);
                numbers.push(rest as u16);
                return Change {
                    found: None,
                    bytes: taken,
                };
            }
            Node::Empty | Node::Listed(_) => true,
            Node::Table32(table) => table.len >= BURST[0],
            Node::Table24(table) => table.len >= BURST[1],
            Node::Table16(table) => match shape.places {
                true => table.slots() >= RANKED_SLOTS,
                false => {
                    table.slots() >= BITMAP_SLOTS
                        || shape.early && table.len as usize >= BITMAP_EARLY
                }
            },
            Node::Ranked(_) => false,
        };
        if full {
            taken += reshape(node, bits, shape.places, mixer);
            continue;
        }
        let mut change = match node {
            Node::Table32(table) => table.insert(rest, place, mixer),
            Node::Table24(table) => table.insert(rest, place, mixer),
            Node::Table16(table) => table.insert(rest, place, mixer),
            Node::Ranked(ranked) => ranked.insert(rest, place, mixer),
            Node::Empty | Node::Listed(_) | Node::Bitmap(_) | Node::Split(_) => {
                unreachable!("what is not full takes more")
            }
        };
        change.bytes += taken;
        return change;
    }
}

/// Gives a node that is empty or full its next shape; how many bytes more that takes.
#[cold]
#[inline(never)]
fn reshape(node: &mut Node, bits: u32, places: bool, mixer: &Mixer) -> isize {
    let old = std::mem::replace(node, Node::Empty);
    let before = old.bytes();
    match old {
        Node::Empty => *node = Node::table(bits, places),
        Node::Table32(table) => *node = burst(&table, bits, places, mixer),
        Node::Table24(table) => *node = burst(&table, bits, places, mixer),
        Node::Table16(table) if places => {
            let mut entries = Vec::with_capacity(table.len as usize);
            table.for_each(mixer, |rest, place| entries.push((rest, place)));
            *node = Node::Ranked(Box::new(Ranked::of(entries, mixer)));
        }
        Node::Table16(table) => {
            let mut words = no_bits();
            table.for_each(mixer, |rest, _| {
                set_bit(&mut words, rest as u16);
            });
            *node = Node::Bitmap(words);
        }
        Node::Listed(numbers) => {
            let mut words = no_bits();
            for &number in &*numbers {
                set_bit(&mut words, number);
            }
            *node = Node::Bitmap(words);
        }
        Node::Bitmap(_) | Node::Ranked(_) | Node::Split(_) => *node = old,
    }
    node.bytes_below() as isize - before as isize
}

fn burst<const W: usize>(table: &Table<W>, bits: u32, places: bool, mixer: &Mixer) -> Node {
    let bits = bits - 8;
    let mut children: Box<[Node; 256]> = Box::new([const { Node::Empty }; 256]);
    table.for_each(mixer, |rest, place| {
        let child = &mut children[rest as usize >> bits & 0xff];
        if let Node::Empty = child {
            *child = Node::table(bits, places);
        }
        let rest = rest & ((1 << bits) - 1);
        match child {
            Node::Table24(table) => table.insert(rest, place, mixer),
            Node::Table16(table) => table.insert(rest, place, mixer),
            _ => unreachable!("made above, of fewer bits"),
        };
    });
    Node::Split(children)
}

impl Node {
    fn table(bits: u32, places: bool) -> Node {
        match bits {
            32 => Node::Table32(Box::new(Table::new(places))),
            24 => Node::Table24(Box::new(Table::new(places))),
            _ => Node::Table16(Box::new(Table::new(places))),
        }
    }

    /// Bytes of memory, without children.
    fn bytes(&self) -> usize {
        // What the allocator takes for itself.
        const OVERHEAD: usize = 16;
        let own = match self {
            Node::Empty => return 0,
            Node::Table32(table) => table.bytes(),
            Node::Table24(table) => table.bytes(),
            Node::Table16(table) => table.bytes(),
            Node::Listed(numbers) => size_of::<Vec<u16>>() + 2 * numbers.capacity(),
            Node::Bitmap(words) => size_of_val(&**words),
            Node::Ranked(ranked) => size_of::<Ranked>() + ranked.bytes(),
            Node::Split(children) => size_of_val(&**children),
        };
        own + OVERHEAD
    }

    /// The entries of a node without children, in descending order.
    fn entries(&self, base: u64, mixer: &Mixer, entries: &mut Vec<(u64, u32)>) {
        let mut take = |rest: u32, place| entries.push((base + u64::from(rest), place));
        match self {
            Node::Empty | Node::Split(_) => return,
            Node::Table32(table) => table.for_each(mixer, take),
            Node::Table24(table) => table.for_each(mixer, take),
            Node::Table16(table) => table.for_each(mixer, take),
            Node::Ranked(ranked) => ranked.for_each(mixer, take),
            Node::Listed(numbers) => numbers.iter().for_each(|&rest| take(rest.into(), 0)),
            Node::Bitmap(words) => {
                for (at, &word) in words.iter().enumerate().rev() {
                    let mut word = word;
                    while let Some(bit) = word.checked_ilog2() {
                        take(64 * at as u32 + bit, 0);
                        word &= !(1 << bit);
                    }
                }
                return;
            }
        }
        entries.sort_unstable_by(|one, other| other.cmp(one));
    }

    fn bytes_below(&self) -> usize {
        let below = match self {
            Node::Split(children) => children.iter().map(Node::bytes).sum(),
            _ => 0,
        };
        self.bytes() + below
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    impl Seen {
        /// Bytes of memory, counted again.
        fn counted_again(&self) -> usize {
            let below: usize = self.nodes.iter().map(Node::bytes_of_all).sum();
            4 * size_of::<Node>() * self.nodes.len() + below + LATE_BYTES * self.late.len()
        }
    }

    impl Node {
        fn bytes_of_all(&self) -> usize {
            let below = match self {
                Node::Split(children) => children.iter().map(Node::bytes_of_all).sum(),
                _ => 0,
            };
            self.bytes() + below
        }
    }

    /// Numbers that lie close together and far apart.
    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![
            3 => 380_970_000_000u64..380_970_000_400,
            2 => 79_000_000_000u64..79_000_200_000,
            1 => 1u64..1_000_000_000_000_000,
        ]
    }

    fn msisdn(number: u64) -> Msisdn {
        Msisdn::from_u64(number).unwrap()
    }

    proptest! {
        // D2: the first in input order wins.
        #[test]
        fn d2_first_wins(numbers in prop::collection::vec(number(), 0..600), wide: bool) {
            let start = if wide { u64::from(u32::MAX) - 100 } else { 1 };
            let small = if wide { 1 << 20 } else { 0 };
            let (mut seen, mut bare) =
                (Seen::with_places().spending(small), Seen::numbers_only().spending(small));
            let mut model = BTreeMap::new();
            for (place, &number) in (start..).zip(&numbers) {
                let expected = model.get(&number).copied();
                prop_assert_eq!(seen.get(msisdn(number)), expected);
                prop_assert_eq!(bare.get(msisdn(number)).is_some(), expected.is_some());
                prop_assert_eq!(seen.insert(msisdn(number), place), expected);
                prop_assert_eq!(bare.insert(msisdn(number), place).is_some(), expected.is_some());
                model.entry(number).or_insert(place);
            }
            prop_assert_eq!([seen.memory(), bare.memory()], [seen.counted_again(), bare.counted_again()]);
            let all: Vec<_> = seen.iter().map(|(number, place)| (number.as_u64(), place)).collect();
            prop_assert_eq!(all, model.into_iter().collect::<Vec<_>>());
        }

        /// Numbers that come many at a time and one by one, through lists and bitmaps, are those of a
        /// set; and no more memory is taken than is told and wanted.
        #[test]
        fn runs_are_a_set(
            acts in prop::collection::vec((0u64..3, 0u64..65_536, 1u64..40, 0usize..900), 0..24),
            last in prop::collection::vec((0u64..65_536, 1u64..40, 0usize..900), 4),
            small in prop_oneof![Just(0), Just(30_000), Just(1 << 20)],
        ) {
            let mut seen = Seen::numbers_only().spending(small);
            let (mut bits, mut new) = (no_bits(), Vec::new());
            let mut model = std::collections::BTreeSet::new();
            let leaf_at = |leaf: u64| Leaf::of(79_000_000_000 + (leaf << LEAF_BITS));
            let run = |leaf, from: u64, step: u64, count: usize| -> Vec<u64> {
                let first = leaf_at(leaf).numbers().start;
                (0..count as u64).map(|n| first + (from + n * step * step) % 65_536).collect()
            };
            for (leaf, from, step, count) in acts {
                let run = run(leaf, from, step, count);
                let mut told = Vec::new();
                if step % 5 == 0 {
                    for &number in &run[..run.len().min(90)] {
                        told.push((number, seen.insert(msisdn(number), 0).is_none()));
                    }
                } else {
                    let places = run.iter().map(|&number| number as u16);
                    seen.insert_run(leaf_at(leaf), places, &mut bits, &mut new);
                    prop_assert_eq!(new.len(), run.len());
                    told.extend(run.iter().copied().zip(new.iter().copied()));
                }
                for (number, is_new) in told {
                    prop_assert_eq!(is_new, model.insert(number));
                    prop_assert!(seen.get(msisdn(number)).is_some());
                }
                prop_assert!(bits.iter().all(|&word| word == 0));
                prop_assert_eq!(seen.len(), model.len() as u64);
                prop_assert_eq!(seen.memory(), seen.counted_again());
            }
            let all: Vec<_> = seen.iter().map(|(number, _)| number.as_u64()).collect();
            prop_assert_eq!(all, model.iter().copied().collect::<Vec<_>>());

            for (leaf, (from, step, count)) in (0..).zip(last) {
                let run = run(leaf, from, step, count);
                let places = run.iter().map(|&number| number as u16);
                seen.judge_last_run(leaf_at(leaf), places, &mut bits, &mut new);
                let expected: Vec<bool> = run.iter().map(|&number| model.insert(number)).collect();
                prop_assert_eq!(&new, &expected);
                prop_assert!(bits.iter().all(|&word| word == 0));
            }
        }
    }

    /// Through every shape: tables that burst, bitmaps and ranks.
    #[test]
    fn shapes_change_and_nothing_is_lost() {
        for (places, small) in [(false, 0), (true, 0), (false, 1 << 20)] {
            let mut seen = Seen::new(places).spending(small);
            let numbers = (0..200_000u64)
                .map(|n| 79_000_000_000 + n * 7 % 200_000) // every number of a range
                .chain(
                    (0..60_000).map(|n| 49_150_000_000_000 + n * 7_919 * 65_537 % 40_000_000_000),
                )
                .chain((0..20_000).map(|n| 5_511_900_000_000 + n * 911));
            let mut model = std::collections::HashMap::new();
            for (place, number) in numbers.enumerate() {
                let place = place as u64 + 1;
                let before = model.get(&number).copied();
                model.entry(number).or_insert(place);
                let before = before.map(|place: u64| if places { place } else { 0 });
                assert_eq!(seen.insert(msisdn(number), place), before);
            }
            assert_eq!(seen.len(), model.len() as u64);
            assert_eq!(seen.memory(), seen.counted_again());
            for (&number, &place) in &model {
                assert_eq!(
                    seen.get(msisdn(number)),
                    Some(if places { place } else { 0 })
                );
            }
            let (mut count, mut last) = (0, 0);
            for (number, place) in seen.iter() {
                let first = model.get(&number.as_u64()).copied();
                assert!(number.as_u64() > last);
                assert_eq!(
                    Some(place),
                    first.map(|first| if places { first } else { 0 })
                );
                (count, last) = (count + 1, number.as_u64());
            }
            assert_eq!(count, model.len());
            let each = (seen.memory() - small.min(seen.memory())) as f64 / model.len() as f64;
            assert!(
                each < if places { 8.0 } else { 4.0 },
                "{each} bytes a number"
            );
        }
    }

    /// Ranges with few numbers get no bitmaps, however much may be spent; others do if it may.
    #[test]
    fn what_is_spent_is_spent_on_ranges_with_many_numbers() {
        for (in_each, spent, has_bitmaps) in
            [(300, 1 << 30, false), (600, 1 << 30, true), (600, 0, false)]
        {
            let mut seen = Seen::numbers_only().spending(spent);
            let count = 256 * in_each;
            for n in 0..count {
                let (leaf, place) = (n % 256, n / 256 * 107);
                seen.insert(msisdn((4710 << 24) + (leaf << LEAF_BITS) + place), 0);
            }
            assert_eq!(seen.len(), count);
            assert_eq!(
                seen.memory() > 256 * size_of::<Bits>(),
                has_bitmaps,
                "{in_each} {spent}"
            );
        }
    }

    #[test]
    #[should_panic(expected = "a set without places")]
    fn runs_have_no_places() {
        let (leaf, run) = (Leaf::of(79_000_000_000), [0].into_iter());
        Seen::with_places().insert_run(leaf, run, &mut no_bits(), &mut Vec::new());
    }

    /// Many numbers of a range take little more than their places, which may be late.
    #[test]
    fn places_of_a_range_take_little() {
        let mut seen = Seen::with_places();
        let first = u64::from(u32::MAX) - 99_990;
        let numbers = || (0..100_000u64).map(|n| msisdn(79_000_000_000 + n * 7 % 100_000 * 3));
        for (place, number) in (first..).zip(numbers()) {
            assert_eq!(seen.insert(number, place), None);
        }
        let late = 10 * LATE_BYTES;
        assert!(
            seen.memory() - late < 6 * 100_000,
            "{} bytes",
            seen.memory()
        );
        for (place, number) in (first..).zip(numbers()) {
            assert_eq!(seen.insert(number, 1), Some(place));
            assert_eq!(seen.get(number), Some(place));
        }
        let places: u64 = seen.iter().map(|(_, place)| place).sum();
        assert_eq!(places, (first..first + 100_000).sum());
    }
}
