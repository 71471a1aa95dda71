//! Queries whose conditions depend on what is asked for.

use super::{Look, MOST_IDS};
use crate::campaign::{Found, Page};
use crate::clock::Millis;
use crate::error::Error;
use crate::status::CampaignStatus;
use rusqlite::{Row, ToSql};

/// Conditions, and their values.
#[derive(Default)]
pub(super) struct Conditions {
    sql: Vec<String>,
    values: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    pub(super) fn add(&mut self, sql: &str, value: impl ToSql + 'static) {
        self.plain(sql);
        self.values.push(Box::new(value));
    }

    pub(super) fn plain(&mut self, sql: &str) {
        self.sql.push(sql.to_owned());
    }

    pub(super) fn never(&mut self) {
        self.plain("0");
    }

    pub(super) fn among(&mut self, column: &str, ids: &[i64]) {
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        self.plain(&format!("{column} IN ({})", ids.join(",")));
    }

    pub(super) fn within(&mut self, column: &str, range: Option<(Millis, Millis)>) {
        if let Some((from, to)) = range {
            self.add(&format!("{column} >= ?"), from);
            self.add(&format!("{column} <= ?"), to);
        }
    }

    /// The digits of a part of a number.
    pub(super) fn number_part(&mut self, sql: &str, text: &str) {
        let part: String = text.chars().filter(char::is_ascii_digit).collect();
        match part.is_empty() {
            true => self.never(),
            false => self.add(sql, part),
        }
    }

    /// What is asked of the campaign `c` of an account: that one of these groups was added to it, and
    /// that it has the status of this name.
    pub(super) fn campaign(
        &mut self,
        account: i64,
        groups: Option<&[i64]>,
        status: Option<&str>,
        now: Millis,
    ) {
        if let Some(groups) = groups {
            let ids = groups.iter().take(MOST_IDS);
            let ids: Vec<String> = ids.map(i64::to_string).collect();
            // Which campaigns those are is found out once, not for each message of theirs.
            let sql = format!(
                "c.id IN (SELECT g.id FROM campaign g WHERE g.account = {account} \
                 AND g.groups <> '' AND EXISTS (SELECT 1 FROM json_each(?) \
                 WHERE instr(',' || g.groups || ',', ',' || value || ',') > 0))"
            );
            self.add(&sql, format!("[{}]", ids.join(",")));
        }
        let Some(name) = status else { return };
        match (name, CampaignStatus::from_name(name)) {
            ("NOT_YET_SENT", _) => self.plain("c.status IN (0, 1, 3, 4)"),
            (_, Some(CampaignStatus::Deferred)) => {
                self.plain("c.status IN (3, 4)");
                self.add("c.deferred > ?", now);
            }
            (_, Some(status)) => {
                self.add("c.status = ?", status as i64);
                if matches!(
                    status,
                    CampaignStatus::ReadyForSend | CampaignStatus::AutoReadyForSend
                ) {
                    self.add("coalesce(c.deferred, 0) <= ?", now);
                }
            }
            (_, None) => self.never(),
        }
    }
}

/// Sort keys as SQL, from keys and whether they descend, and then the greatest id first.
pub(super) fn order<K: Copy>(
    sort: &[(K, bool)],
    sql: impl Fn(K) -> &'static str,
    id: &str,
) -> String {
    let mut keys: Vec<String> = Vec::new();
    for &(key, descending) in sort {
        let direction = if descending { "DESC" } else { "ASC" };
        keys.push(format!("{} {direction}", sql(key)));
    }
    keys.push(format!("{id} DESC"));
    keys.join(", ")
}

impl Look<'_> {
    /// A page of the rows that meet the conditions, and how many there are on all pages.
    pub(super) fn page<T>(
        &self,
        columns: &str,
        tables: &str,
        when: &Conditions,
        order: &str,
        page: Page,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Found<T>, Error> {
        let conditions = match when.sql.is_empty() {
            true => "1".to_owned(),
            false => when.sql.join(" AND "),
        };
        let values: Vec<&dyn ToSql> = when.values.iter().map(|value| &**value).collect();
        let count = format!("SELECT count(*) FROM {tables} WHERE {conditions}");
        let total = self.0.query_row(&count, &*values, |row| row.get(0))?;
        let query = format!(
            "SELECT {columns} FROM {tables} WHERE {conditions} ORDER BY {order} LIMIT {} OFFSET {}",
            page.size,
            page.offset()
        );
        let mut query = self.0.prepare(&query)?;
        let items = query.query_map(&*values, row)?;
        Ok(Found {
            items: items.collect::<Result<_, _>>()?,
            total,
        })
    }
}
