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
    /// One more than is kept: where the next byte is written, a digit or not.
    kept: [u8; Written::KEPT + 1],
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

    /// Digits that are known already, in ASCII; other bytes are left out.
    pub fn of_digits(digits: impl IntoIterator<Item = u8>, plus: bool, cleaned: bool) -> Written {
        let mut written = Written::new(
            (if plus { Notes::PLUS } else { 0 }) | (if cleaned { Notes::CLEANED } else { 0 }),
        );
        let digits = digits.into_iter().filter(u8::is_ascii_digit);
        digits.for_each(|digit| written.push(digit));
        written
    }

    const fn new(notes: u8) -> Written {
        Written {
            kept: [b'0'; Written::KEPT + 1],
            count: 0,
            notes: Notes(notes),
        }
    }

    #[inline]
    fn push(&mut self, ascii_digit: u8) {
        self.kept[self.count.min(Written::KEPT)] = ascii_digit;
        self.count += 1;
    }

    /// Writes a byte down, and counts it if it is a digit.
    #[inline(always)]
    fn put(&mut self, byte: u8, is_digit: u8) {
        let slot = self.count.min(Written::KEPT);
        self.kept[slot] = byte;
        self.count += usize::from(is_digit);
    }

    /// The ASCII digits; `None` if there are more than are kept.
    pub fn digits(&self) -> Option<&str> {
        let kept = self.kept().get(..self.count)?;
        core::str::from_utf8(kept).ok()
    }

    /// The first digits, as many as are kept.
    pub fn head(&self) -> &[u8] {
        &self.kept[..self.count.min(Written::KEPT)]
    }

    /// The digits that are kept, filled up with zeros.
    pub(crate) fn kept(&self) -> &[u8] {
        &self.kept[..Written::KEPT]
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
    if !field.is_ascii() {
        return read_characters(field);
    }
    // First what there is, without a question that cannot be guessed; then what it means.
    let mut written = Written::new(0);
    let (mut seen, mut early, mut pluses, mut late) = (0, 0, 0, 0);
    let (head, tail) = field.split_at(field.len().min(2 * Written::KEPT));
    let mut take = |written: &mut Written, byte: u8| {
        let meaning = MEANING[usize::from(byte)];
        let before = u8::from(written.count == 0);
        // What there is before the first digit, and after it.
        early |= meaning * before;
        late |= meaning * (1 - before);
        pluses += usize::from(meaning & (PLUS * before) != 0);
        seen |= meaning;
        written.put(byte, meaning & DIGIT);
    };
    for &byte in head {
        take(&mut written, byte);
    }
    // No number is so long. If it is digits and nothing else, that is soon seen.
    for bytes in tail.chunks(8) {
        if written.count > Written::KEPT && all_digits(bytes) {
            written.count += bytes.len();
            continue;
        }
        for &byte in bytes {
            take(&mut written, byte);
        }
    }
    if seen & UNCLEAR != 0 {
        // Letters are a label, an extension, or a fault.
        return match field.iter().find(|byte| byte.is_ascii_alphabetic()) {
            Some(b'e' | b'E' | b'x' | b'X') => read_ascii(field),
            _ if early & UNCLEAR != 0 => read_ascii(field),
            _ => Err(Standing::Letters),
        };
    }
    if written.count == 0 {
        return Err(without_digits(field));
    }
    // The last byte may have been none.
    written.kept[written.count.min(Written::KEPT)] = b'0';
    let clean = written.count + pluses.min(1) == field.len();
    written.notes = Notes(
        (Notes::PLUS * u8::from(pluses > 0))
            | (Notes::CLEANED * u8::from(!clean))
            | (Notes::SEPARATED * u8::from(late & PLUS != 0 || seen & SEPARATOR != 0)),
    );
    Ok(written)
}

fn all_digits(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_digit)
}

#[inline(never)]
fn read_ascii(field: &[u8]) -> Result<Written, Standing> {
    read_folded(field.iter().filter_map(|&byte| fold_ascii(byte)))
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
        '\0'..='\x7f' => return fold_ascii(c as u8),
        // What lists hold most often besides ASCII.
        'а'..='я' | 'ё' | 'і' | 'ї' | 'є' => return Some(c),
        'А'..='Я' => return char::from_u32(c as u32 + 0x20),
        '\u{2010}'..='\u{2015}' => return Some('-'),
        '\u{ff01}'..='\u{ff5e}' => return fold_ascii((c as u32 - 0xfee0) as u8),
        '\u{fe62}' => return Some('+'),
        c => c,
    };
    if let Some(value) = digit(c) {
        return Some(char::from(b'0' + value));
    }
    Some(match c {
        '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        c if c.is_whitespace() => ' ',
        c if is_invisible(c) => return None,
        c if is_dash(c) => '-',
        c => c.to_lowercase().next().unwrap_or(c),
    })
}

#[inline]
fn fold_ascii(byte: u8) -> Option<char> {
    Some(match byte {
        b'\n' | b'\r' | 0xb | 0xc => '\n',
        b' ' | b'\t' => ' ',
        0..=0x1f | 0x7f => return None,
        byte => char::from(byte.to_ascii_lowercase()),
    })
}

/// Reads a field that has more than ASCII.
#[inline(never)]
fn read_characters(field: &[u8]) -> Result<Written, Standing> {
    let Ok(text) = core::str::from_utf8(field) else {
        return Err(Standing::Letters);
    };
    // Digits of one script mostly follow each other: the zero of the last one is kept.
    let mut zero = 0x660;
    read_folded(text.chars().filter_map(|c| {
        let value = (c as u32).wrapping_sub(zero);
        if value < 10 {
            return Some(char::from(b'0' + value as u8));
        }
        let folded = fold(c)?;
        if folded.is_ascii_digit() && !c.is_ascii() {
            zero = c as u32 - (folded as u32 - '0' as u32);
        }
        Some(folded)
    }))
}

fn is_folded_letter(c: char) -> bool {
    match c {
        '\0'..='\x7f' => c.is_ascii_alphabetic(),
        'а'..='я' => true,
        c => is_letter(c),
    }
}

#[inline(always)]
fn read_folded(mut characters: impl Iterator<Item = char>) -> Result<Written, Standing> {
    let mut written = Written::new(Notes::CLEANED);
    let mut label = Word::default();
    while let Some(c) = characters.next() {
        if c.is_ascii_digit() {
            written.push(c as u8);
        } else if is_folded_letter(c) {
            if written.count > 0 {
                return Err(match is_extension(c, characters) {
                    true => Standing::Extension,
                    false => Standing::Letters,
                });
            }
            label.letter(c);
        } else {
            if written.count == 0 {
                label.other(c);
            }
            written.notes.0 |= match c {
                '+' if written.count == 0 => Notes::PLUS,
                ',' | ';' | '/' | '|' | '.' | ':' | '\n' | '+' => Notes::SEPARATED,
                _ => 0,
            };
        }
    }
    if written.count == 0 {
        return Err(match label.begun {
            true => Standing::NoDigits,
            false => Standing::Blank,
        });
    }
    if label.count > 0 {
        if !label.is_label() {
            return Err(Standing::Letters);
        }
        written.notes.0 |= Notes::LABELLED;
    }
    Ok(written)
}

/// An extension mark, of which the first letter is given, and up to nine digits, to the end.
#[inline(always)]
fn is_extension(first: char, characters: impl Iterator<Item = char>) -> bool {
    const MARKS: [&str; 6] = ["x", "ext", "extn", "extension", "доб", "вн"];
    let mut mark = Word::default();
    mark.letter(first);
    let (mut digits, mut ended) = (0, false);
    for c in characters {
        if c.is_ascii_digit() {
            if ended || digits == 9 {
                return false;
            }
            digits += 1;
        } else if is_folded_letter(c) {
            // Letters after anything but letters belong to something else.
            if mark.parted || digits > 0 {
                return false;
            }
            mark.letter(c);
        } else {
            mark.other(c);
            ended |= digits > 0;
        }
    }
    digits > 0 && MARKS.iter().any(|word| mark.is(word))
}

/// Letters, and what stood around them.
#[derive(Default)]
struct Word {
    letters: [char; Word::LONGEST],
    count: usize,
    /// It begins like a formula.
    formula: bool,
    /// Something that can be seen was there.
    begun: bool,
    /// The last character is no letter.
    parted: bool,
}

impl Word {
    const LONGEST: usize = 20;

    #[inline]
    fn letter(&mut self, c: char) {
        if let Some(slot) = self.letters.get_mut(self.count) {
            *slot = c;
        }
        self.count += 1;
        self.begun = true;
        self.parted = false;
    }

    #[inline]
    fn other(&mut self, c: char) {
        if !self.begun && !matches!(c, ' ' | '\n') {
            self.begun = true;
            self.formula = matches!(c, '=' | '@');
        }
        self.parted = true;
    }

    fn is(&self, word: &str) -> bool {
        self.letters
            .get(..self.count)
            .is_some_and(|letters| word.chars().eq(letters.iter().copied()))
    }

    /// Whether it may stand before a number.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Result<String, Standing> {
        read(text.as_bytes()).map(|written| written.digits().unwrap_or("more").to_owned())
    }

    #[test]
    fn d4_whatever_is_no_letter_is_left_out() {
        for text in [
            "79101112233",
            "(+7) [910] 111-22-33",
            "7/910/1112233",
            "\u{feff}7\u{a0}910\u{2009}111\u{200b}22\u{2011}33",
            "７９１０１１１２２３３",
            "٧٩١٠١١١٢٢٣٣",
            "७९१०१११२२३३",
            "+७910١١١2233\u{202c}",
        ] {
            assert_eq!(digits(text).as_deref(), Ok("79101112233"), "{text:?}");
        }
    }

    #[test]
    fn d3_letters_are_never_guessed() {
        for (text, standing) in [
            ("", Standing::Blank),
            (" \u{200b}\u{a0}", Standing::Blank),
            ("—", Standing::NoDigits),
            ("n/a", Standing::NoDigits),
            ("неизвестно", Standing::NoDigits),
            ("+38o971112233", Standing::Letters),
            ("7910111223З", Standing::Letters),
            ("o380971112233", Standing::Letters),
            ("=380971112233x", Standing::Letters),
            ("380971112233 ext", Standing::Letters),
            ("380971112233 ext. 1234567890", Standing::Letters),
            ("380971112233 x12 y", Standing::Letters),
            ("380971112233 ext. 12", Standing::Extension),
            ("380971112233X12", Standing::Extension),
            ("380971112233 доб. 12", Standing::Extension),
            ("3.80971E+11", Standing::Letters),
        ] {
            assert_eq!(digits(text), Err(standing), "{text:?}");
        }
        assert_eq!(read(b"7910\xff1112233").unwrap_err(), Standing::Letters);
        for text in ["tel:380971112233", "моб. 380971112233", "Тел380971112233"] {
            let written = read(text.as_bytes()).unwrap();
            assert!(written.notes().labelled(), "{text:?}");
            assert_eq!(written.digits(), Some("380971112233"));
        }
    }

    #[test]
    fn the_way_of_writing_is_told() {
        let notes = |text: &str| {
            let notes = read(text.as_bytes()).unwrap().notes();
            (notes.plus(), notes.cleaned(), notes.separated())
        };
        for (text, told) in [
            ("380971112233", (false, false, false)),
            ("+380971112233", (true, false, false)),
            ("++380971112233", (true, true, false)),
            (" +380971112233", (true, true, false)),
            ("380 971112233", (false, true, false)),
            ("380971112233;", (false, true, true)),
            ("380971112233+380971112234", (false, true, true)),
            ("380.971112233", (false, true, true)),
            ("３80971112233", (false, true, false)),
        ] {
            assert_eq!(notes(text), told, "{text:?}");
        }
    }

    #[test]
    fn more_digits_than_any_number_has_are_counted() {
        for count in [20, 32, 33, 64, 65, 1000] {
            let written = read("7".repeat(count).as_bytes()).unwrap();
            assert_eq!(written.count(), count);
            assert_eq!(written.digits().is_some(), count <= Written::KEPT);
            assert_eq!(written.head().len(), count.min(Written::KEPT));
        }
        let mixed = format!("{}x{}", "7".repeat(100), "7".repeat(100));
        assert_eq!(read(mixed.as_bytes()).unwrap_err(), Standing::Letters);
    }
}
