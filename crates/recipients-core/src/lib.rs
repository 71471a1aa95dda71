//! Gives one recipient of an SMS list an exact, explained verdict.
//!
//! The primary type is [`Checker`]: a numbering [`Plan`] and a [`Policy`], ready to be asked.
//! [`Checker::check`] takes the text of one cell, however it was written, and answers with a
//! [`Verdict`]: a [`Code`] (the numbers of the campaign API), a finer [`Reason`], and, where a
//! number could be read, its [`Msisdn`], [`Territory`], [`Kind`] and operator.
//!
//! ```
//! use recipients_core::{Checker, Code, Reason};
//!
//! let checker = Checker::default(); // built-in plan, nothing forbidden
//! let verdict = checker.check("+7 (701) 123-45-67");
//! assert_eq!(verdict.code(), Code::Accepted);
//! assert_eq!(verdict.msisdn().unwrap().to_string(), "77011234567");
//! assert!(verdict.cleaned());
//!
//! let verdict = checker.check("3.80971E+11"); // Excel was here, and the digits are gone
//! assert_eq!((verdict.code(), verdict.reason()), (Code::NoNumber, Reason::PrecisionLost));
//! ```
//!
//! Checking never fails: a bad row is a verdict, not an error. It reads no files, keeps no clock
//! and starts no threads; a `Checker` is shared by as many threads as you like.
//!
//! # What it does not do
//!
//! It does not ask a network whether a number is in service, and it does not know to which
//! operator a number was ported: [`Verdict::operator`] is the holder of the number *range*.
//! Codes 5 to 8 are predictions from the plan and the lists it was given; a service's answer is
//! final (decision D12).

mod bulk;
mod census;
mod checker;
mod code;
mod contact;
mod error;
mod kind;
mod leaves;
mod msisdn;
mod number_set;
mod plan;
mod policy;
mod reason;
mod scan;
mod seen;
mod stop_list;
mod twin;
mod verdict;

pub use census::{Candidate, Census, Classes, Line, Near, Taker, Together};
pub use checker::{Checker, Step};
pub use code::{Code, UnknownCode};
pub use contact::{Contact, ContactBook};
pub use error::{Error, ErrorKind};
pub use kind::Lines;
pub use msisdn::Msisdn;
pub use number_set::NumberSet;
pub use numbering_plan::text::is_blank;
pub use numbering_plan::{Kind, OperatorId, Territory};
pub use plan::{Allocation, Answer, Length, Plan};
pub use policy::{Destination, Policy, SeveralNumbers};
pub use reason::Reason;
pub use seen::{Origin, Seen};
pub use stop_list::StopList;
pub use verdict::Verdict;
