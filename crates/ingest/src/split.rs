//! Where rows and fields end.
//!
//! Quotes mean what they mean to PHP's `fgetcsv` and to the `csv` crate: they open a field only
//! at its start, are doubled to stand for themselves, and what follows the closing one up to the
//! delimiter belongs to the field as it is. Every CR, LF or CRLF ends a physical line.
//!
//! Own code rather than the `csv` crate, because a row must know its physical line (CR-only files
//! included) and its offset, blank lines are counted, a quote that is never closed is told with
//! the line where it began, a row has a limit, and a delimiter may be any character. The `csv`
//! crate is the judge in the tests.

use crate::batch::Batch;
use crate::encoding::SourceLen;
use memchr::{memchr, memchr_iter, memchr2, memchr2_iter, memchr3, memmem};

/// The delimiter and enclosure of a text file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: Option<char>,
    pub(crate) enclosure: Option<char>,
}

/// How a piece of text ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Edge {
    /// Anywhere: a row may go on in the next piece.
    Open,
    /// At the end of a line: only a row with an open quote goes on.
    Line,
    /// The file ends.
    Last,
}

/// How far into the file rows begin.
#[derive(Clone, Copy)]
pub(crate) struct Offsets {
    pub(crate) source: SourceLen,
    /// Whether that is wanted of every row.
    pub(crate) by_row: bool,
}

impl Offsets {
    #[inline]
    fn of(self, text: &str) -> u64 {
        match (self.by_row, self.source) {
            (false, _) => 0,
            (true, SourceLen::Same) => text.len() as u64,
            (true, source) => source.of(text),
        }
    }
}

/// What splitting a piece came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Split {
    /// Bytes of the text that are done with; the rest belongs before the next piece.
    pub(crate) done: usize,
    /// Physical lines among them, and what they take in the file.
    pub(crate) lines: u64,
    pub(crate) source: u64,
    /// Lines without bytes.
    pub(crate) blank: u64,
    pub(crate) run_over: RunOver,
    /// The file cannot be read further.
    pub(crate) fault: Option<Fault>,
}

/// Rows with an enclosed field of several lines behind whose end there is more text: as a quote that
/// was opened by mistake makes them, which runs to the next quote.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct RunOver {
    pub(crate) rows: u64,
    /// The line where the first of them begins, from 1.
    pub(crate) first: u64,
}

impl RunOver {
    /// Adds what comes behind so many lines.
    pub(crate) fn add(&mut self, before: u64, other: RunOver) {
        if self.rows == 0 {
            self.first = before + other.first;
        }
        self.rows += other.rows;
    }
}

/// Why text cannot be split further, and where that is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// The row that begins here is too long.
    TooLong(usize),
    /// The quote that stands here is not closed; neither within the limit, if its row is that long,
    /// nor at the end.
    Unclosed { at: usize, too_long: bool },
}

/// Where a row ends.
enum RowEnd {
    /// Before a line end of so many bytes (none at the end of the text), having so many line ends
    /// within quotes.
    Found {
        at: usize,
        terminator: usize,
        inner_lines: u64,
    },
    /// Not in this text; an open quote, if there is one, stands there.
    Beyond { quote: Option<usize> },
}

/// A delimiter or enclosure as bytes; empty if there is none.
#[derive(Clone, Copy)]
struct Mark {
    bytes: [u8; 4],
    len: usize,
}

impl Mark {
    fn of(mark: Option<char>) -> Mark {
        let mut bytes = [0; 4];
        let len = mark.map_or(0, |mark| mark.encode_utf8(&mut bytes).len());
        Mark { bytes, len }
    }

    #[inline]
    fn starts(&self, text: &[u8]) -> bool {
        match self.len {
            0 => false,
            1 => text.first() == Some(&self.bytes[0]),
            len => text.starts_with(&self.bytes[..len]),
        }
    }
}

/// Splits one text.
struct Splitter<'t> {
    text: &'t str,
    delimiter: Mark,
    quote: Mark,
    edge: Edge,
    /// Fields that cannot stay as they stand in the text.
    unescaped: String,
    /// The row at hand is one of [`RunOver`].
    runs_over: bool,
}

impl Dialect {
    /// Splits the text of a batch into rows, until it ends or there are so many rows. A row that
    /// may go on is left for later; one of more than `limit` bytes is a fault.
    pub(crate) fn split(
        &self,
        batch: &mut Batch,
        edge: Edge,
        source: SourceLen,
        limit: usize,
        most: usize,
    ) -> Split {
        let offsets = Offsets {
            source,
            by_row: true,
        };
        self.split_with(batch, edge, offsets, limit, most)
    }

    /// [`Dialect::split`], with the offsets of rows only if they are wanted: to count what a row takes
    /// in an encoding of one byte a character is dear.
    pub(crate) fn split_with(
        &self,
        batch: &mut Batch,
        edge: Edge,
        offsets: Offsets,
        limit: usize,
        most: usize,
    ) -> Split {
        let mut text = batch.take_text();
        let quoted = self
            .enclosure
            .is_some_and(|quote| memchr(Mark::of(Some(quote)).bytes[0], text.as_bytes()).is_some());
        let quick = match self.delimiter.is_none() && !quoted && most == usize::MAX {
            true => split_lines(&text, batch, edge, offsets, limit),
            false => None,
        };
        let mut split = quick.unwrap_or_else(|| {
            let mut splitter = Splitter::new(*self, &text, edge);
            let split = splitter.split(batch, offsets, limit, most);
            let unescaped = splitter.unescaped;
            text.push_str(&unescaped);
            split
        });
        if !offsets.by_row {
            split.source = offsets.source.of(&text[..split.done]);
        }
        batch.set_text(text);
        split
    }

    /// What splitting a text that ends with a line comes to if each of its lines is a row of one
    /// field, so that splitting can be spared; `None` if that is not known at once.
    pub(crate) fn count_lines(&self, text: &str, source: SourceLen, limit: usize) -> Option<Split> {
        let bytes = text.as_bytes();
        let has = |mark| memchr(mark, bytes).is_some();
        let quoted = self
            .enclosure
            .is_some_and(|quote| has(Mark::of(Some(quote)).bytes[0]));
        if self.delimiter.is_some() || quoted || bytes.len() > limit {
            return None;
        }
        let has_returns = has(b'\r');
        if has_returns && !memchr_iter(b'\r', bytes).all(|at| bytes.get(at + 1) == Some(&b'\n')) {
            return None;
        }
        // A blank line begins behind another line, or at the start. To look whether there is one is
        // quicker than to count.
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let has_inner = memmem::find(bytes, b"\n\n").is_some()
            || has_returns && memmem::find(bytes, b"\n\r").is_some();
        let inner = match has_inner {
            true => bytes
                .windows(2)
                .filter(|pair| pair[0] == b'\n' && is_end(&pair[1]))
                .count(),
            false => 0,
        };
        Some(Split {
            done: text.len(),
            lines: memchr_iter(b'\n', bytes).count() as u64,
            source: source.of(text),
            blank: inner as u64 + u64::from(bytes.first().is_some_and(is_end)),
            run_over: RunOver::default(),
            fault: None,
        })
    }

    /// The first row of a text, which may end with it; each field with whether it was enclosed.
    pub(crate) fn first_row(&self, text: &str) -> Option<Vec<(String, bool)>> {
        let mut batch = Batch::new();
        let mut splitter = Splitter::new(*self, text, Edge::Last);
        let mut starts = Vec::new();
        match splitter.row(0, &mut batch, &mut |at| starts.push(at)) {
            RowEnd::Beyond { .. } => None,
            // What follows need not be copied.
            RowEnd::Found { at, .. } if at < text.len() => self.first_row(&text[..at]),
            RowEnd::Found { .. } => {
                let whole = format!("{text}{}", splitter.unescaped);
                batch.set_text(whole);
                batch.end_row(0, 0);
                let enclosed = starts
                    .iter()
                    .map(|&at| splitter.quote.starts(&text.as_bytes()[at..]));
                let fields = batch.row(0).fields().map(str::to_owned);
                Some(fields.zip(enclosed).collect())
            }
        }
    }

    /// Whether a field has to be enclosed to be read back.
    pub(crate) fn needs_enclosure(&self, field: &str) -> bool {
        field.contains(|c| self.marks().any(|mark| mark == c))
    }

    /// The characters for which it has to be.
    pub(crate) fn marks(&self) -> impl Iterator<Item = char> + use<> {
        let marks = [Some('\n'), Some('\r'), self.delimiter, self.enclosure];
        marks.into_iter().flatten()
    }
}

/// The rows of a text in which every line is one: no delimiter, no quote. `None` if a CR stands
/// by itself, which ends a line, too.
fn split_lines(
    text: &str,
    batch: &mut Batch,
    edge: Edge,
    offsets: Offsets,
    limit: usize,
) -> Option<Split> {
    let bytes = text.as_bytes();
    let returns = memchr_iter(b'\r', bytes).count();
    let mut stripped = 0;
    let mut split = Split::default();
    let mut line = |split: &mut Split, end: usize, next: usize| {
        let start = split.done;
        let bare = match returns > 0 && end > start && bytes[end - 1] == b'\r' && next > end {
            true => {
                stripped += 1;
                end - 1
            }
            false => end,
        };
        if bare - start > limit {
            split.fault = Some(Fault::TooLong(start));
            return;
        }
        if bare == start {
            split.blank += 1;
        } else {
            batch.push_field(start, bare);
            batch.end_row(split.lines + 1, split.source);
        }
        split.lines += u64::from(next > end);
        split.source += offsets.of(&text[start..next]);
        split.done = next;
    };
    for end in memchr_iter(b'\n', bytes) {
        line(&mut split, end, end + 1);
        if split.fault.is_some() {
            break;
        }
    }
    if split.fault.is_none() && split.done < bytes.len() {
        let rest = bytes.len() - split.done;
        if edge == Edge::Last {
            line(&mut split, bytes.len(), bytes.len());
        } else if rest > limit {
            split.fault = Some(Fault::TooLong(split.done));
        }
    }
    if returns != stripped {
        batch.forget_rows();
        return None;
    }
    Some(split)
}

impl<'t> Splitter<'t> {
    fn new(dialect: Dialect, text: &'t str, edge: Edge) -> Splitter<'t> {
        Splitter {
            text,
            delimiter: Mark::of(dialect.delimiter),
            quote: Mark::of(dialect.enclosure),
            edge,
            unescaped: String::new(),
            runs_over: false,
        }
    }

    fn split(&mut self, batch: &mut Batch, offsets: Offsets, limit: usize, most: usize) -> Split {
        let text = self.text;
        let mut split = Split::default();
        while split.done < text.len() && batch.len() < most {
            let start = split.done;
            let (fields, unescaped) = (batch.fields_len(), self.unescaped.len());
            self.runs_over = false;
            match self.row(start, batch, &mut |_| {}) {
                RowEnd::Found { at, .. } if at - start > limit => {
                    split.fault = Some(Fault::TooLong(start));
                    batch.forget_fields(fields);
                    break;
                }
                RowEnd::Found {
                    at,
                    terminator,
                    inner_lines,
                } => {
                    if at == start {
                        batch.forget_fields(fields);
                        split.blank += 1;
                    } else {
                        batch.end_row(split.lines + 1, split.source);
                    }
                    if self.runs_over {
                        split
                            .run_over
                            .add(split.lines, RunOver { rows: 1, first: 1 });
                    }
                    split.lines += inner_lines + u64::from(terminator > 0);
                    split.done = at + terminator;
                    split.source += offsets.of(&text[start..split.done]);
                }
                RowEnd::Beyond { quote } => {
                    batch.forget_fields(fields);
                    self.unescaped.truncate(unescaped);
                    let too_long = text.len() - start > limit;
                    split.fault = match quote {
                        Some(at) if too_long || self.edge == Edge::Last => {
                            Some(Fault::Unclosed { at, too_long })
                        }
                        _ if too_long => Some(Fault::TooLong(start)),
                        _ => None,
                    };
                    break;
                }
            }
        }
        split
    }

    /// Takes the fields of the row that begins at `start`, telling where each begins.
    fn row(&mut self, start: usize, batch: &mut Batch, field: &mut impl FnMut(usize)) -> RowEnd {
        let bytes = self.text.as_bytes();
        let mut inner_lines = 0;
        let mut at = start;
        loop {
            field(at);
            let end = match self.quote.starts(&bytes[at..]) {
                true => match self.quoted(at, batch, &mut inner_lines) {
                    Some(end) => end,
                    None => return RowEnd::Beyond { quote: Some(at) },
                },
                false => {
                    let end = self.field_end(at);
                    batch.push_field(at, end);
                    end
                }
            };
            let found = |terminator| RowEnd::Found {
                at: end,
                terminator,
                inner_lines,
            };
            match bytes.get(end) {
                None if self.edge == Edge::Open => return RowEnd::Beyond { quote: None },
                None => return found(0),
                Some(b'\n') => return found(1),
                Some(b'\r') => match bytes.get(end + 1) {
                    Some(b'\n') => return found(2),
                    // A line feed may follow.
                    None if self.edge == Edge::Open => return RowEnd::Beyond { quote: None },
                    _ => return found(1),
                },
                Some(_) => at = end + self.delimiter.len,
            }
        }
    }

    /// The next delimiter or line end, or the end of the text.
    #[inline]
    fn field_end(&self, mut from: usize) -> usize {
        let bytes = self.text.as_bytes();
        let first = self.delimiter.bytes[0];
        loop {
            let rest = &bytes[from..];
            let found = match self.delimiter.len {
                0 => memchr2(b'\n', b'\r', rest),
                _ => memchr3(b'\n', b'\r', first, rest),
            };
            let Some(found) = found else {
                return bytes.len();
            };
            let at = from + found;
            if matches!(bytes[at], b'\n' | b'\r') || self.delimiter.starts(&bytes[at..]) {
                return at;
            }
            from = at + 1;
        }
    }

    /// Takes an enclosed field and what follows it up to its end; `None` if the quote stays open.
    fn quoted(&mut self, open: usize, batch: &mut Batch, lines: &mut u64) -> Option<usize> {
        let (text, quote) = (self.text, self.quote);
        let bytes = text.as_bytes();
        let kept = self.unescaped.len();
        // What has not been copied yet.
        let mut part = open + quote.len;
        let mut from = part;
        let closed = loop {
            let at = from + memchr(quote.bytes[0], &bytes[from..])?;
            if !quote.starts(&bytes[at..]) {
                from = at + 1;
                continue;
            }
            let after = at + quote.len;
            if quote.starts(&bytes[after..]) {
                self.unescaped.push_str(&text[part..after]);
                from = after + quote.len;
                part = from;
                continue;
            }
            let rest = &bytes[after..];
            let cut = rest.len() < quote.len && quote.bytes[..quote.len].starts_with(rest);
            if cut && self.edge == Edge::Open {
                // Doubled or not: the next bytes will tell.
                return None;
            }
            break at;
        };
        let after = closed + quote.len;
        let end = self.field_end(after);
        let inner = count_lines(&text[open..after]);
        *lines += inner;
        self.runs_over |= inner > 0 && !text[after..end].trim_ascii().is_empty();
        if self.unescaped.len() == kept && end == after {
            batch.push_field(part, closed);
        } else {
            self.unescaped.push_str(&text[part..closed]);
            self.unescaped.push_str(&text[after..end]);
            let start = text.len() + kept;
            batch.push_field(start, text.len() + self.unescaped.len());
        }
        Some(end)
    }
}

/// How many physical lines end in the text; a CR at its very end counts.
pub(crate) fn count_lines(text: &str) -> u64 {
    let bytes = text.as_bytes();
    memchr2_iter(b'\n', b'\r', bytes)
        .filter(|&at| bytes[at] == b'\r' || at == 0 || bytes[at - 1] != b'\r')
        .count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Splits a whole text, handing it over `chunk` characters at a time.
    fn split(dialect: Dialect, text: &str, chunk: usize) -> Option<Vec<Vec<String>>> {
        let mut rows = Vec::new();
        let (mut start, mut known) = (0, 0);
        loop {
            let more: usize = text[known..].chars().take(chunk).map(char::len_utf8).sum();
            known += more;
            let edge = match known == text.len() {
                true => Edge::Last,
                false => Edge::Open,
            };
            let mut batch = Batch::new();
            batch.set_text(text[start..known].to_owned());
            let split = dialect.split(&mut batch, edge, SourceLen::Same, 1000, usize::MAX);
            rows.extend(
                batch
                    .rows()
                    .map(|row| row.fields().map(str::to_owned).collect()),
            );
            start += split.done;
            if split.fault.is_some() {
                return None;
            }
            if edge == Edge::Last {
                assert_eq!(start, text.len());
                return Some(rows);
            }
        }
    }

    fn judge(text: &str, delimiter: u8, quote: u8) -> Vec<Vec<String>> {
        csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .quote(quote)
            .from_reader(text.as_bytes())
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn d16_the_csv_crate_reads_the_same_rows(
            text in "([a\u{e9}\";,'\r\n]|\r\n|\"a\"|\"\"\"|,\"|\",){0,30}",
            chunk in 1usize..6,
            (delimiter, quote) in prop_oneof![Just((',', '"')), Just((';', '"')), Just((',', '\''))],
        ) {
            let dialect = Dialect { delimiter: Some(delimiter), enclosure: Some(quote) };
            // An open quote at the end is an error here; the csv crate takes the rest.
            if let Some(rows) = split(dialect, &text, chunk) {
                prop_assert_eq!(rows, judge(&text, delimiter as u8, quote as u8));
            }
        }

        #[test]
        fn the_same_rows_in_any_chunks(
            text in "[a«»§\";\r\n]{0,40}", chunk in 1usize..6,
        ) {
            for (delimiter, enclosure) in
                [(Some('§'), Some('«')), (Some('«'), Some('»')), (None, Some('»')), (Some(';'), None), (None, None)]
            {
                let dialect = Dialect { delimiter, enclosure };
                prop_assert_eq!(split(dialect, &text, chunk), split(dialect, &text, usize::MAX));
            }
        }

        #[test]
        fn physical_lines(text in "[ab\r\n]{0,30}") {
            let unified = text.replace("\r\n", "\n").replace('\r', "\n");
            prop_assert_eq!(count_lines(&text), unified.matches('\n').count() as u64);
        }
    }
}
