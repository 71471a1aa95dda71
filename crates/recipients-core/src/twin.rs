//! Numbers that were written otherwise once, and often still are.
//!
//! Brazil put a 9 before the eight digits of its mobile numbers; Argentina's are written with a 9
//! behind the calling code from abroad, and without it at home; Mexico had a 1 there. Both ways of
//! writing reach the same person, or one of them nobody; none can be made of the other with
//! certainty, because landlines look alike. So they are told, and never merged.

use crate::Msisdn;
use std::ops::Range;

/// Ten digits behind the calling code.
const TEN: u64 = 10_000_000_000;
/// Eight digits behind Brazil's area.
const EIGHT: u64 = 100_000_000;

/// Where the numbers are, with the digit and without it.
const WITH: Range<u64> = 521 * TEN..560 * TEN;
const WITHOUT: Range<u64> = 52 * TEN..56 * TEN;

impl Msisdn {
    /// Whether any of these numbers may have a [likely twin](Msisdn::likely_twin).
    pub fn may_have_twins(numbers: Range<u64>) -> bool {
        let meets = |twins: Range<u64>| numbers.start < twins.end && twins.start < numbers.end;
        meets(WITH) || meets(WITHOUT)
    }

    /// The same subscriber's number as it may be written otherwise: Brazil's mobile numbers with and
    /// without the ninth digit, Argentina's with and without the 9, Mexico's with and without the 1.
    /// It is a guess: landlines look alike.
    ///
    /// ```
    /// use recipients_core::Msisdn;
    ///
    /// let number = Msisdn::from_digits(b"5511987654321").unwrap();
    /// let twin = Msisdn::from_digits(b"551187654321").unwrap();
    /// assert_eq!(number.likely_twin(), Some(twin));
    /// assert_eq!(twin.likely_twin(), Some(number));
    /// assert_eq!(Msisdn::from_digits(b"380971112233").unwrap().likely_twin(), None);
    /// ```
    pub fn likely_twin(self) -> Option<Msisdn> {
        let number = self.as_u64();
        if !self.may_have_twin() {
            return None;
        }
        let (head, last) = (number / TEN, number % TEN);
        let twin = match head {
            52 => 521 * TEN + last,
            521 => 52 * TEN + last,
            54 => 549 * TEN + last,
            549 => 54 * TEN + last,
            55 => {
                let (area, subscriber) = (last / EIGHT, last % EIGHT);
                let national = 10 * area + 9;
                is_brazilian_mobile(area, subscriber)
                    .then_some(550 * TEN + national * EIGHT + subscriber)?
            }
            550..560 => {
                let (national, subscriber) = (number / EIGHT % 1000, number % EIGHT);
                let area = national / 10;
                (national % 10 == 9 && is_brazilian_mobile(area, subscriber))
                    .then_some(55 * TEN + area * EIGHT + subscriber)?
            }
            _ => return None,
        };
        Msisdn::from_u64(twin)
    }

    /// Whether it is worth asking for [`Msisdn::likely_twin`]; quick.
    #[inline]
    pub fn may_have_twin(self) -> bool {
        let number = self.as_u64();
        let is_in = |range: Range<u64>| number.wrapping_sub(range.start) < range.end - range.start;
        is_in(WITHOUT) || is_in(WITH)
    }
}

/// Whether a subscriber's number of eight digits may have been that of a mobile line.
fn is_brazilian_mobile(area: u64, subscriber: u64) -> bool {
    area >= 11 && subscriber >= 60_000_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn twin(digits: &str) -> Option<String> {
        let number = Msisdn::from_digits(digits.as_bytes()).unwrap();
        number.likely_twin().map(|twin| twin.to_string())
    }

    /// Ranges that end right before such numbers have none, and all others tell the same as their numbers.
    #[test]
    fn ranges_have_twins_where_their_numbers_do() {
        for edge in [WITH.start, WITH.end, WITHOUT.start, WITHOUT.end] {
            for (from, to) in [(3, 0), (3, 1), (1, 0), (0, 2), (5, 5)] {
                let numbers = edge - from..edge + to;
                let each = numbers.clone().filter_map(Msisdn::from_u64);
                let any = each.into_iter().any(Msisdn::may_have_twin);
                assert_eq!(Msisdn::may_have_twins(numbers), any);
            }
        }
        assert!(Msisdn::may_have_twins(1..999 * TEN));
    }

    #[test]
    fn twins_of_three_countries() {
        for (with, without) in [
            ("5511987654321", "551187654321"),
            ("5599960000000", "559960000000"),
            ("5491123456789", "541123456789"),
            ("5215512345678", "525512345678"),
        ] {
            assert_eq!(twin(with).as_deref(), Some(without));
            assert_eq!(twin(without).as_deref(), Some(with));
        }
        for none in [
            "551123456789",  // a landline
            "5511887654321", // no ninth digit
            "5510987654321", // no such area
            "5323456789012",
            "79101112233",
            "52551234567",
        ] {
            assert_eq!(twin(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn a_twin_of_a_twin_is_the_number(
            number in prop_oneof![WITH, WITHOUT, 1u64..1_000_000_000_000_000],
        ) {
            let number = Msisdn::from_u64(number).unwrap();
            if let Some(twin) = number.likely_twin() {
                prop_assert_eq!(twin.likely_twin(), Some(number));
                prop_assert!(number.may_have_twin());
            }
        }
    }
}
