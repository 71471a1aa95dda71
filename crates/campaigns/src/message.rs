//! Messages: looked for, asked about, and sent one by one.

use crate::account::Account;
use crate::add::{Adder, Texts};
use crate::audit::Act;
use crate::campaign::{self, Campaign, Found, NewCampaign, Page, Range};
use crate::clock::Millis;
use crate::error::{Error, Field, Flaw};
use crate::status::MessageStatus;
use crate::store::MOST_IDS;
use crate::{Campaigns, Money};
use recipients_core::{Msisdn, Plan};
use recipients_template::Missing;
use std::collections::HashMap;

/// A message as it stands.
#[derive(Clone)]
pub struct Message {
    /// Its number.
    pub id: i64,
    /// The campaign's.
    pub campaign: i64,
    /// Who gets it, unless that was forgotten.
    pub number: Option<Msisdn>,
    /// What it says.
    pub text: String,
    /// The sender.
    pub from: String,
    /// How long it is.
    pub segments: i64,
    /// The price of a segment.
    pub price: Money,
    /// What became of it.
    pub status: MessageStatus,
    /// The card of the contact book that it came from.
    pub contact: Option<i64>,
    /// When it was handed over.
    pub sent: Option<Millis>,
    /// When its status changed last.
    pub updated: Option<Millis>,
    /// The contact groups of its campaign.
    pub groups: Option<String>,
    /// Clicks on links of its own, where its campaign has such.
    pub clicks: i64,
}

/// Shows neither the person nor the text.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let number = self.number.map(|number| number.masked().to_string());
        let number = number.as_deref().unwrap_or("forgotten");
        let (id, status) = (self.id, self.status.name());
        write!(f, "Message({id}, {number}, {status})")
    }
}

impl Message {
    /// The country and the operator of the number's range, as far as the numbering plan tells.
    pub fn destination(&self) -> (Option<String>, Option<&'static str>) {
        let plan = Plan::builtin();
        let Some(number) = self.number else {
            return (None, None);
        };
        let verdict = recipients_core::Checker::default().check(&number.to_string());
        let territory = verdict.territory().map(|territory| territory.to_string());
        (
            territory,
            verdict
                .operator()
                .map(|operator| plan.operator_name(operator)),
        )
    }
}

/// Which messages are looked for.
#[derive(Clone, Debug, Default)]
pub struct MessageFilter {
    /// Messages.
    pub ids: Option<Vec<i64>>,
    /// Campaigns; the first hundred count.
    pub campaigns: Option<Vec<i64>>,
    /// Part of the sender.
    pub from: Option<String>,
    /// Part of the number.
    pub to: Option<String>,
    /// The text, exactly.
    pub text: Option<String>,
    /// A status' name.
    pub status: Option<String>,
    /// A campaign's status' name.
    pub campaign_status: Option<String>,
    /// Contact groups.
    pub groups: Option<Vec<i64>>,
    /// When the campaign was made.
    pub campaign_created: Range,
    /// When the campaign was launched.
    pub campaign_sent: Range,
    /// When the message was handed over.
    pub sent: Range,
    /// When its status changed last.
    pub updated: Range,
}

/// What messages can be sorted by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(missing_docs, reason = "they are the fields of a message")]
pub enum MessageKey {
    Id,
    Campaign,
    From,
    To,
    Text,
    Status,
    Sent,
    Updated,
    Segments,
}

/// A message to one recipient, as it was typed.
#[derive(Clone, Default)]
pub struct NewMessage {
    /// Who gets it.
    pub recipient: String,
    /// The rest of the campaign that is made for it.
    pub campaign: NewCampaign,
}

impl std::fmt::Debug for NewMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewMessage(…)")
    }
}

/// A message that was sent alone.
#[derive(Clone, Copy, Debug)]
pub struct SentMessage {
    /// The campaign that was made for it.
    pub campaign: i64,
    /// Its number.
    pub message: i64,
    /// Whether it waits for a moderator.
    pub moderation: bool,
}

impl Campaigns {
    /// Sends one message.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for the recipient or any other field, [`Error::Conflict`] if the balance
    /// does not cover it.
    pub fn send_message(&self, account: &Account, new: &NewMessage) -> Result<SentMessage, Error> {
        let now = self.now();
        let kind = Some("1".to_owned());
        let wanted = NewCampaign {
            kind,
            ..new.campaign.clone()
        };
        let rules = self.rules(account)?;
        let verdict = rules.checker.check(&new.recipient);
        if !verdict.is_accepted() {
            // Before the rest, which may make short links.
            let flaw = Flaw::Number(verdict.reason().message());
            return Err(Error::invalid(Field::Recipient, flaw));
        }
        self.store
            .read(|look| campaign::check_stop_list(look, account, now))?;
        let checked = self.checked(account, &wanted, now)?;
        self.store
            .write(|change| {
                let id = change.add_campaign(account.id, &checked, now)?;
                let campaign = change.campaign(account.id, id, now)?;
                let texts = Texts::new(&campaign, Missing::Keep);
                let links = change.tracked_links(&campaign)?;
                let generation = campaign.generation;
                let mut adder = Adder::new(self, &campaign, generation, &rules, &texts, &links);
                let added = adder.add(change, verdict, None, None)?;
                let Some(message) = added.message else {
                    return Err(Error::Internal(
                        "the message could not be stored".to_owned(),
                    ));
                };
                change.tally(id, &adder.sums, 1, now)?;
                let due = campaign.deferred.unwrap_or(now).max(now);
                let moderation =
                    campaign::launch(change, account, id, adder.sums.added.cost, due, now)?;
                change.record(&account.hand(), Act::SendMessage, Some(message), now)?;
                Ok(SentMessage {
                    campaign: id,
                    message,
                    moderation,
                })
            })
            .inspect(|_| self.tell())
    }

    /// The messages of these numbers that the account has, in the order of the numbers given.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if no number is given, [`Error::Incorrect`] for more than a hundred.
    pub fn messages(&self, account: &Account, ids: &[i64]) -> Result<Vec<Message>, Error> {
        if ids.is_empty() {
            return Err(Error::NotFound);
        }
        if ids.len() > MOST_IDS {
            return Err(Error::Incorrect(Flaw::TooMany(MOST_IDS)));
        }
        self.store.read(|look| {
            let mut found = Vec::new();
            for &id in ids {
                found.extend(look.message(account.id, id)?);
            }
            Ok(found)
        })
    }

    /// The messages that a filter lets through, sorted by the keys given, each with whether it
    /// descends, and then the newest first; and the campaigns that they belong to.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn list_messages(
        &self,
        account: &Account,
        filter: &MessageFilter,
        sort: &[(MessageKey, bool)],
        page: Page,
    ) -> Result<(Found<Message>, HashMap<i64, Campaign>), Error> {
        let now = self.now();
        let ranges = [
            &filter.campaign_created,
            &filter.campaign_sent,
            &filter.sent,
            &filter.updated,
        ];
        let windows = ranges.map(|range| range.window(account));
        self.store
            .read(|look| look.messages(account.id, filter, windows, sort, page, now))
    }
}
