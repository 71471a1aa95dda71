//! What a segment costs, by country and operator.

use crate::Money;
use crate::error::{Error, Field, Flaw};
use recipients_core::{Plan, Verdict};
use recipients_ingest::{Choice, Options, Source};
use std::collections::BTreeMap;
use std::io::Read;

/// Bytes of a table.
const MOST_TABLE: u64 = 16 << 20;

/// Of a segment: what a campaign costs must be a number that can be reckoned with.
const MOST_PRICE: Money = Money(1000_0000);

/// A table of prices.
#[derive(Clone, Debug, Default)]
pub struct Prices(BTreeMap<String, BTreeMap<String, Money>>);

impl Prices {
    /// Reads a CSV file with the columns `country`, `operator` (may be empty: every operator) and
    /// `price` of a segment.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] naming the line that cannot be read.
    pub fn read(table: impl Read) -> Result<Prices, Error> {
        let flaw = |line: u64, words: &str| {
            Error::invalid(Field::Prices, Flaw::File(format!("line {line}: {words}")))
        };
        let plan = Plan::builtin();
        let mut bytes = Vec::new();
        table.take(MOST_TABLE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MOST_TABLE {
            return Err(flaw(1, "the table has more than 16 MiB"));
        }
        let options = Options::api()
            .enclosure(Choice::Given(Some('"')))
            .skip_header(Choice::Given(true));
        let source = Source::from_bytes("prices", bytes, &options)
            .map_err(|error| flaw(1, &error.to_string()))?;
        if source
            .header()
            .is_none_or(|header| header != ["country", "operator", "price"])
        {
            return Err(flaw(1, "the columns must be country,operator,price"));
        }
        let mut prices = Prices::default();
        for row in source.into_rows() {
            let row = row.map_err(|error| flaw(0, &error.to_string()))?;
            let line = row.number;
            let [territory, operator, price] = &row.fields[..] else {
                return Err(flaw(line, "it has not three columns"));
            };
            let territory = plan
                .territory(territory.trim())
                .map_err(|error| flaw(line, &error.to_string()))?;
            let operator = match operator.trim() {
                "" => "",
                // As the plan writes it, for that is how it is looked up.
                operator => plan.operator_name(
                    plan.operator(operator)
                        .map_err(|error| flaw(line, &error.to_string()))?,
                ),
            };
            let price: Money = price
                .trim()
                .parse()
                .map_err(|()| flaw(line, "the price is no number with at most 4 decimals"))?;
            if !(Money(0)..=MOST_PRICE).contains(&price) {
                return Err(flaw(line, "a price lies between 0 and 1000"));
            }
            prices.insert(territory.to_string(), operator.to_owned(), price);
        }
        Ok(prices)
    }

    pub(crate) fn insert(&mut self, territory: String, operator: String, price: Money) {
        self.0.entry(territory).or_default().insert(operator, price);
    }

    /// How many prices there are.
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Territory, operator (empty is every one) and price.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str, Money)> {
        self.0.iter().flat_map(|(territory, prices)| {
            let prices = prices.iter();
            prices.map(move |(operator, &price)| (territory.as_str(), operator.as_str(), price))
        })
    }

    /// The price of a segment to a number; nothing where the table has none.
    pub fn price(&self, verdict: Verdict, plan: &Plan) -> Money {
        if self.is_empty() {
            return Money(0);
        }
        let prices = verdict.territory();
        let Some(prices) = prices.and_then(|territory| self.0.get(&territory.to_string())) else {
            return Money(0);
        };
        let operator = verdict.operator().map(|id| plan.operator_name(id));
        let price = operator.and_then(|operator| prices.get(operator));
        price
            .or_else(|| prices.get(""))
            .copied()
            .unwrap_or_default()
    }
}
