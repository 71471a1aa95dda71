//! The stages between reading and writing, each by itself: cells to verdicts, lines to candidates,
//! stop lists, sets of numbers.

use criterion::{Criterion, Throughput};
use recipients::{Census, Checker, Classes, Msisdn, NumberSet, Policy, Seen, StopList};
use recipients_benches as lists;
use std::hint::black_box;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let numbers = lists::lists().clean(100_000);
    let messy = lists::lists().messy(100_000);
    let checker = Checker::default();
    let mut group = criterion.benchmark_group("stages");
    group.throughput(Throughput::Elements(numbers.len() as u64));
    for (name, cells) in [("clean", &numbers), ("messy", &messy)] {
        let text = lists::one_column(cells);
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        group.bench_function(format!("check_batch, {name}"), |b| {
            b.iter(|| {
                let mut verdicts = Vec::with_capacity(cells.len());
                checker.check_batch(&cells, &mut verdicts);
                verdicts.len()
            });
        });
        let mut census: Census<'_> = Census::new(&checker, &Classes::default());
        group.bench_function(format!("Census::lines, {name}"), |b| {
            b.iter(|| {
                let mut count = 0;
                census.lines(&text, |_, judged| {
                    let number = judged.ok().map(|candidate| black_box(candidate).msisdn());
                    count += usize::from(number.is_some());
                });
                count
            });
        });
        group.bench_function(format!("stop_list_lines, {name}"), |b| {
            b.iter(|| {
                let mut count = 0;
                checker.stop_list_lines(&text, |_| count += 1, |_, _, _| {});
                count
            });
        });
    }
    let all: Vec<Msisdn> = numbers
        .iter()
        .filter_map(|number| checker.stop_list_entry(number).ok())
        .collect();
    let set: NumberSet = all.iter().copied().collect();
    group.bench_function("NumberSet, built", |b| {
        b.iter(|| all.iter().copied().collect::<NumberSet>().len());
    });
    let bytes = set.to_bytes();
    group.bench_function("NumberSet, opened", |b| {
        b.iter(|| NumberSet::open(bytes.clone()).expect("sound").len());
    });
    group.bench_function("NumberSet, asked for what is there", |b| {
        b.iter(|| all.iter().filter(|&&number| set.contains(number)).count());
    });
    group.bench_function("NumberSet, asked for strangers", |b| {
        let strangers: Vec<Msisdn> = all
            .iter()
            .filter_map(|number| Msisdn::from_u64(number.as_u64() ^ 0x155))
            .collect();
        b.iter(|| {
            strangers
                .iter()
                .filter(|&&number| set.contains(number))
                .count()
        });
    });
    let policy = Policy::default().own_stop_list(StopList::from(set.clone()));
    let with_stop_list = Checker::new(policy);
    let cells: Vec<&str> = numbers.iter().map(String::as_str).collect();
    group.bench_function("check_batch, clean, all on the stop list", |b| {
        b.iter(|| {
            let mut verdicts = Vec::with_capacity(cells.len());
            with_stop_list.check_batch(&cells, &mut verdicts);
            verdicts.len()
        });
    });
    group.bench_function("Seen with places", |b| {
        b.iter(|| {
            let mut seen = Seen::with_places();
            let places = (1..).zip(&all);
            places
                .filter(|&(place, &number)| seen.insert(number, place).is_some())
                .count()
        });
    });
    group.finish();
    criterion.final_summary();
}
