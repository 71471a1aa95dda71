//! Background tasks: who carries them out, and of what (decisions D26, D27).

mod common;

use common::{NOON, World, campaign, open, settle, world, world_with};
use recipients_campaigns::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

fn import(world: &World, id: i64, text: &str) -> i64 {
    let path = world.campaigns.folder().unwrap().join("list.import");
    std::fs::write(&path, text).unwrap();
    let file = Import::File {
        path,
        name: "list.csv".to_owned(),
    };
    world
        .campaigns
        .import(&world.account, id, &file, &AddParams::default())
        .unwrap()
}

fn list(count: u64) -> String {
    (0..count)
        .map(|n| format!("{}\n", 380_971_112_000 + n))
        .collect()
}

fn total(campaigns: &Campaigns, account: &Account, id: i64) -> i64 {
    let found = campaigns.campaign(account, id).unwrap();
    found.counters.total.messages
}

/// Lets another worker carry out everything, a while after the second commit of a chunk.
#[derive(Debug, Default)]
struct Overtaken {
    commits: AtomicU32,
    other: OnceLock<(Campaigns, Arc<ManualClock>)>,
}

impl Faults for Overtaken {
    fn commit(&self, moment: Moment) {
        if moment == Moment::After
            && let Some((other, clock)) = self.other.get()
            && self.commits.fetch_add(1, Ordering::SeqCst) == 2
        {
            assert!(!other.work().unwrap(), "the task is leased");
            clock.advance(MINUTE + 1);
            assert!(other.work().unwrap(), "the lease has run out");
        }
    }
}

#[test]
fn a_task_belongs_to_one_worker() {
    let faults = Arc::new(Overtaken::default());
    let world = world_with(&Settings::default(), |options| {
        options.import_rows = 10;
        options.faults = Arc::clone(&faults) as Arc<dyn Faults>;
    });
    let id = world
        .campaigns
        .create(&world.account, &campaign("Hello"))
        .unwrap();
    let task = import(&world, id, &list(50));
    let options = Options {
        clock: Arc::clone(&world.clock) as Arc<dyn Clock>,
        threads: 1,
        ..Options::default()
    };
    let other = open(world.folder.path(), options);
    faults.other.set((other, Arc::clone(&world.clock))).unwrap();
    let overtaken = world.campaigns.work().unwrap_err().to_string();
    assert!(overtaken.contains("another worker"), "{overtaken}");
    assert!(!world.campaigns.work().unwrap());
    let found = world.campaigns.find_task(task).unwrap();
    assert_eq!((found.status, found.added), (TaskStatus::Done, 50));
    assert_eq!(total(&world.campaigns, &world.account, id), 50);
    assert!(world.campaigns.recount(false).unwrap().is_empty());
}

#[test]
fn one_program_is_in_charge() {
    let world = world(&Settings::default());
    let id = world
        .campaigns
        .create(&world.account, &campaign("Hello"))
        .unwrap();
    import(&world, id, &list(3));
    let folder = world.campaigns.folder().unwrap().to_owned();
    for left in ["upload-1-2-3", "9.rejects.part", "9.rejects.csv"] {
        std::fs::write(folder.join(left), "x").unwrap();
    }
    world.campaigns.take_charge().unwrap();
    let mut kept: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    kept.sort();
    assert_eq!(kept, ["9.rejects.csv", "list.import"]);

    let second = open(world.folder.path(), Options::default());
    let refused = second.take_charge().unwrap_err().to_string();
    assert!(refused.contains("another server"), "{refused}");
    drop(world.campaigns);
    second.take_charge().unwrap();
    assert!(second.work().unwrap());
    assert_eq!(total(&second, &world.account, id), 3);
}

/// A program that fails at a task gives it up, and the campaign is free again.
#[test]
fn a_task_that_cannot_be_carried_out_is_given_up() {
    #[derive(Debug)]
    struct Panics(AtomicU32);
    impl Faults for Panics {
        fn commit(&self, _: Moment) {
            if self.0.fetch_add(1, Ordering::SeqCst) == 9 {
                panic!("crash");
            }
        }
    }
    let faults = Arc::new(Panics(AtomicU32::new(100)));
    let world = world_with(&Settings::default(), |options| {
        options.faults = Arc::clone(&faults) as Arc<dyn Faults>;
        options.import_rows = 1;
    });
    let id = world
        .campaigns
        .create(&world.account, &campaign("Hello"))
        .unwrap();
    let task = import(&world, id, &list(20));
    faults.0.store(0, Ordering::SeqCst);
    let panicked =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.campaigns.work()));
    assert!(panicked.is_err());
    world.campaigns.give_up().unwrap();
    let found = world.campaigns.find_task(task).unwrap();
    assert_eq!(found.status, TaskStatus::Rejected);
    // Rows that were added stay (D27), and the campaign is free.
    assert!(total(&world.campaigns, &world.account, id) > 0);
    world.campaigns.send(&world.account, id).unwrap();
    assert!(world.campaigns.recount(false).unwrap().is_empty());
}

fn card(world: &World, name: &str, mobile: u64) -> i64 {
    let fields = [("name", name.to_owned()), ("mobile", mobile.to_string())];
    let fields: BTreeMap<String, String> =
        fields.map(|(name, value)| (name.to_owned(), value)).into();
    world
        .campaigns
        .create_card(&world.account, &fields)
        .unwrap()
}

/// More cards than are looked up at a time, in two groups; what becomes of them later does not
/// change what the import is of.
#[test]
fn groups_are_imported_as_they_were() {
    let world = world(&Settings::default());
    let campaigns = &world.campaigns;
    let groups = ["a", "b"].map(|name| campaigns.create_group(&world.account, name).unwrap());
    let cards: Vec<i64> = (0..1500)
        .map(|n| card(&world, "Olha", 380_971_112_000 + n))
        .collect();
    for &card in &cards {
        campaigns
            .set_card_groups(&world.account, card, &groups)
            .unwrap();
    }
    let new = NewCampaign {
        kind: Some("3".to_owned()),
        ..campaign("Dear {name}, {recipient}")
    };
    let id = campaigns.create(&world.account, &new).unwrap();
    let import = Import::Groups(groups.to_vec());
    let task = campaigns
        .import(&world.account, id, &import, &AddParams::default())
        .unwrap();
    campaigns.delete_card(&world.account, cards[7]).unwrap();
    campaigns.delete_group(&world.account, groups[0]).unwrap();
    let late = card(&world, "Late", 380_671_112_000);
    campaigns
        .set_card_groups(&world.account, late, &groups[1..])
        .unwrap();
    settle(campaigns);
    let found = campaigns.find_task(task).unwrap();
    assert_eq!(
        (found.status, found.added, found.rejected),
        (TaskStatus::Done, 1499, 1)
    );
    assert_eq!(
        campaigns.filled_text(&world.account, id).unwrap(),
        "Dear Olha, 380971112000"
    );
    assert_eq!(campaigns.now(), NOON);
}

/// A database of the first version goes on where it was.
#[test]
fn an_older_database_is_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let path: &Path = &folder.path().join("test.db");
    let old = rusqlite::Connection::open(path).unwrap();
    old.execute_batch(include_str!("../src/schema.sql"))
        .unwrap();
    old.execute_batch(
        "PRAGMA application_id = 0x72637074; PRAGMA user_version = 1;
         INSERT INTO card VALUES (5, 1, '{\"mobile\":\"380971112233\"}', 0, NULL);
         INSERT INTO card_group VALUES (3, 1, 'a', 0);
         INSERT INTO card_in_group VALUES (3, 5);",
    )
    .unwrap();
    old.execute(
        "INSERT INTO account VALUES (1, 'test', x'00', 0, '{}', 0, 0)",
        [],
    )
    .unwrap();
    drop(old);
    let campaigns = open(folder.path(), Options::default());
    let account = campaigns.account_by_name("test").unwrap();
    let id = campaigns.create(&account, &campaign("Hello")).unwrap();
    // Its task as the first version would have written it.
    let import = Import::Groups(vec![3]);
    campaigns
        .import(&account, id, &import, &AddParams::default())
        .unwrap();
    drop(campaigns);
    let back = rusqlite::Connection::open(path).unwrap();
    back.execute_batch(
        "DROP TABLE task_card; ALTER TABLE task DROP COLUMN owner;
         ALTER TABLE task DROP COLUMN leased; PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(back);
    let campaigns = open(folder.path(), Options::default());
    assert!(campaigns.work().unwrap());
    assert_eq!(total(&campaigns, &account, id), 1);
}
