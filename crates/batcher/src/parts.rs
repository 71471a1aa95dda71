//! Numbers, parted by ranges: so threads can look for them side by side, each part in the order of
//! the rows.

use recipients_core::Msisdn;

/// How many parts there are.
pub(crate) const PARTS: usize = 64;

/// Four million numbers that follow each other stay together, so that the set finds them close by;
/// and so do likely twins.
#[inline]
pub(crate) fn part_of(number: Msisdn) -> usize {
    const BITS: u32 = 22;
    let mut range = number.as_u64() >> BITS;
    if number.may_have_twin()
        && let Some(twin) = number.likely_twin()
    {
        range = range.min(twin.as_u64() >> BITS);
    }
    (range.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PARTS.ilog2())) as usize
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
