//! Any query and any JSON body: no panic, limits hold, and what was taken can be read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use recipients_api_adapter::{Bag, Limits, TooMuch, Value};

const LIMITS: Limits = Limits {
    values: 200,
    depth: 4,
};

fn measure(value: &Value) -> (usize, usize) {
    let (mut texts, mut depth) = (usize::from(value.text().is_some()), 0);
    for (key, inner) in value.entries() {
        assert_eq!(value.get(key), Some(inner), "keys are unique");
        let (more, deeper) = measure(inner);
        texts += more;
        depth = depth.max(deeper + 1);
    }
    (texts, depth)
}

fuzz_target!(|input: (String, Vec<u8>, Vec<u8>)| {
    let (query, form, json) = input;
    let mut bag = Bag::new(LIMITS);
    let taken = [bag.add_query(&query), bag.add_form(&form), bag.add_json(&json)];
    for error in taken.into_iter().filter_map(Result::err) {
        assert!(matches!(
            error,
            TooMuch::Values(200) | TooMuch::Depth(4) | TooMuch::Malformed
        ));
    }
    for name in ["id", "a", "recipients", "params", "r", "0"] {
        if let Some(value) = bag.get(name) {
            let (texts, depth) = measure(value);
            assert!(texts <= LIMITS.values + 1 && depth <= LIMITS.depth + 2);
        }
    }
});
