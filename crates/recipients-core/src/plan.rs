//! The numbering plan: which numbers exist, where they belong, what kind of line they are.
//!
//! One small interface ([`Plan::international`], [`Plan::national`]) hides where the answers come
//! from. At present that is the `rlibphonenumber` crate, measured identical to Google's library
//! on 2.3 million numbers, and a table of the holders of number ranges beside it.

use crate::error::ErrorKind;
use crate::policy::Destination;
use crate::{Error, Kind, Msisdn, Territory};
use rlibphonenumber::{
    PHONE_NUMBER_UTIL, ParseError, PhoneNumber, PhoneNumberType, Region, ValidationError,
    get_national_significant_number_owned,
};
use std::collections::HashMap;
use std::num::NonZeroU16;
use std::sync::LazyLock;

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
    operators: Operators,
}

/// An operator of the plan; [`Plan::operator_name`] knows its name.
///
/// Valid within one version of the plan only.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct OperatorId(NonZeroU16);

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
    /// The plan that this version of the library was made with.
    pub fn builtin() -> &'static Plan {
        static PLAN: LazyLock<Plan> = LazyLock::new(|| Plan {
            operators: Operators::parse(include_str!("../data/operators.tsv")),
        });
        &PLAN
    }

    /// The version of the metadata; ranges age, so every report should name it.
    pub fn version(&self) -> &'static str {
        // The release that `rlibphonenumber` is pinned to carries this metadata, and the
        // operators were taken from the same.
        "libphonenumber 9.0.42"
    }

    /// Looks up a number that is written in international format: 1 to 15 ASCII digits, the
    /// calling code first.
    ///
    /// # Panics
    ///
    /// If `digits` is anything else.
    pub fn international(&self, digits: &str) -> Answer {
        let number = Msisdn::from_digits(digits.as_bytes())
            .expect("1 to 15 ASCII digits, the first not zero");
        let answer = |calling_code, length| Answer {
            number,
            calling_code,
            length,
            allocation: None,
            territory: calling_code.and_then(sole_territory),
            trunk_prefix_removed: false,
        };
        let parsed = match PHONE_NUMBER_UTIL.parse(format!("+{digits}"), None) {
            Ok(parsed) => parsed,
            Err(error) => {
                let calling_code = calling_code_of(digits);
                return match error {
                    _ if calling_code.is_none() => answer(None, Length::Impossible),
                    ParseError::TooLongNsn => answer(calling_code, Length::TooLong),
                    _ => answer(calling_code, Length::TooShort),
                };
            }
        };
        let calling_code = u16::try_from(parsed.country_code).ok();
        let found = self.found(&parsed);
        let as_written = found.is_none_or(|(canonical, _)| canonical == number);
        if let Some((canonical, allocation)) = found {
            return Answer {
                number: canonical,
                allocation: Some(allocation),
                territory: Some(allocation.territory),
                trunk_prefix_removed: !as_written,
                ..answer(calling_code, Length::Possible)
            };
        }
        // In no range. Judge the length of what was written: a national prefix is taken away only
        // where that yields a number (D6).
        let national = &digits[calling_code.map_or(0, |c| c.to_string().len())..];
        if get_national_significant_number_owned(&parsed) == national {
            return answer(calling_code, length_of(&parsed));
        }
        match length_of(&unparsed(&parsed, national)) {
            Length::Possible => answer(calling_code, Length::Possible),
            _ => answer(calling_code, Length::TrunkPrefix),
        }
    }

    /// Looks up a number that is written as in its own country; `None` if the region is not in
    /// the plan or no number of it can be read.
    pub fn national(&self, digits: &str, region: Territory) -> Option<Answer> {
        let parsed = PHONE_NUMBER_UTIL
            .parse(digits, Some(region_of(region)?))
            .ok()?;
        let calling_code = u16::try_from(parsed.country_code).ok()?;
        let found = self.found(&parsed);
        let number = match found {
            Some((number, _)) => number,
            None => canonical(&parsed)?,
        };
        Some(Answer {
            number,
            calling_code: Some(calling_code),
            length: length_of(&parsed),
            allocation: found.map(|(_, allocation)| allocation),
            territory: found
                .map(|(_, allocation)| allocation.territory)
                .or_else(|| sole_territory(calling_code)),
            trunk_prefix_removed: false,
        })
    }

    fn found(&self, parsed: &PhoneNumber) -> Option<(Msisdn, Allocation)> {
        let util = &*PHONE_NUMBER_UTIL;
        if !util.is_valid_number(parsed) {
            return None;
        }
        let region = util.get_region_for_number(parsed)?;
        let kind = kind_of(util.get_number_type(parsed))?;
        let number = canonical(parsed)?;
        let territory = Territory::parse(region.as_region_str().as_str())?;
        // Google's carrier data speaks of these kinds only.
        let carried = matches!(kind, Kind::Mobile | Kind::FixedLineOrMobile | Kind::Pager);
        let operator = carried.then(|| self.operators.holder(number)).flatten();
        Some((
            number,
            Allocation {
                territory,
                kind,
                operator,
            },
        ))
    }

    /// The territory with this code, if the plan has numbers for it.
    pub fn territory(&self, code: &str) -> Result<Territory, Error> {
        Territory::parse(code)
            .filter(|&territory| region_of(territory).is_some())
            .ok_or_else(|| Error::new(ErrorKind::UnknownTerritory(code.to_owned())))
    }

    /// Every territory of the plan, sorted.
    pub fn territories(&self) -> Vec<Territory> {
        let mut all: Vec<Territory> = PHONE_NUMBER_UTIL
            .get_supported_regions()
            .filter_map(|region| Territory::parse(region.as_region_str().as_str()))
            .collect();
        all.sort_unstable_by_key(|t| t.to_string());
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
        calling_code_of(digits)
            .filter(|&known| known == code)
            .map(Destination::CallingCode)
            .ok_or_else(unknown)
    }

    /// The calling code of a territory.
    pub fn calling_code(&self, territory: Territory) -> Option<u16> {
        let code = PHONE_NUMBER_UTIL.get_country_code_for_region(region_of(territory)?)?;
        u16::try_from(code).ok()
    }

    /// The name of an operator of this plan.
    pub fn operator_name(&self, operator: OperatorId) -> &str {
        &self.operators.names[usize::from(operator.0.get()) - 1]
    }

    /// The operator with this name, in any letter case.
    pub fn operator(&self, name: &str) -> Result<OperatorId, Error> {
        let folded = name.trim().to_lowercase();
        let names = &self.operators.names;
        if let Some(at) = names.iter().position(|n| n.to_lowercase() == folded) {
            return Ok(Operators::id(at));
        }
        let similar = names
            .iter()
            .filter(|n| !folded.is_empty() && n.to_lowercase().contains(&folded))
            .take(5)
            .cloned()
            .collect();
        Err(Error::new(ErrorKind::UnknownOperator {
            name: name.to_owned(),
            similar,
        }))
    }
}

/// The holders of number ranges, by longest prefix.
struct Operators {
    names: Vec<String>,
    by_prefix: HashMap<u64, OperatorId, ahash::RandomState>,
    longest: u32,
}

impl Operators {
    fn parse(table: &str) -> Operators {
        let mut operators = Operators {
            names: Vec::new(),
            by_prefix: HashMap::default(),
            longest: 0,
        };
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let (name, prefixes) = line.split_once('\t').expect("name, tab, prefixes");
            let id = Operators::id(operators.names.len());
            operators.names.push(name.to_owned());
            for prefix in prefixes.split(' ') {
                operators.longest = operators.longest.max(prefix.len() as u32);
                // A prefix starts with a calling code, so its length is in its value.
                let prefix = prefix.parse().expect("digits");
                operators.by_prefix.insert(prefix, id);
            }
        }
        operators
    }

    fn id(index: usize) -> OperatorId {
        let number = u16::try_from(index + 1).expect("fewer than 65,535 operators");
        OperatorId(NonZeroU16::new(number).expect("not zero"))
    }

    fn holder(&self, number: Msisdn) -> Option<OperatorId> {
        let mut prefix = number.as_u64();
        while prefix >= 10u64.pow(self.longest) {
            prefix /= 10;
        }
        while prefix > 0 {
            if let Some(&id) = self.by_prefix.get(&prefix) {
                return Some(id);
            }
            prefix /= 10;
        }
        None
    }
}

fn canonical(parsed: &PhoneNumber) -> Option<Msisdn> {
    let national = get_national_significant_number_owned(parsed);
    Msisdn::from_digits(format!("{}{national}", parsed.country_code).as_bytes())
}

/// The number with this national part kept just as it stands, its leading zeros included.
fn unparsed(parsed: &PhoneNumber, national: &str) -> PhoneNumber {
    let significant = national.trim_start_matches('0');
    let zeros = national.len() - significant.len();
    let mut number = PhoneNumber {
        country_code: parsed.country_code,
        ..PhoneNumber::default()
    };
    number.national_number = significant.parse().unwrap_or(0);
    if zeros > 0 {
        number.italian_leading_zero = Some(true);
        number.number_of_leading_zeros = i32::try_from(zeros).ok();
    }
    number
}

fn length_of(number: &PhoneNumber) -> Length {
    use rlibphonenumber::NumberLengthType;
    match PHONE_NUMBER_UTIL.is_possible_number_with_reason(number) {
        Ok(NumberLengthType::IsPossible) => Length::Possible,
        Ok(NumberLengthType::IsPossibleLocalOnly) | Err(ValidationError::TooShort) => {
            Length::TooShort
        }
        Err(ValidationError::TooLong) => Length::TooLong,
        Err(ValidationError::InvalidLength | ValidationError::InvalidCountryCode) => {
            Length::Impossible
        }
    }
}

fn kind_of(kind: PhoneNumberType) -> Option<Kind> {
    Some(match kind {
        PhoneNumberType::FixedLine => Kind::FixedLine,
        PhoneNumberType::Mobile => Kind::Mobile,
        PhoneNumberType::FixedLineOrMobile => Kind::FixedLineOrMobile,
        PhoneNumberType::TollFree => Kind::TollFree,
        PhoneNumberType::PremiumRate => Kind::PremiumRate,
        PhoneNumberType::SharedCost => Kind::SharedCost,
        PhoneNumberType::VoIP => Kind::Voip,
        PhoneNumberType::PersonalNumber => Kind::PersonalNumber,
        PhoneNumberType::Pager => Kind::Pager,
        PhoneNumberType::UAN => Kind::Uan,
        PhoneNumberType::VoiceMail => Kind::Voicemail,
        PhoneNumberType::Unknown => return None,
    })
}

fn region_of(territory: Territory) -> Option<Region> {
    let region = Region::from_code(&territory.to_string()).ok()?;
    PHONE_NUMBER_UTIL
        .get_country_code_for_region(region)
        .map(|_| region)
}

/// The calling code that the digits start with; calling codes are prefix-free.
fn calling_code_of(digits: &str) -> Option<u16> {
    (1..=3).find_map(|len| {
        let code: u16 = digits.get(..len)?.parse().ok()?;
        calling_code_is_assigned(code).then_some(code)
    })
}

fn calling_code_is_assigned(code: u16) -> bool {
    PHONE_NUMBER_UTIL
        .get_regions_for_country_calling_code(i32::from(code))
        .is_some()
}

fn sole_territory(calling_code: u16) -> Option<Territory> {
    let mut regions =
        PHONE_NUMBER_UTIL.get_regions_for_country_calling_code(i32::from(calling_code))?;
    let first = regions.next()?;
    match regions.next() {
        None => Territory::parse(first.as_region_str().as_str()),
        Some(_) => None,
    }
}
