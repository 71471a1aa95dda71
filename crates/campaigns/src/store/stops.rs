//! Stop lists.

use super::{Change, Look};
use crate::campaign::{Found, Page};
use crate::clock::Millis;
use crate::error::Error;
use crate::stop::{Stopped, msisdn};
use recipients_core::Msisdn;

impl Look<'_> {
    /// When the list of an account or of the system was loaded last.
    pub(crate) fn stops_loaded(&self, account: i64) -> Result<Option<Millis>, Error> {
        let query = "SELECT at FROM stop_loaded WHERE account = ?";
        self.maybe(query, [account], |row| row.get(0))
    }

    /// How many numbers the list of an account or of the system has.
    pub(crate) fn count_stops(&self, account: i64) -> Result<i64, Error> {
        let query = "SELECT count(*) FROM stop WHERE account = ?";
        self.one(query, [account], |row| row.get(0))
    }

    /// The entry of a number on the list of an account or of the system.
    pub(crate) fn stop_entry(&self, account: i64, number: Msisdn) -> Result<Option<i64>, Error> {
        let query = "SELECT id FROM stop WHERE account = ? AND number = ?";
        self.maybe(query, [account, number.as_u64() as i64], |row| row.get(0))
    }

    /// Whether an account is not to write to a number.
    pub(crate) fn is_stopped(&self, account: i64, number: Msisdn) -> Result<bool, Error> {
        let query = "SELECT 1 FROM stop WHERE account IN (0, ?) AND number = ?";
        self.is_there(query, [account, number.as_u64() as i64])
    }

    /// The account's entries and the system's, the newest first.
    pub(crate) fn stopped(&self, account: i64, page: Page) -> Result<Found<Stopped>, Error> {
        let count = "SELECT count(*) FROM stop WHERE account IN (0, ?)";
        let total = self.one(count, [account], |row| row.get(0))?;
        let query = "SELECT id, number, comment, created, account = 0 FROM stop \
                     WHERE account IN (0, ?) ORDER BY id DESC LIMIT ? OFFSET ?";
        let items = self.all(query, (account, page.size, page.offset()), |row| {
            Ok(Stopped {
                id: row.get(0)?,
                number: msisdn(row.get(1)?),
                comment: row.get(2)?,
                created: row.get(3)?,
                is_system: row.get(4)?,
            })
        })?;
        Ok(Found { items, total })
    }
}

impl Change<'_> {
    /// Adds a number to the list of an account or of the system (0); the entry's id.
    pub(crate) fn stop(
        &self,
        account: i64,
        number: u64,
        comment: Option<&str>,
        now: Millis,
    ) -> Result<i64, Error> {
        let query = "INSERT INTO stop (account, number, comment, created) VALUES (?, ?, ?, ?) \
                     ON CONFLICT DO UPDATE SET comment = coalesce(excluded.comment, comment) \
                     RETURNING id";
        let values = (account, number as i64, comment, now);
        self.one(query, values, |row| row.get(0))
    }

    /// The list of an account or of the system was loaded.
    pub(crate) fn set_stops_loaded(&self, account: i64, now: Millis) -> Result<(), Error> {
        let query =
            "INSERT INTO stop_loaded VALUES (?, ?) ON CONFLICT DO UPDATE SET at = excluded.at";
        self.run(query, [account, now])?;
        Ok(())
    }

    /// Whether there was such an entry.
    pub(crate) fn unstop(&self, account: i64, id: i64) -> Result<bool, Error> {
        let query = "DELETE FROM stop WHERE id = ? AND account = ?";
        Ok(self.run(query, [id, account])? > 0)
    }
}
