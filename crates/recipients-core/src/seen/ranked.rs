//! Numbers of a leaf that is well filled, and where each was first.

use super::mixer::Mixer;
use super::{Bits, Change, LEAF_BITS, no_bits, set_bit};
use std::ops::Range;

/// A bit for each number, and their places in the order of the bits: no place needs a key.
///
/// Numbers stand where their mixed bits tell, so that they lie evenly whatever the list; each segment serves
/// as many bits as any other, and all of them get more when one is full. Segments are of one size, which the
/// allocator has no waste for, and of which nothing is left behind when there are more.
pub(super) struct Ranked {
    bits: Box<Bits>,
    segments: Vec<Segment>,
}

struct Segment {
    places: Box<[u32; Segment::PLACES]>,
    len: usize,
}

impl Segment {
    /// Few enough that to make way among them costs little, and enough that they are nearly full when the
    /// first of many segments is.
    const PLACES: usize = 256;

    fn new() -> Segment {
        Segment {
            places: Box::new([0; Segment::PLACES]),
            len: 0,
        }
    }

    fn places(&self) -> &[u32] {
        &self.places[..self.len]
    }
}

/// Numbers of a leaf.
const NUMBERS: usize = 1 << LEAF_BITS;

/// Segments that are never full.
const MOST_SEGMENTS: usize = NUMBERS / Segment::PLACES;

impl Ranked {
    /// Takes numbers and their places, in any order.
    pub(super) fn of(mut entries: Vec<(u32, u32)>, mixer: &Mixer) -> Ranked {
        let mut bits = no_bits();
        for (rest, _) in &mut entries {
            *rest = mixer.mix::<2>(*rest);
            set_bit(&mut bits, *rest as u16);
        }
        entries.sort_unstable();
        let places: Vec<u32> = entries.into_iter().map(|(_, place)| place).collect();
        let mut ranked = Ranked {
            bits,
            segments: Vec::new(),
        };
        ranked.spread(&places, places.len() / Segment::PLACES + 1);
        ranked
    }

    /// Bytes of memory beyond its own.
    pub(super) fn bytes(&self) -> usize {
        let segment = size_of::<Segment>() + size_of::<[u32; Segment::PLACES]>();
        size_of::<Bits>() + segment * self.segments.len()
    }

    /// Adds a number; if it was there already, its first place.
    #[inline]
    pub(super) fn insert(&mut self, rest: u32, place: u32, mixer: &Mixer) -> Change {
        let key = mixer.mix::<2>(rest) as usize;
        let (mut at, mut rank) = self.rank(key);
        if self.has(key) {
            let found = Some(self.segments[at].places[rank]);
            return Change { found, bytes: 0 };
        }
        let mut taken = 0;
        if self.segments[at].len == Segment::PLACES {
            taken = self.grow();
            (at, rank) = self.rank(key);
        }
        set_bit(&mut self.bits, key as u16);
        let Segment { places, len } = &mut self.segments[at];
        places.copy_within(rank..*len, rank + 1);
        places[rank] = place;
        *len += 1;
        Change {
            found: None,
            bytes: taken,
        }
    }

    pub(super) fn get(&self, rest: u32, mixer: &Mixer) -> Option<u32> {
        let key = mixer.mix::<2>(rest) as usize;
        let (at, rank) = self.rank(key);
        self.has(key).then(|| self.segments[at].places[rank])
    }

    pub(super) fn for_each(&self, mixer: &Mixer, mut each: impl FnMut(u32, u32)) {
        let mut places = self.segments.iter().flat_map(Segment::places);
        for (at, &word) in self.bits.iter().enumerate() {
            let mut word = word;
            while word != 0
                && let Some(&place) = places.next()
            {
                let key = 64 * at as u32 + word.trailing_zeros();
                each(mixer.unmix::<2>(key), place);
                word &= word - 1;
            }
        }
    }

    fn has(&self, key: usize) -> bool {
        self.bits[key / 64] >> (key % 64) & 1 == 1
    }

    /// Which segment serves a key, and how many places of it stand before the key's.
    #[inline]
    fn rank(&self, key: usize) -> (usize, usize) {
        let at = key * self.segments.len() / NUMBERS;
        (at, self.count(first_key(at, self.segments.len())..key))
    }

    /// How many numbers there are whose keys are in a range.
    #[inline]
    fn count(&self, keys: Range<usize>) -> usize {
        let (first, last) = (keys.start / 64, keys.end / 64);
        let below = |end: usize| (1u64 << (end % 64)) - 1;
        let ones = |word: u64| word.count_ones() as usize;
        let whole: usize = self.bits[first..last].iter().map(|&word| ones(word)).sum();
        let before = ones(self.bits[first] & below(keys.start));
        // Where the last word ends with the leaf, there is none behind it.
        let behind = self
            .bits
            .get(last)
            .map_or(0, |&word| ones(word & below(keys.end)));
        whole + behind - before
    }

    /// More segments; how many bytes more they take.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) -> isize {
        let before = self.bytes();
        let places: Vec<u32> = self
            .segments
            .iter()
            .flat_map(Segment::places)
            .copied()
            .collect();
        let segments = self.segments.len();
        self.spread(&places, segments + segments.div_ceil(16));
        self.bytes() as isize - before as isize
    }

    /// Spreads the places over so many segments at least, and so many that none is full.
    fn spread(&mut self, places: &[u32], segments: usize) {
        let lens = |segments: usize| {
            (0..segments).map(move |at| first_key(at, segments)..first_key(at + 1, segments))
        };
        let mut segments = segments.min(MOST_SEGMENTS);
        while segments < MOST_SEGMENTS
            && lens(segments).any(|keys| self.count(keys) >= Segment::PLACES)
        {
            segments += 1;
        }
        self.segments.reserve_exact(segments - self.segments.len());
        self.segments.resize_with(segments, Segment::new);
        let mut places = places;
        for (at, keys) in lens(segments).enumerate() {
            let len = self.count(keys);
            let (own, others) = places.split_at(len);
            let segment = &mut self.segments[at];
            segment.places[..len].copy_from_slice(own);
            (segment.len, places) = (len, others);
        }
    }
}

/// The first key that a segment of so many serves.
fn first_key(at: usize, segments: usize) -> usize {
    (at * NUMBERS).div_ceil(segments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// However they come and however many, up to all there are.
        #[test]
        fn first_places_are_kept(
            salt: u32,
            begun in 0usize..2_000,
            runs in prop::collection::vec((0usize..NUMBERS, 1usize..600, 1usize..30_000), 1..4),
        ) {
            let mixer = Mixer::new(salt, [0x9e37_79b1, 0x85eb_ca6b]);
            let mut model: BTreeMap<u32, u32> = (0..begun as u32).map(|n| (n * 31 % 65_536, n)).collect();
            let entries = model.iter().map(|(&number, &place)| (number, place));
            let mut ranked = Ranked::of(entries.collect(), &mixer);
            let mut place = begun as u32;
            for (from, step, len) in runs {
                for n in 0..len {
                    place += 1;
                    let number = ((from + n * step) % NUMBERS) as u32;
                    let before = ranked.bytes();
                    let change = ranked.insert(number, place, &mixer);
                    prop_assert_eq!(ranked.bytes(), before.wrapping_add_signed(change.bytes));
                    prop_assert_eq!(change.found, model.get(&number).copied());
                    model.entry(number).or_insert(place);
                }
                // Progressions are spread less evenly than most: three quarters are seen, half would be wrong.
                let segments = model.len() / (Segment::PLACES / 2) + 5;
                prop_assert!(ranked.segments.len() <= segments, "for {}", model.len());
            }
            let mut all = BTreeMap::new();
            ranked.for_each(&mixer, |number, place| { all.insert(number, place); });
            prop_assert_eq!(&all, &model);
            for number in 0..NUMBERS as u32 {
                prop_assert_eq!(ranked.get(number, &mixer), model.get(&number).copied());
            }
        }
    }
}
