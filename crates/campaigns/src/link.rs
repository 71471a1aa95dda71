//! Short links, the redirect that counts clicks, and links that belong to one recipient.

use crate::Campaigns;
use crate::account::{Account, random_text};
use crate::audit::Act;
use crate::campaign::{Found, Page, Range};
use crate::clock::{DAY, HOUR, MINUTE, Millis};
use crate::error::{Error, Field, Flaw};
use std::collections::BTreeMap;
use std::fmt;

/// Characters of a link's code. Those that belong to a recipient have more.
const CODE: usize = 5;

/// Requests for one recipient's link within so long are one click: programs that show what is behind a
/// link ask for it just before or after the person.
const AGAIN: Millis = 10_000;

const MOST_TARGET: usize = 2048;
const MOST_COMMENT: usize = 255;

/// Makes the codes of links; it may fail, and then no link is made (code 51).
pub trait LinkMaker: Send + Sync + fmt::Debug {
    /// A code of so many letters and digits that nobody can guess.
    ///
    /// # Errors
    ///
    /// If it cannot make one now.
    fn code(&self, length: usize) -> Result<String, Error>;

    /// Lets a recipient have links of its own, or not.
    ///
    /// # Errors
    ///
    /// If none can be made now (code 51).
    fn permit_own(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Codes at random.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomCodes;

impl LinkMaker for RandomCodes {
    fn code(&self, length: usize) -> Result<String, Error> {
        random_text(length)
    }
}

/// What a link is to be, as it was typed.
#[derive(Clone, Debug, Default)]
pub struct NewLink {
    /// Where it leads; `https://` is put in front where no scheme is.
    pub target: Option<String>,
    /// 1 (the default) works, 0 does not.
    pub status: Option<String>,
    /// `YYYY-MM-DD`: the last day on which it works.
    pub expires: Option<String>,
    /// For people; at most 255 characters.
    pub comment: Option<String>,
}

/// A short link.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its number.
    pub id: i64,
    /// What its address ends with.
    pub code: String,
    /// Where it leads.
    pub target: String,
    /// Whether it works.
    pub status: i64,
    /// When it stops working.
    pub expires: Option<Millis>,
    /// The last day on which it works, as it was given.
    pub expires_on: Option<String>,
    /// For people.
    pub comment: Option<String>,
    /// Requests.
    pub clicks: i64,
    /// Requests that were led on.
    pub redirects: i64,
    /// When it was made.
    pub created: Millis,
    /// When it was changed last.
    pub updated: Option<Millis>,
    /// When it was deleted. It does not work any more, and is not listed.
    pub deleted: Option<Millis>,
}

/// Which links are looked for.
#[derive(Clone, Debug, Default)]
pub struct LinkFilter {
    /// 1 those that work, 0 those that were switched off.
    pub status: Option<String>,
    /// Part of the address that it leads to, of the code or of the comment.
    pub query: Option<String>,
    /// When it was made.
    pub created: Range,
}

/// What links can be sorted by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(missing_docs, reason = "they are the fields of a link")]
pub enum LinkKey {
    Created,
    Expires,
    Clicks,
    Code,
    Target,
}

/// The length of a period whose clicks are counted together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Period {
    /// Of three years at most.
    Month,
    /// Of 90 days at most.
    Day,
    /// Of a week at most.
    Hour,
    /// Of three hours at most.
    Minute,
}

impl Period {
    /// How far back is looked.
    fn reach(self) -> Millis {
        match self {
            Period::Month => 3 * 366 * DAY,
            Period::Day => 90 * DAY,
            Period::Hour => 7 * DAY,
            Period::Minute => 3 * HOUR,
        }
    }

    /// The name of the period of a time, written `YYYY-MM-DD HH:MM:SS`.
    fn of(self, time: &str) -> &str {
        let length = match self {
            Period::Month => 7,
            Period::Day => 10,
            Period::Hour => 13,
            Period::Minute => 16,
        };
        &time[..length]
    }
}

/// Clicks and redirects of several links in one period.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Clicks {
    /// `2026-11`, `2026-11-25`, `2026-11-25 13` or `2026-11-25 13:50`, in the account's zone.
    pub period: String,
    /// Of each link, in the order in which they were asked for.
    pub of_links: Vec<(i64, i64)>,
}

/// How a link is asked for.
#[derive(Clone, Debug)]
pub enum LinkBy {
    /// By its number.
    Id(i64),
    /// By its code, or by its whole address.
    Code(String),
}

impl LinkBy {
    /// The code alone where there is an address.
    fn plain(&self) -> LinkBy {
        match self {
            LinkBy::Id(id) => LinkBy::Id(*id),
            LinkBy::Code(code) => {
                LinkBy::Code(code.rsplit('/').next().unwrap_or_default().to_owned())
            }
        }
    }
}

impl Campaigns {
    /// Makes a short link.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with the fields that cannot be used.
    pub fn create_link(&self, account: &Account, new: &NewLink) -> Result<Link, Error> {
        let mut flaws = Vec::new();
        let settings = settings(account, new, &mut flaws);
        let target = new.target.as_deref().map(str::trim).unwrap_or_default();
        let target = match target.contains("://") || target.is_empty() {
            true => target.to_owned(),
            false => format!("https://{target}"),
        };
        if target.is_empty() {
            flaws.push((Field::Target, Flaw::Required));
        } else if target.len() > MOST_TARGET {
            flaws.push((Field::Target, Flaw::TooLong(MOST_TARGET)));
        } else if !is_web_address(&target) {
            flaws.push((Field::Target, Flaw::NotAUrl));
        }
        if !flaws.is_empty() {
            return Err(Error::Invalid(flaws));
        }
        let now = self.clock.now();
        // Five characters collide now and then.
        for _ in 0..16 {
            let code = self.links.code(CODE)?;
            let link = self.store.write(|change| {
                match change.add_link(account.id, &code, &target, &settings, now)? {
                    Some(id) => {
                        change.record(&account.hand(), Act::CreateLink, Some(id), now)?;
                        change.link(account.id, &LinkBy::Id(id)).map(Some)
                    }
                    None => Ok(None),
                }
            })?;
            if let Some(link) = link {
                return Ok(link);
            }
        }
        Err(Error::Internal("no free code for a link".to_owned()))
    }

    /// Changes a link's status and comment, if they are given, and its last day, which is none if it is
    /// not given.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], [`Error::NotFound`].
    pub fn update_link(&self, account: &Account, by: &LinkBy, new: &NewLink) -> Result<(), Error> {
        let mut flaws = Vec::new();
        let settings = settings(account, new, &mut flaws);
        if !flaws.is_empty() {
            return Err(Error::Invalid(flaws));
        }
        self.store.write(|change| {
            let link = change.link(account.id, &by.plain())?;
            // A last day that is not given is none; the rest stays.
            let settings = LinkSettings {
                status: match given(&new.status) {
                    Some(_) => settings.status,
                    None => link.status,
                },
                comment: match &new.comment {
                    Some(_) => settings.comment,
                    None => link.comment.as_deref(),
                },
                ..settings
            };
            change.set_link(link.id, &settings, self.now())?;
            change.record(&account.hand(), Act::UpdateLink, Some(link.id), self.now())
        })
    }

    /// Deletes links, which do not work any more; which of them there were.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn delete_links(&self, account: &Account, ids: &[i64]) -> Result<Vec<bool>, Error> {
        let now = self.clock.now();
        self.store.write(|change| {
            let mut deleted = Vec::with_capacity(ids.len());
            for &id in ids {
                let is_gone = change.delete_link(account.id, id, now)?;
                if is_gone {
                    change.record(&account.hand(), Act::DeleteLink, Some(id), now)?;
                }
                deleted.push(is_gone);
            }
            Ok(deleted)
        })
    }

    /// The links that a filter lets through, sorted as [`Campaigns::list`] does it.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn links(
        &self,
        account: &Account,
        filter: &LinkFilter,
        sort: &[(LinkKey, bool)],
        page: Page,
    ) -> Result<Found<Link>, Error> {
        let status = match filter.status.as_deref().map(str::trim) {
            None | Some("") => None,
            Some("1") => Some(1),
            Some("0") => Some(0),
            // There is no link of another.
            Some(_) => Some(-1),
        };
        let text = filter.query.as_deref().map(str::trim);
        let text = text.filter(|text| !text.is_empty());
        let created = filter.created.window(account);
        self.store
            .read(|look| look.links(account.id, status, text, created, sort, page))
    }

    /// Clicks of links in each period that had any, the earliest first. Links that are not the
    /// account's have none.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn clicks(
        &self,
        account: &Account,
        ids: &[i64],
        period: Period,
        range: &Range,
    ) -> Result<Vec<Clicks>, Error> {
        let now = self.clock.now();
        let (from, to) = range
            .ends(account)
            .unwrap_or((Some(now - period.reach()), None));
        let to = to.unwrap_or(now);
        let from = from
            .unwrap_or(Millis::MIN)
            .max(to.saturating_sub(period.reach()));
        let mut periods: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
        self.store.read(|look| {
            let minutes = (from.div_euclid(MINUTE), to.div_euclid(MINUTE));
            for (at, &id) in ids.iter().enumerate() {
                look.clicks(account.id, id, minutes, |minute, clicks, redirects| {
                    let time = account.zone.write(minute * MINUTE);
                    let of_links = periods
                        .entry(period.of(&time).to_owned())
                        .or_insert_with(|| vec![(0, 0); ids.len()]);
                    of_links[at].0 += clicks;
                    of_links[at].1 += redirects;
                })?;
            }
            Ok(())
        })?;
        let all = periods.into_iter();
        Ok(all
            .map(|(period, of_links)| Clicks { period, of_links })
            .collect())
    }

    /// A link of the account.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is none.
    pub fn link(&self, account: &Account, by: &LinkBy) -> Result<Link, Error> {
        let link = self.store.read(|look| look.link(account.id, &by.plain()))?;
        match link.deleted {
            None => Ok(link),
            Some(_) => Err(Error::NotFound),
        }
    }

    /// The links in a campaign's text.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such campaign.
    pub fn campaign_links(&self, account: &Account, id: i64) -> Result<Vec<Link>, Error> {
        self.store.read(|look| {
            look.campaign(account.id, id, self.clock.now())?;
            look.links_of_campaign(id)
        })
    }

    /// The address of a link.
    pub fn link_address(&self, code: &str) -> String {
        format!("{}{code}", self.link_base)
    }

    /// Where a link leads, if it works; counted, if it is a click. Requests for a link of one recipient
    /// within ten seconds are one click.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn follow_link(&self, code: &str, is_click: bool) -> Result<Option<String>, Error> {
        let now = self.clock.now();
        let place = self.codes.place(code);
        // Most of what strangers try is no link, and takes no write.
        let found = self.store.read(|look| look.link_behind(code, place))?;
        let Some((link, owner)) = found.filter(|(link, _)| link.deleted.is_none()) else {
            return Ok(None);
        };
        let works = link.status == 1 && link.expires.is_none_or(|end| now <= end);
        if is_click {
            self.store.write(|change| {
                let is_new = match owner {
                    Some(message) => {
                        change.count_personal_click(code, (link.id, message), now, AGAIN)?
                    }
                    None => true,
                };
                match is_new {
                    true => change.count_click(link.id, works, now.div_euclid(MINUTE)),
                    false => Ok(()),
                }
            })?;
        }
        Ok(works.then_some(link.target))
    }

    /// The account's links that occur in a text.
    pub(crate) fn links_in(&self, account: i64, text: &str) -> Result<Vec<Link>, Error> {
        let mut links: Vec<Link> = Vec::new();
        for code in self.codes_in(text) {
            if links.iter().any(|link| link.code == code) {
                continue;
            }
            let found = self
                .store
                .read(|look| look.link(account, &LinkBy::Code(code.to_owned())));
            match found {
                Ok(link) if link.deleted.is_none() => links.push(link),
                Ok(_) => {}
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(links)
    }

    /// What stands behind our address in a text, wherever that occurs; with or without a scheme.
    fn codes_in<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let base = bare(&self.link_base);
        let pieces = text
            .match_indices(base)
            .map(|(at, _)| &text[at + base.len()..]);
        pieces
            .map(|rest| {
                let end = rest
                    .find(|c: char| !c.is_ascii_alphanumeric())
                    .unwrap_or(rest.len());
                &rest[..end]
            })
            .collect()
    }

    /// The text with codes of the campaign's links replaced by those of one message's own; none if
    /// they cannot be made.
    pub(crate) fn personal(&self, links: &[Link], text: &str, message: i64) -> Option<String> {
        let base = bare(&self.link_base);
        self.links.permit_own().ok()?;
        let mut out = String::with_capacity(text.len() + 8 * links.len());
        let mut rest = text;
        while let Some(at) = rest.find(base) {
            let (before, tail) = rest.split_at(at + base.len());
            out.push_str(before);
            let end = tail
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(tail.len());
            let (code, after) = tail.split_at(end);
            match links.iter().position(|link| link.code == code) {
                Some(at) => out.push_str(&self.codes.code(message, at)?),
                None => out.push_str(code),
            }
            rest = after;
        }
        out.push_str(rest);
        Some(out)
    }

    /// The text with every web address in it replaced by a short link.
    pub(crate) fn shortened(&self, account: &Account, text: &str) -> Result<String, Error> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = ["http://", "https://"]
            .iter()
            .filter_map(|s| rest.find(s))
            .min()
        {
            let tail = &rest[at..];
            let end = tail
                .find(|c: char| c.is_whitespace() || "<>\"{}[]".contains(c))
                .unwrap_or(tail.len());
            let address = tail[..end].trim_end_matches(['.', ',', ';', '!', '?', ')', ':']);
            out.push_str(&rest[..at]);
            if tail[end..].starts_with('{') {
                // Where it leads is known when the placeholder is filled.
                let word = tail.find(char::is_whitespace).unwrap_or(tail.len());
                out.push_str(&tail[..word]);
                rest = &tail[word..];
                continue;
            }
            match address.contains(bare(&self.link_base)) || !is_web_address(address) {
                true => out.push_str(address),
                false => {
                    let target = Some(address.to_owned());
                    let new = NewLink {
                        target,
                        ..NewLink::default()
                    };
                    let link = self.create_link(account, &new)?;
                    out.push_str(&self.link_address(&link.code));
                }
            }
            rest = &tail[address.len()..];
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// What can be changed of a link.
pub(crate) struct LinkSettings<'n> {
    pub(crate) status: i64,
    pub(crate) expires: Option<Millis>,
    pub(crate) day: Option<&'n str>,
    pub(crate) comment: Option<&'n str>,
}

fn settings<'n>(
    account: &Account,
    new: &'n NewLink,
    flaws: &mut Vec<(Field, Flaw)>,
) -> LinkSettings<'n> {
    let status = match given(&new.status) {
        None | Some("1") => 1,
        Some("0") => 0,
        Some(_) => {
            flaws.push((Field::Status, Flaw::OneOf("0, 1")));
            0
        }
    };
    let day = given(&new.expires);
    let expires = day.and_then(|day| account.zone.to(day, None));
    if day.is_some() && expires.is_none() {
        flaws.push((Field::Expires, Flaw::Malformed));
    }
    let comment = given(&new.comment);
    if comment.is_some_and(|comment| comment.chars().count() > MOST_COMMENT) {
        flaws.push((Field::Comment, Flaw::TooLong(MOST_COMMENT)));
    }
    LinkSettings {
        status,
        expires,
        day,
        comment,
    }
}

/// What was typed, unless that is nothing.
fn given(text: &Option<String>) -> Option<&str> {
    let text = text.as_deref().map(str::trim);
    text.filter(|text| !text.is_empty())
}

fn bare(base: &str) -> &str {
    base.split_once("://").map_or(base, |(_, rest)| rest)
}

/// Whether it is http or https to a host, without anything that could break a header.
fn is_web_address(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let rest = lower
        .strip_prefix("http://")
        .or_else(|| lower.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
        let is_name = |c: char| c.is_alphanumeric() || "-._[]".contains(c);
        !name.is_empty()
            && !name.starts_with('.')
            && (name.chars().all(is_name) || name.starts_with('['))
            && port.len() <= 5
            && port.bytes().all(|byte| byte.is_ascii_digit())
    }) && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}
