//! The table of `docs/performance.md`: ours beside three libraries on four lists, in rounds in which
//! everybody runs once, so that a slow minute of the machine hits all alike.
//!
//! `cargo bench -p recipients-benches-compare --bench table` (ROUNDS=9 by default)

#![allow(clippy::print_stdout, reason = "the table is what it is for")]

use numbering_plan::{Answer, Path, Plan};
use numbering_plan_oracle::{Google, committed_source};
use recipients::Checker;
use recipients_benches::lists;
use recipients_benches_compare as rivals;
use std::hint::black_box;
use std::time::Instant;

/// Somebody who is measured.
struct Runner<'l> {
    name: &'static str,
    /// Numbers of a run.
    count: usize,
    /// Runs in every round, or in every third one.
    patient: bool,
    run: Box<dyn Fn() -> usize + 'l>,
    seconds: Vec<f64>,
}

impl Runner<'_> {
    fn per_second(&self) -> f64 {
        self.count as f64 / median(&self.seconds)
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// From the bytes of the lines to answers with digits; how many are valid.
fn ours(path: Path, text: &[u8]) -> usize {
    let plan = Plan::builtin();
    let mut answers = [Answer::BLANK; 1024];
    let (mut at, mut valid) = (0, 0);
    while at < text.len() {
        let done = plan.classify_lines_by(path, &text[at..], &mut answers);
        valid += answers[..done.lines]
            .iter()
            .filter(|a| a.is_valid())
            .count();
        black_box(&answers);
        at += done.bytes;
    }
    valid
}

/// The list so many times, shared by threads.
fn on_threads(threads: usize, times: usize, text: &[u8]) -> usize {
    let mut parts = Vec::new();
    let mut rest = text;
    for left in (1..=threads).rev() {
        let middle = rest.len() / left;
        let cut = match memchr::memchr(b'\n', &rest[middle..]) {
            Some(more) if left > 1 => middle + more + 1,
            _ => rest.len(),
        };
        let (part, more) = rest.split_at(cut);
        parts.push(part);
        rest = more;
    }
    let all = |part: &[u8]| -> usize { (0..times).map(|_| ours(Path::best(), part)).sum() };
    std::thread::scope(|scope| {
        let others: Vec<_> = parts[1..]
            .iter()
            .map(|part| scope.spawn(|| all(part)))
            .collect();
        let own = all(parts[0]);
        let others = others.into_iter().map(|t| t.join().expect("no panic"));
        own + others.sum::<usize>()
    })
}

fn main() {
    // Cargo also runs benches as tests, with `--test`, and then this is no place for a race.
    let smoke = std::env::args().any(|a| a == "--test");
    let rounds = match std::env::var("ROUNDS") {
        _ if smoke => 1,
        Ok(rounds) => rounds.parse().unwrap_or(9),
        Err(_) => 9,
    };
    let count = if smoke { 2_000 } else { 1_000_000 };
    let google = Google::new(&committed_source());
    let checker = Checker::default();
    let lists = lists();
    for (name, cells) in [
        ("clean, one country", lists.clean_one_country(count)),
        ("clean, world", lists.clean(count)),
        ("messy", lists.messy(count)),
        ("hostile", lists.hostile(count)),
    ] {
        let text = cells.join("\n") + "\n";
        let text = text.as_bytes();
        let prepared: Vec<String> = cells[..count / 10]
            .iter()
            .map(|c| rivals::prepared(c))
            .collect();
        let sample = &prepared[..prepared.len().min(5_000)];
        let google = &google;
        let mut runners = vec![
            runner("rlibphonenumber 2.2.15", prepared.len(), true, || {
                let valid = |text: &&String| rivals::by_rlibphonenumber(google, text);
                prepared.iter().filter(valid).count()
            }),
            runner("phonelib 2.1.0", prepared.len(), true, || {
                prepared
                    .iter()
                    .filter(|text| rivals::by_phonelib(text))
                    .count()
            }),
            runner("phonenumber 0.3.10", sample.len(), false, || {
                sample
                    .iter()
                    .filter(|text| rivals::by_phonenumber(text))
                    .count()
            }),
            runner("`Checker::check`, one by one", cells.len(), true, || {
                let accepted = |cell: &&String| checker.check(cell).is_accepted();
                cells.iter().filter(accepted).count()
            }),
            runner("`Plan::classify`, one by one", cells.len(), true, || {
                let plan = Plan::builtin();
                let valid = |cell: &&String| plan.classify(cell.as_bytes()).is_valid();
                cells.iter().filter(valid).count()
            }),
            runner("memchr_iter (finding the lines)", cells.len(), true, || {
                memchr::memchr_iter(b'\n', text).map(black_box).count()
            }),
            runner(
                "memchr count (reading the bytes)",
                cells.len(),
                true,
                || memchr::memchr_iter(b'\n', text).count(),
            ),
        ];
        for (name, path) in [
            ("`classify_lines`, portable", Path::Portable),
            ("`classify_lines`, AVX2", Path::Avx2),
            ("`classify_lines`, AVX-512", Path::Avx512),
        ] {
            match path.is_available() {
                true => runners.push(runner(name, cells.len(), true, move || ours(path, text))),
                false => println!("{name}: skipped, this processor does not have it"),
            }
        }
        // Ten times the list, because a thread takes longer to start than a list to be read.
        let times = if smoke { 1 } else { 10 };
        for (name, threads) in [
            ("the fastest, ten lists", 1),
            ("the same on two threads", 2),
        ] {
            runners.push(runner(name, times * cells.len(), true, move || {
                on_threads(threads, times, text)
            }));
        }
        // Once before the clock starts, so that caches are warm and patterns compiled.
        let valid: Vec<usize> = runners.iter().map(|runner| (runner.run)()).collect();
        for round in 0..rounds {
            for runner in runners.iter_mut().filter(|r| r.patient || round % 3 == 0) {
                let start = Instant::now();
                black_box((runner.run)());
                runner.seconds.push(start.elapsed().as_secs_f64());
            }
        }
        let baseline = runners[0].per_second();
        println!("\n### {name}: {count} numbers, median of {rounds} rounds\n");
        println!("| | million a second | times rlibphonenumber | valid |\n|---|---:|---:|---:|");
        for (runner, valid) in runners.iter().zip(valid) {
            let speed = runner.per_second();
            println!(
                "| {} | {:.4} | {:.3} | {:.2} % |",
                runner.name,
                speed / 1e6,
                speed / baseline,
                100.0 * valid as f64 / runner.count as f64
            );
        }
    }
    if !smoke {
        let plan = include_bytes!("../../crates/numbering-plan/data/plan.bin");
        let times: Vec<f64> = (0..rounds)
            .map(|_| {
                let start = Instant::now();
                black_box(Plan::from_bytes(black_box(plan)).expect("the committed plan"));
                start.elapsed().as_secs_f64()
            })
            .collect();
        println!(
            "\nthe table: {} bytes, in the binary and never loaded; `Plan::from_bytes` with all its checks: {:.1} ms",
            plan.len(),
            1e3 * median(&times)
        );
    }
}

fn runner<'l>(
    name: &'static str,
    count: usize,
    patient: bool,
    run: impl Fn() -> usize + 'l,
) -> Runner<'l> {
    Runner {
        name,
        count,
        patient,
        run: Box::new(run),
        seconds: Vec::new(),
    }
}
