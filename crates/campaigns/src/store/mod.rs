//! The SQLite file: one writer, several readers, a schema with a version.
//!
//! Everything that SQLite knows is in this module and those below it. The rest of the crate looks
//! at one state of the data through [`Look`], changes it through [`Change`], all or nothing, and
//! knows of their methods only; another database would be put behind these.

mod accounts;
mod audit;
mod campaigns;
mod contacts;
mod hooks;
mod links;
mod messages;
#[cfg(test)]
mod plans;
mod query;
mod sending;
mod stops;
mod tasks;

pub(crate) use messages::{MOST_IDS, NewRow};
pub(crate) use tasks::NewTask;

use crate::error::Error;
use crate::{Faults, Moment};
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSql, ToSqlOutput};
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Params, Row, TransactionBehavior,
};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The schema's versions: the n-th leads from version n to n + 1.
const MIGRATIONS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
    include_str!("schema-4.sql"),
];

/// Marks a file as ours: "rcpt".
const APPLICATION_ID: i32 = 0x7263_7074;

/// How long another process may hold the file.
const PATIENCE: Duration = Duration::from_secs(10);

/// Messages that may come after a copy was made.
const COPY_GAP: i64 = 1_000_000_000;

/// What a reader keeps of the file, in KiB.
const READER_CACHE: i64 = 2048;

/// How long anybody may look at one state: a search that takes longer holds a reader, and keeps the log
/// from being emptied, for nothing.
const LONGEST_LOOK: Duration = Duration::from_secs(60);

/// Steps of SQLite's machine between two looks at the clock: about a millisecond.
const STEPS: i32 = 100_000;

/// Readers at a time; others wait.
const READERS: usize = 64;

/// Where there are twice as many readers as cores, one of them is waited for so long before another is opened:
/// nearly all looks are over sooner, and do not get quicker by more of them.
const SOON: Duration = Duration::from_millis(50);

/// A reader that nobody has needed for so long is closed: it holds memory and two descriptors.
const IDLE: Duration = Duration::from_secs(60);

/// A reader that is not in use, and since when.
type Spare = (Connection, Instant);

pub(crate) struct Store {
    path: PathBuf,
    /// Those that are not in use, and how many there are in all. They are closed before the writer, which
    /// then brings what is in the log to its place: whoever takes the file away takes all of it.
    readers: Mutex<(Vec<Spare>, usize)>,
    writer: Mutex<Connection>,
    /// How many readers are opened without waiting for one, and how long one is waited for.
    few: usize,
    soon: Duration,
    /// A reader came back.
    returned: Condvar,
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
        // It holds numbers and texts: for its owner only, if it is new.
        let mut file = std::fs::File::options();
        file.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
        file.open(path)?;
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
        prepare(&mut writer)?;
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
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| Error::Internal(error.to_string()))?;
        change.execute("INSERT OR IGNORE INTO secret VALUES (1, ?)", [secret])?;
        change.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
        change.pragma_update(None, "application_id", APPLICATION_ID)?;
        change.commit()?;
        Ok(Store {
            path: path.to_owned(),
            writer: Mutex::new(writer),
            readers: Mutex::default(),
            few: thread::available_parallelism().map_or(4, |cores| 2 * cores.get().max(2)),
            soon: SOON,
            returned: Condvar::new(),
            faults,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Carries out all of `change` or nothing. When it returns, it is on the disk.
    pub(crate) fn write<T>(
        &self,
        change: impl FnOnce(&Change<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = change(&Change(Look(&transaction)))?;
        self.faults.commit(Moment::Before);
        transaction.commit()?;
        self.faults.commit(Moment::After);
        Ok(value)
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        // A panic has rolled its transaction back.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A look of one's own, at each moment's state.
    pub(crate) fn look(&self) -> Result<OwnLook, Error> {
        Ok(OwnLook(self.reader()?))
    }

    /// Writes one state of the data to a file that is there and empty, however long it takes; nobody
    /// waits for it.
    pub(crate) fn copy(&self, file: &Path) -> Result<(), Error> {
        let file = file
            .to_str()
            .ok_or_else(|| Error::Internal("the file's name is not valid UTF-8".to_owned()))?;
        self.reader()?.execute("VACUUM INTO ?", [file])?;
        // Whoever goes back to the copy must not give ids, and the codes of links that are made of them, a
        // second time.
        let copy = Connection::open(file)?;
        let query = "UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'message'";
        copy.execute(query, [COPY_GAP])?;
        Ok(())
    }

    /// Writes the file anew.
    pub(crate) fn compact(&self) -> Result<(), Error> {
        self.writer().execute_batch("VACUUM")?;
        self.empty_log()
    }

    /// Brings everything from the write-ahead log to its place and empties the log; as much of that as is
    /// possible while others look.
    pub(crate) fn empty_log(&self) -> Result<(), Error> {
        let writer = self.writer();
        // Whoever looks may look for long.
        writer.busy_timeout(Duration::from_millis(100))?;
        let emptied = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        writer.busy_timeout(PATIENCE)?;
        Ok(emptied?)
    }

    /// What is wrong with the file, if anything: SQLite's own findings.
    pub(crate) fn faults(&self) -> Result<Vec<String>, Error> {
        let reader = self.reader()?;
        let mut found: Vec<String> = reader
            .prepare("PRAGMA integrity_check(20)")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        found.retain(|line| line != "ok");
        let mut dangling = reader.prepare("PRAGMA foreign_key_check")?;
        let mut rows = dangling.query([])?;
        while let Some(row) = rows.next()? {
            let table: String = row.get(0)?;
            found.push(format!("a row of {table} belongs to nothing"));
        }
        Ok(found)
    }

    fn reader(&self) -> Result<Connection, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut reader = Connection::open_with_flags(&self.path, flags)?;
        reader.busy_timeout(PATIENCE)?;
        prepare(&mut reader)?;
        // There may be many of them, and the system keeps the file's pages for all.
        reader.pragma_update(None, "cache_size", -READER_CACHE)?;
        Ok(reader)
    }

    /// Looks at one state of the data, for as long as [`LONGEST_LOOK`].
    pub(crate) fn read<T>(
        &self,
        look: impl FnOnce(&Look<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.read_for(LONGEST_LOOK, look)
    }

    /// [`Store::read`] for whoever has all the time of the world.
    pub(crate) fn read_at_leisure<T>(
        &self,
        look: impl FnOnce(&Look<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.read_for(Duration::MAX, look)
    }

    fn read_for<T>(
        &self,
        longest: Duration,
        look: impl FnOnce(&Look<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let none_is_free_of = |most: usize| {
            move |(spare, all): &mut (Vec<Spare>, usize)| spare.is_empty() && *all >= most
        };
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let (readers, _) = self
            .returned
            .wait_timeout_while(readers, self.soon, none_is_free_of(self.few))
            .unwrap_or_else(PoisonError::into_inner);
        let mut readers = self
            .returned
            .wait_while(readers, none_is_free_of(READERS))
            .unwrap_or_else(PoisonError::into_inner);
        let spare = readers.0.pop();
        readers.1 += usize::from(spare.is_none());
        drop(readers);
        // Counted down again if anything fails or panics.
        let mut reader = Lent {
            store: self,
            reader: spare.map(|(reader, _)| reader),
        };
        let connection = match &mut reader.reader {
            Some(connection) => connection,
            none => none.insert(self.reader()?),
        };
        let began = Instant::now();
        connection.progress_handler(STEPS, Some(move || began.elapsed() > longest))?;
        let state = connection.transaction()?;
        look(&Look(&state))
    }
}

/// One state of the data.
pub(crate) struct Look<'t>(&'t Connection);

/// A change of the data, of which all or nothing is carried out.
pub(crate) struct Change<'t>(Look<'t>);

/// A look that is nobody else's.
pub(crate) struct OwnLook(Connection);

impl OwnLook {
    pub(crate) fn now(&self) -> Look<'_> {
        Look(&self.0)
    }
}

impl<'t> Deref for Change<'t> {
    type Target = Look<'t>;

    fn deref(&self) -> &Look<'t> {
        &self.0
    }
}

impl Look<'_> {
    /// The only row; an error if there is none.
    fn one<T>(
        &self,
        sql: &str,
        key: impl Params,
        row: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        Ok(self.0.prepare_cached(sql)?.query_row(key, row)?)
    }

    /// The only row, if there is one.
    fn maybe<T>(
        &self,
        sql: &str,
        key: impl Params,
        row: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Error> {
        let found = self.0.prepare_cached(sql)?.query_row(key, row);
        Ok(found.optional()?)
    }

    /// All rows.
    fn all<T>(
        &self,
        sql: &str,
        key: impl Params,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Error> {
        let mut query = self.0.prepare_cached(sql)?;
        let rows = query.query_map(key, row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether there is a row.
    fn is_there(&self, sql: &str, key: impl Params) -> Result<bool, Error> {
        Ok(self.0.prepare_cached(sql)?.exists(key)?)
    }
}

impl Change<'_> {
    /// How many rows were changed.
    fn run(&self, sql: &str, values: impl Params) -> Result<usize, Error> {
        Ok(self.0.0.prepare_cached(sql)?.execute(values)?)
    }

    /// The id of the row that was added last.
    fn last_id(&self) -> i64 {
        self.0.0.last_insert_rowid()
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        if matches!(error, rusqlite::Error::QueryReturnedNoRows) {
            return Error::NotFound;
        }
        let advice = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => "; make room on its disk",
            Some(ErrorCode::SystemIoFailure) => {
                "; its disk is full, broken or read-only, or a limit on the size of files was met"
            }
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                "; the file and its folder must be readable and writable for the user who runs this"
            }
            Some(ErrorCode::OperationInterrupted) => "; it took longer than a minute",
            Some(ErrorCode::DatabaseCorrupt) => "; it is damaged: go back to a backup",
            Some(ErrorCode::NotADatabase) => {
                "; this is another file, or a damaged database: then go back to a backup"
            }
            _ => "",
        };
        Error::Internal(format!("database: {error}{advice}"))
    }
}

/// Statuses are stored as their numbers.
macro_rules! stored_as_numbers {
    ($($status:ty),*) => {$(
        impl ToSql for $status {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok((*self as i64).into())
            }
        }
    )*};
}

stored_as_numbers!(
    crate::status::CampaignStatus,
    crate::status::MessageStatus,
    crate::status::TaskStatus
);

/// A value that is stored as JSON.
fn to_json(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Internal(error.to_string()))
}

/// A stored value that cannot be read.
fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
    use rusqlite::types::Type;
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error.into())
}

/// A reader in use, which goes back when that is over.
struct Lent<'s> {
    store: &'s Store,
    reader: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let readers = self.store.readers.lock();
        let mut readers = readers.unwrap_or_else(PoisonError::into_inner);
        match self.reader.take() {
            // After a panic its transaction has been rolled back.
            Some(reader) => readers.0.push((reader, Instant::now())),
            None => readers.1 -= 1,
        }
        // The last one to come back is the first to be lent: those that nobody needs are the first ones.
        let idle = readers.0.first();
        let idle = idle.is_some_and(|(_, since)| since.elapsed() > IDLE);
        let closed = idle.then(|| readers.0.remove(0));
        readers.1 -= usize::from(closed.is_some());
        drop(readers);
        drop(closed);
        self.store.returned.notify_one();
    }
}

fn prepare(connection: &mut Connection) -> Result<(), Error> {
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Numbers and texts that were deleted or moved are not to be found in what is left of them.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "cache_size", -16_384)?; // KiB
    // A batch of scattered numbers touches as many pages of the index as it has numbers; the more
    // batches a checkpoint takes together, the fewer pages it writes.
    connection.pragma_update(None, "wal_autocheckpoint", 16_000)?; // pages: 64 MB
    // What a large import needed is given back.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.set_prepared_statement_cache_capacity(64);
    // SQLite's own `lower` knows ASCII only.
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("fold", 1, flags, |call| {
        Ok(call.get::<String>(0)?.to_lowercase())
    })?;
    #[cfg(test)]
    connection.trace_v2(
        rusqlite::trace::TraceEventCodes::SQLITE_TRACE_STMT,
        Some(plans::record),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoFaults;
    use std::sync::mpsc;

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

    /// Whether a write waits for the disk shows only when the power goes.
    #[test]
    fn what_is_acknowledged_is_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("x.db")).unwrap();
        let writer = store.writer();
        let synchronous: i64 = writer
            .pragma_query_value(None, "synchronous", |row| row.get(0))
            .unwrap();
        let journal: String = writer
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .unwrap();
        // 2 is `full`.
        assert_eq!((synchronous, journal.as_str()), (2, "wal"));
    }

    #[test]
    fn a_look_ends_when_its_time_is_up() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("x.db")).unwrap();
        let count = |upto: u32| {
            move |look: &Look<'_>| {
                let query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
                             WHERE i < ?) SELECT count(*) FROM n";
                look.one(query, [upto], |row| row.get::<_, i64>(0))
            }
        };
        let all = 1_000_000;
        let error = store.read_for(Duration::ZERO, count(all)).unwrap_err();
        assert!(
            error.to_string().contains("longer than a minute"),
            "{error}"
        );
        // The reader that it had is lent again, with a time of its own.
        assert_eq!(store.read(count(all)).unwrap(), i64::from(all));
        assert_eq!(store.readers.lock().unwrap().1, 1);
    }

    #[test]
    fn readers_that_nobody_needs_are_closed() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("x.db")).unwrap();
        let look = |look: &Look<'_>| look.one("SELECT 1", [], |row| row.get::<_, i64>(0));
        let two = store.read(|one| Ok(look(one)? + store.read(look)?));
        assert_eq!(two.unwrap(), 2);
        assert_eq!(store.readers.lock().unwrap().1, 2);
        store.read(look).unwrap();
        assert_eq!(store.readers.lock().unwrap().1, 2, "it may be needed soon");

        let long_ago = Instant::now().checked_sub(IDLE + Duration::from_secs(1));
        store.readers.lock().unwrap().0[0].1 = long_ago.expect("the machine is up for a minute");
        store.read(look).unwrap();
        let readers = store.readers.lock().unwrap();
        assert_eq!((readers.0.len(), readers.1), (1, 1));
    }

    #[test]
    fn a_reader_that_is_soon_free_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(&folder.path().join("x.db")).unwrap();
        (store.few, store.soon) = (2, Duration::from_millis(1));
        let look = |look: &Look<'_>| look.one("SELECT 1", [], |row| row.get::<_, i64>(0));
        let nested = store.read(|_| store.read(|_| store.read(look)));
        assert_eq!(nested.unwrap(), 1);
        assert_eq!(
            store.readers.lock().unwrap().1,
            3,
            "the two were not free soon"
        );

        let mut store = open(&folder.path().join("x.db")).unwrap();
        (store.few, store.soon) = (2, Duration::from_secs(600));
        let (begins, begun) = mpsc::channel();
        thread::scope(|scope| {
            let nested = store.read(|_| {
                store.read(|_| {
                    let store = &store;
                    scope.spawn(move || {
                        begins.send(()).unwrap();
                        store.read(look).unwrap()
                    });
                    begun.recv().unwrap();
                    // Time enough to open a third one, if it did not wait.
                    thread::sleep(Duration::from_millis(50));
                    Ok(())
                })
            });
            nested.unwrap();
        });
        assert_eq!(store.readers.lock().unwrap().1, 2);
    }

    #[test]
    fn a_change_that_fails_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let store = open(&path).unwrap();
        let add = |c: &Change<'_>| c.run("INSERT INTO price VALUES ('UA', '', 1)", []);
        let failed = store.write(|change| -> Result<(), Error> {
            add(change)?;
            Err(Error::NotFound)
        });
        assert!(matches!(failed, Err(Error::NotFound)));
        let count = || {
            let query = "SELECT count(*) FROM price";
            store
                .read(|look| look.one(query, [], |row| row.get::<_, i64>(0)))
                .unwrap()
        };
        assert_eq!(count(), 0);
        store.write(add).unwrap();
        assert_eq!(count(), 1);
        drop(open(&path).unwrap());
        assert_eq!(count(), 1);
    }
}
