//! The scheduler: campaigns that are due start, messages leave in packets, reports come back.

use crate::campaign::Campaign;
use crate::clock::{DAY, Millis};
use crate::error::Error;
use crate::status::{CampaignStatus, MessageStatus};
use crate::store::Change;
use crate::transport::{Outgoing, Receipt};
use crate::{Campaigns, Money};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

/// Messages of a packet where the campaign has no rate, and reports of a step.
const PACKET: usize = 1000;

/// Messages of a packet where it has one (D29).
const RATED_PACKET: i64 = 10;

/// How much later than by the clock that can be set a packet may leave by the one that cannot, if neither is set.
const CLOCKS_DIFFER: Millis = 20;

/// How long statuses are waited for.
const WAIT: Millis = DAY;

/// How many back-offs long a campaign is left alone whose messages cannot be handed over now, and
/// one at which this program has failed.
const PUT_OFF: i64 = 5;
const PUT_OFF_LONG: i64 = 60;

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
            // The clock was set back, or stood wrong when the last packet left.
            self.store
                .write(|change| change.mend_due(now, RATED_PACKET))?;
        }
        let left = self.advancing.swap(0, Ordering::Relaxed);
        if left != 0 {
            // The last step did not come to its end.
            let until = now + PUT_OFF_LONG * self.backoff;
            self.store
                .write(|change| change.put_campaign_off(left, until))?;
        }
        let mut more = self.apply_reports()?;
        let mut failed = None;
        for id in self.store.read(|look| look.due_campaigns(now))? {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            self.advancing.store(id, Ordering::Relaxed);
            match self.advance(id) {
                Ok(can_go_on) => more |= can_go_on,
                // The others are not to blame.
                Err(error) => {
                    let until = now + PUT_OFF * self.backoff;
                    self.store
                        .write(|change| change.put_campaign_off(id, until))?;
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

    /// Takes over from a scheduler that has ended: when packets may leave that are not due yet.
    pub(crate) fn take_over_packets(&self) -> Result<(), Error> {
        let (now, steady) = (self.now(), self.clock.steady());
        let waiting = self
            .store
            .read(|look| look.waiting_campaigns(now, RATED_PACKET))?;
        let next = waiting.into_iter().map(|(id, wait)| (id, steady + wait));
        self.next_packets().extend(next);
        Ok(())
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
        self.wait(seen, self.idle(most)?);
        Ok(())
    }

    /// Waits until there are other news than these; at most so long.
    pub fn wait(&self, seen: u64, most: Millis) {
        let most = Duration::from_millis(most.unsigned_abs());
        let news = self.news.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |news: &mut u64| *news == seen;
        drop(self.news.1.wait_timeout_while(news, most, is_old));
    }

    /// How long nothing is to be done about campaigns; at most so long.
    pub(crate) fn idle(&self, most: Millis) -> Result<Millis, Error> {
        let next = self.store.read(|look| look.next_due())?;
        Ok(next.map_or(most, |next| (next - self.now()).clamp(0, most)))
    }

    /// One step of one campaign's life; whether it can go on at once.
    fn advance(&self, id: i64) -> Result<bool, Error> {
        let now = self.now();
        let campaign = self.store.read(|look| look.any_campaign(id, now))?;
        match campaign.stored {
            CampaignStatus::ReadyForSend | CampaignStatus::AutoReadyForSend => {
                if campaign.status == CampaignStatus::Deferred {
                    return Ok(false);
                }
                self.store.write(|change| change.start_campaign(id, now))?;
                Ok(true)
            }
            CampaignStatus::Running => self.send_packet(&campaign, now),
            CampaignStatus::Sent => self.finish(&campaign, now),
            _ => Ok(false),
        }
    }

    fn send_packet(&self, campaign: &Campaign, now: Millis) -> Result<bool, Error> {
        let marked = self
            .store
            .read(|look| look.marked_messages(campaign, PACKET, now))?;
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
            let missing = self
                .store
                .write(|change| self.without_stopped(change, campaign, missing, now))?;
            // Those that are missing first: the campaign is not sent while any is.
            self.hand_over(campaign, &missing)?;
            // The others left now at the latest.
            self.packet_left(campaign);
            self.settle(campaign, &there, &self.transport.receipts(&there))?;
            return Ok(true);
        }
        if campaign.due.is_some_and(|due| due > now) {
            return Ok(false);
        }
        let (size, gap) = packets(campaign);
        if let Some(left) = self.left_of_gap(campaign.id) {
            // The clock was set forward since the last packet left, or the two do not go quite alike: then it is
            // not worth a write.
            if left > CLOCKS_DIFFER {
                self.store
                    .write(|change| change.set_due(campaign.id, now + left))?;
            }
            return Ok(false);
        }
        let packet = self.store.write(|change| {
            let campaign = change.any_campaign(campaign.id, now)?;
            if campaign.stored != CampaignStatus::Running {
                return Ok(Vec::new());
            }
            let packet = change.next_messages(&campaign, size, now)?;
            let Some(last) = packet.last() else {
                change.set_sent(campaign.id, now, now + WAIT)?;
                return Ok(packet);
            };
            change.set_cursor(campaign.id, last.number, now + gap)?;
            let leaving = self.without_stopped(change, &campaign, packet, now)?;
            let marked = leaving.iter().map(|m| (m.id, MessageStatus::Enqueued));
            change.set_message_statuses(marked, now, false)?;
            Ok(leaving)
        })?;
        if packet.is_empty() {
            return Ok(true);
        }
        self.hand_over(campaign, &packet)?;
        Ok(gap == 0)
    }

    /// When the next packet of each campaign may leave that has a rate and more to send, whatever time it is by
    /// then.
    fn next_packets(&self) -> MutexGuard<'_, HashMap<i64, Millis>> {
        let next = self.next_packets.lock();
        next.unwrap_or_else(PoisonError::into_inner)
    }

    fn packet_left(&self, campaign: &Campaign) {
        let (_, gap) = packets(campaign);
        if gap > 0 {
            let next = self.clock.steady() + gap;
            self.next_packets().insert(campaign.id, next);
        }
    }

    /// How long no packet of a campaign may leave.
    fn left_of_gap(&self, campaign: i64) -> Option<Millis> {
        let mut packets = self.next_packets();
        let left = packets.get(&campaign)? - self.clock.steady();
        if left <= 0 {
            packets.remove(&campaign);
        }
        (left > 0).then_some(left)
    }

    /// The messages but for those to people who have asked for no more since they were added, which are
    /// rejected, and not paid for.
    fn without_stopped(
        &self,
        change: &Change<'_>,
        campaign: &Campaign,
        messages: Vec<Outgoing>,
        now: Millis,
    ) -> Result<Vec<Outgoing>, Error> {
        let mut stopped = Vec::new();
        let mut leaving = Vec::with_capacity(messages.len());
        for message in messages {
            match change.is_stopped(campaign.account, message.number)? {
                true => stopped.push((message.id, MessageStatus::Rejected)),
                false => leaving.push(message),
            }
        }
        // Send has taken what they cost.
        let mut cost = Money(0);
        for (message, _) in &stopped {
            cost.0 += change.cost_of(*message)?.0;
        }
        if cost.0 > 0 {
            change.give_back(campaign.account, cost)?;
        }
        change.set_message_statuses(stopped.into_iter(), now, false)?;
        Ok(leaving)
    }

    fn hand_over(&self, campaign: &Campaign, messages: &[Outgoing]) -> Result<(), Error> {
        if messages.is_empty() {
            return Ok(());
        }
        let receipts = self.transport.hand_over(messages);
        // Some may have left even if it failed.
        self.packet_left(campaign);
        let receipts = receipts.map_err(Error::Internal)?;
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
        let is_last = self.store.write(|change| {
            let is_last = change.settle(campaign.id, messages, receipts, now + gap, now)?;
            if is_last {
                change.set_sent(campaign.id, now, now + WAIT)?;
            }
            Ok(is_last)
        })?;
        if is_last {
            self.next_packets().remove(&campaign.id);
        }
        Ok(())
    }

    /// SENT becomes DONE when all statuses are final, or a day has passed (D28).
    fn finish(&self, campaign: &Campaign, now: Millis) -> Result<bool, Error> {
        let over = campaign.sent.map_or(now, |sent| sent + WAIT);
        self.store.write(|change| {
            let counts = change.counters_by_status(campaign.id)?;
            let open = MessageStatus::ALL
                .iter()
                .filter(|status| !status.is_final())
                .any(|&status| counts[status as usize].messages > 0);
            match open && now < over {
                true => change.set_due(campaign.id, over),
                false => change.set_done(campaign.id, now),
            }
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
            .write(|change| change.set_message_statuses([(message, status)].into_iter(), now, true))
    }

    fn apply_reports(&self) -> Result<bool, Error> {
        let now = self.now();
        let due = self.store.read(|look| look.due_reports(now, PACKET))?;
        if due.is_empty() {
            return Ok(false);
        }
        self.store.write(|change| {
            let to = due.iter().map(|&(_, message, status)| (message, status));
            change.set_message_statuses(to, now, true)?;
            change.drop_reports(&due)
        })?;
        Ok(due.len() == PACKET)
    }

    /// Deletes some rows of lists that were replaced; whether there are more.
    fn sweep(&self) -> Result<bool, Error> {
        let Some(list) = self.store.read(|look| look.discarded_list())? else {
            return Ok(false);
        };
        self.store.write(|change| change.sweep(list, SWEEP))?;
        Ok(true)
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
