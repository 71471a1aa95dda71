//! One number after the other through `Checker::check`, by what the cells look like.

use criterion::{Criterion, Throughput};
use recipients::{Checker, Verdict};
use recipients_benches::lists;
use std::hint::black_box;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let checker = Checker::default();
    let mut group = criterion.benchmark_group("check");
    let all = lists();
    let count = 2_000;
    for (name, cells) in [
        ("clean one country", all.clean_one_country(count)),
        ("clean world", all.clean(count)),
        ("messy", all.messy(count)),
        ("hostile", all.hostile(count)),
    ] {
        group.throughput(Throughput::Elements(cells.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| -> usize {
                let verdicts = cells.iter().map(|cell| checker.check(black_box(cell)));
                verdicts.filter(Verdict::is_accepted).count()
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
