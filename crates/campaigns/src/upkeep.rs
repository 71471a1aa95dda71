//! Looking after the database.

use crate::Campaigns;
use crate::error::Error;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

impl Campaigns {
    /// Writes one state of the database to a new file, while others work with it. The files of imports
    /// that are not over, and rejected rows, are in the folder beside the database and not in it: in
    /// the copy such an import ends as one whose file is gone.
    ///
    /// # Errors
    ///
    /// If there is such a file already, or it cannot be written.
    pub fn backup(&self, file: &Path) -> Result<(), Error> {
        if file.symlink_metadata().is_ok() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let unfinished = file.with_file_name(format!(".{name}.unfinished"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&unfinished)?;
        let written = self
            .store
            .copy(&unfinished)
            .and_then(|()| Ok(File::open(&unfinished)?.sync_all()?))
            .and_then(|()| Ok(std::fs::rename(&unfinished, file)?));
        if written.is_err() {
            let _ = std::fs::remove_file(&unfinished);
        }
        written
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
