//! The pipeline for programs that have no files: rows are pushed, or verdicts pulled.

use crate::error::Error;
use crate::pipeline::{Checked, FileInfo, Files, Format, Pipeline, Rows, Sink};
use crate::report::Report;
use crate::rounds::{Judge, Lane, Slot, join};
use crate::rows::{ROUND, RowRun, Work};
use recipients_core::{Origin, Verdict};
use recipients_ingest::Source;
use recipients_template::Segments;
use std::collections::VecDeque;
use std::io;

/// Rows of a batch: enough to keep the cost of handing it on negligible.
const BATCH: usize = 4096;

/// Takes rows one by one and gives them, checked, to a sink ([`Pipeline::feed`]).
///
/// [`Feed::push`] returns at once until some tens of thousands of rows are there; then they are
/// checked on all threads and given to the sink, in their order, before it returns: whoever is
/// faster than the sink waits for it. No more rows than those are held, and no thread runs between
/// the calls.
pub struct Feed<'p, S: Sink> {
    run: RowRun<'p, S>,
    list: Source,
    slots: Vec<Slot<Work<<S::Format as Format>::Part>>>,
    /// How many of them are full; the next one is being filled.
    full: usize,
    rows: u64,
}

impl<'c> Pipeline<'c> {
    /// Begins a list whose rows are pushed. `columns` are the columns' names, or none; `column` is
    /// the place of the recipients among them, from 0.
    ///
    /// ```
    /// use recipients_batcher::{Checked, Pipeline};
    /// use recipients_core::Checker;
    ///
    /// let checker = Checker::default();
    /// let mut codes = Vec::new();
    /// let pipeline = Pipeline::new(&checker);
    /// let mut feed = pipeline.feed("clients", &["name", "phone"], 1, |row: &Checked<'_>| {
    ///     codes.push((row.number(), row.verdict().code().as_u8()));
    ///     Ok(())
    /// })?;
    /// feed.push(["Anna", "380971112233"])?;
    /// feed.push(["Olha", "+38 (097) 111-22-33"])?;
    /// let report = feed.finish()?;
    /// assert_eq!(report.accepted(), 1);
    /// assert_eq!(codes, [(1, 0), (2, 4)]);
    /// # Ok::<(), recipients_batcher::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If threads cannot be started, the columns cannot serve the text, or the sink fails.
    pub fn feed<S: Sink>(
        &'c self,
        name: &str,
        columns: &[&str],
        column: usize,
        mut sink: S,
    ) -> Result<Feed<'c, S>, Error> {
        let rows = std::iter::empty::<io::Result<[&str; 0]>>();
        let list = Source::from_rows(name, columns, column, rows);
        let files = Files::open(self, std::slice::from_ref(&list))?;
        let format = sink.start(files.infos()).map_err(Error::Sink)?;
        let crew = self.crew()?;
        let mut run = RowRun::new(self, files, sink, format, crew, self.budget.as_ref());
        run.begin();
        Ok(Feed {
            run,
            list,
            slots: Vec::new(),
            full: 0,
            rows: 0,
        })
    }

    /// The rows of lists and their verdicts, as they are asked for. [`Pipeline::memory`] does not
    /// count here.
    ///
    /// ```
    /// use recipients_batcher::Pipeline;
    /// use recipients_core::{Checker, Code};
    /// use recipients_ingest::Source;
    ///
    /// let checker = Checker::default();
    /// let rows = ["380971112233", "none", "380971112233"];
    /// let rows = rows.into_iter().map(|number| Ok([number]));
    /// let source = Source::from_rows("clients", &[], 0, rows);
    /// let pipeline = Pipeline::new(&checker);
    /// let codes = pipeline.verdicts(vec![source])?.map(|row| Ok(row?.verdict.code()));
    /// let codes: Vec<Code> = codes.collect::<Result<_, recipients_batcher::Error>>()?;
    /// assert_eq!(codes, [Code::Accepted, Code::NoNumber, Code::Duplicate]);
    /// # Ok::<(), recipients_batcher::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If threads cannot be started, or the columns cannot serve the text. What goes wrong later
    /// comes as the last item.
    pub fn verdicts(&'c self, sources: Vec<Source>) -> Result<Verdicts<'c>, Error> {
        let files = Files::open(self, &sources)?;
        let crew = self.crew()?;
        Ok(Verdicts {
            // Rows that are set aside would come all at once.
            run: Some(RowRun::new(
                self,
                files,
                Queue::default(),
                ToOwn,
                crew,
                None,
            )),
            sources: sources.into_iter().enumerate(),
            current: None,
            slots: Vec::new(),
            failed: None,
            report: None,
        })
    }
}

/// Shows how many rows there were, and not what is in them.
impl<S: Sink> std::fmt::Debug for Feed<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Feed({} rows)", self.rows)
    }
}

impl<S: Sink> Feed<'_, S> {
    /// A row may have so many bytes.
    pub const MOST_BYTES: usize = 1 << 20;

    /// Adds a row. It is number 1 the first time, and so on.
    ///
    /// # Errors
    ///
    /// If the row has more than [`Feed::MOST_BYTES`] (it is left out, and others can follow), the sink
    /// fails, or the run was cancelled.
    pub fn push<F: AsRef<str>>(&mut self, row: impl IntoIterator<Item = F>) -> Result<(), Error> {
        let fields: Vec<F> = row.into_iter().collect();
        let bytes: usize = fields.iter().map(|field| field.as_ref().len()).sum();
        if bytes > Self::MOST_BYTES {
            return Err(Error::RowTooLong {
                row: self.rows + 1,
                limit: Self::MOST_BYTES,
            });
        }
        if self.slots.len() == self.full {
            self.slots.push(Slot::default());
        }
        self.rows += 1;
        let batch = &mut self.slots[self.full].batch;
        batch.push_row(self.rows, &fields);
        if batch.is_full(BATCH) {
            self.full += 1;
            if self.full == ROUND {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Gives the sink all rows that were pushed so far.
    ///
    /// # Errors
    ///
    /// If the sink fails, or the run was cancelled.
    pub fn flush(&mut self) -> Result<(), Error> {
        let filled = self.slots.len().min(self.full + 1);
        self.full = 0;
        let (judge, state, crew) = self.run.split();
        let slots = &mut self.slots[..filled];
        crew.go_on()?;
        crew.each(slots, |slot| judge.again(0, &slot.batch, &mut slot.work));
        state.take(judge, 0, slots)?;
        slots.iter_mut().for_each(|slot| slot.batch.clear());
        Ok(())
    }

    /// Gives the sink the last rows, and tells what all came to.
    ///
    /// # Errors
    ///
    /// If the sink fails, or the run was cancelled.
    pub fn finish(mut self) -> Result<Report, Error> {
        self.flush()?;
        self.run.end(&self.list);
        self.run.finish()
    }
}

/// A row with its verdict that stands for itself.
#[derive(Clone, Eq, PartialEq)]
pub struct CheckedRow {
    /// Where it stands.
    pub origin: Origin,
    /// The recipient's text as it was given ([`Checked::input`]).
    pub input: String,
    /// The row's own fields ([`Checked::fields`]).
    pub fields: Vec<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// For a duplicate, the row that won.
    pub duplicate_of: Option<Origin>,
    /// A row that likely has the same person's number ([`Checked::likely_duplicate_of`]).
    pub likely_duplicate_of: Option<Origin>,
    /// What the filled text costs, if there is one.
    pub segments: Option<Segments>,
}

/// Shows where the row stands and its verdict, the number masked.
impl std::fmt::Debug for CheckedRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckedRow")
            .field("origin", &self.origin)
            .field("verdict", &self.verdict)
            .finish_non_exhaustive()
    }
}

impl CheckedRow {
    fn new(row: &Checked<'_>) -> CheckedRow {
        CheckedRow {
            origin: row.origin(),
            input: row.input().to_owned(),
            fields: row.fields().into_iter().map(str::to_owned).collect(),
            verdict: row.verdict(),
            duplicate_of: row.duplicate_of(),
            likely_duplicate_of: row.likely_duplicate_of(),
            segments: row.segments(),
        }
    }
}

/// The rows of lists and their verdicts, in their order ([`Pipeline::verdicts`]).
///
/// It reads and checks some chunks of the list, on all threads, when those before have been handed
/// out; no thread runs between the calls. Behind an error there is nothing more.
pub struct Verdicts<'p> {
    run: Option<RowRun<'p, Queue>>,
    sources: std::iter::Enumerate<std::vec::IntoIter<Source>>,
    current: Option<(usize, Source)>,
    slots: Vec<Slot<Work<Vec<CheckedRow>>>>,
    /// What ends the iteration, once the rows before have been handed out.
    failed: Option<Error>,
    report: Option<Report>,
}

/// Shows nothing of the rows.
impl std::fmt::Debug for Verdicts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verdicts").finish_non_exhaustive()
    }
}

/// Rows that wait to be asked for.
#[derive(Default)]
struct Queue(VecDeque<CheckedRow>);

struct ToOwn;

impl Format for ToOwn {
    type Part = Vec<CheckedRow>;

    fn format(&self, rows: &Rows<'_>) -> io::Result<Vec<CheckedRow>> {
        Ok(rows.iter().map(|row| CheckedRow::new(&row)).collect())
    }
}

impl Sink for Queue {
    type Format = ToOwn;

    fn start(&mut self, _: &[FileInfo]) -> io::Result<ToOwn> {
        Ok(ToOwn)
    }

    fn rows(&mut self, _: &Rows<'_>, rows: Vec<CheckedRow>) -> io::Result<()> {
        self.0.extend(rows);
        Ok(())
    }
}

impl Verdicts<'_> {
    /// What all rows came to, once the last one has been handed out.
    pub fn report(&self) -> Option<&Report> {
        self.report.as_ref()
    }

    /// Checks the next chunks; false behind the last one.
    fn advance(&mut self) -> Result<bool, Error> {
        let Some(run) = &mut self.run else {
            return Ok(false);
        };
        if self.current.is_none() {
            self.current = self.sources.next();
            run.begin();
        }
        let Some((file, source)) = &mut self.current else {
            return Ok(false);
        };
        let (judge, state, crew) = run.split();
        crew.go_on()?;
        let parser = source.parser();
        let mut read = Ok(());
        let mut chunks = Vec::new();
        while chunks.len() < ROUND {
            let mut slot = self.slots.pop().unwrap_or_default();
            match source.next_chunk(std::mem::take(&mut slot.batch)) {
                Ok(Some(chunk)) => chunks.push((Some(chunk), slot)),
                Ok(None) => break,
                Err(error) => {
                    read = Err(error.into());
                    break;
                }
            }
        }
        crew.each(&mut chunks, |(chunk, slot)| {
            if let Some(chunk) = chunk.take() {
                slot.parsed = Some(judge.chunk(*file, &parser, chunk, &mut slot.work));
            }
        });
        let is_last = chunks.is_empty();
        let mut slots = Vec::new();
        for (_, mut slot) in chunks {
            if let Err(error) = join(judge, &mut source.apart().1, *file, &mut slot) {
                read = read.and(Err(error));
                break;
            }
            slots.push(slot);
        }
        state.take(judge, *file, &mut slots)?;
        self.slots.append(&mut slots);
        read?;
        if is_last && let Some((_, source)) = self.current.take() {
            run.end(&source);
        }
        Ok(true)
    }
}

impl Iterator for Verdicts<'_> {
    type Item = Result<CheckedRow, Error>;

    fn next(&mut self) -> Option<Result<CheckedRow, Error>> {
        loop {
            if let Some(row) = self.run.as_mut()?.sink().0.pop_front() {
                return Some(Ok(row));
            }
            let failed = match self.failed.take() {
                Some(error) => Some(error),
                None => match self.advance() {
                    Ok(true) => continue,
                    Ok(false) => None,
                    Err(error) => {
                        self.failed = Some(error);
                        continue;
                    }
                },
            };
            let run = self.run.take()?;
            return match failed.map_or_else(|| run.finish(), Err) {
                Ok(report) => {
                    self.report = Some(report);
                    None
                }
                Err(error) => Some(Err(error)),
            };
        }
    }
}
