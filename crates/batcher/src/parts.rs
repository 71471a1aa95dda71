//! Numbers, parted by ranges: so threads can look for them side by side, each part in the order of
//! the rows.

use ahash::RandomState;
use recipients_core::{Candidate, Msisdn};

/// How many parts there are.
pub(crate) const PARTS: usize = 64;

/// How numbers are parted. Differently in each run, so that nobody can write a list that comes into
/// one part as a whole; nothing that comes out depends on it.
#[derive(Clone, Copy)]
pub(crate) struct Parting {
    salt: u64,
}

impl Parting {
    pub(crate) fn at_random() -> Parting {
        Parting {
            salt: RandomState::new().hash_one(0u8) >> Candidate::RANGE_BITS,
        }
    }

    /// Four million numbers that follow each other stay together, so that the set finds them close
    /// by; and so do likely twins.
    #[inline]
    pub(crate) fn part_of(self, number: Msisdn) -> usize {
        let mut range = range_of(number);
        if number.may_have_twin()
            && let Some(twin) = number.likely_twin()
        {
            range = range.min(range_of(twin));
        }
        self.part_of_range(range)
    }

    /// A whole [range](range_of) comes into one part.
    #[inline]
    pub(crate) fn part_of_range(self, range: u64) -> usize {
        ((range ^ self.salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PARTS.ilog2())) as usize
    }
}

/// Which four million numbers it is one of.
#[inline]
pub(crate) fn range_of(number: Msisdn) -> u64 {
    number.as_u64() >> Candidate::RANGE_BITS
}

/// Numbers of a chunk, with what belongs to them, by parts; in the order of the rows within each.
///
/// A part is in pieces, which never grow, and serve any part of the next chunk: memory that is touched first is
/// dear. To begin one is, too, so that few are small.
pub(crate) struct Parted<T> {
    /// Those that are being filled, one of each part.
    last: Box<[Vec<T>; PARTS]>,
    /// Those that are full, and which of them each part has filled.
    full: Vec<Vec<T>>,
    places: Box<[Vec<u32>; PARTS]>,
    /// To be used again.
    spare: Vec<Vec<T>>,
}

impl<T> Default for Parted<T> {
    fn default() -> Parted<T> {
        Parted {
            last: Box::new([const { Vec::new() }; PARTS]),
            full: Vec::new(),
            places: Box::new([const { Vec::new() }; PARTS]),
            spare: Vec::new(),
        }
    }
}

impl<T> Parted<T> {
    /// Things of a part's first piece; each one that it gets anew has twice as many, so many times at most.
    const PIECE: usize = 128;
    const DOUBLED: usize = 2;

    pub(crate) fn clear(&mut self) {
        self.last.iter_mut().for_each(Vec::clear);
        self.full.iter_mut().for_each(Vec::clear);
        self.spare.append(&mut self.full);
        self.places.iter_mut().for_each(Vec::clear);
    }

    /// Adds one behind those of its part.
    #[inline]
    pub(crate) fn push(&mut self, thing: T, part: usize) {
        if self.last[part].len() == self.last[part].capacity() {
            self.begin_piece(part);
        }
        self.last[part].push(thing);
    }

    #[cold]
    fn begin_piece(&mut self, part: usize) {
        let places = &mut self.places[part];
        let is_first = self.last[part].capacity() == 0;
        let doubled = match is_first {
            true => 0,
            false => Self::DOUBLED.min(places.len() + 1),
        };
        let next = self.spare.pop();
        let next = next.unwrap_or_else(|| Vec::with_capacity(Self::PIECE << doubled));
        let full = std::mem::replace(&mut self.last[part], next);
        if !is_first {
            places.push(self.full.len() as u32);
            self.full.push(full);
        }
    }

    /// The things of a part, piece by piece.
    pub(crate) fn part(&self, part: usize) -> impl Iterator<Item = &[T]> {
        let full = self.places[part].iter();
        let full = full.map(|&at| &self.full[at as usize][..]);
        full.chain([&self.last[part][..]])
    }

    pub(crate) fn len(&self) -> usize {
        self.last.iter().chain(&self.full).map(Vec::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_list_in_order_take_no_more_than_others() {
        let mut parted = Parted::default();
        for chunk in 0..2 * PARTS {
            parted.clear();
            let things = || 0..39_999;
            things().for_each(|number| parted.push(number, chunk % PARTS));
            assert!(parted.part(chunk % PARTS).flatten().copied().eq(things()));
            assert_eq!(parted.len(), 39_999);
            let pieces = parted.spare.iter().chain(&parted.full);
            let room: usize = pieces.chain(&*parted.last).map(Vec::capacity).sum();
            assert!(room < 3 * 40_000, "room for {room} numbers");
        }
    }
}
