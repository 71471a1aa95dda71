//! The store against a model in memory: any operations of two accounts, with a crash before or after
//! any commit and around any hand-over, leave what the model has (decisions D1, D26-D31). After every
//! operation everything that can be seen is compared, and counters are those of a recount.
//!
//! `RECIPIENTS_SCHEDULES` and `RECIPIENTS_SEED` set how many schedules are tried, and which; the default is 40.

mod common;

use common::{Crashes, Ledger, NOON, Random, open, settle, survive};
use recipients_campaigns::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// The first of the numbers that are written to.
const FIRST: u64 = 380_971_112_200;

/// Nothing is heard of messages to multiples of this, unless it is reported.
const SILENT: u64 = 5;

/// Ten-thousandths, for a segment.
const PRICE: i64 = 100;

/// Texts, and how many segments they take.
const TEXTS: [(&str, i64); 2] = [("Hello", 1), (LONG, 2)];
const LONG: &str = "A long text that takes more than one segment, for which it has to have more than the one \
                    hundred and sixty characters of the GSM alphabet that there is room for in the first of them.";

/// What one account has.
#[derive(Clone, Debug)]
struct Owner {
    moderation: bool,
    balance: i64,
    stops: BTreeSet<u64>,
    campaigns: BTreeMap<i64, Listed>,
}

#[derive(Clone, Debug)]
struct Listed {
    segments: i64,
    deferred: Option<i64>,
    status: CampaignStatus,
    sent: Option<i64>,
    deleted: bool,
    rejected: i64,
    list: BTreeMap<u64, MessageStatus>,
    /// When the transport reports a delivery.
    reports: Vec<(i64, u64)>,
}

impl Listed {
    fn cost(&self) -> i64 {
        self.list.len() as i64 * self.segments * PRICE
    }

    fn told(&self, now: i64) -> CampaignStatus {
        use CampaignStatus::{AutoReadyForSend, Deferred, ReadyForSend};
        match self.status {
            ReadyForSend | AutoReadyForSend if self.deferred.is_some_and(|at| at > now) => Deferred,
            status => status,
        }
    }

    fn set(&mut self, number: u64, status: MessageStatus) {
        let known = self.list.get_mut(&number);
        if let Some(known) = known
            && self.status != CampaignStatus::Done
            && !known.is_final()
            && (status.is_final() || status > *known)
        {
            *known = status;
        }
    }
}

impl Owner {
    /// Everything that is due.
    fn settle(&mut self, now: i64) {
        for one in self.campaigns.values_mut().filter(|one| !one.deleted) {
            let (due, later) = one.reports.iter().partition(|(at, _)| *at <= now);
            one.reports = later;
            let due: Vec<(i64, u64)> = due;
            for (_, number) in due {
                one.set(number, MessageStatus::Delivered);
            }
            let is_ready = matches!(
                one.told(now),
                CampaignStatus::ReadyForSend | CampaignStatus::AutoReadyForSend
            );
            if is_ready {
                for (number, status) in &mut one.list {
                    *status = match self.stops.contains(number) {
                        true => {
                            self.balance += one.segments * PRICE;
                            MessageStatus::Rejected
                        }
                        false => {
                            if number % SILENT != 0 {
                                one.reports.push((now + 1000, *number));
                            }
                            MessageStatus::Accepted
                        }
                    };
                }
                one.status = CampaignStatus::Sent;
                one.sent = Some(now);
            }
            if one.status == CampaignStatus::Sent {
                let over = one.sent.is_some_and(|sent| now >= sent + DAY);
                if over || one.list.values().all(|status| status.is_final()) {
                    one.status = CampaignStatus::Done;
                }
            }
        }
    }

    /// Adds a list; the code of each.
    fn add(&mut self, id: i64, list: &[Option<u64>], replace: bool) -> Vec<u8> {
        let one = self.campaigns.get_mut(&id).unwrap();
        if replace {
            one.list.clear();
            one.rejected = 0;
        }
        let codes: Vec<u8> = list
            .iter()
            .map(|number| match number {
                None => 2,
                Some(number) if self.stops.contains(number) => 5,
                Some(number) if one.list.contains_key(number) => 4,
                Some(number) => {
                    one.list.insert(*number, MessageStatus::New);
                    0
                }
            })
            .collect();
        one.rejected += codes.iter().filter(|code| **code != 0).count() as i64;
        codes
    }
}

/// What is done.
#[derive(Clone, Debug)]
enum Act {
    Create {
        text: usize,
        deferred: bool,
    },
    Add {
        id: i64,
        list: Vec<Option<u64>>,
        replace: bool,
    },
    Import {
        id: i64,
        list: Vec<Option<u64>>,
        replace: bool,
    },
    Send {
        id: i64,
    },
    Moderate {
        id: i64,
        approve: bool,
    },
    Delete {
        id: i64,
    },
    Stop {
        number: u64,
    },
    Unstop {
        number: u64,
    },
    Report {
        id: i64,
        number: u64,
        status: MessageStatus,
    },
    Pass {
        time: i64,
    },
    Reopen,
}

/// What came of it, as far as that is foretold.
#[derive(Debug, PartialEq)]
enum Answer {
    Done,
    Codes(Vec<u8>),
    Created,
    Conflict(Conflict),
    NotFound,
}

fn answer<T>(result: Result<T, Error>, done: impl FnOnce(T) -> Answer) -> Answer {
    match result {
        Ok(value) => done(value),
        Err(Error::Conflict(conflict)) => Answer::Conflict(conflict),
        Err(Error::NotFound) => Answer::NotFound,
        Err(error) => panic!("{error}"),
    }
}

/// The model's answer to an act of one owner, who is changed.
fn foretell(owner: &mut Owner, act: &Act, now: i64) -> Answer {
    let found = |id: &i64| owner.campaigns.get(id).filter(|one| !one.deleted);
    // Nobody sees what belongs to somebody else; an administrator sees all.
    if let Act::Add { id, .. }
    | Act::Import { id, .. }
    | Act::Send { id }
    | Act::Moderate { id, .. }
    | Act::Delete { id } = act
        && found(id).is_none()
    {
        return Answer::NotFound;
    }
    match act {
        // Its id is the store's to give.
        Act::Create { .. } => Answer::Created,
        Act::Add { id, list, replace } | Act::Import { id, list, replace } => {
            if owner.campaigns[id].status != CampaignStatus::New {
                return Answer::Conflict(Conflict::NotNew);
            }
            match (owner.add(*id, list, *replace), act) {
                (codes, Act::Add { .. }) => Answer::Codes(codes),
                _ => Answer::Done,
            }
        }
        Act::Send { id } => {
            let one = owner.campaigns.get_mut(id).unwrap();
            if one.status != CampaignStatus::New {
                return Answer::Conflict(Conflict::NotNew);
            }
            if one.list.is_empty() {
                return Answer::Conflict(Conflict::NoRecipients);
            }
            if one.cost() > owner.balance {
                return Answer::Conflict(Conflict::Balance);
            }
            owner.balance -= one.cost();
            one.status = match owner.moderation {
                true => CampaignStatus::Moderation,
                false => CampaignStatus::AutoReadyForSend,
            };
            Answer::Done
        }
        Act::Moderate { id, approve } => {
            let one = owner.campaigns.get_mut(id).unwrap();
            if one.status != CampaignStatus::Moderation {
                return Answer::Conflict(Conflict::NotNew);
            }
            if !approve {
                owner.balance += one.cost();
            }
            one.status = match approve {
                true => CampaignStatus::ReadyForSend,
                false => CampaignStatus::Declined,
            };
            Answer::Done
        }
        Act::Delete { id } => {
            let one = owner.campaigns.get_mut(id).unwrap();
            match one.told(now) {
                CampaignStatus::New | CampaignStatus::Declined => {}
                CampaignStatus::Moderation => owner.balance += one.cost(),
                CampaignStatus::Deferred
                    if one.deferred.is_some_and(|at| at - now >= HOUR / 12) =>
                {
                    owner.balance += one.cost();
                }
                _ => return Answer::Conflict(Conflict::Started),
            }
            one.deleted = true;
            Answer::Done
        }
        Act::Stop { number } => {
            owner.stops.insert(*number);
            Answer::Done
        }
        Act::Unstop { number } => match owner.stops.remove(number) {
            true => Answer::Done,
            false => Answer::NotFound,
        },
        Act::Report { id, number, status } => {
            if let Some(one) = owner.campaigns.get_mut(id) {
                one.set(*number, *status);
            }
            Answer::Done
        }
        Act::Pass { .. } | Act::Reopen => Answer::Done,
    }
}

struct Life<'f> {
    folder: &'f Path,
    clock: Arc<ManualClock>,
    ledger: Arc<Ledger>,
    crashes: Arc<Crashes>,
    campaigns: Option<Campaigns>,
}

impl Life<'_> {
    fn begin(&mut self) {
        self.campaigns = None;
        let options = Options {
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            transport: Arc::clone(&self.ledger) as Arc<dyn Transport>,
            faults: Arc::clone(&self.crashes) as Arc<dyn Faults>,
            threads: 1,
            import_rows: 7,
            ..Options::default()
        };
        let campaigns = open(self.folder, options);
        campaigns.take_charge().unwrap();
        self.campaigns = Some(campaigns);
    }

    fn campaigns(&self) -> &Campaigns {
        self.campaigns.as_ref().unwrap()
    }

    fn account(&self, name: &str) -> Account {
        self.campaigns().account_by_name(name).unwrap()
    }

    /// Carries out an act; for a campaign that is made, its id.
    fn carry_out(&self, name: &str, act: &Act, turn: u64) -> (Answer, Option<i64>) {
        let campaigns = self.campaigns();
        let account = self.account(name);
        let mut made = None;
        let params = |replace: bool| AddParams {
            replace: replace.then(|| "1".to_owned()),
            ..AddParams::default()
        };
        let written = |list: &[Option<u64>]| -> Vec<String> {
            list.iter()
                .map(|n| n.map_or("none".to_owned(), |n| n.to_string()))
                .collect()
        };
        let found = match act {
            Act::Create { text, deferred } => {
                let at = self.clock.now() + 2 * HOUR;
                let new = NewCampaign {
                    deferred: deferred.then(|| account.zone().write(at)),
                    ..common::campaign(TEXTS[*text].0)
                };
                made = Some(campaigns.create(&account, &new).unwrap());
                Answer::Created
            }
            Act::Add { id, list, replace } => {
                let entries = written(list).into_iter().map(Entry::number).collect();
                let added =
                    campaigns.add(&account, *id, &Entries::Numbers(entries), &params(*replace));
                answer(added, |added| {
                    Answer::Codes(added.iter().map(|one| one.code().as_u8()).collect())
                })
            }
            Act::Import { id, list, replace } => {
                let path = campaigns
                    .folder()
                    .unwrap()
                    .join(format!("list-{turn}.import"));
                std::fs::write(&path, written(list).join("\n") + "\n").unwrap();
                let import = Import::File {
                    path,
                    name: "list.csv".to_owned(),
                };
                answer(
                    campaigns.import(&account, *id, &import, &params(*replace)),
                    |_| Answer::Done,
                )
            }
            Act::Send { id } => answer(campaigns.send(&account, *id), |_| Answer::Done),
            Act::Moderate { id, approve } => {
                answer(campaigns.moderate(*id, *approve, None), |()| Answer::Done)
            }
            Act::Delete { id } => answer(campaigns.delete(&account, *id), |()| Answer::Done),
            Act::Stop { number } => {
                answer(campaigns.stop(&account, &number.to_string(), None), |_| {
                    Answer::Done
                })
            }
            Act::Unstop { number } => match self.stops(name).get(number) {
                Some(entry) => answer(campaigns.unstop(&account, *entry), |()| Answer::Done),
                // None has this number.
                None => answer(campaigns.unstop(&account, 999_999), |()| Answer::Done),
            },
            Act::Report { id, number, status } => {
                if let Some(message) = self.messages(name, *id).get(number) {
                    campaigns.report(message.id, *status).unwrap();
                }
                Answer::Done
            }
            Act::Pass { .. } | Act::Reopen => Answer::Done,
        };
        (found, made)
    }

    fn stops(&self, name: &str) -> BTreeMap<u64, i64> {
        let page = Page {
            size: 100,
            number: 0,
        };
        let found = self.campaigns().stopped(&self.account(name), page).unwrap();
        assert!(found.items.len() < 100);
        let pairs = found.items.iter().map(|one| (one.number.as_u64(), one.id));
        pairs.collect()
    }

    fn messages(&self, name: &str, id: i64) -> BTreeMap<u64, Message> {
        let filter = MessageFilter {
            campaigns: Some(vec![id]),
            ..MessageFilter::default()
        };
        let page = Page {
            size: 100,
            number: 0,
        };
        let account = self.account(name);
        let (found, _) = self
            .campaigns()
            .list_messages(&account, &filter, &[], page)
            .unwrap();
        let all = found.items.len();
        assert!(all < 100);
        let found: BTreeMap<u64, Message> = found
            .items
            .into_iter()
            .map(|one| (one.number.unwrap().as_u64(), one))
            .collect();
        assert_eq!(found.len(), all, "a number twice in campaign {id}");
        found
    }

    /// What differs between an owner and the store, if anything does.
    fn differs(&self, name: &str, owner: &Owner) -> Result<(), String> {
        let same = |what: &str, found: &dyn std::fmt::Debug, expected: &dyn std::fmt::Debug| {
            let (found, expected) = (format!("{found:?}"), format!("{expected:?}"));
            match found == expected {
                true => Ok(()),
                false => Err(format!("{name}: {what} is {found}, not {expected}")),
            }
        };
        let (now, account) = (self.clock.now(), self.account(name));
        same("the balance", &account.balance, &Money(owner.balance))?;
        let stops: BTreeSet<u64> = self.stops(name).into_keys().collect();
        same("the stop list", &stops, &owner.stops)?;
        let page = Page {
            size: 100,
            number: 0,
        };
        let all = CampaignFilter::default();
        let all = (self.campaigns().list(&account, &all, &[], page)).unwrap();
        let ids: Vec<i64> = all.items.iter().map(|one| one.id).collect();
        let kept = owner.campaigns.iter().filter(|(_, one)| !one.deleted);
        let expected: Vec<i64> = kept.map(|(id, _)| *id).rev().collect();
        same("the list of campaigns", &ids, &expected)?;
        let filter = CampaignFilter {
            ids: Some(owner.campaigns.keys().copied().collect()),
            ..CampaignFilter::default()
        };
        let found = self.campaigns().list(&account, &filter, &[], page).unwrap();
        let ids: Vec<i64> = found.items.iter().map(|one| one.id).collect();
        let expected: Vec<i64> = owner.campaigns.keys().rev().copied().collect();
        same("the campaigns", &ids, &expected)?;
        for found in &found.items {
            let (id, one) = (found.id, &owner.campaigns[&found.id]);
            same(
                &format!("{id}'s deletion"),
                &found.deleted.is_some(),
                &one.deleted,
            )?;
            same(&format!("{id}'s status"), &found.status, &one.told(now))?;
            same(&format!("{id}'s sent"), &found.sent, &one.sent)?;
            let mut by_status = [Count::default(); 10];
            for status in one.list.values() {
                let count = &mut by_status[*status as usize];
                count.messages += 1;
                count.segments += one.segments;
                count.cost.0 += one.segments * PRICE;
            }
            same(
                &format!("{id}'s counters"),
                &found.counters.by_status,
                &by_status,
            )?;
            let total = Count {
                messages: one.list.len() as i64,
                segments: one.list.len() as i64 * one.segments,
                cost: Money(one.cost()),
            };
            same(&format!("{id}'s total"), &found.counters.total, &total)?;
            same(
                &format!("{id}'s rejected"),
                &found.counters.rejected,
                &one.rejected,
            )?;
            if !one.deleted {
                let list: BTreeMap<u64, MessageStatus> = self
                    .messages(name, id)
                    .iter()
                    .map(|(number, one)| (*number, one.status))
                    .collect();
                same(&format!("{id}'s list"), &list, &one.list)?;
            }
        }
        Ok(())
    }
}

fn choose(random: &mut Random, owners: &[Owner; 2], who: usize) -> Act {
    // Now and then somebody else's, or nobody's.
    let known: Vec<i64> = owners
        .iter()
        .flat_map(|owner| owner.campaigns.keys().copied())
        .collect();
    let own: Vec<i64> = owners[who].campaigns.keys().copied().collect();
    let pick = |random: &mut Random, from: &[i64]| match from.len() as u64 {
        0 => 999,
        len => from[random.below(len) as usize],
    };
    let id = match random.below(12) {
        0 => pick(random, &known),
        1 => 999,
        _ => pick(random, &own),
    };
    let list = |random: &mut Random| {
        let len = 1 + random.below(25);
        let one = |random: &mut Random| (random.below(9) > 0).then(|| FIRST + random.below(40));
        (0..len).map(|_| one(random)).collect()
    };
    let replace = random.below(4) == 0;
    match random.below(23) {
        0..2 => Act::Create {
            text: random.below(2) as usize,
            deferred: random.below(3) == 0,
        },
        2..6 => Act::Add {
            id,
            list: list(random),
            replace,
        },
        6..9 => Act::Import {
            id,
            list: list(random),
            replace,
        },
        9..12 => Act::Send { id },
        12 => Act::Moderate {
            id: pick(random, &known),
            approve: random.below(3) > 0,
        },
        13 => Act::Delete { id },
        14 => Act::Stop {
            number: FIRST + random.below(40),
        },
        15 => Act::Unstop {
            number: FIRST + random.below(40),
        },
        16..19 => {
            let status = MessageStatus::ALL[3 + random.below(7) as usize];
            // Only what has left is reported on.
            let left = |(id, one): (&i64, &Listed)| one.sent.map(|_| *id);
            let left: Vec<i64> = owners[who].campaigns.iter().filter_map(left).collect();
            let id = pick(random, &left);
            let listed = owners[who].campaigns.get(&id);
            let listed = listed.map_or(Vec::new(), |one| one.list.keys().copied().collect());
            let number = match listed.len() as u64 {
                0 => FIRST,
                len => listed[random.below(len) as usize],
            };
            Act::Report { id, number, status }
        }
        19..22 => {
            // The clock is set back now and then.
            let times = [999, 1000, HOUR, DAY, DAY, -HOUR];
            Act::Pass {
                time: times[random.below(6) as usize],
            }
        }
        _ => Act::Reopen,
    }
}

/// How many crashes there were.
fn schedule(seed: u64) -> u32 {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let folder = tempfile::tempdir().unwrap();
    let mut life = Life {
        folder: folder.path(),
        clock: Arc::new(ManualClock::at(NOON)),
        ledger: Arc::new(Ledger {
            silent: Some(SILENT),
            ..Ledger::default()
        }),
        crashes: Arc::default(),
        campaigns: None,
    };
    life.begin();
    life.campaigns()
        .load_prices("country,operator,price\nUA,,0.01\n".as_bytes())
        .unwrap();
    let names = ["first", "second"];
    let mut owners = [false, true].map(|moderation| Owner {
        moderation,
        balance: 12_000,
        stops: BTreeSet::new(),
        campaigns: BTreeMap::new(),
    });
    for (name, owner) in names.iter().zip(&owners) {
        let settings = Settings {
            moderation: owner.moderation,
            list_window: false,
            ..Settings::default()
        };
        life.campaigns()
            .add_account(name, &settings, Money(owner.balance))
            .unwrap();
    }
    let mut crashes = 0;
    for turn in 0..60 {
        let who = random.below(2) as usize;
        let act = choose(&mut random, &owners, who);
        // An administrator moderates everybody's.
        let whose = match act {
            Act::Moderate { id, .. } => (owners
                .iter()
                .position(|one| one.campaigns.contains_key(&id)))
            .unwrap_or(who),
            _ => who,
        };
        let at = |what: &str| format!("seed {seed}, turn {turn}, {act:?}: {what}");
        let before = owners[whose].clone();
        let foretold = foretell(&mut owners[whose], &act, life.clock.now());
        life.crashes.arm(random.below(4), random.below(2) == 0);
        if random.below(3) == 0 {
            life.ledger.arm(0, random.below(2) == 0);
        }
        let mut made = None;
        let mut acknowledged = false;
        let survived = survive(|| {
            let (found, new) = life.carry_out(names[who], &act, turn);
            assert_eq!(found, foretold, "{}", at("the answer"));
            made = new;
            acknowledged = true;
            if let Act::Pass { time } = act {
                life.clock.advance(time);
            }
            settle(life.campaigns());
        });
        life.crashes.disarm();
        life.ledger.disarm();
        let crashed = survived.is_none();
        if crashed {
            crashes += 1;
        }
        if crashed || matches!(act, Act::Reopen) {
            life.begin();
            let recount = life.campaigns().recount(false).unwrap();
            assert!(recount.is_empty(), "{}", at("counters at the beginning"));
        }
        settle(life.campaigns());
        if let Act::Create { text, deferred } = act {
            let created = Listed {
                segments: TEXTS[text].1,
                deferred: deferred.then(|| (life.clock.now() + 2 * HOUR) / 1000 * 1000),
                status: CampaignStatus::New,
                sent: None,
                deleted: false,
                rejected: 0,
                list: BTreeMap::new(),
                reports: Vec::new(),
            };
            // Whoever was not told its id finds it in the list.
            let known: BTreeSet<i64> = owners[who].campaigns.keys().copied().collect();
            let page = Page {
                size: 100,
                number: 0,
            };
            let account = life.account(names[who]);
            let all = life
                .campaigns()
                .list(&account, &CampaignFilter::default(), &[], page)
                .unwrap();
            let new: Vec<i64> = all
                .items
                .iter()
                .map(|one| one.id)
                .filter(|id| !known.contains(id))
                .collect();
            assert!(
                new.len() == 1 || (new.is_empty() && !acknowledged),
                "{}",
                at(&format!("made {made:?}, there are {new:?}"))
            );
            assert!(
                made.is_none() || made == new.first().copied(),
                "{}",
                at(&format!("made {made:?}, there are {new:?}"))
            );
            owners[who]
                .campaigns
                .extend(new.iter().map(|id| (*id, created.clone())));
        }
        let now = life.clock.now();
        // A call of which nothing was heard was carried out, or nothing of it was.
        let mut undone = before;
        undone.settle(now);
        for owner in &mut owners {
            owner.settle(now);
        }
        if !acknowledged && life.differs(names[whose], &undone).is_ok() {
            owners[whose] = undone;
        }
        for (name, owner) in names.iter().zip(&owners) {
            if let Err(difference) = life.differs(name, owner) {
                panic!("{}", at(&difference));
            }
        }
        let recount = life.campaigns().recount(false).unwrap();
        assert!(recount.is_empty(), "{}", at("counters"));
    }
    // Each message has left once, but for those that were withheld.
    let (handed, mut left) = (life.ledger.times(), 0);
    for (name, owner) in names.iter().zip(&owners) {
        for id in owner
            .campaigns
            .iter()
            .filter(|(_, one)| one.sent.is_some())
            .map(|(id, _)| *id)
        {
            for message in life.messages(name, id).values() {
                let times = handed.get(&message.id).copied().unwrap_or_default();
                assert!(times == 1 || (times == 0 && message.status == MessageStatus::Rejected));
                left += usize::from(times > 0);
            }
        }
    }
    assert_eq!(handed.len(), left, "seed {seed}: others have left");
    crashes
}

#[test]
fn the_store_is_what_the_model_is() {
    common::crash_through(40, 1, schedule);
}
