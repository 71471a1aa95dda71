//! Which region a list without calling codes was written in.

use crate::report::Report;
use recipients_core::{Checker, Lines, Policy, Territory};
use std::collections::BTreeMap;

/// A region by whose rules rejected rows would be numbers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegionSuggestion {
    /// The region.
    pub region: Territory,
    /// Its calling code, which the numbers lack.
    pub calling_code: u16,
    /// How many of the rejected rows read as mobile numbers of it.
    pub rows: u64,
    /// Whether there were more rejected rows than were tried, so that it may be more.
    pub at_least: bool,
}

/// Rows that every region of the plan is tried on.
const TRIED_EVERYWHERE: usize = 200;

/// Tries the rows that could not be read on the regions of the plan, and names those that plainly
/// fit: regions that the list has accepted numbers of, or else the one region that fits clearly
/// better than all others, where a number that is written with the national prefix counts for
/// more than one that happens to have a fitting length. Nothing is named when several fit alike.
pub fn region_suggestions(report: &Report, checker: &Checker) -> Vec<RegionSuggestion> {
    let unread = &report.unread;
    if unread.cells.is_empty() {
        return Vec::new();
    }
    let plan = checker.plan();
    let fit = |region: Territory, cells: &[Box<str>]| {
        let policy = Policy::default().lines(Lines::Mobile).region(Some(region));
        let reader = Checker::with_plan(plan, policy);
        let code_len = plan
            .calling_code(region)
            .map_or(0, |code| code.to_string().len());
        let mut fit = Fit::default();
        for cell in cells {
            let verdict = reader.check(cell);
            // A number of a neighbour that shares the calling code is the neighbour's.
            let number = verdict
                .msisdn()
                .filter(|_| verdict.territory() == Some(region));
            if let (true, Some(number)) = (verdict.is_accepted(), number) {
                let written = cell.chars().filter(|c| c.is_numeric()).count();
                fit.rows += 1;
                fit.with_prefix += u64::from(written + code_len > number.to_string().len());
            }
        }
        fit
    };
    let mut known: BTreeMap<Territory, u64> = BTreeMap::new();
    for ((territory, _), rows) in report.destinations() {
        if let Some(territory) = territory {
            *known.entry(territory).or_default() += rows;
        }
    }
    let sample = &unread.cells[..unread.cells.len().min(TRIED_EVERYWHERE)];
    let mut fitting: Vec<(Territory, Fit)> = plan
        .territories()
        .into_iter()
        .map(|region| (region, fit(region, sample)))
        .filter(|(_, fit)| fit.rows * 10 >= sample.len() as u64)
        .collect();
    fitting.sort_by_key(|(region, fit)| {
        let accepted = known.get(region).copied().unwrap_or(0);
        std::cmp::Reverse((accepted, fit.score()))
    });
    let clear = match fitting.as_slice() {
        [] => 0,
        [(first, _), ..] if known.contains_key(first) => {
            let known = fitting
                .iter()
                .filter(|(region, _)| known.contains_key(region));
            known.count().min(2)
        }
        [(_, first), (_, second), ..] if second.score() * 10 >= first.score() * 9 => 0,
        _ => 1,
    };
    fitting
        .into_iter()
        .take(clear)
        .filter_map(|(region, _)| {
            Some(RegionSuggestion {
                region,
                calling_code: plan.calling_code(region)?,
                rows: fit(region, &unread.cells).rows,
                at_least: unread.total > unread.cells.len() as u64,
            })
        })
        .collect()
}

/// How well rows fit a region.
#[derive(Clone, Copy, Default)]
struct Fit {
    /// Rows that read as mobile numbers of it.
    rows: u64,
    /// Those that are written with its national prefix.
    with_prefix: u64,
}

impl Fit {
    fn score(self) -> u64 {
        self.rows + self.with_prefix
    }
}
