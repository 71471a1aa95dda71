//! The contact book.

use super::query::Conditions;
use super::{Change, Look, to_json, unreadable};
use crate::campaign::{Found, Page};
use crate::clock::Millis;
use crate::contact::{Card, CardField, CardFilter, CardKey, CardTest, Group};
use crate::error::Error;
use recipients_core::Msisdn;
use rusqlite::Row;
use std::collections::BTreeMap;

type Fields = BTreeMap<String, String>;

/// A field in lower case, empty if it has no value. Its name is one of ours.
fn folded(field: CardField) -> String {
    format!("fold(coalesce(fields ->> '$.\"{}\"', ''))", field.key())
}

fn card(row: &Row<'_>) -> rusqlite::Result<Card> {
    let fields: String = row.get("fields")?;
    Ok(Card {
        id: row.get("id")?,
        fields: serde_json::from_str(&fields).map_err(unreadable)?,
    })
}

impl Look<'_> {
    pub(crate) fn card(&self, account: i64, id: i64) -> Result<Option<Card>, Error> {
        let query = "SELECT id, fields FROM card WHERE id = ? AND account = ? AND deleted IS NULL";
        self.maybe(query, [id, account], card)
    }

    /// The first card of the account with this number.
    pub(crate) fn card_by_number(
        &self,
        account: i64,
        number: Msisdn,
    ) -> Result<Option<Card>, Error> {
        let query = "SELECT id, fields FROM card INDEXED BY card_mobile WHERE account = ? \
                     AND fields ->> '$.mobile' = ? AND deleted IS NULL ORDER BY id LIMIT 1";
        self.maybe(query, (account, number.to_string()), card)
    }

    /// The account's cards that meet the filter, by the keys, the newest first.
    pub(crate) fn cards(
        &self,
        account: i64,
        filter: &CardFilter,
        created: Option<(Option<Millis>, Option<Millis>)>,
        sort: &[(CardKey, bool)],
        page: Page,
    ) -> Result<Found<Card>, Error> {
        let mut when = Conditions::default();
        when.add("account = ?", account);
        when.plain("deleted IS NULL");
        for (groups, negated) in &filter.groups {
            let in_none = "NOT EXISTS (SELECT 1 FROM card_in_group WHERE card = id)";
            let ids: Vec<String> = groups.iter().flatten().map(i64::to_string).collect();
            let ids = ids.join(",");
            let in_one =
                format!("id IN (SELECT card FROM card_in_group WHERE card_group IN ({ids}))");
            let any = match groups.contains(&None) {
                true => format!("({in_none} OR {in_one})"),
                false => in_one,
            };
            when.plain(&if *negated { format!("NOT {any}") } else { any });
        }
        let (from, to) = created.unwrap_or_default();
        if let Some(from) = from {
            when.add("created >= ?", from);
        }
        if let Some(to) = to {
            when.add("created <= ?", to);
        }
        for (field, test, value) in &filter.fields {
            let field = folded(*field);
            let test = match test {
                CardTest::Empty => {
                    when.plain(&format!("{field} = ''"));
                    continue;
                }
                CardTest::Equal => format!("{field} = ?"),
                CardTest::NotEqual => format!("{field} <> ?"),
                CardTest::Contain => format!("instr({field}, ?) > 0"),
                CardTest::From => format!("{field} >= ?"),
                // What is empty comes before everything, and is not meant.
                CardTest::To => format!("{field} <> '' AND {field} <= ?"),
            };
            when.add(&test, value.to_lowercase());
        }
        let mut keys: Vec<String> = Vec::new();
        for &(key, descending) in sort {
            let sql = match key {
                CardKey::Id => "id".to_owned(),
                CardKey::Created => "created".to_owned(),
                CardKey::FullName => {
                    let [name, surname] = ["name", "surname"].map(|name| {
                        folded(CardField::from_name(name).expect("it is one of the fields"))
                    });
                    format!("trim({name} || ' ' || {surname})")
                }
                CardKey::Field(field) => folded(field),
            };
            keys.push(format!("{sql} {}", if descending { "DESC" } else { "ASC" }));
        }
        keys.push("id DESC".to_owned());
        self.page("id, fields", "card", &when, &keys.join(", "), page, card)
    }

    /// The next cards that a task is of, behind `last`, by their ids; none for a card that was
    /// deleted since.
    pub(crate) fn task_cards(
        &self,
        task: i64,
        last: i64,
        most: usize,
    ) -> Result<Vec<(i64, Option<Fields>)>, Error> {
        let query = "SELECT task_card.card, fields FROM task_card \
                     LEFT JOIN card ON card.id = task_card.card AND deleted IS NULL \
                     WHERE task = ? AND task_card.card > ? ORDER BY task_card.card LIMIT ?";
        self.all(query, (task, last, most as i64), |row| {
            let fields: Option<String> = row.get(1)?;
            let fields = fields.map(|fields| serde_json::from_str(&fields));
            Ok((row.get(0)?, fields.transpose().map_err(unreadable)?))
        })
    }

    pub(crate) fn is_group(&self, account: i64, id: i64) -> Result<bool, Error> {
        let query = "SELECT 1 FROM card_group WHERE id = ? AND account = ?";
        self.is_there(query, [id, account])
    }

    pub(crate) fn group_of_name(&self, account: i64, name: &str) -> Result<Option<i64>, Error> {
        let query = "SELECT id FROM card_group WHERE account = ? AND name = ?";
        self.maybe(query, (account, name), |row| row.get(0))
    }

    /// The groups of a card: ids and names.
    pub(crate) fn groups_of_card(&self, card: i64) -> Result<Vec<(i64, String)>, Error> {
        let query = "SELECT id, name FROM card_group WHERE id IN \
                     (SELECT card_group FROM card_in_group WHERE card = ?) ORDER BY id";
        self.all(query, [card], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The name of a group, and how many cards it holds.
    pub(crate) fn group_name(&self, account: i64, id: i64) -> Result<Option<(String, i64)>, Error> {
        let query = "SELECT name, cards FROM card_group WHERE id = ? AND account = ?";
        self.maybe(query, [id, account], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The account's groups by name, all or those whose name holds a text.
    pub(crate) fn groups(
        &self,
        account: i64,
        name: Option<&str>,
        page: Page,
    ) -> Result<Found<Group>, Error> {
        let mut when = Conditions::default();
        when.add("account = ?", account);
        if let Some(name) = name {
            when.add("instr(name, ?) > 0", name.to_owned());
        }
        let columns = "id, name, created, cards";
        self.page(columns, "card_group", &when, "name, id", page, |row| {
            Ok(Group {
                id: row.get(0)?,
                name: row.get(1)?,
                created: row.get(2)?,
                cards: row.get(3)?,
            })
        })
    }
}

impl Change<'_> {
    pub(crate) fn add_card(
        &self,
        account: i64,
        fields: &Fields,
        now: Millis,
    ) -> Result<i64, Error> {
        let query = "INSERT INTO card (account, fields, created) VALUES (?, ?, ?)";
        self.run(query, (account, to_json(fields)?, now))?;
        Ok(self.last_id())
    }

    pub(crate) fn set_card(&self, id: i64, fields: &Fields) -> Result<(), Error> {
        let query = "UPDATE card SET fields = ? WHERE id = ?";
        self.run(query, (to_json(fields)?, id))?;
        Ok(())
    }

    /// Takes the card out of its groups, too.
    pub(crate) fn delete_card(&self, id: i64, now: Millis) -> Result<(), Error> {
        self.leave_groups(id)?;
        let query = "UPDATE card SET deleted = ?, fields = '{}' WHERE id = ?";
        self.run(query, [now, id])?;
        Ok(())
    }

    pub(crate) fn leave_groups(&self, card: i64) -> Result<(), Error> {
        let query = "UPDATE card_group SET cards = cards - 1 WHERE id IN \
                     (SELECT card_group FROM card_in_group WHERE card = ?)";
        self.run(query, [card])?;
        self.run("DELETE FROM card_in_group WHERE card = ?", [card])?;
        Ok(())
    }

    pub(crate) fn join_group(&self, cards: &[i64], group: i64) -> Result<(), Error> {
        let query = "INSERT OR IGNORE INTO card_in_group VALUES (?, ?)";
        let mut joined = 0;
        for &card in cards {
            joined += self.run(query, [group, card])?;
        }
        let query = "UPDATE card_group SET cards = cards + ? WHERE id = ?";
        self.run(query, [joined as i64, group])?;
        Ok(())
    }

    /// The group's id, unless its name is taken.
    pub(crate) fn add_group(
        &self,
        account: i64,
        name: &str,
        now: Millis,
    ) -> Result<Option<i64>, Error> {
        let query = "INSERT INTO card_group (account, name, created) VALUES (?, ?, ?) \
                     ON CONFLICT DO NOTHING";
        let added = self.run(query, (account, name, now))?;
        Ok((added > 0).then(|| self.last_id()))
    }

    /// Whether the name was free.
    pub(crate) fn rename_group(&self, id: i64, name: &str) -> Result<bool, Error> {
        let query = "UPDATE OR IGNORE card_group SET name = ? WHERE id = ?";
        Ok(self.run(query, (name, id))? > 0)
    }

    /// Whether there was such a group. Its cards stay.
    pub(crate) fn delete_group(&self, account: i64, id: i64) -> Result<bool, Error> {
        let query = "DELETE FROM card_group WHERE id = ? AND account = ?";
        let deleted = self.run(query, [id, account])? > 0;
        if deleted {
            self.run("DELETE FROM card_in_group WHERE card_group = ?", [id])?;
        }
        Ok(deleted)
    }
}
