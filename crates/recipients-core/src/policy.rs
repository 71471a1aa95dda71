//! What is allowed: the caller's rules, fixed before the first number is checked.

use crate::{Lines, OperatorId, Reason, StopList, Territory};
use std::collections::BTreeSet;

/// A country or a calling code that a rule speaks of; [`Plan::destination`] reads one.
///
/// [`Plan::destination`]: crate::Plan::destination
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Destination {
    /// A territory: `UA`, or `001` for global networks.
    Territory(Territory),
    /// Every territory that uses the calling code.
    CallingCode(u16),
}

/// What to do with a cell that holds more than one number (decision D14).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SeveralNumbers {
    /// The row is rejected with code 2. The default.
    #[default]
    Reject,
    /// The first number counts.
    First,
    /// Every number counts as a row of its own; whoever feeds the rows takes the cell apart with
    /// [`Checker::check_pieces`](crate::Checker::check_pieces).
    Explode,
}

/// What the caller allows.
///
/// Everything is allowed by default, to mobile numbers. Deny wins over allow.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    region: Option<Territory>,
    pub(crate) lines: Lines,
    several: SeveralNumbers,
    allowed: BTreeSet<Destination>,
    denied: BTreeSet<Destination>,
    allowed_operators: BTreeSet<OperatorId>,
    denied_operators: BTreeSet<OperatorId>,
    pub(crate) require_operator: bool,
    own: StopList,
    system: StopList,
    seen_before: StopList,
}

impl Policy {
    /// The region by whose rules a number without calling code is read (D5). The default is none:
    /// national writing is not accepted.
    #[must_use]
    pub fn region(mut self, region: Option<Territory>) -> Policy {
        self.region = region;
        self
    }

    /// Which kinds of line are accepted (D7). The default is [`Lines::Mobile`].
    #[must_use]
    pub fn lines(mut self, lines: Lines) -> Policy {
        self.lines = lines;
        self
    }

    /// What becomes of a cell with more than one number (D14). The default is
    /// [`SeveralNumbers::Reject`].
    #[must_use]
    pub fn several_numbers(mut self, several: SeveralNumbers) -> Policy {
        self.several = several;
        self
    }

    /// Only these destinations are accepted, others get code 6 (D8). The default is all.
    #[must_use]
    pub fn allow(mut self, destinations: impl IntoIterator<Item = Destination>) -> Policy {
        self.allowed.extend(destinations);
        self
    }

    /// These destinations get code 6 (D8). The default is none.
    #[must_use]
    pub fn deny(mut self, destinations: impl IntoIterator<Item = Destination>) -> Policy {
        self.denied.extend(destinations);
        self
    }

    /// Only ranges of these operators, and those whose operator is not known, are accepted;
    /// others get code 8 (D8). The default is all.
    #[must_use]
    pub fn allow_operators(mut self, operators: impl IntoIterator<Item = OperatorId>) -> Policy {
        self.allowed_operators.extend(operators);
        self
    }

    /// Ranges of these operators get code 8 (D8). The default is none.
    #[must_use]
    pub fn deny_operators(mut self, operators: impl IntoIterator<Item = OperatorId>) -> Policy {
        self.denied_operators.extend(operators);
        self
    }

    /// Whether a number whose operator is not known gets code 7 (D8). The default is no.
    #[must_use]
    pub fn require_operator(mut self, require: bool) -> Policy {
        self.require_operator = require;
        self
    }

    /// The sender's own stop list: code 5 (D9). The default is empty.
    #[must_use]
    pub fn own_stop_list(mut self, list: StopList) -> Policy {
        self.own = list;
        self
    }

    /// The system's stop list: code 5 (D9). The default is empty.
    #[must_use]
    pub fn system_stop_list(mut self, list: StopList) -> Policy {
        self.system = list;
        self
    }

    /// Numbers of earlier lists, which are not to be written to again: code 4 (D2). The default is
    /// empty.
    #[must_use]
    pub fn seen_before(mut self, numbers: StopList) -> Policy {
        self.seen_before = numbers;
        self
    }

    /// What becomes of a cell with more than one number.
    pub fn several(&self) -> SeveralNumbers {
        self.several
    }

    /// The region by whose rules a number without calling code is read.
    pub fn default_region(&self) -> Option<Territory> {
        self.region
    }

    /// The lists whose numbers are not accepted, and why, in the order in which they are asked.
    pub(crate) fn lists(&self) -> [(Reason, &StopList); 3] {
        [
            (Reason::OwnStopList, &self.own),
            (Reason::SystemStopList, &self.system),
            (Reason::SeenBefore, &self.seen_before),
        ]
    }

    pub(crate) fn allows(&self, territory: Option<Territory>, calling_code: Option<u16>) -> bool {
        let listed = |list: &BTreeSet<Destination>| {
            territory.is_some_and(|t| list.contains(&Destination::Territory(t)))
                || calling_code.is_some_and(|c| list.contains(&Destination::CallingCode(c)))
        };
        !listed(&self.denied) && (self.allowed.is_empty() || listed(&self.allowed))
    }

    pub(crate) fn serves(&self, operator: Option<OperatorId>) -> bool {
        operator.is_none_or(|operator| {
            !self.denied_operators.contains(&operator)
                && (self.allowed_operators.is_empty() || self.allowed_operators.contains(&operator))
        })
    }
}
