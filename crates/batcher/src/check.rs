//! One batch of rows, judged: the part that runs on many threads. It knows no other batch.

use crate::annotate::{self, Prior};
use crate::binding::{Binding, unfilled_reason};
use crate::cost::{Cost, Texts};
use recipients_core::{Checker, Code, Reason, SeveralNumbers, Verdict, is_blank};
use recipients_ingest::{Batch, Format, Layout, Row, Value};
use recipients_template::Segments;

/// What is the same for all rows of one file.
#[derive(Debug)]
pub(crate) struct FileCheck {
    /// If there is a text.
    pub(crate) texts: Option<Texts>,
    pub(crate) column: usize,
    /// The list's own columns, without those that an earlier run has added.
    pub(crate) own: usize,
    /// Where the columns begin that an earlier run has added.
    pub(crate) annotations: Option<usize>,
    pub(crate) is_text: bool,
}

impl FileCheck {
    pub(crate) fn new(layout: &Layout, texts: Option<Texts>) -> FileCheck {
        FileCheck {
            texts,
            column: layout.column,
            own: layout.annotations.unwrap_or(layout.width),
            annotations: layout.annotations,
            is_text: layout.format == Format::Text,
        }
    }

    /// How the columns serve the text, if there is one.
    pub(crate) fn binding(&self) -> Option<&Binding> {
        self.texts.as_ref().map(|texts| &texts.binding)
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

    /// The recipients of a batch. A row of the wrong shape, or without the cell, has nothing to be
    /// asked about.
    pub(crate) fn cells<'b>(&self, batch: &'b Batch) -> Vec<&'b str> {
        let cell = |row: Row<'b>| match self.wrong_shape(&row) {
            None => self.field(&row, self.column).unwrap_or_default(),
            Some(_) => "",
        };
        batch.rows().map(cell).collect()
    }

    /// D18: how many fields the row has, if that is not as many as there are columns.
    fn wrong_shape(&self, row: &Row<'_>) -> Option<usize> {
        if !self.is_text {
            return None;
        }
        let Some(start) = self.annotations else {
            return (row.len() != self.own).then(|| row.len());
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

/// What was found out about the recipients of one batch, before other rows are looked at.
#[derive(Default)]
pub(crate) struct Judged {
    /// In the order of the rows.
    pub(crate) verdicts: Vec<Verdict>,
    /// The row of each verdict; empty while the n-th verdict is on the n-th row.
    rows: Vec<u32>,
    /// What each text costs; empty without a text.
    segments: Vec<Option<Segments>>,
    /// What few verdicts have, with their places, ascending.
    extras: Vec<(u32, Extra)>,
}

/// What there is to say of a recipient beyond its verdict.
#[derive(Default)]
pub(crate) struct Extra {
    /// One number of a cell that held several.
    pub(crate) piece: Option<Box<str>>,
    /// Beyond the reason.
    pub(crate) detail: Option<Box<str>>,
    /// Characters of values that took a text out of the GSM alphabet, each once.
    pub(crate) culprits: Option<Box<[char]>>,
}

impl Judged {
    pub(crate) fn row(&self, at: usize) -> usize {
        self.rows.get(at).map_or(at, |&row| row as usize)
    }

    pub(crate) fn segments(&self, at: usize) -> Option<Segments> {
        self.segments.get(at).copied().flatten()
    }

    /// What the text for an accepted recipient costs.
    pub(crate) fn cost(&self, at: usize) -> Cost {
        let culprits = self.extra(at).and_then(|extra| extra.culprits.clone());
        let segments = self.segments(at);
        Cost {
            segments: segments.expect("made when it was accepted"),
            culprits,
        }
    }

    /// Nothing is sent to it.
    pub(crate) fn without_segments(&mut self, at: usize) {
        if let Some(segments) = self.segments.get_mut(at) {
            *segments = None;
        }
    }

    pub(crate) fn extra(&self, at: usize) -> Option<&Extra> {
        if self.extras.is_empty() {
            return None;
        }
        let found = self
            .extras
            .binary_search_by_key(&(at as u32), |&(at, _)| at);
        found.ok().map(|found| &self.extras[found].1)
    }

    /// The extra of the last verdict.
    fn extra_of_last(&mut self) -> &mut Extra {
        let at = self.verdicts.len() as u32 - 1;
        if self.extras.last().is_none_or(|&(last, _)| last != at) {
            self.extras.push((at, Extra::default()));
        }
        let last = self.extras.last_mut().expect("pushed if it was not there");
        &mut last.1
    }
}

/// Judges a batch: as many verdicts as rows, more where cells are taken apart.
pub(crate) fn check(checker: &Checker, file: &FileCheck, batch: &Batch) -> Judged {
    let cells = file.cells(batch);
    let mut verdicts = Vec::with_capacity(cells.len());
    checker.check_batch(&cells, &mut verdicts);
    let explode = checker.policy().several() == SeveralNumbers::Explode;
    if !explode && file.texts.is_none() && file.annotations.is_none() && file.own <= 1 {
        return Judged::of_one_column(verdicts, file, batch);
    }
    let mut judged = Judged {
        verdicts: Vec::with_capacity(cells.len()),
        ..Judged::default()
    };
    let mut text = String::new();
    for (index, (row, verdict)) in batch.rows().zip(verdicts).enumerate() {
        let mut take = |verdict: Verdict, piece: Option<&str>, detail: Option<String>| {
            judged.verdicts.push(verdict);
            if judged.verdicts.len() - 1 != index || !judged.rows.is_empty() {
                let at = judged.verdicts.len() - 1;
                judged.rows.extend(judged.rows.len() as u32..at as u32);
                judged.rows.push(index as u32);
            }
            if let Some(piece) = piece {
                judged.extra_of_last().piece = Some(piece.into());
            }
            if let Some(detail) = detail {
                judged.extra_of_last().detail = Some(detail.into());
            }
            if let Some(texts) = &file.texts {
                judged.segments.push(None);
                // A text that cannot be made comes before numbers that had one (D1).
                if verdict.is_accepted() || verdict.code() == Code::Duplicate {
                    fill(texts, file, &row, &mut judged, &mut text);
                }
            }
        };
        let (verdict, detail) = match verdict.code() {
            Code::Empty => empty(file, &row, verdict),
            _ => (as_before(verdict, file, &row), None),
        };
        if explode && verdict.reason() == Reason::SeveralNumbers {
            for (piece, verdict) in checker.check_pieces(cells[index]) {
                take(verdict, Some(piece), None);
            }
            continue;
        }
        take(verdict, None, detail);
    }
    judged
}

impl Judged {
    fn of_one_column(verdicts: Vec<Verdict>, file: &FileCheck, batch: &Batch) -> Judged {
        let mut judged = Judged {
            verdicts,
            ..Judged::default()
        };
        for at in 0..judged.verdicts.len() {
            let verdict = judged.verdicts[at];
            if verdict.code() == Code::Empty {
                let (verdict, detail) = empty(file, &batch.row(at), verdict);
                judged.verdicts[at] = verdict;
                if detail.is_some() {
                    let detail = detail.map(Into::into);
                    judged.extras.push((
                        at as u32,
                        Extra {
                            detail,
                            ..Extra::default()
                        },
                    ));
                }
            }
        }
        judged
    }
}

/// D18: the verdict on a row without a recipient, which may be blank or of the wrong shape.
pub(crate) fn empty(
    file: &FileCheck,
    row: &Row<'_>,
    verdict: Verdict,
) -> (Verdict, Option<String>) {
    if file.fields(row).all(is_blank) {
        let reason = match file.fields(row).all(str::is_empty) {
            true => Reason::EmptyValue,
            false => Reason::Blank,
        };
        return (Verdict::without_number(reason), None);
    }
    if let Some(fields) = file.wrong_shape(row) {
        let detail = annotate::shape_message(fields, file.own);
        return (Verdict::without_number(Reason::RowShape), Some(detail));
    }
    match file.field(row, file.column) {
        Some(_) => (as_before(verdict, file, row), None),
        None => (Verdict::without_number(Reason::Missing), None),
    }
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

/// Finds out what the text for the last verdict costs.
fn fill(texts: &Texts, file: &FileCheck, row: &Row<'_>, judged: &mut Judged, text: &mut String) {
    let at = judged.verdicts.len() - 1;
    let value = |at: usize| file.field(row, texts.columns()[at]).map(Value::from);
    match texts.cost(judged.verdicts[at].msisdn(), value, text) {
        Ok(_) if !judged.verdicts[at].is_accepted() => {}
        Ok(cost) => {
            judged.segments[at] = Some(cost.segments);
            if let Some(culprits) = cost.culprits {
                judged.extra_of_last().culprits = Some(culprits);
            }
        }
        Err(unfilled) => {
            let reason = unfilled_reason(&unfilled);
            judged.verdicts[at] = judged.verdicts[at].but(reason);
            let detail = format!("there is {unfilled}");
            judged.extra_of_last().detail = Some(detail.into());
        }
    }
}
