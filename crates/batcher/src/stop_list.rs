//! Stop lists, read as recipients are (decision D9).

use recipients_core::{Checker, Reason, StopList, is_blank};
use recipients_ingest::{Batch, Error, Source};

/// A stop list and what could not be read of it.
#[derive(Debug, Default)]
pub struct LoadedStopList {
    /// The numbers.
    pub list: StopList,
    /// The lines that are no numbers; unless the caller allows them, the list must not be used.
    pub bad: Vec<BadLine>,
}

/// A line of a stop list that is no number.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BadLine {
    /// Physical line, or row of the sheet.
    pub row: u64,
    /// Why it cannot be read.
    pub reason: Reason,
}

/// Reads a whole stop list with the checker that will read the recipients. Blank lines and lines
/// that begin with `#` and hold no number are passed over.
///
/// # Errors
///
/// If the file cannot be read.
pub fn load_stop_list(mut source: Source, checker: &Checker) -> Result<LoadedStopList, Error> {
    let mut loaded = LoadedStopList::default();
    let mut batch = Batch::new();
    let column = source.layout().column;
    while source.fill(&mut batch)? {
        for row in batch.rows() {
            let cell = row.get(column).unwrap_or_default();
            match checker.stop_list_entry(cell) {
                Ok(number) => loaded.list.extend([number]),
                Err(_) if row.fields().all(is_blank) => {}
                Err(_)
                    if row
                        .get(0)
                        .is_some_and(|first| first.trim_start().starts_with('#')) => {}
                Err(reason) => loaded.bad.push(BadLine {
                    row: row.number(),
                    reason,
                }),
            }
        }
    }
    Ok(loaded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use recipients_core::Msisdn;
    use recipients_ingest::Options;

    #[test]
    fn d9_bad_lines_are_told_and_none_is_skipped_in_silence() {
        let text = "# my list\n+38 (097) 111-22-33\n\n0038097 111 22 34\nnobody\n49301234\n123\n";
        let source = Source::from_bytes("stop", text.into(), &Options::auto()).unwrap();
        let loaded = load_stop_list(source, &Checker::default()).unwrap();
        for number in [380971112233, 380971112234, 49301234] {
            assert!(
                loaded.list.contains(Msisdn::from_u64(number).unwrap()),
                "{number}"
            );
        }
        let bad: Vec<_> = loaded
            .bad
            .iter()
            .map(|line| (line.row, line.reason))
            .collect();
        assert_eq!(bad, [(5, Reason::NoDigits), (7, Reason::TooShort)]);
    }
}
