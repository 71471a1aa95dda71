//! Campaigns: made, looked at, launched, deleted, moderated.

use crate::account::{Account, Settings};
use crate::clock::{DAY, HOUR, MINUTE, Millis, later};
use crate::error::{Conflict, Error, Flaw};
use crate::status::{CampaignStatus, MessageStatus};
use crate::{Campaigns, Money};
use recipients_template::Template;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use std::collections::HashMap;

/// The longest name, in characters.
const MOST_NAME: usize = 255;

/// The longest text, in characters: more than any message can carry (255 segments of 153).
const MOST_TEXT: usize = 40_000;

/// The least time before a deferred start in which a campaign can be deleted (D29).
const DELETE_AHEAD: Millis = 5 * MINUTE;

/// What a campaign is to be, as it was typed. Absent and empty are the same, but for the text.
#[derive(Clone, Debug, Default)]
pub struct NewCampaign {
    /// At most 255 characters.
    pub name: Option<String>,
    /// Of the message; with placeholders in a template campaign.
    pub text: Option<String>,
    /// 1 single, 2 mass (the default), 3 template.
    pub kind: Option<String>,
    /// A registered sender; the default is the account's.
    pub from: Option<String>,
    /// Messages in [`NewCampaign::rate_period`].
    pub rate_limit: Option<String>,
    /// Seconds: 60, 3600 or 86400.
    pub rate_period: Option<String>,
    /// `YYYY-MM-DD HH:MM:SS` in the account's zone, an hour to 14 days ahead.
    pub deferred: Option<String>,
    /// 0 flash, 1 inbox (the default).
    pub mclass: Option<String>,
    /// Minutes, 60 to 1440. The default is 1440.
    pub validity: Option<String>,
    /// The older name of validity: 1 to 4320.
    pub ttl: Option<String>,
    /// Whether each recipient gets a short link of its own.
    pub track: Option<String>,
    /// 0 or 1; whether links in the text become short ones.
    pub shorten: Option<String>,
}

/// The kind of a campaign.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// One message.
    Single = 1,
    /// One text to many.
    Mass = 2,
    /// A text with placeholders.
    Template = 3,
}

/// Messages and what they cost.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Count {
    /// How many messages.
    pub messages: i64,
    /// How many segments.
    pub segments: i64,
    /// Their price.
    pub cost: Money,
}

/// The counters of a campaign.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// By status, in the order of [`MessageStatus::ALL`].
    pub by_status: [Count; 10],
    /// Frozen when recipients are added (D31).
    pub total: Count,
    /// Recipients that were not added.
    pub rejected: i64,
    /// When they changed last.
    pub updated: Millis,
}

/// A campaign as it stands.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Its number.
    pub id: i64,
    /// The account's.
    pub account: i64,
    /// For people.
    pub name: Option<String>,
    /// With placeholders, in a template campaign.
    pub text: String,
    /// Single, mass or template.
    pub kind: Kind,
    /// The sender.
    pub from: String,
    /// Messages a period.
    pub rate_limit: Option<i64>,
    /// Seconds.
    pub rate_period: Option<i64>,
    /// When it is to start.
    pub deferred: Option<Millis>,
    /// 0 to 3.
    pub mclass: i64,
    /// Minutes.
    pub validity: i64,
    /// Whether each recipient gets a short link of its own.
    pub track: bool,
    /// As it is to be told: deferred, where it is ready and not due.
    pub status: CampaignStatus,
    /// When it was made.
    pub created: Millis,
    /// When the first message was handed over.
    pub started: Option<Millis>,
    /// When the last message was handed over.
    pub sent: Option<Millis>,
    /// When it was done.
    pub ended: Option<Millis>,
    /// When it was deleted.
    pub deleted: Option<Millis>,
    /// The moderator's words.
    pub comment: Option<String>,
    /// Contact groups that were added, by their ids.
    pub groups: Option<String>,
    /// How recipients came last: 0 not at all, 1 numbers, 2 contacts, 3 groups, 4 file.
    pub source: i64,
    /// What it comes to.
    pub counters: Counters,
    pub(crate) stored: CampaignStatus,
    pub(crate) task: Option<i64>,
    pub(crate) generation: i64,
    pub(crate) cursor: i64,
    pub(crate) due: Option<Millis>,
}

impl Campaign {
    pub(crate) fn from_row(row: &Row<'_>, now: Millis) -> rusqlite::Result<Campaign> {
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
                total: Count {
                    messages: row.get("messages")?,
                    segments: row.get("segments")?,
                    cost: Money(row.get("cost")?),
                },
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

    /// The text whose placeholders are to be filled: none, but in a template campaign.
    pub(crate) fn template(&self) -> Option<Template> {
        (self.kind == Kind::Template).then(|| Template::parse(self.text.as_str()))
    }
}

/// The campaign of an account, without its counters by status; deleted ones are not found.
pub(crate) fn find(
    look: &Connection,
    account: i64,
    id: i64,
    now: Millis,
) -> Result<Campaign, Error> {
    let mut query = look.prepare_cached(
        "SELECT * FROM campaign WHERE id = ? AND account = ? AND deleted IS NULL",
    )?;
    Ok(query.query_row([id, account], |row| Campaign::from_row(row, now))?)
}

pub(crate) fn counters_by_status(look: &Connection, id: i64) -> Result<[Count; 10], Error> {
    let mut counts = [Count::default(); 10];
    let mut query = look.prepare_cached(
        "SELECT status, messages, segments, cost FROM counter WHERE campaign = ?",
    )?;
    let mut rows = query.query([id])?;
    while let Some(row) = rows.next()? {
        counts[row.get::<_, i64>(0)? as usize] = Count {
            messages: row.get(1)?,
            segments: row.get(2)?,
            cost: Money(row.get(3)?),
        };
    }
    Ok(counts)
}

/// Moves messages and what they cost from one status to another; from none if they are new, to
/// none if they are gone.
pub(crate) fn count(
    change: &Transaction<'_>,
    campaign: i64,
    from: Option<MessageStatus>,
    to: Option<MessageStatus>,
    by: Count,
) -> Result<(), Error> {
    let mut query = change.prepare_cached(
        "INSERT INTO counter (campaign, status, messages, segments, cost) VALUES (?, ?, ?, ?, ?) \
         ON CONFLICT DO UPDATE SET messages = messages + excluded.messages, \
         segments = segments + excluded.segments, cost = cost + excluded.cost",
    )?;
    for (status, sign) in [(from, -1), (to, 1)] {
        if let Some(status) = status {
            let cost = sign * by.cost.0;
            query.execute((
                campaign,
                status,
                sign * by.messages,
                sign * by.segments,
                cost,
            ))?;
        }
    }
    Ok(())
}

impl Campaigns {
    /// Makes a campaign (D29); its id.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with every field that cannot be used.
    pub fn create(&self, account: &Account, new: &NewCampaign) -> Result<i64, Error> {
        let now = self.clock.now();
        let checked = self.checked(account, new, now)?;
        self.store
            .write(|change| insert(change, account.id, &checked, now))
    }

    pub(crate) fn checked(
        &self,
        account: &Account,
        new: &NewCampaign,
        now: Millis,
    ) -> Result<CheckedCampaign, Error> {
        let mut flaws: Vec<(&'static str, Flaw)> = Vec::new();
        let given = |value: &Option<String>| -> Option<String> {
            let value = value.as_deref().map(str::trim);
            value.filter(|value| !value.is_empty()).map(str::to_owned)
        };
        let mut number = |field, value: &Option<String>, least: i64, most: i64| {
            let value = given(value)?;
            match value.parse() {
                Ok(number) if (least..=most).contains(&number) => Some(number),
                _ => {
                    flaws.push((field, Flaw::Between(least, most)));
                    None
                }
            }
        };
        let kind = match number("type", &new.kind, 1, 3) {
            Some(1) => Kind::Single,
            Some(3) => Kind::Template,
            _ => Kind::Mass,
        };
        let mclass = number("mclass", &new.mclass, 0, 1).unwrap_or(1);
        let flag = |value: &Option<String>| match value.as_deref().map(str::trim) {
            Some("true") => Some("1".to_owned()),
            Some("false") => Some("0".to_owned()),
            _ => value.clone(),
        };
        let track = number("trackShortLinkRecipients", &flag(&new.track), 0, 1) == Some(1);
        let shorten = number("shortenLinks", &flag(&new.shorten), 0, 1) == Some(1);
        let validity = match given(&new.validity) {
            Some(_) => number("validity", &new.validity, 60, 1440),
            None => number("ttl", &new.ttl, 1, 4320),
        };
        let rate_limit = number("rateLimit", &new.rate_limit, 0, i64::from(u32::MAX));
        let rate_limit = rate_limit.filter(|&limit| limit > 0);
        let rate_period = rate_limit.and_then(|limit| match given(&new.rate_period).as_deref() {
            Some(period @ ("60" | "3600" | "86400")) => {
                let seconds: i64 = period.parse().expect("one of these three");
                if limit > 100 * seconds {
                    flaws.push(("rateLimit", Flaw::RateAbove(100 * seconds)));
                }
                Some(seconds)
            }
            _ => {
                flaws.push(("ratePeriod", Flaw::OneOf("60, 3600, 86400")));
                None
            }
        });
        let name = given(&new.name);
        if name
            .as_ref()
            .is_some_and(|name| name.chars().count() > MOST_NAME)
        {
            flaws.push(("name", Flaw::TooLong(MOST_NAME)));
        }
        let text = new.text.clone().unwrap_or_default();
        if text.trim().is_empty() {
            flaws.push(("text", Flaw::Required));
        } else if text.chars().count() > MOST_TEXT {
            flaws.push(("text", Flaw::TooLong(MOST_TEXT)));
        } else if kind == Kind::Template && Template::parse(text.as_str()).is_plain() {
            flaws.push(("text", Flaw::NoPlaceholder));
        }
        let senders = &account.settings.senders;
        let default = senders
            .first()
            .map_or(Settings::SERVICE_SENDER, String::as_str);
        let from = given(&new.from).unwrap_or_else(|| default.to_owned());
        if from != default && !senders.contains(&from) {
            flaws.push(("from", Flaw::UnknownSender));
        }
        let deferred = given(&new.deferred).and_then(|text| match account.zone.read(&text) {
            None => {
                flaws.push(("deferredToTs", Flaw::NotATime));
                None
            }
            // Times are written in whole seconds.
            Some(at) if at / 1000 < (now + HOUR) / 1000 || at > now + 14 * DAY => {
                flaws.push(("deferredToTs", Flaw::OutsideDeferral));
                None
            }
            at => at,
        });
        if track && !shorten && self.links_in(account.id, &text)?.is_empty() {
            flaws.push(("trackShortLinkRecipients", Flaw::NoShortLink));
        }
        if !flaws.is_empty() {
            return Err(Error::Invalid(flaws));
        }
        let mut text = match shorten {
            true => self.shortened(account, &text)?,
            false => text,
        };
        let links = self.links_in(account.id, &text)?;
        // Older clients put tracked links in double brackets.
        for link in &links {
            let address = self.link_address(&link.code);
            text = text.replace(&format!("[[{address}]]"), &address);
        }
        if track && links.is_empty() {
            return Err(Error::invalid(
                "trackShortLinkRecipients",
                Flaw::NoShortLink,
            ));
        }
        Ok(CheckedCampaign {
            links: links.into_iter().map(|link| link.id).collect(),
            name,
            text,
            kind,
            from,
            rate_limit,
            rate_period,
            deferred,
            mclass,
            validity: validity.unwrap_or(1440),
            track,
        })
    }

    /// A campaign with its counters.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is none, it is deleted, or another account's.
    pub fn campaign(&self, account: &Account, id: i64) -> Result<Campaign, Error> {
        self.store.read(|look| {
            let mut campaign = find(look, account.id, id, self.clock.now())?;
            campaign.counters.by_status = counters_by_status(look, id)?;
            Ok(campaign)
        })
    }

    /// The text of the first message that was added, or the template where there is none.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] as for [`Campaigns::campaign`].
    pub fn filled_text(&self, account: &Account, id: i64) -> Result<String, Error> {
        self.store.read(|look| {
            let campaign = find(look, account.id, id, self.clock.now())?;
            let mut query = look.prepare_cached(
                "SELECT text FROM message WHERE id = (SELECT first FROM campaign WHERE id = ?)",
            )?;
            let text: Option<Option<String>> =
                query.query_row([id], |row| row.get(0)).optional()?;
            Ok(text.flatten().unwrap_or(campaign.text))
        })
    }

    /// The names of contact groups, and how many cards each holds.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn group_names(
        &self,
        account: &Account,
        ids: &str,
    ) -> Result<Vec<(i64, String, i64)>, Error> {
        self.store.read(|look| {
            let mut found = Vec::new();
            let mut query = look.prepare_cached(
                "SELECT name, (SELECT count(*) FROM card_in_group WHERE card_group = g.id) \
                 FROM card_group g WHERE id = ? AND account = ?",
            )?;
            for id in ids.split(',').filter_map(|id| id.parse::<i64>().ok()) {
                let group = query
                    .query_row([id, account.id], |row| Ok((id, row.get(0)?, row.get(1)?)))
                    .optional()?;
                found.extend(group);
            }
            Ok(found)
        })
    }

    /// Deletes a campaign that has not been started (D29).
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or [`Error::Conflict`].
    pub fn delete(&self, account: &Account, id: i64) -> Result<(), Error> {
        let now = self.clock.now();
        self.store.write(|change| {
            let campaign = find(change, account.id, id, now)?;
            self.free(&campaign)?;
            match campaign.status {
                CampaignStatus::New | CampaignStatus::Moderation | CampaignStatus::Declined => {}
                CampaignStatus::Deferred
                    if campaign.deferred.is_some_and(|at| at >= now + DELETE_AHEAD) => {}
                _ => return Err(Error::Conflict(Conflict::Started)),
            }
            if campaign.status == CampaignStatus::Deferred
                || campaign.status == CampaignStatus::Moderation
            {
                // What Send has taken.
                change.execute(
                    "UPDATE account SET balance = balance + ? WHERE id = ?",
                    (campaign.counters.total.cost.0, account.id),
                )?;
            }
            change.execute("UPDATE campaign SET deleted = ? WHERE id = ?", [now, id])?;
            Ok(())
        })
    }

    /// Launches a campaign (D28): whether it now waits for a moderator.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or [`Error::Conflict`] if it is not new, has no recipients, or costs
    /// more than there is.
    pub fn send(&self, account: &Account, id: i64) -> Result<bool, Error> {
        let now = self.clock.now();
        self.store
            .write(|change| {
                let campaign = find(change, account.id, id, now)?;
                self.free(&campaign)?;
                if campaign.status != CampaignStatus::New {
                    return Err(Error::Conflict(Conflict::NotNew));
                }
                if campaign.counters.total.messages == 0 {
                    return Err(Error::Conflict(Conflict::NoRecipients));
                }
                let due = campaign.deferred.unwrap_or(now).max(now);
                launch(change, account, id, campaign.counters.total.cost, due)
            })
            .inspect(|_| self.tell())
    }

    /// A moderator lets a campaign pass, or not.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or [`Error::Conflict`] if it does not wait for one.
    pub fn moderate(&self, id: i64, approve: bool, comment: Option<&str>) -> Result<(), Error> {
        let now = self.clock.now();
        let status = match approve {
            true => CampaignStatus::ReadyForSend,
            false => CampaignStatus::Declined,
        };
        self.store
            .write(|change| {
                let query = "SELECT * FROM campaign WHERE id = ? AND deleted IS NULL";
                let campaign = change.query_row(query, [id], |row| Campaign::from_row(row, now))?;
                if campaign.stored != CampaignStatus::Moderation {
                    return Err(Error::Conflict(Conflict::NotNew));
                }
                if !approve {
                    change.execute(
                        "UPDATE account SET balance = balance + ? WHERE id = ?",
                        (campaign.counters.total.cost.0, campaign.account),
                    )?;
                }
                change.execute(
                "UPDATE campaign SET status = ?, comment = ?, due = max(coalesce(deferred, 0), ?) \
                 WHERE id = ?",
                (status, comment, now, id),
            )?;
                Ok(())
            })
            .inspect(|()| self.tell())
    }

    /// Whether nobody adds recipients just now (D27).
    pub(crate) fn free(&self, campaign: &Campaign) -> Result<(), Error> {
        let adding = self
            .adding
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match campaign.task.is_some() || adding.contains(&campaign.id) {
            true => Err(Error::Conflict(Conflict::Locked)),
            false => Ok(()),
        }
    }
}

/// Takes the cost and sets the status; whether it waits for a moderator.
pub(crate) fn launch(
    change: &Transaction<'_>,
    account: &Account,
    id: i64,
    cost: Money,
    due: Millis,
) -> Result<bool, Error> {
    let paid = change.execute(
        "UPDATE account SET balance = balance - ?2 WHERE id = ?1 AND balance >= ?2",
        (account.id, cost.0),
    )?;
    if paid == 0 && cost.0 > 0 {
        return Err(Error::Conflict(Conflict::Balance));
    }
    let moderation = account.settings.moderation;
    let status = match moderation {
        true => CampaignStatus::Moderation,
        false => CampaignStatus::AutoReadyForSend,
    };
    let query = "UPDATE campaign SET status = ?, due = ? WHERE id = ?";
    change.execute(query, (status, due, id))?;
    Ok(moderation)
}

/// A campaign whose fields can be stored.
#[derive(Debug)]
pub(crate) struct CheckedCampaign {
    name: Option<String>,
    pub(crate) text: String,
    kind: Kind,
    from: String,
    rate_limit: Option<i64>,
    rate_period: Option<i64>,
    deferred: Option<Millis>,
    mclass: i64,
    validity: i64,
    track: bool,
    links: Vec<i64>,
}

pub(crate) fn insert(
    change: &Transaction<'_>,
    account: i64,
    new: &CheckedCampaign,
    now: Millis,
) -> Result<i64, Error> {
    change
        .prepare_cached(
            "INSERT INTO campaign (account, name, text, type, sender, rate_limit, rate_period, \
             deferred, mclass, validity, track, status, created, generation, generations, source, messages, \
             segments, cost, rejected, counted, cursor) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 0, 0, 0, 0, 0, 0, 0, ?12, 0)",
        )?
        .execute(rusqlite::params![
            account,
            new.name,
            new.text,
            new.kind as i64,
            new.from,
            new.rate_limit,
            new.rate_period,
            new.deferred,
            new.mclass,
            new.validity,
            new.track,
            now
        ])?;
    let id = change.last_insert_rowid();
    for link in &new.links {
        change.execute(
            "INSERT OR IGNORE INTO campaign_link VALUES (?, ?)",
            [id, *link],
        )?;
    }
    Ok(id)
}

/// Which campaigns are looked for (D30). Times are text in the account's zone.
#[derive(Clone, Debug, Default)]
pub struct CampaignFilter {
    /// One campaign, or several; lifts the window of time.
    pub ids: Option<Vec<i64>>,
    /// Part of a recipient's number.
    pub recipient: Option<String>,
    /// The sender, exactly.
    pub from: Option<String>,
    /// The text, exactly.
    pub text: Option<String>,
    /// A status' name; `NOT_YET_SENT` is all before sending.
    pub status: Option<String>,
    /// Single, mass or template, by number.
    pub kind: Option<String>,
    /// Contact groups.
    pub groups: Option<Vec<i64>>,
    /// When it was made.
    pub created: Range,
    /// When it was launched.
    pub sent: Range,
}

/// A range of times as it was typed: each end a date, or a date and a time.
#[derive(Clone, Debug, Default)]
pub struct Range {
    /// The beginning.
    pub from: Option<String>,
    /// The time of day of the beginning, where that is a date only.
    pub from_time: Option<String>,
    /// The end.
    pub to: Option<String>,
    /// The time of day of the end, where that is a date only.
    pub to_time: Option<String>,
}

impl Range {
    /// The ends, if one is given at all; `None` in the result is an end that is not given.
    pub(crate) fn ends(&self, account: &Account) -> Option<(Option<Millis>, Option<Millis>)> {
        let part = |text: &Option<String>| -> Option<String> {
            let text = text.as_deref().map(str::trim);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let (from, to) = (part(&self.from), part(&self.to));
        let (from_time, to_time) = (part(&self.from_time), part(&self.to_time));
        let zone = &account.zone;
        let from = from.and_then(|from| match from.split_once(' ') {
            Some((date, time)) => zone.from(date, Some(time)),
            None => zone.from(&from, from_time.as_deref()),
        });
        let to = to.and_then(|to| match to.split_once(' ') {
            Some((date, time)) => zone.to(date, Some(time)),
            None => zone.to(&to, to_time.as_deref()),
        });
        (from.is_some() || to.is_some()).then_some((from, to))
    }

    /// D30: both ends, the missing one 90 days away, and never longer than that.
    pub(crate) fn window(&self, account: &Account) -> Option<(Millis, Millis)> {
        const WINDOW: Millis = 90 * DAY;
        let (from, to) = self.ends(account)?;
        Some(match (from, to) {
            (Some(from), Some(to)) => (from.max(to - WINDOW), to),
            (Some(from), None) => (from, later(from, WINDOW)),
            (None, Some(to)) => (to - WINDOW, to),
            (None, None) => unreachable!("one end is given"),
        })
    }
}

/// A part of a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Page {
    /// Items, 1 to 100.
    pub size: u32,
    /// From 0.
    pub number: u32,
}

impl Default for Page {
    fn default() -> Page {
        Page {
            size: 25,
            number: 0,
        }
    }
}

/// Items of a list, and how many there are on all pages.
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// Those of the page.
    pub items: Vec<T>,
    /// All.
    pub total: i64,
}

/// Conditions of a query, and their values.
#[derive(Default)]
pub(crate) struct Conditions {
    sql: Vec<String>,
    values: Vec<Box<dyn rusqlite::ToSql>>,
}

impl Conditions {
    pub(crate) fn add(&mut self, sql: &str, value: impl rusqlite::ToSql + 'static) {
        self.sql.push(sql.to_owned());
        self.values.push(Box::new(value));
    }

    pub(crate) fn plain(&mut self, sql: String) {
        self.sql.push(sql);
    }

    pub(crate) fn never(&mut self) {
        self.sql.push("0".to_owned());
    }

    pub(crate) fn among(&mut self, column: &str, ids: &[i64]) {
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        self.sql.push(format!("{column} IN ({})", ids.join(",")));
    }

    /// What is asked of the campaign `c`: that one of these groups was added to it, and that it
    /// has the status of this name.
    pub(crate) fn campaign(&mut self, groups: Option<&[i64]>, status: Option<&str>, now: Millis) {
        if let Some(groups) = groups {
            let ids: Vec<String> = groups.iter().map(i64::to_string).collect();
            self.add(
                "EXISTS (SELECT 1 FROM json_each(?) \
                 WHERE instr(',' || c.groups || ',', ',' || value || ',') > 0)",
                format!("[{}]", ids.join(",")),
            );
        }
        let Some(name) = status else { return };
        match (name, CampaignStatus::from_name(name)) {
            ("NOT_YET_SENT", _) => self.plain("c.status IN (0, 1, 3, 4)".to_owned()),
            (_, Some(CampaignStatus::Deferred)) => {
                self.plain("c.status IN (3, 4)".to_owned());
                self.add("c.deferred > ?", now);
            }
            (_, Some(status)) => {
                self.add("c.status = ?", status as i64);
                if matches!(
                    status,
                    CampaignStatus::ReadyForSend | CampaignStatus::AutoReadyForSend
                ) {
                    self.add("coalesce(c.deferred, 0) <= ?", now);
                }
            }
            (_, None) => self.never(),
        }
    }

    pub(crate) fn text(&self) -> String {
        match self.sql.is_empty() {
            true => "1".to_owned(),
            false => self.sql.join(" AND "),
        }
    }

    pub(crate) fn values(&self) -> Vec<&dyn rusqlite::ToSql> {
        self.values.iter().map(|value| &**value).collect()
    }
}

/// The digits of a part of a number.
pub(crate) fn number_part(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Sort keys as SQL, from names and directions; unknown names are left out.
pub(crate) fn order(sort: &[(String, bool)], known: &[(&str, &str)]) -> String {
    let mut keys: Vec<String> = Vec::new();
    for (name, descending) in sort {
        if let Some((_, sql)) = known.iter().find(|(known, _)| known == name) {
            let direction = if *descending { "DESC" } else { "ASC" };
            keys.push(format!("{sql} {direction}"));
        }
    }
    keys.push("id DESC".to_owned());
    keys.join(", ")
}

impl Campaigns {
    /// The campaigns that a filter lets through, sorted by the keys given as name and whether
    /// descending, and then the newest first.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn list(
        &self,
        account: &Account,
        filter: &CampaignFilter,
        sort: &[(String, bool)],
        page: Page,
    ) -> Result<Found<Campaign>, Error> {
        let now = self.clock.now();
        let mut when = Conditions::default();
        when.add("account = ?", account.id);
        match &filter.ids {
            Some(ids) => when.among("id", &ids[..ids.len().min(10)]),
            None => when.plain("deleted IS NULL".to_owned()),
        }
        let sent = filter.sent.window(account);
        let created = filter.created.window(account).or_else(|| {
            let is_default = account.settings.list_window && sent.is_none() && filter.ids.is_none();
            is_default.then(|| (account.zone.day_of(now - DAY), now))
        });
        for (column, range) in [("created", created), ("started", sent)] {
            if let Some((from, to)) = range {
                when.add(&format!("{column} >= ?"), from);
                when.add(&format!("{column} <= ?"), to);
            }
        }
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
            let part = number_part(part);
            match part.is_empty() {
                true => when.never(),
                false => when.add(
                    "EXISTS (SELECT 1 FROM message m WHERE m.campaign = c.id \
                     AND m.generation = c.generation AND instr(m.number, ?) > 0)",
                    part,
                ),
            }
        }
        when.campaign(filter.groups.as_deref(), filter.status.as_deref(), now);
        let order = order(
            sort,
            &[
                ("id", "id"),
                ("name", "name"),
                ("from", "sender"),
                ("text", "text"),
                ("status", "status"),
                ("type", "type"),
                ("createTs", "created"),
                ("startSendTs", "started"),
                ("endSendTs", "sent"),
                ("counters.totalMsgNum", "messages"),
                ("counters.totalCost", "cost"),
                (
                    "recipient",
                    "(SELECT min(number) FROM message m WHERE m.campaign = c.id \
                     AND m.generation = c.generation)",
                ),
            ],
        );
        self.store.read(|look| {
            let count = format!("SELECT count(*) FROM campaign c WHERE {}", when.text());
            let total = look.query_row(&count, &*when.values(), |row| row.get(0))?;
            let query = format!(
                "SELECT * FROM campaign c WHERE {} ORDER BY {order} LIMIT {} OFFSET {}",
                when.text(),
                page.size,
                u64::from(page.size) * u64::from(page.number)
            );
            let mut query = look.prepare(&query)?;
            let items = query.query_map(&*when.values(), |row| Campaign::from_row(row, now))?;
            let mut items: Vec<Campaign> = items.collect::<Result<_, _>>()?;
            for campaign in &mut items {
                campaign.counters.by_status = counters_by_status(look, campaign.id)?;
            }
            Ok(Found { items, total })
        })
    }

    /// Counts every campaign's messages anew, and compares: the campaigns whose counters differ.
    /// With `mend` they are set right.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn recount(&self, mend: bool) -> Result<Vec<i64>, Error> {
        // Whoever only looks keeps nobody from writing.
        match mend {
            true => self.store.write(|change| recount(change, true)),
            false => self.store.read(|look| recount(look, false)),
        }
    }
}

fn recount(change: &Transaction<'_>, mend: bool) -> Result<Vec<i64>, Error> {
    let query = "SELECT id, generation, messages, segments, cost FROM campaign";
    let mut query = change.prepare(query)?;
    type Stored = (i64, i64, Count);
    let campaigns = query.query_map([], |row| {
        let total = Count {
            messages: row.get(2)?,
            segments: row.get(3)?,
            cost: Money(row.get(4)?),
        };
        Ok((row.get(0)?, row.get(1)?, total))
    })?;
    let campaigns: Vec<Stored> = campaigns.collect::<Result<_, _>>()?;
    let mut recount = change.prepare(
        "SELECT status, count(*), sum(segments), sum(segments * price) FROM message \
                 WHERE campaign = ? AND generation = ? GROUP BY status",
    )?;
    let mut wrong = Vec::new();
    for (id, generation, total) in campaigns {
        let mut counted = HashMap::new();
        let mut rows = recount.query([id, generation])?;
        while let Some(row) = rows.next()? {
            let count = Count {
                messages: row.get(1)?,
                segments: row.get(2)?,
                cost: Money(row.get(3)?),
            };
            counted.insert(row.get::<_, i64>(0)? as usize, count);
        }
        let mut by_status = [Count::default(); 10];
        let mut sum = Count::default();
        for (&status, count) in &counted {
            by_status[status] = *count;
            sum.messages += count.messages;
            sum.segments += count.segments;
            sum.cost.0 += count.cost.0;
        }
        if sum == total && by_status == counters_by_status(change, id)? {
            continue;
        }
        wrong.push(id);
        if mend {
            change.execute("DELETE FROM counter WHERE campaign = ?", [id])?;
            for status in MessageStatus::ALL {
                count(change, id, None, Some(*status), by_status[*status as usize])?;
            }
            change.execute(
                "UPDATE campaign SET messages = ?, segments = ?, cost = ? WHERE id = ?",
                (sum.messages, sum.segments, sum.cost.0, id),
            )?;
        }
    }
    Ok(wrong)
}
