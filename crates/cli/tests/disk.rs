//! Disks that are full, and files and folders that nobody may write: errors that say so, nothing half
//! done, and work that goes on when that is over.
//!
//! A limit on the size of files stands for the full disk: it needs no disk of its own, and what is refused
//! is the same. Whoever runs the tests as root gives up that right for those about permissions.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, reason = "what was skipped is told")]

mod server;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::{Value, json};
use server::{Server, add_account, recipients, start, start_by};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program with files of at most so many bytes.
fn limited(bytes: u64) -> Command {
    let mut command = Command::new("sh");
    let limit = format!("ulimit -S -f {}; exec \"$@\"", bytes / 512);
    command
        .args(["-c", &limit, "sh"])
        .arg(recipients().get_program());
    command
}

/// Sets the limit of a running program; without one, takes it away.
fn set_limit(process: &std::process::Child, bytes: Option<u64>) {
    let pid = Pid::from_child(process);
    let limit = Rlimit {
        current: bytes,
        maximum: getrlimit(Resource::Fsize).maximum,
    };
    prlimit(Some(pid), Resource::Fsize, limit).unwrap();
}

/// A server that can be limited, its log in a file, and the account that calls it.
fn server(folder: &Path) -> (Server, PathBuf) {
    let db = folder.join("test.db");
    let key = add_account(&db, "test", &[]);
    let log = folder.join("log");
    let mut command = limited(1 << 40);
    command.stderr(std::fs::File::create(&log).unwrap());
    let (process, address) = start_by(command, &db, &[]);
    (
        Server {
            process,
            address,
            db,
            key,
        },
        log,
    )
}

fn list(first: u64, count: u64) -> Vec<String> {
    (first..first + count)
        .map(|number| number.to_string())
        .collect()
}

fn ended(output: &Output) -> (i32, String) {
    let err = String::from_utf8(output.stderr.clone()).unwrap();
    (output.status.code().unwrap_or(-1), err)
}

/// Whatever is left in a folder but for these.
fn others(folder: &Path, known: &[&str]) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| !known.contains(&name.as_str()))
        .collect()
}

#[test]
fn a_server_on_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (server, log) = server(folder.path());
    let id = server.campaign("Hello");
    let imported = server.campaign("Hello");
    let add = |list: &[String]| -> Value {
        let fields = [("id", id.as_str()), ("recipients", &list.join(","))];
        server.call("campaign/addRecipients", &fields)
    };
    let first = list(380_971_000_000, 500);
    assert_eq!(add(&first)["code"], 0);
    // An import is under way when the disk fills up.
    let text = list(380_670_000_000, 60_000).join("\n");
    let task = server.upload(&imported, "list.csv", text.as_bytes(), &[]);
    assert_eq!(task["code"], 100);
    set_limit(&server.process, Some(2 << 20));
    let mut acknowledged = first;
    let mut refused = 0;
    for batch in 1..100 {
        let batch = list(380_971_000_000 + batch * 500, 500);
        match add(&batch)["code"].as_u64().unwrap() {
            0 => acknowledged.extend(batch),
            3 => refused += 1,
            code => panic!("code {code}"),
        }
        if refused == 3 {
            break;
        }
    }
    assert_eq!(refused, 3);
    // A list that there is no room for is refused, and nothing of it stays.
    let large = list(380_500_000_000, 200_000).join("\n");
    let answer = server.upload(&imported, "list.csv", large.as_bytes(), &[]);
    assert!(answer["code"] == 3, "{answer}");
    // Whoever only looks is answered.
    assert_eq!(server.code("campaign/getInfo", &[("id", &id)]), 0);
    let told = std::fs::read_to_string(&log).unwrap();
    assert!(
        told.contains("its disk is full, broken or read-only, or a limit on the size of files"),
        "{told}"
    );
    assert!(!told.contains("38097") && !told.contains("38067"), "{told}");

    set_limit(&server.process, None);
    assert_eq!(server.wait(&task["data"]), 2);
    assert_eq!(server.info(&imported)["counters"]["totalMsgNum"], "60000");
    for batch in acknowledged.chunks(500) {
        let answer = add(batch);
        let codes = answer["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["code"]);
        assert!(
            codes.into_iter().all(|code| *code == 4),
            "what was acknowledged is there"
        );
    }
    assert_eq!(
        server.info(&id)["counters"]["totalMsgNum"],
        json!(acknowledged.len().to_string())
    );
    assert_eq!(add(&list(380_501_000_000, 500))["code"], 0);
    server.recounts();
    let left = others(&server.db.with_extension("db-files"), &[]);
    assert!(
        left.iter().all(|name| name.ends_with(".rejects.csv")),
        "{left:?}"
    );
}

#[test]
fn results_that_there_is_no_room_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("list.csv"), list(380_670_000_000, 300_000).join("\n")).unwrap();
    std::fs::write(path("good.csv"), "as it was\n").unwrap();
    let list = path("list.csv");
    let (good, bad) = (path("good.csv"), path("bad.csv"));
    let output = limited(1 << 20)
        .args(["check", &list, "--accepted", &good, "--rejected", &bad])
        .output()
        .unwrap();
    let (code, err) = ended(&output);
    assert_eq!(code, 4, "{err}");
    assert!(
        err.contains(&good) && err.contains("make room there, or name another folder"),
        "{err}"
    );
    assert_eq!(std::fs::read_to_string(&good).unwrap(), "as it was\n");
    assert!(others(folder.path(), &["list.csv", "good.csv"]).is_empty());
    // What takes too much memory is set aside in the folder for such files.
    let scattered =
        (0..300_000).map(|n: u64| format!("{}\n", 380_670_000_000 + n * 7_919 % 9_999_999));
    std::fs::write(&list, scattered.collect::<String>()).unwrap();
    let output = limited(4 << 10)
        .args(["check", &list, "--memory", "64K"])
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    let (code, err) = ended(&output);
    assert_eq!(code, 4, "{err}");
    assert!(
        err.contains(folder.path().to_str().unwrap()) && err.contains("set aside"),
        "{err}"
    );
    assert!(others(folder.path(), &["list.csv", "good.csv"]).is_empty());
    // And standard output may be a full disk as well.
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = recipients()
        .args(["check", &list])
        .stdout(full)
        .output()
        .unwrap();
    let (code, err) = ended(&output);
    assert!(code == 4 && err.contains("No space left"), "{code}: {err}");
}

#[test]
fn an_upload_whose_journal_there_is_no_room_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), &[]);
    let url = format!("http://{}", server.address);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("list.csv"), list(380_670_000_000, 40_000).join("\n")).unwrap();
    let upload = |mut command: Command, arguments: &[&str]| {
        let output = command
            .args(arguments)
            .args(["--server", &url])
            .env("RECIPIENTS_API_KEY", &server.key)
            .current_dir(folder.path())
            .output()
            .unwrap();
        ended(&output)
    };
    let arguments = [
        "upload",
        "list.csv",
        "--create",
        "--text",
        "Hello",
        "--journal",
        "j",
    ];
    let (code, err) = upload(limited(8 << 10), &arguments);
    assert!(code == 4 || code == 5, "{code}: {err}");
    assert!(err.contains("File too large"), "{err}");
    let (code, err) = upload(recipients(), &["resume", "j"]);
    assert_eq!(code, 0, "{err}");
    let listed = server.ok("campaign/list", &[]);
    let totals: Vec<&Value> = (listed["items"].as_array().unwrap().iter())
        .map(|one| &one["counters"]["totalMsgNum"])
        .filter(|total| **total != "0")
        .collect();
    assert_eq!(totals, ["40000"]);
}

/// The program as a user who is not root, and a folder of that user's; nothing where that cannot be.
fn unprivileged() -> Option<(Command, tempfile::TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    if !rustix::process::getuid().is_root() {
        return Some((recipients(), folder));
    }
    let program = folder.path().join("recipients");
    std::fs::copy(recipients().get_program(), &program).unwrap();
    let own = Command::new("chown")
        .args(["-R", "65534"])
        .arg(folder.path())
        .status();
    let arguments = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let tried = Command::new("setpriv")
        .args(arguments)
        .arg(&program)
        .arg("--version")
        .output();
    if !own.is_ok_and(|status| status.success()) || !tried.is_ok_and(|done| done.status.success()) {
        eprintln!("skipped: root's rights cannot be given up here");
        return None;
    }
    let mut command = Command::new("setpriv");
    command.args(arguments).arg(program);
    Some((command, folder))
}

fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// The same command once more.
fn again(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args());
    copy
}

#[test]
fn what_may_not_be_written() {
    let Some((command, folder)) = unprivileged() else {
        return;
    };
    let db = folder.path().join("test.db");
    let added = again(&command)
        .args(["account", "add", "test", "--db"])
        .arg(&db)
        .output()
        .unwrap();
    let key = String::from_utf8(added.stdout).unwrap().trim().to_owned();
    let serve = || {
        let mut serve = again(&command);
        serve
            .args(["serve", "--listen", "127.0.0.1:0", "--db"])
            .arg(&db)
            .stdin(Stdio::null());
        ended(&serve.output().unwrap())
    };
    // The file, and then its folder.
    allow(&db, 0o400);
    let (code, err) = serve();
    assert!(
        code == 4 && err.contains("test.db") && err.contains("denied"),
        "{code}: {err}"
    );
    allow(&db, 0o600);
    allow(folder.path(), 0o500);
    let (code, err) = serve();
    assert!(code == 4 && err.contains("test.db"), "{code}: {err}");
    assert!(err.contains("must be readable and writable"), "{err}");
    allow(folder.path(), 0o700);

    // While it runs.
    let mut started = again(&command);
    started.stderr(Stdio::null());
    let (process, address) = start_by(started, &db, &[]);
    let server = Server {
        process,
        address,
        db: db.clone(),
        key,
    };
    let id = server.campaign("Hello");
    let number = [("id", id.as_str()), ("recipients", "380971112233")];
    assert_eq!(server.code("campaign/addRecipients", &number), 0);
    allow(folder.path(), 0o000);
    let refused = server.upload(&id, "list.csv", b"380971112244\n", &[]);
    assert_eq!(refused["code"], 3);
    allow(folder.path(), 0o700);
    let task = server.upload(&id, "list.csv", b"380971112244\n", &[]);
    assert_eq!(task["code"], 100);
    assert_eq!(server.wait(&task["data"]), 2);
    assert_eq!(server.info(&id)["counters"]["totalMsgNum"], "2");
    drop(server);

    // Results: where they may not be, and where a list may not be read.
    let list = folder.path().join("list.csv");
    std::fs::write(&list, "380971112233\n").unwrap();
    allow(&list, 0o644);
    allow(folder.path(), 0o555);
    let good = folder.path().join("good.csv");
    let check = || {
        let mut check = again(&command);
        check.arg("check").arg(&list).arg("--accepted").arg(&good);
        ended(&check.output().unwrap())
    };
    let (code, err) = check();
    assert!(
        code == 4 && err.contains("good.csv: cannot be written"),
        "{code}: {err}"
    );
    allow(folder.path(), 0o755);
    allow(&list, 0o000);
    let (code, err) = check();
    assert!(
        code == 4 && err.contains("list.csv") && err.contains("denied"),
        "{code}: {err}"
    );
    assert!(!good.exists());
}

/// A database that is no database any more is told apart, and nothing is written to it.
#[test]
fn a_damaged_database() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::new(folder.path(), &[]);
    for _ in 0..50 {
        server.campaign("Hello");
    }
    server.process.kill().unwrap();
    server.process.wait().unwrap();
    let (mut process, _) = start(&server.db);
    process.kill().unwrap();
    process.wait().unwrap();
    let whole = std::fs::read(&server.db).unwrap();
    let mut damaged = whole.clone();
    damaged[100..].fill(0x55);
    for (bytes, words) in [
        (&damaged[..], "go back to a backup"),
        (&b"a letter to Santa"[..], "is another file"),
    ] {
        let path = folder.path().join("damaged.db");
        std::fs::write(&path, bytes).unwrap();
        let output = recipients()
            .args(["serve", "--db"])
            .arg(&path)
            .output()
            .unwrap();
        let (code, err) = ended(&output);
        assert!(
            code == 4 && err.contains("damaged.db") && err.contains(words),
            "{code}: {err}"
        );
        assert!(std::fs::read(&path).unwrap() == bytes, "it is as it was");
    }
}
