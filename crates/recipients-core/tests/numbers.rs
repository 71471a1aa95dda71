//! Every case of `testdata/numbers`: hand-written cell texts (made from the decisions, judged by
//! an independent script, never by this code) and the published example numbers of every
//! territory and kind.

use recipients_core::{Checker, Lines, Plan, Policy, SeveralNumbers, Verdict};

fn table(name: &str) -> Vec<Vec<String>> {
    let path = format!(
        "{}/../../testdata/numbers/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).expect("testdata is part of the repository");
    text.split('\n')
        .filter(|line| !line.is_empty())
        .skip(1) // the header
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest[at + 1..];
        let (c, len) = match escape.as_bytes().first() {
            Some(b't') => ('\t', 1),
            Some(b'n') => ('\n', 1),
            Some(b'r') => ('\r', 1),
            Some(b'u') => {
                let end = escape.find('}').expect("\\u{…}");
                let code = u32::from_str_radix(&escape[2..end], 16).expect("hexadecimal");
                (char::from_u32(code).expect("a character"), end + 1)
            }
            Some(b'\\') => ('\\', 1),
            other => panic!("unknown escape {other:?}"),
        };
        out.push(c);
        rest = &escape[len..];
    }
    out + rest
}

fn checker(options: &str) -> Checker {
    let mut policy = Policy::default();
    for option in options.split([' ', ',']).filter(|o| !o.is_empty()) {
        let (name, value) = option.split_once('=').expect("name=value");
        policy = match (name, value) {
            ("region", code) => policy.region(Some(Plan::builtin().territory(code).unwrap())),
            ("lines", "mobile") => policy.lines(Lines::Mobile),
            ("lines", "any") => policy.lines(Lines::Any),
            ("lines", "possible") => policy.lines(Lines::Possible),
            ("several", "first") => policy.several_numbers(SeveralNumbers::First),
            ("several", "reject") => policy.several_numbers(SeveralNumbers::Reject),
            _ => panic!("unknown option {option}"),
        };
    }
    Checker::new(policy)
}

/// code, reason, number, territory, kind, cleaned, as the tables have them.
fn columns(verdict: &Verdict) -> [String; 6] {
    let text = |value: Option<String>| value.unwrap_or_default();
    [
        verdict.code().as_u8().to_string(),
        verdict.reason().name().to_owned(),
        text(verdict.msisdn().map(|n| n.to_string())),
        text(verdict.territory().map(|t| t.to_string())),
        text(verdict.kind().map(|k| k.to_string())),
        verdict.cleaned().to_string(),
    ]
}

#[test]
fn hand_written_cases() {
    let mut wrong = Vec::new();
    let cases = table("cases.tsv");
    assert!(cases.len() > 200);
    for case in &cases {
        let [text, options, expected @ .., rule, why] = case.as_slice() else {
            panic!("short line {case:?}");
        };
        let verdict = checker(options).check(&unescape(text));
        let got = columns(&verdict);
        if got.as_slice() != expected {
            wrong.push(format!(
                "{rule} `{text}` [{options}] {why}\n  want {expected:?}\n  got  {got:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn published_example_numbers_of_every_territory_and_kind() {
    let checker = Checker::default();
    for (file, at_least) in [("examples.tsv", 900), ("invalid.tsv", 200)] {
        let rows = table(file);
        assert!(rows.len() > at_least, "{file} has {} rows", rows.len());
        for row in rows {
            let [number, territory, kind, code, reason, ..] = row.as_slice() else {
                panic!("short line {row:?}");
            };
            let verdict = checker.check(number);
            let [got_code, got_reason, _, got_territory, got_kind, _] = columns(&verdict);
            assert_eq!(
                [&got_code, &got_reason, &got_territory, &got_kind],
                [code, reason, territory, kind],
                "{number}"
            );
        }
    }
}
