//! What operators and integrators do around campaigns: forgetting, the audit log, stop words, lists of
//! contact cards, clicks.

mod server;

use recipients_campaigns::{
    Campaigns, Clock, DAY, Entries, Entry, HOUR, MINUTE, ManualClock, NewCampaign, Options,
    SystemClock,
};
use serde_json::{Value, json};
use server::{Server, add_account, recipients, start_with};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

const A: &str = "380971112233";
const B: &str = "380971112234";

fn run(db: &Path, args: &[&str]) -> Output {
    recipients()
        .args(args)
        .arg("--db")
        .arg(db)
        .output()
        .unwrap()
}

/// Standard output of a command that must do what it is told.
fn told(db: &Path, args: &[&str]) -> String {
    let output = run(db, args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// A campaign of the account `test` with one recipient that was done so many days ago.
fn done_before(db: &Path, days: i64) -> String {
    let now = SystemClock.now();
    let clock = Arc::new(ManualClock::at(now - days * DAY - HOUR));
    let options = Options {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        ..Options::default()
    };
    let campaigns = Campaigns::open(db, options).unwrap();
    let account = campaigns.account_by_name("test").unwrap();
    let new = NewCampaign {
        text: Some("Hello".to_owned()),
        ..NewCampaign::default()
    };
    let id = campaigns.create(&account, &new).unwrap();
    let entries = Entries::Numbers(vec![Entry::number(A)]);
    let added = campaigns.add(&account, id, &entries, &Default::default());
    assert_eq!(added.unwrap()[0].code().as_u8(), 0);
    campaigns.send(&account, id).unwrap();
    for _ in 0..3 {
        while campaigns.step().unwrap() {}
        clock.advance(MINUTE);
    }
    assert_eq!(
        campaigns.campaign(&account, id).unwrap().status.name(),
        "DONE"
    );
    id.to_string()
}

/// A server whose database has such a campaign; it starts afterwards, as it would do some of the sending.
fn server_with_done(folder: &Path, days: i64, options: &[&str]) -> (Server, String) {
    let db = folder.join("test.db");
    let key = add_account(&db, "test", &[]);
    let id = done_before(&db, days);
    let (process, address) = start_with(&db, options, folder);
    let server = Server {
        process,
        address,
        db,
        key,
    };
    (server, id)
}

#[test]
fn people_are_forgotten_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (server, id) = server_with_done(folder.path(), 1, &[]);
    let nothing =
        "The people of 0 messages in 0 campaigns, and 0 lists of rejected rows: forgotten\n";
    assert_eq!(
        told(&server.db, &["db", "purge", "--older-than", "2"]),
        nothing
    );
    let purge = |options: &[&str]| {
        let mut args = vec!["db", "purge", "--older-than", "1"];
        args.extend(options);
        told(&server.db, &args)
    };
    let words = "The people of 1 messages in 1 campaigns, and 0 lists of rejected rows: ";
    assert_eq!(
        purge(&["--dry-run"]),
        format!("{words}would be forgotten\n")
    );
    let list = || server.ok("message/list", &[("criteria[campaignId]", &id)]);
    assert_eq!(list()["items"][0]["to"], A);
    let before = server.ok("campaign/getInfo", &[("id", &id)]);
    assert_eq!(purge(&[]), format!("{words}forgotten\n"));
    assert_eq!(list()["items"][0]["to"], "");
    assert_eq!(list()["totalItemCount"], "1");
    assert_eq!(server.ok("campaign/getInfo", &[("id", &id)]), before);
    let found = server.ok("campaign/list", &[("criteria[recipient]", A)]);
    assert_eq!(found["totalItemCount"], "0");
    told(&server.db, &["db", "check"]);
    let refused = run(&server.db, &["db", "purge", "--older-than", "0"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn a_server_forgets_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (server, id) = server_with_done(folder.path(), 3, &["--forget-after", "3"]);
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        let list = server.ok("message/list", &[("criteria[campaignId]", &id)]);
        if list["items"][0]["to"] == "" {
            break;
        }
        assert!(Instant::now() < patience, "{list}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_audit_log() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let id = server.ok("campaign/create", &[("data[text]", "Hi")]);
    let id = id.as_str().unwrap();
    assert_eq!(server.code("campaign/send", &[("id", id)]), 10);
    server.ok("campaign/delete", &[("id", id)]);
    add_account(&server.db, "other", &[]);
    let log = told(&server.db, &["audit", "--account", "test"]);
    let lines: Vec<Vec<&str>> = log.lines().map(|line| line.split('\t').collect()).collect();
    let what: Vec<&str> = lines.iter().map(|line| line[3]).collect();
    assert_eq!(what, ["account/add", "campaign/create", "campaign/delete"]);
    let last = &lines[2];
    assert_eq!(
        (last[1], last[2], last[4]),
        ("test", "key from 127.0.0.1", id)
    );
    assert!(lines[0][2].starts_with("admin"));
    let log = told(&server.db, &["audit", "--last", "1"]);
    assert!(
        log.contains("\tother\tadmin") && log.lines().count() == 1,
        "{log}"
    );
    for secret in [&server.key, "Hi"] {
        assert!(!told(&server.db, &["audit"]).contains(secret));
    }
    let refused = run(&server.db, &["audit", "--account", "nobody"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn stop_words_and_the_age_of_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &["--stop-list-days", "2"]);
    let show = || told(&server.db, &["stoplist", "show", "--account", "test"]);
    assert_eq!(show(), "0 numbers; never loaded\n");
    let inbound = |number: &str, text: &str| {
        server.call(
            "numberStopList/inbound",
            &[("number", number), ("text", text)],
        )
    };
    assert_eq!(
        inbound(A, "What time is it?")["data"],
        json!({"stopped": false, "id": null})
    );
    let stopped = inbound("+38 097 111-22-33", "Стоп!");
    assert_eq!(stopped["data"], json!({"stopped": true, "id": "1"}));
    assert_eq!(inbound("none", "stop")["code"], 1);
    assert_eq!(server.code("numberStopList/inbound", &[("number", A)]), 11);
    assert_eq!(
        server.code("numberStopList/inbound", &[("text", "stop")]),
        11
    );
    let list = server.ok("numberStopList/list", &[]);
    assert_eq!(
        (&list["items"][0]["number"], &list["items"][0]["comment"]),
        (&json!(A), &json!("СТОП"))
    );
    assert_eq!(
        (&list["loadedTs"], &list["ageDays"]),
        (&json!(null), &json!(null))
    );

    let id = server.ok("campaign/create", &[("data[text]", "Hi")]);
    let id = id.as_str().unwrap();
    let added = server.call(
        "campaign/addRecipients",
        &[("id", id), ("recipients", &format!("{A},{B}"))],
    );
    assert_eq!(
        (&added["code"], &added["data"][0]["code"]),
        (&json!(98), &json!(5))
    );
    let refused = server.call("campaign/send", &[("id", id)]);
    assert_eq!(refused["code"], 10);
    assert!(
        refused["message"].as_str().unwrap().contains("stop list"),
        "{refused}"
    );
    let stops = folder.path().join("stops.txt");
    fs::write(&stops, "number\n").unwrap();
    let load = [
        "stoplist",
        "load",
        "--account",
        "test",
        stops.to_str().unwrap(),
    ];
    let refused = run(&server.db, &load);
    assert_eq!(refused.status.code(), Some(4));
    assert_eq!(show(), "1 numbers; never loaded\n");
    fs::write(&stops, "380971112299\n").unwrap();
    told(
        &server.db,
        &[
            "stoplist",
            "load",
            "--account",
            "test",
            stops.to_str().unwrap(),
        ],
    );
    let shown = show();
    assert!(
        shown.starts_with("2 numbers; loaded 20") && shown.ends_with(" UTC, today\n"),
        "{shown}"
    );
    let list = server.ok("numberStopList/list", &[]);
    assert_eq!(list["ageDays"], 0);
    assert_eq!(server.ok("campaign/send", &[("id", id)]), 2);
    told(
        &server.db,
        &["account", "set", "test", "--stop-word", "BASTA"],
    );
    assert_eq!(inbound(B, "stop")["data"]["stopped"], false);
    assert_eq!(inbound(B, "basta")["data"]["stopped"], true);
    let settings = told(&server.db, &["account", "show", "test"]);
    assert!(settings.contains("stop-words: BASTA\n"), "{settings}");
    assert!(!settings.contains(&server.key));
    told(&server.db, &["account", "set", "test", "--stop-word", ""]);
    assert_eq!(inbound("380971112235", "stop")["data"]["stopped"], true);
}

const CARDS: &str = "Phone;First name;Shoe size\n+38 (097) 111-22-33;Olha;38\n0971112234;Ivan;42\n";

#[test]
fn lists_of_cards() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let list = folder.path().join("cards.csv");
    fs::write(&list, CARDS).unwrap();
    let rejected = folder.path().join("bad.csv");
    let import = |rejected: &Path| {
        let mut args = vec!["contacts", "import", list.to_str().unwrap()];
        args.extend(["--account", "test", "--group", "Buyers"]);
        args.extend(["--rejected", rejected.to_str().unwrap()]);
        run(&server.db, &args)
    };
    let output = import(&rejected);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    let words = "Cards added: 1; brought up to date: 0; rows rejected: 1; ";
    assert!(text.contains(words), "{text}");
    assert!(text.contains("recipients in column: 1 `Phone`"), "{text}");
    let args = [
        "contacts",
        "import",
        list.to_str().unwrap(),
        "--account",
        "test",
    ];
    let national = told(&server.db, &[&args[..], &["--region", "UA"]].concat());
    assert!(
        national.contains("Cards added: 1; brought up to date: 1; rows rejected: 0\n"),
        "{national}"
    );
    let last = server.ok("contactCard/list", &[("sort[id]", "DESC")]);
    let last = last["items"][0]["id"].as_str().unwrap();
    server.ok("contactCard/delete", &[("id", last)]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("cards.csv") && errors.contains("Shoe size"),
        "{errors}"
    );
    assert!(
        fs::read_to_string(&rejected)
            .unwrap()
            .contains("leading_zero")
    );
    assert_eq!(import(&list).status.code(), Some(2));
    assert_eq!(fs::read_to_string(&list).unwrap(), CARDS);
    let groups = server.ok("contactGroup/list", &[]);
    assert_eq!(groups["items"][0]["cardsCnt"], "1");

    // The same over the API, in the background.
    let group = groups["items"][0]["id"].as_str().unwrap();
    let send = |parts: &[&str]| {
        let output = Command::new("curl")
            .args(["-s", &server.url("contactCard/import")])
            .args(parts.iter().flat_map(|part| ["-F", part]))
            .output()
            .unwrap();
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        value
    };
    let file = format!("cardsFile=@{};filename=cards.csv", list.display());
    let more = CARDS.replace("0971112234", "380971112234");
    fs::write(&list, more).unwrap();
    let begun = send(&[&format!("groupIds[]={group}"), &file]);
    assert_eq!(begun["code"], 100, "{begun}");
    let task = begun["data"].to_string();
    let patience = Instant::now() + Duration::from_secs(20);
    let done = loop {
        let status = server.call("taskQueue/getStatus", &[("id", &task)]);
        if status["code"] == 0 && status["data"]["status"] == 2 {
            break status;
        }
        assert!(Instant::now() < patience, "{status}");
        std::thread::sleep(Duration::from_millis(1050));
    };
    assert!(
        done["data"]["note"].as_str().unwrap().contains("Shoe size"),
        "{done}"
    );
    let cards = server.ok("contactCard/list", &[("sort[mobile]", "ASC")]);
    assert_eq!(cards["totalItemCount"], "2");
    assert_eq!(cards["items"][1]["fields"]["name"], "Ivan");
    assert_eq!(
        server.ok("contactGroup/getCardsCount", &[("id", group)]),
        "2"
    );
    assert_eq!(send(&["groupIds[]=99", &file])["code"], 2);
    assert_eq!(send(&["groupIds[]=1"])["code"], 11);
    let other = file.replace("cardsFile", "recipientsFile");
    assert_eq!(send(&[&other])["code"], 11);
    fs::write(&list, "380971112233\n380971112234\n").unwrap();
    let refused = send(&[&file]);
    assert_eq!(refused["code"], 1);
    assert!(
        refused["data"]["cardsFile"][0]
            .as_str()
            .unwrap()
            .contains("first line"),
        "{refused}"
    );
}

#[test]
fn clicks_of_people() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let link = server.ok(
        "link/create",
        &[("data[fullLink]", "https://example.com/a")],
    );
    let (short, link) = (
        link["shortLink"].as_str().unwrap(),
        link["id"].as_str().unwrap(),
    );
    let tracking = [
        ("data[text]", short),
        ("data[trackShortLinkRecipients]", "1"),
    ];
    let id = server.ok("campaign/create", &tracking);
    let id = id.as_str().unwrap();
    let both = format!("{A},{B}");
    server.ok(
        "campaign/addRecipients",
        &[("id", id), ("recipients", &both)],
    );
    let messages = || {
        server.ok(
            "message/list",
            &[("criteria[campaignId]", id), ("sort[to]", "ASC")],
        )
    };
    let own = messages()["items"][1]["text"].as_str().unwrap().to_owned();
    let agent =
        ureq::Agent::new_with_config(ureq::Agent::config_builder().max_redirects(0).build());
    let follow = |url: &str, headers: &[(&str, &str)]| {
        let mut request = agent.get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.call().unwrap();
        assert_eq!(answer.status(), 302);
        assert_eq!(answer.headers()["location"], "https://example.com/a");
    };
    let browser = (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    );
    for program in [
        "WhatsApp/2.23.20.0",
        "TelegramBot (like TwitterBot)",
        "facebookexternalhit/1.1",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    ] {
        follow(&own, &[("user-agent", program)]);
    }
    follow(&own, &[browser, ("sec-purpose", "prefetch;prerender")]);
    assert_eq!(agent.head(&own).call().unwrap().status(), 302);
    assert_eq!(messages()["items"][1]["clickCnt"], "0");
    follow(&own, &[browser]);
    follow(&own, &[browser]);
    let clicks = messages();
    assert_eq!(
        (
            &clicks["items"][0]["clickCnt"],
            &clicks["items"][1]["clickCnt"]
        ),
        (&json!("0"), &json!("1"))
    );
    follow(
        short,
        &[("user-agent", "Mozilla/5.0 (Linux; Android 10; CUBOT X30)")],
    );
    let shown = server.ok("link/get", &[("id", link)]);
    assert_eq!(shown["clickCnt"], "2");
    // A link that all have is followed by many.
    follow(short, &[browser]);
    follow(short, &[browser]);
    let shown = server.ok("link/get", &[("id", link)]);
    assert_eq!(
        (&shown["clickCnt"], &shown["redirectCnt"]),
        (&json!("4"), &json!("4"))
    );
    let links = server.ok("campaign/getLinks", &[("campaignId", id)]);
    assert_eq!(links[0]["clickCnt"], "4");
    // Switched off, it leads nowhere, and so do those made of it; another comment does not switch it on.
    server.ok("link/update", &[("id", link), ("data[status]", "0")]);
    server.ok("link/update", &[("id", link), ("data[comment]", "old")]);
    for url in [short, &own] {
        assert!(matches!(
            agent.get(url).call(),
            Err(ureq::Error::StatusCode(404))
        ));
    }
}
