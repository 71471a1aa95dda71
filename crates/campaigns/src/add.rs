//! Recipients that are added by one request, and how any recipient is added.

use crate::Campaigns;
use crate::account::{Account, Rules};
use crate::audit::Act;
use crate::campaign::{Campaign, Count, Kind};
use crate::contact::Book;
use crate::error::{Conflict, Error, Field, Flaw};
use crate::link::Link;
use crate::status::CampaignStatus;
use crate::store::{Change, NewRow};
use recipients_batcher::{fill, unfilled_reason};
use recipients_core::{Code, Msisdn, Reason, Verdict};
use recipients_template::{Missing, Segments, Template};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::PoisonError;

/// Elements that one request may hold.
pub const MOST_ENTRIES: usize = 500;

/// One recipient of a request.
#[derive(Clone, Eq, PartialEq)]
pub struct Entry {
    /// What stands where the number should; `None` if nothing does.
    pub number: Option<String>,
    /// Values of placeholders.
    pub values: Vec<(String, String)>,
}

impl Entry {
    /// A number without values.
    pub fn number(number: impl Into<String>) -> Entry {
        Entry {
            number: Some(number.into()),
            values: Vec::new(),
        }
    }
}

/// Shows nothing of the person.
impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({} values)", self.values.len())
    }
}

/// The recipients of a request.
#[derive(Clone, Debug)]
pub enum Entries {
    /// Numbers.
    Numbers(Vec<Entry>),
    /// `CARD` or `CARD:FIELD` of the contact book.
    Contacts(Vec<String>),
}

impl Entries {
    fn len(&self) -> usize {
        match self {
            Entries::Numbers(entries) => entries.len(),
            Entries::Contacts(entries) => entries.len(),
        }
    }
}

/// How recipients are to be added, as it was typed.
#[derive(Clone, Debug, Default)]
pub struct AddParams {
    /// `1`: the new list takes the place of the old one.
    pub replace: Option<String>,
    /// What to do where a placeholder has no value: 1 (the default) keep it, 2 remove it, 3
    /// reject the recipient.
    pub placeholders: Option<String>,
    /// The encoding of a file.
    pub encoding: Option<String>,
    /// Whether the first line of a file holds names.
    pub skip_header: Option<String>,
    /// What stands between the columns of a file.
    pub delimiter: Option<String>,
    /// What stands around texts in a file.
    pub enclosure: Option<String>,
}

/// What the parameters mean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub(crate) replace: bool,
    pub(crate) missing: Missing,
}

impl AddParams {
    pub(crate) fn how(&self, flaws: &mut Vec<(Field, Flaw)>) -> How {
        let replace = match self.replace.as_deref().map(str::trim) {
            None | Some("" | "0" | "false") => false,
            Some("1" | "true") => true,
            Some(_) => {
                flaws.push((Field::Replace, Flaw::OneOf("0, 1")));
                false
            }
        };
        let flag = match self.placeholders.as_deref().map(str::trim) {
            None | Some("") => Some(Missing::Keep),
            Some(flag) => flag.parse().ok().and_then(Missing::from_flag),
        };
        if flag.is_none() {
            flaws.push((Field::Placeholders, Flaw::OneOf("1, 2, 3")));
        }
        How {
            replace,
            missing: flag.unwrap_or(Missing::Keep),
        }
    }
}

/// What became of one element.
#[derive(Clone, Copy, Debug)]
pub struct Added {
    /// The verdict.
    pub verdict: Verdict,
    /// The message that was made for it.
    pub message: Option<i64>,
}

/// The text of a campaign, ready for its recipients.
pub(crate) struct Texts {
    pub(crate) template: Option<Template>,
    pub(crate) missing: Missing,
    /// What the text costs, where it is the same for all.
    plain: i64,
}

impl Texts {
    pub(crate) fn new(campaign: &Campaign, missing: Missing) -> Texts {
        Texts {
            template: campaign.template(),
            missing,
            plain: i64::from(Segments::of(&campaign.text).parts),
        }
    }

    /// The verdict, now that the text is known, and the text where it is the recipient's own.
    pub(crate) fn fill<'v>(
        &self,
        verdict: Verdict,
        value: impl Fn(&str) -> Option<&'v str>,
    ) -> (Verdict, Option<String>) {
        let (Some(template), true) = (&self.template, verdict.is_accepted()) else {
            return (verdict, None);
        };
        let number = verdict.msisdn().map(|n| n.to_string()).unwrap_or_default();
        let mut text = String::new();
        match fill(template, self.missing, &number, value, &mut text) {
            Ok(()) => (verdict, Some(text)),
            Err(unfilled) => (verdict.but(unfilled_reason(&unfilled)), None),
        }
    }
}

/// Adds recipients to one list, within one transaction.
pub(crate) struct Adder<'a> {
    campaigns: &'a Campaigns,
    campaign: &'a Campaign,
    generation: i64,
    rules: &'a Rules,
    texts: &'a Texts,
    /// Links of which each recipient gets its own.
    links: &'a [Link],
    pub(crate) sums: Sums,
    /// The id of the next message, and the segments of the campaign's text with a recipient's own
    /// links, once they are known.
    next: Option<i64>,
    own_segments: Option<i64>,
}

/// What was added, and what was not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) added: Count,
    pub(crate) rejected: i64,
    /// The first message that was added.
    pub(crate) first: Option<i64>,
}

impl<'a> Adder<'a> {
    /// Adds to a list of the campaign; the links are its tracked ones.
    pub(crate) fn new(
        campaigns: &'a Campaigns,
        campaign: &'a Campaign,
        generation: i64,
        rules: &'a Rules,
        texts: &'a Texts,
        links: &'a [Link],
    ) -> Adder<'a> {
        Adder {
            campaigns,
            campaign,
            generation,
            rules,
            texts,
            links,
            sums: Sums::default(),
            next: None,
            own_segments: None,
        }
    }

    /// Adds one that is accepted so far; counts any.
    pub(crate) fn add(
        &mut self,
        change: &Change<'_>,
        verdict: Verdict,
        text: Option<&str>,
        contact: Option<i64>,
    ) -> Result<Added, Error> {
        let added = match verdict.msisdn().filter(|_| verdict.is_accepted()) {
            Some(number) => self.insert(change, number, verdict, text, contact)?,
            None => Added {
                verdict,
                message: None,
            },
        };
        self.sums.rejected += i64::from(added.message.is_none());
        Ok(added)
    }

    fn insert(
        &mut self,
        change: &Change<'_>,
        number: Msisdn,
        verdict: Verdict,
        text: Option<&str>,
        contact: Option<i64>,
    ) -> Result<Added, Error> {
        let refused = |reason| Added {
            verdict: verdict.but(reason),
            message: None,
        };
        if self.campaigns.faults.refuses(number) {
            return Ok(refused(Reason::StoreFailed));
        }
        let is_own = text.is_some();
        let mut text = text.map(Cow::Borrowed);
        let mut id = None;
        if !self.links.is_empty() {
            let next = match self.next {
                Some(next) => next,
                None => *self.next.insert(change.next_message()?),
            };
            let whole = text.as_deref().unwrap_or(&self.campaign.text);
            // Nobody could follow one of a link that was deleted.
            let works = self.links.iter().all(|link| link.deleted.is_none());
            let own = || self.campaigns.personal(self.links, whole, next);
            match works.then(own).flatten() {
                Some(own) => text = Some(Cow::Owned(own)),
                // A link is made for no duplicate (D1).
                None => {
                    let known = change.find_number(self.campaign.id, self.generation, number)?;
                    return Ok(refused(match known {
                        Some(_) => Reason::Duplicate,
                        None => Reason::ShortLinkUnavailable,
                    }));
                }
            }
            id = Some(next);
        }
        let segments = match &text {
            // Codes are of one length and of plain letters.
            Some(text) if is_own || self.own_segments.is_none() => {
                let segments = i64::from(Segments::of(text).parts);
                self.own_segments = (!is_own).then_some(segments);
                segments
            }
            Some(_) => self.own_segments.unwrap_or_default(),
            None => self.texts.plain,
        };
        let price = self.rules.price(verdict);
        let added = change.add_message(&NewRow {
            id,
            campaign: self.campaign.id,
            generation: self.generation,
            number,
            text: text.as_deref(),
            segments,
            price,
            contact,
        })?;
        let Some(message) = added else {
            return Ok(refused(Reason::Duplicate));
        };
        self.next = id.map(|id| id + 1);
        self.sums.added.messages += 1;
        self.sums.added.segments += segments;
        self.sums.added.cost.0 += segments * price;
        self.sums.first.get_or_insert(message);
        Ok(Added {
            verdict,
            message: Some(message),
        })
    }
}

/// Holds a campaign while recipients are added to it.
pub(crate) struct Hold<'c> {
    campaigns: &'c Campaigns,
    id: i64,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let adding = self.campaigns.adding.lock();
        adding
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.id);
    }
}

impl Campaigns {
    pub(crate) fn hold(&self, id: i64) -> Result<Hold<'_>, Error> {
        let mut adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        match adding.insert(id) {
            true => Ok(Hold {
                campaigns: self,
                id,
            }),
            false => Err(Error::Conflict(Conflict::Locked)),
        }
    }

    /// The campaign, if recipients can be added to it now, and a hold on it (D26, D27).
    pub(crate) fn open_list(
        &self,
        account: &Account,
        id: i64,
    ) -> Result<(Campaign, Hold<'_>), Error> {
        let look = || {
            let campaign = self
                .store
                .read(|look| look.campaign(account.id, id, self.now()))?;
            match (campaign.task, campaign.status) {
                (Some(_), _) => Err(Error::Conflict(Conflict::Locked)),
                (None, CampaignStatus::New) => Ok(campaign),
                (None, _) => Err(Error::Conflict(Conflict::NotNew)),
            }
        };
        // Whether it exists is told before whether it is held.
        look()?;
        let hold = self.hold(id)?;
        Ok((look()?, hold))
    }

    /// Adds recipients to a campaign; what became of each, in their order. The list grows by all
    /// that are accepted, or, if the request is refused, by none.
    ///
    /// # Errors
    ///
    /// In this order: [`Error::NotFound`], [`Error::Conflict`], [`Error::Invalid`] for the
    /// parameters, [`Error::Incorrect`] for more than [`MOST_ENTRIES`] elements or a second
    /// recipient of a single message.
    pub fn add(
        &self,
        account: &Account,
        id: i64,
        entries: &Entries,
        params: &AddParams,
    ) -> Result<Vec<Added>, Error> {
        let (campaign, _hold) = self.open_list(account, id)?;
        let mut flaws = Vec::new();
        let how = params.how(&mut flaws);
        if !flaws.is_empty() {
            return Err(Error::Invalid(flaws));
        }
        if entries.len() > MOST_ENTRIES {
            return Err(Error::Incorrect(Flaw::TooMany(MOST_ENTRIES)));
        }
        let before = if how.replace {
            0
        } else {
            campaign.counters.total.messages
        };
        if campaign.kind == Kind::Single && before + entries.len() as i64 > 1 {
            return Err(Error::Incorrect(Flaw::SingleRecipient));
        }
        let rules = self.rules(account)?;
        let texts = Texts::new(&campaign, how.missing);
        let judged = self.judge(account, entries, &rules, &texts)?;
        let links = self.store.read(|look| look.tracked_links(&campaign))?;
        let source = match entries {
            Entries::Numbers(_) => 1,
            Entries::Contacts(_) => 2,
        };
        let now = self.now();
        self.store.write(|change| {
            // Another process may have been at work on it.
            if change.campaign(account.id, id, now)?.stored != CampaignStatus::New {
                return Err(Error::Conflict(Conflict::NotNew));
            }
            let generation = match how.replace {
                true => {
                    let generation = change.next_generation(id)?;
                    change.swap_lists(&campaign, generation)?;
                    generation
                }
                false => campaign.generation,
            };
            let mut adder = Adder::new(self, &campaign, generation, &rules, &texts, &links);
            let mut added = Vec::with_capacity(judged.len());
            for (verdict, text, contact) in &judged {
                added.push(adder.add(change, *verdict, text.as_deref(), *contact)?);
            }
            change.tally(id, &adder.sums, source, now)?;
            change.record(&account.hand(), Act::AddRecipients, Some(id), now)?;
            Ok(added)
        })
    }

    /// The verdicts before the list is asked, with the texts and cards.
    #[allow(clippy::type_complexity, reason = "used once")]
    fn judge(
        &self,
        account: &Account,
        entries: &Entries,
        rules: &Rules,
        texts: &Texts,
    ) -> Result<Vec<(Verdict, Option<String>, Option<i64>)>, Error> {
        let checker = &rules.checker;
        match entries {
            Entries::Numbers(entries) => Ok(entries
                .iter()
                .map(|entry| {
                    let verdict = match &entry.number {
                        Some(number) => checker.check(number),
                        None => Verdict::without_number(Reason::Missing),
                    };
                    let value = |name: &str| {
                        let found = entry.values.iter().rev().find(|(known, _)| known == name);
                        found.map(|(_, value)| value.as_str())
                    };
                    let (verdict, text) = texts.fill(verdict, value);
                    (verdict, text, None)
                })
                .collect()),
            Entries::Contacts(entries) => {
                let book = self.book(account, entries)?;
                Ok(entries
                    .iter()
                    .map(|entry| {
                        let verdict = checker.check_contact(entry, &book);
                        let card = card_of(entry).and_then(|card| book.0.get(card));
                        let value = |name: &str| {
                            card.and_then(|card| card.fields.get(name))
                                .map(String::as_str)
                        };
                        let (verdict, text) = texts.fill(verdict, value);
                        (verdict, text, card.map(|card| card.id))
                    })
                    .collect())
            }
        }
    }

    fn book(&self, account: &Account, entries: &[String]) -> Result<Book, Error> {
        self.store.read(|look| {
            let mut cards = HashMap::new();
            for entry in entries {
                let Some(name) = card_of(entry) else { continue };
                if let Ok(id) = name.parse()
                    && let Some(card) = look.card(account.id, id)?
                {
                    cards.insert(name.to_owned(), card);
                }
            }
            Ok(Book(cards))
        })
    }
}

/// The card that an entry names.
fn card_of(entry: &str) -> Option<&str> {
    entry.split(':').next().map(str::trim)
}

impl Added {
    /// The code of the campaign API.
    pub fn code(&self) -> Code {
        self.verdict.code()
    }
}
