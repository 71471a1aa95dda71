//! Finding and filling placeholders (decisions D10 and D20).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// What to do with a placeholder that has no value: the API's `placeholdersFlag` (D10).
///
/// A value that is present but empty is a value.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Missing {
    /// 1: the placeholder stays in the text as it is. The default.
    #[default]
    Keep,
    /// 2: the placeholder is removed.
    Remove,
    /// 3: the recipient is rejected with code 20.
    Reject,
}

impl Missing {
    /// The flag's number in the API.
    pub const fn flag(self) -> u8 {
        match self {
            Missing::Keep => 1,
            Missing::Remove => 2,
            Missing::Reject => 3,
        }
    }

    /// The flag with this number.
    pub const fn from_flag(flag: u8) -> Option<Missing> {
        match flag {
            1 => Some(Missing::Keep),
            2 => Some(Missing::Remove),
            3 => Some(Missing::Reject),
            _ => None,
        }
    }
}

/// Why a text was not filled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Unfilled {
    /// A placeholder had no value and [`Missing::Reject`] was asked for.
    NoValue {
        /// The first such placeholder of the text.
        name: String,
    },
    /// It would have more than [`Template::MOST_BYTES`].
    TooLong,
}

impl fmt::Display for Unfilled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfilled::NoValue { name } => write!(f, "no value for {{{name}}}"),
            Unfilled::TooLong => write!(f, "more than {} bytes of text", Template::MOST_BYTES),
        }
    }
}

impl core::error::Error for Unfilled {}

/// A text and where its placeholders are.
///
/// A placeholder is `{`, one or more of `A-Z a-z 0-9 _ -`, `}`. Whatever else stands in braces,
/// nested and unclosed braces included, is text. Names are case-sensitive.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    text: String,
    /// Each placeholder with its braces, in order.
    spans: Vec<Range<usize>>,
}

/// Whether a placeholder may be called so: `[A-Za-z0-9_-]+`.
pub fn is_placeholder_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_name_byte)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

impl Template {
    /// The placeholder that stands for the number itself (D17), and so the name of the column
    /// that holds it.
    pub const RECIPIENT: &'static str = "recipient";

    /// The longest text that is filled, in bytes: more than any 255 segments can carry. A long
    /// value that a text names again and again would else take all memory.
    pub const MOST_BYTES: usize = 160_000;

    /// Finds the placeholders of a text.
    pub fn parse(text: impl Into<String>) -> Template {
        let text = text.into();
        let bytes = text.as_bytes();
        let mut spans = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at] != b'{' {
                at += 1;
                continue;
            }
            let name = bytes[at + 1..]
                .iter()
                .take_while(|&&byte| is_name_byte(byte))
                .count();
            let end = at + 1 + name;
            if name > 0 && bytes.get(end) == Some(&b'}') {
                spans.push(at..end + 1);
                at = end + 1;
            } else {
                // A brace among the next bytes may open a placeholder of its own.
                at = end;
            }
        }
        Template { text, spans }
    }

    /// The text as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the placeholders stand, braces included, in order.
    pub fn spans(&self) -> &[Range<usize>] {
        &self.spans
    }

    /// The name of each placeholder, in order, repeats included.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.spans.iter().map(|span| self.name(span))
    }

    /// The names of the placeholders in order of first appearance, each once.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for name in self.placeholders() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Whether there is a placeholder that a column must serve: any but
    /// [`Template::RECIPIENT`].
    pub fn needs_columns(&self) -> bool {
        self.placeholders().any(|name| name != Self::RECIPIENT)
    }

    /// Whether there is nothing to fill.
    pub fn is_plain(&self) -> bool {
        self.spans.is_empty()
    }

    fn name(&self, span: &Range<usize>) -> &str {
        &self.text[span.start + 1..span.end - 1]
    }

    /// Writes the text to `out` with every placeholder replaced by its value, once: values are
    /// not scanned again. `out` is cleared first, so that one buffer serves a whole list.
    ///
    /// # Errors
    ///
    /// Under [`Missing::Reject`] if a placeholder has no value, and if the text becomes longer than
    /// [`Template::MOST_BYTES`]; `out` is then of no use.
    pub fn fill<'v>(
        &self,
        value: impl Fn(&str) -> Option<&'v str>,
        missing: Missing,
        out: &mut String,
    ) -> Result<(), Unfilled> {
        out.clear();
        let mut done = 0;
        for span in &self.spans {
            out.push_str(&self.text[done..span.start]);
            let name = self.name(span);
            match (value(name), missing) {
                (Some(value), _) => out.push_str(value),
                (None, Missing::Keep) => out.push_str(&self.text[span.clone()]),
                (None, Missing::Remove) => {}
                (None, Missing::Reject) => return Err(Unfilled::NoValue { name: name.into() }),
            }
            if out.len() > Self::MOST_BYTES {
                return Err(Unfilled::TooLong);
            }
            done = span.end;
        }
        out.push_str(&self.text[done..]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::borrow::ToOwned;
    use std::collections::BTreeMap;

    fn filled(text: &str, values: &[(&str, &str)], missing: Missing) -> Result<String, String> {
        let mut out = "left over".to_owned();
        let value = |name: &str| values.iter().find(|v| v.0 == name).map(|v| v.1);
        match Template::parse(text).fill(value, missing, &mut out) {
            Ok(()) => Ok(out),
            Err(Unfilled::NoValue { name }) => Err(name),
            Err(Unfilled::TooLong) => panic!("too long"),
        }
    }

    #[test]
    fn a_text_does_not_grow_without_bounds() {
        let text = "{a}".repeat(1000);
        let value = "x".repeat(1000);
        let mut out = String::new();
        let filled = Template::parse(text).fill(|_| Some(&value), Missing::Keep, &mut out);
        assert_eq!(filled, Err(Unfilled::TooLong));
        assert!(out.len() <= Template::MOST_BYTES + value.len());
        // Without placeholders it is what was given.
        let long = "y".repeat(2 * Template::MOST_BYTES);
        let filled = Template::parse(long.as_str()).fill(|_| None, Missing::Keep, &mut out);
        assert_eq!((filled, out), (Ok(()), long));
    }

    #[test]
    fn d20_what_is_a_placeholder() {
        for (text, names) in [
            ("{a}{b-c}{D_9}", &["a", "b-c", "D_9"][..]),
            ("{} { a } {a b} {ä} {a", &[]),
            ("{{a}}", &["a"]),
            ("{a{b}", &["b"]),
            ("{a}{A}{a}", &["a", "A"]),
            ("}{", &[]),
            ("{-}", &["-"]),
        ] {
            assert_eq!(Template::parse(text).names(), names, "{text}");
        }
    }

    #[test]
    fn d20_and_d10_flags() {
        let values = [("name", "Василий"), ("empty", "")];
        assert_eq!(
            filled("{name}{x}", &values, Missing::Keep).unwrap(),
            "Василий{x}"
        );
        assert_eq!(
            filled("{name}{x}", &values, Missing::Remove).unwrap(),
            "Василий"
        );
        assert_eq!(
            filled("{name}{x}{y}", &values, Missing::Reject),
            Err("x".to_owned())
        );
        // D10: present but empty is a value.
        assert_eq!(filled("a{empty}b", &values, Missing::Reject).unwrap(), "ab");
        // Case-sensitive.
        assert_eq!(
            filled("{Name}", &values, Missing::Reject),
            Err("Name".to_owned())
        );
    }

    #[test]
    fn d20_values_are_never_scanned_again() {
        let values = [("a", "{b}"), ("b", "{a}"), ("open", "{"), ("close", "b}")];
        assert_eq!(
            filled("{a}{b}", &values, Missing::Reject).unwrap(),
            "{b}{a}"
        );
        assert_eq!(
            filled("{open}{close}", &values, Missing::Reject).unwrap(),
            "{b}"
        );
    }

    proptest! {
        /// `regex` finds the same placeholders, and replacing its matches gives the same text.
        #[test]
        fn d20_agrees_with_a_regular_expression(
            text in "([{}a-c_-]|\\{[ab]\\}|ж){0,40}",
            values in prop::collection::btree_map("[abc_-]{1,2}", "[{}abж]{0,4}", 0..4),
        ) {
            let values: BTreeMap<String, String> = values;
            let pattern = regex::Regex::new(r"\{([A-Za-z0-9_-]+)\}").unwrap();
            for missing in [Missing::Keep, Missing::Remove, Missing::Reject] {
                let mut out = String::new();
                let result = Template::parse(text.as_str())
                    .fill(|n| values.get(n).map(String::as_str), missing, &mut out);
                let lacking = pattern.captures_iter(&text).find(|c| !values.contains_key(&c[1]));
                if let (Missing::Reject, Some(lacking)) = (missing, lacking) {
                    let name = lacking[1].to_owned();
                    prop_assert_eq!(result, Err(Unfilled::NoValue { name }));
                    continue;
                }
                let expected = pattern.replace_all(&text, |c: &regex::Captures<'_>| {
                    match (values.get(&c[1]), missing) {
                        (Some(value), _) => value.clone(),
                        (None, Missing::Keep) => c[0].to_owned(),
                        (None, _) => String::new(),
                    }
                });
                prop_assert_eq!(&out, &expected);
            }
        }

        #[test]
        fn rendering_never_panics(text in ".*", name in ".*", value in ".*") {
            let template = Template::parse(text);
            let mut out = String::new();
            let _ = template.fill(|n| (n == name).then_some(&value), Missing::Remove, &mut out);
        }
    }
}
