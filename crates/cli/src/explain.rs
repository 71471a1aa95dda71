//! `recipients explain`: from the raw text to the verdict.

use crate::args::ExplainArgs;
use crate::check::rules;
use crate::failure::{ACCEPTED, Failure, NONE_ACCEPTED, unless_broken_pipe};
use recipients::{Checker, Msisdn, Step, Verdict, Workers};
use std::io::{self, Write};
use std::process::ExitCode;

pub(crate) fn run(args: &ExplainArgs) -> Result<ExitCode, Failure> {
    let checker = rules(&args.policy, &Workers::new(0)?)?.checker;
    let (verdict, steps) = checker.explain(&args.number);
    let mut out = io::stdout().lock();
    tell(&mut out, &args.number, &checker, verdict, &steps).or_else(unless_broken_pipe)?;
    Ok(ExitCode::from(match verdict.is_accepted() {
        true => ACCEPTED,
        false => NONE_ACCEPTED,
    }))
}

fn tell(
    out: &mut impl Write,
    text: &str,
    checker: &Checker,
    verdict: Verdict,
    steps: &[Step],
) -> io::Result<()> {
    writeln!(out, "raw text   {text:?}")?;
    for step in steps {
        writeln!(out, "{:<10} {}", step.rule, step.finding)?;
    }
    writeln!(out)?;
    let code = verdict.code();
    writeln!(
        out,
        "verdict    {} {code} ({})",
        code.as_u8(),
        verdict.reason()
    )?;
    writeln!(out, "           {}", verdict.reason().message())?;
    if !verdict.reason().advice().is_empty() {
        writeln!(out, "to do      {}", verdict.reason().advice())?;
    }
    if let Some(number) = verdict.msisdn() {
        writeln!(out, "number     {number}   {}", display(number))?;
    }
    if let Some(territory) = verdict.territory() {
        writeln!(out, "country    {territory}")?;
    }
    if let Some(kind) = verdict.kind() {
        writeln!(out, "kind       {}", kind.name().replace('_', " "))?;
    }
    if let Some(operator) = verdict.operator() {
        let name = checker.plan().operator_name(operator);
        writeln!(
            out,
            "operator   {name} (holder of the range; the number may have been ported)"
        )?;
    }
    writeln!(out, "plan       {}", checker.plan().version())?;
    out.flush()
}

/// The number in groups, as people write it. The `phonenumber` crate formats well but parses some
/// numbers wrongly, so what it makes is shown only if it has the same digits.
fn display(number: Msisdn) -> String {
    let plain = format!("+{number}");
    let formatted = phonenumber::parse(None, &plain).ok().map(|parsed| {
        parsed
            .format()
            .mode(phonenumber::Mode::International)
            .to_string()
    });
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    formatted
        .filter(|text| digits(text) == digits(&plain))
        .unwrap_or(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_in_groups_and_never_changed() {
        let shown = |number| display(Msisdn::from_u64(number).unwrap());
        assert_eq!(shown(380_971_112_233), "+380 97 111 2233");
        // The crate takes the 8 of Petersburg's code for a national prefix.
        assert_eq!(shown(78_123_262_000), "+78123262000");
    }
}
