//! A compiled plan with some bytes changed and a checksum that is right: refused, or harmless. And
//! bytes that never were a plan.
#![no_main]

use libfuzzer_sys::fuzz_target;
use numbering_plan::text::Written;
use numbering_plan::{Plan, Territory, layout};

const COMMITTED: &[u8] = include_bytes!("../../crates/numbering-plan/data/plan.bin");

#[derive(arbitrary::Arbitrary, Debug)]
struct Input<'a> {
    changes: Vec<(u32, [u8; 2])>,
    fields: Vec<&'a [u8]>,
    raw: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    assert!(Plan::from_bytes(input.raw).is_err());
    let mut bytes = COMMITTED.to_vec();
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
