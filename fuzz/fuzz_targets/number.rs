//! Any text as a cell: never a panic, and the same verdict however it is asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use recipients::{Checker, Lines, Plan, Policy};
use std::sync::LazyLock;

static CHECKERS: LazyLock<[Checker; 3]> = LazyLock::new(|| {
    let region = Plan::builtin().territory("UA").ok();
    [
        Checker::default(),
        Checker::new(Policy::default().region(region)),
        Checker::new(Policy::default().lines(Lines::Possible)),
    ]
});

fuzz_target!(|text: &str| {
    for checker in CHECKERS.iter() {
        let verdict = checker.check(text);
        assert_eq!(checker.explain(text).0, verdict);
        if let Some(number) = verdict.msisdn() {
            let again = checker.check(&format!("+{number}"));
            assert_eq!(again.msisdn(), Some(number), "idempotent");
        }
        for (piece, verdict) in checker.check_pieces(text) {
            assert!(text.contains(piece));
            assert_eq!(checker.check(piece).code(), verdict.code());
        }
        let _ = checker.stop_list_entry(text);
    }
});
