//! What the `phonenumber` crate says otherwise than Google's library, with the metadata that it
//! carries (9.0.33): counts and examples for `docs/phonenumber-crate.md`.
//!
//! `pip download --no-deps phonenumbers==9.0.33 && python3 xtask/plan_source.py WHEEL FOLDER`, then
//! `cargo run --release -p recipients-benches-compare --example phonenumber_errors -- FOLDER`

#![allow(clippy::print_stdout, reason = "the table is what it is for")]

use numbering_plan::Kind;
use numbering_plan_compiler::source::Source;
use numbering_plan_compiler::{Registry, compile};
use numbering_plan_oracle::lists::{Dice, Lists};
use numbering_plan_oracle::{Google, cover};
use phonenumber::Type;
use recipients_benches_compare::prepared;
use std::collections::BTreeMap;

fn kind_of(kind: Type) -> Option<Kind> {
    Some(match kind {
        Type::FixedLine => Kind::FixedLine,
        Type::Mobile => Kind::Mobile,
        Type::FixedLineOrMobile => Kind::FixedLineOrMobile,
        Type::TollFree => Kind::TollFree,
        Type::PremiumRate => Kind::PremiumRate,
        Type::SharedCost => Kind::SharedCost,
        Type::Voip => Kind::Voip,
        Type::PersonalNumber => Kind::PersonalNumber,
        Type::Pager => Kind::Pager,
        Type::Uan => Kind::Uan,
        Type::Voicemail => Kind::Voicemail,
        _ => return None,
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args()
        .nth(1)
        .ok_or("the folder of the source is missing")?;
    let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}"));
    let source = Source::from_tsv(&read("metadata.tsv")?, &read("carriers.tsv")?)?;
    let google = Google::new(&source);
    let lists = Lists::new(&source);
    let plan = compile(&source, &mut Registry::default())?;
    let mut dice = Dice::new(1);
    let cover = cover(&plan.automaton, 1, |n| dice.roll(n));
    let cover: Vec<String> = cover.into_iter().step_by(3).collect();
    println!("{}", source.version);
    for (name, mut cells) in [
        ("clean", lists.clean(100_000)),
        ("messy", lists.messy(100_000)),
        ("hostile", lists.hostile(100_000)),
        ("cover", cover),
    ] {
        let count = cells.len();
        // Its cache holds a hundred patterns: country by country it is fast enough.
        cells.sort_by_key(|cell| prepared(cell));
        let mut wrong: BTreeMap<&str, (usize, Vec<String>)> = BTreeMap::new();
        for cell in &cells {
            let text = prepared(cell);
            let expected = google.international(&text);
            let found = phonenumber::parse(None, &text).ok();
            let valid = found.as_ref().is_some_and(|number| number.is_valid());
            let number = found
                .as_ref()
                .map(|n| n.format().mode(phonenumber::Mode::E164).to_string());
            let expected_number = expected.number.map(|n| format!("+{n}"));
            let kind = found
                .as_ref()
                .and_then(|n| kind_of(n.number_type(&phonenumber::metadata::DATABASE)));
            let territory = found.as_ref().and_then(|n| n.country().id());
            let territory = territory.map(|id| format!("{id:?}"));
            let said = match expected.kind {
                Some(_) if !valid => "a valid number is refused",
                None if valid => "an invalid number is accepted",
                Some(_) if number != expected_number => "other digits (E.164)",
                Some(_) if kind != expected.kind => "another kind",
                Some(_) if territory != expected.territory.map(|t| t.to_string()) => {
                    "another territory"
                }
                _ => continue,
            };
            let entry = wrong.entry(said).or_default();
            entry.0 += 1;
            if entry.1.len() < 400 {
                let ours = format!(
                    "{:?} {:?} {:?}",
                    expected.territory, expected.kind, expected_number
                );
                entry.1.push(format!(
                    "{cell} | {ours} | {territory:?} {kind:?} {number:?}"
                ));
            }
        }
        println!("\n{name}: {count}");
        for (said, (wrong, examples)) in wrong {
            println!(
                "  {wrong:>6} {:.2} % {said}",
                100.0 * wrong as f64 / count as f64
            );
            for example in examples.iter().step_by(1 + examples.len() / 5) {
                println!("         {example}");
            }
        }
    }
    Ok(())
}
