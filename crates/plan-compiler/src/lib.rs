//! Compiles Google's phone number metadata into the table that `numbering-plan` reads.
//!
//! A tool for developers, run by `cargo xtask plan`; nothing of it is in the library. The way of a
//! plan: [`source`] (what Google publishes) → [`automaton`] (one minimal acyclic automaton over all
//! digits) → [`compile`] (the bytes of [`numbering_plan::layout`]).

pub mod automaton;
mod coverage;
mod error;
mod prefix;
mod registry;
pub mod source;
mod table;

pub use error::Error;
pub use registry::Registry;
pub use table::{Plan, Sizes, compile};
