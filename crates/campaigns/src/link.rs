//! Short links, the redirect that counts clicks, and links that belong to one recipient.

use crate::Campaigns;
use crate::account::{Account, random_text};
use crate::campaign::{self, Conditions, Found, Page, Range, order};
use crate::clock::{DAY, HOUR, MINUTE, Millis};
use crate::error::{Error, Flaw};
use rusqlite::{Connection, OptionalExtension, Row};
use std::collections::BTreeMap;
use std::fmt;

/// Characters of a link's code, and of one that belongs to a recipient.
const CODE: usize = 5;
const PERSONAL_CODE: usize = 8;

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

impl Link {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Link> {
        Ok(Link {
            id: row.get("id")?,
            code: row.get("code")?,
            target: row.get("target")?,
            status: row.get("status")?,
            expires: row.get("expires")?,
            expires_on: row.get("expires_on")?,
            comment: row.get("comment")?,
            clicks: row.get("clicks")?,
            redirects: row.get("redirects")?,
            created: row.get("created")?,
            updated: row.get("updated")?,
            deleted: row.get("deleted")?,
        })
    }
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
            flaws.push(("fullLink", Flaw::Required));
        } else if target.len() > MOST_TARGET {
            flaws.push(("fullLink", Flaw::TooLong(MOST_TARGET)));
        } else if !is_web_address(&target) {
            flaws.push(("fullLink", Flaw::NotAUrl));
        }
        if !flaws.is_empty() {
            return Err(Error::Invalid(flaws));
        }
        let now = self.clock.now();
        // Five characters collide now and then.
        for _ in 0..16 {
            let code = self.links.code(CODE)?;
            let link = self.store.write(|change| {
                let added = change.execute(
                    "INSERT OR IGNORE INTO link (account, code, target, status, expires, \
                     expires_on, comment, clicks, redirects, created) \
                     VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, ?)",
                    (
                        account.id,
                        &code,
                        &target,
                        settings.status,
                        settings.expires,
                        settings.day,
                        settings.comment,
                        now,
                    ),
                )?;
                match added {
                    0 => Ok(None),
                    _ => one(change, account.id, &LinkBy::Id(change.last_insert_rowid())).map(Some),
                }
            })?;
            if let Some(link) = link {
                return Ok(link);
            }
        }
        Err(Error::Internal("no free code for a link".to_owned()))
    }

    /// Changes a link's status, last day and comment; what is not given is as if new.
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
            let link = one(change, account.id, by)?;
            change.execute(
                "UPDATE link SET status = ?, expires = ?, expires_on = ?, comment = ?, updated = ? \
                 WHERE id = ?",
                (
                    settings.status,
                    settings.expires,
                    settings.day,
                    settings.comment,
                    self.clock.now(),
                    link.id,
                ),
            )?;
            Ok(())
        })
    }

    /// Deletes links, which do not work any more; which of them there were.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn delete_links(&self, account: &Account, ids: &[i64]) -> Result<Vec<bool>, Error> {
        self.store.write(|change| {
            let mut query = change.prepare_cached(
                "UPDATE link SET deleted = ? WHERE id = ? AND account = ? AND deleted IS NULL",
            )?;
            ids.iter()
                .map(|id| Ok(query.execute([self.clock.now(), *id, account.id])? > 0))
                .collect()
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
        sort: &[(String, bool)],
        page: Page,
    ) -> Result<Found<Link>, Error> {
        let mut when = Conditions::default();
        when.add("account = ?", account.id);
        when.plain("deleted IS NULL".to_owned());
        match filter.status.as_deref().map(str::trim) {
            None | Some("") => {}
            Some(status @ ("0" | "1")) => when.add("status = ?", i64::from(status == "1")),
            Some(_) => when.never(),
        }
        if let Some(query) = filter.query.as_deref().map(str::trim)
            && !query.is_empty()
        {
            let text = "instr(target || char(10) || code || char(10) || coalesce(comment, ''), ?)";
            when.add(&format!("{text} > 0"), query.to_owned());
        }
        if let Some((from, to)) = filter.created.window(account) {
            when.add("created >= ?", from);
            when.add("created <= ?", to);
        }
        let order = order(
            sort,
            &[
                ("createTs", "created"),
                ("expirationDate", "expires"),
                ("clickCnt", "clicks"),
                ("code", "code"),
                ("fullLink", "target"),
            ],
        );
        self.store.read(|look| {
            let count = format!("SELECT count(*) FROM link WHERE {}", when.text());
            let total = look.query_row(&count, &*when.values(), |row| row.get(0))?;
            let query = format!(
                "SELECT * FROM link WHERE {} ORDER BY {order} LIMIT {} OFFSET {}",
                when.text(),
                page.size,
                u64::from(page.size) * u64::from(page.number)
            );
            let mut query = look.prepare(&query)?;
            let items = query.query_map(&*when.values(), Link::from_row)?;
            Ok(Found {
                items: items.collect::<Result<_, _>>()?,
                total,
            })
        })
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
            let mut query = look.prepare_cached(
                "SELECT minute, link_minute.clicks, link_minute.redirects FROM link_minute \
                 JOIN link ON link.id = link_minute.link \
                 WHERE link_minute.link = ? AND account = ? AND minute BETWEEN ? AND ?",
            )?;
            for (at, id) in ids.iter().enumerate() {
                let range = (
                    *id,
                    account.id,
                    from.div_euclid(MINUTE),
                    to.div_euclid(MINUTE),
                );
                let mut rows = query.query(range)?;
                while let Some(row) = rows.next()? {
                    let time = account.zone.write(row.get::<_, i64>(0)? * MINUTE);
                    let of_links = periods
                        .entry(period.of(&time).to_owned())
                        .or_insert_with(|| vec![(0, 0); ids.len()]);
                    of_links[at].0 += row.get::<_, i64>(1)?;
                    of_links[at].1 += row.get::<_, i64>(2)?;
                }
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
        let link = self.store.read(|look| one(look, account.id, by))?;
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
            campaign::find(look, account.id, id, self.clock.now())?;
            let mut query = look.prepare_cached(
                "SELECT * FROM link WHERE id IN \
                 (SELECT link FROM campaign_link WHERE campaign = ?) ORDER BY id",
            )?;
            let links = query.query_map([id], Link::from_row)?;
            Ok(links.collect::<Result<_, _>>()?)
        })
    }

    /// The address of a link.
    pub fn link_address(&self, code: &str) -> String {
        format!("{}{code}", self.link_base)
    }

    /// Where a link leads, if it works; counted, if it is a click.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn follow_link(&self, code: &str, is_click: bool) -> Result<Option<String>, Error> {
        let now = self.clock.now();
        // Most of what strangers try is no link, and takes no write.
        let is_known = self.store.read(|look| {
            let query = "SELECT EXISTS (SELECT 1 FROM link WHERE code = ?1) \
                         OR EXISTS (SELECT 1 FROM personal_link WHERE code = ?1)";
            Ok(look
                .prepare_cached(query)?
                .query_row([code], |row| row.get::<_, bool>(0))?)
        })?;
        if !is_known {
            return Ok(None);
        }
        self.store.write(|change| {
            let personal: Option<i64> = change
                .prepare_cached(
                    "UPDATE personal_link SET clicks = clicks + ? WHERE code = ? RETURNING link",
                )?
                .query_row((is_click, code), |row| row.get(0))
                .optional()?;
            let link = match personal {
                Some(id) => change
                    .prepare_cached("SELECT * FROM link WHERE id = ?")?
                    .query_row([id], Link::from_row),
                None => change
                    .prepare_cached("SELECT * FROM link WHERE code = ?")?
                    .query_row([code], Link::from_row),
            };
            let Some(link) = link.optional()? else {
                return Ok(None);
            };
            if link.deleted.is_some() {
                return Ok(None);
            }
            let works = link.status == 1 && link.expires.is_none_or(|end| now <= end);
            if !is_click {
                return Ok(works.then_some(link.target));
            }
            change
                .prepare_cached(
                    "UPDATE link SET clicks = clicks + 1, redirects = redirects + ? WHERE id = ?",
                )?
                .execute((works, link.id))?;
            change
                .prepare_cached(
                    "INSERT INTO link_minute VALUES (?, ?, 1, ?3) ON CONFLICT DO UPDATE \
                     SET clicks = clicks + 1, redirects = redirects + ?3",
                )?
                .execute((link.id, now.div_euclid(MINUTE), works))?;
            Ok(works.then_some(link.target))
        })
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
                .read(|look| one(look, account, &LinkBy::Code(code.to_owned())));
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

    /// The text with codes of the account's links replaced by new ones that belong to one
    /// recipient; the new codes and their links.
    pub(crate) fn personal(
        &self,
        links: &[Link],
        text: &str,
        is_free: impl Fn(&str) -> Result<bool, Error>,
    ) -> Result<(String, Vec<(String, i64)>), Error> {
        let base = bare(&self.link_base);
        let mut text = text.to_owned();
        let mut codes = Vec::new();
        for link in links {
            let mut code = self.links.code(PERSONAL_CODE)?;
            let is_made = |code: &String| codes.iter().any(|(made, _)| made == code);
            while is_made(&code) || !is_free(&code)? {
                code = self.links.code(PERSONAL_CODE)?;
            }
            let old = format!("{base}{}", link.code);
            let mut out = String::with_capacity(text.len() + 8);
            let mut rest = text.as_str();
            while let Some(at) = rest.find(&old) {
                let end = at + old.len();
                let is_whole = !rest[end..].starts_with(|c: char| c.is_ascii_alphanumeric());
                out.push_str(&rest[..at]);
                match is_whole {
                    true => out.extend([base, &code]),
                    false => out.push_str(&old),
                }
                rest = &rest[end..];
            }
            out.push_str(rest);
            text = out;
            codes.push((code, link.id));
        }
        Ok((text, codes))
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
struct LinkSettings<'n> {
    status: i64,
    expires: Option<Millis>,
    day: Option<&'n str>,
    comment: Option<&'n str>,
}

fn settings<'n>(
    account: &Account,
    new: &'n NewLink,
    flaws: &mut Vec<(&'static str, Flaw)>,
) -> LinkSettings<'n> {
    fn given(text: &Option<String>) -> Option<&str> {
        let text = text.as_deref().map(str::trim);
        text.filter(|text| !text.is_empty())
    }
    let status = match given(&new.status) {
        None | Some("1") => 1,
        Some("0") => 0,
        Some(_) => {
            flaws.push(("status", Flaw::OneOf("0, 1")));
            0
        }
    };
    let day = given(&new.expires);
    let expires = day.and_then(|day| account.zone.to(day, None));
    if day.is_some() && expires.is_none() {
        flaws.push(("expirationDate", Flaw::Malformed));
    }
    let comment = given(&new.comment);
    if comment.is_some_and(|comment| comment.chars().count() > MOST_COMMENT) {
        flaws.push(("comment", Flaw::TooLong(MOST_COMMENT)));
    }
    LinkSettings {
        status,
        expires,
        day,
        comment,
    }
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

fn one(look: &Connection, account: i64, by: &LinkBy) -> Result<Link, Error> {
    match by {
        LinkBy::Id(id) => Ok(look
            .prepare_cached("SELECT * FROM link WHERE id = ? AND account = ?")?
            .query_row([*id, account], Link::from_row)?),
        LinkBy::Code(code) => {
            let code = code.rsplit('/').next().unwrap_or_default();
            Ok(look
                .prepare_cached("SELECT * FROM link WHERE code = ? AND account = ?")?
                .query_row((code, account), Link::from_row)?)
        }
    }
}
