//! Stop lists.

use super::{Change, Look};
use crate::campaign::{Found, Page};
use crate::clock::Millis;
use crate::error::Error;
use crate::stop::{Stopped, msisdn};

impl Look<'_> {
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

    /// Whether there was such an entry.
    pub(crate) fn unstop(&self, account: i64, id: i64) -> Result<bool, Error> {
        let query = "DELETE FROM stop WHERE id = ? AND account = ?";
        Ok(self.run(query, [id, account])? > 0)
    }
}
