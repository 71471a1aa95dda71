//! The alphabet of GSM 03.38 (3GPP TS 23.038), as data.

/// The characters of the default alphabet; each costs one septet.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// The characters of the extension table; each costs an escape and one septet.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// The only character of the alphabet that [`WIDTHS`] has no place for.
const EURO: char = '€';

/// What the characters up to the Greek ones cost; 0 if the alphabet does not have them. Texts are counted
/// by the million.
const WIDTHS: [u8; 0x400] = {
    let mut widths = [0; 0x400];
    let mut table = 1;
    while table <= 2 {
        let text = match table {
            1 => BASIC.as_bytes(),
            _ => EXTENSION.as_bytes(),
        };
        let mut at = 0;
        while at < text.len() {
            match text[at] {
                byte @ 0..0x80 => widths[byte as usize] = table,
                lead @ 0xc0..0xe0 => {
                    let place = (lead as usize & 0x1f) << 6 | text[at + 1] as usize & 0x3f;
                    widths[place] = table;
                }
                // The rest of a character, and the euro sign.
                _ => {}
            }
            at += 1;
        }
        table += 1;
    }
    widths
};

/// How many septets a character costs, or `None` if the alphabet does not have it.
#[inline]
pub(crate) fn septets(c: char) -> Option<u32> {
    match WIDTHS.get(c as usize) {
        Some(0) => None,
        Some(&width) => Some(u32::from(width)),
        None => (c == EURO).then_some(2),
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
            let width = match (BASIC.contains(c), EXTENSION.contains(c)) {
                (true, _) => Some(1),
                (_, true) => Some(2),
                _ => None,
            };
            assert_eq!(septets(c), width, "{c:?}");
        }
    }
}
