//! Looking after the database.

use crate::Campaigns;
use crate::error::Error;
use std::fs::File;
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
