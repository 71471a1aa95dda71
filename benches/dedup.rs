//! Which numbers were there before: our set beside others, on numbers that cluster as a country's do
//! and on numbers spread over all there can be. The first of equal ones must win, so sorting (which
//! loses the order) is here only to show what it would cost.
//!
//! `cargo bench -p recipients-benches --bench dedup`

use ahash::{AHashMap, AHashSet};
use criterion::{BatchSize, Criterion, Throughput};
use recipients::{Candidate, Census, Checker, Classes, Lines, Msisdn, Policy, Seen};
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
        bench("Seen, one by one", &|numbers| seen(numbers, 0));
        bench("Seen, one by one, spending 128 MiB", &|numbers| {
            seen(numbers, 128 << 20)
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

fn seen(numbers: &[u64], spent: usize) -> usize {
    let mut seen = Seen::numbers_only().spending(spent);
    let numbers = numbers
        .iter()
        .filter_map(|&number| Msisdn::from_u64(number));
    numbers
        .filter(|&number| seen.insert(number, 0).is_some())
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
            census.settle(std::iter::once(&part[..]), seen, |()| {});
        }
    }
    sets.iter().map(Seen::len).sum()
}
