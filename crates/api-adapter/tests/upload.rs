//! Uploads to our own server through everything that can go wrong on the way and in between.
#![cfg(all(feature = "server", feature = "client"))]

mod proxy;

use proxy::{Dice, FAULTS, Fault, Proxy};
use recipients_api_adapter::client::{
    AddOptions, ApiKey, Client, ClientOptions, Fate, Heading, Journal, Moment, NewCampaign,
    Outcome, Recipients, Upload, UploadError, UploadOptions, UploadReport, World,
};
use recipients_api_adapter::server::{self, Setup};
use recipients_batcher::{Limits, Pipeline};
use recipients_campaigns::{Campaigns, Money, Options, Settings};
use recipients_core::{Checker, Msisdn};
use recipients_ingest::Source;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

struct Server {
    address: SocketAddr,
    key: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn new(folder: &Path) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let campaigns = Campaigns::open(&folder.join("test.db"), Options::default()).unwrap();
        let campaigns = Arc::new(campaigns);
        campaigns.take_charge().unwrap();
        let key = campaigns
            .add_account("test", &Settings::default(), Money(1_000_000_000))
            .unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || server::run(&campaigns, listener, Setup::default(), &stop).unwrap()
        });
        Server {
            address,
            key,
            stop,
            thread: Some(thread),
        }
    }

    fn client(&self, address: SocketAddr, call: Duration) -> Client {
        let key = ApiKey::new(&self.key).unwrap();
        let options = ClientOptions {
            call,
            ..ClientOptions::default()
        };
        Client::with(&format!("http://{address}"), key, options).unwrap()
    }

    fn direct(&self) -> Client {
        self.client(self.address, Duration::from_secs(60))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = self.thread.take().unwrap().join();
    }
}

/// A world in which waiting takes no time, and in which the process may end at any moment.
#[derive(Debug)]
struct Made {
    now: AtomicU64,
    dice: Mutex<u64>,
    /// One in so many moments is the last one; 0 is none.
    crashes: u64,
    crashed: Mutex<Option<Moment>>,
}

impl Made {
    fn new(seed: u64, crashes: u64) -> Arc<Made> {
        Arc::new(Made {
            now: AtomicU64::new(0),
            dice: Mutex::new(seed),
            crashes,
            crashed: Mutex::new(None),
        })
    }

    fn roll(&self) -> u64 {
        let mut state = self.dice.lock().unwrap();
        let mut dice = Dice(*state);
        let roll = dice.roll();
        *state = dice.0;
        roll
    }
}

impl World for Made {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.now.load(Ordering::SeqCst))
    }

    fn pause(&self, time: Duration) {
        self.now.fetch_add(time.as_nanos() as u64, Ordering::SeqCst);
    }

    fn chance(&self) -> f64 {
        0.5
    }

    fn moment(&self, moment: Moment) -> io::Result<()> {
        if self.crashes > 0 && self.roll().is_multiple_of(self.crashes) {
            *self.crashed.lock().unwrap() = Some(moment);
            return Err(io::Error::other("the process ends here"));
        }
        Ok(())
    }
}

/// 60 numbers, among them duplicates and rows that are none.
fn list(dice: &mut Dice) -> Vec<String> {
    (0..60)
        .map(|_| match dice.below(8) {
            0 => "none".to_owned(),
            _ => format!("38097111{:04}", dice.below(80)),
        })
        .collect()
}

fn source(rows: &[String]) -> Source {
    let rows: Vec<io::Result<[String; 1]>> = rows.iter().map(|row| Ok([row.clone()])).collect();
    Source::from_rows("list", &[], 0, rows.into_iter())
}

/// Numbers of a campaign, with the message of each.
fn numbers(client: &Client, campaign: u64) -> BTreeMap<String, u64> {
    let id = campaign.to_string();
    let mut found = BTreeMap::new();
    for page in 0.. {
        let listed = client.messages(&[("campaignIds", &id)], page, 100).unwrap();
        if listed.items.is_empty() {
            assert_eq!(found.len() as u64, listed.total);
            break;
        }
        for message in listed.items {
            let before = found.insert(message.to.clone().unwrap(), message.id);
            assert!(before.is_none(), "added twice");
        }
    }
    found
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Created,
    Replacing,
    Adding,
}

fn options(world: Arc<Made>, way: Way) -> UploadOptions {
    UploadOptions {
        replace: way == Way::Replacing,
        limits: Limits {
            recipients: 7,
            ..Limits::default()
        },
        world,
        ..UploadOptions::default()
    }
}

fn text(text: &str) -> NewCampaign {
    NewCampaign {
        text: text.to_owned(),
        ..NewCampaign::default()
    }
}

/// One upload with faults and crashes; what is left must be what it is without them.
fn schedule(server: &Server, folder: &Path, seed: u64, seen: &Mutex<BTreeSet<String>>) {
    let mut dice = Dice(seed);
    let way = [Way::Created, Way::Replacing, Way::Adding][dice.below(3) as usize];
    let rows = list(&mut dice);
    let direct = server.direct();
    let mut before: BTreeSet<String> = BTreeSet::new();
    let known = (way != Way::Created).then(|| {
        let id = direct.create_campaign(&text("Hello")).unwrap();
        let mut recipients = Recipients::new();
        for _ in 0..20 {
            let number = format!("38097111{:04}", dice.below(120));
            recipients.number(Msisdn::from_digits(number.as_bytes()).unwrap());
            before.insert(number);
        }
        direct
            .add_recipients(id, &recipients, AddOptions::default())
            .unwrap();
        id
    });
    let faulty = Arc::new(Mutex::new(Dice(dice.roll())));
    // The last attempts are left alone: every storm ends.
    let left = Arc::new(AtomicU64::new(60));
    let proxy = Proxy::new(server.address, {
        let faulty = Arc::clone(&faulty);
        move |_| {
            let calm = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
            let mut dice = faulty.lock().unwrap();
            match (calm, dice.below(10)) {
                (Ok(_), 0..4) => FAULTS[dice.below(FAULTS.len() as u64) as usize],
                _ => Fault::None,
            }
        }
    });
    let client = server.client(proxy.address, Duration::from_millis(400));
    let checker = Checker::default();
    let path = folder.join(format!("{seed}.journal"));
    let mut outcomes = Vec::new();
    let mut campaign = None;
    let mut report: Option<UploadReport> = None;
    for attempt in 0..200 {
        let world = Made::new(dice.roll(), if attempt < 40 { 9 } else { 0 });
        let upload = Upload::new(&client, options(Arc::clone(&world), way));
        let mut journal = match Journal::open(&path) {
            Ok(journal) => journal,
            Err(_) => Journal::create(&path, Heading::new(Value::from(seed))).unwrap(),
        };
        outcomes.clear();
        let old = std::fs::metadata(&path).unwrap().len();
        let run = |journal: &mut Journal, outcomes: &mut Vec<Outcome>| {
            let id = match known {
                Some(id) => {
                    upload.adopt(id, journal)?;
                    id
                }
                None => upload.create(&text("Hello"), journal)?,
            };
            let report = upload.run(
                &Pipeline::new(&checker).threads(1),
                vec![source(&rows)],
                journal,
                |row: &Outcome| {
                    outcomes.push(*row);
                    Ok(())
                },
            )?;
            Ok::<_, UploadError>((id, report))
        };
        let ended = run(&mut journal, &mut outcomes);
        drop(journal);
        match ended {
            Ok((id, done)) if done.stopped.is_none() => {
                campaign = Some(id);
                report = Some(done);
                break;
            }
            Ok((_, done)) => {
                assert!(done.unknown > 0);
                let name = match done.stopped {
                    Some(UploadError::Entries { .. }) => "Entries",
                    other => panic!("{seed}: {other:?}"),
                };
                seen.lock().unwrap().insert(name.to_owned());
            }
            Err(UploadError::Journal(error)) => panic!("{seed}: {error}"),
            Err(_) => {
                let moment = *world.crashed.lock().unwrap();
                seen.lock().unwrap().insert(format!("{moment:?}"));
                // What was being written when the process ended may be torn: nothing that was there
                // before.
                let bytes = std::fs::read(&path).unwrap();
                let mut breaks = bytes[..bytes.len() - 1].iter();
                let last = breaks
                    .rposition(|&byte| byte == b'\n')
                    .map_or(0, |at| at + 1);
                let was_written = matches!(moment, Some(Moment::BeforeCall | Moment::AfterJournal))
                    && last as u64 >= old;
                if was_written && dice.below(2) == 0 {
                    let keep = last + dice.below((bytes.len() - last) as u64) as usize;
                    std::fs::write(&path, &bytes[..keep]).unwrap();
                }
            }
        }
    }
    let (campaign, report) = (campaign.expect("it ends"), report.unwrap());
    let messages = numbers(&direct, campaign);
    let good: Vec<&String> = rows.iter().filter(|row| row.as_str() != "none").collect();
    let unique: BTreeSet<String> = good.iter().map(|row| (*row).clone()).collect();
    let there: BTreeSet<String> = match way {
        Way::Adding => before.union(&unique).cloned().collect(),
        _ => unique.clone(),
    };
    assert_eq!(
        messages.keys().cloned().collect::<BTreeSet<_>>(),
        there,
        "{seed} {way:?}"
    );
    let present = match way {
        Way::Adding => unique.intersection(&before).count(),
        _ => 0,
    } as u64;
    let counts = (
        report.rows,
        report.accepted,
        report.rejected,
        report.duplicates,
        report.present,
        report.unknown,
    );
    let expected = (
        60,
        unique.len() as u64 - present,
        (rows.len() - good.len()) as u64,
        (good.len() - unique.len()) as u64,
        present,
        0,
    );
    assert_eq!(counts, expected, "{seed} {way:?}");
    let mut told = BTreeSet::new();
    for (at, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome.origin.row, at as u64 + 1);
        let row = &rows[at];
        let fate = match () {
            () if row == "none" => Fate::Rejected,
            () if !told.insert(row) => Fate::Duplicate,
            () if way == Way::Adding && before.contains(row) => Fate::Present,
            () => Fate::Accepted,
        };
        assert_eq!(outcome.fate, fate, "{seed} {way:?} row {}", at + 1);
        if let Some(id) = outcome.message_id {
            assert_eq!(messages.get(row), Some(&id), "{seed}");
        }
    }
    std::fs::remove_file(path).unwrap();
}

/// Every typed method against the server: what it says is understood.
#[test]
fn every_method_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path());
    let client = server.direct();
    let number = |text: &str| Msisdn::from_digits(text.as_bytes()).unwrap();
    let (a, b) = (number("380971112233"), number("380971112255"));
    let code = |error: recipients_api_adapter::client::Error| error.code();

    let link = client
        .create_link("https://example.com/x", Some("May"))
        .unwrap();
    assert_eq!(
        client.link(link.id).unwrap().full_link.as_deref(),
        Some("https://example.com/x")
    );
    client
        .update_link(link.id, true, None, Some("June"))
        .unwrap();
    assert_eq!(client.links(&[], 0, 25).unwrap().total, 1);
    assert!(client.link_stats(&[link.id], "daily").unwrap()["totals"].is_object());
    assert_eq!(
        client.link_stats(&[link.id], "yearly").map_err(code),
        Err(Some(12))
    );

    let template = NewCampaign {
        name: Some("Spring".to_owned()),
        kind: Some(3),
        rate: Some((600, 60)),
        validity: Some(120),
        ..text(&format!("Hi {{name}}, {}", link.short_link.unwrap()))
    };
    let id = client.create_campaign(&template).unwrap();
    let mut recipients = Recipients::new();
    recipients.with_values(a, [("name", "Ol&ha=Ж")]);
    recipients.with_values(a, [("name", "twice")]);
    let added = client
        .add_recipients(id, &recipients, AddOptions::default())
        .unwrap();
    assert_eq!(
        (added.code, added.entries[0].code, added.entries[1].code),
        (98, 0, 4)
    );
    assert_eq!(client.campaign(id).unwrap().name.as_deref(), Some("Spring"));
    let info = client.campaign_info(id, true).unwrap();
    assert!(info.text.unwrap().starts_with("Hi Ol&ha=Ж, "));
    let counters = info.counters.unwrap();
    assert_eq!(
        (counters.total_msg_num, counters.recipients_rejected),
        (Some(1), Some(1))
    );
    assert_eq!(client.campaign_links(id).unwrap()[0].id, link.id);
    assert_eq!(
        client.campaigns(&[("status", "NEW")], 0, 25).unwrap().items[0].id,
        id
    );
    let message = added.entries[0].message_id.unwrap();
    assert_eq!(
        client.message_statuses(&[message]).unwrap()[0]
            .status
            .as_deref(),
        Some("NEW")
    );
    let sent = client.send_campaign(id).unwrap();
    assert_eq!(sent, recipients_api_adapter::client::Launch::Sending);
    assert_eq!(client.send_campaign(id).map_err(code), Err(Some(10)));
    let spare = client.create_campaign(&text("x")).unwrap();
    client.delete_campaign(spare).unwrap();
    assert_eq!(
        client.campaign(spare).map(|found| found.id).map_err(code),
        Err(Some(2))
    );
    let single = client.send_message(b, "Hello", None).unwrap();
    assert_eq!(single.status, 2);
    assert!(
        client
            .messages(&[("to", "380971112255")], 0, 25)
            .unwrap()
            .items[0]
            .id
            == single.message_id
    );
    let processed = client.delete_links(&[link.id, 999]).unwrap();
    assert_eq!(
        (processed.processed.len(), processed.not_processed.len()),
        (1, 1)
    );

    assert_eq!(client.balance().unwrap().currency, "USD");
    assert_eq!(client.senders(0, 25).unwrap().total, 0);
    client.prices("UA").unwrap();
    assert_eq!(client.prices("??").map(drop).map_err(code), Err(Some(12)));

    let stopped = client.stop_number(a, Some("asked for it")).unwrap();
    client.stop_range(b, number("380971112256")).unwrap();
    let listed = client.stopped_numbers(0, 25).unwrap();
    assert_eq!(listed.total, 3);
    let entry = listed
        .items
        .iter()
        .find(|entry| entry.id == stopped)
        .unwrap();
    assert_eq!(
        (entry.number.as_deref(), entry.is_system),
        (Some("380971112233"), false)
    );
    client.unstop(stopped).unwrap();
    assert_eq!(client.unstop(stopped).map_err(code), Err(Some(2)));

    let group = client.create_group("Friends").unwrap();
    client.rename_group(group, "Family").unwrap();
    let card = client
        .create_card(&[("name", "Olha"), ("mobile][value", "380971112233")])
        .unwrap();
    client.update_card(card, &[("surname", "T")]).unwrap();
    client.set_card_groups(card, &[group]).unwrap();
    assert_eq!(
        client.card_groups(card).unwrap()[0].name.as_deref(),
        Some("Family")
    );
    assert_eq!(client.card(card).unwrap().unwrap().fields["surname"], "T");
    assert_eq!(client.cards(0, 25).unwrap().items[0].id, card);
    assert_eq!(
        (
            client.group_size(Some(group)).unwrap(),
            client.group_size(None).unwrap()
        ),
        (1, 0)
    );
    assert_eq!(client.groups(0, 25).unwrap().items[0].cards_cnt, Some(1));
    client.delete_card(card).unwrap();
    assert_eq!(client.delete_group(group).unwrap().processed.len(), 1);
}

/// A list that is not the one of the journal is refused, before the batch that shows it is sent.
#[test]
fn d24_another_list_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path());
    let client = server.direct();
    let id = client.create_campaign(&text("Hello")).unwrap();
    let path = folder.path().join("list.journal");
    let checker = Checker::default();
    let run = |journal: &mut Journal, rows: &[&str], crashes: u64| {
        let rows: Vec<String> = rows.iter().map(|&row| row.to_owned()).collect();
        let upload = Upload::new(&client, options(Made::new(1, crashes), Way::Adding));
        upload.adopt(id, journal)?;
        let pipeline = Pipeline::new(&checker);
        upload.run(
            &pipeline,
            vec![source(&rows)],
            journal,
            |_: &Outcome| Ok(()),
        )
    };
    let mut journal = Journal::create(&path, Heading::new(Value::Null)).unwrap();
    assert_eq!(run(&mut journal, &["380971112233"], 0).unwrap().accepted, 1);
    drop(journal);
    for other in [&["380971112255"][..], &["380971112233", "380971112255"]] {
        let mut journal = Journal::open(&path).unwrap();
        let refused = run(&mut journal, other, 0);
        let Err(UploadError::Journal(error)) = refused else {
            panic!("{refused:?}");
        };
        assert!(
            error.to_string().contains("batch 1 is not what it was"),
            "{error}"
        );
    }
    assert_eq!(numbers(&client, id).len(), 1);
    let mut journal = Journal::open(&path).unwrap();
    assert_eq!(run(&mut journal, &["380971112233"], 0).unwrap().accepted, 1);
}

/// Every answer comes twice, and refusals, too: none of them is taken for the answer to a later call.
#[test]
fn answers_that_come_twice() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path());
    let calls = AtomicU64::new(0);
    let proxy = Proxy::new(server.address, move |method| {
        let is_add = method == "campaign/addrecipients";
        match is_add && calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
            true => Fault::LockedLate,
            false if is_add => Fault::Late,
            false => Fault::None,
        }
    });
    let client = server.client(proxy.address, Duration::from_secs(5));
    let upload = Upload::new(&client, options(Made::new(1, 0), Way::Created));
    let rows: Vec<String> = (0..60).map(|n| format!("38097111{n:04}")).collect();
    let path = folder.path().join("list.journal");
    let mut journal = Journal::create(&path, Heading::new(Value::Null)).unwrap();
    let id = upload.create(&text("Hello"), &mut journal).unwrap();
    let mut told = BTreeMap::new();
    let checker = Checker::default();
    let report = upload
        .run(
            &Pipeline::new(&checker),
            vec![source(&rows)],
            &mut journal,
            |row: &Outcome| {
                assert_eq!(row.fate, Fate::Accepted);
                if let Some(id) = row.message_id {
                    told.insert(row.verdict.msisdn().unwrap().to_string(), id);
                }
                Ok(())
            },
        )
        .unwrap();
    assert_eq!((report.accepted, report.batches), (60, 9));
    let there = numbers(&server.direct(), id);
    assert!(told.iter().all(|(number, id)| there[number] == *id));
}

/// A list with hardly a good row is told of as it is read, and no good row is lost where a batch ends
/// for that.
#[test]
fn hardly_a_good_row() {
    let mut rows = vec!["none".to_owned(); 200_000];
    let good = [0, 1, 65_535, 65_536, 65_537, 150_000, 199_999];
    for at in good {
        rows[at] = format!("38097{at:07}");
    }
    let checker = Checker::default();
    let (mut told, mut unknown) = (0, Vec::new());
    let report = Upload::rehearse(
        &UploadOptions {
            limits: Limits {
                recipients: 4,
                ..Limits::default()
            },
            ..UploadOptions::default()
        },
        &Pipeline::new(&checker),
        vec![source(&rows)],
        |row: &Outcome| {
            told += 1;
            assert_eq!(row.origin.row, told);
            if row.fate == Fate::Unknown {
                unknown.push(row.origin.row as usize - 1);
            }
            Ok(())
        },
    )
    .unwrap();
    assert_eq!((told, unknown.as_slice()), (200_000, &good[..]));
    assert_eq!((report.unknown, report.rejected), (7, 199_993));
    assert_eq!(report.batches, 4);
}

/// `RECIPIENTS_SCHEDULES` of them, 50 otherwise, from `RECIPIENTS_SEED` on.
#[test]
fn d24_exactly_once_through_faults_and_crashes() {
    let count: u64 = std::env::var("RECIPIENTS_SCHEDULES").map_or(50, |n| n.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path());
    let seen = Mutex::new(BTreeSet::new());
    let first: u64 = std::env::var("RECIPIENTS_SEED").map_or(0, |n| n.parse().unwrap());
    let next = AtomicU64::new(first);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + count {
                        break;
                    }
                    schedule(&server, folder.path(), seed, &seen);
                }
            });
        }
    });
    let seen = seen.into_inner().unwrap();
    let all = [
        "Entries",
        "Some(AfterCall)",
        "Some(AfterJournal)",
        "Some(BeforeCall)",
        "Some(BeforeJournal)",
    ];
    let all: BTreeSet<String> = all.into_iter().map(str::to_owned).collect();
    assert!(count < 50 || seen.is_superset(&all), "{seen:?}");
}
