//! Webhooks and their events.

use super::{Change, Look};
use crate::clock::{Millis, Zone};
use crate::error::Error;
use crate::hook::{Event, Hook, HookFormat};
use crate::status::MessageStatus;
use crate::stop::msisdn;
use rusqlite::Row;

fn hook(row: &Row<'_>) -> rusqlite::Result<Hook> {
    Ok(Hook {
        id: row.get("id")?,
        url: row.get("url")?,
        format: HookFormat::stored(row.get("format")?),
        secret: row.get("secret")?,
        waiting: row.get("waiting")?,
        lost: row.get("lost")?,
    })
}

impl Look<'_> {
    pub(crate) fn hooks(&self, account: i64) -> Result<Vec<Hook>, Error> {
        let query = "SELECT hook.*, (SELECT count(*) FROM event WHERE event.hook = hook.id) waiting \
                     FROM hook WHERE account = ? ORDER BY id";
        self.all(query, [account], hook)
    }

    pub(crate) fn count_hooks(&self, account: i64) -> Result<i64, Error> {
        let query = "SELECT count(*) FROM hook WHERE account = ?";
        self.one(query, [account], |row| row.get(0))
    }

    pub(crate) fn due_hooks(&self, now: Millis) -> Result<Vec<Hook>, Error> {
        let query = "SELECT hook.*, 0 waiting FROM hook WHERE EXISTS \
                     (SELECT 1 FROM event WHERE event.hook = hook.id AND due <= ?)";
        self.all(query, [now], hook)
    }

    /// Whether something was due for a hook before.
    pub(crate) fn is_event_due(&self, hook: i64, before: Millis) -> Result<bool, Error> {
        let query = "SELECT 1 FROM event WHERE hook = ? AND due < ? LIMIT 1";
        self.is_there(query, [hook, before])
    }

    pub(crate) fn due_events(
        &self,
        hook: i64,
        now: Millis,
        most: usize,
    ) -> Result<Vec<Event>, Error> {
        let zone = "SELECT account.settings ->> '$.zone' FROM hook \
                    JOIN account ON account.id = hook.account WHERE hook.id = ?";
        let zone: Option<String> = self.maybe(zone, [hook], |row| row.get(0))?.flatten();
        let zone = zone.and_then(|name| Zone::named(&name));
        // Of one that is gone nothing is due.
        let Some(zone) = zone else {
            return Ok(Vec::new());
        };
        let query = "SELECT event.id, attempts, event.created, message, event.status, campaign, \
                     number, segments, updated FROM event JOIN message ON message.id = event.message \
                     WHERE hook = ? AND due <= ? AND number > 0 ORDER BY due, event.id LIMIT ?";
        self.all(query, (hook, now, most as i64), |row| {
            Ok(Event {
                id: row.get(0)?,
                attempt: row.get::<_, i64>(1)? + 1,
                created: row.get(2)?,
                zone: zone.clone(),
                message: row.get(3)?,
                status: MessageStatus::stored(row.get(4)?),
                campaign: row.get(5)?,
                number: msisdn(row.get(6)?),
                segments: row.get(7)?,
                updated: row.get::<_, Option<Millis>>(8)?.unwrap_or(now),
            })
        })
    }
}

impl Change<'_> {
    pub(crate) fn add_hook(
        &self,
        account: i64,
        url: &str,
        format: HookFormat,
        secret: Option<&str>,
        now: Millis,
    ) -> Result<i64, Error> {
        let query =
            "INSERT INTO hook (account, url, format, secret, created) VALUES (?, ?, ?, ?, ?)";
        self.run(query, (account, url, format as i64, secret, now))?;
        Ok(self.last_id())
    }

    /// The account whose it was, if there was one. Its events stay, and are nobody's.
    pub(crate) fn remove_hook(&self, id: i64) -> Result<Option<i64>, Error> {
        let query = "DELETE FROM hook WHERE id = ? RETURNING account";
        self.maybe(query, [id], |row| row.get(0))
    }

    /// Deletes some events of a hook; how many.
    pub(crate) fn drop_events(&self, hook: i64, most: usize) -> Result<usize, Error> {
        let query = "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE hook = ? LIMIT ?)";
        self.run(query, (hook, most as i64))
    }

    /// A message has got a final status: every hook of the campaign's account is to know.
    pub(crate) fn add_events(
        &self,
        campaign: i64,
        message: i64,
        status: MessageStatus,
        now: Millis,
    ) -> Result<(), Error> {
        let query = "INSERT INTO event (hook, message, status, created, due) \
                     SELECT hook.id, ?2, ?3, ?4, ?4 FROM campaign \
                     JOIN hook ON hook.account = campaign.account WHERE campaign.id = ?1";
        self.run(query, (campaign, message, status, now))?;
        Ok(())
    }

    pub(crate) fn drop_event(&self, id: i64) -> Result<(), Error> {
        self.run("DELETE FROM event WHERE id = ?", [id])?;
        Ok(())
    }

    pub(crate) fn count_lost_events(&self, hook: i64, lost: usize) -> Result<(), Error> {
        let query = "UPDATE hook SET lost = lost + ? WHERE id = ?";
        self.run(query, [lost as i64, hook])?;
        Ok(())
    }

    /// Deletes some events of a hook that were due before; how many.
    pub(crate) fn drop_overdue_events(
        &self,
        hook: i64,
        before: Millis,
        most: usize,
    ) -> Result<usize, Error> {
        let query = "DELETE FROM event WHERE id IN \
                     (SELECT id FROM event WHERE hook = ? AND due < ? LIMIT ?)";
        self.run(query, (hook, before, most as i64))
    }

    pub(crate) fn put_event_off(&self, id: i64, attempts: i64, due: Millis) -> Result<(), Error> {
        let query = "UPDATE event SET attempts = ?, due = ? WHERE id = ?";
        self.run(query, (attempts, due, id))?;
        Ok(())
    }
}
