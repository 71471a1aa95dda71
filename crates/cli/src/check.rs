//! `recipients check`: files in, verdicts out.

use crate::args::{CheckArgs, ListArgs, PolicyArgs};
use crate::failure::{ACCEPTED, Failure, NONE_ACCEPTED, SOME_REJECTED, unless_broken_pipe};
use crate::output::{self, Pending};
use crate::progress::Progress;
use crate::summary::{Facts, StopLines};
use crate::verdicts::{self, LineFormat};
use crate::{sheets, stop_list, summary, template};
use recipients::ingest::{Choice, Options, Source, Writer};
use recipients::{
    Checker, Error, FileInfo, Format, HeaderError, NumberSet, OperatorId, Pipeline, Plan, Policy,
    Rows, Sink, StopList, Template, Wants, Workers, annotate,
};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode, Failure> {
    let text = message(&args.list)?;
    let results = [
        &args.accepted,
        &args.rejected,
        &args.output,
        &args.save_seen,
    ];
    refuse_confusion(&args.list, &results, args.save_seen.as_deref(), &[])?;
    output::clean_up_on_interrupt()?;
    let policy = &args.list.policy;
    let reader = reader(policy)?;
    let workers = Workers::new(usize::from(args.list.threads))?;
    let rules = || with_lists(&reader, policy, &workers);
    let open = || open(&args.list, text.as_ref());
    let mut read = args.list.files.iter().chain(stop_lists(policy));
    let (rules, sources) = match workers.threads() > 1 && read.all(|path| is_at_hand(path)) {
        true => workers.join(rules, open),
        // What is wrong with a stop list is told without waiting for the list.
        false => (Ok(rules()?), open()),
    };
    let Rules {
        checker,
        seen,
        lists,
    } = rules?;
    // They end with the process: to take them apart before would take longer.
    let (checker, workers) = (ManuallyDrop::new(checker), ManuallyDrop::new(workers));
    let sources = sources?;
    let pipeline = pipeline(&args.list, &checker, &workers, text.as_ref())
        .keep_accepted(args.save_seen.is_some());
    let mut outputs = Outputs::create(args, &checker, &sources)?;
    let mut facts = Facts::new(&args.list, &checker, text, lists, &sources);
    let report = pipeline.run(sources, &mut outputs);
    outputs.progress.finish();
    let report = report?;
    facts.lacking = std::mem::take(&mut outputs.lacking);
    let accepted = report.accepted_numbers();
    facts.files = outputs.finish(accepted.map(|accepted| {
        let sets = seen.sets().iter().chain([accepted]);
        NumberSet::union(sets)
    }))?;
    let mut out = io::stdout().lock();
    let told = match args.json {
        true => summary::json(&mut out, &facts, &report),
        false => summary::text(&mut out, &facts, &report),
    };
    told.and_then(|()| out.flush())
        .or_else(unless_broken_pipe)?;
    Ok(ExitCode::from(
        match (report.accepted(), report.rejected()) {
            (0, _) => NONE_ACCEPTED,
            (_, 0) => ACCEPTED,
            _ => SOME_REJECTED,
        },
    ))
}

/// The way from lists to verdicts.
pub(crate) fn pipeline<'c>(
    args: &ListArgs,
    checker: &'c Checker,
    workers: &Workers,
    text: Option<&Template>,
) -> Pipeline<'c> {
    let mut pipeline = Pipeline::new(checker)
        .workers(workers)
        .loose_header(args.loose_header);
    if let Some(bytes) = args.memory {
        pipeline = pipeline.memory(bytes, std::env::temp_dir());
    }
    if let Some(template) = text {
        pipeline = pipeline.message(template.clone(), args.placeholders);
    }
    pipeline
}

pub(crate) fn message(args: &ListArgs) -> Result<Option<Template>, Failure> {
    let text = match (&args.text, &args.text_file) {
        (Some(text), _) => Some(text.clone()),
        (None, Some(path)) => {
            let name = path.display().to_string();
            let file = File::open(path)
                .map_err(|error| Failure::Unreadable(format!("{name}: cannot be read: {error}")))?;
            Some(template::read_text(&name, file)?)
        }
        (None, None) => None,
    };
    Ok(text.map(Template::parse))
}

/// Opens the files. A text whose placeholders need columns makes the first row a header (D17),
/// unless it plainly is a recipient that would be lost.
pub(crate) fn open(args: &ListArgs, text: Option<&Template>) -> Result<Vec<Source>, Failure> {
    let mut options = args.reading.options();
    let needs_columns = text.is_some_and(Template::needs_columns);
    match args.reading.skip_header() {
        Choice::Given(false) if needs_columns => {
            return Err(Failure::Usage(
                "the text has placeholders, so the first row must hold the columns' names: \
                 leave out --skip-header 0"
                    .to_owned(),
            ));
        }
        Choice::Auto if needs_columns => options = options.skip_header(Choice::Given(true)),
        _ => {}
    }
    let mut sources = Vec::with_capacity(args.files.len());
    for path in &args.files {
        let source = open_one(path, &options)?;
        let first = source.header().unwrap_or_default();
        let holds_number = |name: &String| name.chars().filter(|c| c.is_numeric()).count() >= 7;
        if needs_columns
            && args.reading.skip_header() == Choice::Auto
            && first.iter().any(holds_number)
        {
            return Err(Failure::Run(Error::Header {
                file: source.name().to_owned(),
                row: source.header_row().unwrap_or(1),
                error: HeaderError::Missing,
            }));
        }
        sources.push(source);
    }
    Ok(sources)
}

pub(crate) fn open_one(path: &Path, options: &Options) -> Result<Source, Failure> {
    let options = options.clone().sheet_process(sheets::process());
    Ok(match path == Path::new("-") {
        true => Source::from_reader("standard input", io::stdin(), &options)?,
        false => Source::open(path, &options)?,
    })
}

/// Standard input has its bytes only once.
pub(crate) fn refuse_reading_twice<'p>(
    files: impl Iterator<Item = &'p PathBuf>,
) -> Result<(), Failure> {
    match files.filter(|file| *file == Path::new("-")).count() {
        0 | 1 => Ok(()),
        _ => Err(Failure::Usage(
            "standard input can be read only once".to_owned(),
        )),
    }
}

/// Results must not replace what is read, nor each other; nor can standard input be read twice.
pub(crate) fn refuse_confusion(
    args: &ListArgs,
    results: &[&Option<PathBuf>],
    grows: Option<&Path>,
    also_read: &[&Option<PathBuf>],
) -> Result<(), Failure> {
    refuse_reading_twice(args.files.iter().chain(stop_lists(&args.policy)))?;
    let read: Vec<PathBuf> = args
        .files
        .iter()
        .chain(&args.policy.stop_list)
        .chain(&args.policy.system_stop_list)
        .chain(&args.text_file)
        .chain(also_read.iter().copied().flatten())
        .map(|path| place_read(path))
        .collect();
    let seen = args.policy.seen.iter();
    let seen: Vec<PathBuf> = seen.map(|path| place_read(path)).collect();
    let mut places: Vec<PathBuf> = Vec::new();
    for result in results.iter().copied().flatten() {
        let refuse = |why: &str| Err(Failure::Usage(format!("{}: {why}", result.display())));
        // What was seen may grow from run to run in one file.
        let grows = grows == Some(result.as_path());
        let place = place(result);
        if read.contains(&place) || seen.contains(&place) && !grows {
            return refuse(WOULD_REPLACE);
        }
        if places.contains(&place) {
            return refuse("two kinds of results cannot go into one file");
        }
        places.push(place);
    }
    Ok(())
}

/// What is said to results that go where the lists come from.
pub(crate) const WOULD_REPLACE: &str =
    "the results would replace a file that is read; give another name";

/// A file by the one name that all names of it have in common. It need not be there yet; its folder is.
pub(crate) fn place(path: &Path) -> PathBuf {
    let whole = path.canonicalize();
    let beside = || {
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
        Some(folder.join(path.file_name()?))
    };
    whole
        .ok()
        .or_else(beside)
        .unwrap_or_else(|| path.to_owned())
}

/// [`place`] of what is read: standard input may be a file.
pub(crate) fn place_read(path: &Path) -> PathBuf {
    match path == Path::new("-") {
        true => place(Path::new("/dev/stdin")),
        false => place(path),
    }
}

/// Whether nobody has to wait for what is in a file: it does not come from another program, and is no workbook, all
/// of which is read when it is opened.
fn is_at_hand(path: &Path) -> bool {
    path != Path::new("-") && path.is_file() && !is_called_workbook(path)
}

fn is_called_workbook(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    ["xls", "xlsx", "xlsb", "ods"].contains(&extension.to_ascii_lowercase().as_str())
}

/// Rows are written as text.
pub(crate) fn refuse_workbook(path: &Path) -> Result<(), Failure> {
    if is_called_workbook(path) {
        return Err(Failure::Usage(format!(
            "{}: rows are written as text, so the name must not say that it is a workbook",
            path.display()
        )));
    }
    Ok(())
}

/// The numbering plan that was asked for.
fn plan(args: &PolicyArgs) -> Result<&'static Plan, Failure> {
    let Some(path) = &args.plan else {
        return Ok(Plan::builtin());
    };
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::Unreadable(format!("--plan {}: {error}", path.display()))
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| {
            file.take(Plan::MAX_BYTES as u64 + 1)
                .read_to_end(&mut bytes)
        })
        .map_err(|error| unreadable(&error))?;
    Plan::load(bytes).map_err(|error| unreadable(&error))
}

/// What recipients are judged by.
pub(crate) struct Rules {
    pub(crate) checker: Checker,
    /// Numbers of earlier lists.
    pub(crate) seen: StopList,
    /// How the lists fared.
    pub(crate) lists: Vec<StopLines>,
}

pub(crate) fn rules(args: &PolicyArgs, workers: &Workers) -> Result<Rules, Failure> {
    with_lists(&reader(args)?, args, workers)
}

/// The lists of numbers that are not to be written to.
fn stop_lists(args: &PolicyArgs) -> impl Iterator<Item = &PathBuf> {
    let lists = [&args.stop_list, &args.system_stop_list, &args.seen];
    lists.into_iter().flatten()
}

/// What stop lists are read by: the rules that the recipients will be read by (D9), but for these lists.
fn reader(args: &PolicyArgs) -> Result<Checker, Failure> {
    let plan = plan(args)?;
    let region = args
        .region
        .as_deref()
        .map(|code| plan.territory(code))
        .transpose()?;
    let destinations = |list: &[String]| -> Result<Vec<_>, Failure> {
        list.iter()
            .map(|text| Ok(plan.destination(text.trim())?))
            .collect()
    };
    let operators = |list: &[String]| operators(plan, list);
    let policy = Policy::default()
        .region(region)
        .lines(args.lines.into())
        .several_numbers(args.several.into())
        .allow(destinations(&args.countries)?)
        .deny(destinations(&args.deny_countries)?)
        .allow_operators(operators(&args.operators)?)
        .deny_operators(operators(&args.deny_operators)?)
        .require_operator(args.require_operator);
    Ok(Checker::with_plan(plan, policy))
}

/// The same with the lists.
fn with_lists(reader: &Checker, args: &PolicyArgs, workers: &Workers) -> Result<Rules, Failure> {
    let mut lists = Vec::new();
    let mut load = |paths: &[PathBuf], is_seen: bool| -> Result<StopList, Failure> {
        let mut all = StopList::default();
        for path in paths {
            if is_seen && path != Path::new("-") && !path.exists() {
                return Err(Failure::Unreadable(format!(
                    "--seen {}: there is no such file; leave it out the first time",
                    path.display()
                )));
            }
            let loaded = stop_list::load(path, reader, args.allow_bad_stop_lines, workers)?;
            lists.push(StopLines {
                is_seen,
                file: path.display().to_string(),
                numbers: loaded.list.len(),
                bad: loaded.bad,
            });
            all.merge(loaded.list);
        }
        Ok(all)
    };
    let own = load(&args.stop_list, false)?;
    let system = load(&args.system_stop_list, false)?;
    let seen = load(&args.seen, true)?;
    let policy = reader
        .policy()
        .clone()
        .own_stop_list(own)
        .system_stop_list(system)
        .seen_before(seen.clone());
    Ok(Rules {
        checker: Checker::with_plan(reader.plan(), policy),
        seen,
        lists,
    })
}

/// Operators by name, separated by commas; some have a comma in their name.
fn operators(plan: &Plan, list: &[String]) -> Result<Vec<OperatorId>, Failure> {
    let mut found = Vec::new();
    let mut rest = list;
    while !rest.is_empty() {
        let longest_first = (1..=rest.len().min(3)).rev();
        let known = longest_first
            .filter_map(|count| Some((count, plan.operator(&rest[..count].join(",")).ok()?)));
        let (count, operator) = match known.into_iter().next() {
            Some(known) => known,
            None => (1, plan.operator(&rest[0])?),
        };
        found.push(operator);
        rest = &rest[count..];
    }
    Ok(found)
}

/// The result files.
struct Outputs<'c> {
    checker: &'c Checker,
    accepted: Option<ListFile>,
    rejected: Option<ListFile>,
    verdicts: Option<Verdicts>,
    seen: Option<Pending>,
    progress: Progress,
    /// Placeholders that no column serves, with the file's name.
    lacking: Vec<String>,
}

/// A file of rows with their annotations.
pub(crate) enum ListFile {
    /// Its header is written once the input's is known.
    New(Pending),
    Open(Box<Writer<Pending>>),
    /// Only between the two.
    Moving,
}

enum Verdicts {
    Json(Pending),
    Csv(Writer<Pending>),
}

/// Makes the text of the result files.
struct Formatter<'c> {
    checker: &'c Checker,
    /// Writers that know the dialect.
    accepted: Option<Writer<Vec<u8>>>,
    rejected: Option<Writer<Vec<u8>>>,
    verdicts: Option<VerdictFormat>,
}

enum VerdictFormat {
    Json,
    Csv(Writer<Vec<u8>>),
}

/// What some rows are in each of the result files; nothing where a file is not wanted.
#[derive(Default)]
struct Texts {
    accepted: Vec<u8>,
    rejected: Vec<u8>,
    verdicts: Vec<u8>,
}

impl Format for Formatter<'_> {
    type Part = Texts;

    fn format(&self, rows: &Rows<'_>) -> io::Result<Texts> {
        let mut texts = Texts::default();
        for (writer, wanted, text) in [
            (&self.accepted, true, &mut texts.accepted),
            (&self.rejected, false, &mut texts.rejected),
        ] {
            let Some(writer) = writer else { continue };
            let mut writer = writer.part();
            for row in rows.iter() {
                if row.verdict().is_accepted() == wanted {
                    annotate::write_row(&mut writer, &row)?;
                }
            }
            *text = writer.finish()?;
        }
        match &self.verdicts {
            Some(VerdictFormat::Json) => {
                for row in rows.iter() {
                    verdicts::json(&mut texts.verdicts, &row, self.checker)?;
                    texts.verdicts.extend_from_slice(b"}\n");
                }
            }
            Some(VerdictFormat::Csv(writer)) => {
                let mut writer = writer.part();
                for row in rows.iter() {
                    verdicts::csv(&mut writer, &row, self.checker);
                    writer.end_row()?;
                }
                texts.verdicts = writer.finish()?;
            }
            None => {}
        }
        Ok(texts)
    }
}

impl<'c> Outputs<'c> {
    fn create(args: &CheckArgs, checker: &'c Checker, sources: &[Source]) -> Result<Self, Failure> {
        let list = |path: &Option<PathBuf>| -> Result<Option<ListFile>, Failure> {
            path.as_deref()
                .map(|path| Ok(ListFile::New(Pending::create(path)?)))
                .transpose()
        };
        for path in [&args.accepted, &args.rejected].into_iter().flatten() {
            refuse_workbook(path)?;
        }
        let verdicts = match &args.output {
            None => None,
            Some(path) => Some(match LineFormat::of(path)? {
                LineFormat::Json => Verdicts::Json(Pending::create(path)?),
                LineFormat::Csv => {
                    let mut writer = Writer::plain(Pending::create(path)?);
                    verdicts::FIELDS
                        .iter()
                        .for_each(|field| writer.field(field));
                    writer.end_row()?;
                    Verdicts::Csv(writer)
                }
            }),
        };
        Ok(Outputs {
            checker,
            accepted: list(&args.accepted)?,
            rejected: list(&args.rejected)?,
            verdicts,
            seen: args.save_seen.as_deref().map(Pending::create).transpose()?,
            progress: Progress::over(&args.list.files, sources),
            lacking: Vec::new(),
        })
    }

    /// Gives the files their names and tells which were written.
    fn finish(self, seen: Option<NumberSet>) -> Result<Vec<PathBuf>, Failure> {
        let mut pending = Vec::new();
        for list in [self.accepted, self.rejected].into_iter().flatten() {
            pending.extend(list.finish()?);
        }
        match self.verdicts {
            Some(Verdicts::Json(file)) => pending.push(file),
            Some(Verdicts::Csv(writer)) => pending.push(writer.finish()?),
            None => {}
        }
        if let (Some(mut file), Some(seen)) = (self.seen, seen) {
            seen.write_to(&mut file)?;
            pending.push(file);
        }
        let names = pending
            .iter()
            .map(|file| file.target().to_owned())
            .collect();
        output::publish(pending)?;
        Ok(names)
    }
}

impl ListFile {
    /// The file, complete but for its name.
    pub(crate) fn finish(self) -> io::Result<Option<Pending>> {
        Ok(match self {
            ListFile::New(file) => Some(file),
            ListFile::Open(writer) => Some(writer.finish()?),
            ListFile::Moving => None,
        })
    }

    pub(crate) fn start(&mut self, files: &[FileInfo]) -> io::Result<()> {
        let ListFile::New(file) = std::mem::replace(self, ListFile::Moving) else {
            return Ok(());
        };
        *self = ListFile::Open(Box::new(annotate::writer(files, file)?));
        Ok(())
    }

    pub(crate) fn append(&mut self, rows: &[u8]) -> io::Result<()> {
        match self {
            ListFile::Open(writer) => writer.append(rows),
            ListFile::New(_) | ListFile::Moving => Ok(()),
        }
    }

    pub(crate) fn part(&self) -> Option<Writer<Vec<u8>>> {
        match self {
            ListFile::Open(writer) => Some(writer.part()),
            ListFile::New(_) | ListFile::Moving => None,
        }
    }
}

impl<'c> Sink for &mut Outputs<'c> {
    type Format = Formatter<'c>;

    fn start(&mut self, files: &[FileInfo]) -> io::Result<Formatter<'c>> {
        self.lacking = summary::lacking(files);
        for list in [&mut self.accepted, &mut self.rejected]
            .into_iter()
            .flatten()
        {
            list.start(files)?;
        }
        Ok(Formatter {
            checker: self.checker,
            accepted: self.accepted.as_ref().and_then(ListFile::part),
            rejected: self.rejected.as_ref().and_then(ListFile::part),
            verdicts: self.verdicts.as_ref().map(|verdicts| match verdicts {
                Verdicts::Json(_) => VerdictFormat::Json,
                Verdicts::Csv(writer) => VerdictFormat::Csv(writer.part()),
            }),
        })
    }

    fn rows(&mut self, _: &Rows<'_>, texts: Texts) -> io::Result<()> {
        for (list, text) in [
            (&mut self.accepted, &texts.accepted),
            (&mut self.rejected, &texts.rejected),
        ] {
            if let Some(list) = list {
                list.append(text)?;
            }
        }
        match &mut self.verdicts {
            Some(Verdicts::Json(out)) => out.write_all(&texts.verdicts)?,
            Some(Verdicts::Csv(writer)) => writer.append(&texts.verdicts)?,
            None => {}
        }
        Ok(())
    }

    fn wants(&self) -> Wants {
        match self.accepted.is_some() || self.rejected.is_some() || self.verdicts.is_some() {
            true => Wants::Winners,
            false => Wants::Report,
        }
    }

    fn progress(&mut self, file: usize, verdicts: u64, bytes: u64) {
        self.progress.rows(file, verdicts, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody waits for standard input, a folder or a workbook while something else is to be told.
    #[test]
    fn what_is_at_hand() {
        let folder = tempfile::tempdir().unwrap();
        for (name, expected) in [
            ("l.csv", true),
            ("xls", true),
            ("l.XLSX", false),
            ("l.ods", false),
        ] {
            let path = folder.path().join(name);
            assert!(!is_at_hand(&path), "{name} is not there");
            File::create(&path).unwrap();
            assert_eq!(is_at_hand(&path), expected, "{name}");
        }
        assert!(!is_at_hand(folder.path()) && !is_at_hand(Path::new("-")));
    }
}
