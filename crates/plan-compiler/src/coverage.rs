//! Of how many numbers the holder is known.

use crate::automaton::Automaton;
use crate::source::Source;
use numbering_plan::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Numbers of a territory that can be mobile.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    all: u128,
    held: u128,
}

/// A table in Markdown: for each territory, the ranges and operators of its calling code, and the
/// share of its numbers that can be mobile whose holder is known.
pub(crate) fn coverage(source: &Source, automaton: &Automaton) -> String {
    // Children come before their parents: count from the ends.
    let mut counts: Vec<BTreeMap<u16, Share>> = Vec::with_capacity(automaton.states.len());
    for (at, state) in automaton.states.iter().enumerate() {
        let mut sums: BTreeMap<u16, Share> = BTreeMap::new();
        if at > 0 {
            for &next in &state.next {
                for (&territory, share) in &counts[next as usize] {
                    let sum = sums.entry(territory).or_default();
                    sum.all += share.all;
                    sum.held += share.held;
                }
            }
            if let Some((territory, Kind::Mobile | Kind::FixedLineOrMobile)) = state.end.range {
                let sum = sums.entry(territory).or_default();
                sum.all += 1;
                sum.held += u128::from(state.end.operator != 0);
            }
        }
        counts.push(sums);
    }
    let shares = &counts[automaton.root as usize];
    let mut text = String::from(
        "| territory | calling code | ranges | operators | mobile numbers with a known holder |\n\
         |---|---:|---:|---:|---:|\n",
    );
    let codes: BTreeSet<String> = source
        .territories
        .iter()
        .map(|t| t.calling_code.to_string())
        .collect();
    // Calling codes are prefix-free.
    let mut ranges: BTreeMap<&str, (usize, BTreeSet<&str>)> = BTreeMap::new();
    for (prefix, name) in &source.carriers {
        let code = (1..=3.min(prefix.len())).find_map(|len| codes.get(&prefix[..len]));
        if let Some(code) = code {
            let entry = ranges.entry(code).or_default();
            entry.0 += 1;
            entry.1.insert(name);
        }
    }
    for (at, territory) in source.territories.iter().enumerate() {
        let code = territory.calling_code.to_string();
        let (count, names) = ranges
            .get(code.as_str())
            .map_or((0, 0), |(count, names)| (*count, names.len()));
        let share = match shares.get(&(at as u16)) {
            Some(share) if share.all > 0 => {
                format!("{:.1} %", 100.0 * share.held as f64 / share.all as f64)
            }
            _ => "–".to_owned(),
        };
        let _ = writeln!(
            text,
            "| {} | {code} | {count} | {names} | {share} |",
            territory.code
        );
    }
    text
}
