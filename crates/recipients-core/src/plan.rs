//! The numbering plan: which numbers exist, where they belong, what kind of line they are.
//!
//! The answers are those of `numbering_plan`, which gives Google's; here they are put as the
//! decisions of this project want them: a national prefix after the calling code is taken away only
//! where that yields a number (D6).

use crate::error::ErrorKind;
use crate::policy::Destination;
use crate::{Error, Msisdn};
use numbering_plan::text::Written;
use numbering_plan::{Kind, OperatorId, Standing, Territory};

/// The numbering plan of the world.
///
/// ```
/// use recipients_core::{Kind, Plan};
///
/// let plan = Plan::builtin();
/// let answer = plan.international("380971112233");
/// let allocation = answer.allocation.unwrap();
/// assert_eq!((allocation.territory.to_string().as_str(), allocation.kind), ("UA", Kind::Mobile));
/// assert_eq!(plan.operator_name(allocation.operator.unwrap()), "Kyivstar");
/// ```
pub struct Plan {
    table: numbering_plan::Plan<'static>,
}

/// What the plan says about a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The digits that count: as given, or without a national prefix that stood among them.
    pub number: Msisdn,
    /// The calling code, if it is assigned.
    pub calling_code: Option<u16>,
    /// Whether numbers of this calling code can be so long.
    pub length: Length,
    /// The range that holds the number, if there is one.
    pub allocation: Option<Allocation>,
    /// The territory; for a number in no range only if its calling code belongs to just one.
    pub territory: Option<Territory>,
    /// Whether a national prefix had to be taken away to find the range (D6).
    pub trunk_prefix_removed: bool,
}

/// The range that a number lies in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Allocation {
    /// Where the range belongs.
    pub territory: Territory,
    /// What it was allocated for.
    pub kind: Kind,
    /// Who holds it, if that is known.
    pub operator: Option<OperatorId>,
}

/// How a number's length compares with those that the plan has for its calling code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Length {
    /// Some kind of number is so long.
    Possible,
    /// Shorter than every number, or long enough for local dialling only.
    TooShort,
    /// Longer than every number.
    TooLong,
    /// Between the lengths that exist.
    Impossible,
    /// As written it has an impossible length, and it would have a possible one without the
    /// national prefix that stands after its calling code; but then it is in no range.
    TrunkPrefix,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plan({})", self.version())
    }
}

impl Plan {
    /// A compiled plan is not larger than this, in bytes.
    pub const MAX_BYTES: usize = numbering_plan::layout::MAX_BYTES;

    /// The plan that this version of the library was made with.
    pub fn builtin() -> &'static Plan {
        static PLAN: std::sync::OnceLock<Plan> = std::sync::OnceLock::new();
        PLAN.get_or_init(|| Plan {
            table: *numbering_plan::Plan::builtin(),
        })
    }

    /// A newer plan, or another one, as `cargo xtask plan` compiles it. It is checked completely,
    /// and then kept until the program ends.
    ///
    /// # Errors
    ///
    /// If the bytes are no compiled plan of this version's format, damaged or contradictory.
    pub fn load(bytes: Vec<u8>) -> Result<&'static Plan, Error> {
        // Checked where it is, and given away only when it is good.
        if let Err(fault) = numbering_plan::Plan::from_bytes(&bytes) {
            return Err(Error::new(ErrorKind::NoPlan(fault)));
        }
        let bytes: &'static [u8] = Box::leak(bytes.into_boxed_slice());
        match numbering_plan::Plan::from_bytes(bytes) {
            Ok(table) => Ok(Box::leak(Box::new(Plan { table }))),
            Err(fault) => Err(Error::new(ErrorKind::NoPlan(fault))),
        }
    }

    /// The version of the metadata; ranges age, so every report should name it.
    pub fn version(&self) -> &'static str {
        self.table.version()
    }

    /// Where the plan comes from, with date and licence: lines of `key: value`.
    pub fn about(&self) -> &'static str {
        self.table.header()
    }

    /// Looks up a number that is written in international format: 1 to 15 ASCII digits, the
    /// calling code first.
    ///
    /// # Panics
    ///
    /// If `digits` is anything else.
    pub fn international(&self, digits: &str) -> Answer {
        assert!(
            Msisdn::from_digits(digits.as_bytes()).is_some(),
            "1 to 15 ASCII digits, the first not zero"
        );
        self.international_written(&Written::of_digits(digits.bytes(), false, false))
            .expect("15 digits are few enough")
    }

    /// Looks up a number that was read; a leading 00 is left out. `None` if it starts with 0 or has
    /// more than 15 digits.
    pub(crate) fn international_written(&self, written: &Written) -> Option<Answer> {
        let head = written.head();
        let digits = head.strip_prefix(b"00").unwrap_or(head);
        let found = self.table.international(written);
        let mut answer = Answer {
            number: Msisdn::from_digits(digits)?,
            calling_code: found.calling_code(),
            length: length_of(found.standing()),
            allocation: None,
            territory: found.territory(),
            trunk_prefix_removed: false,
        };
        let removed = found.notes().prefix_removed();
        match (allocation_of(&found), msisdn_of(&found)) {
            (Some(allocation), Some(canonical)) => {
                answer.number = canonical;
                answer.allocation = Some(allocation);
                answer.trunk_prefix_removed = removed;
            }
            // In no range. Judge the length of what was written: a national prefix is taken away
            // only where that yields a number (D6).
            _ if removed => {
                let code = found.calling_code().unwrap_or(0);
                let national = digits.len() - code.checked_ilog10().map_or(0, |l| l as usize + 1);
                answer.length = match self.table.length(code, national) {
                    Standing::Possible => Length::Possible,
                    _ => Length::TrunkPrefix,
                };
            }
            _ => {}
        }
        Some(answer)
    }

    /// Asks about many fields, each read as a number in international format.
    pub(crate) fn classify_batch(&self, fields: &[&[u8]], found: &mut [numbering_plan::Answer]) {
        self.table.classify_batch(fields, found);
    }

    /// Asks about the lines of a text, some at a time.
    pub(crate) fn for_lines<'t>(
        &self,
        text: &'t str,
        each: impl FnMut(&[&'t [u8]], &[numbering_plan::Answer]),
    ) {
        self.table.for_lines(text.as_bytes(), each);
    }

    /// What was found as [`Plan::international_written`] puts it, if it is a number of 7 to 15
    /// digits, of a possible length, and no national prefix had to be seen to.
    #[inline]
    pub(crate) fn plain(&self, found: &numbering_plan::Answer) -> Option<Answer> {
        let number = msisdn_of(found).filter(|number| number.as_u64() >= 1_000_000)?;
        if !found.is_possible() || found.notes().prefix_removed() {
            return None;
        }
        Some(Answer {
            number,
            calling_code: found.calling_code(),
            length: Length::Possible,
            allocation: allocation_of(found),
            territory: found.territory(),
            trunk_prefix_removed: false,
        })
    }

    /// Looks up a number that is written as in its own country; `None` if the region is not in
    /// the plan or no number of it can be read.
    pub fn national(&self, digits: &str, region: Territory) -> Option<Answer> {
        let written = Written::of_digits(digits.bytes(), false, false);
        let found = self.table.national(&written, region)?;
        Some(Answer {
            number: msisdn_of(&found)?,
            calling_code: found.calling_code(),
            length: length_of(found.standing()),
            allocation: allocation_of(&found),
            territory: found.territory(),
            trunk_prefix_removed: false,
        })
    }

    /// The territory with this code, if the plan has numbers for it.
    pub fn territory(&self, code: &str) -> Result<Territory, Error> {
        Territory::parse(code)
            .filter(|&territory| self.calling_code(territory).is_some())
            .ok_or_else(|| Error::new(ErrorKind::UnknownTerritory(code.to_owned())))
    }

    /// Every territory of the plan, sorted.
    pub fn territories(&self) -> Vec<Territory> {
        let mut all: Vec<Territory> = self
            .table
            .territories()
            .map(|(territory, _)| territory)
            .filter(|&territory| territory != Territory::WORLD)
            .collect();
        all.sort_unstable();
        all
    }

    /// A country by its code (`UA`, `001`), or a calling code (`380`, `+380`).
    pub fn destination(&self, text: &str) -> Result<Destination, Error> {
        let unknown = || Error::new(ErrorKind::UnknownDestination(text.to_owned()));
        if let Ok(territory) = self.territory(text) {
            return Ok(Destination::Territory(territory));
        }
        if text == "001" {
            return Ok(Destination::Territory(Territory::WORLD));
        }
        let digits = text.strip_prefix('+').unwrap_or(text);
        let code: u16 = digits.parse().map_err(|_| unknown())?;
        match self.table.territories_of(code).next() {
            Some(_) if code.to_string() == digits => Ok(Destination::CallingCode(code)),
            _ => Err(unknown()),
        }
    }

    /// The calling code of a territory.
    pub fn calling_code(&self, territory: Territory) -> Option<u16> {
        self.table.calling_code(territory)
    }

    /// The name of an operator of this plan.
    pub fn operator_name(&self, operator: OperatorId) -> &'static str {
        self.table.operator_name(operator).unwrap_or_default()
    }

    /// The operator with this name, in any letter case.
    pub fn operator(&self, name: &str) -> Result<OperatorId, Error> {
        let folded = name.trim().to_lowercase();
        let named = |n: &str| n.to_lowercase() == folded;
        if let Some((id, _)) = self.table.operators().find(|(_, n)| named(n)) {
            return Ok(id);
        }
        let similar = self
            .table
            .operators()
            .map(|(_, n)| n)
            .filter(|n| !folded.is_empty() && n.to_lowercase().contains(&folded))
            .take(5)
            .map(str::to_owned)
            .collect();
        Err(Error::new(ErrorKind::UnknownOperator {
            name: name.to_owned(),
            similar,
        }))
    }
}

fn msisdn_of(found: &numbering_plan::Answer) -> Option<Msisdn> {
    Msisdn::from_u64(found.number()?.get())
}

fn allocation_of(found: &numbering_plan::Answer) -> Option<Allocation> {
    Some(Allocation {
        territory: found.territory()?,
        kind: found.kind()?,
        operator: found.operator(),
    })
}

fn length_of(standing: Standing) -> Length {
    match standing {
        Standing::Valid | Standing::Possible => Length::Possible,
        Standing::TooShort | Standing::LocalOnly => Length::TooShort,
        Standing::TooLong => Length::TooLong,
        _ => Length::Impossible,
    }
}
