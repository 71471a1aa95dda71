//! Accounts, and what their rules are made of.

use super::{Change, Look, to_json, unreadable};
use crate::account::{Account, Settings};
use crate::audit::Actor;
use crate::clock::{Millis, Zone};
use crate::error::Error;
use crate::money::Money;
use crate::prices::Prices;
use recipients_core::Msisdn;
use rusqlite::Row;

/// The SHA-256 of a key.
type Hash = [u8; 32];

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    // An account whose settings cannot be read is no account that may do everything.
    let settings: String = row.get("settings")?;
    let settings: Settings = serde_json::from_str(&settings).map_err(unreadable)?;
    let zone = Zone::named(&settings.zone).ok_or_else(|| unreadable("an unknown time zone"))?;
    Ok(Account {
        id: row.get("id")?,
        name: row.get("name")?,
        zone,
        settings,
        balance: Money(row.get("balance")?),
        version: row.get("version")?,
        actor: Actor::Key(None),
    })
}

impl Look<'_> {
    /// The account with a key of this hash, and the hash as it is stored.
    pub(crate) fn account_by_key(&self, key: &Hash) -> Result<Option<(Account, Vec<u8>)>, Error> {
        let query = "SELECT * FROM account WHERE key = ?";
        self.maybe(query, [key], |row| Ok((account(row)?, row.get("key")?)))
    }

    pub(crate) fn account_by_name(&self, name: &str) -> Result<Account, Error> {
        self.one("SELECT * FROM account WHERE name = ?", [name], account)
    }

    pub(crate) fn account_by_id(&self, id: i64) -> Result<Account, Error> {
        self.one("SELECT * FROM account WHERE id = ?", [id], account)
    }

    /// The stop list of an account, or of the system (0), from the smallest number on.
    pub(crate) fn stop_list(&self, account: i64) -> Result<Vec<Msisdn>, Error> {
        let query = "SELECT number FROM stop WHERE account = ? ORDER BY number";
        let numbers = self.all(query, [account], |row| row.get::<_, i64>(0))?;
        let numbers = numbers.into_iter().map(|number| number as u64);
        Ok(numbers.filter_map(Msisdn::from_u64).collect())
    }

    /// Prices of a segment to a territory by operator; an empty one is all of them.
    pub(crate) fn prices_of(&self, territory: &str) -> Result<Vec<(String, Money)>, Error> {
        let query = "SELECT operator, price FROM price WHERE territory = ? ORDER BY operator";
        self.all(query, [territory], |row| {
            Ok((row.get(0)?, Money(row.get(1)?)))
        })
    }

    /// Prices of a segment by territory and operator; an empty operator is all of them.
    pub(crate) fn prices(&self) -> Result<Prices, Error> {
        let query = "SELECT territory, operator, price FROM price";
        let mut prices = Prices::default();
        for (territory, operator, price) in self.all(query, [], |row| {
            Ok((row.get(0)?, row.get(1)?, Money(row.get(2)?)))
        })? {
            prices.insert(territory, operator, price);
        }
        Ok(prices)
    }
}

impl Change<'_> {
    /// The account's id, unless its name is taken.
    pub(crate) fn add_account(
        &self,
        name: &str,
        key: &Hash,
        balance: Money,
        settings: &Settings,
        now: Millis,
    ) -> Result<Option<i64>, Error> {
        let query = "INSERT INTO account (name, key, balance, settings, version, created) \
                     VALUES (?, ?, ?, ?, 0, ?) ON CONFLICT (name) DO NOTHING";
        let added = self.run(query, (name, key, balance.0, to_json(settings)?, now))?;
        Ok((added > 0).then(|| self.last_id()))
    }

    pub(crate) fn set_account(
        &self,
        id: i64,
        settings: &Settings,
        balance: Option<Money>,
    ) -> Result<(), Error> {
        let query = "UPDATE account SET settings = ?2, version = version + 1, \
                     balance = coalesce(?3, balance) WHERE id = ?1";
        let balance = balance.map(|money| money.0);
        self.run(query, (id, to_json(settings)?, balance))?;
        Ok(())
    }

    pub(crate) fn set_key(&self, id: i64, key: &Hash) -> Result<(), Error> {
        self.run("UPDATE account SET key = ? WHERE id = ?", (key, id))?;
        Ok(())
    }

    /// Takes an amount, if there is as much.
    pub(crate) fn spend(&self, account: i64, amount: Money) -> Result<bool, Error> {
        let query = "UPDATE account SET balance = balance - ?2 WHERE id = ?1 AND balance >= ?2";
        Ok(self.run(query, (account, amount.0))? > 0)
    }

    pub(crate) fn give_back(&self, account: i64, amount: Money) -> Result<(), Error> {
        let query = "UPDATE account SET balance = balance + ? WHERE id = ?";
        self.run(query, (amount.0, account))?;
        Ok(())
    }

    /// Verdicts of the account, or with 0 of all, depend on what was changed: rules that are kept
    /// in memory are out of date.
    pub(crate) fn touch(&self, account: i64) -> Result<(), Error> {
        match account {
            0 => self.run("UPDATE account SET version = version + 1", [])?,
            own => self.run(
                "UPDATE account SET version = version + 1 WHERE id = ?",
                [own],
            )?,
        };
        Ok(())
    }

    /// Replaces the prices.
    pub(crate) fn set_prices(&self, prices: &Prices) -> Result<(), Error> {
        self.run("DELETE FROM price", [])?;
        for (territory, operator, price) in prices.iter() {
            let query = "INSERT OR REPLACE INTO price VALUES (?, ?, ?)";
            self.run(query, (territory, operator, price.0))?;
        }
        Ok(())
    }
}
