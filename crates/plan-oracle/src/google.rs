//! `rlibphonenumber` with the metadata of our own plan.

#![allow(
    deprecated,
    reason = "the fields of metadata are there to be filled, and deprecated for readers only"
)]

use crate::Outcome;
use numbering_plan::{Kind, Standing, Territory};
use numbering_plan_compiler::source::{Range, Source};
use rlibphonenumber::{
    NumberLengthType, ParseError, PhoneMetadata, PhoneMetadataCollection, PhoneNumber,
    PhoneNumberDesc, PhoneNumberType, PhoneNumberUtil, Region, ValidationError,
    get_national_significant_number_owned,
};

/// Google's rules, as `rlibphonenumber` knows them.
pub struct Google {
    util: PhoneNumberUtil,
}

impl std::fmt::Debug for Google {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Google").finish_non_exhaustive()
    }
}

fn whole(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

fn desc(range: Option<&Range>) -> Option<PhoneNumberDesc> {
    let lengths = |lengths: &[u8]| lengths.iter().map(|&l| i32::from(l)).collect();
    Some(match range {
        Some(range) => PhoneNumberDesc {
            national_number_pattern: Some(whole(&range.pattern)),
            possible_length: lengths(&range.lengths),
            possible_length_local_only: lengths(&range.local_lengths),
            ..PhoneNumberDesc::default()
        },
        // Google's sign for a kind that a territory does not have.
        None => PhoneNumberDesc {
            possible_length: vec![-1],
            ..PhoneNumberDesc::default()
        },
    })
}

impl Google {
    /// A judge with the metadata of this source.
    ///
    /// # Panics
    ///
    /// If `rlibphonenumber` does not take it.
    pub fn new(source: &Source) -> Google {
        let mut metadata = Vec::new();
        for group in source.by_calling_code() {
            for (at, territory) in group.iter().enumerate() {
                let [
                    premium_rate,
                    toll_free,
                    shared_cost,
                    voip,
                    personal_number,
                    pager,
                    uan,
                    voicemail,
                    fixed_line,
                    mobile,
                ] = &territory.kinds;
                metadata.push(PhoneMetadata {
                    id: territory.code.clone(),
                    country_code: Some(i32::from(territory.calling_code)),
                    main_country_for_code: Some(at == 0 && group.len() > 1),
                    general_desc: desc(territory.general.as_ref()),
                    premium_rate: desc(premium_rate.as_ref()),
                    toll_free: desc(toll_free.as_ref()),
                    shared_cost: desc(shared_cost.as_ref()),
                    voip: desc(voip.as_ref()),
                    personal_number: desc(personal_number.as_ref()),
                    pager: desc(pager.as_ref()),
                    uan: desc(uan.as_ref()),
                    voicemail: desc(voicemail.as_ref()),
                    fixed_line: desc(fixed_line.as_ref()),
                    mobile: desc(mobile.as_ref()),
                    same_mobile_and_fixed_line_pattern: Some(territory.one_pattern()),
                    leading_digits: territory.leading_digits.as_deref().map(whole),
                    international_prefix: territory.international_prefix.as_deref().map(whole),
                    national_prefix_for_parsing: territory.national_prefix.as_deref().map(whole),
                    national_prefix_transform_rule: territory.transform.clone(),
                    ..PhoneMetadata::default()
                });
            }
        }
        let util = PhoneNumberUtil::new_for_metadata(PhoneMetadataCollection { metadata })
            .expect("rlibphonenumber knows every territory");
        Google { util }
    }

    /// `rlibphonenumber` itself.
    pub fn util(&self) -> &PhoneNumberUtil {
        &self.util
    }

    /// What it says about a text in international format, which begins with a plus.
    pub fn international(&self, text: &str) -> Outcome {
        match self.util.parse(text, None) {
            Ok(parsed) => self.outcome(&parsed),
            Err(ParseError::TooLongNsn) => Outcome::unparsed(Standing::TooLong),
            Err(ParseError::InvalidCountryCode) => Outcome::unparsed(Standing::UnknownCallingCode),
            Err(_) => Outcome::unparsed(Standing::TooShort),
        }
    }

    /// What it says about digits as they are dialled in a region; `None` if it makes no number of
    /// them.
    pub fn national(&self, digits: &str, region: Territory) -> Option<Outcome> {
        let region = Region::from_code(&region.to_string()).ok()?;
        let parsed = self.util.parse(digits, Some(region)).ok()?;
        Some(self.outcome(&parsed))
    }

    fn outcome(&self, parsed: &PhoneNumber) -> Outcome {
        let national = get_national_significant_number_owned(parsed);
        let digits = format!("{}{national}", parsed.country_code);
        let valid = self.util.is_valid_number(parsed);
        let territory = self.util.get_region_for_number(parsed);
        let kind = kind_of(self.util.get_number_type(parsed)).filter(|_| valid);
        let standing = match self.util.is_possible_number_with_reason(parsed) {
            _ if kind.is_some() => Standing::Valid,
            Ok(NumberLengthType::IsPossible) => Standing::Possible,
            Ok(NumberLengthType::IsPossibleLocalOnly) => Standing::LocalOnly,
            Err(ValidationError::TooShort) => Standing::TooShort,
            Err(ValidationError::TooLong) => Standing::TooLong,
            Err(ValidationError::InvalidLength) => Standing::ImpossibleLength,
            Err(ValidationError::InvalidCountryCode) => Standing::UnknownCallingCode,
        };
        Outcome {
            standing,
            number: (digits.len() <= 19).then(|| digits.parse().ok()).flatten(),
            calling_code: u16::try_from(parsed.country_code).ok(),
            territory: territory
                .filter(|_| kind.is_some())
                .and_then(|region| Territory::parse(region.as_region_str().as_str())),
            kind,
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
