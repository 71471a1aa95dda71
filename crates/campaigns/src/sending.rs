//! The scheduler: campaigns that are due start, messages leave in packets, reports come back.

use crate::campaign::{self, Campaign, Count};
use crate::clock::{DAY, MINUTE, Millis};
use crate::error::Error;
use crate::status::{CampaignStatus, MessageStatus};
use crate::stop::msisdn;
use crate::transport::{Outgoing, Receipt};
use crate::{Campaigns, Money};
use rusqlite::{OptionalExtension, Row, Transaction};
use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Messages of a packet where the campaign has no rate, and reports of a step.
const PACKET: usize = 1000;

/// Messages of a packet where it has one (D29).
const RATED_PACKET: i64 = 10;

/// How long statuses are waited for.
const WAIT: Millis = DAY;

/// How long a campaign is left alone whose messages cannot be handed over now, and one at which
/// this program has failed.
const PUT_OFF: Millis = 5_000;
const PUT_OFF_LONG: Millis = MINUTE;

/// Rows of replaced lists that are swept away at a time.
const SWEEP: usize = 2000;

impl Campaigns {
    /// Does what is due now: a packet of each running campaign, some reports, a little sweeping.
    /// Whether there may be more to do at once.
    ///
    /// # Errors
    ///
    /// If the store or the transport fails; what was not done is due the next time.
    pub fn step(&self) -> Result<bool, Error> {
        let now = self.now();
        if now < self.stepped.swap(now, Ordering::Relaxed) {
            self.mend_due(now)?;
        }
        let left = self.advancing.swap(0, Ordering::Relaxed);
        if left != 0 {
            // The last step did not come to its end.
            self.put_off(left, now + PUT_OFF_LONG)?;
        }
        let mut more = self.apply_reports()?;
        let mut failed = None;
        for id in self.due(now)? {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            self.advancing.store(id, Ordering::Relaxed);
            match self.advance(id) {
                Ok(can_go_on) => more |= can_go_on,
                // The others are not to blame.
                Err(error) => {
                    self.put_off(id, now + PUT_OFF)?;
                    failed = Some(error);
                }
            }
            self.advancing.store(0, Ordering::Relaxed);
        }
        more |= self.sweep()?;
        match failed {
            Some(error) => Err(error),
            None => Ok(more),
        }
    }

    /// How often something has come that is to be done at once.
    pub fn news(&self) -> u64 {
        *self.news.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is something to be done at once.
    pub(crate) fn tell(&self) {
        *self.news.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.news.1.notify_all();
    }

    /// Waits until there are other news than these, or a campaign is due; at most so long.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn rest(&self, seen: u64, most: Millis) -> Result<(), Error> {
        let most = Duration::from_millis(self.idle(most)?.unsigned_abs());
        let news = self.news.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(
            self.news
                .1
                .wait_timeout_while(news, most, |news| *news == seen),
        );
        Ok(())
    }

    /// How long nothing is to be done about campaigns; at most so long.
    pub(crate) fn idle(&self, most: Millis) -> Result<Millis, Error> {
        let next: Option<Millis> = self.store.read(|look| {
            let query = "SELECT min(due) FROM campaign INDEXED BY campaign_due \
                         WHERE status IN (3, 4, 5, 6) AND deleted IS NULL";
            Ok(look
                .prepare_cached(query)?
                .query_row([], |row| row.get(0))?)
        })?;
        Ok(next.map_or(most, |next| (next - self.now()).clamp(0, most)))
    }

    fn due(&self, now: Millis) -> Result<Vec<i64>, Error> {
        self.store.read(|look| {
            let mut query = look.prepare_cached(
                "SELECT id FROM campaign INDEXED BY campaign_due \
                 WHERE status IN (3, 4, 5, 6) AND deleted IS NULL AND due <= ? ORDER BY due, id",
            )?;
            let ids = query.query_map([now], |row| row.get(0))?;
            Ok(ids.collect::<Result<_, _>>()?)
        })
    }

    /// No packet is further away than the interval between two: the clock was set back, or stood
    /// wrong when the last one left.
    fn mend_due(&self, now: Millis) -> Result<(), Error> {
        self.store.write(|change| {
            let gap = "coalesce((min(rate_limit, 10) * rate_period * 1000 + rate_limit - 1) \
                       / rate_limit, 0)";
            change.execute(
                &format!(
                    "UPDATE campaign INDEXED BY campaign_due SET due = ?1 + {gap} \
                     WHERE status IN (3, 4, 5, 6) AND deleted IS NULL AND due > ?1 \
                     AND status = 5 AND due > ?1 + {gap}"
                ),
                [now],
            )?;
            Ok(())
        })
    }

    fn put_off(&self, id: i64, until: Millis) -> Result<(), Error> {
        self.store.write(|change| {
            let query = "UPDATE campaign SET due = max(due, ?) WHERE id = ?";
            change.execute(query, [until, id])?;
            Ok(())
        })
    }

    /// One step of one campaign's life; whether it can go on at once.
    fn advance(&self, id: i64) -> Result<bool, Error> {
        let now = self.now();
        let campaign = self.store.read(|look| by_id(look, id, now))?;
        match campaign.stored {
            CampaignStatus::ReadyForSend | CampaignStatus::AutoReadyForSend => {
                if campaign.status == CampaignStatus::Deferred {
                    return Ok(false);
                }
                self.store.write(|change| {
                    change.execute(
                        "UPDATE campaign SET status = ?, started = ?, due = ? \
                         WHERE id = ? AND status IN (3, 4) AND deleted IS NULL",
                        (CampaignStatus::Running, now, now, id),
                    )?;
                    Ok(true)
                })
            }
            CampaignStatus::Running => self.send_packet(&campaign, now),
            CampaignStatus::Sent => self.finish(&campaign, now),
            _ => Ok(false),
        }
    }

    fn send_packet(&self, campaign: &Campaign, now: Millis) -> Result<bool, Error> {
        let marked = self.marked(campaign, now)?;
        if !marked.is_empty() {
            // An earlier hand-over was cut short.
            let known = self.transport.knows(&marked).map_err(Error::Internal)?;
            let part = |wanted: bool| -> Vec<Outgoing> {
                let all = marked.iter().zip(&known);
                all.filter(|(_, known)| **known == wanted)
                    .map(|(m, _)| m.clone())
                    .collect()
            };
            let (there, missing) = (part(true), part(false));
            self.settle(campaign, &there, &self.transport.receipts(&there))?;
            self.hand_over(campaign, &missing)?;
            return Ok(true);
        }
        if campaign.due.is_some_and(|due| due > now) {
            return Ok(false);
        }
        let (size, gap) = packets(campaign);
        let packet = self.store.write(|change| {
            let campaign = by_id(change, campaign.id, now)?;
            if campaign.stored != CampaignStatus::Running {
                return Ok(Vec::new());
            }
            let mut query = change.prepare_cached(
                "SELECT * FROM message WHERE campaign = ? AND generation = ? AND number > ? \
                 ORDER BY number LIMIT ?",
            )?;
            let key = (campaign.id, campaign.generation, campaign.cursor, size);
            let packet = query.query_map(key, |row| outgoing(row, &campaign, now))?;
            let packet: Vec<Outgoing> = packet.collect::<Result<_, _>>()?;
            let Some(last) = packet.last() else {
                end(change, campaign.id, now)?;
                return Ok(packet);
            };
            change.execute(
                "UPDATE campaign SET cursor = ?, due = ? WHERE id = ?",
                (last.number.as_u64() as i64, now + gap, campaign.id),
            )?;
            let ids: Vec<i64> = packet.iter().map(|message| message.id).collect();
            let to = ids.iter().map(|&id| (id, MessageStatus::Enqueued));
            set_statuses(change, to, now, false)?;
            Ok(packet)
        })?;
        if packet.is_empty() {
            return Ok(true);
        }
        self.hand_over(campaign, &packet)?;
        Ok(gap == 0)
    }

    /// Messages that were marked to be handed over, and of which it is not known whether they were.
    fn marked(&self, campaign: &Campaign, now: Millis) -> Result<Vec<Outgoing>, Error> {
        self.store.read(|look| {
            let counts = campaign::counters_by_status(look, campaign.id)?;
            if counts[MessageStatus::Enqueued as usize].messages == 0 {
                return Ok(Vec::new());
            }
            let mut query = look.prepare_cached(
                "SELECT * FROM (SELECT * FROM message WHERE campaign = ? AND generation = ? \
                 AND number <= ? ORDER BY number DESC LIMIT ?) WHERE status = ? ORDER BY number",
            )?;
            let marked = query.query_map(
                (
                    campaign.id,
                    campaign.generation,
                    campaign.cursor,
                    PACKET as i64,
                    MessageStatus::Enqueued,
                ),
                |row| outgoing(row, campaign, now),
            )?;
            Ok(marked.collect::<Result<_, _>>()?)
        })
    }

    fn hand_over(&self, campaign: &Campaign, messages: &[Outgoing]) -> Result<(), Error> {
        if messages.is_empty() {
            return Ok(());
        }
        let receipts = self
            .transport
            .hand_over(messages)
            .map_err(Error::Internal)?;
        self.settle(campaign, messages, &receipts)
    }

    /// Writes down what the transport said. The next packet leaves an interval after this moment,
    /// not after that at which this one was due: it may have taken its time.
    fn settle(
        &self,
        campaign: &Campaign,
        messages: &[Outgoing],
        receipts: &[Receipt],
    ) -> Result<(), Error> {
        if messages.is_empty() {
            return Ok(());
        }
        if messages.len() != receipts.len() {
            return Err(Error::Internal(format!(
                "campaign {}: {} messages, {} receipts",
                campaign.id,
                messages.len(),
                receipts.len()
            )));
        }
        let now = self.now();
        let (_, gap) = packets(campaign);
        self.store.write(|change| {
            let to = messages
                .iter()
                .zip(receipts)
                .map(|(m, receipt)| (m.id, receipt.status));
            set_statuses(change, to, now, true)?;
            let mut query =
                change.prepare_cached("INSERT OR IGNORE INTO report VALUES (?, ?, ?)")?;
            for (message, receipt) in messages.iter().zip(receipts) {
                if let Some((status, at)) = receipt.foretold {
                    query.execute((at, message.id, status))?;
                }
            }
            let is_last = change
                .prepare_cached(
                    "UPDATE campaign SET due = max(due, ?) WHERE id = ? RETURNING NOT EXISTS \
                     (SELECT 1 FROM message m WHERE m.campaign = campaign.id \
                      AND m.generation = campaign.generation AND m.number > campaign.cursor)",
                )?
                .query_row([now + gap, campaign.id], |row| row.get(0))?;
            if is_last {
                end(change, campaign.id, now)?;
            }
            Ok(())
        })
    }

    /// SENT becomes DONE when all statuses are final, or a day has passed (D28).
    fn finish(&self, campaign: &Campaign, now: Millis) -> Result<bool, Error> {
        let over = campaign.sent.map_or(now, |sent| sent + WAIT);
        self.store.write(|change| {
            let counts = campaign::counters_by_status(change, campaign.id)?;
            let open = MessageStatus::ALL
                .iter()
                .filter(|status| !status.is_final())
                .any(|&status| counts[status as usize].messages > 0);
            if open && now < over {
                let query = "UPDATE campaign SET due = ? WHERE id = ?";
                change.execute(query, [over, campaign.id])?;
                return Ok(());
            }
            change.execute(
                "UPDATE campaign SET status = ?, ended = ? WHERE id = ?",
                (CampaignStatus::Done, now, campaign.id),
            )?;
            Ok(())
        })?;
        Ok(false)
    }

    /// A transport's report on a message. Reports that come after a final status, or after the
    /// campaign is done, change nothing.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn report(&self, message: i64, status: MessageStatus) -> Result<(), Error> {
        let now = self.now();
        self.store
            .write(|change| set_statuses(change, [(message, status)].into_iter(), now, true))
    }

    fn apply_reports(&self) -> Result<bool, Error> {
        let now = self.now();
        let due = self.store.read(|look| {
            let mut query = look.prepare_cached(
                "SELECT at, message, status FROM report WHERE at <= ? ORDER BY at LIMIT ?",
            )?;
            let due = query.query_map((now, PACKET as i64), |row| {
                Ok((row.get(0)?, row.get(1)?, MessageStatus::stored(row.get(2)?)))
            })?;
            let due: Vec<(Millis, i64, MessageStatus)> = due.collect::<Result<_, _>>()?;
            Ok(due)
        })?;
        if due.is_empty() {
            return Ok(false);
        }
        self.store.write(|change| {
            let to = due.iter().map(|&(_, message, status)| (message, status));
            set_statuses(change, to, now, true)?;
            let mut query = change
                .prepare_cached("DELETE FROM report WHERE at = ? AND message = ? AND status = ?")?;
            for report in &due {
                query.execute(*report)?;
            }
            Ok(())
        })?;
        Ok(due.len() == PACKET)
    }

    /// Deletes some rows of lists that were replaced; whether there are more.
    fn sweep(&self) -> Result<bool, Error> {
        let next = self.store.read(|look| {
            let mut query =
                look.prepare_cached("SELECT campaign, generation FROM garbage LIMIT 1")?;
            let list = query.query_row([], |row| Ok((row.get(0)?, row.get(1)?)));
            Ok(list.optional()?)
        })?;
        let Some::<(i64, i64)>((campaign, generation)) = next else {
            return Ok(false);
        };
        self.store.write(|change| {
            change
                .prepare_cached(
                    "DELETE FROM personal_link WHERE message IN (SELECT id FROM message \
                     WHERE campaign = ? AND generation = ? ORDER BY number LIMIT ?)",
                )?
                .execute((campaign, generation, SWEEP as i64))?;
            let swept = change
                .prepare_cached(
                    "DELETE FROM message WHERE id IN (SELECT id FROM message \
                     WHERE campaign = ? AND generation = ? ORDER BY number LIMIT ?)",
                )?
                .execute((campaign, generation, SWEEP as i64))?;
            if swept < SWEEP {
                let query = "DELETE FROM garbage WHERE campaign = ? AND generation = ?";
                change.execute(query, [campaign, generation])?;
            }
            Ok(true)
        })
    }
}

/// How many messages leave together, and how long after them no others do (D29).
fn packets(campaign: &Campaign) -> (i64, Millis) {
    match (campaign.rate_limit, campaign.rate_period) {
        (Some(limit), Some(period)) => {
            let size = limit.min(RATED_PACKET);
            // Rounded up: never more than was asked for.
            (size, (size * period * 1000 + limit - 1) / limit)
        }
        _ => (PACKET as i64, 0),
    }
}

/// All messages are handed over.
fn end(change: &Transaction<'_>, campaign: i64, now: Millis) -> Result<(), Error> {
    change
        .prepare_cached("UPDATE campaign SET status = ?, sent = ?, due = ? WHERE id = ?")?
        .execute((CampaignStatus::Sent, now, now + WAIT, campaign))?;
    wake(change, campaign, now)
}

/// A campaign of which nothing is awaited any more is due at once.
fn wake(change: &Transaction<'_>, campaign: i64, now: Millis) -> Result<(), Error> {
    change
        .prepare_cached(
            "UPDATE campaign SET due = ?1 WHERE id = ?2 AND status = 6 AND NOT EXISTS \
             (SELECT 1 FROM counter WHERE campaign = ?2 AND messages > 0 \
              AND status NOT IN (4, 5, 6, 7, 8))",
        )?
        .execute([now, campaign])?;
    Ok(())
}

fn by_id(look: &rusqlite::Connection, id: i64, now: Millis) -> Result<Campaign, Error> {
    let mut query = look.prepare_cached("SELECT * FROM campaign WHERE id = ?")?;
    Ok(query.query_row([id], |row| Campaign::from_row(row, now))?)
}

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

/// Sets the statuses of messages, and the counters with them. Final statuses stay, and so does
/// everything of a campaign that is done.
fn set_statuses(
    change: &Transaction<'_>,
    to: impl Iterator<Item = (i64, MessageStatus)>,
    now: Millis,
    handed_over: bool,
) -> Result<(), Error> {
    let mut query = change.prepare_cached(
        "SELECT m.campaign, m.status, m.segments, m.segments * m.price, c.status FROM message m \
         JOIN campaign c ON c.id = m.campaign AND c.generation = m.generation WHERE m.id = ?",
    )?;
    let mut update = change.prepare_cached(
        "UPDATE message SET status = ?, updated = ?, sent = coalesce(sent, ?) WHERE id = ?",
    )?;
    let mut moves: HashMap<(i64, u8, u8), Count> = HashMap::new();
    for (message, status) in to {
        let found = query
            .query_row([message], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    MessageStatus::stored(row.get(1)?),
                    row.get::<_, i64>(2)?,
                    row.get::<_, i64>(3)?,
                    CampaignStatus::stored(row.get(4)?),
                ))
            })
            .optional()?;
        let Some((campaign, before, segments, cost, state)) = found else {
            continue;
        };
        let goes_back = !status.is_final() && (status as u8) <= before as u8;
        if before.is_final() || goes_back || state == CampaignStatus::Done {
            continue;
        }
        update.execute((status, now, handed_over.then_some(now), message))?;
        let sum = moves
            .entry((campaign, before as u8, status as u8))
            .or_default();
        sum.messages += 1;
        sum.segments += segments;
        sum.cost = Money(sum.cost.0 + cost);
    }
    let mut touched: Vec<i64> = Vec::new();
    for ((campaign, before, after), sum) in moves {
        let status = |stored: u8| Some(MessageStatus::stored(i64::from(stored)));
        campaign::count(change, campaign, status(before), status(after), sum)?;
        touched.push(campaign);
    }
    touched.sort_unstable();
    touched.dedup();
    for campaign in touched {
        change.execute(
            "UPDATE campaign SET counted = ? WHERE id = ?",
            [now, campaign],
        )?;
        wake(change, campaign, now)?;
    }
    Ok(())
}
