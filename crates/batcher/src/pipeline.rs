//! From sources to a sink.

use crate::binding::{Binding, Lacking, fill};
use crate::check::{FileCheck, Judged};
use crate::cost::{Message, Texts};
use crate::error::Error;
use crate::report::Report;
use crate::rounds::{Crew, Workers};
use crate::rows::RowRun;
use crate::spill::Budget;
use crate::sums::{Sums, TextPrice};
use crate::winner::Winner;
use recipients_core::{Checker, Msisdn, Origin, Reason, Verdict};
use recipients_ingest::{Batch, Layout, Row, Source};
use recipients_template::{Missing, Segments, Template, Unfilled};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Source → checker → sink, as it is to run.
///
/// Its settings are given once; [`Pipeline::run`] may be called for many lists.
#[derive(Clone, Debug)]
pub struct Pipeline<'c> {
    pub(crate) checker: &'c Checker,
    pub(crate) message: Option<Message>,
    loose_header: bool,
    threads: usize,
    workers: Option<Workers>,
    pub(crate) keeps_accepted: bool,
    pub(crate) budget: Option<Budget>,
    pub(crate) cancel: Option<&'c AtomicBool>,
}

/// Where rows and verdicts go, in input order.
///
/// Every closure `FnMut(&Checked) -> io::Result<()>` is one.
pub trait Sink {
    /// What can be done with rows on many threads, before their turn comes.
    type Format: Format;

    /// Called once, before the first row, when all files are open and their headers are read.
    ///
    /// # Errors
    ///
    /// Ends the run with [`Error::Sink`].
    fn start(&mut self, files: &[FileInfo]) -> io::Result<Self::Format>;

    /// Takes the next rows, and what was made of them.
    ///
    /// # Errors
    ///
    /// Ends the run with [`Error::Sink`].
    fn rows(&mut self, rows: &Rows<'_>, part: <Self::Format as Format>::Part) -> io::Result<()>;

    /// What it needs. The default is everything.
    fn wants(&self) -> Wants {
        Wants::Winners
    }

    /// Called now and then: so many verdicts more, and so many bytes of the file with this index
    /// are done with (none are told of a sheet).
    fn progress(&mut self, file: usize, verdicts: u64, bytes: u64) {
        let _ = (file, verdicts, bytes);
    }
}

/// What a [`Sink`] is to be given. Less is faster and takes less memory.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Wants {
    /// Nothing but the [`Report`]: [`Sink::rows`] need not be called.
    Report,
    /// Rows, but not [`Checked::duplicate_of`].
    Rows,
    /// Rows, and which row won over a duplicate.
    Winners,
}

/// A sink that does nothing with what it wants, for whoever needs the report only.
///
/// ```
/// use recipients_batcher::{Pipeline, Wants};
/// use recipients_core::Checker;
/// use recipients_ingest::{Options, Source};
///
/// let list = Source::from_bytes("list", "380971112233\nnone\n".into(), &Options::auto())?;
/// let report = Pipeline::new(&Checker::default()).run(vec![list], Wants::Report)?;
/// assert_eq!((report.accepted(), report.rejected()), (1, 1));
/// # Ok::<(), recipients_batcher::Error>(())
/// ```
impl Sink for Wants {
    type Format = ();

    fn start(&mut self, _: &[FileInfo]) -> io::Result<()> {
        Ok(())
    }

    fn rows(&mut self, _: &Rows<'_>, (): ()) -> io::Result<()> {
        Ok(())
    }

    fn wants(&self) -> Wants {
        *self
    }
}

/// Makes something of rows, on any thread and in any order: the text of a file, say.
pub trait Format: Send + Sync {
    /// What it makes.
    type Part: Send;

    /// Makes it.
    ///
    /// # Errors
    ///
    /// Ends the run with [`Error::Sink`], once it is the rows' turn.
    fn format(&self, rows: &Rows<'_>) -> io::Result<Self::Part>;
}

impl Format for () {
    type Part = ();

    fn format(&self, _: &Rows<'_>) -> io::Result<()> {
        Ok(())
    }
}

impl<F: FnMut(&Checked<'_>) -> io::Result<()>> Sink for F {
    type Format = ();

    fn start(&mut self, _: &[FileInfo]) -> io::Result<()> {
        Ok(())
    }

    fn rows(&mut self, rows: &Rows<'_>, (): ()) -> io::Result<()> {
        rows.iter().try_for_each(|row| self(&row))
    }
}

/// The files of the run, and where their rows stand among all.
#[derive(Default)]
pub(crate) struct Files {
    infos: Vec<FileInfo>,
    /// How many physical lines stand before each file that has been begun.
    before: Vec<u64>,
}

impl Files {
    pub(crate) fn open(pipeline: &Pipeline<'_>, sources: &[Source]) -> Result<Files, Error> {
        const MOST_FILES: usize = u16::MAX as usize;
        if sources.len() > MOST_FILES {
            return Err(Error::TooManyFiles { limit: MOST_FILES });
        }
        let mut files = Files::default();
        for source in sources {
            let bind = |message: &Message| {
                let binding = Binding::new(&message.template, source, pipeline.loose_header);
                binding
                    .map(|binding| Texts::new(message, binding))
                    .map_err(|error| Error::Header {
                        file: source.name().to_owned(),
                        row: source.header_row().unwrap_or(1),
                        error,
                    })
            };
            let texts = pipeline.message.as_ref().map(bind).transpose()?;
            files.infos.push(FileInfo {
                name: source.name().to_owned(),
                layout: source.layout().clone(),
                header: source.header().map(<[String]>::to_vec),
                check: FileCheck::new(source.layout(), texts),
            });
        }
        Ok(files)
    }

    pub(crate) fn infos(&self) -> &[FileInfo] {
        &self.infos
    }

    /// The next file begins, behind so many lines.
    pub(crate) fn begin(&mut self, before: u64) {
        self.before.push(before);
    }

    /// What a row of a file is called among the rows of all files; at least 1.
    pub(crate) fn place(&self, file: usize, row: u64) -> u64 {
        self.before[file] + row
    }

    fn origin(&self, place: u64) -> Origin {
        let file = self.before.partition_point(|&before| before < place) - 1;
        Origin {
            file: file as u16,
            row: place - self.before[file],
        }
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
            .field("origin", &self.origin())
            .field("verdict", &self.verdict())
            .finish_non_exhaustive()
    }
}

impl FileInfo {
    pub(crate) fn check(&self) -> &FileCheck {
        &self.check
    }

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
        self.check.binding().map_or(&[], Binding::lacking)
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

/// Rows that follow each other in one file, checked.
#[derive(Clone, Copy)]
pub struct Rows<'r> {
    files: &'r Files,
    file: usize,
    batch: &'r Batch,
    judged: &'r Judged,
    winners: &'r [AtomicU64],
}

impl<'r> Rows<'r> {
    pub(crate) fn new(
        files: &'r Files,
        file: usize,
        batch: &'r Batch,
        judged: &'r Judged,
        winners: &'r [AtomicU64],
    ) -> Rows<'r> {
        Rows {
            files,
            file,
            batch,
            judged,
            winners,
        }
    }

    /// How many verdicts there are: one for each row, and more where cells were taken apart.
    pub fn len(&self) -> usize {
        self.judged.verdicts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows in order.
    pub fn iter(
        &self,
    ) -> impl ExactSizeIterator<Item = Checked<'r>> + DoubleEndedIterator + use<'r> {
        let rows = *self;
        (0..rows.len()).map(move |at| rows.get(at))
    }

    pub(crate) fn get(&self, at: usize) -> Checked<'r> {
        Checked {
            rows: *self,
            row: self.batch.row(self.judged.row(at)),
            at,
            later: None,
        }
    }
}

/// Shows how many, and not what is in them.
impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rows({})", self.len())
    }
}

/// One row and all that was found out about it.
#[derive(Clone, Copy)]
pub struct Checked<'r> {
    rows: Rows<'r>,
    row: Row<'r>,
    /// Its place among the verdicts.
    at: usize,
    /// What was found out about it after the pipeline was done with it.
    later: Option<Reason>,
}

impl<'r> Checked<'r> {
    /// The file that the row is in.
    pub fn file(&self) -> &'r FileInfo {
        &self.rows.files.infos[self.rows.file]
    }

    /// The physical line where the row starts, or the row of the sheet.
    pub fn number(&self) -> u64 {
        self.row.number()
    }

    /// Offset in bytes of the row's start in the (decompressed) file; 0 in a sheet.
    pub fn offset(&self) -> u64 {
        self.row.offset()
    }

    /// Where the row stands.
    pub fn origin(&self) -> Origin {
        Origin {
            file: self.rows.file as u16,
            row: self.row.number(),
        }
    }

    /// The recipient's text as it was given; of a cell taken apart, the piece.
    pub fn input(&self) -> &'r str {
        match self.piece() {
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
        if let (Some(piece), Some(cell)) = (self.piece(), fields.get_mut(check.column)) {
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
        let verdict = self.rows.judged.verdicts[self.at];
        self.later.map_or(verdict, |reason| verdict.but(reason))
    }

    /// The same row with what only its receiver can find out: that a store already has the number,
    /// say ([`Verdict::but`]).
    #[must_use]
    pub fn but(mut self, reason: Reason) -> Checked<'r> {
        self.later = Some(reason);
        self
    }

    /// Writes the text for this recipient to `out`, which is cleared first. The text and what to do
    /// where a value is missing are those of [`Pipeline::message`].
    ///
    /// # Errors
    ///
    /// If a value is missing that must be there.
    pub fn fill(
        &self,
        template: &Template,
        missing: Missing,
        out: &mut String,
    ) -> Result<(), Unfilled> {
        let check = self.file().check();
        let number = self.msisdn().map(|number| number.to_string());
        let number = number.as_deref().unwrap_or_default();
        match check.binding() {
            Some(binding) => binding.fill(
                template,
                missing,
                number,
                |column| check.field(&self.row, column),
                out,
            ),
            None => fill(template, missing, number, |_| None, out),
        }
    }

    /// The values that this row has for the placeholders of [`Pipeline::message`], in the order of
    /// the names, but for `{recipient}`, which is the number.
    pub fn values(&self) -> impl Iterator<Item = (&'r str, &'r str)> + use<'r> {
        let (check, row) = (self.file().check(), self.row);
        let columns = check.binding().into_iter().flat_map(Binding::columns);
        columns.filter_map(move |(name, column)| Some((name, check.field(&row, column)?)))
    }

    /// The number in international format.
    pub fn msisdn(&self) -> Option<Msisdn> {
        self.verdict().msisdn()
    }

    /// For a duplicate, the row that won; absent if that row is not in this run, or if the sink
    /// does not want to know ([`Sink::wants`]).
    pub fn duplicate_of(&self) -> Option<Origin> {
        let winner = self.winner().filter(|winner| winner.is_duplicate());
        self.origin_of(winner?)
    }

    /// For an accepted number, an accepted row before it that likely has the same person's number,
    /// written otherwise ([`Msisdn::likely_twin`]). Absent if the sink does not want to know.
    pub fn likely_duplicate_of(&self) -> Option<Origin> {
        let winner = self.winner().filter(|winner| winner.is_likely());
        self.origin_of(winner.filter(|_| self.verdict().is_accepted())?)
    }

    fn winner(&self) -> Option<Winner> {
        let winner = self.rows.winners.get(self.at)?.load(Ordering::Relaxed);
        Some(Winner::from_bits(winner))
    }

    fn origin_of(&self, winner: Winner) -> Option<Origin> {
        Some(self.rows.files.origin(winner.place()?))
    }

    /// The name of the file of another row ([`Checked::duplicate_of`],
    /// [`Checked::likely_duplicate_of`]), if it is not this row's.
    pub fn other_file(&self, other: Origin) -> Option<&'r str> {
        let file = usize::from(other.file);
        (file != self.rows.file).then(|| self.rows.files.infos[file].name())
    }

    /// What the filled text costs, if there is a text and the row was not rejected before it came
    /// to that.
    pub fn segments(&self) -> Option<Segments> {
        self.rows.judged.segments(self.at)
    }

    /// What there is to say beyond the reason.
    pub(crate) fn detail(&self) -> Option<&'r str> {
        self.rows.judged.extra(self.at)?.detail.as_deref()
    }

    fn piece(&self) -> Option<&'r str> {
        self.rows.judged.extra(self.at)?.piece.as_deref()
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
            workers: None,
            keeps_accepted: false,
            budget: None,
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

    /// How many threads judge rows, the caller's included; each run has its own, but for
    /// [`Pipeline::workers`]. The default, 0, is as many as there are cores.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Pipeline<'c> {
        self.threads = threads;
        self
    }

    /// Threads that judge rows of every run, instead of some that each has ([`Pipeline::threads`]).
    #[must_use]
    pub fn workers(mut self, workers: &Workers) -> Pipeline<'c> {
        self.workers = Some(workers.clone());
        self
    }

    /// Whoever works for a run.
    pub(crate) fn crew(&self) -> Result<Crew<'c>, Error> {
        let workers = match &self.workers {
            Some(workers) => workers.clone(),
            None => Workers::new(self.threads)?,
        };
        Ok(Crew::new(workers, self.cancel))
    }

    /// Whether [`Report::accepted_numbers`] has the accepted numbers, to be kept for later lists
    /// ([`Policy::seen_before`](recipients_core::Policy::seen_before)). The default is no.
    #[must_use]
    pub fn keep_accepted(mut self, keep: bool) -> Pipeline<'c> {
        self.keeps_accepted = keep;
        self
    }

    /// How many bytes of memory the numbers seen so far may take. Beyond that, they are set aside in
    /// files without names in this folder, and with them the rows whose verdicts depend on them, if
    /// rows are wanted; these come when all have been read. What comes out is the same. The default
    /// is no limit.
    ///
    /// On disk, every number takes 8 bytes (24 where winners are wanted), and a row its text and a
    /// few bytes more.
    #[must_use]
    pub fn memory(mut self, bytes: usize, folder: impl Into<PathBuf>) -> Pipeline<'c> {
        let folder = folder.into();
        self.budget = Some(Budget { bytes, folder });
        self
    }

    /// A flag that ends the run with [`Error::Cancelled`] soon after it is set. The default is
    /// none.
    #[must_use]
    pub fn cancel(mut self, flag: &'c AtomicBool) -> Pipeline<'c> {
        self.cancel = Some(flag);
        self
    }

    /// Checks every row of the sources, in their order. A run that ends early does so when the read that is
    /// in progress has ended, of a silent pipe, say.
    ///
    /// # Errors
    ///
    /// If a source cannot be read to its end, a header cannot serve the text, the sink fails, or
    /// the run is cancelled. What the sink has been given stands.
    pub fn run<S: Sink>(&self, sources: Vec<Source>, mut sink: S) -> Result<Report, Error> {
        let crew = self.crew()?;
        let files = Files::open(self, &sources)?;
        let format = sink.start(files.infos()).map_err(Error::Sink)?;
        let sources = sources.into_iter().enumerate();
        match (sink.wants(), &self.message, &self.budget) {
            (Wants::Report, None, _) => {
                return Sums::<S, ()>::new(self, files, sink, crew).run(sources);
            }
            // What a text costs is not set aside with its number.
            (Wants::Report, Some(_), None) => {
                return Sums::<S, TextPrice>::new(self, files, sink, crew).run(sources);
            }
            _ => {}
        }
        let mut run = RowRun::new(self, files, sink, format, crew, self.budget.as_ref());
        for (file, source) in sources {
            if let Err(error) = run.file(file, source) {
                // Rows before a fault are handed out.
                if let Error::Source(_) = error {
                    run.deliver_spooled()?;
                }
                return Err(error);
            }
        }
        run.finish()
    }
}
