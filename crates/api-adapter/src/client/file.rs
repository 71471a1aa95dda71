//! Good rows to a campaign as one file, which the server adds in the background.

use super::journal::{Journal, JournalErrorKind, Record};
use super::methods::AddOptions;
use super::types::Task;
use super::upload::{
    Fate, MOST_MESSAGES, Outcome, Prepare, Results, Upload, UploadError, UploadReport, Waiting,
};
use crate::encode;
use recipients_batcher::{Checked, FileInfo, Format, Pipeline, Rows, Sink};
use recipients_ingest::{Source, Writer};
use recipients_template::Template;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

/// How often a task is asked for; more than once a second is refused.
const ASKING: Duration = Duration::from_millis(1100);

impl Upload<'_> {
    /// Checks the lists and uploads the good rows as one file, of which the server makes messages in
    /// the background; that is waited for, and `progress` is told how many percent are done. The
    /// lists are read twice, so they are given twice.
    ///
    /// The server tells how many rows it has added, not which. If not all, a campaign of up to 20,000
    /// messages is looked through; in a larger one rows are [`Fate::Filed`]. If an answer is lost, the file is sent once more, which adds nothing twice.
    ///
    /// # Errors
    ///
    /// As [`Upload::run`], and if the server refuses the file.
    pub fn run_as_file<R: Results>(
        &self,
        pipeline: &Pipeline<'_>,
        [first, second]: [Vec<Source>; 2],
        journal: &mut Journal,
        mut results: R,
        progress: impl Fn(u64),
    ) -> Result<UploadReport, UploadError> {
        let (campaign, created, after) = journal.target()?;
        // What replaces counts as added, whatever was there.
        let after = if created || self.options.replace {
            0
        } else {
            after
        };
        // Without a name: it vanishes with the process, however that ends.
        let list = tempfile::tempfile()?;
        let mut writing = Writing {
            writer: Writer::plain(BufWriter::new(list.try_clone()?)),
            names: self.options.names.clone().unwrap_or_default(),
            rows: 0,
        };
        let mut report = UploadReport::default();
        pipeline.run(first, &mut writing)?;
        let rows = writing.rows;
        writing.writer.finish()?;
        let mut added = None;
        if rows > 0 {
            match self.send_file(campaign, &list, rows, journal, progress) {
                Ok(count) => added = Some(count),
                Err(
                    stopped @ (UploadError::Call { .. }
                    | UploadError::NotNew { .. }
                    | UploadError::Stuck { .. }
                    | UploadError::Task { .. }),
                ) => report.stopped = Some(stopped),
                Err(error) => return Err(error),
            }
            report.batches = u64::from(added.is_some());
        }
        let fate = match added {
            None => Fate::Unknown,
            Some(added) if added == rows => Fate::Accepted,
            Some(_) => Fate::Filed,
        };
        let there = match fate {
            Fate::Filed => self.numbers_of(campaign)?,
            _ => None,
        };
        let checked = pipeline.run(
            second,
            Telling {
                results: &mut results,
                report: &mut report,
                fate,
                there: there.as_ref(),
                after,
            },
        )?;
        report.checked = checked;
        if let (Fate::Filed, None, Some(added)) = (fate, &there, added) {
            report.accepted = added.min(rows);
            report.rejected += rows - report.accepted;
        }
        Ok(report)
    }

    /// The numbers of a campaign and their messages, if they are few enough to be asked for.
    fn numbers_of(&self, campaign: u64) -> Result<Option<HashMap<String, u64>>, UploadError> {
        let (mut there, mut is_all) = (HashMap::new(), true);
        self.newest_messages(campaign, |number, id, total| {
            is_all = total <= MOST_MESSAGES;
            there.insert(number.to_owned(), id);
            is_all
        })?;
        Ok(is_all.then_some(there))
    }

    /// How many messages the file has made.
    fn send_file(
        &self,
        campaign: u64,
        list: &File,
        rows: u64,
        journal: &mut Journal,
        progress: impl Fn(u64),
    ) -> Result<u64, UploadError> {
        let digest = sum(list)?;
        let messages = || -> Result<u64, UploadError> {
            let info = || self.client.campaign_info(campaign, false);
            let counters = self.patiently(None, false, info)?.counters;
            Ok(counters.and_then(|c| c.total_msg_num).unwrap_or_default())
        };
        let sent = journal.past(|record| matches!(record, Record::File { .. }))?;
        let before = match sent {
            Some(Record::File {
                digest: sent,
                before,
                ..
            }) => {
                if sent != digest {
                    return Err(journal
                        .failed(JournalErrorKind::Differs { batch: 1 })
                        .into());
                }
                before
            }
            _ => {
                let before = match self.options.replace {
                    true => 0,
                    false => messages()?,
                };
                journal.write(&Record::File {
                    recipients: rows,
                    digest,
                    before,
                })?;
                before
            }
        };
        let add = AddOptions {
            replace: self.options.replace,
            missing: self.options.missing,
        };
        let task = match journal.past(|record| matches!(record, Record::Task { .. }))? {
            Some(Record::Task { id }) => id,
            _ => {
                // While the task of an attempt whose answer was lost is at work, it is 10.
                let send = || self.while_new(campaign, self.client.add_file(campaign, list, add));
                let id = self.patiently(None, false, send)?;
                journal.write(&Record::Task { id })?;
                id
            }
        };
        let past = journal.past(|record| matches!(record, Record::TaskEnded { .. }))?;
        let (status, added, note) = match past {
            Some(Record::TaskEnded {
                status,
                added,
                note,
            }) => (status, added, note),
            _ => {
                let ended = self.follow(task, progress)?;
                let added = messages()?.saturating_sub(before);
                journal.write(&Record::TaskEnded {
                    status: ended.status,
                    added,
                    note: ended.note.clone(),
                })?;
                (ended.status, added, ended.note)
            }
        };
        // What replaces leaves the old list where it was; what adds leaves what it has added.
        match status == 3 && (self.options.replace || added < rows) {
            true => Err(UploadError::Task { note }),
            false => Ok(added),
        }
    }

    /// Waits for a task's end.
    fn follow(&self, task: u64, progress: impl Fn(u64)) -> Result<Task, UploadError> {
        let mut waiting = Waiting::new(self);
        let mut last = None;
        loop {
            let found = self.patiently(None, false, || self.client.task(task))?;
            progress(found.progress.unwrap_or_default());
            if found.status >= 2 {
                return Ok(found);
            }
            // Patience is for what does not move.
            if last != found.progress {
                last = found.progress;
                waiting = Waiting::new(self);
            }
            if !waiting.may_go_on() {
                return Err(UploadError::Stuck { task });
            }
            waiting.rest(ASKING)?;
        }
    }
}

/// The SHA-256 of a file, in hexadecimal: a journal is bound to what it is about.
///
/// # Errors
///
/// If the file cannot be read.
pub fn fingerprint(path: &Path) -> io::Result<String> {
    sum(&File::open(path)?)
}

fn sum(mut file: &File) -> io::Result<String> {
    file.rewind()?;
    let mut sum = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(encode::hex(&sum.finalize())),
            count => sum.update(&buffer[..count]),
        }
    }
}

/// Writes the good rows: the number, and a column for each placeholder.
struct Writing<W: Write> {
    writer: Writer<W>,
    names: Vec<String>,
    rows: u64,
}

impl<W: Write> Sink for &mut Writing<W> {
    type Format = ();

    fn start(&mut self, files: &[FileInfo]) -> io::Result<()> {
        // A placeholder without a column gets none here, so that the server treats it as the flag
        // says; that must be so for all rows.
        let lacks = |file: &FileInfo, name: &String| {
            file.lacking().iter().any(|lacking| lacking.name == *name)
        };
        if let Some(name) = self.names.iter().find(|name| {
            let lacking = files.iter().filter(|file| lacks(file, name)).count();
            !matches!(lacking, 0) && lacking < files.len()
        }) {
            return Err(io::Error::other(format!(
                "only some of the files have the column `{name}`, so they cannot go as one file"
            )));
        }
        self.names
            .retain(|name| !files.first().is_some_and(|file| lacks(file, name)));
        self.writer.field(Template::RECIPIENT);
        for name in &self.names {
            self.writer.field(name);
        }
        self.writer.end_row()
    }

    fn rows(&mut self, rows: &Rows<'_>, (): ()) -> io::Result<()> {
        for row in rows.iter().filter(|row| row.verdict().is_accepted()) {
            self.row(&row)?;
        }
        Ok(())
    }
}

impl<W: Write> Writing<W> {
    fn row(&mut self, row: &Checked<'_>) -> io::Result<()> {
        let Some(number) = row.msisdn() else {
            return Ok(());
        };
        self.writer.field(&number.to_string());
        for name in &self.names {
            let value = row.values().find(|(known, _)| known == name);
            self.writer.field(value.map_or("", |(_, value)| value));
        }
        self.rows += 1;
        self.writer.end_row()
    }
}

/// Tells the outcome of each row.
struct Telling<'t, R> {
    results: &'t mut R,
    report: &'t mut UploadReport,
    fate: Fate,
    /// The campaign's numbers and messages, if they were asked for.
    there: Option<&'t HashMap<String, u64>>,
    /// Messages up to this id were there before; 0 if none counts as that.
    after: u64,
}

struct Preparing<P>(P);

impl<P: Prepare> Format for Preparing<P> {
    type Part = Vec<Vec<u8>>;

    fn format(&self, rows: &Rows<'_>) -> io::Result<Vec<Vec<u8>>> {
        let prepare = |row: Checked<'_>| {
            let mut prepared = Vec::new();
            self.0.prepare(&row, &mut prepared)?;
            Ok(prepared)
        };
        rows.iter().map(prepare).collect()
    }
}

impl<R: Results> Sink for Telling<'_, R> {
    type Format = Preparing<R::Prepare>;

    fn start(&mut self, files: &[FileInfo]) -> io::Result<Preparing<R::Prepare>> {
        Ok(Preparing(self.results.start(files)?))
    }

    fn rows(&mut self, rows: &Rows<'_>, prepared: Vec<Vec<u8>>) -> io::Result<()> {
        for (row, prepared) in rows.iter().zip(prepared) {
            let mut outcome = Outcome::of_rejected(row.origin(), row.verdict());
            if row.verdict().is_accepted() {
                outcome.fate = self.fate;
                if let (Some(there), Some(number)) = (self.there, row.msisdn()) {
                    outcome.message_id = there.get(&number.to_string()).copied();
                    outcome.fate = match outcome.message_id {
                        Some(id) if id > self.after => Fate::Accepted,
                        Some(_) => Fate::Present,
                        None => Fate::Rejected,
                    };
                }
            }
            self.report.count(&outcome);
            self.results.row(&outcome, &prepared)?;
        }
        Ok(())
    }
}
