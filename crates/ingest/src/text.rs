//! Text files: bytes to rows, holding no more than a row and a chunk.

use crate::batch::Batch;
use crate::encoding::{Decoder, Undecodable};
use crate::error::{Error, ErrorKind, Position};
use crate::options::Options;
use crate::split::{Dialect, End, Scan, count_lines};
use crate::{Encoding, detect};
use std::io::{ErrorKind as IoKind, Read};

/// Bytes read at a time.
const CHUNK: usize = 1 << 16;

pub(crate) struct TextReader {
    file: String,
    input: Box<dyn Read + Send>,
    compressed: bool,
    encoding: Encoding,
    decoder: Decoder,
    pub(crate) dialect: Dialect,
    row_limit: usize,
    batch_rows: usize,
    raw: Vec<u8>,
    /// Decoded text; rows before `start` have been handed out.
    text: String,
    start: usize,
    scan: Scan,
    at_end: bool,
    /// Of the row at `start`.
    line: u64,
    offset: u64,
    /// A Latin-1 file with characters that only windows-1252 gives a shape to.
    pub(crate) has_c1: bool,
}

impl TextReader {
    /// `head` is what has been read of the file already, its byte order mark (of `bom` bytes)
    /// taken away.
    pub(crate) fn new(
        file: &str,
        head: &[u8],
        bom: usize,
        input: Box<dyn Read + Send>,
        compressed: bool,
        encoding: Encoding,
        options: &Options,
    ) -> Result<TextReader, Error> {
        let mut reader = TextReader {
            file: file.to_owned(),
            input,
            compressed,
            encoding,
            decoder: Decoder::new(encoding),
            dialect: Dialect {
                delimiter: None,
                enclosure: None,
            },
            row_limit: options.limits.row_bytes,
            batch_rows: options.batch_rows.0,
            raw: vec![0; CHUNK],
            text: String::new(),
            start: 0,
            scan: Scan::default(),
            at_end: false,
            line: 1,
            offset: bom as u64,
            has_c1: false,
        };
        reader.take(head, false)?;
        Ok(reader)
    }

    /// The text that is there before the first row is asked for: the sample for detection, and
    /// whether it is the whole file.
    pub(crate) fn sample(&mut self) -> Result<(&str, bool), Error> {
        // A short head may be the whole file; only an empty read tells.
        if self.text.len() < CHUNK && !self.at_end {
            self.refill()?;
        }
        Ok((&self.text, self.at_end))
    }

    /// Fills an emptied batch; false if there was nothing left.
    pub(crate) fn fill(
        &mut self,
        batch: &mut Batch,
        skipped_blank: &mut u64,
    ) -> Result<bool, Error> {
        while !batch.is_full(self.batch_rows) {
            if self.start == self.text.len() && self.at_end {
                break;
            }
            let rest = &self.text[self.start..];
            match self.dialect.row_end(rest, &mut self.scan, self.at_end) {
                End::Row(found) if found.len <= self.row_limit => {
                    let row = &rest[..found.len];
                    if row.is_empty() {
                        *skipped_blank += 1;
                    } else {
                        self.dialect.fields(row, batch);
                        batch.end_row(self.line, self.offset);
                    }
                    let whole = &rest[..found.with_terminator];
                    self.line += count_lines(whole);
                    self.offset += self.encoding.source_len(whole);
                    self.start += found.with_terminator;
                    self.scan = Scan::default();
                }
                End::Row(_) => return Err(self.too_long(None)),
                End::More { quote } if rest.len() > self.row_limit => {
                    return Err(self.too_long(quote));
                }
                End::More { quote: Some(at) } if self.at_end => {
                    return Err(self.unclosed(at, None));
                }
                End::More { .. } => self.refill()?,
            }
        }
        Ok(!batch.is_empty())
    }

    fn too_long(&self, quote: Option<usize>) -> Error {
        match quote {
            Some(at) => self.unclosed(at, Some(self.row_limit)),
            None => self.error(
                self.start,
                ErrorKind::RowTooLong {
                    limit: self.row_limit,
                },
            ),
        }
    }

    fn unclosed(&self, at: usize, limit: Option<usize>) -> Error {
        let quote = self.dialect.enclosure.unwrap_or('"');
        self.error(self.start + at, ErrorKind::UnclosedQuote { quote, limit })
    }

    /// An error at a place in the decoded text.
    fn error(&self, at: usize, kind: ErrorKind) -> Error {
        let before = &self.text[self.start..at];
        let position = Position {
            line: self.line + count_lines(before),
            byte: self.offset + self.encoding.source_len(before),
        };
        Error::new(&self.file, Some(position), kind)
    }

    /// Reads and decodes one more chunk.
    fn refill(&mut self) -> Result<(), Error> {
        self.text.drain(..self.start);
        self.start = 0;
        let mut raw = std::mem::take(&mut self.raw);
        let count = loop {
            match self.input.read(&mut raw) {
                Err(error) if error.kind() == IoKind::Interrupted => {}
                Err(error) => {
                    let kind = match self.compressed {
                        true => ErrorKind::Compressed(error),
                        false => ErrorKind::Io(error),
                    };
                    return Err(Error::new(&self.file, None, kind));
                }
                Ok(count) => break count,
            }
        };
        let taken = self.take(&raw[..count], count == 0);
        self.raw = raw;
        taken
    }

    fn take(&mut self, bytes: &[u8], last: bool) -> Result<(), Error> {
        let before = self.text.len();
        let decoded = self.decoder.decode(bytes, last, &mut self.text);
        if let Some(at) = memchr::memchr(0, &self.text.as_bytes()[before..]) {
            return Err(self.error(before + at, ErrorKind::Binary));
        }
        if let Err(Undecodable(_)) = decoded {
            // What was decoded ends where the bad byte stands.
            return Err(self.error(
                self.text.len(),
                ErrorKind::Undecodable {
                    encoding: self.encoding,
                    suggestion: detect::other_encoding(bytes, self.encoding),
                },
            ));
        }
        if self.encoding == Encoding::Iso8859_1 && !self.has_c1 {
            self.has_c1 = self.text[before..]
                .chars()
                .any(|c| ('\u{80}'..='\u{9f}').contains(&c));
        }
        if last {
            self.at_end = true;
            // DOS programs ended a text with Ctrl-Z.
            if self.text[self.start..].ends_with('\u{1a}') {
                self.text.pop();
                self.scan = Scan::default();
            }
        }
        Ok(())
    }
}
