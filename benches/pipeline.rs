//! The whole way from bytes to verdicts, on one thread and on two.

use criterion::{Criterion, Throughput};
use recipients::ingest::{Options, Source};
use recipients::{Checked, Checker, Missing, Pipeline, Template};
use recipients_benches as lists;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let checker = Checker::default();
    let numbers = lists::lists().messy(20_000);
    let template = Template::parse("Hello {name}, your balance is {balance}");
    let mut group = criterion.benchmark_group("pipeline");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(numbers.len() as u64));
    for (name, list, message) in [
        ("one column", lists::one_column(&numbers), None),
        (
            "template list",
            lists::six_columns(&numbers),
            Some(template),
        ),
    ] {
        for threads in [1, 2] {
            let mut pipeline = Pipeline::new(&checker).threads(threads);
            if let Some(template) = &message {
                pipeline = pipeline.message(template.clone(), Missing::Reject);
            }
            group.bench_function(format!("{name}, {threads} threads"), |b| {
                b.iter(|| {
                    let bytes = list.clone().into_bytes();
                    let source =
                        Source::from_bytes("list", bytes, &Options::auto()).expect("readable");
                    let report = pipeline.run(vec![source], |_: &Checked<'_>| Ok(()));
                    report.expect("checked").accepted()
                });
            });
        }
    }
    group.finish();
    criterion.final_summary();
}
