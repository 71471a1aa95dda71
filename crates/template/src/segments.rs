//! What a text costs (decision D21).

use crate::gsm7;

/// How a text travels.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Encoding {
    /// The 7-bit alphabet of GSM 03.38: 160 septets in one SMS, 153 in each of several.
    Gsm7,
    /// UTF-16 units: 70 in one SMS, 67 in each of several. One character outside the GSM
    /// alphabet is enough to get here.
    Ucs2,
}

impl Encoding {
    /// Units in an SMS that stands alone.
    pub const fn single(self) -> u32 {
        match self {
            Encoding::Gsm7 => 160,
            Encoding::Ucs2 => 70,
        }
    }

    /// Units in each SMS of a text that needs several.
    pub const fn multi(self) -> u32 {
        match self {
            Encoding::Gsm7 => 153,
            Encoding::Ucs2 => 67,
        }
    }

    /// The name that people know.
    pub const fn name(self) -> &'static str {
        match self {
            Encoding::Gsm7 => "GSM-7",
            Encoding::Ucs2 => "UCS-2",
        }
    }
}

/// How many SMS a text needs.
///
/// ```
/// use recipients_template::{Encoding, Segments};
///
/// let latin = Segments::of(&"a".repeat(161));
/// assert_eq!((latin.encoding, latin.units, latin.parts), (Encoding::Gsm7, 161, 2));
/// let cyrillic = Segments::of(&"я".repeat(70));
/// assert_eq!((cyrillic.encoding, cyrillic.parts), (Encoding::Ucs2, 1));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Segments {
    /// The encoding that the text needs.
    pub encoding: Encoding,
    /// Its length: septets for GSM-7 (extension characters count two), UTF-16 units for UCS-2.
    pub units: u32,
    /// The number of SMS; an empty text is one.
    pub parts: u32,
}

impl Segments {
    /// Counts the filled text greedily: a pair (escape and character, or two surrogates) that
    /// does not fit into a part goes to the next one whole.
    pub fn of(text: &str) -> Segments {
        let length = Length::of(text);
        length.segments().unwrap_or_else(|| {
            let (encoding, units) = length.units();
            let parts = match encoding {
                Encoding::Gsm7 => parts(encoding, text, |c| gsm7::septets(c).unwrap_or(2)),
                Encoding::Ucs2 => parts(encoding, text, |c| c.len_utf16() as u32),
            };
            Segments {
                encoding,
                units,
                parts,
            }
        })
    }
}

/// How long a text is, counted piece by piece: lengths of pieces add up to that of the whole, which need not
/// be put together.
///
/// ```
/// use recipients_template::{Length, Segments};
///
/// let mut length = Length::of("Dear ");
/// length.add("Olha", 1);
/// length.add("!", 3);
/// assert_eq!(length.segments(), Some(Segments::of("Dear Olha!!!")));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Length {
    bytes: usize,
    chars: u32,
    /// As long as all characters are in the GSM alphabet.
    septets: u32,
    utf16: u32,
    /// Whether there is a character that the GSM alphabet does not have.
    is_ucs2: bool,
}

impl Length {
    /// The length of a text.
    pub fn of(text: &str) -> Length {
        let mut length = Length::default();
        length.add(text, 1);
        length
    }

    /// Adds that of another piece, so many times.
    #[inline]
    pub fn add(&mut self, text: &str, times: u32) {
        let long = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).saturating_mul(times);
        self.bytes = self
            .bytes
            .saturating_add(text.len().saturating_mul(times as usize));
        let (mut chars, mut septets) = (0, 0);
        if !self.is_ucs2 && times > 0 {
            for c in text.chars() {
                match gsm7::septets(c) {
                    Some(width) => (chars, septets) = (chars + 1, septets + width as usize),
                    None => {
                        self.is_ucs2 = true;
                        break;
                    }
                }
            }
        }
        let utf16 = match self.is_ucs2 {
            // Septets do not count any more.
            true => {
                let (begun, pairs) = begun(text);
                chars = begun;
                begun + pairs
            }
            // The alphabet has no character of two units.
            false => chars,
        };
        self.chars = self.chars.saturating_add(long(chars));
        self.septets = self.septets.saturating_add(long(septets));
        self.utf16 = self.utf16.saturating_add(long(utf16));
    }

    /// Adds that of a piece of which it is only known how many characters it has, each of them one unit of
    /// UTF-16: that is enough for a text that is UCS-2 anyway ([`Length::is_ucs2`]), and the bytes are the
    /// most that there can be.
    #[inline]
    pub fn add_units(&mut self, units: usize, times: u32) {
        debug_assert!(self.is_ucs2, "septets are not known");
        let all = units.saturating_mul(times as usize);
        self.bytes = self.bytes.saturating_add(all.saturating_mul(3));
        let all = u32::try_from(all).unwrap_or(u32::MAX);
        self.chars = self.chars.saturating_add(all);
        self.utf16 = self.utf16.saturating_add(all);
    }

    /// Whether there is a character that the GSM alphabet does not have.
    pub fn is_ucs2(self) -> bool {
        self.is_ucs2
    }

    /// In bytes of UTF-8.
    pub fn bytes(self) -> usize {
        self.bytes
    }

    /// How it travels, and how long it is then.
    fn units(self) -> (Encoding, u32) {
        match self.is_ucs2 {
            false => (Encoding::Gsm7, self.septets),
            true => (Encoding::Ucs2, self.utf16),
        }
    }

    /// What a text of this length costs; `None` if that depends on where characters of two units stand,
    /// which may not be cut in half between two SMS.
    #[inline]
    pub fn segments(self) -> Option<Segments> {
        let (encoding, units) = self.units();
        let parts = match units <= encoding.single() {
            true => 1,
            false if units != self.chars || units == u32::MAX => return None,
            false => units.div_ceil(encoding.multi()),
        };
        Some(Segments {
            encoding,
            units,
            parts,
        })
    }
}

/// How many characters a text has, and how many of them UTF-16 needs two units for; by its bytes, which is
/// quicker than character by character.
fn begun(text: &str) -> (usize, usize) {
    let count = |is_counted: fn(&u8) -> bool| {
        let bytes = text.as_bytes().iter();
        bytes
            .map(|byte| usize::from(is_counted(byte)))
            .sum::<usize>()
    };
    // Every character begins with a byte that goes on none, those of two units with four bits set.
    (
        count(|&byte| byte & 0xc0 != 0x80),
        count(|&byte| byte >= 0xf0),
    )
}

/// How many SMS a text takes that does not fit into one.
fn parts(encoding: Encoding, text: &str, width: impl Fn(char) -> u32) -> u32 {
    let (mut parts, mut used) = (1u32, 0u32);
    for c in text.chars() {
        let width = width(c);
        used += width;
        if used > encoding.multi() {
            parts = parts.saturating_add(1);
            used = width;
        }
    }
    parts
}

/// The characters that force a text out of the GSM alphabet, in order, repeats included.
///
/// ```
/// let culprits: Vec<char> = recipients_template::non_gsm("It’s 10 ₴").collect();
/// assert_eq!(culprits, ['’', '₴']);
/// ```
pub fn non_gsm(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|&c| gsm7::septets(c).is_none())
}

/// What can stand for a character outside the GSM alphabet without changing what is read: quotes,
/// dashes, dots and spaces that word processors put in. Offered to people, never applied unasked.
///
/// ```
/// assert_eq!(recipients_template::gsm_twin('’'), Some("'"));
/// assert_eq!(recipients_template::gsm_twin('я'), None);
/// ```
pub fn gsm_twin(c: char) -> Option<&'static str> {
    Some(match c {
        '‘' | '’' | '‚' | '‛' | '′' | '`' | '´' | 'ʼ' => "'",
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' => "\"",
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' => "-",
        '…' => "...",
        '•' | '·' => "*",
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\t' => " ",
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => "",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec::Vec;

    /// Lays the characters out in parts, one unit list a part: slow and obvious.
    fn naive(text: &str) -> (Encoding, u32) {
        let encoding = match non_gsm(text).next() {
            None => Encoding::Gsm7,
            Some(_) => Encoding::Ucs2,
        };
        let pieces: Vec<usize> = text
            .chars()
            .map(|c| match encoding {
                Encoding::Gsm7 => 1 + usize::from("\u{c}^{}\\[~]|€".contains(c)),
                Encoding::Ucs2 => c.len_utf16(),
            })
            .collect();
        if pieces.iter().sum::<usize>() <= encoding.single() as usize {
            return (encoding, 1);
        }
        let mut parts: Vec<Vec<usize>> = Vec::from([Vec::new()]);
        for piece in pieces {
            let room = encoding.multi() as usize - parts.last().unwrap().iter().sum::<usize>();
            if piece > room {
                parts.push(Vec::new());
            }
            parts.last_mut().unwrap().push(piece);
        }
        (encoding, parts.len() as u32)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn d21_counts_as_the_naive_reference_does(
            text in prop_oneof![
                "[a-z€{}]{100,500}",
                "[яa-z😀]{40,300}",
                "[a-z]{150,170}[€|]{0,3}",
                "[a-z]{151}[€a]{1,3}[a-z]{150,160}",
                "[я]{65,68}[😀я]{1,3}[я]{60,70}",
                ".{0,200}",
            ],
        ) {
            let segments = Segments::of(&text);
            prop_assert_eq!((segments.encoding, segments.parts), naive(&text));
            prop_assert_eq!(Length::of(&text).utf16 as usize, text.encode_utf16().count());
        }

        #[test]
        fn d21_lengths_of_pieces_add_up(
            pieces in prop::collection::vec(
                (prop_oneof!["[a-z€{}]{0,90}", "[a-zя]{0,70}", "[яa-z😀]{0,40}", "[a-z]{0,160}", ".{0,9}"], 0usize..4),
                0..5,
            ),
        ) {
            let mut length = Length::default();
            let mut text = String::new();
            for (piece, times) in &pieces {
                length.add(piece, *times as u32);
                text.push_str(&piece.repeat(*times));
            }
            prop_assert_eq!(length.bytes(), text.len());
            let mut more = Length::of("я");
            for (piece, times) in &pieces {
                match piece.chars().all(|c| c.len_utf16() == 1) {
                    true => more.add_units(piece.chars().count(), *times as u32),
                    false => more.add(piece, *times as u32),
                }
            }
            let segments = Segments::of(&(String::from("я") + &text));
            prop_assert!(more.segments().is_none_or(|found| found == segments));
            prop_assert!(more.bytes() >= text.len() + "я".len());
            let segments = Segments::of(&text);
            match length.segments() {
                Some(found) => prop_assert_eq!(found, segments),
                None => {
                    let is_pair = |c: char| match segments.encoding {
                        Encoding::Gsm7 => gsm7::septets(c) == Some(2),
                        Encoding::Ucs2 => c.len_utf16() == 2,
                    };
                    prop_assert!(segments.parts > 1 && text.chars().any(is_pair));
                }
            }
        }
    }

    #[test]
    fn d21_pairs_do_not_straddle() {
        // 153 septets, of which the last two would be one extension character cut in half.
        let text: String = "a".repeat(152) + "€" + &"a".repeat(152);
        assert_eq!(Segments::of(&text).units, 306);
        assert_eq!(Segments::of(&text).parts, 3); // ceil(306 / 153) would be 2
        let text: String = "я".repeat(66) + "😀" + &"я".repeat(66);
        assert_eq!(Segments::of(&text).units, 134);
        assert_eq!(Segments::of(&text).parts, 3); // ceil(134 / 67) would be 2
    }

    #[test]
    fn twins_are_in_the_alphabet_and_stand_for_what_is_not() {
        for c in '\0'..='\u{ffff}' {
            if let Some(twin) = gsm_twin(c) {
                assert_eq!(non_gsm(&String::from(c)).count(), 1, "{c:?}");
                assert_eq!(non_gsm(twin).next(), None, "{c:?}");
            }
        }
    }

    #[test]
    fn d21_edges() {
        for (text, parts) in [
            (String::new(), 1),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            ("я".repeat(70), 1),
            ("я".repeat(71), 2),
            ("я".repeat(134), 2),
            ("я".repeat(135), 3),
            ("😀".repeat(35), 1),
            ("😀".repeat(36), 2),
        ] {
            assert_eq!(
                Segments::of(&text).parts,
                parts,
                "{} chars",
                text.chars().count()
            );
        }
    }
}
