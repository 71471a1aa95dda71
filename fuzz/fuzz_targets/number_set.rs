//! A compiled set of numbers with some of its fields changed and checksums that are right: refused, or a set that
//! holds what it lists, however many threads check it, and whatever its filter says. And bytes that never were a set.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use recipients::{Msisdn, NumberSet};
use std::collections::BTreeSet;
use std::sync::OnceLock;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// How far each number is above the last.
    steps: Vec<Step>,
    /// Above a set of so many numbers that many threads take a piece each; seldom, as that takes long.
    base: u8,
    changes: Vec<Change>,
    unmended: bool,
    strangers: Vec<u64>,
    raw: &'a [u8],
}

#[derive(Arbitrary, Debug)]
enum Step {
    Near(u8),
    Far(u32),
    Farther(u64),
    /// Enough for a block of its own.
    Many(u8, u8),
}

#[derive(Arbitrary, Debug)]
enum Change {
    Edit(Field, Edit),
    /// Exchanges what stands in the index for a block and for the next.
    Swap(u32),
    Cut(u8),
    Grow(u8),
}

/// A word of the bytes, or where one byte's field begins.
#[derive(Arbitrary, Debug)]
enum Field {
    Count,
    DistanceBytes,
    FilterWords,
    Distance(u32),
    First(u32),
    Place(u32),
    Filter(u32),
}

#[derive(Arbitrary, Debug)]
enum Edit {
    Set(u64),
    Add(i8),
    Flip(u8),
    Byte(u8),
}

const HEADER: usize = 40;
const ENTRY: usize = 16;
const MOST: u64 = 999_999_999_999_999;

/// 3,300 blocks of four bytes a distance and of eight.
fn large() -> &'static [Msisdn] {
    static LARGE: OnceLock<Vec<Msisdn>> = OnceLock::new();
    LARGE.get_or_init(|| {
        let far = (0..211_200u64).map(|n| 1 + n * if n < 10_000 { 1000 } else { 3_000_000_000 });
        far.filter_map(Msisdn::from_u64).collect()
    })
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let chunk = bytes.get(at..).and_then(<[u8]>::first_chunk);
    chunk.map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

fn change(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.len() < HEADER + 8 {
        return;
    }
    let distances = word(bytes, 16) as usize;
    let index = HEADER.saturating_add(distances).min(bytes.len() - 8);
    let blocks = (word(bytes, 8).div_ceil(64) as usize).clamp(1, bytes.len() / ENTRY + 1);
    let filter = (index + blocks * ENTRY).min(bytes.len() - 8);
    let nth = |n: u32, count: usize| n as usize % count.max(1);
    match change {
        Change::Edit(field, edit) => {
            let at = match field {
                Field::Count => 8,
                Field::DistanceBytes => 16,
                Field::FilterWords => 24,
                Field::Distance(n) => HEADER + nth(*n, index - HEADER),
                Field::First(n) => index + ENTRY * nth(*n, blocks),
                Field::Place(n) => index + ENTRY * nth(*n, blocks) + 8,
                Field::Filter(n) => filter + 8 * nth(*n, (bytes.len() - filter) / 8),
            };
            let at = at.min(bytes.len() - 8);
            let old = word(bytes, at);
            let new = match edit {
                Edit::Set(new) => *new,
                Edit::Add(more) => old.wrapping_add_signed(i64::from(*more)),
                Edit::Flip(bit) => old ^ 1 << (bit % 64),
                Edit::Byte(byte) => old & !0xff | u64::from(*byte),
            };
            bytes[at..at + 8].copy_from_slice(&new.to_le_bytes());
        }
        Change::Swap(n) => {
            let at = index + ENTRY * nth(*n, blocks);
            if at + 2 * ENTRY <= bytes.len() {
                bytes[at..at + 2 * ENTRY].rotate_left(ENTRY);
            }
        }
        Change::Cut(count) => bytes.truncate(bytes.len() - usize::from(*count).min(bytes.len())),
        Change::Grow(count) => bytes.resize(bytes.len() + usize::from(*count), 0),
    }
}

/// Makes both checksums those of what is there.
fn mend(bytes: &mut [u8]) {
    if bytes.len() >= HEADER {
        let sum = crc32fast::hash(&bytes[HEADER..]);
        bytes[32..36].copy_from_slice(&sum.to_le_bytes());
        let sum = crc32fast::hash(&bytes[..36]);
        bytes[36..40].copy_from_slice(&sum.to_le_bytes());
    }
}

/// What is opened holds what it lists, in order, and nothing else.
fn check(set: &NumberSet, strangers: &[u64]) -> Vec<Msisdn> {
    let numbers: Vec<Msisdn> = set.iter().collect();
    assert!(numbers.is_sorted_by(|one, next| one < next));
    assert_eq!(numbers.len() as u64, set.len());
    // Of very many, some.
    let step = 1 + numbers.len() / 10_000;
    assert!(numbers.iter().step_by(step).all(|&number| set.contains(number)));
    let near = numbers.iter().step_by(step).flat_map(|number| [number.as_u64() - 1, number.as_u64() + 1]);
    let strangers = strangers.iter().copied().chain(near);
    for stranger in strangers.filter_map(Msisdn::from_u64) {
        assert_eq!(set.contains(stranger), numbers.binary_search(&stranger).is_ok());
    }
    numbers
}

fuzz_target!(|input: Input<'_>| {
    let _ = NumberSet::open(input.raw.to_vec());
    let mut numbers = BTreeSet::new();
    let mut last = 0u64;
    for step in input.steps.iter().take(2000) {
        let (distance, times) = match step {
            Step::Near(distance) => (u64::from(*distance), 1),
            Step::Far(distance) => (u64::from(*distance), 1),
            Step::Farther(distance) => (*distance % (MOST / 4), 1),
            Step::Many(distance, times) => (u64::from(*distance) + 1, *times),
        };
        for _ in 0..times {
            last = (last + distance) % (MOST + 1);
            numbers.extend(Msisdn::from_u64(last));
        }
    }
    if input.base == 0x5a {
        numbers.extend(large());
    }
    let set: NumberSet = numbers.iter().copied().collect();
    assert!(check(&set, &input.strangers).iter().eq(&numbers));

    let original = set.to_bytes();
    let mut bytes = original.clone();
    input.changes.iter().for_each(|each| change(&mut bytes, each));
    let is_changed = bytes != original;
    if !input.unmended {
        mend(&mut bytes);
    }
    let opened = [1, 2, 3, 16].map(|threads| NumberSet::open_on(bytes.clone(), threads));
    let found = opened.map(|opened| match opened {
        Ok(set) => Ok(check(&set, &input.strangers)),
        Err(error) => Err(error.to_string()),
    });
    assert!(found.iter().all(|other| *other == found[0]));
    match &found[0] {
        Ok(found) => assert!(is_changed || found.iter().eq(&numbers)),
        Err(why) => assert!(is_changed && !why.is_empty()),
    }
});
