//! Which numbers are already in the list (decision D2).

use crate::Msisdn;
use std::collections::hash_map::{Entry, HashMap};

/// Where a row stands: which file of the run, and its physical line or sheet row.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Origin {
    /// Index of the file, in the order given.
    pub file: u16,
    /// Physical line (text) or row (sheet), from 1.
    pub row: u64,
}

impl Origin {
    const ROW_BITS: u32 = 48;

    fn pack(self) -> u64 {
        debug_assert!(self.row < 1 << Self::ROW_BITS);
        u64::from(self.file) << Self::ROW_BITS | self.row
    }

    fn unpack(packed: u64) -> Origin {
        Origin {
            file: (packed >> Self::ROW_BITS) as u16,
            row: packed & ((1 << Self::ROW_BITS) - 1),
        }
    }
}

/// The numbers that were accepted so far, each with the row that won it.
///
/// Ask it in input order: the first one wins. Its hash is keyed at random, because numbers are
/// chosen by whoever wrote the list; nothing ever iterates over it, so the answers do not depend
/// on the key. A number costs about 18 to 36 bytes.
///
/// ```
/// use recipients_core::{Msisdn, Origin, Seen};
///
/// let mut seen = Seen::default();
/// let number = Msisdn::from_digits(b"380971112233").unwrap();
/// assert_eq!(seen.insert(number, Origin { file: 0, row: 2 }), None);
/// let winner = seen.insert(number, Origin { file: 0, row: 9 });
/// assert_eq!(winner, Some(Origin { file: 0, row: 2 }));
/// ```
#[derive(Default)]
pub struct Seen {
    rows: HashMap<u64, u64, ahash::RandomState>,
}

impl Seen {
    /// Adds the number; if it was there already, the row that won it.
    pub fn insert(&mut self, number: Msisdn, origin: Origin) -> Option<Origin> {
        match self.rows.entry(number.as_u64()) {
            Entry::Occupied(entry) => Some(Origin::unpack(*entry.get())),
            Entry::Vacant(entry) => {
                entry.insert(origin.pack());
                None
            }
        }
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none yet.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Shows how many, and no number.
impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seen({} numbers)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn origins_survive_packing(file: u16, row in 0u64..1 << 48) {
            let origin = Origin { file, row };
            prop_assert_eq!(Origin::unpack(origin.pack()), origin);
        }

        // D2: the first in input order wins.
        #[test]
        fn d2_first_wins(numbers in prop::collection::vec(1u64..50, 0..200)) {
            let mut seen = Seen::default();
            for (row, &number) in numbers.iter().enumerate() {
                let first = numbers.iter().position(|&n| n == number).unwrap();
                let answer = seen.insert(
                    Msisdn::from_u64(number).unwrap(),
                    Origin { file: 0, row: row as u64 },
                );
                prop_assert_eq!(answer.map(|o| o.row as usize), (first != row).then_some(first));
            }
        }
    }
}
