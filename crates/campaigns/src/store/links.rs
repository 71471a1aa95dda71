//! Short links, and clicks on them.

use super::query::{Conditions, order};
use super::{Change, Look};
use crate::campaign::{Campaign, Found, Page};
use crate::clock::Millis;
use crate::error::Error;
use crate::link::{Link, LinkBy, LinkKey, LinkSettings};
use rusqlite::Row;

fn link(row: &Row<'_>) -> rusqlite::Result<Link> {
    Ok(Link {
        id: row.get("id")?,
        code: row.get("code")?,
        target: row.get("target")?,
        status: row.get("status")?,
        expires: row.get("expires")?,
        expires_on: row.get("expires_on")?,
        comment: row.get("comment")?,
        clicks: row.get("clicks")?,
        redirects: row.get("redirects")?,
        created: row.get("created")?,
        updated: row.get("updated")?,
        deleted: row.get("deleted")?,
    })
}

impl Look<'_> {
    /// A link of the account, deleted or not.
    pub(crate) fn link(&self, account: i64, by: &LinkBy) -> Result<Link, Error> {
        match by {
            LinkBy::Id(id) => {
                let query = "SELECT * FROM link WHERE id = ? AND account = ?";
                self.one(query, [*id, account], link)
            }
            LinkBy::Code(code) => {
                let query = "SELECT * FROM link WHERE code = ? AND account = ?";
                self.one(query, (code, account), link)
            }
        }
    }

    /// The links of a campaign's text of which each recipient gets its own; in an order that stays.
    pub(crate) fn tracked_links(&self, campaign: &Campaign) -> Result<Vec<Link>, Error> {
        match campaign.track {
            true => self.links_of_campaign(campaign.id),
            false => Ok(Vec::new()),
        }
    }

    /// The links of a campaign's text.
    pub(crate) fn links_of_campaign(&self, campaign: i64) -> Result<Vec<Link>, Error> {
        let query = "SELECT * FROM link WHERE id IN \
                     (SELECT link FROM campaign_link WHERE campaign = ?) ORDER BY id";
        self.all(query, [campaign], link)
    }

    /// The account's links that are not deleted.
    pub(crate) fn links(
        &self,
        account: i64,
        status: Option<i64>,
        text: Option<&str>,
        created: Option<(Millis, Millis)>,
        sort: &[(LinkKey, bool)],
        page: Page,
    ) -> Result<Found<Link>, Error> {
        let mut when = Conditions::default();
        when.add("account = ?", account);
        when.plain("deleted IS NULL");
        if let Some(status) = status {
            when.add("status = ?", status);
        }
        if let Some(text) = text {
            let all = "target || char(10) || code || char(10) || coalesce(comment, '')";
            when.add(&format!("instr({all}, ?) > 0"), text.to_owned());
        }
        when.within("created", created);
        let order = order(
            sort,
            |key| match key {
                LinkKey::Created => "created",
                LinkKey::Expires => "expires",
                LinkKey::Clicks => "clicks",
                LinkKey::Code => "code",
                LinkKey::Target => "target",
            },
            "id",
        );
        self.page("*", "link", &when, &order, page, link)
    }

    /// Tells each minute since 1970 in which a link of the account was clicked, with clicks and
    /// redirects.
    pub(crate) fn clicks(
        &self,
        account: i64,
        link: i64,
        (from, to): (i64, i64),
        mut each: impl FnMut(i64, i64, i64),
    ) -> Result<(), Error> {
        let query = "SELECT minute, link_minute.clicks, link_minute.redirects FROM link_minute \
                     JOIN link ON link.id = link_minute.link \
                     WHERE link_minute.link = ? AND account = ? AND minute BETWEEN ? AND ?";
        let mut query = self.0.prepare_cached(query)?;
        let mut rows = query.query((link, account, from, to))?;
        while let Some(row) = rows.next()? {
            each(row.get(0)?, row.get(1)?, row.get(2)?);
        }
        Ok(())
    }

    /// What codes of recipients' own links are enciphered with.
    pub(crate) fn secret(&self) -> Result<[u8; 32], Error> {
        self.one("SELECT value FROM secret", [], |row| row.get(0))
    }

    /// Clicks on a message's own links.
    pub(crate) fn own_clicks(&self, message: i64) -> Result<i64, Error> {
        let query = "SELECT coalesce(sum(clicks), 0) FROM personal_link WHERE message = ?";
        self.one(query, [message], |row| row.get(0))
    }

    /// The link behind a code, deleted or not, and the message whose own it is, if it is one's. A code
    /// that has such a form tells message and place in the campaign's text.
    pub(crate) fn link_behind(
        &self,
        code: &str,
        place: Option<(i64, usize)>,
    ) -> Result<Option<(Link, Option<i64>)>, Error> {
        let query = "SELECT * FROM link WHERE code = ?";
        if let Some(link) = self.maybe(query, [code], link)? {
            return Ok(Some((link, None)));
        }
        // Followed before, or made by an earlier version.
        let query = "SELECT link.*, p.message FROM personal_link p \
                     JOIN link ON link.id = p.link WHERE p.code = ?";
        let own = |row: &Row<'_>| Ok((link(row)?, Some(row.get("message")?)));
        if let Some(found) = self.maybe(query, [code], own)? {
            return Ok(Some(found));
        }
        let Some((message, at)) = place else {
            return Ok(None);
        };
        let query = "SELECT link.*, m.id AS message FROM message m \
                     JOIN campaign c ON c.id = m.campaign AND c.generation = m.generation \
                     JOIN campaign_link l ON l.campaign = c.id JOIN link ON link.id = l.link \
                     WHERE m.id = ? AND c.track = 1 ORDER BY l.link LIMIT 1 OFFSET ?";
        self.maybe(query, (message, at as i64), own)
    }
}

impl Change<'_> {
    /// The link's id, unless its code is taken.
    pub(crate) fn add_link(
        &self,
        account: i64,
        code: &str,
        target: &str,
        settings: &LinkSettings<'_>,
        now: Millis,
    ) -> Result<Option<i64>, Error> {
        let query = "INSERT OR IGNORE INTO link (account, code, target, status, expires, \
                     expires_on, comment, clicks, redirects, created) \
                     VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, ?)";
        let added = self.run(
            query,
            (
                account,
                code,
                target,
                settings.status,
                settings.expires,
                settings.day,
                settings.comment,
                now,
            ),
        )?;
        Ok((added > 0).then(|| self.last_id()))
    }

    pub(crate) fn set_link(
        &self,
        id: i64,
        settings: &LinkSettings<'_>,
        now: Millis,
    ) -> Result<(), Error> {
        let query = "UPDATE link SET status = ?, expires = ?, expires_on = ?, comment = ?, \
                     updated = ? WHERE id = ?";
        let LinkSettings {
            status,
            expires,
            day,
            comment,
        } = settings;
        self.run(query, (status, expires, day, comment, now, id))?;
        Ok(())
    }

    /// Whether there was such a link.
    pub(crate) fn delete_link(&self, account: i64, id: i64, now: Millis) -> Result<bool, Error> {
        let query = "UPDATE link SET deleted = ? WHERE id = ? AND account = ? AND deleted IS NULL";
        Ok(self.run(query, [now, id, account])? > 0)
    }

    /// Counts a click on a link in a minute since 1970, and a redirect if it works.
    pub(crate) fn count_click(&self, link: i64, works: bool, minute: i64) -> Result<(), Error> {
        let query = "UPDATE link SET clicks = clicks + 1, redirects = redirects + ? WHERE id = ?";
        self.run(query, (works, link))?;
        let query = "INSERT INTO link_minute VALUES (?, ?, 1, ?3) ON CONFLICT DO UPDATE \
                     SET clicks = clicks + 1, redirects = redirects + ?3";
        self.run(query, (link, minute, works))?;
        Ok(())
    }

    /// Counts a click on a recipient's own link, unless one was counted within `gap` before; whether it
    /// did.
    pub(crate) fn count_personal_click(
        &self,
        code: &str,
        (link, message): (i64, i64),
        now: Millis,
        gap: Millis,
    ) -> Result<bool, Error> {
        let query = "INSERT INTO personal_link VALUES (?1, ?2, ?3, 1, ?4) ON CONFLICT DO UPDATE \
                     SET clicks = clicks + 1, last = ?4 \
                     WHERE last IS NULL OR ?4 NOT BETWEEN last AND last + ?5";
        Ok(self.run(query, (code, link, message, now, gap))? > 0)
    }
}
