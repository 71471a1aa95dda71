//! One batch of rows, judged: the part that runs on many threads. It knows no other batch.

use crate::annotate::{self, Prior};
use crate::binding::Binding;
use recipients_core::{Checker, Reason, SeveralNumbers, Verdict, is_blank};
use recipients_ingest::{Batch, Format, Layout, Row};
use recipients_template::{Encoding, Missing, Segments, Template, non_gsm};

/// The text of the message and what to do where a value is missing.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) template: Template,
    pub(crate) missing: Missing,
    /// Whether the text itself, without any value, stays within the GSM alphabet.
    pub(crate) is_plain_gsm: bool,
}

impl Message {
    pub(crate) fn new(template: Template, missing: Missing) -> Message {
        let is_plain_gsm = non_gsm(template.text()).next().is_none();
        Message {
            template,
            missing,
            is_plain_gsm,
        }
    }
}

/// What is the same for all rows of one file.
#[derive(Debug)]
pub(crate) struct FileCheck {
    pub(crate) binding: Option<Binding>,
    pub(crate) column: usize,
    /// The list's own columns, without those that an earlier run has added.
    pub(crate) own: usize,
    /// Where the columns begin that an earlier run has added.
    pub(crate) annotations: Option<usize>,
    pub(crate) is_text: bool,
}

impl FileCheck {
    pub(crate) fn new(layout: &Layout, binding: Option<Binding>) -> FileCheck {
        FileCheck {
            binding,
            column: layout.column,
            own: layout.annotations.unwrap_or(layout.width),
            annotations: layout.annotations,
            is_text: layout.format == Format::Text,
        }
    }

    /// A field of the list's own columns, as it was before an earlier run made it safe.
    pub(crate) fn field<'b>(&self, row: &Row<'b>, column: usize) -> Option<&'b str> {
        let Some(field) = row.get(column) else {
            // A cell that a sheet does not have is empty.
            return (!self.is_text).then_some("");
        };
        Some(match self.annotations {
            Some(_) => annotate::unescape(field),
            None => field,
        })
    }

    /// The row's own fields, and behind them those that have no column.
    pub(crate) fn fields<'s, 'b: 's>(
        &'s self,
        row: &'s Row<'b>,
    ) -> impl Iterator<Item = &'b str> + 's {
        let added = match self.annotations {
            Some(start) => start..start + annotate::COLUMNS.len(),
            None => usize::MAX..usize::MAX,
        };
        (0..row.len())
            .filter(move |column| !added.contains(column))
            .filter_map(|column| self.field(row, column))
    }

    /// D18: how many fields the row has, if that is not as many as there are columns.
    fn wrong_shape(&self, row: &Row<'_>) -> Option<usize> {
        if !self.is_text {
            return None;
        }
        let Some(start) = self.annotations else {
            return (row.len() != self.own).then_some(row.len());
        };
        // What stands behind the added columns had no column; a spreadsheet program fills rows up
        // with empty cells.
        let end = start + annotate::COLUMNS.len();
        let overflow = (end..row.len())
            .rev()
            .find(|&column| row.get(column).is_some_and(|field| !field.is_empty()));
        if let Some(last) = overflow {
            return Some(last + 1 - annotate::COLUMNS.len());
        }
        match annotate::prior(row, start) {
            Prior::Short(fields) if fields < start => {
                let mended = (fields..start).any(|c| row.get(c).is_some_and(|f| !f.is_empty()));
                (!mended).then_some(fields)
            }
            Prior::Short(fields) if fields > start && row.len() > end => Some(fields),
            _ if row.len() < start => Some(row.len()),
            _ => None,
        }
    }
}

/// What was found out about one recipient, before other rows are looked at.
pub(crate) struct Outcome {
    /// The row's place in its batch.
    pub(crate) row: u32,
    pub(crate) verdict: Verdict,
    /// One number of a cell that held several.
    pub(crate) piece: Option<Box<str>>,
    /// What is to be said of it beyond the reason.
    pub(crate) detail: Option<Box<str>>,
    pub(crate) segments: Option<Segments>,
    /// Characters of values that took a text out of the GSM alphabet, each once.
    pub(crate) culprits: Option<Box<[char]>>,
}

/// Judges a batch: as many outcomes as rows, more where cells are taken apart.
pub(crate) fn check(
    checker: &Checker,
    message: Option<&Message>,
    file: &FileCheck,
    batch: &Batch,
) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(batch.len());
    let mut text = String::new();
    let explode = checker.policy().several() == SeveralNumbers::Explode;
    for (index, row) in batch.rows().enumerate() {
        let mut take = |verdict, piece: Option<&str>, detail: Option<String>| {
            let mut outcome = Outcome {
                row: index as u32,
                verdict,
                piece: piece.map(Into::into),
                detail: detail.map(Into::into),
                segments: None,
                culprits: None,
            };
            if let (true, Some(message)) = (verdict.is_accepted(), message) {
                fill(message, file, &row, &mut outcome, &mut text);
            }
            outcomes.push(outcome);
        };
        if file.fields(&row).all(is_blank) {
            let reason = match file.fields(&row).all(str::is_empty) {
                true => Reason::EmptyValue,
                false => Reason::Blank,
            };
            take(Verdict::without_number(reason), None, None);
            continue;
        }
        if let Some(fields) = file.wrong_shape(&row) {
            let detail = annotate::shape_message(fields, file.own);
            take(
                Verdict::without_number(Reason::RowShape),
                None,
                Some(detail),
            );
            continue;
        }
        let cell = match file.field(&row, file.column) {
            Some(cell) => cell,
            None => {
                take(Verdict::without_number(Reason::Missing), None, None);
                continue;
            }
        };
        if explode {
            let pieces = checker.check_pieces(cell);
            if pieces.len() > 1 {
                for (piece, verdict) in pieces {
                    take(verdict, Some(piece), None);
                }
                continue;
            }
        }
        let verdict = as_before(checker.check(cell), file, &row);
        take(verdict, None, None);
    }
    outcomes
}

/// What an earlier run found stays true where the row only seems to have been mended: a duplicate
/// while its number is the same, and digits that a spreadsheet program has lost or dropped.
fn as_before(verdict: Verdict, file: &FileCheck, row: &Row<'_>) -> Verdict {
    let Some(start) = file.annotations else {
        return verdict;
    };
    let digits = verdict.msisdn().map(|number| number.to_string());
    match annotate::prior(row, start) {
        Prior::DuplicateOf(number) if verdict.msisdn() == Some(number) => {
            verdict.but(Reason::Duplicate)
        }
        Prior::PrecisionLost if digits.is_some_and(|digits| digits.ends_with("000")) => {
            Verdict::without_number(Reason::PrecisionLost)
        }
        Prior::LeadingZero(Some(number)) if verdict.msisdn() == Some(number) => {
            Verdict::without_number(Reason::LeadingZero)
        }
        _ => verdict,
    }
}

fn fill(
    message: &Message,
    file: &FileCheck,
    row: &Row<'_>,
    outcome: &mut Outcome,
    text: &mut String,
) {
    let Some(binding) = &file.binding else {
        return;
    };
    let number = outcome.verdict.msisdn().map(|n| n.to_string());
    let filled = binding.fill(
        &message.template,
        message.missing,
        number.as_deref().unwrap_or_default(),
        |column| file.field(row, column),
        text,
    );
    match filled {
        Ok(()) => {
            let segments = Segments::of(text);
            outcome.segments = Some(segments);
            if message.is_plain_gsm && segments.encoding == Encoding::Ucs2 {
                let mut culprits: Vec<char> = non_gsm(text).collect();
                culprits.sort_unstable();
                culprits.dedup();
                outcome.culprits = Some(culprits.into());
            }
        }
        Err(name) => {
            outcome.verdict = outcome.verdict.but(Reason::MissingPlaceholder);
            outcome.detail = Some(format!("there is no value for {{{name}}}").into());
        }
    }
}
