//! Developer tools: `cargo xtask tidy` checks what the compiler does not, `cargo xtask plan` makes the
//! numbering plan, `cargo xtask instructions` counts those of the hot functions.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for developers talks to them"
)]

mod instructions;
mod plan;

use serde_json::Value;
use std::process::{Command, ExitCode};

/// Who may use whom inside the workspace, in full; the picture is in ARCHITECTURE.md.
const EDGES: &[(&str, &[&str])] = &[
    // For its tests only.
    (
        "numbering-plan",
        &["numbering-plan-compiler", "numbering-plan-oracle"],
    ),
    ("numbering-plan-compiler", &["numbering-plan"]),
    (
        "numbering-plan-oracle",
        &["numbering-plan", "numbering-plan-compiler"],
    ),
    ("recipients-core", &["numbering-plan"]),
    ("recipients-template", &[]),
    ("recipients-ingest", &[]),
    (
        "recipients-batcher",
        &[
            "recipients-core",
            "recipients-ingest",
            "recipients-template",
        ],
    ),
    (
        "recipients-campaigns",
        &[
            "recipients-batcher",
            "recipients-core",
            "recipients-ingest",
            "recipients-template",
        ],
    ),
    (
        "recipients-api-adapter",
        &[
            // Only for the README's examples, which are tested there.
            "recipients",
            "recipients-batcher",
            "recipients-campaigns",
            "recipients-core",
            "recipients-ingest",
            "recipients-template",
        ],
    ),
    (
        "recipients",
        &[
            "recipients-batcher",
            "recipients-core",
            "recipients-ingest",
            "recipients-template",
        ],
    ),
    (
        "recipients-cli",
        &[
            "recipients",
            "recipients-api-adapter",
            "recipients-campaigns",
        ],
    ),
    (
        "recipients-benches",
        &["numbering-plan", "numbering-plan-oracle", "recipients"],
    ),
    (
        "recipients-benches-compare",
        &[
            "numbering-plan",
            "numbering-plan-compiler",
            "numbering-plan-oracle",
            "recipients",
            "recipients-benches",
        ],
    ),
    ("xtask", &["numbering-plan-compiler"]),
];

/// Packages that must stay where they are, with the only members that may name them.
const KEPT_IN: &[(&str, &[&str])] = &[
    ("calamine", &["recipients-ingest"]),
    ("csv", &["recipients-ingest", "recipients-benches-compare"]),
    (
        "encoding_rs",
        &["recipients-ingest", "recipients-benches-compare"],
    ),
    ("rayon", &["recipients-batcher"]),
    ("regex-automata", &["numbering-plan-compiler"]),
    (
        "rlibphonenumber",
        &["numbering-plan-oracle", "recipients-benches-compare"],
    ),
    ("clap", &["recipients-cli"]),
    (
        "serde_json",
        &[
            "recipients-api-adapter",
            "recipients-campaigns",
            "recipients-cli",
            "xtask",
        ],
    ),
    (
        "rusqlite",
        &["recipients-campaigns", "recipients-benches-compare"],
    ),
    ("axum", &["recipients-api-adapter"]),
    ("tokio", &["recipients-api-adapter"]),
    ("sha2", &["recipients-api-adapter", "recipients-campaigns"]),
    ("rustix", &["recipients-cli"]),
    ("utoipa", &["recipients-api-adapter"]),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tidy"] => tidy(),
        ["plan", ref rest @ ..] => report("plan", plan::run(rest)),
        ["instructions"] => report("instructions", instructions::run(false)),
        ["instructions", "--record"] => report("instructions", instructions::run(true)),
        _ => {
            eprintln!(
                "usage: cargo xtask tidy\n       cargo xtask instructions [--record]\n{}",
                plan::USAGE
            );
            ExitCode::from(2)
        }
    }
}

fn report(what: &str, outcome: Result<String, Box<dyn std::error::Error>>) -> ExitCode {
    match outcome {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{what}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn tidy() -> ExitCode {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .expect("cargo metadata runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let mut faults = faults(&metadata);
    faults.extend(leaks("crates/campaigns/src", "store", "rusqlite::"));
    for fault in &faults {
        eprintln!("tidy: {fault}");
    }
    match faults.is_empty() {
        true => {
            println!("tidy: every dependency points the way that ARCHITECTURE.md says");
            ExitCode::SUCCESS
        }
        false => ExitCode::FAILURE,
    }
}

/// Source files of a crate that name a package which only one of its modules is to know.
fn leaks(folder: &str, module: &str, name: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder).expect("the crate is there");
    let paths = files.map(|file| file.expect("it can be listed").path());
    let others = paths.filter(|path| path.is_file());
    let named = others.filter(|path| {
        let text = std::fs::read_to_string(path).expect("sources are text");
        text.contains(name)
    });
    named
        .map(|path| format!("{} must not name {name}; {module} may", path.display()))
        .collect()
}

fn faults(metadata: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = list(&metadata["packages"]);
    let members: Vec<String> = packages
        .iter()
        .map(|package| text(&package["name"]))
        .collect();
    let mut faults = Vec::new();
    for package in &packages {
        let name = text(&package["name"]);
        let Some((_, allowed)) = EDGES.iter().find(|(member, _)| *member == name) else {
            faults.push(format!(
                "{name} is not in the table of edges (xtask/src/main.rs)"
            ));
            continue;
        };
        for dependency in list(&package["dependencies"]) {
            let used = text(&dependency["name"]);
            if members.contains(&used) && !allowed.contains(&used.as_str()) {
                faults.push(format!("{name} must not use {used}"));
            }
            let kept = KEPT_IN.iter().find(|(kept, _)| *kept == used);
            if let Some((_, homes)) = kept.filter(|(_, homes)| !homes.contains(&name.as_str())) {
                faults.push(format!(
                    "{name} must not use {used}; it stays in {}",
                    homes.join(", ")
                ));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(name: &str, dependency: &str) -> Vec<String> {
        faults(&json!({"packages": [
            {"name": name, "dependencies": [{"name": dependency}]},
            {"name": "recipients-core", "dependencies": []},
            {"name": "recipients-cli", "dependencies": []},
        ]}))
    }

    #[test]
    fn an_arrow_against_the_picture_is_a_fault() {
        assert!(with("recipients-batcher", "recipients-core").is_empty());
        assert!(with("recipients-ingest", "serde").is_empty());
        for (name, dependency) in [
            ("recipients-ingest", "recipients-core"),
            ("recipients-template", "recipients-core"),
            ("recipients-cli", "recipients-core"),
            ("recipients-batcher", "calamine"),
            ("recipients-core", "rayon"),
            ("newcomer", "serde"),
        ] {
            assert!(!with(name, dependency).is_empty(), "{name} -> {dependency}");
        }
    }
}
