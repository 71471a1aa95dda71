//! A set of numbers that does not change, in few bytes that can be looked up where they are.
//!
//! The bytes, all integers with the lowest byte first:
//!
//! | what | bytes |
//! |---|---|
//! | `RCPTSET` and the version, 1 | 8 |
//! | how many numbers there are | 8 |
//! | how many bytes the distances take | 8 |
//! | how many words the filter has | 8 |
//! | CRC-32 of everything behind these 40 bytes | 4 |
//! | CRC-32 of the bytes before this one | 4 |
//! | of every 64 ascending numbers, how far each but the first is above the first: 1, 2, 4 or 8 bytes each, as the last needs | |
//! | for every 64 numbers: the first, and where their distances begin, times 4, plus the logarithm of their size | 16 each |
//! | the filter | 8 each |
//!
//! Distances of equal size, rather than differences of varying size, are unpacked without a branch.
//! The filter answers nearly all questions for numbers that are not there by one word: of each
//! number that is there, one word has four bits set. The same numbers give the same bytes.

use crate::error::ErrorKind;
use crate::{Error, Msisdn, Seen};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

const MAGIC: [u8; 8] = *b"RCPTSET\x01";
const HEADER: usize = 40;
/// Numbers of a block.
const BLOCK: usize = 64;
/// Bytes that a block takes in the index.
const ENTRY: usize = 16;
/// Fewer bytes, or blocks, are not worth a thread; a block has a few hundred. Where it is tried whether threads
/// come to the same, fewer are.
const BLOCKS_OF_PIECE: usize = BYTES_OF_PIECE >> 8;
const BYTES_OF_PIECE: usize = match (cfg!(test), cfg!(fuzzing)) {
    (true, _) => 1 << 8,
    (_, true) => 1 << 18,
    _ => 1 << 22,
};
/// Numbers for each word of the filter: 16 bits a number, which lets one of 150 strangers through.
const PER_WORD: u64 = 4;

/// Numbers, sorted and packed: 3 to 7 bytes each, as close as they are.
///
/// `Debug` shows no number.
///
/// ```
/// use recipients_core::{Msisdn, NumberSet};
///
/// let number = |n| Msisdn::from_u64(n).unwrap();
/// let set: NumberSet = [number(380971112233), number(79101112233)].into_iter().collect();
/// assert!(set.contains(number(79101112233)) && !set.contains(number(79101112234)));
///
/// let same = NumberSet::open(set.to_bytes()).unwrap();
/// assert_eq!(same.iter().collect::<Vec<_>>(), set.iter().collect::<Vec<_>>());
/// ```
#[derive(Clone)]
pub struct NumberSet {
    held: Arc<Held>,
    parts: Parts,
}

/// What the clones of a set share.
struct Held {
    bytes: Bytes,
    /// Made, or looked through, when it is worth it: whoever looks for few numbers, or range by range, does
    /// without.
    filter: OnceLock<Words>,
    /// For how many numbers it would have been asked so far.
    missed: AtomicU64,
}

/// Where the bytes are.
enum Bytes {
    /// All of them, and how many threads are to check them.
    Opened(Box<dyn AsRef<[u8]> + Send + Sync>, usize),
    /// Those before the filter, with the header's place left empty, so that all stands where it does in a
    /// file.
    Built(Vec<u8>),
}

/// Where the filter is.
enum Words {
    /// Behind the other bytes, and it lets each number through.
    Opened,
    Made(Vec<[u8; 8]>),
}

impl Held {
    fn new(bytes: Bytes) -> Held {
        Held {
            bytes,
            filter: OnceLock::new(),
            missed: AtomicU64::new(0),
        }
    }

    /// The bytes, at least up to the filter.
    fn blocks(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Opened(bytes, _) => (**bytes).as_ref(),
            Bytes::Built(blocks) => blocks,
        }
    }
}

/// Where the parts of the bytes are.
#[derive(Clone, Copy)]
struct Parts {
    len: u64,
    index: usize,
    blocks: usize,
    filter: usize,
}

impl Parts {
    fn read(bytes: &[u8]) -> Option<Parts> {
        if bytes.len() < HEADER || bytes[..8] != MAGIC {
            return None;
        }
        let (len, distances, words) = (word(bytes, 8), word(bytes, 16), word(bytes, 24));
        let blocks = usize::try_from(len.div_ceil(BLOCK as u64)).ok()?;
        let index = usize::try_from(distances).ok()?.checked_add(HEADER)?;
        let filter = blocks.checked_mul(ENTRY)?.checked_add(index)?;
        let end = usize::try_from(words)
            .ok()?
            .checked_mul(8)?
            .checked_add(filter)?;
        let fits = end == bytes.len() && words == words_for(len);
        fits.then_some(Parts {
            len,
            index,
            blocks,
            filter,
        })
    }
}

fn words_for(len: u64) -> u64 {
    len.div_ceil(PER_WORD).max(1)
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// Which word of the filter speaks of a number, and its bits.
#[inline]
fn filter_bits(number: u64, words: u64) -> (usize, u64) {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let at = (u128::from(mixed) * u128::from(words)) >> 64;
    let bits = (0..4).fold(0, |bits, i| bits | 1 << (mixed >> (6 * i) & 63));
    (at as usize, bits)
}

/// How far the numbers of a block are above its first, in as many bytes each as the last needs.
#[derive(Clone, Copy)]
enum Distances<'b> {
    Of1(&'b [u8]),
    Of2(&'b [[u8; 2]]),
    Of4(&'b [[u8; 4]]),
    Of8(&'b [[u8; 8]]),
}

impl<'b> Distances<'b> {
    /// The logarithm of the size that a distance needs.
    fn size_for(distance: u64) -> u32 {
        match distance {
            0..=0xff => 0,
            0x100..=0xffff => 1,
            0x1_0000..=0xffff_ffff => 2,
            _ => 3,
        }
    }

    /// `None` if so many are not there.
    fn read(bytes: &'b [u8], start: usize, log_size: u32, count: usize) -> Option<Distances<'b>> {
        let end = start.checked_add(count << log_size)?;
        let bytes = bytes.get(start..end)?;
        Some(match log_size {
            0 => Distances::Of1(bytes),
            1 => Distances::Of2(bytes.as_chunks().0),
            2 => Distances::Of4(bytes.as_chunks().0),
            _ => Distances::Of8(bytes.as_chunks().0),
        })
    }

    #[inline]
    fn for_each(self, mut each: impl FnMut(u64)) {
        match self {
            Distances::Of1(all) => all.iter().for_each(|&d| each(d.into())),
            Distances::Of2(all) => all.iter().for_each(|&d| each(u16::from_le_bytes(d).into())),
            Distances::Of4(all) => all.iter().for_each(|&d| each(u32::from_le_bytes(d).into())),
            Distances::Of8(all) => all.iter().for_each(|&d| each(u64::from_le_bytes(d))),
        }
    }
}

impl NumberSet {
    /// What the bytes of every version begin with.
    pub const MAGIC: &'static [u8] = MAGIC.split_at(7).0;

    /// Takes so many numbers in ascending order, none twice.
    ///
    /// ```
    /// use recipients_core::{Msisdn, NumberSet, Seen};
    ///
    /// let mut seen = Seen::numbers_only();
    /// seen.insert(Msisdn::from_u64(380971112233).unwrap(), 0);
    /// let set = NumberSet::from_ascending(seen.len(), seen.iter().map(|(number, _)| number));
    /// assert_eq!(set.len(), 1);
    /// ```
    ///
    /// # Panics
    ///
    /// If they are not.
    pub fn from_ascending(len: u64, numbers: impl IntoIterator<Item = Msisdn>) -> NumberSet {
        let count = usize::try_from(len).expect("as many numbers as memory can hold");
        let blocks = count.div_ceil(BLOCK);
        let mut bytes = Vec::with_capacity(HEADER + 2 * count + ENTRY * blocks);
        bytes.resize(HEADER, 0);
        let mut index = Vec::with_capacity(blocks * ENTRY);
        let mut last = 0;
        let mut numbers = numbers.into_iter().map(Msisdn::as_u64);
        let mut block = [0; BLOCK];
        for done in (0..count).step_by(BLOCK) {
            let block = &mut block[..BLOCK.min(count - done)];
            for place in &mut *block {
                let number = numbers.next().expect("as many numbers as were told");
                assert!(number > last, "numbers in ascending order");
                (*place, last) = (number, number);
            }
            let first = block[0];
            let log_size = Distances::size_for(last - first);
            let place = (bytes.len() - HEADER) as u64;
            index.extend_from_slice(&first.to_le_bytes());
            index.extend_from_slice(&(place << 2 | u64::from(log_size)).to_le_bytes());
            let distances = block[1..].iter().map(|number| number - first);
            match log_size {
                0 => bytes.extend(distances.map(|d| d as u8)),
                1 => bytes.extend(distances.flat_map(|d| (d as u16).to_le_bytes())),
                2 => bytes.extend(distances.flat_map(|d| (d as u32).to_le_bytes())),
                _ => bytes.extend(distances.flat_map(u64::to_le_bytes)),
            }
        }
        assert!(numbers.next().is_none(), "as many numbers as were told");
        let parts = Parts {
            len,
            index: bytes.len(),
            blocks,
            filter: bytes.len() + index.len(),
        };
        bytes.extend_from_slice(&index);
        NumberSet {
            held: Arc::new(Held::new(Bytes::Built(bytes))),
            parts,
        }
    }

    /// The numbers of sets that have none in common.
    pub fn of_seen<'s>(sets: impl IntoIterator<Item = &'s Seen> + Clone) -> NumberSet {
        let len = sets.clone().into_iter().map(Seen::len).sum();
        let sets = sets.into_iter();
        let numbers = sets.map(|set| set.iter().map(|(number, _)| number));
        NumberSet::from_ascending(len, Merged::new(numbers))
    }

    /// The numbers that are in any of the sets.
    pub fn union<'s>(sets: impl IntoIterator<Item = &'s NumberSet> + Clone) -> NumberSet {
        let merged = || Merged::new(sets.clone().into_iter().map(NumberSet::iter));
        NumberSet::from_ascending(merged().count() as u64, merged())
    }

    /// Takes bytes that [`NumberSet::write_to`] wrote, wherever they are: in memory, or a file that
    /// is mapped into it and does not change meanwhile. Their checksums and the order of the numbers are
    /// checked; that the filter lets each number through is looked into before it is first asked, and a filter
    /// that does not is made again.
    ///
    /// # Errors
    ///
    /// If they are no such set, of another version, or damaged.
    pub fn open(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<NumberSet, Error> {
        NumberSet::open_on(bytes, 1)
    }

    /// [`NumberSet::open`], the bytes checked by so many threads (0 is one for each core), if there are
    /// enough of them.
    ///
    /// # Errors
    ///
    /// Those of [`NumberSet::open`].
    pub fn open_on(
        bytes: impl AsRef<[u8]> + Send + Sync + 'static,
        threads: usize,
    ) -> Result<NumberSet, Error> {
        let refuse = |why| Err(Error::new(ErrorKind::NoNumberSet(why)));
        let all = bytes.as_ref();
        if all.len() < HEADER || !all.starts_with(NumberSet::MAGIC) {
            return refuse("it does not begin as a compiled list does");
        }
        if all[7] != MAGIC[7] {
            return refuse("it was made by another version of this program; build it again");
        }
        let told = |at: usize, crc: u32| crc.to_le_bytes() == all[at..at + 4];
        let threads = match threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        if !told(36, crc32fast::hash(&all[..36])) || !told(32, crc(&all[HEADER..], threads)) {
            return refuse("it is damaged: its checksum does not match");
        }
        let Some(parts) = Parts::read(all) else {
            return refuse("it is damaged: its parts do not have the sizes that it tells");
        };
        let check = |blocks| is_sound(all, &parts, blocks);
        if in_pieces(parts.blocks, BLOCKS_OF_PIECE, threads, check).contains(&false) {
            return refuse("it is damaged: its numbers are not in order");
        }
        Ok(NumberSet {
            held: Arc::new(Held::new(Bytes::Opened(Box::new(bytes), threads))),
            parts,
        })
    }

    /// Writes the bytes to be kept, [`NumberSet::byte_len`] of them.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn write_to(&self, mut out: impl io::Write) -> io::Result<()> {
        let blocks = &self.held.blocks()[HEADER..self.parts.filter];
        let filter = self.filter().words.as_flattened();
        let mut crc = crc32fast::Hasher::new();
        crc.update(blocks);
        crc.update(filter);

        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&MAGIC);
        let distances = (self.parts.index - HEADER) as u64;
        let told = [
            (8, self.len()),
            (16, distances),
            (24, words_for(self.len())),
        ];
        for (at, value) in told {
            header[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        header[32..36].copy_from_slice(&crc.finalize().to_le_bytes());
        let crc = crc32fast::hash(&header[..36]);
        header[36..40].copy_from_slice(&crc.to_le_bytes());

        out.write_all(&header)?;
        out.write_all(blocks)?;
        out.write_all(filter)
    }

    /// The bytes to be kept ([`NumberSet::write_to`]).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.byte_len());
        self.write_to(&mut bytes)
            .expect("memory takes what is written");
        bytes
    }

    /// How many bytes [`NumberSet::write_to`] writes.
    pub fn byte_len(&self) -> usize {
        self.parts.filter + 8 * words_for(self.len()) as usize
    }

    /// Whether the number is there.
    #[inline]
    pub fn contains(&self, number: Msisdn) -> bool {
        self.may_be_there(1)(number) && self.has(number)
    }

    /// What answers most questions at once: ask it for so many numbers, and [`NumberSet::has`] for those that
    /// it lets through.
    #[inline]
    pub(crate) fn may_be_there(&self, numbers: usize) -> impl Fn(Msisdn) -> bool {
        let filter = self.filter_for(numbers);
        move |number| {
            filter
                .as_ref()
                .is_none_or(|filter| filter.lets_through(number))
        }
    }

    fn filter(&self) -> Filter<'_> {
        match self.held.filter.get_or_init(|| self.find_filter()) {
            Words::Opened => Filter::of(self.held.blocks(), &self.parts),
            Words::Made(words) => Filter { words },
        }
    }

    /// The same for so many numbers, if it can be asked at once or is worth the work.
    #[inline]
    fn filter_for(&self, numbers: usize) -> Option<Filter<'_>> {
        /// Numbers of the set that are put into the filter while one is looked for without it.
        const MADE_MEANWHILE: u64 = 32;
        let is_worth_it = || {
            let before = self
                .held
                .missed
                .fetch_add(numbers as u64, Ordering::Relaxed);
            before.saturating_add(numbers as u64) > self.len() / MADE_MEANWHILE
        };
        let can_be_asked = self.held.filter.get().is_some() || is_worth_it();
        can_be_asked.then(|| self.filter())
    }

    #[cold]
    fn find_filter(&self) -> Words {
        let Bytes::Opened(bytes, threads) = &self.held.bytes else {
            return Words::Made(self.make_filter());
        };
        // Checksums tell damage, and not what a hostile hand has written.
        let filter = Filter::of((**bytes).as_ref(), &self.parts);
        let lets_through = |blocks| {
            let mut all = true;
            self.for_blocks(blocks, |number| {
                all &= Msisdn::from_u64(number).is_some_and(|number| filter.lets_through(number));
            });
            all
        };
        match in_pieces(self.parts.blocks, BLOCKS_OF_PIECE, *threads, lets_through).contains(&false)
        {
            false => Words::Opened,
            true => Words::Made(self.make_filter()),
        }
    }

    fn make_filter(&self) -> Vec<[u8; 8]> {
        let words = words_for(self.len());
        let mut filter = vec![[0; 8]; words as usize];
        self.for_blocks(0..self.parts.blocks, |number| {
            let (at, bits) = filter_bits(number, words);
            let word = u64::from_le_bytes(filter[at]) | bits;
            filter[at] = word.to_le_bytes();
        });
        filter
    }

    /// Whether the number is there, without asking the filter.
    pub(crate) fn has(&self, number: Msisdn) -> bool {
        self.is_among(0..self.parts.blocks, number)
    }

    /// The same of a number that can only be in these [blocks](NumberSet::blocks).
    #[inline(never)]
    pub(crate) fn is_among(&self, blocks: Range<usize>, number: Msisdn) -> bool {
        let (bytes, number) = (self.held.blocks(), number.as_u64());
        let begin = blocks.start;
        // The last block that begins with the number or a smaller one.
        let block = self.blocks_up_to(bytes, blocks, number);
        if block == begin {
            return false;
        }
        let mut found = false;
        self.for_block(bytes, block - 1, |there| found |= there == number);
        found
    }

    /// Up to which of these blocks they begin with a number or a smaller one.
    fn blocks_up_to(&self, bytes: &[u8], among: Range<usize>, number: u64) -> usize {
        let first = |block: usize| word(bytes, self.parts.index + ENTRY * block);
        let (mut low, mut high) = (among.start, among.end);
        while low < high {
            let middle = low + (high - low) / 2;
            match first(middle) <= number {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    /// The blocks in which numbers of a range can be, which is not empty and does not begin with 0.
    pub(crate) fn blocks(&self, range: Range<u64>) -> Range<usize> {
        let bytes = self.held.blocks();
        let all = 0..self.parts.blocks;
        let first = self.blocks_up_to(bytes, all.clone(), range.start);
        let first = first.saturating_sub(1);
        first..self.blocks_up_to(bytes, first..all.end, range.end - 1)
    }

    /// How many numbers there are in blocks, at most.
    pub(crate) fn in_blocks(blocks: &Range<usize>) -> usize {
        blocks.len() * BLOCK
    }

    /// Hands out the numbers of blocks, in ascending order.
    #[inline]
    pub(crate) fn for_blocks(&self, blocks: Range<usize>, mut each: impl FnMut(u64)) {
        let bytes = self.held.blocks();
        for block in blocks {
            self.for_block(bytes, block, &mut each);
        }
    }

    /// Hands out the numbers of a block.
    #[inline]
    fn for_block(&self, bytes: &[u8], block: usize, mut each: impl FnMut(u64)) {
        let (first, distances) = entry(bytes, &self.parts, block);
        each(first);
        if let Some(distances) = distances {
            distances.for_each(|distance| each(first.wrapping_add(distance)));
        }
    }

    /// The numbers in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Msisdn> + '_ {
        (0..self.parts.blocks)
            .flat_map(|block| {
                let mut numbers = Vec::with_capacity(BLOCK);
                self.for_block(self.held.blocks(), block, |number| numbers.push(number));
                numbers
            })
            .filter_map(Msisdn::from_u64)
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.parts.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The first number of a block, and how far the others are above it; `None` if they are not there.
#[inline]
fn entry<'b>(bytes: &'b [u8], parts: &Parts, block: usize) -> (u64, Option<Distances<'b>>) {
    let at = parts.index + ENTRY * block;
    let (first, place) = (word(bytes, at), word(bytes, at + 8));
    let count = (parts.len - (block * BLOCK) as u64).min(BLOCK as u64) as usize - 1;
    let start = HEADER.saturating_add((place >> 2) as usize);
    let distances = &bytes[..parts.index];
    let log_size = (place & 3) as u32;
    (first, Distances::read(distances, start, log_size, count))
}

/// Work on so many things in pieces of at least `least`, side by side; what came of it, in order.
fn in_pieces<T: Send>(
    len: usize,
    least: usize,
    threads: usize,
    work: impl Fn(Range<usize>) -> T + Sync,
) -> Vec<T> {
    let pieces = threads.min(len / least).max(1);
    let ends = |at: usize| (len as u128 * at as u128 / pieces as u128) as usize;
    let piece = |at: usize| work(ends(at)..ends(at + 1));
    let mut done: Vec<Option<T>> = (0..pieces).map(|_| None).collect();
    thread::scope(|scope| {
        let (own, others) = done.split_first_mut().expect("at least one piece");
        for (at, done) in (1..).zip(others) {
            let piece = &piece;
            // What no thread can be had for is done below.
            let _ = thread::Builder::new().spawn_scoped(scope, move || *done = Some(piece(at)));
        }
        *own = Some(piece(0));
    });
    let done = done.into_iter().enumerate();
    done.map(|(at, done)| done.unwrap_or_else(|| piece(at)))
        .collect()
}

fn crc(bytes: &[u8], threads: usize) -> u32 {
    let piece = |piece| {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&bytes[piece]);
        hasher
    };
    let pieces = in_pieces(bytes.len(), BYTES_OF_PIECE, threads, piece);
    let whole = pieces.into_iter().reduce(|mut whole, next| {
        whole.combine(&next);
        whole
    });
    whole.map_or(0, crc32fast::Hasher::finalize)
}

/// Whether the numbers of these blocks ascend within 15 digits from the number before them, and every
/// block begins where it should, the next one included.
fn is_sound(bytes: &[u8], parts: &Parts, blocks: Range<usize>) -> bool {
    let place = |block: usize| word(bytes, parts.index + ENTRY * block + 8);
    let (mut at, mut last) = (0, 0);
    if let Some(before) = blocks.start.checked_sub(1) {
        let (first, Some(distances)) = entry(bytes, parts, before) else {
            return false;
        };
        // That it begins there is checked with the blocks before.
        (at, last) = (place(blocks.start) >> 2, first);
        distances.for_each(|distance| last = first.saturating_add(distance));
    }
    let end = match blocks.end < parts.blocks {
        true => place(blocks.end) >> 2,
        false => (parts.index - HEADER) as u64,
    };
    for block in blocks {
        let place = place(block);
        let (first, Some(distances)) = entry(bytes, parts, block) else {
            return false;
        };
        let (mut ascends, mut farthest) = (first > last, 0);
        distances.for_each(|distance| {
            ascends &= distance > farthest;
            farthest = distance;
        });
        last = first.saturating_add(farthest);
        let fits = Msisdn::from_u64(first)
            .and(Msisdn::from_u64(last))
            .is_some();
        if !(ascends && fits && place >> 2 == at) {
            return false;
        }
        let count = (parts.len - (block * BLOCK) as u64).min(BLOCK as u64) - 1;
        at += count << (place & 3);
    }
    at == end
}

/// The numbers of ascending iterators, ascending, each once.
struct Merged<I> {
    iters: Vec<I>,
    /// The next number of each, the smallest on top.
    next: BinaryHeap<Reverse<(Msisdn, usize)>>,
    last: Option<Msisdn>,
}

impl<I: Iterator<Item = Msisdn>> Merged<I> {
    fn new(iters: impl Iterator<Item = I>) -> Merged<I> {
        let mut iters: Vec<I> = iters.collect();
        let firsts = iters.iter_mut().enumerate();
        let next = firsts.filter_map(|(at, iter)| Some(Reverse((iter.next()?, at))));
        Merged {
            next: next.collect(),
            iters,
            last: None,
        }
    }
}

impl<I: Iterator<Item = Msisdn>> Iterator for Merged<I> {
    type Item = Msisdn;

    fn next(&mut self) -> Option<Msisdn> {
        loop {
            let mut top = self.next.peek_mut()?;
            let Reverse((number, at)) = *top;
            match self.iters[at].next() {
                Some(next) => *top = Reverse((next, at)),
                None => {
                    PeekMut::pop(top);
                }
            }
            if self.last != Some(number) {
                self.last = Some(number);
                return Some(number);
            }
        }
    }
}

/// Lets every number of its set through, and few others.
struct Filter<'s> {
    words: &'s [[u8; 8]],
}

impl<'s> Filter<'s> {
    fn of(bytes: &'s [u8], parts: &Parts) -> Filter<'s> {
        Filter {
            words: bytes[parts.filter..].as_chunks().0,
        }
    }

    #[inline]
    fn lets_through(&self, number: Msisdn) -> bool {
        let (at, bits) = filter_bits(number.as_u64(), self.words.len() as u64);
        u64::from_le_bytes(self.words[at]) & bits == bits
    }
}

impl Default for NumberSet {
    fn default() -> NumberSet {
        NumberSet::from_ascending(0, [])
    }
}

impl FromIterator<Msisdn> for NumberSet {
    fn from_iter<I: IntoIterator<Item = Msisdn>>(numbers: I) -> NumberSet {
        let mut numbers: Vec<Msisdn> = numbers.into_iter().collect();
        numbers.sort_unstable();
        numbers.dedup();
        NumberSet::from_ascending(numbers.len() as u64, numbers)
    }
}

impl fmt::Debug for NumberSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NumberSet({} numbers)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Gives bytes the checksums that they should have.
    fn mend(bytes: &mut [u8]) {
        let crc = crc32fast::hash(&bytes[HEADER..]);
        bytes[32..36].copy_from_slice(&crc.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..36]);
        bytes[36..40].copy_from_slice(&crc.to_le_bytes());
    }

    #[test]
    fn numbers_that_come_twice_or_have_too_many_digits_are_refused() {
        let most = 999_999_999_999_999;
        let changed = |last: u64, at: usize| {
            let set: NumberSet = (last - 50..=last).filter_map(Msisdn::from_u64).collect();
            let mut bytes = set.to_bytes();
            bytes[at] += 1;
            mend(&mut bytes);
            NumberSet::open(bytes).map(|set| set.len())
        };
        let last_distance = HEADER + 49;
        assert_eq!(changed(most - 1, last_distance), Ok(51));
        assert!(changed(most, last_distance).is_err());
        assert!(changed(most - 1, last_distance - 1).is_err());
    }

    proptest! {
        #[test]
        fn it_holds_what_it_was_given(
            numbers in prop::collection::vec(prop_oneof![
                380_970_000_000u64..380_970_000_400,
                1u64..1_000_000_000_000_000,
            ], 0..400),
            others in prop::collection::vec(380_970_000_000u64..380_970_000_400, 50),
        ) {
            let model: BTreeSet<u64> = numbers.iter().copied().collect();
            let built: NumberSet = numbers.iter().filter_map(|&n| Msisdn::from_u64(n)).collect();
            let bytes = built.to_bytes();
            prop_assert_eq!(bytes.len(), built.byte_len());
            let set = NumberSet::open_on(bytes, 3).unwrap();
            prop_assert_eq!(set.to_bytes(), built.to_bytes());
            prop_assert_eq!(set.len(), model.len() as u64);
            prop_assert!(set.iter().map(Msisdn::as_u64).eq(model.iter().copied()));
            for &number in numbers.iter().chain(&others) {
                prop_assert_eq!(set.contains(Msisdn::from_u64(number).unwrap()), model.contains(&number));
            }
        }

        /// Among the blocks of a range a number of it is found, or is nowhere.
        #[test]
        fn numbers_are_found_among_the_blocks_of_their_range(
            steps in prop::collection::vec(1u64..5, 0..900),
            start in 0u64..2500,
            len in 1u64..400,
        ) {
            let first = 380_970_000_000;
            let numbers = steps.iter().scan(first + 200, |number, step| { *number += step; Some(*number) });
            let model: BTreeSet<u64> = numbers.collect();
            let set: NumberSet = model.iter().filter_map(|&n| Msisdn::from_u64(n)).collect();
            let range = first + start..first + start + len;
            let blocks = set.blocks(range.clone());
            prop_assert!(NumberSet::in_blocks(&blocks) >= model.range(range.clone()).count());
            for number in range {
                let found = set.is_among(blocks.clone(), Msisdn::from_u64(number).unwrap());
                prop_assert_eq!(found, model.contains(&number));
            }
        }

        #[test]
        fn a_union_has_the_numbers_of_all(
            sets in prop::collection::vec(prop::collection::btree_set(1u64..400, 0..200), 0..5),
        ) {
            let number = |&n: &u64| Msisdn::from_u64(79_000_000_000 + n).unwrap();
            let packed: Vec<NumberSet> = sets.iter().map(|set| set.iter().map(number).collect()).collect();
            let expected: BTreeSet<Msisdn> = sets.iter().flatten().map(number).collect();
            prop_assert!(NumberSet::union(&packed).iter().eq(expected.iter().copied()));

            let mut seen: Vec<Seen> = (0..4).map(|_| Seen::numbers_only()).collect();
            for &number in &expected {
                seen[number.as_u64() as usize % 4].insert(number, 0);
            }
            prop_assert!(NumberSet::of_seen(&seen).iter().eq(expected));
        }

        /// Blocks in the wrong order, every one sound by itself, are told wherever pieces begin.
        #[test]
        fn blocks_must_ascend(blocks in 2usize..9, at in 0usize..7) {
            let at = at % (blocks - 1);
            let numbers = (0..(blocks * BLOCK) as u64).map(|n| 79_000_000_000 + 3 * n);
            let set: NumberSet = numbers.filter_map(Msisdn::from_u64).collect();
            let mut bytes = set.to_bytes();
            let parts = Parts::read(&bytes).unwrap();
            // The numbers lie evenly: blocks whose first numbers are exchanged are exchanged.
            let first = parts.index + ENTRY * at;
            (0..8).for_each(|byte| bytes.swap(first + byte, first + ENTRY + byte));
            for threads in 1..=blocks {
                let check = |blocks| is_sound(&bytes, &parts, blocks);
                let sound = in_pieces(parts.blocks, 1, threads, check);
                prop_assert!(sound.contains(&false), "{} pieces", threads);
            }
        }

        /// Damaged bytes are refused; and what a hostile hand has given good checksums is refused,
        /// or at least does no harm.
        #[test]
        fn damage_is_told(at in 0usize..4096, bit in 0u8..8, mended: bool) {
            let set: NumberSet = (0..300).filter_map(|n| Msisdn::from_u64(79_000_000_000 + n * n)).collect();
            let mut bytes = set.to_bytes();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            if mended {
                mend(&mut bytes);
            }
            // However many check it, they come to the same.
            let parts = Parts::read(&bytes).filter(|_| mended);
            let sound = parts.map(|parts| {
                let checked_by = |threads| {
                    let check = |blocks| is_sound(&bytes, &parts, blocks);
                    !in_pieces(parts.blocks, 1, threads, check).contains(&false)
                };
                prop_assert_eq!(checked_by(1), checked_by(2));
                prop_assert_eq!(checked_by(1), checked_by(parts.blocks));
                Ok(checked_by(1))
            });
            let sound = sound.transpose()?;
            prop_assert_eq!(crc(&bytes, 3), crc32fast::hash(&bytes));
            let opened = NumberSet::open(bytes);
            if let Some(sound) = sound {
                prop_assert_eq!(sound, opened.is_ok());
            }
            match opened {
                // A bit more in the filter lets more strangers ask; one with a bit less is not asked.
                Ok(set) => {
                    prop_assert!(mended && set.iter().count() as u64 == set.len());
                    prop_assert!(set.iter().all(|number| set.contains(number)));
                }
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}
