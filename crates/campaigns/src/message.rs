//! Messages: looked for, asked about, and sent one by one.

use crate::account::Account;
use crate::add::{Adder, Sums, Texts, tally};
use crate::campaign::{
    self, Campaign, Conditions, Found, NewCampaign, Page, Range, number_part, order,
};
use crate::clock::Millis;
use crate::error::{Error, Flaw};
use crate::status::MessageStatus;
use crate::stop::msisdn;
use crate::{Campaigns, Money};
use recipients_core::{Msisdn, Plan};
use recipients_template::Missing;
use rusqlite::Row;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Messages that one question may name.
const MOST_IDS: usize = 100;

/// A message as it stands.
#[derive(Clone)]
pub struct Message {
    /// Its number.
    pub id: i64,
    /// The campaign's.
    pub campaign: i64,
    /// Who gets it.
    pub number: Msisdn,
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
}

/// Shows neither the person nor the text.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Message({}, {}, {})",
            self.id,
            self.number.masked(),
            self.status.name()
        )
    }
}

impl Message {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Message> {
        Ok(Message {
            id: row.get("id")?,
            campaign: row.get("campaign")?,
            number: msisdn(row.get("number")?),
            text: row.get("full_text")?,
            from: row.get("sender")?,
            segments: row.get("segments")?,
            price: Money(row.get("price")?),
            status: MessageStatus::stored(row.get("status")?),
            contact: row.get("contact")?,
            sent: row.get("sent")?,
            updated: row.get("updated")?,
            groups: row.get("groups")?,
        })
    }

    /// The country and the operator of the number's range, as far as the numbering plan tells.
    pub fn destination(&self) -> (Option<String>, Option<&'static str>) {
        let plan = Plan::builtin();
        let verdict = recipients_core::Checker::default().check(&self.number.to_string());
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

const COLUMNS: &str = "m.id, m.campaign, m.number, coalesce(m.text, c.text) AS full_text, c.sender, \
                       m.segments, m.price, m.status, m.contact, m.sent, m.updated, c.groups";

const TABLES: &str =
    "message m JOIN campaign c ON c.id = m.campaign AND c.generation = m.generation";

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
            return Err(Error::invalid("recipient", flaw));
        }
        let checked = self.checked(account, &wanted, now)?;
        self.store.write(|change| {
            let id = campaign::insert(change, account.id, &checked, now)?;
            let campaign = campaign::find(change, account.id, id, now)?;
            let texts = Texts::new(&campaign, Missing::Keep);
            let mut adder = Adder {
                campaigns: self,
                campaign: &campaign,
                generation: campaign.generation,
                rules: &rules,
                texts: &texts,
                links: &[],
                sums: Sums::default(),
            };
            let added = adder.add(change, verdict, None, None)?;
            let Some(message) = added.message else {
                return Err(Error::Internal(
                    "the message could not be stored".to_owned(),
                ));
            };
            tally(change, id, &adder.sums, 1, now)?;
            let due = campaign.deferred.unwrap_or(now).max(now);
            let moderation = campaign::launch(change, account, id, adder.sums.added.cost, due)?;
            Ok(SentMessage {
                campaign: id,
                message,
                moderation,
            })
            .inspect(|_| self.tell())
        })
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
            let query = format!("SELECT {COLUMNS} FROM {TABLES} WHERE m.id = ? AND c.account = ?");
            let mut query = look.prepare_cached(&query)?;
            let mut found = Vec::new();
            for id in ids {
                let rows = query.query_map([*id, account.id], Message::from_row)?;
                for message in rows {
                    found.push(message?);
                }
            }
            Ok(found)
        })
    }

    /// The messages that a filter lets through, sorted by the keys given as name and whether
    /// descending, and then the newest first; and the campaigns that they belong to.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn list_messages(
        &self,
        account: &Account,
        filter: &MessageFilter,
        sort: &[(String, bool)],
        page: Page,
    ) -> Result<(Found<Message>, HashMap<i64, Campaign>), Error> {
        let now = self.now();
        let mut when = Conditions::default();
        when.add("c.account = ?", account.id);
        if let Some(ids) = &filter.ids {
            when.among("m.id", &ids[..ids.len().min(MOST_IDS)]);
        }
        if let Some(ids) = &filter.campaigns {
            when.among("m.campaign", &ids[..ids.len().min(MOST_IDS)]);
        } else {
            when.plain("c.deleted IS NULL".to_owned());
        }
        if let Some(from) = &filter.from {
            when.add("instr(c.sender, ?) > 0", from.clone());
        }
        if let Some(to) = &filter.to {
            let part = number_part(to);
            match part.is_empty() {
                true => when.never(),
                false => when.add("instr(m.number, ?) > 0", part),
            }
        }
        if let Some(text) = &filter.text {
            when.add("coalesce(m.text, c.text) = ?", text.clone());
        }
        if let Some(name) = &filter.status {
            // .NET clients spell it so.
            let name = if name == "EXPIRD" { "EXPIRED" } else { name };
            match MessageStatus::from_name(name) {
                Some(status) => when.add("m.status = ?", status),
                None => when.never(),
            }
        }
        when.campaign(
            filter.groups.as_deref(),
            filter.campaign_status.as_deref(),
            now,
        );
        for (column, range) in [
            ("c.created", &filter.campaign_created),
            ("c.started", &filter.campaign_sent),
            ("m.sent", &filter.sent),
            ("m.updated", &filter.updated),
        ] {
            if let Some((from, to)) = range.window(account) {
                when.add(&format!("{column} >= ?"), from);
                when.add(&format!("{column} <= ?"), to);
            }
        }
        let order = order(
            sort,
            &[
                ("id", "m.id"),
                ("campaignId", "m.campaign"),
                ("from", "c.sender"),
                ("to", "m.number"),
                ("text", "full_text"),
                ("status", "m.status"),
                ("startSendTs", "m.sent"),
                ("statusUpdateTs", "m.updated"),
                ("segNum", "m.segments"),
            ],
        )
        .replace("id DESC", "m.id DESC")
        .replace("m.m.id", "m.id");
        self.store.read(|look| {
            let count = format!("SELECT count(*) FROM {TABLES} WHERE {}", when.text());
            let total = look.query_row(&count, &*when.values(), |row| row.get(0))?;
            let query = format!(
                "SELECT {COLUMNS} FROM {TABLES} WHERE {} ORDER BY {order} LIMIT {} OFFSET {}",
                when.text(),
                page.size,
                u64::from(page.size) * u64::from(page.number)
            );
            let mut query = look.prepare(&query)?;
            let items = query.query_map(&*when.values(), Message::from_row)?;
            let items: Vec<Message> = items.collect::<Result<_, _>>()?;
            let mut campaigns = HashMap::new();
            let mut query = look.prepare_cached("SELECT * FROM campaign WHERE id = ?")?;
            for message in &items {
                let Entry::Vacant(place) = campaigns.entry(message.campaign) else {
                    continue;
                };
                let row = |row: &Row<'_>| Campaign::from_row(row, now);
                let mut campaign = query.query_row([message.campaign], row)?;
                campaign.counters.by_status = campaign::counters_by_status(look, message.campaign)?;
                place.insert(campaign);
            }
            Ok((Found { items, total }, campaigns))
        })
    }
}
