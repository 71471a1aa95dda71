//! Numbers that must not be written to (decision D9).

use crate::{Msisdn, NumberSet};

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
    sets: Vec<NumberSet>,
}

impl StopList {
    /// Whether the number is on the list.
    #[inline]
    pub fn contains(&self, number: Msisdn) -> bool {
        self.sets.iter().any(|set| set.contains(number))
    }

    /// The lists that were merged.
    pub fn sets(&self) -> &[NumberSet] {
        &self.sets
    }

    /// Adds all numbers of another list.
    pub fn merge(&mut self, other: StopList) {
        self.sets.extend(other.sets);
    }

    /// Its entries, list by list.
    pub fn iter(&self) -> impl Iterator<Item = Msisdn> + '_ {
        self.sets.iter().flat_map(NumberSet::iter)
    }

    /// How many entries it has; a number on two of the lists that were merged counts twice.
    pub fn len(&self) -> u64 {
        self.sets.iter().map(NumberSet::len).sum()
    }

    /// Whether it has no numbers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<NumberSet> for StopList {
    fn from(set: NumberSet) -> StopList {
        StopList { sets: vec![set] }
    }
}

impl FromIterator<Msisdn> for StopList {
    fn from_iter<I: IntoIterator<Item = Msisdn>>(numbers: I) -> StopList {
        StopList::from(NumberSet::from_iter(numbers))
    }
}

impl std::fmt::Debug for StopList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StopList({} numbers)", self.len())
    }
}
