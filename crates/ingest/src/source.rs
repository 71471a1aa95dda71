//! An opened file.

use crate::Encoding;
use crate::batch::Batch;
use crate::column::{Run, Value};
use crate::compress::Compression;
use crate::detect;
use crate::error::{Error, ErrorKind};
use crate::foreign;
use crate::formula::unescape;
use crate::options::{Choice, Column, MOST_CHUNK_BYTES, Options};
use crate::rows::RowFeed;
use crate::sheet::{SheetCells, Workbook, WorkbookInput};
use crate::split::RunOver;
use crate::text::{self, Head, Joiner, Known, Parsed, Parser, Piece, Pieces, TextReader};
use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read as _, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

/// Bytes of a file that are looked at before it is decided what it is.
const HEAD: usize = (1 << 20) + (1 << 16);

/// How sure a property of the file is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Confidence {
    /// Something had to be taken.
    Guess,
    /// The content speaks for it.
    Likely,
    /// The file says so itself.
    Certain,
    /// The caller said so.
    Given,
}

impl Confidence {
    /// A word for people.
    pub const fn name(self) -> &'static str {
        match self {
            Confidence::Guess => "a guess",
            Confidence::Likely => "likely",
            Confidence::Certain => "certain",
            Confidence::Given => "given",
        }
    }
}

/// What kind of file it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// Lines of text.
    Text,
    /// A spreadsheet of this kind: `XLS`, `XLSX`, `XLSB`, `ODS`.
    Sheet(&'static str),
    /// No file: rows of a program ([`Source::from_rows`]).
    Rows,
}

/// How the file is laid out, given or found out.
#[derive(Clone, Debug)]
pub struct Layout {
    /// What kind of file it is.
    pub format: Format,
    /// How it is packed: `gzip`, `zstd`.
    pub compression: Option<&'static str>,
    /// The encoding of a text, never [`Encoding::Ucs2`]: the byte order is known.
    pub encoding: Option<Encoding>,
    /// How sure the encoding is.
    pub encoding_confidence: Confidence,
    /// Whether the text began with a byte order mark.
    pub bom: bool,
    /// The character between columns; `None` for a list of one column.
    pub delimiter: Option<char>,
    /// How sure the delimiter is.
    pub delimiter_confidence: Confidence,
    /// The character around fields.
    pub enclosure: Option<char>,
    /// How sure the enclosure is.
    pub enclosure_confidence: Confidence,
    /// Whether the first row holds names.
    pub has_header: bool,
    /// How sure that is.
    pub header_confidence: Confidence,
    /// The column with the recipients, from 0.
    pub column: usize,
    /// How sure the column is.
    pub column_confidence: Confidence,
    /// How many columns a row has: those of the header, or else of most rows; in a sheet, those of
    /// the widest row.
    pub width: usize,
    /// The name of the sheet.
    pub sheet: Option<String>,
    /// Where the columns begin that an earlier run has added ([`Options::annotations`]).
    pub annotations: Option<usize>,
}

/// Something worth telling about the file that is no error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// Exactly as many rows as a sheet can hold: the list was probably cut there.
    FullSheet {
        /// That many.
        rows: u64,
    },
    /// Rows with an enclosed field of several lines behind which there is more text than a delimiter:
    /// probably a quote was opened there by mistake, and what came up to the next quote is in one field.
    OpenQuotes {
        /// That many.
        rows: u64,
        /// The line where the first of them begins.
        first: u64,
    },
    /// Read as ISO-8859-1, but it has bytes that only windows-1252 gives a shape to.
    ProbablyWindows1252,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::FullSheet { rows } => write!(
                f,
                "the sheet ends at row {rows}, the most that its format can hold: the list was \
                 probably cut there; export the source as CSV or XLSX"
            ),
            Note::OpenQuotes { rows, first } => write!(
                f,
                "in {rows} of its rows, first in line {first}, a quote is opened that ends in another \
                 line and is followed by more text: probably it should not be there, and rows up to \
                 the next quote are missing"
            ),
            Note::ProbablyWindows1252 => f.write_str(
                "it has bytes that ISO-8859-1 does not show; it is probably WINDOWS-1252",
            ),
        }
    }
}

/// An opened file that hands out its rows.
pub struct Source {
    name: String,
    layout: Layout,
    header: Option<Vec<String>>,
    body: Body,
    notes: Vec<Note>,
    /// Where the header stands.
    header_row: u64,
    /// The rows that were read with the header's.
    first: Option<Batch>,
}

enum Body {
    Text(Box<TextReader>),
    Sheet(SheetCells),
    Rows(RowFeed),
}

/// A file whose header and column are not known yet.
enum Opened {
    /// With the column that the header marks as the recipients'.
    Text(Box<TextReader>, Option<usize>),
    Sheet(SheetCells),
}

enum Input {
    File(File),
    Reader(Box<dyn io::Read + Send>),
}

impl Source {
    /// Opens a file and finds out what it is.
    ///
    /// # Errors
    ///
    /// If it cannot be read as far as its beginning, or is no list; for a spreadsheet, if its
    /// sheet cannot be read or is larger than the limits.
    pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Source, Error> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let io = |error| Error::new(&name, None, ErrorKind::Io(error));
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.is_dir() {
            return Err(io(io::Error::other("it is a folder")));
        }
        Source::start(&name, Input::File(file), options)
    }

    /// Reads from anything, such as standard input, maybe on other threads; `name` is what messages call it.
    ///
    /// # Errors
    ///
    /// As [`Source::open`].
    pub fn from_reader(
        name: &str,
        reader: impl io::Read + Send + 'static,
        options: &Options,
    ) -> Result<Source, Error> {
        Source::start(name, Input::Reader(Box::new(reader)), options)
    }

    /// Reads from memory.
    ///
    /// # Errors
    ///
    /// As [`Source::open`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>, options: &Options) -> Result<Source, Error> {
        Source::from_reader(name, Cursor::new(bytes), options)
    }

    /// Takes rows that come from no file, as they are asked for, maybe on other threads. `columns` are the
    /// columns' names, or none; `column` is the place of the recipients among them, from 0. Rows are
    /// numbered from 1.
    ///
    /// ```
    /// use recipients_ingest::{Batch, Source};
    ///
    /// let rows = [["Anna", "380971112233"], ["Olha", "380971112234"]];
    /// let rows = rows.into_iter().map(std::io::Result::Ok);
    /// let mut source = Source::from_rows("clients", &["name", "phone"], 1, rows);
    /// let mut batch = Batch::new();
    /// assert!(source.fill(&mut batch)?);
    /// assert_eq!((batch.row(1).number(), batch.row(1).get(1)), (2, Some("380971112234")));
    /// # Ok::<(), recipients_ingest::Error>(())
    /// ```
    pub fn from_rows<R>(
        name: &str,
        columns: &[&str],
        column: usize,
        rows: impl Iterator<Item = io::Result<R>> + Send + 'static,
    ) -> Source
    where
        R: IntoIterator<Item: AsRef<str>>,
    {
        let has_header = !columns.is_empty();
        Source {
            name: name.to_owned(),
            layout: Layout {
                format: Format::Rows,
                has_header,
                column,
                column_confidence: Confidence::Given,
                width: columns.len().max(column + 1),
                ..Layout::empty()
            },
            header: has_header.then(|| columns.iter().map(|&name| name.to_owned()).collect()),
            body: Body::Rows(RowFeed::new(name, rows)),
            notes: Vec::new(),
            header_row: 0,
            first: None,
        }
    }

    fn start(name: &str, input: Input, options: &Options) -> Result<Source, Error> {
        let fail = |kind| Error::new(name, None, kind);
        if let (Choice::Given(Some(a)), Choice::Given(Some(b))) =
            (options.delimiter, options.enclosure)
            && a == b
        {
            return Err(fail(ErrorKind::SameDelimiter));
        }
        let (mut file, mut reader) = match input {
            Input::File(file) => {
                let again = file.try_clone().map_err(|e| fail(ErrorKind::Io(e)))?;
                (Some(again), Box::new(file) as Box<dyn io::Read + Send>)
            }
            Input::Reader(reader) => (None, reader),
        };
        let mut head = Vec::with_capacity(HEAD);
        read_up_to(&mut reader, 16, &mut head).map_err(|e| fail(ErrorKind::Io(e)))?;
        let compression = Compression::of(&head);
        let io_kind = |error| match compression {
            Some(_) => ErrorKind::Compressed(error),
            None => ErrorKind::Io(error),
        };
        if let Some(compression) = compression {
            reader = compression.reader(Box::new(Cursor::new(head).chain(reader)));
            head = Vec::with_capacity(HEAD);
            file = None;
        }
        read_up_to(&mut reader, HEAD, &mut head).map_err(|e| fail(io_kind(e)))?;
        let whole = head.len() < HEAD;
        let compression_name = compression.map(Compression::name);
        if let Some(workbook) = Workbook::of(&head) {
            let limits = &options.limits;
            // A named pipe is a file, too, but has no beginning to go back to.
            file = file.filter(|mut file| file.seek(SeekFrom::Start(0)).is_ok());
            let input = match file {
                Some(file) => {
                    let size = file.metadata().map_err(|e| fail(ErrorKind::Io(e)))?.len();
                    check_size(size, limits.workbook_bytes).map_err(fail)?;
                    WorkbookInput::File(file)
                }
                None => {
                    reader
                        .take(limits.workbook_bytes + 1)
                        .read_to_end(&mut head)
                        .map_err(|e| fail(io_kind(e)))?;
                    check_size(head.len() as u64, limits.workbook_bytes).map_err(fail)?;
                    WorkbookInput::Bytes(head)
                }
            };
            let rows = workbook.read_from(input, options).map_err(fail)?;
            return Source::from_sheet(name, rows, compression_name, options);
        }
        if let Some(kind) = foreign::by_bytes(&head) {
            return Err(fail(kind));
        }
        let (encoding, bom, encoding_confidence) =
            detect::encoding(&head, whole, options.encoding).map_err(fail)?;
        let sample = text::sample(name, &head[bom..], bom, whole, encoding)?;
        if let Some(kind) = foreign::by_text(&sample, options.delimiter != Choice::Auto) {
            return Err(fail(kind));
        }
        if let Some(sheet) = &options.sheet {
            let (wanted, sheets) = (sheet.wanted(), Vec::new());
            return Err(fail(ErrorKind::NoSheet { wanted, sheets }));
        }
        let (mut sample, mut before, mut delimiter) = (&*sample, bom, options.delimiter);
        let names_mark = detect::separator_line(sample).filter(|(mark, _)| match delimiter {
            Choice::Auto => true,
            Choice::Given(given) => given == Some(*mark),
        });
        if let Some((mark, length)) = names_mark {
            // It is ASCII, and in UCS-2 as long again.
            let bytes = encoding.source_len().of(&sample[..length]) as usize;
            (sample, before) = (&sample[length..], bom + bytes);
            delimiter = Choice::Given(Some(mark));
        }
        if detect::is_binary(sample.as_bytes(), sample.chars().count()) {
            return Err(fail(ErrorKind::Binary));
        }
        let enclosure = options.enclosure;
        let annotated = detect::annotated(sample, delimiter, enclosure, options.annotations);
        let (dialect, delimiter_confidence, enclosure_confidence) = match &annotated {
            None => detect::dialect(sample, whole, delimiter, enclosure),
            Some(annotated) => {
                let sure = |given| match given {
                    true => Confidence::Given,
                    false => Confidence::Certain,
                };
                let given = (delimiter != Choice::Auto, enclosure != Choice::Auto);
                (annotated.dialect, sure(given.0), sure(given.1))
            }
        };
        let delimiter_confidence = match names_mark.is_some() && options.delimiter == Choice::Auto {
            true => Confidence::Certain,
            false => delimiter_confidence,
        };
        let rows = detect::rows(sample, whole, dialect);
        let marked = annotated.and_then(|annotated| annotated.column);
        if dialect.delimiter.is_some() && dialect.delimiter == dialect.enclosure {
            return Err(fail(ErrorKind::SameDelimiter));
        }
        let head = Head {
            bytes: head,
            start: before,
            is_whole: whole,
        };
        let text = TextReader {
            pieces: Pieces::new(name, head, reader, compression.is_some(), encoding, options),
            parser: Parser::new(encoding, dialect, options),
            joiner: Joiner::new(name, before, u64::from(before > bom)),
        };
        let layout = Layout {
            format: Format::Text,
            compression: compression_name,
            encoding: Some(encoding),
            encoding_confidence,
            bom: bom > 0,
            delimiter: dialect.delimiter,
            delimiter_confidence,
            enclosure: dialect.enclosure,
            enclosure_confidence,
            ..Layout::empty()
        };
        Source::finish(
            name,
            layout,
            &rows,
            Opened::Text(Box::new(text), marked),
            options,
        )
    }

    fn from_sheet(
        name: &str,
        sheet: SheetCells,
        compression: Option<&'static str>,
        options: &Options,
    ) -> Result<Source, Error> {
        let sample = sheet.sample(500);
        let layout = Layout {
            format: Format::Sheet(sheet.format),
            compression,
            sheet: Some(sheet.sheet.clone()),
            ..Layout::empty()
        };
        Source::finish(name, layout, &sample, Opened::Sheet(sheet), options)
    }

    /// Header and column, which texts and sheets have alike.
    fn finish(
        name: &str,
        mut layout: Layout,
        sample: &[Vec<String>],
        opened: Opened,
        options: &Options,
    ) -> Result<Source, Error> {
        let first = sample.first().map(Vec::as_slice).unwrap_or_default();
        layout.annotations = detect::own_columns(first, options.annotations);
        (layout.has_header, layout.header_confidence) = match layout.annotations {
            Some(_) => (true, Confidence::Certain),
            // Whoever names a column that the first row names has said what that row is.
            None if options.skip_header == Choice::Auto && names_column(options, first) => {
                (true, Confidence::Likely)
            }
            None => detect::has_header(sample, options.skip_header),
        };
        let first = &layout.names(first.iter().map(String::as_str))[..];
        let rows = match layout.has_header {
            true => sample.get(1..).unwrap_or_default(),
            false => sample,
        };
        layout.width = match &opened {
            // A sheet has a place for every cell, named or not.
            Opened::Sheet(cells) => cells.width(),
            Opened::Text(..) if layout.has_header => first.len(),
            Opened::Text(..) => {
                let widths: Vec<usize> = rows.iter().map(Vec::len).collect();
                detect::commonest(&widths).0
            }
        };
        let header = match layout.has_header {
            true => (!sample.is_empty()).then_some(first),
            false => None,
        };
        let columns = layout.annotations.unwrap_or(layout.width);
        let marked = match &opened {
            Opened::Text(_, column) => *column,
            Opened::Sheet(_) => None,
        };
        (layout.column, layout.column_confidence) = match (&options.column, marked) {
            (None, Some(column)) => (column, Confidence::Certain),
            (None, None) => detect::recipient_column(header, rows, columns),
            (Some(wanted), _) => {
                let found = find_column(wanted, header, columns).ok_or_else(|| {
                    let wanted = match wanted {
                        Column::Number(number) => number.to_string(),
                        Column::Named(name) => name.clone(),
                    };
                    // A first row that only was said to be a header may hold numbers.
                    let shown = |name: &String| match detect::phone_likeness(name) {
                        0 => name.clone(),
                        _ => "…".to_owned(),
                    };
                    let columns = header.unwrap_or_default().iter().map(shown).collect();
                    Error::new(name, None, ErrorKind::NoColumn { wanted, columns })
                })?;
                (found, Confidence::Given)
            }
        };
        let mut notes = Vec::new();
        let body = match opened {
            Opened::Text(text, _) => Body::Text(text),
            Opened::Sheet(cells) => {
                let rows = cells.last_row;
                if matches!(rows, 65_536 | 1_048_576) {
                    notes.push(Note::FullSheet { rows });
                }
                Body::Sheet(cells)
            }
        };
        let mut source = Source {
            name: name.to_owned(),
            layout,
            header: None,
            body,
            notes,
            header_row: 0,
            first: None,
        };
        if source.layout.has_header {
            source.take_header()?;
        }
        Ok(source)
    }

    /// Takes the first row out of the body.
    fn take_header(&mut self) -> Result<(), Error> {
        let mut first = Batch::new();
        if !self.fill(&mut first)? {
            return Ok(());
        }
        self.header = Some(self.layout.names(first.row(0).fields()));
        self.header_row = first.row(0).number();
        first.take_first();
        self.first = Some(first);
        Ok(())
    }

    /// The name that messages use.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the file is laid out.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The names in the first row, if it holds names.
    pub fn header(&self) -> Option<&[String]> {
        self.header.as_deref()
    }

    /// The physical line or sheet row of the header, if there is one.
    pub fn header_row(&self) -> Option<u64> {
        self.header.as_ref().map(|_| self.header_row)
    }

    /// Lines without bytes (rows of a sheet without cells) that were skipped so far (D18).
    pub fn skipped_blank(&self) -> u64 {
        match &self.body {
            Body::Text(text) => text.joiner.skipped_blank,
            Body::Sheet(cells) => cells.blank_rows(),
            Body::Rows(_) => 0,
        }
    }

    /// How many bytes of the (decompressed) file the chunks that have been joined take; 0 for a
    /// sheet.
    pub fn bytes(&self) -> u64 {
        match &self.body {
            Body::Text(text) => text.joiner.bytes(),
            Body::Sheet(_) | Body::Rows(_) => 0,
        }
    }

    /// What is worth telling; complete once all rows have been read.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Replaces the batch's rows by the next ones; false, and an empty batch, at the end.
    ///
    /// # Errors
    ///
    /// If the file cannot be read further. What was handed out before stands.
    pub fn fill(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        let parser = self.parser();
        loop {
            let spare = std::mem::take(batch);
            let Some(chunk) = self.next_chunk(spare)? else {
                batch.clear();
                return Ok(false);
            };
            let mut parsed = parser.parse(chunk);
            self.join(&mut parsed)?;
            *batch = parsed.into_batch();
            if !batch.is_empty() {
                return Ok(true);
            }
        }
    }

    /// The next part of the file, to be read with [`Source::parser`], on any thread and beside
    /// others, and handed back to [`Source::join`] in its turn; `None` behind the last one. `spare`
    /// is a batch that is no longer needed: its memory is used again.
    ///
    /// ```
    /// use recipients_ingest::{Batch, Options, Source};
    ///
    /// let mut source = Source::from_bytes("l", "380971112233\n79101112233\n".into(), &Options::auto())?;
    /// let parser = source.parser();
    /// let mut rows = 0;
    /// while let Some(chunk) = source.next_chunk(Batch::new())? {
    ///     let mut parsed = parser.parse(chunk); // any thread
    ///     source.join(&mut parsed)?; // in the order of the file
    ///     rows += parsed.batch().len();
    /// }
    /// assert_eq!(rows, 2);
    /// # Ok::<(), recipients_ingest::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the file cannot be read further.
    pub fn next_chunk(&mut self, spare: Batch) -> Result<Option<Chunk>, Error> {
        self.apart().0.next(spare)
    }

    /// How many bytes of text the next chunks have, if [`Options::chunk_bytes`] did not say; at least one
    /// and at most 64 MiB. Sheets and rows of a program have chunks of their own.
    pub fn prefer_chunks_of(&mut self, bytes: usize) {
        if let Body::Text(text) = &mut self.body {
            text.pieces.prefer_size(bytes.clamp(1, MOST_CHUNK_BYTES));
        }
    }

    /// What reads the chunks of this file.
    pub fn parser(&self) -> ChunkParser {
        ChunkParser(match &self.body {
            Body::Text(text) => Some(text.parser.clone()),
            Body::Sheet(_) | Body::Rows(_) => None,
        })
    }

    /// Tells a chunk where it stands. It must come right behind the one before it. True if its rows
    /// are others than they seemed: if a quote was open where it begins.
    ///
    /// # Errors
    ///
    /// If the file cannot be read further than somewhere in the chunk.
    pub fn join(&mut self, parsed: &mut ParsedChunk) -> Result<bool, Error> {
        self.apart().1.join(parsed)
    }

    /// What hands out chunks, and what joins them, for whoever does the one beside the other.
    pub fn apart(&mut self) -> (Chunks<'_>, Joints<'_>) {
        let notes = &mut self.notes;
        let (unread, text) = match &mut self.body {
            Body::Text(text) => {
                let text = &mut **text;
                let joints = (&text.parser, &mut text.joiner);
                (Unread::Text(&mut text.pieces), Some(joints))
            }
            Body::Sheet(cells) => (Unread::Sheet(cells), None),
            Body::Rows(rows) => (Unread::Rows(rows), None),
        };
        let chunks = Chunks {
            first: &mut self.first,
            column: self.layout.column,
            unread,
        };
        (chunks, Joints { text, notes })
    }

    /// The rows that are left one by one, for whoever does not mind that each is copied out of
    /// its batch.
    ///
    /// ```
    /// use recipients_ingest::{Error, Options, Source};
    ///
    /// let source = Source::from_bytes("l", "380971112233\n\n79101112233\n".into(), &Options::auto())?;
    /// let rows = source.into_rows().collect::<Result<Vec<_>, Error>>()?;
    /// assert_eq!((rows[1].number, rows[1].fields[0].as_str()), (3, "79101112233"));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn into_rows(self) -> Rows {
        Rows {
            source: self,
            batch: Batch::new(),
            next: 0,
            failed: false,
        }
    }
}

/// The chunks of a source that have not been handed out ([`Source::apart`]).
pub struct Chunks<'s> {
    first: &'s mut Option<Batch>,
    column: usize,
    unread: Unread<'s>,
}

enum Unread<'s> {
    Text(&'s mut Pieces),
    Sheet(&'s mut SheetCells),
    Rows(&'s mut RowFeed),
}

impl Chunks<'_> {
    /// [`Source::next_chunk`].
    ///
    /// # Errors
    ///
    /// If the file cannot be read further.
    pub fn next(&mut self, mut spare: Batch) -> Result<Option<Chunk>, Error> {
        // Enough to keep the cost of handing a batch on negligible.
        const SHEET_ROWS: usize = 4096;
        if let Some(first) = self.first.take() {
            return Ok(Some(Chunk(Part::Rows(first))));
        }
        match &mut self.unread {
            Unread::Text(pieces) => {
                let piece = pieces.next(spare.take_buffer())?;
                Ok(piece.map(|piece| Chunk(Part::Text(piece, spare))))
            }
            Unread::Sheet(cells) => {
                spare.clear();
                let more = cells.fill(self.column, SHEET_ROWS, &mut spare);
                Ok(more.then_some(Chunk(Part::Rows(spare))))
            }
            Unread::Rows(rows) => {
                spare.clear();
                let more = rows.fill(SHEET_ROWS, &mut spare)?;
                Ok(more.then_some(Chunk(Part::Rows(spare))))
            }
        }
    }
}

impl fmt::Debug for Chunks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chunks")
    }
}

/// What tells the chunks of a source where they stand ([`Source::apart`]).
pub struct Joints<'s> {
    text: Option<(&'s Parser, &'s mut Joiner)>,
    notes: &'s mut Vec<Note>,
}

impl Joints<'_> {
    /// [`Source::join`].
    ///
    /// # Errors
    ///
    /// If the file cannot be read further than somewhere in the chunk.
    pub fn join(&mut self, parsed: &mut ParsedChunk) -> Result<bool, Error> {
        let (Read::Text(parsed), Some((parser, joiner))) = (&mut parsed.0, &mut self.text) else {
            return Ok(false);
        };
        let changed = joiner.join(parser, parsed)?;
        if joiner.has_c1 && !self.notes.contains(&Note::ProbablyWindows1252) {
            self.notes.push(Note::ProbablyWindows1252);
        }
        if let RunOver { rows: 1.., first } = joiner.run_over {
            let rows = joiner.run_over.rows;
            self.notes
                .retain(|note| !matches!(note, Note::OpenQuotes { .. }));
            self.notes.push(Note::OpenQuotes { rows, first });
        }
        Ok(changed)
    }

    /// [`Source::bytes`].
    pub fn bytes(&self) -> u64 {
        let joiner = self.text.as_ref().map(|(_, joiner)| joiner);
        joiner.map_or(0, |joiner| joiner.bytes())
    }
}

impl fmt::Debug for Joints<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Joints")
    }
}

/// A part of a file ([`Source::next_chunk`]).
pub struct Chunk(Part);

enum Part {
    /// With a batch to be used again.
    Text(Piece, Batch),
    Rows(Batch),
}

/// Reads the chunks of one file; threads may share it.
#[derive(Clone)]
pub struct ChunkParser(Option<Parser>);

impl ChunkParser {
    /// Reads a chunk of the same file.
    pub fn parse(&self, chunk: Chunk) -> ParsedChunk {
        ParsedChunk(match (chunk.0, &self.0) {
            (Part::Text(piece, batch), Some(parser)) => {
                Read::Text(Box::new(parser.parse(piece, batch)))
            }
            (Part::Text(_, batch) | Part::Rows(batch), _) => Read::Rows(batch),
        })
    }

    /// Reads a chunk of the same file, for whoever does not want the rows' offsets ([`Row::offset`] is
    /// that of the chunk then); if it is text in which every line is a row of one field, the rows are
    /// not made either, and [`ParsedChunk::lines`] has the text. That is quicker.
    ///
    /// [`Row::offset`]: crate::Row::offset
    ///
    /// ```
    /// use recipients_ingest::{Batch, Options, Source};
    ///
    /// let text = "380971112233\n\n79101112233\n";
    /// let mut source = Source::from_bytes("l", text.into(), &Options::auto())?;
    /// let parser = source.parser();
    /// let chunk = source.next_chunk(Batch::new())?.unwrap();
    /// let mut parsed = parser.parse_lines(chunk);
    /// source.join(&mut parsed)?;
    /// assert_eq!(parsed.lines(), Some(text));
    /// assert_eq!(source.skipped_blank(), 1);
    /// # Ok::<(), recipients_ingest::Error>(())
    /// ```
    pub fn parse_lines(&self, chunk: Chunk) -> ParsedChunk {
        match (chunk.0, &self.0) {
            (Part::Text(piece, batch), Some(parser)) => {
                ParsedChunk(Read::Text(Box::new(parser.parse_lines(piece, batch))))
            }
            (part, _) => self.parse(Chunk(part)),
        }
    }

    /// Reads a chunk of the same file, for whoever wants to know no more of plain rows than the cell in one
    /// of so many columns, and what stands in few others: [`ParsedChunk::column`] has these cells,
    /// [`ParsedChunk::others`] what stands beside them, and [`ParsedChunk::batch`] the other rows, which are
    /// not numbered. That is quicker. The others must ascend; of rows that have not all of them nothing is
    /// known but the rows.
    ///
    /// ```
    /// use recipients_ingest::{Batch, ColumnRun, Options, Source};
    ///
    /// let text = "A;380971112233\n\nB\nC;79101112233\n";
    /// let mut source = Source::from_bytes("l", text.into(), &Options::auto())?;
    /// let parser = source.parser();
    /// let chunk = source.next_chunk(Batch::new())?.unwrap();
    /// let mut parsed = parser.parse_column(chunk, 1, &[0], 2);
    /// source.join(&mut parsed)?;
    /// let runs: Vec<_> = parsed.column().unwrap().collect();
    /// assert_eq!(
    ///     runs,
    ///     [
    ///         ColumnRun::Cells("380971112233\n"),
    ///         ColumnRun::Rows(0..1),
    ///         ColumnRun::Cells("79101112233\n"),
    ///     ],
    /// );
    /// assert_eq!(parsed.others().map(|value| value.text()).collect::<Vec<_>>(), ["A", "C"]);
    /// assert_eq!(parsed.batch().row(0).get(0), Some("B"));
    /// assert_eq!(source.skipped_blank(), 1);
    /// # Ok::<(), recipients_ingest::Error>(())
    /// ```
    pub fn parse_column(
        &self,
        chunk: Chunk,
        column: usize,
        others: &[usize],
        width: usize,
    ) -> ParsedChunk {
        match (chunk.0, &self.0) {
            (Part::Text(piece, batch), Some(parser)) => {
                let parsed = parser.parse_column(piece, batch, column, others, width);
                ParsedChunk(Read::Text(Box::new(parsed)))
            }
            (part, _) => self.parse(Chunk(part)),
        }
    }
}

/// Consecutive rows of a chunk ([`ParsedChunk::column`]).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ColumnRun<'c> {
    /// The cells of plain rows: each line with bytes is one. Lines end with a newline, which a carriage
    /// return may precede.
    Cells(&'c str),
    /// Rows that are not plain, or whose cell is empty or blank, by their places in
    /// [`ParsedChunk::batch`].
    Rows(Range<usize>),
}

/// A chunk as rows ([`ChunkParser::parse`]), which may be wrong until it has been joined
/// ([`Source::join`]).
pub struct ParsedChunk(Read);

enum Read {
    Text(Box<Parsed>),
    Rows(Batch),
}

impl ParsedChunk {
    /// The text of a chunk whose rows were not made ([`ChunkParser::parse_lines`]): every line with
    /// bytes is a row of one field. Lines end with a newline, which a carriage return may precede.
    pub fn lines(&self) -> Option<&str> {
        match &self.0 {
            Read::Text(parsed) if matches!(parsed.known, Known::Lines) => Some(parsed.batch.text()),
            _ => None,
        }
    }

    /// The rows in their order, if one column of them was wanted ([`ChunkParser::parse_column`]); `None`
    /// if all of them are in [`ParsedChunk::batch`].
    pub fn column(&self) -> Option<impl Iterator<Item = ColumnRun<'_>>> {
        let Read::Text(parsed) = &self.0 else {
            return None;
        };
        let (text, runs) = match &parsed.known {
            Known::Rows => return None,
            Known::Lines => (Some(parsed.batch.text()), None),
            Known::Column { cells, runs, .. } => (None, Some((cells, runs))),
        };
        let runs = runs.into_iter().flat_map(|(cells, runs)| {
            runs.iter().map(|run| match run {
                Run::Cells(place) => ColumnRun::Cells(&cells[place.clone()]),
                Run::Rows(place) => ColumnRun::Rows(place.clone()),
            })
        });
        Some(text.into_iter().map(ColumnRun::Cells).chain(runs))
    }

    /// For each of the cells of [`ParsedChunk::column`] what stands in the other columns that were asked
    /// for, in the order in which they were.
    pub fn others(&self) -> impl Iterator<Item = Value<'_>> {
        let known = match &self.0 {
            Read::Text(parsed) => match &parsed.known {
                Known::Column {
                    bytes,
                    others,
                    encoding,
                    ..
                } => Some((&**bytes, others, *encoding)),
                _ => None,
            },
            Read::Rows(_) => None,
        };
        known.into_iter().flat_map(|(bytes, others, encoding)| {
            others.iter().map(move |place| {
                let place = place.start as usize..place.end as usize;
                Value::new(&bytes[place], encoding)
            })
        })
    }

    /// The rows.
    pub fn batch(&self) -> &Batch {
        match &self.0 {
            Read::Text(parsed) => &parsed.batch,
            Read::Rows(batch) => batch,
        }
    }

    /// The rows, or a batch that is no longer needed.
    pub fn into_batch(self) -> Batch {
        match self.0 {
            Read::Text(parsed) => parsed.into_batch(),
            Read::Rows(batch) => batch,
        }
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chunk")
    }
}

impl fmt::Debug for ChunkParser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChunkParser")
    }
}

/// Shows how many rows there are, and not what is in them.
impl fmt::Debug for ParsedChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParsedChunk({} rows)", self.batch().len())
    }
}

/// A row of its own.
#[derive(Clone, Eq, PartialEq)]
pub struct OwnedRow {
    /// The physical line where the row starts, or the row of the sheet; from 1.
    pub number: u64,
    /// Offset in bytes of the row's start in the (decompressed) file; 0 in a sheet.
    pub offset: u64,
    /// The fields.
    pub fields: Vec<String>,
}

/// Shows where the row stands and not what is in it.
impl fmt::Debug for OwnedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnedRow({}, {} fields)", self.number, self.fields.len())
    }
}

/// The rows of a source one by one ([`Source::into_rows`]). It ends after an error.
#[derive(Debug)]
pub struct Rows {
    source: Source,
    batch: Batch,
    next: usize,
    failed: bool,
}

impl Rows {
    /// The source, for its layout, header and notes.
    pub fn source(&self) -> &Source {
        &self.source
    }
}

impl Iterator for Rows {
    type Item = Result<OwnedRow, Error>;

    fn next(&mut self) -> Option<Result<OwnedRow, Error>> {
        if self.failed {
            return None;
        }
        if self.next == self.batch.len() {
            self.next = 0;
            match self.source.fill(&mut self.batch) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        let row = self.batch.row(self.next);
        self.next += 1;
        Some(Ok(OwnedRow {
            number: row.number(),
            offset: row.offset(),
            fields: row.fields().map(str::to_owned).collect(),
        }))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("name", &self.name)
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

impl Layout {
    /// The names in a header, without what an earlier run has put before them.
    fn names<'n>(&self, fields: impl Iterator<Item = &'n str>) -> Vec<String> {
        let name = |name: &str| match self.annotations {
            Some(_) => unescape(name).to_owned(),
            None => name.to_owned(),
        };
        fields.map(name).collect()
    }

    fn empty() -> Layout {
        Layout {
            format: Format::Text,
            compression: None,
            encoding: None,
            encoding_confidence: Confidence::Certain,
            bom: false,
            delimiter: None,
            delimiter_confidence: Confidence::Certain,
            enclosure: None,
            enclosure_confidence: Confidence::Certain,
            has_header: false,
            header_confidence: Confidence::Certain,
            column: 0,
            column_confidence: Confidence::Certain,
            width: 0,
            sheet: None,
            annotations: None,
        }
    }
}

/// Reads until there are `most` bytes, or the end.
fn read_up_to(reader: &mut dyn io::Read, most: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
    let missing = (most - bytes.len()) as u64;
    reader.take(missing).read_to_end(bytes)?;
    Ok(())
}

fn check_size(size: u64, limit: u64) -> Result<(), ErrorKind> {
    if size <= limit {
        return Ok(());
    }
    Err(ErrorKind::TooLarge {
        what: "the workbook is too many bytes long".into(),
        size,
        limit,
    })
}

fn names_column(options: &Options, first: &[String]) -> bool {
    match &options.column {
        Some(Column::Named(name)) => name.parse::<usize>().is_err() && first.contains(name),
        _ => false,
    }
}

fn find_column(wanted: &Column, header: Option<&[String]>, columns: usize) -> Option<usize> {
    let by_number = |number: usize| {
        let at = number.checked_sub(1)?;
        // Of an empty list any column may be asked for.
        (at < columns || columns == 0).then_some(at)
    };
    match wanted {
        Column::Number(number) => by_number(*number),
        Column::Named(name) => {
            let names = header.unwrap_or_default().iter().take(columns);
            names
                .clone()
                .position(|n| n == name)
                .or_else(|| {
                    names
                        .clone()
                        .position(|n| n.to_lowercase() == name.to_lowercase())
                })
                .or_else(|| by_number(name.parse().ok()?))
        }
    }
}
