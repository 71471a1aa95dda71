//! The answer for one recipient.

use crate::{Code, Kind, Msisdn, OperatorId, Reason, Territory};
use std::fmt;

/// What became of one recipient: small, `Copy`, and all there is to say about one cell.
///
/// [`Verdict::msisdn`] is absent for codes 1, 2, 3, 30, 31 and 32 and present for all others.
/// What depends on other rows (which row a duplicate lost to) or on the text (segments) is not
/// here but with whoever knows the rows.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Verdict {
    number: Option<Msisdn>,
    territory: Option<Territory>,
    operator: Option<OperatorId>,
    kind: Option<Kind>,
    reason: Reason,
    cleaned: bool,
}

const _: () = assert!(size_of::<Verdict>() <= 24);

impl Verdict {
    /// A verdict about a recipient of which no number could be read.
    pub const fn without_number(reason: Reason) -> Verdict {
        Verdict {
            number: None,
            territory: None,
            operator: None,
            kind: None,
            reason,
            cleaned: false,
        }
    }

    pub(crate) const fn new(
        reason: Reason,
        number: Msisdn,
        territory: Option<Territory>,
        kind: Option<Kind>,
        operator: Option<OperatorId>,
    ) -> Verdict {
        Verdict {
            number: Some(number),
            territory,
            operator,
            kind,
            reason,
            cleaned: false,
        }
    }

    pub(crate) const fn with_number(mut self, number: Option<Msisdn>) -> Verdict {
        self.number = number;
        self
    }

    pub(crate) const fn with_cleaned(mut self, cleaned: bool) -> Verdict {
        self.cleaned = cleaned;
        self
    }

    /// Nothing but the reason, and whether the cell was cleaned.
    pub(crate) const fn bare(self) -> Verdict {
        Verdict::without_number(self.reason).with_cleaned(self.cleaned)
    }

    pub(crate) const fn of(mut self, territory: Option<Territory>) -> Verdict {
        self.territory = territory;
        self
    }

    /// The same recipient with another reason: what is found out later (a placeholder without a
    /// value, a duplicate) replaces an acceptance. A verdict that is no acceptance stays as it
    /// is, because the first reason that applies is the verdict; only a failure of the store (99)
    /// replaces any verdict, and a text that cannot be made what is known of an earlier list (D1).
    #[must_use]
    pub const fn but(mut self, reason: Reason) -> Verdict {
        let replaces = match reason {
            Reason::MissingPlaceholder | Reason::TextTooLong => {
                matches!(self.reason.code(), Code::Duplicate)
            }
            reason => matches!(reason.code(), Code::Internal),
        };
        if replaces || self.reason.code().is_accepted() {
            self.reason = reason;
        }
        self
    }

    /// The code of the campaign API.
    pub const fn code(&self) -> Code {
        self.reason.code()
    }

    /// Why it got that code.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// Whether the code is 0.
    pub const fn is_accepted(&self) -> bool {
        self.code().is_accepted()
    }

    /// The number in international format.
    pub const fn msisdn(&self) -> Option<Msisdn> {
        self.number
    }

    /// The territory that the number belongs to, if it is known.
    pub const fn territory(&self) -> Option<Territory> {
        self.territory
    }

    /// The kind of line; only for numbers that are in the plan.
    pub const fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// The operator that holds the number's range; the number itself may have been ported.
    pub const fn operator(&self) -> Option<OperatorId> {
        self.operator
    }

    /// Whether characters other than a leading plus and ASCII digits had to be taken away (D4),
    /// so that the source is worth repairing.
    pub const fn cleaned(&self) -> bool {
        self.cleaned
    }
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verdict")
            .field("code", &self.code().as_u8())
            .field("reason", &self.reason)
            .field("number", &self.number)
            .field("territory", &self.territory)
            .field("kind", &self.kind)
            .field("operator", &self.operator)
            .field("cleaned", &self.cleaned)
            .finish()
    }
}
