//! Rows back to text, in the dialect that they came in.

use crate::Encoding;
use crate::source::{Confidence, Format, Layout};
use crate::split::Dialect;
use std::io::{self, Write};
use std::sync::Arc;

/// Writes rows so that [`Source`](crate::Source) reads them back the same, with the options that
/// read the original.
///
/// Delimiter, enclosure, encoding and byte order mark are those of the original, so that whatever
/// program made it opens the new file as it did the old one. Where the original has none (a list
/// of one column, a sheet), it is commas, double quotes and UTF-8 with a mark.
pub struct Writer<W> {
    out: W,
    delimiter: char,
    enclosure: Option<char>,
    encoding: Encoding,
    marks: Marks,
    /// Rows that have not been written yet, and the one that is being made.
    text: String,
    /// Where that begins.
    row: usize,
    /// Bytes that rows come to before they are written.
    gathers: usize,
}

/// Shows the dialect and the encoding, and nothing that was written.
impl<W> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("delimiter", &self.delimiter)
            .field("enclosure", &self.enclosure)
            .field("encoding", &self.encoding)
            .finish_non_exhaustive()
    }
}

/// What is known beforehand about the bytes that make an enclosure necessary.
#[derive(Clone)]
struct Marks {
    dialect: Dialect,
    /// Which bytes do, if that can be told of bytes.
    bytes: Option<Arc<[bool; 256]>>,
    /// Whether letters, digits and underscores never do.
    spare_words: bool,
}

impl Marks {
    fn of(dialect: Dialect) -> Marks {
        let mut bytes = [false; 256];
        let (mut is_ascii, mut spare_words) = (true, true);
        for mark in dialect.marks() {
            is_ascii &= mark.is_ascii();
            spare_words &= !mark.is_ascii_alphanumeric() && mark != '_';
            bytes[mark as usize & 0xff] = true;
        }
        Marks {
            dialect,
            bytes: is_ascii.then(|| Arc::new(bytes)),
            spare_words,
        }
    }

    /// Whether a field has to be enclosed to be read back.
    fn are_in(&self, field: &str) -> bool {
        match &self.bytes {
            // All of them: most fields are short, and have no mark.
            Some(is_mark) => field
                .bytes()
                .fold(false, |any, byte| any | is_mark[usize::from(byte)]),
            None => self.dialect.needs_enclosure(field),
        }
    }
}

impl<W: Write> Writer<W> {
    fn new(delimiter: char, enclosure: Option<char>, encoding: Encoding, out: W) -> Writer<W> {
        let dialect = Dialect {
            delimiter: Some(delimiter),
            enclosure,
        };
        Writer {
            out,
            delimiter,
            enclosure,
            encoding,
            marks: Marks::of(dialect),
            text: String::new(),
            row: 0,
            gathers: 0,
        }
    }

    /// Starts a file like the ones that the rows come from. Several that differ in encoding come
    /// together in UTF-8.
    ///
    /// # Errors
    ///
    /// If the byte order mark cannot be written.
    pub fn like(layouts: &[&Layout], mut out: W) -> io::Result<Writer<W>> {
        let of_text = |layout: &&&Layout| layout.format == Format::Text;
        let first = layouts.iter().find(of_text);
        let encodings = layouts.iter().map(|layout| layout.encoding);
        let same_encoding = encodings.clone().all(|e| e == layouts[0].encoding);
        let (encoding, bom) = match first {
            Some(layout) if same_encoding => {
                let encoding = layout.encoding.unwrap_or(Encoding::Utf8);
                let wide = matches!(encoding, Encoding::Ucs2Le | Encoding::Ucs2Be);
                (encoding, layout.bom || wide)
            }
            _ => (Encoding::Utf8, true),
        };
        let enclosure = match first {
            // A list of one column gets both a delimiter and an enclosure.
            Some(layout) if layout.delimiter.is_none() => Some('"'),
            // A guess that quotes mean nothing must not keep us from using them.
            Some(layout) if layout.enclosure_confidence == Confidence::Given => layout.enclosure,
            Some(layout) => layout.enclosure.or(Some('"')),
            None => Some('"'),
        };
        let delimiter = first.and_then(|layout| layout.delimiter).unwrap_or(',');
        if bom {
            out.write_all(encoding.bom())?;
        }
        Ok(Writer::new(delimiter, enclosure, encoding, out))
    }

    /// A comma-separated file in UTF-8 without a mark, as programs expect it.
    pub fn plain(out: W) -> Writer<W> {
        Writer::new(',', Some('"'), Encoding::Utf8, out)
    }

    /// A writer of the same dialect onto bytes of its own, which [`Writer::append`] takes: rows can
    /// be written on many threads and put together afterwards. What is not [finished](Writer::finish) is
    /// lost.
    pub fn part(&self) -> Writer<Vec<u8>> {
        Writer {
            out: Vec::new(),
            delimiter: self.delimiter,
            enclosure: self.enclosure,
            encoding: self.encoding,
            marks: self.marks.clone(),
            text: String::new(),
            row: 0,
            gathers: 1 << 16,
        }
    }

    /// Adds whole rows that a [`Writer::part`] has written.
    ///
    /// # Errors
    ///
    /// If writing fails, or a character of rows gathered before is not in the encoding.
    pub fn append(&mut self, rows: &[u8]) -> io::Result<()> {
        self.write_rows()?;
        self.out.write_all(rows)
    }

    /// The header: the list's own names, of which the one at `recipients` heads the recipients,
    /// and those of the added columns. That one and the added ones are always enclosed, which
    /// tells a later reader what the enclosure is and where the recipients are.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn header(&mut self, own: &[String], recipients: usize, added: &[&str]) -> io::Result<()> {
        for (column, name) in own.iter().enumerate() {
            match column == recipients {
                true => self.field_enclosed(name),
                false => self.field(name),
            }
        }
        for name in added {
            self.field_enclosed(name);
        }
        self.end_row()
    }

    /// Adds a field to the row that is being written.
    pub fn field(&mut self, field: &str) {
        // A row of one empty field would be a blank line.
        let is_blank_line = field.is_empty() && self.text.len() == self.row;
        if self.enclosure.is_some() && (is_blank_line || self.marks.are_in(field)) {
            self.field_enclosed(field);
            return;
        }
        self.text.push_str(field);
        self.text.push(self.delimiter);
    }

    /// [`Writer::field`] for one of ASCII letters, digits and underscores, which is quicker.
    pub fn word(&mut self, word: &str) {
        debug_assert!(word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        if !self.marks.spare_words || word.is_empty() {
            self.field(word);
            return;
        }
        self.text.push_str(word);
        self.text.push(self.delimiter);
    }

    /// Adds a field of our own making: without an enclosure it gives up its delimiters, and what
    /// the encoding does not have becomes `?`.
    pub fn added_field(&mut self, field: &str) {
        if self.enclosure.is_some() && field.is_ascii() {
            self.field(field);
            return;
        }
        let blank = if self.delimiter == ' ' { '_' } else { ' ' };
        let plain: String = field
            .chars()
            .map(|c| match c {
                c if self.enclosure.is_none() && (c == self.delimiter || c.is_control()) => blank,
                c if c.is_ascii() || self.encoding.encode(c.encode_utf8(&mut [0; 4])).is_some() => {
                    c
                }
                _ => '?',
            })
            .collect();
        self.field(&plain);
    }

    fn field_enclosed(&mut self, field: &str) {
        match self.enclosure {
            Some(quote) => {
                self.text.push(quote);
                for c in field.chars() {
                    if c == quote {
                        self.text.push(quote);
                    }
                    self.text.push(c);
                }
                self.text.push(quote);
            }
            None => self.text.push_str(field),
        }
        self.text.push(self.delimiter);
    }

    /// Ends the row, and writes it; a [`Writer::part`] gathers some before.
    ///
    /// # Errors
    ///
    /// If writing fails, or a character of the rows is not in the encoding.
    pub fn end_row(&mut self) -> io::Result<()> {
        if self.text.len() > self.row {
            self.text.pop(); // the last delimiter
        }
        self.text.push('\n');
        self.row = self.text.len();
        match self.row >= self.gathers {
            true => self.write_rows(),
            false => Ok(()),
        }
    }

    /// Writes the rows that are complete.
    fn write_rows(&mut self) -> io::Result<()> {
        let rows = &self.text[..self.row];
        match self.encoding {
            Encoding::Utf8 => self.out.write_all(rows.as_bytes())?,
            encoding => {
                let bytes = encoding.encode(rows).ok_or_else(|| {
                    io::Error::other(format!("a cell has a character that {encoding} has not"))
                })?;
                self.out.write_all(&bytes)?;
            }
        }
        self.text.drain(..self.row);
        self.row = 0;
        Ok(())
    }

    /// Writes what is left, and gives back what was written to.
    ///
    /// # Errors
    ///
    /// If writing fails, or a character of the rows is not in the encoding.
    pub fn finish(mut self) -> io::Result<W> {
        self.write_rows()?;
        self.out.flush()?;
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, Choice, Options, Source};
    use proptest::prelude::*;

    proptest! {
        /// Whatever the cells hold, they come back, through this reader and the csv crate's.
        #[test]
        fn what_is_written_is_read_back(
            rows in prop::collection::vec(prop::collection::vec("[a,;'\"\r\n é§«│]{0,6}", 2..4), 1..6),
            (delimiter, quote) in prop_oneof![Just((',', '"')), Just((';', '"')), Just((',', '\'')), Just(('§', '«')), Just(('│', '"'))],
        ) {
            let options = Options::auto()
                .encoding(Choice::Given(Encoding::Utf8))
                .delimiter(Choice::Given(Some(delimiter)))
                .enclosure(Choice::Given(Some(quote)))
                .skip_header(Choice::Given(false));
            let original = Source::from_bytes("x", Vec::new(), &options).unwrap();
            let mut writer = Writer::like(&[original.layout()], Vec::new()).unwrap();
            for row in &rows {
                row.iter().for_each(|field| writer.field(field));
                writer.end_row().unwrap();
            }
            // Gathered, and appended in between, they are the same.
            let mut part = writer.part();
            for (at, row) in rows.iter().enumerate() {
                match at % 3 {
                    2 => {
                        let mut other = part.part();
                        row.iter().for_each(|field| other.field(field));
                        other.end_row().unwrap();
                        part.append(&other.finish().unwrap()).unwrap();
                    }
                    _ => {
                        row.iter().for_each(|field| part.field(field));
                        part.end_row().unwrap();
                    }
                }
            }
            let bytes = writer.finish().unwrap();
            let mut whole = Writer::like(&[original.layout()], Vec::new()).unwrap();
            whole.append(&part.finish().unwrap()).unwrap();
            prop_assert_eq!(&whole.finish().unwrap(), &bytes);
            if delimiter.is_ascii() {
                let judge: Vec<Vec<String>> = csv::ReaderBuilder::new()
                    .has_headers(false)
                    .flexible(true)
                    .delimiter(delimiter as u8)
                    .quote(quote as u8)
                    .from_reader(bytes.as_slice())
                    .records()
                    .map(|record| record.unwrap().iter().map(str::to_owned).collect())
                    .collect();
                prop_assert_eq!(&judge, &rows);
            }
            let mut source = Source::from_bytes("x", bytes, &options).unwrap();
            let mut batch = Batch::new();
            let mut read: Vec<Vec<String>> = Vec::new();
            while source.fill(&mut batch).unwrap() {
                read.extend(batch.rows().map(|row| row.fields().map(str::to_owned).collect()));
            }
            prop_assert_eq!(read, rows);
        }

        /// Whatever the delimiter.
        #[test]
        fn words_come_back_as_fields_do(
            words in prop::collection::vec("[a-z0-9_]{0,4}", 1..5),
            delimiter in prop_oneof![Just(','), Just('1'), Just('a'), Just('_'), Just('§')],
            quote in prop_oneof![Just(Some('"')), Just(Some('b')), Just(None)],
        ) {
            let mut fields = Writer::new(delimiter, quote, Encoding::Utf8, Vec::new());
            let mut same = fields.part();
            words.iter().for_each(|word| fields.field(word));
            words.iter().for_each(|word| same.word(word));
            fields.end_row().unwrap();
            same.end_row().unwrap();
            prop_assert_eq!(fields.finish().unwrap(), same.finish().unwrap());
        }
    }

    #[test]
    fn debug_output_shows_no_rows() {
        let mut writer = Writer::plain(Vec::new());
        writer.field("380971112233");
        writer.end_row().unwrap();
        let mut part = writer.part();
        part.field("380971112233");
        for shown in [format!("{writer:?}"), format!("{part:?}")] {
            assert!(shown.contains("Utf8") && !shown.contains("380"), "{shown}");
            assert!(!shown.contains("51, 56, 48"), "{shown}");
        }
    }

    /// A file has each row at once; rows that are gathered are the same in the end, however many.
    #[test]
    fn rows_are_there_when_they_end() {
        let options = Options::auto().encoding(Choice::Given(Encoding::Windows1251));
        let list = Source::from_bytes("x", b"a;b\n".to_vec(), &options).unwrap();
        let mut file = Writer::like(&[list.layout()], Vec::new()).unwrap();
        let mut part = file.part();
        for row in 0..20_000 {
            for writer in [&mut file, &mut part] {
                writer.field("Привет");
                writer.field(&row.to_string());
                writer.end_row().unwrap();
            }
            assert!(file.out.ends_with(format!(";{row}\n").as_bytes()));
        }
        file.end_row().unwrap();
        part.end_row().unwrap();
        let whole = file.finish().unwrap();
        assert!(whole.len() > 3 << 16 && whole.ends_with(b"\n\n"));
        assert_eq!(part.finish().unwrap(), whole);
    }
}
