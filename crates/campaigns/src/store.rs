//! The SQLite file: one writer, several readers, a schema with a version.

use crate::error::Error;
use crate::{Faults, Moment};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The schema's versions: the n-th leads from version n to n + 1.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql"), include_str!("schema-2.sql")];

/// Marks a file as ours: "rcpt".
const APPLICATION_ID: i32 = 0x7263_7074;

/// How long another process may hold the file.
const PATIENCE: Duration = Duration::from_secs(10);

/// Readers that are kept open.
const READERS: usize = 16;

pub(crate) struct Store {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    faults: Arc<dyn Faults>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.path.display())
    }
}

impl Store {
    /// Opens the file, making or migrating it if need be.
    pub(crate) fn open(path: &Path, faults: Arc<dyn Faults>) -> Result<Store, Error> {
        let mut writer = Connection::open(path)?;
        writer.busy_timeout(PATIENCE)?;
        let marked: i32 = writer.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let tables: i64 =
            writer.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
        if marked != APPLICATION_ID && tables > 0 {
            return Err(Error::Internal(format!(
                "{} is a database of another program; name another file",
                path.display()
            )));
        }
        writer.pragma_update(None, "journal_mode", "wal")?;
        prepare(&writer)?;
        let change = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 = change.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let version = usize::try_from(version).unwrap_or(usize::MAX);
        if version > MIGRATIONS.len() {
            return Err(Error::Internal(format!(
                "{} was written by a newer version of this program; use that one",
                path.display()
            )));
        }
        for migration in &MIGRATIONS[version..] {
            change.execute_batch(migration)?;
        }
        change.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
        change.pragma_update(None, "application_id", APPLICATION_ID)?;
        change.commit()?;
        Ok(Store {
            path: path.to_owned(),
            writer: Mutex::new(writer),
            readers: Mutex::new(Vec::new()),
            faults,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Carries out all of `change` or nothing. When it returns, it is on the disk.
    pub(crate) fn write<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = change(&transaction)?;
        self.faults.commit(Moment::Before);
        transaction.commit()?;
        self.faults.commit(Moment::After);
        Ok(value)
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        // A panic has rolled its transaction back.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection of one's own that can only read.
    pub(crate) fn reader(&self) -> Result<Connection, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(&self.path, flags)?;
        reader.busy_timeout(PATIENCE)?;
        prepare(&reader)?;
        Ok(reader)
    }

    /// Looks at one state of the data, however long it takes.
    pub(crate) fn read<T>(
        &self,
        look: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let spare = self
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut reader = match spare {
            Some(reader) => reader,
            None => self.reader()?,
        };
        let state = reader.transaction()?;
        let value = look(&state);
        drop(state);
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < READERS {
            readers.push(reader);
        }
        value
    }
}

fn prepare(connection: &Connection) -> Result<(), Error> {
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -16_384)?; // KiB
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoFaults;

    fn open(path: &Path) -> Result<Store, Error> {
        Store::open(path, Arc::new(NoFaults))
    }

    #[test]
    fn a_database_of_another_program_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE t (x)").unwrap();
        drop(other);
        let error = open(&path).unwrap_err().to_string();
        assert!(error.contains("another program"), "{error}");
    }

    #[test]
    fn a_change_that_fails_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let store = open(&path).unwrap();
        let add = |c: &Transaction<'_>| c.execute("INSERT INTO price VALUES ('UA', '', 1)", []);
        let failed = store.write(|change| -> Result<(), Error> {
            add(change)?;
            Err(Error::NotFound)
        });
        assert!(matches!(failed, Err(Error::NotFound)));
        let count = || {
            let query = "SELECT count(*) FROM price";
            store
                .read(|r| Ok(r.query_row(query, [], |row| row.get::<_, i64>(0))?))
                .unwrap()
        };
        assert_eq!(count(), 0);
        store.write(|change| Ok(add(change)?)).unwrap();
        assert_eq!(count(), 1);
        drop(open(&path).unwrap());
        assert_eq!(count(), 1);
    }
}
