//! Faults on demand: what integrators try their clients against.
//!
//! A plan has a line for each fault: a method or `*`, the calls of it that are meant, and what happens
//! to them. The first line that fits a call decides; each line counts the calls of its method for
//! itself, from 1, over all accounts.
//!
//! ```text
//! # method                calls  fault
//! campaign/addrecipients  2-3    locked
//! campaign/addrecipients  5      drop:after
//! campaign/send           1-     code:30
//! message/list            */10   status:502
//! *                       */7    delay:1500
//! ```

use crate::ApiCode;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A plan may have so many bytes and lines.
const MOST_BYTES: usize = 1 << 20;
const MOST_LINES: usize = 1000;

/// The longest delay.
const MOST_DELAY: u64 = 600_000;

/// A plan of faults.
#[derive(Debug, Default)]
pub struct FaultPlan(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    /// In lower case; none is every one.
    method: Option<String>,
    calls: Calls,
    fault: Fault,
    /// Calls that came.
    count: AtomicU64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Calls {
    /// From one to another, both of them.
    Range(u64, u64),
    /// One in so many.
    Every(u64),
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// It is answered with this code and not carried out.
    Code(ApiCode),
    /// It is answered with this HTTP status and not carried out.
    Status(u16),
    /// It is carried out after so long.
    Delay(Duration),
    /// The connection is dropped, and it is not carried out.
    DropBefore,
    /// It is carried out, and the connection is dropped.
    DropAfter,
}

/// A line of a plan that cannot be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FaultPlanError {
    line: usize,
    words: &'static str,
}

impl fmt::Display for FaultPlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.words)
    }
}

impl std::error::Error for FaultPlanError {}

impl FaultPlan {
    /// Reads a plan.
    ///
    /// # Errors
    ///
    /// The first line that cannot be read.
    pub fn parse(text: &str) -> Result<FaultPlan, FaultPlanError> {
        let mut rules = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let wrong = |words| FaultPlanError {
                line: at + 1,
                words,
            };
            if text.len() > MOST_BYTES || at >= MOST_LINES {
                return Err(wrong("a plan has at most 1000 lines and 1 MiB"));
            }
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_whitespace();
            let (Some(method), Some(calls), Some(fault), None) =
                (words.next(), words.next(), words.next(), words.next())
            else {
                return Err(wrong(
                    "write a method, its calls and a fault, spaces between",
                ));
            };
            let method = match method {
                "*" => None,
                method if method.contains('/') && super::is_method(method) => {
                    Some(method.to_ascii_lowercase())
                }
                _ => return Err(wrong("there is no such method; write module/method or *")),
            };
            let calls =
                calls_of(calls).ok_or_else(|| wrong("write calls as 3, 3-5, 3- or */10"))?;
            let fault = fault_of(fault).ok_or_else(|| {
                wrong("write a fault as locked, code:N, status:N, delay:MS, drop:before or drop:after")
            })?;
            rules.push(Rule {
                method,
                calls,
                fault,
                count: AtomicU64::new(0),
            });
        }
        Ok(FaultPlan(rules))
    }

    /// What happens to the next call of this method.
    pub(super) fn next(&self, module: &str, method: &str) -> Option<Fault> {
        let is_meant = |rule: &&Rule| match &rule.method {
            None => true,
            Some(meant) => meant.split_once('/') == Some((module, method)),
        };
        let mut fault = None;
        for rule in self.0.iter().filter(is_meant) {
            let count = rule.count.fetch_add(1, Ordering::SeqCst) + 1;
            let is_due = match rule.calls {
                Calls::Range(from, to) => (from..=to).contains(&count),
                Calls::Every(step) => count.is_multiple_of(step),
            };
            if is_due && fault.is_none() {
                fault = Some(rule.fault);
            }
        }
        fault
    }
}

fn calls_of(text: &str) -> Option<Calls> {
    let number = |text: &str| text.parse::<u64>().ok().filter(|&number| number > 0);
    if let Some(step) = text.strip_prefix("*/") {
        return Some(Calls::Every(number(step)?));
    }
    let (from, to) = match text.split_once('-') {
        Some((from, "")) => (number(from)?, u64::MAX),
        Some((from, to)) => (number(from)?, number(to)?),
        None => (number(text)?, number(text)?),
    };
    (from <= to).then_some(Calls::Range(from, to))
}

fn fault_of(text: &str) -> Option<Fault> {
    Some(match text.split_once(':') {
        None if text == "locked" => Fault::Code(ApiCode::Conflict),
        Some(("code", number)) => {
            let code = ApiCode::from_number(number.parse().ok()?)?;
            Fault::Code(code)
        }
        Some(("status", number)) => {
            let status: u16 = number.parse().ok()?;
            Fault::Status((400..=599).contains(&status).then_some(status)?)
        }
        Some(("delay", ms)) => {
            let ms: u64 = ms.parse().ok()?;
            Fault::Delay(Duration::from_millis((ms <= MOST_DELAY).then_some(ms)?))
        }
        Some(("drop", "before")) => Fault::DropBefore,
        Some(("drop", "after")) => Fault::DropAfter,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_decides() {
        let plan = "# a comment\n\ncampaign/AddRecipients 2-3 locked\n* */2 delay:5\n\
                    campaign/send 2- drop:after\n";
        let plan = FaultPlan::parse(plan).unwrap();
        let next = |method| plan.next("campaign", method);
        let delay = Some(Fault::Delay(Duration::from_millis(5)));
        let locked = Some(Fault::Code(ApiCode::Conflict));
        assert_eq!(
            [(); 4].map(|()| next("addrecipients")),
            [None, locked, locked, delay]
        );
        assert_eq!(
            [(); 3].map(|()| next("send")),
            [None, delay, Some(Fault::DropAfter)]
        );
    }

    #[test]
    fn what_cannot_be_read() {
        for (line, word) in [
            ("campaign/add 1 locked", "method"),
            ("campaign 1 locked", "method"),
            ("* 0 locked", "calls"),
            ("* 5-3 locked", "calls"),
            ("* */0 locked", "calls"),
            ("* 1 code:7", "fault"),
            ("* 1 status:200", "fault"),
            ("* 1 delay:600001", "fault"),
            ("* 1", "spaces"),
            ("* 1 locked now", "spaces"),
        ] {
            let error = FaultPlan::parse(&format!("\n{line}"))
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("line 2: ") && error.contains(word),
                "{line}: {error}"
            );
        }
        assert!(FaultPlan::parse(&"\n".repeat(2000)).is_err());
    }
}
