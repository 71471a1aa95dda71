//! Objects as the API shows them. Ids, counters and costs are texts, as on the live service
//! (decision D32).

use recipients_campaigns::{
    Account, Added, Campaign, CampaignStatus, Card, Clicks, Counters, Group, Link, Message,
    MessageStatus, Millis, Stopped,
};
use recipients_core::Msisdn;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json, json};
use std::fmt;

fn text(value: impl ToString) -> Json {
    Json::String(value.to_string())
}

fn optional(value: Option<impl ToString>) -> Json {
    value.map_or(Json::Null, text)
}

pub(super) fn time(account: &Account, at: Option<Millis>) -> Json {
    at.map_or(Json::Null, |at| Json::String(account.zone().write(at)))
}

/// Ids of groups; null where there are none.
fn group_ids(ids: Option<&str>) -> Json {
    ids.map_or(Json::Null, |ids| json!(ids.split(',').collect::<Vec<_>>()))
}

/// Names of statuses in the names of counters: `NEW` is `New`.
fn counter_name(status: MessageStatus) -> String {
    let name = status.name();
    format!("{}{}", &name[..1], name[1..].to_ascii_lowercase())
}

fn counters(account: &Account, campaign: &Campaign) -> Json {
    let Counters {
        by_status,
        total,
        rejected,
        updated,
    } = &campaign.counters;
    let mut map = Map::new();
    map.insert("campaignId".into(), text(campaign.id));
    map.insert("updateTs".into(), time(account, Some(*updated)));
    for &status in MessageStatus::ALL {
        let count = by_status[status as usize];
        let name = counter_name(status);
        map.insert(format!("total{name}SegNum"), text(count.segments));
        map.insert(format!("total{name}MsgNum"), text(count.messages));
        map.insert(format!("total{name}MsgCost"), text(count.cost));
    }
    map.insert("totalSegNum".into(), text(total.segments));
    map.insert("totalMsgNum".into(), text(total.messages));
    map.insert("totalCost".into(), text(total.cost));
    map.insert("recipientsRejected".into(), text(rejected));
    map.insert("userCurrency".into(), text(&account.settings.currency));
    map.insert("totalPartnerCost".into(), Json::Null);
    map.insert("partnerCurrency".into(), Json::Null);
    Json::Object(map)
}

/// What Get shows.
pub(super) fn campaign(
    account: &Account,
    campaign: &Campaign,
    groups: &[(i64, String, i64)],
) -> Map<String, Json> {
    let status = campaign.status;
    let has_begun = matches!(
        status,
        CampaignStatus::Running | CampaignStatus::Sent | CampaignStatus::Done
    );
    let moderation = match status {
        CampaignStatus::New => Json::Null,
        CampaignStatus::Moderation | CampaignStatus::Declined => text(status.name()),
        _ => text(CampaignStatus::ReadyForSend.name()),
    };
    let groups: Vec<Json> = groups
        .iter()
        .map(|(id, name, cards)| {
            json!({"id": id.to_string(), "name": name, "cardsCnt": cards.to_string()})
        })
        .collect();
    let value = json!({
        "id": text(campaign.id),
        "userId": text(account.id()),
        "partnerId": "1",
        "name": campaign.name,
        "text": campaign.text,
        "type": text(campaign.kind as u8),
        "msgType": "SMS",
        "from": campaign.from,
        "rateLimit": optional(campaign.rate_limit),
        "ratePeriod": optional(campaign.rate_period),
        "deferredToTs": time(account, campaign.deferred),
        "mclass": campaign.mclass,
        "ttl": text(campaign.validity),
        "validity": text(campaign.validity),
        "trackShortLinkRecipients": text(u8::from(campaign.track)),
        "moderationStatus": moderation,
        "commonStatus": status.name(),
        "sendStatus": has_begun.then(|| status.name()),
        "isDeleted": text(u8::from(campaign.deleted.is_some())),
        "deletedTs": time(account, campaign.deleted),
        "createTs": time(account, Some(campaign.created)),
        "startSendTs": time(account, campaign.started),
        "endSendTs": time(account, campaign.sent),
        "groups": group_ids(campaign.groups.as_deref()),
        "groupsList": groups,
        "globalComment": campaign.comment,
        "extra": {
            "validity": text(campaign.validity),
            "ttl": text(campaign.validity),
            "mclass": text(campaign.mclass),
            "coding": "0",
            "charset": "UTF-8",
            "isTestAlphanameUsed": false,
            "trackShortLinkRecipients": text(u8::from(campaign.track)),
        },
    });
    match value {
        Json::Object(map) => map,
        _ => unreachable!("an object was written"),
    }
}

/// What GetInfo shows.
pub(super) fn campaign_info(
    account: &Account,
    info: &Campaign,
    groups: &[(i64, String, i64)],
) -> Map<String, Json> {
    let mut map = campaign(account, info, groups);
    let moderated = match info.status {
        CampaignStatus::New => Json::Null,
        CampaignStatus::Deferred
        | CampaignStatus::Running
        | CampaignStatus::Sent
        | CampaignStatus::Done => text(CampaignStatus::AutoReadyForSend.name()),
        other => text(other.name()),
    };
    for (name, value) in [
        ("creationWay", text(2)),
        ("partnerModStatus", moderated.clone()),
        ("globalModStatus", moderated),
        (
            "onPartnerModeration",
            json!(u8::from(account.settings.moderation)),
        ),
        (
            "onGlobalModeration",
            json!(u8::from(account.settings.moderation)),
        ),
        ("moderationReason", Json::Null),
        ("moderationReasonData", Json::Null),
        ("usedStopListWords", Json::Null),
        ("highlightedText", Json::Null),
        ("isTemplateComment", Json::Null),
        ("partnerModeratorId", Json::Null),
        ("globalModeratorId", Json::Null),
        ("currency", Json::Null),
        ("ids", Json::Null),
        ("recipientsSource", text(info.source)),
        ("expirationTs", Json::Null),
        ("counters", counters(account, info)),
    ] {
        map.insert(name.to_owned(), value);
    }
    map
}

/// What List shows.
pub(super) fn campaign_item(
    account: &Account,
    item: &Campaign,
    groups: &[(i64, String, i64)],
) -> Json {
    let mut map = campaign_info(account, item, groups);
    map.insert("startTs".to_owned(), time(account, item.started));
    map.insert("status".to_owned(), text(item.status.name()));
    Json::Object(map)
}

/// What became of an element of `recipients`.
#[derive(Serialize)]
pub(super) struct AddedNumber<'a> {
    recipient: Recipient<'a>,
    code: u8,
    #[serde(rename = "messageId")]
    message: Option<Text<i64>>,
    r#type: &'static str,
    number: Option<&'a str>,
}

/// The number, or what digits were given.
enum Recipient<'a> {
    Number(Msisdn),
    Given(&'a str),
}

impl Serialize for Recipient<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Recipient::Number(number) => to.collect_str(number),
            Recipient::Given(given) => {
                let digits: String = given.chars().filter(char::is_ascii_digit).collect();
                to.serialize_str(&digits)
            }
        }
    }
}

/// A value that is shown as a text.
struct Text<T>(T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

pub(super) fn added_number<'a>(added: &Added, given: Option<&'a str>) -> AddedNumber<'a> {
    AddedNumber {
        recipient: match added.verdict.msisdn() {
            Some(number) => Recipient::Number(number),
            None => Recipient::Given(given.unwrap_or_default()),
        },
        code: added.code().as_u8(),
        message: added.message.map(Text),
        r#type: "number",
        number: given,
    }
}

/// What became of an element of `recipientContacts`, with the names of both generations.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AddedContact<'a> {
    recipient: Option<Text<Msisdn>>,
    code: u8,
    message_id: Option<Text<i64>>,
    r#type: &'static str,
    contact: &'a str,
    contact_field: Option<&'a str>,
    contact_id: &'a str,
    contact_card_id: &'a str,
}

pub(super) fn added_contact<'a>(added: &Added, given: &'a str) -> AddedContact<'a> {
    let (card, field) = match given.split_once(':') {
        Some((card, field)) => (card.trim(), Some(field.trim())),
        None => (given.trim(), None),
    };
    AddedContact {
        recipient: added.verdict.msisdn().map(Text),
        code: added.code().as_u8(),
        message_id: added.message.map(Text),
        r#type: "contact",
        contact: card,
        contact_field: field,
        contact_id: card,
        contact_card_id: card,
    }
}

pub(super) fn message_status(account: &Account, message: &Message) -> Json {
    json!({
        "id": text(message.id),
        "status": message.status.name(),
        "segNum": text(message.segments),
        "startSendTs": time(account, message.sent),
        "statusUpdateTs": time(account, message.updated),
    })
}

pub(super) fn message(
    account: &Account,
    item: &Message,
    campaign: Option<Json>,
    with_destination: bool,
) -> Json {
    let mut value = json!({
        "id": text(item.id),
        "campaignId": text(item.campaign),
        "userId": text(account.id()),
        "partnerId": "1",
        "segNum": text(item.segments),
        "segUserBuy": text(item.price),
        "from": item.from,
        "to": item.number.map(|number| number.to_string()).unwrap_or_default(),
        "text": item.text,
        "status": item.status.name(),
        "groups": group_ids(item.groups.as_deref()),
        "uuid": Json::Null,
        "contactCardId": optional(item.contact),
        "clickCnt": text(item.clicks),
        "startSendTs": time(account, item.sent),
        "statusUpdateTs": time(account, item.updated),
        "campaign": campaign,
    });
    if with_destination {
        let (country, operator) = item.destination();
        value["countryA2"] = json!(country);
        value["operatorName"] = json!(operator);
    }
    value
}

/// What Link/Create shows.
pub(super) fn new_link(link: &Link, address: &str) -> Json {
    json!({"id": text(link.id), "code": link.code, "shortLink": address})
}

/// What GetLinks shows.
pub(super) fn campaign_link(link: &Link, address: &str) -> Json {
    json!({
        "id": text(link.id),
        "code": link.code,
        "fullLink": link.target,
        "shortLink": address,
        "clickCnt": text(link.clicks),
        "redirectCnt": text(link.redirects),
        "comment": link.comment,
    })
}

/// What Link/GetStats shows: a cell is a text, or the number 0.
pub(super) fn clicks(clicks: &[Clicks], links: usize) -> Json {
    let cell = |value: i64| match value {
        0 => json!(0),
        value => text(value),
    };
    let mut sums = vec![(0, 0); links];
    let mut items = Vec::new();
    for one in clicks {
        let mut item = Map::new();
        item.insert("param".to_owned(), json!(one.period));
        for (at, &(clicks, redirects)) in one.of_links.iter().enumerate() {
            item.insert(format!("clicks{at}"), cell(clicks));
            item.insert(format!("redirects{at}"), cell(redirects));
            sums[at].0 += clicks;
            sums[at].1 += redirects;
        }
        items.push(Json::Object(item));
    }
    let mut totals = Map::new();
    for (at, (clicks, redirects)) in sums.into_iter().enumerate() {
        totals.insert(format!("totalClicks{at}"), cell(clicks));
        totals.insert(format!("totalRedirects{at}"), cell(redirects));
    }
    json!({"items": items, "totals": totals})
}

/// The moderator's status of a link that may be used, as all may.
pub(super) const MODERATED: &str = "1";

/// What Link/Get shows.
pub(super) fn link(account: &Account, link: &Link, address: &str) -> Json {
    let mut value = campaign_link(link, address);
    let domain = address
        .split("://")
        .nth(1)
        .and_then(|rest| rest.split('/').next());
    for (name, field) in [
        ("domain", json!(domain)),
        ("partnerId", json!("1")),
        ("userId", text(account.id())),
        ("status", text(link.status)),
        ("moderatorStatus", json!(MODERATED)),
        ("isTmp", json!("0")),
        ("isCustom", json!("0")),
        ("domainId", json!("1")),
        ("deletedTs", time(account, link.deleted)),
        ("createTs", time(account, Some(link.created))),
        ("updateTs", time(account, link.updated)),
        ("expirationDate", json!(link.expires_on)),
        ("realExpirationDate", json!(link.expires_on)),
        ("moderatorComment", Json::Null),
        ("analyticsKey", Json::Null),
    ] {
        value[name] = field;
    }
    value
}

pub(super) fn group(account: &Account, group: &Group) -> Json {
    json!({
        "id": text(group.id),
        "userId": text(account.id()),
        "name": group.name,
        "cardsCnt": text(group.cards),
        "isHidden": "0",
        "createTs": time(account, Some(group.created)),
    })
}

pub(super) fn card(account: &Account, card: &Card, groups: &[(i64, String)]) -> Json {
    let mut fields = Map::new();
    for &name in recipients_campaigns::CARD_FIELDS {
        let value = card.fields.get(name).map_or("", String::as_str);
        let field = match card.fields.get(&format!("{name}.type")) {
            Some(kind) => json!({"value": value, "type": kind}),
            None if name == recipients_campaigns::MOBILE => json!({"value": value, "type": "MAIN"}),
            None => json!(value),
        };
        fields.insert(name.to_owned(), field);
    }
    let address = recipients_campaigns::ADDRESS_FIELDS.iter().map(|&name| {
        let part = name.trim_start_matches("address.").to_owned();
        (
            part,
            json!(card.fields.get(name).map_or("", String::as_str)),
        )
    });
    let address: Map<String, Json> = address.collect();
    fields.insert("address".to_owned(), Json::Object(address));
    let groups: Vec<Json> = groups
        .iter()
        .map(|(id, name)| json!({"id": id.to_string(), "name": name}))
        .collect();
    json!({
        "id": text(card.id),
        "userId": text(account.id()),
        "isDeleted": "0",
        "isAvailable": "1",
        "fields": fields,
        "groups": groups,
    })
}

/// A registered sender; the first one is the default.
pub(super) fn sender(account: &Account, at: usize, name: &str) -> Json {
    let id = text(at + 1);
    json!({
        "id": id,
        "alphanameId": id,
        "userId": text(account.id()),
        "globalStatus": "1",
        "partnerStatus": "1",
        "isDefault": if at == 0 { "1" } else { "0" },
        "description": "",
        "details": {"description": ""},
        "alphaname": {"id": id, "name": name, "type": "1", "createTs": Json::Null},
    })
}

pub(super) fn stopped(account: &Account, entry: &Stopped) -> Json {
    json!({
        "id": text(entry.id),
        "userId": text(account.id()),
        "partnerId": "1",
        "number": text(entry.number),
        "ignoreSingle": "0",
        "level": if entry.is_system { "2" } else { "0" },
        "createdByUserId": text(account.id()),
        "createdByUserName": account.name,
        "createdByUserSurname": "",
        "createTs": time(account, Some(entry.created)),
        "comment": entry.comment,
        "isTemplateComment": "0",
        "isSystem": text(u8::from(entry.is_system)),
        "countryA2": Json::Null,
        "operatorName": Json::Null,
    })
}
