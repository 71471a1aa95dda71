//! `cargo xtask instructions`: counts the instructions of the three hot functions, which do not
//! depend on how busy the machine is, and compares them with what was recorded.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// More instructions than recorded, in percent, that pass for the same.
const TOLERANCE: f64 = 5.0;

/// Numbers that `hot` classifies.
const NUMBERS: f64 = 100_000.0;

const FUNCTIONS: [&str; 3] = ["line_ends", "read_fields", "walk"];

fn recorded() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/instructions.tsv")
}

/// Without `record`, fails if a function has more instructions than the compiler that was recorded
/// made of it.
pub(crate) fn run(record: bool) -> Result<String, Box<dyn Error>> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Ok("skipped: valgrind is not installed".into());
    }
    let rustc = Command::new("rustc").arg("--version").output()?;
    let rustc = String::from_utf8(rustc.stdout)?.trim().to_owned();
    let mut table = format!("# {rustc}\n# path\tfunction\tinstructions a number\n");
    for path in ["portable", "avx2"] {
        for (function, count) in FUNCTIONS.iter().zip(count(path)?) {
            writeln!(table, "{path}\t{function}\t{:.2}", count as f64 / NUMBERS)?;
        }
    }
    if record {
        fs::write(recorded(), &table)?;
        return Ok(table);
    }
    let before = fs::read_to_string(recorded())?;
    if before.lines().next() != table.lines().next() {
        return Ok(format!(
            "skipped: another compiler was recorded ({}); now:\n{table}",
            before.lines().next().unwrap_or_default()
        ));
    }
    let mut worse = Vec::new();
    for (old, new) in before.lines().zip(table.lines()) {
        let value = |line: &str| line.rsplit('\t').next().and_then(|n| n.parse::<f64>().ok());
        if let (Some(old_value), Some(new_value)) = (value(old), value(new))
            && new_value > old_value * (1.0 + TOLERANCE / 100.0)
        {
            worse.push(format!("{new} (recorded: {old_value})"));
        }
    }
    match worse.is_empty() {
        true => Ok(table),
        false => Err(format!(
            "more than {TOLERANCE} % above what was recorded:\n{}\n\
             if that is meant: cargo xtask instructions --record",
            worse.join("\n")
        )
        .into()),
    }
}

/// The instructions of each function with all that it calls.
fn count(path: &str) -> Result<Vec<u64>, Box<dyn Error>> {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--locked"])
        .args(["-p", "numbering-plan-oracle", "--bin", "hot"])
        .status()?;
    if !built.success() {
        return Err("the program to count does not build".into());
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
        PathBuf::from,
    );
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("callgrind");
    let run = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(target.join("release/hot"))
        .arg(path)
        .output()?;
    if !run.status.success() {
        return Err(String::from_utf8_lossy(&run.stderr).into());
    }
    if !String::from_utf8_lossy(&run.stdout).contains("true") {
        return Err(format!("valgrind's processor cannot run the path {path}").into());
    }
    let report = Command::new("callgrind_annotate")
        .args(["--inclusive=yes", "--threshold=100"])
        .arg(&out)
        .output()?;
    let report = String::from_utf8_lossy(&report.stdout).into_owned();
    FUNCTIONS
        .iter()
        .map(|function| {
            let line = report
                .lines()
                .find(|line| {
                    line.contains("numbering_plan::") && line.contains(&format!("::{function} "))
                })
                .ok_or_else(|| format!("{function} does not occur in the report"))?;
            let digits: String = line
                .trim()
                .split(' ')
                .next()
                .unwrap_or_default()
                .replace(',', "");
            Ok(digits.parse()?)
        })
        .collect()
}
