//! Webhooks: final statuses of messages are passed on to web addresses, at least once.
//!
//! An event is written down for each hook of the account in the transaction that makes a status final,
//! and goes only when the hook has acknowledged it, after the last attempt, or when it could not be
//! delivered for a day. Whoever delivers asks
//! for what is due and says what came of it; a crash in between makes the same event, with the same
//! id, due again.

use crate::audit::Act;
use crate::clock::{DAY, MINUTE, Millis, Zone};
use crate::error::{Error, Field, Flaw};
use crate::status::MessageStatus;
use crate::{Campaigns, TURN};
use recipients_core::Msisdn;
use std::fmt;

/// Attempts at an event.
const ATTEMPTS: i64 = 10;

/// How long an event may be due.
const MOST_WAIT: Millis = DAY;

/// Hooks of an account.
const MOST_HOOKS: i64 = 10;

/// Events that are deleted together.
const PIECE: usize = 5000;

const MOST_URL: usize = 1000;
const MOST_SECRET: usize = 255;

/// How an event is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum HookFormat {
    /// A JSON object.
    Json = 0,
    /// XML.
    Xml = 1,
    /// A form.
    Raw = 2,
}

impl HookFormat {
    /// Every one.
    pub const ALL: [HookFormat; 3] = [HookFormat::Json, HookFormat::Xml, HookFormat::Raw];

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            HookFormat::Json => "json",
            HookFormat::Xml => "xml",
            HookFormat::Raw => "raw",
        }
    }

    pub(crate) fn stored(number: i64) -> HookFormat {
        match number {
            1 => HookFormat::Xml,
            2 => HookFormat::Raw,
            _ => HookFormat::Json,
        }
    }
}

/// A web address that wants to know.
#[derive(Clone)]
pub struct Hook {
    /// Its number.
    pub id: i64,
    /// Where it is.
    pub url: String,
    /// How events are written to it.
    pub format: HookFormat,
    /// What events are signed with.
    pub secret: Option<String>,
    /// Events that wait.
    pub waiting: i64,
    /// Events that were given up.
    pub lost: i64,
}

/// Shows the number only: addresses may hold secrets.
impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hook({})", self.id)
    }
}

/// A message has got its final status.
#[derive(Clone)]
pub struct Event {
    /// The same over all attempts.
    pub id: i64,
    /// From 1.
    pub attempt: i64,
    /// When it came about.
    pub created: Millis,
    /// The zone that times are written in.
    pub zone: Zone,
    /// The message.
    pub message: i64,
    /// Its campaign.
    pub campaign: i64,
    /// Its recipient.
    pub number: Msisdn,
    /// How many SMS it is.
    pub segments: i64,
    /// What became of it.
    pub status: MessageStatus,
    /// When.
    pub updated: Millis,
}

/// Shows neither number nor campaign.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event({}, attempt {})", self.id, self.attempt)
    }
}

impl Campaigns {
    /// Has the final statuses of an account's messages, from now on, passed on to a web address; the
    /// hook's number.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the address is none, address or secret is too long, or the account has ten
    /// hooks already; [`Error::NotFound`] if there is no such account.
    pub fn add_hook(
        &self,
        account: &str,
        url: &str,
        format: HookFormat,
        secret: Option<&str>,
    ) -> Result<i64, Error> {
        let is_web = ["http://", "https://"]
            .iter()
            .any(|scheme| url.len() > scheme.len() && url.starts_with(scheme));
        if !is_web || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(Error::invalid(Field::Target, Flaw::NotAUrl));
        }
        if url.chars().count() > MOST_URL {
            return Err(Error::invalid(Field::Target, Flaw::TooLong(MOST_URL)));
        }
        let secret = secret.filter(|secret| !secret.is_empty());
        if secret.is_some_and(|secret| secret.chars().count() > MOST_SECRET) {
            return Err(Error::invalid(Field::Secret, Flaw::TooLong(MOST_SECRET)));
        }
        let now = self.now();
        self.store.write(|change| {
            let account = change.account_by_name(account)?;
            if change.count_hooks(account.id)? >= MOST_HOOKS {
                let most = Flaw::TooMany(MOST_HOOKS as usize);
                return Err(Error::invalid(Field::Target, most));
            }
            let id = change.add_hook(account.id, url, format, secret, now)?;
            change.record(&self.admin(account.id), Act::AddHook, Some(id), now)?;
            Ok(id)
        })
    }

    /// The hooks of an account.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such account.
    pub fn hooks(&self, account: &str) -> Result<Vec<Hook>, Error> {
        self.store.read(|look| {
            let account = look.account_by_name(account)?;
            look.hooks(account.id)
        })
    }

    /// Removes a hook, and what waits for it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is none of this number.
    pub fn remove_hook(&self, id: i64) -> Result<(), Error> {
        self.store.write(|change| {
            let account = change.remove_hook(id)?.ok_or(Error::NotFound)?;
            change.record(&self.admin(account), Act::RemoveHook, Some(id), self.now())
        })?;
        while self.store.write(|change| change.drop_events(id, PIECE))? == PIECE {
            std::thread::sleep(TURN);
        }
        Ok(())
    }

    /// The hooks for which something is due.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn due_hooks(&self) -> Result<Vec<Hook>, Error> {
        let now = self.now();
        self.store.read(|look| look.due_hooks(now))
    }

    /// What is due for a hook, the oldest first; at most so many.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn due_events(&self, hook: i64, most: usize) -> Result<Vec<Event>, Error> {
        let now = self.now();
        self.store.read(|look| look.due_events(hook, now, most))
    }

    /// Gives up events that have waited for a day while we were there, as when a receiver is gone for
    /// long or takes less than comes.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn expire_events(&self, hook: i64) -> Result<(), Error> {
        let now = self.now();
        let before = now - MOST_WAIT;
        // Nobody was there to post them before we were.
        let was_there = now - self.opened >= MOST_WAIT;
        while was_there && self.store.read(|look| look.is_event_due(hook, before))? {
            self.store.write(|change| {
                let expired = change.drop_overdue_events(hook, before, PIECE)?;
                change.count_lost_events(hook, expired)
            })?;
            std::thread::sleep(TURN);
        }
        Ok(())
    }

    /// What came of attempts at events: acknowledged ones go; the others are due again, a minute
    /// later after the first attempt, two after the second and so on, and given up after the tenth.
    ///
    /// # Errors
    ///
    /// If the store fails; then they are due as they were.
    pub fn settle_events(&self, hook: i64, outcomes: &[(Event, bool)]) -> Result<(), Error> {
        let now = self.now();
        self.store.write(|change| {
            for (event, is_acknowledged) in outcomes {
                match is_acknowledged {
                    true => change.drop_event(event.id)?,
                    false if event.attempt >= ATTEMPTS => {
                        change.drop_event(event.id)?;
                        change.count_lost_events(hook, 1)?;
                    }
                    false => {
                        let due = now + event.attempt * MINUTE;
                        change.put_event_off(event.id, event.attempt, due)?;
                    }
                }
            }
            Ok(())
        })
    }
}
