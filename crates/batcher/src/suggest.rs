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

/// Tries the rows that could not be read on the regions of the plan. Regions that the list has
/// accepted numbers of come first, then those that fit most; at most two, each with at least a
/// tenth of the rows.
pub fn region_suggestions(report: &Report, checker: &Checker) -> Vec<RegionSuggestion> {
    let unread = &report.unread;
    if unread.cells.is_empty() {
        return Vec::new();
    }
    let plan = checker.plan();
    let reader = |region| Checker::new(Policy::default().lines(Lines::Mobile).region(Some(region)));
    let count = |region, cells: &[Box<str>]| {
        let reader = reader(region);
        cells
            .iter()
            .filter(|cell| reader.check(cell).is_accepted())
            .count() as u64
    };
    let mut known: BTreeMap<Territory, u64> = BTreeMap::new();
    for ((territory, _), rows) in report.destinations() {
        if let Some(territory) = territory {
            *known.entry(territory).or_default() += rows;
        }
    }
    let sample = &unread.cells[..unread.cells.len().min(TRIED_EVERYWHERE)];
    let mut fitting: Vec<(Territory, u64)> = plan
        .territories()
        .into_iter()
        .map(|region| (region, count(region, sample)))
        .filter(|&(_, rows)| rows * 10 >= sample.len() as u64)
        .collect();
    fitting.sort_by_key(|&(region, rows)| {
        let accepted = known.get(&region).copied().unwrap_or(0);
        std::cmp::Reverse((accepted, rows))
    });
    // Without a number that tells the country, several fitting regions tell nothing.
    let best = fitting.first().copied();
    let unclear = best.is_some_and(|(region, rows)| {
        !known.contains_key(&region) && fitting.iter().filter(|f| f.1 * 10 >= rows * 9).count() > 3
    });
    if unclear {
        return Vec::new();
    }
    fitting
        .into_iter()
        .take(2)
        .filter_map(|(region, _)| {
            Some(RegionSuggestion {
                region,
                calling_code: plan.calling_code(region)?,
                rows: count(region, &unread.cells),
                at_least: unread.total > unread.cells.len() as u64,
            })
        })
        .collect()
}
