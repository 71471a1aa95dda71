//! What Google publishes, as it is published: patterns, lengths and prefixes of every territory.

use crate::Error;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::BufRead;

/// The kinds that Google's library asks for before fixed and mobile lines, in its order, and then
/// these two.
pub const KINDS: [&str; 10] = [
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "fixed_line",
    "mobile",
];

/// The place of the fixed line in [`KINDS`].
pub const FIXED_LINE: usize = 8;
/// The place of the mobile line in [`KINDS`].
pub const MOBILE: usize = 9;

/// Everything that a plan is made of.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Source {
    /// `libphonenumber 9.0.43`.
    pub version: String,
    /// The day of its release, `2026-11-06`.
    pub date: String,
    /// The licence of the data, as an SPDX expression.
    pub licence: String,
    /// Where it was taken from.
    pub origin: String,
    /// Grouped by calling code in ascending order; the main territory of a calling code first, the
    /// rest in the order in which they are asked.
    pub territories: Vec<Territory>,
    /// Holders of number ranges by prefix, calling code included.
    pub carriers: BTreeMap<String, String>,
}

/// One territory, or one global network (`001`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Territory {
    /// ISO 3166 alpha-2, or `001`.
    pub code: String,
    /// The country calling code.
    pub calling_code: u16,
    /// A pattern of the first digits, which decides alone whether a number belongs here.
    pub leading_digits: Option<String>,
    /// A pattern of what is dialled before numbers abroad.
    pub international_prefix: Option<String>,
    /// A pattern of what may stand before the national number.
    pub national_prefix: Option<String>,
    /// What becomes of the national number when the prefix's last group took part: `9$1`.
    pub transform: Option<String>,
    /// What every number of the territory matches.
    pub general: Option<Range>,
    /// In the order of [`KINDS`].
    pub kinds: [Option<Range>; 10],
}

/// A pattern of national numbers with their lengths.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Range {
    /// A regular expression for the whole national number.
    pub pattern: String,
    /// How long national numbers of this kind are; sorted.
    pub lengths: Vec<u8>,
    /// How long they are when dialled locally; sorted.
    pub local_lengths: Vec<u8>,
}

impl Territory {
    /// Whether fixed and mobile lines have the same pattern and cannot be told apart.
    pub fn one_pattern(&self) -> bool {
        match (&self.kinds[FIXED_LINE], &self.kinds[MOBILE]) {
            (Some(fixed), Some(mobile)) => fixed.pattern == mobile.pattern,
            _ => false,
        }
    }
}

impl Source {
    /// Reads `metadata.tsv` and `carriers.tsv` as `xtask/plan_source.py` writes them.
    ///
    /// # Errors
    ///
    /// If a line is neither a territory nor a kind, or a carrier has no prefix.
    pub fn from_tsv(metadata: &str, carriers: &str) -> Result<Source, Error> {
        let mut source = Source::default();
        for (at, line) in metadata.lines().enumerate() {
            let fault = |what: &str| Error::new(format!("metadata.tsv, line {}: {what}", at + 1));
            let fields: Vec<&str> = line.split('\t').collect();
            match fields[..] {
                ["# version", value] => source.version = value.to_owned(),
                ["# date", value] => source.date = value.to_owned(),
                ["# licence", value] => source.licence = value.to_owned(),
                ["# source", value] => source.origin = value.to_owned(),
                ["T", code, calling_code, leading, idd, prefix, transform] => {
                    source.territories.push(Territory {
                        code: code.to_owned(),
                        calling_code: calling_code.parse().map_err(|_| fault("no calling code"))?,
                        leading_digits: some(leading),
                        international_prefix: some(idd),
                        national_prefix: some(prefix),
                        transform: some(transform),
                        ..Territory::default()
                    });
                }
                ["K", kind, lengths, local, pattern] => {
                    let territory = source
                        .territories
                        .last_mut()
                        .ok_or_else(|| fault("a kind before its territory"))?;
                    let lengths_of = |text: &str| -> Result<Vec<u8>, Error> {
                        text.split(',')
                            .filter(|n| !n.is_empty())
                            .map(|n| n.parse().map_err(|_| fault("no length")))
                            .collect()
                    };
                    let range = Some(Range {
                        pattern: pattern.to_owned(),
                        lengths: lengths_of(lengths)?,
                        local_lengths: lengths_of(local)?,
                    });
                    match KINDS.iter().position(|&known| known == kind) {
                        Some(place) => territory.kinds[place] = range,
                        None if kind == "general" => territory.general = range,
                        None => return Err(fault("an unknown kind")),
                    }
                }
                _ if line.starts_with('#') => {}
                _ => return Err(fault("neither a territory (T) nor a kind (K)")),
            }
        }
        source.add_carriers(carriers, '\t')?;
        Ok(source)
    }

    /// Adds holders of number ranges: a prefix, a separator and a name on each line. Google's own
    /// files (`resources/carrier/en/380.txt`) have `|` between them.
    ///
    /// # Errors
    ///
    /// If a line is anything else; empty lines and comments (`#`) are passed over.
    pub fn add_carriers(&mut self, text: &str, separator: char) -> Result<(), Error> {
        for (at, line) in text.lines().enumerate() {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let (prefix, name) = line
                .split_once(separator)
                .filter(|(prefix, _)| {
                    (1..=15).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_digit())
                })
                .ok_or_else(|| {
                    Error::new(format!(
                        "carriers, line {}: prefix and name expected",
                        at + 1
                    ))
                })?;
            if !name.trim().is_empty() {
                self.carriers
                    .insert(prefix.to_owned(), name.trim().to_owned());
            }
        }
        Ok(())
    }

    /// Reads Google's `PhoneNumberMetadata.xml` of any version. Carriers and the release's version
    /// are not in that file.
    ///
    /// # Errors
    ///
    /// If the XML is not Google's, or a territory lacks its id or calling code.
    pub fn from_xml(xml: impl BufRead, version: &str, date: &str) -> Result<Source, Error> {
        let loaded = phonenumber::metadata::loader::load(xml)
            .map_err(|error| Error::new(format!("the XML cannot be read: {error}")))?;
        let mut by_code: BTreeMap<u16, Vec<Territory>> = BTreeMap::new();
        for meta in loaded {
            let code = meta
                .id
                .ok_or_else(|| Error::new("a territory without id".into()))?;
            let calling_code = meta
                .country_code
                .ok_or_else(|| Error::new(format!("{code} has no calling code")))?;
            // Some patterns are broken over lines, and a prefix that is not told how to parse is
            // parsed as it is dialled.
            let squeeze = |text: String| -> String {
                text.chars().filter(|c| !c.is_ascii_whitespace()).collect()
            };
            let range = |descriptor: Option<phonenumber::metadata::loader::Descriptor>| {
                let descriptor = descriptor?;
                let bytes = |lengths: &[u16]| -> Vec<u8> {
                    let mut all: Vec<u8> = lengths
                        .iter()
                        .filter_map(|&l| u8::try_from(l).ok())
                        .collect();
                    all.sort_unstable();
                    all.dedup();
                    all
                };
                Some(Range {
                    pattern: squeeze(descriptor.national_number?),
                    lengths: bytes(&descriptor.possible_length),
                    local_lengths: bytes(&descriptor.possible_local_length),
                })
                .filter(|range| !range.pattern.is_empty() && range.pattern != "NA")
            };
            let mut territory = Territory {
                code,
                calling_code,
                leading_digits: meta.leading_digits.map(squeeze),
                international_prefix: meta.international_prefix.map(squeeze),
                national_prefix: meta
                    .national_prefix_for_parsing
                    .or(meta.national_prefix)
                    .map(squeeze),
                transform: meta.national_prefix_transform_rule,
                general: range(meta.general),
                kinds: [
                    range(meta.premium_rate),
                    range(meta.toll_free),
                    range(meta.shared_cost),
                    range(meta.voip),
                    range(meta.personal_number),
                    range(meta.pager),
                    range(meta.uan),
                    range(meta.voicemail),
                    range(meta.fixed_line),
                    range(meta.mobile),
                ],
            };
            territory.sum_lengths();
            let siblings = by_code.entry(calling_code).or_default();
            match meta.main_country_for_code {
                true => siblings.insert(0, territory),
                false => siblings.push(territory),
            }
        }
        Ok(Source {
            version: version.to_owned(),
            date: date.to_owned(),
            licence: "Apache-2.0".to_owned(),
            origin: "Google libphonenumber, PhoneNumberMetadata.xml".to_owned(),
            territories: by_code.into_values().flatten().collect(),
            carriers: BTreeMap::new(),
        })
    }

    /// The territories of each calling code.
    pub fn by_calling_code(&self) -> impl Iterator<Item = &[Territory]> {
        self.territories
            .chunk_by(|a, b| a.calling_code == b.calling_code)
    }

    /// The text of `metadata.tsv` for this source.
    pub fn metadata_tsv(&self) -> String {
        let list = |lengths: &[u8]| {
            let words: Vec<String> = lengths.iter().map(u8::to_string).collect();
            words.join(",")
        };
        let mut text = format!(
            "# version\t{}\n# date\t{}\n# licence\t{}\n# source\t{}\n",
            self.version, self.date, self.licence, self.origin
        );
        for t in &self.territories {
            let or_empty = |field: &Option<String>| field.clone().unwrap_or_default();
            let _ = writeln!(
                text,
                "T\t{}\t{}\t{}\t{}\t{}\t{}",
                t.code,
                t.calling_code,
                or_empty(&t.leading_digits),
                or_empty(&t.international_prefix),
                or_empty(&t.national_prefix),
                or_empty(&t.transform),
            );
            let ranges = std::iter::once(("general", &t.general))
                .chain(KINDS.into_iter().zip(&t.kinds))
                .filter_map(|(name, range)| Some((name, range.as_ref()?)));
            for (name, range) in ranges {
                let _ = writeln!(
                    text,
                    "K\t{name}\t{}\t{}\t{}",
                    list(&range.lengths),
                    list(&range.local_lengths),
                    range.pattern
                );
            }
        }
        text
    }
}

impl Territory {
    /// The XML tells lengths of kinds only; those of all numbers are their union, as Google's
    /// builder makes it.
    fn sum_lengths(&mut self) {
        let Some(general) = &mut self.general else {
            return;
        };
        let union = |pick: fn(&Range) -> &Vec<u8>| {
            let mut all: Vec<u8> = self
                .kinds
                .iter()
                .flatten()
                .flat_map(pick)
                .copied()
                .collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        general.lengths = union(|range| &range.lengths);
        general.local_lengths = union(|range| &range.local_lengths);
        let possible = general.lengths.clone();
        general.local_lengths.retain(|l| !possible.contains(l));
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
