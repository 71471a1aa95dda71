//! The per-recipient codes of the campaign API: the only place where they are written down.

use std::fmt;

/// What became of one recipient.
///
/// The numbers are those which the campaign API publishes for `Campaign/AddRecipients`: a
/// contract, never renumbered and never reused. [`Reason`](crate::Reason) says more finely why.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
#[repr(u8)]
pub enum Code {
    /// 0: the number can be added.
    Accepted = 0,
    /// 1: nothing is there, or only white space and invisible characters.
    Empty = 1,
    /// 2: something is there, but no number can be read from it without guessing.
    NoNumber = 2,
    /// 3: not a number in international format.
    NotInternational = 3,
    /// 4: the number was already added; the first in input order wins.
    Duplicate = 4,
    /// 5: the number is on a stop list.
    StopListed = 5,
    /// 6: the country of destination is not allowed.
    DestinationRestricted = 6,
    /// 7: country or operator cannot be identified, or the range cannot take SMS.
    UnknownDestination = 7,
    /// 8: the operator is not served.
    UnsupportedOperator = 8,
    /// 20: not all placeholders of the text have a value.
    MissingPlaceholder = 20,
    /// 30: the contact card is not in the contact book.
    ContactCardNotFound = 30,
    /// 31: the contact card has no mobile number.
    ContactCardWithoutMobile = 31,
    /// 32: the contact (a field of a card) is not in the contact book.
    ContactNotFound = 32,
    /// 51: a short link could not be made.
    ShortLinkUnavailable = 51,
    /// 99: the store failed for this recipient.
    Internal = 99,
}

impl Code {
    /// Every code, in numeric order.
    pub const ALL: [Code; 15] = [
        Code::Accepted,
        Code::Empty,
        Code::NoNumber,
        Code::NotInternational,
        Code::Duplicate,
        Code::StopListed,
        Code::DestinationRestricted,
        Code::UnknownDestination,
        Code::UnsupportedOperator,
        Code::MissingPlaceholder,
        Code::ContactCardNotFound,
        Code::ContactCardWithoutMobile,
        Code::ContactNotFound,
        Code::ShortLinkUnavailable,
        Code::Internal,
    ];

    /// The number on the wire.
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// True for code 0 only.
    pub const fn is_accepted(self) -> bool {
        matches!(self, Code::Accepted)
    }

    /// A stable, machine-readable name in kebab case.
    pub const fn name(self) -> &'static str {
        match self {
            Code::Accepted => "accepted",
            Code::Empty => "empty",
            Code::NoNumber => "no-number",
            Code::NotInternational => "not-international",
            Code::Duplicate => "duplicate",
            Code::StopListed => "stop-listed",
            Code::DestinationRestricted => "destination-restricted",
            Code::UnknownDestination => "unknown-destination",
            Code::UnsupportedOperator => "unsupported-operator",
            Code::MissingPlaceholder => "missing-placeholder",
            Code::ContactCardNotFound => "contact-card-not-found",
            Code::ContactCardWithoutMobile => "contact-card-without-mobile",
            Code::ContactNotFound => "contact-not-found",
            Code::ShortLinkUnavailable => "short-link-unavailable",
            Code::Internal => "internal",
        }
    }
}

/// A few words for people; unlike [`Code::name`] they may be improved at any time.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Code::Accepted => "accepted",
            Code::Empty => "no number given",
            Code::NoNumber => "no number can be read",
            Code::NotInternational => "not in international format",
            Code::Duplicate => "duplicate",
            Code::StopListed => "on a stop list",
            Code::DestinationRestricted => "country not allowed",
            Code::UnknownDestination => "not a mobile number in the plan",
            Code::UnsupportedOperator => "operator not served",
            Code::MissingPlaceholder => "placeholder without a value",
            Code::ContactCardNotFound => "contact card not found",
            Code::ContactCardWithoutMobile => "contact card without a mobile number",
            Code::ContactNotFound => "contact not found",
            Code::ShortLinkUnavailable => "short link cannot be made",
            Code::Internal => "system error",
        })
    }
}

/// A number that is no [`Code`]; it is kept, since a newer service may know more codes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownCode(pub u8);

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is no recipient code", self.0)
    }
}

impl std::error::Error for UnknownCode {}

impl TryFrom<u8> for Code {
    type Error = UnknownCode;

    fn try_from(value: u8) -> Result<Code, UnknownCode> {
        Code::ALL
            .into_iter()
            .find(|code| code.as_u8() == value)
            .ok_or(UnknownCode(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_a_published_code_or_keeps_its_number() {
        let published = [0, 1, 2, 3, 4, 5, 6, 7, 8, 20, 30, 31, 32, 51, 99];
        assert_eq!(Code::ALL.map(Code::as_u8), published);
        for byte in 0..=255u8 {
            match Code::try_from(byte) {
                Ok(code) => assert_eq!(code.as_u8(), byte),
                Err(UnknownCode(kept)) => {
                    assert!(!published.contains(&byte));
                    assert_eq!(kept, byte);
                }
            }
        }
    }
}
