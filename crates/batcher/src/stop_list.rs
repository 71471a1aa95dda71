//! Stop lists, read as recipients are (decision D9).

use crate::error::Error;
use crate::parts::{PARTS, Parted, Parting, range_of};
use crate::rounds::{Crew, Judge, Lane, Slot, Workers, drive};
use recipients_core::{Checker, Msisdn, NumberSet, Reason, StopList, is_blank};
use recipients_ingest::{Batch, Chunk, ChunkParser, ParsedChunk, Row, Source};

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

/// Reads a whole stop list, on these threads, with the checker that will read the recipients. Blank lines and lines that begin with `#` and hold no digit are passed over. A
/// line with a number in another column, too, is a bad one: it is not clear which of them is meant,
/// and none may be lost.
///
/// # Errors
///
/// If the file cannot be read.
pub fn load_stop_list(
    mut source: Source,
    checker: &Checker,
    workers: &Workers,
) -> Result<LoadedStopList, Error> {
    let reader = Reader {
        checker,
        parting: Parting::at_random(),
        column: source.layout().column,
    };
    let crew = Crew::new(workers.clone(), None);
    let mut loader = Loader {
        crew: crew.clone(),
        chunks: Vec::new(),
        waiting: 0,
        parts: (0..PARTS).map(|at| (at, Vec::new())).collect(),
        bad: Vec::new(),
    };
    drive(&reader, &mut loader, &crew, 0, &mut source)?;
    loader.part();
    Ok(LoadedStopList {
        list: number_set(loader.parts, &crew).into(),
        bad: loader.bad,
    })
}

/// The set of all numbers. Each part is sorted by itself; those of a range are in one part.
fn number_set(mut parts: Vec<(usize, Vec<Msisdn>)>, crew: &Crew<'_>) -> NumberSet {
    crew.each(&mut parts, |(_, numbers)| {
        radsort::sort_by_key(numbers, |number| number.as_u64());
        numbers.dedup();
    });
    let len: usize = parts.iter().map(|(_, numbers)| numbers.len()).sum();
    let mut ranges: Vec<&[Msisdn]> = parts
        .iter()
        .flat_map(|(_, numbers)| numbers.chunk_by(|&one, &next| range_of(one) == range_of(next)))
        .collect();
    ranges.sort_unstable();
    NumberSet::from_ascending(len as u64, ranges.into_iter().flatten().copied())
}

struct Loader<'p> {
    crew: Crew<'p>,
    /// The numbers of the last chunks, and how many these are.
    chunks: Vec<Parted<Msisdn>>,
    waiting: usize,
    /// Those of the chunks before, part by part, with its place.
    parts: Vec<(usize, Vec<Msisdn>)>,
    bad: Vec<BadLine>,
}

impl Loader<'_> {
    /// Numbers that wait, so that the parts of most lists are made in one go and take no more than they must.
    const WAITING: usize = 1 << 20;
    /// Chunks that wait: each takes some memory, however few numbers are in it.
    const CHUNKS: usize = 256;

    fn part(&mut self) {
        let chunks = &self.chunks;
        self.crew.each(&mut self.parts, |(at, numbers)| {
            let of_part = || chunks.iter().flat_map(|chunk| chunk.part(*at));
            numbers.reserve(of_part().map(<[_]>::len).sum());
            of_part().for_each(|more| numbers.extend_from_slice(more));
        });
        self.chunks.clear();
        self.waiting = 0;
    }
}

struct Reader<'c> {
    checker: &'c Checker,
    parting: Parting,
    column: usize,
}

/// What a chunk holds.
#[derive(Default)]
struct Entries {
    numbers: Parted<Msisdn>,
    /// Rows of its batch that are no numbers, by what has to be added to the lines before it.
    bad: Vec<BadLine>,
}

impl Lane<Reader<'_>> for Loader<'_> {
    const CHUNK: Option<usize> = Some(1 << 19);
    const ROUND: usize = 2;
    const WANTS_ROWS: bool = false;

    fn take(&mut self, _: &Reader<'_>, _: usize, slots: &mut [Slot<Entries>]) -> Result<(), Error> {
        for slot in slots {
            self.waiting += slot.work.numbers.len();
            self.chunks.push(std::mem::take(&mut slot.work.numbers));
            let before = slot.lines_before;
            let bad = slot.work.bad.drain(..);
            self.bad.extend(bad.map(|line| BadLine {
                row: before + line.row,
                ..line
            }));
        }
        if self.waiting > Self::WAITING || self.chunks.len() > Self::CHUNKS {
            self.part();
        }
        Ok(())
    }
}

impl Reader<'_> {
    fn lines(&self, lines: &str, entries: &mut Entries) {
        let Entries { numbers, bad } = entries;
        numbers.clear();
        bad.clear();
        self.checker.stop_list_lines(
            lines,
            |number| numbers.push(number, self.part_of(number)),
            |at, line, reason| {
                if !is_nothing(std::iter::once(line)) {
                    let row = at as u64 + 1;
                    bad.push(BadLine { row, reason });
                }
            },
        );
    }

    fn part_of(&self, number: Msisdn) -> usize {
        self.parting.part_of_range(range_of(number))
    }
}

impl Judge for Reader<'_> {
    type Work = Entries;

    fn chunk(
        &self,
        file: usize,
        parser: &ChunkParser,
        chunk: Chunk,
        entries: &mut Entries,
    ) -> ParsedChunk {
        let parsed = parser.parse_lines(chunk);
        match parsed.lines() {
            Some(lines) => self.lines(lines, entries),
            None => self.again(file, parsed.batch(), entries),
        }
        parsed
    }

    fn again(&self, _: usize, batch: &Batch, entries: &mut Entries) {
        let cells: Vec<&str> = batch
            .rows()
            .map(|row| row.get(self.column).unwrap_or_default())
            .collect();
        let mut read = Vec::with_capacity(cells.len());
        self.checker.stop_list_batch(&cells, &mut read);
        entries.numbers.clear();
        entries.bad.clear();
        for (row, entry) in batch.rows().zip(read) {
            let reason = match entry {
                Ok(_) if has_other_number(&row, self.column, self.checker) => {
                    Reason::SeveralNumbers
                }
                Ok(number) => {
                    entries.numbers.push(number, self.part_of(number));
                    continue;
                }
                Err(_) if is_nothing(row.fields()) => continue,
                Err(reason) => reason,
            };
            entries.bad.push(BadLine {
                row: row.number() - batch.lines_before(),
                reason,
            });
        }
    }
}

fn has_other_number(row: &Row<'_>, column: usize, checker: &Checker) -> bool {
    row.fields()
        .enumerate()
        .any(|(at, field)| at != column && checker.check(field).kind().is_some())
}

/// Whether a line is blank, or a comment.
fn is_nothing<'r>(mut fields: impl Iterator<Item = &'r str> + Clone) -> bool {
    let mut all = fields.clone();
    let starts = |first: &str| first.trim_start().starts_with('#');
    let is_comment = fields.clone().next().is_some_and(starts)
        && !all.any(|field| field.contains(char::is_numeric));
    is_comment || fields.all(is_blank)
}

#[cfg(test)]
mod tests {
    use super::*;
    use recipients_core::Msisdn;
    use recipients_ingest::Options;

    #[test]
    fn d9_bad_lines_are_told_and_none_is_skipped_in_silence() {
        let workers = Workers::new(2).unwrap();
        let text = "# my list\n+38 (097) 111-22-33\n\n0038097 111 22 34\nnobody\n49301234\n123\n380971112233\n";
        for chunk in [1 << 20, 40, 1] {
            let options = Options::auto().chunk_bytes(chunk);
            let source = Source::from_bytes("stop", text.into(), &options).unwrap();
            let loaded = load_stop_list(source, &Checker::default(), &workers).unwrap();
            for number in [380971112233, 380971112234, 49301234] {
                let number = Msisdn::from_u64(number).unwrap();
                assert!(loaded.list.contains(number), "{number}");
            }
            assert_eq!(loaded.list.len(), 3, "none counts twice");
            let bad = loaded.bad.iter().map(|line| (line.row, line.reason));
            let bad: Vec<_> = bad.collect();
            assert_eq!(bad, [(5, Reason::NoDigits), (7, Reason::TooShort)]);
        }
        let text = "# 38097111223\n380971112233;79101112233\n380971112244;79101112244\n";
        let source = Source::from_bytes("stop", text.into(), &Options::auto()).unwrap();
        let loaded = load_stop_list(source, &Checker::default(), &workers).unwrap();
        assert_eq!((loaded.list.len(), loaded.bad.len()), (0, 3));
    }
}
