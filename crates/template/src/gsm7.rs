//! The alphabet of GSM 03.38 (3GPP TS 23.038), as data.

/// The characters of the default alphabet; each costs one septet.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// The characters of the extension table; each costs an escape and one septet.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// How many septets a character costs, or `None` if the alphabet does not have it.
pub(crate) fn septets(c: char) -> Option<u32> {
    if c.is_ascii_alphanumeric() || c == ' ' {
        return Some(1);
    }
    if BASIC.contains(c) {
        Some(1)
    } else if EXTENSION.contains(c) {
        Some(2)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_has_its_127_characters_and_ten_extensions() {
        // 128 positions, one of which is the escape.
        assert_eq!(BASIC.chars().count(), 127);
        assert_eq!(EXTENSION.chars().count(), 10);
        let all: std::collections::BTreeSet<char> =
            BASIC.chars().chain(EXTENSION.chars()).collect();
        assert_eq!(all.len(), 137, "no character stands in it twice");
    }

    #[test]
    fn look_alikes_that_cost_money_are_not_in_it() {
        for c in "`çáíóúâêãõ’‘“”–—…\u{a0}₴₸₽\tя".chars() {
            assert_eq!(septets(c), None, "{c:?}");
        }
        for c in '\0'..='\u{ffff}' {
            let listed = BASIC.contains(c) || EXTENSION.contains(c);
            assert_eq!(septets(c).is_some(), listed, "{c:?}");
        }
    }
}
