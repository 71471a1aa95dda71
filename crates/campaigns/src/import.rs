//! Imports in the background: files and contact groups (decisions D26, D27).
//!
//! A task writes down with the rows it adds how far it got, so that it goes on there after a
//! crash. A replacing import fills a list of its own, which takes the old one's place in the
//! transaction that ends the task.

use crate::Campaigns;
use crate::account::{Account, Rules};
use crate::add::{AddParams, Adder, How, Sums, Texts};
use crate::audit::Act;
use crate::campaign::{Campaign, Count, Kind};
use crate::cards::{self, CardList, Carried};
use crate::clock::{MINUTE, Millis};
use crate::contact::{CARD_FIELDS, MOBILE};
use crate::error::{Conflict, Error, Field, Flaw};
use crate::link::Link;
use crate::rejects::{Failure, Rejects, check_rows};
use crate::status::{CampaignStatus, TaskStatus};
use crate::store::{Change, Look, NewTask};
use recipients_batcher::{Checked, FileInfo, Format, Pipeline, Rows, Sink, Wants};
use recipients_core::{Code, Reason, Verdict};
use recipients_ingest::{Choice, Column, Encoding, Limits, SheetProcess, Source};
use recipients_template::{Missing, Template};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// The campaign of tasks that are of none.
const NO_CAMPAIGN: i64 = 0;

/// Bytes of a list, unpacked: one of nothing but blank lines is read for some seconds, and others wait.
pub(crate) const MOST_TEXT: u64 = 1 << 30;

/// The same for a campaign of one message, whose list is read in the request.
const MOST_SINGLE_TEXT: u64 = 16 << 20;

/// How often one task may be asked about.
const ASK: Millis = 1000;

/// How long a task stays with its worker, which renews this with every commit.
const LEASE: Millis = MINUTE;

/// What the files of rejected rows end with.
const REJECTS: &str = ".rejects.csv";

/// Groups that one import may name, and that a campaign remembers.
const MOST_GROUPS: usize = 500;

/// How often this computer may fail at a task in a row before that is given up.
const MOST_FAILURES: i64 = 20;

/// Cards that are looked up together.
const CARDS: usize = 1000;

/// What is imported.
#[derive(Clone, Debug)]
pub enum Import {
    /// A file that lies in [`Campaigns::folder`], and the name it was sent under. The task takes
    /// it over.
    File {
        /// Where it is.
        path: PathBuf,
        /// Its name.
        name: String,
    },
    /// Contact groups, by their ids; `None` for what is no id.
    Groups(Vec<Option<i64>>),
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Job {
    /// The file, by the name it has in the folder, and by the name it came with.
    file: Option<(String, String)>,
    /// The groups whose cards are imported, or into which cards go.
    groups: Vec<i64>,
    /// Whether the file holds cards for the contact book.
    #[serde(default)]
    cards: bool,
    replace: bool,
    missing: u8,
    encoding: String,
    skip_header: bool,
    delimiter: char,
    enclosure: char,
}

/// A task as it stands.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its number.
    pub id: i64,
    /// The campaign that recipients are added to; 0 for a list of contact cards.
    pub campaign: i64,
    /// How far it is.
    pub status: TaskStatus,
    /// Percent; 100 when everything is committed.
    pub progress: i64,
    /// Recipients, or cards, that were added.
    pub added: i64,
    /// Recipients that were not.
    pub rejected: i64,
    /// Why it ended early, or warnings.
    pub note: Option<String>,
    pub(crate) account: i64,
    pub(crate) job: Job,
    pub(crate) base: i64,
    pub(crate) generation: i64,
    pub(crate) done: i64,
    pub(crate) sum: Count,
}

impl Job {
    fn new(params: &AddParams, how: How, flaws: &mut Vec<(Field, Flaw)>) -> Job {
        let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let encoding = given(&params.encoding).unwrap_or_else(|| "UTF-8".to_owned());
        if encoding.trim().parse::<Encoding>().is_err() {
            flaws.push((
                Field::Encoding,
                Flaw::OneOf(
                    "KOI8-R, CP866, WINDOWS-1252, WINDOWS-1251, UTF-8, ASCII, ISO-8859-1, UCS-2",
                ),
            ));
        }
        let skip_header = match params.skip_header.as_deref().map(str::trim) {
            None | Some("" | "0" | "false") => false,
            Some("1" | "true") => true,
            Some(_) => {
                flaws.push((Field::SkipHeader, Flaw::OneOf("0, 1")));
                false
            }
        };
        let mut character = |field, value: &Option<String>, default: char| match value.as_deref() {
            None => default,
            Some("\\t") => '\t',
            Some(text) => {
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(one), None) if one != '\n' && one != '\r' => one,
                    _ => {
                        flaws.push((field, Flaw::OneCharacter));
                        default
                    }
                }
            }
        };
        let delimiter = character(Field::Delimiter, &params.delimiter, ',');
        let enclosure = character(Field::Enclosure, &params.enclosure, '\'');
        if delimiter == enclosure {
            flaws.push((Field::Enclosure, Flaw::SameCharacter));
        }
        Job {
            file: None,
            groups: Vec::new(),
            cards: false,
            replace: how.replace,
            missing: how.missing.flag(),
            encoding: encoding.trim().to_owned(),
            skip_header,
            delimiter,
            enclosure,
        }
    }

    fn missing(&self) -> Missing {
        Missing::from_flag(self.missing).unwrap_or_default()
    }

    /// The file, opened as the campaign's kind wants it.
    fn open(
        &self,
        path: &Path,
        kind: Kind,
        process: &Option<Arc<dyn SheetProcess>>,
    ) -> Result<Source, recipients_ingest::Error> {
        let encoding = self.encoding.parse().unwrap_or(Encoding::Utf8);
        let is_template = kind == Kind::Template;
        let limits = Limits {
            text_bytes: match kind {
                Kind::Single => MOST_SINGLE_TEXT,
                _ => MOST_TEXT,
            },
            ..Limits::default()
        };
        let options = recipients_ingest::Options::api()
            .limits(limits)
            .sheet_process(process.clone())
            .encoding(Choice::Given(encoding))
            .delimiter(Choice::Given(Some(self.delimiter)))
            .enclosure(Choice::Given(Some(self.enclosure)))
            .skip_header(Choice::Given(self.skip_header || is_template));
        let named = options
            .clone()
            .column(Some(Column::Named(Template::RECIPIENT.to_owned())));
        if is_template {
            return Source::open(path, &named);
        }
        let source = Source::open(path, &options.column(Some(Column::Number(1))))?;
        // A plain list whose skipped line names the column.
        let is_named = |header: &[String]| header.iter().any(|name| name == Template::RECIPIENT);
        match source.header().is_some_and(is_named) {
            true => Source::open(path, &named),
            false => Ok(source),
        }
    }
}

impl Campaigns {
    /// Begins an import; the task's id. [`Campaigns::work`] carries it out.
    ///
    /// # Errors
    ///
    /// In this order: [`Error::NotFound`], [`Error::Conflict`], [`Error::Invalid`] for the
    /// parameters, [`Error::Incorrect`] for a campaign of one message, [`Error::Invalid`] for a
    /// file that cannot be read or whose header cannot serve. A file is deleted then.
    pub fn import(
        &self,
        account: &Account,
        id: i64,
        import: &Import,
        params: &AddParams,
    ) -> Result<i64, Error> {
        let begun = self.begin(account, id, import, params);
        match (&begun, import) {
            (Err(_), Import::File { path, .. }) => drop(std::fs::remove_file(path)),
            (Err(_), Import::Groups(_)) => {}
            (Ok(_), _) => self.tell(),
        }
        begun
    }

    fn begin(
        &self,
        account: &Account,
        id: i64,
        import: &Import,
        params: &AddParams,
    ) -> Result<i64, Error> {
        let (campaign, _hold) = self.open_list(account, id)?;
        let mut flaws = Vec::new();
        let how = params.how(&mut flaws);
        let mut job = Job::new(params, how, &mut flaws);
        if let Import::Groups(groups) = import
            && groups.contains(&None)
        {
            flaws.push((Field::Groups, Flaw::Malformed));
        }
        if !flaws.is_empty() {
            return Err(Error::Invalid(flaws));
        }
        // How many more a campaign of one message can take.
        let free = match campaign.kind == Kind::Single {
            true if how.replace || campaign.counters.total.messages == 0 => 1,
            true => 0,
            false => usize::MAX,
        };
        if let Import::Groups(groups) = import
            && groups.len() > MOST_GROUPS
        {
            return Err(Error::Incorrect(Flaw::TooMany(MOST_GROUPS)));
        }
        match import {
            Import::Groups(groups) => job.groups = groups.iter().flatten().copied().collect(),
            Import::File { path, name } => {
                let in_folder = path
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned());
                job.file = Some((in_folder.unwrap_or_default(), name.clone()));
                self.try_file(&campaign, &job, path, free)?;
            }
        }
        let now = self.now();
        self.store.write(|change| {
            let found = change.campaign(account.id, id, now)?;
            if found.stored != CampaignStatus::New || found.task.is_some() {
                return Err(Error::Conflict(Conflict::NotNew));
            }
            let generation = match how.replace {
                true => change.next_generation(id)?,
                false => found.generation,
            };
            let new = NewTask {
                account: account.id,
                campaign: id,
                job: &job,
                base: change.last_message()?,
                generation,
            };
            let task = change.add_task(&new, now)?;
            change.record(&account.hand(), Act::AddRecipients, Some(id), now)?;
            if let Import::Groups(_) = import {
                let cards = change.add_task_cards(task, account.id, &job.groups)?;
                if cards > free {
                    return Err(Error::Incorrect(Flaw::SingleRecipient));
                }
            }
            Ok(task)
        })
    }

    /// Begins an import of a list of cards into the contact book, and into groups of it; the task's id.
    /// It is read as by [`Campaigns::import_cards`].
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a group, [`Error::Incorrect`] for too many of them, [`Error::Invalid`]
    /// for a file that cannot be read or does not name its columns. A file is deleted then.
    pub fn begin_cards(
        &self,
        account: &Account,
        path: &Path,
        name: &str,
        groups: &[i64],
    ) -> Result<i64, Error> {
        let begun = self.begin_card_task(account, path, name, groups);
        match &begun {
            Err(_) => drop(std::fs::remove_file(path)),
            Ok(_) => self.tell(),
        }
        begun
    }

    fn begin_card_task(
        &self,
        account: &Account,
        path: &Path,
        name: &str,
        groups: &[i64],
    ) -> Result<i64, Error> {
        self.check_groups(account, groups)?;
        let params = AddParams::default();
        let mut job = Job::new(&params, params.how(&mut Vec::new()), &mut Vec::new());
        job.cards = true;
        job.groups = groups.to_vec();
        let in_folder = path.file_name().unwrap_or_default().to_string_lossy();
        job.file = Some((in_folder.into_owned(), name.to_owned()));
        {
            // A workbook is read whole: one at a time.
            let _turn = self.trying.lock().unwrap_or_else(PoisonError::into_inner);
            #[cfg(unix)]
            File::open(&self.folder)?.sync_all()?;
            let source = cards::open(path, &self.sheet_process).map_err(|error| {
                Error::invalid(Field::Cards, Flaw::File(shown(&error, path, &job)))
            })?;
            cards::check_header(&source).map_err(|error| match error {
                Error::Invalid(mut flaws) => {
                    for (_, flaw) in &mut flaws {
                        if let Flaw::File(words) = flaw {
                            *words = shown(words, path, &job);
                        }
                    }
                    Error::Invalid(flaws)
                }
                other => other,
            })?;
        }
        let now = self.now();
        self.store.write(|change| {
            let new = NewTask {
                account: account.id,
                campaign: NO_CAMPAIGN,
                job: &job,
                base: 0,
                generation: 0,
            };
            let task = change.add_task(&new, now)?;
            change.record(&account.hand(), Act::ImportCards, Some(task), now)?;
            Ok(task)
        })
    }

    /// Carries a task's list of cards into the contact book; what to tell of it.
    fn carry_card_task(&self, task: &Task) -> Result<String, Failure> {
        let account = self.account_by_id(task.account)?;
        let (file, _) = task.job.file.as_ref().expect("cards come in a file");
        let path = self.folder.join(file);
        let source = cards::open(&path, &self.sheet_process)
            .map_err(|error| failure(error.into(), &path, &task.job))?;
        let bytes = std::fs::metadata(&path).map_err(Error::from)?.len();
        let part = self.part_of(task.id)?;
        let out = BufWriter::new(File::create(&part).map_err(Error::from)?);
        let list = CardList {
            groups: &task.job.groups,
            region: None,
            task: Some((task, bytes)),
            out,
        };
        let (done, out) = self
            .carry_cards(&account, source, list)
            .map_err(|why| match why {
                Carried::Failed(failure) => failure,
                Carried::Run(error) => failure(error, &path, &task.job),
            })?;
        self.keep_rejects(task.id, out)?;
        Ok(done.notes().join("\n"))
    }

    /// Where the rejected rows of a task are written as long as it is not over.
    fn part_of(&self, task: i64) -> Result<PathBuf, Error> {
        Ok(self.folder()?.join(format!("{task}.rejects.part")))
    }

    /// The rejected rows of a task are all written.
    fn keep_rejects(&self, task: i64, out: BufWriter<File>) -> Result<(), Error> {
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        let kept = self.folder.join(format!("{task}{REJECTS}"));
        Ok(std::fs::rename(self.part_of(task)?, kept)?)
    }

    /// Whether the file can be read as far as its header, that serves, and the file has no more
    /// rows than the campaign can take.
    fn try_file(
        &self,
        campaign: &Campaign,
        job: &Job,
        path: &Path,
        free: usize,
    ) -> Result<(), Error> {
        // A workbook is read whole: one at a time.
        let _turn = self.trying.lock().unwrap_or_else(PoisonError::into_inner);
        #[cfg(unix)]
        File::open(&self.folder)?.sync_all()?;
        let flaw = |words: String| Error::invalid(Field::File, Flaw::File(words));
        let source = job
            .open(path, campaign.kind, &self.sheet_process)
            .map_err(|error| flaw(shown(&error, path, job)))?;
        if campaign.kind == Kind::Template {
            let header = source.header().unwrap_or_default();
            recipients_batcher::check_header(header).map_err(|error| flaw(error.to_string()))?;
        }
        if campaign.kind == Kind::Single {
            let mut rows = source.into_rows();
            for _ in 0..free {
                if let Some(Err(error)) = rows.next() {
                    return Err(flaw(shown(&error, path, job)));
                }
            }
            if rows.next().is_some() {
                return Err(Error::Incorrect(Flaw::SingleRecipient));
            }
        }
        Ok(())
    }

    /// A task of the account. It may be asked about once a second.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::TooOften`].
    pub fn task(&self, account: &Account, id: i64) -> Result<Task, Error> {
        let task = self.find_task(id)?;
        if task.account != account.id {
            return Err(Error::NotFound);
        }
        let now = self.now();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.retain(|_, at| now.saturating_sub(*at).abs() < ASK);
        match asked.insert(id, now) {
            Some(before) => {
                // The one who asks too often waits for the first question's second to pass.
                asked.insert(id, before);
                Err(Error::TooOften)
            }
            None => Ok(task),
        }
    }

    /// A task of any account.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn find_task(&self, id: i64) -> Result<Task, Error> {
        self.store.read(|look| look.task(id))
    }

    /// The file of a task's rejected rows, if the task belongs to the account, or no account is
    /// given.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such task, or it is not over.
    pub fn rejects(&self, account: Option<&Account>, id: i64) -> Result<PathBuf, Error> {
        let task = self.find_task(id)?;
        let path = self.folder.join(format!("{id}{REJECTS}"));
        match account.is_some_and(|account| account.id != task.account) || !path.is_file() {
            true => Err(Error::NotFound),
            false => Ok(path),
        }
    }

    /// Carries the next open task out that nobody else is at, to its end or until
    /// [`Campaigns::stop_work`]; whether there was one.
    ///
    /// # Errors
    ///
    /// If the store fails. The task stays open.
    pub fn work(&self) -> Result<bool, Error> {
        let Some(task) = self.lease()? else {
            return Ok(false);
        };
        let ended = self.carry_out(&task);
        if self.stop.load(Ordering::Relaxed) {
            // Whoever comes next need not wait for the lease to run out.
            self.store
                .write(|change| change.free_tasks(Some(&self.worker)))?;
            return Ok(false);
        }
        let ended = match ended {
            Ok(notes) => self.complete(&task, &notes),
            Err(Failure::Refused(why)) => self.refuse(&task, &why),
            Err(Failure::Store(error)) => Err(error),
        };
        match ended {
            Ok(()) => Ok(true),
            Err(error) => {
                self.put_task_off(&task)?;
                Err(error)
            }
        }
    }

    /// Leaves a task at which this computer failed for a while, a longer one each time, so that
    /// others get their turn; in the end for good.
    fn put_task_off(&self, task: &Task) -> Result<(), Error> {
        let now = self.now();
        let failures = self
            .store
            .write(|change| change.put_task_off(task.id, &self.worker, now, self.backoff))?;
        match failures {
            ..MOST_FAILURES => Ok(()),
            _ => {
                self.store
                    .write(|change| change.assign_task(task.id, &self.worker))?;
                self.give_up()
            }
        }
    }

    /// The oldest task that is open and nobody's, which is ours from now on.
    fn lease(&self) -> Result<Option<Task>, Error> {
        let now = self.now();
        let is_free = |look: &Look<'_>| look.is_task_free(&self.worker, now);
        if !self.store.read(is_free)? {
            return Ok(None);
        }
        self.store
            .write(|change| change.lease_task(&self.worker, now, now + LEASE))
    }

    /// Deletes what a program that was cut short has left: files that came for no task, and lists
    /// of rejected rows that were never finished.
    pub(crate) fn sweep_files(&self) -> Result<(), Error> {
        let open = self.store.read(|look| look.open_tasks())?;
        let Ok(files) = std::fs::read_dir(&self.folder) else {
            // There is no folder before the first upload.
            return Ok(());
        };
        for file in files {
            let file = file?;
            if file.file_type()?.is_dir() {
                continue;
            }
            let name = file.file_name();
            let is_ours = open
                .iter()
                .filter_map(|task| task.job.file.as_ref())
                .any(|(own, _)| name == own.as_str());
            if !is_ours && !name.to_string_lossy().ends_with(REJECTS) {
                std::fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }

    /// The lists of rejected rows, and the tasks that they are of.
    pub(crate) fn rejected_lists(&self) -> Result<Vec<(PathBuf, i64)>, Error> {
        let Ok(files) = std::fs::read_dir(&self.folder) else {
            return Ok(Vec::new());
        };
        let mut lists = Vec::new();
        for file in files {
            let file = file?;
            let name = file.file_name();
            let task = name.to_string_lossy();
            let task = task.strip_suffix(REJECTS).and_then(|id| id.parse().ok());
            lists.extend(task.map(|task| (file.path(), task)));
        }
        Ok(lists)
    }

    /// Ends the task that we are at, because this program fails at it again and again.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn give_up(&self) -> Result<(), Error> {
        let ours = self.store.read(|look| look.task_of(&self.worker))?;
        match ours {
            Some(task) => self.refuse(&task, "The import failed because of an internal fault."),
            None => Ok(()),
        }
    }

    fn carry_out(&self, task: &Task) -> Result<String, Failure> {
        if task.job.cards {
            return self.carry_card_task(task);
        }
        let account = self.account_by_id(task.account)?;
        let campaign = self
            .store
            .read(|look| look.campaign(task.account, task.campaign, self.now()))?;
        let rules = self.rules(&account)?;
        let links = self.store.read(|look| look.tracked_links(&campaign))?;
        let (source, bytes) = match &task.job.file {
            Some((file, _)) => {
                let path = self.folder.join(file);
                let source = task
                    .job
                    .open(&path, campaign.kind, &self.sheet_process)
                    .map_err(|error| failure(error.into(), &path, &task.job))?;
                let bytes = std::fs::metadata(&path).map_err(Error::from)?.len();
                (source, bytes)
            }
            None => (self.cards_of(task.id, &campaign)?, 0),
        };
        let texts = Texts::new(&campaign, task.job.missing());
        let path = self.part_of(task.id)?;
        let mut pipeline = Pipeline::new(&rules.checker)
            .threads(self.threads)
            .cancel(&self.stop);
        let mut failed = None;
        let mut rejects = None;
        let mut notes = String::new();
        if let Some(template) = campaign.template() {
            match task.job.file {
                Some(_) => pipeline = pipeline.message(template, task.job.missing()),
                // Of cards it is known which fields they have: texts are filled when added.
                None => notes = unknown_fields(&template),
            }
        }
        let sink = Carrier {
            campaigns: self,
            campaign: &campaign,
            task,
            rules: &rules,
            texts: &texts,
            links: &links,
            rejects: &mut rejects,
            path: &path,
            at: 0,
            read: 0,
            bytes,
            failed: &mut failed,
            notes: &mut notes,
        };
        let report = pipeline.run(vec![source], sink);
        if let Some(failure) = failed {
            return Err(failure);
        }
        report.map_err(|error| {
            let file = task.job.file.as_ref().map_or("", |(file, _)| file);
            failure(error, &self.folder.join(file), &task.job)
        })?;
        let rejects = rejects.expect("made at the start");
        let (out, told) = rejects.finish().map_err(Error::from)?;
        self.keep_rejects(task.id, out)?;
        if let Some(words) = told {
            note(&mut notes, &words);
        }
        Ok(notes)
    }

    /// The cards of a task's groups as rows, each card once. One that was deleted since has no
    /// number any more.
    fn cards_of(&self, task: i64, campaign: &Campaign) -> Result<Source, Error> {
        let mut columns = vec![Template::RECIPIENT.to_owned()];
        let template = campaign.template();
        columns.extend(
            template
                .iter()
                .flat_map(Template::names)
                .filter(|&name| name != Template::RECIPIENT)
                .map(str::to_owned),
        );
        let fields: Vec<String> = columns
            .iter()
            .map(|name| match name.as_str() {
                Template::RECIPIENT => MOBILE.to_owned(),
                name => name.to_owned(),
            })
            .collect();
        let look = self.store.look()?;
        let mut last = 0;
        let pages = std::iter::from_fn(move || {
            let page = look.now().task_cards(task, last, CARDS);
            if let Ok(cards) = &page {
                last = cards.last()?.0;
            }
            Some(page)
        });
        let rows = pages.flat_map(move |page| match page {
            Ok(cards) => cards
                .into_iter()
                .map(|(_, card)| {
                    let card = card.unwrap_or_default();
                    let value = |name: &String| card.get(name).cloned().unwrap_or_default();
                    Ok(fields.iter().map(value).collect::<Vec<String>>())
                })
                .collect::<Vec<io::Result<Vec<String>>>>(),
            Err(error) => vec![Err(io::Error::other(error.to_string()))],
        });
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        Ok(Source::from_rows("contacts", &columns, 0, rows))
    }

    fn complete(&self, task: &Task, notes: &str) -> Result<(), Error> {
        let now = self.now();
        self.store.write(|change| {
            self.renew(change, task.id, now)?;
            let task = change.task(task.id)?;
            let notes = Some(notes).filter(|notes| !notes.is_empty());
            if task.job.cards {
                return change.end_task(&task, TaskStatus::Done, notes, now);
            }
            let campaign = change.campaign(task.account, task.campaign, now)?;
            if task.job.replace {
                change.swap_lists(&campaign, task.generation)?;
                let source = if task.job.file.is_some() { 4 } else { 3 };
                let sums = Sums {
                    added: task.sum,
                    rejected: task.rejected,
                    first: change.first_message(task.campaign, task.generation)?,
                };
                change.tally(task.campaign, &sums, source, now)?;
            }
            if !task.job.groups.is_empty() {
                // A list that was replaced has forgotten those of the old one.
                let before = campaign.groups.filter(|_| !task.job.replace);
                let before = before.iter().flat_map(|groups| groups.split(','));
                let mut ids: Vec<String> = before.map(str::to_owned).collect();
                for group in &task.job.groups {
                    let group = group.to_string();
                    if !ids.contains(&group) && ids.len() < MOST_GROUPS {
                        ids.push(group);
                    }
                }
                change.set_groups(task.campaign, &ids.join(","))?;
            }
            change.end_task(&task, TaskStatus::Done, notes, now)
        })?;
        self.drop_file(task);
        Ok(())
    }

    /// Deletes the file of a task that is over.
    fn drop_file(&self, task: &Task) {
        if let Some((file, _)) = &task.job.file {
            // What is left is swept away when the next server starts.
            let _ = std::fs::remove_file(self.folder.join(file));
        }
    }

    /// The task stays ours for another while; an error if it is not ours any more.
    pub(crate) fn renew(&self, change: &Change<'_>, task: i64, now: Millis) -> Result<(), Error> {
        match change.renew_lease(task, &self.worker, now + LEASE)? {
            true => Ok(()),
            false => Err(Error::Internal(format!(
                "task {task} is carried out by another worker"
            ))),
        }
    }

    fn refuse(&self, task: &Task, why: &str) -> Result<(), Error> {
        let now = self.now();
        // What was rejected until then is of use, too.
        let part = self.part_of(task.id)?;
        if part.is_file() {
            std::fs::rename(part, self.folder.join(format!("{}{REJECTS}", task.id)))?;
        }
        self.store.write(|change| {
            self.renew(change, task.id, now)?;
            if task.job.replace {
                change.discard_list(task.campaign, task.generation)?;
            }
            change.end_task(task, TaskStatus::Rejected, Some(why), now)
        })?;
        self.drop_file(task);
        Ok(())
    }
}

/// What to tell about placeholders that no card can fill.
fn unknown_fields(template: &Template) -> String {
    let unknown = template
        .names()
        .into_iter()
        .filter(|&name| name != Template::RECIPIENT && !CARD_FIELDS.contains(&name));
    let notes = unknown.map(|name| format!("`{{{name}}}` is no field of contact cards"));
    notes.collect::<Vec<String>>().join("\n")
}

/// The error with the name that the file came under in the place of our own.
fn shown(error: &dyn std::fmt::Display, path: &Path, job: &Job) -> String {
    let name = job.file.as_ref().map_or("", |(_, name)| name);
    error.to_string().replace(&path.display().to_string(), name)
}

/// Whether it is the list that is to blame for the end of a run, or this computer, which may do
/// better the next time.
fn failure(error: recipients_batcher::Error, path: &Path, job: &Job) -> Failure {
    use recipients_batcher::Error as Run;
    use recipients_ingest::ErrorKind;
    let is_ours = match &error {
        Run::Source(error) => match error.kind() {
            // A file that is gone will not come back.
            ErrorKind::Io(error) => error.kind() != io::ErrorKind::NotFound,
            _ => false,
        },
        Run::Header { .. } | Run::TooManyFiles { .. } => false,
        _ => true,
    };
    match is_ours {
        true => Failure::Store(Error::from(error)),
        false => Failure::Refused(shown(&error, path, job)),
    }
}

fn note(notes: &mut String, words: &str) {
    if !notes.is_empty() {
        notes.push('\n');
    }
    notes.push_str(words);
}

/// Carries checked rows into the store.
struct Carrier<'a> {
    campaigns: &'a Campaigns,
    campaign: &'a Campaign,
    task: &'a Task,
    rules: &'a Rules,
    texts: &'a Texts,
    links: &'a [Link],
    rejects: &'a mut Option<Rejects<BufWriter<File>>>,
    path: &'a Path,
    /// Verdicts that came so far.
    at: i64,
    /// Bytes of the file that are done with, and all of them.
    read: u64,
    bytes: u64,
    failed: &'a mut Option<Failure>,
    notes: &'a mut String,
}

impl Carrier<'_> {
    /// The verdict before the list is asked, and the text where it is the recipient's own.
    fn judged(&self, row: &Checked<'_>) -> Result<(Verdict, Option<String>), Error> {
        let mut verdict = row.verdict();
        let Some(template) = &self.texts.template else {
            return Ok((verdict, None));
        };
        if self.task.job.file.is_none() {
            // A card without a field that must be there does not shadow a later one (D1), so the
            // pipeline's word on duplicates is not the last.
            if verdict.code() == Code::Duplicate {
                verdict = self.rules.checker.check(row.input());
            }
            let fields = row.fields();
            let columns = row.file().columns();
            let value = |name: &str| {
                let at = columns.iter().position(|column| column == name)?;
                // Cards keep no empty values.
                fields.get(at).copied().filter(|value| !value.is_empty())
            };
            return Ok(self.texts.fill(verdict, value));
        }
        if !verdict.is_accepted() {
            return Ok((verdict, None));
        }
        let mut text = String::new();
        // The pipeline has filled it before: nothing that must be there is missing.
        row.fill(template, self.texts.missing, &mut text)
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok((verdict, Some(text)))
    }

    /// What became of rows that an earlier life of the task has carried out.
    fn again(&mut self, rows: &[Checked<'_>]) -> Result<Vec<Option<Reason>>, Error> {
        let now = self.campaigns.now();
        self.campaigns
            .store
            .write(|change| self.campaigns.renew(change, self.task.id, now))?;
        let (campaign, generation) = (self.task.campaign, self.task.generation);
        self.campaigns.store.read(|look| {
            let mut later = Vec::with_capacity(rows.len());
            for row in rows {
                let (verdict, _) = self.judged(row)?;
                let added = match verdict.msisdn().filter(|_| verdict.is_accepted()) {
                    Some(number) => look.find_number(campaign, generation, number)?,
                    None => None,
                };
                // Whatever this task added has an id behind those before it.
                let is_ours = added.is_some_and(|id| id > self.task.base);
                let reason = match verdict.is_accepted() && !is_ours {
                    true => Reason::Duplicate,
                    false => verdict.reason(),
                };
                later.push((reason != row.verdict().reason()).then_some(reason));
            }
            Ok(later)
        })
    }

    fn carry(&mut self, rows: &[Checked<'_>]) -> Result<Vec<Option<Reason>>, Error> {
        let now = self.campaigns.now();
        let progress = match self.bytes {
            0 => 50,
            bytes => (self.read.min(bytes) * 99 / bytes) as i64,
        };
        let source = if self.task.job.file.is_some() { 4 } else { 3 };
        self.campaigns.store.write(|change| {
            self.campaigns.renew(change, self.task.id, now)?;
            let mut adder = Adder::new(
                self.campaigns,
                self.campaign,
                self.task.generation,
                self.rules,
                self.texts,
                self.links,
            );
            let mut later = Vec::with_capacity(rows.len());
            for row in rows {
                let (verdict, text) = self.judged(row)?;
                let added = adder.add(change, verdict, text.as_deref(), None)?;
                let reason = added.verdict.reason();
                later.push((reason != row.verdict().reason()).then_some(reason));
            }
            let sums = adder.sums;
            change.advance_task(self.task.id, rows.len(), progress, &sums)?;
            if !self.task.job.replace {
                change.tally(self.task.campaign, &sums, source, now)?;
            }
            Ok(later)
        })
    }

    fn take(&mut self, rows: &[Checked<'_>], done: bool) -> io::Result<()> {
        let later = match done {
            true => self.again(rows),
            false => self.carry(rows),
        };
        let later = match later {
            Ok(later) => later,
            Err(error) => {
                *self.failed = Some(Failure::Store(error));
                return Err(io::Error::other("the store failed"));
            }
        };
        let rejects = self.rejects.as_mut().expect("made at the start");
        for (row, later) in rows.iter().zip(later) {
            let row = match later {
                Some(reason) => row.but(reason),
                None => *row,
            };
            if row.verdict().code() == Code::Accepted {
                continue;
            }
            rejects.add(&row)?;
        }
        Ok(())
    }
}

impl Sink for Carrier<'_> {
    type Format = ();

    fn wants(&self) -> Wants {
        Wants::Winners
    }

    fn start(&mut self, files: &[FileInfo]) -> io::Result<()> {
        for lacking in files.iter().flat_map(FileInfo::lacking) {
            note(self.notes, &lacking.to_string());
        }
        let out = BufWriter::new(File::create(self.path)?);
        *self.rejects = Some(Rejects::new(files, out)?);
        Ok(())
    }

    fn rows(&mut self, rows: &Rows<'_>, (): <() as Format>::Part) -> io::Result<()> {
        let rows: Vec<Checked<'_>> = rows.iter().collect();
        if let Err(failure) = check_rows(self.at + rows.len() as i64) {
            *self.failed = Some(failure);
            return Err(io::Error::other("too many rows"));
        }
        let done = (self.task.done - self.at).clamp(0, rows.len() as i64) as usize;
        self.at += rows.len() as i64;
        let (before, new) = rows.split_at(done);
        for (part, done) in [(before, true), (new, false)] {
            for part in part.chunks(self.campaigns.import_rows) {
                if self.campaigns.stop.load(Ordering::Relaxed) {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                self.take(part, done)?;
            }
        }
        Ok(())
    }

    fn progress(&mut self, _: usize, _: u64, bytes: u64) {
        self.read += bytes;
    }
}
