//! Campaigns: made, looked at, launched, deleted, moderated.

use crate::account::{Account, Settings};
use crate::audit::Act;
use crate::clock::{DAY, HOUR, MINUTE, Millis, later};
use crate::error::{Conflict, Error, Field, Flaw};
use crate::status::CampaignStatus;
use crate::store::{Change, Look};
use crate::{Campaigns, Money};
use recipients_template::Template;

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
    /// By status, in the order of [`crate::MessageStatus::ALL`].
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
    /// The text whose placeholders are to be filled: none, but in a template campaign.
    pub(crate) fn template(&self) -> Option<Template> {
        (self.kind == Kind::Template).then(|| Template::parse(self.text.as_str()))
    }
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
        self.store.write(|change| {
            let id = change.add_campaign(account.id, &checked, now)?;
            change.record(&account.hand(), Act::CreateCampaign, Some(id), now)?;
            Ok(id)
        })
    }

    pub(crate) fn checked(
        &self,
        account: &Account,
        new: &NewCampaign,
        now: Millis,
    ) -> Result<CheckedCampaign, Error> {
        let mut flaws: Vec<(Field, Flaw)> = Vec::new();
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
        let kind = match number(Field::Kind, &new.kind, 1, 3) {
            Some(1) => Kind::Single,
            Some(3) => Kind::Template,
            _ => Kind::Mass,
        };
        let mclass = number(Field::Mclass, &new.mclass, 0, 1).unwrap_or(1);
        let flag = |value: &Option<String>| match value.as_deref().map(str::trim) {
            Some("true") => Some("1".to_owned()),
            Some("false") => Some("0".to_owned()),
            _ => value.clone(),
        };
        let track = number(Field::Track, &flag(&new.track), 0, 1) == Some(1);
        let shorten = number(Field::Shorten, &flag(&new.shorten), 0, 1) == Some(1);
        let validity = match given(&new.validity) {
            Some(_) => number(Field::Validity, &new.validity, 60, 1440),
            None => number(Field::Ttl, &new.ttl, 1, 4320),
        };
        let rate_limit = number(Field::RateLimit, &new.rate_limit, 0, i64::from(u32::MAX));
        let rate_limit = rate_limit.filter(|&limit| limit > 0);
        let rate_period = rate_limit.and_then(|limit| match given(&new.rate_period).as_deref() {
            Some(period @ ("60" | "3600" | "86400")) => {
                let seconds: i64 = period.parse().expect("one of these three");
                if limit > 100 * seconds {
                    flaws.push((Field::RateLimit, Flaw::RateAbove(100 * seconds)));
                }
                Some(seconds)
            }
            _ => {
                flaws.push((Field::RatePeriod, Flaw::OneOf("60, 3600, 86400")));
                None
            }
        });
        let name = given(&new.name);
        if name
            .as_ref()
            .is_some_and(|name| name.chars().count() > MOST_NAME)
        {
            flaws.push((Field::Name, Flaw::TooLong(MOST_NAME)));
        }
        let text = new.text.clone().unwrap_or_default();
        if text.trim().is_empty() {
            flaws.push((Field::Text, Flaw::Required));
        } else if text.chars().count() > MOST_TEXT {
            flaws.push((Field::Text, Flaw::TooLong(MOST_TEXT)));
        } else if kind == Kind::Template && Template::parse(text.as_str()).is_plain() {
            flaws.push((Field::Text, Flaw::NoPlaceholder));
        }
        let senders = &account.settings.senders;
        let default = senders
            .first()
            .map_or(Settings::SERVICE_SENDER, String::as_str);
        let from = given(&new.from).unwrap_or_else(|| default.to_owned());
        if from != default && !senders.contains(&from) {
            flaws.push((Field::From, Flaw::UnknownSender));
        }
        let deferred = given(&new.deferred).and_then(|text| match account.zone.read(&text) {
            None => {
                flaws.push((Field::Deferred, Flaw::NotATime));
                None
            }
            // Times are written in whole seconds.
            Some(at) if at / 1000 < (now + HOUR) / 1000 || at > now + 14 * DAY => {
                flaws.push((Field::Deferred, Flaw::OutsideDeferral));
                None
            }
            at => at,
        });
        if track && !shorten && self.links_in(account.id, &text)?.is_empty() {
            flaws.push((Field::Track, Flaw::NoShortLink));
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
            return Err(Error::invalid(Field::Track, Flaw::NoShortLink));
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
            let mut campaign = look.campaign(account.id, id, self.clock.now())?;
            campaign.counters.by_status = look.counters_by_status(id)?;
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
            let campaign = look.campaign(account.id, id, self.clock.now())?;
            Ok(look.first_text(id)?.unwrap_or(campaign.text))
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
            for id in ids.split(',').filter_map(|id| id.parse::<i64>().ok()) {
                let group = look.group_name(account.id, id)?;
                found.extend(group.map(|(name, cards)| (id, name, cards)));
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
            let campaign = change.campaign(account.id, id, now)?;
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
                change.give_back(account.id, campaign.counters.total.cost)?;
            }
            change.delete_campaign(id, now)?;
            change.record(&account.hand(), Act::DeleteCampaign, Some(id), now)
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
                let campaign = change.campaign(account.id, id, now)?;
                self.free(&campaign)?;
                if campaign.status != CampaignStatus::New {
                    return Err(Error::Conflict(Conflict::NotNew));
                }
                if campaign.counters.total.messages == 0 {
                    return Err(Error::Conflict(Conflict::NoRecipients));
                }
                let due = campaign.deferred.unwrap_or(now).max(now);
                let moderation =
                    launch(change, account, id, campaign.counters.total.cost, due, now)?;
                change.record(&account.hand(), Act::SendCampaign, Some(id), now)?;
                Ok(moderation)
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
        let (status, act) = match approve {
            true => (CampaignStatus::ReadyForSend, Act::ApproveCampaign),
            false => (CampaignStatus::Declined, Act::DeclineCampaign),
        };
        self.store
            .write(|change| {
                let campaign = change.any_campaign(id, now)?;
                if campaign.deleted.is_some() {
                    return Err(Error::NotFound);
                }
                if campaign.stored != CampaignStatus::Moderation {
                    return Err(Error::Conflict(Conflict::NotNew));
                }
                if !approve {
                    change.give_back(campaign.account, campaign.counters.total.cost)?;
                }
                let due = campaign.deferred.unwrap_or(now).max(now);
                change.set_campaign_status(id, status, due, comment, now)?;
                change.record(&self.admin(campaign.account), act, Some(id), now)
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
    change: &Change<'_>,
    account: &Account,
    id: i64,
    cost: Money,
    due: Millis,
    now: Millis,
) -> Result<bool, Error> {
    check_stop_list(change, account, now)?;
    if cost.0 > 0 && !change.spend(account.id, cost)? {
        return Err(Error::Conflict(Conflict::Balance));
    }
    let moderation = account.settings.moderation;
    let status = match moderation {
        true => CampaignStatus::Moderation,
        false => CampaignStatus::AutoReadyForSend,
    };
    change.set_campaign_status(id, status, due, None, now)?;
    Ok(moderation)
}

/// Whether the account's stop list is young enough to send with it.
pub(crate) fn check_stop_list(
    look: &Look<'_>,
    account: &Account,
    now: Millis,
) -> Result<(), Error> {
    let days = Millis::from(account.settings.stop_list_days);
    let is_old = |at: Millis| now - at > days * DAY;
    match days > 0 && look.stops_loaded(account.id)?.is_none_or(is_old) {
        true => Err(Error::Conflict(Conflict::StopListOld)),
        false => Ok(()),
    }
}

/// A campaign whose fields can be stored.
#[derive(Debug)]
pub(crate) struct CheckedCampaign {
    pub(crate) name: Option<String>,
    pub(crate) text: String,
    pub(crate) kind: Kind,
    pub(crate) from: String,
    pub(crate) rate_limit: Option<i64>,
    pub(crate) rate_period: Option<i64>,
    pub(crate) deferred: Option<Millis>,
    pub(crate) mclass: i64,
    pub(crate) validity: i64,
    pub(crate) track: bool,
    pub(crate) links: Vec<i64>,
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

/// What campaigns can be sorted by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(missing_docs, reason = "they are the fields of a campaign")]
pub enum CampaignKey {
    Id,
    Name,
    From,
    Text,
    Status,
    Kind,
    Created,
    Started,
    Sent,
    Messages,
    Cost,
    /// The smallest number.
    Recipient,
}

/// A part of a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Page {
    /// Items, 1 to 100.
    pub size: u32,
    /// From 0.
    pub number: u32,
}

impl Page {
    /// Items on the pages before.
    pub(crate) fn offset(self) -> i64 {
        i64::from(self.size) * i64::from(self.number)
    }
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

impl Campaigns {
    /// The campaigns that a filter lets through, sorted by the keys given, each with whether it
    /// descends, and then the newest first.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn list(
        &self,
        account: &Account,
        filter: &CampaignFilter,
        sort: &[(CampaignKey, bool)],
        page: Page,
    ) -> Result<Found<Campaign>, Error> {
        let now = self.clock.now();
        let sent = filter.sent.window(account);
        let created = filter.created.window(account).or_else(|| {
            let is_default = account.settings.list_window && sent.is_none() && filter.ids.is_none();
            is_default.then(|| (account.zone.day_of(now - DAY), now))
        });
        self.store
            .read(|look| look.campaigns(account.id, filter, [created, sent], sort, page, now))
    }

    /// Counts every campaign's messages anew, and compares: the campaigns whose counters differ.
    /// With `mend` they are set right.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn recount(&self, mend: bool) -> Result<Vec<i64>, Error> {
        // Whoever only looks keeps nobody from writing.
        let wrong = self.store.read_at_leisure(wrong_counters)?;
        if mend {
            for id in &wrong {
                self.store.write(|change| {
                    let (by_status, total) = counted(change, *id)?;
                    change.set_counters(*id, &by_status, total)?;
                    let hand = self.admin(change.any_campaign(*id, self.now())?.account);
                    change.record(&hand, Act::Recount, Some(*id), self.now())
                })?;
            }
        }
        Ok(wrong)
    }
}

/// A campaign's counters as its messages say.
fn counted(look: &Look<'_>, id: i64) -> Result<([Count; 10], Count), Error> {
    let by_status = look.counted_by_status(id)?;
    let mut total = Count::default();
    for count in &by_status {
        total.messages += count.messages;
        total.segments += count.segments;
        total.cost.0 += count.cost.0;
    }
    Ok((by_status, total))
}

/// Campaigns whose counters are not what their messages say.
fn wrong_counters(look: &Look<'_>) -> Result<Vec<i64>, Error> {
    let mut wrong = Vec::new();
    for (id, stored) in look.totals()? {
        let (by_status, total) = counted(look, id)?;
        if total != stored || by_status != look.counters_by_status(id)? {
            wrong.push(id);
        }
    }
    Ok(wrong)
}
