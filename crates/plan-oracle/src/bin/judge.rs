//! Holds the committed plan against Google's rules, on every kind of number there is: prints a table
//! and fails if there is a disagreement.
//!
//! `cargo run --release -p numbering-plan-oracle --bin judge -- [RANDOM NUMBERS] [THREADS]`
//!
//! `cargo run --release -p numbering-plan-oracle --bin judge -- --dump COVER LIST RANDOM` prints
//! cells with the plan's answers, for `xtask/judge_plan.py`, which asks the PyPI package.

#![allow(clippy::print_stdout, reason = "a tool for developers talks to them")]

use numbering_plan::{Plan, Territory};
use numbering_plan_compiler::{Registry, compile};
use numbering_plan_oracle::lists::{Dice, Lists};
use numbering_plan_oracle::{Court, Ruling, committed_source, cover};
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Numbers of one kind with their rulings.
#[derive(Debug, Default)]
struct Tally {
    counts: [usize; 5],
    first: Vec<String>,
}

impl Tally {
    fn add(&mut self, number: &str, ruling: Ruling) {
        self.counts[ruling as usize] += 1;
        if ruling == Ruling::Disagreed && self.first.len() < 5 {
            self.first.push(number.to_owned());
        }
    }

    fn join(&mut self, other: Tally) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.first.extend(other.first);
    }
}

const CHUNK: usize = 10_000;

/// Judges chunks of numbers on all threads, each with a court of its own, because judges share
/// their caches.
fn run(
    name: &str,
    threads: usize,
    chunks: usize,
    judge: impl Fn(&Court, usize, &mut Tally) + Sync,
) -> usize {
    let (start, next) = (Instant::now(), AtomicUsize::new(0));
    let mut all = Tally::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let court = Court::new();
                    let mut tally = Tally::default();
                    loop {
                        let chunk = next.fetch_add(1, Ordering::Relaxed);
                        if chunk >= chunks {
                            return tally;
                        }
                        judge(&court, chunk, &mut tally);
                    }
                })
            })
            .collect();
        for worker in workers {
            all.join(worker.join().expect("a judge does not panic"));
        }
    });
    let [agreed, on_digits, refused, by_twin, disagreed] = all.counts;
    println!(
        "{name:<40} {:>10} {agreed:>10} {on_digits:>9} {refused:>9} {by_twin:>8} {disagreed:>9}   {:.0} s",
        all.counts.iter().sum::<usize>(),
        start.elapsed().as_secs_f64()
    );
    for number in &all.first {
        println!("    disagreed: {number:?}");
    }
    disagreed
}

fn judge_list(
    name: &str,
    threads: usize,
    list: &[String],
    court: fn(&Court, &str) -> Ruling,
) -> usize {
    let chunks: Vec<&[String]> = list.chunks(CHUNK).collect();
    run(name, threads, chunks.len(), |judges, chunk, tally| {
        for number in chunks[chunk] {
            tally.add(number, court(judges, number));
        }
    })
}

/// Digits as somebody in the territory might dial them, or get wrong.
fn dialled(number: &str, code: &str, dice: &mut Dice) -> String {
    match dice.roll(6) {
        0 => format!("0{number}"),
        1 => format!("00{number}"),
        2 => number.strip_prefix(code).unwrap_or(number).to_owned(),
        3 => format!("0{}", number.strip_prefix(code).unwrap_or(number)),
        4 => format!(
            "{}{}",
            dice.pick(&["1", "8", "06", "80", "90", "0"]),
            &number[3..]
        ),
        _ => number[dice.roll(4)..].to_owned(),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |at: usize, default: usize| match arguments.get(at) {
        Some(text) => text.replace('_', "").parse().unwrap_or(default),
        None => default,
    };
    let source = committed_source();
    let lists = Lists::new(&source);
    let automaton = compile(&source, &mut Registry::default())
        .expect("the committed source compiles")
        .automaton;
    let mut dice = Dice::new(7);
    let all_states = |each: usize, dice: &mut Dice| cover(&automaton, each, |n| dice.roll(n));
    if arguments.first().is_some_and(|a| a == "--dump") {
        let mut cells = all_states(1, &mut dice);
        cells.truncate(argument(1, usize::MAX));
        let count = argument(2, 300_000);
        cells.extend(lists.clean(count));
        cells.extend(lists.messy(count));
        cells.extend(lists.hostile(count));
        cells.extend((0..argument(3, 2_000_000)).map(|_| lists.random(&mut dice)));
        return match dump(&cells) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let (random, threads) = (argument(0, 50_000_000), argument(1, 2));
    println!("{}", Plan::builtin().version());
    println!(
        "{:<40} {:>10} {:>10} {:>9} {:>9} {:>8} {:>9}",
        "", "numbers", "agreed", "on digits", "refused", "by twin", "disagreed"
    );
    let mut disagreed = 0;
    let examples: Vec<String> = include_str!("../../../../testdata/numbers/examples.tsv")
        .lines()
        .chain(include_str!("../../../../testdata/numbers/invalid.tsv").lines())
        .filter_map(|line| line.split('\t').next())
        .filter(|number| number.bytes().all(|b| b.is_ascii_digit()))
        .map(str::to_owned)
        .collect();
    disagreed += judge_list("published examples", threads, &examples, Court::digits);
    let cover = all_states(2, &mut dice);
    disagreed += judge_list(
        "every state and next digit, twice",
        threads,
        &cover,
        Court::digits,
    );
    let by_twin = |court: &Court, number: &str| match court.twin_agrees(number) {
        true => Ruling::Agreed,
        false => Ruling::Disagreed,
    };
    disagreed += judge_list("the same by the twin", threads, &cover, by_twin);
    disagreed += judge_list("clean list", threads, &lists.clean(1_000_000), Court::cell);
    disagreed += judge_list("messy list", threads, &lists.messy(1_000_000), Court::cell);
    disagreed += judge_list(
        "hostile list",
        threads,
        &lists.hostile(1_000_000),
        Court::cell,
    );
    disagreed += run(
        "random digits",
        threads,
        random.div_ceil(CHUNK),
        |court, chunk, tally| {
            let mut dice = Dice::new(100 + chunk as u64);
            for _ in 0..CHUNK.min(random - CHUNK * chunk) {
                let number = lists.random(&mut dice);
                tally.add(&number, court.digits(&number));
            }
        },
    );
    let territories: Vec<(Territory, String)> = Plan::builtin()
        .territories()
        .filter(|(territory, _)| *territory != Territory::WORLD)
        .map(|(territory, code)| (territory, code.to_string()))
        .collect();
    disagreed += run(
        "as dialled in a territory",
        threads,
        100,
        |court, chunk, tally| {
            let mut dice = Dice::new(1 + chunk as u64);
            for _ in 0..CHUNK {
                let (territory, code) = dice.pick(&territories).clone();
                let number = dice.pick(&cover).as_str();
                if number.len() > 4 {
                    let number = dialled(number, &code, &mut dice);
                    tally.add(&number, court.national(&number, territory));
                }
            }
        },
    );
    match disagreed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// A line for each cell: the cell as a Rust string is escaped, then what the plan says of it.
fn dump(cells: &[String]) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    writeln!(out, "# {}", Plan::builtin().version())?;
    for cell in cells {
        let answer = Plan::builtin().classify(cell.as_bytes());
        let or_empty = |text: Option<String>| text.unwrap_or_default();
        writeln!(
            out,
            "{}\t{:?}\t{}\t{}\t{}\t{}",
            cell.replace('\t', "\\t"),
            answer.standing(),
            or_empty(answer.number().map(|n| n.to_string())),
            or_empty(answer.calling_code().map(|c| c.to_string())),
            or_empty(answer.territory().map(|t| t.to_string())),
            or_empty(answer.kind().map(|k| k.to_string())),
        )?;
    }
    out.flush()
}
