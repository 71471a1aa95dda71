//! From the text of a cell to the digits that were meant.
//!
//! What digits, letters, labels and extensions are is known to `numbering_plan::text`; here is what
//! goes beyond one plainly written number: what spreadsheets do to numbers (D13), and several numbers
//! in one cell (D14). Where a reading depends on whether something *is* a number (D3, D13, D14), the
//! caller is asked.

use crate::Reason;
use numbering_plan::Standing;
use numbering_plan::text::{self, Written, fold};
use std::ops::Range;

/// A number that was read, and what had to be understood beyond punctuation.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    pub(crate) written: Written,
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

/// What a cell holds.
pub(crate) enum Cell {
    /// Nothing that can be seen.
    Blank,
    /// Something of which no number can be read without guessing.
    Unreadable(Reason),
    /// One number.
    Number(Found),
    /// More than one number: where each stands in the text.
    Several(Vec<Range<usize>>),
}

/// Reads a cell. `is_number` tells whether digits would be a number as far as their length goes
/// (not code 1, 2, 3 nor an unknown calling code).
pub(crate) fn read(text: &str, is_number: impl Fn(&Written) -> bool) -> Cell {
    match text::read(text.as_bytes()) {
        // Without a separator there is neither a second number nor a fraction.
        Ok(written) if !written.notes().separated() && !written.notes().labelled() => {
            Cell::Number(Found {
                written,
                form: Form::Plain,
            })
        }
        Err(Standing::Blank) => Cell::Blank,
        Err(Standing::NoDigits) => Cell::Unreadable(Reason::NoDigits),
        _ => read_at_length(text, &is_number),
    }
}

/// A character of the cell in its simplest form, and where it began in the text.
type Folded = (char, usize);

fn read_at_length(text: &str, is_number: &impl Fn(&Written) -> bool) -> Cell {
    let folded: Vec<Folded> = text
        .char_indices()
        .filter_map(|(at, c)| Some((fold(c)?, at)))
        .collect();
    if let Some(pieces) = several(&folded, text, is_number) {
        return Cell::Several(pieces);
    }
    match single(&folded, text, is_number) {
        Ok(found) => Cell::Number(found),
        Err(reason) => Cell::Unreadable(reason),
    }
}

/// A cell, or a piece of one, that is not taken apart further.
fn single(
    folded: &[Folded],
    text: &str,
    is_number: &impl Fn(&Written) -> bool,
) -> Result<Found, Reason> {
    let chars: String = folded.iter().map(|f| f.0).collect();
    // What stands around a number does not change what it is (D4).
    let is_around = |c: char| !c.is_alphanumeric();
    let core = chars
        .trim_start_matches(|c| is_around(c) && c != '+')
        .trim_end_matches(is_around);
    with_exponent(core)
        .or_else(|| with_fraction(core, text, is_number))
        .unwrap_or_else(|| one_number(text, is_number))
}

/// D14: pieces that each read as a number by themselves, or `None`.
fn several(
    folded: &[Folded],
    text: &str,
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
    pieces.retain(|(piece, _)| piece.iter().any(|(c, _)| c.is_alphanumeric()));
    if pieces.len() < 2 {
        return None;
    }
    pieces
        .into_iter()
        .map(|(piece, end)| {
            let range = piece[0].1..folded.get(end).map_or(text.len(), |next| next.1);
            let found = single(piece, &text[range.clone()], is_number).ok()?;
            is_number(&found.written).then_some(range)
        })
        .collect()
}

/// D3 and D4: one number, perhaps behind a label.
fn one_number(text: &str, is_number: &impl Fn(&Written) -> bool) -> Result<Found, Reason> {
    let written = text::read(text.as_bytes()).map_err(|standing| match standing {
        Standing::Extension => Reason::Extension,
        Standing::Letters => Reason::Letters,
        _ => Reason::NoDigits,
    })?;
    if !written.notes().labelled() {
        return Ok(Found {
            written,
            form: Form::Plain,
        });
    }
    match is_number(&written) {
        true => Ok(Found {
            written,
            form: Form::Labelled,
        }),
        false => Err(Reason::Letters),
    }
}

/// D13: what Excel writes into text when it took a number for a large quantity. `None`: no such form.
fn with_exponent(text: &str) -> Option<Result<Found, Reason>> {
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
    let exponent = rest.strip_prefix('e')?;
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
    let digits = if integer.is_empty() { "0" } else { integer };
    Some(Ok(spreadsheet(digits.bytes(), plus)))
}

/// A number that a spreadsheet has written as a quantity.
fn spreadsheet(digits: impl Iterator<Item = u8>, plus: bool) -> Found {
    Found {
        written: Written::of_digits(digits, plus, true),
        form: Form::Spreadsheet,
    }
}

fn is_zero(digits: &str) -> bool {
    digits.bytes().all(|digit| digit == b'0')
}

/// D13: a fraction behind a number, as `380971112233.0` and `+43 664 1234567.0`. Points and commas part
/// groups of digits, too, so it is one only where no group would be written like that.
fn with_fraction(
    core: &str,
    text: &str,
    is_number: &impl Fn(&Written) -> bool,
) -> Option<Result<Found, Reason>> {
    let (whole, fraction) = parted(core)?;
    let read = text::read(text.as_bytes()).ok()?;
    let digits = whole.bytes().filter(u8::is_ascii_digit);
    if digits.clone().count() < 7 {
        return None;
    }
    let found = spreadsheet(digits, read.notes().plus());
    if read.notes().labelled() && !is_number(&found.written) {
        return None;
    }
    match is_zero(fraction) {
        // One more of them: nobody knows what was meant.
        true if parted(whole).is_some() => Some(Err(Reason::Fraction)),
        true => Some(Ok(found)),
        false => is_number(&found.written).then_some(Err(Reason::Fraction)),
    }
}

/// A number and its fraction, if it has one.
fn parted(core: &str) -> Option<(&str, &str)> {
    let (whole, fraction) = core.rsplit_once(['.', ','])?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let whole = whole.trim_end();
    let group = whole.bytes().rev().take_while(u8::is_ascii_digit).count();
    if !is_digits(fraction) || group == 0 {
        return None;
    }
    // 436,641,234,586.00: the other character between thousands.
    let point = core[whole.len()..].trim_start().chars().next();
    let mut thousands = whole.split(match point {
        Some(',') => '.',
        _ => ',',
    });
    let first = thousands.next().is_some_and(is_digits);
    let is_quantity = first && group == 3 && {
        let mut groups = thousands.peekable();
        groups.peek().is_some() && groups.all(|group| group.len() == 3 && is_digits(group))
    };
    let is_fraction = match fraction.len() {
        1 => true,
        2 if is_zero(fraction) => group >= 4 || is_quantity,
        _ => group >= 7 || is_quantity,
    };
    is_fraction.then_some((whole, fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Result<String, Reason> {
        // Stands in for the plan: 10 to 13 digits are a number.
        let is_number = |w: &Written| w.digits().is_some_and(|d| (10..=13).contains(&d.len()));
        match read(text, is_number) {
            Cell::Number(found) => Ok(found.written.digits().unwrap_or("too many").to_owned()),
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
    fn d13_whatever_stands_around() {
        for text in [
            "'380971112233.0",
            "\"380971112233.00\"",
            "=\"380971112233.0\"",
            "+380 97 1112233.0",
            "+380-97-1112233,00",
            "380 971 112 233,0",
            "380\u{a0}971\u{a0}112\u{a0}233,0",
            "(380971112233.0)",
            "tel:+380971112233.0",
            "380971112233.0;",
            "+380971112233 .0",
            "380,971,112,233.00",
            "380.971.112.233,00",
            "'3.80971112233E+11",
            "=\"3.80971112233E+11\"",
        ] {
            assert_eq!(read_all(text).as_deref(), Ok("380971112233"), "{text}");
        }
        for text in [
            "'380971112233.5",
            "+380 97 1112233.5",
            "+380 97 1112233,50",
            "380971112233.0.0",
            "380,971,112,233.50",
        ] {
            assert_eq!(read_all(text), Err(Reason::Fraction), "{text}");
        }
        assert_eq!(read_all("'3.80971E+11"), Err(Reason::PrecisionLost));
        // A label is one before a number only (D3).
        assert_eq!(read_all("tel:1234567.0"), Err(Reason::Letters));
        // Groups of digits.
        for text in [
            "+380 97 111.22.33",
            "380.97.111.22.33",
            "+380 97 111 22.33",
            "+380 (97) 111-22.33",
            "380971112.233",
        ] {
            assert_eq!(read_all(text).as_deref(), Ok("380971112233"), "{text}");
        }
        assert_eq!(read_all("+380 97 111.22.00").as_deref(), Ok("380971112200"));
    }

    #[test]
    fn over_long_digits_are_counted_and_not_kept() {
        let text = "9".repeat(100_000);
        assert_eq!(read_all(&text).as_deref(), Ok("too many"));
    }
}
