//! How a file is to be read, fixed before it is opened.

use crate::Encoding;
use crate::sheet::SheetProcess;
use std::sync::Arc;

/// A property of the file: found out, or given by the caller.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Choice<T> {
    /// Found out from the beginning of the file.
    #[default]
    Auto,
    /// Given.
    Given(T),
}

/// Which sheet of a workbook.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Sheet {
    /// By its place, from 1.
    Number(usize),
    /// By its name, or, if there is none of that name and it is a number, by its place.
    Named(String),
}

impl Sheet {
    /// As it was asked for.
    pub(crate) fn wanted(&self) -> String {
        match self {
            Sheet::Number(number) => number.to_string(),
            Sheet::Named(name) => name.clone(),
        }
    }
}

/// Which column holds the recipients.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Column {
    /// By its place, from 1.
    Number(usize),
    /// By its name in the header, or, if there is none of that name and it is a number, by its
    /// place.
    Named(String),
}

/// Ceilings on what a file can make this library do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of one row of text, decoded, and of one cell of a sheet. The default is 1 MiB.
    pub row_bytes: usize,
    /// Bytes of a text, unpacked. The default is no limit: nothing of it is held.
    pub text_bytes: u64,
    /// Bytes of a workbook on disk. The default is 256 MiB.
    pub workbook_bytes: u64,
    /// Bytes of one unpacked part of a workbook that is read piece by piece (an XML sheet). The
    /// default is 1 GiB.
    pub part_bytes: u64,
    /// Bytes of one unpacked part that is held as a whole. The default is 128 MiB.
    pub held_part_bytes: u64,
    /// Cells of the sheet, empty ones between them included; 20 bytes each while it is read. The
    /// default is 6 million.
    pub sheet_cells: u64,
    /// Bytes of all texts of the sheet, and of the table of texts that sheets share. The default
    /// is 128 MiB.
    pub sheet_text: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            row_bytes: 1 << 20,
            text_bytes: u64::MAX,
            workbook_bytes: 256 << 20,
            part_bytes: 1 << 30,
            held_part_bytes: 128 << 20,
            sheet_cells: 6_000_000,
            sheet_text: 128 << 20,
        }
    }
}

/// How to read a file.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub(crate) encoding: Choice<Encoding>,
    pub(crate) delimiter: Choice<Option<char>>,
    pub(crate) enclosure: Choice<Option<char>>,
    pub(crate) skip_header: Choice<bool>,
    pub(crate) sheet: Option<Sheet>,
    pub(crate) column: Option<Column>,
    pub(crate) annotations: &'static [&'static str],
    pub(crate) limits: Limits,
    pub(crate) sheet_process: Option<Arc<dyn SheetProcess>>,
    pub(crate) chunk_bytes: Option<usize>,
}

/// The most that is read of a text at a time.
pub(crate) const MOST_CHUNK_BYTES: usize = 64 << 20;

impl Options {
    /// Everything is found out from the file (D16).
    pub fn auto() -> Options {
        Options::default()
    }

    /// The campaign API's defaults (D15-D17): UTF-8, comma, single quote, no header, first
    /// column.
    pub fn api() -> Options {
        Options::auto()
            .encoding(Choice::Given(Encoding::Utf8))
            .delimiter(Choice::Given(Some(',')))
            .enclosure(Choice::Given(Some('\'')))
            .skip_header(Choice::Given(false))
            .column(Some(Column::Number(1)))
    }

    /// The encoding of a text file (D15). The default is to find out.
    #[must_use]
    pub fn encoding(mut self, encoding: Choice<Encoding>) -> Options {
        self.encoding = encoding;
        self
    }

    /// The character between columns (D16), or `None` for a list of one column, in which commas
    /// belong to the cell. The default is to find out.
    #[must_use]
    pub fn delimiter(mut self, delimiter: Choice<Option<char>>) -> Options {
        self.delimiter = delimiter;
        self
    }

    /// The character around fields that hold delimiters or line breaks (D16), or `None`. The
    /// default is to find out.
    #[must_use]
    pub fn enclosure(mut self, enclosure: Choice<Option<char>>) -> Options {
        self.enclosure = enclosure;
        self
    }

    /// Whether the first row holds names rather than data (D17). The default is to find out.
    #[must_use]
    pub fn skip_header(mut self, skip: Choice<bool>) -> Options {
        self.skip_header = skip;
        self
    }

    /// The sheet of a workbook (D19). The default is the first.
    #[must_use]
    pub fn sheet(mut self, sheet: Option<Sheet>) -> Options {
        self.sheet = sheet;
        self
    }

    /// The column with the recipients. The default is to find out.
    #[must_use]
    pub fn column(mut self, column: Option<Column>) -> Options {
        self.column = column;
        self
    }

    /// Names of columns that an earlier run has added behind the list's own. A first row that
    /// ends with them is a header whatever else is set, and [`Layout::annotations`] tells where
    /// they begin. The default is none.
    ///
    /// [`Layout::annotations`]: crate::Layout::annotations
    #[must_use]
    pub fn annotations(mut self, names: &'static [&'static str]) -> Options {
        self.annotations = names;
        self
    }

    /// Bytes of text that are read at a time, at least one and at most 64 MiB. It changes speed and
    /// memory, and nothing else. The default is 256 KiB, or what suits whoever takes the chunks
    /// ([`Source::prefer_chunks_of`](crate::Source::prefer_chunks_of)).
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: usize) -> Options {
        self.chunk_bytes = Some(bytes.clamp(1, MOST_CHUNK_BYTES));
        self
    }

    /// What reads workbooks in another process, with limits of memory and time around it. The default is
    /// none: they are read in this one, within [`Limits`].
    #[must_use]
    pub fn sheet_process(mut self, process: Option<Arc<dyn SheetProcess>>) -> Options {
        self.sheet_process = process;
        self
    }

    /// Ceilings on memory and size. The default is [`Limits::default`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Options {
        self.limits = limits;
        self
    }
}
