//! Short links, the redirect that counts clicks, and links that belong to one recipient.

use crate::account::{Account, random_text};
use crate::clock::Millis;
use crate::error::{Error, Flaw};
use crate::{Campaigns, campaign};
use rusqlite::{Connection, OptionalExtension, Row};
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
        })
    }
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
        let status = match new.status.as_deref().map(str::trim) {
            None | Some("" | "1") => 1,
            Some("0") => 0,
            Some(_) => {
                flaws.push(("status", Flaw::OneOf("0, 1")));
                0
            }
        };
        let day = new
            .expires
            .as_deref()
            .map(str::trim)
            .filter(|day| !day.is_empty());
        let expires = day.and_then(|day| account.zone.to(day, None));
        if day.is_some() && expires.is_none() {
            flaws.push(("expirationDate", Flaw::Malformed));
        }
        let comment = new
            .comment
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty());
        if comment.is_some_and(|comment| comment.chars().count() > MOST_COMMENT) {
            flaws.push(("comment", Flaw::TooLong(MOST_COMMENT)));
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
                        account.id, &code, &target, status, expires, day, comment, now,
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

    /// A link of the account.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is none.
    pub fn link(&self, account: &Account, by: &LinkBy) -> Result<Link, Error> {
        self.store.read(|look| one(look, account.id, by))
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

    /// Counts a click; where it leads, if it works.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn follow_link(&self, code: &str) -> Result<Option<String>, Error> {
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
                    "UPDATE personal_link SET clicks = clicks + 1 WHERE code = ? RETURNING link",
                )?
                .query_row([code], |row| row.get(0))
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
            let works = link.status == 1 && link.expires.is_none_or(|end| now <= end);
            change.execute(
                "UPDATE link SET clicks = clicks + 1, redirects = redirects + ? WHERE id = ?",
                (works, link.id),
            )?;
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
                Ok(link) => links.push(link),
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
        !host.is_empty() && !host.starts_with('.') && !host.contains('@')
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
