//! One number to its verdict: ours beside three libraries, on the same cells, in one run.
//!
//! The others get what they ask for: the cell trimmed, a leading 00 made a plus, or a plus put in
//! front. `phonenumber` is slow on a mix of countries (its cache holds 100 patterns for more than
//! 1,400), so all get the same small sample, which is checked once before the clock starts.

use criterion::{Criterion, Throughput};
use recipients::Checker;
use recipients_benches as lists;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};
use std::hint::black_box;

fn prepared(cell: &str) -> String {
    let cell = cell.trim();
    match cell.strip_prefix("00") {
        Some(rest) => format!("+{rest}"),
        None if cell.starts_with('+') => cell.to_owned(),
        None => format!("+{cell}"),
    }
}

fn by_rlibphonenumber(text: &str) -> bool {
    let util = &*PHONE_NUMBER_UTIL;
    util.parse(text, None).is_ok_and(|number| {
        black_box(util.format(&number, PhoneNumberFormat::E164));
        black_box(util.get_number_type(&number));
        util.is_valid_number(&number)
    })
}

fn by_phonenumber(text: &str) -> bool {
    phonenumber::parse(None, text).is_ok_and(|number| {
        black_box(number.format().mode(phonenumber::Mode::E164).to_string());
        black_box(number.number_type(&phonenumber::metadata::DATABASE));
        number.is_valid()
    })
}

fn by_phonelib(text: &str) -> bool {
    black_box(phonelib::normalize_phone_number(text));
    black_box(phonelib::detect_phone_number_type(text));
    phonelib::is_valid_phone_number(text)
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let checker = Checker::default();
    let count = 500;
    for (name, cells) in [
        ("clean one country", lists::clean_one_country(count)),
        ("clean world", lists::clean(count)),
        ("messy", lists::messy(count)),
        ("hostile", lists::hostile(count)),
    ] {
        let prepared: Vec<String> = cells.iter().map(|cell| prepared(cell)).collect();
        let mut group = criterion.benchmark_group(name);
        group
            .sample_size(10)
            .throughput(Throughput::Elements(count as u64));
        group.bench_function("recipients", |b| {
            b.iter(|| {
                cells
                    .iter()
                    .filter(|cell| checker.check(cell).is_accepted())
                    .count()
            });
        });
        type IsValid = fn(&str) -> bool;
        let rivals: [(&str, IsValid); 3] = [
            ("rlibphonenumber", by_rlibphonenumber),
            ("phonelib", by_phonelib),
            ("phonenumber", by_phonenumber),
        ];
        for (rival, is_valid) in rivals {
            group.bench_function(rival, |b| {
                b.iter(|| prepared.iter().filter(|text| is_valid(text)).count());
            });
        }
        group.finish();
    }
    criterion.final_summary();
}
