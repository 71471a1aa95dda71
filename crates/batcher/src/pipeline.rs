//! From sources to a sink.

use crate::binding::{Binding, Lacking};
use crate::check::{self, FileCheck, Message, Outcome};
use crate::error::Error;
use crate::report::Report;
use recipients_core::{Checker, Msisdn, Origin, Reason, Seen, Verdict};
use recipients_ingest::{Batch, Layout, Row, Source};
use recipients_template::{Missing, Segments, Template};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Source → checker → sink, as it is to run.
///
/// Its settings are given once; [`Pipeline::run`] may be called for many lists.
#[derive(Clone, Debug)]
pub struct Pipeline<'c> {
    checker: &'c Checker,
    message: Option<Message>,
    loose_header: bool,
    threads: usize,
    cancel: Option<&'c AtomicBool>,
}

/// Where rows and verdicts go, in input order.
///
/// Every closure `FnMut(&Checked) -> io::Result<()>` is one.
pub trait Sink {
    /// Called once, before the first row, when all files are open and their headers are read.
    ///
    /// # Errors
    ///
    /// Ends the run with [`Error::Sink`].
    fn start(&mut self, files: &[FileInfo]) -> io::Result<()> {
        let _ = files;
        Ok(())
    }

    /// Takes one row.
    ///
    /// # Errors
    ///
    /// Ends the run with [`Error::Sink`].
    fn row(&mut self, row: &Checked<'_>) -> io::Result<()>;
}

impl<F: FnMut(&Checked<'_>) -> io::Result<()>> Sink for F {
    fn row(&mut self, row: &Checked<'_>) -> io::Result<()> {
        self(row)
    }
}

/// A file of the run.
pub struct FileInfo {
    name: String,
    layout: Layout,
    header: Option<Vec<String>>,
    check: FileCheck,
}

/// Shows the name and the layout; a header may hold a row of data.
impl std::fmt::Debug for FileInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileInfo")
            .field("name", &self.name)
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

/// Shows where the row stands and its verdict, the number masked.
impl std::fmt::Debug for Checked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checked")
            .field("origin", &self.origin)
            .field("verdict", &self.outcome.verdict)
            .finish_non_exhaustive()
    }
}

impl FileInfo {
    /// The name as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is laid out.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The placeholders that no column serves.
    pub fn lacking(&self) -> &[Lacking] {
        self.check.binding.as_ref().map_or(&[], Binding::lacking)
    }

    /// How many columns of its own the list has; at least one.
    pub fn column_count(&self) -> usize {
        self.check.own.max(1)
    }

    /// The names of the list's own columns, without those that an earlier run has added; made up
    /// where the list has none: `recipient`, `column_2` …
    pub fn columns(&self) -> Vec<String> {
        match &self.header {
            Some(header) => (0..self.check.own)
                .map(|column| header.get(column).cloned().unwrap_or_default())
                .collect(),
            None => (0..self.column_count())
                .map(|column| match column == self.layout.column {
                    true => Template::RECIPIENT.to_owned(),
                    false => format!("column_{}", column + 1),
                })
                .collect(),
        }
    }
}

/// One row and all that was found out about it.
pub struct Checked<'r> {
    files: &'r [FileInfo],
    origin: Origin,
    row: Row<'r>,
    outcome: &'r Outcome,
    duplicate_of: Option<Origin>,
}

impl<'r> Checked<'r> {
    /// The file that the row is in.
    pub fn file(&self) -> &'r FileInfo {
        &self.files[usize::from(self.origin.file)]
    }

    /// The physical line where the row starts, or the row of the sheet.
    pub fn number(&self) -> u64 {
        self.origin.row
    }

    /// Offset in bytes of the row's start in the (decompressed) file; 0 in a sheet.
    pub fn offset(&self) -> u64 {
        self.row.offset()
    }

    /// Where the row stands.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The recipient's text as it was given; of a cell taken apart, the piece.
    pub fn input(&self) -> &'r str {
        match &self.outcome.piece {
            Some(piece) => piece,
            None => self
                .file()
                .check
                .field(&self.row, self.file().layout.column)
                .unwrap_or_default(),
        }
    }

    /// The row's own fields. Those of a short row are fewer, those of a long one more than there
    /// are columns; the cell of a recipient that was one of several holds that one.
    pub fn fields(&self) -> Vec<&'r str> {
        let check = &self.file().check;
        let mut fields: Vec<&'r str> = check.fields(&self.row).collect();
        if let (Some(piece), Some(cell)) = (&self.outcome.piece, fields.get_mut(check.column)) {
            *cell = piece;
        }
        // What a spreadsheet program has filled up is no field.
        let is_misshapen = self.verdict().reason() == Reason::RowShape;
        while !is_misshapen
            && check.annotations.is_some()
            && fields.len() > check.own
            && fields.last() == Some(&"")
        {
            fields.pop();
        }
        fields
    }

    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        self.outcome.verdict
    }

    /// The number in international format.
    pub fn msisdn(&self) -> Option<Msisdn> {
        self.outcome.verdict.msisdn()
    }

    /// For a duplicate, the row that won; absent if that row is not in this run.
    pub fn duplicate_of(&self) -> Option<Origin> {
        self.duplicate_of
    }

    /// The name of the winner's file, if it is another one.
    pub fn file_of_winner(&self) -> Option<&'r str> {
        let winner = self.duplicate_of?;
        (winner.file != self.origin.file).then(|| self.files[usize::from(winner.file)].name())
    }

    /// What the filled text costs, if there is a text and the row was not rejected before it came
    /// to that.
    pub fn segments(&self) -> Option<Segments> {
        self.outcome.segments
    }

    /// What there is to say beyond the reason.
    pub(crate) fn detail(&self) -> Option<&'r str> {
        self.outcome.detail.as_deref()
    }
}

impl<'c> Pipeline<'c> {
    /// A pipeline that asks this checker, on as many threads as there are cores.
    pub fn new(checker: &'c Checker) -> Pipeline<'c> {
        Pipeline {
            checker,
            message: None,
            loose_header: false,
            threads: 0,
            cancel: None,
        }
    }

    /// The text of the message: it is filled for every row, a missing value is treated as
    /// `missing` says (D10), and the filled text is counted (D21). The default is none.
    #[must_use]
    pub fn message(mut self, template: Template, missing: Missing) -> Pipeline<'c> {
        self.message = Some(Message::new(template, missing));
        self
    }

    /// Whether a header need only have unique names for the text's placeholders to be filled from
    /// its columns ([`Binding::new`]). The default is no: as the campaign API has it (D17).
    #[must_use]
    pub fn loose_header(mut self, loose: bool) -> Pipeline<'c> {
        self.loose_header = loose;
        self
    }

    /// How many threads judge rows. The default, 0, is as many as there are cores.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Pipeline<'c> {
        self.threads = threads;
        self
    }

    /// A flag that ends the run with [`Error::Cancelled`] soon after it is set. The default is
    /// none.
    #[must_use]
    pub fn cancel(mut self, flag: &'c AtomicBool) -> Pipeline<'c> {
        self.cancel = Some(flag);
        self
    }

    /// Checks every row of the sources, in their order.
    ///
    /// # Errors
    ///
    /// If a source cannot be read to its end, a header cannot serve the text, the sink fails, or
    /// the run is cancelled. What the sink has been given stands.
    pub fn run(&self, sources: Vec<Source>, sink: impl Sink) -> Result<Report, Error> {
        let mut run = Run::new(self, &sources, sink)?;
        match self.threads {
            1 => run.in_sequence(sources),
            threads => {
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()
                    .map_err(|error| Error::Threads(error.to_string()))?;
                run.in_parallel(sources, &pool)
            }
        }?;
        Ok(run.report)
    }
}

impl Pipeline<'_> {
    fn judge(&self, file: &FileInfo, batch: &Batch) -> Vec<Outcome> {
        check::check(self.checker, self.message.as_ref(), &file.check, batch)
    }
}

/// The state of a run: all that depends on the order of rows.
struct Run<'p, S> {
    pipeline: &'p Pipeline<'p>,
    files: Vec<FileInfo>,
    seen: Seen,
    report: Report,
    sink: S,
}

/// Batches in flight, and how many of them are filled.
#[derive(Default)]
struct Round {
    batches: Vec<Batch>,
    filled: usize,
}

impl<'p, S: Sink> Run<'p, S> {
    fn new(pipeline: &'p Pipeline<'p>, sources: &[Source], mut sink: S) -> Result<Self, Error> {
        const MOST_FILES: usize = u16::MAX as usize;
        if sources.len() > MOST_FILES {
            return Err(Error::TooManyFiles { limit: MOST_FILES });
        }
        let mut files = Vec::with_capacity(sources.len());
        for source in sources {
            let binding = match &pipeline.message {
                Some(message) => {
                    let loose = pipeline.loose_header;
                    Some(
                        Binding::new(&message.template, source, loose).map_err(|error| {
                            Error::Header {
                                file: source.name().to_owned(),
                                row: source.header_row().unwrap_or(1),
                                error,
                            }
                        })?,
                    )
                }
                None => None,
            };
            files.push(FileInfo {
                name: source.name().to_owned(),
                layout: source.layout().clone(),
                header: source.header().map(<[String]>::to_vec),
                check: FileCheck::new(source.layout(), binding),
            });
        }
        sink.start(&files).map_err(Error::Sink)?;
        Ok(Run {
            pipeline,
            files,
            seen: Seen::default(),
            report: Report::new(pipeline.message.is_some()),
            sink,
        })
    }

    fn in_sequence(&mut self, sources: Vec<Source>) -> Result<(), Error> {
        let mut batch = Batch::new();
        for (file, mut source) in sources.into_iter().enumerate() {
            while source.fill(&mut batch)? {
                let outcomes = self.pipeline.judge(&self.files[file], &batch);
                self.settle(file, &batch, outcomes)?;
            }
            self.close(&source);
        }
        Ok(())
    }

    /// The same with the reading and judging of batches spread over threads: while one round is
    /// judged, the next one is read, and rounds are settled in the order of the file.
    fn in_parallel(&mut self, sources: Vec<Source>, pool: &rayon::ThreadPool) -> Result<(), Error> {
        use rayon::prelude::*;
        let width = pool.current_num_threads() * 2;
        let (mut current, mut next) = (Round::default(), Round::default());
        for (file, mut source) in sources.into_iter().enumerate() {
            read_round(&mut source, &mut current, width)?;
            while current.filled > 0 {
                let (pipeline, info) = (self.pipeline, &self.files[file]);
                let (outcomes, read) = pool.join(
                    || -> Vec<Vec<Outcome>> {
                        current.batches[..current.filled]
                            .par_iter()
                            .map(|batch| pipeline.judge(info, batch))
                            .collect()
                    },
                    || read_round(&mut source, &mut next, width),
                );
                for (batch, outcomes) in current.batches.iter().zip(outcomes) {
                    self.settle(file, batch, outcomes)?;
                }
                read?;
                std::mem::swap(&mut current, &mut next);
            }
            self.close(&source);
        }
        Ok(())
    }

    /// What depends on the rows before: duplicates, the report, the sink.
    fn settle(&mut self, file: usize, batch: &Batch, outcomes: Vec<Outcome>) -> Result<(), Error> {
        if self
            .pipeline
            .cancel
            .is_some_and(|flag| flag.load(Ordering::Relaxed))
        {
            return Err(Error::Cancelled);
        }
        for mut outcome in outcomes {
            let row = batch.row(outcome.row as usize);
            let origin = Origin {
                file: file as u16,
                row: row.number(),
            };
            let mut duplicate_of = None;
            if let (true, Some(number)) = (outcome.verdict.is_accepted(), outcome.verdict.msisdn())
            {
                duplicate_of = self.seen.insert(number, origin);
                if duplicate_of.is_some() {
                    outcome.verdict = outcome.verdict.but(Reason::Duplicate);
                    outcome.segments = None;
                }
            }
            let checked = Checked {
                files: &self.files,
                origin,
                row,
                outcome: &outcome,
                duplicate_of,
            };
            self.report
                .add(&outcome, checked.input(), self.pipeline.checker);
            self.sink.row(&checked).map_err(Error::Sink)?;
        }
        Ok(())
    }

    fn close(&mut self, source: &Source) {
        self.report.skipped_blank += source.skipped_blank();
        let notes = source.notes().iter();
        self.report
            .notes
            .extend(notes.map(|&note| (source.name().to_owned(), note)));
    }
}

fn read_round(source: &mut Source, round: &mut Round, width: usize) -> Result<(), Error> {
    round.filled = 0;
    while round.filled < width {
        if round.batches.len() == round.filled {
            round.batches.push(Batch::new());
        }
        if !source.fill(&mut round.batches[round.filled])? {
            break;
        }
        round.filled += 1;
    }
    Ok(())
}
