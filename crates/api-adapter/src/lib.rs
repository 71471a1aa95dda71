//! The wire of the campaign API.
//!
//! [`Bag`] is what a request says, wherever it says it: query, form, multipart or JSON body, with
//! the nested names that PHP made common. [`Envelope`] is what is answered, as JSON or XML, and
//! [`ApiCode`] what its code means. With the feature `server`, [`server`] serves
//! [campaigns](recipients_campaigns::Campaigns) to clients of that API; it decodes, calls and
//! encodes, and decides nothing about recipients. With the feature `client`, [`client`] calls such a
//! server, ours or the provider's, and uploads checked lists to it.
//!
//! ```
//! use recipients_api_adapter::{Bag, Limits};
//!
//! let mut bag = Bag::new(Limits::default());
//! bag.add_query("id=7&recipients[0][recipient]=380971112233&recipients[0][name]=Olha")?;
//! assert_eq!(bag.text("id"), Some("7"));
//! let first = bag.get("recipients").unwrap().items().next().unwrap();
//! assert_eq!(first.get("name").and_then(|name| name.text()), Some("Olha"));
//! # Ok::<(), recipients_api_adapter::TooMuch>(())
//! ```

mod bag;
#[cfg(feature = "client")]
pub mod client;
#[cfg(any(feature = "client", feature = "server"))]
mod encode;
mod envelope;
#[cfg(feature = "server")]
pub mod server;

pub use bag::{Bag, Limits, TooMuch, Value};
pub use envelope::{ApiCode, Envelope, Output};

/// The README's examples are compiled and run as tests.
#[cfg(all(doctest, feature = "client"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
