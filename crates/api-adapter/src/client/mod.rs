//! A client of the campaign API, the provider's or our own server's, and uploads that survive
//! failures.
//!
//! [`Client`] has a method for each of the API's. It blocks, and keeps the key out of addresses and
//! errors. [`Upload`] checks lists as [`Pipeline`](recipients_batcher::Pipeline) does and adds the
//! good rows to a campaign, each exactly once, whatever happens in between: its [`Journal`] is on
//! disk before a batch goes out and after it is answered.
//!
//! ```no_run
//! use recipients_api_adapter::client::{
//!     ApiKey, Client, Fate, Heading, Journal, Outcome, Upload, UploadOptions,
//! };
//! use recipients_batcher::Pipeline;
//! use recipients_core::Checker;
//! use recipients_ingest::{Options, Source};
//!
//! let key = ApiKey::new(&std::env::var("RECIPIENTS_API_KEY")?)?;
//! let client = Client::new("https://api.example.com", key)?;
//! let upload = Upload::new(&client, UploadOptions::default());
//! let campaign = upload.look_up(4711, false)?.id;
//!
//! let mut journal = Journal::create("list.journal".as_ref(), Heading::new("list.csv".into()))?;
//! upload.adopt(campaign, &mut journal)?;
//! let checker = Checker::default();
//! let list = Source::open("list.csv", &Options::auto())?;
//! let mut lost = Vec::new();
//! let report = upload.run(
//!     &Pipeline::new(&checker),
//!     vec![list],
//!     &mut journal,
//!     |row: &Outcome| {
//!         if row.fate == Fate::Rejected {
//!             lost.push(row.origin.row);
//!         }
//!         Ok(())
//!     },
//! )?;
//! println!("{} of {} rows are in the campaign", report.accepted, report.rows);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod file;
mod http;
mod journal;
mod methods;
mod types;
mod upload;
mod world;

pub use error::{Error, ErrorKind};
pub use file::fingerprint;
pub use http::{Answer, ApiKey, Client, ClientOptions, Form, read_answer};
pub use journal::{Heading, Journal, JournalError, JournalErrorKind};
pub use methods::{AddOptions, NewCampaign, Recipients};
pub use types::{
    Added, Balance, CampaignInfo, ContactCard, ContactGroup, Counters, Entry, Launch, LinkInfo,
    Listed, MessageInfo, Processed, SentMessage, StoppedNumber, Task,
};
pub use upload::{
    Fate, Outcome, Prepare, Results, Upload, UploadError, UploadOptions, UploadReport, digest,
};
pub use world::{Moment, RealWorld, World};
