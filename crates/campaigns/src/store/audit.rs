//! The audit log.

use super::{Change, Look, unreadable};
use crate::audit::{Act, Actor, Done, Hand};
use crate::campaign::Page;
use crate::clock::Millis;
use crate::error::Error;

impl Look<'_> {
    /// Entries of an account or of all, the newest first.
    pub(crate) fn audit(&self, account: Option<i64>, page: Page) -> Result<Vec<Done>, Error> {
        let when = match account {
            Some(_) => "audit.account = ?1",
            None => "?1 IS NULL",
        };
        let query = format!(
            "SELECT audit.id, at, name, actor, origin, act, subject FROM audit \
             LEFT JOIN account ON account.id = audit.account \
             WHERE {when} ORDER BY audit.id DESC LIMIT ?2 OFFSET ?3"
        );
        self.all(&query, (account, page.size, page.offset()), |row| {
            let origin: Option<String> = row.get(4)?;
            let act: i64 = row.get(5)?;
            let act = Act::ALL.iter().find(|known| **known as i64 == act);
            Ok(Done {
                id: row.get(0)?,
                at: row.get(1)?,
                account: row.get(2)?,
                actor: match row.get(3)? {
                    0 => Actor::Admin(origin),
                    _ => Actor::Key(origin.and_then(|address| address.parse().ok())),
                },
                act: *act.ok_or_else(|| unreadable("an unknown act"))?,
                subject: row.get(6)?,
            })
        })
    }
}

impl Change<'_> {
    /// Writes down who did what.
    pub(crate) fn record(
        &self,
        hand: &Hand<'_>,
        act: Act,
        subject: Option<i64>,
        now: Millis,
    ) -> Result<(), Error> {
        let query = "INSERT INTO audit (at, account, actor, origin, act, subject) \
                     VALUES (?, ?, ?, ?, ?, ?)";
        let (actor, origin) = match hand.actor {
            Actor::Admin(name) => (0, name.clone()),
            Actor::Key(address) => (1, address.map(|address| address.to_string())),
        };
        self.run(
            query,
            (now, hand.account, actor, origin, act as i64, subject),
        )?;
        Ok(())
    }

    /// Forgets the addresses of some entries from before; how many.
    pub(crate) fn forget_addresses(&self, before: Millis, most: usize) -> Result<usize, Error> {
        let query = "UPDATE audit SET origin = NULL WHERE id IN \
                     (SELECT id FROM audit WHERE actor = 1 AND origin IS NOT NULL AND at < ? \
                      LIMIT ?)";
        self.run(query, (before, most as i64))
    }
}
