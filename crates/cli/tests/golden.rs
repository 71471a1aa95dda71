//! Every run in `testdata/golden`: files made by real programs and nasty ones, with verdicts that
//! an independent script or a person gave, against what the binary says.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata")
}

struct Run {
    exit: i64,
    said: String,
    rows: Vec<Value>,
}

fn run(golden: &Value, threads: &str) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let verdicts = folder.path().join("verdicts.ndjson");
    let strings = golden["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|arg| arg.as_str().unwrap());
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_recipients"))
        .current_dir(testdata())
        .arg("check")
        .arg(golden["file"].as_str().unwrap())
        .args(strings)
        .args(["--threads", threads, "--output"])
        .arg(&verdicts)
        .output()
        .unwrap();
    let text = std::fs::read_to_string(&verdicts).unwrap_or_default();
    Run {
        exit: status.code().map_or(-1, i64::from),
        said: String::from_utf8_lossy(&[stdout, stderr].concat()).to_lowercase(),
        rows: text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    }
}

/// What differs between a row and what is expected of it.
fn row_difference(expected: &Value, row: &Value) -> Option<String> {
    for (key, value) in expected.as_object().unwrap() {
        if &row[key] != value {
            return Some(format!("{key}: want {value}, got {} in {row}", row[key]));
        }
    }
    None
}

fn rows_difference(expected: &[Value], rows: &[Value]) -> Option<String> {
    if expected.len() != rows.len() {
        return Some(format!("want {} rows, got {}", expected.len(), rows.len()));
    }
    expected
        .iter()
        .zip(rows)
        .find_map(|(want, row)| row_difference(want, row))
}

fn difference(golden: &Value, run: &Run) -> Option<String> {
    let words = |key: &str| -> Vec<String> {
        let list = golden[key].as_array().cloned().unwrap_or_default();
        list.iter()
            .map(|word| word.as_str().unwrap().to_lowercase())
            .collect()
    };
    if golden["or_exit"].as_i64() == Some(run.exit) && golden["exit"].as_i64() != Some(run.exit) {
        return golden["or_rows"]
            .as_array()
            .and_then(|rows| rows_difference(rows, &run.rows));
    }
    if golden["exit"].as_i64() != Some(run.exit) {
        return Some(format!(
            "want exit {}, got {}: {}",
            golden["exit"], run.exit, run.said
        ));
    }
    let rows = golden["rows"].as_array();
    if let Some(difference) = rows.and_then(|rows| rows_difference(rows, &run.rows)) {
        return Some(difference);
    }
    if let Some(total) = golden["total"].as_u64() {
        let mut codes = serde_json::Map::new();
        for row in &run.rows {
            let count = codes
                .entry(row["code"].to_string())
                .or_insert(Value::from(0));
            *count = Value::from(count.as_u64().unwrap() + 1);
        }
        if run.rows.len() as u64 != total || Value::Object(codes.clone()) != golden["codes"] {
            return Some(format!(
                "want {} {}, got {} {codes:?}",
                total,
                golden["codes"],
                run.rows.len()
            ));
        }
        let ends = [("first", run.rows.first()), ("last", run.rows.last())];
        for (key, row) in ends {
            if let Some(difference) = row_difference(&golden[key], row.unwrap()) {
                return Some(difference);
            }
        }
    }
    let missing = |key: &str| {
        words(key)
            .into_iter()
            .find(|word| !run.said.contains(word.as_str()))
    };
    if let Some(word) = missing("error_mentions").or_else(|| missing("mentions")) {
        return Some(format!("`{word}` is not said in: {}", run.said));
    }
    let any = words("error_mentions_any");
    if !any.is_empty() && !any.iter().any(|word| run.said.contains(word.as_str())) {
        return Some(format!("none of {any:?} is said in: {}", run.said));
    }
    if let Some(word) = words("mentions_not")
        .into_iter()
        .find(|word| run.said.contains(word.as_str()))
    {
        return Some(format!("`{word}` should not be said in: {}", run.said));
    }
    if run.said.trim().is_empty() {
        return Some("nothing is said".to_owned());
    }
    if run.said.contains("panicked") {
        return Some(format!("a panic: {}", run.said));
    }
    None
}

#[test]
fn every_file_has_its_golden_verdicts() {
    let mut wrong = Vec::new();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(testdata().join("golden"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    paths.sort();
    assert!(paths.len() > 150);
    for (at, path) in paths.iter().enumerate() {
        let golden: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        // One thread and two in turn: a golden file has the same rows for both.
        let threads = if at.is_multiple_of(2) { "1" } else { "2" };
        if let Some(difference) = difference(&golden, &run(&golden, threads)) {
            let name = path.file_name().unwrap().to_string_lossy();
            wrong.push(format!(
                "{name} {} ({})\n    {difference}",
                golden["args"], golden["why"]
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} runs\n{}",
        wrong.len(),
        paths.len(),
        wrong.join("\n")
    );
}
