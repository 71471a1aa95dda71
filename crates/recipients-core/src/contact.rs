//! Recipients that are named by a card of the contact book (decision D11).

use std::borrow::Cow;

/// Where contact cards are looked up. The campaign store implements it; core only asks.
pub trait ContactBook {
    /// Looks up a card, and in it the named field, or without a name the mobile number that is
    /// marked for mailings.
    fn find(&self, card: &str, field: Option<&str>) -> Contact<'_>;
}

/// What the contact book knows.
#[derive(Clone, Eq, PartialEq)]
pub enum Contact<'a> {
    /// There is no such card: code 30.
    UnknownCard,
    /// The card has no such field, or cards have none of that name: code 32.
    UnknownField,
    /// The card is there, but holds no number there: code 31.
    WithoutNumber,
    /// The number as it stands on the card, not yet judged.
    Number(Cow<'a, str>),
}

impl std::fmt::Debug for Contact<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Contact::UnknownCard => "UnknownCard",
            Contact::UnknownField => "UnknownField",
            Contact::WithoutNumber => "WithoutNumber",
            Contact::Number(_) => "Number(…)",
        })
    }
}
