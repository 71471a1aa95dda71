//! One column of a text, from its bytes as they stand in the file, and the values of few others.
//!
//! Whoever wants to know about the recipients only need not have the other columns decoded, nor know where
//! each of their fields stands. Rows that are not plain are made as any others: what comes out is what
//! [`crate::split`] would make of the decoded text.

use crate::encoding::{Decoder, Encoding};
use crate::split::{RunOver, Split};
use std::borrow::Cow;
use std::ops::Range;

/// Consecutive rows of a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Run {
    /// Of which the cells are known, a line each, by their place among all cells.
    Cells(Range<usize>),
    /// Others, by their place among those.
    Rows(Range<usize>),
}

/// A field, maybe as it stands in the file.
#[derive(Clone, Copy)]
pub struct Value<'c>(Stands<'c>);

#[derive(Clone, Copy)]
enum Stands<'c> {
    Text(&'c str),
    /// Of which all are characters of that encoding.
    Bytes(&'c [u8], Encoding),
}

impl<'c> Value<'c> {
    pub(crate) fn new(bytes: &'c [u8], encoding: Encoding) -> Value<'c> {
        Value(Stands::Bytes(bytes, encoding))
    }

    /// What it holds.
    pub fn text(self) -> Cow<'c, str> {
        match self.0 {
            Stands::Text(text) => Cow::Borrowed(text),
            Stands::Bytes(bytes, encoding) => match std::str::from_utf8(bytes) {
                Ok(text) if encoding == Encoding::Utf8 || text.is_ascii() => Cow::Borrowed(text),
                _ => {
                    let mut text = String::new();
                    let decoded = Decoder::new(encoding).decode(bytes, true, &mut text);
                    debug_assert!(decoded.is_ok());
                    Cow::Owned(text)
                }
            },
        }
    }

    /// How many characters it has, each of them one unit of UTF-16, if its bytes tell without being decoded.
    pub fn units(self) -> Option<usize> {
        match self.0 {
            Stands::Bytes(bytes, encoding) if encoding != Encoding::Utf8 => Some(bytes.len()),
            _ => None,
        }
    }
}

impl<'c> From<&'c str> for Value<'c> {
    fn from(text: &'c str) -> Value<'c> {
        Value(Stands::Text(text))
    }
}

/// Values are personal data.
impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Value")
    }
}

/// A column of a text.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Column {
    /// Cells of plain rows, each with a newline behind it.
    pub(crate) cells: String,
    /// For each of them where the values of the other columns stand that are wanted.
    pub(crate) others: Vec<Range<u32>>,
    /// The other rows as they stand, one behind the other.
    pub(crate) odd: Vec<u8>,
    /// All rows in their order.
    pub(crate) runs: Vec<Run>,
    pub(crate) split: Split,
}

/// Delimiter and enclosure, both ASCII.
#[derive(Clone, Copy)]
pub(crate) struct Marks {
    pub(crate) delimiter: u8,
    pub(crate) enclosure: Option<u8>,
}

/// Which column of how many is wanted, and of what its cells are made.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'w> {
    pub(crate) column: usize,
    /// Of which only the values are wanted, whatever they are; ascending, each once.
    pub(crate) others: &'w [usize],
    pub(crate) width: usize,
    /// Whether bytes beyond ASCII are UTF-8, and nothing has to be done about them.
    pub(crate) is_utf8: bool,
}

/// How a field that is enclosed ends.
#[derive(Default)]
struct Enclosed {
    /// Line ends within it.
    lines: u64,
    /// Whether the field is not what stands between the quotes.
    is_odd: bool,
}

impl Column {
    /// Takes a column out of whole lines; `None` if a quote is still open behind them.
    pub(crate) fn of(text: &[u8], marks: Marks, wanted: Wanted<'_>) -> Option<Column> {
        let mut column = Column::default();
        let mut lines = Vec::new();
        let mut values = vec![0..0; wanted.others.len()];
        let mut hits = Hits::new(text, marks);
        let (mut cells, mut rows) = (0, 0);
        let mut start = 0;
        while start < text.len() {
            let row = hits.row(start, wanted, &mut values)?;
            let split = &mut column.split;
            if row.end == start {
                split.blank += 1;
            } else if let Some(cell) = row.cell {
                lines.extend_from_slice(&text[cell]);
                lines.push(b'\n');
                let values = values.iter();
                let values = values.map(|value| value.start as u32..value.end as u32);
                column.others.extend(values);
            } else {
                if lines.len() > cells {
                    column.runs.push(Run::Cells(cells..lines.len()));
                    cells = lines.len();
                }
                column.odd.extend_from_slice(&text[start..row.next]);
                rows += 1;
                match column.runs.last_mut() {
                    Some(Run::Rows(last)) => last.end = rows,
                    _ => column.runs.push(Run::Rows(rows - 1..rows)),
                }
            }
            if row.runs_over {
                let one = RunOver { rows: 1, first: 1 };
                split.run_over.add(split.lines, one);
            }
            split.lines += row.lines + u64::from(row.next > row.end);
            start = row.next;
        }
        if lines.len() > cells {
            column.runs.push(Run::Cells(cells..lines.len()));
        }
        // It always is: cells of other encodings are ASCII.
        column.cells = String::from_utf8(lines).ok()?;
        column.split.source = text.len() as u64;
        Some(column)
    }
}

/// Whether a cell may stand as a line of its own: not what people may call blank, and text.
#[inline]
fn is_cell(cell: &[u8], wanted: Wanted<'_>) -> bool {
    let is_text = wanted.is_utf8 || cell.is_ascii();
    let first = cell.trim_ascii_start().first();
    first.is_some_and(|first| first.is_ascii_graphic() && is_text)
}

#[derive(Default)]
struct Row {
    /// Where it ends, and where the next one begins.
    end: usize,
    next: usize,
    /// Line ends within it.
    lines: u64,
    runs_over: bool,
    /// The cell, if the row is a plain one.
    cell: Option<Range<usize>>,
}

/// The places of delimiters, quotes and line ends, one after the other, and the rows that they make.
struct Hits<'t> {
    text: &'t [u8],
    marks: Marks,
    /// Of 64 bytes, those that were not told yet.
    left: u64,
    /// Where those bytes begin, and the next ones.
    base: usize,
    next: usize,
}

impl<'t> Hits<'t> {
    fn new(text: &'t [u8], marks: Marks) -> Hits<'t> {
        Hits {
            text,
            marks,
            left: 0,
            base: 0,
            next: 0,
        }
    }

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.left == 0 {
            if self.next >= self.text.len() {
                return None;
            }
            self.base = self.next;
            self.next += 64;
            let marks = self.marks;
            let quote = marks.enclosure.unwrap_or(b'\n');
            let marks = [b'\n', b'\r', marks.delimiter, quote];
            let rest = &self.text[self.base..];
            self.left = match rest.first_chunk() {
                Some(block) => places(block, marks),
                None => {
                    let mut block = [0; 64];
                    block[..rest.len()].copy_from_slice(rest);
                    // What is filled up are no marks.
                    places(&block, marks) & ((1 << rest.len()) - 1)
                }
            };
        }
        let at = self.base + self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        Some(at)
    }

    /// The row that begins at `start`; the places of the other columns that are wanted, if it is a plain one.
    #[inline]
    fn row(
        &mut self,
        start: usize,
        wanted: Wanted<'_>,
        others: &mut [Range<usize>],
    ) -> Option<Row> {
        let text = self.text;
        let quote = self.marks.enclosure;
        let mut row = Row::default();
        let (mut fields, mut from) = (0, start);
        let mut others = wanted.others.iter().zip(others).peekable();
        let mut others_are_plain = true;
        loop {
            let mut hit = self.next();
            let mut field = from..from;
            let mut is_plain = true;
            if quote.is_some() && hit == Some(from) && Some(text[from]) == quote {
                let (closed, enclosed) = self.enclosed()?;
                hit = self.next();
                field = from + 1..closed;
                is_plain = !enclosed.is_odd && enclosed.lines == 0;
                row.lines += enclosed.lines;
                let end = self.skip_quotes(hit);
                if end > closed + 1 {
                    is_plain = false;
                    row.runs_over |=
                        enclosed.lines > 0 && !text[closed + 1..end].trim_ascii().is_empty();
                }
                from = end;
            } else {
                let end = self.skip_quotes(hit);
                field.end = end;
                from = end;
            }
            if let Some((_, other)) = others.next_if(|(column, _)| **column == fields) {
                *other = field.clone();
                others_are_plain &= is_plain;
            }
            if fields == wanted.column && is_plain && is_cell(&text[field.clone()], wanted) {
                row.cell = Some(field);
            }
            fields += 1;
            let terminator = match text.get(from) {
                None => 0,
                Some(b'\n') => 1,
                Some(b'\r') if text.get(from + 1) == Some(&b'\n') => {
                    self.next();
                    2
                }
                Some(b'\r') => 1,
                // A delimiter.
                Some(_) => {
                    from += 1;
                    continue;
                }
            };
            (row.end, row.next) = (from, from + terminator);
            let is_plain = others_are_plain && others.peek().is_none();
            if fields != wanted.width || !is_plain {
                row.cell = None;
            }
            return Some(row);
        }
    }

    /// The first of these places that is no quote: where a field ends.
    #[inline]
    fn skip_quotes(&mut self, mut hit: Option<usize>) -> usize {
        while let Some(at) = hit {
            if Some(self.text[at]) != self.marks.enclosure {
                return at;
            }
            hit = self.next();
        }
        self.text.len()
    }

    /// Where the quote stands that closes a field, whose opening one has just been told; `None` if there
    /// is none.
    #[inline]
    fn enclosed(&mut self) -> Option<(usize, Enclosed)> {
        let mut field = Enclosed::default();
        loop {
            let at = self.next()?;
            match self.text[at] {
                byte if Some(byte) == self.marks.enclosure => {
                    if self.text.get(at + 1) != Some(&byte) {
                        return Some((at, field));
                    }
                    // Doubled, it stands for itself.
                    field.is_odd = true;
                    self.next();
                }
                b'\r' => field.lines += 1,
                b'\n' => field.lines += u64::from(self.text[at - 1] != b'\r'),
                _ => {}
            }
        }
    }
}

/// Where these bytes stand among 64: a bit for each place, the first one the lowest.
#[inline]
fn places(block: &[u8; 64], marks: [u8; 4]) -> u64 {
    // A one where a mark stands: compilers make vectors of this.
    let mut ones = [0u8; 64];
    for (one, byte) in ones.iter_mut().zip(block) {
        let [a, b, c, d] = marks.map(|mark| u8::from(*byte == mark));
        *one = a | b | c | d;
    }
    let eights = ones.as_chunks().0.iter().enumerate();
    eights.fold(0, |found, (at, &eight)| {
        // Every one comes to stand in the highest byte, at its place.
        const TOGETHER: u64 = 0x0102_0408_1020_4080;
        let bits = u64::from_le_bytes(eight).wrapping_mul(TOGETHER) >> 56;
        found | bits << (8 * at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Batch;
    use crate::encoding::SourceLen;
    use crate::split::{Dialect, Edge, Offsets};
    use proptest::prelude::*;

    const OFFSETS: Offsets = Offsets {
        source: SourceLen::Same,
        by_row: false,
    };

    /// Rows and what splitting comes to, by the splitter.
    fn rows(text: &str, dialect: Dialect) -> (Vec<Vec<String>>, Split) {
        let mut batch = Batch::new();
        batch.set_text(text.to_owned());
        let split = dialect.split_with(&mut batch, Edge::Last, OFFSETS, 1 << 20, usize::MAX);
        let fields = batch
            .rows()
            .map(|row| row.fields().map(str::to_owned).collect());
        (fields.collect(), split)
    }

    fn any_text() -> impl Strategy<Value = String> {
        let field = "a{0,3}|1é|\"[;a1]{0,3}\"|\"a\"\"1\"|\"1\"a|\"a\n\"|[\" ]";
        let row = prop::collection::vec(field, 1..5).prop_map(|fields| fields.join(";"));
        prop_oneof![
            "([ab1é \r\n;;;\"\"\"]{0,12}(\n|\r\n)){0,12}([ab1;\"]{0,6})?",
            prop::collection::vec(row, 0..9).prop_map(|rows| rows.join("\n")),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn it_is_the_column_that_splitting_makes(
            text in any_text(),
            column in 0usize..4,
            others in prop::collection::btree_set(0usize..4, 0..3),
            width in 1usize..5,
            quoted in any::<bool>(),
        ) {
            let dialect = Dialect { delimiter: Some(';'), enclosure: quoted.then_some('"') };
            let marks = Marks { delimiter: b';', enclosure: quoted.then_some(b'"') };
            let others: Vec<usize> = others.into_iter().collect();
            let wanted = Wanted { column, others: &others, width, is_utf8: true };
            let (expected, split) = rows(&text, dialect);
            let Some(found) = Column::of(text.as_bytes(), marks, wanted) else {
                prop_assert!(split.fault.is_some());
                return Ok(());
            };
            prop_assert_eq!(split.fault, None);
            prop_assert_eq!(Split { done: text.len(), ..found.split }, split);
            let cells = found.cells;
            let others_of = |place: &Range<u32>| &text[place.start as usize..place.end as usize];
            let mut values = found.others.iter().map(others_of);
            let (odd, _) = rows(std::str::from_utf8(&found.odd).unwrap(), dialect);
            // Put together again, with what is not known of plain rows left out.
            let mut told = Vec::new();
            for run in found.runs {
                match run {
                    Run::Cells(place) => told.extend(cells[place].lines().map(|cell| (cell.to_owned(), None))),
                    Run::Rows(place) => told.extend(odd[place].iter().map(|row| (String::new(), Some(row.clone())))),
                }
            }
            prop_assert_eq!(told.len(), expected.len());
            for ((cell, odd), row) in told.into_iter().zip(expected) {
                match odd {
                    Some(odd) => prop_assert_eq!(odd, row),
                    None => {
                        prop_assert_eq!(row.len(), width);
                        prop_assert_eq!(&row[column], &cell);
                        for &other in &others {
                            prop_assert_eq!(Some(row[other].as_str()), values.next());
                        }
                    }
                }
            }
            prop_assert_eq!(values.next(), None);
        }

        /// The bytes that begin a character of UTF-8, and those that go on one, come in pairs here.
        #[test]
        fn a_value_is_what_its_bytes_are(
            bytes in prop::collection::vec(prop_oneof![0x20u8..0x7f, 0x80u8..=0xff, Just(0xd0), Just(0x98)], 0..6),
            encoding in prop::sample::select(&[
                Encoding::Utf8, Encoding::Koi8R, Encoding::Cp866, Encoding::Windows1251,
                Encoding::Windows1252, Encoding::Iso8859_1, Encoding::Ascii,
            ][..]),
        ) {
            let mut bytes = bytes;
            if !encoding.is_plain(&bytes) {
                bytes.retain(u8::is_ascii);
            }
            let value = Value::new(&bytes, encoding);
            let text = value.text();
            prop_assert_eq!(encoding.encode(&text), Some(bytes.clone()));
            let units = text.encode_utf16().count();
            prop_assert!(value.units().is_none_or(|found| found == units));
            prop_assert_eq!(value.units().is_none(), encoding == Encoding::Utf8);
            prop_assert_eq!(Value::from(&*text).text(), &*text);
        }

        #[test]
        fn places_are_those_of_a_loop(block in prop::array::uniform32("[ab;\"\r\n]{2}")) {
            let block: Vec<u8> = block.concat().into_bytes();
            let block: &[u8; 64] = block.first_chunk().unwrap();
            for marks in [*b"\n\r;\"", *b"\n\rab", [0, 255, b'\n', b'a']] {
                let bit = |(at, byte): (usize, &u8)| u64::from(marks.contains(byte)) << at;
                let expected: u64 = block.iter().enumerate().map(bit).sum();
                prop_assert_eq!(places(block, marks), expected);
            }
        }
    }
}
