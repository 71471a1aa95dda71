//! The contact book: cards, and groups of them.

use crate::Campaigns;
use crate::account::Account;
use crate::campaign::{Conditions, Found, Page};
use crate::error::{Error, Flaw};
use recipients_core::{Contact, ContactBook};
use rusqlite::{Connection, OptionalExtension};
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

/// The field with the number that is marked for mailings.
pub const MOBILE: &str = "mobile";

const MOST_NAME: usize = 255;
const MOST_VALUE: usize = 1000;

/// A card.
#[derive(Clone, Debug)]
pub struct Card {
    /// Its number.
    pub id: i64,
    /// Its fields that have a value; `mobile.type` among them.
    pub fields: BTreeMap<String, String>,
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

pub(crate) fn card(look: &Connection, account: i64, id: i64) -> Result<Option<Card>, Error> {
    let mut query = look.prepare_cached(
        "SELECT fields FROM card WHERE id = ? AND account = ? AND deleted IS NULL",
    )?;
    let fields: Option<String> = query
        .query_row([id, account], |row| row.get(0))
        .optional()?;
    Ok(fields.map(|fields| Card {
        id,
        fields: serde_json::from_str(&fields).unwrap_or_default(),
    }))
}

fn checked(fields: &BTreeMap<String, String>) -> Result<String, Error> {
    let mut kept = BTreeMap::new();
    let mut flaws = Vec::new();
    for (name, value) in fields {
        let known = CARD_FIELDS.iter().find(|&&known| {
            *name == known || name.strip_prefix(known).is_some_and(|rest| rest == ".type")
        });
        let Some(field) = known else {
            continue;
        };
        let value = value.trim();
        if value.chars().count() > MOST_VALUE {
            flaws.push((*field, Flaw::TooLong(MOST_VALUE)));
        } else if !value.is_empty() {
            kept.insert(name.as_str(), value);
        }
    }
    if !flaws.is_empty() {
        return Err(Error::Invalid(flaws));
    }
    serde_json::to_string(&kept).map_err(|error| Error::Internal(error.to_string()))
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
        self.store.write(|change| {
            change.execute(
                "INSERT INTO card (account, fields, created) VALUES (?, ?, ?)",
                (account.id, fields, self.clock.now()),
            )?;
            Ok(change.last_insert_rowid())
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
            let mut all = card(change, account.id, id)?.ok_or(Error::NotFound)?.fields;
            all.extend(fields.clone());
            let query = "UPDATE card SET fields = ? WHERE id = ?";
            change.execute(query, (checked(&all)?, id))?;
            Ok(())
        })
    }

    /// A card.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn card(&self, account: &Account, id: i64) -> Result<Card, Error> {
        self.store
            .read(|look| card(look, account.id, id)?.ok_or(Error::NotFound))
    }

    /// Deletes a card, and takes it out of its groups.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn delete_card(&self, account: &Account, id: i64) -> Result<(), Error> {
        self.store.write(|change| {
            card(change, account.id, id)?.ok_or(Error::NotFound)?;
            change.execute("DELETE FROM card_in_group WHERE card = ?", [id])?;
            change.execute(
                "UPDATE card SET deleted = ? WHERE id = ?",
                [self.clock.now(), id],
            )?;
            Ok(())
        })
    }

    /// The account's cards, the newest first; of one group, or with `Some(None)` of none.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn cards(
        &self,
        account: &Account,
        group: Option<Option<i64>>,
        page: Page,
    ) -> Result<Found<Card>, Error> {
        let mut when = Conditions::default();
        when.add("account = ?", account.id);
        when.plain("deleted IS NULL".to_owned());
        match group {
            Some(Some(group)) => when.add(
                "EXISTS (SELECT 1 FROM card_in_group WHERE card = id AND card_group = ?)",
                group,
            ),
            Some(None) => {
                when.plain("NOT EXISTS (SELECT 1 FROM card_in_group WHERE card = id)".to_owned());
            }
            None => {}
        }
        self.store.read(|look| {
            let count = format!("SELECT count(*) FROM card WHERE {}", when.text());
            let total = look.query_row(&count, &*when.values(), |row| row.get(0))?;
            let query = format!(
                "SELECT id, fields FROM card WHERE {} ORDER BY id DESC LIMIT {} OFFSET {}",
                when.text(),
                page.size,
                u64::from(page.size) * u64::from(page.number)
            );
            let mut query = look.prepare(&query)?;
            let items = query.query_map(&*when.values(), |row| {
                let fields: String = row.get(1)?;
                Ok(Card {
                    id: row.get(0)?,
                    fields: serde_json::from_str(&fields).unwrap_or_default(),
                })
            })?;
            Ok(Found {
                items: items.collect::<Result<_, _>>()?,
                total,
            })
        })
    }

    /// Puts a card into these groups and no others.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for the card or a group.
    pub fn set_card_groups(&self, account: &Account, id: i64, groups: &[i64]) -> Result<(), Error> {
        self.store.write(|change| {
            card(change, account.id, id)?.ok_or(Error::NotFound)?;
            change.execute("DELETE FROM card_in_group WHERE card = ?", [id])?;
            for group in groups {
                let mut query = change
                    .prepare_cached("SELECT 1 FROM card_group WHERE id = ? AND account = ?")?;
                query.query_row([*group, account.id], |_| Ok(()))?;
                change.execute(
                    "INSERT OR IGNORE INTO card_in_group VALUES (?, ?)",
                    [*group, id],
                )?;
            }
            Ok(())
        })
    }

    /// The groups of a card.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for the card.
    pub fn card_groups(&self, account: &Account, id: i64) -> Result<Vec<(i64, String)>, Error> {
        self.store.read(|look| {
            card(look, account.id, id)?.ok_or(Error::NotFound)?;
            let mut query = look.prepare_cached(
                "SELECT id, name FROM card_group WHERE id IN \
                 (SELECT card_group FROM card_in_group WHERE card = ?) ORDER BY id",
            )?;
            let groups = query.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(groups.collect::<Result<_, _>>()?)
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
            let added = change.execute(
                "INSERT INTO card_group (account, name, created) VALUES (?, ?, ?) \
                 ON CONFLICT DO NOTHING",
                (account.id, name, self.clock.now()),
            )?;
            match added {
                0 => Err(Error::invalid("name", Flaw::Taken)),
                _ => Ok(change.last_insert_rowid()),
            }
        })
    }

    /// Renames a group.
    ///
    /// # Errors
    ///
    /// As [`Campaigns::create_group`], and [`Error::NotFound`].
    pub fn rename_group(&self, account: &Account, id: i64, name: &str) -> Result<(), Error> {
        let name = group_name(name)?;
        self.store.write(|change| {
            let query = "SELECT 1 FROM card_group WHERE id = ? AND account = ?";
            change.query_row(query, [id, account.id], |_| Ok(()))?;
            let changed = change.execute(
                "UPDATE OR IGNORE card_group SET name = ? WHERE id = ?",
                (name, id),
            )?;
            match changed {
                0 => Err(Error::invalid("name", Flaw::Taken)),
                _ => Ok(()),
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
            let deleted = change.execute(
                "DELETE FROM card_group WHERE id = ? AND account = ?",
                [id, account.id],
            )?;
            if deleted > 0 {
                change.execute("DELETE FROM card_in_group WHERE card_group = ?", [id])?;
            }
            Ok(deleted > 0)
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
        let mut when = Conditions::default();
        when.add("account = ?", account.id);
        if let Some(name) = name {
            when.add("instr(name, ?) > 0", name.to_owned());
        }
        self.store.read(|look| {
            let count = format!("SELECT count(*) FROM card_group WHERE {}", when.text());
            let total = look.query_row(&count, &*when.values(), |row| row.get(0))?;
            let query = format!(
                "SELECT id, name, created, \
                 (SELECT count(*) FROM card_in_group WHERE card_group = g.id) \
                 FROM card_group g WHERE {} ORDER BY name, id LIMIT {} OFFSET {}",
                when.text(),
                page.size,
                u64::from(page.size) * u64::from(page.number)
            );
            let mut query = look.prepare(&query)?;
            let items = query.query_map(&*when.values(), |row| {
                Ok(Group {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    created: row.get(2)?,
                    cards: row.get(3)?,
                })
            })?;
            Ok(Found {
                items: items.collect::<Result<_, _>>()?,
                total,
            })
        })
    }

    /// How many cards a group holds, or with `None` how many are in no group.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for the group.
    pub fn group_size(&self, account: &Account, group: Option<i64>) -> Result<i64, Error> {
        self.store.read(|look| {
            if let Some(group) = group {
                let query = "SELECT 1 FROM card_group WHERE id = ? AND account = ?";
                look.query_row(query, [group, account.id], |_| Ok(()))?;
            }
            Ok(())
        })?;
        Ok(self
            .cards(account, Some(group), Page { size: 1, number: 0 })?
            .total)
    }
}

fn group_name(name: &str) -> Result<&str, Error> {
    let name = name.trim();
    match name.chars().count() {
        0 => Err(Error::invalid("name", Flaw::Required)),
        length if length > MOST_NAME => Err(Error::invalid("name", Flaw::TooLong(MOST_NAME))),
        _ => Ok(name),
    }
}
