//! Who did what, what is forgotten and when, and links of recipients' own.

mod common;

use common::{World, campaign, settle, world};
use recipients_campaigns::*;
use std::fs;

const A: &str = "380971112233";
const B: &str = "380971112234";

fn add(world: &World, id: i64, entries: Vec<Entry>) -> Vec<Added> {
    let entries = Entries::Numbers(entries);
    let params = AddParams::default();
    world
        .campaigns
        .add(&world.account, id, &entries, &params)
        .unwrap()
}

fn acts(world: &World) -> Vec<(String, String, Option<i64>)> {
    let page = Page {
        size: 100,
        number: 0,
    };
    let mut log = world.campaigns.audit(Some(&world.account), page).unwrap();
    log.reverse();
    log.into_iter()
        .map(|done| {
            (
                done.actor.to_string(),
                done.act.name().to_owned(),
                done.subject,
            )
        })
        .collect()
}

#[test]
fn the_audit_log_says_who_did_what() {
    let world = world(&Settings::default());
    let campaigns = &world.campaigns;
    let account = world.account.clone().used_from([203, 0, 113, 5].into());
    let id = campaigns.create(&account, &campaign("Hello")).unwrap();
    let entries = Entries::Numbers(vec![Entry::number(A)]);
    campaigns
        .add(&account, id, &entries, &AddParams::default())
        .unwrap();
    // What is refused changes nothing and is not in it.
    campaigns.send(&account, 99).unwrap_err();
    campaigns.send(&account, id).unwrap();
    let by_name = campaigns.account_by_name("test").unwrap();
    let stopped = campaigns.stop(&by_name, B, None).unwrap();
    campaigns
        .load_prices("country,operator,price\nUA,,1\n".as_bytes())
        .unwrap();
    let key = "key from 203.0.113.5";
    let expected = [
        ("admin", "account/add", None),
        (key, "campaign/create", Some(id)),
        (key, "campaign/addrecipients", Some(id)),
        (key, "campaign/send", Some(id)),
        ("admin", "numberstoplist/create", Some(stopped)),
    ]
    .map(|(who, what, which)| (who.to_owned(), what.to_owned(), which));
    assert_eq!(acts(&world), expected);
    let all = campaigns.audit(None, Page::default()).unwrap();
    assert_eq!(
        (all[0].act, all[0].account.as_deref()),
        (Act::LoadPrices, None)
    );
    assert_eq!(all[1].account.as_deref(), Some("test"));
}

/// Every file of the database, as it lies on the disk.
fn on_the_disk(world: &World) -> String {
    let mut all = String::new();
    for file in fs::read_dir(world.folder.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            all.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
        }
    }
    all
}

#[test]
fn people_are_forgotten_and_counters_stay() {
    let world = world(&Settings::default());
    let campaigns = &world.campaigns;
    let template = NewCampaign {
        kind: Some("3".to_owned()),
        ..campaign("Dear {name}")
    };
    let make = || {
        let id = campaigns.create(&world.account, &template).unwrap();
        let names = [(A, "Zebulon"), (B, "Quirinus")].map(|(number, name)| Entry {
            values: vec![("name".to_owned(), name.to_owned())],
            ..Entry::number(number)
        });
        add(&world, id, names.to_vec());
        id
    };
    let (old, dropped) = (make(), make());
    let alone = NewMessage {
        recipient: A.to_owned(),
        campaign: campaign("Your code, Melchior, is 1234"),
    };
    let alone = campaigns.send_message(&world.account, &alone).unwrap();
    campaigns.send(&world.account, old).unwrap();
    campaigns.delete(&world.account, dropped).unwrap();
    for _ in 0..3 {
        settle(campaigns);
        world.clock.advance(MINUTE);
    }
    let before = campaigns.campaign(&world.account, old).unwrap();
    assert_eq!(before.status, CampaignStatus::Done);
    world.clock.advance(10 * DAY);
    let (draft, recent) = (make(), make());
    campaigns.send(&world.account, recent).unwrap();
    let card = [("name", "Balthasar"), ("mobile", A)].map(|(k, v)| (k.to_owned(), v.to_owned()));
    let card = campaigns.create_card(&world.account, &card.into()).unwrap();
    campaigns.delete_card(&world.account, card).unwrap();
    settle(campaigns);
    assert!(on_the_disk(&world).contains("Melchior"));

    assert!(matches!(
        campaigns.purge(0, false),
        Err(Error::Incorrect(_))
    ));
    let wanted = Purged {
        campaigns: 3,
        messages: 5,
        lists: 0,
    };
    assert_eq!(campaigns.purge(10, true).unwrap(), wanted);
    assert!(on_the_disk(&world).contains("Melchior"));
    assert_eq!(campaigns.purge(11, false).unwrap(), Purged::default());
    assert_eq!(campaigns.purge(10, false).unwrap(), wanted);
    assert_eq!(campaigns.purge(10, false).unwrap(), Purged::default());

    let after = campaigns.campaign(&world.account, old).unwrap();
    assert_eq!(after.counters, before.counters);
    assert_eq!(campaigns.recount(false).unwrap(), [0; 0]);
    let list = |to: Option<&str>, ids: &[i64]| {
        let filter = MessageFilter {
            campaigns: Some(ids.to_vec()),
            to: to.map(str::to_owned),
            ..MessageFilter::default()
        };
        let found = campaigns.list_messages(&world.account, &filter, &[], Page::default());
        found.unwrap().0.items
    };
    let forgotten = list(None, &[old, dropped, alone.campaign]);
    assert_eq!(forgotten.len(), 5);
    for message in &forgotten {
        assert_eq!((message.number, message.contact), (None, None));
        assert!(["Dear {name}", ""].contains(&message.text.as_str()));
        // A number that is gone is not found by what stands in its place.
        assert_eq!(
            list(Some(&message.id.to_string()), &[message.campaign]).len(),
            0
        );
    }
    assert!(
        forgotten
            .iter()
            .any(|m| m.status == MessageStatus::Delivered)
    );
    assert_eq!(list(None, &[draft, recent]).len(), 4);
    assert_eq!(list(Some(A), &[draft, recent, old]).len(), 2);

    // Nothing of the others is left on the disk; the names of the two that stay are.
    campaigns.compact().unwrap();
    let disk = on_the_disk(&world);
    for name in ["Melchior", "Balthasar"] {
        assert!(!disk.contains(name), "{name}");
    }
    assert_eq!(disk.matches("Zebulon").count(), 2);
    let forgotten: Vec<Option<i64>> = acts(&world)
        .into_iter()
        .filter(|(_, act, _)| act == "db/purge")
        .map(|(.., subject)| subject)
        .collect();
    assert_eq!(forgotten, [old, dropped, alone.campaign].map(Some));
}

/// Thousands of rows in random order, whose pages are split and moved: what is left of people after a
/// purge, when the file is written anew, and in a copy.
#[test]
fn nothing_of_people_is_left_in_the_file() {
    let world = world(&Settings::default());
    let campaigns = &world.campaigns;
    let account = world.account.clone().used_from([203, 0, 113, 77].into());
    let template = NewCampaign {
        kind: Some("3".to_owned()),
        ..campaign("Dear {name}")
    };
    let number = |n: u64| 380_970_000_000 + n * 7_368_787 % 10_000_000;
    for turn in 0..2 {
        let id = campaigns.create(&account, &template).unwrap();
        for part in 0..8 {
            let entries = (part * 500..part * 500 + 500).map(|n| Entry {
                values: vec![("name".to_owned(), format!("Ragnhild{n}"))],
                ..Entry::number(number(2 * n + turn).to_string())
            });
            let entries = Entries::Numbers(entries.collect());
            let params = AddParams::default();
            campaigns.add(&account, id, &entries, &params).unwrap();
        }
        campaigns.send(&account, id).unwrap();
    }
    // Some messages expire only when their validity ends.
    for pause in [MINUTE, MINUTE, DAY, MINUTE] {
        settle(campaigns);
        world.clock.advance(pause);
    }
    let left = |folder: &std::path::Path| {
        let mut left = (0, 0, 0);
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let bytes = if path.is_file() {
                fs::read(path).unwrap()
            } else {
                Vec::new()
            };
            // An integer of this size is stored in six bytes.
            let numbers: std::collections::HashSet<[u8; 6]> = bytes
                .windows(6)
                .map(|six| six.try_into().unwrap())
                .collect();
            let is_there = |n: &u64| {
                let bytes = number(*n).to_be_bytes();
                numbers.contains(&bytes[2..])
            };
            left.0 += (0..8000).filter(is_there).count();
            let text = String::from_utf8_lossy(&bytes);
            left.1 += text.matches("Ragnhild").count();
            left.2 += text.matches("203.0.113.77").count();
        }
        left
    };
    let before = left(world.folder.path());
    assert!(
        before.0 >= 8000 && before.1 >= 8000 && before.2 >= 16,
        "{before:?}"
    );
    world.clock.advance(2 * DAY);
    assert_eq!(campaigns.purge(1, false).unwrap().messages, 8000);
    let after = left(world.folder.path());
    // What moved within pages before may have left a few copies; they go with the pages.
    assert!(after.0 < 200 && after.1 < 200 && after.2 == 0, "{after:?}");
    campaigns.compact().unwrap();
    assert_eq!(left(world.folder.path()), (0, 0, 0));
    let copies = tempfile::tempdir().unwrap();
    campaigns.backup(&copies.path().join("copy.db")).unwrap();
    assert_eq!(left(copies.path()), (0, 0, 0));
    assert_eq!(campaigns.recount(false).unwrap(), [0; 0]);
}

#[test]
fn a_declined_campaign_is_old_when_it_was_declined_long_ago() {
    let settings = Settings {
        moderation: true,
        ..Settings::default()
    };
    let world = world(&settings);
    let id = world
        .campaigns
        .create(&world.account, &campaign("Hi"))
        .unwrap();
    add(&world, id, vec![Entry::number(A)]);
    assert!(world.campaigns.send(&world.account, id).unwrap());
    world.clock.advance(30 * DAY);
    assert_eq!(world.campaigns.purge(10, false).unwrap(), Purged::default());
    world.campaigns.moderate(id, false, None).unwrap();
    world.clock.advance(9 * DAY);
    assert_eq!(world.campaigns.purge(10, false).unwrap(), Purged::default());
    world.clock.advance(2 * DAY);
    assert_eq!(world.campaigns.purge(10, false).unwrap().messages, 1);
}

#[test]
fn addresses_in_the_audit_log_are_forgotten() {
    let world = world(&Settings::default());
    let account = world.account.clone().used_from([203, 0, 113, 5].into());
    let create = || world.campaigns.create(&account, &campaign("Hi")).unwrap();
    create();
    world.clock.advance(5 * DAY);
    create();
    world.campaigns.purge(2, false).unwrap();
    let who: Vec<String> = acts(&world).into_iter().map(|(who, ..)| who).collect();
    assert_eq!(who, ["admin", "key", "key from 203.0.113.5"]);
}

fn tracked(world: &World, targets: &[&str]) -> (i64, String) {
    let links = targets.iter().map(|target| {
        let new = NewLink {
            target: Some((*target).to_owned()),
            ..NewLink::default()
        };
        let link = world.campaigns.create_link(&world.account, &new).unwrap();
        world.campaigns.link_address(&link.code)
    });
    let text = links.collect::<Vec<String>>().join(" and ");
    let new = NewCampaign {
        track: Some("1".to_owned()),
        ..campaign(&text)
    };
    let id = world.campaigns.create(&world.account, &new).unwrap();
    (id, text)
}

fn texts(world: &World, campaign: i64) -> Vec<Message> {
    let filter = MessageFilter {
        campaigns: Some(vec![campaign]),
        ..MessageFilter::default()
    };
    let sort = [(MessageKey::Id, false)];
    let page = Page::default();
    let found = world
        .campaigns
        .list_messages(&world.account, &filter, &sort, page);
    found.unwrap().0.items
}

#[test]
fn every_recipient_has_links_of_its_own() {
    let world = world(&Settings::default());
    let targets = ["https://b.example/", "https://a.example/?x=1"];
    let (id, text) = tracked(&world, &targets);
    let entries = [A, B, A].map(Entry::number);
    let added = add(&world, id, entries.to_vec());
    let codes: Vec<u8> = added.iter().map(|one| one.code().as_u8()).collect();
    assert_eq!(codes, [0, 0, 4]);
    let messages = texts(&world, id);
    let mut known = std::collections::HashSet::new();
    for message in &messages {
        assert_ne!(message.text, text);
        for (own, target) in message.text.split(" and ").zip(targets) {
            let code = own.rsplit('/').next().unwrap();
            assert!(known.insert(code.to_owned()), "{code}");
            // A program that shows the target, the person, and the person again.
            for pause in [0, 9_000, 2_000] {
                world.clock.advance(pause);
                let led = world.campaigns.follow_link(code, true).unwrap();
                assert_eq!(led.as_deref(), Some(target));
            }
            // Nobody finds another by changing a letter.
            let other = code.chars().rev().collect::<String>();
            if other != code {
                assert_eq!(world.campaigns.follow_link(&other, true).unwrap(), None);
            }
        }
    }
    assert_eq!(known.len(), 4);
    assert!(texts(&world, id).iter().all(|message| message.clicks == 4));
    let links = world.campaigns.campaign_links(&world.account, id).unwrap();
    assert!(
        links
            .iter()
            .all(|link| (link.clicks, link.redirects) == (4, 4))
    );
    // A message that is sent alone is tracked, too.
    let alone = NewMessage {
        recipient: A.to_owned(),
        campaign: NewCampaign {
            track: Some("1".to_owned()),
            ..campaign(&text)
        },
    };
    let sent = world
        .campaigns
        .send_message(&world.account, &alone)
        .unwrap();
    let own = &texts(&world, sent.campaign)[0].text;
    let code = &own.split(' ').next().unwrap().rsplit('/').next().unwrap();
    assert!(world.campaigns.follow_link(code, false).unwrap().is_some());
    assert!(known.insert((*code).to_owned()));
    // What was replaced leads nowhere.
    let replacing = AddParams {
        replace: Some("1".to_owned()),
        ..AddParams::default()
    };
    let (list, _) = tracked(&world, &targets);
    add(&world, list, vec![Entry::number(A)]);
    let gone = texts(&world, list)[0].text.clone();
    let numbers = Entries::Numbers(vec![Entry::number(B)]);
    world
        .campaigns
        .add(&world.account, list, &numbers, &replacing)
        .unwrap();
    let code = gone.split(' ').next().unwrap().rsplit('/').next().unwrap();
    assert_eq!(world.campaigns.follow_link(code, true).unwrap(), None);
}

#[test]
fn stop_words_are_heeded() {
    let world = world(&Settings::default());
    let campaigns = &world.campaigns;
    let inbound = |text: &str| campaigns.inbound(&world.account, A, text).unwrap();
    for text in ["", "!", "Stop by tomorrow?", "nonstop", "yes", "STO P"] {
        assert_eq!(inbound(text), None, "{text}");
    }
    let entry = inbound(" \u{ab}Stop.\u{bb}\n").unwrap();
    for text in ["STOP", "стоп!", "opt  out", "Sair", "unsubscribe"] {
        assert_eq!(inbound(text), Some(entry), "{text}");
    }
    let list = campaigns.stopped(&world.account, Page::default()).unwrap();
    assert_eq!(list.items[0].number.to_string(), A);
    let id = campaigns.create(&world.account, &campaign("Hi")).unwrap();
    let account = campaigns.account_by_name("test").unwrap();
    let entries = Entries::Numbers(vec![Entry::number(A)]);
    let added = campaigns.add(&account, id, &entries, &AddParams::default());
    assert_eq!(added.unwrap()[0].code().as_u8(), 5);
    let wrong = campaigns.inbound(&world.account, "none", "STOP");
    assert!(matches!(wrong, Err(Error::Invalid(_))));
    // Who is on the list already stays there as before.
    let comment = || {
        let list = campaigns.stopped(&world.account, Page::default()).unwrap();
        list.items[0].comment.clone()
    };
    campaigns.stop(&world.account, B, Some("by phone")).unwrap();
    assert!(
        campaigns
            .inbound(&world.account, B, "stop")
            .unwrap()
            .is_some()
    );
    assert_eq!(comment().as_deref(), Some("by phone"));
    for useless in ["", "*", " - "] {
        let mut settings = Settings::default();
        settings.stop_words.push(useless.to_owned());
        assert!(settings.check().is_err(), "{useless}");
    }
    let own = Settings {
        stop_words: vec!["Basta".to_owned()],
        ..Settings::default()
    };
    campaigns.set_account("test", &own, None).unwrap();
    let account = campaigns.account_by_name("test").unwrap();
    assert_eq!(campaigns.inbound(&account, B, "STOP").unwrap(), None);
    assert!(campaigns.inbound(&account, B, "basta").unwrap().is_some());
}

#[test]
fn who_asks_for_no_more_gets_no_more() {
    let world = world(&Settings::default());
    let campaigns = &world.campaigns;
    let send = |numbers: &[&str]| {
        let id = campaigns.create(&world.account, &campaign("Hi")).unwrap();
        add(
            &world,
            id,
            numbers.iter().copied().map(Entry::number).collect(),
        );
        campaigns.inbound(&world.account, A, "stop").unwrap();
        campaigns.send(&world.account, id).unwrap();
        settle(campaigns);
        world.clock.advance(MINUTE);
        settle(campaigns);
        campaigns.campaign(&world.account, id).unwrap()
    };
    let mut statuses: Vec<MessageStatus> = Vec::new();
    let done = send(&[A, B]);
    assert_eq!(done.status, CampaignStatus::Done);
    statuses.extend(texts(&world, done.id).iter().map(|message| message.status));
    assert_eq!(
        statuses,
        [MessageStatus::Rejected, MessageStatus::Delivered]
    );
    let stopped = &texts(&world, done.id)[0];
    assert_eq!(
        (stopped.number.unwrap().to_string().as_str(), stopped.sent),
        (A, None)
    );
    assert_eq!(campaigns.recount(false).unwrap(), [0; 0]);
}

/// A gateway that is down, and then is not.
#[derive(Debug, Default)]
struct Gateway {
    is_up: std::sync::atomic::AtomicBool,
    handed: std::sync::Mutex<Vec<String>>,
}

impl Transport for Gateway {
    fn knows(&self, messages: &[Outgoing]) -> Result<Vec<bool>, String> {
        Ok(vec![false; messages.len()])
    }

    fn hand_over(&self, messages: &[Outgoing]) -> Result<Vec<Receipt>, String> {
        if !self.is_up.load(std::sync::atomic::Ordering::SeqCst) {
            return Err("down".to_owned());
        }
        let numbers = messages.iter().map(|message| message.number.to_string());
        self.handed.lock().unwrap().extend(numbers);
        Ok(self.receipts(messages))
    }

    fn receipts(&self, messages: &[Outgoing]) -> Vec<Receipt> {
        let receipt = |message: &Outgoing| Receipt {
            status: MessageStatus::Accepted,
            foretold: Some((MessageStatus::Delivered, message.at + 1000)),
        };
        messages.iter().map(receipt).collect()
    }
}

/// Somebody asks for no more while the message waits for the gateway to come back; it is not paid for.
#[test]
fn who_asks_while_the_gateway_is_down_gets_no_more() {
    let gateway = std::sync::Arc::new(Gateway::default());
    let world = common::world_with(&Settings::default(), |options| {
        options.transport = std::sync::Arc::clone(&gateway) as std::sync::Arc<dyn Transport>;
    });
    let campaigns = &world.campaigns;
    let prices = "country,operator,price\nUA,,0.5\n";
    campaigns.load_prices(prices.as_bytes()).unwrap();
    campaigns
        .set_account("test", &Settings::default(), Some(Money(10_000)))
        .unwrap();
    let account = campaigns.account_by_name("test").unwrap();
    let id = campaigns.create(&account, &campaign("Hi")).unwrap();
    let entries = Entries::Numbers([A, B].map(Entry::number).into());
    campaigns
        .add(&account, id, &entries, &AddParams::default())
        .unwrap();
    campaigns.send(&account, id).unwrap();
    let balance = || campaigns.account_by_name("test").unwrap().balance;
    assert_eq!(balance(), Money(0));
    campaigns.step().unwrap();
    assert!(campaigns.step().is_err());
    campaigns.inbound(&account, A, "stop").unwrap();
    gateway
        .is_up
        .store(true, std::sync::atomic::Ordering::SeqCst);
    world.clock.advance(MINUTE);
    settle(campaigns);
    world.clock.advance(MINUTE);
    settle(campaigns);
    assert_eq!(*gateway.handed.lock().unwrap(), [B]);
    let done = campaigns.campaign(&account, id).unwrap();
    assert_eq!(done.status, CampaignStatus::Done);
    assert_eq!(done.counters.total.cost, Money(10_000));
    assert_eq!(balance(), Money(5000));
    assert_eq!(campaigns.recount(false).unwrap(), [0; 0]);
}

#[test]
fn nothing_is_sent_with_a_stop_list_that_is_too_old() {
    let settings = Settings {
        stop_list_days: 7,
        ..Settings::default()
    };
    let world = world(&settings);
    let campaigns = &world.campaigns;
    let numbers = || [B].into_iter().map(|number| number.parse::<u64>().unwrap());
    let load = || {
        let list = numbers().filter_map(recipients_core::Msisdn::from_u64);
        campaigns.stop_all(Some(&world.account), list).unwrap();
    };
    let send = || {
        let id = campaigns.create(&world.account, &campaign("Hi")).unwrap();
        add(&world, id, vec![Entry::number(A)]);
        match campaigns.send(&world.account, id) {
            Ok(_) => true,
            Err(Error::Conflict(Conflict::StopListOld)) => false,
            Err(error) => panic!("{error:?}"),
        }
    };
    let alone = || {
        let new = NewMessage {
            recipient: A.to_owned(),
            campaign: campaign("Hi"),
        };
        campaigns.send_message(&world.account, &new).is_ok()
    };
    // It has never been loaded; a single entry is no list.
    campaigns.inbound(&world.account, B, "stop").unwrap();
    assert_eq!((send(), alone()), (false, false));
    load();
    assert_eq!((send(), alone()), (true, true));
    world.clock.advance(7 * DAY);
    assert!(send());
    world.clock.advance(1);
    assert_eq!((send(), alone()), (false, false));
    let state = campaigns.stop_list(Some(&world.account)).unwrap();
    assert_eq!((state.numbers, state.days), (1, Some(7)));
    load();
    assert!(send());
}

#[test]
fn events_that_nobody_takes_are_given_up_after_a_day() {
    let world = world(&Settings::default());
    let campaigns = &world.campaigns;
    let hook = campaigns
        .add_hook("test", "http://receiver.example/", HookFormat::Json, None)
        .unwrap();
    let id = campaigns.create(&world.account, &campaign("Hi")).unwrap();
    add(&world, id, [A, B].map(Entry::number).into());
    campaigns.send(&world.account, id).unwrap();
    settle(campaigns);
    world.clock.advance(MINUTE);
    settle(campaigns);
    let waiting = || campaigns.hooks("test").unwrap()[0].clone();
    assert_eq!((waiting().waiting, waiting().lost), (2, 0));
    // One is tried, and due later.
    let due = campaigns.due_events(hook, 1).unwrap();
    campaigns
        .settle_events(hook, &[(due[0].clone(), false)])
        .unwrap();
    world.clock.advance(DAY);
    campaigns.expire_events(hook).unwrap();
    assert_eq!((waiting().waiting, waiting().lost), (2, 0));
    world.clock.advance(1);
    campaigns.expire_events(hook).unwrap();
    assert_eq!((waiting().waiting, waiting().lost), (1, 1));
    world.clock.advance(MINUTE);
    campaigns.expire_events(hook).unwrap();
    assert_eq!((waiting().waiting, waiting().lost), (0, 2));
    assert_eq!(campaigns.due_hooks().unwrap().len(), 0);
    // Of what came due while no server ran nothing is given up before it was tried for a day.
    let id = campaigns.create(&world.account, &campaign("Hi")).unwrap();
    add(&world, id, vec![Entry::number(A)]);
    campaigns.send(&world.account, id).unwrap();
    settle(campaigns);
    world.clock.advance(MINUTE);
    settle(campaigns);
    world.clock.advance(3 * DAY);
    let options = Options {
        clock: std::sync::Arc::clone(&world.clock) as std::sync::Arc<dyn Clock>,
        ..Options::default()
    };
    let later = common::open(world.folder.path(), options);
    later.expire_events(hook).unwrap();
    assert_eq!(later.due_events(hook, 9).unwrap().len(), 1);
    world.clock.advance(DAY);
    later.expire_events(hook).unwrap();
    assert_eq!(later.due_events(hook, 9).unwrap().len(), 0);
}

/// Whoever goes back to a copy gives no code to another that a recipient has got since it was made.
#[test]
fn links_sent_after_a_copy_stay_nobody_elses() {
    let world = world(&Settings::default());
    let (id, _) = tracked(&world, &["https://a.example/"]);
    add(&world, id, vec![Entry::number(A)]);
    let copy = world.folder.path().join("copy.db");
    world.campaigns.backup(&copy).unwrap();
    let code_of = |campaigns: &Campaigns| {
        let numbers = Entries::Numbers(vec![Entry::number(B)]);
        let params = AddParams::default();
        let added = campaigns
            .add(&world.account, id, &numbers, &params)
            .unwrap();
        let filter = MessageFilter {
            ids: Some(vec![added[0].message.unwrap()]),
            ..MessageFilter::default()
        };
        let found = campaigns.list_messages(&world.account, &filter, &[], Page::default());
        let text = found.unwrap().0.items[0].text.clone();
        text.rsplit('/').next().unwrap().to_owned()
    };
    let sent = code_of(&world.campaigns);
    let back = Campaigns::open(&copy, Options::default()).unwrap();
    assert_ne!(code_of(&back), sent);
    assert_eq!(back.follow_link(&sent, true).unwrap(), None);
}
