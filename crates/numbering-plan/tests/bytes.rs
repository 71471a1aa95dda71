//! Compiled plans from anywhere: good ones work, bad ones are errors, and none panics.

use numbering_plan::layout::{HEAD_WORDS, MAGIC, MAX_BYTES, Section, checksum};
use numbering_plan::text::Written;
use numbering_plan::{Plan, Territory};
use numbering_plan_compiler::source::Source;
use numbering_plan_compiler::{Registry, compile};
use numbering_plan_oracle::lists::{Dice, Lists};
use numbering_plan_oracle::{Twin, committed_source, cover};
use proptest::prelude::*;

const COMMITTED: &[u8] = include_bytes!("../data/plan.bin");

/// Where the words between header and sections start.
fn head(bytes: &[u8]) -> usize {
    bytes
        .windows(2)
        .position(|pair| pair == b"\n\n")
        .expect("an empty line ends the header")
        + 2
}

/// The bytes with a checksum that is right, so that what is wrong must be found otherwise.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let at = head(&bytes);
    let sum = checksum([&bytes[..at], &bytes[at + 4..]]);
    bytes[at..at + 4].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// Where each section starts and how long it is.
fn sections(bytes: &[u8]) -> Vec<(Section, std::ops::Range<usize>)> {
    let head = head(bytes);
    let mut start = head + 4 * HEAD_WORDS;
    Section::ALL
        .into_iter()
        .enumerate()
        .map(|(at, section)| {
            let word = head + 4 * (at + 1);
            let count = u32::from_le_bytes(bytes[word..word + 4].try_into().expect("four bytes"));
            let range = start..start + count as usize * section.element();
            start = range.end;
            (section, range)
        })
        .collect()
}

#[test]
fn the_committed_plan_is_good_and_tells_where_it_comes_from() {
    let plan = Plan::from_bytes(COMMITTED).expect("the committed plan");
    assert_eq!(plan.version(), Plan::builtin().version());
    assert!(plan.version().starts_with("libphonenumber "));
    assert_eq!(plan.about("licence"), Some("Apache-2.0"));
    assert!(plan.about("date").is_some_and(|date| date.len() == 10));
    assert!(plan.about("source").is_some());
    assert_eq!(plan.about("nothing"), None);
    assert!(plan.header().starts_with(MAGIC));
    let ukraine = Territory::parse("UA").expect("a territory");
    assert_eq!(plan.calling_code(ukraine), Some(380));
    assert_eq!(
        plan.territories_of(7)
            .map(|t| t.to_string())
            .collect::<Vec<_>>(),
        ["RU", "KZ"]
    );
    assert_eq!(plan.territories().count(), 254);
    assert!(plan.operators().count() > 1200);
}

#[test]
fn damage_is_an_error() {
    assert!(Plan::from_bytes(b"").is_err());
    assert!(Plan::from_bytes(MAGIC.as_bytes()).is_err());
    assert!(Plan::from_bytes(&vec![b'\n'; MAX_BYTES + 1]).is_err());
    let mut dice = Dice::new(3);
    for _ in 0..50 {
        let cut = dice.roll(COMMITTED.len());
        assert!(Plan::from_bytes(&COMMITTED[..cut]).is_err(), "cut at {cut}");
        let mut flipped = COMMITTED.to_vec();
        flipped[cut] ^= 1 << dice.roll(8);
        assert!(Plan::from_bytes(&flipped).is_err(), "a bit of byte {cut}");
    }
    let mut longer = COMMITTED.to_vec();
    longer.push(0);
    assert!(Plan::from_bytes(&longer).is_err());
    // Another format, another header.
    let other = [b"numbering-plan 2".as_slice(), &COMMITTED[MAGIC.len()..]].concat();
    assert!(Plan::from_bytes(&sealed(other)).is_err());
    let nameless =
        String::from_utf8_lossy(&COMMITTED[..head(COMMITTED)]).replace("version: ", "vision: ");
    let nameless = [nameless.as_bytes(), &COMMITTED[head(COMMITTED)..]].concat();
    let error = Plan::from_bytes(&sealed(nameless)).expect_err("no version");
    assert!(error.to_string().contains("version"), "{error}");
}

/// Asks a plan for everything it has.
fn exercise(plan: &Plan<'_>, numbers: &[String]) {
    let territories: Vec<Territory> = plan.territories().map(|(t, _)| t).collect();
    for (at, number) in numbers.iter().enumerate() {
        let answer = plan.classify(number.as_bytes());
        let _ = format!("{answer:?} {:?} {:?}", answer.territory(), answer.kind());
        let written = Written::of_digits(number.bytes().filter(u8::is_ascii_digit), false, false);
        if let Some(&territory) = territories.get(at % territories.len().max(1)) {
            let _ = plan.national(&written, territory);
        }
        let _ = answer
            .operator()
            .and_then(|operator| plan.operator_name(operator));
    }
    let fields: Vec<&[u8]> = numbers.iter().map(String::as_bytes).collect();
    let mut answers = vec![numbering_plan::Answer::BLANK; fields.len()];
    plan.classify_batch(&fields, &mut answers);
    for (field, answer) in fields.iter().zip(answers) {
        assert_eq!(answer, plan.classify(field));
    }
    let _ = plan.operators().count();
}

#[test]
fn a_wrong_element_is_found_or_does_no_harm() {
    let lists = Lists::new(&committed_source());
    let mut numbers = lists.hostile(300);
    numbers.extend(lists.messy(100));
    let mut dice = Dice::new(9);
    let (mut refused, mut accepted) = (0, 0);
    for (section, range) in sections(COMMITTED) {
        for _ in 0..12 {
            let mut bytes = COMMITTED.to_vec();
            // Many elements at once, so that some are met on the way.
            for _ in 0..1 + dice.roll(3000) {
                let at = range.start + dice.roll(range.len());
                bytes[at] = dice.roll(256) as u8;
            }
            match Plan::from_bytes(&sealed(bytes)) {
                Ok(plan) => {
                    exercise(&plan, &numbers);
                    accepted += 1;
                }
                Err(error) => {
                    assert!(
                        error.to_string().contains("contradicts itself"),
                        "{section:?}: {error}"
                    );
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 0 && accepted + refused == 12 * Section::COUNT);
}

/// A plan with this section instead of its own.
fn with_section(which: Section, content: &[u8]) -> Vec<u8> {
    let start = head(COMMITTED);
    let mut bytes = COMMITTED[..start + 4 * HEAD_WORDS].to_vec();
    for (section, range) in sections(COMMITTED) {
        let content = match section == which {
            true => content,
            false => &COMMITTED[range],
        };
        let word = start + 4 * (section as usize + 1);
        let count = (content.len() / section.element()) as u32;
        bytes[word..word + 4].copy_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(content);
    }
    sealed(bytes)
}

#[test]
fn a_plan_without_a_section_is_an_error() {
    for section in Section::ALL {
        let bytes = with_section(section, &[]);
        assert!(Plan::from_bytes(&bytes).is_err(), "{section:?}");
    }
    let other = [b"numbering-plan 10".as_slice(), &COMMITTED[MAGIC.len()..]].concat();
    assert!(Plan::from_bytes(&sealed(other)).is_err());
}

/// Every row says that a national prefix may be there, also where there is no number at all.
#[test]
fn prefixes_everywhere_do_no_harm() {
    let (_, rows) = sections(COMMITTED)
        .into_iter()
        .find(|(section, _)| *section == Section::Rows)
        .expect("rows");
    let mut content = COMMITTED[rows].to_vec();
    for element in content.chunks_mut(4) {
        element[3] |= 0x80;
    }
    let bytes = with_section(Section::Rows, &content);
    let plan = Plan::from_bytes(&bytes).expect("rows may say so");
    let mut numbers: Vec<String> = [
        "n/a",
        "",
        "12",
        "o380971112233",
        "0971112233",
        "79101112233",
    ]
    .iter()
    .cycle()
    .take(600)
    .map(|text| (*text).to_owned())
    .collect();
    numbers.extend(Lists::new(&committed_source()).hostile(2000));
    exercise(&plan, &numbers);
    for number in &numbers {
        let same = Plan::builtin().classify(number.as_bytes());
        assert_eq!(plan.classify(number.as_bytes()), same, "{number}");
    }
}

#[test]
fn digits_are_digits() {
    let region = Territory::parse("UA").expect("a territory");
    let odd = Written::of_digits(*b"-+x380971112233\xff", false, false);
    assert_eq!(odd.digits(), Some("380971112233"));
    assert!(Plan::builtin().national(&odd, region).is_some());
    let own = Written::of_digits(*b"380", false, false);
    let _ = Plan::builtin().national(&own, region);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Plans of a few calling codes, with holders of ranges that never were, against the twin.
    #[test]
    fn any_source_compiles_to_what_it_says(
        seed in 1..u64::MAX,
        chosen in prop::collection::btree_set(0..215usize, 1..6),
        holders in prop::collection::btree_map("[1-9][0-9]{0,8}", "[A-C]", 0..30),
    ) {
        let all = committed_source();
        let mut source = Source { carriers: holders.clone(), ..all.clone() };
        source.territories = all
            .by_calling_code()
            .enumerate()
            .filter(|(at, _)| chosen.contains(at))
            .flat_map(|(_, group)| group.to_vec())
            .collect();
        let mut registry = Registry::default();
        let compiled = compile(&source, &mut registry).expect("a source that is a part of a good one");
        let plan = Plan::from_bytes(&compiled.bytes).expect("what the compiler makes is good");
        let twin = Twin::new(&source);
        let mut dice = Dice::new(seed);
        let numbers = cover(&compiled.automaton, 1, |n| dice.roll(n));
        for number in numbers.iter().step_by(1 + numbers.len() / 3000) {
            let answer = plan.classify(number.as_bytes());
            prop_assert!(twin.international(number).agrees(&answer), "{number} {answer:?}");
            if let Some(operator) = answer.operator() {
                let digits = answer.number().expect("a number").to_string();
                let longest = (1..=digits.len()).rev().find_map(|len| holders.get(&digits[..len]));
                prop_assert_eq!(plan.operator_name(operator), longest.map(String::as_str));
            }
        }
    }
}
