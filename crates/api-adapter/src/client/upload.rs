//! Good rows to a campaign, in batches, each of them exactly once (decisions D22 to D25).

use super::error::{Error, ErrorKind};
use super::http::{Client, Form};
use super::journal::{Journal, JournalError, JournalErrorKind, Record, runs};
use super::methods::{AddOptions, NewCampaign, PREFIX, Recipients, add_form, encode_recipient};
use super::types::{Added, CampaignInfo, Launch};
use super::world::{Moment, RealWorld, World};
use crate::{ApiCode, encode};
use recipients_batcher::{
    Checked, Error as RunError, FileInfo, Filling, Format, Limits, Pipeline, Report, Rows, Sink,
    Size, Wants,
};
use recipients_core::{Code, Msisdn, Origin, Verdict};
use recipients_ingest::Source;
use recipients_template::Missing;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How an upload goes about it.
#[derive(Clone, Debug)]
pub struct UploadOptions {
    /// Whether the campaign's recipients are replaced: the first batch says so. The default is no.
    pub replace: bool,
    /// What to do where a placeholder has no value. The default is to keep it.
    pub missing: Missing,
    /// The placeholders of the campaign's text, if it is a template: values for them go along. The
    /// default is none.
    pub names: Option<Vec<String>>,
    /// Where batches end. The default is that of [`Limits`]; the API takes 500 recipients.
    pub limits: Limits,
    /// How long one batch is tried. The default is 10 minutes.
    pub patience: Duration,
    /// A flag that ends the upload after the batch under way.
    pub stop: Arc<AtomicBool>,
    /// Called before the pause between two attempts, with what the last one came to. The default does
    /// nothing.
    pub retrying: fn(&Error, Duration),
    /// Time and chance.
    pub world: Arc<dyn World>,
}

impl Default for UploadOptions {
    fn default() -> UploadOptions {
        UploadOptions {
            replace: false,
            missing: Missing::Keep,
            names: None,
            limits: Limits::default(),
            patience: Duration::from_secs(600),
            stop: Arc::default(),
            retrying: |_, _| {},
            world: Arc::new(RealWorld::default()),
        }
    }
}

/// Where an accepted row stands in the end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// This upload has added it.
    Accepted,
    /// It was in the campaign, since now or before: code 4 of the server.
    Present,
    /// Rejected here or by the server.
    Rejected,
    /// Rejected here as a duplicate of an earlier row, or of an earlier list.
    Duplicate,
    /// It went along in a file of which the server added some, and does not tell which.
    Filed,
    /// It was not sent, or no answer came: going on with the journal tells.
    Unknown,
}

impl Fate {
    /// A stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Fate::Accepted => "accepted",
            Fate::Present => "present",
            Fate::Rejected => "rejected",
            Fate::Duplicate => "duplicate",
            Fate::Filed => "filed",
            Fate::Unknown => "unknown",
        }
    }
}

/// What became of a row.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Where it stands.
    pub origin: Origin,
    /// The verdict that was predicted; it holds the number.
    pub verdict: Verdict,
    /// The code that the server gave, known to us or not; none if it was not asked.
    pub code: Option<u16>,
    /// The message that was made, where the server said so.
    pub message_id: Option<u64>,
    /// Where it stands in the end.
    pub fate: Fate,
}

/// Where the outcome of every row goes, in input order. Every closure `FnMut(&Outcome) ->
/// io::Result<()>` that is `Send` is one.
pub trait Results: Send {
    /// Makes something of rows, on many threads, before they are sent.
    type Prepare: Prepare;

    /// Called once, before the first row.
    ///
    /// # Errors
    ///
    /// Ends the upload before it has begun.
    fn start(&mut self, files: &[FileInfo]) -> io::Result<Self::Prepare>;

    /// Takes a row, and what was made of it.
    ///
    /// # Errors
    ///
    /// Ends the upload.
    fn row(&mut self, outcome: &Outcome, prepared: &[u8]) -> io::Result<()>;

    /// Called before a batch goes out, or would go out: its recipients and the bytes of its form.
    fn batch(&mut self, recipients: usize, bytes: usize) {
        let _ = (recipients, bytes);
    }

    /// Called now and then: so many more rows are done with, the last of which stands so many bytes
    /// into the file with this index (0 in a sheet).
    fn progress(&mut self, file: usize, rows: u64, bytes: u64) {
        let _ = (file, rows, bytes);
    }
}

/// Makes something of a row that its outcome is told with later: text, say.
pub trait Prepare: Send + Sync {
    /// Appends it.
    ///
    /// # Errors
    ///
    /// Ends the upload.
    fn prepare(&self, row: &Checked<'_>, out: &mut Vec<u8>) -> io::Result<()>;
}

impl Prepare for () {
    fn prepare(&self, _: &Checked<'_>, _: &mut Vec<u8>) -> io::Result<()> {
        Ok(())
    }
}

impl<F: FnMut(&Outcome) -> io::Result<()> + Send> Results for F {
    type Prepare = ();

    fn start(&mut self, _: &[FileInfo]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, outcome: &Outcome, _: &[u8]) -> io::Result<()> {
        self(outcome)
    }
}

/// What an upload came to.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct UploadReport {
    /// What the check found.
    pub checked: Report,
    /// Rows, each of which is one of those that follow.
    pub rows: u64,
    /// Added by this upload.
    pub accepted: u64,
    /// Rejected here or by the server, but for duplicates.
    pub rejected: u64,
    /// Duplicates within the list, and of earlier lists.
    pub duplicates: u64,
    /// In the campaign already.
    pub present: u64,
    /// Not sent, or without an answer.
    pub unknown: u64,
    /// Codes that the server gave, with the number of recipients.
    pub codes: BTreeMap<u16, u64>,
    /// Batches that were answered, now or before.
    pub batches: u64,
    /// Batches that were sent more than once.
    pub replays: u64,
    /// Why it ended early; then some are unknown.
    pub stopped: Option<UploadError>,
}

impl UploadReport {
    pub(super) fn count(&mut self, outcome: &Outcome) {
        self.rows += 1;
        *match outcome.fate {
            Fate::Accepted | Fate::Filed => &mut self.accepted,
            Fate::Present => &mut self.present,
            Fate::Rejected => &mut self.rejected,
            Fate::Duplicate => &mut self.duplicates,
            Fate::Unknown => &mut self.unknown,
        } += 1;
        if let Some(code) = outcome.code {
            *self.codes.entry(code).or_default() += 1;
        }
    }
}

/// Why an upload cannot go on.
#[derive(Debug)]
#[non_exhaustive]
pub enum UploadError {
    /// The list cannot be read, or the results cannot be written.
    Run(RunError),
    /// The journal.
    Journal(JournalError),
    /// A call was refused, or failed for longer than one has patience.
    Call {
        /// The batch that was under way, from 1; none before the first.
        batch: Option<u64>,
        /// What the last attempt came to.
        error: Error,
    },
    /// The campaign is not NEW.
    NotNew {
        /// What it is.
        status: String,
    },
    /// The server answered for another number of recipients than were sent (D25).
    Entries {
        /// The batch, from 1.
        batch: u64,
        /// Recipients that were sent.
        sent: usize,
        /// Those that were answered for.
        answered: usize,
    },
    /// The server has answered repeatedly for other recipients than were sent.
    Strangers {
        /// The batch, from 1.
        batch: u64,
    },
    /// A background task was refused.
    Task {
        /// The server's words.
        note: Option<String>,
    },
    /// A background task does not move.
    Stuck {
        /// Its number.
        task: u64,
    },
    /// The flag was set.
    Interrupted,
}

impl UploadError {
    /// Whether it leaves open what became of the call that failed: of [`Upload::launch`], whether the
    /// campaign was sent.
    pub fn is_uncertain(&self) -> bool {
        match self {
            UploadError::Interrupted => true,
            UploadError::Call { error, .. } => error.is_uncertain(),
            _ => false,
        }
    }
}

impl fmt::Display for UploadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UploadError::Run(error) => error.fmt(f),
            UploadError::Journal(error) => error.fmt(f),
            UploadError::Call {
                batch: Some(batch),
                error,
            } => write!(f, "batch {batch}: {error}"),
            UploadError::Call { error, .. } => error.fmt(f),
            UploadError::NotNew { status } => write!(
                f,
                "the campaign is {status}; recipients can be added to a NEW one only, and only that can be \
                 sent"
            ),
            UploadError::Entries {
                batch,
                sent,
                answered,
            } => write!(
                f,
                "batch {batch}: {sent} recipients were sent and {answered} were answered for; what \
                 became of each cannot be told"
            ),
            UploadError::Strangers { batch } => write!(
                f,
                "batch {batch}: the server answers for other recipients than were sent"
            ),
            UploadError::Task { note } => {
                f.write_str("the server refused the list")?;
                match note {
                    Some(note) => write!(f, ": {note}"),
                    None => Ok(()),
                }
            }
            UploadError::Stuck { task } => {
                write!(f, "the server's task {task} does not move on")
            }
            UploadError::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for UploadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            UploadError::Run(error) => Some(error),
            UploadError::Journal(error) => Some(error),
            UploadError::Call { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<RunError> for UploadError {
    fn from(error: RunError) -> UploadError {
        UploadError::Run(error)
    }
}

impl From<JournalError> for UploadError {
    fn from(error: JournalError) -> UploadError {
        UploadError::Journal(error)
    }
}

impl From<io::Error> for UploadError {
    fn from(error: io::Error) -> UploadError {
        UploadError::Run(RunError::Sink(error))
    }
}

/// An upload to one campaign.
#[derive(Clone, Debug)]
pub struct Upload<'c> {
    pub(super) client: &'c Client,
    pub(super) options: UploadOptions,
}

/// Between attempts: half a second at first, twice as long each time, half a minute at most; half of
/// it is left to chance.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Nobody waits longer for the first answer at all.
const FIRST_PATIENCE: Duration = Duration::from_secs(20);

/// So often an answer for other recipients is taken for a late one of an earlier call.
const STRANGERS: u32 = 3;

/// A batch may span so many rows, and as many bytes of what was prepared of them, so that a list of
/// which almost nothing is good takes no memory without bound.
const MOST_ROWS: usize = 1 << 16;
const MOST_PREPARED: usize = 32 << 20;

impl<'c> Upload<'c> {
    /// An upload through this client.
    pub fn new(client: &'c Client, options: UploadOptions) -> Upload<'c> {
        Upload { client, options }
    }

    /// Whether the flag to stop is set.
    pub fn is_stopped(&self) -> bool {
        self.options.stop.load(Ordering::SeqCst)
    }

    /// Looks a campaign up before anything is done: whether the server can be reached, knows the key
    /// and the campaign, and takes recipients for it. One that this upload may have `launched` already
    /// need not be NEW.
    ///
    /// # Errors
    ///
    /// If not. A server that cannot be reached is not waited for.
    pub fn look_up(&self, campaign: u64, launched: bool) -> Result<CampaignInfo, UploadError> {
        let info = self.patiently(None, true, || self.client.campaign(campaign))?;
        match &info.common_status {
            Some(status) if !info.is_new() && !launched => Err(UploadError::NotNew {
                status: status.clone(),
            }),
            _ => Ok(info),
        }
    }

    /// Finds out whether the server can be reached and knows the key, where there is no campaign yet.
    ///
    /// # Errors
    ///
    /// If not. A server that cannot be reached is not waited for.
    pub fn greet(&self) -> Result<(), UploadError> {
        match self.patiently(None, true, || self.client.balance()) {
            // A key that may not ask for money may make campaigns.
            Err(UploadError::Call { error, .. })
                if error.api_code() == Some(ApiCode::Forbidden) =>
            {
                Ok(())
            }
            answered => answered.map(drop),
        }
    }

    /// A campaign with its counters.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub fn info(&self, campaign: u64) -> Result<CampaignInfo, UploadError> {
        self.patiently(None, false, || self.client.campaign_info(campaign, false))
    }

    /// Makes the campaign, and has the journal say so. If the answer is lost, it is made once more;
    /// the first one stays without recipients.
    ///
    /// # Errors
    ///
    /// If the campaign is refused, or the call fails.
    pub fn create(
        &self,
        campaign: &NewCampaign,
        journal: &mut Journal,
    ) -> Result<u64, UploadError> {
        if let Some(id) = journal.campaign() {
            return Ok(id);
        }
        let id = self.patiently(None, true, || self.client.create_campaign(campaign))?;
        // As the server has it: it may have tidied it up.
        let made = self.client.campaign(id).ok();
        journal.write(&Record::Campaign {
            id,
            created: true,
            after: 0,
            text: made.and_then(|made| made.text).map(digest),
        })?;
        Ok(id)
    }

    /// Has the journal say that it is for this campaign.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub fn adopt(&self, campaign: u64, journal: &mut Journal) -> Result<(), UploadError> {
        if journal.campaign().is_some() {
            return Ok(());
        }
        let mut after = 0;
        if !self.options.replace {
            let criteria = [("campaignIds", campaign.to_string())];
            let criteria = criteria.each_ref().map(|(name, id)| (*name, id.as_str()));
            let newest = || self.client.messages(&criteria, 0, 1);
            let newest = self.patiently(None, true, newest)?;
            after = newest.items.first().map_or(0, |message| message.id);
        }
        journal.write(&Record::Campaign {
            id: campaign,
            created: false,
            after,
            text: None,
        })?;
        Ok(())
    }

    /// Checks the lists and uploads the good rows, one batch after the other; while one is under way
    /// the next ones are checked and encoded. The journal must have its campaign ([`Upload::create`],
    /// [`Upload::adopt`]); batches that it knows to be answered are not sent again.
    ///
    /// A server that refuses, or fails for longer than one has patience, ends the sending, not the
    /// check: the report says what is unknown and why ([`UploadReport::stopped`]).
    ///
    /// # Errors
    ///
    /// If the lists cannot be read, results or journal cannot be written, or it is interrupted. With
    /// the journal it can go on.
    pub fn run<R: Results>(
        &self,
        pipeline: &Pipeline<'_>,
        sources: Vec<Source>,
        journal: &mut Journal,
        mut results: R,
    ) -> Result<UploadReport, UploadError> {
        let (campaign, created, after) = journal.target()?;
        let results = Mutex::new(&mut results);
        let (units, queue) = sync_channel(QUEUE);
        let (checked, sent) = std::thread::scope(|scope| {
            let sender = std::thread::Builder::new()
                .name("upload".to_owned())
                .spawn_scoped(scope, || {
                    let queue = queue;
                    let mut sender = Sender {
                        upload: self,
                        campaign,
                        is_ours: created || self.options.replace,
                        after,
                        batch: 0,
                        report: UploadReport::default(),
                    };
                    sender.work(&queue, journal, &results)?;
                    Ok::<UploadReport, UploadError>(sender.report)
                });
            let sender = match sender {
                Ok(sender) => sender,
                Err(error) => return (Err(RunError::Sink(error)), None),
            };
            let gone = |_| io::Error::other("the upload has ended");
            let gather = Gather::new(&self.options, &results, |unit| {
                units.send(unit).map_err(gone)
            });
            let checked = gather.run(pipeline, sources);
            drop(units);
            let sent = sender
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (checked, Some(sent))
        });
        // What ended the sending ends the check: the other way round only if the list is to blame.
        let mut report = match sent {
            Some(sent) => sent?,
            None => UploadReport::default(),
        };
        report.checked = checked?;
        Ok(report)
    }

    /// What [`Upload::run`] would do, without a call: the good rows stay unknown, and the batches are
    /// those that would be sent.
    ///
    /// # Errors
    ///
    /// If the lists cannot be read, or the results cannot be written.
    pub fn rehearse<R: Results>(
        options: &UploadOptions,
        pipeline: &Pipeline<'_>,
        sources: Vec<Source>,
        mut results: R,
    ) -> Result<UploadReport, UploadError> {
        let results = Mutex::new(&mut results);
        let mut report = UploadReport::default();
        let gather = Gather::new(options, &results, |unit: Unit| {
            if !unit.recipients.is_empty() {
                report.batches += 1;
                let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                results.batch(unit.recipients.len(), unit.recipients.bytes());
            }
            tell(&unit, None, &mut report, &results)
        });
        let checked = gather.run(pipeline, sources)?;
        report.checked = checked;
        Ok(report)
    }

    /// Has the campaign sent. That it is being sent already is no error if the journal knows of an
    /// attempt.
    ///
    /// # Errors
    ///
    /// If it is refused, or the call fails.
    pub fn launch(&self, campaign: u64, journal: &mut Journal) -> Result<Launch, UploadError> {
        let of = |moderation| match moderation {
            true => Launch::Moderation,
            false => Launch::Sending,
        };
        if let Some(moderation) = journal.state().launched {
            return Ok(of(moderation));
        }
        let mut again = journal.state().launching;
        if !again {
            journal.write(&Record::Launching)?;
        }
        let launched = self.patiently(None, false, || {
            let error = match self.client.send_campaign(campaign) {
                Ok(launched) => return Ok(launched),
                Err(error) => error,
            };
            let Some(status) = self.not_new(campaign, &error)? else {
                again |= error.is_uncertain();
                return Err(Failed::Call(error));
            };
            match status.as_str() {
                // An attempt whose answer was lost has started it.
                "MODERATION" if again => Ok(Launch::Moderation),
                status if again && status != "DECLINED" => Ok(Launch::Sending),
                // Somebody else has.
                _ => Err(Failed::Stop(UploadError::NotNew { status })),
            }
        })?;
        journal.write(&Record::Launched {
            moderation: launched == Launch::Moderation,
        })?;
        Ok(launched)
    }

    /// Goes through a campaign's messages, the newest first, while it is wanted: each recipient's
    /// number, the message's id, and how many there are in all. After 20,000 it ends.
    pub(super) fn newest_messages(
        &self,
        campaign: u64,
        mut wants_more: impl FnMut(&str, u64, u64) -> bool,
    ) -> Result<(), UploadError> {
        let campaign = campaign.to_string();
        let criteria = [("campaignIds", campaign.as_str())];
        for page in 0..MOST_MESSAGES.div_ceil(u64::from(PAGE)) {
            let messages = || self.client.messages(&criteria, page as u32, PAGE);
            let listed = self.patiently(None, false, messages)?;
            for message in &listed.items {
                let number = message.to.as_deref().unwrap_or_default();
                if !wants_more(number.trim_start_matches('+'), message.id, listed.total) {
                    return Ok(());
                }
            }
            if listed.items.len() < PAGE as usize {
                break;
            }
        }
        Ok(())
    }

    /// The status of a campaign that is not NEW, if that is why a call was refused: otherwise somebody
    /// works on it, and it is waited for.
    fn not_new(&self, campaign: u64, refused: &Error) -> Result<Option<String>, Error> {
        if refused.api_code() != Some(ApiCode::Conflict) {
            return Ok(None);
        }
        let info = self.client.campaign(campaign)?;
        match info.is_new() {
            true => Ok(None),
            false => Ok(info.common_status),
        }
    }

    /// What a call to a campaign that must be NEW came to.
    pub(super) fn while_new<T>(&self, campaign: u64, done: Result<T, Error>) -> Result<T, Failed> {
        let error = match done {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        // If that cannot be told now, the call is repeated.
        match self.not_new(campaign, &error) {
            Ok(Some(status)) => Err(Failed::Stop(UploadError::NotNew { status })),
            _ => Err(Failed::Call(error)),
        }
    }

    /// Repeats a call while that may help, and the patience lasts.
    pub(super) fn patiently<T, E: Into<Failed>>(
        &self,
        batch: Option<u64>,
        is_first: bool,
        mut call: impl FnMut() -> Result<T, E>,
    ) -> Result<T, UploadError> {
        let mut waiting = Waiting::new(self);
        loop {
            let error = match call().map_err(Into::into) {
                Ok(done) => return Ok(done),
                Err(Failed::Stop(error)) => return Err(error),
                Err(Failed::Call(error)) => error,
            };
            // Whoever mistyped the address wants to know now.
            let is_wrong = is_first && matches!(error.kind(), ErrorKind::Unreachable(_));
            let is_late = is_first && waiting.since() > FIRST_PATIENCE;
            if is_wrong || is_late || !error.is_temporary() || !waiting.may_go_on() {
                return Err(UploadError::Call { batch, error });
            }
            waiting.pause(&error)?;
        }
    }
}

/// Why an attempt failed.
pub(super) enum Failed {
    /// The call; another attempt may help.
    Call(Error),
    /// No other attempt helps.
    Stop(UploadError),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed::Call(error)
    }
}

/// The pauses between the attempts at one thing.
pub(super) struct Waiting<'u> {
    options: &'u UploadOptions,
    since: Duration,
    next: Duration,
}

impl<'u> Waiting<'u> {
    pub(super) fn new(upload: &'u Upload<'_>) -> Waiting<'u> {
        Waiting {
            options: &upload.options,
            since: upload.options.world.now(),
            next: FIRST_PAUSE,
        }
    }

    /// Whether another attempt is worth while.
    pub(super) fn may_go_on(&self) -> bool {
        self.since() + self.next <= self.options.patience
    }

    /// How long it has been tried.
    fn since(&self) -> Duration {
        self.options.world.now().saturating_sub(self.since)
    }

    /// Waits, unless it is interrupted.
    pub(super) fn pause(&mut self, error: &Error) -> Result<(), UploadError> {
        let world = &self.options.world;
        let pause = self.next.mul_f64(0.5 + world.chance() / 2.0);
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        (self.options.retrying)(error, pause);
        self.rest(pause)
    }

    /// Waits for so long, unless it is interrupted.
    pub(super) fn rest(&self, time: Duration) -> Result<(), UploadError> {
        const STEP: Duration = Duration::from_millis(100);
        let mut left = time;
        while !left.is_zero() {
            if self.options.stop.load(Ordering::SeqCst) {
                return Err(UploadError::Interrupted);
            }
            let step = left.min(STEP);
            self.options.world.pause(step);
            left -= step;
        }
        Ok(())
    }
}

/// Batches that wait for their turn: enough that the sender never waits for the check.
const QUEUE: usize = 2;

/// A row on its way.
struct Head {
    origin: Origin,
    verdict: Verdict,
    /// Where what was prepared of it ends.
    prepared: usize,
}

/// Rows that are told of together: those of a batch, and the rejected ones between them.
#[derive(Default)]
struct Unit {
    rows: Vec<Head>,
    prepared: Vec<u8>,
    recipients: Recipients,
    /// Where the last row stands.
    place: (usize, u64),
}

/// What is made of rows on any thread.
#[derive(Default)]
struct Part {
    rows: Vec<Head>,
    prepared: Vec<u8>,
    /// The fields of accepted rows, one after the other, and where those of each end.
    fields: String,
    ends: Vec<(usize, u32)>,
    /// How far into the file the last row stands.
    offset: u64,
}

struct Preparer<P> {
    prepare: P,
    is_template: bool,
}

impl<P: Prepare> Format for Preparer<P> {
    type Part = Part;

    fn format(&self, rows: &Rows<'_>) -> io::Result<Part> {
        let mut part = Part::default();
        part.rows.reserve(rows.len());
        for row in rows.iter() {
            self.prepare.prepare(&row, &mut part.prepared)?;
            let verdict = row.verdict();
            if let (true, Some(number)) = (verdict.is_accepted(), verdict.msisdn()) {
                let before = part.fields.len();
                encode_recipient(number, row.values(), self.is_template, &mut part.fields);
                let fields = part.fields.as_bytes()[before..].iter();
                let count = fields.filter(|&&byte| byte == b'&').count();
                part.ends.push((part.fields.len(), count as u32));
            }
            part.offset = row.offset();
            part.rows.push(Head {
                origin: row.origin(),
                verdict,
                prepared: part.prepared.len(),
            });
        }
        Ok(part)
    }
}

/// Gathers batches and hands them on.
struct Gather<'g, 'r, R, H> {
    results: &'g Mutex<&'r mut R>,
    options: &'g UploadOptions,
    hand_on: H,
    filling: Filling,
    unit: Unit,
}

impl<'g, 'r, R: Results, H: FnMut(Unit) -> io::Result<()>> Gather<'g, 'r, R, H> {
    fn new(options: &'g UploadOptions, results: &'g Mutex<&'r mut R>, hand_on: H) -> Self {
        Gather {
            results,
            options,
            hand_on,
            filling: Filling::new(options.limits),
            unit: Unit::default(),
        }
    }

    /// Has the pipeline fill batches, to the last one.
    fn run(mut self, pipeline: &Pipeline<'_>, sources: Vec<Source>) -> Result<Report, RunError> {
        let report = pipeline.run(sources, &mut self)?;
        self.flush().map_err(RunError::Sink)?;
        Ok(report)
    }

    /// Hands on what there is; waits while the sender is behind.
    fn flush(&mut self) -> io::Result<()> {
        let unit = std::mem::take(&mut self.unit);
        if unit.rows.is_empty() {
            return Ok(());
        }
        (self.hand_on)(unit)
    }
}

impl<R: Results, H: FnMut(Unit) -> io::Result<()>> Sink for &mut Gather<'_, '_, R, H> {
    type Format = Preparer<R::Prepare>;

    fn start(&mut self, files: &[FileInfo]) -> io::Result<Preparer<R::Prepare>> {
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Preparer {
            prepare: results.start(files)?,
            is_template: self.options.names.is_some(),
        })
    }

    fn rows(&mut self, _: &Rows<'_>, part: Part) -> io::Result<()> {
        let (mut fields, mut prepared) = (0, 0);
        let mut ends = part.ends.iter();
        for row in part.rows {
            let recipient = match row.verdict.is_accepted() {
                true => ends.next(),
                false => None,
            };
            let is_full =
                self.unit.rows.len() >= MOST_ROWS || self.unit.prepared.len() >= MOST_PREPARED;
            if is_full {
                self.flush()?;
                self.filling = Filling::new(self.options.limits);
            }
            if let Some(&(end, count)) = recipient {
                let size = Size {
                    bytes: end - fields + PREFIX * count as usize,
                    fields: count as usize,
                };
                if !self.filling.takes(size) {
                    self.flush()?;
                }
                self.unit.recipients.encoded(&part.fields[fields..end]);
                fields = end;
            }
            self.unit
                .prepared
                .extend_from_slice(&part.prepared[prepared..row.prepared]);
            prepared = row.prepared;
            self.unit.place = (usize::from(row.origin.file), part.offset);
            self.unit.rows.push(Head {
                prepared: self.unit.prepared.len(),
                ..row
            });
        }
        Ok(())
    }

    fn wants(&self) -> Wants {
        Wants::Winners
    }
}

/// What a batch came to.
struct Settled {
    codes: Vec<u16>,
    ids: Vec<u64>,
    /// Recipients with code 4 that an earlier attempt had added, ascending.
    added: Vec<u32>,
}

/// Sends batches, one after the other.
struct Sender<'u, 'c> {
    upload: &'u Upload<'c>,
    campaign: u64,
    /// Nobody else has put recipients into the campaign.
    is_ours: bool,
    /// The highest id of a message known.
    after: u64,
    batch: u64,
    report: UploadReport,
}

impl Sender<'_, '_> {
    fn work<R: Results>(
        &mut self,
        queue: &Receiver<Unit>,
        journal: &mut Journal,
        results: &Mutex<&mut R>,
    ) -> Result<(), UploadError> {
        for unit in queue {
            if self.upload.options.stop.load(Ordering::SeqCst) {
                return Err(UploadError::Interrupted);
            }
            let mut settled = None;
            if !unit.recipients.is_empty() {
                self.batch += 1;
                if self.report.stopped.is_none() {
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.batch(unit.recipients.len(), unit.recipients.bytes());
                }
                settled = self.settle(&unit, journal)?;
            }
            tell(&unit, settled.as_ref(), &mut self.report, results)?;
        }
        Ok(journal.sync()?)
    }

    /// What becomes of a batch: nothing once the upload has been stopped.
    fn settle(
        &mut self,
        unit: &Unit,
        journal: &mut Journal,
    ) -> Result<Option<Settled>, UploadError> {
        if self.report.stopped.is_some() {
            return Ok(None);
        }
        match self.deliver(unit, journal) {
            Ok(settled) => {
                self.report.batches += 1;
                let newest = settled.ids.iter().copied().max();
                self.after = self.after.max(newest.unwrap_or_default());
                Ok(Some(settled))
            }
            Err(
                stopped @ (UploadError::Call { .. }
                | UploadError::NotNew { .. }
                | UploadError::Entries { .. }
                | UploadError::Strangers { .. }),
            ) => {
                self.report.stopped = Some(stopped);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn deliver(&mut self, unit: &Unit, journal: &mut Journal) -> Result<Settled, UploadError> {
        let UploadOptions { world, missing, .. } = &self.upload.options;
        let batch = self.batch;
        let add = AddOptions {
            replace: self.upload.options.replace && batch == 1,
            missing: *missing,
        };
        let form = add_form(self.campaign, &unit.recipients, add);
        let digest = digest(form.bytes());
        let differs = |journal: &Journal| journal.failed(JournalErrorKind::Differs { batch });
        let mut is_replay = false;
        match journal
            .past(|record| matches!(record, Record::Sent { batch: sent, .. } if *sent == batch))?
        {
            Some(Record::Sent { digest: sent, .. }) => {
                if sent != digest {
                    return Err(differs(journal).into());
                }
                let answered = |record: &Record| matches!(record, Record::Answered { batch: answered, .. } if *answered == batch);
                if let Some(Record::Answered {
                    codes, ids, added, ..
                }) = journal.past(answered)?
                {
                    let codes: Vec<u16> = codes
                        .iter()
                        .flat_map(|&(code, count)| std::iter::repeat_n(code, count as usize))
                        .take(unit.recipients.len() + 1)
                        .collect();
                    let count = unit.recipients.len();
                    return match codes.len() == count && ids.len() == count {
                        true => Ok(Settled { codes, ids, added }),
                        false => Err(differs(journal).into()),
                    };
                }
                is_replay = true;
            }
            // The journal knows of something else at this place.
            _ if journal.past(|_| true)?.is_some() => return Err(differs(journal).into()),
            _ => {
                world.moment(Moment::BeforeJournal)?;
                journal.write(&Record::Sent {
                    batch,
                    recipients: unit.recipients.len() as u32,
                    digest,
                })?;
            }
        }
        world.moment(Moment::BeforeCall)?;
        let (answer, is_replay) = self.send(unit, &form, is_replay)?;
        world.moment(Moment::AfterCall)?;
        self.report.replays += u64::from(is_replay);
        let codes: Vec<u16> = answer.entries.iter().map(|entry| entry.code).collect();
        let mut ids: Vec<u64> = answer
            .entries
            .iter()
            .map(|entry| entry.message_id.unwrap_or_default())
            .collect();
        let added = match is_replay {
            true => self.added_before(unit, &codes, &mut ids)?,
            false => Vec::new(),
        };
        journal.note(&Record::Answered {
            batch,
            code: answer.code,
            codes: runs(codes.iter().copied()),
            ids: ids.clone(),
            added: added.clone(),
        })?;
        world.moment(Moment::AfterJournal)?;
        Ok(Settled { codes, ids, added })
    }

    /// Sends a batch until it is answered. Whether an earlier attempt may have added some of it comes
    /// along.
    fn send(
        &self,
        unit: &Unit,
        form: &Form,
        mut is_replay: bool,
    ) -> Result<(Added, bool), UploadError> {
        let batch = self.batch;
        let upload = self.upload;
        let mut strangers = 0;
        let answer = upload.patiently(Some(batch), false, || {
            let answer = upload.client.add_encoded(form);
            if let Err(error) = &answer {
                is_replay |= error.is_uncertain();
            }
            let answer = upload.while_new(self.campaign, answer)?;
            let is_ours = numbers(unit).zip(&answer.entries).all(|(number, entry)| {
                let theirs = entry.recipient.as_deref();
                theirs.is_none_or(|theirs| theirs.trim_start_matches('+') == number.to_string())
            });
            let (sent, answered) = (unit.recipients.len(), answer.entries.len());
            if !is_ours {
                // A late answer to an earlier call, on a connection that is left now.
                upload.client.hang_up();
                is_replay = true;
                strangers += 1;
                return Err(match strangers > STRANGERS {
                    true => Failed::Stop(UploadError::Strangers { batch }),
                    false => Failed::Call(Error::unreadable("it is for other recipients")),
                });
            }
            match sent == answered {
                true => Ok(answer),
                false => Err(Failed::Stop(UploadError::Entries {
                    batch,
                    sent,
                    answered,
                })),
            }
        })?;
        Ok((answer, is_replay))
    }

    /// Which of the recipients that were in the campaign already were added by an earlier attempt at
    /// this batch (D24), and their messages where that can be told.
    fn added_before(
        &self,
        unit: &Unit,
        codes: &[u16],
        ids: &mut [u64],
    ) -> Result<Vec<u32>, UploadError> {
        let duplicate = u16::from(Code::Duplicate.as_u8());
        let mut doubtful: HashMap<String, usize> = numbers(unit)
            .enumerate()
            .filter(|&(at, _)| codes[at] == duplicate)
            .map(|(at, number)| (number.to_string(), at))
            .collect();
        if self.is_ours || doubtful.is_empty() {
            let mut added: Vec<u32> = doubtful.into_values().map(|at| at as u32).collect();
            added.sort_unstable();
            return Ok(added);
        }
        let mut added = Vec::new();
        let looked = self.upload.newest_messages(self.campaign, |number, id, _| {
            if id <= self.after {
                return false;
            }
            if let Some(at) = doubtful.remove(number) {
                ids[at] = id;
                added.push(at as u32);
            }
            !doubtful.is_empty()
        });
        // Otherwise, if it cannot be told, they are there, since now or before.
        if let Err(UploadError::Interrupted) = looked {
            return Err(UploadError::Interrupted);
        }
        added.sort_unstable();
        Ok(added)
    }
}

/// Tells what became of the rows.
fn tell<R: Results>(
    unit: &Unit,
    settled: Option<&Settled>,
    report: &mut UploadReport,
    results: &Mutex<&mut R>,
) -> io::Result<()> {
    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut prepared, mut at) = (0, 0);
    for row in &unit.rows {
        let mut outcome = Outcome::of_rejected(row.origin, row.verdict);
        if row.verdict.is_accepted() {
            outcome.fate = Fate::Unknown;
            if let Some(settled) = settled {
                let code = settled.codes[at];
                outcome.code = Some(code);
                outcome.message_id = Some(settled.ids[at]).filter(|&id| id > 0);
                outcome.fate = match Code::try_from(u8::try_from(code).unwrap_or(u8::MAX)) {
                    Ok(Code::Accepted) => Fate::Accepted,
                    Ok(Code::Duplicate) => {
                        match settled.added.binary_search(&(at as u32)).is_ok() {
                            true => Fate::Accepted,
                            false => Fate::Present,
                        }
                    }
                    _ => Fate::Rejected,
                };
            }
            at += 1;
        }
        report.count(&outcome);
        results.row(&outcome, &unit.prepared[prepared..row.prepared])?;
        prepared = row.prepared;
    }
    results.progress(unit.place.0, unit.rows.len() as u64, unit.place.1);
    Ok(())
}

impl Outcome {
    /// Of a row that was not sent.
    pub(super) fn of_rejected(origin: Origin, verdict: Verdict) -> Outcome {
        Outcome {
            origin,
            verdict,
            code: None,
            message_id: None,
            fate: match verdict.code() {
                Code::Duplicate => Fate::Duplicate,
                _ => Fate::Rejected,
            },
        }
    }
}

/// Messages on a page, and those that are looked through for what became of recipients.
const PAGE: u32 = 100;
pub(super) const MOST_MESSAGES: u64 = 20_000;

/// The numbers of a batch.
fn numbers(unit: &Unit) -> impl Iterator<Item = Msisdn> + '_ {
    let accepted = unit.rows.iter().filter(|row| row.verdict.is_accepted());
    accepted.filter_map(|row| row.verdict.msisdn())
}

/// The SHA-256 of a text, in hexadecimal.
pub fn digest(text: impl AsRef<[u8]>) -> String {
    encode::hex(&Sha256::digest(text))
}
