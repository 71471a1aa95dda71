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

/// Numbers of a chunk, with what belongs to them, sorted into parts; in the order of the rows within
/// each.
pub(crate) struct Parted<T> {
    /// Those of this chunk, and behind them what is left of longer ones.
    sorted: Vec<T>,
    starts: [u32; PARTS + 1],
}

impl<T> Default for Parted<T> {
    fn default() -> Parted<T> {
        Parted {
            sorted: Vec::new(),
            starts: [0; PARTS + 1],
        }
    }
}

impl<T: Copy> Parted<T> {
    /// Replaces what is there.
    pub(crate) fn sort(&mut self, things: &[T], part: impl Fn(&T) -> usize) {
        let mut next = [0u32; PARTS];
        for thing in things {
            next[part(thing)] += 1;
        }
        let mut sum = 0;
        for (start, count) in self.starts.iter_mut().zip(&mut next) {
            *start = sum;
            sum += std::mem::replace(count, sum);
        }
        self.starts[PARTS] = sum;
        // What is there is written over.
        if let Some(missing) = things.get(self.sorted.len()..) {
            self.sorted.extend_from_slice(missing);
        }
        for thing in things {
            let next = &mut next[part(thing)];
            self.sorted[*next as usize] = *thing;
            *next += 1;
        }
    }

    pub(crate) fn part(&self, part: usize) -> &[T] {
        &self.sorted[self.starts[part] as usize..self.starts[part + 1] as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.starts[PARTS] as usize
    }
}
