//! Any text and values: filling never panics, and counting agrees with a slow reference.
#![no_main]

use libfuzzer_sys::fuzz_target;
use recipients::{Missing, Segments, Template, TextEncoding, non_gsm};
use std::collections::BTreeMap;

fn slow_parts(text: &str) -> u32 {
    let gsm = non_gsm(text).next().is_none();
    let width = |c: char| match gsm {
        true => 1 + u32::from("\u{c}^{}\\[~]|€".contains(c)),
        false => c.len_utf16() as u32,
    };
    let (single, multi) = if gsm { (160, 153) } else { (70, 67) };
    if text.chars().map(width).sum::<u32>() <= single {
        return 1;
    }
    let mut parts = vec![0];
    for c in text.chars() {
        if parts[parts.len() - 1] + width(c) > multi {
            parts.push(0);
        }
        *parts.last_mut().expect("one at least") += width(c);
    }
    parts.len() as u32
}

fuzz_target!(|input: (String, BTreeMap<String, String>)| {
    let (text, values) = input;
    let template = Template::parse(text.as_str());
    let mut out = String::new();
    let value = |name: &str| values.get(name).map(String::as_str);
    if template.fill(value, Missing::Keep, &mut out).is_ok() {
        let segments = Segments::of(&out);
        assert_eq!(segments.parts, slow_parts(&out));
        assert_eq!(segments.encoding == TextEncoding::Gsm7, non_gsm(&out).next().is_none());
    }
    let lacking = template.names().iter().any(|name| !values.contains_key(*name));
    assert_eq!(template.fill(value, Missing::Reject, &mut out).is_err(), lacking);
    if values.is_empty() {
        template.fill(value, Missing::Keep, &mut out).expect("kept");
        assert_eq!(out, text);
    }
});
