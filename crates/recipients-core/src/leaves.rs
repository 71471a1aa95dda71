//! Candidates, brought together by the bitmaps of the seen set that their numbers are in.

use crate::seen::{LEAF_BITS, LINE, Leaf, touch};
use crate::{Candidate, Near, Together};

/// Bits of a range ([`Candidate::range`]) that tell a leaf of it.
pub(crate) const LEAVES_BITS: u32 = 6;

/// Leaves of a range.
const LEAVES: usize = 1 << LEAVES_BITS;

/// Ranges that can have buckets of their own in [`Leaves`].
const RANGES: usize = 64;

/// Batches that are brought near together.
const AT_ONCE: usize = 16;

/// Candidates that what is used for one leaf after the other keeps room for.
pub(crate) const KEPT_OF_LEAF: usize = 4096;

/// What is left of a candidate in its leaf.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Local<W> {
    pub(crate) place: u16,
    pub(crate) class: u16,
    pub(crate) with: W,
}

/// Candidates by their leaves, in their order within each.
///
/// Callers part candidates by wide ranges before, and few such ranges are in a part: nearly always each
/// leaf has a bucket of its own, and the buckets of a part stay in the second-level cache.
pub(crate) struct Leaves<W> {
    /// Each range that has buckets, plus one (0: free), at the place that its bits tell or behind it.
    ranges: [u64; RANGES],
    /// Which buckets they have: as many times [`LEAVES`] are before them.
    slots: [u8; RANGES],
    /// The ranges that have buckets, by slots.
    taken: Vec<u64>,
    buckets: Vec<Vec<Local<W>>>,
    /// Candidates of ranges that have none.
    others: Vec<Candidate<W>>,
    /// Those of one leaf.
    run: Vec<Local<W>>,
}

impl<W: Copy> Leaves<W> {
    /// Places at which a range can be.
    const PROBES: usize = 8;
    /// Candidates that all buckets together keep room for.
    const KEPT_IN_BUCKETS: usize = 1 << 18;

    pub(crate) fn new() -> Leaves<W> {
        Leaves {
            ranges: [0; RANGES],
            slots: [0; RANGES],
            taken: Vec::new(),
            buckets: Vec::new(),
            others: Vec::new(),
            run: Vec::new(),
        }
    }

    /// Takes candidates in. To wait for the memory of many batches at once is quicker than for one after the
    /// other.
    pub(crate) fn gather<'a>(&mut self, candidates: impl Iterator<Item = Together<'a, W>>)
    where
        W: 'a,
    {
        let mut candidates = candidates.fuse();
        let mut batches = Vec::with_capacity(AT_ONCE);
        loop {
            batches.extend(candidates.by_ref().take(AT_ONCE));
            if batches.is_empty() {
                break;
            }
            for batch in &batches {
                match batch {
                    Together::Near(_, near) => touch(lines(near).map(|one| one.place().into())),
                    Together::Any(any) => touch(lines(any).map(|one| one.number())),
                }
            }
            for batch in batches.drain(..) {
                match batch {
                    Together::Near(range, near) => self.push_near(range, near),
                    Together::Any(any) => self.push(any),
                }
            }
        }
    }

    fn push(&mut self, batch: &[Candidate<W>]) {
        for candidate in batch {
            match self.slot(candidate.range()) {
                Some(slot) => {
                    let leaf = (candidate.number() >> LEAF_BITS) as usize % LEAVES;
                    push(&mut self.buckets[slot + leaf], candidate.local());
                }
                None => self.others.push(*candidate),
            }
        }
    }

    fn push_near(&mut self, range: u64, batch: &[Near<W>]) {
        let Some(slot) = self.slot(range) else {
            let candidates = Together::Near(range, batch).candidates();
            return self.others.extend(candidates);
        };
        let buckets = &mut self.buckets[slot..slot + LEAVES];
        for near in batch {
            let leaf = (near.place() >> LEAF_BITS) as usize;
            push(&mut buckets[leaf % LEAVES], near.local());
        }
    }

    /// How many buckets are before those of a range, if it has some: always the same, until they are drained.
    #[inline]
    fn slot(&mut self, range: u64) -> Option<usize> {
        let key = range + 1;
        let home = (range.wrapping_mul(0xd6e8_feb8_6659_fd93) >> (64 - RANGES.ilog2())) as usize;
        for place in home..home + Self::PROBES {
            let place = place % RANGES;
            if self.ranges[place] == 0 {
                self.add(place, range);
            }
            if self.ranges[place] == key {
                return Some(usize::from(self.slots[place]) * LEAVES);
            }
        }
        None
    }

    #[cold]
    fn add(&mut self, place: usize, range: u64) {
        (self.ranges[place], self.slots[place]) = (range + 1, self.taken.len() as u8);
        self.taken.push(range);
        let buckets = self.taken.len() * LEAVES;
        if self.buckets.len() < buckets {
            self.buckets.resize_with(buckets, Vec::new);
        }
    }

    /// Takes what is there, leaf by leaf.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(Leaf, &mut [Local<W>])) {
        for (range, buckets) in self.taken.iter().zip(self.buckets.chunks_mut(LEAVES)) {
            for (leaf, bucket) in buckets.iter_mut().enumerate() {
                if !bucket.is_empty() {
                    let first = (range << LEAVES_BITS | leaf as u64) << LEAF_BITS;
                    each(Leaf::of(first), bucket);
                    bucket.clear();
                }
            }
        }
        self.ranges = [0; RANGES];
        self.taken.clear();
        // Of a list in order all candidates may come into one bucket, and then into another.
        if self.buckets.iter().map(Vec::capacity).sum::<usize>() > Self::KEPT_IN_BUCKETS {
            self.buckets.clear();
        }

        let leaf = |candidate: &Candidate<W>| Leaf::of(candidate.number());
        // Equal numbers keep their order.
        self.others.sort_by_key(leaf);
        for run in self.others.chunk_by(|one, next| leaf(one) == leaf(next)) {
            self.run.clear();
            self.run
                .extend(run.iter().map(|candidate| candidate.local()));
            each(leaf(&run[0]), &mut self.run);
        }
        self.others.clear();
        self.others.shrink_to(KEPT_OF_LEAF);
        self.run.shrink_to(KEPT_OF_LEAF);
    }
}

/// Something of each line of memory that these lie in.
fn lines<T>(things: &[T]) -> impl Iterator<Item = &T> {
    things.iter().step_by((LINE / size_of::<T>()).max(1))
}

#[inline]
fn push<W>(bucket: &mut Vec<Local<W>>, local: Local<W>) {
    if bucket.len() == bucket.capacity() {
        grow(bucket);
    }
    bucket.push(local);
}

/// Few steps: what is grown out of has been touched, and touching memory first is dear.
#[cold]
fn grow<T>(bucket: &mut Vec<T>) {
    bucket.reserve_exact(match bucket.len() {
        0 => 48,
        len => 336.max(len / 2),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// What comes out, by number, in the order in which it does.
    fn drained<W: Copy>(leaves: &mut Leaves<W>) -> BTreeMap<u64, Vec<W>> {
        let mut found = BTreeMap::<u64, Vec<W>>::new();
        leaves.drain(|leaf, run| {
            assert!(!run.is_empty());
            for local in run {
                let number = leaf.msisdn(local.place).as_u64();
                found.entry(number).or_default().push(local.with);
            }
        });
        found
    }

    /// Numbers of more ranges than can have buckets come out as well, and equal ones in their order.
    #[test]
    fn numbers_of_many_ranges_keep_their_order() {
        let mut leaves = Leaves::new();
        for ranges in [3, 40, 100, 500] {
            let mut expected = BTreeMap::<u64, Vec<u64>>::new();
            for at in 0..20_000 {
                let number = 79_000_000_000 + at % ranges * 5_000_011 + at % 7;
                let candidate = Candidate::from_bits(number).unwrap().with(at);
                match at % 3 {
                    0 => leaves.push_near(candidate.range(), &[candidate.near().unwrap()]),
                    _ => leaves.push(&[candidate]),
                }
                expected.entry(number).or_default().push(at);
            }
            assert_eq!(leaves.others.is_empty(), ranges < 60);
            assert_eq!(drained(&mut leaves), expected, "{ranges} ranges");
        }
        assert!(drained(&mut leaves).is_empty());
    }

    #[test]
    fn buckets_of_a_list_in_order_give_their_memory_back() {
        let mut leaves = Leaves::<()>::new();
        for first in 0..200 {
            let numbers = (0..60_000).map(|n| 79_000_000_000 + 60_000 * first + n);
            let batch: Vec<_> = numbers.clone().filter_map(Candidate::from_bits).collect();
            leaves.push(&batch);
            assert!(drained(&mut leaves).into_keys().eq(numbers));
            let room: usize = leaves.buckets.iter().map(Vec::capacity).sum();
            assert!(
                room <= Leaves::<()>::KEPT_IN_BUCKETS,
                "room for {room} numbers"
            );
        }
    }
}
