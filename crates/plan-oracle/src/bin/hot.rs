//! Classifies the clean and the messy list once, for `cargo xtask instructions`, which counts.
//!
//! `hot PATH`, where PATH is `portable` or `avx2`.

#![allow(clippy::print_stdout, reason = "a tool for developers talks to them")]

use numbering_plan::{Answer, Path, Plan};
use numbering_plan_oracle::committed_source;
use numbering_plan_oracle::lists::Lists;

fn main() {
    let path = match std::env::args().nth(1).as_deref() {
        Some("avx2") => Path::Avx2,
        _ => Path::Portable,
    };
    let lists = Lists::new(&committed_source());
    let mut valid = 0;
    for list in [lists.clean(50_000), lists.messy(50_000)] {
        let text = list.join("\n") + "\n";
        let mut answers = vec![Answer::BLANK; list.len()];
        Plan::builtin().classify_lines_by(path, text.as_bytes(), &mut answers);
        valid += answers.iter().filter(|answer| answer.is_valid()).count();
    }
    println!("{path:?} {} {valid}", path.is_available());
}
