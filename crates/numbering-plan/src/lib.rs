//! The numbering plan of the world, compiled into one compact table.
//!
//! A field of bytes in, an [`Answer`] out: is this a phone number, of which calling code and
//! territory, of which kind, is it in a range of the plan or just as long as if it were, who holds
//! the range, and which digits are meant. The answers are those of Google's libphonenumber; the
//! table is made from its metadata by a compiler that is not a part of this crate.
//!
//! ```
//! use numbering_plan::{Answer, Kind, Plan, Standing};
//!
//! let plan = Plan::builtin();
//! let answer = plan.classify("+49 (0)151 12345678".as_bytes());
//! assert_eq!(answer.kind(), Some(Kind::Mobile));
//! assert_eq!(answer.number().unwrap().get(), 4915112345678);
//! assert!(answer.notes().prefix_removed());
//!
//! // A list, a line a number, as fast as memory allows.
//! let mut answers = [Answer::BLANK; 64];
//! let done = plan.classify_lines(b"380971112233\n38097111223\n", &mut answers);
//! assert_eq!(done.lines, 2);
//! assert_eq!(answers[1].standing(), Standing::TooShort);
//! ```
//!
//! No regular expressions, no heap, no locks, nothing loaded, no dependencies; without the
//! feature `std` also no standard library. `std` looks at run time which instructions the processor
//! has; without it, the features that the crate is compiled for decide. `builtin` puts the plan of
//! this version into the binary; without it, plans come through [`Plan::from_bytes`].

#![cfg_attr(not(feature = "std"), no_std)]

mod answer;
mod arch;
mod batch;
mod digits;
mod error;
mod kind;
pub mod layout;
mod lookup;
mod plan;
mod territory;
pub mod text;
mod unicode;

pub use answer::{Answer, Notes, OperatorId, Standing};
pub use arch::Path;
pub use batch::Progress;
pub use error::Error;
pub use kind::Kind;
pub use plan::Plan;
pub use territory::Territory;

/// The largest number of digits after the calling code that Google's library accepts.
pub const MAX_NATIONAL_DIGITS: usize = 17;
