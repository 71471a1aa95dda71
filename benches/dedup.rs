//! Which numbers were there before: our set beside others, on numbers that cluster as a country's do
//! and on numbers spread over all there can be. The first of equal ones must win, so sorting (which
//! loses the order) is here only to show what it would cost.
//!
//! `cargo bench -p recipients-benches --bench dedup`

use ahash::{AHashMap, AHashSet};
use criterion::{BatchSize, Criterion, Throughput};
use recipients::{Candidate, Census, Checker, Classes, Lines, Msisdn, Policy, Seen, Together};
use recipients_benches::Dice;
use roaring::RoaringTreemap;
use std::collections::hash_map::Entry;

const COUNT: usize = 4_000_000;
/// Parts whose tables stay in the second-level cache.
const PARTS: usize = 256;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut dice = Dice::new(11);
    let national: Vec<u64> = (0..COUNT)
        .map(|_| 79_000_000_000 + 20_000_000 * dice.roll(10) as u64 + dice.roll(10_000_000) as u64)
        .collect();
    let hostile: Vec<u64> = (0..COUNT)
        .map(|_| 10_000_000 + dice.roll(1_000_000_000) as u64 * 900_000 % 999_999_000_000_000)
        .collect();
    for (name, numbers) in [("national", national), ("hostile", hostile)] {
        let mut group = criterion.benchmark_group(format!("dedup, {name}"));
        group
            .sample_size(10)
            .throughput(Throughput::Elements(COUNT as u64));
        let expected = hash_set(&numbers);
        let mut bench = |name: &str, count: &dyn Fn(&[u64]) -> usize| {
            assert_eq!(count(&numbers), expected, "{name}");
            group.bench_function(name, |b| b.iter(|| count(&numbers)));
        };
        bench("ahash set", &hash_set);
        bench("sort, without order", &sort);
        bench("radix partition into tables", &radix);
        bench("roaring", &roaring);
        bench("bitmaps by range, ahash map of them", &bitmaps);
        if name == "national" {
            let ranks = Ranks::new();
            bench("bitmap of ranks in the plan", &|numbers| {
                ranks.bitmap(numbers)
            });
            bench("bitmap of ranks in the plan, in parts", &|numbers| {
                ranks.parts(numbers)
            });
        }
        bench("Seen, one by one", &|numbers| {
            seen(numbers, Seen::numbers_only())
        });
        bench("Seen, one by one, spending 128 MiB", &|numbers| {
            seen(numbers, Seen::numbers_only().spending(128 << 20))
        });
        bench("Seen with first places, one by one", &|numbers| {
            seen(numbers, Seen::with_places())
        });

        // As the lane without rows has it: a million at a time, parted by ranges.
        let checker = Checker::new(Policy::default().lines(Lines::Possible));
        let classes = Classes::default();
        let windows = windows(&checker, &classes, &numbers);
        // Not every spread number is accepted.
        let candidates: usize = windows.iter().flatten().map(Vec::len).sum();
        group.throughput(Throughput::Elements(candidates as u64));
        for spent in [0, 128 << 20] {
            group.bench_function(
                format!("Seen, range by range, spending {} MiB", spent >> 20),
                |b| {
                    b.iter_batched(
                        || Census::new(&checker, &classes),
                        |mut census| settle(&mut census, &windows, spent),
                        BatchSize::PerIteration,
                    );
                },
            );
        }
        group.finish();
    }
    criterion.final_summary();
}

fn hash_set(numbers: &[u64]) -> usize {
    let mut set = AHashSet::new();
    numbers
        .iter()
        .filter(|&&number| !set.insert(number))
        .count()
}

fn sort(numbers: &[u64]) -> usize {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).filter(|pair| pair[0] == pair[1]).count()
}

fn radix(numbers: &[u64]) -> usize {
    let part = |number: u64| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize;
    let mut parts: Vec<Vec<(u64, u32)>> = (0..PARTS)
        .map(|_| Vec::with_capacity(numbers.len() / PARTS * 5 / 4))
        .collect();
    for (row, &number) in (0..).zip(numbers) {
        parts[part(number)].push((number, row));
    }
    let mut first = vec![0u64; numbers.len().div_ceil(64)];
    for part in parts {
        let slots = (2 * part.len()).next_power_of_two();
        let mut table = vec![0u64; slots];
        for (number, row) in part {
            let mut at = (number.wrapping_mul(0xd6e8_feb8_6659_fd93) >> 20) as usize % slots;
            while table[at] != 0 && table[at] != number {
                at = (at + 1) % slots;
            }
            if table[at] == 0 {
                table[at] = number;
                first[row as usize / 64] |= 1 << (row % 64);
            }
        }
    }
    numbers.len()
        - first
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum::<usize>()
}

fn roaring(numbers: &[u64]) -> usize {
    let mut set = RoaringTreemap::new();
    numbers
        .iter()
        .filter(|&&number| !set.insert(number))
        .count()
}

fn bitmaps(numbers: &[u64]) -> usize {
    // Only where numbers cluster: elsewhere each would take eight kilobytes.
    const MOST: usize = 1 << 18;
    let mut maps: AHashMap<u64, Box<[u64; 1024]>> = AHashMap::new();
    let mut rest = AHashSet::new();
    let mut found = 0;
    for &number in numbers {
        let few = maps.len() < MOST;
        let map = match maps.entry(number >> 16) {
            Entry::Occupied(map) => map.into_mut(),
            Entry::Vacant(place) if few => place.insert(Box::new([0; 1024])),
            Entry::Vacant(_) => {
                found += usize::from(!rest.insert(number));
                continue;
            }
        };
        let (word, bit) = (&mut map[number as usize >> 6 & 1023], 1 << (number & 63));
        found += usize::from(*word & bit != 0);
        *word |= bit;
    }
    found
}

/// The ranks of the plan's numbers among those that begin with 79, as its table could tell them: ten thousand
/// numbers that follow each other are good, or none of them. Of numbers of all the world there would be too
/// many for one bitmap.
struct Ranks {
    /// Of each ten thousand, how many good numbers are before them, if they are good.
    before: Vec<Option<u32>>,
    good: u32,
}

impl Ranks {
    const FIRST: u64 = 79_000_000_000;
    const STEP: u32 = 10_000;
    /// The bits of a part stay in the second-level cache.
    const PART_BITS: u32 = 22;

    fn new() -> Ranks {
        let checker = Checker::default();
        let is_good = |number: u64| checker.check(&number.to_string()).is_accepted();
        let mut good = 0;
        let steps = (Ranks::FIRST..80_000_000_000).step_by(Ranks::STEP as usize);
        let before = steps.map(|first| {
            let are_good = [first, first + 4_999, first + 9_999].map(is_good);
            assert_eq!(are_good, [are_good[0]; 3], "{first}");
            let before = good;
            good += u32::from(are_good[0]) * Ranks::STEP;
            are_good[0].then_some(before)
        });
        Ranks {
            before: before.collect(),
            good,
        }
    }

    fn rank(&self, number: u64) -> usize {
        let place = number - Ranks::FIRST;
        let step = u64::from(Ranks::STEP);
        let before = self.before[(place / step) as usize].expect("a number of the plan");
        before as usize + (place % step) as usize
    }

    fn bits(&self) -> Vec<u64> {
        vec![0; (self.good as usize).div_ceil(64)]
    }

    fn bitmap(&self, numbers: &[u64]) -> usize {
        let mut bits = self.bits();
        numbers
            .iter()
            .filter(|&&number| !insert(&mut bits, self.rank(number)))
            .count()
    }

    /// A million at a time.
    fn parts(&self, numbers: &[u64]) -> usize {
        let mut bits = self.bits();
        let mut parts = vec![Vec::new(); (self.good >> Ranks::PART_BITS) as usize + 1];
        let mut found = 0;
        for window in numbers.chunks(1 << 20) {
            for &number in window {
                let rank = self.rank(number);
                parts[rank >> Ranks::PART_BITS].push(rank as u32);
            }
            for part in &mut parts {
                let ranks = part.drain(..);
                found += ranks
                    .filter(|&rank| !insert(&mut bits, rank as usize))
                    .count();
            }
        }
        found
    }
}

/// Whether a bit was not there.
fn insert(bits: &mut [u64], at: usize) -> bool {
    let (word, bit) = (&mut bits[at / 64], 1 << (at % 64));
    let is_new = *word & bit == 0;
    *word |= bit;
    is_new
}

fn seen(numbers: &[u64], mut seen: Seen) -> usize {
    let numbers = numbers
        .iter()
        .filter_map(|&number| Msisdn::from_u64(number));
    (0..)
        .zip(numbers)
        .filter(|&(place, number)| seen.insert(number, place).is_some())
        .count()
}

/// Candidates by windows and parts.
fn windows(checker: &Checker, classes: &Classes, numbers: &[u64]) -> Vec<Vec<Vec<Candidate>>> {
    let mut census: Census<'_> = Census::new(checker, classes);
    let windows = numbers.chunks(1 << 20).map(|numbers| {
        let mut parts = vec![Vec::new(); 64];
        let text: String = numbers.iter().map(|number| format!("{number}\n")).collect();
        census.lines(&text, |_, judged| {
            let Ok(candidate) = judged else { return };
            let range = candidate.msisdn().as_u64() >> 22;
            let part = range.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
            parts[part as usize].push(candidate);
        });
        parts
    });
    windows.collect()
}

fn settle(census: &mut Census<'_>, windows: &[Vec<Vec<Candidate>>], spent: usize) -> u64 {
    let mut sets: Vec<Seen> = (0..64)
        .map(|_| Seen::numbers_only().spending(spent / 64))
        .collect();
    for parts in windows {
        for (part, seen) in parts.iter().zip(&mut sets) {
            census.settle(std::iter::once(Together::Any(part)), seen, |()| {});
        }
    }
    sets.iter().map(Seen::len).sum()
}
