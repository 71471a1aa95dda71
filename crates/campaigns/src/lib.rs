//! SMS campaigns: what they are, who gets them, and what became of every message.
//!
//! The domain of the campaign server, free of HTTP: accounts, campaigns and their recipients,
//! contacts, stop lists, short links, background imports, and the scheduler that hands messages
//! to a [`Transport`]. Everything lives in one SQLite file; whatever a method has acknowledged is
//! on the disk. Recipients are judged by the same pipeline as `recipients check`.
//!
//! ```
//! use recipients_campaigns::{Campaigns, Entries, Entry, Money, NewCampaign, Options, Settings};
//!
//! let folder = tempfile::tempdir().unwrap();
//! let campaigns = Campaigns::open(&folder.path().join("campaigns.db"), Options::default())?;
//! let key = campaigns.add_account("demo", &Settings::default(), Money(0))?;
//! let account = campaigns.account_by_key(&key)?;
//!
//! let text = Some("Hello!".to_owned());
//! let id = campaigns.create(&account, &NewCampaign { text, ..NewCampaign::default() })?;
//! let entries = ["380971112233", "+38 (097) 111-22-33", "none"].map(Entry::number);
//! let added = campaigns.add(&account, id, &Entries::Numbers(entries.into()), &Default::default())?;
//! let codes: Vec<u8> = added.iter().map(|one| one.verdict.code().as_u8()).collect();
//! assert_eq!(codes, [0, 4, 2]);
//! assert_eq!(campaigns.campaign(&account, id)?.counters.total.messages, 1);
//! # Ok::<(), recipients_campaigns::Error>(())
//! ```

mod account;
mod add;
mod audit;
mod campaign;
mod cards;
mod clock;
mod contact;
mod error;
mod hook;
mod import;
mod link;
mod message;
mod money;
mod personal;
mod prices;
mod rejects;
mod sending;
mod status;
mod stop;
mod store;
mod transport;
mod upkeep;

pub use account::{Account, Settings};
pub use add::{AddParams, Added, Entries, Entry, MOST_ENTRIES};
pub use audit::{Act, Actor, Done};
pub use campaign::{
    Campaign, CampaignFilter, CampaignKey, Count, Counters, Found, Kind, NewCampaign, Page, Range,
};
pub use cards::CardImport;
pub use clock::{Clock, DAY, HOUR, MINUTE, ManualClock, Millis, SystemClock, Zone};
pub use contact::{
    ADDRESS_FIELDS, CARD_FIELDS, Card, CardField, CardFilter, CardKey, CardTest, Group, MOBILE,
};
pub use error::{Conflict, Error, Field, Flaw, Language};
pub use hook::{Event, Hook, HookFormat};
pub use import::{Import, Task};
pub use link::{
    Clicks, Link, LinkBy, LinkFilter, LinkKey, LinkMaker, NewLink, Period, RandomCodes,
};
pub use message::{Message, MessageFilter, MessageKey, NewMessage, SentMessage};
pub use money::Money;
pub use prices::Prices;
pub use status::{CampaignStatus, MessageStatus, TaskStatus};
pub use stop::{StopListState, Stopped};
pub use transport::{Outgoing, Receipt, Simulated, Transport};
pub use upkeep::Purged;

use recipients_core::Msisdn;
use recipients_ingest::SheetProcess;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long others have their turn between two pieces of long work: another program that waits for its
/// turn looks only now and then.
const TURN: Duration = Duration::from_millis(100);

/// What the campaigns work with.
#[derive(Clone)]
pub struct Options {
    /// The default is the computer's clock.
    pub clock: Arc<dyn Clock>,
    /// What carries messages. The default is [`Simulated`].
    pub transport: Arc<dyn Transport>,
    /// What makes the codes of short links. The default is [`RandomCodes`].
    pub links: Arc<dyn LinkMaker>,
    /// What short links begin with. The default is `http://127.0.0.1:8080/l/`.
    pub link_base: String,
    /// Threads of an import. The default is one for each core.
    pub threads: usize,
    /// Rows of an import that are committed together, at most. The default is 10,000.
    pub import_rows: usize,
    /// How long is waited after a failure. The same import is tried again after so long, and longer
    /// after each further failure; a campaign after five times as long. The default is a second.
    pub backoff: Millis,
    /// What reads workbooks that are imported, in a process of its own
    /// ([`recipients_ingest::Options::sheet_process`]). The default is none.
    pub sheet_process: Option<Arc<dyn SheetProcess>>,
    /// What the administrator is called in the audit log, if it is somebody. The default is nobody.
    pub admin: Option<String>,
    /// What is to go wrong, to try what happens then. The default is nothing.
    pub faults: Arc<dyn Faults>,
}

/// What is to go wrong, for tests of this crate and of what is built on it.
pub trait Faults: Send + Sync + fmt::Debug {
    /// Whether the store is to fail for one recipient (code 99).
    fn refuses(&self, number: Msisdn) -> bool {
        let _ = number;
        false
    }

    /// Called before and after every commit. A panic here is a crash: what was not committed is
    /// gone, and so is everything that was not in the store.
    fn commit(&self, moment: Moment) {
        let _ = moment;
    }
}

/// When [`Faults::commit`] is called.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// Nothing of the transaction is on the disk.
    Before,
    /// All of it is, but nobody has been told.
    After,
}

/// Nothing goes wrong.
#[derive(Clone, Copy, Debug)]
struct NoFaults;

impl Faults for NoFaults {}

impl Default for Options {
    fn default() -> Options {
        Options {
            clock: Arc::new(SystemClock),
            transport: Arc::new(Simulated::default()),
            links: Arc::new(RandomCodes),
            link_base: "http://127.0.0.1:8080/l/".to_owned(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            import_rows: 10_000,
            backoff: 1000,
            sheet_process: None,
            admin: None,
            faults: Arc::new(NoFaults),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("clock", &self.clock)
            .field("transport", &self.transport)
            .field("links", &self.links)
            .field("link_base", &self.link_base)
            .finish_non_exhaustive()
    }
}

/// All campaigns of one database. Share it between threads.
pub struct Campaigns {
    store: store::Store,
    clock: Arc<dyn Clock>,
    transport: Arc<dyn Transport>,
    links: Arc<dyn LinkMaker>,
    codes: personal::Cipher,
    link_base: String,
    threads: usize,
    import_rows: usize,
    backoff: Millis,
    sheet_process: Option<Arc<dyn SheetProcess>>,
    admin: Actor,
    faults: Arc<dyn Faults>,
    /// Files that wait for their import, and the lists of rejected rows.
    folder: PathBuf,
    /// Rules of accounts, with the version that they were made of.
    rules: Mutex<HashMap<i64, (i64, Arc<account::Rules>)>>,
    /// Campaigns that a request adds recipients to just now.
    adding: Mutex<HashSet<i64>>,
    /// When each task was asked about last.
    asked: Mutex<HashMap<i64, Millis>>,
    stop: AtomicBool,
    /// How often something has come that is to be done at once.
    news: (Mutex<u64>, Condvar),
    /// When the scheduler looked last.
    stepped: AtomicI64,
    /// The campaign that the scheduler is at; 0 is none.
    advancing: AtomicI64,
    /// When packets of campaigns may leave, by the clock that is never set.
    next_packets: Mutex<HashMap<i64, Millis>>,
    /// When it was opened.
    opened: Millis,
    /// Held while the head of an uploaded file is looked at.
    trying: Mutex<()>,
    /// Who carries out tasks for us.
    worker: String,
    /// Locked as long as we are in charge.
    charge: Mutex<Option<File>>,
}

impl fmt::Debug for Campaigns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Campaigns({:?})", self.store)
    }
}

impl Campaigns {
    /// Opens a database, making or migrating it if need be. Uploaded files lie beside it, in a
    /// folder of the same name with `-files` behind it. Both are readable by their owner only.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the file cannot be used; its `Display` says why.
    pub fn open(path: &Path, options: Options) -> Result<Campaigns, Error> {
        let mut folder = path.as_os_str().to_owned();
        folder.push("-files");
        let store = store::Store::open(path, Arc::clone(&options.faults))?;
        let opened = options.clock.now();
        let codes = personal::Cipher::new(store.read(|look| look.secret())?);
        Ok(Campaigns {
            store,
            codes,
            clock: options.clock,
            transport: options.transport,
            links: options.links,
            link_base: options.link_base,
            threads: options.threads,
            import_rows: options.import_rows.max(1),
            backoff: options.backoff.max(1),
            sheet_process: options.sheet_process,
            admin: Actor::Admin(options.admin),
            faults: options.faults,
            folder: folder.into(),
            rules: Mutex::default(),
            adding: Mutex::default(),
            asked: Mutex::default(),
            stop: AtomicBool::new(false),
            news: Default::default(),
            stepped: AtomicI64::new(Millis::MAX),
            advancing: AtomicI64::new(0),
            next_packets: Mutex::default(),
            opened,
            trying: Mutex::default(),
            worker: account::random_text(16)?,
            charge: Mutex::default(),
        })
    }

    /// Makes this the only one that carries out tasks and sends, and takes over the tasks of one
    /// that has died. Call it before [`Campaigns::work`] and [`Campaigns::step`]; whoever only
    /// looks, moderates or adds accounts need not.
    ///
    /// # Errors
    ///
    /// If another program is in charge of this database, or its lock file cannot be used.
    pub fn take_charge(&self) -> Result<(), Error> {
        let mut path = self.path().as_os_str().to_owned();
        path.push("-lock");
        let options = File::options().create(true).append(true).to_owned();
        let file = options
            .open(&path)
            .map_err(|error| Error::Internal(format!("{}: {error}", path.display())))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Error::Internal(
                "another server works with this database; stop that one first".to_owned(),
            ),
            TryLockError::Error(error) => {
                Error::Internal(format!("{} cannot be locked: {error}", path.display()))
            }
        })?;
        self.store.write(|change| change.free_tasks(None))?;
        self.sweep_files()?;
        self.take_over_packets()?;
        *self.charge.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        Ok(())
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        self.store.path()
    }

    /// The folder for uploaded files, made if need be.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn folder(&self) -> Result<&Path, Error> {
        let mut folder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder.recursive(true).create(&self.folder)?;
        Ok(&self.folder)
    }

    /// [`Options::backoff`].
    pub fn backoff(&self) -> Millis {
        self.backoff
    }

    /// Now, by the clock that was given.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Asks work in the background to stop at its next checkpoint, for good.
    pub fn stop_work(&self) {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        self.tell();
    }
}
