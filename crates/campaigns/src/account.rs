//! Who owns campaigns, and what they may do.

use crate::audit::{Act, Actor};
use crate::clock::Zone;
use crate::error::{Error, Field, Flaw, Language};
use crate::prices::Prices;
use crate::stop::is_stop_word;
use crate::{Campaigns, Money};
use recipients_core::{Checker, Lines, NumberSet, Plan, Policy, StopList};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use subtle::ConstantTimeEq;

/// Characters of a key.
const KEY_LENGTH: usize = 40;

/// Accounts whose rules are kept in memory.
const KEPT_RULES: usize = 256;

/// What an account is set to.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Settings {
    /// IANA name of the time zone of all its times. The default is `UTC`.
    pub zone: String,
    /// ISO 4217 code of its currency. The default is `USD`.
    pub currency: String,
    /// Tag of the language of messages. The default is `en`.
    pub language: String,
    /// Whether campaigns wait for a moderator. The default is no.
    pub moderation: bool,
    /// Registered senders, the first of which is the default. The default is none: then the name
    /// in [`Settings::SERVICE_SENDER`] is used.
    pub senders: Vec<String>,
    /// Countries or calling codes that may be written to (code 6). The default is all.
    pub countries: Vec<String>,
    /// Operators that are served (code 8), by name. The default is all.
    pub operators: Vec<String>,
    /// Which kinds of line are accepted (D7): `mobile`, `any` or `possible`. The default is
    /// `mobile`.
    pub lines: String,
    /// Whether lists without a range of times show the last day only (D30). The default is yes.
    pub list_window: bool,
    /// Requests of one method in a minute; 0 is no limit, and the default.
    pub rate: u32,
    /// The host that the account must use (code 13). The default is any.
    pub host: Option<String>,
    /// Methods that the key may call (code 9), as `module/method` or `module`. The default is all.
    pub methods: Vec<String>,
    /// Addresses that may use the key (code 9). The default is all.
    pub addresses: Vec<String>,
    /// Whether the account is blocked (code 14). The default is no.
    pub blocked: bool,
    /// Days after which nothing is sent (code 10) unless the account's stop list was loaded again; 0 is
    /// never, and the default.
    pub stop_list_days: u32,
    /// What somebody answers who wants no more messages, in any letter case. The default is
    /// [`Settings::STOP_WORDS`].
    pub stop_words: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            zone: "UTC".to_owned(),
            currency: "USD".to_owned(),
            language: "en".to_owned(),
            moderation: false,
            senders: Vec::new(),
            countries: Vec::new(),
            operators: Vec::new(),
            lines: "mobile".to_owned(),
            list_window: true,
            rate: 0,
            host: None,
            methods: Vec::new(),
            addresses: Vec::new(),
            blocked: false,
            stop_list_days: 0,
            stop_words: Settings::STOP_WORDS.map(str::to_owned).into(),
        }
    }
}

impl Settings {
    /// The sender of accounts that have none of their own.
    pub const SERVICE_SENDER: &str = "SMS";

    /// What carriers in North America must honour (47 CFR 64.1200(a)(10)), and the same in the other
    /// languages of this service.
    pub const STOP_WORDS: [&str; 17] = [
        "STOP",
        "STOPALL",
        "STOP ALL",
        "QUIT",
        "END",
        "REVOKE",
        "OPT OUT",
        "CANCEL",
        "UNSUBSCRIBE",
        "СТОП",
        "ОТПИСАТЬСЯ",
        "ОТПИСКА",
        "ВІДПИСАТИСЯ",
        "PARAR",
        "SAIR",
        "CANCELAR",
        "BAJA",
    ];

    /// What is wrong with them, in English words.
    ///
    /// # Errors
    ///
    /// The first value that cannot be used.
    pub fn check(&self) -> Result<(), String> {
        if Zone::named(&self.zone).is_none() {
            return Err(format!("{}: no time zone of this name", self.zone));
        }
        if self.currency.len() != 3 || !self.currency.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(format!(
                "{}: a currency is three capital letters",
                self.currency
            ));
        }
        if Language::from_tag(&self.language).is_none() {
            return Err(format!("{}: languages are en, ru and pt-BR", self.language));
        }
        if let Some(sender) = self
            .senders
            .iter()
            .find(|s| s.is_empty() || s.chars().count() > 15)
        {
            return Err(format!("{sender:?}: a sender has 1 to 15 characters"));
        }
        if let Some(address) = self.addresses.iter().find(|a| a.parse::<IpAddr>().is_err()) {
            return Err(format!("{address}: this is no IP address"));
        }
        if let Some(word) = self.stop_words.iter().find(|word| !is_stop_word(word)) {
            return Err(format!(
                "{word:?}: a stop word has letters or digits, and at most 100 characters"
            ));
        }
        self.policy().map(drop)
    }

    /// Which kinds of line are accepted.
    pub(crate) fn lines(&self) -> Result<Lines, String> {
        match self.lines.as_str() {
            "mobile" => Ok(Lines::Mobile),
            "any" => Ok(Lines::Any),
            "possible" => Ok(Lines::Possible),
            other => Err(format!("{other}: lines are mobile, any and possible")),
        }
    }

    fn policy(&self) -> Result<Policy, String> {
        let plan = Plan::builtin();
        let mut policy = Policy::default().lines(self.lines()?);
        for country in &self.countries {
            policy = policy.allow([plan.destination(country).map_err(|e| e.to_string())?]);
        }
        for operator in &self.operators {
            policy =
                policy.allow_operators([plan.operator(operator).map_err(|e| e.to_string())?]);
        }
        Ok(policy)
    }
}

/// An account that was found by its key or its name.
#[derive(Clone, Debug)]
pub struct Account {
    pub(crate) id: i64,
    /// Its name.
    pub name: String,
    /// What it is set to.
    pub settings: Settings,
    /// What is left to spend.
    pub balance: Money,
    pub(crate) zone: Zone,
    pub(crate) version: i64,
    /// Who uses it.
    pub(crate) actor: Actor,
}

impl Account {
    /// A number that no other account has.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// The language of messages.
    pub fn language(&self) -> Language {
        Language::from_tag(&self.settings.language).unwrap_or_default()
    }

    /// The zone of all its times.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }
}

/// An account's rules, ready to be asked.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) checker: Checker,
    pub(crate) prices: Prices,
}

impl Rules {
    /// The price of a segment to a number.
    pub(crate) fn price(&self, verdict: recipients_core::Verdict) -> i64 {
        self.prices.price(verdict, self.checker.plan()).0
    }
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// What keys and codes are made of.
pub(crate) const LETTERS: &[u8; 62] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key: letters and digits, each as likely as the other.
pub(crate) fn random_text(length: usize) -> Result<String, Error> {
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes).map_err(|error| Error::Internal(error.to_string()))?;
        // 248 is the greatest multiple of 62 that a byte can hold.
        let fair = bytes.iter().filter(|&&byte| byte < 248);
        let letters = fair.map(|&byte| char::from(LETTERS[usize::from(byte) % 62]));
        text.extend(letters.take(length - text.len()));
    }
    Ok(text)
}

impl Campaigns {
    /// Adds an account; its new key, which is stored nowhere.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the name is taken, or a setting cannot be used.
    pub fn add_account(
        &self,
        name: &str,
        settings: &Settings,
        balance: Money,
    ) -> Result<String, Error> {
        settings
            .check()
            .map_err(|words| Error::invalid(Field::Settings, Flaw::File(words)))?;
        let key = random_text(KEY_LENGTH)?;
        self.store.write(|change| {
            let now = self.clock.now();
            match change.add_account(name, &hash(&key), balance, settings, now)? {
                Some(id) => change.record(&self.admin(id), Act::AddAccount, None, now),
                None => Err(Error::invalid(Field::Name, Flaw::Taken)),
            }
        })?;
        Ok(key)
    }

    /// Changes an account's settings, and its balance if one is given.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for an unknown name, [`Error::Invalid`] for settings that cannot be
    /// used.
    pub fn set_account(
        &self,
        name: &str,
        settings: &Settings,
        balance: Option<Money>,
    ) -> Result<(), Error> {
        settings
            .check()
            .map_err(|words| Error::invalid(Field::Settings, Flaw::File(words)))?;
        self.store.write(|change| {
            let id = change.account_by_name(name)?.id;
            change.set_account(id, settings, balance)?;
            change.record(&self.admin(id), Act::SetAccount, None, self.now())
        })
    }

    /// Gives an account a new key in the place of its old one.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for an unknown name.
    pub fn renew_key(&self, name: &str) -> Result<String, Error> {
        let key = random_text(KEY_LENGTH)?;
        self.store.write(|change| {
            let id = change.account_by_name(name)?.id;
            change.set_key(id, &hash(&key))?;
            change.record(&self.admin(id), Act::RenewKey, None, self.now())
        })?;
        Ok(key)
    }

    /// The account of a key.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is none.
    pub fn account_by_key(&self, key: &str) -> Result<Account, Error> {
        let wanted = hash(key);
        let found = self.store.read(|look| look.account_by_key(&wanted))?;
        match found {
            Some((account, stored)) if bool::from(stored.ct_eq(&wanted)) => Ok(account),
            _ => Err(Error::NotFound),
        }
    }

    /// The account of this name, used by an administrator.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is none.
    pub fn account_by_name(&self, name: &str) -> Result<Account, Error> {
        let account = self.store.read(|look| look.account_by_name(name))?;
        Ok(Account {
            actor: self.admin.clone(),
            ..account
        })
    }

    pub(crate) fn account_by_id(&self, id: i64) -> Result<Account, Error> {
        self.store.read(|look| look.account_by_id(id))
    }

    /// What a segment to a territory costs, by operator; an empty one is all that are not named.
    ///
    /// # Errors
    ///
    /// [`Error::Incorrect`] if there is no such territory.
    pub fn prices(&self, territory: &str) -> Result<Vec<(String, Money)>, Error> {
        let territory = Plan::builtin()
            .territory(territory)
            .map_err(|_| Error::Incorrect(Flaw::Malformed))?;
        self.store
            .read(|look| look.prices_of(&territory.to_string()))
    }

    /// The account's rules with its stop lists, as they stand now.
    pub(crate) fn rules(&self, account: &Account) -> Result<Arc<Rules>, Error> {
        let lock = || self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, rules)) = lock().get(&account.id)
            && *known == account.version
        {
            return Ok(Arc::clone(rules));
        }
        let policy = account.settings.policy().map_err(Error::Internal)?;
        let (own, system, prices) = self.store.read(|look| {
            let lists = (look.stop_list(account.id)?, look.stop_list(0)?);
            Ok((lists.0, lists.1, look.prices()?))
        })?;
        let policy = policy
            .own_stop_list(StopList::from(NumberSet::from_iter(own)))
            .system_stop_list(StopList::from(NumberSet::from_iter(system)));
        let rules = Arc::new(Rules {
            checker: Checker::new(policy),
            prices,
        });
        let mut kept = lock();
        if kept.len() >= KEPT_RULES {
            kept.clear();
        }
        kept.insert(account.id, (account.version, Arc::clone(&rules)));
        Ok(rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_forty_letters_and_digits() {
        let keys = [
            random_text(KEY_LENGTH).unwrap(),
            random_text(KEY_LENGTH).unwrap(),
        ];
        assert_ne!(keys[0], keys[1]);
        for key in keys {
            assert_eq!(key.len(), 40);
            assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        }
    }

    #[test]
    fn settings_that_cannot_be_used() {
        let with = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            settings.check()
        };
        assert_eq!(Settings::default().check(), Ok(()));
        assert!(with(|s| s.zone = "Nowhere".into()).is_err());
        assert!(with(|s| s.currency = "usd".into()).is_err());
        assert!(with(|s| s.language = "xx".into()).is_err());
        assert!(with(|s| s.countries = vec!["Ukraine?".into()]).is_err());
        assert!(with(|s| s.lines = "all".into()).is_err());
        assert!(with(|s| s.senders = vec![String::new()]).is_err());
    }
}
