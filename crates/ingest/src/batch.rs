//! Rows travelling together.

use std::fmt;

/// Some rows of a file in one buffer, which is used again for the next ones.
#[derive(Clone, Default)]
pub struct Batch {
    text: String,
    /// Where each field ends in `text`.
    ends: Vec<u32>,
    rows: Vec<Meta>,
}

#[derive(Clone, Copy)]
struct Meta {
    number: u64,
    offset: u64,
    /// One past the row's last entry in `ends`.
    fields_end: u32,
}

/// One row: its fields, and where it stands.
#[derive(Clone, Copy)]
pub struct Row<'b> {
    text: &'b str,
    /// The row's part of [`Batch::ends`].
    ends: &'b [u32],
    start: u32,
    number: u64,
    offset: u64,
}

impl Batch {
    /// Bytes, of text and of field ends, after which a batch is full whatever its rows.
    pub(crate) const BYTES: usize = 1 << 20;

    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows in the order of the file.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.len()).map(|index| self.row(index))
    }

    /// The row at an index below [`Batch::len`].
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn row(&self, index: usize) -> Row<'_> {
        let meta = self.rows[index];
        let first = match index {
            0 => 0,
            _ => self.rows[index - 1].fields_end,
        };
        let start = match first {
            0 => 0,
            _ => self.ends[first as usize - 1],
        };
        Row {
            text: &self.text,
            ends: &self.ends[first as usize..meta.fields_end as usize],
            start,
            number: meta.number,
            offset: meta.offset,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.rows.clear();
    }

    pub(crate) fn is_full(&self, rows: usize) -> bool {
        self.rows.len() >= rows || self.text.len() + 4 * self.ends.len() >= Batch::BYTES
    }

    /// Adds to the field that is being written.
    pub(crate) fn push_str(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(crate) fn end_field(&mut self) {
        // A batch holds at most BYTES and one more row, which has a limit of its own.
        let end = u32::try_from(self.text.len()).expect("a batch is below 4 GiB");
        self.ends.push(end);
    }

    pub(crate) fn end_row(&mut self, number: u64, offset: u64) {
        let fields_end = u32::try_from(self.ends.len()).expect("a batch is below 4 GiB");
        self.rows.push(Meta {
            number,
            offset,
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
        self.ends.len()
    }

    /// Never true: a line without bytes is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The field at a place, from 0.
    pub fn get(&self, index: usize) -> Option<&'b str> {
        let end = *self.ends.get(index)?;
        let start = match index {
            0 => self.start,
            _ => self.ends[index - 1],
        };
        Some(&self.text[start as usize..end as usize])
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
