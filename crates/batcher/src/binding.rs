//! How the columns of one file serve a text (decision D17).

use crate::error::HeaderError;
use recipients_core::Reason;
use recipients_ingest::{Confidence, Source};
use recipients_template::{Missing, Template, Unfilled, is_placeholder_name};
use std::collections::BTreeMap;

/// Where the values of a text's placeholders stand in the rows of one file.
#[derive(Clone, Debug)]
pub struct Binding {
    columns: BTreeMap<String, usize>,
    lacking: Vec<Lacking>,
}

/// A placeholder that no column serves. No error: the flag decides row by row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lacking {
    /// The placeholder.
    pub name: String,
    /// The column that was probably meant.
    pub near_miss: Option<String>,
}

impl std::fmt::Display for Lacking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{{{}}}` has no column", self.name)?;
        match &self.near_miss {
            Some(column) => write!(f, "; did you mean `{column}`?"),
            None => Ok(()),
        }
    }
}

/// Checks a header as the campaign API does: names unique, each fit for a placeholder, one of
/// them `recipient`.
///
/// # Errors
///
/// The first thing that is wrong.
pub fn check_header(header: &[String]) -> Result<(), HeaderError> {
    check_unique(header)?;
    if let Some(at) = header.iter().position(|name| !is_placeholder_name(name)) {
        return Err(HeaderError::NotAPlaceholder {
            name: header[at].clone(),
            column: at + 1,
        });
    }
    match header.iter().any(|name| name == Template::RECIPIENT) {
        true => Ok(()),
        false => Err(HeaderError::NoRecipient),
    }
}

fn check_unique(header: &[String]) -> Result<(), HeaderError> {
    let mut places = BTreeMap::new();
    for (second, name) in header.iter().enumerate() {
        if name.is_empty() {
            continue;
        }
        if let Some(first) = places.insert(name, second) {
            return Err(HeaderError::Duplicate {
                name: name.clone(),
                columns: [first + 1, second + 1],
            });
        }
    }
    Ok(())
}

impl Binding {
    /// Binds a text to the columns of a file.
    ///
    /// # Errors
    ///
    /// If the text has placeholders that need columns, and there is no header, or the header
    /// does not serve ([`check_header`]; a `recipient` column need not be there if the caller has
    /// named another one). With `loose`, only two columns of the same name are wrong: columns
    /// that no placeholder can name are merely of no use, and the recipients are in the column
    /// that the source says.
    pub fn new(template: &Template, source: &Source, loose: bool) -> Result<Binding, HeaderError> {
        let names = template.names();
        let needs_columns = template.needs_columns();
        let own = source.layout().annotations.unwrap_or(usize::MAX);
        let header = match source.header() {
            Some(header) => &header[..header.len().min(own)],
            // An empty list has no header to speak of.
            None if needs_columns && source.layout().width > 0 => return Err(HeaderError::Missing),
            None => &[],
        };
        if needs_columns {
            let named = source.layout().column_confidence == Confidence::Given;
            match check_header(header) {
                Err(error @ HeaderError::Duplicate { .. }) => return Err(error),
                Err(HeaderError::NoRecipient) if named => {}
                Err(error) if !loose && !header.is_empty() => return Err(error),
                _ => {}
            }
        }
        let mut binding = Binding {
            columns: BTreeMap::new(),
            lacking: Vec::new(),
        };
        for name in names
            .into_iter()
            .filter(|&name| name != Template::RECIPIENT)
        {
            match header.iter().position(|column| column == name) {
                Some(column) => {
                    binding.columns.insert(name.to_owned(), column);
                }
                None => binding.lacking.push(Lacking {
                    name: name.to_owned(),
                    near_miss: near_miss(name, header),
                }),
            }
        }
        Ok(binding)
    }

    /// The placeholders that no column serves.
    pub fn lacking(&self) -> &[Lacking] {
        &self.lacking
    }

    /// The column that serves a placeholder.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.get(name).copied()
    }

    /// The placeholders that columns serve, and these columns, in the order of the names.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&str, usize)> {
        let columns = self.columns.iter();
        columns.map(|(name, &column)| (name.as_str(), column))
    }

    /// Fills the text for one row ([`fill`]).
    pub(crate) fn fill<'v>(
        &self,
        template: &Template,
        missing: Missing,
        number: &str,
        field: impl Fn(usize) -> Option<&'v str>,
        out: &mut String,
    ) -> Result<(), Unfilled> {
        let value = |name: &str| field(self.column(name)?);
        fill(template, missing, number, value, out)
    }
}

/// Fills the text for one recipient: `{recipient}` is the number (D17), every other placeholder
/// what `value` says. `out` is cleared first.
///
/// ```
/// use recipients_batcher::fill;
/// use recipients_template::{Missing, Template};
///
/// let template = Template::parse("{name}, your number is {recipient}");
/// let value = |name: &str| (name == "name").then_some("Olha");
/// let mut text = String::new();
/// fill(&template, Missing::Reject, "380971112233", value, &mut text)?;
/// assert_eq!(text, "Olha, your number is 380971112233");
/// # Ok::<(), recipients_template::Unfilled>(())
/// ```
///
/// # Errors
///
/// As [`Template::fill`].
pub fn fill<'v>(
    template: &Template,
    missing: Missing,
    number: &str,
    value: impl Fn(&str) -> Option<&'v str>,
    out: &mut String,
) -> Result<(), Unfilled> {
    // One lifetime for the number and the values, though only the number may be shorter.
    fn shorter<'n, 'v: 'n>(value: Option<&'v str>) -> Option<&'n str> {
        value
    }
    template.fill(
        |name| match name {
            Template::RECIPIENT => Some(number),
            name => shorter(value(name)),
        },
        missing,
        out,
    )
}

/// The verdict's reason where a text was not filled.
pub fn unfilled_reason(unfilled: &Unfilled) -> Reason {
    match unfilled {
        Unfilled::NoValue { .. } => Reason::MissingPlaceholder,
        Unfilled::TooLong => Reason::TextTooLong,
    }
}

/// The column whose name differs only in case, spaces, `_` and `-`, or else by a slip or two.
fn near_miss(name: &str, header: &[String]) -> Option<String> {
    let folded = |text: &str| -> String {
        text.to_lowercase()
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-'))
            .collect()
    };
    let wanted = folded(name);
    let slips = |column: &&String| {
        let distance = strsim::damerau_levenshtein(&wanted, &folded(column));
        (distance <= 2 && distance * 3 <= wanted.chars().count().max(1)).then_some(distance)
    };
    header
        .iter()
        .filter_map(|column| Some((slips(&column)?, column)))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, column)| column.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(header: &[&str]) -> Vec<String> {
        header.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn d17_headers_of_a_template_list() {
        let check = |header: &[&str]| check_header(&names(header));
        assert_eq!(check(&["recipient", "name", "D-1_x"]), Ok(()));
        assert_eq!(check(&["Recipient", "name"]), Err(HeaderError::NoRecipient));
        assert!(matches!(
            check(&["recipient", "a", "a"]),
            Err(HeaderError::Duplicate {
                columns: [2, 3],
                ..
            })
        ));
        assert_eq!(check(&["recipient", "a", "A"]), Ok(())); // names are case-sensitive
        assert!(matches!(
            check(&["recipient", "имя"]),
            Err(HeaderError::NotAPlaceholder { column: 2, .. })
        ));
    }

    #[test]
    fn d17_near_misses() {
        let header = names(&["recipient", "balance", "First Name", "x"]);
        for (name, expected) in [
            ("ballance", Some("balance")),
            ("Balance", Some("balance")),
            ("first_name", Some("First Name")),
            ("blanace", Some("balance")),
            ("date", None),
            ("y", None),
        ] {
            assert_eq!(near_miss(name, &header).as_deref(), expected, "{name}");
        }
    }
}
