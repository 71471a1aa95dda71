//! Why a recipient got its code.

use crate::Code;
use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $code:ident, $name:literal, $message:literal, $advice:literal;)*) => {
        /// Why a recipient got its [`Code`]: finer than the code, stable, machine-readable.
        ///
        /// [`Reason::name`] is `snake_case` and as stable as the code; [`Reason::message`] and
        /// [`Reason::advice`] are sentences for people and may be improved.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Reason {
            $($(#[$doc])* $variant,)*
        }

        impl Reason {
            /// Every reason, grouped by code.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// The code that this reason explains.
            pub const fn code(self) -> Code {
                match self { $(Reason::$variant => Code::$code,)* }
            }

            /// The stable `snake_case` name.
            pub const fn name(self) -> &'static str {
                match self { $(Reason::$variant => $name,)* }
            }

            /// A sentence for people, without the number in it.
            pub const fn message(self) -> &'static str {
                match self { $(Reason::$variant => $message,)* }
            }

            /// What to do about it; empty where nothing needs doing.
            pub const fn advice(self) -> &'static str {
                match self { $(Reason::$variant => $advice,)* }
            }
        }
    };
}

reasons! {
    /// Accepted as it stands.
    Ok = Accepted, "ok", "accepted", "";
    /// Accepted after the international prefix `00` was dropped (D5).
    IddPrefix = Accepted, "idd_prefix",
        "accepted; the international prefix 00 was dropped", "";
    /// Accepted after a national trunk prefix behind the calling code was dropped (D6).
    TrunkPrefixRemoved = Accepted, "trunk_prefix_removed",
        "accepted; the national prefix after the calling code was dropped", "";
    /// Accepted as a national number of the default region (D5).
    NationalReading = Accepted, "national_reading",
        "accepted; read as a national number of the default region", "";

    /// There is no value: the key or column is absent.
    Missing = Empty, "missing", "there is no recipient value in this row",
        "fill in a number or remove the row";
    /// The value has no characters.
    EmptyValue = Empty, "empty", "the recipient is empty", "fill in a number or remove the row";
    /// The value is only white space or invisible characters.
    Blank = Empty, "blank", "the recipient has only spaces or invisible characters",
        "fill in a number or remove the row";

    /// Something is there, but no digit.
    NoDigits = NoNumber, "no_digits", "there are no digits in it", "replace it by a number";
    /// Letters stand between or behind the digits (D3).
    Letters = NoNumber, "letters", "letters are mixed with the digits",
        "look for letters typed instead of digits (O for 0, l for 1) and replace them";
    /// An extension follows the number; SMS cannot reach one (D3).
    Extension = NoNumber, "extension", "the number has an extension, which cannot take SMS",
        "use a mobile number, or remove the extension";
    /// More than one number in the cell (D14).
    SeveralNumbers = NoNumber, "several_numbers", "there is more than one number in the cell",
        "keep one number a row, or have the first or each of them taken";
    /// Excel shortened the number and digits are lost (D13).
    PrecisionLost = NoNumber, "precision_lost",
        "a spreadsheet shortened the number (as in 3.8E+11) and digits are lost",
        "export again from the source with the column formatted as text";
    /// A number with a fraction is no phone number (D13).
    Fraction = NoNumber, "fraction", "it is a number with a fraction",
        "check that this is the phone column; correct the cell";
    /// The row has more or fewer fields than the list has columns (D18).
    RowShape = NoNumber, "row_shape", "the row has another number of fields than the list has columns",
        "look for a missing or an extra delimiter, or a quote that was not closed";
    /// The row's values make the text longer than any message.
    TextTooLong = NoNumber, "text_too_long", "its values make the text longer than any message can be",
        "look for a quote that was not closed, or shorten the values";

    /// Starts with 0 once the international prefix is gone (D6).
    LeadingZero = NotInternational, "leading_zero",
        "it starts with 0, so the country is not known",
        "write it with the country's calling code, or name the list's country as default region";
    /// Fewer digits than any number has (D6).
    TooShort = NotInternational, "too_short", "it has too few digits",
        "complete the number; if the country's calling code is missing, add it or name the list's country as default region";
    /// More digits than any number has (D6).
    TooLong = NotInternational, "too_long", "it has too many digits", "remove the extra digits";
    /// A length between two that the plan knows (D6).
    ImpossibleLength = NotInternational, "impossible_length",
        "no number of this country has so many digits",
        "check for a missing or an extra digit";
    /// A national trunk prefix stands after the calling code and what follows it is no number (D6).
    TrunkPrefix = NotInternational, "trunk_prefix",
        "a national prefix stands after the calling code, and the rest is not in the plan",
        "remove the prefix after the calling code and check the number";

    /// The number won in an earlier row (D2).
    Duplicate = Duplicate, "duplicate", "the number is already in the list", "remove this row";
    /// The number was accepted in an earlier run, whose numbers were kept.
    SeenBefore = Duplicate, "seen_before", "the number was in an earlier list",
        "remove this row, unless it is meant to be written to again";
    /// On the sender's own stop list (D9).
    OwnStopList = StopListed, "own_stop_list", "the number is on your stop list",
        "do not write to it";
    /// On the system's stop list (D9).
    SystemStopList = StopListed, "system_stop_list", "the number is on the system stop list",
        "do not write to it";
    /// The territory or calling code is not allowed (D8).
    TerritoryNotAllowed = DestinationRestricted, "territory_not_allowed",
        "sending to this country is not allowed", "remove the row, or allow the country";

    /// No country has this calling code (D7).
    UnknownCallingCode = UnknownDestination, "unknown_calling_code",
        "no country has this calling code", "check the first digits";
    /// The length is possible, but no range of the plan matches (D7).
    UnknownRange = UnknownDestination, "unknown_range",
        "it is in no range of the numbering plan used", "check the number digit by digit";
    /// In the plan, but not a mobile number (D7).
    NotMobile = UnknownDestination, "not_mobile",
        "it is in the plan, but not as a mobile number", "ask for a mobile number";
    /// The operator of the range is not known, and a known one was required (D8).
    UnknownOperator = UnknownDestination, "unknown_operator",
        "the operator of the range is not known", "check the number, or do not require an operator";
    /// The operator that holds the range is not served (D8).
    OperatorNotServed = UnsupportedOperator, "operator_not_served",
        "the operator that holds the range is not served", "remove the row, or allow the operator";

    /// A placeholder of the text has no value in this row (D10).
    MissingPlaceholder = MissingPlaceholder, "missing_placeholder",
        "a placeholder of the text has no column here",
        "add the column, or have such placeholders kept or removed";
    /// The contact card does not exist (D11).
    CardNotFound = ContactCardNotFound, "card_not_found",
        "the contact card is not in the contact book", "check the card's number";
    /// The contact card has no mobile number (D11).
    CardWithoutNumber = ContactCardWithoutMobile, "card_without_number",
        "the contact card has no mobile number for mailings", "add a number to the card";
    /// The field of the card does not exist (D11).
    ContactNotFound = ContactNotFound, "contact_not_found",
        "the contact is not in the contact book", "check the field's name";
    /// No short link could be made (D1).
    ShortLinkUnavailable = ShortLinkUnavailable, "short_link_unavailable",
        "a short link cannot be made at the moment", "try again later";
    /// The store failed for this row (D1).
    StoreFailed = Internal, "store_failed", "the recipient could not be stored", "try again later";
}

/// The stable name, as [`Reason::name`].
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Reason {
    /// The reason with this stable name.
    pub fn from_name(name: &str) -> Option<Reason> {
        Reason::ALL
            .iter()
            .copied()
            .find(|reason| reason.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_snake_case_and_read_back() {
        for &reason in Reason::ALL {
            assert!(
                reason
                    .name()
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_')
            );
            assert_eq!(Reason::from_name(reason.name()), Some(reason));
            assert_eq!(
                reason.advice().is_empty(),
                reason.code().is_accepted(),
                "{reason} needs advice unless it is a success"
            );
        }
    }

    #[test]
    fn every_code_has_a_reason() {
        for code in Code::ALL {
            assert!(Reason::ALL.iter().any(|reason| reason.code() == code));
        }
    }
}
