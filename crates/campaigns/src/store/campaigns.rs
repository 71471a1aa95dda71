//! Campaigns and their counters.

use super::query::{Conditions, order};
use super::{Change, Look};
use crate::add::Sums;
use crate::campaign::{
    Campaign, CampaignFilter, CampaignKey, CheckedCampaign, Count, Counters, Found, Kind, Page,
};
use crate::clock::Millis;
use crate::error::Error;
use crate::money::Money;
use crate::status::{CampaignStatus, MessageStatus};
use rusqlite::Row;

/// Campaigns that one question may name (D30).
const MOST_IDS: usize = 10;

/// That a campaign was over before, and its people are not forgotten. When one was declined was not always
/// stored.
const FORGETTABLE: &str = "purged IS NULL AND CASE WHEN deleted IS NOT NULL THEN deleted \
                           WHEN status IN (?1, ?2) \
                           THEN coalesce(ended, max(created, counted)) END < ?3";

fn campaign(row: &Row<'_>, now: Millis) -> rusqlite::Result<Campaign> {
    let stored = CampaignStatus::stored(row.get("status")?);
    let deferred: Option<Millis> = row.get("deferred")?;
    let is_ready = matches!(
        stored,
        CampaignStatus::ReadyForSend | CampaignStatus::AutoReadyForSend
    );
    let status = match deferred {
        Some(at) if is_ready && at > now => CampaignStatus::Deferred,
        _ => stored,
    };
    Ok(Campaign {
        id: row.get("id")?,
        account: row.get("account")?,
        name: row.get("name")?,
        text: row.get("text")?,
        kind: match row.get::<_, i64>("type")? {
            1 => Kind::Single,
            3 => Kind::Template,
            _ => Kind::Mass,
        },
        from: row.get("sender")?,
        rate_limit: row.get("rate_limit")?,
        rate_period: row.get("rate_period")?,
        deferred,
        mclass: row.get("mclass")?,
        validity: row.get("validity")?,
        track: row.get("track")?,
        status,
        created: row.get("created")?,
        started: row.get("started")?,
        sent: row.get("sent")?,
        ended: row.get("ended")?,
        deleted: row.get("deleted")?,
        comment: row.get("comment")?,
        groups: row.get("groups")?,
        source: row.get("source")?,
        counters: Counters {
            by_status: [Count::default(); 10],
            total: count(row, ["messages", "segments", "cost"])?,
            rejected: row.get("rejected")?,
            updated: row.get("counted")?,
        },
        stored,
        task: row.get("task")?,
        generation: row.get("generation")?,
        cursor: row.get("cursor")?,
        due: row.get("due")?,
    })
}

fn count(row: &Row<'_>, [messages, segments, cost]: [&str; 3]) -> rusqlite::Result<Count> {
    Ok(Count {
        messages: row.get(messages)?,
        segments: row.get(segments)?,
        cost: Money(row.get(cost)?),
    })
}

impl Look<'_> {
    /// The campaign of an account, without its counters by status; deleted ones are not found.
    pub(crate) fn campaign(&self, account: i64, id: i64, now: Millis) -> Result<Campaign, Error> {
        let query = "SELECT * FROM campaign WHERE id = ? AND account = ? AND deleted IS NULL";
        self.one(query, [id, account], |row| campaign(row, now))
    }

    /// The campaign of any account, deleted or not.
    pub(crate) fn any_campaign(&self, id: i64, now: Millis) -> Result<Campaign, Error> {
        let query = "SELECT * FROM campaign WHERE id = ?";
        self.one(query, [id], |row| campaign(row, now))
    }

    pub(crate) fn counters_by_status(&self, campaign: i64) -> Result<[Count; 10], Error> {
        let query = "SELECT status, messages, segments, cost FROM counter WHERE campaign = ?";
        self.by_status(query, campaign)
    }

    /// A campaign's messages counted anew, by status.
    pub(crate) fn counted_by_status(&self, campaign: i64) -> Result<[Count; 10], Error> {
        let query = "SELECT m.status, count(*) AS messages, sum(m.segments) AS segments, \
                     sum(m.segments * m.price) AS cost FROM message m \
                     JOIN campaign c ON c.id = m.campaign AND c.generation = m.generation \
                     WHERE m.campaign = ? GROUP BY m.status";
        self.by_status(query, campaign)
    }

    fn by_status(&self, query: &str, campaign: i64) -> Result<[Count; 10], Error> {
        let mut counts = [Count::default(); 10];
        let all = self.all(query, [campaign], |row| {
            let count = count(row, ["messages", "segments", "cost"])?;
            Ok((row.get::<_, i64>(0)?, count))
        })?;
        for (status, count) in all {
            counts[status as usize] = count;
        }
        Ok(counts)
    }

    /// The own text of the message that was added first, if there is one and it has one.
    pub(crate) fn first_text(&self, campaign: i64) -> Result<Option<String>, Error> {
        let query = "SELECT text FROM message WHERE id = \
                     (SELECT first FROM campaign WHERE id = ?)";
        Ok(self.maybe(query, [campaign], |row| row.get(0))?.flatten())
    }

    /// Campaigns of the account that were made and launched within these times, and meet the rest
    /// of the filter.
    pub(crate) fn campaigns(
        &self,
        account: i64,
        filter: &CampaignFilter,
        [created, sent]: [Option<(Millis, Millis)>; 2],
        sort: &[(CampaignKey, bool)],
        page: Page,
        now: Millis,
    ) -> Result<Found<Campaign>, Error> {
        let mut when = Conditions::default();
        when.add("account = ?", account);
        match &filter.ids {
            Some(ids) => when.among("id", &ids[..ids.len().min(MOST_IDS)]),
            None => when.plain("deleted IS NULL"),
        }
        when.within("created", created);
        when.within("started", sent);
        if let Some(from) = &filter.from {
            when.add("sender = ?", from.clone());
        }
        if let Some(text) = &filter.text {
            when.add("text = ?", text.clone());
        }
        if let Some(kind) = &filter.kind {
            match kind.trim().parse::<i64>() {
                Ok(kind) => when.add("type = ?", kind),
                Err(_) => when.never(),
            }
        }
        if let Some(part) = &filter.recipient {
            let sql = "EXISTS (SELECT 1 FROM message m WHERE m.campaign = c.id \
                       AND m.generation = c.generation AND instr(m.number, ?) > 0 AND m.number > 0)";
            when.number_part(sql, part);
        }
        when.campaign(
            account,
            filter.groups.as_deref(),
            filter.status.as_deref(),
            now,
        );
        let order = order(
            sort,
            |key| match key {
                CampaignKey::Id => "id",
                CampaignKey::Name => "name",
                CampaignKey::From => "sender",
                CampaignKey::Text => "text",
                CampaignKey::Status => "status",
                CampaignKey::Kind => "type",
                CampaignKey::Created => "created",
                CampaignKey::Started => "started",
                CampaignKey::Sent => "sent",
                CampaignKey::Messages => "messages",
                CampaignKey::Cost => "cost",
                CampaignKey::Recipient => {
                    "(SELECT max(min(number), 0) FROM message m WHERE m.campaign = c.id \
                     AND m.generation = c.generation)"
                }
            },
            "id",
        );
        let row = |row: &Row<'_>| campaign(row, now);
        let mut found = self.page("*", "campaign c", &when, &order, page, row)?;
        for campaign in &mut found.items {
            campaign.counters.by_status = self.counters_by_status(campaign.id)?;
        }
        Ok(found)
    }

    /// Some campaigns that were over before, and whose people are not forgotten yet.
    pub(crate) fn forgettable(&self, before: Millis, most: usize) -> Result<Vec<Campaign>, Error> {
        let query = format!("SELECT * FROM campaign WHERE {FORGETTABLE} ORDER BY id LIMIT ?");
        let (done, declined) = (CampaignStatus::Done, CampaignStatus::Declined);
        self.all(&query, (done, declined, before, most as i64), |row| {
            campaign(row, before)
        })
    }

    /// How many campaigns these are in all, and how many messages they have.
    pub(crate) fn count_forgettable(&self, before: Millis) -> Result<(i64, i64), Error> {
        let query = format!(
            "SELECT count(*), coalesce(sum(messages), 0) FROM campaign WHERE {FORGETTABLE}"
        );
        let key = (CampaignStatus::Done, CampaignStatus::Declined, before);
        self.one(&query, key, |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Every campaign with its totals as they are stored.
    pub(crate) fn totals(&self) -> Result<Vec<(i64, Count)>, Error> {
        let query = "SELECT id, messages, segments, cost FROM campaign";
        self.all(query, [], |row| {
            Ok((row.get(0)?, count(row, ["messages", "segments", "cost"])?))
        })
    }
}

impl Change<'_> {
    pub(crate) fn add_campaign(
        &self,
        account: i64,
        new: &CheckedCampaign,
        now: Millis,
    ) -> Result<i64, Error> {
        let query = "INSERT INTO campaign (account, name, text, type, sender, rate_limit, \
                     rate_period, deferred, mclass, validity, track, status, created, generation, \
                     generations, source, messages, segments, cost, rejected, counted, cursor) \
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 0, 0, 0, 0, 0, 0, 0, ?12, 0)";
        self.run(
            query,
            (
                account,
                &new.name,
                &new.text,
                new.kind as i64,
                &new.from,
                new.rate_limit,
                new.rate_period,
                new.deferred,
                new.mclass,
                new.validity,
                new.track,
                now,
            ),
        )?;
        let id = self.last_id();
        for link in &new.links {
            let query = "INSERT OR IGNORE INTO campaign_link VALUES (?, ?)";
            self.run(query, [id, *link])?;
        }
        Ok(id)
    }

    pub(crate) fn delete_campaign(&self, id: i64, now: Millis) -> Result<(), Error> {
        self.run("UPDATE campaign SET deleted = ? WHERE id = ?", [now, id])?;
        Ok(())
    }

    /// Sets the status of a campaign that is launched or moderated, and when it is due.
    pub(crate) fn set_campaign_status(
        &self,
        id: i64,
        status: CampaignStatus,
        due: Millis,
        comment: Option<&str>,
        now: Millis,
    ) -> Result<(), Error> {
        let query = "UPDATE campaign SET status = ?1, due = ?2, comment = coalesce(?3, comment), \
                     ended = CASE ?1 WHEN 2 THEN ?4 ELSE ended END WHERE id = ?5";
        self.run(query, (status, due, comment, now, id))?;
        Ok(())
    }

    /// The number of a new list of the campaign.
    pub(crate) fn next_generation(&self, id: i64) -> Result<i64, Error> {
        let query = "UPDATE campaign SET generations = generations + 1 WHERE id = ? \
                     RETURNING generations";
        self.one(query, [id], |row| row.get(0))
    }

    /// Puts a list that was filled apart in the place of the campaign's; its counters start anew.
    pub(crate) fn swap_lists(&self, campaign: &Campaign, generation: i64) -> Result<(), Error> {
        self.discard_list(campaign.id, campaign.generation)?;
        self.run("DELETE FROM counter WHERE campaign = ?", [campaign.id])?;
        let query = "UPDATE campaign SET generation = ?, messages = 0, segments = 0, cost = 0, \
                     rejected = 0, first = NULL, groups = NULL WHERE id = ?";
        self.run(query, [generation, campaign.id])?;
        Ok(())
    }

    /// Leaves a list to be swept away.
    pub(crate) fn discard_list(&self, campaign: i64, generation: i64) -> Result<(), Error> {
        let query = "INSERT OR IGNORE INTO garbage VALUES (?, ?)";
        self.run(query, [campaign, generation])?;
        Ok(())
    }

    /// Adds what was added to the campaign's counters.
    pub(crate) fn tally(
        &self,
        campaign: i64,
        sums: &Sums,
        source: i64,
        now: Millis,
    ) -> Result<(), Error> {
        let query = "UPDATE campaign SET messages = messages + ?, segments = segments + ?, \
                     cost = cost + ?, rejected = rejected + ?, first = coalesce(first, ?), \
                     source = ?, counted = ? WHERE id = ?";
        self.run(
            query,
            (
                sums.added.messages,
                sums.added.segments,
                sums.added.cost.0,
                sums.rejected,
                sums.first,
                source,
                now,
                campaign,
            ),
        )?;
        self.count(campaign, MessageStatus::New, 1, sums.added)
    }

    /// Adds messages and what they cost to the counters of a status, or with -1 takes them away.
    pub(super) fn count(
        &self,
        campaign: i64,
        status: MessageStatus,
        sign: i64,
        by: Count,
    ) -> Result<(), Error> {
        let query = "INSERT INTO counter (campaign, status, messages, segments, cost) \
                     VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET \
                     messages = messages + excluded.messages, \
                     segments = segments + excluded.segments, cost = cost + excluded.cost";
        let by = (sign * by.messages, sign * by.segments, sign * by.cost.0);
        self.run(query, (campaign, status, by.0, by.1, by.2))?;
        Ok(())
    }

    /// Replaces a campaign's counters.
    pub(crate) fn set_counters(
        &self,
        campaign: i64,
        by_status: &[Count; 10],
        total: Count,
    ) -> Result<(), Error> {
        self.run("DELETE FROM counter WHERE campaign = ?", [campaign])?;
        for &status in MessageStatus::ALL {
            self.count(campaign, status, 1, by_status[status as usize])?;
        }
        let query = "UPDATE campaign SET messages = ?, segments = ?, cost = ? WHERE id = ?";
        self.run(
            query,
            (total.messages, total.segments, total.cost.0, campaign),
        )?;
        Ok(())
    }

    /// Forgets the people of some messages of a list, and what was to be told of them; of how many.
    pub(crate) fn forget_messages(
        &self,
        campaign: i64,
        generation: i64,
        most: usize,
    ) -> Result<usize, Error> {
        let some = "SELECT id FROM message WHERE campaign = ? AND generation = ? AND number > 0 \
                    ORDER BY number LIMIT ?";
        let key = (campaign, generation, most as i64);
        let events = format!("DELETE FROM event WHERE message IN ({some})");
        self.run(&events, key)?;
        // Ids are numbers that no list has twice.
        let query = format!(
            "UPDATE message SET number = -id, text = NULL, contact = NULL WHERE id IN ({some})"
        );
        self.run(&query, key)
    }

    /// The people of a campaign are forgotten, and its text with them if it is one person's.
    pub(crate) fn set_forgotten(
        &self,
        campaign: i64,
        with_text: bool,
        now: Millis,
    ) -> Result<(), Error> {
        // The cursor is a number, too.
        let query = "UPDATE campaign SET purged = ?, text = CASE WHEN ? THEN '' ELSE text END, \
                     cursor = 0 WHERE id = ?";
        self.run(query, (now, with_text, campaign))?;
        Ok(())
    }

    /// Remembers which groups were added to a campaign.
    pub(crate) fn set_groups(&self, campaign: i64, groups: &str) -> Result<(), Error> {
        let query = "UPDATE campaign SET groups = ? WHERE id = ?";
        self.run(query, (groups, campaign))?;
        Ok(())
    }

    /// The import that locks a campaign, or that none does any more.
    pub(crate) fn lock_campaign(&self, campaign: i64, task: Option<i64>) -> Result<(), Error> {
        let query = "UPDATE campaign SET task = ? WHERE id = ?";
        self.run(query, (task, campaign))?;
        Ok(())
    }
}
