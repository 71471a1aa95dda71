//! The whole way from bytes to verdicts, on one thread and on two.

use criterion::{Criterion, Throughput};
use recipients::ingest::{Options, Source};
use recipients::{Checked, Checker, Missing, Pipeline, Template, Wants, annotate};
use recipients_benches as lists;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let checker = Checker::default();
    let numbers = lists::lists().messy(100_000);
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
            let open = || {
                let bytes = list.clone().into_bytes();
                vec![Source::from_bytes("list", bytes, &Options::auto()).expect("readable")]
            };
            for wants in [Wants::Report, Wants::Rows, Wants::Winners] {
                group.bench_function(format!("{name}, {threads} threads, {wants:?}"), |b| {
                    b.iter(|| pipeline.run(open(), wants).expect("checked").accepted());
                });
            }
            group.bench_function(format!("{name}, {threads} threads, annotated"), |b| {
                b.iter(|| {
                    let mut out = None;
                    pipeline
                        .run(open(), |row: &Checked<'_>| {
                            if out.is_none() {
                                let files = std::slice::from_ref(row.file());
                                out = Some(annotate::writer(files, Vec::new())?);
                            }
                            let out = out.as_mut().expect("just made");
                            annotate::write_row(out, row)
                        })
                        .expect("checked")
                        .accepted()
                });
            });
        }
    }
    group.finish();
    criterion.final_summary();
}
