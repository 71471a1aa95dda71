//! Text files: bytes to rows, in pieces that can be read side by side.
//!
//! [`Pieces`] cuts the file where lines end; [`Parser`] decodes a piece and splits it as if a row
//! began with it; [`Joiner`] sees the pieces in their order, and splits one again in the rare case
//! that a row, enclosed by quotes, goes on in it. What comes out does not depend on where the file
//! was cut.

use crate::batch::Batch;
use crate::column::{Column, Marks, Run, Wanted};
use crate::encoding::{Decoder, SourceLen, Undecodable, utf8};
use crate::error::{Error, ErrorKind, Position};
use crate::options::Options;
use crate::split::{Dialect, Edge, Fault, Offsets, RunOver, Split, count_lines};
use crate::{Encoding, detect};
use std::borrow::Cow;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

/// The file, cut into pieces. A piece is not empty, but for the last one.
pub(crate) struct Pieces {
    file: Arc<str>,
    input: Box<dyn Read + Send>,
    compressed: bool,
    encoding: Encoding,
    size: usize,
    size_is_given: bool,
    /// Bytes that were read, and how many may be.
    read: u64,
    limit: u64,
    /// Bytes that were read and not handed out yet, from `start` on.
    pending: Vec<u8>,
    start: usize,
    at_end: bool,
    finished: bool,
}

/// What has been read of a file already.
pub(crate) struct Head {
    pub(crate) bytes: Vec<u8>,
    /// Where the rows begin.
    pub(crate) start: usize,
    /// Whether there is no more.
    pub(crate) is_whole: bool,
}

/// Some bytes of the file.
pub(crate) struct Piece {
    bytes: Vec<u8>,
    edge: Edge,
}

impl Pieces {
    pub(crate) fn new(
        file: &str,
        head: Head,
        input: Box<dyn Read + Send>,
        compressed: bool,
        encoding: Encoding,
        options: &Options,
    ) -> Pieces {
        Pieces {
            file: file.into(),
            input,
            compressed,
            encoding,
            // Enough to keep the cost of handing a chunk on negligible, few enough that its rows and
            // what is found out about them stay in the cache.
            size: options.chunk_bytes.unwrap_or(1 << 18),
            size_is_given: options.chunk_bytes.is_some(),
            read: (head.bytes.len() - head.start) as u64,
            limit: options.limits.text_bytes,
            pending: head.bytes,
            start: head.start,
            at_end: head.is_whole,
            finished: false,
        }
    }

    /// How many bytes a piece has, if nobody has said.
    pub(crate) fn prefer_size(&mut self, size: usize) {
        if !self.size_is_given {
            self.size = size;
        }
    }

    /// The next piece, in a buffer that is no longer needed; `None` behind the last one.
    pub(crate) fn next(&mut self, mut buffer: Vec<u8>) -> Result<Option<Piece>, Error> {
        if self.finished {
            return Ok(None);
        }
        let mut size = self.size;
        loop {
            self.fill(&mut buffer, size)?;
            let window = &buffer[..buffer.len().min(size)];
            let (len, edge) = match self.at_end && window.len() == self.at_hand(&buffer) {
                true => (window.len(), Edge::Last),
                false => cut(window, self.encoding),
            };
            if len == 0 && edge != Edge::Last {
                // Not one character yet.
                self.put_back(&buffer);
                size += 4;
                continue;
            }
            self.finished = edge == Edge::Last;
            self.put_back(&buffer[len..]);
            buffer.truncate(len);
            return Ok(Some(Piece {
                bytes: buffer,
                edge,
            }));
        }
    }

    /// How many bytes have been read and not handed out, a buffer's included.
    fn at_hand(&self, buffer: &[u8]) -> usize {
        buffer.len() + self.pending.len() - self.start
    }

    /// Replaces what is in a buffer by the next bytes: `size`, if one more is pending behind them, or else
    /// one more than `size`, unless the file ends before. Only so it is known that a piece is not the
    /// last. They are read where they stay, since copies are a good part of what reading costs.
    fn fill(&mut self, buffer: &mut Vec<u8>, size: usize) -> Result<(), Error> {
        let known = &self.pending[self.start..];
        if known.len() > size || self.at_end {
            let len = known.len().min(size);
            buffer.clear();
            if !self.at_end {
                // It comes back for bytes that are read.
                buffer.reserve_exact(size + 1);
            }
            buffer.extend_from_slice(&known[..len]);
            self.start += len;
            return match self.start == self.pending.len() {
                true => self.check_limit(),
                false => Ok(()),
            };
        }
        let len = known.len();
        if self.pending.capacity() > size && buffer.capacity() <= size {
            // Memory that has been touched is better than new one.
            self.pending.drain(..self.start);
            *buffer = std::mem::take(&mut self.pending);
            buffer.resize(size + 1, 0);
        } else {
            // What is there is written over; to make it zeros first would cost as much as a copy.
            buffer.resize(size + 1, 0);
            buffer[..len].copy_from_slice(known);
            // The head is given back: what comes now is less than a line, most times.
            self.pending = Vec::new();
        }
        self.start = 0;
        let count = self.read(&mut buffer[len..])?;
        buffer.truncate(len + count);
        Ok(())
    }

    /// Fills a buffer, unless the file ends before; how many bytes that are.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut count = 0;
        while count < buffer.len() && !self.at_end {
            match self.input.read(&mut buffer[count..]) {
                Ok(0) => self.at_end = true,
                Ok(more) => count += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let kind = match self.compressed {
                        true => ErrorKind::Compressed(error),
                        false => ErrorKind::Io(error),
                    };
                    return Err(Error::new(&self.file, None, kind));
                }
            }
        }
        self.read += count as u64;
        self.check_limit()?;
        Ok(count)
    }

    /// Asked when all that was read is about to be handed out.
    fn check_limit(&self) -> Result<(), Error> {
        let limit = self.limit;
        match self.read > limit {
            true => Err(Error::new(
                &self.file,
                None,
                ErrorKind::TextTooLong { limit },
            )),
            false => Ok(()),
        }
    }

    /// What is not handed out yet, the last bytes that were filled in.
    fn put_back(&mut self, bytes: &[u8]) {
        if self.pending.is_empty() {
            self.pending.extend_from_slice(bytes);
        } else {
            // They are still where they were.
            self.start -= bytes.len();
        }
    }
}

/// Where to cut: behind the last line end, or else behind the last whole character.
fn cut(bytes: &[u8], encoding: Encoding) -> (usize, Edge) {
    let unit = |at: usize| match encoding {
        Encoding::Ucs2Be => u16::from_be_bytes([bytes[at], bytes[at + 1]]),
        _ => u16::from_le_bytes([bytes[at], bytes[at + 1]]),
    };
    match encoding {
        Encoding::Ucs2 | Encoding::Ucs2Le | Encoding::Ucs2Be => {
            let even = bytes.len() / 2 * 2;
            let units = || (0..even).step_by(2).rev();
            if let Some(at) = units().find(|&at| unit(at) == u16::from(b'\n')) {
                return (at + 2, Edge::Line);
            }
            let is_return = |&at: &usize| unit(at) == u16::from(b'\r') && at + 2 < even;
            if let Some(at) = units().find(is_return) {
                return (at + 2, Edge::Line);
            }
            // Half of a surrogate pair waits for the other.
            let half = even >= 2 && (0xd800..0xdc00).contains(&unit(even - 2));
            (even - 2 * usize::from(half), Edge::Open)
        }
        _ => {
            if let Some(at) = memchr::memrchr(b'\n', bytes) {
                return (at + 1, Edge::Line);
            }
            // A line feed may follow the last byte.
            let but_last = bytes.len().saturating_sub(1);
            if let Some(at) = memchr::memrchr(b'\r', &bytes[..but_last]) {
                return (at + 1, Edge::Line);
            }
            let whole = match encoding {
                Encoding::Utf8 => whole_characters(bytes),
                _ => bytes.len(),
            };
            (whole, Edge::Open)
        }
    }
}

/// How many bytes of UTF-8 are there but for a character that has only begun.
fn whole_characters(bytes: &[u8]) -> usize {
    let last = bytes.len().saturating_sub(3);
    let lead = bytes[last..].iter().rposition(|&byte| byte >= 0xc0);
    match lead {
        Some(lead) => {
            let at = last + lead;
            let needs = match bytes[at] {
                0xf0.. => 4,
                0xe0.. => 3,
                _ => 2,
            };
            match at + needs > bytes.len() {
                true => at,
                false => bytes.len(),
            }
        }
        None => bytes.len(),
    }
}

/// How pieces are read; any number of them at once.
#[derive(Clone)]
pub(crate) struct Parser {
    encoding: Encoding,
    dialect: Dialect,
    row_limit: usize,
}

/// A piece as rows, as if the first one began with it.
pub(crate) struct Parsed {
    pub(crate) batch: Batch,
    edge: Edge,
    /// How much of the batch's text is the piece.
    len: usize,
    source: SourceLen,
    split: Split,
    /// The piece's bytes end there.
    fault: Option<ErrorKind>,
    /// A Latin-1 file with characters that only windows-1252 gives a shape to.
    has_c1: bool,
    /// What is known instead of the rows.
    pub(crate) known: Known,
    /// Whether rows have offsets.
    offsets: bool,
}

/// What is known of a piece.
pub(crate) enum Known {
    /// All rows.
    Rows,
    /// The text, of which every line with bytes is a row of one field.
    Lines,
    /// Cells of a column, and the rows that are not plain.
    Column {
        cells: String,
        runs: Vec<Run>,
        /// The piece, as it was read.
        bytes: Vec<u8>,
        /// Where the values stand in it that are wanted beside the cells.
        others: Vec<Range<u32>>,
        encoding: Encoding,
    },
}

impl Parser {
    pub(crate) fn new(encoding: Encoding, dialect: Dialect, options: &Options) -> Parser {
        // Places in a piece are counted with 32 bits.
        const MOST: usize = 1 << 30;
        Parser {
            encoding,
            dialect,
            row_limit: options.limits.row_bytes.min(MOST),
        }
    }

    /// Reads a piece into a batch that is no longer needed.
    pub(crate) fn parse(&self, piece: Piece, batch: Batch) -> Parsed {
        let mut parsed = self.decode(piece, batch);
        self.split(&mut parsed);
        parsed
    }

    /// Reads a piece as [`Parser::parse`] does, but without the offsets of rows, and of plain ones no more
    /// than the cell in one of so many columns, and the values of others.
    pub(crate) fn parse_column(
        &self,
        piece: Piece,
        batch: Batch,
        column: usize,
        others: &[usize],
        width: usize,
    ) -> Parsed {
        if width > 1
            && let Some(marks) = self.marks(&piece)
        {
            let is_utf8 = self.encoding == Encoding::Utf8;
            let wanted = Wanted {
                column,
                others,
                width,
                is_utf8,
            };
            if let Some(found) = Column::of(&piece.bytes, marks, wanted) {
                return self.with_column(piece, batch, found);
            }
        }
        match others {
            [] => self.parse_lines(piece, batch),
            // Of lines only the cells would be known.
            _ => self.parse(piece, batch),
        }
    }

    /// Reads a piece as [`Parser::parse`] does, but without the offsets of rows, and if all its lines
    /// are plain rows they stay as they are.
    pub(crate) fn parse_lines(&self, piece: Piece, batch: Batch) -> Parsed {
        let mut parsed = self.decode(piece, batch);
        parsed.offsets = false;
        let whole = parsed.fault.is_none() && parsed.edge != Edge::Open;
        let lines = match whole {
            true => self
                .dialect
                .count_lines(parsed.batch.text(), parsed.source, self.row_limit),
            false => None,
        };
        match lines {
            Some(split) => (parsed.split, parsed.known) = (split, Known::Lines),
            None => self.split(&mut parsed),
        }
        parsed
    }

    /// Delimiter and enclosure, if bytes can be told apart by them: whole lines of a text that can be decoded,
    /// none of which is too long.
    fn marks(&self, piece: &Piece) -> Option<Marks> {
        let bytes = &piece.bytes[..];
        let ascii = |mark: char| u8::try_from(mark).ok().filter(u8::is_ascii);
        let enclosure = match self.dialect.enclosure {
            Some(mark) => Some(ascii(mark)?),
            None => None,
        };
        let marks = Marks {
            delimiter: ascii(self.dialect.delimiter?)?,
            enclosure,
        };
        let is_end = piece.edge == Edge::Last && bytes.ends_with(b"\x1a");
        let is_whole = piece.edge != Edge::Open && !is_end && bytes.len() <= self.row_limit;
        let is_text =
            is_whole && memchr::memchr(0, bytes).is_none() && self.encoding.is_plain(bytes);
        is_text.then_some(marks)
    }

    /// What is left of a piece of which a column is known.
    fn with_column(&self, piece: Piece, batch: Batch, column: Column) -> Parsed {
        let odd = Piece {
            bytes: column.odd,
            edge: Edge::Last,
        };
        let mut parsed = self.decode(odd, batch);
        parsed.offsets = false;
        self.split(&mut parsed);
        // Nothing is left for the next piece.
        (parsed.edge, parsed.split, parsed.len) = (piece.edge, column.split, 0);
        parsed.known = Known::Column {
            cells: column.cells,
            runs: column.runs,
            bytes: piece.bytes,
            others: column.others,
            encoding: self.encoding,
        };
        parsed
    }

    /// The text of a piece.
    fn decode(&self, piece: Piece, mut batch: Batch) -> Parsed {
        batch.clear();
        let mut parsed = Parsed {
            edge: piece.edge,
            len: 0,
            source: SourceLen::Same,
            split: Split::default(),
            fault: None,
            has_c1: false,
            known: Known::Rows,
            offsets: true,
            batch,
        };
        let mut text = decode(self.encoding, piece.bytes, &mut parsed);
        if let Some(at) = memchr::memchr(0, text.as_bytes()) {
            text.truncate(at);
            parsed.fault = Some(ErrorKind::Binary);
        }
        // DOS programs ended a text with Ctrl-Z.
        if parsed.fault.is_none() && parsed.edge == Edge::Last && text.ends_with('\u{1a}') {
            text.pop();
        }
        parsed.len = text.len();
        parsed.batch.set_text(text);
        parsed
    }

    fn split(&self, parsed: &mut Parsed) {
        let edge = match parsed.fault {
            Some(_) => Edge::Open,
            None => parsed.edge,
        };
        parsed.known = Known::Rows;
        let offsets = Offsets {
            source: parsed.source,
            by_row: parsed.offsets,
        };
        parsed.split =
            self.dialect
                .split_with(&mut parsed.batch, edge, offsets, self.row_limit, usize::MAX);
    }
}

impl Parsed {
    /// The rows, or a batch whose memory can be used again.
    pub(crate) fn into_batch(self) -> Batch {
        let mut batch = self.batch;
        if let Known::Column { bytes, .. } = self.known {
            batch.clear();
            batch.set_buffer(bytes);
        }
        batch
    }
}

/// Decodes a piece, and notes what cannot be, and how long the text was before.
fn decode(encoding: Encoding, bytes: Vec<u8>, parsed: &mut Parsed) -> String {
    let one_byte_ascii = !matches!(
        encoding,
        Encoding::Utf8 | Encoding::Ucs2 | Encoding::Ucs2Le | Encoding::Ucs2Be
    ) && bytes.is_ascii();
    let bytes = match (encoding, one_byte_ascii) {
        (Encoding::Utf8, _) | (_, true) => match String::from_utf8(bytes) {
            Ok(text) => return text,
            Err(error) => error.into_bytes(),
        },
        _ => bytes,
    };
    parsed.source = encoding.source_len();
    let mut text = String::new();
    if let Err(Undecodable(_)) = Decoder::new(encoding).decode(&bytes, true, &mut text) {
        parsed.fault = Some(ErrorKind::Undecodable {
            encoding,
            suggestion: detect::other_encoding(&bytes, encoding),
        });
    }
    if encoding == Encoding::Iso8859_1 {
        parsed.has_c1 = text.chars().any(|c| ('\u{80}'..='\u{9f}').contains(&c));
    }
    text
}

/// Puts pieces in their places, one after the other.
pub(crate) struct Joiner {
    file: Arc<str>,
    /// A row that has only begun.
    carry: String,
    lines: u64,
    bytes: u64,
    pub(crate) skipped_blank: u64,
    pub(crate) has_c1: bool,
    pub(crate) run_over: RunOver,
}

impl Joiner {
    /// So many bytes and lines stand before what is joined.
    pub(crate) fn new(file: &str, bytes: usize, lines: u64) -> Joiner {
        Joiner {
            file: file.into(),
            carry: String::new(),
            lines,
            bytes: bytes as u64,
            skipped_blank: 0,
            has_c1: false,
            run_over: RunOver::default(),
        }
    }

    /// How many bytes of the file are done with.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes the next piece; whether its rows are others than they seemed.
    pub(crate) fn join(&mut self, parser: &Parser, parsed: &mut Parsed) -> Result<bool, Error> {
        let goes_on = !self.carry.is_empty();
        if goes_on {
            if let Known::Column { bytes, .. } = &mut parsed.known {
                let bytes = std::mem::take(bytes);
                let piece = Piece {
                    bytes,
                    edge: parsed.edge,
                };
                *parsed = parser.decode(piece, std::mem::take(&mut parsed.batch));
                parsed.offsets = false;
            }
            let mut text = std::mem::take(&mut self.carry);
            text.push_str(&parsed.batch.text()[..parsed.len]);
            // The piece may be plain where the row that goes on is not.
            parsed.source = parser.encoding.source_len();
            parsed.batch.clear();
            parsed.batch.set_text(text);
            parsed.len = parsed.batch.text().len();
            parser.split(parsed);
        }
        let split = parsed.split;
        parsed.batch.stands_behind(self.lines, self.bytes);
        if let Some(fault) = split.fault {
            let quote = parser.dialect.enclosure.unwrap_or('"');
            let limit = parser.row_limit;
            let (at, kind) = match fault {
                Fault::TooLong(at) => (at, ErrorKind::RowTooLong { limit }),
                Fault::Unclosed { at, too_long } => {
                    let limit = too_long.then_some(limit);
                    (at, ErrorKind::UnclosedQuote { quote, limit })
                }
            };
            return Err(self.error(parsed, at, kind));
        }
        if let Some(kind) = parsed.fault.take() {
            return Err(self.error(parsed, parsed.len, kind));
        }
        self.run_over.add(self.lines, split.run_over);
        self.lines += split.lines;
        self.bytes += split.source;
        self.skipped_blank += split.blank;
        self.has_c1 |= parsed.has_c1;
        if parsed.edge != Edge::Last {
            self.carry
                .push_str(&parsed.batch.text()[split.done..parsed.len]);
        }
        Ok(goes_on)
    }

    /// An error at a place in the text of a piece.
    fn error(&self, parsed: &Parsed, at: usize, kind: ErrorKind) -> Error {
        let before = &parsed.batch.text()[..at];
        let position = Position {
            line: self.lines + 1 + count_lines(before),
            byte: self.bytes + parsed.source.of(before),
        };
        Error::new(&self.file, Some(position), kind)
    }
}

/// What reads a text file.
pub(crate) struct TextReader {
    pub(crate) pieces: Pieces,
    pub(crate) parser: Parser,
    pub(crate) joiner: Joiner,
}

/// The beginning of a text, for detection: `bytes` without the byte order mark of `bom` bytes.
pub(crate) fn sample<'b>(
    file: &str,
    bytes: &'b [u8],
    bom: usize,
    whole: bool,
    encoding: Encoding,
) -> Result<Cow<'b, str>, Error> {
    let as_it_stands = match encoding {
        Encoding::Utf8 => utf8(bytes, whole),
        _ => None,
    };
    let (mut text, decoded) = match as_it_stands {
        Some(text) => (Cow::Borrowed(text), Ok(())),
        None => {
            let mut text = String::new();
            let decoded = Decoder::new(encoding).decode(bytes, whole, &mut text);
            (Cow::Owned(text), decoded)
        }
    };
    let fault = |before: &str, kind| {
        let position = Position {
            line: 1 + count_lines(before),
            byte: bom as u64 + encoding.source_len().of(before),
        };
        Err(Error::new(file, Some(position), kind))
    };
    if let Some(at) = memchr::memchr(0, text.as_bytes()) {
        return fault(&text[..at], ErrorKind::Binary);
    }
    if let Err(Undecodable(_)) = decoded {
        let suggestion = detect::other_encoding(bytes, encoding);
        return fault(
            &text,
            ErrorKind::Undecodable {
                encoding,
                suggestion,
            },
        );
    }
    if whole && text.ends_with('\u{1a}') {
        match &mut text {
            Cow::Borrowed(text) => *text = &text[..text.len() - 1],
            Cow::Owned(text) => {
                text.pop();
            }
        }
    }
    Ok(text)
}
