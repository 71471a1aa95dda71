//! Torn writes below the database: of what a commit or a checkpoint writes, any sectors may be on the disk
//! and others not when the power goes. What was there before is there then, or all that was written.
//!
//! `RECIPIENTS_SCHEDULES` and `RECIPIENTS_SEED` set how many schedules are tried, and which; the default is 10.

mod common;

use common::{NOON, Random, campaign, open, settle};
use recipients_campaigns::*;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What a disk writes at once.
const SECTOR: usize = 512;

/// Mixtures of each write.
const MIXTURES: u64 = 6;

/// The database and its write-ahead log.
#[derive(Clone, Debug, Default)]
struct Files {
    database: Vec<u8>,
    log: Vec<u8>,
}

impl Files {
    fn read(path: &Path) -> Files {
        let log = path.with_extension("db-wal");
        Files {
            database: std::fs::read(path).unwrap(),
            log: std::fs::read(log).unwrap_or_default(),
        }
    }

    /// Everything there is in them, once the database has recovered.
    fn content(&self) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        std::fs::write(&path, &self.database).unwrap();
        if !self.log.is_empty() {
            std::fs::write(path.with_extension("db-wal"), &self.log).unwrap();
        }
        // As the program itself opens it.
        let campaigns = open(folder.path(), Options::default());
        assert_eq!(campaigns.check_database().unwrap(), [""; 0]);
        assert!(campaigns.recount(false).unwrap().is_empty());
        drop(campaigns);
        let database = Connection::open(&path).unwrap();
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let mut tables = database.prepare(tables).unwrap();
        let tables: Vec<String> = tables
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert!(tables.len() > 10, "{tables:?}");
        let mut content = String::new();
        for table in tables {
            let mut rows = database
                .prepare(&format!("SELECT * FROM \"{table}\" ORDER BY 1, 2"))
                .unwrap();
            let columns = rows.column_count();
            let mut rows = rows.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let values = (0..columns).map(|at| format!("{:?}", row.get_ref(at).unwrap()));
                content.push_str(&format!(
                    "{table}: {}\n",
                    values.collect::<Vec<String>>().join(", ")
                ));
            }
        }
        content
    }
}

/// Some sectors of a file as they were, and the others as they were to be.
fn torn(before: &[u8], after: &[u8], random: &mut Random) -> Vec<u8> {
    let longest = before.len().max(after.len());
    let kind = random.below(3);
    let cut = random.below(longest as u64 + 1) as usize;
    let mut mixed = Vec::with_capacity(longest);
    for start in (0..longest).step_by(SECTOR) {
        let sector = |file: &[u8]| {
            file.get(start..file.len().min(start + SECTOR))
                .map(<[u8]>::to_vec)
        };
        let is_new = match kind {
            // In order, as far as the power lasted.
            0 => start + SECTOR <= cut,
            // In any order.
            1 => random.below(2) == 0,
            // All but one.
            _ => !(start..start + SECTOR).contains(&cut),
        };
        let (old, new) = (sector(before), sector(after));
        let wanted = if is_new { new } else { old };
        // A sector that is not written in a file that has grown past it.
        mixed.extend(wanted.unwrap_or_else(|| vec![0; SECTOR]));
    }
    mixed.truncate(longest);
    mixed
}

#[derive(Debug)]
struct Disk {
    path: PathBuf,
    random: Mutex<Random>,
    before: Mutex<Option<Files>>,
    /// Mixtures that were as before, and as after.
    found: Mutex<[u64; 2]>,
}

impl Disk {
    fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Faults for Disk {
    fn commit(&self, moment: Moment) {
        let mut random = Disk::lock(&self.random);
        let mut before = Disk::lock(&self.before);
        if moment == Moment::Before {
            *before = (random.below(3) == 0).then(|| Files::read(&self.path));
            return;
        }
        let Some(before) = before.take() else { return };
        let after = Files::read(&self.path);
        // A commit adds to the log only.
        assert!(before.database == after.database);
        let [old, new] = [&before, &after].map(Files::content);
        if old == new {
            // There was nothing to be changed.
            return;
        }
        for _ in 0..MIXTURES {
            let mixture = Files {
                database: before.database.clone(),
                log: torn(&before.log, &after.log, &mut random),
            };
            let found = mixture.content();
            assert!(found == old || found == new, "half a commit");
            Disk::lock(&self.found)[usize::from(found == new)] += 1;
        }
    }
}

fn schedule(seed: u64) -> [u64; 2] {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let clock = Arc::new(ManualClock::at(NOON));
    // Made beforehand: its first commits are those of SQLite.
    drop(open(folder.path(), Options::default()));
    let disk = Arc::new(Disk {
        path: path.clone(),
        random: Mutex::new(Random(seed ^ 0x5bd1_e995)),
        before: Mutex::default(),
        found: Mutex::default(),
    });
    for life in 0..3 {
        let options = Options {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            faults: Arc::clone(&disk) as Arc<dyn Faults>,
            threads: 1,
            import_rows: 50,
            ..Options::default()
        };
        let campaigns = open(folder.path(), options);
        campaigns.take_charge().unwrap();
        let name = life.to_string();
        campaigns
            .add_account(&name, &Settings::default(), Money(0))
            .unwrap();
        let account = campaigns.account_by_name(&name).unwrap();
        for turn in 0..3 {
            let id = campaigns.create(&account, &campaign("Hello")).unwrap();
            let len = 1 + random.below(200);
            let list: Vec<String> = (0..len)
                .map(|_| (380_971_110_000 + random.below(9999)).to_string())
                .collect();
            if turn == 1 {
                let path = campaigns
                    .folder()
                    .unwrap()
                    .join(format!("list-{life}.import"));
                std::fs::write(&path, list.join("\n")).unwrap();
                let import = Import::File {
                    path,
                    name: "list.csv".to_owned(),
                };
                campaigns
                    .import(&account, id, &import, &AddParams::default())
                    .unwrap();
            } else {
                let entries = Entries::Numbers(list.into_iter().map(Entry::number).collect());
                campaigns
                    .add(&account, id, &entries, &AddParams::default())
                    .unwrap();
            }
            settle(&campaigns);
            if turn > 0 {
                campaigns.send(&account, id).unwrap();
            }
            settle(&campaigns);
            clock.advance(1000 * random.below(20) as i64);
            settle(&campaigns);
        }
        // Whoever closes it last brings everything from the log to its place.
        let before = Files::read(&path);
        drop(campaigns);
        let after = Files::read(&path);
        assert!(!before.log.is_empty() && after.log.is_empty());
        let expected = after.content();
        let mut random = Disk::lock(&disk.random);
        for _ in 0..MIXTURES {
            let mixture = Files {
                database: torn(&before.database, &after.database, &mut random),
                log: before.log.clone(),
            };
            assert!(
                mixture.content() == expected,
                "seed {seed}: half a checkpoint"
            );
        }
    }
    *Disk::lock(&disk.found)
}

#[test]
fn torn_writes_leave_all_or_nothing() {
    let seeds = common::seeds(10);
    let schedules = seeds.end - seeds.start;
    let mut found = [0; 2];
    for seed in seeds {
        let [old, new] = schedule(seed);
        found = [found[0] + old, found[1] + new];
    }
    // Most are torn; some have lost nothing that counts.
    assert!(
        found[0] > 20 * schedules && found[1] > schedules,
        "{found:?}"
    );
}
