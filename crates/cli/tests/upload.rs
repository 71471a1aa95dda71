//! `recipients upload` and `resume`: the real binary against the real server, through a proxy that
//! breaks calls, and killed at any instant.

#[path = "../../api-adapter/tests/proxy/mod.rs"]
mod proxy;
mod server;

use proxy::{Dice, FAULTS, Fault, Proxy};
use serde_json::Value;
use server::{Server, recipients};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A call of the binary in this folder, with the account's key.
fn command(server: &Server, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = recipients();
    command
        .current_dir(folder)
        .env("RECIPIENTS_API_KEY", &server.key)
        .args(arguments);
    command
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn ran(server: &Server, output: Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(!out.contains(&server.key) && !err.contains(&server.key));
    Ran {
        code: output.status.code().unwrap_or(-1),
        out,
        err,
    }
}

fn run(server: &Server, folder: &Path, arguments: &[&str]) -> Ran {
    let output = command(server, folder, arguments).output().unwrap();
    ran(server, output)
}

fn url(server: &Server) -> String {
    format!("http://{}", server.address)
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_template_list_goes_to_a_new_campaign_and_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::new(folder, &["--balance", "10"]);
    server.prices("country,operator,price\nUA,,0.5\n");
    server.ok(
        "numberstoplist/create",
        &[("id", ""), ("number", "380971112200"), ("comment", "")],
    );
    let list = "recipient,name\n380971112233,\"О'Ніл; \"\"x\"\" & Co\"\nnone,A\n380971112233,B\n\
                380971112255,C\n380971112200,D\n";
    std::fs::write(folder.join("list.csv"), list).unwrap();
    let url = url(&server);
    let arguments = [
        "upload",
        "list.csv",
        "--create",
        "--name",
        "May",
        "--text",
        "Hi {name}!",
        "--server",
        &url,
        "--output",
        "out.ndjson",
        "--rejected",
        "bad.csv",
        "--json",
        "--send",
        "--yes",
    ];
    let first = run(&server, folder, &arguments);
    assert_eq!((first.code, first.err.as_str()), (1, ""), "{}", first.out);
    let told: Value = serde_json::from_str(&first.out).unwrap();
    let upload = &told["upload"];
    let counts = [
        "rows",
        "accepted",
        "rejected",
        "duplicates",
        "present",
        "unknown",
    ];
    assert_eq!(
        counts.map(|name| upload[name].as_u64().unwrap()),
        [5, 2, 2, 1, 0, 0]
    );
    assert_eq!(upload["final_codes"], serde_json::json!({"0": 2, "5": 1}));
    assert_eq!(upload["cost"], "1.0000");
    let id = upload["campaign"].to_string();
    let info = server.info(&id);
    assert_eq!((&info["name"], &info["type"]), (&"May".into(), &"3".into()));
    assert_ne!(info["commonStatus"], "NEW");
    let listed = server.ok(
        "message/list",
        &[
            ("criteria[to]", "380971112233"),
            ("criteria[campaignIds]", &id),
        ],
    );
    assert_eq!(listed["items"][0]["text"], "Hi О'Ніл; \"x\" & Co!");
    let lines = lines(&folder.join("out.ndjson"));
    let seen: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["code"].as_u64().unwrap(),
                line["final_code"].as_u64(),
                line["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (0, Some(0), "accepted"),
            (2, None, "rejected"),
            (4, None, "duplicate"),
            (0, Some(0), "accepted"),
            (0, Some(5), "rejected"),
        ]
    );
    assert_eq!(
        lines[0]["message_id"].to_string(),
        listed["items"][0]["id"].as_str().unwrap()
    );
    let bad = std::fs::read_to_string(folder.join("bad.csv")).unwrap();
    assert!(
        bad.contains("380971112200,D,5,refused_by_server,the server: on a stop list"),
        "{bad}"
    );
    assert_eq!(bad.lines().count(), 4);

    // All is done: it is told again, and a second upload is refused.
    let again = run(&server, folder, &["resume", "list.csv.journal"]);
    assert_eq!((again.code, &again.out), (1, &first.out));
    let second = run(&server, folder, &arguments);
    assert_eq!(second.code, 2);
    assert!(
        second.err.contains("recipients resume list.csv.journal"),
        "{}",
        second.err
    );
    server.recounts();
}

#[test]
fn what_is_there_before_is_present_and_replaced_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::new(folder, &[]);
    let id = server.campaign("Hello");
    server.ok(
        "campaign/addRecipients",
        &[("id", &id), ("recipients", "380971112233,380971112299")],
    );
    std::fs::write(folder.join("list.txt"), "380971112233\n380971112255\n").unwrap();
    let url = url(&server);
    let upload = |journal: &str, more: &[&str]| {
        let mut arguments = vec![
            "upload",
            "list.txt",
            "--campaign",
            &id,
            "--server",
            &url,
            "--journal",
            journal,
            "--json",
        ];
        arguments.extend(more);
        let ran = run(&server, folder, &arguments);
        let told: Value = serde_json::from_str(&ran.out).expect(&ran.err);
        (ran.code, told["upload"].clone())
    };
    let (code, told) = upload("1", &[]);
    assert_eq!(
        (code, &told["accepted"], &told["present"]),
        (1, &1.into(), &1.into())
    );
    assert_eq!(server.numbers(&id).len(), 3);
    let (code, told) = upload("2", &["--replace", "--batch", "1"]);
    assert_eq!(
        (code, &told["accepted"], &told["batches"]),
        (0, &2.into(), &2.into())
    );
    assert_eq!(server.numbers(&id).len(), 2);
    for (journal, more) in [("3", &[][..]), ("4", &["--replace"])] {
        let (_, told) = upload(journal, &[&["--via", "file"], more].concat());
        let added = if more.is_empty() { 0 } else { 2 };
        assert_eq!(told["accepted"], added, "{told}");
        assert_eq!(
            (&told["present"], &told["rejected"]),
            (&(2 - added).into(), &0.into())
        );
    }
    server.recounts();
}

#[test]
fn each_way_to_fail_has_its_exit_code_and_leaves_no_journal() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::new(folder, &[]);
    let id = server.campaign("Hello");
    let sent = server.campaign("Hello");
    server.ok(
        "campaign/addRecipients",
        &[("id", &sent), ("recipients", "380971112233")],
    );
    server.ok("campaign/send", &[("id", &sent)]);
    std::fs::write(folder.join("list.txt"), "380971112233\n").unwrap();
    std::fs::write(folder.join("none.txt"), "none\n").unwrap();
    std::fs::write(folder.join("key"), "0123456789\n").unwrap();
    let url = url(&server);
    let https = url.replace("http", "https");
    let new = ["--create", "--text", "x"];
    let cases: [(&str, &str, &[&str], i32, &str); 14] = [
        (
            "list.txt",
            "http://127.0.0.1:1",
            &["--campaign", &id],
            10,
            "cannot be reached",
        ),
        ("list.txt", &https, &["--campaign", &id], 10, "http://"),
        ("list.txt", "127.0.0.1", &["--campaign", &id], 2, "https://"),
        (
            "list.txt",
            &url,
            &["--campaign", &id, "--key-file", "key"],
            12,
            "code 8",
        ),
        (
            "list.txt",
            &url,
            &["--create", "--text", "x", "--key-file", "key"],
            12,
            "code 8",
        ),
        (
            "list.txt",
            &url,
            &["--campaign", "999"],
            13,
            "no campaign 999",
        ),
        ("list.txt", &url, &["--campaign", &sent], 14, "NEW"),
        (
            "list.txt",
            &url,
            &["--create", "--text", "x", "--from", "Nobody"],
            2,
            "from",
        ),
        (
            "list.txt",
            &url,
            &["--campaign", &id, "--text", "y"],
            2,
            "not the text",
        ),
        ("list.txt", &url, &["--campaign", &id, "--send"], 2, "--yes"),
        ("list.txt", &url, &[], 2, "--campaign ID"),
        ("-", &url, &["--campaign", &id], 2, "standard input"),
        ("lost.txt", &url, &["--campaign", &id], 4, "lost.txt"),
        ("none.txt", &url, &new, 3, ""),
    ];
    for (list, url, more, code, words) in cases {
        let arguments = [&["upload", list, "--server", url], more].concat();
        let ran = run(&server, folder, &arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(words), "{arguments:?}: {}", ran.err);
        let journals = std::fs::read_dir(folder).unwrap();
        let is_journal = |name: &str| name.contains("journal") || name.starts_with(".recipients");
        for file in journals {
            let name = file.unwrap().file_name();
            assert!(!is_journal(name.to_str().unwrap()), "{arguments:?}");
        }
    }
    let mut without = command(
        &server,
        folder,
        &["upload", "list.txt", "--server", &url, "--campaign", &id],
    );
    let without = without.env_remove("RECIPIENTS_API_KEY").output().unwrap();
    let without = ran(&server, without);
    assert_eq!(without.code, 2);
    assert!(without.err.contains("RECIPIENTS_API_KEY"));
    // A dry run needs neither server nor key.
    let dry = ["upload", "list.txt", "--dry-run", "--text", "x", "--json"];
    let dry = run(&server, folder, &dry);
    let told: Value = serde_json::from_str(&dry.out).unwrap();
    assert_eq!(
        (dry.code, &told["dry_run"]["batches"]),
        (0, &serde_json::json!([1]))
    );
    // It reckons the cost: two SMS for the long name.
    std::fs::write(
        folder.join("prices.csv"),
        "country,operator,price\nUA,,0.5\n",
    )
    .unwrap();
    let long = format!(
        "recipient,name\n380971112233,A\n380971112255,{}\n",
        "x".repeat(160)
    );
    std::fs::write(folder.join("long.csv"), long).unwrap();
    let dry = [
        "upload",
        "long.csv",
        "--dry-run",
        "--text",
        "Hi {name}",
        "--prices",
        "prices.csv",
        "--json",
    ];
    let dry = run(&server, folder, &dry);
    let told: Value = serde_json::from_str(&dry.out).unwrap();
    assert_eq!(told["dry_run"]["cost"], "1.5000", "{}", dry.err);
    assert!(server.numbers(&id).is_empty());
}

/// A list of numbers, every seventh of which is none, the last ones duplicates.
fn write_list(path: &Path, rows: u64, dice: &mut Dice) -> BTreeSet<String> {
    let mut good = BTreeSet::new();
    let mut text = String::new();
    for row in 0..rows {
        let number = match row % 7 {
            3 => "none".to_owned(),
            _ => format!("38097{:07}", dice.below(rows)),
        };
        if number != "none" {
            good.insert(number.clone());
        }
        text.push_str(&number);
        text.push('\n');
    }
    std::fs::write(path, text).unwrap();
    good
}

/// The summary and the lines say what the campaign holds.
fn check(
    server: &Server,
    folder: &Path,
    told: &Value,
    campaign: &str,
    good: &BTreeSet<String>,
    before: &BTreeSet<String>,
) {
    let there: BTreeSet<String> = good.union(before).cloned().collect();
    assert_eq!(server.numbers(campaign), there);
    let present = good.intersection(before).count() as u64;
    let count = |name: &str| told["upload"][name].as_u64().unwrap();
    assert_eq!(count("unknown"), 0);
    assert_eq!(
        (count("accepted"), count("present")),
        (good.len() as u64 - present, present),
        "{told}"
    );
    let lines = lines(&folder.join("out.ndjson"));
    assert_eq!(lines.len() as u64, count("rows"));
    let sum: u64 = ["accepted", "rejected", "duplicates", "present"]
        .map(count)
        .iter()
        .sum();
    assert_eq!(sum, count("rows"));
    for line in lines {
        let number = line["number"].as_str().unwrap_or_default();
        match line["state"].as_str().unwrap() {
            "accepted" => assert!(good.contains(number) && !before.contains(number)),
            "present" => assert!(before.contains(number)),
            state => assert_ne!(line["code"], 0, "{state}"),
        }
    }
}

#[test]
fn goes_on_after_an_interruption_and_refuses_another_list() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::new(folder, &[]);
    let address: SocketAddr = server.address.parse().unwrap();
    let proxy = Proxy::new(address, |method| {
        if method == "campaign/addrecipients" {
            std::thread::sleep(Duration::from_millis(50));
        }
        Fault::None
    });
    let good = write_list(&folder.join("list.txt"), 600, &mut Dice(5));
    let id = server.campaign("Hello");
    let url = format!("http://{}", proxy.address);
    let arguments = [
        "upload",
        "list.txt",
        "--campaign",
        &id,
        "--server",
        &url,
        "--batch",
        "20",
        "--json",
        "--output",
        "out.ndjson",
    ];
    let upload = command(&server, folder, &arguments)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    while proxy.calls.load(Ordering::SeqCst) < 6 {
        std::thread::sleep(Duration::from_millis(5));
    }
    // Nobody else works with the journal meanwhile.
    let meanwhile = run(&server, folder, &["resume", "list.txt.journal"]);
    assert_eq!(meanwhile.code, 2, "{}", meanwhile.err);
    let killed = Command::new("kill")
        .args(["-INT", &upload.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let stopped = ran(&server, upload.wait_with_output().unwrap());
    assert_eq!(stopped.code, 130, "{}", stopped.err);
    assert!(
        stopped.err.contains("recipients resume list.txt.journal"),
        "{}",
        stopped.err
    );
    assert!(!folder.join("out.ndjson").exists());
    let added = server.numbers(&id).len();
    assert!(added > 0 && added < good.len());

    // Another list is refused, and nothing happens to the journal or the campaign.
    let whole = std::fs::read(folder.join("list.txt")).unwrap();
    std::fs::write(folder.join("list.txt"), "380971112233\n").unwrap();
    let other = run(&server, folder, &["resume", "list.txt.journal"]);
    assert_eq!(other.code, 4);
    assert!(other.err.contains("list.txt has changed"), "{}", other.err);
    std::fs::write(folder.join("list.txt"), whole).unwrap();
    // A key that is refused leaves it as it is, too.
    let denied = command(&server, folder, &["resume", "list.txt.journal"])
        .env("RECIPIENTS_API_KEY", "nobody")
        .output()
        .unwrap();
    assert_eq!(denied.status.code(), Some(12));
    // From elsewhere, to another address, it goes on.
    let elsewhere = tempfile::tempdir().unwrap();
    let journal = folder.join("list.txt.journal");
    let direct = url_of(&server);
    let resumed = run(
        &server,
        elsewhere.path(),
        &["resume", journal.to_str().unwrap(), "--server", &direct],
    );
    assert_eq!(resumed.code, 1, "{}", resumed.err);
    let told: Value = serde_json::from_str(&resumed.out).unwrap();
    check(&server, folder, &told, &id, &good, &BTreeSet::new());
}

fn url_of(server: &Server) -> String {
    url(server)
}

/// `RECIPIENTS_KILLS` processes are killed, 5 otherwise, with a network that fails. `RECIPIENTS_SEED` sets
/// at which moments.
#[test]
fn d24_exactly_once_through_kills() {
    let kills: u64 = std::env::var("RECIPIENTS_KILLS").map_or(5, |n| n.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let address: SocketAddr = server.address.parse().unwrap();
    let seed: u64 = std::env::var("RECIPIENTS_SEED").map_or(1, |n| n.parse().unwrap());
    let mut dice = Dice(seed);
    let mut killed = 0;
    let mut round = 0;
    while killed < kills {
        round += 1;
        let place = folder.path().join(round.to_string());
        std::fs::create_dir(&place).unwrap();
        let good = write_list(&place.join("list.txt"), 700, &mut dice);
        let faulty = Mutex::new(Dice(dice.roll()));
        let left = AtomicU64::new(12);
        let proxy = Proxy::new(address, move |_| {
            let mut dice = faulty.lock().unwrap();
            let is_calm = left.load(Ordering::SeqCst) == 0;
            if is_calm || dice.below(6) > 0 {
                return Fault::None;
            }
            left.fetch_sub(1, Ordering::SeqCst);
            FAULTS[dice.below(FAULTS.len() as u64) as usize]
        });
        let id = server.campaign("Hello");
        let mut before = BTreeSet::new();
        let url = format!("http://{}", proxy.address);
        let mut arguments = vec![
            "upload", "list.txt", "--server", &url, "--batch", "20", "--json",
        ];
        arguments.extend(["--output", "out.ndjson", "--timeout", "1"]);
        match round % 3 {
            0 => arguments.extend(["--create", "--text", "Hello"]),
            1 => arguments.extend(["--campaign", &id, "--replace"]),
            _ => arguments.extend(["--campaign", &id]),
        }
        if round % 3 > 0 {
            let numbers: Vec<String> = good.iter().step_by(5).cloned().collect();
            server.ok(
                "campaign/addRecipients",
                &[("id", &id), ("recipients", &numbers.join(","))],
            );
            if round % 3 == 2 {
                before.extend(numbers);
            }
        }
        let mut told = None;
        for _ in 0..60 {
            let arguments: &[&str] = match place.join("list.txt.journal").exists() {
                true => &["resume", "list.txt.journal"],
                false => &arguments,
            };
            let mut process = command(&server, &place, arguments)
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            if killed < kills {
                std::thread::sleep(Duration::from_millis(dice.below(400)));
                if process.try_wait().unwrap().is_none() {
                    process.kill().unwrap();
                    killed += 1;
                }
            }
            let ended = ran(&server, process.wait_with_output().unwrap());
            match ended.code {
                0 | 1 => {
                    told = Some(serde_json::from_str(&ended.out).unwrap());
                    break;
                }
                // Killed, too few entries, or a first call that found nobody.
                -1 | 5 | 10 => {}
                code => panic!("{code}: {}", ended.err),
            }
        }
        let told: Value = told.expect("it ends");
        let id = told["upload"]["campaign"].to_string();
        check(&server, &place, &told, &id, &good, &before);
    }
    server.recounts();
}

/// What is found out before anything is sent, and told: placeholders without a column, lists that
/// cannot stand in one file, a campaign for one recipient, a list without a good row.
#[test]
fn what_can_be_known_is_known_before() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::new(folder, &[]);
    let url = url(&server);
    let new = |text: &str, more: &[&str]| {
        let _ = std::fs::remove_file(folder.join("a.csv.journal"));
        let start = [
            "upload", "a.csv", "--create", "--text", text, "--server", &url,
        ];
        run(&server, folder, &[&start[..], more].concat())
    };
    std::fs::write(
        folder.join("a.csv"),
        "recipient,name\n380971112233,A\n380971112255,B\n",
    )
    .unwrap();
    std::fs::write(folder.join("b.csv"), "recipient,name,x\n380971112277,A,\n").unwrap();
    let lacking = new("Hi {nmae}!", &[]);
    assert_eq!(lacking.code, 0);
    for told in [&lacking.err, &lacking.out] {
        assert!(
            told.contains("`{nmae}` has no column; did you mean `name`?"),
            "{told}"
        );
    }
    let campaigns = || {
        let listed = server.ok("campaign/list", &[]);
        listed["totalItemCount"].as_str().unwrap().to_owned()
    };
    assert_eq!(campaigns(), "1");
    let together = new("x", &["b.csv", "--rejected", "bad.csv"]);
    assert_eq!(together.code, 4, "{}", together.err);
    let single = new("x", &["--type", "1"]);
    assert_eq!(single.code, 2, "{}", single.err);
    let nowhere = new("x", &["--output", "nowhere/out.csv"]);
    assert_eq!(nowhere.code, 4);
    assert!(!nowhere.err.contains(".recipients-"), "{}", nowhere.err);
    let own = new("x", &["--rejected", "a.csv.journal"]);
    assert_eq!(own.code, 2, "{}", own.err);
    assert_eq!(campaigns(), "1");
    std::fs::write(folder.join("a.csv"), "recipient,name\nnone,A\n").unwrap();
    let none = new("x", &["--rejected", "bad.csv", "--output", "out.ndjson"]);
    assert_eq!(none.code, 3, "{}", none.err);
    assert!(
        std::fs::read_to_string(folder.join("bad.csv"))
            .unwrap()
            .contains("no_digits")
    );
    assert_eq!(lines(&folder.join("out.ndjson")).len(), 1);
    assert_eq!(campaigns(), "1");
    // A process that was killed leaves a file with numbers, which the next one takes away.
    let left = folder.join(".recipients-out.ndjson-abc123");
    std::fs::write(&left, "380971112233").unwrap();
    new("x", &["--output", "out.ndjson"]);
    assert!(!left.exists());
}

/// A campaign of the same number on another server is another campaign.
#[test]
fn another_server_must_have_the_campaign() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let strange = Server::new(other.path(), &[]);
    let id = strange.campaign("Something else");
    std::fs::write(
        folder.path().join("list.txt"),
        "380971112233\n380971112255\n",
    )
    .unwrap();
    let address: SocketAddr = server.address.parse().unwrap();
    let adds = AtomicU64::new(0);
    let proxy = Proxy::new(address, move |method| {
        let is_add = method == "campaign/addrecipients";
        match is_add && adds.fetch_add(1, Ordering::SeqCst) > 0 {
            true => Fault::Few,
            false => Fault::None,
        }
    });
    let url = format!("http://{}", proxy.address);
    let start = [
        "upload", "list.txt", "--create", "--text", "Mine", "--batch", "1", "--server", &url,
        "--output", "o.csv",
    ];
    let stopped = run(&server, folder.path(), &start);
    assert_eq!(stopped.code, 5, "{}", stopped.err);
    assert!(
        stopped
            .out
            .contains("Not complete: batch 2: 1 recipients were sent and 0 were answered"),
        "{}",
        stopped.out
    );
    assert!(!folder.path().join("o.csv").exists());
    let elsewhere = url_of(&strange);
    let strayed = run(
        &strange,
        folder.path(),
        &["resume", "list.txt.journal", "--server", &elsewhere],
    );
    assert_eq!(strayed.code, 13, "{}", strayed.err);
    assert!(strange.numbers(&id).is_empty());
    let direct = url_of(&server);
    let done = run(
        &server,
        folder.path(),
        &["resume", "list.txt.journal", "--server", &direct],
    );
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(folder.path().join("o.csv").exists());
}

/// Ctrl-C in the last batch keeps the campaign from being sent.
#[test]
fn what_was_interrupted_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::new(folder, &[]);
    let address: SocketAddr = server.address.parse().unwrap();
    let proxy = Proxy::new(address, |method| {
        if method == "campaign/addrecipients" {
            std::thread::sleep(Duration::from_millis(800));
        }
        Fault::None
    });
    std::fs::write(folder.join("list.txt"), "380971112233\n").unwrap();
    let id = server.campaign("Hello");
    let url = format!("http://{}", proxy.address);
    let arguments = [
        "upload",
        "list.txt",
        "--campaign",
        &id,
        "--server",
        &url,
        "--send",
        "--yes",
    ];
    let process = command(&server, folder, &arguments)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    while proxy.calls.load(Ordering::SeqCst) < 3 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let killed = Command::new("kill")
        .args(["-INT", &process.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let stopped = ran(&server, process.wait_with_output().unwrap());
    assert_eq!(stopped.code, 130, "{}", stopped.err);
    assert_eq!(server.info(&id)["commonStatus"], "NEW");
    let done = run(&server, folder, &["resume", "list.txt.journal"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_ne!(server.info(&id)["commonStatus"], "NEW");
}

/// A server that quotes the key and commands to terminals does not get them into our output.
#[test]
fn words_of_servers_are_only_words() {
    use std::io::{Read, Write};
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let key = server.key.clone();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).unwrap();
        let body = format!("{{\"code\":8,\"data\":[],\"message\":\"bad {key}\\n\\u001b[2Jfine\"}}");
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        stream
            .write_all(format!("{head}{body}").as_bytes())
            .unwrap();
    });
    std::fs::write(folder.path().join("list.txt"), "380971112233\n").unwrap();
    let refused = run(
        &server,
        folder.path(),
        &["upload", "list.txt", "--campaign", "1", "--server", &url],
    );
    assert_eq!(refused.code, 12);
    assert!(
        refused.err.contains("bad ****") && !refused.err.contains('\u{1b}'),
        "{}",
        refused.err
    );
    assert_eq!(
        refused
            .err
            .lines()
            .filter(|line| line.contains("code 8"))
            .count(),
        1
    );
}

/// A certificate for 127.0.0.1 that vouches for itself, and its key, as files.
fn certificate(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("certificate.pem"), made.cert.pem()).unwrap();
}

#[test]
fn certificates_are_checked_and_may_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    certificate(folder);
    std::fs::copy(folder.join("certificate.pem"), folder.join("first.pem")).unwrap();
    let db = folder.join("test.db");
    let key = server::add_account(&db, "test", &[]);
    let tls = [
        "--tls-certificate",
        "certificate.pem",
        "--tls-key",
        "key.pem",
    ];
    let (process, address) = server::start_with(&db, &tls, folder);
    let server = Server {
        process,
        address,
        db,
        key,
    };
    let url = format!("https://{}", server.address);
    std::fs::write(folder.join("list.txt"), "380971112233\n").unwrap();
    let upload = |more: &[&str]| {
        let journal = folder.join("list.txt.journal");
        let _ = std::fs::remove_file(journal);
        let new = [
            "upload", "list.txt", "--create", "--text", "x", "--server", &url,
        ];
        run(&server, folder, &[&new[..], more].concat())
    };
    let trusted = upload(&["--ca-file", "first.pem"]);
    assert_eq!((trusted.code, trusted.err.as_str()), (0, ""));
    let unknown = upload(&[]);
    assert_eq!(unknown.code, 11, "{}", unknown.err);
    assert!(unknown.err.contains("--ca-file"), "{}", unknown.err);

    // A new pair is taken up without a restart.
    certificate(folder);
    let replaced = std::time::Instant::now();
    while upload(&["--ca-file", "certificate.pem"]).code != 0 {
        assert!(replaced.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(upload(&["--ca-file", "first.pem"]).code, 11);
    // Without TLS there is no answer, and no harm.
    let plain = run(
        &server,
        folder,
        &[
            "upload",
            "list.txt",
            "--create",
            "--text",
            "x",
            "--server",
            &url.replace("https", "http"),
            "--timeout",
            "1",
            "--patience",
            "0",
        ],
    );
    assert_eq!(plain.code, 10, "{}", plain.err);
}
