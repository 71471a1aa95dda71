//! What the scheduler asks and writes.

use super::{Change, Look};
use crate::campaign::{Campaign, Count};
use crate::clock::Millis;
use crate::error::Error;
use crate::money::Money;
use crate::status::{CampaignStatus, MessageStatus};
use crate::stop::msisdn;
use crate::transport::{Outgoing, Receipt};
use recipients_core::Msisdn;
use rusqlite::Row;
use std::collections::{BTreeSet, HashMap};

fn outgoing(row: &Row<'_>, campaign: &Campaign, now: Millis) -> rusqlite::Result<Outgoing> {
    let text: Option<String> = row.get("text")?;
    Ok(Outgoing {
        id: row.get("id")?,
        number: msisdn(row.get("number")?),
        from: campaign.from.clone(),
        text: text.unwrap_or_else(|| campaign.text.clone()),
        mclass: campaign.mclass,
        validity: campaign.validity,
        at: now,
    })
}

/// How long it is between two packets of a campaign, of `?2` messages at most.
const GAP: &str =
    "coalesce((min(rate_limit, ?2) * rate_period * 1000 + rate_limit - 1) / rate_limit, 0)";

impl Look<'_> {
    /// Campaigns under way of which something is due, the longest waiting first.
    pub(crate) fn due_campaigns(&self, now: Millis) -> Result<Vec<i64>, Error> {
        let query = "SELECT id FROM campaign INDEXED BY campaign_due \
                     WHERE status IN (3, 4, 5, 6) AND deleted IS NULL AND due <= ? \
                     ORDER BY due, id";
        self.all(query, [now], |row| row.get(0))
    }

    /// When something is due next.
    pub(crate) fn next_due(&self) -> Result<Option<Millis>, Error> {
        let query = "SELECT min(due) FROM campaign INDEXED BY campaign_due \
                     WHERE status IN (3, 4, 5, 6) AND deleted IS NULL";
        self.one(query, [], |row| row.get(0))
    }

    /// Campaigns that have a rate and whose next packet is not due yet, and how long they wait for it: at most as
    /// long as it is between two. `size` is that of a packet.
    pub(crate) fn waiting_campaigns(
        &self,
        now: Millis,
        size: i64,
    ) -> Result<Vec<(i64, Millis)>, Error> {
        let query = format!(
            "SELECT id, min(due - ?1, {GAP}) FROM campaign INDEXED BY campaign_due \
             WHERE status IN (3, 4, 5, 6) AND deleted IS NULL AND due > ?1 \
             AND status = 5 AND rate_limit IS NOT NULL"
        );
        self.all(&query, [now, size], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The messages that follow those which have left.
    pub(crate) fn next_messages(
        &self,
        campaign: &Campaign,
        most: i64,
        now: Millis,
    ) -> Result<Vec<Outgoing>, Error> {
        let query = "SELECT * FROM message WHERE campaign = ? AND generation = ? AND number > ? \
                     ORDER BY number LIMIT ?";
        let key = (campaign.id, campaign.generation, campaign.cursor, most);
        self.all(query, key, |row| outgoing(row, campaign, now))
    }

    /// What a message costs.
    pub(crate) fn cost_of(&self, message: i64) -> Result<Money, Error> {
        let query = "SELECT segments * price FROM message WHERE id = ?";
        self.one(query, [message], |row| Ok(Money(row.get(0)?)))
    }

    /// Those of the last messages which are marked, and of which it is not known whether they
    /// have left.
    pub(crate) fn marked_messages(
        &self,
        campaign: &Campaign,
        last: usize,
        now: Millis,
    ) -> Result<Vec<Outgoing>, Error> {
        let counts = self.counters_by_status(campaign.id)?;
        if counts[MessageStatus::Enqueued as usize].messages == 0 {
            return Ok(Vec::new());
        }
        let query = "SELECT * FROM (SELECT * FROM message WHERE campaign = ? AND generation = ? \
                     AND number <= ? ORDER BY number DESC LIMIT ?) WHERE status = ? \
                     ORDER BY number";
        let key = (
            campaign.id,
            campaign.generation,
            campaign.cursor,
            last as i64,
            MessageStatus::Enqueued,
        );
        self.all(query, key, |row| outgoing(row, campaign, now))
    }

    /// Reports that are due: when, on which message, and what.
    pub(crate) fn due_reports(
        &self,
        now: Millis,
        most: usize,
    ) -> Result<Vec<(Millis, i64, MessageStatus)>, Error> {
        let query = "SELECT at, message, status FROM report WHERE at <= ? ORDER BY at LIMIT ?";
        self.all(query, (now, most as i64), |row| {
            Ok((row.get(0)?, row.get(1)?, MessageStatus::stored(row.get(2)?)))
        })
    }

    /// A list that waits to be swept away: campaign and generation.
    pub(crate) fn discarded_list(&self) -> Result<Option<(i64, i64)>, Error> {
        let query = "SELECT campaign, generation FROM garbage LIMIT 1";
        self.maybe(query, [], |row| Ok((row.get(0)?, row.get(1)?)))
    }
}

impl Change<'_> {
    /// Begins to send a campaign that is ready.
    pub(crate) fn start_campaign(&self, id: i64, now: Millis) -> Result<(), Error> {
        let query = "UPDATE campaign SET status = ?, started = ?, due = ? \
                     WHERE id = ? AND status IN (3, 4) AND deleted IS NULL";
        self.run(query, (CampaignStatus::Running, now, now, id))?;
        Ok(())
    }

    /// Messages to numbers as far as this one have had their turn; others are not due before `due`.
    pub(crate) fn set_cursor(&self, campaign: i64, last: Msisdn, due: Millis) -> Result<(), Error> {
        let query = "UPDATE campaign SET cursor = ?, due = ? WHERE id = ?";
        self.run(query, (last.as_u64() as i64, due, campaign))?;
        Ok(())
    }

    /// Writes down what was said of messages that have left; whether there are no others.
    pub(crate) fn settle(
        &self,
        campaign: i64,
        messages: &[Outgoing],
        receipts: &[Receipt],
        due: Millis,
        now: Millis,
    ) -> Result<bool, Error> {
        let pairs = || messages.iter().zip(receipts);
        let to = pairs().map(|(message, receipt)| (message.id, receipt.status));
        self.set_message_statuses(to, now, true)?;
        for (message, receipt) in pairs() {
            if let Some((status, at)) = receipt.foretold {
                let query = "INSERT OR IGNORE INTO report VALUES (?, ?, ?)";
                self.run(query, (at, message.id, status))?;
            }
        }
        let query = "UPDATE campaign SET due = max(due, ?) WHERE id = ? RETURNING NOT EXISTS \
                     (SELECT 1 FROM message m WHERE m.campaign = campaign.id \
                      AND m.generation = campaign.generation AND m.number > campaign.cursor) \
                     AND NOT EXISTS (SELECT 1 FROM counter WHERE counter.campaign = ?2 \
                      AND counter.status = ?3 AND counter.messages > 0)";
        let key = (due, campaign, MessageStatus::Enqueued);
        self.one(query, key, |row| row.get(0))
    }

    /// All messages have left; statuses are waited for until `over`.
    pub(crate) fn set_sent(&self, campaign: i64, now: Millis, over: Millis) -> Result<(), Error> {
        let query = "UPDATE campaign SET status = ?, sent = ?, due = ? WHERE id = ?";
        self.run(query, (CampaignStatus::Sent, now, over, campaign))?;
        self.wake(campaign, now)
    }

    pub(crate) fn set_done(&self, campaign: i64, now: Millis) -> Result<(), Error> {
        let query = "UPDATE campaign SET status = ?, ended = ? WHERE id = ?";
        self.run(query, (CampaignStatus::Done, now, campaign))?;
        Ok(())
    }

    pub(crate) fn set_due(&self, campaign: i64, due: Millis) -> Result<(), Error> {
        self.run("UPDATE campaign SET due = ? WHERE id = ?", [due, campaign])?;
        Ok(())
    }

    /// Nothing of a campaign is due before this moment.
    pub(crate) fn put_campaign_off(&self, campaign: i64, until: Millis) -> Result<(), Error> {
        let query = "UPDATE campaign SET due = max(due, ?) WHERE id = ?";
        self.run(query, [until, campaign])?;
        Ok(())
    }

    /// No packet is further away than the interval between two. `size` is that of a packet.
    pub(crate) fn mend_due(&self, now: Millis, size: i64) -> Result<(), Error> {
        let query = format!(
            "UPDATE campaign INDEXED BY campaign_due SET due = ?1 + {GAP} \
             WHERE status IN (3, 4, 5, 6) AND deleted IS NULL AND due > ?1 \
             AND status = 5 AND due > ?1 + {GAP}"
        );
        self.run(&query, [now, size])?;
        Ok(())
    }

    pub(crate) fn drop_reports(
        &self,
        reports: &[(Millis, i64, MessageStatus)],
    ) -> Result<(), Error> {
        for report in reports {
            let query = "DELETE FROM report WHERE at = ? AND message = ? AND status = ?";
            self.run(query, *report)?;
        }
        Ok(())
    }

    /// Deletes some rows of a list that is no campaign's any more.
    pub(crate) fn sweep(&self, list: (i64, i64), most: usize) -> Result<(), Error> {
        let (campaign, generation) = list;
        let some = "SELECT id FROM message WHERE campaign = ? AND generation = ? \
                    ORDER BY number LIMIT ?";
        let key = (campaign, generation, most as i64);
        let links = format!("DELETE FROM personal_link WHERE message IN ({some})");
        self.run(&links, key)?;
        let events = format!("DELETE FROM event WHERE message IN ({some})");
        self.run(&events, key)?;
        let swept = self.run(&format!("DELETE FROM message WHERE id IN ({some})"), key)?;
        if swept < most {
            let query = "DELETE FROM garbage WHERE campaign = ? AND generation = ?";
            self.run(query, [campaign, generation])?;
        }
        Ok(())
    }

    /// Sets the statuses of messages, and the counters with them. Final statuses stay, none goes
    /// back, and everything stays of a campaign that is done.
    pub(crate) fn set_message_statuses(
        &self,
        to: impl Iterator<Item = (i64, MessageStatus)>,
        now: Millis,
        handed_over: bool,
    ) -> Result<(), Error> {
        let find = "SELECT m.campaign, m.status, m.segments, m.segments * m.price, c.status \
                    FROM message m JOIN campaign c \
                    ON c.id = m.campaign AND c.generation = m.generation WHERE m.id = ?";
        let update = "UPDATE message SET status = ?, updated = ?, sent = coalesce(sent, ?) \
                      WHERE id = ?";
        let mut moves: HashMap<(i64, MessageStatus, MessageStatus), Count> = HashMap::new();
        for (message, status) in to {
            let found = self.maybe(find, [message], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    MessageStatus::stored(row.get(1)?),
                    row.get::<_, i64>(2)?,
                    row.get::<_, i64>(3)?,
                    CampaignStatus::stored(row.get(4)?),
                ))
            })?;
            let Some((campaign, before, segments, cost, state)) = found else {
                continue;
            };
            let goes_back = !status.is_final() && status <= before;
            if before.is_final() || goes_back || state == CampaignStatus::Done {
                continue;
            }
            self.run(update, (status, now, handed_over.then_some(now), message))?;
            if status.is_final() {
                self.add_events(campaign, message, status, now)?;
            }
            let sum = moves.entry((campaign, before, status)).or_default();
            sum.messages += 1;
            sum.segments += segments;
            sum.cost = Money(sum.cost.0 + cost);
        }
        let touched: BTreeSet<i64> = moves.keys().map(|(campaign, ..)| *campaign).collect();
        for ((campaign, before, after), sum) in moves {
            self.count(campaign, before, -1, sum)?;
            self.count(campaign, after, 1, sum)?;
        }
        for campaign in touched {
            let query = "UPDATE campaign SET counted = ? WHERE id = ?";
            self.run(query, [now, campaign])?;
            self.wake(campaign, now)?;
        }
        Ok(())
    }

    /// A campaign of which nothing is awaited any more is due at once.
    fn wake(&self, campaign: i64, now: Millis) -> Result<(), Error> {
        let query = "UPDATE campaign SET due = ?1 WHERE id = ?2 AND status = 6 AND NOT EXISTS \
                     (SELECT 1 FROM counter WHERE campaign = ?2 AND messages > 0 \
                      AND status NOT IN (4, 5, 6, 7, 8))";
        self.run(query, [now, campaign])?;
        Ok(())
    }
}
