//! Any text as a stop list: what each of its lines is by itself, on one thread and on several, in chunks of any size.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use recipients::ingest::{Choice, Encoding, Options, Source};
use recipients::{Checker, Lines, Msisdn, Plan, Policy, Workers, load_stop_list};
use std::collections::BTreeSet;

#[derive(Arbitrary, Debug)]
struct Input {
    lines: u8,
    region: bool,
    chunk_bytes: u8,
    text: String,
}

fuzz_target!(|input: Input| {
    let lines = [Lines::Mobile, Lines::Any, Lines::Possible][usize::from(input.lines % 3)];
    let region = input.region.then(|| Plan::builtin().territory("UA").expect("it is there"));
    let checker = Checker::new(Policy::default().lines(lines).region(region));
    let load = |threads, chunk_bytes| {
        let options = Options::auto()
            .encoding(Choice::Given(Encoding::Utf8))
            .delimiter(Choice::Given(None))
            .enclosure(Choice::Given(None))
            .skip_header(Choice::Given(false))
            .chunk_bytes(chunk_bytes);
        let source = Source::from_bytes("stop", input.text.clone().into_bytes(), &options).ok()?;
        let loaded = load_stop_list(source, &checker, &Workers::new(threads).expect("threads")).ok()?;
        let numbers: Vec<Msisdn> = loaded.list.sets().iter().flat_map(|set| set.iter()).collect();
        let bad: Vec<_> = loaded.bad.iter().map(|line| (line.row, line.reason)).collect();
        Some((numbers, bad))
    };
    let loaded = load(1, 1 << 18);
    assert_eq!(load(3, usize::from(input.chunk_bytes) + 1), loaded);
    let Some((numbers, bad)) = loaded else {
        return;
    };
    // A mark at the beginning is none of the text, nor is what a program puts at its end.
    let text = input.text.strip_prefix('\u{feff}').unwrap_or(&input.text);
    let text = text.trim_end_matches('\u{1a}').replace("\r\n", "\n").replace('\r', "\n");
    let (mut expected, mut expected_bad) = (BTreeSet::new(), Vec::new());
    for (at, line) in text.split('\n').enumerate() {
        let is_comment = line.trim_start().starts_with('#') && !line.contains(char::is_numeric);
        match checker.stop_list_entry(line) {
            Ok(number) => drop(expected.insert(number)),
            Err(_) if is_comment || recipients::is_blank(line) => {}
            Err(reason) => expected_bad.push((at as u64 + 1, reason)),
        }
    }
    assert_eq!(numbers, expected.into_iter().collect::<Vec<_>>());
    assert_eq!(bad, expected_bad);
});
