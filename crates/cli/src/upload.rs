//! `recipients upload` and `recipients resume`: the good rows of lists to a campaign.

use crate::args::{Cli, Command, ListArgs, ResumeArgs, ServerArgs, UploadArgs, ViaArg};
use crate::check::{self, ListFile, Rules};
use crate::failure::{
    ACCEPTED, CAMPAIGN_NOT_NEW, CAMPAIGN_UNKNOWN, CERTIFICATE, Failure, INCOMPLETE, INTERRUPTED,
    KEY_REFUSED, NONE_ACCEPTED, SOME_REJECTED, UNREACHABLE, unless_broken_pipe,
};
use crate::output::{self, Pending};
use crate::progress::Progress;
use crate::summary::{self, Facts, grouped};
use crate::verdicts::{self, LineFormat};
use clap::Parser;
use recipients::annotate::{self, Annotation};
use recipients::ingest::{Source, Writer};
use recipients::{
    Checked, Checker, Code, FileInfo, Limits, Pipeline, Reason, Rows, Sink, Template, Wants,
    Workers,
};
use recipients_api_adapter::ApiCode;
use recipients_api_adapter::client::{
    ApiKey, CampaignInfo, Client, ClientOptions, ErrorKind, Fate, Heading, Journal, JournalError,
    JournalErrorKind, Launch, NewCampaign, Outcome, Prepare, Results, Upload, UploadError,
    UploadOptions, UploadReport, digest, fingerprint,
};
use recipients_campaigns::{Money, Prices};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What the journal of an upload is bound to.
#[derive(Deserialize, PartialEq, Serialize)]
struct Binding {
    /// The version of this program.
    program: String,
    /// The version of the numbering plan.
    plan: String,
    /// Where the arguments were given.
    folder: String,
    arguments: Vec<String>,
    /// The files that are read, and their SHA-256.
    files: Vec<(String, String)>,
    /// The campaign's text and whether it is a template, where the server tells: at another address
    /// the same number may be another campaign's.
    text: Option<String>,
    is_template: bool,
}

/// What was told at the end, to be told again.
#[derive(Deserialize, Serialize)]
struct Told {
    text: String,
    exit: u8,
}

pub(crate) fn upload(args: &UploadArgs) -> Result<ExitCode, Failure> {
    refuse_nonsense(args)?;
    if args.dry_run {
        return dry_run(args);
    }
    let path = journal_path(args);
    if path.is_file() {
        return Err(journal_exists(&path));
    }
    let arguments: Option<Vec<String>> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.into_string().ok())
        .collect();
    let arguments = arguments.ok_or_else(|| {
        Failure::Usage("a name is not valid UTF-8, so it cannot be kept in the journal".to_owned())
    })?;
    let key = key(&args.server)?;
    run(args, &key, Start::New { path, arguments })
}

pub(crate) fn resume(args: &ResumeArgs) -> Result<ExitCode, Failure> {
    let journal = Journal::open(&args.journal).map_err(|error| journal_failed(&error))?;
    let wrong = || {
        Failure::Unreadable(format!(
            "{}: the journal is none of `recipients upload`, or of another version",
            args.journal.display()
        ))
    };
    if let Some(told) = journal.finished() {
        let told = Told::deserialize(told).map_err(|_| wrong())?;
        return tell(&told);
    }
    let binding = Binding::deserialize(&journal.heading().binding).map_err(|_| wrong())?;
    let argv = std::iter::once("recipients".to_owned()).chain(binding.arguments.clone());
    let Ok(Cli {
        command: Command::Upload(mut upload),
    }) = Cli::try_parse_from(argv)
    else {
        return Err(wrong());
    };
    // What is given here was given where we are now.
    let here = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let given = &args.server;
    let server = &mut upload.server;
    server.server = given.server.clone().or(server.server.take());
    if let Some(file) = &given.key_file {
        server.key_file = Some(here(file));
    }
    if let Some(file) = &given.ca_file {
        server.ca_file = Some(here(file));
    }
    server.timeout = given.timeout.or(server.timeout);
    server.patience = given.patience.or(server.patience);
    upload.yes |= args.yes;
    let name = args.journal.display().to_string();
    std::env::set_current_dir(&binding.folder).map_err(|error| {
        Failure::Unreadable(format!(
            "{}: the folder of the upload cannot be entered: {error}",
            binding.folder
        ))
    })?;
    refuse_nonsense(&upload)?;
    let key = key(&upload.server)?;
    run(
        &upload,
        &key,
        Start::Again {
            journal: Box::new(journal),
            binding,
            name,
        },
    )
}

/// Where an upload begins.
enum Start {
    New {
        path: PathBuf,
        arguments: Vec<String>,
    },
    Again {
        journal: Box<Journal>,
        binding: Binding,
        /// As it was called.
        name: String,
    },
}

fn refuse_nonsense(args: &UploadArgs) -> Result<(), Failure> {
    let usage = |words: &str| Err(Failure::Usage(words.to_owned()));
    let has_text = args.list.text.is_some() || args.list.text_file.is_some();
    let lists = args.list.policy.stop_list.iter();
    let again = "an upload reads its lists again when it goes on, so";
    for path in args.list.files.iter().chain(lists) {
        if path == Path::new("-") {
            let words = format!("{again} standard input will not do; save it to a file first");
            return Err(Failure::Usage(words));
        }
        if path.metadata().is_ok_and(|meta| !meta.is_file()) {
            let path = path.display();
            let words = format!("{path}: {again} it must be a file; save it to one first");
            return Err(Failure::Usage(words));
        }
    }
    match (args.create, args.campaign, has_text) {
        (true, _, false) => {
            return usage("--create needs the text of the campaign: --text or --text-file");
        }
        (false, None, _) if !args.dry_run => return usage("give --campaign ID, or --create"),
        _ => {}
    }
    if args.server.server.is_none() && !args.dry_run {
        return usage("give the server's address: --server URL");
    }
    if args.send && !args.yes && !args.dry_run && !io::stdin().is_terminal() {
        return usage("--send asks before it sends, which needs a terminal; --yes sends at once");
    }
    let journal = Some(journal_path(args));
    let results = [&args.rejected, &args.output, &journal];
    let also_read = [&args.server.key_file, &args.server.ca_file, &args.prices];
    check::refuse_confusion(&args.list, &results, None, &also_read)?;
    if let Some(path) = &args.rejected {
        check::refuse_workbook(path)?;
    }
    if let Some(path) = &args.output {
        LineFormat::of(path)?;
    }
    Ok(())
}

fn journal_path(args: &UploadArgs) -> PathBuf {
    args.journal.clone().unwrap_or_else(|| {
        let mut name = args.list.files[0].clone().into_os_string();
        name.push(".journal");
        name.into()
    })
}

fn journal_exists(path: &Path) -> Failure {
    let path = path.display();
    Failure::Usage(format!(
        "{path}: there is a journal of an upload of this list already: `recipients resume {path}` \
         goes on with it or shows how it ended; for another upload give --journal NAME"
    ))
}

fn journal_failed(error: &JournalError) -> Failure {
    match error.kind() {
        JournalErrorKind::InUse => Failure::Usage(error.to_string()),
        _ => Failure::Unreadable(error.to_string()),
    }
}

/// The key, which is nowhere on the command line.
fn key(args: &ServerArgs) -> Result<ApiKey, Failure> {
    const MOST: u64 = 4096;
    let (text, origin) = match &args.key_file {
        Some(path) => {
            let mut text = String::new();
            File::open(path)
                .and_then(|file| file.take(MOST).read_to_string(&mut text))
                .map_err(|error| {
                    Failure::Unreadable(format!("--key-file {}: {error}", path.display()))
                })?;
            (text, format!("--key-file {}", path.display()))
        }
        None => match std::env::var("RECIPIENTS_API_KEY") {
            Ok(text) => (text, "RECIPIENTS_API_KEY".to_owned()),
            Err(_) => {
                return Err(Failure::Usage(
                    "the API key is missing: set RECIPIENTS_API_KEY, or give --key-file FILE"
                        .to_owned(),
                ));
            }
        },
    };
    ApiKey::new(&text).map_err(|error| Failure::Usage(format!("{origin}: {error}")))
}

fn client(args: &ServerArgs, key: &ApiKey) -> Result<Client, Failure> {
    let server = args.server.as_deref().unwrap_or_default();
    let mut options = ClientOptions::default();
    if let Some(seconds) = args.timeout {
        options.call = Duration::from_secs(seconds);
        options.connect = options.connect.min(options.call);
    }
    if let Some(path) = &args.ca_file {
        const MOST: u64 = 16 << 20;
        let mut pem = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MOST).read_to_end(&mut pem))
            .map_err(|error| {
                Failure::Unreadable(format!("--ca-file {}: {error}", path.display()))
            })?;
        options.authorities = Some(pem);
    }
    if let Some(rest) = server.strip_prefix("http://") {
        let host = rest.split('/').next().unwrap_or_default();
        let is_own = ["localhost", "127.0.0.1", "[::1]"].iter().any(|own| {
            let port = host.strip_prefix(own);
            port.is_some_and(|port| port.is_empty() || port.starts_with(':'))
        });
        if !is_own {
            crate::say!(
                "recipients: {server} is not encrypted: the key and the numbers can be read on the way"
            );
        }
    }
    Client::with(server, key.clone(), options).map_err(|error| Failure::Usage(error.to_string()))
}

/// Why nothing was done, or it cannot go on.
fn failed(error: UploadError) -> Failure {
    let words = error.to_string();
    match error {
        UploadError::Run(error) => Failure::Run(error),
        UploadError::Journal(error) => journal_failed(&error),
        UploadError::NotNew { .. } => Failure::Upload(words, CAMPAIGN_NOT_NEW),
        UploadError::Interrupted => Failure::Upload(words, INTERRUPTED),
        UploadError::Call { error, .. } => match error.kind() {
            ErrorKind::Certificate(_) => Failure::Upload(
                format!("{words}; --ca-file FILE names certificates to trust"),
                CERTIFICATE,
            ),
            ErrorKind::Setting(_) => Failure::Usage(words),
            ErrorKind::Io(_) => Failure::Unreadable(words),
            ErrorKind::Status(404 | 405) => Failure::Upload(
                format!("{words}; is the campaign API at this address?"),
                UNREACHABLE,
            ),
            ErrorKind::Refused { .. } => match error.api_code() {
                Some(
                    ApiCode::Unauthorized
                    | ApiCode::Forbidden
                    | ApiCode::OtherHost
                    | ApiCode::Blocked,
                ) => Failure::Upload(words, KEY_REFUSED),
                Some(ApiCode::NotFound) => Failure::Upload(words, CAMPAIGN_UNKNOWN),
                Some(ApiCode::Conflict) => Failure::Upload(words, CAMPAIGN_NOT_NEW),
                Some(ApiCode::Validation | ApiCode::Incorrect | ApiCode::Missing) => {
                    Failure::Usage(words)
                }
                _ => Failure::Upload(words, UNREACHABLE),
            },
            _ => Failure::Upload(words, UNREACHABLE),
        },
        _ => Failure::Upload(words, INCOMPLETE),
    }
}

/// The text that rows are filled into, or counted with.
struct Target {
    text: Option<Template>,
    is_template: bool,
    /// It takes one recipient.
    is_single: bool,
}

/// The text that rows are judged by: of a mass campaign, braces are braces.
fn judged(text: Option<&Template>, is_template: bool) -> Option<&Template> {
    text.filter(|text| is_template || !text.needs_columns())
}

fn kind(args: &UploadArgs, text: Option<&Template>) -> u8 {
    args.kind.unwrap_or(match text {
        Some(text) if text.needs_columns() => 3,
        _ => 2,
    })
}

fn target(args: &UploadArgs, upload: &Upload<'_>, start: &Start) -> Result<Target, UploadFailure> {
    let given = check::message(&args.list)?;
    let known = match start {
        Start::Again { journal, .. } => journal.campaign(),
        Start::New { .. } => None,
    };
    let Some(id) = args.campaign.or(known) else {
        // Whether the server knows the key is found out before anything is written down.
        upload.greet()?;
        let kind = kind(args, given.as_ref());
        return Ok(Target {
            text: given,
            is_template: kind == 3,
            is_single: kind == 1,
        });
    };
    let was_launched = matches!(start, Start::Again { journal, .. } if journal.is_launching());
    let campaign = match upload.look_up(id, was_launched) {
        Err(UploadError::Call { error, .. }) if error.api_code() == Some(ApiCode::NotFound) => {
            let server = args.server.server.as_deref().unwrap_or_default();
            let words = format!("the account has no campaign {id} at {server}");
            return Err(Failure::Upload(words, CAMPAIGN_UNKNOWN).into());
        }
        found => found?,
    };
    let theirs = campaign.text.clone().map(Template::parse);
    if let (None, Start::Again { journal, name, .. }) = (args.campaign, start) {
        // One that was made: rows are judged by the text that was given, as at first.
        let now = theirs.as_ref().map(|text| digest(text.text()));
        if let (Some(made), Some(now)) = (journal.made_text(), now)
            && made != now
        {
            return Err(another_campaign(name).into());
        }
        let kind = kind(args, given.as_ref());
        return Ok(Target {
            text: given,
            is_template: kind == 3,
            is_single: kind == 1,
        });
    }
    if let (Some(given), Some(theirs)) = (&given, &theirs)
        && args.campaign.is_some()
        && given.text() != theirs.text()
    {
        return Err(Failure::Usage(
            "--text is not the text of the campaign; leave it out, for the campaign's own is used"
                .to_owned(),
        )
        .into());
    }
    let text = theirs.or(given);
    let is_template = match campaign.kind {
        Some(kind) => kind == 3,
        None => text.as_ref().is_some_and(Template::needs_columns),
    };
    let is_single = campaign.kind == Some(1);
    Ok(Target {
        text,
        is_template,
        is_single,
    })
}

fn another_campaign(journal: &str) -> Failure {
    Failure::Upload(
        format!(
            "{journal}: the campaign of this number is not the one of the upload: its text is \
             another; is the server's address right?"
        ),
        CAMPAIGN_UNKNOWN,
    )
}

/// Either of the two.
enum UploadFailure {
    Failure(Failure),
    Upload(Box<UploadError>),
}

impl From<Failure> for UploadFailure {
    fn from(failure: Failure) -> UploadFailure {
        UploadFailure::Failure(failure)
    }
}

impl From<UploadError> for UploadFailure {
    fn from(error: UploadError) -> UploadFailure {
        UploadFailure::Upload(Box::new(error))
    }
}

impl From<UploadFailure> for Failure {
    fn from(failure: UploadFailure) -> Failure {
        match failure {
            UploadFailure::Failure(failure) => failure,
            UploadFailure::Upload(error) => failed(*error),
        }
    }
}

/// Told while an upload waits.
fn retrying(error: &recipients_api_adapter::client::Error, pause: Duration) {
    crate::say!(
        "recipients: {error}; trying again in {:.1} s",
        pause.as_secs_f64()
    );
}

fn options(args: &UploadArgs, target: &Target, stop: &Arc<AtomicBool>) -> UploadOptions {
    let names = target.text.as_ref().filter(|_| target.is_template);
    let mut options = UploadOptions {
        replace: args.replace,
        missing: args.list.placeholders,
        names: names.map(|text| {
            let names = text.names().into_iter();
            let names = names.filter(|name| *name != Template::RECIPIENT);
            names.map(str::to_owned).collect()
        }),
        limits: Limits {
            recipients: usize::from(args.batch),
            ..Limits::default()
        },
        stop: Arc::clone(stop),
        retrying,
        ..UploadOptions::default()
    };
    if let Some(seconds) = args.server.patience {
        options.patience = Duration::from_secs(seconds);
    }
    options
}

/// Looks at all rows before any is sent. Nothing but the report is wanted, and what would go wrong
/// later.
struct Rehearsed {
    /// Placeholders that no column serves, with the file's name.
    lacking: Vec<String>,
    /// Whether rejected rows of all files are to stand in one file.
    one_file: bool,
}

impl Sink for &mut Rehearsed {
    type Format = ();

    fn start(&mut self, files: &[FileInfo]) -> io::Result<()> {
        self.lacking = summary::lacking(files);
        if self.one_file {
            annotate::writer(files, io::sink())?;
        }
        Ok(())
    }

    fn rows(&mut self, _: &Rows<'_>, (): ()) -> io::Result<()> {
        Ok(())
    }

    fn wants(&self) -> Wants {
        Wants::Report
    }
}

/// What an upload reads, and what that is now.
fn fingerprints(args: &ListArgs) -> Result<Vec<(String, String)>, Failure> {
    let policy = &args.policy;
    let files = args
        .files
        .iter()
        .chain(&policy.stop_list)
        .chain(&policy.system_stop_list)
        .chain(&policy.seen)
        .chain(&policy.plan)
        .chain(&args.text_file);
    files
        .map(|path| {
            let name = path.display().to_string();
            match fingerprint(path) {
                Ok(sum) => Ok((name, sum)),
                Err(error) => Err(Failure::Unreadable(format!(
                    "{name}: cannot be read: {error}"
                ))),
            }
        })
        .collect()
}

fn run(args: &UploadArgs, key: &ApiKey, start: Start) -> Result<ExitCode, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    output::stop_on_interrupt(&stop)?;
    let files = fingerprints(&args.list)?;
    let workers = Workers::new(usize::from(args.list.threads))?;
    let Rules { checker, lists, .. } = check::rules(&args.list.policy, &workers)?;
    let plan = checker.plan().version().to_owned();
    if let Start::Again { binding, name, .. } = &start {
        refuse_difference(binding, &files, &plan, name)?;
    }
    let client = client(&args.server, key)?;
    // The first calls need only patience.
    let calls = UploadOptions {
        patience: Duration::from_secs(args.server.patience.unwrap_or(600)),
        stop: Arc::clone(&stop),
        retrying,
        ..UploadOptions::default()
    };
    let target = target(args, &Upload::new(&client, calls), &start)?;
    let upload = Upload::new(&client, options(args, &target, &stop));
    let message = judged(target.text.as_ref(), target.is_template);
    let pipeline = check::pipeline(&args.list, &checker, &workers, message);
    // A list that cannot be read to its end is found out before anything of it is sent.
    let sources = check::open(&args.list, message)?;
    let mut facts = Facts::new(&args.list, &checker, message.cloned(), lists, &sources);
    let mut rehearsed = Rehearsed {
        lacking: Vec::new(),
        one_file: args.rejected.is_some(),
    };
    let checked = pipeline
        .clone()
        .cancel(&stop)
        .run(sources, &mut rehearsed)?;
    for lacking in &rehearsed.lacking {
        crate::say!("recipients: {lacking}");
    }
    facts.lacking = rehearsed.lacking;
    if target.is_single && checked.accepted() > 1 {
        let words = "a campaign of type 1 takes one recipient; the list has more";
        return Err(Failure::Usage(words.to_owned()));
    }
    let is_new = matches!(start, Start::New { .. });
    let sources = check::open(&args.list, message)?;
    let mut lines = Lines::create(args, &checker, &sources)?;
    if checked.accepted() == 0 && is_new {
        let options = options(args, &target, &stop);
        let none = Upload::rehearse(&options, &pipeline, sources, &mut lines).map_err(failed)?;
        lines.progress.finish();
        let ending = Ending {
            files: lines.finish()?,
            ..Ending::default()
        };
        return tell(&summarise(args, &facts, &none, &ending)?);
    }
    let identity = target.text.as_ref().map(|text| digest(text.text()));
    if let Start::Again { binding, name, .. } = &start
        && (binding.text != identity || binding.is_template != target.is_template)
    {
        return Err(another_campaign(name));
    }
    let mut journal = match start {
        Start::Again { journal, .. } => *journal,
        Start::New { path, arguments } => {
            let binding = Binding {
                program: env!("CARGO_PKG_VERSION").to_owned(),
                plan,
                folder: std::env::current_dir()?.display().to_string(),
                arguments,
                files: files.clone(),
                text: identity,
                is_template: target.is_template,
            };
            let heading = Heading::new(serde_json::to_value(binding).map_err(io::Error::from)?);
            Journal::create(&path, heading).map_err(|error| match error.kind() {
                JournalErrorKind::Exists => journal_exists(&path),
                _ => journal_failed(&error),
            })?
        }
    };
    let delivered = deliver(
        args,
        &upload,
        &target,
        &pipeline,
        sources,
        lines,
        &mut journal,
    );
    if delivered.is_err() && is_new && !journal.has_begun() {
        // Nothing was asked of the server that lasts: the next attempt begins anew.
        let _ = std::fs::remove_file(journal.path());
    }
    let delivered = delivered?;
    // What was read is what was read at first, or nobody can tell what was uploaded.
    let now = fingerprints(&args.list)?;
    if let Some(((name, _), _)) = now.iter().zip(&files).find(|(now, then)| now != then) {
        return Err(Failure::Unreadable(format!(
            "{name} was changed while it was uploaded; look at campaign {} before it is sent",
            delivered.campaign
        )));
    }
    delivered.finish(args, &upload, &facts, &mut journal)
}

fn refuse_difference(
    binding: &Binding,
    files: &[(String, String)],
    plan: &str,
    journal: &str,
) -> Result<(), Failure> {
    let differs = |what: String| {
        Err(Failure::Upload(
            format!(
                "{journal}: {what}, so the upload cannot go on; bring it back as it was, or remove \
                 the journal and upload anew (what is in the campaign already gets code 4)"
            ),
            crate::failure::UNREADABLE,
        ))
    };
    for ((name, now), (_, then)) in files.iter().zip(&binding.files) {
        if now != then {
            return differs(format!("{name} has changed since the upload began"));
        }
    }
    if files.len() != binding.files.len() {
        return differs("the files are not those of the upload".to_owned());
    }
    if binding.plan != plan {
        return differs(format!(
            "the numbering plan was {} and is {plan}",
            binding.plan
        ));
    }
    Ok(())
}

/// How it ended on the server.
#[derive(Default)]
struct Ending {
    campaign: Option<CampaignInfo>,
    launch: Option<Launch>,
    /// Sending was asked for, and not wanted in the end.
    was_declined: bool,
    /// Why it was not sent though it was wanted.
    launch_failed: Option<String>,
    /// It may have been sent all the same.
    launch_is_open: bool,
    files: Vec<PathBuf>,
    server: String,
    journal: String,
}

fn deliver<'c>(
    args: &UploadArgs,
    upload: &Upload<'_>,
    target: &Target,
    pipeline: &Pipeline<'_>,
    sources: Vec<Source>,
    mut lines: Lines<'c>,
    journal: &mut Journal,
) -> Result<Delivered<'c>, Failure> {
    let campaign = match args.campaign {
        Some(id) => upload.adopt(id, journal).map(|()| id),
        None => {
            let text = target.text.as_ref();
            let new = NewCampaign {
                text: text.map_or(String::new(), |text| text.text().to_owned()),
                name: args.name.clone(),
                kind: Some(kind(args, text)),
                from: args.from.clone(),
                deferred_to: args.deferred.clone(),
                ..NewCampaign::default()
            };
            upload.create(&new, journal)
        }
    };
    let campaign = campaign.map_err(|error| cut_off(error, journal))?;
    let ran = match args.via {
        ViaArg::Batches => upload.run(pipeline, sources, journal, &mut lines),
        ViaArg::File => {
            let message = judged(target.text.as_ref(), target.is_template);
            let again = check::open(&args.list, message)?;
            let bar = Progress::percent();
            let ran =
                upload.run_as_file(pipeline, [again, sources], journal, &mut lines, |percent| {
                    bar.set(percent)
                });
            bar.finish();
            ran
        }
    };
    lines.progress.finish();
    let report = ran.map_err(|error| cut_off(error, journal))?;
    Ok(Delivered {
        campaign,
        report,
        lines,
    })
}

/// An error that ends the run; what was begun can go on.
fn cut_off(error: UploadError, journal: &Journal) -> Failure {
    match failed(error) {
        Failure::Upload(words, code) if journal.has_begun() => {
            let path = journal.path().display();
            Failure::Upload(format!("{words}; `recipients resume {path}` goes on"), code)
        }
        other => other,
    }
}

/// All rows are settled, or the sending was stopped.
struct Delivered<'c> {
    campaign: u64,
    report: UploadReport,
    lines: Lines<'c>,
}

impl Delivered<'_> {
    /// Writes the results, has the campaign sent if that is wanted, and tells.
    fn finish(
        self,
        args: &UploadArgs,
        upload: &Upload<'_>,
        facts: &Facts<'_>,
        journal: &mut Journal,
    ) -> Result<ExitCode, Failure> {
        let Delivered {
            campaign,
            report,
            lines,
        } = self;
        let mut ending = Ending {
            server: args.server.server.clone().unwrap_or_default(),
            journal: journal.path().display().to_string(),
            ..Ending::default()
        };
        let is_whole = report.stopped.is_none();
        if is_whole {
            ending.files = lines.finish()?;
        }
        // Without it the totals are not shown; the rows are where they are.
        ending.campaign = upload.info(campaign).ok();
        let counters = ending.campaign.as_ref().and_then(|c| c.counters.as_ref());
        let is_empty = counters.is_some_and(|counters| counters.total_msg_num == Some(0));
        let mut exit = None;
        if is_whole && args.send && !is_empty {
            let is_wanted = args.yes || ask(&ending, &report, campaign)?;
            // Whoever said stop does not want it sent.
            if upload.is_stopped() {
                return Err(cut_off(UploadError::Interrupted, journal));
            }
            ending.was_declined = !is_wanted;
            if is_wanted {
                match upload.launch(campaign, journal) {
                    Ok(launch) => ending.launch = Some(launch),
                    Err(error) => {
                        ending.launch_is_open = error.is_uncertain();
                        let failure = failed(error);
                        ending.launch_failed = Some(failure.to_string());
                        exit = Some(failure.number());
                    }
                }
            }
        }
        let mut told = summarise(args, facts, &report, &ending)?;
        told.exit = exit.unwrap_or(told.exit);
        if is_whole && !ending.was_declined && ending.launch_failed.is_none() {
            let told = serde_json::to_value(&told).map_err(io::Error::from)?;
            journal
                .finish(told)
                .map_err(|error| journal_failed(&error))?;
        }
        tell(&told)
    }
}

/// Shows what sending comes to and asks.
fn ask(ending: &Ending, report: &UploadReport, campaign: u64) -> Result<bool, Failure> {
    let totals = ending.campaign.as_ref().map(totals).unwrap_or_default();
    let counts = counts(report);
    let mut out = io::stderr().lock();
    write!(out, "{counts}\nSend campaign {campaign}{totals}? [y/N] ")?;
    out.flush()?;
    drop(out);
    let answer = output::answer()?;
    Ok(matches!(answer.as_str(), "y" | "yes"))
}

/// What a campaign holds, and costs.
fn totals(campaign: &CampaignInfo) -> String {
    let Some(counters) = &campaign.counters else {
        return String::new();
    };
    let mut totals = String::new();
    let mut add = |what: String| {
        totals.push_str(if totals.is_empty() { ": " } else { ", " });
        totals.push_str(&what);
    };
    if let Some(messages) = counters.total_msg_num {
        add(format!("{} messages", grouped(messages)));
    }
    if let Some(segments) = counters.total_seg_num {
        add(format!("{} SMS", grouped(segments)));
    }
    if let Some(cost) = &counters.total_cost {
        let currency = counters.user_currency.as_deref().unwrap_or_default();
        add(format!("{cost} {currency}").trim_end().to_owned());
    }
    totals
}

fn tell(told: &Told) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    out.write_all(told.text.as_bytes())
        .and_then(|()| out.flush())
        .or_else(unless_broken_pipe)?;
    Ok(ExitCode::from(told.exit))
}

fn summarise(
    args: &UploadArgs,
    facts: &Facts<'_>,
    report: &UploadReport,
    ending: &Ending,
) -> Result<Told, Failure> {
    let exit = match report {
        report if report.unknown > 0 => INCOMPLETE,
        report if report.accepted + report.present == 0 => NONE_ACCEPTED,
        report if report.accepted == report.rows => ACCEPTED,
        _ => SOME_REJECTED,
    };
    let mut text = Vec::new();
    if args.json {
        let mut value = summary::value(facts, &report.checked);
        value["upload"] = upload_value(report, ending);
        serde_json::to_writer_pretty(&mut text, &value).map_err(io::Error::from)?;
        text.push(b'\n');
    } else {
        summary::text(&mut text, facts, &report.checked)?;
        writeln!(text)?;
        upload_text(&mut text, report, ending)?;
    }
    Ok(Told {
        text: String::from_utf8_lossy(&text).into_owned(),
        exit,
    })
}

fn upload_value(report: &UploadReport, ending: &Ending) -> Value {
    let codes: serde_json::Map<String, Value> = report
        .codes
        .iter()
        .map(|(code, count)| (code.to_string(), json!(count)))
        .collect();
    let campaign = ending.campaign.as_ref();
    let counters = campaign.and_then(|campaign| campaign.counters.as_ref());
    json!({
        "server": ending.server,
        "campaign": campaign.map(|campaign| campaign.id),
        "rows": report.rows,
        "accepted": report.accepted,
        "rejected": report.rejected,
        "duplicates": report.duplicates,
        "present": report.present,
        "unknown": report.unknown,
        "final_codes": codes,
        "batches": report.batches,
        "batches_sent_again": report.replays,
        "stopped": report.stopped.as_ref().map(ToString::to_string),
        "messages": counters.and_then(|counters| counters.total_msg_num),
        "segments": counters.and_then(|counters| counters.total_seg_num),
        "cost": counters.and_then(|counters| counters.total_cost.clone()),
        "sent": match ending.launch_is_open {
            true => None,
            false => Some(ending.launch.is_some()),
        },
        "not_sent_because": ending.launch_failed,
        "moderation": ending.launch == Some(Launch::Moderation),
        "journal": ending.journal,
        "written": ending.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>(),
    })
}

/// What became of the rows; it adds up.
fn counts(report: &UploadReport) -> String {
    format!(
        "Of {} rows: {} accepted, {} rejected, {} duplicates, {} present before, {} unknown",
        grouped(report.rows),
        grouped(report.accepted),
        grouped(report.rejected),
        grouped(report.duplicates),
        grouped(report.present),
        grouped(report.unknown)
    )
}

fn upload_text(
    out: &mut impl Write,
    report: &UploadReport,
    ending: &Ending,
) -> Result<(), io::Error> {
    if let Some(campaign) = &ending.campaign {
        writeln!(
            out,
            "Campaign {} at {}{}",
            campaign.id,
            ending.server,
            totals(campaign)
        )?;
    }
    writeln!(out, "{}", counts(report))?;
    for (&code, &count) in &report.codes {
        writeln!(
            out,
            "  the server's code {code:>3}: {:>9}  {}",
            grouped(count),
            words(code)
        )?;
    }
    if report.batches > 0 {
        let again = match report.replays {
            0 => String::new(),
            count => format!(", {} of them more than once", grouped(count)),
        };
        writeln!(out, "Batches: {}{again}", grouped(report.batches))?;
    }
    match ending.launch {
        Some(Launch::Moderation) => writeln!(out, "The campaign waits for a moderator.")?,
        Some(Launch::Sending) => writeln!(out, "The campaign is being sent.")?,
        None if ending.was_declined => writeln!(
            out,
            "The campaign was not sent; `recipients resume {}` asks again.",
            ending.journal
        )?,
        None => {}
    }
    if let Some(why) = &ending.launch_failed {
        let journal = &ending.journal;
        match ending.launch_is_open {
            true => writeln!(
                out,
                "It is not known whether the campaign is being sent: {why}\n\
                 `recipients resume {journal}` finds out."
            )?,
            false => writeln!(
                out,
                "The campaign was not sent: {why}\n`recipients resume {journal}` tries again."
            )?,
        }
    }
    for file in &ending.files {
        writeln!(out, "written: {}", file.display())?;
    }
    if let Some(stopped) = &report.stopped {
        let next = match stopped {
            UploadError::Task { .. } => {
                "Mend the list and upload it with another --journal.".to_owned()
            }
            _ => {
                let journal = &ending.journal;
                format!("`recipients resume {journal}` goes on, and writes the results.")
            }
        };
        writeln!(out, "Not complete: {stopped}\n{next}")?;
    }
    Ok(())
}

/// A recipient's code in words, known to us or not.
fn words(code: u16) -> String {
    let known = u8::try_from(code)
        .ok()
        .and_then(|code| Code::try_from(code).ok());
    match known {
        Some(Code::Accepted) => "added".to_owned(),
        Some(Code::Duplicate) => "already in the campaign".to_owned(),
        Some(code) => code.to_string(),
        None => "a code that this program does not know".to_owned(),
    }
}

/// What the lines tell behind the verdict.
const FINAL_FIELDS: [&str; 3] = ["final_code", "state", "message_id"];

/// The result files, and the bar.
struct Lines<'c> {
    checker: &'c Checker,
    output: Option<(LineFormat, Pending)>,
    rejected: Option<ListFile>,
    /// Columns of each list.
    columns: Vec<usize>,
    progress: Progress,
}

impl<'c> Lines<'c> {
    fn create(
        args: &UploadArgs,
        checker: &'c Checker,
        sources: &[Source],
    ) -> Result<Lines<'c>, Failure> {
        let mut output = None;
        if let Some(path) = &args.output {
            let format = LineFormat::of(path)?;
            let mut file = Pending::create(path)?;
            if let LineFormat::Csv = format {
                let fields = verdicts::FIELDS.iter().chain(&FINAL_FIELDS);
                let fields: Vec<&str> = fields.copied().collect();
                writeln!(file, "{}", fields.join(","))?;
            }
            output = Some((format, file));
        }
        let rejected = args.rejected.as_deref();
        let rejected = rejected.map(|path| Ok::<_, Failure>(ListFile::New(Pending::create(path)?)));
        Ok(Lines {
            checker,
            output,
            rejected: rejected.transpose()?,
            columns: Vec::new(),
            progress: Progress::over(&args.list.files, sources),
        })
    }

    /// Gives the files their names.
    fn finish(self) -> Result<Vec<PathBuf>, Failure> {
        let mut pending = Vec::new();
        if let Some(list) = self.rejected {
            pending.extend(list.finish()?);
        }
        pending.extend(self.output.map(|(_, file)| file));
        let names = pending.iter().map(|file| file.target().to_owned());
        let names = names.collect();
        output::publish(pending)?;
        Ok(names)
    }
}

/// Makes what can be made of a row before its outcome is known: its line, and behind it, for the
/// file of rejected rows, either the row with its annotation or, as it may yet be refused, its
/// fields.
struct Preparer<'c> {
    checker: &'c Checker,
    output: Option<LineFormat>,
    /// Knows how the lines of the output are written, if they are CSV.
    lines: Writer<Vec<u8>>,
    rejected: Option<Writer<Vec<u8>>>,
}

impl Prepare for Preparer<'_> {
    fn prepare(&self, row: &Checked<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        match self.output {
            Some(LineFormat::Json) => verdicts::json(out, row, self.checker)?,
            Some(LineFormat::Csv) => {
                let mut writer = self.lines.part();
                verdicts::csv(&mut writer, row, self.checker);
                writer.end_row()?;
                out.extend_from_slice(writer.finish()?.trim_ascii_end());
            }
            None => {}
        }
        let length = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
        if let Some(list) = &self.rejected {
            match row.verdict().is_accepted() {
                true => serde_json::to_writer(out, &row.fields()).map_err(io::Error::from)?,
                false => {
                    let mut writer = list.part();
                    annotate::write_row(&mut writer, row)?;
                    out.extend(writer.finish()?);
                }
            }
        }
        Ok(())
    }
}

impl<'c> Results for &mut Lines<'c> {
    type Prepare = Preparer<'c>;

    fn start(&mut self, files: &[FileInfo]) -> io::Result<Preparer<'c>> {
        if let Some(list) = &mut self.rejected {
            list.start(files)?;
        }
        self.columns = files.iter().map(FileInfo::column_count).collect();
        Ok(Preparer {
            checker: self.checker,
            output: self.output.as_ref().map(|(format, _)| *format),
            lines: Writer::plain(Vec::new()),
            rejected: self.rejected.as_ref().and_then(ListFile::part),
        })
    }

    fn row(&mut self, outcome: &Outcome, prepared: &[u8]) -> io::Result<()> {
        let torn = || io::Error::other("a prepared row is cut short");
        let (length, rest) = prepared.split_first_chunk::<4>().ok_or_else(torn)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (line, row) = rest.split_at_checked(length).ok_or_else(torn)?;
        if let Some((format, out)) = &mut self.output {
            out.write_all(line)?;
            let state = outcome.fate.name();
            let mut digits = itoa::Buffer::new();
            let mut number = |number: Option<u64>, none: &'static str| match number {
                Some(number) => digits.format(number).to_owned(),
                None => none.to_owned(),
            };
            let code = outcome.code.map(u64::from);
            match format {
                LineFormat::Json => writeln!(
                    out,
                    ",\"final_code\":{},\"state\":\"{state}\",\"message_id\":{}}}",
                    number(code, "null"),
                    number(outcome.message_id, "null")
                )?,
                LineFormat::Csv => writeln!(
                    out,
                    ",{},{state},{}",
                    number(code, ""),
                    number(outcome.message_id, "")
                )?,
            }
        }
        if let Some(list) = &mut self.rejected {
            if !outcome.verdict.is_accepted() {
                list.append(row)?;
            } else if let (Fate::Rejected, Some(code)) = (outcome.fate, outcome.code)
                && let Some(mut writer) = list.part()
            {
                let fields: Vec<String> = serde_json::from_slice(row).map_err(io::Error::from)?;
                let columns = self.columns[usize::from(outcome.origin.file)];
                annotate::write_fields(&mut writer, columns, &fields, &refusal(code))?;
                list.append(&writer.finish()?)?;
            }
        }
        Ok(())
    }

    fn progress(&mut self, file: usize, rows: u64, bytes: u64) {
        self.progress.rows(file, rows, bytes);
    }
}

/// What is written behind a row that the server refused.
fn refusal(code: u16) -> Annotation {
    let reason = Reason::ALL
        .iter()
        .find(|reason| u16::from(reason.code().as_u8()) == code);
    Annotation {
        code,
        reason: "refused_by_server",
        message: format!("the server: {}", words(code)).into(),
        suggestion: reason.map_or("ask the provider", |reason| reason.advice()),
    }
}

/// What `--dry-run` counts beyond the check.
struct Rehearsal<'p> {
    prices: Option<&'p Prices>,
    checker: &'p Checker,
    cost: i64,
    batches: Vec<(usize, usize)>,
    lacking: Vec<String>,
}

struct Pricing<'p> {
    prices: Option<&'p Prices>,
    checker: &'p Checker,
}

impl Prepare for Pricing<'_> {
    fn prepare(&self, row: &Checked<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        if let (Some(prices), Some(segments)) = (self.prices, row.segments()) {
            let Money(price) = prices.price(row.verdict(), self.checker.plan());
            out.extend_from_slice(&(price * i64::from(segments.parts)).to_le_bytes());
        }
        Ok(())
    }
}

impl<'p> Results for &mut Rehearsal<'p> {
    type Prepare = Pricing<'p>;

    fn start(&mut self, files: &[FileInfo]) -> io::Result<Pricing<'p>> {
        self.lacking = summary::lacking(files);
        Ok(Pricing {
            prices: self.prices,
            checker: self.checker,
        })
    }

    fn row(&mut self, outcome: &Outcome, prepared: &[u8]) -> io::Result<()> {
        if let (true, Ok(cost)) = (outcome.verdict.is_accepted(), prepared.try_into()) {
            self.cost = self.cost.saturating_add(i64::from_le_bytes(cost));
        }
        Ok(())
    }

    fn batch(&mut self, recipients: usize, bytes: usize) {
        self.batches.push((recipients, bytes));
    }
}

fn dry_run(args: &UploadArgs) -> Result<ExitCode, Failure> {
    output::clean_up_on_interrupt()?;
    let text = check::message(&args.list)?;
    let is_template = kind(args, text.as_ref()) == 3;
    let workers = Workers::new(usize::from(args.list.threads))?;
    let Rules { checker, lists, .. } = check::rules(&args.list.policy, &workers)?;
    let prices = args.prices.as_ref().map(|path| {
        let unreadable =
            |words: String| Failure::Unreadable(format!("--prices {}: {words}", path.display()));
        let table = File::open(path).map_err(|error| unreadable(error.to_string()))?;
        Prices::read(table).map_err(|error| unreadable(crate::serve::words_of(&error)))
    });
    let prices = prices.transpose()?;
    let target = Target {
        text,
        is_template,
        is_single: false,
    };
    let message = judged(target.text.as_ref(), is_template);
    let pipeline = check::pipeline(&args.list, &checker, &workers, message);
    let sources = check::open(&args.list, message)?;
    let mut facts = Facts::new(&args.list, &checker, message.cloned(), lists, &sources);
    let mut rehearsal = Rehearsal {
        prices: prices.as_ref(),
        checker: &checker,
        cost: 0,
        batches: Vec::new(),
        lacking: Vec::new(),
    };
    let options = options(args, &target, &Arc::default());
    let report = Upload::rehearse(&options, &pipeline, sources, &mut rehearsal).map_err(failed)?;
    facts.lacking = std::mem::take(&mut rehearsal.lacking);
    let checked = &report.checked;
    let batches = &rehearsal.batches;
    let largest = batches
        .iter()
        .map(|batch| batch.1)
        .max()
        .unwrap_or_default();
    let cost = prices.is_some() && message.is_some();
    let cost = cost.then(|| Money(rehearsal.cost).to_string());
    let exit = match (checked.accepted(), checked.rejected()) {
        (0, _) => NONE_ACCEPTED,
        (_, 0) => ACCEPTED,
        _ => SOME_REJECTED,
    };
    let mut out = Vec::new();
    if args.json {
        let mut value = summary::value(&facts, checked);
        value["dry_run"] = json!({
            "recipients": report.unknown,
            "batches": batches.iter().map(|batch| batch.0).collect::<Vec<_>>(),
            "largest_batch_bytes": largest,
            "cost": cost,
        });
        serde_json::to_writer_pretty(&mut out, &value).map_err(io::Error::from)?;
        out.push(b'\n');
    } else {
        summary::text(&mut out, &facts, checked)?;
        let recipients = grouped(report.unknown);
        writeln!(
            out,
            "\nNothing was sent. An upload would send {recipients} recipients:"
        )?;
        const SHOWN: usize = 10;
        for (at, (recipients, bytes)) in batches.iter().enumerate().take(SHOWN) {
            let bytes = grouped(*bytes as u64);
            writeln!(
                out,
                "  batch {}: {recipients} recipients, {bytes} bytes",
                at + 1
            )?;
        }
        if batches.len() > SHOWN {
            let more = batches.len() - SHOWN;
            let bytes = grouped(largest as u64);
            writeln!(out, "  and {more} more; the largest has {bytes} bytes")?;
        }
        match (&cost, message) {
            (Some(cost), _) => writeln!(out, "Cost by the table of prices: {cost}")?,
            (None, None) => writeln!(
                out,
                "Segments and cost are not known without the text: --text or --text-file"
            )?,
            (None, Some(_)) => writeln!(out, "Cost is not known without a table: --prices FILE")?,
        }
    }
    tell(&Told {
        text: String::from_utf8_lossy(&out).into_owned(),
        exit,
    })
}
