//! Google's rules, written down as plainly as they can be: each pattern is a regular expression
//! that is asked when its turn comes.

use crate::Outcome;
use numbering_plan::{Kind, MAX_NATIONAL_DIGITS, Standing, Territory};
use numbering_plan_compiler::source::{FIXED_LINE, MOBILE, Range, Source, Territory as Of};
use regex::Regex;
use std::collections::BTreeMap;

/// The slow twin of the table.
#[derive(Debug)]
pub struct Twin {
    territories: Vec<Rules>,
    /// The territories of a calling code, the main one first.
    by_code: BTreeMap<u16, Vec<usize>>,
}

#[derive(Debug)]
struct Rules {
    code: Territory,
    calling_code: u16,
    one_pattern: bool,
    general: (Regex, Range),
    kinds: Vec<(Kind, Option<(Regex, Range)>)>,
    leading_digits: Option<Regex>,
    international_prefix: Option<Regex>,
    national_prefix: Option<Regex>,
    transform: Option<String>,
}

const KINDS: [Kind; 10] = [
    Kind::PremiumRate,
    Kind::TollFree,
    Kind::SharedCost,
    Kind::Voip,
    Kind::PersonalNumber,
    Kind::Pager,
    Kind::Uan,
    Kind::Voicemail,
    Kind::FixedLine,
    Kind::Mobile,
];

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("Google's patterns are regular expressions")
}

fn whole(range: &Range) -> (Regex, Range) {
    (regex(&format!("^(?:{})$", range.pattern)), range.clone())
}

fn start(pattern: &Option<String>) -> Option<Regex> {
    pattern.as_ref().map(|p| regex(&format!("^(?:{p})")))
}

impl Rules {
    fn new(of: &Of) -> Rules {
        Rules {
            code: Territory::parse(&of.code).expect("a territory"),
            calling_code: of.calling_code,
            one_pattern: of.one_pattern(),
            general: whole(of.general.as_ref().expect("a territory has numbers")),
            kinds: KINDS
                .into_iter()
                .zip(of.kinds.iter().map(|range| range.as_ref().map(whole)))
                .collect(),
            leading_digits: start(&of.leading_digits),
            international_prefix: start(&of.international_prefix),
            national_prefix: start(&of.national_prefix),
            transform: of.transform.clone(),
        }
    }

    fn is_general(&self, national: &str) -> bool {
        self.general.0.is_match(national)
    }

    fn kind(&self, national: &str) -> Option<Kind> {
        let is = |(regex, range): &(Regex, Range)| {
            let fits = range
                .lengths
                .iter()
                .any(|&l| usize::from(l) == national.len());
            (range.lengths.is_empty() || fits) && regex.is_match(national)
        };
        if !is(&self.general) {
            return None;
        }
        let has = |place: usize| self.kinds[place].1.as_ref().is_some_and(is);
        if let Some(place) = (0..FIXED_LINE).find(|&place| has(place)) {
            return Some(self.kinds[place].0);
        }
        if has(FIXED_LINE) {
            return Some(match self.one_pattern || has(MOBILE) {
                true => Kind::FixedLineOrMobile,
                false => Kind::FixedLine,
            });
        }
        (!self.one_pattern && has(MOBILE)).then_some(Kind::Mobile)
    }

    fn standing(&self, len: usize) -> Standing {
        let range = &self.general.1;
        let is = |l: &u8| usize::from(*l) == len;
        if range.local_lengths.iter().any(is) {
            Standing::LocalOnly
        } else if range.lengths.iter().any(is) {
            Standing::Possible
        } else if len < usize::from(range.lengths[0]) {
            Standing::TooShort
        } else if len > usize::from(range.lengths[range.lengths.len() - 1]) {
            Standing::TooLong
        } else {
            Standing::ImpossibleLength
        }
    }

    /// The number without its national prefix, or as it is.
    fn stripped(&self, national: &str) -> String {
        let found = self
            .national_prefix
            .as_ref()
            .and_then(|prefix| prefix.captures(national));
        let Some(found) = found else {
            return national.to_owned();
        };
        let rest = &national[found.get_match().end()..];
        let last = found.get(found.len() - 1).filter(|_| found.len() > 1);
        let stripped = match (&self.transform, last) {
            (Some(rule), Some(_)) => {
                let (insert, group) = rule.split_once('$').expect("a rule names a group");
                let group = found.get(group.parse().expect("a group has a number"));
                format!("{insert}{}{rest}", group.map_or("", |g| g.as_str()))
            }
            _ => rest.to_owned(),
        };
        match self.is_general(national) && !self.is_general(&stripped) {
            true => national.to_owned(),
            false => stripped,
        }
    }

    /// Google's parsing of a national number.
    fn parse(&self, national: &str) -> Result<String, Standing> {
        if national.len() < 2 {
            return Err(Standing::TooShort);
        }
        let stripped = self.stripped(national);
        let parsed = match self.standing(stripped.len()) {
            Standing::TooShort | Standing::LocalOnly | Standing::ImpossibleLength => {
                national.to_owned()
            }
            _ => stripped,
        };
        match parsed.len() {
            0..2 => Err(Standing::TooShort),
            2..=MAX_NATIONAL_DIGITS => Ok(parsed),
            _ => Err(Standing::TooLong),
        }
    }
}

impl Twin {
    /// A twin of the table that is made of this source.
    pub fn new(source: &Source) -> Twin {
        let territories: Vec<Rules> = source.territories.iter().map(Rules::new).collect();
        let mut by_code: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for (at, rules) in territories.iter().enumerate() {
            by_code.entry(rules.calling_code).or_default().push(at);
        }
        Twin {
            territories,
            by_code,
        }
    }

    fn main(&self, calling_code: u16) -> &Rules {
        &self.territories[self.by_code[&calling_code][0]]
    }

    fn split<'d>(&self, digits: &'d str) -> Option<(u16, &'d str)> {
        (1..=3).find_map(|len| {
            let code = digits.get(..len)?;
            let known = !code.starts_with('0') && self.by_code.contains_key(&code.parse().ok()?);
            known.then(|| (code.parse().unwrap_or(0), &digits[len..]))
        })
    }

    /// What Google's rules say about digits in international format.
    pub fn international(&self, digits: &str) -> Outcome {
        if digits.len() <= 2 {
            return Outcome::unparsed(Standing::TooShort);
        }
        match self.split(digits) {
            None => Outcome::unparsed(Standing::UnknownCallingCode),
            Some((code, national)) => match self.main(code).parse(national) {
                Ok(national) => self.outcome(code, &national),
                Err(standing) => Outcome::unparsed(standing),
            },
        }
    }

    /// What they say about digits as they are dialled in a region; `None` if they make no number
    /// of them.
    pub fn national(&self, digits: &str, region: Territory) -> Option<Outcome> {
        let home = self.territories.iter().find(|rules| rules.code == region)?;
        let abroad = home
            .international_prefix
            .as_ref()
            .and_then(|prefix| prefix.find(digits))
            .map(|found| &digits[found.end()..])
            .filter(|rest| !rest.starts_with('0'));
        if let Some(rest) = abroad {
            if rest.len() <= 2 {
                return None;
            }
            let (code, national) = self.split(rest)?;
            let national = self.main(code).parse(national).ok()?;
            return Some(self.outcome(code, &national));
        }
        if let Some(rest) = digits.strip_prefix(&home.calling_code.to_string()) {
            let rest = match rest.is_empty() {
                true => String::new(),
                false => home.stripped(rest),
            };
            if !home.is_general(digits) && home.is_general(&rest)
                || home.standing(digits.len()) == Standing::TooLong
            {
                let national = self.main(home.calling_code).parse(&rest).ok()?;
                return Some(self.outcome(home.calling_code, &national));
            }
        }
        let national = home.parse(digits).ok()?;
        Some(self.outcome(home.calling_code, &national))
    }

    fn outcome(&self, calling_code: u16, national: &str) -> Outcome {
        let group = &self.by_code[&calling_code];
        let of = |at: usize| &self.territories[at];
        let territory = match group[..] {
            [only] => Some(only),
            _ => group
                .iter()
                .copied()
                .find(|&at| match &of(at).leading_digits {
                    Some(leading) => leading.is_match(national),
                    None => of(at).kind(national).is_some(),
                }),
        };
        let kind = territory.and_then(|at| of(at).kind(national));
        let digits = format!("{calling_code}{national}");
        Outcome {
            standing: match kind {
                Some(_) => Standing::Valid,
                None => self.main(calling_code).standing(national.len()),
            },
            number: (digits.len() <= 19).then(|| digits.parse().ok()).flatten(),
            calling_code: Some(calling_code),
            territory: territory.filter(|_| kind.is_some()).map(|at| of(at).code),
            kind,
        }
    }
}
