//! The methods: parameters in, a call of the domain, an envelope out.

use super::read::Upload;
use super::render;
use crate::{ApiCode, Bag, Envelope, Value};
use recipients_campaigns::{
    Account, AddParams, CampaignFilter, CampaignKey, Campaigns, CardField, CardFilter, CardKey,
    CardTest, Entries, Entry, Error, Field, Flaw, Import, Language, LinkBy, LinkFilter, LinkKey,
    MessageFilter, MessageKey, NewCampaign, NewLink, NewMessage, Page, Period, Range,
};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// A request.
pub(super) struct Call<'a> {
    pub(super) campaigns: &'a Campaigns,
    pub(super) gate: &'a Gate,
    pub(super) bag: &'a Bag,
    pub(super) file: Option<&'a Upload>,
    pub(super) peer: IpAddr,
    /// The name under which we were called.
    pub(super) host: Option<&'a str>,
}

type Method = fn(&Call<'_>, &Account) -> Result<Envelope, Error>;

/// Every method, by the lower-case names of module and method.
const METHODS: &[(&str, &[(&str, Method)])] = &[
    ("alphaname", &[("list", list_senders)]),
    (
        "campaign",
        &[
            ("addrecipients", add_recipients),
            ("create", create),
            ("delete", delete),
            ("get", get),
            ("getinfo", get_info),
            ("getlinks", get_links),
            ("list", list),
            ("send", send),
        ],
    ),
    (
        "contactcard",
        &[
            ("create", create_card),
            ("delete", delete_card),
            ("get", get_card),
            ("getgroups", card_groups),
            ("import", import_cards),
            ("list", list_cards),
            ("setgroups", set_card_groups),
            ("update", update_card),
        ],
    ),
    (
        "contactgroup",
        &[
            ("create", create_group),
            ("delete", delete_group),
            ("getcardscount", group_size),
            ("list", list_groups),
            ("update", rename_group),
        ],
    ),
    (
        "link",
        &[
            ("create", create_link),
            ("delete", delete_links),
            ("get", get_link),
            ("getlinks", get_links),
            ("getstats", link_stats),
            ("list", list_links),
            ("update", update_link),
        ],
    ),
    (
        "message",
        &[
            ("getsmsstatus", message_statuses),
            ("list", list_messages),
            ("sendsmsmessage", send_message),
        ],
    ),
    (
        "numberstoplist",
        &[
            ("create", stop),
            ("delete", unstop),
            ("inbound", inbound),
            ("list", list_stopped),
        ],
    ),
    ("price", &[("listpublic", list_prices)]),
    ("taskqueue", &[("getstatus", task_status)]),
    ("user", &[("getownbalance", balance)]),
];

/// How often each account has called each method in the current minute.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<HashMap<(i64, &'static str, &'static str), Calls>>);

/// Module and method in lower case.
type Name = (&'static str, &'static str);

/// A minute, and how many calls came in it.
type Calls = (i64, u32);

impl Gate {
    fn passes(&self, account: &Account, (module, method): Name, minute: i64) -> bool {
        let rate = account.settings.rate;
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (account.id(), module, method);
        let (since, count) = calls.entry(key).or_insert((minute, 0));
        if *since != minute {
            (*since, *count) = (minute, 0);
        }
        *count = count.saturating_add(1);
        *count <= rate
    }
}

/// Every method, as `module/method` in lower case.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = String> {
    let all = METHODS.iter().map(|(module, methods)| {
        let of_module = methods.iter();
        of_module.map(move |(method, _)| format!("{module}/{method}"))
    });
    all.flatten()
}

/// Whether there is such a module, or method as `module/method`, in any letter case.
pub(super) fn is_known(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let (module, method) = match name.split_once('/') {
        Some((module, method)) => (module, Some(method)),
        None => (name.as_str(), None),
    };
    METHODS.iter().any(|(known, methods)| {
        *known == module
            && method.is_none_or(|method| methods.iter().any(|(known, _)| *known == method))
    })
}

/// The answer, and the account that it is for, for the log.
pub(super) fn answer(call: &Call<'_>, module: &str, method: &str) -> (Option<i64>, Envelope) {
    let Some((module, methods)) = METHODS.iter().find(|(name, _)| *name == module) else {
        let words = "There is no such module.";
        return (None, Envelope::new(ApiCode::UnknownModule, (), words));
    };
    let Some((name, carry_out)) = methods.iter().find(|(name, _)| *name == method) else {
        let words = "The module has no such method.";
        return (None, Envelope::new(ApiCode::UnknownMethod, (), words));
    };
    let account = match admit(call, (module, name)) {
        Ok(account) => account,
        Err((account, envelope)) => return (account, *envelope),
    };
    let version = call.bag.text("api").unwrap_or_default();
    if !version.is_empty() && !version.eq_ignore_ascii_case(VERSION) {
        let envelope = refused(&Error::Incorrect(Flaw::OneOf(VERSION)), &account);
        return (Some(account.id()), envelope);
    }
    let envelope = carry_out(call, &account).unwrap_or_else(|error| refused(&error, &account));
    (Some(account.id()), envelope)
}

/// What a field is called as a parameter.
fn parameter(field: Field) -> &'static str {
    match field {
        Field::Name => "name",
        Field::Text => "text",
        Field::Kind => "type",
        Field::From => "from",
        Field::RateLimit => "rateLimit",
        Field::RatePeriod => "ratePeriod",
        Field::Deferred => "deferredToTs",
        Field::Mclass => "mclass",
        Field::Validity => "validity",
        Field::Ttl => "ttl",
        Field::Track => "trackShortLinkRecipients",
        Field::Shorten => "shortenLinks",
        Field::Replace => "replace",
        Field::Placeholders => "placeholdersFlag",
        Field::Encoding => "recipientsFileEncoding",
        Field::SkipHeader => "recipientsFileSkipHeader",
        Field::Delimiter => "recipientsFileDelimiter",
        Field::Enclosure => "recipientsFileEnclosure",
        Field::File => "recipientsFile",
        Field::Cards => "cardsFile",
        Field::Groups => "recipientGroups",
        Field::Target => "fullLink",
        Field::Status => "status",
        Field::Expires => "expirationDate",
        Field::Comment => "comment",
        Field::Recipient => "recipient",
        Field::Number => "number",
        Field::NumberFrom => "numberFrom",
        Field::NumberTo => "numberTo",
        // What no request gives is called as people call it.
        other => other.name(),
    }
}

fn refused(error: &Error, account: &Account) -> Envelope {
    let language = account.language();
    let (code, data) = match error {
        Error::Invalid(fields) => {
            let mut data = serde_json::Map::new();
            for (field, flaw) in fields {
                let words = json!(flaw.words(language));
                let name = parameter(*field);
                match data.get_mut(name) {
                    Some(Json::Array(all)) => all.push(words),
                    _ => drop(data.insert(name.to_owned(), json!([words]))),
                }
            }
            (ApiCode::Validation, Json::Object(data))
        }
        Error::NotFound => (ApiCode::NotFound, Json::Null),
        Error::Missing(_) => (ApiCode::Missing, Json::Null),
        Error::Conflict(_) => (ApiCode::Conflict, Json::Null),
        Error::Incorrect(_) => (ApiCode::Incorrect, Json::Null),
        Error::TooOften => (ApiCode::TooOften, Json::Null),
        error => {
            tracing::error!(%error, "a request failed");
            (ApiCode::Fault, Json::Null)
        }
    };
    Envelope::new(code, data, error.words(language))
}

type Denied = (Option<i64>, Box<Envelope>);

/// The version of the API.
const VERSION: &str = "v1";

/// Who calls, if they may (D34).
fn admit(call: &Call<'_>, (module, method): Name) -> Result<Account, Denied> {
    let key = call.bag.text("apiKey").unwrap_or_default();
    let found = match key.is_empty() {
        true => Err(Error::NotFound),
        false => call.campaigns.account_by_key(key),
    };
    let account = match found {
        Ok(account) => account.used_from(call.peer),
        Err(Error::NotFound) => {
            let words = "The API key is missing or wrong.";
            let envelope = Envelope::new(ApiCode::Unauthorized, json!([]), words);
            return Err((None, Box::new(envelope)));
        }
        Err(error) => {
            tracing::error!(%error, "an account could not be looked up");
            let words = Error::Internal(String::new()).words(Language::English);
            return Err((None, Box::new(Envelope::new(ApiCode::Fault, (), words))));
        }
    };
    let settings = &account.settings;
    let of = |words: [&str; 3]| words[account.language() as usize].to_owned();
    let denied = |code, data: Json, words| {
        let envelope = Envelope::new(code, data, of(words));
        Err((Some(account.id()), Box::new(envelope)))
    };
    if settings.blocked {
        return denied(
            ApiCode::Blocked,
            Json::Null,
            [
                "The account is blocked.",
                "Аккаунт заблокирован.",
                "A conta está bloqueada.",
            ],
        );
    }
    if let Some(host) = &settings.host
        && call
            .host
            .is_none_or(|called| !called.eq_ignore_ascii_case(host))
    {
        return denied(
            ApiCode::OtherHost,
            json!(host),
            [
                "The account belongs to another API host.",
                "Аккаунт обслуживается другим доменом API.",
                "A conta pertence a outro domínio da API.",
            ],
        );
    }
    let is_allowed = |allowed: &String| {
        let allowed = allowed.to_ascii_lowercase();
        allowed == module || allowed.split_once('/') == Some((module, method))
    };
    let from_here = |allowed: &String| allowed.parse() == Ok(call.peer);
    if (!settings.methods.is_empty() && !settings.methods.iter().any(is_allowed))
        || (!settings.addresses.is_empty() && !settings.addresses.iter().any(from_here))
    {
        return denied(
            ApiCode::Forbidden,
            Json::Null,
            [
                "The API key does not allow this call.",
                "Ключ API не даёт права на этот вызов.",
                "A chave da API não permite esta chamada.",
            ],
        );
    }
    let minute = call.campaigns.now() / recipients_campaigns::MINUTE;
    if settings.rate > 0 && !call.gate.passes(&account, (module, method), minute) {
        let envelope = refused(&Error::TooOften, &account);
        return Err((Some(account.id()), Box::new(envelope)));
    }
    Ok(account)
}

/// The file of rejected rows that a call asks for.
pub(super) fn rejects(call: &Call<'_>, id: &str) -> Result<PathBuf, Box<Envelope>> {
    let account = admit(call, ("taskqueue", "rejects")).map_err(|(_, envelope)| envelope)?;
    let id = id.parse().map_err(|_| Error::NotFound);
    id.and_then(|id| call.campaigns.rejects(Some(&account), id))
        .map_err(|error| Box::new(refused(&error, &account)))
}

// What parameters say.

impl Call<'_> {
    /// A required id: missing is 11, what is no id is not found.
    fn id(&self, name: &'static str) -> Result<i64, Error> {
        match self.bag.get(name) {
            None => Err(Error::Missing(name)),
            Some(Value::Text(text)) if text.trim().is_empty() => Err(Error::Missing(name)),
            Some(Value::Text(text)) => text.trim().parse().map_err(|_| Error::NotFound),
            Some(Value::Map(_)) => Err(Error::NotFound),
        }
    }

    /// The file that was sent as this parameter.
    fn file(&self, name: &str) -> Option<&Upload> {
        self.file.filter(|file| file.field == name)
    }

    /// A text within a map. A list or a map in its place is no value that anything can have, so
    /// that it is not taken for absent; see [`Call::texts_only`] for what takes any text.
    fn own(&self, map: &str, key: &str) -> Option<String> {
        let value = self.bag.get(map)?.get(key)?;
        Some(value.text().unwrap_or(NO_TEXT).to_owned())
    }

    /// Refuses lists and maps where any text would do.
    fn texts_only(&self, map: &str, fields: &[Field]) -> Result<(), Error> {
        let is_map = |field: &&Field| {
            let value = self.bag.get(map);
            let value = value.and_then(|map| map.get(parameter(**field)));
            matches!(value, Some(Value::Map(_)))
        };
        let wrong: Vec<(Field, Flaw)> = fields
            .iter()
            .filter(is_map)
            .map(|&field| (field, Flaw::Malformed))
            .collect();
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(Error::Invalid(wrong)),
        }
    }

    /// A text within a map that is not empty.
    fn filled(&self, map: &str, key: &str) -> Option<String> {
        self.own(map, key).filter(|text| !text.trim().is_empty())
    }

    fn page(&self) -> Page {
        let number = |key| {
            let number = self.bag.within("pagination", key)?.trim();
            // Behind the last page there is nothing, however far.
            let number = number.parse::<u64>().ok()?;
            Some(u32::try_from(number).unwrap_or(u32::MAX))
        };
        let default = Page::default();
        Page {
            size: number("pageSize").map_or(default.size, |size| size.clamp(1, 100)),
            number: number("currentPage").unwrap_or(default.number),
        }
    }

    /// Sort keys in the order given; unknown names are left out.
    fn sort<K: Copy>(&self, known: &[(&str, K)]) -> Vec<(K, bool)> {
        let sort = self.bag.get("sort");
        let given = sort.iter().flat_map(|sort| sort.entries());
        given
            .filter_map(|(name, direction)| {
                let (_, key) = known.iter().find(|(known, _)| *known == name)?;
                let direction = direction.text().unwrap_or_default();
                Some((*key, direction.eq_ignore_ascii_case("desc")))
            })
            .collect()
    }

    fn range(&self, from: &[&str], from_time: &[&str], to: &[&str], to_time: &[&str]) -> Range {
        let first = |keys: &[&str]| keys.iter().find_map(|key| self.filled("criteria", key));
        Range {
            from: first(from),
            from_time: first(from_time),
            to: first(to),
            to_time: first(to_time),
        }
    }
}

/// The texts of a list, however it was sent: a list, a map, or one text with commas or lines
/// between.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Text(text) => text
            .split([',', '\n', '\r'])
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .collect(),
        list => list
            .items()
            .map(|item| item.text().unwrap_or_default().trim().to_owned())
            .collect(),
    }
}

fn ids(value: Option<&Value>) -> Option<Vec<i64>> {
    let ids: Vec<i64> = texts(value?).iter().map(|text| id_of(text)).collect();
    (!ids.is_empty()).then_some(ids)
}

/// The id that a text is. What is none is asked for, and not found.
fn id_of(text: &str) -> i64 {
    const NO_ID: i64 = 0;
    text.parse().unwrap_or(NO_ID)
}

fn is_sent(value: &Value) -> bool {
    match value {
        Value::Text(text) => !texts(&Value::Text(text.clone())).is_empty(),
        map => map.items().next().is_some(),
    }
}

// Campaign.

fn create(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let Some(Value::Map(_)) = call.bag.get("data") else {
        return Err(Error::Missing("data"));
    };
    call.texts_only("data", &[Field::Name, Field::Text])?;
    let new = new_campaign(call, "data");
    let id = call.campaigns.create(account, &new)?;
    Ok(Envelope::ok(id.to_string()))
}

fn new_campaign(call: &Call<'_>, map: &str) -> NewCampaign {
    let own = |key| call.own(map, key);
    NewCampaign {
        name: own("name"),
        text: own("text"),
        kind: own("type"),
        from: own("from"),
        rate_limit: own("rateLimit"),
        rate_period: own("ratePeriod"),
        deferred: own("deferredToTs"),
        mclass: own("mclass"),
        validity: own("validity"),
        ttl: own("ttl"),
        track: own("trackShortLinkRecipients"),
        shorten: own("shortenLinks"),
    }
}

fn delete(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    call.campaigns.delete(account, call.id("id")?)?;
    Ok(Envelope::ok(true))
}

fn get(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let campaign = call.campaigns.campaign(account, call.id("id")?)?;
    let groups = call
        .campaigns
        .group_names(account, campaign.groups.as_deref().unwrap_or(""))?;
    Ok(Envelope::ok(Json::Object(render::campaign(
        account, &campaign, &groups,
    ))))
}

fn get_info(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let id = call.id("id")?;
    let mut campaign = call.campaigns.campaign(account, id)?;
    let filled = call
        .bag
        .text("getFilledTplCampaignText")
        .unwrap_or_default();
    if matches!(filled, "1" | "true") {
        campaign.text = call.campaigns.filled_text(account, id)?;
    }
    let groups = call
        .campaigns
        .group_names(account, campaign.groups.as_deref().unwrap_or(""))?;
    Ok(Envelope::ok(Json::Object(render::campaign_info(
        account, &campaign, &groups,
    ))))
}

fn get_links(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let links = call
        .campaigns
        .campaign_links(account, call.id("campaignId")?)?;
    let show = |link| render::campaign_link(link, &call.campaigns.link_address(&link.code));
    Ok(Envelope::ok(links.iter().map(show).collect::<Vec<Json>>()))
}

fn list(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let filled = |key| call.filled("criteria", key);
    let criterion = |key| {
        call.bag
            .get("criteria")
            .and_then(|criteria| criteria.get(key))
    };
    let filter = CampaignFilter {
        ids: ids(criterion("id")).or_else(|| ids(criterion("ids"))),
        recipient: filled("recipient"),
        from: filled("from"),
        text: filled("text"),
        status: filled("status"),
        kind: filled("type"),
        groups: ids(criterion("groups")),
        created: call.range(
            &["createTsFrom", "createDateFrom"],
            &["createTimeFrom"],
            &["createTsTo", "createDateTo"],
            &["createTimeTo"],
        ),
        sent: call.range(
            &["sentTsFrom", "sentDateFrom"],
            &["sendTimeFrom", "sentTimeFrom"],
            &["sentTsTo", "sentDateTo"],
            &["sentTimeTo", "sendTimeTo"],
        ),
    };
    let sort = call.sort(&[
        ("id", CampaignKey::Id),
        ("name", CampaignKey::Name),
        ("from", CampaignKey::From),
        ("text", CampaignKey::Text),
        ("status", CampaignKey::Status),
        ("type", CampaignKey::Kind),
        ("createTs", CampaignKey::Created),
        ("startSendTs", CampaignKey::Started),
        ("endSendTs", CampaignKey::Sent),
        ("counters.totalMsgNum", CampaignKey::Messages),
        ("counters.totalCost", CampaignKey::Cost),
        ("recipient", CampaignKey::Recipient),
    ]);
    let found = call.campaigns.list(account, &filter, &sort, call.page())?;
    let mut items = Vec::with_capacity(found.items.len());
    for campaign in &found.items {
        let groups = campaign.groups.as_deref().unwrap_or("");
        let groups = call.campaigns.group_names(account, groups)?;
        items.push(render::campaign_item(account, campaign, &groups));
    }
    Ok(Envelope::ok(
        json!({"items": items, "totalItemCount": found.total.to_string()}),
    ))
}

fn send(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let moderation = call.campaigns.send(account, call.id("id")?)?;
    Ok(Envelope::ok(if moderation { 1 } else { 2 }))
}

/// The names of the recipients' sources in all three generations of the API.
const NUMBERS: &[&str] = &["recipients"];
const CONTACTS: &[&str] = &[
    "recipientContacts",
    "recipientsContacts",
    "recipientsContactIds",
    "recipientContactIds",
    "recipientContactsIds",
    "recipientsCardIds",
    "recipientCardIds",
];
const GROUPS: &[&str] = &["recipientGroups", "recipientsGroupIds", "recipientGroupIds"];

fn add_recipients(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let id = match call.id("id") {
        // Whether there is such a campaign comes after the sources (D26).
        Err(Error::NotFound) => None,
        id => Some(id?),
    };
    let mut sources = 0;
    let mut sent = |names: &[&str]| {
        let values = names.iter().filter_map(|name| call.bag.get(name));
        let mut values = values
            .filter(|value| is_sent(value))
            .inspect(|_| sources += 1);
        let first = values.next();
        values.for_each(drop);
        first
    };
    let (numbers, contacts, groups) = (sent(NUMBERS), sent(CONTACTS), sent(GROUPS));
    let file = call.file("recipientsFile");
    if sources + usize::from(file.is_some()) != 1 {
        return Err(Error::Incorrect(Flaw::Sources));
    }
    let id = id.ok_or(Error::NotFound)?;
    let own = |key| call.own("params", key);
    let params = AddParams {
        replace: own("replace"),
        placeholders: own("placeholdersFlag"),
        encoding: own("recipientsFileEncoding"),
        skip_header: own("recipientsFileSkipHeader"),
        delimiter: own("recipientsFileDelimiter"),
        enclosure: own("recipientsFileEnclosure"),
    };
    let background = |import: Import| {
        let task = call.campaigns.import(account, id, &import, &params)?;
        Ok(Envelope::new(ApiCode::Background, task, ""))
    };
    if let Some(file) = file {
        return background(Import::File {
            path: taken_over(file)?,
            name: file.name.clone(),
        });
    }
    if let Some(groups) = groups {
        let ids = texts(groups).iter().map(|id| id.parse().ok()).collect();
        return background(Import::Groups(ids));
    }
    let given = match (numbers, contacts) {
        (Some(numbers), _) => Entries::Numbers(entries(numbers)),
        (None, contacts) => Entries::Contacts(contacts.map(texts).unwrap_or_default()),
    };
    let added = call.campaigns.add(account, id, &given, &params)?;
    let count = added.iter().filter(|added| added.message.is_some()).count();
    let language = account.language();
    let (code, words) = match count {
        0 => (
            ApiCode::Nothing,
            [
                "No recipient was added.",
                "Ни один получатель не добавлен.",
                "Nenhum destinatário foi adicionado.",
            ],
        ),
        count if count < added.len() => (
            ApiCode::Partly,
            [
                "Not all recipients were added.",
                "Добавлены не все получатели.",
                "Nem todos os destinatários foram adicionados.",
            ],
        ),
        _ => (ApiCode::Ok, [""; 3]),
    };
    let words = words[language as usize];
    Ok(match &given {
        Entries::Numbers(entries) => {
            let shown = added.iter().zip(entries).map(|(added, entry)| {
                let given = entry.number.as_deref().filter(|given| *given != NO_TEXT);
                render::added_number(added, given)
            });
            Envelope::written(code, &shown.collect::<Vec<_>>(), words)
        }
        Entries::Contacts(entries) => {
            let shown = added.iter().zip(entries);
            let shown = shown.map(|(added, given)| render::added_contact(added, given));
            Envelope::written(code, &shown.collect::<Vec<_>>(), words)
        }
    })
}

/// Stands for a list or a map where a text should be.
const NO_TEXT: &str = "[]";

fn entries(numbers: &Value) -> Vec<Entry> {
    match numbers {
        Value::Text(_) => texts(numbers).into_iter().map(Entry::number).collect(),
        list => list
            .items()
            .map(|item| match item {
                Value::Text(text) => Entry::number(text.as_str()),
                // A list where a number should be.
                list if list.get("0").is_some() && list.get("recipient").is_none() => {
                    Entry::number(NO_TEXT)
                }
                map => Entry {
                    number: map
                        .get("recipient")
                        .map(|number| number.text().unwrap_or(NO_TEXT).to_owned()),
                    values: map
                        .entries()
                        .filter_map(|(key, value)| Some((key.to_owned(), value.text()?.to_owned())))
                        .collect(),
                },
            })
            .collect(),
    }
}

// TaskQueue, User.

fn task_status(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let task = call.campaigns.task(account, call.id("id")?)?;
    Ok(Envelope::ok(json!({
        "id": task.id,
        "progress": task.progress,
        "status": task.status as u8,
        "note": task.note,
    })))
}

fn balance(_: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    Ok(Envelope::ok(json!({
        "balance": account.balance.to_string(),
        "currency": account.settings.currency,
    })))
}

/// Prices of a country. In which shape the live service tells them is not published.
fn list_prices(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let text = |name: &str| call.bag.text(name).map(str::trim);
    let country = text("countryA2").filter(|text| !text.is_empty());
    let country = country.ok_or(Error::Missing("countryA2"))?;
    let is_code = |name: &str, lengths: std::ops::RangeInclusive<usize>| {
        text(name).is_none_or(|text| {
            text.is_empty()
                || (lengths.contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-'))
        })
    };
    if !is_code("currency", 3..=3) || !is_code("language", 2..=5) {
        return Err(Error::Incorrect(Flaw::Malformed));
    }
    let prices = call.campaigns.prices(country)?;
    let show = |(operator, price): &(String, recipients_campaigns::Money)| {
        json!({
            "countryA2": country.to_ascii_uppercase(),
            "operatorName": Some(operator).filter(|operator| !operator.is_empty()),
            "price": price.to_string(),
            "currency": account.settings.currency,
        })
    };
    let items: Vec<Json> = prices.iter().map(show).collect();
    let total = items.len().to_string();
    Ok(Envelope::ok(
        json!({"items": items, "totalItemCount": total}),
    ))
}

// Message.

fn send_message(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let text = |name| call.bag.text(name).map(str::to_owned);
    let filled = |name: &'static str| {
        text(name)
            .filter(|text| !text.trim().is_empty())
            .ok_or(Error::Missing(name))
    };
    call.texts_only("params", &[Field::Name])?;
    let new = NewMessage {
        recipient: filled("recipient")?,
        campaign: NewCampaign {
            text: Some(filled("text")?),
            from: text("from"),
            ..new_campaign(call, "params")
        },
    };
    let sent = call.campaigns.send_message(account, &new)?;
    Ok(Envelope::ok(json!({
        "campaignId": sent.campaign.to_string(),
        "messageId": sent.message.to_string(),
        "status": if sent.moderation { 1 } else { 2 },
    })))
}

fn message_statuses(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let ids = call
        .bag
        .first(&["ids", "id"])
        .map(texts)
        .unwrap_or_default();
    if ids.is_empty() {
        return Err(Error::NotFound);
    }
    // What is no number is no message.
    let ids: Vec<i64> = ids.iter().map(|id| id.parse().unwrap_or(0)).collect();
    let messages = call.campaigns.messages(account, &ids)?;
    let show = |message| render::message_status(account, message);
    Ok(Envelope::ok(
        messages.iter().map(show).collect::<Vec<Json>>(),
    ))
}

fn list_messages(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let filled = |key| call.filled("criteria", key);
    let criterion = |key| {
        call.bag
            .get("criteria")
            .and_then(|criteria| criteria.get(key))
    };
    let range = |name: &str| {
        let [from, to] = ["From", "To"].map(|end| format!("{name}Ts{end}"));
        let [day_from, day_to] = ["From", "To"].map(|end| format!("{name}Date{end}"));
        let [time_from, time_to] = ["From", "To"].map(|end| format!("{name}Time{end}"));
        call.range(
            &[&from, &day_from],
            &[&time_from],
            &[&to, &day_to],
            &[&time_to],
        )
    };
    let filter = MessageFilter {
        ids: ids(criterion("id")).or_else(|| ids(criterion("ids"))),
        campaigns: ids(criterion("campaignIds")).or_else(|| ids(criterion("campaignId"))),
        from: filled("from"),
        to: filled("to"),
        text: filled("text"),
        // .NET clients spell it so.
        status: filled("status").map(|status| match status.as_str() {
            "EXPIRD" => "EXPIRED".to_owned(),
            _ => status,
        }),
        campaign_status: filled("campaignStatus"),
        groups: ids(criterion("groups")),
        campaign_created: range("campaignCreate"),
        campaign_sent: range("campaignSent"),
        sent: range("startSend"),
        updated: range("statusUpdate"),
    };
    let sort = call.sort(&[
        ("id", MessageKey::Id),
        ("campaignId", MessageKey::Campaign),
        ("from", MessageKey::From),
        ("to", MessageKey::To),
        ("text", MessageKey::Text),
        ("status", MessageKey::Status),
        ("startSendTs", MessageKey::Sent),
        ("statusUpdateTs", MessageKey::Updated),
        ("segNum", MessageKey::Segments),
    ]);
    let (found, campaigns) = call
        .campaigns
        .list_messages(account, &filter, &sort, call.page())?;
    let with_destination = call.bag.text("withNumberInfo") == Some("1");
    let show = |message: &recipients_campaigns::Message| {
        let campaign = campaigns.get(&message.campaign);
        let campaign = campaign.map(|c| Json::Object(render::campaign_info(account, c, &[])));
        render::message(account, message, campaign, with_destination)
    };
    let items: Vec<Json> = found.items.iter().map(show).collect();
    Ok(Envelope::ok(
        json!({"items": items, "totalItemCount": found.total.to_string()}),
    ))
}

// Link.

fn new_link(call: &Call<'_>) -> NewLink {
    let own = |key| call.own("data", key);
    NewLink {
        target: own("fullLink"),
        status: own("status"),
        expires: own("expirationDate"),
        comment: own("comment"),
    }
}

fn create_link(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let Some(Value::Map(_)) = call.bag.get("data") else {
        return Err(Error::Missing("data"));
    };
    call.texts_only("data", &[Field::Comment])?;
    let link = call.campaigns.create_link(account, &new_link(call))?;
    Ok(Envelope::ok(render::new_link(
        &link,
        &call.campaigns.link_address(&link.code),
    )))
}

/// By which of three names a link is asked for, if by any.
fn link_by(call: &Call<'_>) -> Result<Option<LinkBy>, Error> {
    let text = |name| {
        call.bag
            .text(name)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    };
    Ok(match (text("id"), text("code"), text("shortLink")) {
        (Some(id), _, _) => Some(LinkBy::Id(id.parse().map_err(|_| Error::NotFound)?)),
        (_, Some(code), _) | (_, _, Some(code)) => Some(LinkBy::Code(code.to_owned())),
        _ => None,
    })
}

fn update_link(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let by = link_by(call)?.ok_or(Error::Missing("id"))?;
    let Some(Value::Map(_)) = call.bag.get("data") else {
        return Err(Error::Missing("data"));
    };
    call.texts_only("data", &[Field::Comment])?;
    call.campaigns.update_link(account, &by, &new_link(call))?;
    Ok(Envelope::ok(true))
}

fn delete_links(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let mut given = texts(
        call.bag
            .first(&["ids", "id"])
            .ok_or(Error::Missing("ids"))?,
    );
    if given.is_empty() {
        return Err(Error::Missing("ids"));
    }
    // One that is named twice is deleted once.
    let mut named = HashSet::new();
    given.retain(|text| named.insert(text.parse::<i64>().map_err(|_| text.clone())));
    let ids: Vec<i64> = given.iter().map(|text| id_of(text)).collect();
    let deleted = call.campaigns.delete_links(account, &ids)?;
    let part = |wanted: bool| -> Vec<&String> {
        let all = given.iter().zip(&deleted);
        all.filter(|(_, deleted)| **deleted == wanted)
            .map(|(text, _)| text)
            .collect()
    };
    Ok(Envelope::ok(
        json!({"processed": part(true), "notProcessed": part(false)}),
    ))
}

fn list_links(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let filter = LinkFilter {
        status: call.filled("criteria", "status"),
        query: call.filled("criteria", "query"),
        created: call.range(&["createTsFrom"], &[], &["createTsTo"], &[]),
    };
    // Every link has passed moderation.
    let is_other = call
        .filled("criteria", "moderatorStatus")
        .is_some_and(|status| status.trim() != render::MODERATED);
    let sort = call.sort(&[
        ("createTs", LinkKey::Created),
        ("expirationDate", LinkKey::Expires),
        ("clickCnt", LinkKey::Clicks),
        ("code", LinkKey::Code),
        ("fullLink", LinkKey::Target),
    ]);
    let mut found = call.campaigns.links(account, &filter, &sort, call.page())?;
    if is_other {
        (found.items, found.total) = (Vec::new(), 0);
    }
    let show = |link| render::link(account, link, &call.campaigns.link_address(&link.code));
    let items: Vec<Json> = found.items.iter().map(show).collect();
    Ok(Envelope::ok(
        json!({"items": items, "totalItemCount": found.total.to_string()}),
    ))
}

/// Links that GetStats can name.
const MOST_STATS: usize = 5;

fn link_stats(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let ids = ids(call.bag.get("ids")).ok_or(Error::Missing("ids"))?;
    if ids.len() > MOST_STATS {
        return Err(Error::Incorrect(Flaw::TooMany(MOST_STATS)));
    }
    let period = match call.bag.text("type").map(str::trim) {
        None | Some("" | "monthly") => Period::Month,
        Some("daily") => Period::Day,
        Some("hourly") => Period::Hour,
        Some("minute") => Period::Minute,
        Some(_) => {
            return Err(Error::Incorrect(Flaw::OneOf(
                "monthly, daily, hourly, minute",
            )));
        }
    };
    let range = call.range(&["dateFrom"], &[], &["dateTo"], &[]);
    let clicks = call.campaigns.clicks(account, &ids, period, &range)?;
    Ok(Envelope::ok(render::clicks(&clicks, ids.len())))
}

fn get_link(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let by = link_by(call)?.ok_or(Error::Incorrect(Flaw::Required))?;
    let link = call.campaigns.link(account, &by)?;
    Ok(Envelope::ok(render::link(
        account,
        &link,
        &call.campaigns.link_address(&link.code),
    )))
}

// ContactGroup, ContactCard.

fn create_group(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let Some(Value::Map(_)) = call.bag.get("data") else {
        return Err(Error::Missing("data"));
    };
    call.texts_only("data", &[Field::Name])?;
    let name = call.own("data", "name").unwrap_or_default();
    Ok(Envelope::ok(
        call.campaigns.create_group(account, &name)?.to_string(),
    ))
}

fn rename_group(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let id = call.id("id")?;
    let Some(Value::Map(_)) = call.bag.get("data") else {
        return Err(Error::Missing("data"));
    };
    call.texts_only("data", &[Field::Name])?;
    let name = call.own("data", "name").unwrap_or_default();
    call.campaigns.rename_group(account, id, &name)?;
    Ok(Envelope::ok(true))
}

fn delete_group(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let id = call.id("id")?;
    let shown = json!([id.to_string()]);
    let data = match call.campaigns.delete_group(account, id)? {
        true => json!({"processed": shown, "notProcessed": []}),
        false => json!({"processed": [], "notProcessed": shown}),
    };
    Ok(Envelope::ok(data))
}

fn group_size(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let id = call.id("id")?;
    let group = (id != -1).then_some(id);
    Ok(Envelope::ok(
        call.campaigns.group_size(account, group)?.to_string(),
    ))
}

fn list_groups(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let name = call.filled("criteria", "name");
    let found = call
        .campaigns
        .groups(account, name.as_deref(), call.page())?;
    let items: Vec<Json> = found
        .items
        .iter()
        .map(|group| render::group(account, group))
        .collect();
    Ok(Envelope::ok(
        json!({"items": items, "totalItemCount": found.total.to_string()}),
    ))
}

/// The fields of a card: texts, and maps with a `value` and perhaps a `type`.
fn card_fields(call: &Call<'_>) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let data = call.bag.get("data");
    for (name, value) in data.iter().flat_map(|data| data.entries()) {
        match value {
            Value::Text(text) => drop(fields.insert(name.to_owned(), text.clone())),
            map => {
                for (key, value) in map.entries() {
                    let field = match key {
                        "value" => name.to_owned(),
                        key => format!("{name}.{key}"),
                    };
                    if let Some(text) = value.text() {
                        fields.insert(field, text.to_owned());
                    }
                }
            }
        }
    }
    fields
}

fn create_card(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let Some(Value::Map(_)) = call.bag.get("data") else {
        return Err(Error::Missing("data"));
    };
    let id = call.campaigns.create_card(account, &card_fields(call))?;
    Ok(Envelope::ok(id.to_string()))
}

fn update_card(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    call.campaigns
        .update_card(account, call.id("id")?, &card_fields(call))?;
    Ok(Envelope::ok(true))
}

fn get_card(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let id = call.id("id")?;
    let card = call.campaigns.card(account, id)?;
    let groups = call.campaigns.card_groups(account, id)?;
    Ok(Envelope::ok(render::card(account, &card, &groups)))
}

fn delete_card(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    call.campaigns.delete_card(account, call.id("id")?)?;
    Ok(Envelope::ok(true))
}

/// A list of cards, as it is imported in the provider's panel.
fn import_cards(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let file = call.file("cardsFile");
    let file = file.ok_or(Error::Missing("cardsFile"))?;
    let groups = group_ids(call)?;
    let task = call
        .campaigns
        .begin_cards(account, &taken_over(file)?, &file.name, &groups)?;
    Ok(Envelope::new(ApiCode::Background, task, ""))
}

/// Where a task finds an uploaded file, which is the task's from now on.
fn taken_over(file: &Upload) -> Result<PathBuf, Error> {
    let path = file.path.with_extension("import");
    std::fs::rename(&file.path, &path)?;
    Ok(path)
}

fn card_groups(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let groups = call.campaigns.card_groups(account, call.id("id")?)?;
    let show = |(id, name): &(i64, String)| json!({"id": id.to_string(), "name": name});
    Ok(Envelope::ok(groups.iter().map(show).collect::<Vec<Json>>()))
}

fn set_card_groups(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let id = call.id("id")?;
    let groups = group_ids(call)?;
    call.campaigns.set_card_groups(account, id, &groups)?;
    Ok(Envelope::ok(true))
}

/// The groups that cards are put into.
fn group_ids(call: &Call<'_>) -> Result<Vec<i64>, Error> {
    let texts = call.bag.get("groupIds").map(texts).unwrap_or_default();
    let given = texts.iter().filter(|text| !text.is_empty());
    given
        .map(|text| text.parse().map_err(|_| Error::NotFound))
        .collect()
}

fn list_cards(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    // criteria[i][field|operator|value].
    let criteria = call.bag.get("criteria");
    let mut filter = CardFilter::default();
    let criteria: Vec<&Value> = criteria
        .iter()
        .flat_map(|criteria| criteria.items())
        .collect();
    if criteria.len() > MOST_CRITERIA {
        return Err(Error::Incorrect(Flaw::TooMany(MOST_CRITERIA)));
    }
    for criterion in criteria {
        let text = |key| criterion.get(key).and_then(Value::text).unwrap_or_default();
        let (name, value) = (text("field"), text("value").trim().to_owned());
        let test = match text("operator") {
            "" | "equal" => CardTest::Equal,
            "not_equal" => CardTest::NotEqual,
            "contain" => CardTest::Contain,
            "from" => CardTest::From,
            "to" => CardTest::To,
            "empty" => CardTest::Empty,
            _ => return Err(Error::Incorrect(Flaw::OneOf(OPERATORS))),
        };
        match (name, CardField::from_name(name)) {
            ("groupId", _) => {
                let values = criterion.get("value").map(texts).unwrap_or_default();
                let mut ids: Vec<Option<i64>> = Vec::new();
                for id in values {
                    ids.push(match id.as_str() {
                        "" | "-1" => None,
                        id => Some(id.parse().map_err(|_| Error::NotFound)?),
                    });
                }
                if ids.len() > MOST_CRITERIA {
                    return Err(Error::Incorrect(Flaw::TooMany(MOST_CRITERIA)));
                }
                if ids.is_empty() || test == CardTest::Empty {
                    ids = vec![None];
                }
                let is_negated = match test {
                    CardTest::Equal | CardTest::Empty => false,
                    CardTest::NotEqual => true,
                    _ => return Err(Error::Incorrect(Flaw::OneOf("equal, not_equal, empty"))),
                };
                filter.groups.push((ids, is_negated));
            }
            ("createTs", _) => match test {
                CardTest::From => filter.created.from = Some(value),
                CardTest::To => filter.created.to = Some(value),
                CardTest::Equal => {
                    filter.created.from = Some(value.clone());
                    filter.created.to = Some(value);
                }
                _ => return Err(Error::Incorrect(Flaw::OneOf("from, to, equal"))),
            },
            (_, Some(field)) => filter.fields.push((field, test, value)),
            (_, None) => return Err(Error::Incorrect(Flaw::Malformed)),
        }
    }
    let sort = call.bag.get("sort");
    let given = sort.iter().flat_map(|sort| sort.entries());
    let sort: Vec<(CardKey, bool)> = given
        .filter_map(|(name, direction)| {
            let key = match name {
                "id" => CardKey::Id,
                "createTs" => CardKey::Created,
                "fullName" => CardKey::FullName,
                name => CardKey::Field(CardField::from_name(name)?),
            };
            let direction = direction.text().unwrap_or_default();
            Some((key, direction.eq_ignore_ascii_case("desc")))
        })
        .take(MOST_CRITERIA)
        .collect();
    let (found, all) = call.campaigns.cards(account, &filter, &sort, call.page())?;
    let mut items = Vec::new();
    for card in &found.items {
        // One that was deleted meanwhile is in none.
        let groups = match call.campaigns.card_groups(account, card.id) {
            Err(Error::NotFound) => Vec::new(),
            groups => groups?,
        };
        items.push(render::card(account, card, &groups));
    }
    Ok(Envelope::ok(json!({
        "items": items,
        "totalItemCount": found.total.to_string(),
        "fullListItemCount": all.to_string(),
    })))
}

/// Criteria of a search, groups of one of them, and keys that it is sorted by.
const MOST_CRITERIA: usize = 30;

/// How fields of cards are compared.
const OPERATORS: &str = "equal, not_equal, contain, from, to, empty";

// Alphaname.

/// The senders that the account has registered.
fn list_senders(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let senders = &account.settings.senders;
    let page = call.page();
    let shown = senders.iter().enumerate();
    let shown = shown.skip(page.size as usize * page.number as usize);
    let items: Vec<Json> = shown
        .take(page.size as usize)
        .map(|(at, name)| render::sender(account, at, name))
        .collect();
    Ok(Envelope::ok(
        json!({"items": items, "totalItemCount": senders.len().to_string()}),
    ))
}

// NumberStopList.

fn stop(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    // Some clients put the fields into data, others beside it.
    let text = |name| {
        call.bag
            .within("data", name)
            .or_else(|| call.bag.text(name))
    };
    let comment = text("comment");
    let filled = |name| text(name).filter(|text| !text.trim().is_empty());
    if let (Some(from), Some(to)) = (filled("numberFrom"), filled("numberTo")) {
        call.campaigns.stop_range(account, from, to, comment)?;
        return Ok(Envelope::ok(true));
    }
    let number = filled("number").ok_or(Error::Missing("number"))?;
    let id = call.campaigns.stop(account, number, comment)?;
    Ok(Envelope::ok(id.to_string()))
}

fn unstop(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    call.campaigns.unstop(account, call.id("id")?)?;
    Ok(Envelope::ok(true))
}

/// An answer that somebody has sent, as the gateway that received it passes it on.
fn inbound(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let text = |name| call.bag.text(name);
    let number = text("number").filter(|text| !text.trim().is_empty());
    let number = number.ok_or(Error::Missing("number"))?;
    let words = text("text").ok_or(Error::Missing("text"))?;
    let stopped = call.campaigns.inbound(account, number, words)?;
    Ok(Envelope::ok(json!({
        "stopped": stopped.is_some(),
        "id": stopped.map(|id| id.to_string()),
    })))
}

fn list_stopped(call: &Call<'_>, account: &Account) -> Result<Envelope, Error> {
    let found = call.campaigns.stopped(account, call.page())?;
    let items: Vec<Json> = found
        .items
        .iter()
        .map(|entry| render::stopped(account, entry))
        .collect();
    let own = call.campaigns.stop_list(Some(account))?;
    Ok(Envelope::ok(json!({
        "items": items,
        "totalItemCount": found.total.to_string(),
        "loadedTs": render::time(account, own.loaded),
        "ageDays": own.days,
    })))
}
