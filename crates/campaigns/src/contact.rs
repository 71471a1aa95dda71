//! The contact book: cards, and groups of them.

use crate::Campaigns;
use crate::account::Account;
use crate::audit::Act;
use crate::campaign::{Found, Page};
use crate::error::{Error, Field, Flaw};
use recipients_core::{Checker, Contact, ContactBook};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// The fields of a card: what placeholders and `CARD:FIELD` can name.
pub const CARD_FIELDS: &[&str] = &[
    "title",
    "name",
    "surname",
    "mobile",
    "email",
    "viber",
    "whatsapp",
    "landline",
    "skype",
    "telegram",
    "birth_date",
    "gender",
    "company_name",
    "company_url",
    "info",
];

/// The parts of a card's address, as its fields `address.city` and so on.
pub const ADDRESS_FIELDS: &[&str] = &[
    "address.countryA2",
    "address.country",
    "address.regionId",
    "address.region",
    "address.cityId",
    "address.city",
    "address.postalcode",
    "address.street",
    "address.building",
    "address.other",
];

/// A picture, which is not kept.
const PHOTO: &str = "photo";

/// The field with the number that is marked for mailings.
pub const MOBILE: &str = "mobile";

const MOST_NAME: usize = 255;
pub(crate) const MOST_VALUE: usize = 1000;

/// A card.
#[derive(Clone, Debug)]
pub struct Card {
    /// Its number.
    pub id: i64,
    /// Its fields that have a value; `mobile.type` among them.
    pub fields: BTreeMap<String, String>,
}

/// A field of a card that is known: its name in the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CardField(pub(crate) &'static str, pub(crate) bool);

impl CardField {
    /// The field of this name: `name`, `mobile`, `mobile.value`, `mobile.type`, `address.city`.
    pub fn from_name(name: &str) -> Option<CardField> {
        let (name, is_type) = match (name.strip_suffix(".type"), name.strip_suffix(".value")) {
            (Some(name), _) => (name, true),
            (_, Some(name)) => (name, false),
            _ => (name, false),
        };
        let mut known = CARD_FIELDS.iter().chain(ADDRESS_FIELDS);
        let known = known.find(|&&known| known == name)?;
        Some(CardField(known, is_type))
    }

    /// As it is stored.
    pub(crate) fn key(self) -> String {
        match self.1 {
            true => format!("{}.type", self.0),
            false => self.0.to_owned(),
        }
    }
}

/// How a field is compared, upper and lower case alike.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CardTest {
    /// It is the value.
    Equal,
    /// It is not, or empty.
    NotEqual,
    /// The value is a part of it.
    Contain,
    /// It is the value or comes after it.
    From,
    /// It is the value or comes before it.
    To,
    /// It has no value.
    Empty,
}

/// Which cards are asked for: those that meet all of it.
#[derive(Clone, Debug, Default)]
pub struct CardFilter {
    /// Of one of these groups, or with true of none of them; `None` is of no group at all.
    pub groups: Vec<(Vec<Option<i64>>, bool)>,
    /// What fields hold.
    pub fields: Vec<(CardField, CardTest, String)>,
    /// When they were made.
    pub created: crate::campaign::Range,
}

/// What cards can be sorted by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CardKey {
    /// The id.
    Id,
    /// When it was made.
    Created,
    /// Name, then surname.
    FullName,
    /// A field.
    Field(CardField),
}

/// A group of cards.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// How many cards it holds.
    pub cards: i64,
    /// When it was made.
    pub created: crate::clock::Millis,
}

/// The cards that a request names.
pub(crate) struct Book(pub(crate) HashMap<String, Card>);

impl ContactBook for Book {
    fn find(&self, card: &str, field: Option<&str>) -> Contact<'_> {
        let Some(card) = self.0.get(card) else {
            return Contact::UnknownCard;
        };
        let field = field.unwrap_or(MOBILE);
        if !CARD_FIELDS.contains(&field) {
            return Contact::UnknownField;
        }
        match card.fields.get(field) {
            Some(number) => Contact::Number(Cow::Borrowed(number)),
            None => Contact::WithoutNumber,
        }
    }
}

fn checked(fields: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error> {
    let mut kept = BTreeMap::new();
    let mut flaws = Vec::new();
    for (name, value) in fields {
        let value = value.trim();
        if name == PHOTO && !value.is_empty() {
            flaws.push((Field::Card(PHOTO), Flaw::NotKept));
        }
        let Some(field) = CardField::from_name(name) else {
            continue;
        };
        if value.chars().count() > MOST_VALUE {
            flaws.push((Field::Card(field.0), Flaw::TooLong(MOST_VALUE)));
        } else if !value.is_empty() {
            kept.insert(field.key(), normal(field, value));
        }
    }
    if !flaws.is_empty() {
        return Err(Error::Invalid(flaws));
    }
    Ok(kept)
}

fn is_number(field: CardField) -> bool {
    let names = [MOBILE, "viber", "whatsapp", "landline"];
    names.contains(&field.0) && !field.1
}

/// A number as the pipeline writes it, if it can be read; what cannot is kept, and told of when it is
/// to be written to.
pub(crate) fn normal(field: CardField, value: &str) -> String {
    let number = match is_number(field) {
        true => Checker::default().stop_list_entry(value).ok(),
        false => None,
    };
    number.map_or_else(|| value.to_owned(), |number| number.to_string())
}

impl Campaigns {
    /// Adds a card; its id. Fields of other names are left out.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a value of more than 1000 characters.
    pub fn create_card(
        &self,
        account: &Account,
        fields: &BTreeMap<String, String>,
    ) -> Result<i64, Error> {
        let fields = checked(fields)?;
        let now = self.now();
        self.store.write(|change| {
            let id = change.add_card(account.id, &fields, now)?;
            change.record(&account.hand(), Act::CreateCard, Some(id), now)?;
            Ok(id)
        })
    }

    /// Changes fields of a card; those that are not given stay, and those that are given empty go.
    ///
    /// # Errors
    ///
    /// As [`Campaigns::create_card`], and [`Error::NotFound`].
    pub fn update_card(
        &self,
        account: &Account,
        id: i64,
        fields: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        self.store.write(|change| {
            let card = change.card(account.id, id)?.ok_or(Error::NotFound)?;
            let mut all = card.fields;
            all.extend(fields.clone());
            change.set_card(id, &checked(&all)?)?;
            change.record(&account.hand(), Act::UpdateCard, Some(id), self.now())
        })
    }

    /// A card.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn card(&self, account: &Account, id: i64) -> Result<Card, Error> {
        self.store
            .read(|look| look.card(account.id, id)?.ok_or(Error::NotFound))
    }

    /// Deletes a card, and takes it out of its groups.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn delete_card(&self, account: &Account, id: i64) -> Result<(), Error> {
        self.store.write(|change| {
            change.card(account.id, id)?.ok_or(Error::NotFound)?;
            change.delete_card(id, self.now())?;
            change.record(&account.hand(), Act::DeleteCard, Some(id), self.now())
        })
    }

    /// The account's cards that meet the filter, in the order of the keys (descending where it is
    /// true), the newest first; and how many cards there are in all.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn cards(
        &self,
        account: &Account,
        filter: &CardFilter,
        sort: &[(CardKey, bool)],
        page: Page,
    ) -> Result<(Found<Card>, i64), Error> {
        let created = filter.created.ends(account);
        let mut filter = filter.clone();
        for (field, test, value) in &mut filter.fields {
            match test {
                CardTest::Equal | CardTest::NotEqual => *value = normal(*field, value),
                // A part of a number is looked for in the digits that are stored.
                CardTest::Contain if is_number(*field) => {
                    value.retain(|c| !"+-() ".contains(c));
                }
                _ => {}
            }
        }
        self.store.read(|look| {
            let found = look.cards(account.id, &filter, created, sort, page)?;
            let one = Page { size: 1, number: 0 };
            let all = look.cards(account.id, &CardFilter::default(), None, &[], one)?;
            Ok((found, all.total))
        })
    }

    /// Puts a card into these groups and no others.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for the card or a group.
    pub fn set_card_groups(&self, account: &Account, id: i64, groups: &[i64]) -> Result<(), Error> {
        self.store.write(|change| {
            change.card(account.id, id)?.ok_or(Error::NotFound)?;
            change.leave_groups(id)?;
            for &group in groups {
                if !change.is_group(account.id, group)? {
                    return Err(Error::NotFound);
                }
                change.join_group(&[id], group)?;
            }
            change.record(&account.hand(), Act::SetCardGroups, Some(id), self.now())
        })
    }

    /// The groups of a card.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for the card.
    pub fn card_groups(&self, account: &Account, id: i64) -> Result<Vec<(i64, String)>, Error> {
        self.store.read(|look| {
            look.card(account.id, id)?.ok_or(Error::NotFound)?;
            look.groups_of_card(id)
        })
    }

    /// Adds a group; its id.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the name is missing, too long or taken.
    pub fn create_group(&self, account: &Account, name: &str) -> Result<i64, Error> {
        let name = group_name(name)?;
        self.store.write(|change| {
            let now = self.now();
            let added = change.add_group(account.id, name, now)?;
            let id = added.ok_or_else(|| Error::invalid(Field::Name, Flaw::GroupTaken))?;
            change.record(&account.hand(), Act::CreateGroup, Some(id), now)?;
            Ok(id)
        })
    }

    /// The group of this name, which is added if there is none; its id.
    ///
    /// # Errors
    ///
    /// As [`Campaigns::create_group`], but for a name that is taken.
    pub fn group_named(&self, account: &Account, name: &str) -> Result<i64, Error> {
        let name = group_name(name)?;
        let known = self
            .store
            .read(|look| look.group_of_name(account.id, name))?;
        match known {
            Some(id) => Ok(id),
            None => self.create_group(account, name),
        }
    }

    /// Renames a group.
    ///
    /// # Errors
    ///
    /// As [`Campaigns::create_group`], and [`Error::NotFound`].
    pub fn rename_group(&self, account: &Account, id: i64, name: &str) -> Result<(), Error> {
        let name = group_name(name)?;
        self.store.write(|change| {
            if !change.is_group(account.id, id)? {
                return Err(Error::NotFound);
            }
            match change.rename_group(id, name)? {
                true => change.record(&account.hand(), Act::RenameGroup, Some(id), self.now()),
                false => Err(Error::invalid(Field::Name, Flaw::GroupTaken)),
            }
        })
    }

    /// Deletes a group, but not its cards; whether there was one.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn delete_group(&self, account: &Account, id: i64) -> Result<bool, Error> {
        self.store.write(|change| {
            let is_gone = change.delete_group(account.id, id)?;
            if is_gone {
                change.record(&account.hand(), Act::DeleteGroup, Some(id), self.now())?;
            }
            Ok(is_gone)
        })
    }

    /// The account's groups by name, all or those whose name holds a text.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn groups(
        &self,
        account: &Account,
        name: Option<&str>,
        page: Page,
    ) -> Result<Found<Group>, Error> {
        self.store.read(|look| look.groups(account.id, name, page))
    }

    /// How many cards a group holds, or with `None` how many are in no group.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for the group.
    pub fn group_size(&self, account: &Account, group: Option<i64>) -> Result<i64, Error> {
        self.store.read(|look| match group {
            Some(group) => match look.group_name(account.id, group)? {
                Some((_, cards)) => Ok(cards),
                None => Err(Error::NotFound),
            },
            None => {
                let page = Page { size: 1, number: 0 };
                let none = CardFilter {
                    groups: vec![(vec![None], false)],
                    ..CardFilter::default()
                };
                Ok(look.cards(account.id, &none, None, &[], page)?.total)
            }
        })
    }
}

fn group_name(name: &str) -> Result<&str, Error> {
    let name = name.trim();
    match name.chars().count() {
        0 => Err(Error::invalid(Field::Name, Flaw::Required)),
        length if length > MOST_NAME => Err(Error::invalid(Field::Name, Flaw::TooLong(MOST_NAME))),
        _ => Ok(name),
    }
}
