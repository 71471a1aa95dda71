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
use memchr::{memchr, memchr2, memchr3};

/// The delimiter and enclosure of a text file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: Option<char>,
    pub(crate) enclosure: Option<char>,
}

/// How far the end of a row has been looked for; survives until more text is there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Scan {
    /// Bytes of the row that are done with.
    at: usize,
    /// Where the quote stands that is open.
    quote: Option<usize>,
}

/// A row as it stands in the text: without its line end, and how long it is with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Found {
    pub(crate) len: usize,
    pub(crate) with_terminator: usize,
}

/// What looking for the end of a row came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Row(Found),
    /// The text ends first. If `quote` is set, it stands open since there.
    More {
        quote: Option<usize>,
    },
}

impl Dialect {
    /// Looks for the end of the row that `text` starts with. `last` when no more text will come:
    /// then the end of the text ends the row, unless a quote is open.
    pub(crate) fn row_end(&self, text: &str, scan: &mut Scan, last: bool) -> End {
        let bytes = text.as_bytes();
        let mut quote_buf = [0; 4];
        let quote = self
            .enclosure
            .map(|q| q.encode_utf8(&mut quote_buf).as_bytes());
        loop {
            if let (Some(_), Some(quote)) = (scan.quote, quote) {
                // Inside a quoted field: only a quote can end it.
                let Some(found) = memchr(quote[0], &bytes[scan.at..]) else {
                    scan.at = bytes.len();
                    return End::More { quote: scan.quote };
                };
                let at = scan.at + found;
                if !bytes[at..].starts_with(quote) {
                    scan.at = at + 1;
                    continue;
                }
                let after = at + quote.len();
                let rest = &bytes[after..];
                if rest.len() < quote.len() && !last && quote.starts_with(rest) {
                    // Doubled or not: the next bytes will tell.
                    scan.at = at;
                    return End::More { quote: scan.quote };
                }
                if rest.starts_with(quote) {
                    scan.at = after + quote.len();
                } else {
                    scan.at = after;
                    scan.quote = None;
                }
                continue;
            }
            let rest = &bytes[scan.at..];
            let found = match quote {
                Some(quote) => memchr3(b'\n', b'\r', quote[0], rest),
                None => memchr2(b'\n', b'\r', rest),
            };
            let Some(found) = found else {
                scan.at = bytes.len();
                return match last {
                    true => End::Row(Found {
                        len: bytes.len(),
                        with_terminator: bytes.len(),
                    }),
                    false => End::More { quote: None },
                };
            };
            let at = scan.at + found;
            match bytes[at] {
                b'\n' => return row(at, 1),
                b'\r' if bytes.get(at + 1) == Some(&b'\n') => return row(at, 2),
                b'\r' if at + 1 == bytes.len() && !last => {
                    // A line feed may follow.
                    scan.at = at;
                    return End::More { quote: None };
                }
                b'\r' => return row(at, 1),
                _ => {
                    let quote = quote.expect("found by its first byte");
                    if bytes[at..].starts_with(quote) && self.field_starts(text, at) {
                        scan.quote = Some(at);
                        scan.at = at + quote.len();
                    } else {
                        scan.at = at + 1;
                    }
                }
            }
        }
    }

    /// Whether a quote at `at`, outside of quotes, stands at the start of a field.
    fn field_starts(&self, row: &str, at: usize) -> bool {
        at == 0
            || self
                .delimiter
                .is_some_and(|delimiter| row[..at].ends_with(delimiter))
    }

    /// Writes the fields of a row, unquoted, to the batch; the caller ends the row.
    pub(crate) fn fields(&self, row: &str, batch: &mut Batch) {
        let mut rest = Some(row);
        while let Some(row) = rest {
            rest = self.field(row, batch).1;
        }
    }

    /// The same, telling for each field whether it was enclosed.
    pub(crate) fn fields_enclosed(&self, row: &str, batch: &mut Batch) -> Vec<bool> {
        let mut enclosed = Vec::new();
        let mut rest = Some(row);
        while let Some(row) = rest {
            let (quoted, next) = self.field(row, batch);
            enclosed.push(quoted);
            rest = next;
        }
        enclosed
    }

    /// Whether a field has to be enclosed to be read back.
    pub(crate) fn needs_enclosure(&self, field: &str) -> bool {
        field.chars().any(|c| {
            c == '\n' || c == '\r' || Some(c) == self.delimiter || Some(c) == self.enclosure
        })
    }

    /// Takes the first field of what is left of a row: whether it was enclosed, and what is left
    /// then.
    fn field<'r>(&self, mut rest: &'r str, batch: &mut Batch) -> (bool, Option<&'r str>) {
        let quoted = self.enclosure.filter(|&quote| rest.starts_with(quote));
        if let Some(quote) = quoted {
            rest = &rest[quote.len_utf8()..];
            while let Some(at) = rest.find(quote) {
                batch.push_str(&rest[..at]);
                rest = &rest[at + quote.len_utf8()..];
                if !rest.starts_with(quote) {
                    break;
                }
                batch.push_str(&rest[..quote.len_utf8()]);
                rest = &rest[quote.len_utf8()..];
            }
        }
        let end = self.delimiter.and_then(|delimiter| {
            let mut buf = [0; 4];
            match delimiter.encode_utf8(&mut buf).as_bytes() {
                &[byte] => memchr(byte, rest.as_bytes()),
                _ => rest.find(delimiter),
            }
        });
        batch.push_str(&rest[..end.unwrap_or(rest.len())]);
        batch.end_field();
        let next = end.map(|at| &rest[at + self.delimiter.map_or(0, char::len_utf8)..]);
        (quoted.is_some(), next)
    }
}

fn row(len: usize, terminator: usize) -> End {
    End::Row(Found {
        len,
        with_terminator: len + terminator,
    })
}

/// How many physical lines end in the text; a CR at its very end counts.
pub(crate) fn count_lines(text: &str) -> u64 {
    let bytes = text.as_bytes();
    memchr::memchr2_iter(b'\n', b'\r', bytes)
        .filter(|&at| bytes[at] == b'\r' || at == 0 || bytes[at - 1] != b'\r')
        .count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Splits a whole text, handing it over `chunk` characters at a time.
    fn split(dialect: Dialect, text: &str, chunk: usize) -> Option<Vec<Vec<String>>> {
        let mut batch = Batch::new();
        let (mut start, mut scan) = (0, Scan::default());
        let mut known = 0;
        while start < text.len() {
            let last = known == text.len();
            match dialect.row_end(&text[start..known], &mut scan, last) {
                End::Row(found) => {
                    if found.len > 0 {
                        dialect.fields(&text[start..start + found.len], &mut batch);
                        batch.end_row(0, 0);
                    }
                    start += found.with_terminator;
                    scan = Scan::default();
                }
                End::More { quote: Some(_) } if last => return None,
                End::More { .. } => {
                    let more: usize = text[known..].chars().take(chunk).map(char::len_utf8).sum();
                    known += more;
                }
            }
        }
        let rows = batch.rows();
        Some(
            rows.map(|row| row.fields().map(str::to_owned).collect())
                .collect(),
        )
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
