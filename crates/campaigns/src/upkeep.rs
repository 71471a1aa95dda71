//! Looking after the database.

use crate::audit::Act;
use crate::campaign::Campaign;
use crate::campaign::Kind;
use crate::clock::DAY;
use crate::error::{Error, Flaw};
use crate::store::Change;
use crate::{Campaigns, TURN};
use std::fs::File;
use std::io;
use std::path::Path;

/// Messages that are forgotten together, or campaigns of a few.
const PIECE: usize = 5000;

/// What was forgotten, or would be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Purged {
    /// Campaigns whose recipients went.
    pub campaigns: u64,
    /// Messages whose number and text went.
    pub messages: u64,
    /// Lists of rows that imports had rejected.
    pub lists: u64,
}

impl Campaigns {
    /// Writes one state of the database to a new file, while others work with it. The files of imports
    /// that are not over, and rejected rows, are in the folder beside the database and not in it: in
    /// the copy such an import ends as one whose file is gone.
    ///
    /// # Errors
    ///
    /// If there is such a file already, or it cannot be written.
    pub fn backup(&self, file: &Path) -> Result<(), Error> {
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        if file.symlink_metadata().is_ok() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        // Readable by its owner only, and nobody else's.
        let unfinished = tempfile::Builder::new()
            .prefix(".recipients-")
            .tempfile_in(folder)
            .map_err(|error| io::Error::from(error.kind()))?;
        self.store.copy(unfinished.path())?;
        unfinished.as_file().sync_all()?;
        unfinished
            .persist_noclobber(file)
            .map_err(|error| error.error)?;
        // The name must last, too.
        File::open(folder)?.sync_all()?;
        Ok(())
    }

    /// What is wrong with the database, in words: damage to the file, and counters that differ from a
    /// recount.
    ///
    /// # Errors
    ///
    /// If it cannot be read at all.
    pub fn check_database(&self) -> Result<Vec<String>, Error> {
        let mut found = self.store.faults()?;
        let differ = self.recount(false)?;
        found.extend(
            differ
                .iter()
                .map(|id| format!("the counters of campaign {id} differ from a recount")),
        );
        Ok(found)
    }

    /// Forgets the people whose campaigns ended so many days ago or earlier: were done, declined or
    /// deleted. Numbers, texts of one's own and contact cards of messages go, and so do lists of rejected
    /// rows, and addresses in the audit log; statuses, segments and costs stay, so that counters are
    /// equal to a recount. Stop lists and the contact book stay. What goes is overwritten in the file, but
    /// for a few copies in unused parts of pages ([`Campaigns::compact`]). It works in pieces, so that others have
    /// their turn, and what it was stopped in the middle of is gone through the next time. With `dry`
    /// nothing is changed.
    ///
    /// # Errors
    ///
    /// [`Error::Incorrect`] for less than a day: reports may be under way. If the store or a file fails.
    pub fn purge(&self, days: u32, dry: bool) -> Result<Purged, Error> {
        if days == 0 {
            return Err(Error::Incorrect(Flaw::Between(1, u32::MAX.into())));
        }
        let before = self.now() - i64::from(days) * DAY;
        let mut purged = Purged::default();
        if dry {
            let counted = self.store.read(|look| look.count_forgettable(before))?;
            purged.campaigns = counted.0.unsigned_abs();
            purged.messages = counted.1.unsigned_abs();
        }
        let some = || self.store.read(|look| look.forgettable(before, PIECE));
        let mut old = if dry { Vec::new() } else { some()? };
        while !old.is_empty() {
            let (campaigns, messages) =
                self.store.write(|change| self.forget_some(change, &old))?;
            purged.campaigns += campaigns as u64;
            purged.messages += messages as u64;
            std::thread::sleep(TURN);
            old = some()?;
        }
        for (file, task) in self.rejected_lists()? {
            if self.store.read(|look| look.is_task_over(task, before))? {
                purged.lists += 1;
                let removed = if dry {
                    Ok(())
                } else {
                    std::fs::remove_file(file)
                };
                match removed {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(error.into());
                    }
                    // Somebody else may have been faster.
                    _ => {}
                }
            }
        }
        if dry {
            return Ok(purged);
        }
        let forget = || {
            self.store
                .write(|change| change.forget_addresses(before, PIECE))
        };
        let mut addresses = 0;
        loop {
            let more = forget()?;
            addresses += more;
            if more < PIECE {
                break;
            }
            std::thread::sleep(TURN);
        }
        if purged.lists > 0 || addresses > 0 {
            self.store
                .write(|change| change.record(&self.admin(0), Act::Purge, None, self.now()))?;
        }
        self.store.empty_log()?;
        Ok(purged)
    }

    /// Forgets the people of the first of these campaigns, as far as one piece goes; how many campaigns
    /// are done with, and how many messages it were.
    fn forget_some(&self, change: &Change<'_>, old: &[Campaign]) -> Result<(usize, usize), Error> {
        let (mut done, mut messages) = (0, 0);
        while messages < PIECE && done < old.len() {
            let campaign = &old[done];
            let most = PIECE - messages;
            let forgotten = change.forget_messages(campaign.id, campaign.generation, most)?;
            messages += forgotten;
            if forgotten < most {
                done += 1;
                // Of one message the text is one person's.
                let with_text = campaign.kind == Kind::Single;
                change.set_forgotten(campaign.id, with_text, self.now())?;
                let hand = self.admin(campaign.account);
                change.record(&hand, Act::Purge, Some(campaign.id), self.now())?;
            }
        }
        Ok((done, messages))
    }

    /// Writes the whole file anew: no copy is left of what was deleted, and no unused space. Others wait
    /// meanwhile, and programs beside this one give up after ten seconds.
    ///
    /// # Errors
    ///
    /// If the store fails, as for want of space.
    pub fn compact(&self) -> Result<(), Error> {
        self.store.compact()
    }

    /// How many tasks are not over, and how many bytes the database and its write-ahead log have.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn vitals(&self) -> Result<(u64, u64), Error> {
        let open = self.store.read(|look| look.count_open_tasks())?;
        let path = self.store.path();
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let size = |path: &Path| path.metadata().map_or(0, |meta| meta.len());
        Ok((open.unsigned_abs(), size(path) + size(Path::new(&log))))
    }
}
