//! Carries recipient lists from rows to verdicts, in parallel in the middle and in order at both
//! ends.
//!
//! [`Pipeline`] reads one or more [`Source`](recipients_ingest::Source)s, asks a
//! [`Checker`](recipients_core::Checker) about every row on all cores, fills a
//! [`Template`](recipients_template::Template) if there is one, lets the first of equal numbers
//! win in input order (decision D2), and hands every row with its verdict to a [`Sink`]. What it
//! saw is in the [`Report`]. The same bytes give the same rows, verdicts and report, whatever the
//! number of threads.
//!
//! Programs without files push rows ([`Pipeline::feed`]) or pull verdicts ([`Pipeline::verdicts`]).
//!
//! [`Batches`] cuts accepted recipients into requests (D22). [`annotate`] is the format of the
//! accepted and rejected files, which can be mended and fed back in.
//!
//! ```
//! use recipients_batcher::{Checked, Pipeline};
//! use recipients_core::{Checker, Code};
//! use recipients_ingest::{Options, Source};
//!
//! let list = "380971112233\n+38 (097) 111-22-33\nnone\n";
//! let source = Source::from_bytes("list.txt", list.into(), &Options::auto())?;
//! let mut codes = Vec::new();
//! let checker = Checker::default();
//! let report = Pipeline::new(&checker)
//!     .threads(2)
//!     .run(vec![source], |row: &Checked<'_>| {
//!         codes.push((row.number(), row.verdict().code().as_u8()));
//!         Ok(())
//!     })?;
//! assert_eq!(codes, [(1, 0), (2, 4), (3, 2)]);
//! assert_eq!(report.count(Code::Duplicate), 1);
//! # Ok::<(), recipients_batcher::Error>(())
//! ```

pub mod annotate;
mod batches;
mod binding;
mod candidates;
mod check;
mod cost;
mod error;
mod feed;
mod mapped;
mod parts;
mod pipeline;
mod report;
mod rounds;
mod rows;
mod spill;
mod stop_list;
mod suggest;
mod sums;
mod winner;

pub use batches::{Batches, Filling, Limits, Size};
pub use binding::{Binding, Lacking, check_header, fill, unfilled_reason};
pub use error::{Error, HeaderError};
pub use feed::{CheckedRow, Feed, Verdicts};
pub use mapped::open_number_set;
pub use pipeline::{Checked, FileInfo, Format, Pipeline, Rows, Sink, Wants};
pub use report::{Report, SegmentCounts};
pub use rounds::Workers;
pub use stop_list::{BadLine, LoadedStopList, load_stop_list};
pub use suggest::{RegionSuggestion, region_suggestions};
