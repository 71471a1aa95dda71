//! Checks the numbers given as arguments: `cargo run --example check_one -- "+7 (701) 123-45-67"`.

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use recipients::Checker;

fn main() {
    let checker = Checker::default();
    let mut numbers: Vec<String> = std::env::args().skip(1).collect();
    if numbers.is_empty() {
        numbers = ["+38 (097) 111-22-33", "3.80971E+11", "+49 (0)151 12345678"]
            .map(String::from)
            .into();
    }
    for number in numbers {
        let verdict = checker.check(&number);
        let canonical = verdict.msisdn().map(|msisdn| msisdn.to_string());
        println!(
            "{number:24} {:>2} {:20} {}",
            verdict.code().as_u8(),
            verdict.reason(),
            canonical.unwrap_or_default(),
        );
    }
}
