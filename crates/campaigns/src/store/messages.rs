//! Messages of campaigns.

use super::query::{Conditions, order};
use super::{Change, Look};
use crate::campaign::{Campaign, Found, Page};
use crate::clock::Millis;
use crate::error::Error;
use crate::message::{Message, MessageFilter, MessageKey};
use crate::money::Money;
use crate::status::MessageStatus;
use recipients_core::Msisdn;
use rusqlite::Row;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

const COLUMNS: &str = "m.id, m.campaign, m.number, coalesce(m.text, c.text) AS full_text, c.sender, \
                       m.segments, m.price, m.status, m.contact, m.sent, m.updated, c.groups";

const TABLES: &str =
    "message m JOIN campaign c ON c.id = m.campaign AND c.generation = m.generation";

/// Messages or campaigns that one question may name.
pub(crate) const MOST_IDS: usize = 100;

/// A message that is added.
pub(crate) struct NewRow<'a> {
    /// Its id, if it must be a certain one; it must not have been used.
    pub(crate) id: Option<i64>,
    pub(crate) campaign: i64,
    pub(crate) generation: i64,
    pub(crate) number: Msisdn,
    /// Where it is not the campaign's.
    pub(crate) text: Option<&'a str>,
    pub(crate) segments: i64,
    /// Of one segment.
    pub(crate) price: i64,
    pub(crate) contact: Option<i64>,
}

/// Times between which the campaign was made and launched, the message handed over, and its status
/// changed.
pub(crate) type Windows = [Option<(Millis, Millis)>; 4];

/// A recipient's number; what stands there is negative where it was forgotten.
fn known(number: i64) -> Option<Msisdn> {
    Msisdn::from_u64(u64::try_from(number).ok()?)
}

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: row.get("id")?,
        campaign: row.get("campaign")?,
        number: known(row.get("number")?),
        text: row.get("full_text")?,
        from: row.get("sender")?,
        segments: row.get("segments")?,
        price: Money(row.get("price")?),
        status: MessageStatus::stored(row.get("status")?),
        contact: row.get("contact")?,
        sent: row.get("sent")?,
        updated: row.get("updated")?,
        groups: row.get("groups")?,
        clicks: 0,
    })
}

impl Look<'_> {
    /// The message of a list to a number.
    pub(crate) fn find_number(
        &self,
        campaign: i64,
        generation: i64,
        number: Msisdn,
    ) -> Result<Option<i64>, Error> {
        let query = "SELECT id FROM message WHERE campaign = ? AND generation = ? AND number = ?";
        let key = [campaign, generation, number.as_u64() as i64];
        self.maybe(query, key, |row| row.get(0))
    }

    /// The message of a list that was added first. It goes through the list.
    pub(crate) fn first_message(
        &self,
        campaign: i64,
        generation: i64,
    ) -> Result<Option<i64>, Error> {
        let query = "SELECT min(id) FROM message WHERE campaign = ? AND generation = ?";
        self.one(query, [campaign, generation], |row| row.get(0))
    }

    /// The id of the message that was added last of all.
    pub(crate) fn last_message(&self) -> Result<i64, Error> {
        let query = "SELECT coalesce(max(id), 0) FROM message";
        self.one(query, [], |row| row.get(0))
    }

    /// A message of the account, if it has it.
    pub(crate) fn message(&self, account: i64, id: i64) -> Result<Option<Message>, Error> {
        let query = format!("SELECT {COLUMNS} FROM {TABLES} WHERE m.id = ? AND c.account = ?");
        self.maybe(&query, [id, account], message)
    }

    /// The account's messages that meet the filter, and the campaigns that they belong to.
    pub(crate) fn messages(
        &self,
        account: i64,
        filter: &MessageFilter,
        windows: Windows,
        sort: &[(MessageKey, bool)],
        page: Page,
        now: Millis,
    ) -> Result<(Found<Message>, HashMap<i64, Campaign>), Error> {
        let mut when = Conditions::default();
        when.add("c.account = ?", account);
        if let Some(ids) = &filter.ids {
            when.among("m.id", &ids[..ids.len().min(MOST_IDS)]);
        }
        match &filter.campaigns {
            Some(ids) => when.among("m.campaign", &ids[..ids.len().min(MOST_IDS)]),
            None => when.plain("c.deleted IS NULL"),
        }
        if let Some(from) = &filter.from {
            when.add("instr(c.sender, ?) > 0", from.clone());
        }
        if let Some(to) = &filter.to {
            when.number_part("instr(m.number, ?) > 0 AND m.number > 0", to);
        }
        if let Some(text) = &filter.text {
            when.add("coalesce(m.text, c.text) = ?", text.clone());
        }
        if let Some(name) = &filter.status {
            match MessageStatus::from_name(name) {
                Some(status) => when.add("m.status = ?", status),
                None => when.never(),
            }
        }
        when.campaign(
            account,
            filter.groups.as_deref(),
            filter.campaign_status.as_deref(),
            now,
        );
        let columns = ["c.created", "c.started", "m.sent", "m.updated"];
        for (column, range) in columns.into_iter().zip(windows) {
            when.within(column, range);
        }
        let order = order(
            sort,
            |key| match key {
                MessageKey::Id => "m.id",
                MessageKey::Campaign => "m.campaign",
                MessageKey::From => "c.sender",
                MessageKey::To => "max(m.number, 0)",
                MessageKey::Text => "full_text",
                MessageKey::Status => "m.status",
                MessageKey::Sent => "m.sent",
                MessageKey::Updated => "m.updated",
                MessageKey::Segments => "m.segments",
            },
            "m.id",
        );
        let mut found = self.page(COLUMNS, TABLES, &when, &order, page, message)?;
        let mut campaigns = HashMap::new();
        for message in &mut found.items {
            let campaign = match campaigns.entry(message.campaign) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let mut campaign = self.any_campaign(message.campaign, now)?;
                    campaign.counters.by_status = self.counters_by_status(message.campaign)?;
                    place.insert(campaign)
                }
            };
            if campaign.track {
                message.clicks = self.own_clicks(message.id)?;
            }
        }
        Ok((found, campaigns))
    }
}

impl Change<'_> {
    /// The id that the next message gets.
    pub(crate) fn next_message(&self) -> Result<i64, Error> {
        // Ids are not used again, even if the messages are gone.
        let query = "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'message'";
        self.one(query, [], |row| row.get(0))
    }

    /// The message's id, unless the list has the number.
    pub(crate) fn add_message(&self, new: &NewRow<'_>) -> Result<Option<i64>, Error> {
        let query = "INSERT INTO message (id, campaign, generation, number, text, segments, \
                     price, status, contact) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?) \
                     ON CONFLICT DO NOTHING";
        let added = self.run(
            query,
            (
                new.id,
                new.campaign,
                new.generation,
                new.number.as_u64() as i64,
                new.text,
                new.segments,
                new.price,
                new.contact,
            ),
        )?;
        Ok((added > 0).then(|| self.last_id()))
    }
}
