//! Who did what: every change by a method or an administrator is written down with the change itself.

use crate::account::Account;
use crate::clock::Millis;
use crate::error::Error;
use crate::{Campaigns, Page};
use std::fmt;
use std::net::IpAddr;

/// Who changes something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Actor {
    /// Somebody who has the database; the name, if it is known.
    Admin(Option<String>),
    /// The account's key; the address that it came from, if it is known and not forgotten.
    Key(Option<IpAddr>),
}

/// Whose data is changed, and by whom.
pub(crate) struct Hand<'a> {
    /// 0 is everybody's.
    pub(crate) account: i64,
    pub(crate) actor: &'a Actor,
}

macro_rules! acts {
    ($($(#[$doc:meta])* $act:ident = $number:literal $name:literal,)*) => {
        /// What was done. Its number is what the database holds.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[non_exhaustive]
        #[repr(u8)]
        #[allow(missing_docs, reason = "their names say it")]
        pub enum Act { $($(#[$doc])* $act = $number,)* }

        impl Act {
            /// Every one.
            pub const ALL: &[Act] = &[$(Act::$act,)*];

            /// What people call it: a method's name where there is one.
            pub const fn name(self) -> &'static str {
                match self { $(Act::$act => $name,)* }
            }
        }
    };
}

acts! {
    AddAccount = 0 "account/add",
    SetAccount = 1 "account/set",
    RenewKey = 2 "account/key",
    CreateCampaign = 10 "campaign/create",
    AddRecipients = 11 "campaign/addrecipients",
    SendCampaign = 12 "campaign/send",
    DeleteCampaign = 13 "campaign/delete",
    ApproveCampaign = 14 "campaign/approve",
    DeclineCampaign = 15 "campaign/decline",
    SendMessage = 20 "message/sendsmsmessage",
    CreateLink = 30 "link/create",
    UpdateLink = 31 "link/update",
    DeleteLink = 32 "link/delete",
    CreateCard = 40 "contactcard/create",
    UpdateCard = 41 "contactcard/update",
    DeleteCard = 42 "contactcard/delete",
    SetCardGroups = 43 "contactcard/setgroups",
    ImportCards = 44 "contactcard/import",
    CreateGroup = 50 "contactgroup/create",
    RenameGroup = 51 "contactgroup/update",
    DeleteGroup = 52 "contactgroup/delete",
    Stop = 60 "numberstoplist/create",
    StopRange = 61 "numberstoplist/create of a range",
    Unstop = 62 "numberstoplist/delete",
    LoadStopList = 63 "stoplist/load",
    StopWord = 64 "numberstoplist/inbound",
    LoadPrices = 70 "prices/load",
    AddHook = 80 "webhook/add",
    RemoveHook = 81 "webhook/remove",
    Recount = 90 "db/recount",
    Purge = 91 "db/purge",
}

/// An entry of the log.
#[derive(Clone, Debug)]
pub struct Done {
    /// Its number; later entries have greater ones.
    pub id: i64,
    /// When.
    pub at: Millis,
    /// The account whose data was changed; none for everybody's.
    pub account: Option<String>,
    /// Who.
    pub actor: Actor,
    /// What.
    pub act: Act,
    /// The number of what was changed, where it has one.
    pub subject: Option<i64>,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Admin(None) => f.write_str("admin"),
            Actor::Admin(Some(name)) => write!(f, "admin {name}"),
            Actor::Key(None) => f.write_str("key"),
            Actor::Key(Some(address)) => write!(f, "key from {address}"),
        }
    }
}

impl Account {
    /// The account, used with its key from this address: so the audit log says of what is changed
    /// with it.
    #[must_use]
    pub fn used_from(mut self, address: IpAddr) -> Account {
        self.actor = Actor::Key(Some(address));
        self
    }

    pub(crate) fn hand(&self) -> Hand<'_> {
        Hand {
            account: self.id,
            actor: &self.actor,
        }
    }
}

impl Campaigns {
    /// What an administrator does to an account's data, or with 0 to everybody's.
    pub(crate) fn admin(&self, account: i64) -> Hand<'_> {
        Hand {
            account,
            actor: &self.admin,
        }
    }

    /// The log, of one account or of all with everybody's; the newest entries first.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn audit(&self, account: Option<&Account>, page: Page) -> Result<Vec<Done>, Error> {
        let account = account.map(|account| account.id);
        self.store.read(|look| look.audit(account, page))
    }
}
