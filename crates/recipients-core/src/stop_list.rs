//! Numbers that must not be written to (decision D9).

use crate::Msisdn;
use std::collections::HashSet;

/// A set of numbers not to be written to.
///
/// Its entries are read by the same [`Checker`](crate::Checker) as recipients are
/// ([`Checker::stop_list_entry`](crate::Checker::stop_list_entry)), so that `8-910…` on the list
/// and `+7910…` in the file meet. `Debug` shows no number.
///
/// ```
/// use recipients_core::{Checker, Policy, Reason, StopList};
///
/// let checker = Checker::default();
/// let list: StopList = [checker.stop_list_entry("+380 97 111-22-33").unwrap()].into_iter().collect();
/// let checker = Checker::new(Policy::default().own_stop_list(list));
/// assert_eq!(checker.check("380971112233").reason(), Reason::OwnStopList);
/// ```
#[derive(Clone, Default)]
pub struct StopList {
    numbers: HashSet<u64, ahash::RandomState>,
}

impl StopList {
    /// Whether the number is on the list.
    pub fn contains(&self, number: Msisdn) -> bool {
        self.numbers.contains(&number.as_u64())
    }

    /// Adds all numbers of another list.
    pub fn merge(&mut self, other: StopList) {
        self.numbers.extend(other.numbers);
    }

    /// How many numbers are on it.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether it has no numbers.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
}

impl FromIterator<Msisdn> for StopList {
    fn from_iter<I: IntoIterator<Item = Msisdn>>(numbers: I) -> StopList {
        StopList {
            numbers: numbers.into_iter().map(Msisdn::as_u64).collect(),
        }
    }
}

impl Extend<Msisdn> for StopList {
    fn extend<I: IntoIterator<Item = Msisdn>>(&mut self, numbers: I) {
        self.numbers.extend(numbers.into_iter().map(Msisdn::as_u64));
    }
}

impl std::fmt::Debug for StopList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StopList({} numbers)", self.len())
    }
}
