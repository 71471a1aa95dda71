//! From the text of a cell to the digits that were meant.
//!
//! It knows punctuation, labels, extensions and what spreadsheets do to numbers; of countries it
//! knows nothing. Where a reading depends on whether something *is* a number (D3, D13, D14), the
//! caller is asked.

use crate::Reason;
use crate::unicode::{digit, is_blank, is_dash, is_invisible, is_letter};
use std::ops::Range;

/// Digits as they were written, before any country is known.
///
/// No number is longer than 15 digits, with a national prefix or an international one in front
/// up to 21; more digits are counted, but not kept.
#[derive(Clone, Copy)]
pub(crate) struct Written {
    kept: [u8; Written::KEPT],
    count: usize,
    /// A plus stands before the first digit.
    pub(crate) plus: bool,
    /// Something other than a leading plus and ASCII digits was there (D4).
    pub(crate) cleaned: bool,
    /// What had to be understood beyond punctuation.
    pub(crate) form: Form,
}

/// What stood around the digits.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Form {
    /// Punctuation at most (D4).
    Plain,
    /// A label such as `tel:` (D3).
    Labelled,
    /// What a spreadsheet makes of a number: an exponent, a fraction of zeros (D13).
    Spreadsheet,
}

impl Written {
    const KEPT: usize = 24;

    fn new(plus: bool, cleaned: bool) -> Written {
        Written {
            kept: [0; Written::KEPT],
            count: 0,
            plus,
            cleaned,
            form: Form::Plain,
        }
    }

    fn push(&mut self, ascii_digit: u8) {
        if let Some(slot) = self.kept.get_mut(self.count) {
            *slot = ascii_digit;
        }
        self.count += 1;
    }

    /// The ASCII digits; `None` if there are more than any reading could use.
    pub(crate) fn digits(&self) -> Option<&str> {
        let kept = self.kept.get(..self.count)?;
        std::str::from_utf8(kept).ok()
    }

    /// The first digits, as many as are kept.
    pub(crate) fn head(&self) -> &[u8] {
        &self.kept[..self.count.min(Written::KEPT)]
    }
}

/// What a cell holds.
pub(crate) enum Cell {
    /// Nothing that can be seen.
    Blank,
    /// Something of which no number can be read without guessing.
    Unreadable(Reason),
    /// One number.
    Number(Written),
    /// More than one number: where each stands in the text.
    Several(Vec<Range<usize>>),
}

/// Reads a cell. `is_number` tells whether digits would be a number as far as their length goes
/// (not code 1, 2, 3 nor an unknown calling code).
pub(crate) fn read(text: &str, is_number: impl Fn(&Written) -> bool) -> Cell {
    if let Some(written) = read_clean(text) {
        return Cell::Number(written);
    }
    if is_blank(text) {
        return Cell::Blank;
    }
    let folded = fold(text);
    if let Some(pieces) = several(&folded, text.len(), &is_number) {
        return Cell::Several(pieces);
    }
    match single(&folded, &is_number) {
        Ok(written) => Cell::Number(written),
        Err(reason) => Cell::Unreadable(reason),
    }
}

/// The common case: ASCII digits, perhaps a plus before them, and nothing else.
fn read_clean(text: &str) -> Option<Written> {
    let bytes = text.as_bytes();
    let (plus, digits) = match bytes {
        [b'+', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut written = Written::new(plus, false);
    digits.iter().for_each(|&d| written.push(d));
    Some(written)
}

/// A character of the cell in its simplest form, and where it began in the text.
type Folded = (char, usize);

/// Digits of every script become ASCII digits, full-width forms their ASCII twins, letters lower
/// case, dashes `-`, line breaks a newline, other white space a blank; the invisible goes.
fn fold(text: &str) -> Vec<Folded> {
    let mut folded = Vec::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let c = match c {
            '\u{ff01}'..='\u{ff5e}' => {
                char::from_u32(c as u32 - 0xfee0).expect("full-width forms mirror ASCII")
            }
            '\u{fe62}' => '+',
            c => c,
        };
        let simple = if let Some(d) = digit(c) {
            char::from(b'0' + d)
        } else if matches!(
            c,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        ) {
            '\n'
        } else if c.is_whitespace() {
            ' '
        } else if is_invisible(c) {
            continue;
        } else if is_dash(c) {
            '-'
        } else {
            c.to_lowercase().next().unwrap_or(c)
        };
        folded.push((simple, at));
    }
    folded
}

/// A cell, or a piece of one, that is not taken apart further.
fn single(folded: &[Folded], is_number: &impl Fn(&Written) -> bool) -> Result<Written, Reason> {
    spreadsheet_form(folded, is_number).unwrap_or_else(|| one_number(folded, is_number))
}

/// D14: pieces that each read as a number by themselves, or `None`.
fn several(
    folded: &[Folded],
    text_len: usize,
    is_number: &impl Fn(&Written) -> bool,
) -> Option<Vec<Range<usize>>> {
    // Each piece with the place of the character that follows it.
    let mut pieces: Vec<(&[Folded], usize)> = Vec::new();
    let (mut start, mut digits, mut i) = (0, false, 0);
    while i < folded.len() {
        let width = match folded[i].0 {
            ',' | ';' | '/' | '|' | '\n' => 1,
            ':' if folded[i..].iter().take(3).filter(|f| f.0 == ':').count() == 3 => 3,
            '+' if digits => 0,
            c => {
                digits |= c.is_ascii_digit();
                i += 1;
                continue;
            }
        };
        pieces.push((&folded[start..i], i));
        start = i + width;
        i += width.max(1);
        digits = false;
    }
    pieces.push((&folded[start.min(folded.len())..], folded.len()));
    pieces.retain(|(piece, _)| {
        piece
            .iter()
            .any(|&(c, _)| c.is_ascii_digit() || is_letter(c))
    });
    let every_piece_reads = pieces.len() > 1
        && pieces
            .iter()
            .all(|(piece, _)| single(piece, is_number).is_ok_and(|w| is_number(&w)));
    every_piece_reads.then(|| {
        pieces
            .iter()
            .map(|(piece, end)| piece[0].1..folded.get(*end).map_or(text_len, |next| next.1))
            .collect()
    })
}

/// D3 and D4: one number, perhaps behind a label.
fn one_number(folded: &[Folded], is_number: &impl Fn(&Written) -> bool) -> Result<Written, Reason> {
    let first = folded
        .iter()
        .position(|f| f.0.is_ascii_digit())
        .ok_or(Reason::NoDigits)?;
    let (before, number) = folded.split_at(first);
    if let Some(letter) = number.iter().position(|f| is_letter(f.0)) {
        return Err(if is_extension(&number[letter..]) {
            Reason::Extension
        } else {
            Reason::Letters
        });
    }
    let plus = before.iter().any(|f| f.0 == '+');
    let mut written = Written::new(plus, true);
    for &(c, _) in number {
        if c.is_ascii_digit() {
            written.push(c as u8);
        }
    }
    let labelled = before.iter().any(|f| is_letter(f.0));
    if labelled && !(is_label(before) && is_number(&written)) {
        return Err(Reason::Letters);
    }
    if labelled {
        written.form = Form::Labelled;
    }
    Ok(written)
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

fn is_label(before: &[Folded]) -> bool {
    let letters: String = before
        .iter()
        .map(|f| f.0)
        .filter(|&c| is_letter(c))
        .collect();
    // A formula that happens to hold a number is no label.
    let first = before.iter().find(|f| f.0 != ' ');
    if first.is_some_and(|f| matches!(f.0, '=' | '@')) {
        return false;
    }
    // A letter that looks like a digit (O, o, О, о, l, I) may be one that was mistyped.
    if matches!(letters.as_str(), "o" | "о" | "l" | "i" | "і") {
        return false;
    }
    let parted = before.last().is_some_and(|f| !is_letter(f.0));
    parted || LABELS.contains(&letters.as_str())
}

/// An extension mark and up to nine digits, to the end of the cell.
fn is_extension(tail: &[Folded]) -> bool {
    const MARKS: [&str; 6] = ["x", "ext", "extn", "extension", "доб", "вн"];
    let word = tail.iter().take_while(|f| is_letter(f.0)).count();
    let mark: String = tail[..word].iter().map(|f| f.0).collect();
    let rest = tail[word..].iter().map(|f| f.0);
    let digits: String = rest.clone().skip_while(|c| !c.is_ascii_digit()).collect();
    let digits = digits.trim_end_matches(|c: char| !c.is_alphanumeric());
    MARKS.contains(&mark.as_str())
        && rest
            .take_while(|c| !c.is_ascii_digit())
            .all(|c| !is_letter(c))
        && (1..=9).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
}

/// D13: what Excel writes into text when it took a number for a quantity. `None`: no such form.
fn spreadsheet_form(
    folded: &[Folded],
    is_number: &impl Fn(&Written) -> bool,
) -> Option<Result<Written, Reason>> {
    let text: String = folded.iter().map(|f| f.0).collect();
    let text = text.trim();
    let (plus, text) = match text.strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let digits_len = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at(digits_len(text));
    if whole.is_empty() {
        return None;
    }
    let (fraction, rest) = match rest.strip_prefix(['.', ',']) {
        Some(rest) => {
            let len = digits_len(rest);
            if len == 0 {
                return None;
            }
            rest.split_at(len)
        }
        None => ("", rest),
    };
    let written = |digits: &str| {
        let mut written = Written::new(plus, true);
        written.form = Form::Spreadsheet;
        digits.bytes().for_each(|d| written.push(d));
        written
    };
    let is_zero = |digits: &str| digits.bytes().all(|d| d == b'0');
    if let Some(exponent) = rest.strip_prefix('e') {
        let (negative, exponent) = match exponent.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, exponent.strip_prefix('+').unwrap_or(exponent)),
        };
        if exponent.is_empty() || digits_len(exponent) != exponent.len() {
            return None;
        }
        // An exponent that does not fit is larger than any mantissa could carry.
        let exponent = exponent.parse::<usize>().unwrap_or(usize::MAX);
        let mantissa = format!("{whole}{fraction}");
        let point = match negative {
            true => whole.len().saturating_sub(exponent),
            false => whole.len().saturating_add(exponent),
        };
        let Some((integer, remainder)) = mantissa.split_at_checked(point) else {
            return Some(Err(Reason::PrecisionLost));
        };
        if !is_zero(remainder) {
            return Some(Err(Reason::Fraction));
        }
        return Some(Ok(written(if integer.is_empty() { "0" } else { integer })));
    }
    if !rest.is_empty() || fraction.is_empty() || whole.len() < 7 {
        return None;
    }
    let whole = written(whole);
    if is_zero(fraction) {
        Some(Ok(whole))
    } else {
        is_number(&whole).then_some(Err(Reason::Fraction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Result<String, Reason> {
        // Stands in for the plan: 10 to 13 digits are a number.
        let is_number = |w: &Written| w.digits().is_some_and(|d| (10..=13).contains(&d.len()));
        match read(text, is_number) {
            Cell::Number(written) => Ok(written.digits().unwrap_or("too many").to_owned()),
            Cell::Unreadable(reason) => Err(reason),
            Cell::Blank => Err(Reason::Blank),
            Cell::Several(pieces) => Ok(pieces
                .into_iter()
                .map(|p| format!("[{}]", &text[p]))
                .collect()),
        }
    }

    #[test]
    fn d14_pieces_keep_their_own_text() {
        for (text, pieces) in [
            ("380971112233, 79101112233", "[380971112233][ 79101112233]"),
            ("380971112233+79101112233", "[380971112233][+79101112233]"),
            (
                "+380971112233:::+79101112233",
                "[+380971112233][+79101112233]",
            ),
            (
                "380971112233\u{200b};\u{200b}79101112233",
                "[380971112233\u{200b}][79101112233]",
            ),
            ("380971112233\n", "380971112233"),
            (
                "79101112233 | 380971112233/",
                "[79101112233 ][ 380971112233]",
            ),
        ] {
            assert_eq!(read_all(text).as_deref(), Ok(pieces), "{text:?}");
        }
    }

    #[test]
    fn d13_text_forms() {
        assert_eq!(read_all("3.80971112233E+11").as_deref(), Ok("380971112233"));
        assert_eq!(read_all("3,80971112233e11").as_deref(), Ok("380971112233"));
        assert_eq!(read_all("3.80971E+11"), Err(Reason::PrecisionLost));
        assert_eq!(read_all("3.8097111223E+11"), Err(Reason::PrecisionLost));
        assert_eq!(
            read_all("3.80971112233E+99999999999999999999"),
            Err(Reason::PrecisionLost)
        );
        assert_eq!(read_all("380971112233.0").as_deref(), Ok("380971112233"));
        assert_eq!(read_all("380971112233,50"), Err(Reason::Fraction));
        assert_eq!(read_all("7910.1112233").as_deref(), Ok("79101112233"));
    }

    #[test]
    fn over_long_digits_are_counted_and_not_kept() {
        let text = "9".repeat(100_000);
        assert_eq!(read_all(&text).as_deref(), Ok("too many"));
    }
}
