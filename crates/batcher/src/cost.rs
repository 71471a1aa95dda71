//! What the texts of one file cost.

use crate::binding::Binding;
use recipients_core::Msisdn;
use recipients_ingest::Value;
use recipients_template::{Encoding, Length, Missing, Segments, Template, Unfilled, non_gsm};
use std::collections::BTreeMap;

/// The text of the message and what to do where a value is missing.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) template: Template,
    pub(crate) missing: Missing,
    /// Whether the text itself, without any value, stays within the GSM alphabet.
    is_plain_gsm: bool,
}

impl Message {
    pub(crate) fn new(template: Template, missing: Missing) -> Message {
        let is_plain_gsm = non_gsm(template.text()).next().is_none();
        Message {
            template,
            missing,
            is_plain_gsm,
        }
    }
}

/// What a text costs.
pub(crate) struct Cost {
    pub(crate) segments: Segments,
    /// Characters of values that took the text out of the GSM alphabet, each once, ascending.
    pub(crate) culprits: Option<Box<[char]>>,
}

/// What the texts of one file are made of.
#[derive(Debug)]
pub(crate) struct Texts {
    message: Message,
    pub(crate) binding: Binding,
    /// The columns whose values are in them, ascending, and how often.
    columns: Vec<usize>,
    times: Vec<u32>,
    /// How often the number is.
    numbers: u32,
    /// What is in all of them; `None` if none can be made.
    always: Option<Length>,
}

impl Texts {
    pub(crate) fn new(message: &Message, binding: Binding) -> Texts {
        let Message {
            template, missing, ..
        } = message;
        let mut times: BTreeMap<usize, u32> = BTreeMap::new();
        for name in template.placeholders() {
            if let Some(column) = binding.column(name) {
                *times.entry(column).or_default() += 1;
            }
        }
        let (columns, times) = times.into_iter().unzip();
        let numbers = template.placeholders();
        let numbers = numbers.filter(|&name| name == Template::RECIPIENT).count();
        // That of a row whose values are empty.
        let mut text = String::new();
        let filled = binding.fill(template, *missing, "", |_| Some(""), &mut text);
        Texts {
            message: message.clone(),
            columns,
            times,
            numbers: numbers as u32,
            always: filled.is_ok().then(|| Length::of(&text)),
            binding,
        }
    }

    /// The columns whose values are wanted, ascending.
    pub(crate) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// What the text for one recipient costs, whose value in each of [`Texts::columns`] is told by its place
    /// among these. The text is made, in `text`, only if its pieces do not tell.
    #[inline]
    pub(crate) fn cost<'v>(
        &self,
        number: Option<Msisdn>,
        value: impl Fn(usize) -> Option<Value<'v>>,
        text: &mut String,
    ) -> Result<Cost, Unfilled> {
        let length = self.length(number, &value);
        let told = length.filter(|length| length.bytes() <= Template::MOST_BYTES);
        let Some(segments) = told.and_then(Length::segments) else {
            return self.cost_of_text(number, value, text);
        };
        let culprits = self.is_ucs2_by_values(segments).then(|| {
            let values = (0..self.columns.len()).filter_map(value);
            let texts: Vec<_> = values.map(Value::text).collect();
            each_once(texts.iter().flat_map(|text| non_gsm(text)))
        });
        Ok(Cost { segments, culprits })
    }

    #[inline]
    fn length<'v>(
        &self,
        number: Option<Msisdn>,
        value: impl Fn(usize) -> Option<Value<'v>>,
    ) -> Option<Length> {
        /// As long in any encoding as a number with as many digits.
        const DIGITS: &str = "000000000000000";
        let mut length = self.always?;
        if self.numbers > 0 {
            let digits = number?.as_u64().ilog10() as usize + 1;
            length.add(DIGITS.get(..digits)?, self.numbers);
        }
        for (at, &times) in self.times.iter().enumerate() {
            let value = value(at)?;
            match value.units().filter(|_| length.is_ucs2()) {
                Some(units) => length.add_units(units, times),
                None => length.add(&value.text(), times),
            }
        }
        Some(length)
    }

    #[cold]
    fn cost_of_text<'v>(
        &self,
        number: Option<Msisdn>,
        value: impl Fn(usize) -> Option<Value<'v>>,
        text: &mut String,
    ) -> Result<Cost, Unfilled> {
        let number = number.map(|number| number.to_string()).unwrap_or_default();
        let Message {
            template, missing, ..
        } = &self.message;
        let values = (0..self.columns.len()).map(|at| value(at).map(Value::text));
        let values: Vec<_> = values.collect();
        let field = |column| {
            let at = self.columns.binary_search(&column).ok()?;
            values[at].as_deref()
        };
        self.binding
            .fill(template, *missing, &number, field, text)?;
        let segments = Segments::of(text);
        let culprits = self.is_ucs2_by_values(segments);
        Ok(Cost {
            segments,
            culprits: culprits.then(|| each_once(non_gsm(text))),
        })
    }

    fn is_ucs2_by_values(&self, segments: Segments) -> bool {
        self.message.is_plain_gsm && segments.encoding == Encoding::Ucs2
    }
}

fn each_once(chars: impl Iterator<Item = char>) -> Box<[char]> {
    let mut chars: Vec<char> = chars.collect();
    chars.sort_unstable();
    chars.dedup();
    chars.into()
}
