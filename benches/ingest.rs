//! Bytes to rows: lists of one and of six columns, and encodings.

use criterion::{Criterion, Throughput};
use recipients::ingest::{Batch, Choice, Encoding, Options, Source};
use recipients_benches as lists;

fn rows(bytes: &[u8], options: &Options) -> usize {
    let mut source = Source::from_bytes("list", bytes.to_vec(), options).expect("readable");
    let mut batch = Batch::new();
    let mut rows = 0;
    while source.fill(&mut batch).expect("readable") {
        rows += batch.len();
    }
    rows
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let numbers = lists::lists().messy(100_000);
    let one = lists::one_column(&numbers);
    let six = lists::six_columns(&numbers);
    let plain = lists::one_column(&lists::lists().clean(100_000));
    let in_1251 = Encoding::Windows1251
        .encode(&six.replace('ã', "a").replace(['\u{456}', '\u{457}'], "i"))
        .expect("Cyrillic and ASCII");
    let mut group = criterion.benchmark_group("ingest");
    let auto = Options::auto();
    let given = Options::auto().encoding(Choice::Given(Encoding::Windows1251));
    for (name, bytes, options) in [
        ("one column, digits", plain.as_bytes(), &auto),
        ("one column", one.as_bytes(), &auto),
        ("six columns, quotes", six.as_bytes(), &auto),
        ("six columns, windows-1251", in_1251.as_slice(), &given),
    ] {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |b| b.iter(|| rows(bytes, options)));
    }
    group.finish();
    criterion.final_summary();
}
