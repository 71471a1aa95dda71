//! The accepted and rejected files: the list's own columns, untouched, and behind them what was
//! found out. Mended or not, such a file can be fed back in.
//!
//! A cell that a spreadsheet program would run as a formula gets a `'` in front; reading the file
//! back takes it away. The columns are recognised by their names ([`COLUMNS`]), then left out of
//! the list, and consulted where the row alone does not tell what it told the first time: a
//! duplicate whose winner is not in this file, a row that was short and has been filled up.

use crate::pipeline::Checked;
use recipients_core::{Code, Msisdn, Origin, Reason};
use recipients_ingest::Row;
use std::borrow::Cow;

/// The columns that are added behind the list's own.
pub const COLUMNS: &[&str] = &["code", "reason", "message", "suggestion"];

/// The added columns of a row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Annotation {
    /// The code's number.
    pub code: u8,
    /// The reason's stable name.
    pub reason: &'static str,
    /// A sentence for people.
    pub message: String,
    /// What to do.
    pub suggestion: &'static str,
}

/// What is written behind a row.
pub fn annotation(row: &Checked<'_>) -> Annotation {
    let verdict = row.verdict();
    let reason = verdict.reason();
    let message = match (reason, verdict.msisdn()) {
        (Reason::Duplicate, Some(number)) => {
            duplicate_message(row.duplicate_of(), row.file_of_winner(), number)
        }
        _ => match row.detail() {
            Some(detail) => detail.to_owned(),
            None => reason.message().to_owned(),
        },
    };
    Annotation {
        code: verdict.code().as_u8(),
        reason: reason.name(),
        message,
        suggestion: reason.advice(),
    }
}

/// Names the winner, and ends with the number in brackets, which [`prior`] reads back.
fn duplicate_message(winner: Option<Origin>, file: Option<&str>, number: Msisdn) -> String {
    let of = file.map(|file| format!(" of {file}")).unwrap_or_default();
    match winner {
        Some(Origin { row, .. }) => {
            format!("the number is already in row {row}{of} (number {number})")
        }
        None => format!("the number is already in the list (number {number})"),
    }
}

/// How a row whose fields do not match the columns is told; [`prior`] reads the first count back.
pub(crate) fn shape_message(fields: usize, columns: usize) -> String {
    format!("the row has {fields} fields, the list has {columns} columns")
}

/// What an earlier run found that the row itself no longer tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Prior {
    Nothing,
    /// This number was a duplicate of a row that is not here.
    DuplicateOf(Msisdn),
    /// The row had only so many fields; the rest has been filled up since.
    Short(usize),
}

/// Reads the added columns, which begin at `start`.
pub(crate) fn prior(row: &Row<'_>, start: usize) -> Prior {
    let field = |column: usize| row.get(start + column).unwrap_or_default().trim();
    let code = field(0)
        .parse()
        .ok()
        .and_then(|n: u8| Code::try_from(n).ok());
    let message = field(2);
    let found = match (code, Reason::from_name(field(1))) {
        (Some(Code::Duplicate), _) => message
            .rsplit_once("(number ")
            .and_then(|(_, rest)| Msisdn::from_digits(rest.strip_suffix(')')?.as_bytes()))
            .map(Prior::DuplicateOf),
        (_, Some(Reason::RowShape)) => message
            .strip_prefix("the row has ")
            .and_then(|rest| rest.split(' ').next()?.parse().ok())
            .map(Prior::Short),
        _ => None,
    };
    found.unwrap_or(Prior::Nothing)
}

/// Whether a spreadsheet program would take the text for a formula that does more than sums: a
/// leading `=`, `@`, tab or return; a leading plus or minus unless only digits and what stands
/// between the digits of phone numbers and amounts follow, so that `+49 30 …` is left alone.
fn is_formula(text: &str) -> bool {
    match text.chars().next() {
        Some('=' | '@' | '\t' | '\r') => true,
        Some('+' | '-') => !text
            .chars()
            .all(|c| c.is_numeric() || c.is_whitespace() || "+-().,/".contains(c)),
        _ => false,
    }
}

/// The text made safe: a `'` in front of a formula, and of a text that would otherwise look as if
/// one had been put there.
///
/// ```
/// use recipients_batcher::annotate::{escape, unescape};
///
/// assert_eq!(escape("=1+cmd|' /C calc'!A0"), "'=1+cmd|' /C calc'!A0");
/// assert_eq!(escape("+49 30 1234"), "+49 30 1234");
/// assert_eq!(unescape("'=x"), "=x");
/// ```
pub fn escape(text: &str) -> Cow<'_, str> {
    match is_formula(text.trim_start_matches('\'')) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

/// Takes back what [`escape`] did.
pub fn unescape(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if is_formula(text.trim_start_matches('\'')) => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn escaping_is_undone(text in "['=+@\t\r0-9 a-]{0,8}") {
            let escaped = escape(&text);
            prop_assert_eq!(unescape(&escaped), text.as_str());
            prop_assert!(!is_formula(&escaped));
        }
    }

    #[test]
    fn phone_numbers_and_amounts_are_left_alone() {
        for text in [
            "+380 97 111-22-33",
            "-5,20",
            "+49",
            "'380971112233",
            "a=b",
            "",
        ] {
            assert_eq!(escape(text), text);
        }
        for text in ["=1", "@SUM(A1)", "+cmd|x", "-2+3+cmd|' /C calc'!A0", "\t=1"] {
            assert_ne!(escape(text), text);
        }
    }
}
