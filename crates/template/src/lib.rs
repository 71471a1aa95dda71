//! SMS texts with `{placeholders}`, and their price in segments.
//!
//! [`Template`] finds the placeholders of a text (decision D20) and fills them for one recipient;
//! [`Segments`] counts what the filled text costs (D21); [`non_gsm`] tells which characters made
//! it expensive. Nothing here fails on bad text: every text is a template, if only of itself.
//!
//! ```
//! use recipients_template::{Missing, Segments, Template};
//!
//! let template = Template::parse("Hello {name}, your balance is {balance} {currency}");
//! let value = |name: &str| match name {
//!     "name" => Some("Markus"),
//!     "balance" => Some("555.45"),
//!     _ => None,
//! };
//! let mut text = String::new();
//! template.fill(value, Missing::Remove, &mut text).unwrap();
//! assert_eq!(text, "Hello Markus, your balance is 555.45 ");
//! assert_eq!(Segments::of(&text).parts, 1);
//! ```
//!
//! # What it does not do
//!
//! It knows no columns and no recipients, and it never scans a value again: a value that looks
//! like a placeholder is sent as it is. National language shift tables of GSM 03.38 are not
//! counted with, because hardly any gateway uses them.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod gsm7;
mod segments;
mod text;

pub use segments::{Encoding, Length, Segments, gsm_twin, non_gsm};
pub use text::{Missing, Template, Unfilled, is_placeholder_name};
