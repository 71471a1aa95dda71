//! Crashes at any commit and around any hand-over: what was acknowledged is there, nothing is
//! there twice, nothing is handed over twice, and counters equal a recount (decisions D27, D28).
//!
//! `RECIPIENTS_SCHEDULES` and `RECIPIENTS_SEED` set how many schedules are tried, and which; the default is 50.

mod common;

use common::{Crashes, Ledger, NOON, Random, campaign, open, settle, survive};
use recipients_campaigns::*;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

struct Life {
    clock: Arc<ManualClock>,
    ledger: Arc<Ledger>,
    crashes: Arc<Crashes>,
}

impl Life {
    fn begin(&self, folder: &Path) -> Campaigns {
        let options = Options {
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            transport: Arc::clone(&self.ledger) as Arc<dyn Transport>,
            faults: Arc::clone(&self.crashes) as Arc<dyn Faults>,
            threads: 1,
            import_rows: 7,
            ..Options::default()
        };
        let campaigns = open(folder, options);
        campaigns.take_charge().unwrap();
        campaigns
    }
}

/// What must be true of a campaign.
#[derive(Default)]
struct Expected {
    /// Numbers whose adding was acknowledged.
    there: BTreeSet<u64>,
}

fn file(folder: &Path, numbers: &[u64], at: u64) -> Import {
    let path = folder.join(format!("list-{at}.import"));
    let mut text = String::from("none\n");
    for number in numbers {
        text.push_str(&format!("{number}\n"));
    }
    std::fs::write(&path, text).unwrap();
    Import::File {
        path,
        name: "list.csv".to_owned(),
    }
}

fn numbers_of(campaigns: &Campaigns, account: &Account, id: i64) -> Vec<u64> {
    let filter = MessageFilter {
        campaigns: Some(vec![id]),
        ..MessageFilter::default()
    };
    let mut numbers = Vec::new();
    for number in 0.. {
        let page = Page { size: 100, number };
        let (found, _) = campaigns
            .list_messages(account, &filter, &[], page)
            .unwrap();
        if found.items.is_empty() {
            break;
        }
        numbers.extend(
            found
                .items
                .iter()
                .map(|message| message.number.unwrap().as_u64()),
        );
    }
    numbers
}

/// How many crashes there were.
fn schedule(seed: u64) -> u32 {
    let mut crashes = 0;
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let folder = tempfile::tempdir().unwrap();
    let life = Life {
        clock: Arc::new(ManualClock::at(NOON)),
        ledger: Arc::default(),
        crashes: Arc::default(),
    };
    let mut campaigns = life.begin(folder.path());
    let key = campaigns
        .add_account("test", &Settings::default(), Money(0))
        .unwrap();
    let account = campaigns.account_by_key(&key).unwrap();
    let mut expected: BTreeMap<i64, Expected> = BTreeMap::new();
    for _ in 0..3 {
        let id = campaigns.create(&account, &campaign("Hello")).unwrap();
        expected.insert(id, Expected::default());
    }
    // Groups whose cards have numbers of the same hundreds.
    let groups: Vec<(i64, Vec<u64>)> = (0..3)
        .map(|at| {
            let group = campaigns.create_group(&account, &at.to_string()).unwrap();
            let numbers: Vec<u64> = (0..25).map(|n| 380_971_112_000 + at * 30 + n * 2).collect();
            for number in &numbers {
                let mobile = ("mobile".to_owned(), number.to_string());
                let card = campaigns.create_card(&account, &[mobile].into()).unwrap();
                campaigns.set_card_groups(&account, card, &[group]).unwrap();
            }
            (group, numbers)
        })
        .collect();
    for turn in 0..30 {
        if random.below(3) == 0 {
            life.ledger.arm(0, random.below(2) == 0);
        }
        life.crashes.arm(random.below(9), random.below(2) == 0);
        let id = 1 + random.below(3) as i64;
        let kind = random.below(6);
        let replace = random.below(4) == 0;
        let params = AddParams {
            replace: replace.then(|| "1".to_owned()),
            ..AddParams::default()
        };
        let group = (kind == 1 && random.below(2) == 0).then(|| random.below(3) as usize);
        let list: Vec<u64> = match group {
            Some(group) => groups[group].1.clone(),
            None => (0..1 + random.below(40))
                .map(|_| 380_971_112_000 + random.below(200))
                .collect(),
        };
        let one = expected.get_mut(&id).unwrap();
        let acknowledged = Cell::new(false);
        let done = survive(|| match kind {
            0 => {
                let entries = list.iter().map(|n| Entry::number(n.to_string())).collect();
                campaigns
                    .add(&account, id, &Entries::Numbers(entries), &params)
                    .map(drop)
            }
            1 => {
                let import = match group {
                    Some(group) => Import::Groups(vec![Some(groups[group].0)]),
                    None => file(campaigns.folder().unwrap(), &list, turn),
                };
                campaigns.import(&account, id, &import, &params)?;
                acknowledged.set(true);
                while campaigns.work()? {}
                Ok(())
            }
            2 => campaigns.work().map(drop),
            3 => campaigns.send(&account, id).map(drop),
            4 => campaigns.step().map(drop),
            _ => {
                life.clock.advance(700);
                campaigns.step().map(drop)
            }
        });
        life.crashes.disarm();
        life.ledger.disarm();
        match (kind, &done) {
            (0 | 1, Some(Ok(()))) => {
                if replace {
                    one.there.clear();
                }
                one.there.extend(&list);
            }
            (_, Some(Err(Error::Conflict(_)) | Ok(()))) => {}
            (_, Some(Err(error))) => panic!("seed {seed}, turn {turn}: {error}"),
            (_, None) => {
                crashes += 1;
                drop(campaigns);
                campaigns = life.begin(folder.path());
                assert!(
                    campaigns.recount(false).unwrap().is_empty(),
                    "seed {seed}, turn {turn}"
                );
                // What was begun is ended before the next turn looks at it.
                while campaigns.work().unwrap() {}
                // Either the whole call or nothing of it.
                if kind <= 1 {
                    let found: BTreeSet<u64> =
                        numbers_of(&campaigns, &account, id).into_iter().collect();
                    let mut with = one.there.clone();
                    if replace {
                        with.clear();
                    }
                    with.extend(&list);
                    assert!(
                        found == with || (!acknowledged.get() && found == one.there),
                        "seed {seed}, turn {turn}: half a call"
                    );
                    one.there = found;
                }
            }
        }
        assert_eq!(
            campaigns.recount(false).unwrap(),
            [0i64; 0],
            "seed {seed}, turn {turn}"
        );
    }
    for id in expected.keys() {
        let _ = campaigns.send(&account, *id);
    }
    settle(&campaigns);
    life.clock.advance(10_000);
    settle(&campaigns);
    settle(&campaigns);
    assert_eq!(campaigns.recount(false).unwrap(), [0i64; 0], "seed {seed}");
    let handed = life.ledger.times();
    let mut messages = 0;
    for (id, one) in &expected {
        let numbers = numbers_of(&campaigns, &account, *id);
        let set: BTreeSet<u64> = numbers.iter().copied().collect();
        assert_eq!(
            set.len(),
            numbers.len(),
            "seed {seed}: twice in campaign {id}"
        );
        assert_eq!(set, one.there, "seed {seed}: campaign {id}");
        messages += numbers.len();
    }
    assert_eq!(
        handed.len(),
        messages,
        "seed {seed}: every message is handed over"
    );
    assert!(
        handed.values().all(|&times| times == 1),
        "seed {seed}: handed over twice"
    );
    for task in 1.. {
        let Ok(found) = campaigns.find_task(task) else {
            break;
        };
        // Resumed or not, every rejected row is told once.
        let path = campaigns.rejects(Some(&account), task).unwrap();
        let rows = std::fs::read_to_string(path).unwrap().lines().count() as i64 - 1;
        assert_eq!(
            (found.status, rows),
            (TaskStatus::Done, found.rejected),
            "seed {seed}"
        );
        assert_eq!(found.progress, 100);
    }
    for id in expected.keys() {
        let found = campaigns.campaign(&account, *id).unwrap();
        let done = found.status == CampaignStatus::Done || found.counters.total.messages == 0;
        assert!(done, "seed {seed}: campaign {id} is {:?}", found.status);
    }
    crashes
}

#[test]
fn whatever_crashes_nothing_is_lost_and_nothing_is_there_twice() {
    common::crash_through(50, 5, schedule);
}
