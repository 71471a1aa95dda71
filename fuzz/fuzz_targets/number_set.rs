//! Any bytes as a compiled set of numbers: refused, or a set that holds what it lists.
#![no_main]

use libfuzzer_sys::fuzz_target;
use recipients::{Msisdn, NumberSet};

fuzz_target!(|bytes: &[u8]| {
    // A sound set whose bytes are changed gets further than bytes from nowhere.
    let number = |chunk: &[u8]| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        Msisdn::from_u64(u64::from_le_bytes(word) % 1_000_000_000_000_000)
    };
    let set: NumberSet = bytes.chunks(7).filter_map(number).collect();
    let numbers: Vec<Msisdn> = set.iter().collect();
    assert!(numbers.is_sorted() && numbers.len() as u64 == set.len());
    assert!(numbers.iter().all(|&number| set.contains(number)));
    assert!(NumberSet::open(set.as_bytes().to_vec()).is_ok());
    if let Ok(set) = NumberSet::open(bytes.to_vec()) {
        assert!(set.iter().all(|number| set.contains(number)));
    }
});
