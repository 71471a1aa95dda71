//! Filling a text and counting its segments.

use criterion::Criterion;
use recipients::{Missing, Segments, Template};
use std::hint::black_box;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("template");
    for (name, text) in [
        (
            "latin",
            "Hello {name}! Your balance as at {date} equals to {balance}{currency}.",
        ),
        (
            "cyrillic",
            "Здравствуйте, {name}! Ваш баланс на {date}: {balance}{currency}.",
        ),
    ] {
        let template = Template::parse(text);
        let value = |name: &str| match name {
            "name" => Some("Василий"),
            "date" => Some("26.10.17"),
            "balance" => Some("123.45"),
            _ => None,
        };
        let mut filled = String::new();
        group.bench_function(name, |b| {
            b.iter(|| {
                template
                    .fill(value, Missing::Keep, &mut filled)
                    .expect("kept");
                Segments::of(black_box(&filled))
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
