//! The questions that are asked of every recipient, in their order (decision D1).

use crate::scan::{self, Cell, Form};
use crate::{
    Answer, Code, Contact, ContactBook, Length, Lines, Msisdn, Plan, Policy, Reason,
    SeveralNumbers, Verdict, is_blank,
};
use numbering_plan::text::Written;

/// A numbering plan and a policy, ready to be asked.
///
/// Once built it cannot be changed, and threads share it.
#[derive(Clone)]
pub struct Checker {
    plan: &'static Plan,
    policy: Policy,
}

/// One step from the raw text to the verdict, as [`Checker::explain`] tells it.
#[derive(Clone, Eq, PartialEq)]
pub struct Step {
    /// The decision that was applied: `D5`.
    pub rule: &'static str,
    /// What it found, in a sentence. It may hold the number.
    pub finding: String,
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checker")
            .field("plan", &self.plan.version())
            .field("policy", &self.policy)
            .finish()
    }
}

/// Shows the rule and not the finding, which may hold the number.
impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Step({})", self.rule)
    }
}

/// Takes note of steps; the common case takes none and costs nothing.
trait Trace {
    fn step(&mut self, rule: &'static str, finding: impl FnOnce() -> String);
}

impl Trace for () {
    fn step(&mut self, _: &'static str, _: impl FnOnce() -> String) {}
}

impl Trace for Vec<Step> {
    fn step(&mut self, rule: &'static str, finding: impl FnOnce() -> String) {
        let finding = finding();
        self.push(Step { rule, finding });
    }
}

impl Default for Checker {
    /// The built-in plan and a policy that allows every mobile number.
    fn default() -> Checker {
        Checker::new(Policy::default())
    }
}

impl Checker {
    /// A checker with the built-in plan.
    pub fn new(policy: Policy) -> Checker {
        Checker::with_plan(Plan::builtin(), policy)
    }

    /// A checker with a plan that was loaded ([`Plan::load`]). The operators of the policy must be
    /// of the same plan.
    pub fn with_plan(plan: &'static Plan, policy: Policy) -> Checker {
        Checker { plan, policy }
    }

    /// The plan that is asked.
    pub fn plan(&self) -> &'static Plan {
        self.plan
    }

    /// What is allowed.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The verdict on the text of one cell. Never fails.
    ///
    /// Codes 1, 2, 3, 7, 6, 8 and 5 in this order; what depends on other rows (4) or on the text
    /// of the message (20) is added by whoever knows those.
    pub fn check(&self, text: &str) -> Verdict {
        self.judge(text, &mut ())
    }

    /// [`Checker::check`], telling how the verdict came about.
    ///
    /// ```
    /// use recipients_core::{Checker, Reason};
    ///
    /// let (verdict, steps) = Checker::default().explain("0044 7400 123456");
    /// assert_eq!(verdict.reason(), Reason::IddPrefix);
    /// assert!(steps.iter().any(|step| step.rule == "D5"));
    /// ```
    pub fn explain(&self, text: &str) -> (Verdict, Vec<Step>) {
        let mut steps = Vec::new();
        let verdict = self.judge(text, &mut steps);
        (verdict, steps)
    }

    /// The verdict on an entry `CARD` or `CARD:FIELD` of a contact list (D11).
    ///
    /// ```
    /// use recipients_core::{Checker, Code, Contact, ContactBook};
    ///
    /// struct Empty;
    /// impl ContactBook for Empty {
    ///     fn find(&self, _: &str, _: Option<&str>) -> Contact<'_> {
    ///         Contact::UnknownCard
    ///     }
    /// }
    /// let verdict = Checker::default().check_contact("123456:mobile", &Empty);
    /// assert_eq!(verdict.code(), Code::ContactCardNotFound);
    /// ```
    pub fn check_contact(&self, entry: &str, book: &impl ContactBook) -> Verdict {
        let (card, field) = match entry.split_once(':') {
            Some((card, field)) => (card, Some(field.trim())),
            None => (entry, None),
        };
        match book.find(card.trim(), field) {
            Contact::UnknownCard => Verdict::without_number(Reason::CardNotFound),
            Contact::UnknownField => Verdict::without_number(Reason::ContactNotFound),
            Contact::WithoutNumber => Verdict::without_number(Reason::CardWithoutNumber),
            Contact::Number(text) if is_blank(&text) => {
                Verdict::without_number(Reason::CardWithoutNumber)
            }
            Contact::Number(text) => self.check(&text),
        }
    }

    /// The numbers of a cell one by one, each with its text and its verdict, if the cell holds
    /// several (D14); of any other cell, the whole text once. What
    /// [`SeveralNumbers::Explode`] asks for.
    ///
    /// ```
    /// use recipients_core::Checker;
    ///
    /// let checker = Checker::default();
    /// let pieces = checker.check_pieces("380971112233; 79101112233");
    /// assert_eq!(pieces.len(), 2);
    /// assert_eq!(pieces[1].0, "79101112233");
    /// assert!(pieces.iter().all(|(_, verdict)| verdict.is_accepted()));
    /// ```
    pub fn check_pieces<'t>(&self, text: &'t str) -> Vec<(&'t str, Verdict)> {
        match self.read(text) {
            Cell::Several(ranges) => ranges
                .into_iter()
                .map(|range| {
                    let piece = text[range].trim();
                    (piece, self.check(piece).with_cleaned(true))
                })
                .collect(),
            _ => vec![(text, self.check(text))],
        }
    }

    /// The number on a line of a stop list, read as a recipient is (D9); the reason if there is
    /// none. Every number that can be read counts, in the plan or not.
    pub fn stop_list_entry(&self, text: &str) -> Result<Msisdn, Reason> {
        let verdict = match self.read(text) {
            Cell::Number(found) => self.resolve(&found.written, &mut ()),
            Cell::Unreadable(reason) => Err(Verdict::without_number(reason)),
            Cell::Blank => Err(Verdict::without_number(Reason::Blank)),
            Cell::Several(_) => Err(Verdict::without_number(Reason::SeveralNumbers)),
        };
        match verdict {
            Ok((answer, _)) => Ok(answer.number),
            Err(verdict) => verdict.msisdn().ok_or(verdict.reason()),
        }
    }

    fn read(&self, text: &str) -> Cell {
        scan::read(text, |written| {
            self.resolve(written, &mut ()).is_ok_and(|(answer, _)| {
                answer.allocation.is_some() || answer.length == Length::Possible
            })
        })
    }

    fn judge(&self, text: &str, trace: &mut impl Trace) -> Verdict {
        let (written, form) = match self.read(text) {
            Cell::Number(found) => (found.written, found.form),
            Cell::Blank => {
                let reason = match text.is_empty() {
                    true => Reason::EmptyValue,
                    false => Reason::Blank,
                };
                trace.step("D3", || reason.message().to_owned());
                return Verdict::without_number(reason);
            }
            Cell::Unreadable(reason) => {
                let rule = match reason {
                    Reason::PrecisionLost | Reason::Fraction => "D13",
                    _ => "D3",
                };
                trace.step(rule, || reason.message().to_owned());
                return Verdict::without_number(reason);
            }
            Cell::Several(pieces) => {
                trace.step("D14", || format!("the cell holds {} numbers", pieces.len()));
                if self.policy.several() == SeveralNumbers::First {
                    trace.step("D14", || "the first one counts".to_owned());
                    let first = &text[pieces[0].clone()];
                    return self.judge(first, trace).with_cleaned(true);
                }
                return Verdict::without_number(Reason::SeveralNumbers);
            }
        };
        match form {
            Form::Plain => {}
            Form::Labelled => trace.step("D3", || "a label before the number left out".to_owned()),
            Form::Spreadsheet => trace.step("D13", || {
                "a spreadsheet's way of writing the number undone; no digit was lost".to_owned()
            }),
        }
        trace.step("D4", || {
            let digits = written
                .digits()
                .unwrap_or("more digits than any number has");
            let how = match written.notes().cleaned() {
                true => "cleaned of other characters",
                false => "nothing to clean",
            };
            format!("digits as written: {digits} ({how})")
        });
        let verdict = match self.resolve(&written, trace) {
            Ok((answer, success)) => self.decide(&answer, success, trace),
            Err(verdict) => verdict,
        };
        verdict.with_cleaned(written.notes().cleaned())
    }

    /// D5 and D6: which number is meant, and what the plan says of it. `Err` for digits that are
    /// no number of the plan whatever the policy.
    fn resolve(
        &self,
        written: &Written,
        trace: &mut impl Trace,
    ) -> Result<(Answer, Reason), Verdict> {
        let region = self
            .policy
            .default_region()
            .filter(|_| !written.notes().plus() && !written.head().starts_with(b"00"));
        let Some(region) = region else {
            return self.international(written, trace);
        };
        let national = written
            .digits()
            .and_then(|digits| self.plan.national(digits, region));
        if let Some(answer) = national.filter(|answer| answer.allocation.is_some()) {
            return Ok(read_nationally(answer, written, trace));
        }
        let international = self.international(written, trace);
        let national = national.filter(|answer| {
            self.policy.lines == Lines::Possible && answer.length == Length::Possible
        });
        match (international, national) {
            (Ok(found), _) if found.0.allocation.is_some() => Ok(found),
            (_, Some(answer)) => Ok(read_nationally(answer, written, trace)),
            (international, None) => international,
        }
    }

    fn international(
        &self,
        written: &Written,
        trace: &mut impl Trace,
    ) -> Result<(Answer, Reason), Verdict> {
        let Some(mut digits) = written.digits() else {
            let head = written.head();
            let head = head.strip_prefix(b"00").unwrap_or(head);
            return match head.starts_with(b"0") {
                true => refuse(Reason::LeadingZero, trace),
                false => refuse(Reason::TooLong, trace),
            };
        };
        let mut success = Reason::Ok;
        if let Some(rest) = digits.strip_prefix("00") {
            (digits, success) = (rest, Reason::IddPrefix);
            trace.step("D5", || {
                format!("international prefix 00 dropped: {digits}")
            });
        }
        if digits.starts_with('0') {
            return refuse(Reason::LeadingZero, trace);
        }
        if digits.len() < 7 {
            return refuse(Reason::TooShort, trace);
        }
        if digits.len() > Msisdn::MAX_DIGITS {
            return refuse(Reason::TooLong, trace);
        }
        let Some(answer) = self.plan.international_written(written) else {
            return refuse(Reason::TooLong, trace);
        };
        if answer.calling_code.is_none() {
            let reason = Reason::UnknownCallingCode;
            trace.step("D7", || reason.message().to_owned());
            return Err(Verdict::new(reason, answer.number, None, None, None));
        }
        let impossible = match answer.length {
            Length::Possible => None,
            Length::TooShort => Some(Reason::TooShort),
            Length::TooLong => Some(Reason::TooLong),
            Length::Impossible => Some(Reason::ImpossibleLength),
            Length::TrunkPrefix => Some(Reason::TrunkPrefix),
        };
        if let Some(reason) = impossible {
            // The number cannot be meant as it stands, but the country can still be told.
            return refuse(reason, trace).map_err(|verdict| verdict.of(answer.territory));
        }
        if answer.trunk_prefix_removed {
            success = Reason::TrunkPrefixRemoved;
            trace.step("D6", || {
                format!(
                    "a national prefix after the calling code dropped: {}",
                    answer.number
                )
            });
        }
        Ok((answer, success))
    }

    /// D7, D8 and D9: is this destination wanted?
    fn decide(&self, answer: &Answer, success: Reason, trace: &mut impl Trace) -> Verdict {
        trace.step("D7", || self.describe(answer));
        let reason = match self.unwanted(answer) {
            Some(refused) => refused,
            None => self.listed(answer.number).unwrap_or(success),
        };
        let rule = match reason.code() {
            Code::DestinationRestricted | Code::UnsupportedOperator => "D8",
            Code::StopListed => "D9",
            Code::Duplicate => "D2",
            _ if reason == Reason::UnknownOperator => "D8",
            _ => "D7",
        };
        trace.step(rule, || reason.message().to_owned());
        verdict_on(answer, reason)
    }

    /// D7 and D8: why this destination is not wanted.
    pub(crate) fn unwanted(&self, answer: &Answer) -> Option<Reason> {
        let policy = &self.policy;
        let operator = answer.allocation.and_then(|a| a.operator);
        match answer.allocation.map(|a| a.kind) {
            Some(kind) if policy.lines.accepts(kind) => {}
            Some(_) => return Some(Reason::NotMobile),
            None if policy.lines == Lines::Possible => {}
            None => return Some(Reason::UnknownRange),
        }
        if policy.require_operator && operator.is_none() {
            Some(Reason::UnknownOperator)
        } else if !policy.allows(answer.territory, answer.calling_code) {
            Some(Reason::TerritoryNotAllowed)
        } else if !policy.serves(operator) {
            Some(Reason::OperatorNotServed)
        } else {
            None
        }
    }

    /// D9, and D2 for earlier lists: on which list the number is.
    pub(crate) fn listed(&self, number: Msisdn) -> Option<Reason> {
        let mut lists = self.policy.lists().into_iter();
        let found = lists.find(|(_, list)| list.contains(number))?;
        Some(found.0)
    }

    fn describe(&self, answer: &Answer) -> String {
        let version = self.plan.version();
        let Some(allocation) = answer.allocation else {
            return format!("{} is in no range of {version}", answer.number);
        };
        let operator = match allocation.operator {
            Some(operator) => format!(
                ", range held by {} (the number may have been ported)",
                self.plan.operator_name(operator)
            ),
            None => String::new(),
        };
        format!(
            "{} is a number of {}, {}{operator}, by {version}",
            answer.number,
            allocation.territory,
            allocation.kind.name().replace('_', " ")
        )
    }
}

pub(crate) fn verdict_on(answer: &Answer, reason: Reason) -> Verdict {
    let kind = answer.allocation.map(|a| a.kind);
    let operator = answer.allocation.and_then(|a| a.operator);
    Verdict::new(reason, answer.number, answer.territory, kind, operator)
}

fn refuse(reason: Reason, trace: &mut impl Trace) -> Result<(Answer, Reason), Verdict> {
    trace.step("D6", || reason.message().to_owned());
    Err(Verdict::without_number(reason))
}

fn read_nationally(answer: Answer, written: &Written, trace: &mut impl Trace) -> (Answer, Reason) {
    let number = answer.number.to_string();
    let reason = match written.digits() {
        Some(digits) if digits == number => Reason::Ok,
        _ => Reason::NationalReading,
    };
    trace.step("D5", || {
        format!("read by the rules of the default region: {number}")
    });
    (answer, reason)
}
