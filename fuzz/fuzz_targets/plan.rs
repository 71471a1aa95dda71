//! A compiled plan with some bytes changed and a checksum that is right: refused, or harmless. And
//! bytes that never were a plan. Mostly of a few countries, so that a run does not copy megabytes and a
//! change meets more of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use numbering_plan::text::Written;
use numbering_plan::{Plan, Territory, layout};
use numbering_plan_compiler::source::Source;
use numbering_plan_compiler::{Registry, compile};
use std::sync::OnceLock;

const COMMITTED: &[u8] = include_bytes!("../../crates/numbering-plan/data/plan.bin");

#[derive(arbitrary::Arbitrary, Debug)]
struct Input<'a> {
    base: u8,
    changes: Vec<(u32, [u8; 2])>,
    fields: Vec<&'a [u8]>,
    raw: &'a [u8],
}

const METADATA: &str = include_str!("../../crates/numbering-plan/data/metadata.tsv");
const CARRIERS: &str = include_str!("../../crates/numbering-plan/data/carriers.tsv");

/// A plan of some countries: one that stands alone, two that share a calling code, and one whose numbers are
/// written in several ways.
fn small() -> &'static [u8] {
    const CODES: [u16; 3] = [380, 7, 55];
    static SMALL: OnceLock<Vec<u8>> = OnceLock::new();
    SMALL.get_or_init(|| {
        let mut source = Source::from_tsv(METADATA, CARRIERS).expect("as it was compiled");
        source.territories.retain(|territory| CODES.contains(&territory.calling_code));
        source.carriers.retain(|prefix, _| CODES.iter().any(|code| prefix.starts_with(&code.to_string())));
        compile(&source, &mut Registry::default()).expect("a part of a plan is one").bytes
    })
}

fuzz_target!(|input: Input<'_>| {
    assert!(Plan::from_bytes(input.raw).is_err());
    let mut bytes = if input.base == 0x5a { COMMITTED } else { small() }.to_vec();
    for (at, new) in &input.changes {
        let at = *at as usize % (bytes.len() - 1);
        bytes[at..at + 2].copy_from_slice(new);
    }
    if let Some(end) = bytes.windows(2).position(|pair| pair == b"\n\n") {
        let head = end + 2;
        if head + 4 <= bytes.len() {
            let sum = layout::checksum([&bytes[..head], &bytes[head + 4..]]);
            bytes[head..head + 4].copy_from_slice(&sum.to_le_bytes());
        }
    }
    let Ok(plan) = Plan::from_bytes(&bytes) else {
        return;
    };
    let territories: Vec<Territory> = plan.territories().map(|(t, _)| t).take(20).collect();
    for field in &input.fields {
        let answer = plan.classify(field);
        let _ = answer.operator().and_then(|operator| plan.operator_name(operator));
        for &territory in &territories {
            let digits = field.iter().copied().filter(u8::is_ascii_digit);
            let _ = plan.national(&Written::of_digits(digits, false, false), territory);
        }
    }
});
