//! Rows travelling together.

use std::fmt;
use std::io::{self, Read, Write};

/// Some rows of a file in one buffer, which is used again for the next ones.
#[derive(Clone, Default)]
pub struct Batch {
    /// The text that the rows stand in, and behind it the fields that could not stay as they were.
    text: String,
    fields: Vec<Span>,
    rows: Vec<Meta>,
    /// Rows at the beginning that have been taken out.
    taken: usize,
    /// Lines and bytes of the file before the batch.
    lines: u64,
    bytes: u64,
    /// Memory of a text that is no longer needed.
    buffer: Vec<u8>,
}

/// Where a field stands in the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

#[derive(Clone, Copy)]
struct Meta {
    /// Counted from the beginning of the batch.
    number: u32,
    offset: u32,
    /// One past the row's last field.
    fields_end: u32,
}

/// Numbers of four bytes, the lowest first.
fn numbers(bytes: &[u8]) -> Vec<u32> {
    let numbers = bytes.as_chunks().0.iter();
    numbers.map(|&bytes| u32::from_le_bytes(bytes)).collect()
}

/// One row: its fields, and where it stands.
#[derive(Clone, Copy)]
pub struct Row<'b> {
    text: &'b str,
    fields: &'b [Span],
    number: u64,
    offset: u64,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len() - self.taken
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows in the order of the file.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.len()).map(|index| self.row(index))
    }

    /// How many physical lines stand before the batch; of a sheet, 0.
    pub fn lines_before(&self) -> u64 {
        self.lines
    }

    /// Adds a row that comes from no file, with its number among all; rows must come in their order.
    /// A row without fields has one, which is empty. How many bytes the fields take.
    ///
    /// # Panics
    ///
    /// If the batch takes 4 GiB or more.
    pub fn push_row(&mut self, number: u64, fields: impl IntoIterator<Item: AsRef<str>>) -> usize {
        if self.is_empty() {
            self.lines = number - 1;
        }
        let (start, first) = (self.text.len(), self.fields.len());
        fields
            .into_iter()
            .for_each(|field| self.push_text(field.as_ref()));
        if self.fields.len() == first {
            self.push_text("");
        }
        self.end_row(number - self.lines, 0);
        self.text.len() - start
    }

    /// Leaves out the row that was pushed last.
    pub(crate) fn pop_row(&mut self) {
        self.rows.pop();
        let fields = self.rows.last().map_or(0, |row| row.fields_end);
        self.fields.truncate(fields as usize);
    }

    /// Writes the batch, to be set aside for a while.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let sizes = [
            self.text.len(),
            self.fields.len(),
            self.rows.len(),
            self.taken,
        ];
        let sizes = sizes.into_iter().map(|size| size as u64);
        for word in sizes.chain([self.lines, self.bytes]) {
            out.write_all(&word.to_le_bytes())?;
        }
        out.write_all(self.text.as_bytes())?;
        for field in &self.fields {
            out.write_all(&field.start.to_le_bytes())?;
            out.write_all(&field.end.to_le_bytes())?;
        }
        for row in &self.rows {
            for part in [row.number, row.offset, row.fields_end] {
                out.write_all(&part.to_le_bytes())?;
            }
        }
        Ok(())
    }

    /// Replaces the rows by those that [`Batch::write_to`] has written.
    ///
    /// ```
    /// use recipients_ingest::{Batch, Options, Source};
    ///
    /// let mut source = Source::from_bytes("l", "380971112233\n".into(), &Options::auto())?;
    /// let (mut batch, mut aside, mut again) = (Batch::new(), Vec::new(), Batch::new());
    /// source.fill(&mut batch)?;
    /// batch.write_to(&mut aside)?;
    /// again.read_from(&mut &aside[..])?;
    /// assert_eq!(again.row(0).get(0), Some("380971112233"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If reading fails, or what is read is no batch.
    pub fn read_from(&mut self, input: &mut impl Read) -> io::Result<()> {
        let damaged = || io::Error::from(io::ErrorKind::InvalidData);
        let mut words = [0u64; 6];
        for word in &mut words {
            let mut bytes = [0; 8];
            input.read_exact(&mut bytes)?;
            *word = u64::from_le_bytes(bytes);
        }
        let [text, fields, rows, taken, lines, bytes] = words;
        self.clear();
        let mut buffer = std::mem::take(&mut self.text).into_bytes();
        let mut take = |len: Option<u64>, buffer: &mut Vec<u8>| -> io::Result<()> {
            let len = len.ok_or_else(damaged)?;
            buffer.clear();
            match input.by_ref().take(len).read_to_end(buffer)? as u64 == len {
                true => Ok(()),
                false => Err(io::ErrorKind::UnexpectedEof.into()),
            }
        };
        take(Some(text), &mut buffer)?;
        self.text = String::from_utf8(buffer).map_err(|_| damaged())?;
        let mut buffer = Vec::new();
        take(fields.checked_mul(8), &mut buffer)?;
        for &[start, end] in numbers(&buffer).as_chunks().0 {
            let is_there = self.text.get(start as usize..end as usize).is_some();
            self.fields.push(
                is_there
                    .then_some(Span { start, end })
                    .ok_or_else(damaged)?,
            );
        }
        take(rows.checked_mul(12), &mut buffer)?;
        let mut last = 0;
        for &[number, offset, fields_end] in numbers(&buffer).as_chunks().0 {
            if fields_end < last || u64::from(fields_end) > fields {
                return Err(damaged());
            }
            last = fields_end;
            self.rows.push(Meta {
                number,
                offset,
                fields_end,
            });
        }
        self.taken = match taken <= rows {
            true => taken as usize,
            false => return Err(damaged()),
        };
        (self.lines, self.bytes) = (lines, bytes);
        Ok(())
    }

    /// The row at an index below [`Batch::len`].
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn row(&self, index: usize) -> Row<'_> {
        let at = self.taken + index;
        let meta = self.rows[at];
        let first = match at {
            0 => 0,
            _ => self.rows[at - 1].fields_end,
        };
        Row {
            text: &self.text,
            fields: &self.fields[first as usize..meta.fields_end as usize],
            number: self.lines + u64::from(meta.number),
            offset: self.bytes + u64::from(meta.offset),
        }
    }

    /// Leaves out all rows, to use the memory again.
    pub fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
        self.rows.clear();
        self.taken = 0;
        (self.lines, self.bytes) = (0, 0);
    }

    /// Whether there are so many rows, or so much text, that the batch is better handed on.
    pub fn is_full(&self, rows: usize) -> bool {
        const BYTES: usize = 1 << 20;
        self.len() >= rows || self.text.len() + 8 * self.fields.len() >= BYTES
    }

    /// Leaves out the first row.
    pub(crate) fn take_first(&mut self) {
        self.taken += 1;
    }

    /// What stands before the batch.
    pub(crate) fn stands_behind(&mut self, lines: u64, bytes: u64) {
        (self.lines, self.bytes) = (lines, bytes);
    }

    /// The text, to be split or to be used again.
    pub(crate) fn take_text(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Memory to read the next text into, whatever is in it.
    pub(crate) fn take_buffer(&mut self) -> Vec<u8> {
        match self.buffer.is_empty() {
            true => self.take_text().into_bytes(),
            false => std::mem::take(&mut self.buffer),
        }
    }

    pub(crate) fn set_buffer(&mut self, buffer: Vec<u8>) {
        self.buffer = buffer;
    }

    pub(crate) fn set_text(&mut self, text: String) {
        self.text = text;
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// How many fields there are, rows that were not ended included.
    pub(crate) fn fields_len(&self) -> usize {
        self.fields.len()
    }

    /// Leaves out the fields of a row that was not ended.
    pub(crate) fn forget_fields(&mut self, len: usize) {
        self.fields.truncate(len);
    }

    /// Leaves out all rows and fields; the text stays.
    pub(crate) fn forget_rows(&mut self) {
        self.fields.clear();
        self.rows.clear();
    }

    #[inline]
    pub(crate) fn push_field(&mut self, start: usize, end: usize) {
        let place = |at| u32::try_from(at).expect("a batch is below 4 GiB");
        self.fields.push(Span {
            start: place(start),
            end: place(end),
        });
    }

    /// Adds a field with a text of its own.
    pub(crate) fn push_text(&mut self, field: &str) {
        let start = self.text.len();
        self.text.push_str(field);
        self.push_field(start, self.text.len());
    }

    /// Ends a row that stands so many lines and bytes behind the beginning of the batch.
    #[inline]
    pub(crate) fn end_row(&mut self, number: u64, offset: u64) {
        let small = |n| u32::try_from(n).expect("a batch is below 4 GiB");
        let fields_end = u32::try_from(self.fields.len()).expect("a batch is below 4 GiB");
        self.rows.push(Meta {
            number: small(number),
            offset: small(offset),
            fields_end,
        });
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} rows)", self.len())
    }
}

impl<'b> Row<'b> {
    /// The physical line where the row starts, or the row of the sheet; from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Offset in bytes of the row's start in the (decompressed) file; 0 in a sheet.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many fields the row has; at least one.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Never true: a line without bytes is no row.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The field at a place, from 0.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'b str> {
        let field = self.fields.get(index)?;
        Some(&self.text[field.start as usize..field.end as usize])
    }

    /// The fields in order.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = &'b str> + Clone + use<'b> {
        let row = *self;
        (0..row.len()).map(move |index| row.get(index).unwrap_or_default())
    }
}

/// Shows where the row stands and not what is in it.
impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({}, {} fields)", self.number, self.len())
    }
}
