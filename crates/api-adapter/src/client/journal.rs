//! What an upload has done, on disk, so that it can go on after any failure (decision D24).
//!
//! A journal is a text file: a line of JSON for each record, behind each the CRC-32 of its place and
//! its text in hexadecimal, and a line break. It holds no number and no key. It appears by rename with its first record, the
//! [`Heading`], complete and synced; after that it only grows, and every record is synced before
//! what follows from it is done: that a batch is about to be sent, before it is sent; that it was
//! answered, before the next one is. A last record that was torn by a crash is dropped when the journal
//! is opened; damage anywhere else is an error. While an upload works with a journal it holds a lock
//! on it.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The version of the format.
const FORMAT: u32 = 1;

/// A record may have so many bytes.
const MOST_RECORD: usize = 16 << 20;

/// What a journal is bound to.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Heading {
    /// The version of the format.
    format: u32,
    /// What the caller needs to begin again in the same way, and to see that it is the same way:
    /// options, fingerprints of what is read, versions.
    pub binding: Json,
}

impl Heading {
    /// The heading of a new journal.
    pub fn new(binding: Json) -> Heading {
        Heading {
            format: FORMAT,
            binding,
        }
    }
}

/// What was done, or is about to be.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Record {
    Heading(Heading),
    /// The campaign that it goes to.
    Campaign {
        id: u64,
        /// Whether this upload has made it.
        created: bool,
        /// The highest id of a message known before the first batch.
        after: u64,
        /// Of one that was made, the SHA-256 of its text as the server has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// A batch is about to be sent.
    Sent {
        batch: u64,
        recipients: u32,
        /// SHA-256 of the form.
        digest: String,
    },
    /// A batch was answered.
    Answered {
        batch: u64,
        /// The code of the call.
        code: u16,
        /// Codes of recipients, and how many in a row have it.
        codes: Vec<(u16, u32)>,
        /// Messages' ids; 0 is unknown.
        ids: Vec<u64>,
        /// Recipients with code 4 that an earlier attempt had added.
        added: Vec<u32>,
    },
    /// A file is about to be sent.
    File {
        recipients: u64,
        digest: String,
        /// Messages that the campaign had, if they stay.
        before: u64,
    },
    /// The server has taken it as a task.
    Task {
        id: u64,
    },
    /// The task has ended, after which the campaign had so many messages more.
    TaskEnded {
        status: u64,
        added: u64,
        note: Option<String>,
    },
    /// The campaign is about to be launched.
    Launching,
    /// It was, and waits for a moderator or not.
    Launched {
        moderation: bool,
    },
    /// Nothing is left to do; what the caller told.
    Finished {
        told: Json,
    },
}

/// Why a journal cannot be used.
#[derive(Debug)]
pub struct JournalError {
    path: PathBuf,
    kind: JournalErrorKind,
}

/// The kinds of errors.
#[derive(Debug)]
#[non_exhaustive]
pub enum JournalErrorKind {
    /// There is one already.
    Exists,
    /// Another process works with it.
    InUse,
    /// It is no journal, or of a version that is not ours.
    NoJournal,
    /// A record in the middle is damaged.
    Damaged {
        /// Its line.
        line: u64,
    },
    /// What is uploaded now is not what was uploaded then.
    Differs {
        /// Where it shows.
        batch: u64,
    },
    /// It cannot be read or written.
    Io(io::Error),
}

impl JournalError {
    /// What it is.
    pub fn kind(&self) -> &JournalErrorKind {
        &self.kind
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.kind {
            JournalErrorKind::Exists => f.write_str("there is a journal of an upload already"),
            JournalErrorKind::InUse => f.write_str("another upload works with this journal"),
            JournalErrorKind::NoJournal => {
                f.write_str("this is no journal of an upload, or of another version")
            }
            JournalErrorKind::Damaged { line } => {
                write!(f, "the journal is damaged in line {line}")
            }
            JournalErrorKind::Differs { batch } => write!(
                f,
                "batch {batch} is not what it was when it was sent: the list has changed since"
            ),
            JournalErrorKind::Io(error) => write!(f, "the journal cannot be used: {error}"),
        }
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            JournalErrorKind::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// The journal of one upload.
pub struct Journal {
    path: PathBuf,
    /// At its end, locked.
    file: File,
    heading: Heading,
    /// What was done before it was opened, as far as it has not been taken up yet.
    past: Past,
    state: State,
    /// How many records there are.
    lines: u64,
    /// A record could not be written, and may be there in part: nothing can stand behind it.
    broken: bool,
}

/// What the records before say without being read in order.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) campaign: Option<(u64, bool, u64)>,
    pub(super) text: Option<String>,
    pub(super) launching: bool,
    pub(super) launched: Option<bool>,
    pub(super) finished: Option<Json>,
    pub(super) began: bool,
}

struct Past {
    records: BufReader<File>,
    /// Bytes that are left.
    left: u64,
    line: u64,
    /// Read, but put back.
    next: Option<Record>,
}

/// Shows where it is.
impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Journal").field(&self.path).finish()
    }
}

/// Of a record in its place: one that is lost or there twice makes all behind it wrong.
fn checksum(place: u64, json: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&place.to_le_bytes());
    sum.update(json);
    sum.finalize()
}

fn line(place: u64, record: &Record) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    let sum = checksum(place, &line);
    writeln!(line, " {sum:08x}")?;
    Ok(line)
}

/// The record of a line without its line break, if it is whole.
fn record(place: u64, line: &[u8]) -> Option<Record> {
    let (json, sum) = line.split_at_checked(line.len().checked_sub(9)?)?;
    let sum = std::str::from_utf8(sum.strip_prefix(b" ")?).ok()?;
    let is_hex = sum
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let sum = u32::from_str_radix(sum, 16).ok().filter(|_| is_hex)?;
    (checksum(place, json) == sum).then_some(())?;
    serde_json::from_slice(json).ok()
}

fn lock(file: &File) -> Result<(), JournalErrorKind> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => JournalErrorKind::InUse,
        TryLockError::Error(error) => JournalErrorKind::Io(error),
    })
}

/// One line with its break, or what is left before the end.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    line.clear();
    reader
        .by_ref()
        .take(MOST_RECORD as u64 + 10)
        .read_until(b'\n', line)?;
    Ok(())
}

impl Journal {
    /// Starts a journal where there is none.
    ///
    /// # Errors
    ///
    /// If there is one already, or it cannot be written.
    pub fn create(path: &Path, heading: Heading) -> Result<Journal, JournalError> {
        let failed = |kind| JournalError {
            path: path.to_owned(),
            kind,
        };
        let io = |error| failed(JournalErrorKind::Io(error));
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let mut file = tempfile::Builder::new()
            .prefix(".recipients-")
            .tempfile_in(folder)
            // The name of the file beside it is of no interest.
            .map_err(|error| io(error.kind().into()))?;
        let first = line(1, &Record::Heading(heading.clone())).map_err(io)?;
        file.write_all(&first).map_err(io)?;
        file.as_file().sync_all().map_err(io)?;
        lock(file.as_file()).map_err(failed)?;
        let file = file.persist_noclobber(path).map_err(|error| {
            failed(match error.error.kind() {
                io::ErrorKind::AlreadyExists => JournalErrorKind::Exists,
                _ => JournalErrorKind::Io(error.error),
            })
        })?;
        // The name must last, too.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io)?;
        let records = BufReader::new(File::open(path).map_err(io)?);
        Ok(Journal {
            path: path.to_owned(),
            file,
            heading,
            past: Past {
                records,
                left: 0,
                line: 1,
                next: None,
            },
            state: State::default(),
            lines: 1,
            broken: false,
        })
    }

    /// Opens a journal to go on. A torn record at its end is cut off.
    ///
    /// # Errors
    ///
    /// If it is not there, is damaged, or another process works with it.
    pub fn open(path: &Path) -> Result<Journal, JournalError> {
        let failed = |kind| JournalError {
            path: path.to_owned(),
            kind,
        };
        let io = |error| failed(JournalErrorKind::Io(error));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(io)?;
        lock(&file).map_err(failed)?;
        let size = file.metadata().map_err(io)?.len();
        let mut records = BufReader::new(File::open(path).map_err(io)?);
        let mut text = Vec::new();
        let (mut whole, mut first) = (0, 0);
        let (mut lines, mut heading) = (0, None);
        let mut state = State::default();
        loop {
            read_line(&mut records, &mut text).map_err(io)?;
            if text.is_empty() {
                break;
            }
            let end = whole + text.len() as u64;
            match text
                .strip_suffix(b"\n")
                .and_then(|text| record(lines + 1, text))
            {
                Some(Record::Heading(found)) if lines == 0 && found.format == FORMAT => {
                    heading = Some(found);
                    first = end;
                }
                Some(_) if lines == 0 => break,
                Some(record) => state.take(record),
                None if lines == 0 => break,
                // Only the last one can have been torn.
                None if end == size => break,
                None => return Err(failed(JournalErrorKind::Damaged { line: lines + 1 })),
            }
            lines += 1;
            whole = end;
        }
        let heading = heading.ok_or_else(|| failed(JournalErrorKind::NoJournal))?;
        if whole < size {
            file.set_len(whole).map_err(io)?;
            file.sync_all().map_err(io)?;
        }
        file.seek(SeekFrom::End(0)).map_err(io)?;
        records.seek(SeekFrom::Start(first)).map_err(io)?;
        Ok(Journal {
            path: path.to_owned(),
            file,
            heading,
            past: Past {
                records,
                left: whole - first,
                line: 1,
                next: None,
            },
            state,
            lines,
            broken: false,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is bound to.
    pub fn heading(&self) -> &Heading {
        &self.heading
    }

    /// What was told when all was done ([`Journal::finish`]).
    pub fn finished(&self) -> Option<&Json> {
        self.state.finished.as_ref()
    }

    /// The campaign that it goes to, once that is known.
    pub fn campaign(&self) -> Option<u64> {
        self.state.campaign.map(|(id, ..)| id)
    }

    /// Of a campaign that this upload has made, the [digest](super::digest) of its text as the server
    /// has it, if it told.
    pub fn made_text(&self) -> Option<&str> {
        self.state.text.as_deref()
    }

    /// Whether the campaign may have been launched.
    pub fn is_launching(&self) -> bool {
        self.state.launching
    }

    /// Whether anything that cannot be taken back may have been asked of the server.
    pub fn has_begun(&self) -> bool {
        self.state.began
    }

    /// Nothing is left to do. `told` is kept for whoever opens it again.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn finish(&mut self, told: Json) -> Result<(), JournalError> {
        self.write(&Record::Finished { told })
    }

    /// The campaign that it goes to, whether this upload has made it, and the highest id of a message
    /// known before.
    pub(super) fn target(&self) -> Result<(u64, bool, u64), JournalError> {
        let none = || io::Error::other("it does not name a campaign yet");
        let target = self.state.campaign;
        target.ok_or_else(|| self.failed(JournalErrorKind::Io(none())))
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// The next record of what was done before, unless another kind comes next.
    pub(super) fn past(
        &mut self,
        is_wanted: impl Fn(&Record) -> bool,
    ) -> Result<Option<Record>, JournalError> {
        while self.past.next.is_none() && self.past.left > 0 {
            let mut text = Vec::new();
            read_line(&mut self.past.records, &mut text)
                .map_err(|error| self.failed(JournalErrorKind::Io(error)))?;
            self.past.line += 1;
            self.past.left = self.past.left.saturating_sub(text.len() as u64);
            let line = self.past.line;
            let next = text.strip_suffix(b"\n").and_then(|text| record(line, text));
            self.past.next =
                Some(next.ok_or_else(|| self.failed(JournalErrorKind::Damaged { line }))?);
            // What the state has is not part of the order.
            if matches!(self.past.next, Some(Record::Campaign { .. })) {
                self.past.next = None;
            }
        }
        match &self.past.next {
            Some(record) if is_wanted(record) => Ok(self.past.next.take()),
            _ => Ok(None),
        }
    }

    pub(super) fn failed(&self, kind: JournalErrorKind) -> JournalError {
        JournalError {
            path: self.path.clone(),
            kind,
        }
    }

    /// Adds a record and waits until it, and all before it, are on disk.
    pub(super) fn write(&mut self, record: &Record) -> Result<(), JournalError> {
        self.note(record)?;
        self.sync()
    }

    /// Adds a record that nothing depends on yet: the next one, or [`Journal::sync`], takes it to disk.
    pub(super) fn note(&mut self, record: &Record) -> Result<(), JournalError> {
        let written = match self.broken {
            true => Err(io::Error::other("an earlier record could not be written")),
            false => line(self.lines + 1, record).and_then(|line| self.file.write_all(&line)),
        };
        self.broken = written.is_err();
        written.map_err(|error| self.failed(JournalErrorKind::Io(error)))?;
        self.lines += 1;
        self.state.take(record.clone());
        Ok(())
    }

    /// Waits until all is on disk.
    pub(super) fn sync(&mut self) -> Result<(), JournalError> {
        let synced = self.file.sync_data();
        self.broken |= synced.is_err();
        synced.map_err(|error| self.failed(JournalErrorKind::Io(error)))
    }
}

impl State {
    fn take(&mut self, record: Record) {
        match record {
            Record::Campaign {
                id,
                created,
                after,
                text,
            } => {
                self.campaign = Some((id, created, after));
                self.text = text;
                self.began |= created;
            }
            Record::Sent { .. } | Record::File { .. } => self.began = true,
            Record::Launching => {
                self.launching = true;
                self.began = true;
            }
            Record::Launched { moderation } => self.launched = Some(moderation),
            Record::Finished { told } => self.finished = Some(told),
            _ => {}
        }
    }
}

/// Equal numbers in a row, counted.
pub(super) fn runs(codes: impl Iterator<Item = u16>) -> Vec<(u16, u32)> {
    let mut runs: Vec<(u16, u32)> = Vec::new();
    for code in codes {
        match runs.last_mut() {
            Some((last, count)) if *last == code => *count += 1,
            _ => runs.push((code, 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn some_records() -> Vec<Record> {
        let mut records = vec![Record::Campaign {
            id: 7,
            created: true,
            after: 0,
            text: None,
        }];
        for batch in 1..4 {
            records.push(Record::Sent {
                batch,
                recipients: 2,
                digest: "ab".repeat(32),
            });
            records.push(Record::Answered {
                batch,
                code: 98,
                codes: vec![(0, 1), (4, 1)],
                ids: vec![batch, 0],
                added: vec![1],
            });
        }
        records
    }

    fn written(folder: &Path) -> PathBuf {
        let path = folder.join("list.journal");
        let mut journal = Journal::create(&path, Heading::new(Json::from("x"))).unwrap();
        for record in some_records() {
            journal.write(&record).unwrap();
        }
        path
    }

    fn read(journal: &mut Journal) -> Vec<Record> {
        std::iter::from_fn(|| journal.past(|_| true).unwrap()).collect()
    }

    #[test]
    fn goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let refused = Journal::create(&path, Heading::new(Json::Null)).unwrap_err();
        assert!(matches!(refused.kind(), JournalErrorKind::Exists));
        let mut journal = Journal::open(&path).unwrap();
        assert!(matches!(
            Journal::open(&path).unwrap_err().kind(),
            JournalErrorKind::InUse
        ));
        assert_eq!(journal.heading().binding, Json::from("x"));
        assert_eq!((journal.campaign(), journal.has_begun()), (Some(7), true));
        assert_eq!(read(&mut journal), some_records()[1..]);
        journal.finish(Json::from("done")).unwrap();
        drop(journal);
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.finished(), Some(&Json::from("done")));
    }

    #[derive(Clone, Debug)]
    enum Act {
        /// A record that is on the disk when the call returns.
        Write(usize),
        /// One that is there when the next of those is.
        Note(usize),
        /// The program ends, and another goes on.
        Reopen,
        /// It ends in the middle of a record, of which so many bytes are there.
        Tear(usize, prop::sample::Index),
    }

    fn act() -> impl Strategy<Value = Act> {
        let record = 0..some_records().len() - 1;
        prop_oneof![
            4 => record.clone().prop_map(Act::Write),
            2 => record.clone().prop_map(Act::Note),
            1 => Just(Act::Reopen),
            1 => (record, any::<prop::sample::Index>()).prop_map(|(which, len)| Act::Tear(which, len)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever is written, ended, torn and gone on with, it has the records of a list in memory.
        #[test]
        fn a_journal_is_a_list(acts in prop::collection::vec(act(), 0..30)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("list.journal");
            let mut journal = Journal::create(&path, Heading::new(Json::from("x"))).unwrap();
            let pool = &some_records()[1..];
            journal.write(&some_records()[0]).unwrap();
            let mut model: Vec<Record> = Vec::new();
            for act in acts.into_iter().chain([Act::Reopen]) {
                if let Act::Write(which) | Act::Note(which) = act {
                    match act {
                        Act::Write(_) => journal.write(&pool[which]).unwrap(),
                        _ => journal.note(&pool[which]).unwrap(),
                    }
                    model.push(pool[which].clone());
                    continue;
                }
                drop(journal);
                if let Act::Tear(which, len) = act {
                    // Behind the heading, the campaign and all others.
                    let whole = line(2 + model.len() as u64, &pool[which]).unwrap();
                    let torn = &whole[..len.index(whole.len())];
                    let mut file = File::options().append(true).open(&path).unwrap();
                    file.write_all(torn).unwrap();
                }
                journal = Journal::open(&path).unwrap();
                prop_assert_eq!(journal.campaign(), Some(7));
                prop_assert_eq!(&read(&mut journal), &model);
            }
        }
    }

    proptest! {
        /// Cut anywhere behind the heading, it has the records that are whole; with a byte changed,
        /// it is refused, unless that was in the last record, which counts as torn.
        #[test]
        fn torn_or_damaged(cut in any::<prop::sample::Index>(), change in any::<prop::sample::Index>()) {
            let folder = tempfile::tempdir().unwrap();
            let path = written(folder.path());
            let whole = std::fs::read(&path).unwrap();
            let heading = whole.iter().position(|&b| b == b'\n').unwrap() + 1;
            let ends: Vec<usize> = whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).collect();
            let cut = heading + cut.index(whole.len() - heading);
            std::fs::write(&path, &whole[..cut]).unwrap();
            let expected = ends.iter().filter(|&&end| end <= cut).count() - 1;
            let mut journal = Journal::open(&path).unwrap();
            prop_assert_eq!(read(&mut journal).len(), expected.saturating_sub(1));
            journal.write(&Record::Launching).unwrap();
            drop(journal);
            let mut journal = Journal::open(&path).unwrap();
            let records = read(&mut journal);
            prop_assert_eq!(records.last(), Some(&Record::Launching));
            drop(journal);

            let mut damaged = whole.clone();
            let at = change.index(whole.len());
            damaged[at] ^= 0x20;
            std::fs::write(&path, &damaged).unwrap();
            let last = ends[ends.len() - 2];
            match Journal::open(&path) {
                // The line break before the last record is part of it here.
                Ok(_) => prop_assert!(at >= last - 1),
                Err(error) if at < heading => {
                    use JournalErrorKind::{Damaged, NoJournal};
                    let is_told = matches!(error.kind(), NoJournal | Damaged { .. });
                    prop_assert!(is_told);
                }
                Err(error) => {
                    let is_damage = matches!(error.kind(), JournalErrorKind::Damaged { .. });
                    prop_assert!(is_damage && at < last);
                }
            }
        }
    }
}
