//! The rules of campaigns (decisions D10, D11, D26-D31), each with the clock set.

mod common;

use common::{NOON, World, campaign, settle, world, world_with};
use recipients_campaigns::*;
use recipients_core::Msisdn;
use std::sync::Arc;

fn codes(added: &[Added]) -> Vec<u8> {
    added.iter().map(|added| added.code().as_u8()).collect()
}

fn numbers(numbers: &[&str]) -> Entries {
    Entries::Numbers(numbers.iter().copied().map(Entry::number).collect())
}

fn add(world: &World, id: i64, list: &[&str]) -> Vec<Added> {
    world
        .campaigns
        .add(&world.account, id, &numbers(list), &AddParams::default())
        .unwrap()
}

fn replacing() -> AddParams {
    AddParams {
        replace: Some("1".to_owned()),
        ..AddParams::default()
    }
}

fn fields(error: Error) -> Vec<Field> {
    match error {
        Error::Invalid(fields) => fields.into_iter().map(|(name, _)| name).collect(),
        other => panic!("{other:?}"),
    }
}

fn status(world: &World, id: i64) -> &'static str {
    world
        .campaigns
        .campaign(&world.account, id)
        .unwrap()
        .status
        .name()
}

fn total(world: &World, id: i64) -> Count {
    world
        .campaigns
        .campaign(&world.account, id)
        .unwrap()
        .counters
        .total
}

const A: &str = "380971112233";
const B: &str = "380971112234";
const C: &str = "380971112235";

#[test]
fn d29_what_a_campaign_can_be() {
    let settings = Settings {
        senders: vec!["Alpha".to_owned(), "Beta".to_owned()],
        zone: "America/Sao_Paulo".to_owned(),
        ..Settings::default()
    };
    let world = world(&settings);
    let create = |change: &dyn Fn(&mut NewCampaign)| {
        let mut new = campaign("Hello");
        change(&mut new);
        world.campaigns.create(&world.account, &new)
    };
    let wrong = |change: &dyn Fn(&mut NewCampaign)| fields(create(change).unwrap_err());
    let some = |text: &str| Some(text.to_owned());

    let id = create(&|_| {}).unwrap();
    let made = world.campaigns.campaign(&world.account, id).unwrap();
    assert_eq!(
        (made.from.as_str(), made.kind, made.mclass, made.validity),
        ("Alpha", Kind::Mass, 1, 1440)
    );
    assert_eq!(made.status.name(), "NEW");

    assert_eq!(wrong(&|new| new.text = None), [Field::Text]);
    assert_eq!(wrong(&|new| new.kind = some("4")), [Field::Kind]);
    assert_eq!(wrong(&|new| new.kind = some("3")), [Field::Text]);
    assert_eq!(
        wrong(&|new| new.name = Some("x".repeat(256))),
        [Field::Name]
    );
    assert!(create(&|new| new.name = Some("ж".repeat(255))).is_ok());
    assert_eq!(wrong(&|new| new.from = some("Gamma")), [Field::From]);
    assert!(create(&|new| new.from = some("Beta")).is_ok());
    assert!(create(&|new| new.from = some("")).is_ok());
    assert_eq!(wrong(&|new| new.mclass = some("2")), [Field::Mclass]);
    assert_eq!(wrong(&|new| new.validity = some("59")), [Field::Validity]);
    assert_eq!(wrong(&|new| new.validity = some("1441")), [Field::Validity]);
    assert_eq!(wrong(&|new| new.ttl = some("4321")), [Field::Ttl]);
    // Both given: validity wins.
    let both = create(&|new| {
        new.ttl = some("5000");
        new.validity = some("60");
    });
    assert_eq!(
        world
            .campaigns
            .campaign(&world.account, both.unwrap())
            .unwrap()
            .validity,
        60
    );
    assert_eq!(
        wrong(&|new| new.rate_limit = some("10")),
        [Field::RatePeriod]
    );
    assert!(create(&|new| new.rate_period = some("61")).is_ok());
    for (limit, period, good) in [
        ("6000", "60", true),
        ("6001", "60", false),
        ("360000", "3600", true),
        ("8640001", "86400", false),
        ("0", "77", true),
    ] {
        let made = create(&|new| {
            new.rate_limit = some(limit);
            new.rate_period = some(period);
        });
        assert_eq!(made.is_ok(), good, "{limit} in {period}");
    }
    // 12:00 UTC is 09:00 in São Paulo.
    for (time, good) in [
        ("2026-11-24 10:00:00", true),
        ("2026-11-24 09:59:59", false),
        ("2026-12-08 09:00:00", true),
        ("2026-12-08 09:00:01", false),
        ("2026-11-24T12:00:00", false),
        ("", true),
    ] {
        let made = create(&|new| new.deferred = some(time));
        assert_eq!(made.is_ok(), good, "{time}");
    }
    assert_eq!(wrong(&|new| new.track = some("1")), [Field::Track]);
    let several = wrong(&|new| {
        new.kind = some("x");
        new.mclass = some("9");
        new.text = some(" ");
    });
    assert_eq!(several, [Field::Kind, Field::Mclass, Field::Text]);
}

#[test]
fn d1_codes_of_recipients() {
    let settings = Settings {
        countries: vec!["UA".to_owned(), "BR".to_owned(), "KZ".to_owned()],
        operators: vec!["Kyivstar".to_owned()],
        ..Settings::default()
    };
    let world = world(&settings);
    world
        .campaigns
        .stop(&world.account, "+380 97 111 22 99", None)
        .unwrap();
    let account = world.campaigns.account_by_name("test").unwrap();
    let id = world
        .campaigns
        .create(&account, &campaign("Hello"))
        .unwrap();
    let list = [
        A,
        "",
        "none",
        "0",
        A,
        "380971112299",
        "79101112233",
        "4901122211112",
        "380501112233",
    ];
    let added = world
        .campaigns
        .add(&account, id, &numbers(&list), &AddParams::default())
        .unwrap();
    assert_eq!(codes(&added), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(added[0].message.is_some() && added[1..].iter().all(|added| added.message.is_none()));
    let found = world.campaigns.campaign(&account, id).unwrap();
    assert_eq!(
        (found.counters.total.messages, found.counters.rejected),
        (1, 8)
    );
    // In the next request, too: the list is in the store.
    assert_eq!(codes(&add(&world, id, &[A, B])), [4, 0]);
}

#[test]
fn d10_placeholders() {
    let world = world(&Settings::default());
    let new = NewCampaign {
        kind: Some("3".to_owned()),
        ..campaign("Dear {name}, {recipient}: {sum}")
    };
    let texts = |flag: &str| {
        let id = world.campaigns.create(&world.account, &new).unwrap();
        let entry = Entry {
            number: Some(A.to_owned()),
            values: vec![("name".to_owned(), "{sum}".to_owned())],
        };
        let params = AddParams {
            placeholders: Some(flag.to_owned()),
            ..AddParams::default()
        };
        let entries = Entries::Numbers(vec![entry]);
        let added = world.campaigns.add(&world.account, id, &entries, &params);
        let added = added.map(|added| codes(&added)).map_err(fields);
        (
            added,
            world.campaigns.filled_text(&world.account, id).unwrap(),
        )
    };
    let kept = "Dear {sum}, 380971112233: {sum}".to_owned();
    assert_eq!(texts("1"), (Ok(vec![0]), kept));
    assert_eq!(
        texts("2"),
        (Ok(vec![0]), "Dear {sum}, 380971112233: ".to_owned())
    );
    assert_eq!(texts("3").0, Ok(vec![20]));
    assert_eq!(texts("4").0, Err(vec![Field::Placeholders]));
}

#[test]
fn d11_contacts() {
    let world = world(&Settings::default());
    let card = |fields: &[(&str, &str)]| {
        let fields = fields
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()));
        world
            .campaigns
            .create_card(&world.account, &fields.collect())
            .unwrap()
    };
    let whole = card(&[("name", "Olha"), ("mobile", A), ("viber", B)]);
    let empty = card(&[("name", "Ivan")]);
    let new = NewCampaign {
        kind: Some("3".to_owned()),
        ..campaign("Dear {name}")
    };
    let id = world.campaigns.create(&world.account, &new).unwrap();
    let entries = Entries::Contacts(vec![
        whole.to_string(),
        format!("{whole}:viber"),
        format!("{whole}:skype"),
        format!("{whole}:shoe_size"),
        empty.to_string(),
        "999".to_owned(),
        "x".to_owned(),
    ]);
    let added = world
        .campaigns
        .add(&world.account, id, &entries, &AddParams::default())
        .unwrap();
    assert_eq!(codes(&added), [0, 0, 31, 32, 31, 30, 30]);
    assert_eq!(
        world.campaigns.filled_text(&world.account, id).unwrap(),
        "Dear Olha"
    );
}

#[test]
fn d26_the_order_of_checks() {
    let world = world(&Settings::default());
    let single = NewCampaign {
        kind: Some("1".to_owned()),
        ..campaign("Hello")
    };
    let id = world.campaigns.create(&world.account, &single).unwrap();
    let add = |id, list: &[&str], params: &AddParams| {
        world
            .campaigns
            .add(&world.account, id, &numbers(list), params)
    };
    let bad = AddParams {
        replace: Some("yes".to_owned()),
        ..AddParams::default()
    };
    let many = [A; 501];
    assert!(matches!(add(99, &many, &bad), Err(Error::NotFound)));
    assert!(matches!(add(id, &many, &bad), Err(Error::Invalid(_))));
    let too_many = add(id, &many, &AddParams::default());
    assert!(matches!(
        too_many,
        Err(Error::Incorrect(Flaw::TooMany(500)))
    ));
    let two = add(id, &[A, B], &AddParams::default());
    assert!(matches!(two, Err(Error::Incorrect(Flaw::SingleRecipient))));
    assert_eq!(total(&world, id).messages, 0);
    assert_eq!(codes(&add(id, &[A], &AddParams::default()).unwrap()), [0]);
    let second = add(id, &[B], &AddParams::default());
    assert!(matches!(
        second,
        Err(Error::Incorrect(Flaw::SingleRecipient))
    ));
    assert_eq!(codes(&add(id, &[B], &replacing()).unwrap()), [0]);
    world.campaigns.send(&world.account, id).unwrap();
    assert!(matches!(
        add(id, &[A], &bad),
        Err(Error::Conflict(Conflict::NotNew))
    ));
}

#[test]
fn d27_replacing() {
    let world = world(&Settings::default());
    let id = world
        .campaigns
        .create(&world.account, &campaign("Hello"))
        .unwrap();
    add(&world, id, &[A, B, "none"]);
    let replace = |list: &[&str], params: &AddParams| {
        world
            .campaigns
            .add(&world.account, id, &numbers(list), params)
    };
    // Refused: the old list is whole.
    assert!(replace(&[C; 501], &replacing()).is_err());
    assert_eq!(total(&world, id).messages, 2);
    // Carried out: the old list is gone, even if nobody passes.
    assert_eq!(codes(&replace(&[A, C], &replacing()).unwrap()), [0, 0]);
    let found = world.campaigns.campaign(&world.account, id).unwrap();
    assert_eq!(
        (found.counters.total.messages, found.counters.rejected),
        (2, 0)
    );
    assert_eq!(codes(&replace(&["none"], &replacing()).unwrap()), [2]);
    assert_eq!(total(&world, id).messages, 0);
    settle(&world.campaigns);
    assert!(world.campaigns.recount(false).unwrap().is_empty());
    assert_eq!(codes(&add(&world, id, &[A])), [0]);
}

#[test]
fn d28_the_life_of_a_campaign() {
    let world = world(&Settings::default());
    let id = world
        .campaigns
        .create(&world.account, &campaign("Hello"))
        .unwrap();
    let send = |id| world.campaigns.send(&world.account, id);
    assert!(matches!(
        send(id),
        Err(Error::Conflict(Conflict::NoRecipients))
    ));
    assert!(matches!(send(99), Err(Error::NotFound)));
    add(&world, id, &[A, B, C]);
    assert!(!send(id).unwrap());
    assert_eq!(status(&world, id), "AUTO_READY_FOR_SEND");
    assert!(matches!(send(id), Err(Error::Conflict(Conflict::NotNew))));
    settle(&world.campaigns);
    assert_eq!(status(&world, id), "SENT");
    world.clock.advance(5_000);
    settle(&world.campaigns);
    settle(&world.campaigns);
    assert_eq!(status(&world, id), "DONE");
    assert!(world.campaigns.recount(false).unwrap().is_empty());
    let counters = world
        .campaigns
        .campaign(&world.account, id)
        .unwrap()
        .counters;
    let finals: i64 = counters.by_status[4..9]
        .iter()
        .map(|count| count.messages)
        .sum();
    assert_eq!(finals, 3);
    let delete = world.campaigns.delete(&world.account, id);
    assert!(matches!(delete, Err(Error::Conflict(Conflict::Started))));
}

#[test]
fn d28_moderation() {
    let settings = Settings {
        moderation: true,
        ..Settings::default()
    };
    let world = world(&settings);
    let [good, bad] = [0, 1].map(|_| {
        let id = world
            .campaigns
            .create(&world.account, &campaign("Hello"))
            .unwrap();
        add(&world, id, &[A]);
        assert!(world.campaigns.send(&world.account, id).unwrap());
        id
    });
    settle(&world.campaigns);
    assert_eq!(status(&world, good), "MODERATION");
    world.campaigns.moderate(good, true, None).unwrap();
    world.campaigns.moderate(bad, false, Some("spam")).unwrap();
    assert!(world.campaigns.moderate(bad, true, None).is_err());
    assert_eq!(
        (status(&world, good), status(&world, bad)),
        ("READY_FOR_SEND", "DECLINED")
    );
    settle(&world.campaigns);
    assert_eq!(
        (status(&world, good), status(&world, bad)),
        ("SENT", "DECLINED")
    );
    world.campaigns.delete(&world.account, bad).unwrap();
    assert!(matches!(
        world.campaigns.campaign(&world.account, bad),
        Err(Error::NotFound)
    ));
}

#[test]
fn d28_what_is_silent_is_done_after_a_day() {
    let never = Simulated {
        delay: 100 * DAY,
        ..Simulated::default()
    };
    let world = world_with(&Settings::default(), |options| {
        options.transport = Arc::new(never)
    });
    let id = world
        .campaigns
        .create(&world.account, &campaign("Hello"))
        .unwrap();
    add(&world, id, &[A]);
    world.campaigns.send(&world.account, id).unwrap();
    settle(&world.campaigns);
    world.clock.advance(DAY - 1);
    settle(&world.campaigns);
    assert_eq!(status(&world, id), "SENT");
    world.clock.advance(1);
    settle(&world.campaigns);
    assert_eq!(status(&world, id), "DONE");
    let before = world
        .campaigns
        .campaign(&world.account, id)
        .unwrap()
        .counters;
    // Reports that come later change nothing.
    world.clock.advance(300 * DAY);
    settle(&world.campaigns);
    assert_eq!(
        world
            .campaigns
            .campaign(&world.account, id)
            .unwrap()
            .counters,
        before
    );
}

#[test]
fn final_statuses_stay() {
    let world = world(&Settings::default());
    let id = world
        .campaigns
        .create(&world.account, &campaign("Hello"))
        .unwrap();
    let message = add(&world, id, &[A])[0].message.unwrap();
    world.campaigns.send(&world.account, id).unwrap();
    settle(&world.campaigns);
    let status = || {
        world
            .campaigns
            .messages(&world.account, &[message])
            .unwrap()[0]
            .status
    };
    for (reported, expected) in [
        (
            MessageStatus::PartlyDelivered,
            MessageStatus::PartlyDelivered,
        ),
        (MessageStatus::Delivered, MessageStatus::Delivered),
        (MessageStatus::Undelivered, MessageStatus::Delivered),
    ] {
        world.campaigns.report(message, reported).unwrap();
        assert_eq!(status(), expected);
        assert!(world.campaigns.recount(false).unwrap().is_empty());
    }
    world
        .campaigns
        .report(999, MessageStatus::Delivered)
        .unwrap();
}

#[test]
fn d29_deferred_campaigns() {
    let world = world(&Settings::default());
    let deferred = |hours: i64| NewCampaign {
        deferred: Some(world.account.zone().write(NOON + hours * HOUR)),
        ..campaign("Hello")
    };
    let id = world
        .campaigns
        .create(&world.account, &deferred(2))
        .unwrap();
    add(&world, id, &[A]);
    world.campaigns.send(&world.account, id).unwrap();
    assert_eq!(status(&world, id), "DEFERRED");
    settle(&world.campaigns);
    world.clock.advance(2 * HOUR - 1);
    settle(&world.campaigns);
    assert_eq!(status(&world, id), "DEFERRED");
    assert!(
        world.campaigns.delete(&world.account, id).is_err(),
        "less than 5 minutes are left"
    );
    world.clock.advance(1);
    settle(&world.campaigns);
    assert_eq!(status(&world, id), "SENT");

    let other = NewCampaign {
        deferred: Some(world.account.zone().write(NOON + 5 * HOUR)),
        ..campaign("Hello")
    };
    let other = world.campaigns.create(&world.account, &other).unwrap();
    add(&world, other, &[A]);
    world.campaigns.send(&world.account, other).unwrap();
    world.campaigns.delete(&world.account, other).unwrap();
    world.clock.advance(9 * HOUR);
    settle(&world.campaigns);
    assert!(world.campaigns.recount(false).unwrap().is_empty());
}

#[test]
fn d29_rates() {
    let ledger = Arc::new(common::Ledger::default());
    let transport = Arc::clone(&ledger);
    let world = world_with(&Settings::default(), |options| {
        options.transport = transport
    });
    // Ten a second, and three a minute.
    for (limit, period, interval, size) in [("600", "60", 1000, 10), ("3", "60", 60_000, 3)] {
        ledger.handed.lock().unwrap().clear();
        let new = NewCampaign {
            rate_limit: Some(limit.to_owned()),
            rate_period: Some(period.to_owned()),
            ..campaign("Hello")
        };
        let id = world.campaigns.create(&world.account, &new).unwrap();
        let list: Vec<String> = (0..25)
            .map(|n| (380_971_112_200u64 + n).to_string())
            .collect();
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        add(&world, id, &list);
        world.campaigns.send(&world.account, id).unwrap();
        let handed = || ledger.handed.lock().unwrap().len();
        settle(&world.campaigns);
        for packet in 1..=(25usize.div_ceil(size)) {
            assert_eq!(handed(), (packet * size).min(25));
            world.clock.advance(interval - 1);
            settle(&world.campaigns);
            assert_eq!(handed(), (packet * size).min(25), "too early");
            world.clock.advance(1);
            settle(&world.campaigns);
        }
        world.clock.advance(interval);
        settle(&world.campaigns);
        assert_eq!(handed(), 25);
        settle(&world.campaigns);
    }
}

#[test]
fn d30_windows_of_lists() {
    let settings = Settings {
        zone: "America/Sao_Paulo".to_owned(),
        ..Settings::default()
    };
    let world = world(&settings);
    let create = |text: &str| {
        world
            .campaigns
            .create(&world.account, &campaign(text))
            .unwrap()
    };
    let old = create("old");
    world.clock.advance(3 * DAY);
    let middle = create("middle");
    world.clock.advance(36 * HOUR);
    let new = create("new");
    let list = |filter: &CampaignFilter| -> Vec<i64> {
        let found = world
            .campaigns
            .list(&world.account, filter, &[], Page::default())
            .unwrap();
        assert_eq!(found.total as usize, found.items.len());
        found.items.iter().map(|campaign| campaign.id).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    // Now it is 2026-11-29 00:00 UTC, 21:00 of the 28th in São Paulo: since the 27th, 00:00.
    assert_eq!(list(&CampaignFilter::default()), [new, middle]);
    let ids = |ids: &[i64]| CampaignFilter {
        ids: Some(ids.to_vec()),
        ..CampaignFilter::default()
    };
    assert_eq!(list(&ids(&[old])), [old]);
    let created = |from: &str, to: &str| CampaignFilter {
        created: Range {
            from: some(from),
            to: some(to),
            ..Range::default()
        },
        ..CampaignFilter::default()
    };
    assert_eq!(list(&created("2026-11-24", "")), [new, middle, old]);
    assert_eq!(list(&created("2026-11-24", "2026-11-24")), [old]);
    assert_eq!(
        list(&created("2026-11-24 09:00:00", "2026-11-24 09:00:00")),
        [old]
    );
    assert_eq!(list(&created("2026-11-25", "2026-11-24")), [0i64; 0]);
    // Longer than 90 days: the last 90 before the end.
    assert_eq!(
        list(&created("2026-01-01", "2026-12-31")),
        [new, middle, old]
    );
    assert_eq!(list(&created("2026-01-01", "2027-02-25")), [new]);
    let by = |change: &dyn Fn(&mut CampaignFilter)| {
        let mut filter = created("2026-11-24", "");
        change(&mut filter);
        list(&filter)
    };
    assert_eq!(by(&|f| f.text = some("old")), [old]);
    assert_eq!(by(&|f| f.text = some("ol")), [0i64; 0]);
    assert_eq!(by(&|f| f.status = some("NOT_YET_SENT")), [new, middle, old]);
    assert_eq!(by(&|f| f.status = some("DONE")), [0i64; 0]);
    add(&world, middle, &[A]);
    assert_eq!(by(&|f| f.recipient = some("+38097")), [middle]);
    world.campaigns.delete(&world.account, old).unwrap();
    assert_eq!(by(&|_| {}), [new, middle]);
    assert_eq!(list(&ids(&[old, new])), [new, old]);
    // Ids are no longer ten.
    let eleven: Vec<i64> = (100..110).chain([new]).collect();
    assert_eq!(list(&ids(&eleven)), [0i64; 0]);
}

#[test]
fn d31_counters_and_prices() {
    let world = world(&Settings::default());
    world
        .campaigns
        .load_prices("country,operator,price\nUA,,0.05\nUA,Kyivstar,0.04\n".as_bytes())
        .unwrap();
    let account = world.campaigns.account_by_name("test").unwrap();
    let long = "ж".repeat(71);
    let id = world.campaigns.create(&account, &campaign(&long)).unwrap();
    let list = numbers(&[A, "380501112233", "79101112233"]);
    world
        .campaigns
        .add(&account, id, &list, &AddParams::default())
        .unwrap();
    let counters = world.campaigns.campaign(&account, id).unwrap().counters;
    let sum = Count {
        messages: 3,
        segments: 6,
        cost: Money(1800),
    };
    assert_eq!((counters.total, counters.by_status[0]), (sum, sum));
    let send = world.campaigns.send(&account, id);
    assert!(matches!(send, Err(Error::Conflict(Conflict::Balance))));
    world
        .campaigns
        .set_account("test", &account.settings, Some(Money(1800)))
        .unwrap();
    world.campaigns.send(&account, id).unwrap();
    assert_eq!(
        world.campaigns.account_by_name("test").unwrap().balance,
        Money(0)
    );
    settle(&world.campaigns);
    assert!(world.campaigns.recount(false).unwrap().is_empty());
    let refused = world
        .campaigns
        .load_prices("country,operator,price\nXX,,1\n".as_bytes());
    assert!(refused.unwrap_err().to_string().contains("line 2"));
}

#[derive(Debug)]
struct NoCodes;

impl LinkMaker for NoCodes {
    fn code(&self, _: usize) -> Result<String, Error> {
        Ok("abcde".to_owned())
    }

    fn permit_own(&self) -> Result<(), Error> {
        Err(Error::Internal("no codes".to_owned()))
    }
}

#[derive(Debug)]
struct Refusing;

impl Faults for Refusing {
    fn refuses(&self, number: Msisdn) -> bool {
        number.to_string() == B
    }
}

/// A link, and a campaign that tracks it, with its text.
fn tracked(world: &World, new: &NewLink) -> (Link, i64, String) {
    let link = world.campaigns.create_link(&world.account, new).unwrap();
    let text = format!("See {}.", world.campaigns.link_address(&link.code));
    let tracked = NewCampaign {
        track: Some("1".to_owned()),
        ..campaign(&text)
    };
    let id = world.campaigns.create(&world.account, &tracked).unwrap();
    (link, id, text)
}

fn link_to(target: &str) -> NewLink {
    NewLink {
        target: Some(target.to_owned()),
        ..NewLink::default()
    }
}

#[test]
fn codes_51_and_99() {
    let world = world_with(&Settings::default(), |options| {
        options.links = Arc::new(NoCodes);
        options.faults = Arc::new(Refusing);
    });
    let (_, id, _) = tracked(&world, &link_to("example.com"));
    assert_eq!(codes(&add(&world, id, &[A, B])), [51, 99]);
    assert_eq!(total(&world, id).messages, 0);
}

#[test]
fn a_deleted_link_has_none_of_recipients_own() {
    let world = world(&Settings::default());
    let (link, id, _) = tracked(&world, &link_to("example.com"));
    assert_eq!(codes(&add(&world, id, &[A])), [0]);
    let deleted = world.campaigns.delete_links(&world.account, &[link.id]);
    assert_eq!(deleted.unwrap(), [true]);
    assert_eq!(codes(&add(&world, id, &[A, B])), [4, 51]);
}

#[test]
fn links_are_followed_and_counted() {
    let world = world(&Settings::default());
    let new = NewLink {
        expires: Some("2026-11-24".to_owned()),
        ..link_to("https://example.com/a?b=c")
    };
    let (link, id, text) = tracked(&world, &new);
    add(&world, id, &[A, B]);
    let own = world.campaigns.filled_text(&world.account, id).unwrap();
    assert_ne!(own, text);
    let code = own.rsplit('/').next().unwrap().trim_end_matches('.');
    assert_eq!(code.len(), 8);
    for code in [code, &link.code] {
        let target = world.campaigns.follow_link(code, true).unwrap();
        assert_eq!(target.as_deref(), Some("https://example.com/a?b=c"));
    }
    assert_eq!(world.campaigns.follow_link("nothing", true).unwrap(), None);
    world.clock.advance(DAY);
    assert_eq!(world.campaigns.follow_link(&link.code, true).unwrap(), None);
    let links = world.campaigns.campaign_links(&world.account, id).unwrap();
    assert_eq!((links[0].clicks, links[0].redirects), (3, 2));
    for bad in [
        "",
        "javascript://x",
        "https://",
        "https://a b",
        "ftp://a",
        "https://a\r\nX: y",
    ] {
        let target = Some(bad.to_owned());
        let new = NewLink {
            target,
            ..NewLink::default()
        };
        assert!(
            world.campaigns.create_link(&world.account, &new).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn accounts_see_nothing_of_each_other() {
    let world = world(&Settings::default());
    let key = world
        .campaigns
        .add_account("other", &Settings::default(), Money(0))
        .unwrap();
    let other = world.campaigns.account_by_key(&key).unwrap();
    let id = world
        .campaigns
        .create(&world.account, &campaign("Hello"))
        .unwrap();
    let added = add(&world, id, &[A]);
    let group = world.campaigns.create_group(&world.account, "g").unwrap();
    let card = world
        .campaigns
        .create_card(&world.account, &Default::default())
        .unwrap();
    let stop = world.campaigns.stop(&world.account, B, None).unwrap();
    let not_found = |result: Result<(), Error>| assert!(matches!(result, Err(Error::NotFound)));
    let all = &world.campaigns;
    not_found(all.campaign(&other, id).map(drop));
    not_found(all.delete(&other, id));
    not_found(all.send(&other, id).map(drop));
    not_found(
        all.add(&other, id, &numbers(&[B]), &AddParams::default())
            .map(drop),
    );
    not_found(all.campaign_links(&other, id).map(drop));
    not_found(all.card(&other, card).map(drop));
    not_found(all.delete_card(&other, card));
    not_found(all.set_card_groups(&other, card, &[]));
    not_found(all.rename_group(&other, group, "x"));
    not_found(all.unstop(&other, stop));
    assert!(!all.delete_group(&other, group).unwrap());
    assert!(
        all.messages(&other, &[added[0].message.unwrap()])
            .unwrap()
            .is_empty()
    );
    let filter = CampaignFilter {
        ids: Some(vec![id]),
        ..CampaignFilter::default()
    };
    assert_eq!(
        all.list(&other, &filter, &[], Page::default())
            .unwrap()
            .total,
        0
    );
    // The other's stop list is not ours.
    let own = all.create(&other, &campaign("Hello")).unwrap();
    let added = all
        .add(&other, own, &numbers(&[B]), &AddParams::default())
        .unwrap();
    assert_eq!(codes(&added), [0]);
}

/// Takes its time: the clock goes on while messages are handed over.
#[derive(Debug)]
struct Slow {
    clock: Arc<ManualClock>,
    takes: i64,
    handed: std::sync::Mutex<Vec<i64>>,
    fails_for: i64,
}

impl Transport for Slow {
    fn knows(&self, messages: &[Outgoing]) -> Result<Vec<bool>, String> {
        Ok(vec![false; messages.len()])
    }

    fn hand_over(&self, messages: &[Outgoing]) -> Result<Vec<Receipt>, String> {
        if messages
            .iter()
            .any(|m| m.number.as_u64() as i64 == self.fails_for)
        {
            return Err("out of order".to_owned());
        }
        self.clock.advance(self.takes);
        let now = self.clock.now();
        let mut handed = self.handed.lock().unwrap();
        handed.extend(messages.iter().map(|_| now));
        Ok(self.receipts(messages))
    }
}

fn slow_world(takes: i64, fails_for: i64) -> (World, Arc<Slow>) {
    let clock = Arc::new(ManualClock::at(NOON));
    let slow = Arc::new(Slow {
        clock: Arc::clone(&clock),
        takes,
        handed: std::sync::Mutex::default(),
        fails_for,
    });
    let mut world = world_with(&Settings::default(), |options| {
        options.transport = Arc::clone(&slow) as Arc<dyn Transport>;
        options.clock = Arc::clone(&clock) as Arc<dyn Clock>;
    });
    world.clock = clock;
    (world, slow)
}

fn rated(world: &World, limit: &str, period: &str, count: u64) -> i64 {
    let new = NewCampaign {
        rate_limit: Some(limit.to_owned()),
        rate_period: Some(period.to_owned()),
        ..campaign("Hello")
    };
    let id = world.campaigns.create(&world.account, &new).unwrap();
    let list: Vec<String> = (0..count)
        .map(|n| (380_971_112_200u64 + n).to_string())
        .collect();
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    add(world, id, &list);
    world.campaigns.send(&world.account, id).unwrap();
    id
}

/// In every window of so many milliseconds there are at most limit * window / period + 10.
fn assert_rate(handed: &[i64], limit: i64, period: i64) {
    for (at, &from) in handed.iter().enumerate() {
        for (further, &to) in handed[at..].iter().enumerate() {
            let most = limit * (to - from) / (period * 1000) + 10;
            assert!(
                (further as i64) < most,
                "{} in {} ms",
                further + 1,
                to - from
            );
        }
    }
}

/// D29: a hand-over that takes its time, a clock that jumps, and restarts do not bring packets
/// closer together.
#[test]
fn d29_rates_hold_whatever_happens() {
    let (world, slow) = slow_world(3_000, 0);
    let id = rated(&world, "600", "60", 200);
    for turn in 0..300 {
        settle(&world.campaigns);
        world.clock.advance(match turn {
            50 => -3_600_000,
            90 => 0,
            _ => 170,
        });
    }
    let handed = slow.handed.lock().unwrap().clone();
    assert_eq!(
        handed.len(),
        200,
        "a clock that was set back does not stop it"
    );
    // Before and after the clock was set back.
    let back = handed.windows(2).position(|two| two[1] < two[0]);
    let (before, after) = handed.split_at(back.map_or(handed.len(), |at| at + 1));
    for part in [before, after] {
        assert_rate(part, 600, 60);
    }
    assert_eq!(status(&world, id), "SENT");
}

/// A packet that was marked and not handed over before a crash leaves alone.
#[test]
fn d29_rates_hold_across_a_crash() {
    let ledger = Arc::new(common::Ledger::default());
    let transport = Arc::clone(&ledger);
    let world = world_with(&Settings::default(), |options| {
        options.transport = transport
    });
    rated(&world, "600", "60", 40);
    *ledger.crash.lock().unwrap() = Some((0, false));
    let crashed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        settle(&world.campaigns);
    }));
    assert!(crashed.is_err());
    let handed = || {
        let handed = ledger.handed.lock();
        handed
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .len()
    };
    assert_eq!(handed(), 0);
    // Five minutes later, a new life.
    world.clock.advance(5 * MINUTE);
    let options = Options {
        clock: Arc::clone(&world.clock) as Arc<dyn Clock>,
        transport: Arc::clone(&ledger) as Arc<dyn Transport>,
        ..Options::default()
    };
    let again = common::open(world.folder.path(), options);
    settle(&again);
    assert_eq!(handed(), 10);
    world.clock.advance(999);
    settle(&again);
    assert_eq!(handed(), 10);
    world.clock.advance(1);
    settle(&again);
    assert_eq!(handed(), 20);
}

/// The last packet ends it, not the interval behind it.
#[test]
fn d28_sent_when_the_last_message_is_handed_over() {
    let (world, _) = slow_world(0, 0);
    let id = rated(&world, "1", "86400", 1);
    settle(&world.campaigns);
    assert_eq!(status(&world, id), "SENT");
}

/// A campaign whose messages cannot be handed over does not keep others waiting.
#[test]
fn one_campaign_does_not_stop_the_others() {
    let (world, slow) = slow_world(0, 380_971_112_200);
    let bad = rated(&world, "600", "60", 1);
    let good = world
        .campaigns
        .create(&world.account, &campaign("Hello"))
        .unwrap();
    add(&world, good, &[C]);
    world.campaigns.send(&world.account, good).unwrap();
    let mut failures = 0;
    for _ in 0..20 {
        failures += usize::from(world.campaigns.step().is_err());
        world.clock.advance(1000);
    }
    assert!((2..=6).contains(&failures), "{failures}");
    assert_eq!(slow.handed.lock().unwrap().len(), 1);
    assert_eq!(
        (status(&world, bad), status(&world, good)),
        ("RUNNING", "SENT")
    );
}

#[test]
fn criteria_that_name_nothing() {
    let world = world(&Settings::default());
    world
        .campaigns
        .create(&world.account, &campaign("Hello"))
        .unwrap();
    let list = |filter: &CampaignFilter| {
        let page = Page::default();
        let found = world.campaigns.list(&world.account, filter, &[], page);
        found.unwrap().total
    };
    for groups in [Vec::new(), (0..5000).collect()] {
        let filter = CampaignFilter {
            groups: Some(groups.clone()),
            ..CampaignFilter::default()
        };
        assert_eq!(list(&filter), 0);
        let filter = MessageFilter {
            groups: Some(groups),
            ..MessageFilter::default()
        };
        let found = world
            .campaigns
            .list_messages(&world.account, &filter, &[], Page::default());
        assert_eq!(found.unwrap().0.total, 0);
    }
}

/// Has every second message of the first hand-over, which it says has failed, and then fails again.
#[derive(Debug, Default)]
struct Half {
    calls: std::sync::Mutex<u32>,
    handed: std::sync::Mutex<Vec<i64>>,
}

impl Transport for Half {
    fn knows(&self, messages: &[Outgoing]) -> Result<Vec<bool>, String> {
        let handed = self.handed.lock().unwrap();
        Ok(messages.iter().map(|m| handed.contains(&m.id)).collect())
    }

    fn hand_over(&self, messages: &[Outgoing]) -> Result<Vec<Receipt>, String> {
        let mut calls = self.calls.lock().unwrap();
        *calls += 1;
        let mut handed = self.handed.lock().unwrap();
        match *calls {
            1 => handed.extend(messages.iter().step_by(2).map(|m| m.id)),
            2 => {}
            _ => {
                handed.extend(messages.iter().map(|m| m.id));
                return Ok(self.receipts(messages));
            }
        }
        Err("the line is down".to_owned())
    }
}

/// The last packet of a campaign is handed over whole before the campaign is sent.
#[test]
fn what_is_missing_of_the_last_packet_is_handed_over() {
    let half = Arc::new(Half::default());
    let transport = Arc::clone(&half);
    let world = world_with(&Settings::default(), |options| {
        options.transport = transport
    });
    let id = world
        .campaigns
        .create(&world.account, &campaign("Hello"))
        .unwrap();
    let added = add(&world, id, &[A, B, C]);
    world.campaigns.send(&world.account, id).unwrap();
    for _ in 0..40 {
        assert_ne!(status(&world, id), "SENT");
        if world.campaigns.step().is_ok() && *half.calls.lock().unwrap() > 2 {
            break;
        }
        world.clock.advance(1000);
    }
    settle(&world.campaigns);
    assert_eq!(status(&world, id), "SENT");
    let mut handed = half.handed.lock().unwrap().clone();
    handed.sort_unstable();
    let all: Vec<i64> = added.iter().map(|added| added.message.unwrap()).collect();
    assert_eq!(handed, all, "each once");
    let found = world.campaigns.messages(&world.account, &all).unwrap();
    assert!(found.iter().all(|m| m.status == MessageStatus::Accepted));
    assert!(world.campaigns.recount(false).unwrap().is_empty());
}

/// Crashes once, when what a hand-over brought has been written down.
#[derive(Debug)]
struct CrashesAfterThirdCall(Arc<Half>, std::sync::atomic::AtomicBool);

impl Faults for CrashesAfterThirdCall {
    fn commit(&self, moment: Moment) {
        let calls = *self.0.calls.lock().unwrap();
        if moment == Moment::After
            && calls == 3
            && !self.1.swap(true, std::sync::atomic::Ordering::SeqCst)
        {
            panic!("crash");
        }
    }
}

/// Nor is a campaign sent while what became of a part of its last packet is not written down.
#[test]
fn a_crash_between_two_parts_of_the_last_packet() {
    let half = Arc::new(Half::default());
    let (transport, faults) = (Arc::clone(&half), Arc::clone(&half));
    let world = world_with(&Settings::default(), |options| {
        options.transport = transport;
        options.faults = Arc::new(CrashesAfterThirdCall(faults, false.into()));
    });
    let id = world
        .campaigns
        .create(&world.account, &campaign("Hello"))
        .unwrap();
    let added = add(&world, id, &[A, B, C]);
    world.campaigns.send(&world.account, id).unwrap();
    let mut crashes = 0;
    for _ in 0..40 {
        let step = std::panic::AssertUnwindSafe(|| world.campaigns.step());
        crashes += u32::from(std::panic::catch_unwind(step).is_err());
        world.clock.advance(10_000);
    }
    assert_eq!((crashes, status(&world, id)), (1, "SENT"));
    let all: Vec<i64> = added.iter().map(|added| added.message.unwrap()).collect();
    let found = world.campaigns.messages(&world.account, &all).unwrap();
    assert!(found.iter().all(|m| m.status == MessageStatus::Accepted));
}
