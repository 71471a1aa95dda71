//! Amounts of money.

use std::fmt;
use std::str::FromStr;

/// Ten-thousandths of the account's currency, written with four decimals.
///
/// ```
/// use recipients_campaigns::Money;
///
/// let price: Money = "0.06".parse().unwrap();
/// assert_eq!((price, price.to_string()), (Money(600), "0.0600".to_owned()));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Money(pub i64);

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:04}", amount / 10_000, amount % 10_000)
    }
}

impl FromStr for Money {
    type Err = ();

    fn from_str(text: &str) -> Result<Money, ()> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || whole.len() > 12
            || part.len() > 4
            || !is_digits(whole)
            || !is_digits(part)
        {
            return Err(());
        }
        let whole: i64 = whole.parse().map_err(|_| ())?;
        let part: i64 = format!("{part:0<4}").parse().map_err(|_| ())?;
        let amount = whole * 10_000 + part;
        Ok(Money(if negative { -amount } else { amount }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(amount in -1_000_000_000_000i64..1_000_000_000_000) {
            prop_assert_eq!(Money(amount).to_string().parse(), Ok(Money(amount)));
        }
    }

    #[test]
    fn what_is_no_amount() {
        for text in [
            "",
            ".",
            ".5",
            "1,5",
            "1.23456",
            "1e3",
            "+1",
            "--1",
            "1234567890123",
        ] {
            assert_eq!(text.parse::<Money>(), Err(()), "{text}");
        }
    }
}
