//! The decisions that need more than one cell to be shown: each test cites its rule and fails
//! when the rule is turned round. (D3-D6, D13 and D14 are in `numbers.rs`, by the table.)

use proptest::prelude::*;
use recipients_core::{
    Checker, Code, Contact, ContactBook, Lines, Msisdn, Plan, Policy, Reason, SeveralNumbers,
    StopList,
};

const KYIVSTAR: &str = "380971112233"; // UA, mobile
const MOSCOW: &str = "74951234567"; // RU, fixed line
const MEGAFON: &str = "79201112233"; // RU, mobile

fn plan() -> &'static Plan {
    Plan::builtin()
}

fn stop(numbers: &[&str]) -> StopList {
    let checker = Checker::default();
    numbers
        .iter()
        .map(|n| checker.stop_list_entry(n).unwrap())
        .collect()
}

fn reason(policy: Policy, text: &str) -> Reason {
    Checker::new(policy).check(text).reason()
}

/// D1: 1 → 2 → 3 → 7 → 6 → 8 → 5, the first that applies. A policy under which everything is
/// forbidden tells which question is asked first.
#[test]
fn d1_order_of_checks() {
    let operator = plan().operator("Kyivstar").unwrap();
    let everything = || {
        Policy::default()
            .deny([
                plan().destination("UA").unwrap(),
                plan().destination("7").unwrap(),
            ])
            .deny_operators([operator])
            .own_stop_list(stop(&[KYIVSTAR, MOSCOW]))
            .system_stop_list(stop(&[KYIVSTAR, MOSCOW]))
    };
    assert_eq!(reason(everything(), " ").code(), Code::Empty);
    assert_eq!(reason(everything(), "x").code(), Code::NoNumber);
    assert_eq!(
        reason(everything(), "38097111").code(),
        Code::NotInternational
    );
    assert_eq!(reason(everything(), MOSCOW), Reason::NotMobile); // 7 before 6 and 5
    assert_eq!(reason(everything(), KYIVSTAR), Reason::TerritoryNotAllowed); // 6 before 8 and 5
    let without_countries = Policy::default()
        .deny_operators([operator])
        .own_stop_list(stop(&[KYIVSTAR]));
    assert_eq!(
        reason(without_countries, KYIVSTAR),
        Reason::OperatorNotServed
    ); // 8 before 5
    let lists = Policy::default()
        .own_stop_list(stop(&[KYIVSTAR]))
        .system_stop_list(stop(&[KYIVSTAR]));
    assert_eq!(reason(lists, KYIVSTAR), Reason::OwnStopList);
    assert_eq!(reason(Policy::default(), KYIVSTAR), Reason::Ok);
}

/// D1: what is found out later (20, 4, 51) replaces an acceptance and nothing else.
#[test]
fn d1_the_first_reason_stays() {
    let checker = Checker::default();
    let accepted = checker.check(KYIVSTAR);
    assert_eq!(accepted.but(Reason::Duplicate).code(), Code::Duplicate);
    let missing = accepted.but(Reason::MissingPlaceholder);
    assert_eq!(
        missing.but(Reason::Duplicate).reason(),
        Reason::MissingPlaceholder
    );
    let seen = accepted.but(Reason::SeenBefore);
    assert_eq!(
        seen.but(Reason::MissingPlaceholder).code(),
        Code::MissingPlaceholder
    );
    assert_eq!(
        seen.but(Reason::ShortLinkUnavailable).code(),
        Code::Duplicate
    );
    assert_eq!(
        accepted.but(Reason::ShortLinkUnavailable).code(),
        Code::ShortLinkUnavailable
    );
    let fixed = checker.check(MOSCOW);
    assert_eq!(fixed.but(Reason::Duplicate).reason(), Reason::NotMobile);
    // Only a failure of the store replaces any verdict.
    assert_eq!(fixed.but(Reason::StoreFailed).code(), Code::Internal);
    assert_eq!(accepted.but(Reason::StoreFailed).code(), Code::Internal);
}

#[test]
fn d7_line_policies() {
    let unknown = "4901122211112"; // the specification's own third example
    let table = [
        (
            Lines::Mobile,
            [
                Reason::Ok,
                Reason::NotMobile,
                Reason::UnknownRange,
                Reason::Ok,
            ],
        ),
        (
            Lines::Any,
            [Reason::Ok, Reason::Ok, Reason::UnknownRange, Reason::Ok],
        ),
        (
            Lines::Possible,
            [Reason::Ok, Reason::Ok, Reason::Ok, Reason::Ok],
        ),
    ];
    for (lines, expected) in table {
        let texts = [KYIVSTAR, MOSCOW, unknown, "12015550123"]; // the last: fixed line or mobile
        let got = texts.map(|text| reason(Policy::default().lines(lines), text));
        assert_eq!(got, expected, "{lines:?}");
    }
    assert_eq!(
        reason(Policy::default(), "99912345678"),
        Reason::UnknownCallingCode
    );
    assert!(
        plan().version().contains("9.0."),
        "every report names the plan's version"
    );
}

#[test]
fn d8_countries_and_calling_codes() {
    let to = |text: &str| plan().destination(text).unwrap();
    let allow = |list: &[&str]| Policy::default().allow(list.iter().map(|t| to(t)));
    let deny = |list: &[&str]| Policy::default().deny(list.iter().map(|t| to(t)));
    assert_eq!(reason(allow(&["UA"]), KYIVSTAR), Reason::Ok);
    assert_eq!(reason(allow(&["UA"]), MEGAFON), Reason::TerritoryNotAllowed);
    assert_eq!(reason(allow(&["+7"]), MEGAFON), Reason::Ok);
    assert_eq!(reason(allow(&["KZ"]), MEGAFON), Reason::TerritoryNotAllowed); // +7, but not KZ
    assert_eq!(
        reason(deny(&["7"]), "77071112233"),
        Reason::TerritoryNotAllowed
    );
    assert_eq!(
        reason(allow(&["UA"]).deny([to("380")]), KYIVSTAR),
        Reason::TerritoryNotAllowed
    );
    let satellite = "881612345678"; // a global network
    let any = |policy: Policy| policy.lines(Lines::Possible);
    assert_eq!(
        reason(any(allow(&["001"])), satellite).code(),
        Code::Accepted
    );
    assert_eq!(
        reason(any(allow(&["UA"])), satellite),
        Reason::TerritoryNotAllowed
    );
    for wrong in ["XX", "999", "", "38", "UKR", "+"] {
        assert!(plan().destination(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn d8_operators() {
    let kyivstar = plan().operator("kyivstar").unwrap();
    let other = plan().operator("MegaFon").unwrap();
    assert_eq!(
        Checker::default().check(KYIVSTAR).operator(),
        Some(kyivstar)
    );
    assert_eq!(
        reason(Policy::default().allow_operators([kyivstar]), KYIVSTAR),
        Reason::Ok
    );
    let served = reason(Policy::default().allow_operators([other]), KYIVSTAR);
    assert_eq!(
        (served, served.code()),
        (Reason::OperatorNotServed, Code::UnsupportedOperator)
    );
    // An unknown operator is accepted, unless a known one is required.
    let unknown = "12015550123";
    assert_eq!(Checker::default().check(unknown).operator(), None);
    assert_eq!(
        reason(Policy::default().allow_operators([kyivstar]), unknown),
        Reason::Ok
    );
    let required = reason(Policy::default().require_operator(true), unknown);
    assert_eq!(
        (required, required.code()),
        (Reason::UnknownOperator, Code::UnknownDestination)
    );
    assert!(plan().operator("no such operator").is_err());
}

#[test]
fn d9_stop_lists_are_read_as_recipients_are() {
    let system = Policy::default().system_stop_list(stop(&["00380 (97) 111-22-33"]));
    assert_eq!(reason(system, "+380 97 111 22 33"), Reason::SystemStopList);
    let region = Some(plan().territory("UA").unwrap());
    let reader = Checker::new(Policy::default().region(region));
    let list: StopList = [reader.stop_list_entry("097 111-22-33").unwrap()]
        .into_iter()
        .collect();
    assert_eq!(
        reason(Policy::default().own_stop_list(list), KYIVSTAR),
        Reason::OwnStopList
    );
    // A landline may be on the list; a line that is no number is an error, never skipped.
    assert!(Checker::default().stop_list_entry(MOSCOW).is_ok());
    assert_eq!(
        Checker::default().stop_list_entry("nobody"),
        Err(Reason::NoDigits)
    );
    assert_eq!(
        Checker::default().stop_list_entry("123"),
        Err(Reason::TooShort)
    );
}

struct Book;

impl ContactBook for Book {
    fn find(&self, card: &str, field: Option<&str>) -> Contact<'_> {
        match (card, field) {
            ("1", None | Some("mobile")) => Contact::Number("+380 97 111-22-33".into()),
            ("1", Some("landline")) => Contact::Number("".into()),
            ("2", None | Some("mobile")) => Contact::WithoutNumber,
            ("1" | "2", Some(_)) => Contact::UnknownField,
            _ => Contact::UnknownCard,
        }
    }
}

/// D11 and D1: 30 → 32 → 31, then the checks of a number.
#[test]
fn d11_contacts() {
    let check = |entry: &str| Checker::default().check_contact(entry, &Book);
    for (entry, code) in [
        ("1", 0),
        ("1:mobile", 0),
        (" 1 : mobile ", 0),
        ("3", 30),
        ("3:nothing", 30), // the card before the field
        ("x", 30),
        ("", 30),
        ("1:nothing", 32),
        ("2:nothing", 32), // the field before the missing number
        ("2", 31),
        ("2:mobile", 31),
        ("1:landline", 31), // the named field is empty
    ] {
        let verdict = check(entry);
        assert_eq!(verdict.code().as_u8(), code, "{entry}");
        if matches!(code, 30..=32) {
            assert_eq!(verdict.msisdn(), None, "recipient is null for {code}");
        }
    }
    let duplicate = check("1").but(Reason::Duplicate);
    assert_eq!(duplicate.code(), Code::Duplicate);
}

/// D14: reject by default, or the first, or each.
#[test]
fn d14_several_numbers() {
    let cell = "+380971112233; 79201112233";
    assert_eq!(reason(Policy::default(), cell), Reason::SeveralNumbers);
    let first = Checker::new(Policy::default().several_numbers(SeveralNumbers::First)).check(cell);
    assert_eq!(first.msisdn(), Msisdn::from_u64(380_971_112_233));
    assert!(first.is_accepted() && first.cleaned());
    let numbers: Vec<_> = Checker::default()
        .check_pieces(cell)
        .into_iter()
        .filter_map(|(_, verdict)| verdict.msisdn())
        .map(Msisdn::as_u64)
        .collect();
    assert_eq!(numbers, [380_971_112_233, 79_201_112_233]);
}

/// Every explanation ends in the verdict that `check` gives, and names decisions.
#[test]
fn explanations_agree_with_verdicts() {
    let checker = Checker::default();
    for text in [
        "",
        "x",
        "3.8E+11",
        "0044 7400 123456",
        "+49 (0)151 12345678",
        MOSCOW,
        "1;2",
        "999",
    ] {
        let (verdict, steps) = checker.explain(text);
        assert_eq!(verdict, checker.check(text));
        assert!(!steps.is_empty());
        assert!(
            steps
                .iter()
                .all(|step| step.rule.starts_with('D') && !step.finding.is_empty())
        );
    }
}

fn any_cell() -> impl Strategy<Value = String> {
    let digit_like = prop::sample::select(
        "0123456789０٣५ ()-.,;/+xеEабв\u{a0}\u{200b}'"
            .chars()
            .collect::<Vec<_>>(),
    );
    prop_oneof![
        prop::collection::vec(digit_like, 0..24).prop_map(|chars| chars.into_iter().collect()),
        "(\\+|00)?(380|7|49|44|1|55|39)[ -]?\\(?[0-9]{2,4}\\)?[ -]?[0-9]{3,9}",
        ".{0,30}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Asking for many cells at a time changes no verdict, whatever the policy.
    #[test]
    fn a_batch_gets_the_verdicts_of_its_cells(
        texts in prop::collection::vec(prop_oneof![any_cell(), "(\\+|00)?[1-9][0-9]{5,16}"], 0..40),
        lines in prop::sample::select(&[Lines::Mobile, Lines::Any, Lines::Possible][..]),
        region in prop::option::of(prop::sample::select(&["UA", "RU", "US"][..])),
        require: bool,
        stop in 0usize..40,
    ) {
        let plan = Plan::builtin();
        let policy = Policy::default()
            .lines(lines)
            .region(region.map(|region| plan.territory(region).unwrap()))
            .require_operator(require);
        let reader = Checker::new(policy.clone());
        let cells: Vec<&str> = texts.iter().map(String::as_str).collect();
        let one_by_one: Vec<_> = cells.iter().map(|cell| reader.stop_list_entry(cell)).collect();
        let mut entries = Vec::new();
        reader.stop_list_batch(&cells, &mut entries);
        prop_assert_eq!(&entries, &one_by_one);
        let stopped = entries.into_iter().flatten().skip(stop).step_by(3);
        let checker = Checker::new(policy.own_stop_list(stopped.collect()));
        let mut verdicts = Vec::new();
        checker.check_batch(&cells, &mut verdicts);
        prop_assert_eq!(verdicts, cells.iter().map(|cell| checker.check(cell)).collect::<Vec<_>>());
    }

    /// Normalisation is idempotent: what was made of a text is left as it is, and for whatever
    /// policy the number is judged the same.
    #[test]
    fn normalisation_is_idempotent(text in any_cell(), possible: bool) {
        let lines = if possible { Lines::Possible } else { Lines::Mobile };
        let checker = Checker::new(Policy::default().lines(lines));
        let verdict = checker.check(&text);
        let Some(number) = verdict.msisdn() else { return Ok(()) };
        for canonical in [number.to_string(), format!("+{number}")] {
            let again = checker.check(&canonical);
            prop_assert_eq!(again.msisdn(), Some(number), "{}", text);
            prop_assert_eq!(again.code(), verdict.code());
            prop_assert_eq!(again.territory(), verdict.territory());
            prop_assert!(!again.cleaned());
        }
    }

    /// A number is there for every code but 1, 2 and 3; codes 1 and 2 were not cleaned.
    #[test]
    fn numbers_are_where_they_should_be(text in any_cell()) {
        let verdict = Checker::default().check(&text);
        let none = matches!(verdict.code(), Code::Empty | Code::NoNumber | Code::NotInternational);
        prop_assert_eq!(verdict.msisdn().is_none(), none);
        if matches!(verdict.code(), Code::Empty | Code::NoNumber) {
            prop_assert!(!verdict.cleaned());
        }
        if let Some(number) = verdict.msisdn() {
            let shown = format!("{verdict:?}");
            prop_assert!(!shown.contains(&number.to_string()), "Debug masks the number");
        }
    }
}
