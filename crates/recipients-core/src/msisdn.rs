//! The number itself.

use std::fmt;
use std::num::NonZeroU64;

/// A number in international format: calling code and national number, at most 15 digits.
///
/// One `u64`: a calling code never starts with 0, so no length needs to be kept, and
/// `Option<Msisdn>` is as small. [`Display`](fmt::Display) prints the digits;
/// [`Debug`] masks them, since a phone number is personal data and `Debug` ends in logs.
///
/// ```
/// use recipients_core::Msisdn;
///
/// let msisdn = Msisdn::from_digits(b"380971112233").unwrap();
/// assert_eq!(msisdn.to_string(), "380971112233");
/// assert_eq!(format!("{msisdn:?}"), "Msisdn(380*******33)");
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Msisdn(NonZeroU64);

impl Msisdn {
    /// The longest number that E.164 allows, in digits.
    pub const MAX_DIGITS: usize = 15;

    /// Takes 1 to 15 ASCII digits of which the first is not 0; anything else is `None`.
    ///
    /// It does not ask whether such a number exists; [`Checker`](crate::Checker) does.
    pub fn from_digits(digits: &[u8]) -> Option<Msisdn> {
        if digits.is_empty() || digits.len() > Self::MAX_DIGITS || digits[0] == b'0' {
            return None;
        }
        let mut value = 0u64;
        for &byte in digits {
            if !byte.is_ascii_digit() {
                return None;
            }
            value = value * 10 + u64::from(byte - b'0');
        }
        NonZeroU64::new(value).map(Msisdn)
    }

    /// The digits as an integer.
    pub const fn as_u64(self) -> u64 {
        self.0.get()
    }

    /// The number that [`Msisdn::as_u64`] gave; `None` for 0 and for more than 15 digits.
    pub const fn from_u64(value: u64) -> Option<Msisdn> {
        if value >= 1_000_000_000_000_000 {
            return None;
        }
        match NonZeroU64::new(value) {
            Some(value) => Some(Msisdn(value)),
            None => None,
        }
    }

    /// The number for logs and messages: first and last digits, the rest as `*`.
    pub fn masked(self) -> String {
        let digits = self.to_string();
        let (head, tail) = match digits.len() {
            0..=4 => (0, 0),
            5..=8 => (2, 1),
            _ => (3, 2),
        };
        let mut out = String::with_capacity(digits.len());
        out.push_str(&digits[..head]);
        out.extend(std::iter::repeat_n('*', digits.len() - head - tail));
        out.push_str(&digits[digits.len() - tail..]);
        out
    }
}

impl fmt::Display for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Msisdn({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_whole_number() {
        for digits in ["1", "1234", "12345678", "380971112233", "123456789012345"] {
            let msisdn = Msisdn::from_digits(digits.as_bytes()).unwrap();
            assert!(!format!("{msisdn:?}").contains(digits));
            assert_eq!(msisdn.to_string(), digits);
            assert_eq!(Msisdn::from_u64(msisdn.as_u64()), Some(msisdn));
        }
    }

    #[test]
    fn refuses_what_e164_cannot_hold() {
        for digits in ["", "0", "0123", "1234567890123456", "12a", "+12"] {
            assert_eq!(Msisdn::from_digits(digits.as_bytes()), None);
        }
        assert_eq!(Msisdn::from_u64(1_000_000_000_000_000), None);
        assert_eq!(Msisdn::from_u64(0), None);
    }
}
