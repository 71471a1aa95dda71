//! One answer of the plan before its judges.

use crate::{Google, Outcome, Twin};
use numbering_plan::{Answer, Plan, Standing, Territory, text::Written};

/// How an answer was judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ruling {
    /// `rlibphonenumber` was given the same text, and agrees.
    Agreed,
    /// It would read the text otherwise than the decisions of this project want (D4): it was given
    /// the digits, and agrees.
    AgreedOnDigits,
    /// Letters or an extension, which the decisions refuse (D3), or no digits at all.
    Refused,
    /// `rlibphonenumber` keeps ten leading zeros of a national number and drops the eleventh, so the
    /// twin was asked, and agrees.
    AgreedByTwin,
    /// They disagree.
    Disagreed,
}

/// The judges and the plan, on the same metadata.
#[derive(Debug)]
pub struct Court {
    plan: &'static Plan<'static>,
    google: Google,
    twin: Twin,
}

impl Default for Court {
    fn default() -> Court {
        Court::new()
    }
}

impl Court {
    /// A court over the committed plan, with the source that it was compiled from.
    pub fn new() -> Court {
        let source = crate::committed_source();
        Court {
            plan: Plan::builtin(),
            google: Google::new(&source),
            twin: Twin::new(&source),
        }
    }

    /// Judges digits in international format.
    pub fn digits(&self, digits: &str) -> Ruling {
        let answer = self.plan.classify(digits.as_bytes());
        self.judged(
            &answer,
            digits,
            self.google.international(&format!("+{digits}")),
        )
    }

    /// Judges digits in international format by the twin, which is slower.
    pub fn twin_agrees(&self, digits: &str) -> bool {
        let answer = self.plan.classify(digits.as_bytes());
        self.twin.international(digits).agrees(&answer)
    }

    /// Judges digits as they are dialled in a territory, by both.
    pub fn national(&self, digits: &str, territory: Territory) -> Ruling {
        let written = Written::of_digits(digits.bytes(), false, false);
        let answer = self.plan.national(&written, territory);
        let same = |outcome: Option<Outcome>| match (outcome, &answer) {
            (None, None) => true,
            (Some(outcome), Some(answer)) => outcome.agrees(answer),
            _ => false,
        };
        if same(self.google.national(digits, territory)) {
            Ruling::Agreed
        } else if digits.contains("0000000000") && same(self.twin.national(digits, territory)) {
            Ruling::AgreedByTwin
        } else {
            Ruling::Disagreed
        }
    }

    /// Judges a cell, however it is written.
    pub fn cell(&self, cell: &str) -> Ruling {
        let answer = self.plan.classify(cell.as_bytes());
        let has_letter = || cell.chars().any(|c| c.is_alphabetic());
        let refused = match answer.standing() {
            Standing::Letters | Standing::Extension => Some(has_letter()),
            Standing::Blank | Standing::NoDigits => {
                Some(self.google.util().normalize_digits_only(cell).is_empty())
            }
            _ => None,
        };
        match refused {
            Some(true) => return Ruling::Refused,
            Some(false) => return Ruling::Disagreed,
            None => {}
        }
        let all = self.google.util().normalize_digits_only(cell);
        let digits = all.strip_prefix("00").unwrap_or(&all);
        if !is_plain(cell) {
            let outcome = self.google.international(&format!("+{digits}"));
            return match self.judged(&answer, digits, outcome) {
                Ruling::Agreed => Ruling::AgreedOnDigits,
                ruling => ruling,
            };
        }
        let trimmed = cell.trim();
        let prepared = match trimmed.strip_prefix("00") {
            Some(rest) => format!("+{rest}"),
            None if trimmed.starts_with(['+', '\u{ff0b}']) => trimmed.to_owned(),
            None => format!("+{trimmed}"),
        };
        self.judged(&answer, digits, self.google.international(&prepared))
    }

    fn judged(&self, answer: &Answer, digits: &str, outcome: Outcome) -> Ruling {
        if outcome.agrees(answer) {
            Ruling::Agreed
        } else if digits.contains("00000000000") && self.twin.international(digits).agrees(answer) {
            Ruling::AgreedByTwin
        } else {
            Ruling::Disagreed
        }
    }
}

/// Whether Google's library knows every character of the cell as one of a phone number, and a plus
/// stands nowhere but in front.
fn is_plain(cell: &str) -> bool {
    const PUNCTUATION: &str = "-\u{2212}\u{30fc}\u{ff0d}\u{ff0e}\u{ff0f} \u{a0}\u{ad}\u{200b}\u{2060}\u{3000}()\u{ff08}\u{ff09}\u{ff3b}\u{ff3d}.[]/~\u{2053}\u{223c}\u{ff5e}";
    let text = cell.trim();
    let text = text.strip_prefix(['+', '\u{ff0b}']).unwrap_or(text);
    // A number starts with a digit, and is not longer than Google's library reads.
    text.len() <= 200
        && text.starts_with(|c: char| c.is_numeric())
        && text.ends_with(|c: char| c.is_numeric())
        && text.chars().all(|c| {
            c.is_numeric() || PUNCTUATION.contains(c) || ('\u{2010}'..='\u{2015}').contains(&c)
        })
}
