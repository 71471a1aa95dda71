//! One number to its verdict: ours beside three libraries, on the same cells, by criterion. The
//! table with interleaved rounds is in `table.rs`.
//!
//! `phonenumber` is slow on a mix of countries (its cache holds 100 patterns for more than 1,400), so
//! all get the same small sample here.

use criterion::{Criterion, Throughput};
use numbering_plan::{Answer, Path, Plan};
use numbering_plan_oracle::{Google, committed_source};
use recipients::Checker;
use recipients_benches::lists;
use recipients_benches_compare as rivals;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let checker = Checker::default();
    let google = Google::new(&committed_source());
    let lists = lists();
    let count = 500;
    for (name, cells) in [
        ("clean one country", lists.clean_one_country(count)),
        ("clean world", lists.clean(count)),
        ("messy", lists.messy(count)),
        ("hostile", lists.hostile(count)),
    ] {
        let prepared: Vec<String> = cells.iter().map(|cell| rivals::prepared(cell)).collect();
        let fields: Vec<&[u8]> = cells.iter().map(String::as_bytes).collect();
        let mut group = criterion.benchmark_group(name);
        group
            .sample_size(10)
            .throughput(Throughput::Elements(count as u64));
        group.bench_function("recipients", |b| {
            b.iter(|| {
                let accepted = |cell: &&String| checker.check(cell).is_accepted();
                cells.iter().filter(accepted).count()
            });
        });
        for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
            group.bench_function(format!("numbering-plan {path:?}"), |b| {
                let mut answers = vec![Answer::BLANK; count];
                b.iter(|| {
                    Plan::builtin().classify_batch_by(path, &fields, &mut answers);
                    answers.iter().filter(|answer| answer.is_valid()).count()
                });
            });
        }
        group.bench_function("rlibphonenumber", |b| {
            let valid = |text: &&String| rivals::by_rlibphonenumber(&google, text);
            b.iter(|| prepared.iter().filter(valid).count());
        });
        group.bench_function("phonelib", |b| {
            b.iter(|| {
                prepared
                    .iter()
                    .filter(|text| rivals::by_phonelib(text))
                    .count()
            });
        });
        group.bench_function("phonenumber", |b| {
            b.iter(|| {
                prepared
                    .iter()
                    .filter(|text| rivals::by_phonenumber(text))
                    .count()
            });
        });
        group.finish();
    }
    criterion.final_summary();
}
