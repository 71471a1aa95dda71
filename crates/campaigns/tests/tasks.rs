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

/// Crashes at its first commit, which leases a task.
#[derive(Debug)]
struct CrashesAtOnce;

impl Faults for CrashesAtOnce {
    fn commit(&self, moment: Moment) {
        assert!(moment == Moment::Before, "crash");
    }
}

/// Lets another worker take the task over and crash, a while after the second commit of a chunk.
#[derive(Debug, Default)]
struct Robbed {
    commits: AtomicU32,
    other: OnceLock<(Campaigns, Arc<ManualClock>)>,
}

impl Faults for Robbed {
    fn commit(&self, moment: Moment) {
        if moment == Moment::After
            && let Some((other, clock)) = self.other.get()
            && self.commits.fetch_add(1, Ordering::SeqCst) == 2
        {
            clock.advance(MINUTE + 1);
            let work = std::panic::AssertUnwindSafe(|| other.work());
            assert!(
                std::panic::catch_unwind(work).is_err(),
                "it has leased the task"
            );
        }
    }
}

/// Whoever has lost a task commits no row of it more, though nobody has ended it.
#[test]
fn a_task_that_was_taken_over_is_let_go() {
    let faults = Arc::new(Robbed::default());
    let world = world_with(&Settings::default(), |options| {
        options.import_rows = 10;
        options.faults = Arc::clone(&faults) as Arc<dyn Faults>;
    });
    let id = world
        .campaigns
        .create(&world.account, &campaign("Hello"))
        .unwrap();
    import(&world, id, &list(50));
    let options = Options {
        clock: Arc::clone(&world.clock) as Arc<dyn Clock>,
        faults: Arc::new(CrashesAtOnce),
        threads: 1,
        ..Options::default()
    };
    let other = open(world.folder.path(), options);
    faults.other.set((other, Arc::clone(&world.clock))).unwrap();
    let robbed = world.campaigns.work().unwrap_err().to_string();
    assert!(robbed.contains("another worker"), "{robbed}");
    assert!(total(&world.campaigns, &world.account, id) < 50);
    world.clock.advance(MINUTE + 1);
    assert!(world.campaigns.work().unwrap());
    assert_eq!(total(&world.campaigns, &world.account, id), 50);
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
    // A name that is empty is not kept.
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
    let import = Import::Groups(groups.iter().copied().map(Some).collect());
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
    old.execute_batch(include_str!("../src/store/schema.sql"))
        .unwrap();
    old.execute_batch(
        r#"
        PRAGMA application_id = 0x72637074;
        PRAGMA user_version = 1;
        INSERT INTO account VALUES (1, 'test', x'00', 0, '{}', 0, 0);
        INSERT INTO card VALUES (5, 1, '{"mobile":"380971112233"}', 0, NULL);
        INSERT INTO card_group VALUES (3, 1, 'a', 0);
        INSERT INTO card_in_group VALUES (3, 5);
        INSERT INTO campaign (id, account, text, type, sender, mclass, validity, track, status,
          created, generation, generations, source, messages, segments, cost, rejected, counted,
          cursor, task)
          VALUES (1, 1, 'Hello', 2, 'SMS', 1, 1440, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1),
                 (2, 1, 'Hello', 2, 'SMS', 1, 1440, 0, 4, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, NULL);
        INSERT INTO counter VALUES (1, 0, 1, 1, 0), (2, 0, 1, 1, 0);
        INSERT INTO message (campaign, generation, number, text, segments, price, status)
          VALUES (1, 0, 380971112234, 'Of the first', 1, 0, 0), (2, 0, 380971112234, NULL, 1, 0, 0);
        INSERT INTO task VALUES (1, 1, 1, 1, 0, '{"file":null,"groups":[3],"replace":false,
          "missing":1,"encoding":"UTF-8","skip_header":false,"delimiter":",","enclosure":"''"}',
          2, 0, 0, 0, 0, 0, 0, NULL, 0, NULL);
        "#,
    )
    .unwrap();
    drop(old);
    let campaigns = open(folder.path(), Options::default());
    let account = campaigns.account_by_name("test").unwrap();
    assert!(campaigns.work().unwrap());
    assert_eq!(total(&campaigns, &account, 1), 2);
    assert_eq!(campaigns.filled_text(&account, 1).unwrap(), "Of the first");
    settle(&campaigns);
    let sent = campaigns.campaign(&account, 2).unwrap();
    assert_eq!(sent.status, CampaignStatus::Sent);
    assert!(campaigns.recount(false).unwrap().is_empty());
}

/// D10: a field that a card lacks is missing, as it is for contacts that are named one by one.
#[test]
fn d10_groups() {
    let world = world(&Settings::default());
    let campaigns = &world.campaigns;
    let group = campaigns.create_group(&world.account, "a").unwrap();
    // The same number without a name and with one: the first does not shadow the second.
    for (name, mobile) in [("", 380_971_112_233), ("Olha", 380_971_112_233)] {
        let card = card(&world, name, mobile);
        campaigns
            .set_card_groups(&world.account, card, &[group])
            .unwrap();
    }
    for (flag, text, counts) in [
        ("1", "Dear {name}{sum}", (1, 1)),
        ("2", "Dear ", (1, 1)),
        ("3", "Dear Olha", (1, 1)),
    ] {
        let text_of = if flag == "3" {
            "Dear {name}"
        } else {
            "Dear {name}{sum}"
        };
        let new = NewCampaign {
            kind: Some("3".to_owned()),
            ..campaign(text_of)
        };
        let id = campaigns.create(&world.account, &new).unwrap();
        let params = AddParams {
            placeholders: Some(flag.to_owned()),
            ..AddParams::default()
        };
        let import = Import::Groups(vec![Some(group)]);
        let task = campaigns
            .import(&world.account, id, &import, &params)
            .unwrap();
        settle(campaigns);
        let found = campaigns.find_task(task).unwrap();
        assert_eq!((found.added, found.rejected), counts, "{flag}");
        assert_eq!(campaigns.filled_text(&world.account, id).unwrap(), text);
        let rejects = campaigns.rejects(Some(&world.account), task).unwrap();
        let rejects = std::fs::read_to_string(rejects).unwrap();
        match flag {
            "3" => assert!(rejects.contains("missing_placeholder"), "{rejects}"),
            _ => {
                assert!(rejects.contains("duplicate"), "{rejects}");
                let note = found.note.unwrap();
                assert!(note.contains("`{sum}` is no field"), "{note}");
            }
        }
    }
}

/// A list that is refused half-way says why, and what was rejected until then can be had.
#[test]
fn d27_a_broken_list() {
    let world = world_with(&Settings::default(), |options| options.import_rows = 10);
    let id = world
        .campaigns
        .create(&world.account, &campaign("Hello"))
        .unwrap();
    // The fault lies beyond what is read when the file comes.
    let mut text = format!("none\n{}", list(150_000)).into_bytes();
    text.extend(b"380\xff\n");
    let path = world.campaigns.folder().unwrap().join("list.import");
    std::fs::write(&path, &text).unwrap();
    let import = Import::File {
        path: path.clone(),
        name: "list.csv".to_owned(),
    };
    let task = world
        .campaigns
        .import(&world.account, id, &import, &AddParams::default())
        .unwrap();
    settle(&world.campaigns);
    let found = world.campaigns.find_task(task).unwrap();
    assert_eq!(found.status, TaskStatus::Rejected);
    let note = found.note.unwrap();
    assert!(
        note.starts_with("list.csv, line 150002") && note.contains("UTF-8"),
        "{note}"
    );
    assert!(!path.exists());
    let rejects = world.campaigns.rejects(None, task).unwrap();
    let rejects = std::fs::read_to_string(rejects).unwrap();
    assert!(rejects.contains("none,2,no_digits"), "{rejects}");
    assert!(total(&world.campaigns, &world.account, id) > 0);
    world.campaigns.send(&world.account, id).unwrap();
}

/// A campaign of one message takes a file of one row.
#[test]
fn d26_single_messages_from_files() {
    let world = world(&Settings::default());
    let new = NewCampaign {
        kind: Some("1".to_owned()),
        ..campaign("Hello")
    };
    let id = world.campaigns.create(&world.account, &new).unwrap();
    let path = world.campaigns.folder().unwrap().join("list.import");
    let import = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let import = Import::File {
            path: path.clone(),
            name: "list.csv".to_owned(),
        };
        let begun = world
            .campaigns
            .import(&world.account, id, &import, &AddParams::default());
        settle(&world.campaigns);
        begun
    };
    assert!(matches!(
        import(&list(2)),
        Err(Error::Incorrect(Flaw::SingleRecipient))
    ));
    import(&list(1)).unwrap();
    assert_eq!(total(&world.campaigns, &world.account, id), 1);
    assert!(matches!(
        import("380971112299\n"),
        Err(Error::Incorrect(Flaw::SingleRecipient))
    ));
}

/// Webhooks: attempts are a minute further apart each time, ten at most; what is acknowledged goes.
#[test]
fn events_are_due_until_they_are_acknowledged() {
    let world = world(&Settings::default());
    let World {
        campaigns,
        clock,
        account,
        ..
    } = &world;
    let hook = campaigns
        .add_hook("test", "https://example.com/", HookFormat::Json, None)
        .unwrap();
    let id = campaigns.create(account, &campaign("Hello")).unwrap();
    let numbers = [380_971_112_233_u64, 380_971_112_255].map(|n| Entry::number(n.to_string()));
    let numbers = Entries::Numbers(numbers.to_vec());
    campaigns
        .add(account, id, &numbers, &AddParams::default())
        .unwrap();
    campaigns.send(account, id).unwrap();
    settle(campaigns);
    clock.advance(10 * MINUTE);
    settle(campaigns);
    assert_eq!(campaigns.due_hooks().unwrap().len(), 1);
    let due = campaigns.due_events(hook, 10).unwrap();
    assert_eq!(due.len(), 2);
    assert!(
        due.iter()
            .all(|event| event.attempt == 1 && event.campaign == id)
    );
    // One is acknowledged, the other fails ten times.
    let kept = due[1].id;
    campaigns
        .settle_events(hook, &[(due[0].clone(), true), (due[1].clone(), false)])
        .unwrap();
    for attempt in 2..=10 {
        clock.advance((attempt - 1) * MINUTE - 1);
        assert!(campaigns.due_events(hook, 10).unwrap().is_empty());
        clock.advance(1);
        let due = campaigns.due_events(hook, 10).unwrap();
        assert_eq!((due.len(), due[0].id, due[0].attempt), (1, kept, attempt));
        campaigns
            .settle_events(hook, &[(due[0].clone(), false)])
            .unwrap();
    }
    clock.advance(1000 * MINUTE);
    assert!(campaigns.due_hooks().unwrap().is_empty());
    let hooks = campaigns.hooks("test").unwrap();
    assert_eq!((hooks[0].waiting, hooks[0].lost), (0, 1));
}
