//! Each parameter and each code of the eight campaign methods, over real HTTP (decisions D10, D26-D32).

mod server;

use serde_json::{Value, json};
use server::{A, B, Server, add_account, codes, recipients};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const C: &str = "380971112266";

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// `YYYY-MM-DD HH:MM:SS` in UTC, so many seconds from now.
fn time(from_now: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let at = now.as_secs() as i64 + from_now;
    let (days, second) = (at.div_euclid(86_400), at.rem_euclid(86_400));
    // Civil from days, after Howard Hinnant.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

fn date(from_now: i64) -> String {
    time(from_now)[..10].to_owned()
}

#[test]
fn create_and_get() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &["--sender", "Alpha", "--sender", "Beta"]);
    let create = |fields: &[(&str, &str)]| {
        let names: Vec<String> = fields
            .iter()
            .map(|(name, _)| format!("data[{name}]"))
            .collect();
        let fields = names.iter().zip(fields);
        let mut all: Vec<(&str, &str)> = fields
            .map(|(name, (_, value))| (name.as_str(), *value))
            .collect();
        if !fields_has(&all, "data[text]") {
            all.push(("data[text]", "Hello {name}"));
        }
        server.call("campaign/create", &all)
    };
    // What comes of a value: the field of Get and what it shows, or code 1 on that field.
    let long = "ж".repeat(255);
    let too_long = "ж".repeat(256);
    let (soon, later) = (time(3700), time(14 * 86_400 - 60));
    let (too_soon, too_late) = (time(3500), time(14 * 86_400 + 60));
    for (fields, expected) in [
        (
            &[("name", "Black Friday")][..],
            Ok(("name", json!("Black Friday"))),
        ),
        (&[("name", "")], Ok(("name", json!(null)))),
        (&[("name", &long)], Ok(("name", json!(long)))),
        (&[("name", &too_long)], Err("name")),
        (&[("text", " Hello\n")], Ok(("text", json!(" Hello\n")))),
        (&[("text", "")], Err("text")),
        (&[], Ok(("type", json!("2")))),
        (&[("type", "1")], Ok(("type", json!("1")))),
        (&[("type", "2")], Ok(("type", json!("2")))),
        (&[("type", "3")], Ok(("type", json!("3")))),
        (&[("type", "3"), ("text", "no placeholder")], Err("text")),
        (&[("type", "0")], Err("type")),
        (&[("type", "x")], Err("type")),
        (&[], Ok(("from", json!("Alpha")))),
        (&[("from", "")], Ok(("from", json!("Alpha")))),
        (&[("from", "Beta")], Ok(("from", json!("Beta")))),
        (&[("from", "Gamma")], Err("from")),
        (&[], Ok(("rateLimit", json!(null)))),
        (
            &[("rateLimit", "600"), ("ratePeriod", "60")],
            Ok(("rateLimit", json!("600"))),
        ),
        (
            &[("rateLimit", "600"), ("ratePeriod", "3600")],
            Ok(("ratePeriod", json!("3600"))),
        ),
        (
            &[("rateLimit", "8640000"), ("ratePeriod", "86400")],
            Ok(("ratePeriod", json!("86400"))),
        ),
        (
            &[("rateLimit", "6000"), ("ratePeriod", "60")],
            Ok(("rateLimit", json!("6000"))),
        ),
        (
            &[("rateLimit", "6001"), ("ratePeriod", "60")],
            Err("rateLimit"),
        ),
        (
            &[("rateLimit", "-1"), ("ratePeriod", "60")],
            Err("rateLimit"),
        ),
        (
            &[("rateLimit", "5"), ("ratePeriod", "61")],
            Err("ratePeriod"),
        ),
        (&[("rateLimit", "5")], Err("ratePeriod")),
        (&[("ratePeriod", "61")], Ok(("ratePeriod", json!(null)))),
        (
            &[("rateLimit", "0"), ("ratePeriod", "x")],
            Ok(("rateLimit", json!(null))),
        ),
        (
            &[("deferredToTs", &soon)],
            Ok(("deferredToTs", json!(soon))),
        ),
        (
            &[("deferredToTs", &later)],
            Ok(("deferredToTs", json!(later))),
        ),
        (&[("deferredToTs", "")], Ok(("deferredToTs", json!(null)))),
        (&[("deferredToTs", &too_soon)], Err("deferredToTs")),
        (&[("deferredToTs", &too_late)], Err("deferredToTs")),
        (
            &[("deferredToTs", "2030-01-01T10:00:00Z")],
            Err("deferredToTs"),
        ),
        (&[], Ok(("mclass", json!(1)))),
        (&[("mclass", "0")], Ok(("mclass", json!(0)))),
        (&[("mclass", "2")], Err("mclass")),
        (&[], Ok(("validity", json!("1440")))),
        (&[("validity", "60")], Ok(("validity", json!("60")))),
        (&[("validity", "60")], Ok(("ttl", json!("60")))),
        (&[("validity", "59")], Err("validity")),
        (&[("validity", "1441")], Err("validity")),
        (&[("ttl", "1")], Ok(("ttl", json!("1")))),
        (&[("ttl", "4320")], Ok(("validity", json!("4320")))),
        (&[("ttl", "4321")], Err("ttl")),
        (
            &[("ttl", "9999"), ("validity", "90")],
            Ok(("ttl", json!("90"))),
        ),
        (
            &[("trackShortLinkRecipients", "0")],
            Ok(("trackShortLinkRecipients", json!("0"))),
        ),
        (
            &[("trackShortLinkRecipients", "1")],
            Err("trackShortLinkRecipients"),
        ),
        (
            &[("trackShortLinkRecipients", "2")],
            Err("trackShortLinkRecipients"),
        ),
        (&[("shortenLinks", "2")], Err("shortenLinks")),
        (
            &[("msgType", "SMS"), ("unknown", "x")],
            Ok(("msgType", json!("SMS"))),
        ),
    ] {
        let answer = create(fields);
        match expected {
            Ok((field, value)) => {
                assert_eq!(answer["code"], 0, "{fields:?}: {answer}");
                let shown = server.ok("campaign/get", &[("id", text(&answer["data"]))]);
                assert_eq!(shown[field], value, "{fields:?}: {field}");
                let info = server.info(text(&answer["data"]));
                assert_eq!(info[field], value, "{fields:?}: {field}");
            }
            Err(field) => {
                assert_eq!(answer["code"], 1, "{fields:?}: {answer}");
                let fields = answer["data"].as_object().unwrap();
                assert_eq!(fields.keys().collect::<Vec<_>>(), [field]);
                assert!(!text(&fields[field][0]).is_empty());
            }
        }
    }
    // Links in the text become short ones, each recipient gets one of its own, and who wrapped it
    // as older clients do gets the brackets taken off.
    let answer = create(&[
        ("text", "See https://example.com/a?b=1."),
        ("shortenLinks", "1"),
        ("trackShortLinkRecipients", "1"),
    ]);
    let id = text(&answer["data"]).to_owned();
    let links = server.ok("campaign/getLinks", &[("campaignId", &id)]);
    let short = text(&links[0]["shortLink"]);
    assert_eq!(links[0]["fullLink"], "https://example.com/a?b=1");
    assert_eq!(server.info(&id)["text"], format!("See {short}."));
    let wrapped = create(&[
        ("text", &format!("See [[{short}]]")),
        ("trackShortLinkRecipients", "1"),
    ]);
    assert_eq!(
        server.info(text(&wrapped["data"]))["text"],
        format!("See {short}")
    );
    server.ok("campaign/addRecipients", &[("id", &id), ("recipients", A)]);
    let messages = server.ok("message/list", &[("criteria[campaignIds]", &id)]);
    let own = text(&messages["items"][0]["text"])
        .trim_end_matches('.')
        .to_owned();
    let own = own.strip_prefix("See ").unwrap();
    assert_ne!(own, short);
    assert_eq!(own.rsplit('/').next().unwrap().len(), 8);
    for address in [own, short] {
        assert_eq!(
            server.follow(address),
            (302, "https://example.com/a?b=1".to_owned())
        );
    }
    let links = server.ok("link/getLinks", &[("campaignId", &id)]);
    assert_eq!(
        (&links[0]["clickCnt"], &links[0]["redirectCnt"]),
        (&json!("2"), &json!("2"))
    );
    assert_eq!(server.follow(&format!("{short}x")).0, 404);
}

fn fields_has(fields: &[(&str, &str)], name: &str) -> bool {
    fields.iter().any(|(known, _)| *known == name)
}

/// D32: which values are texts, which numbers, and which nothing.
#[test]
fn types_of_values() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &["--balance", "10"]);
    server.prices("country,operator,price\nUA,,0.0600\nUA,kyivstar,0.5\n");
    let id = server.campaign("Hello");
    let added = server.call(
        "campaign/addRecipients",
        &[
            ("id", &id),
            ("recipients", "380501112233,380671112233,none"),
        ],
    );
    for member in ["recipient", "code", "messageId", "type", "number"] {
        assert!(!added["data"][0][member].is_null(), "{member}");
    }
    assert!(added["data"][0]["code"].is_u64() && added["data"][0]["messageId"].is_string());
    assert_eq!(added["data"][2]["recipient"], "");
    let info = server.info(&id);
    for text in [
        "id",
        "userId",
        "partnerId",
        "type",
        "msgType",
        "from",
        "text",
        "ttl",
        "validity",
        "commonStatus",
        "createTs",
        "isDeleted",
        "creationWay",
        "recipientsSource",
    ] {
        assert!(info[text].is_string(), "{text}: {}", info[text]);
    }
    for null in [
        "name",
        "rateLimit",
        "ratePeriod",
        "deferredToTs",
        "startSendTs",
        "endSendTs",
        "groups",
        "globalComment",
        "sendStatus",
        "deletedTs",
    ] {
        assert!(info[null].is_null(), "{null}: {}", info[null]);
    }
    assert!(info["mclass"].is_u64() && info["extra"]["mclass"].is_string());
    assert_eq!(info["groupsList"], json!([]));
    let counters = info["counters"].as_object().unwrap();
    for status in [
        "New", "Enqueud", "Acceptd", "Delivrd", "Rejectd", "Expired", "Undeliv", "Deleted",
        "Unknown", "Pdlivrd",
    ] {
        for what in ["SegNum", "MsgNum", "MsgCost"] {
            let name = format!("total{status}{what}");
            assert!(counters[&name].is_string(), "{name}");
        }
    }
    assert!(counters["updateTs"].is_string());
    assert_eq!(
        (
            &counters["totalMsgNum"],
            &counters["totalSegNum"],
            &counters["totalCost"],
            &counters["recipientsRejected"]
        ),
        (&json!("2"), &json!("2"), &json!("0.5600"), &json!("1"))
    );
    assert_eq!(
        (&counters["totalNewMsgNum"], &counters["totalNewMsgCost"]),
        (&json!("2"), &json!("0.5600"))
    );
    assert_eq!(counters["userCurrency"], "USD");
    let prices = server.ok(
        "price/listPublic",
        &[("countryA2", "ua"), ("currency", "USD")],
    );
    assert_eq!(prices["totalItemCount"], "2");
    assert_eq!(
        (
            &prices["items"][0]["operatorName"],
            &prices["items"][0]["price"]
        ),
        (&json!(null), &json!("0.0600"))
    );
    assert_eq!(server.code("price/listPublic", &[]), 11);
    let wrong = [("countryA2", "any_country"), ("currency", "any_currency")];
    assert_eq!(server.code("price/listPublic", &wrong), 12);
    // What was reckoned when recipients were added stays (D31).
    server.prices("country,operator,price\nUA,,9\n");
    assert_eq!(server.info(&id)["counters"]["totalCost"], "0.5600");
    server.ok("campaign/send", &[("id", &id)]);
    assert_eq!(server.ok("user/getOwnBalance", &[])["balance"], "9.4400");
    let dear = server.campaign("Hello");
    server.ok(
        "campaign/addRecipients",
        &[("id", &dear), ("recipients", "380501112233,380501112234")],
    );
    let refused = server.call("campaign/send", &[("id", &dear)]);
    assert!(
        refused["code"] == 10 && text(&refused["message"]).contains("balance"),
        "{refused}"
    );
}

/// Per-recipient codes; 30 to 32 are tried with contacts, 51 and 99 where faults can be injected.
#[test]
fn codes_of_recipients() {
    let folder = tempfile::tempdir().unwrap();
    let options = [
        "--country",
        "UA",
        "--country",
        "DE",
        "--operator",
        "Kyivstar",
    ];
    let server = Server::new(folder.path(), &options);
    server.ok("numberStopList/create", &[("number", C)]);
    let id = server.campaign("Hello");
    let list = [
        ("", 1),
        ("\u{feff} ", 1),
        ("none", 2),
        ("38o971112233", 2),
        ("12345", 3),
        ("0971112233", 3),
        (A, 0),
        ("+38 (097) 111-22-33", 4),
        (C, 5),
        ("77071112233", 6),
        ("4901122211112", 7),
        ("9991112223344", 7),
        ("380501112233", 8),
    ];
    let fields: Vec<(&str, &str)> = list
        .iter()
        .map(|(number, _)| ("recipients[]", *number))
        .chain([("id", id.as_str())])
        .collect();
    let answer = server.call("Campaign/addrecipients", &fields);
    let expected: Vec<u64> = list.iter().map(|(_, code)| *code).collect();
    assert_eq!((&answer["code"], codes(&answer)), (&json!(98), expected));
    for (entry, (number, code)) in answer["data"].as_array().unwrap().iter().zip(list) {
        assert_eq!(entry["number"], number);
        assert_eq!(entry["messageId"].is_null(), code != 0);
        assert!(entry["recipient"].is_string());
    }
    assert_eq!(server.info(&id)["counters"]["recipientsRejected"], "12");
    // The same from a list, of the account and of the system.
    let list = folder.path().join("stop.csv");
    std::fs::write(&list, "# gone\n+380 67 111 22 44\n").unwrap();
    let load = |more: &[&str]| {
        let mut command = recipients();
        command
            .args(["stoplist", "load", "--db"])
            .arg(&server.db)
            .arg(&list)
            .args(more);
        command.output().unwrap()
    };
    assert_eq!(load(&["--account", "test"]).stdout, b"1 numbers\n");
    assert_eq!(load(&[]).stdout, b"1 numbers\n");
    assert_eq!(load(&["--account", "nobody"]).status.code(), Some(2));
    let mut export = recipients();
    export.args(["stoplist", "export", "--account", "test", "--db"]);
    let exported = export.arg(&server.db).output().unwrap().stdout;
    let exported = String::from_utf8(exported).unwrap();
    assert!(
        exported.lines().any(|line| line == "380671112244"),
        "{exported}"
    );
    let stopped = server.ok("numberStopList/list", &[]);
    assert_eq!(stopped["totalItemCount"], "3");
    let levels = ["2", "0", "0"].map(|level| json!(level));
    let shown = stopped["items"].as_array().unwrap();
    assert!(shown.iter().map(|item| &item["level"]).eq(levels.iter()));
    let answer = server.call(
        "campaign/addRecipients",
        &[("id", &id), ("recipients", "380671112244")],
    );
    assert_eq!(codes(&answer), [5]);
    // Line policies (D7).
    for (lines, code) in [("mobile", 7), ("any", 7), ("possible", 0)] {
        server.set(&["--country", "", "--operator", "", "--lines", lines]);
        let id = server.campaign("Hello");
        let answer = server.call(
            "campaign/addRecipients",
            &[("id", &id), ("recipients", "4901122211112")],
        );
        assert_eq!(codes(&answer), [code], "{lines}");
    }
    server.set(&["--lines", "any"]);
    let id = server.campaign("Hello");
    let answer = server.call(
        "campaign/addRecipients",
        &[("id", &id), ("recipients", "493012345678")],
    );
    assert_eq!(codes(&answer), [0], "a fixed line");
}

/// D10 and D20: what becomes of placeholders without a value, in every source.
#[test]
fn placeholders() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let create = || {
        let data = [
            ("data[type]", "3"),
            ("data[text]", "{name}, {sum}{recipient}{{x}}"),
        ];
        text(&server.ok("campaign/create", &data)).to_owned()
    };
    for (flag, code, whole) in [
        (None, 98, "Ann, {sum}380971112233{{x}}"),
        (Some("1"), 98, "Ann, {sum}380971112233{{x}}"),
        (Some("2"), 98, "Ann, 380971112233{}"),
        (Some("3"), 99, ""),
    ] {
        let flag: Vec<(&str, &str)> = flag
            .iter()
            .map(|flag| ("params[placeholdersFlag]", *flag))
            .collect();
        let id = create();
        let mut fields = vec![
            ("id", id.as_str()),
            ("recipients[0][recipient]", A),
            ("recipients[0][name]", "Ann"),
            ("recipients[1][name]", "nobody"),
        ];
        fields.extend(&flag);
        let answer = server.call("campaign/addRecipients", &fields);
        let first = if code == 99 { 20 } else { 0 };
        assert_eq!(
            (&answer["code"], codes(&answer)),
            (&json!(code), vec![first, 1]),
            "{flag:?}"
        );
        let filled = |id: &str| {
            let fields = [("id", id), ("getFilledTplCampaignText", "1")];
            server.ok("campaign/getInfo", &fields)["text"].clone()
        };
        if code == 98 {
            assert_eq!(filled(&id), whole);
        }
        // The same from a file.
        let id = create();
        let answer = server.upload(
            &id,
            "list.csv",
            format!("name,recipient\nAnn,{A}\n").as_bytes(),
            &flag,
        );
        assert_eq!(server.wait(&answer["data"]), 2);
        let added = server.info(&id)["counters"]["totalMsgNum"].clone();
        match code {
            98 => assert_eq!((added, filled(&id)), (json!("1"), json!(whole)), "{flag:?}"),
            _ => assert_eq!(added, "0", "{flag:?}"),
        }
    }
    // A value that is there and empty is data; lists without values are taken (5.12).
    let id = create();
    let fields = [
        ("id", id.as_str()),
        ("recipients[0][recipient]", A),
        ("recipients[0][name]", ""),
        ("recipients[0][sum]", "{name}"),
        ("recipients[0][x]", ""),
        ("params[placeholdersFlag]", "3"),
    ];
    server.ok("campaign/addRecipients", &fields);
    let info = server.ok(
        "campaign/getInfo",
        &[("id", &id), ("getFilledTplCampaignText", "true")],
    );
    assert_eq!(info["text"], format!(", {{name}}{A}{{}}"));
    let plain = server.call(
        "campaign/addRecipients",
        &[("id", &id), ("recipients[]", B)],
    );
    assert_eq!(plain["code"], 0);
    // A value that would make the text endless.
    let text = "{a}".repeat(2000);
    let id = server.ok(
        "campaign/create",
        &[("data[type]", "3"), ("data[text]", &text)],
    );
    let long = "x".repeat(100_000);
    let fields = [
        ("id", id.as_str().unwrap()),
        ("recipients[0][recipient]", A),
        ("recipients[0][a]", &long),
    ];
    assert_eq!(codes(&server.call("campaign/addRecipients", &fields)), [2]);
}

#[test]
fn sources_and_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let card = server.ok(
        "contactCard/create",
        &[("data[name]", "Ann"), ("data[mobile][value]", A)],
    );
    let group = server.ok("contactGroup/create", &[("data[name]", "Friends")]);
    let (card, group) = (text(&card), text(&group));
    server.ok(
        "contactCard/setGroups",
        &[("id", card), ("groupIds", group)],
    );
    let call = |fields: &[(&str, &str)]| {
        let id = server.campaign("Hello");
        let fields: Vec<_> = fields
            .iter()
            .copied()
            .chain([("id", id.as_str())])
            .collect();
        (server.call("campaign/addRecipients", &fields), id)
    };
    for name in [
        "recipientContacts",
        "recipientsContacts",
        "recipientsContactIds",
        "recipientContactIds",
        "recipientContactsIds",
        "recipientsCardIds",
        "recipientCardIds",
        "recipientContacts[]",
        "recipientContacts[7]",
    ] {
        let (answer, _) = call(&[(name, card)]);
        assert_eq!(
            (&answer["code"], codes(&answer)),
            (&json!(0), vec![0]),
            "{name}"
        );
        assert_eq!(answer["data"][0]["contact"], card);
    }
    for name in [
        "recipientGroups",
        "recipientsGroupIds",
        "recipientGroupIds",
        "recipientGroups[]",
        "recipientGroups[a]",
    ] {
        let (answer, id) = call(&[(name, group)]);
        assert_eq!(answer["code"], 100, "{name}");
        assert!(answer["data"].is_u64());
        assert_eq!(server.wait(&answer["data"]), 2);
        assert_eq!(server.info(&id)["counters"]["totalMsgNum"], "1", "{name}");
    }
    let many = vec!["1"; 501].join("\n");
    assert_eq!(call(&[("recipientContacts", &many)]).0["code"], 12);
    assert_eq!(call(&[("recipientGroups", &many)]).0["code"], 12);
    assert_eq!(call(&[("recipientGroups", "friends")]).0["code"], 1);
    // An empty name of one generation does not hide another's; two are two sources.
    assert_eq!(
        call(&[("recipientContacts", ""), ("recipientsContacts", card)]).0["code"],
        0
    );
    assert_eq!(
        call(&[("recipientsCardIds", card), ("recipientsContactIds", card)]).0["code"],
        12
    );
    assert_eq!(
        call(&[("recipients", A), ("recipientGroups", group)]).0["code"],
        12
    );
    let id = server.campaign("Hello");
    let both = server.upload(&id, "list.csv", A.as_bytes(), &[("recipients", A)]);
    assert_eq!(both["code"], 12);
    // The order of D26: sources before the campaign, both before values.
    assert_eq!(server.code("campaign/addRecipients", &[("id", "x")]), 12);
    assert_eq!(
        server.code("campaign/addRecipients", &[("id", "x"), ("recipients", A)]),
        2
    );
    let (answer, id) = call(&[
        ("recipients", A),
        ("params[replace]", "x"),
        ("params[placeholdersFlag]", "4"),
    ]);
    assert_eq!(answer["code"], 1);
    assert_eq!(answer["data"].as_object().unwrap().len(), 2);
    assert_eq!(server.info(&id)["counters"]["totalMsgNum"], "0");
    // One message, one recipient.
    let single = server.ok(
        "campaign/create",
        &[("data[type]", "1"), ("data[text]", "Hello")],
    );
    let single = text(&single);
    let add = |list: &str| {
        server.code(
            "campaign/addRecipients",
            &[("id", single), ("recipients", list)],
        )
    };
    assert_eq!((add(&format!("{A},{B}")), add(A), add(B)), (12, 0, 12));
}

#[test]
fn replacing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let id = server.campaign("Hello");
    let add = |list: &str, replace: &str| {
        server.call(
            "campaign/addRecipients",
            &[
                ("id", &id),
                ("recipients", list),
                ("params[replace]", replace),
            ],
        )
    };
    let counts = || {
        let counters = server.info(&id)["counters"].clone();
        (
            text(&counters["totalMsgNum"]).to_owned(),
            text(&counters["recipientsRejected"]).to_owned(),
        )
    };
    let both = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(codes(&add(&format!("{A},none"), "0")), [0, 2]);
    assert_eq!(codes(&add(&format!("{A},{B}"), "0")), [4, 0]);
    assert_eq!(counts(), both("2", "2"));
    assert_eq!(codes(&add(&format!("{A},{C}"), "1")), [0, 0]);
    assert_eq!(counts(), both("2", "0"));
    assert_eq!(add(&vec![A; 501].join(","), "1")["code"], 12);
    assert_eq!(counts(), both("2", "0"));
    assert_eq!(add("none", "1")["code"], 99);
    assert_eq!(counts(), both("0", "1"));
    add(&format!("{A},{B}"), "0");
    // By a file, which is all or nothing.
    let answer = server.upload(
        &id,
        "list.csv",
        format!("{C}\nnone\n").as_bytes(),
        &[("params[replace]", "1")],
    );
    assert_eq!(server.wait(&answer["data"]), 2);
    assert_eq!(counts(), both("1", "1"));
    let mut broken: Vec<u8> = (0..150_000u64)
        .flat_map(|n| format!("{}\n", 380_671_000_000 + n).into_bytes())
        .collect();
    broken.extend(b"\xff\xfe\n");
    let answer = server.upload(&id, "list.csv", &broken, &[("params[replace]", "1")]);
    assert_eq!(server.wait(&answer["data"]), 3);
    assert_eq!(counts(), both("1", "1"));
    let shown = recipients()
        .args(["task", "show", &answer["data"].to_string(), "--db"])
        .arg(&server.db)
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("rejected") && shown.contains("list.csv, line 150001"),
        "{shown}"
    );
    server.recounts();
}

/// D27: while recipients are added, nobody else adds, sends or deletes.
#[test]
fn locked_campaigns() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let id = server.campaign("Hello");
    let list: String = (0..400_000u64)
        .map(|n| format!("{}\n", 380_671_000_000 + n))
        .collect();
    let task = server.upload(&id, "list.csv", list.as_bytes(), &[]);
    assert_eq!(task["code"], 100);
    for (method, fields) in [
        (
            "addRecipients",
            &[("id", id.as_str()), ("recipients", A)][..],
        ),
        ("addRecipients", &[("id", &id), ("recipientGroups", "1")]),
        ("send", &[("id", &id)]),
        ("delete", &[("id", &id)]),
    ] {
        assert_eq!(
            server.code(&format!("campaign/{method}"), fields),
            10,
            "{method}"
        );
    }
    assert_eq!(
        server.upload(&id, "list.csv", A.as_bytes(), &[])["code"],
        10
    );
    let status = server.call("taskQueue/getStatus", &[("id", &task["data"].to_string())]);
    assert!(status["data"]["progress"].is_u64() && status["data"]["status"].as_u64().unwrap() < 2);
    assert_eq!(
        server.code("taskQueue/getStatus", &[("id", &task["data"].to_string())]),
        30
    );
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(server.wait(&task["data"]), 2);
    assert_eq!(
        server.code("campaign/addRecipients", &[("id", &id), ("recipients", A)]),
        0
    );
    assert_eq!(server.info(&id)["counters"]["totalMsgNum"], "400001");
}

#[test]
fn files_in_every_encoding() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let cyrillic: &[(&str, &[u8])] = &[
        ("KOI8-R", &[0xef, 0xcc, 0xd8, 0xc7, 0xc1]),
        ("CP866", &[0x8e, 0xab, 0xec, 0xa3, 0xa0]),
        ("WINDOWS-1251", &[0xce, 0xeb, 0xfc, 0xe3, 0xe0]),
        ("windows-1251", &[0xce, 0xeb, 0xfc, 0xe3, 0xe0]),
        ("UTF-8", "Ольга".as_bytes()),
        ("", "Ольга".as_bytes()),
    ];
    let latin: &[(&str, &[u8], &str)] = &[
        ("WINDOWS-1252", &[0x80], "€"),
        ("ISO-8859-1", &[0xe9], "é"),
        ("ASCII", b"Olga", "Olga"),
    ];
    let cyrillic = cyrillic
        .iter()
        .map(|(name, bytes)| (*name, *bytes, "Ольга"));
    for (encoding, name, expected) in cyrillic.chain(latin.iter().copied()) {
        let list = [b"recipient\tname\n", A.as_bytes(), b"\t", name, b"\n"].concat();
        assert_eq!(
            server.filled(&list, encoding, "\\t"),
            expected,
            "{encoding}"
        );
    }
    let wide = format!("recipient\tname\n{A}\tОльга\n");
    let wide: Vec<u8> = [0xfeff]
        .into_iter()
        .chain(wide.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(server.filled(&wide, "UCS-2", "\t"), "Ольга");
    // A header line of a plain list is a row unless it is skipped.
    for (skip, rejected) in [(None, "1"), (Some("0"), "1"), (Some("1"), "0")] {
        let id = server.campaign("Hello");
        let fields: Vec<(&str, &str)> = skip
            .iter()
            .map(|skip| ("params[recipientsFileSkipHeader]", *skip))
            .collect();
        let answer = server.upload(&id, "list.csv", format!("phone\n{A}\n").as_bytes(), &fields);
        assert_eq!(server.wait(&answer["data"]), 2);
        let counters = server.info(&id)["counters"].clone();
        assert_eq!(
            (&counters["totalMsgNum"], &counters["recipientsRejected"]),
            (&json!("1"), &json!(rejected)),
            "{skip:?}"
        );
    }
    for (parameter, value) in [
        ("recipientsFileDelimiter", ""),
        ("recipientsFileEnclosure", ""),
        ("recipientsFileEnclosure", "''"),
    ] {
        let name = format!("params[{parameter}]");
        let id = server.campaign("Hello");
        assert_eq!(
            server.upload(&id, "list.csv", A.as_bytes(), &[(&name, value)])["code"],
            1,
            "{parameter}={value}"
        );
    }
    // Workbooks.
    let workbook = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/api");
        std::fs::read(folder.join(name)).unwrap()
    };
    let skip = [("params[recipientsFileSkipHeader]", "1")];
    for (name, fields, added, rejected) in [
        ("plain.xls", &[][..], "2", "1"),
        ("columns.xls", &skip, "2", "0"),
    ] {
        let id = server.campaign("Hello");
        let answer = server.upload(&id, name, &workbook(name), fields);
        assert_eq!(answer["code"], 100, "{name}: {answer}");
        assert_eq!(server.wait(&answer["data"]), 2);
        let counters = server.info(&id)["counters"].clone();
        assert_eq!(
            (&counters["totalMsgNum"], &counters["recipientsRejected"]),
            (&json!(added), &json!(rejected)),
            "{name}"
        );
    }
    let data = [("data[type]", "3"), ("data[text]", "{name}: {balance}")];
    let id = server.ok("campaign/create", &data);
    let answer = server.upload(text(&id), "template.xls", &workbook("template.xls"), &[]);
    assert_eq!(server.wait(&answer["data"]), 2);
    let info = [("id", text(&id)), ("getFilledTplCampaignText", "1")];
    assert_eq!(
        server.ok("campaign/getInfo", &info)["text"],
        "Ольга: 3222.99"
    );
}

#[test]
fn sending_moderation_and_deleting() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &["--moderation", "true"]);
    let ready = |deferred: Option<String>| {
        let mut data = vec![("data[text]", "Hello")];
        if let Some(deferred) = &deferred {
            data.push(("data[deferredToTs]", deferred));
        }
        let id = text(&server.ok("campaign/create", &data)).to_owned();
        server.ok("campaign/addRecipients", &[("id", &id), ("recipients", A)]);
        id
    };
    let moderate = |word: &str, id: &str, more: &[&str]| {
        let mut command = recipients();
        command
            .args(["campaign", word, id, "--db"])
            .arg(&server.db)
            .args(more);
        command.status().unwrap().success()
    };
    let status = |id: &str| text(&server.info(id)["commonStatus"]).to_owned();
    let send = |id: &str| server.call("campaign/send", &[("id", id)]);
    let delete = |id: &str| server.call("campaign/delete", &[("id", id)]);
    let (pass, fail, gone) = (ready(None), ready(None), ready(None));
    for id in [&pass, &fail, &gone] {
        assert_eq!(send(id), json!({"code": 0, "data": 1, "message": ""}));
        assert_eq!(status(id), "MODERATION");
        assert_eq!(send(id)["code"], 10);
    }
    assert_eq!(
        delete(&gone),
        json!({"code": 0, "data": true, "message": ""})
    );
    assert!(!moderate("approve", &gone, &[]));
    assert!(moderate("approve", &pass, &[]));
    assert!(!moderate("approve", &pass, &[]), "twice");
    assert!(moderate(
        "decline",
        &fail,
        &["--comment", "No spam, please."]
    ));
    server.until(&pass, "DONE");
    let declined = server.info(&fail);
    assert_eq!(
        (&declined["commonStatus"], &declined["globalComment"]),
        (&json!("DECLINED"), &json!("No spam, please."))
    );
    assert_eq!(send(&fail)["code"], 10);
    assert_eq!(
        (delete(&pass)["code"].clone(), delete(&fail)["data"].clone()),
        (json!(10), json!(true))
    );

    server.set(&["--moderation", "false"]);
    let later = ready(Some(time(3700)));
    assert_eq!(send(&later), json!({"code": 0, "data": 2, "message": ""}));
    assert_eq!(status(&later), "DEFERRED");
    assert_eq!(
        server.code(
            "campaign/addRecipients",
            &[("id", &later), ("recipients", B)]
        ),
        10
    );
    assert_eq!(delete(&later)["data"], true);
    for method in ["get", "getInfo", "send", "delete", "addRecipients"] {
        let fields = [("id", later.as_str()), ("recipients", A)];
        assert_eq!(
            server.code(&format!("campaign/{method}"), &fields),
            2,
            "{method}"
        );
    }
    let now = ready(None);
    assert_eq!(send(&now)["data"], 2);
    let done = server.until(&now, "DONE");
    for set in ["startSendTs", "endSendTs"] {
        assert!(done[set].is_string(), "{set}");
    }
    assert_eq!(done["sendStatus"], "DONE");
    assert_eq!(done["counters"]["totalNewMsgNum"], "0");
    server.recounts();
}

/// D30, criterion by criterion.
#[test]
fn lists() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &["--sender", "Alpha", "--sender", "Beta"]);
    let create = |fields: &[(&str, &str)]| {
        // None is made in the same millisecond as another.
        std::thread::sleep(Duration::from_millis(5));
        text(&server.ok("campaign/create", fields)).to_owned()
    };
    let first = create(&[
        ("data[text]", "One"),
        ("data[from]", "Beta"),
        ("data[name]", "b"),
    ]);
    let second = create(&[
        ("data[text]", "Two {x}"),
        ("data[type]", "3"),
        ("data[name]", "a"),
    ]);
    let third = create(&[
        ("data[text]", "Three"),
        ("data[type]", "1"),
        ("data[name]", "c"),
    ]);
    let deferred = create(&[("data[text]", "Four"), ("data[deferredToTs]", &time(4000))]);
    for (id, number) in [(&first, A), (&second, B), (&third, C), (&deferred, A)] {
        server.ok(
            "campaign/addRecipients",
            &[("id", id), ("recipients", number)],
        );
    }
    server.ok(
        "campaign/addRecipients",
        &[("id", &first), ("recipients", "77071112233")],
    );
    for id in [&third, &deferred] {
        server.ok("campaign/send", &[("id", id)]);
    }
    server.until(&third, "DONE");
    let group = server.ok("contactGroup/create", &[("data[name]", "g")]);
    let task = server.call(
        "campaign/addRecipients",
        &[("id", &second), ("recipientGroups", text(&group))],
    );
    assert_eq!(server.wait(&task["data"]), 2);
    let found = |fields: &[(&str, &str)]| {
        let data = server.ok("campaign/list", fields);
        let ids: Vec<String> = data["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| text(&item["id"]).to_owned())
            .collect();
        assert!(data["totalItemCount"].is_string());
        ids
    };
    let all = [&deferred, &third, &second, &first].map(String::clone);
    let (yesterday, today, tomorrow) = (date(-86_400), date(0), date(86_400));
    let (hour_ago, hour_ahead) = (time(-3600), time(3600));
    let both = format!("{first}, {third},x");
    let many: Vec<String> = (1000..1010).map(|n: u32| n.to_string()).collect();
    let eleventh = format!("{},{first}", many.join(","));
    let tenth = format!("{},{first}", many[1..].join(","));
    for (criteria, expected) in [
        (&[][..], &[&deferred, &third, &second, &first][..]),
        (&[("id", first.as_str())], &[&first]),
        (&[("id", "99999")], &[]),
        (&[("ids", &both)], &[&third, &first]),
        (&[("ids][", &first)], &[&first]),
        (&[("ids", &tenth)], &[&first]),
        (&[("ids", &eleventh)], &[]),
        (&[("recipient", A)], &[&deferred, &first]),
        (
            &[("recipient", "1122")],
            &[&deferred, &third, &second, &first],
        ),
        (&[("recipient", "+7 707")], &[&first]),
        (&[("recipient", "x")], &[]),
        (&[("from", "Beta")], &[&first]),
        (&[("from", "Bet")], &[]),
        (&[("text", "One")], &[&first]),
        (&[("text", "On")], &[]),
        (&[("status", "NEW")], &[&second, &first]),
        (&[("status", "DONE")], &[&third]),
        (&[("status", "DEFERRED")], &[&deferred]),
        (&[("status", "AUTO_READY_FOR_SEND")], &[]),
        (&[("status", "NOT_YET_SENT")], &[&deferred, &second, &first]),
        (&[("status", "nonsense")], &[]),
        (&[("type", "1")], &[&third]),
        (&[("type", "3")], &[&second]),
        (&[("type", "x")], &[]),
        (&[("groups", text(&group))], &[&second]),
        (&[("groups", "999")], &[]),
        (&[("groups", "x")], &[]),
        (
            &[("createDateFrom", &today)],
            &[&deferred, &third, &second, &first],
        ),
        (&[("createDateFrom", &tomorrow)], &[]),
        (&[("createDateTo", &yesterday)], &[]),
        (
            &[("createDateFrom", &tomorrow), ("createDateTo", &yesterday)],
            &[],
        ),
        (
            &[
                ("createDateFrom", &yesterday),
                ("createTimeFrom", "00:00:00"),
                ("createDateTo", &tomorrow),
                ("createTimeTo", "23:59:59"),
            ],
            &[&deferred, &third, &second, &first],
        ),
        (
            &[("createTimeFrom", "23:59:59")],
            &[&deferred, &third, &second, &first],
        ),
        (
            &[("createTsFrom", &hour_ago), ("createTsTo", &hour_ahead)],
            &[&deferred, &third, &second, &first],
        ),
        (&[("createTsFrom", &hour_ahead)], &[]),
        (&[("sentDateFrom", &yesterday)], &[&third]),
        (
            &[
                ("sentDateFrom", &yesterday),
                ("sendTimeFrom", "10:00:00"),
                ("sentDateTo", &tomorrow),
                ("sentTimeTo", "10:00:00"),
            ],
            &[&third],
        ),
        (
            &[
                ("sentDateFrom", &hour_ahead[..10]),
                ("sentTimeFrom", &hour_ahead[11..]),
            ],
            &[],
        ),
        (
            &[("sentTsFrom", &hour_ago), ("sentTsTo", &hour_ahead)],
            &[&third],
        ),
        (&[("sentTsTo", &hour_ago)], &[]),
        (&[("ids", &both), ("createTsFrom", &hour_ahead)], &[]),
    ] {
        let names: Vec<String> = criteria
            .iter()
            .map(|(name, _)| format!("criteria[{name}]"))
            .collect();
        let fields: Vec<(&str, &str)> = names
            .iter()
            .map(String::as_str)
            .zip(criteria.iter().map(|(_, value)| *value))
            .collect();
        let expected: Vec<String> = expected.iter().map(|id| (*id).clone()).collect();
        assert_eq!(found(&fields), expected, "{criteria:?}");
    }
    let order = |ids: [&String; 4]| ids.map(String::clone).to_vec();
    for (key, direction, expected) in [
        ("id", "ASC", order([&first, &second, &third, &deferred])),
        ("id", "desc", order([&deferred, &third, &second, &first])),
        (
            "recipient",
            "ASC",
            order([&first, &deferred, &second, &third]),
        ),
        ("from", "DESC", order([&first, &deferred, &third, &second])),
        ("text", "ASC", order([&deferred, &first, &third, &second])),
        ("status", "ASC", order([&second, &first, &deferred, &third])),
        ("type", "ASC", order([&third, &deferred, &first, &second])),
        ("name", "DESC", order([&third, &first, &second, &deferred])),
        (
            "createTs",
            "ASC",
            order([&first, &second, &third, &deferred]),
        ),
        (
            "counters.totalMsgNum",
            "DESC",
            order([&first, &deferred, &third, &second]),
        ),
        (
            "counters.totalCost",
            "ASC",
            order([&deferred, &third, &second, &first]),
        ),
        (
            "startSendTs",
            "DESC",
            order([&third, &deferred, &second, &first]),
        ),
        (
            "endSendTs",
            "DESC",
            order([&third, &deferred, &second, &first]),
        ),
        ("nonsense", "ASC", all.to_vec()),
    ] {
        let key = format!("sort[{key}]");
        assert_eq!(found(&[(&key, direction)]), expected, "{key} {direction}");
    }
    // Several keys in the order given.
    assert_eq!(
        found(&[("sort[from]", "DESC"), ("sort[id]", "ASC")]),
        order([&first, &second, &third, &deferred])
    );
    for (size, page, count) in [
        ("2", "0", 2),
        ("3", "1", 1),
        ("1", "3", 1),
        ("100", "0", 4),
        ("0", "0", 1),
        ("x", "x", 4),
        ("2", "9", 0),
    ] {
        let fields = [
            ("pagination[pageSize]", size),
            ("pagination[currentPage]", page),
        ];
        assert_eq!(found(&fields).len(), count, "{size} {page}");
        assert_eq!(server.ok("campaign/list", &fields)["totalItemCount"], "4");
    }
    let item = server.ok("campaign/list", &[("criteria[id]", &third)])["items"][0].clone();
    for (field, value) in [
        ("status", "DONE"),
        ("commonStatus", "DONE"),
        ("isDeleted", "0"),
        ("creationWay", "2"),
    ] {
        assert_eq!(item[field], value, "{field}");
    }
    assert_eq!(item["startTs"], item["startSendTs"]);
    assert!(item["counters"]["totalMsgNum"].is_string());
    // Deleted ones are found by their id only.
    server.ok("campaign/delete", &[("id", &second)]);
    assert_eq!(found(&[]).len(), 3);
    let deleted = server.ok("campaign/list", &[("criteria[id]", &second)]);
    assert_eq!(deleted["items"][0]["isDeleted"], "1");
}

#[test]
fn accounts_are_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::new(folder.path(), &[]);
    let key = server.key.clone();
    let campaign = server.campaign("Hello");
    let added = server.call(
        "campaign/addRecipients",
        &[("id", &campaign), ("recipients", A)],
    );
    let message = text(&added["data"][0]["messageId"]).to_owned();
    let card = text(&server.ok("contactCard/create", &[("data[mobile][value]", A)])).to_owned();
    let group = text(&server.ok("contactGroup/create", &[("data[name]", "g")])).to_owned();
    let stop = text(&server.ok("numberStopList/create", &[("number", B)])).to_owned();
    let fields = [("data[fullLink]", "example.com"), ("data[comment]", "mine")];
    let link = server.ok("link/create", &fields);
    let task =
        server.upload(&server.campaign("Hello"), "l.csv", A.as_bytes(), &[])["data"].to_string();
    server.key = add_account(&server.db, "other", &[]);
    for method in [
        "get",
        "getInfo",
        "send",
        "delete",
        "addRecipients",
        "getLinks",
    ] {
        let fields = [
            ("id", campaign.as_str()),
            ("campaignId", &campaign),
            ("recipients", A),
        ];
        assert_eq!(
            server.code(&format!("campaign/{method}"), &fields),
            2,
            "{method}"
        );
    }
    for (method, id) in [
        ("contactCard/get", &card),
        ("contactCard/update", &card),
        ("contactCard/delete", &card),
        ("contactCard/getGroups", &card),
        ("contactGroup/update", &group),
        ("contactGroup/getCardsCount", &group),
        ("numberStopList/delete", &stop),
        ("taskQueue/getStatus", &task),
    ] {
        let fields = [("id", id.as_str()), ("data[name]", "x")];
        assert_eq!(server.code(method, &fields), 2, "{method}");
    }
    let (link_id, link_code) = (text(&link["id"]), text(&link["code"]));
    for (key, value) in [("id", link_id), ("code", link_code)] {
        let fields = [(key, value), ("data[comment]", "x")];
        assert_eq!(server.code("link/get", &fields), 2, "{key}");
        assert_eq!(server.code("link/update", &fields), 2, "{key}");
    }
    assert_eq!(
        server.ok("link/delete", &[("ids", link_id)])["processed"],
        json!([])
    );
    // Clicks on a link of others are those on a link that nobody has.
    assert_eq!(
        server.ok("link/getStats", &[("ids", link_id)]),
        server.ok("link/getStats", &[("ids", "4000000000")])
    );
    assert_eq!(
        server.code("link/getLinks", &[("campaignId", &campaign)]),
        2
    );
    let fields = [("criteria[campaignIds]", campaign.as_str())];
    assert_eq!(server.ok("message/list", &fields)["totalItemCount"], "0");
    assert_eq!(
        server.ok("contactGroup/delete", &[("id", &group)])["processed"],
        json!([])
    );
    assert_eq!(
        server.ok("message/getSmsStatus", &[("ids", &message)]),
        json!([])
    );
    for list in [
        "campaign",
        "message",
        "contactCard",
        "contactGroup",
        "numberStopList",
        "link",
    ] {
        assert_eq!(
            server.ok(&format!("{list}/list"), &[])["totalItemCount"],
            "0",
            "{list}"
        );
    }
    let own = text(&server.ok("contactCard/create", &[("data[name]", "x")])).to_owned();
    assert_eq!(
        server.code(
            "contactCard/setGroups",
            &[("id", &own), ("groupIds", &group)]
        ),
        2
    );
    let id = server.campaign("Hello");
    let answer = server.call(
        "campaign/addRecipients",
        &[("id", &id), ("recipientContacts", &card)],
    );
    assert_eq!(codes(&answer), [30]);
    let url = format!(
        "http://{}/tasks/{task}/rejects.csv?apiKey={}",
        server.address, server.key
    );
    let mut answer = ureq::get(&url).call().unwrap();
    assert!(
        answer
            .body_mut()
            .read_to_string()
            .unwrap()
            .starts_with("{\"code\":2,")
    );
    // Of a link that they have just tried to change and to delete, the owner has all.
    let theirs = std::mem::replace(&mut server.key, key);
    let owned = server.ok("link/get", &[("id", link_id)]);
    assert_eq!(
        (&owned["code"], &owned["comment"]),
        (&link["code"], &json!("mine"))
    );
    server.key = theirs;
    // Nor does the other's stop list count.
    let answer = server.call("campaign/addRecipients", &[("id", &id), ("recipients", B)]);
    assert_eq!(codes(&answer), [0]);
}

#[test]
fn links() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let create = |target: &str, comment: &str| {
        let data = [("data[fullLink]", target), ("data[comment]", comment)];
        server.ok("link/create", &data)
    };
    let (a, b) = (
        create("https://example.com/a", "first"),
        create("example.org", ""),
    );
    let (id_a, id_b) = (text(&a["id"]), text(&b["id"]));
    let address = text(&a["shortLink"]);
    server.follow(address);
    server.follow(address);
    server.ok("link/update", &[("id", id_a), ("data[status]", "0")]);
    assert_eq!(server.follow(address).0, 404, "it is switched off");
    let shown = server.ok("link/get", &[("id", id_a)]);
    assert_eq!(
        (&shown["status"], &shown["comment"]),
        (&json!("0"), &json!("first"))
    );
    assert_eq!(
        (&shown["clickCnt"], &shown["redirectCnt"]),
        (&json!("3"), &json!("2"))
    );
    for (fields, code) in [
        (&[][..], 11),
        (&[("id", id_a)], 11),
        (&[("id", "999"), ("data[status]", "1")], 2),
        (&[("id", id_a), ("data[status]", "2")], 1),
        (&[("id", id_a), ("data[expirationDate]", "soon")], 1),
        (
            &[
                ("code", text(&a["code"])),
                ("data[status]", "1"),
                ("data[expirationDate]", "2020-01-01"),
            ],
            0,
        ),
    ] {
        assert_eq!(server.code("link/update", fields), code, "{fields:?}");
    }
    assert_eq!(server.follow(address).0, 404, "its last day is over");

    let list = |fields: &[(&str, &str)]| {
        let data = server.ok("link/list", fields);
        let items = data["items"].as_array().unwrap().iter();
        items
            .map(|item| text(&item["id"]).to_owned())
            .collect::<Vec<String>>()
    };
    assert_eq!(list(&[]), [id_b, id_a]);
    assert_eq!(list(&[("sort[clickCnt]", "DESC")]), [id_a, id_b]);
    assert_eq!(list(&[("criteria[query]", "example.org")]), [id_b]);
    assert_eq!(list(&[("criteria[status]", "0")]), [""; 0]);
    assert_eq!(list(&[("criteria[moderatorStatus]", "2")]), [""; 0]);
    assert_eq!(
        list(&[("criteria[createTsTo]", "2020-01-01 00:00:00")]),
        [""; 0]
    );
    assert_eq!(
        list(&[
            ("pagination[pageSize]", "1"),
            ("pagination[currentPage]", "1")
        ]),
        [id_a]
    );

    let both = format!("{id_b},{id_a},999");
    for kind in ["", "monthly", "daily", "hourly", "minute"] {
        let stats = server.ok("link/getStats", &[("ids", &both), ("type", kind)]);
        assert_eq!(stats["totals"]["totalClicks0"], 0, "{kind}");
        // The clicks may lie on both sides of a minute's end.
        assert_eq!(
            (
                &stats["totals"]["totalClicks1"],
                &stats["totals"]["totalRedirects1"],
                &stats["totals"]["totalClicks2"]
            ),
            (&json!("4"), &json!("2"), &json!(0)),
            "{kind}"
        );
        let item = &stats["items"][0];
        assert!(
            item["param"].is_string() && item["clicks1"].is_string() && item["clicks0"] == 0,
            "{stats}"
        );
    }
    let before = [
        ("ids", id_a),
        ("type", "daily"),
        ("criteria[dateTo]", "2020-01-01"),
    ];
    assert_eq!(server.ok("link/getStats", &before)["items"], json!([]));
    assert_eq!(server.code("link/getStats", &[]), 11);
    assert_eq!(server.code("link/getStats", &[("ids", "1,2,3,4,5,6")]), 12);
    assert_eq!(
        server.code("link/getStats", &[("ids", "1"), ("type", "yearly")]),
        12
    );

    assert_eq!(server.code("link/delete", &[]), 11);
    let deleted = server.ok("link/delete", &[("ids[]", id_b), ("ids[]", "999")]);
    assert_eq!(
        deleted,
        json!({"processed": [id_b], "notProcessed": ["999"]})
    );
    assert_eq!(
        (list(&[]), server.code("link/get", &[("id", id_b)])),
        (vec![id_a.to_owned()], 2)
    );
    assert_eq!(server.follow(text(&b["shortLink"])).0, 404);
    // As on the live service, what asks about it or changes it is answered.
    assert_eq!(
        server.code("link/update", &[("id", id_b), ("data[status]", "1")]),
        0
    );
    assert_eq!(server.code("link/getStats", &[("ids", id_b)]), 0);
}

/// What was taken for absent, or for something else, by mistake.
#[test]
fn values_that_are_easily_misread() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    for (field, name) in [
        ("name", "name"),
        ("text", "text"),
        ("type", "type"),
        ("deferredToTs", "deferredToTs"),
        ("rateLimit", "rateLimit"),
        ("validity", "validity"),
        ("trackShortLinkRecipients", "trackShortLinkRecipients"),
    ] {
        let list = format!("data[{field}][]");
        let answer = server.call("campaign/create", &[("data[text]", "x"), (&list, "1")]);
        assert_eq!(answer["code"], 1, "{field}: {answer}");
        assert!(answer["data"][name][0].is_string(), "{field}: {answer}");
    }
    let id = server.campaign("Hello");
    for list in ["replace", "placeholdersFlag"] {
        let name = format!("params[{list}][]");
        let fields = [("id", id.as_str()), ("recipients", A), (&name, "1")];
        assert_eq!(server.code("campaign/addRecipients", &fields), 1, "{list}");
    }
    for yes in ["true", "1"] {
        let fields = [
            ("id", id.as_str()),
            ("recipients", A),
            ("params[replace]", yes),
        ];
        assert_eq!(
            codes(&server.call("campaign/addRecipients", &fields)),
            [0],
            "{yes}"
        );
    }
    let nested = [("id", id.as_str()), ("recipients[0][0]", B)];
    assert_eq!(codes(&server.call("campaign/addRecipients", &nested)), [2]);
    // Of a list in the query and one in the body the latter counts.
    let url = format!("{}&recipients[0]={A}", server.url("campaign/addRecipients"));
    let body = format!("id={id}&recipients[1]={B}");
    let answer = server.post(&url, "application/x-www-form-urlencoded", body.as_bytes());
    assert_eq!(codes(&answer), [0]);
    let url = server.url("user/getOwnBalance");
    let version = |version: &str| {
        let url = url.replace("api=v1", &format!("api={version}"));
        server.post(&url, "application/x-www-form-urlencoded", b"")["code"].clone()
    };
    assert_eq!(
        (version("v2"), version("V1"), version("")),
        (json!(12), json!(0), json!(0))
    );
    // The column is called recipient, and no other way.
    let data = [("data[type]", "3"), ("data[text]", "{name}")];
    let template = server.ok("campaign/create", &data);
    let list = format!("name,Recipient\nAnn,{A}\n");
    let answer = server.upload(text(&template), "l.csv", list.as_bytes(), &[]);
    assert_eq!(answer["code"], 1);
    assert!(
        text(&answer["data"]["recipientsFile"][0]).contains("recipient"),
        "{answer}"
    );
    // A file whose name is in an old code page.
    let head = b"--b\r\nContent-Disposition: form-data; name=\"recipientsFile\"; filename=\"\xe1\xe0\xe7\xe0.csv\"\r\n\r\n";
    let end =
        format!("\r\n--b\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n{id}\r\n--b--\r\n");
    let body = [&head[..], A.as_bytes(), end.as_bytes()].concat();
    let url = server.url("campaign/addRecipients");
    let answer = server.post(&url, "multipart/form-data; boundary=b", &body);
    assert_eq!(answer["code"], 100, "{answer}");
    assert_eq!(server.wait(&answer["data"]), 2);
    // An address with a placeholder in it is not known yet, so no short link can lead there.
    let data = [
        ("data[type]", "3"),
        (
            "data[text]",
            "{name} http://example.com/{name} https://example.com/a",
        ),
        ("data[shortenLinks]", "1"),
    ];
    let id = server.ok("campaign/create", &data);
    let shown = server.info(text(&id))["text"].clone();
    let links = server.ok("campaign/getLinks", &[("campaignId", text(&id))]);
    assert_eq!(links.as_array().unwrap().len(), 1);
    let short = text(&links[0]["shortLink"]);
    assert_eq!(
        shown,
        format!("{{name}} http://example.com/{{name}} {short}")
    );
    // Whoever only looks where a link leads has not clicked.
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .max_redirects(0)
        .build()
        .into();
    assert_eq!(agent.head(short).call().unwrap().status(), 302);
    let links = server.ok("campaign/getLinks", &[("campaignId", text(&id))]);
    assert_eq!(links[0]["clickCnt"], "0");
    let wide = server.ok(
        "link/create",
        &[
            ("data[fullLink]", "http://пример.рф/путь"),
            ("data[expirationDate]", "9999-12-31"),
        ],
    );
    let (status, target) = server.follow(text(&wide["shortLink"]));
    assert_eq!((status, target.is_ascii()), (302, true), "{target}");
    // What an update does not name stays.
    let fields = [("data[name]", "Ann"), ("data[mobile][value]", A)];
    let card = server.ok("contactCard/create", &fields);
    server.ok(
        "contactCard/update",
        &[("id", text(&card)), ("data[name]", "Bea")],
    );
    let shown = server.ok("contactCard/get", &[("id", text(&card))])["fields"].clone();
    assert_eq!(
        (&shown["name"], &shown["mobile"]["value"]),
        (&json!("Bea"), &json!(A))
    );
    server.ok(
        "contactCard/update",
        &[("id", text(&card)), ("data[name]", "")],
    );
    assert_eq!(
        server.ok("contactCard/get", &[("id", text(&card))])["fields"]["name"],
        ""
    );
    // Settings that would lock the account out.
    for options in [
        ["--allow-method", "foo/bar"],
        ["--allow-address", "300.1.1.1"],
        ["--host", "http://x/y"],
        ["--zone", "Mars"],
    ] {
        let mut command = recipients();
        command
            .args(["account", "set", "test", "--db"])
            .arg(&server.db)
            .args(options);
        assert_eq!(
            command.output().unwrap().status.code(),
            Some(2),
            "{options:?}"
        );
    }
}
