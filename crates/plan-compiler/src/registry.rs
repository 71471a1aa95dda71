//! The numbers of the operators, which stay the same from one plan to the next.

use crate::Error;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Names of operators by number: the first has number 1. Names are added, and never taken away.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Registry {
    names: Vec<String>,
}

impl Registry {
    /// Reads what [`Registry::to_tsv`] wrote.
    ///
    /// # Errors
    ///
    /// If a line is not the next number, a tab and a new name.
    pub fn from_tsv(text: &str) -> Result<Registry, Error> {
        let mut registry = Registry::default();
        for (at, line) in text.lines().enumerate() {
            if line.starts_with('#') {
                continue;
            }
            let next = registry.names.len() + 1;
            let name = line
                .split_once('\t')
                .filter(|(number, name)| {
                    *number == next.to_string() && registry.names.iter().all(|n| n != name)
                })
                .map(|(_, name)| name.to_owned());
            registry.names.push(name.ok_or_else(|| {
                Error::new(format!(
                    "operators.tsv, line {}: {next}, a tab and a new name expected",
                    at + 1
                ))
            })?);
        }
        Ok(registry)
    }

    /// A line for each operator: its number, a tab, its name.
    pub fn to_tsv(&self) -> String {
        let mut text = String::from(
            "# Numbers of operators: once given, for ever. Kept by `cargo xtask plan`.\n",
        );
        for (at, name) in self.names.iter().enumerate() {
            let _ = writeln!(text, "{}\t{name}", at + 1);
        }
        text
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of each of these names; new names get the next numbers in alphabetical order.
    pub(crate) fn number<'n>(
        &mut self,
        names: impl Iterator<Item = &'n String>,
    ) -> Result<BTreeMap<String, u16>, Error> {
        let known: BTreeMap<&str, usize> = self
            .names
            .iter()
            .enumerate()
            .map(|(at, name)| (name.as_str(), at + 1))
            .collect();
        let mut numbers: BTreeMap<String, u16> = BTreeMap::new();
        for name in names {
            let number = known.get(name.as_str()).copied().unwrap_or(0);
            numbers.insert(name.clone(), number as u16);
        }
        for (name, number) in numbers.iter_mut().filter(|(_, number)| **number == 0) {
            self.names.push(name.clone());
            *number = u16::try_from(self.names.len())
                .map_err(|_| Error::new("too many operators".into()))?;
        }
        Ok(numbers)
    }
}
