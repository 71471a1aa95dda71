//! From the bytes of a field to the digits that were meant.
//!
//! What is neither a letter nor a digit is left out, digits of every script count, a word may stand
//! before the number as a label, and letters anywhere else keep the field from being read
//! (decisions D3 and D4 of the project). Of countries nothing is known here.

use crate::Standing;
use crate::answer::Notes;
use crate::unicode::{digit, is_dash, is_invisible, is_letter};

pub use crate::unicode::is_blank;

/// Digits as they were written, before any country is known.
///
/// Forms of spreadsheets (`3.8E+11`) and fields with several numbers are the caller's to find;
/// [`Notes::separated`] tells when to look for the latter.
#[derive(Clone, Copy)]
pub struct Written {
    kept: [u8; Written::KEPT],
    count: usize,
    notes: Notes,
}

/// Masks the digits, because they end in logs.
impl core::fmt::Debug for Written {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Written")
            .field("count", &self.count)
            .field("notes", &self.notes)
            .finish_non_exhaustive()
    }
}

impl Written {
    /// Digits that are kept; more are counted. No number has more than 20, and no prefix more
    /// than 7.
    pub const KEPT: usize = 32;

    /// Digits that are known already.
    pub fn of_digits(digits: impl IntoIterator<Item = u8>, plus: bool, cleaned: bool) -> Written {
        let mut written = Written::new(
            (if plus { Notes::PLUS } else { 0 }) | (if cleaned { Notes::CLEANED } else { 0 }),
        );
        digits.into_iter().for_each(|digit| written.push(digit));
        written
    }

    const fn new(notes: u8) -> Written {
        Written {
            kept: [b'0'; Written::KEPT],
            count: 0,
            notes: Notes(notes),
        }
    }

    #[inline]
    fn push(&mut self, ascii_digit: u8) {
        if let Some(slot) = self.kept.get_mut(self.count) {
            *slot = ascii_digit;
        }
        self.count += 1;
    }

    /// The ASCII digits; `None` if there are more than are kept.
    pub fn digits(&self) -> Option<&str> {
        let kept = self.kept.get(..self.count)?;
        core::str::from_utf8(kept).ok()
    }

    /// The first digits, as many as are kept.
    pub fn head(&self) -> &[u8] {
        &self.kept[..self.count.min(Written::KEPT)]
    }

    /// The digits that are kept, filled up with zeros.
    pub(crate) fn kept(&self) -> &[u8; Written::KEPT] {
        &self.kept
    }

    /// How many digits were written.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How they were written. [`Notes::idd`] and [`Notes::prefix_removed`] are not known yet.
    pub fn notes(&self) -> Notes {
        self.notes
    }
}

/// What a byte of ASCII means: a digit, a plus, something that may part two numbers, or what this
/// table cannot tell (a letter, or a part of a longer character).
pub(crate) const DIGIT: u8 = 1;
pub(crate) const PLUS: u8 = 2;
pub(crate) const SEPARATOR: u8 = 4;
pub(crate) const UNCLEAR: u8 = 8;

pub(crate) const MEANING: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'+' => PLUS,
            b',' | b';' | b'/' | b'|' | b'.' | b':' | 0xa..=0xd => SEPARATOR,
            b if b.is_ascii_alphabetic() || b >= 0x80 => UNCLEAR,
            _ => 0,
        };
        byte += 1;
    }
    table
};

/// Reads a field.
///
/// ```
/// use numbering_plan::{Standing, text};
///
/// let written = text::read("(+7) [910] 111\u{a0}22‑33".as_bytes()).unwrap();
/// assert_eq!(written.digits(), Some("79101112233"));
/// assert!(written.notes().plus() && written.notes().cleaned());
/// assert_eq!(text::read(b"+38o971112233").unwrap_err(), Standing::Letters);
/// assert_eq!(text::read(b"380971112233 ext. 12").unwrap_err(), Standing::Extension);
/// ```
///
/// # Errors
///
/// [`Standing::Blank`], [`Standing::NoDigits`], [`Standing::Letters`] (bytes that are no UTF-8
/// count as letters) or [`Standing::Extension`].
pub fn read(field: &[u8]) -> Result<Written, Standing> {
    let mut written = Written::new(0);
    let mut notes = 0;
    for (at, &byte) in field.iter().enumerate() {
        match MEANING[usize::from(byte)] {
            DIGIT => written.push(byte),
            PLUS if written.count == 0 => {
                // A second plus is one that had to be cleaned away.
                notes |= Notes::PLUS | (notes & Notes::PLUS) << 2;
            }
            PLUS | SEPARATOR => notes |= Notes::SEPARATED | Notes::CLEANED,
            0 => notes |= Notes::CLEANED,
            _ if written.count > 0 && byte.is_ascii_alphabetic() => {
                // No label, and mostly no extension.
                let tail = match byte.to_ascii_lowercase() {
                    b'e' | b'x' => core::str::from_utf8(&field[at..]).ok(),
                    _ => None,
                };
                return Err(match tail.is_some_and(is_extension) {
                    true => Standing::Extension,
                    false => Standing::Letters,
                });
            }
            _ => return read_characters(field),
        }
    }
    if written.count == 0 {
        return Err(without_digits(field));
    }
    written.notes = Notes(notes);
    Ok(written)
}

fn without_digits(field: &[u8]) -> Standing {
    match core::str::from_utf8(field) {
        Ok(text) if is_blank(text) => Standing::Blank,
        _ => Standing::NoDigits,
    }
}

/// A character in its simplest form; `None` for what cannot be seen. Digits of every script become
/// ASCII digits, full-width forms their ASCII twins, letters lower case, dashes `-`, line breaks a
/// newline, other white space a blank.
pub fn fold(c: char) -> Option<char> {
    let c = match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0)?,
        '\u{fe62}' => '+',
        c => c,
    };
    if let Some(value) = digit(c) {
        return Some(char::from(b'0' + value));
    }
    Some(match c {
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        c if c.is_whitespace() => ' ',
        c if is_invisible(c) => return None,
        c if is_dash(c) => '-',
        c if c.is_ascii() => c.to_ascii_lowercase(),
        c => c.to_lowercase().next().unwrap_or(c),
    })
}

/// Reads a field that has more than ASCII digits and punctuation.
#[inline(never)]
fn read_characters(field: &[u8]) -> Result<Written, Standing> {
    let Ok(text) = core::str::from_utf8(field) else {
        return Err(Standing::Letters);
    };
    let mut written = Written::new(Notes::CLEANED);
    let mut label = Label::default();
    let characters = text.char_indices();
    let mut zero = 0x660; // of the script whose digits came last
    for (at, c) in characters {
        // Digits of one script mostly follow each other.
        let value = (c as u32).wrapping_sub(zero);
        let c = if value < 10 && zero != 0 {
            char::from(b'0' + value as u8)
        } else if ('\u{2000}'..='\u{2027}').contains(&c) || c == '\u{a0}' {
            // Spaces, what cannot be seen, and dashes, quotes and bullets.
            match c {
                '\u{200b}'..='\u{200f}' => continue,
                '\u{2010}'.. => '-',
                _ => ' ',
            }
        } else {
            match fold(c) {
                Some(folded) => {
                    if folded.is_ascii_digit() && !c.is_ascii() {
                        zero = c as u32 - (folded as u32 - '0' as u32);
                    }
                    folded
                }
                None => continue,
            }
        };
        if c.is_ascii_digit() {
            written.push(c as u8);
        } else if is_letter(c) {
            if written.count > 0 {
                return Err(match is_extension(&text[at..]) {
                    true => Standing::Extension,
                    false => Standing::Letters,
                });
            }
            label.letter(c);
        } else if written.count == 0 {
            label.other(c);
            if c == '+' {
                written.notes.0 |= Notes::PLUS;
            } else if matches!(c, ',' | ';' | '/' | '|' | '.' | ':' | '\n') {
                written.notes.0 |= Notes::SEPARATED;
            }
        } else if matches!(c, ',' | ';' | '/' | '|' | '.' | ':' | '\n' | '+') {
            written.notes.0 |= Notes::SEPARATED;
        }
    }
    if written.count == 0 {
        return Err(match is_blank(text) {
            true => Standing::Blank,
            false => Standing::NoDigits,
        });
    }
    if label.has_letters() {
        if !label.is_label() {
            return Err(Standing::Letters);
        }
        written.notes.0 |= Notes::LABELLED;
    }
    Ok(written)
}

/// What stands before the first digit.
#[derive(Default)]
struct Label {
    letters: [char; Label::LONGEST],
    count: usize,
    /// It begins like a formula.
    formula: bool,
    begun: bool,
    /// The last character is no letter.
    parted: bool,
}

impl Label {
    const LONGEST: usize = 20;

    fn letter(&mut self, c: char) {
        if let Some(slot) = self.letters.get_mut(self.count) {
            *slot = c;
        }
        self.count += 1;
        self.begun = true;
        self.parted = false;
    }

    fn other(&mut self, c: char) {
        if !self.begun && c != ' ' {
            self.begun = true;
            self.formula = matches!(c, '=' | '@');
        }
        self.parted = true;
    }

    fn has_letters(&self) -> bool {
        self.count > 0
    }

    fn is(&self, word: &str) -> bool {
        self.letters
            .get(..self.count)
            .is_some_and(|letters| word.chars().eq(letters.iter().copied()))
    }

    fn is_label(&self) -> bool {
        // A formula that happens to hold a number is no label.
        if self.formula {
            return false;
        }
        // A letter that looks like a digit (O, o, О, о, l, I) may be one that was mistyped.
        if self.count == 1 && matches!(self.letters[0], 'o' | 'о' | 'l' | 'i' | 'і') {
            return false;
        }
        self.parted || LABELS.iter().any(|word| self.is(word))
    }
}

/// Words that may stand right before the digits; any other label needs a character in between.
const LABELS: [&str; 19] = [
    "tel",
    "telephone",
    "phone",
    "mob",
    "mobile",
    "cell",
    "gsm",
    "sms",
    "whatsapp",
    "viber",
    "тел",
    "телефон",
    "моб",
    "мобильный",
    "мобильныйтелефон",
    "номертелефона",
    "phonenumber",
    "сот",
    "номер",
];

/// An extension mark and up to nine digits, to the end of the field.
fn is_extension(tail: &str) -> bool {
    const MARKS: [&str; 6] = ["x", "ext", "extn", "extension", "доб", "вн"];
    let folded = || tail.chars().filter_map(fold);
    let mark = folded().take_while(|&c| is_letter(c));
    if !MARKS.iter().any(|m| mark.clone().eq(m.chars())) {
        return false;
    }
    let rest = folded().skip_while(|&c| is_letter(c));
    // No letter before the digits; then digits alone, and after them nothing that could be read.
    let (mut digits, mut ended) = (0, false);
    for c in rest {
        if c.is_ascii_digit() && !ended {
            digits += 1;
        } else if is_letter(c) || c.is_ascii_digit() {
            return false;
        } else if digits > 0 {
            ended = true;
        }
    }
    (1..=9).contains(&digits)
}
