//! The command line as people and scripts use it: exit codes, results that appear whole or not at
//! all, and the same bytes out for the same bytes in.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn recipients(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_recipients"))
        .current_dir(folder)
        .args(args)
        .output()
        .unwrap()
}

fn exit(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata")
}

#[test]
fn d9_a_stop_list_that_was_built_stops_what_the_lists_stop() {
    let folder = folder(&[
        ("a.txt", "# mine\n+38 (097) 111-22-33\n79201112233\n"),
        ("b.txt", "79201112233\n380971112244\n"),
        ("bad.txt", "nobody\n79201112233\n"),
        ("list.csv", "380971112233\n380971112244\n380971112255\n"),
    ]);
    let build = |args: &[&str]| {
        let all = [&["stoplist", "build", "--output", "stop.set"], args].concat();
        recipients(folder.path(), &all)
    };
    let refused = build(&["a.txt", "bad.txt"]);
    assert_eq!(exit(&refused), 4, "{}", said(&refused));
    assert!(said(&refused).contains("bad.txt") && said(&refused).contains("line 1"));
    assert!(
        !folder.path().join("stop.set").exists(),
        "nothing half-done"
    );

    let built = build(&["a.txt", "b.txt"]);
    assert_eq!(exit(&built), 0, "{}", said(&built));
    assert!(said(&built).contains("3 numbers"), "{}", said(&built));
    let check = |stop: &[&str]| {
        let all = [&["check", "--json", "list.csv"], stop].concat();
        let checked = recipients(folder.path(), &all);
        assert_eq!(exit(&checked), 1, "{}", said(&checked));
        let mut summary: Value = serde_json::from_slice(&checked.stdout).unwrap();
        summary["stop_lists"] = Value::Null;
        summary
    };
    let from_lists = check(&["--stop-list", "a.txt", "--stop-list", "b.txt"]);
    assert_eq!(from_lists["reasons"]["own_stop_list"], 2);
    assert_eq!(check(&["--stop-list", "stop.set"]), from_lists);

    // Its first line is no heading, however it begins.
    fs::write(folder.path().join("new.txt"), "tel: 68271133\n").unwrap();
    let args = [
        "stoplist", "build", "--output", "new.set", "new.txt", "--region", "UA",
    ];
    let built = recipients(folder.path(), &args);
    assert_eq!(exit(&built), 0, "{}", said(&built));
    assert!(said(&built).contains("1 numbers"), "{}", said(&built));

    // Digits of no range of the country are its own only for those who check for possible numbers.
    fs::write(folder.path().join("old.txt"), "0201234567\n").unwrap();
    let possible = |lines: &str| {
        let args = ["old.txt", "--region", "UA", "--lines", lines];
        build(&args)
    };
    assert_eq!(exit(&possible("any")), 4);
    let built = possible("possible");
    assert_eq!(exit(&built), 0, "{}", said(&built));
    let args = ["check", "old.txt", "--region", "UA", "--lines", "possible"];
    let checked = recipients(
        folder.path(),
        &[&args[..], &["--stop-list", "stop.set", "--json"]].concat(),
    );
    let summary: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(summary["reasons"]["own_stop_list"], 1, "{summary}");
    assert_eq!(exit(&build(&["a.txt", "b.txt"])), 0);

    // It may grow in its place; a list that someone has written is not replaced.
    let grown = build(&["stop.set", "a.txt"]);
    assert_eq!(exit(&grown), 0, "{}", said(&grown));
    assert!(said(&grown).contains("3 numbers"), "{}", said(&grown));
    let args = ["stoplist", "build", "--output", "./a.txt", "a.txt"];
    let refused = recipients(folder.path(), &args);
    assert_eq!(exit(&refused), 2, "{}", said(&refused));
    assert!(
        said(&refused).contains("would replace"),
        "{}",
        said(&refused)
    );
    let text = fs::read_to_string(folder.path().join("a.txt")).unwrap();
    assert!(text.starts_with("# mine"));

    let path = folder.path().join("stop.set");
    let mut bytes = fs::read(&path).unwrap();
    bytes[50] ^= 1;
    fs::write(&path, bytes).unwrap();
    let damaged = recipients(
        folder.path(),
        &["check", "--stop-list", "stop.set", "list.csv"],
    );
    assert_eq!(exit(&damaged), 4);
    assert!(
        said(&damaged).contains("stop.set: it is damaged"),
        "{}",
        said(&damaged)
    );
}

/// Names that a spreadsheet program would run come back as they were, and are found.
#[test]
fn names_of_columns_that_look_like_formulas() {
    let folder = folder(&[("l.csv", "@phone;=note\n380971112233;x\n1;=y\n")]);
    let check = |list: &str, rejected: &str| {
        let args = ["check", "--column", "@phone", "--rejected", rejected, list];
        let checked = recipients(folder.path(), &args);
        let text = fs::read_to_string(folder.path().join(rejected));
        text.unwrap_or_else(|_| panic!("{}", said(&checked)))
    };
    let first = check("l.csv", "r1.csv");
    assert!(first.starts_with("\"'@phone\";'=note;"), "{first}");
    assert_eq!(check("r1.csv", "r2.csv"), first);
    let args = ["check", "--rejected", "nowhere/r.csv", "l.csv"];
    let refused = recipients(folder.path(), &args);
    assert!(
        said(&refused).contains("there is no folder nowhere"),
        "{}",
        said(&refused)
    );
}

#[test]
fn numbers_of_earlier_lists_are_kept_and_not_accepted_again() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name, text| fs::write(folder.path().join(name), text).unwrap();
    write(
        "monday.csv",
        "380971112233\n380971112234\n380971112233\nnone\n",
    );
    write("tuesday.csv", "380971112235\n+380 97 111-22-34\n");
    write("others.txt", "380971112239\n");
    let check = |args: &[&str]| {
        let all = [&["check", "--json"], args].concat();
        let checked = recipients(folder.path(), &all);
        let summary: Value = serde_json::from_slice(&checked.stdout)
            .unwrap_or_else(|_| panic!("{}", said(&checked)));
        (exit(&checked), summary)
    };
    // With rows and without, for these take different ways.
    for output in [&["--output", "v.csv"][..], &[]] {
        let save = [&["--save-seen", "seen.set", "monday.csv"], output].concat();
        let (_, monday) = check(&save);
        assert_eq!(
            (&monday["accepted"], &monday["seen"]),
            (&2.into(), &serde_json::json!([]))
        );
        let same = [
            "--seen",
            "seen.set",
            "--seen",
            "others.txt",
            "--save-seen",
            "seen.set",
            "tuesday.csv",
        ];
        let (code, tuesday) = check(&[&same[..], output].concat());
        assert_eq!(code, 1);
        assert_eq!(
            tuesday["reasons"],
            serde_json::json!({"ok": 1, "seen_before": 1})
        );
        assert_eq!(
            (&tuesday["duplicates"], &tuesday["seen"][0]["numbers"]),
            (&1.into(), &2.into())
        );
        let (code, again) = check(&[&same[..], output].concat());
        assert_eq!((code, &again["reasons"]["seen_before"]), (3, &2.into()));
        assert_eq!(again["seen"][0]["numbers"], 4);
    }
    let twice = recipients(
        folder.path(),
        &[
            "check",
            "--save-seen",
            "v.csv",
            "--output",
            "v.csv",
            "monday.csv",
        ],
    );
    assert_eq!(exit(&twice), 2);
    let over = recipients(
        folder.path(),
        &["check", "--save-seen", "monday.csv", "monday.csv"],
    );
    assert_eq!(exit(&over), 2, "{}", said(&over));
}

#[test]
fn numbers_with_and_without_the_mobile_digit_are_told_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("list.txt"),
        "551187654321\n5511987654321\n5511987654322\n541123456789\n5491123456789\n",
    )
    .unwrap();
    let check = |more: &[&str]| {
        let all = [
            &["check", "--json", "--lines", "possible", "list.txt"],
            more,
        ]
        .concat();
        let checked = recipients(folder.path(), &all);
        assert_eq!(exit(&checked), 0, "{}", said(&checked));
        serde_json::from_slice::<Value>(&checked.stdout).unwrap()
    };
    let mut with_rows = check(&["--output", "out.csv", "--accepted", "good.csv"]);
    assert_eq!(
        (&with_rows["accepted"], &with_rows["likely_duplicates"]),
        (&5.into(), &2.into())
    );
    with_rows["written"] = serde_json::json!([]);
    assert_eq!(with_rows, check(&[]));
    let rows = fs::read_to_string(folder.path().join("out.csv")).unwrap();
    let last: Vec<&str> = rows
        .lines()
        .map(|row| row.rsplit(',').next().unwrap())
        .collect();
    assert_eq!(last, ["likely_duplicate_of", "", "1", "", "", "4"]);
    let good = fs::read_to_string(folder.path().join("good.csv")).unwrap();
    assert!(
        good.contains("accepted; likely the same person as row 4"),
        "{good}"
    );
}

#[test]
fn a_plan_from_a_file_is_used_and_a_damaged_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let built_in = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../numbering-plan/data/plan.bin"
    );
    let explain = |plan: &std::path::Path| {
        std::process::Command::new(env!("CARGO_BIN_EXE_recipients"))
            .args(["explain", "--plan"])
            .arg(plan)
            .arg("+380971112233")
            .output()
            .unwrap()
    };
    let good = explain(built_in.as_ref());
    assert_eq!(good.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&good.stdout).contains("Kyivstar"));
    let damaged = folder.path().join("damaged.bin");
    let mut bytes = std::fs::read(built_in).unwrap();
    bytes[700_000] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    let bad = explain(&damaged);
    assert_eq!(bad.status.code(), Some(4));
    let said = String::from_utf8_lossy(&bad.stderr);
    assert!(
        said.contains("damaged.bin") && said.contains("checksum"),
        "{said}"
    );
}

#[test]
fn exit_codes() {
    let folder = folder(&[
        ("good.txt", "380971112233\n"),
        ("mixed.txt", "380971112233\nnone\n"),
        ("bad.txt", "none\n"),
        ("empty.txt", ""),
        ("binary.txt", "\0\0\0\0\0"),
    ]);
    let code = |args: &[&str]| exit(&recipients(folder.path(), args));
    assert_eq!(code(&["check", "good.txt"]), 0);
    assert_eq!(code(&["check", "mixed.txt"]), 1);
    assert_eq!(code(&["check", "bad.txt"]), 3);
    assert_eq!(code(&["check", "empty.txt"]), 3);
    assert_eq!(code(&["check", "binary.txt"]), 4);
    assert_eq!(code(&["check", "nowhere.txt"]), 4);
    assert_eq!(code(&["check"]), 2);
    assert_eq!(code(&["check", "good.txt", "--region", "XX"]), 2);
    assert_eq!(code(&["check", "good.txt", "--countries", "XX"]), 2);
    assert_eq!(
        code(&["check", "good.txt", "--operators", "Nobody At All"]),
        2
    );
    assert_eq!(code(&["check", "good.txt", "--delimiter", "ab"]), 2);
    assert_eq!(
        code(&["check", "good.txt", "--delimiter", ";", "--enclosure", ";"]),
        2
    );
    assert_eq!(code(&["check", "good.txt", "--output", "x.txt"]), 2);
    assert_eq!(
        code(&["check", "good.txt", "--text", "{a}", "--skip-header", "0"]),
        2
    );
    assert_eq!(code(&["explain", "380971112233"]), 0);
    assert_eq!(code(&["explain", "none"]), 3);
    assert_eq!(code(&["template", "Hello {name}"]), 0);
    assert_eq!(code(&["completions", "bash"]), 0);
    assert_eq!(code(&["man"]), 0);
    assert_eq!(names(folder.path()).len(), 5, "nothing was written");
}

/// A result takes the place of a file by its name; what only leads to a file, or is a device, keeps its own.
#[test]
#[cfg(unix)]
fn links_and_devices_are_not_replaced() {
    let folder = folder(&[("list.txt", "380971112233\n"), ("kept.csv", "kept")]);
    let link = folder.path().join("link.csv");
    std::os::unix::fs::symlink("kept.csv", &link).unwrap();
    let mut pipe = std::process::Command::new("mkfifo");
    pipe.arg("pipe.csv").current_dir(folder.path());
    assert!(pipe.status().unwrap().success());
    for target in ["link.csv", "pipe.csv", "/dev/null"] {
        let output = recipients(folder.path(), &["check", "list.txt", "--accepted", target]);
        assert_eq!(exit(&output), 4, "{}", said(&output));
        let why = format!("{target}: cannot be written: it is there and is no ordinary file");
        assert!(said(&output).contains(&why), "{}", said(&output));
    }
    assert!(link.is_symlink());
    assert_eq!(fs::read_to_string(link).unwrap(), "kept");
    assert_eq!(
        names(folder.path()),
        ["kept.csv", "link.csv", "list.txt", "pipe.csv"]
    );
}

/// Results are written whole or not at all, and never over the list itself.
#[test]
fn results_appear_whole_or_not_at_all() {
    let folder = folder(&[
        ("list.txt", "380971112233\nnone\n"),
        (
            "broken.csv",
            "phone;name\n380971112233;a\n79201112233;\"open\n",
        ),
        ("out.ndjson", "old"),
    ]);
    let broken = recipients(
        folder.path(),
        &[
            "check",
            "broken.csv",
            "--enclosure",
            "\"",
            "--output",
            "out.ndjson",
            "--rejected",
            "bad.csv",
        ],
    );
    assert_eq!(exit(&broken), 4);
    assert!(said(&broken).contains("line 3"), "{}", said(&broken));
    assert_eq!(
        fs::read_to_string(folder.path().join("out.ndjson")).unwrap(),
        "old"
    );
    assert_eq!(
        names(folder.path()),
        ["broken.csv", "list.txt", "out.ndjson"]
    );
    for (flag, target) in [("--rejected", "list.txt"), ("--accepted", "./list.txt")] {
        let output = recipients(folder.path(), &["check", "list.txt", flag, target]);
        assert_eq!(exit(&output), 2, "{}", said(&output));
    }
    fs::write(folder.path().join("stop.txt"), "79201112233\n").unwrap();
    let stop = [
        "check",
        "list.txt",
        "--stop-list",
        "stop.txt",
        "--rejected",
        "./stop.txt",
    ];
    assert_eq!(exit(&recipients(folder.path(), &stop)), 2);
    fs::remove_file(folder.path().join("stop.txt")).unwrap();
    let alike = [
        "check",
        "list.txt",
        "--rejected",
        "y.csv",
        "--accepted",
        "./y.csv",
    ];
    assert_eq!(exit(&recipients(folder.path(), &alike)), 2);
    let elsewhere = ["check", "list.txt", "--output", "nowhere/x.csv"];
    assert_eq!(exit(&recipients(folder.path(), &elsewhere)), 4);
    let twice = [
        "check",
        "list.txt",
        "--rejected",
        "x.csv",
        "--accepted",
        "x.csv",
    ];
    assert_eq!(exit(&recipients(folder.path(), &twice)), 2);
    let done = recipients(
        folder.path(),
        &["check", "list.txt", "--output", "out.ndjson"],
    );
    assert_eq!(exit(&done), 1);
    assert_eq!(
        fs::read_to_string(folder.path().join("out.ndjson"))
            .unwrap()
            .lines()
            .count(),
        2
    );
    assert_eq!(
        names(folder.path()).len(),
        3,
        "nothing is left beside the results"
    );
}

/// Standard input may be a file, too.
#[cfg(unix)]
#[test]
fn a_list_that_comes_by_standard_input_is_not_replaced() {
    let folder = folder(&[("l.csv", "380971112233\n380971112244\n")]);
    let run = |args: &[&str]| {
        let list = fs::File::open(folder.path().join("l.csv")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_recipients"))
            .current_dir(folder.path())
            .args(args)
            .stdin(list)
            .output()
            .unwrap();
        assert_eq!(exit(&output), 2, "{}", said(&output));
        assert!(said(&output).contains("would replace"), "{}", said(&output));
    };
    run(&["check", "-", "--accepted", "l.csv"]);
    run(&["check", "-", "--rejected", "./l.csv"]);
    run(&["check", "--stop-list", "-", "--output", "l.csv", "l.csv"]);
    run(&["stoplist", "build", "-", "--output", "l.csv"]);
    let text = fs::read_to_string(folder.path().join("l.csv")).unwrap();
    assert_eq!(text, "380971112233\n380971112244\n");
}

/// Names of files, columns and sheets come from strangers, and a terminal obeys control characters.
#[cfg(unix)]
#[test]
fn names_do_not_reach_the_terminal_as_commands() {
    let name = "l\u{1b}]0;x\u{7}.csv";
    let folder = folder(&[
        (name, "phone;a\u{1b}[2J\n380971112233;x\n"),
        ("bad\u{1b}c.csv", "a;\"b\n"),
    ]);
    for args in [
        &["check", name][..],
        &["check", "--column", "nothing", name],
        &["check", "--enclosure", "\"", "bad\u{1b}c.csv"],
        &["check", "no\u{1b}c.csv"],
    ] {
        let told = said(&recipients(folder.path(), args));
        assert!(!told.contains(['\u{1b}', '\u{7}']), "{args:?}: {told:?}");
        assert!(told.contains("\\u{1b}"), "{args:?}: {told:?}");
    }
}

/// D1: a text that cannot be made comes before a number that had one.
#[test]
fn d1_missing_values_come_before_duplicates() {
    let folder = folder(&[
        ("first.csv", "recipient;name\n380971112233;Ann\n"),
        (
            "list.csv",
            "recipient;name\n380971112233;Ann\n380971112244;Bo\n380971112244;Bo\n",
        ),
    ]);
    let seen = ["check", "first.csv", "--save-seen", "seen.set"];
    assert_eq!(exit(&recipients(folder.path(), &seen)), 0);
    let args = [
        "check",
        "list.csv",
        "--seen",
        "seen.set",
        "--text",
        "Hi {nick}",
        "--placeholders",
        "3",
        "--output",
        "v.ndjson",
    ];
    let checked = recipients(folder.path(), &args);
    // Nothing is accepted.
    assert_eq!(exit(&checked), 3, "{}", said(&checked));
    let verdicts = fs::read_to_string(folder.path().join("v.ndjson")).unwrap();
    let codes: Vec<Value> = verdicts
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["code"].clone())
        .collect();
    assert_eq!(codes, [20, 20, 20]);
}

/// D9: a line of a stop list that is no number is loud, unless it is allowed.
#[test]
fn d9_bad_stop_lines_are_loud() {
    let folder = folder(&[
        ("list.txt", "380971112233\n79201112233\n"),
        ("stop.txt", "+38 (097) 111-22-33\nnobody\n"),
    ]);
    let loud = recipients(
        folder.path(),
        &["check", "list.txt", "--stop-list", "stop.txt"],
    );
    assert_eq!(exit(&loud), 4);
    assert!(said(&loud).contains("line 2"), "{}", said(&loud));
    let args = [
        "check",
        "list.txt",
        "--stop-list",
        "stop.txt",
        "--allow-bad-stop-lines",
        "--json",
    ];
    let allowed = recipients(folder.path(), &args);
    assert_eq!(exit(&allowed), 1);
    let summary: Value = serde_json::from_slice(&allowed.stdout).unwrap();
    assert_eq!(summary["codes"]["5"], 1);
    assert_eq!(summary["reasons"]["own_stop_list"], 1);
    assert_eq!(summary["stop_lists"][0]["bad_lines"], 1);
    let args = [
        "check",
        "list.txt",
        "--system-stop-list",
        "stop.txt",
        "--allow-bad-stop-lines",
        "--json",
    ];
    let summary: Value = serde_json::from_slice(&recipients(folder.path(), &args).stdout).unwrap();
    assert_eq!(summary["reasons"]["system_stop_list"], 1);
}

/// NDJSON and CSV say the same, whatever the number of threads.
#[test]
fn verdicts_as_ndjson_and_csv() {
    let list = testdata().join("files/contacts.csv");
    let folder = tempfile::tempdir().unwrap();
    let mut outputs = Vec::new();
    for threads in ["1", "2", "8"] {
        for name in ["v.ndjson", "v.csv"] {
            let path = folder.path().join(name);
            let args = [
                "check",
                list.to_str().unwrap(),
                "--threads",
                threads,
                "--text",
                "Hi ’",
                "--output",
                path.to_str().unwrap(),
            ];
            assert_eq!(exit(&recipients(folder.path(), &args)), 1);
            outputs.push(fs::read_to_string(&path).unwrap());
        }
    }
    assert!(outputs.chunks(2).all(|pair| pair == &outputs[..2]));
    let rows: Vec<Value> = outputs[0]
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let keys: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    let expected = [
        "file",
        "row",
        "input",
        "code",
        "reason",
        "number",
        "territory",
        "kind",
        "operator",
        "cleaned",
        "duplicate_of",
        "segments",
        "likely_duplicate_of",
    ];
    assert_eq!(keys, expected);
    assert!(outputs[1].starts_with(&(expected.join(",") + "\n")));
    let accepted = rows.iter().find(|row| row["code"] == 0).unwrap();
    assert!(
        accepted["row"].is_u64()
            && accepted["number"].is_string()
            && accepted["cleaned"].is_boolean()
    );
    assert_eq!(accepted["segments"], 1);
    assert_eq!(outputs[1].lines().count(), rows.len() + 1);
}

/// `--accepted` and `--rejected` hold each row once, in the dialect of the list, and the rejected
/// ones fed back with the same flags are rejected alike; also when the list is a workbook.
#[test]
fn lists_of_results_can_be_fed_back() {
    let folder = tempfile::tempdir().unwrap();
    let lists: &[(&str, &[&str])] = &[
        ("files/contacts.csv", &[]),
        ("files/lo-koi8r.csv", &["--encoding", "KOI8-R"]),
        (
            "files/lo-cp866.csv",
            &[
                "--encoding",
                "cp866",
                "--delimiter",
                ";",
                "--skip-header",
                "1",
                "--column",
                "2",
            ],
        ),
        ("files/contacts-unicode-text.txt", &[]),
        (
            "files/contacts-api-single-quotes.csv",
            &["--enclosure", "'"],
        ),
        ("files/plain-cr.txt", &[]),
        (
            "files/plain-lf.txt",
            &["--delimiter", "none", "--skip-header", "0"],
        ),
        ("files/lo-standard.xlsx", &[]),
        ("gallery/short-long-rows.csv", &["--skip-header", "1"]),
        ("gallery/formula-injection.csv", &[]),
    ];
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let verdicts = |name: &str| -> Vec<Value> {
        let text = fs::read_to_string(path(name)).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    for (list, flags) in lists {
        let list = testdata().join(list);
        let (good, bad, first) = (path("good.csv"), path("bad.csv"), path("first.ndjson"));
        let mut args = vec![
            "check",
            list.to_str().unwrap(),
            "--accepted",
            &good,
            "--rejected",
            &bad,
            "--output",
            &first,
        ];
        args.extend(*flags);
        let output = recipients(folder.path(), &args);
        assert!(exit(&output) < 4, "{}", said(&output));
        let second = path("second.ndjson");
        for (file, accepted) in [(&bad, false), (&good, true)] {
            let mut args = vec!["check", file, "--output", &second];
            args.extend(*flags);
            let output = recipients(folder.path(), &args);
            assert!(exit(&output) < 4, "{}: {}", list.display(), said(&output));
            let key = |row: &Value| {
                [
                    row["code"].clone(),
                    row["reason"].clone(),
                    row["number"].clone(),
                    row["input"].clone(),
                ]
            };
            let before: Vec<_> = verdicts("first.ndjson")
                .iter()
                .filter(|row| (row["code"] == 0) == accepted)
                .map(key)
                .collect();
            let after: Vec<_> = verdicts("second.ndjson").iter().map(key).collect();
            assert_eq!(before, after, "{} {flags:?}", list.display());
        }
    }
}

#[test]
fn standard_input_and_several_files() {
    let folder = folder(&[("a.txt", "380971112233\n")]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_recipients"))
        .current_dir(folder.path())
        .args(["check", "a.txt", "-", "--output", "v.ndjson"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"+380971112233\n").unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1));
    let text = fs::read_to_string(folder.path().join("v.ndjson")).unwrap();
    let duplicate: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!(duplicate["duplicate_of"], "a.txt:1");
    assert_eq!(duplicate["file"], "standard input");
}

/// What is wrong with a stop list is told first, and without waiting for a list that is still being made.
#[test]
fn a_bad_stop_list_is_told_before_the_list() {
    // A file may be called as standard input is.
    let folder = folder(&[("bad.txt", "nobody 1\n"), ("none.bin", "\0\0"), ("-", "")]);
    for threads in ["1", "2"] {
        for list in ["-", "none.bin", "missing.csv"] {
            let mut child = Command::new(env!("CARGO_BIN_EXE_recipients"))
                .current_dir(folder.path())
                .args([
                    "check",
                    list,
                    "--threads",
                    threads,
                    "--stop-list",
                    "bad.txt",
                ])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let input = child.stdin.take();
            let waits_since = std::time::Instant::now();
            while child.try_wait().unwrap().is_none() {
                if waits_since.elapsed().as_secs() > 30 {
                    child.kill().unwrap();
                    panic!("{list}: waits for the list");
                }
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            drop(input);
            let output = child.wait_with_output().unwrap();
            assert_eq!(exit(&output), 4, "{}", said(&output));
            assert!(
                said(&output).contains("bad.txt: 1 of its lines"),
                "{}",
                said(&output)
            );
        }
    }
}

/// D17: near misses are told, and so is what is wrong with a header.
#[test]
fn d17_headers() {
    let folder = folder(&[
        ("near.csv", "recipient,balance\n380971112233,5\n"),
        ("loose.csv", "Phone;Имя\n380971112233;Иван\n"),
        ("bare.csv", "380971112233;Ivan\n79201112233;Olga\n"),
    ]);
    let near = recipients(
        folder.path(),
        &["check", "near.csv", "--text", "{ballance}"],
    );
    assert!(
        said(&near).contains("did you mean `balance`?"),
        "{}",
        said(&near)
    );
    let strict = recipients(
        folder.path(),
        &["check", "loose.csv", "--text", "Hi {name}"],
    );
    assert_eq!(exit(&strict), 4);
    let loose = recipients(
        folder.path(),
        &[
            "check",
            "loose.csv",
            "--text",
            "Hi {name}",
            "--loose-header",
        ],
    );
    assert_eq!(exit(&loose), 0, "{}", said(&loose));
    let bare = recipients(folder.path(), &["check", "bare.csv", "--text", "Hi {name}"]);
    assert_eq!(exit(&bare), 4);
    assert!(said(&bare).contains("header"), "{}", said(&bare));
}

/// The suggestion names the flag and how many rows it would help.
#[test]
fn national_numbers_earn_a_suggestion() {
    let folder = folder(&[("l.txt", "380971112233\n0971112244\n097 111 22 55\n")]);
    let plain = recipients(folder.path(), &["check", "l.txt"]);
    assert!(
        said(&plain).contains("2 rows read as UA numbers without 380: rerun with --region UA"),
        "{}",
        said(&plain)
    );
    assert_eq!(
        exit(&recipients(
            folder.path(),
            &["check", "l.txt", "--region", "UA"]
        )),
        0
    );
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_nothing_behind() {
    let folder = folder(&[("bad.csv", "old")]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_recipients"))
        .current_dir(folder.path())
        .args(["check", "-", "--rejected", "bad.csv"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // Enough that the results have been started, and then no end of input.
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, &b"none at all\n".repeat(200_000)).unwrap();
    while names(folder.path()).len() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(input);
    assert_eq!(names(folder.path()), ["bad.csv"]);
    assert_eq!(
        fs::read_to_string(folder.path().join("bad.csv")).unwrap(),
        "old"
    );
}
