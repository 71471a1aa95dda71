//! Numbers, parted by ranges: so threads can look for them side by side, each part in the order of
//! the rows.

use ahash::RandomState;
use recipients_core::Msisdn;

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
            salt: RandomState::new().hash_one(0u8) >> Parting::BITS,
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

    const BITS: u32 = 22;
}

/// Which four million numbers it is one of.
#[inline]
pub(crate) fn range_of(number: Msisdn) -> u64 {
    number.as_u64() >> Parting::BITS
}

/// Numbers of a chunk, with what belongs to them, by parts; in the order of the rows within each.
pub(crate) struct Parted<T> {
    parts: Box<[Vec<T>; PARTS]>,
}

impl<T> Default for Parted<T> {
    fn default() -> Parted<T> {
        Parted {
            parts: Box::new([const { Vec::new() }; PARTS]),
        }
    }
}

impl<T> Parted<T> {
    pub(crate) fn clear(&mut self) {
        for things in self.parts.iter_mut() {
            // Of a list in order each chunk is in a part or two, and soon in others.
            match things.capacity() > MANY && things.len() < things.capacity() / 4 {
                true => *things = Vec::new(),
                false => things.clear(),
            }
        }
    }

    /// Adds one behind those of its part.
    #[inline]
    pub(crate) fn push(&mut self, thing: T, part: usize) {
        let things = &mut self.parts[part];
        if things.len() == things.capacity() {
            grow(things);
        }
        things.push(thing);
    }

    pub(crate) fn part(&self, part: usize) -> &[T] {
        &self.parts[part]
    }

    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(Vec::len).sum()
    }
}

/// More of a chunk than come into a part where these are filled alike.
const MANY: usize = 2048;

/// By a few: memory that is touched first is dear, and there are many of these.
#[cold]
fn grow<T>(things: &mut Vec<T>) {
    things.reserve_exact(match things.len() {
        MANY.. => things.len() / 2,
        len => 64 + len / 16,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_list_in_order_give_their_memory_back() {
        let mut parted = Parted::default();
        for chunk in 0..2 * PARTS {
            parted.clear();
            (0..40_000).for_each(|number| parted.push(number, chunk % PARTS));
            assert_eq!(parted.part(chunk % PARTS).len(), 40_000);
            assert_eq!(parted.len(), 40_000);
            let room: usize = parted.parts.iter().map(Vec::capacity).sum();
            assert!(room < 3 * 40_000, "room for {room} numbers");
        }
    }
}
