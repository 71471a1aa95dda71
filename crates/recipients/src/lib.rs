//! Pre-validates the recipients of bulk SMS: every row of a list gets one exact, explained verdict,
//! and the good ones are carried through.
//!
//! This crate is the whole story and no code: it puts under one roof what the crates behind it do.
//!
//! | to | use | from |
//! |---|---|---|
//! | judge one number | [`Checker`], [`Policy`], [`Verdict`] | `recipients-core` |
//! | fill a text, count segments | [`Template`], [`Segments`] | `recipients-template` |
//! | read CSV, XLS, XLSX, XLSB, ODS | [`ingest::Source`] | `recipients-ingest` |
//! | check a list on all cores | [`Pipeline`], [`Report`] | `recipients-batcher` |
//! | cut accepted recipients into requests | [`Batches`] | `recipients-batcher` |
//!
//! # Check one
//!
//! ```
//! use recipients::{Checker, Code};
//!
//! let checker = Checker::default(); // built-in plan, nothing forbidden
//! let verdict = checker.check("+7 (701) 123-45-67");
//!
//! assert_eq!(verdict.code(), Code::Accepted);
//! assert_eq!(verdict.msisdn().unwrap().to_string(), "77011234567");
//! assert_eq!(checker.check("call me").code(), Code::NoNumber);
//! ```
//!
//! # Check a list in parallel
//!
//! ```
//! use recipients::{Checked, Checker, Missing, Pipeline, Template, ingest};
//!
//! let list = "recipient,name\n380971112233,Василий\n+38 (097) 111-22-33,Василий\n";
//! let source = ingest::Source::from_bytes("list.csv", list.into(), &ingest::Options::auto())?;
//!
//! let checker = Checker::default();
//! let report = Pipeline::new(&checker)
//!     .message(Template::parse("Привет, {name}!"), Missing::Reject)
//!     .run(vec![source], |row: &Checked<'_>| {
//!         // Rows arrive in input order, whatever the threads did.
//!         println!("row {}: code {}", row.number(), row.verdict().code().as_u8());
//!         Ok(())
//!     })?;
//! assert_eq!((report.accepted(), report.rejected()), (1, 1));
//! assert_eq!(report.segments().unwrap().total, 1);
//! # Ok::<(), recipients::Error>(())
//! ```
//!
//! # What it does not do
//!
//! It asks no network whether a number is in service and resolves no ported numbers. It sends
//! nothing. Bad rows are verdicts, never errors; an error means that a file cannot be read or the
//! caller's output failed.

pub use recipients_batcher::*;
pub use recipients_core::{
    Allocation, Answer, Candidate, Census, Checker, Classes, Code, Contact, ContactBook,
    Destination, Error as RuleError, ErrorKind as RuleErrorKind, Kind, Length, Line, Lines, Msisdn,
    Near, NumberSet, OperatorId, Origin, Plan, Policy, Reason, Seen, SeveralNumbers, Step,
    StopList, Taker, Territory, Together, UnknownCode, Verdict, is_blank,
};
pub use recipients_ingest as ingest;
pub use recipients_template::{
    Encoding as TextEncoding, Length as TextLength, Missing, Segments, Template, Unfilled,
    gsm_twin, is_placeholder_name, non_gsm,
};
