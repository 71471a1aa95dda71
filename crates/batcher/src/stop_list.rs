//! Stop lists, read as recipients are (decision D9).

use recipients_core::{Checker, Reason, StopList, is_blank};
use recipients_ingest::{Batch, Error, Row, Source};

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
/// that begin with `#` and hold no digit are passed over. A line with a number in another column,
/// too, is a bad one: it is not clear which of them is meant, and none may be lost.
///
/// # Errors
///
/// If the file cannot be read.
pub fn load_stop_list(mut source: Source, checker: &Checker) -> Result<LoadedStopList, Error> {
    let mut loaded = LoadedStopList::default();
    let mut batch = Batch::new();
    let (mut entries, mut numbers) = (Vec::new(), Vec::new());
    let column = source.layout().column;
    while source.fill(&mut batch)? {
        let cells: Vec<&str> = batch
            .rows()
            .map(|row| row.get(column).unwrap_or_default())
            .collect();
        entries.clear();
        checker.stop_list_batch(&cells, &mut entries);
        for (row, entry) in batch.rows().zip(&entries) {
            match *entry {
                Ok(_) if has_other_number(&row, column, checker) => loaded.bad.push(BadLine {
                    row: row.number(),
                    reason: Reason::SeveralNumbers,
                }),
                Ok(number) => numbers.push(number),
                Err(_) if row.fields().all(is_blank) => {}
                Err(_) if is_comment(&row) => {}
                Err(reason) => loaded.bad.push(BadLine {
                    row: row.number(),
                    reason,
                }),
            }
        }
    }
    loaded.list = numbers.into_iter().collect();
    Ok(loaded)
}

fn has_other_number(row: &Row<'_>, column: usize, checker: &Checker) -> bool {
    row.fields()
        .enumerate()
        .any(|(at, field)| at != column && checker.check(field).kind().is_some())
}

fn is_comment(row: &Row<'_>) -> bool {
    let starts = row
        .get(0)
        .is_some_and(|first| first.trim_start().starts_with('#'));
    starts && !row.fields().any(|field| field.contains(char::is_numeric))
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
        let text = "# 38097111223\n380971112233;79101112233\n380971112244;79101112244\n";
        let source = Source::from_bytes("stop", text.into(), &Options::auto()).unwrap();
        let loaded = load_stop_list(source, &Checker::default()).unwrap();
        assert_eq!((loaded.list.len(), loaded.bad.len()), (0, 3));
    }
}
