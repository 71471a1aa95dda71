//! What answers hold.
//!
//! Servers write numbers as numbers or as texts, and what is not set as null, as an empty text or
//! not at all; all of that reads the same here. What a newer server adds is kept in `rest`.

use super::http::shown;
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(to_number(&Json::deserialize(deserializer)?))
}

fn required<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = to_number(&Json::deserialize(deserializer)?);
    number.ok_or_else(|| serde::de::Error::custom("a number is missing"))
}

pub(super) fn to_number(value: &Json) -> Option<u64> {
    match value {
        Json::Number(number) => number.as_u64(),
        Json::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Json::deserialize(deserializer)? {
        Json::String(text) if !text.is_empty() => Some(text),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// A text that is only shown.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(text(deserializer)?.map(|words| shown(&words)))
}

fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Json::deserialize(deserializer)? {
        Json::Bool(yes) => yes,
        value => to_number(&value).unwrap_or_default() != 0,
    })
}

/// A number that may stand for itself, as the id of something new.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub(super) struct Id(#[serde(deserialize_with = "required")] pub(super) u64);

/// One of several pages.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound(deserialize = "T: DeserializeOwned"))]
pub struct Listed<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// How many there are on all pages.
    #[serde(rename = "totalItemCount", deserialize_with = "required")]
    pub total: u64,
}

/// What became of one recipient of a call. Its order is that of the call.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Entry {
    /// The code as it came; [`Code`](recipients_core::Code) names those that we know.
    pub code: u16,
    /// The cleaned number, if one could be read.
    #[serde(default, deserialize_with = "text")]
    pub recipient: Option<String>,
    /// The message that was made.
    #[serde(default, rename = "messageId", deserialize_with = "number")]
    pub message_id: Option<u64>,
}

/// What became of a call of [`Client::add_recipients`](super::Client::add_recipients).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Added {
    /// 0, 98 or 99: all, some or none were added.
    pub code: u16,
    /// One for each recipient.
    pub entries: Vec<Entry>,
}

/// A campaign.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CampaignInfo {
    /// Its id.
    #[serde(deserialize_with = "required")]
    pub id: u64,
    /// Its name.
    #[serde(default, deserialize_with = "text")]
    pub name: Option<String>,
    /// 1 single, 2 mass, 3 template.
    #[serde(default, rename = "type", deserialize_with = "number")]
    pub kind: Option<u64>,
    /// The sender.
    #[serde(default, deserialize_with = "text")]
    pub from: Option<String>,
    /// The text, with its placeholders.
    #[serde(default, deserialize_with = "text")]
    pub text: Option<String>,
    /// `NEW`, `MODERATION`, `RUNNING` …
    #[serde(default, deserialize_with = "words")]
    pub common_status: Option<String>,
    /// When it is to be sent.
    #[serde(default, deserialize_with = "text")]
    pub deferred_to_ts: Option<String>,
    /// Counts; [`Client::campaign`](super::Client::campaign) does not give them.
    #[serde(default)]
    pub counters: Option<Counters>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

impl CampaignInfo {
    /// Whether recipients can be added: where a server does not tell, it is tried.
    pub fn is_new(&self) -> bool {
        matches!(self.common_status.as_deref(), None | Some("NEW"))
    }
}

/// The counters of a campaign.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counters {
    /// Messages.
    #[serde(default, deserialize_with = "number")]
    pub total_msg_num: Option<u64>,
    /// SMS: segments of messages.
    #[serde(default, deserialize_with = "number")]
    pub total_seg_num: Option<u64>,
    /// What they cost, in decimals.
    #[serde(default, deserialize_with = "words")]
    pub total_cost: Option<String>,
    /// The currency.
    #[serde(default, deserialize_with = "words")]
    pub user_currency: Option<String>,
    /// Recipients that were not added.
    #[serde(default, deserialize_with = "number")]
    pub recipients_rejected: Option<u64>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// What became of [`Client::send_campaign`](super::Client::send_campaign).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Launch {
    /// 1: it waits for a moderator.
    Moderation,
    /// 2: it is sent, now or when it is due.
    Sending,
}

/// How far a background task is.
#[derive(Clone, Debug, Deserialize)]
pub struct Task {
    /// 0 waiting, 1 running, 2 done, 3 rejected.
    #[serde(deserialize_with = "required")]
    pub status: u64,
    /// Percent.
    #[serde(default, deserialize_with = "number")]
    pub progress: Option<u64>,
    /// Why it ended early, where the server says so.
    #[serde(default, deserialize_with = "words")]
    pub note: Option<String>,
}

/// A message.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageInfo {
    /// Its id.
    #[serde(deserialize_with = "required")]
    pub id: u64,
    /// The recipient's number.
    #[serde(default, deserialize_with = "text")]
    pub to: Option<String>,
    /// `NEW`, `DELIVRD` …
    #[serde(default, deserialize_with = "text")]
    pub status: Option<String>,
    /// SMS.
    #[serde(default, deserialize_with = "number")]
    pub seg_num: Option<u64>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// Shows id and status; the rest is the recipient's own.
impl std::fmt::Debug for MessageInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageInfo")
            .field("id", &self.id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// A message that was sent by itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SentMessage {
    /// The campaign that was made for it.
    #[serde(deserialize_with = "required")]
    pub campaign_id: u64,
    /// The message.
    #[serde(deserialize_with = "required")]
    pub message_id: u64,
    /// 1 waits for a moderator, 2 is sent.
    #[serde(deserialize_with = "required")]
    pub status: u64,
}

/// What is left to be spent.
#[derive(Clone, Debug, Deserialize)]
pub struct Balance {
    /// In decimals.
    pub balance: String,
    /// Its currency.
    pub currency: String,
}

/// A short link.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkInfo {
    /// Its id.
    #[serde(deserialize_with = "required")]
    pub id: u64,
    /// What stands behind the domain.
    #[serde(default, deserialize_with = "text")]
    pub code: Option<String>,
    /// The short link.
    #[serde(default, deserialize_with = "text")]
    pub short_link: Option<String>,
    /// Where it leads.
    #[serde(default, deserialize_with = "text")]
    pub full_link: Option<String>,
    /// How often it was opened.
    #[serde(default, deserialize_with = "number")]
    pub click_cnt: Option<u64>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// Which of several were worked on.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Processed {
    /// Done.
    #[serde(default)]
    pub processed: Vec<Json>,
    /// Not there, or not ours.
    #[serde(default)]
    pub not_processed: Vec<Json>,
}

/// A number that is not to be written to.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoppedNumber {
    /// Its id.
    #[serde(deserialize_with = "required")]
    pub id: u64,
    /// The number.
    #[serde(default, deserialize_with = "text")]
    pub number: Option<String>,
    /// A remark.
    #[serde(default, deserialize_with = "text")]
    pub comment: Option<String>,
    /// Whether it is on the system's list rather than the account's.
    #[serde(default, deserialize_with = "flag")]
    pub is_system: bool,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// Shows the id only.
impl std::fmt::Debug for StoppedNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoppedNumber({})", self.id)
    }
}

/// A group of contacts.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactGroup {
    /// Its id.
    #[serde(deserialize_with = "required")]
    pub id: u64,
    /// Its name.
    #[serde(default, deserialize_with = "text")]
    pub name: Option<String>,
    /// How many contacts are in it.
    #[serde(default, deserialize_with = "number")]
    pub cards_cnt: Option<u64>,
}

/// A contact: its fields are the server's.
#[derive(Clone, Deserialize)]
pub struct ContactCard {
    /// Its id.
    #[serde(deserialize_with = "required")]
    pub id: u64,
    /// Name, number and all the rest.
    #[serde(default)]
    pub fields: Json,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// Shows the id only.
impl std::fmt::Debug for ContactCard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ContactCard({})", self.id)
    }
}
