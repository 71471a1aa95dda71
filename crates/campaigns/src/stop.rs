//! Stop lists in the store.

use crate::account::Account;
use crate::audit::Act;
use crate::campaign::{Found, Page};
use crate::clock::{DAY, Millis};
use crate::error::{Error, Field, Flaw};
use crate::prices::Prices;
use crate::{Campaigns, TURN};
use recipients_core::{Checker, Msisdn};
use std::io::Read;

/// Numbers that a range may hold.
const MOST_RANGE: u64 = 100_000;

/// The longest stop word.
const MOST_WORD: usize = 100;

/// Numbers of a list that are committed together.
const TOGETHER: usize = 10_000;

const MOST_COMMENT: usize = 255;

/// A number that is not to be written to.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// The entry's number.
    pub id: i64,
    /// The number.
    pub number: Msisdn,
    /// For people.
    pub comment: Option<String>,
    /// When it was added.
    pub created: Millis,
    /// Whether it is on the system's list rather than the account's own.
    pub is_system: bool,
}

/// How a stop list stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StopListState {
    /// How many numbers it has.
    pub numbers: i64,
    /// When a list was loaded last; single entries do not count.
    pub loaded: Option<Millis>,
    /// Whole days since then.
    pub days: Option<i64>,
}

impl Campaigns {
    /// How old the stop list of an account is, or with `None` the system's.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn stop_list(&self, account: Option<&Account>) -> Result<StopListState, Error> {
        let account = account.map_or(0, |account| account.id);
        let (loaded, numbers) = self
            .store
            .read(|look| Ok((look.stops_loaded(account)?, look.count_stops(account)?)))?;
        Ok(StopListState {
            numbers,
            loaded,
            days: loaded.map(|at| (self.now() - at).max(0) / DAY),
        })
    }

    /// An answer that somebody has sent. If it is one of the account's words for no more messages, be it
    /// in other letter case or within quotes and full stops, the number goes on the stop list: then the
    /// entry's id. Other answers are nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if no number can be read.
    pub fn inbound(
        &self,
        account: &Account,
        number: &str,
        text: &str,
    ) -> Result<Option<i64>, Error> {
        let number = stop_number(Field::Number, number)?;
        let text = folded(text);
        let words = &account.settings.stop_words;
        let Some(word) = words.iter().find(|word| folded(word) == text) else {
            return Ok(None);
        };
        let now = self.now();
        self.store.write(|change| {
            // Whoever says it again changes nothing.
            if let Some(id) = change.stop_entry(account.id, number)? {
                return Ok(Some(id));
            }
            let id = change.stop(account.id, number.as_u64(), Some(word), now)?;
            change.touch(account.id)?;
            change.record(&account.hand(), Act::StopWord, Some(id), now)?;
            Ok(Some(id))
        })
    }

    /// Adds a number, written as recipients are, to the account's stop list; the entry's id.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if no number can be read.
    pub fn stop(
        &self,
        account: &Account,
        number: &str,
        comment: Option<&str>,
    ) -> Result<i64, Error> {
        let number = stop_number(Field::Number, number)?;
        let comment = checked(comment)?;
        self.store.write(|change| {
            let now = self.clock.now();
            let id = change.stop(account.id, number.as_u64(), comment, now)?;
            change.touch(account.id)?;
            change.record(&account.hand(), Act::Stop, Some(id), now)?;
            Ok(id)
        })
    }

    /// Adds every number from one to another, at most 100,000.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if no numbers can be read, they are not in order, or too far apart.
    pub fn stop_range(
        &self,
        account: &Account,
        from: &str,
        to: &str,
        comment: Option<&str>,
    ) -> Result<(), Error> {
        let from = stop_number(Field::NumberFrom, from)?.as_u64();
        let to = stop_number(Field::NumberTo, to)?.as_u64();
        let comment = checked(comment)?;
        if to < from || to - from >= MOST_RANGE {
            let most = from.saturating_add(MOST_RANGE - 1);
            return Err(Error::invalid(
                Field::NumberTo,
                Flaw::Between(from as i64, most as i64),
            ));
        }
        self.store.write(|change| {
            for number in from..=to {
                change.stop(account.id, number, comment, self.clock.now())?;
            }
            change.touch(account.id)?;
            change.record(&account.hand(), Act::StopRange, None, self.now())
        })
    }

    /// Takes an entry off the account's stop list.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn unstop(&self, account: &Account, id: i64) -> Result<(), Error> {
        self.store
            .write(|change| match change.unstop(account.id, id)? {
                true => {
                    change.touch(account.id)?;
                    change.record(&account.hand(), Act::Unstop, Some(id), self.now())
                }
                false => Err(Error::NotFound),
            })
    }

    /// The account's stop list and the system's, the newest first.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn stopped(&self, account: &Account, page: Page) -> Result<Found<Stopped>, Error> {
        self.store.read(|look| look.stopped(account.id, page))
    }

    /// Adds numbers to the stop list of an account, or with `None` to the system's; how many there
    /// were. They are committed 10,000 at a time, so that others can write meanwhile; to add
    /// numbers again changes nothing.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn stop_all(
        &self,
        account: Option<&Account>,
        numbers: impl Iterator<Item = Msisdn>,
    ) -> Result<u64, Error> {
        let account = account.map_or(0, |account| account.id);
        let mut numbers = numbers.peekable();
        let mut count = 0;
        let mut added = Ok(());
        while added.is_ok() && numbers.peek().is_some() {
            added = self.store.write(|change| {
                if count == 0 {
                    let now = self.now();
                    change.record(&self.admin(account), Act::LoadStopList, None, now)?;
                }
                for number in numbers.by_ref().take(TOGETHER) {
                    change.stop(account, number.as_u64(), None, self.clock.now())?;
                    count += 1;
                }
                Ok(())
            });
            std::thread::sleep(TURN);
        }
        // Whatever was added counts.
        self.store.write(|change| {
            let now = self.now();
            if added.is_ok() {
                change.set_stops_loaded(account, now)?;
            }
            change.touch(account)
        })?;
        added.map(|()| count)
    }

    /// The numbers that an account does not write to, or without one those that nobody does, from the
    /// smallest on.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn stop_numbers(&self, account: Option<&Account>) -> Result<Vec<Msisdn>, Error> {
        let account = account.map_or(0, |account| account.id);
        self.store.read(|look| look.stop_list(account))
    }

    /// Replaces the table of prices by a CSV file with the columns `country`, `operator` (may be
    /// empty: every operator) and `price` of a segment.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] naming the line that cannot be read; then nothing is changed.
    pub fn load_prices(&self, table: impl Read) -> Result<usize, Error> {
        let prices = Prices::read(table)?;
        self.store.write(|change| {
            change.set_prices(&prices)?;
            change.touch(0)?;
            change.record(&self.admin(0), Act::LoadPrices, None, self.now())?;
            Ok(prices.len())
        })
    }
}

/// Whether an answer can be taken for a word, and is not when it says nothing.
pub(crate) fn is_stop_word(word: &str) -> bool {
    !folded(word).is_empty() && word.chars().count() <= MOST_WORD
}

/// An answer as it is compared: its words, without what stands around and between them.
fn folded(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").to_lowercase()
}

fn stop_number(field: Field, text: &str) -> Result<Msisdn, Error> {
    Checker::default()
        .stop_list_entry(text)
        .map_err(|reason| Error::invalid(field, Flaw::Number(reason.message())))
}

fn checked(comment: Option<&str>) -> Result<Option<&str>, Error> {
    let comment = comment.map(str::trim).filter(|comment| !comment.is_empty());
    match comment.is_some_and(|comment| comment.chars().count() > MOST_COMMENT) {
        true => Err(Error::invalid(Field::Comment, Flaw::TooLong(MOST_COMMENT))),
        false => Ok(comment),
    }
}

/// A number from the store.
pub(crate) fn msisdn(stored: i64) -> Msisdn {
    Msisdn::from_u64(stored as u64).expect("only numbers are stored")
}
