//! What the characters of a field mean (decisions D3 and D4).

/// The zeros of every script's decimal digits; the nine that follow are the other digits.
/// Source: Unicode Character Database, general category Nd. A test compares the table with the
/// `regex` crate's.
const ZEROS: [u32; 76] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66,
    0xde6, 0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90,
    0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
    0x104a0, 0x10d30, 0x10d40, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0,
    0x11650, 0x116c0, 0x116d0, 0x116da, 0x11730, 0x118e0, 0x11950, 0x11bf0, 0x11c50, 0x11d50,
    0x11da0, 0x11f50, 0x16130, 0x16a60, 0x16ac0, 0x16b50, 0x16d70, 0x1ccf0, 0x1d7ce, 0x1d7d8,
    0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e5f1, 0x1e950, 0x1fbf0,
];

/// Format characters (general category Cf), variation selectors, and the letters and symbols
/// that have no ink: what a person cannot see in a cell.
const INVISIBLE: [(u32, u32); 28] = [
    (0xad, 0xad),
    (0x34f, 0x34f),
    (0x600, 0x605),
    (0x61c, 0x61c),
    (0x6dd, 0x6dd),
    (0x70f, 0x70f),
    (0x890, 0x891),
    (0x8e2, 0x8e2),
    (0x115f, 0x1160),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x202a, 0x202e),
    (0x2060, 0x2064),
    (0x2066, 0x206f),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff9, 0xfffb),
    (0x110bd, 0x110bd),
    (0x110cd, 0x110cd),
    (0x13430, 0x1343f),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
    (0xe0001, 0xe0001),
    (0xe0020, 0xe007f),
    (0xe0100, 0xe01ef),
];

/// The value of a decimal digit of any script.
pub(crate) fn digit(c: char) -> Option<u8> {
    let c = c as u32;
    if c < 0x80 {
        return c.checked_sub(0x30).filter(|&d| d < 10).map(|d| d as u8);
    }
    let zero = match ZEROS.binary_search(&c) {
        Ok(_) => return Some(0),
        Err(at) => ZEROS[at - 1], // c >= 0x80 stands after the ASCII zero
    };
    Some(c - zero).filter(|&d| d < 10).map(|d| d as u8)
}

/// A letter, or a numeral that is no decimal digit (½, ², Ⅻ, ①): both keep a cell from being
/// read as a number without guessing.
pub(crate) fn is_letter(c: char) -> bool {
    c.is_alphanumeric() && digit(c).is_none()
}

/// Not to be seen: control and format characters and their like.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control() || {
        let c = c as u32;
        c >= 0xad && INVISIBLE.iter().any(|&(lo, hi)| (lo..=hi).contains(&c))
    }
}

/// Whether a text has nothing but white space and invisible characters (code 1, D3).
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

/// Dashes of every kind: hyphens and minus signs, which may stand in an exponent.
pub(crate) fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The `regex` crate carries the tables of the Unicode Character Database.
    // All of Unicode is too much for miri.
    #[cfg(not(miri))]
    #[test]
    fn digits_of_every_script_are_those_of_unicode() {
        let nd = regex::Regex::new(r"^\p{Nd}$").unwrap();
        let mut run = 0;
        for c in '\0'..=char::MAX {
            let is_digit = nd.is_match(c.encode_utf8(&mut [0; 4]));
            assert_eq!(digit(c).is_some(), is_digit, "U+{:04X}", c as u32);
            // Unicode keeps the ten digits of a script together and in order.
            if is_digit {
                assert_eq!(digit(c), Some((run % 10) as u8), "U+{:04X}", c as u32);
                run += 1;
            }
        }
    }

    #[cfg(not(miri))]
    #[test]
    fn format_characters_are_invisible() {
        let cf = regex::Regex::new(r"^\p{Cf}$").unwrap();
        for c in '\0'..=char::MAX {
            if cf.is_match(c.encode_utf8(&mut [0; 4])) {
                assert!(is_invisible(c), "U+{:04X}", c as u32);
            }
        }
    }

    #[test]
    fn d3_blank_means_nothing_to_be_seen() {
        for text in [
            "",
            " ",
            "\t\u{a0}",
            "\u{200b}\u{feff}\u{2060}",
            "\u{3164}",
            "\u{2800}",
        ] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["-", "0", ".", "x", "\u{200b}+"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
