//! Reads recipient lists as people have them: CSV of any dialect and encoding, plain or
//! compressed, XLS, XLSX, XLSB and ODS.
//!
//! The primary type is [`Source`]: an opened file, its [`Layout`] found out or given
//! ([`Options`]), that fills a [`Batch`] of rows at a time. Text streams: whatever its size, no
//! more of it is held than the batch, one row and a sample of the beginning. Of a spreadsheet one
//! sheet is held, within limits that are checked before memory is taken ([`Limits`]).
//!
//! ```
//! use recipients_ingest::{Batch, Options, Source};
//!
//! let text = "recipient;name\n380971112233;Василий\n\n79101112233;\"Ольга; мл.\"\n";
//! let mut source = Source::from_bytes("list.csv", text.into(), &Options::auto())?;
//! assert_eq!(source.layout().delimiter, Some(';'));
//! assert_eq!(source.header().unwrap(), ["recipient", "name"]);
//!
//! let mut batch = Batch::new();
//! let mut rows = Vec::new();
//! while source.fill(&mut batch)? {
//!     for row in batch.rows() {
//!         rows.push((row.number(), row.get(1).unwrap().to_owned()));
//!     }
//! }
//! assert_eq!(rows, [(2, "Василий".to_owned()), (4, "Ольга; мл.".to_owned())]);
//! assert_eq!(source.skipped_blank(), 1);
//! # Ok::<(), recipients_ingest::Error>(())
//! ```
//!
//! # What it does not do
//!
//! It judges no number and knows no template: which cell of a row is a recipient is a guess from
//! shapes that [`Options`] overrules. It starts no threads.

mod batch;
mod column;
mod compress;
mod detect;
mod encoding;
mod error;
mod foreign;
mod formula;
mod options;
mod rows;
mod sheet;
mod source;
mod split;
mod text;
mod write;

pub use batch::{Batch, Row};
pub use column::Value;
pub use encoding::Encoding;
pub use error::{Error, ErrorKind, Position};
pub use formula::{escape, unescape};
pub use options::{Choice, Column, Limits, Options, Sheet};
pub use sheet::{SheetProcess, WorkbookInput, answer_sheet_request, in_contained_code};
pub use source::{
    Chunk, ChunkParser, Chunks, ColumnRun, Confidence, Format, Joints, Layout, Note, OwnedRow,
    ParsedChunk, Rows, Source,
};
pub use write::Writer;
