//! The methods, typed.

use super::error::Error;
use super::http::{Answer, Client, Form, data, refused};
use super::types::{
    Added, Balance, CampaignInfo, ContactCard, ContactGroup, Entry, Id, Launch, LinkInfo, Listed,
    MessageInfo, Processed, SentMessage, StoppedNumber, Task, to_number,
};
use crate::{ApiCode, encode};
use recipients_core::Msisdn;
use recipients_template::Missing;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::fs::File;

/// A campaign to be made.
#[derive(Clone, Debug, Default)]
pub struct NewCampaign {
    /// The text, with its placeholders if it is a template.
    pub text: String,
    /// A name for people.
    pub name: Option<String>,
    /// 1 single, 2 mass (the server's default), 3 template.
    pub kind: Option<u8>,
    /// A registered sender.
    pub from: Option<String>,
    /// When to send it, `YYYY-MM-DD HH:MM:SS` in the account's zone.
    pub deferred_to: Option<String>,
    /// Messages in a period, and the period: 60, 3600 or 86400 seconds.
    pub rate: Option<(u32, u32)>,
    /// How long delivery is tried, in minutes.
    pub validity: Option<u32>,
    /// Whether links get a code for each recipient.
    pub track_links: bool,
}

/// How [`Client::add_recipients`] adds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AddOptions {
    /// Whether the recipients that are there go. The default is no.
    pub replace: bool,
    /// What to do where a placeholder has no value. The default is to keep it.
    pub missing: Missing,
}

impl Default for AddOptions {
    fn default() -> AddOptions {
        AddOptions {
            replace: false,
            missing: Missing::Keep,
        }
    }
}

/// Recipients of a call, encoded.
#[derive(Clone, Default)]
pub struct Recipients {
    form: String,
    count: usize,
}

/// Shows how many.
impl std::fmt::Debug for Recipients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recipients({})", self.count)
    }
}

/// What stands before a recipient's own fields, `recipients[499]` encoded, has at most so many bytes,
/// with the `&` between.
pub(super) const PREFIX: usize = "&recipients%5B499%5D".len();

/// One recipient's fields as they stand in a form, each behind [`PREFIX`] and ended by `&`.
pub(super) fn encode_recipient<'v>(
    number: Msisdn,
    values: impl Iterator<Item = (&'v str, &'v str)>,
    is_template: bool,
    out: &mut String,
) {
    if !is_template {
        out.push('=');
        out.push_str(&number.to_string());
        out.push('&');
        return;
    }
    out.push_str("%5Brecipient%5D=");
    out.push_str(&number.to_string());
    out.push('&');
    for (name, value) in values {
        out.push_str("%5B");
        // A placeholder's name needs no encoding.
        out.push_str(name);
        out.push_str("%5D=");
        encode::form(value, out);
        out.push('&');
    }
}

impl Recipients {
    /// Nobody.
    pub fn new() -> Recipients {
        Recipients::default()
    }

    /// Another number.
    pub fn number(&mut self, number: Msisdn) {
        let mut fields = String::new();
        encode_recipient(number, std::iter::empty(), false, &mut fields);
        self.encoded(&fields);
    }

    /// Another number, with values for placeholders.
    pub fn with_values<'v>(
        &mut self,
        number: Msisdn,
        values: impl IntoIterator<Item = (&'v str, &'v str)>,
    ) {
        let mut fields = String::new();
        encode_recipient(number, values.into_iter(), true, &mut fields);
        self.encoded(&fields);
    }

    pub(super) fn encoded(&mut self, fields: &str) {
        let index = self.count.to_string();
        for field in fields.split_terminator('&') {
            if !self.form.is_empty() {
                self.form.push('&');
            }
            self.form.push_str("recipients%5B");
            self.form.push_str(&index);
            self.form.push_str("%5D");
            self.form.push_str(field);
        }
        self.count += 1;
    }

    /// Bytes of the form that they are.
    pub fn bytes(&self) -> usize {
        self.form.len()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// The form of [`Client::add_recipients`].
pub(super) fn add_form(campaign: u64, recipients: &Recipients, options: AddOptions) -> Form {
    Form::new()
        .field("id", campaign)
        .field("params[replace]", u8::from(options.replace))
        .field("params[placeholdersFlag]", options.missing.flag())
        .encoded(&recipients.form)
}

/// The parameters of an uploaded list: what [`Writer::plain`](recipients_ingest::Writer::plain)
/// writes.
fn file_fields(campaign: u64, options: AddOptions) -> [(&'static str, String); 7] {
    [
        ("id", campaign.to_string()),
        ("params[replace]", u8::from(options.replace).to_string()),
        (
            "params[placeholdersFlag]",
            options.missing.flag().to_string(),
        ),
        ("params[recipientsFileEncoding]", "UTF-8".to_owned()),
        ("params[recipientsFileSkipHeader]", "1".to_owned()),
        ("params[recipientsFileDelimiter]", ",".to_owned()),
        ("params[recipientsFileEnclosure]", "\"".to_owned()),
    ]
}

/// Which page, and how many items on it.
fn page(form: Form, number: u32, size: u32) -> Form {
    form.field("pagination[currentPage]", number)
        .field("pagination[pageSize]", size)
}

/// Campaign.
impl Client {
    /// Makes a campaign; its id.
    ///
    /// # Errors
    ///
    /// If a value cannot be stored (code 1), or the call fails.
    pub fn create_campaign(&self, campaign: &NewCampaign) -> Result<u64, Error> {
        let form = Form::new()
            .field("data[text]", &campaign.text)
            .optional("data[name]", campaign.name.as_ref())
            .optional("data[type]", campaign.kind)
            .optional("data[from]", campaign.from.as_ref())
            .optional("data[deferredToTs]", campaign.deferred_to.as_ref())
            .optional("data[rateLimit]", campaign.rate.map(|rate| rate.0))
            .optional("data[ratePeriod]", campaign.rate.map(|rate| rate.1))
            .optional("data[validity]", campaign.validity)
            .optional(
                "data[trackShortLinkRecipients]",
                campaign.track_links.then_some(1),
            );
        Ok(self.done::<Id>("campaign/create", &form)?.0)
    }

    /// A campaign, without its counters.
    ///
    /// # Errors
    ///
    /// If there is none with this id (code 2), or the call fails.
    pub fn campaign(&self, id: u64) -> Result<CampaignInfo, Error> {
        // Some servers leave the id out.
        let mut found: Json = self.done("campaign/get", &Form::new().field("id", id))?;
        if let Some(found) = found.as_object_mut() {
            found.entry("id").or_insert(Json::from(id));
        }
        serde_json::from_value(found).map_err(|_| Error::unreadable("it is no campaign"))
    }

    /// A campaign with its counters; `filled` asks for the text as one recipient gets it.
    ///
    /// # Errors
    ///
    /// If there is none with this id (code 2), or the call fails.
    pub fn campaign_info(&self, id: u64, filled: bool) -> Result<CampaignInfo, Error> {
        let form = Form::new()
            .field("id", id)
            .field("getFilledTplCampaignText", u8::from(filled));
        self.done("campaign/getinfo", &form)
    }

    /// Campaigns that meet criteria, as `("status", "NEW")`, newest first.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub fn campaigns(
        &self,
        criteria: &[(&str, &str)],
        number: u32,
        size: u32,
    ) -> Result<Listed<CampaignInfo>, Error> {
        self.list("campaign/list", criteria, number, size)
    }

    fn list<T: DeserializeOwned>(
        &self,
        method: &str,
        criteria: &[(&str, &str)],
        number: u32,
        size: u32,
    ) -> Result<Listed<T>, Error> {
        let mut form = page(Form::new(), number, size).field("sort[id]", "DESC");
        for (name, value) in criteria {
            form.add(&format!("criteria[{name}]"), value);
        }
        self.done(method, &form)
    }

    /// Has a campaign sent.
    ///
    /// # Errors
    ///
    /// If its state forbids it (code 10), or the call fails.
    pub fn send_campaign(&self, id: u64) -> Result<Launch, Error> {
        let sent: Id = self.done("campaign/send", &Form::new().field("id", id))?;
        match sent.0 {
            1 => Ok(Launch::Moderation),
            2 => Ok(Launch::Sending),
            _ => Err(Error::unreadable("it tells of no launch")),
        }
    }

    /// Deletes a campaign that is not being sent.
    ///
    /// # Errors
    ///
    /// If its state forbids it (code 10), or the call fails.
    pub fn delete_campaign(&self, id: u64) -> Result<(), Error> {
        self.done::<Json>("campaign/delete", &Form::new().field("id", id))?;
        Ok(())
    }

    /// Adds at most 500 recipients to a campaign. That some or none were added (98, 99) is no error:
    /// each has its code.
    ///
    /// # Errors
    ///
    /// If nothing was added because the call as a whole was refused, or it fails.
    pub fn add_recipients(
        &self,
        campaign: u64,
        recipients: &Recipients,
        options: AddOptions,
    ) -> Result<Added, Error> {
        self.add_encoded(&add_form(campaign, recipients, options))
    }

    pub(super) fn add_encoded(&self, form: &Form) -> Result<Added, Error> {
        let answer: Answer<Box<serde_json::value::RawValue>> =
            self.call("campaign/addrecipients", form)?;
        let Answer {
            code,
            data,
            message,
        } = answer;
        let text = data.as_ref().map_or("null", |data| data.get());
        match ApiCode::from_number(code) {
            Some(ApiCode::Ok | ApiCode::Partly | ApiCode::Nothing) => {
                let entries: Vec<Entry> = serde_json::from_str(text).map_err(|_| {
                    self.hang_up();
                    Error::unreadable("it has no list of recipients")
                })?;
                Ok(Added { code, entries })
            }
            _ => Err(refused(Answer {
                code,
                data: serde_json::from_str(text).ok(),
                message,
            })),
        }
    }

    /// Has a list added in the background: a CSV file in UTF-8 with commas and double quotes, whose
    /// first row holds the names of the columns. The task's number.
    ///
    /// # Errors
    ///
    /// If the file is refused at once, or the call fails.
    pub fn add_file(&self, campaign: u64, list: &File, options: AddOptions) -> Result<u64, Error> {
        let fields = file_fields(campaign, options);
        let method = "campaign/addrecipients";
        let answer: Answer = self.call_with_file(method, &fields, "recipients.csv", list)?;
        Ok(data::<Id>(answer)?.0)
    }

    /// The short links in a campaign's text.
    ///
    /// # Errors
    ///
    /// If there is no such campaign (code 2), or the call fails.
    pub fn campaign_links(&self, id: u64) -> Result<Vec<LinkInfo>, Error> {
        self.done("campaign/getlinks", &Form::new().field("campaignId", id))
    }
}

/// TaskQueue, Message and User.
impl Client {
    /// How far a task is; ask no more than once a second.
    ///
    /// # Errors
    ///
    /// If there is no such task (code 2), it is asked for too often (30), or the call fails.
    pub fn task(&self, id: u64) -> Result<Task, Error> {
        self.done("taskqueue/getstatus", &Form::new().field("id", id))
    }

    /// Sends one message.
    ///
    /// # Errors
    ///
    /// If the number or the text is refused (code 1), or the call fails.
    pub fn send_message(
        &self,
        recipient: Msisdn,
        text: &str,
        from: Option<&str>,
    ) -> Result<SentMessage, Error> {
        let form = Form::new()
            .field("recipient", recipient)
            .field("text", text)
            .optional("from", from);
        self.done("message/sendsmsmessage", &form)
    }

    /// The state of at most 100 messages; those that are not there are left out.
    ///
    /// # Errors
    ///
    /// If there are none or too many ids (codes 2, 12), or the call fails.
    pub fn message_statuses(&self, ids: &[u64]) -> Result<Vec<MessageInfo>, Error> {
        self.done("message/getsmsstatus", &Form::new().list("ids", ids))
    }

    /// Messages that meet criteria, as `("campaignIds", "7")`, newest first.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub fn messages(
        &self,
        criteria: &[(&str, &str)],
        number: u32,
        size: u32,
    ) -> Result<Listed<MessageInfo>, Error> {
        self.list("message/list", criteria, number, size)
    }

    /// What is left to be spent.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub fn balance(&self) -> Result<Balance, Error> {
        self.done("user/getownbalance", &Form::new())
    }
}

/// Link.
impl Client {
    /// Makes a short link.
    ///
    /// # Errors
    ///
    /// If the target is refused (code 1), or the call fails.
    pub fn create_link(&self, target: &str, comment: Option<&str>) -> Result<LinkInfo, Error> {
        let form = Form::new()
            .field("data[fullLink]", target)
            .field("data[status]", 1)
            .optional("data[comment]", comment);
        self.done("link/create", &form)
    }

    /// A short link by its id.
    ///
    /// # Errors
    ///
    /// If there is none (code 2), or the call fails.
    pub fn link(&self, id: u64) -> Result<LinkInfo, Error> {
        self.done("link/get", &Form::new().field("id", id))
    }

    /// Short links that meet criteria, as `("status", "1")`.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub fn links(
        &self,
        criteria: &[(&str, &str)],
        number: u32,
        size: u32,
    ) -> Result<Listed<LinkInfo>, Error> {
        self.list("link/list", criteria, number, size)
    }

    /// Changes a short link; `expires` is its last day, `YYYY-MM-DD`, none is never.
    ///
    /// # Errors
    ///
    /// If there is none (code 2), a value is refused (code 1), or the call fails.
    pub fn update_link(
        &self,
        id: u64,
        is_active: bool,
        expires: Option<&str>,
        comment: Option<&str>,
    ) -> Result<(), Error> {
        let form = Form::new()
            .field("id", id)
            .field("data[status]", u8::from(is_active))
            .optional("data[expirationDate]", expires)
            .optional("data[comment]", comment);
        self.done::<Json>("link/update", &form)?;
        Ok(())
    }

    /// Clicks and redirects of at most five short links, as the server lays them out; `step` is
    /// `monthly`, `daily`, `hourly` or `minute`.
    ///
    /// # Errors
    ///
    /// If there are too many ids or the step is unknown (code 12), or the call fails.
    pub fn link_stats(&self, ids: &[u64], step: &str) -> Result<Json, Error> {
        let form = Form::new().list("ids", ids).field("type", step);
        self.done("link/getstats", &form)
    }

    /// Deletes short links.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub fn delete_links(&self, ids: &[u64]) -> Result<Processed, Error> {
        self.done("link/delete", &Form::new().list("ids", ids))
    }
}

/// NumberStopList.
impl Client {
    /// Numbers that are not to be written to.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub fn stopped_numbers(&self, number: u32, size: u32) -> Result<Listed<StoppedNumber>, Error> {
        self.done("numberstoplist/list", &page(Form::new(), number, size))
    }

    /// Adds a number to the stop list; the entry's id.
    ///
    /// # Errors
    ///
    /// If it is refused (code 1), or the call fails.
    pub fn stop_number(&self, number: Msisdn, comment: Option<&str>) -> Result<u64, Error> {
        let form = Form::new()
            .field("id", "")
            .field("number", number)
            .optional("comment", comment);
        Ok(self.done::<Id>("numberstoplist/create", &form)?.0)
    }

    /// Adds all numbers from one to another to the stop list.
    ///
    /// # Errors
    ///
    /// If they are refused (code 1), or the call fails.
    pub fn stop_range(&self, from: Msisdn, to: Msisdn) -> Result<(), Error> {
        let form = Form::new()
            .field("id", "")
            .field("numberFrom", from)
            .field("numberTo", to);
        self.done::<Json>("numberstoplist/create", &form)?;
        Ok(())
    }

    /// Takes an entry off the stop list.
    ///
    /// # Errors
    ///
    /// If there is none (code 2), or the call fails.
    pub fn unstop(&self, id: u64) -> Result<(), Error> {
        self.done::<Json>("numberstoplist/delete", &Form::new().field("id", id))?;
        Ok(())
    }
}

/// ContactGroup and ContactCard.
impl Client {
    /// Groups of contacts.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub fn groups(&self, number: u32, size: u32) -> Result<Listed<ContactGroup>, Error> {
        self.done("contactgroup/list", &page(Form::new(), number, size))
    }

    /// Makes a group; its id.
    ///
    /// # Errors
    ///
    /// If there is one of this name (code 1), or the call fails.
    pub fn create_group(&self, name: &str) -> Result<u64, Error> {
        let form = Form::new().field("data[name]", name);
        Ok(self.done::<Id>("contactgroup/create", &form)?.0)
    }

    /// Gives a group another name.
    ///
    /// # Errors
    ///
    /// If there is one of this name (code 1), or the call fails.
    pub fn rename_group(&self, id: u64, name: &str) -> Result<(), Error> {
        let form = Form::new().field("id", id).field("data[name]", name);
        self.done::<Json>("contactgroup/update", &form)?;
        Ok(())
    }

    /// Deletes a group; its contacts stay.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub fn delete_group(&self, id: u64) -> Result<Processed, Error> {
        self.done("contactgroup/delete", &Form::new().field("id", id))
    }

    /// How many contacts are in a group; without one, how many are in none.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub fn group_size(&self, group: Option<u64>) -> Result<u64, Error> {
        let id = group.map_or("-1".to_owned(), |id| id.to_string());
        let counted: Json =
            self.done("contactgroup/getcardscount", &Form::new().field("id", id))?;
        to_number(&counted).ok_or_else(|| Error::unreadable("it is no count"))
    }

    /// A contact.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub fn card(&self, id: u64) -> Result<Option<ContactCard>, Error> {
        self.done("contactcard/get", &Form::new().field("id", id))
    }

    /// Contacts.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub fn cards(&self, number: u32, size: u32) -> Result<Listed<ContactCard>, Error> {
        self.done("contactcard/list", &page(Form::new(), number, size))
    }

    /// Makes a contact of fields, as `("name", "Olha")` and `("mobile][value", "380971112233")`; its
    /// id.
    ///
    /// # Errors
    ///
    /// If a value is refused (code 1), or the call fails.
    pub fn create_card(&self, fields: &[(&str, &str)]) -> Result<u64, Error> {
        let form = card_form(Form::new(), fields);
        Ok(self.done::<Id>("contactcard/create", &form)?.0)
    }

    /// Changes fields of a contact.
    ///
    /// # Errors
    ///
    /// If a value is refused (code 1), or the call fails.
    pub fn update_card(&self, id: u64, fields: &[(&str, &str)]) -> Result<(), Error> {
        let form = card_form(Form::new().field("id", id), fields);
        self.done::<Json>("contactcard/update", &form)?;
        Ok(())
    }

    /// Deletes a contact.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub fn delete_card(&self, id: u64) -> Result<(), Error> {
        self.done::<Json>("contactcard/delete", &Form::new().field("id", id))?;
        Ok(())
    }

    /// The groups of a contact.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub fn card_groups(&self, id: u64) -> Result<Vec<ContactGroup>, Error> {
        self.done("contactcard/getgroups", &Form::new().field("id", id))
    }

    /// Puts a contact into these groups and no others.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub fn set_card_groups(&self, id: u64, groups: &[u64]) -> Result<(), Error> {
        let form = Form::new().field("id", id).list("groupIds", groups);
        self.done::<Json>("contactcard/setgroups", &form)?;
        Ok(())
    }
}

/// Alphaname and Price, as the server lays them out.
impl Client {
    /// The senders that the account has registered.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub fn senders(&self, number: u32, size: u32) -> Result<Listed<Json>, Error> {
        self.done("alphaname/list", &page(Form::new(), number, size))
    }

    /// What a segment to a country costs, by its ISO 3166 code.
    ///
    /// # Errors
    ///
    /// If there is no such country (code 12), or the call fails.
    pub fn prices(&self, country: &str) -> Result<Json, Error> {
        self.done("price/listpublic", &Form::new().field("countryA2", country))
    }
}

fn card_form(form: Form, fields: &[(&str, &str)]) -> Form {
    fields.iter().fold(form, |form, (name, value)| {
        form.field(&format!("data[{name}]"), value)
    })
}
