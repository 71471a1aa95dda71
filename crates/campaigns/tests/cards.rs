//! Lists of contact cards.

mod common;

use common::{World, world, world_with};
use recipients_campaigns::*;
use recipients_ingest::Source;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

fn written(world: &World, name: &str, text: &str) -> PathBuf {
    let path = world.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn import(world: &World, list: &Path, groups: &[i64]) -> (CardImport, String) {
    let mut rejects = Vec::new();
    let source = Source::open(list, &recipients_ingest::Options::auto()).unwrap();
    let done = world
        .campaigns
        .import_cards(&world.account, source, None, groups, &mut rejects);
    (done.unwrap(), String::from_utf8(rejects).unwrap())
}

/// Number, name, surname, mail and city of every card, by number.
fn book(world: &World) -> Vec<[String; 5]> {
    let number = CardField::from_name(MOBILE).unwrap();
    let page = Page {
        size: 100,
        number: 0,
    };
    let sort = [(CardKey::Field(number), false)];
    let filter = CardFilter::default();
    let found = world.campaigns.cards(&world.account, &filter, &sort, page);
    let cards = found.unwrap().0.items.into_iter();
    cards
        .map(|card| {
            [MOBILE, "name", "surname", "email", "address.city"]
                .map(|field| card.fields.get(field).cloned().unwrap_or_default())
        })
        .collect()
}

const LIST: &str = "Имя;Фамилия;E-mail;Телефон;Город;Размер\n\
    Ольга;Бойко;olga@example.com;+38 (097) 111-22-33;Київ;M\n\
    Іван;;;0971112234;Львів;L\n\
    Павло;;;380971112235;;\n\
    Тінь;;;38 097 111 22 33;Одеса;S\n\
    Ніхто;;;;;\n";

#[test]
fn a_list_becomes_cards() {
    let world = world(&Settings::default());
    let list = written(&world, "list.csv", LIST);
    let group = world.campaigns.create_group(&world.account, "VIP").unwrap();
    let (done, rejects) = import(&world, &list, &[group]);
    let expected = CardImport {
        added: 2,
        rejected: 3,
        left_out: vec!["Размер".to_owned()],
        ..CardImport::default()
    };
    assert_eq!(done, expected);
    assert!(done.notes()[0].contains("Размер"));
    let reasons: Vec<&str> = rejects
        .lines()
        .skip(1)
        .map(|line| line.split(';').nth(7).unwrap())
        .collect();
    assert_eq!(reasons, ["leading_zero", "duplicate", "empty"], "{rejects}");
    let card = |fields: [&str; 5]| fields.map(str::to_owned);
    let first = card(["380971112233", "Ольга", "Бойко", "olga@example.com", "Київ"]);
    let third = card(["380971112235", "Павло", "", "", ""]);
    assert_eq!(book(&world), [first.clone(), third]);
    let size = || {
        world
            .campaigns
            .group_size(&world.account, Some(group))
            .unwrap()
    };
    assert_eq!(size(), 2);

    // The same list again, and one that knows more.
    let (again, _) = import(&world, &list, &[group]);
    assert_eq!((again.added, again.updated, again.rejected), (0, 2, 3));
    let more = written(
        &world,
        "more.csv",
        "mobile,name,surname\n380971112235,,Гнатюк\n",
    );
    let (more, _) = import(&world, &more, &[]);
    assert_eq!((more.added, more.updated, more.rejected), (0, 1, 0));
    let third = card(["380971112235", "Павло", "Гнатюк", "", ""]);
    assert_eq!(book(&world), [first, third]);
    assert_eq!(size(), 2);
}

#[test]
fn lists_that_cannot_be_used() {
    let world = world(&Settings::default());
    let refused = |path: &Path, groups: &[i64]| {
        let source = Source::open(path, &recipients_ingest::Options::auto()).unwrap();
        let done = world
            .campaigns
            .import_cards(&world.account, source, None, groups, Vec::new());
        done.unwrap_err()
    };
    let bare = written(&world, "bare.csv", "380971112233\n380971112234\n");
    match refused(&bare, &[]) {
        Error::Invalid(fields) => assert!(format!("{fields:?}").contains("first line")),
        error => panic!("{error:?}"),
    }
    let list = written(&world, "list.csv", LIST);
    assert!(matches!(refused(&list, &[99]), Error::NotFound));
    let groups: Vec<i64> = (0..11)
        .map(|n| {
            let name = format!("group {n}");
            world.campaigns.create_group(&world.account, &name).unwrap()
        })
        .collect();
    assert!(matches!(refused(&list, &groups), Error::Incorrect(_)));
    assert_eq!(book(&world).len(), 0);
    let empty = written(&world, "empty.csv", "");
    match refused(&empty, &[]) {
        Error::Invalid(fields) => assert!(format!("{fields:?}").contains("empty.csv: it is empty")),
        error => panic!("{error:?}"),
    }
    let twice = "mobile,name,First name,size\n380971112236,A,B,4\n";
    let (done, _) = import(&world, &written(&world, "twice.csv", twice), &[]);
    assert_eq!(
        (done.doubled, done.left_out),
        (vec!["First name".to_owned()], vec!["size".to_owned()])
    );
    let long = format!("mobile,name,info\n380971112233,A,{}\n", "x".repeat(1001));
    let (done, _) = import(&world, &written(&world, "long.csv", &long), &[]);
    assert_eq!((done.added, done.too_long), (1, 1));
    assert!(done.notes()[0].contains("1000"));
}

#[test]
fn workbooks_become_cards() {
    let world = world(&Settings::default());
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/files");
    let mut books = Vec::new();
    for name in [
        "lo-text.xlsx",
        "lo-text.xls",
        "lo-text.ods",
        "contacts-comma-utf8.csv",
    ] {
        let (done, _) = import(&world, &files.join(name), &[]);
        assert!(done.added + done.updated > 0, "{name}: {done:?}");
        books.push(book(&world));
    }
    assert!(books.windows(2).all(|two| two[0] == two[1]), "{books:?}");
}

/// Falls over in the middle of some commits.
#[derive(Debug, Default)]
struct Stumbling(AtomicU32);

impl Faults for Stumbling {
    fn commit(&self, moment: Moment) {
        let count = self.0.load(Ordering::SeqCst);
        if count > 0 && self.0.fetch_sub(1, Ordering::SeqCst) == 1 {
            panic!("a crash {moment:?} the commit");
        }
    }
}

#[test]
fn an_import_in_the_background_goes_on_after_crashes() {
    for crash in 1..=16 {
        let faults = Arc::new(Stumbling::default());
        let world = world_with(&Settings::default(), |options| {
            options.import_rows = 10;
            options.faults = Arc::clone(&faults) as Arc<dyn Faults>;
        });
        let group = world.campaigns.create_group(&world.account, "All").unwrap();
        let mut list = "name,mobile\n".to_owned();
        for n in 0..50 {
            list.push_str(&format!("N{n},{}\n", 380_971_112_000_u64 + n % 45));
        }
        let path = world.campaigns.folder().unwrap().join("list.import");
        std::fs::write(&path, list).unwrap();
        let task = world
            .campaigns
            .begin_cards(&world.account, &path, "list.csv", &[group])
            .unwrap();
        faults.0.store(crash, Ordering::SeqCst);
        let crashed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            while world.campaigns.work().unwrap() {}
        }));
        faults.0.store(0, Ordering::SeqCst);
        // The crash of a thread of a server: what comes next is another server's.
        world.campaigns.take_charge().unwrap();
        while world.campaigns.work().unwrap() {}
        let found = world.campaigns.find_task(task).unwrap();
        let came_to = (found.status, found.added, found.rejected, found.progress);
        assert_eq!(
            came_to,
            (TaskStatus::Done, 45, 5, 100),
            "{crash} {crashed:?}"
        );
        assert_eq!(book(&world).len(), 45);
        let size = world.campaigns.group_size(&world.account, Some(group));
        assert_eq!(size.unwrap(), 45);
        let rejects = world.campaigns.rejects(Some(&world.account), task).unwrap();
        let rejects = std::fs::read_to_string(rejects).unwrap();
        assert_eq!(rejects.lines().count(), 6, "{rejects}");
        assert!(!path.exists());
        assert_eq!(crashed.is_err(), crash <= 14, "{crash}");
    }
}
