//! The plan before its judges, on as many numbers as a debug build can bear. The whole trial is
//! `cargo run --release -p numbering-plan-oracle --bin judge`.

use numbering_plan_compiler::{Registry, compile};
use numbering_plan_oracle::lists::{Dice, Lists};
use numbering_plan_oracle::{Court, Ruling, committed_source, cover};

#[test]
fn google_and_the_twin_agree() {
    let court = Court::new();
    let source = committed_source();
    let plan = compile(&source, &mut Registry::default()).expect("the committed source compiles");
    let mut dice = Dice::new(11);
    let cover = cover(&plan.automaton, 1, |n| dice.roll(n));
    assert!(cover.len() > 200_000);
    for number in cover.iter().skip(dice.roll(23)).step_by(23) {
        assert_ne!(court.digits(number), Ruling::Disagreed, "{number}");
        assert!(court.twin_agrees(number), "{number}");
    }
    let lists = Lists::new(&source);
    for _ in 0..20_000 {
        let number = lists.random(&mut dice);
        assert_ne!(court.digits(&number), Ruling::Disagreed, "{number}");
        assert!(court.twin_agrees(&number), "{number}");
    }
    for list in [
        lists.clean(5_000),
        lists.messy(5_000),
        lists.hostile(10_000),
    ] {
        for cell in &list {
            assert_ne!(court.cell(cell), Ruling::Disagreed, "{cell:?}");
        }
    }
}

#[test]
fn the_slip_of_rlibphonenumber_is_the_only_one() {
    let court = Court::new();
    // Twelve zeros: Python and C++ keep them all, and there is no such number.
    assert_eq!(court.digits("888000000000001"), Ruling::AgreedByTwin);
    assert_eq!(court.digits("88800000000001"), Ruling::Agreed);
}
