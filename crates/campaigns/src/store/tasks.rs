//! Background tasks.

use super::{Change, Look, to_json, unreadable};
use crate::add::Sums;
use crate::campaign::Count;
use crate::clock::Millis;
use crate::error::Error;
use crate::import::{Job, Task};
use crate::money::Money;
use crate::status::TaskStatus;
use rusqlite::Row;

/// An import that is begun.
pub(crate) struct NewTask<'a> {
    pub(crate) account: i64,
    pub(crate) campaign: i64,
    pub(crate) job: &'a Job,
    /// Messages with a greater id are its own.
    pub(crate) base: i64,
    pub(crate) generation: i64,
}

fn task(row: &Row<'_>) -> rusqlite::Result<Task> {
    let job: String = row.get("job")?;
    let sum = Count {
        messages: row.get("messages")?,
        segments: row.get("segments")?,
        cost: Money(row.get("cost")?),
    };
    Ok(Task {
        id: row.get("id")?,
        campaign: row.get("campaign")?,
        status: TaskStatus::stored(row.get("status")?),
        progress: row.get("progress")?,
        added: sum.messages,
        rejected: row.get("rejected")?,
        note: row.get("note")?,
        account: row.get("account")?,
        job: serde_json::from_str(&job).map_err(unreadable)?,
        base: row.get("base")?,
        generation: row.get("generation")?,
        done: row.get("done")?,
        sum,
    })
}

/// The oldest task that nobody else is at: the worker, and now.
const NEXT: &str = "SELECT id FROM task WHERE status < 2 \
                    AND (owner IS NULL OR owner = ?1 OR leased < ?2) ORDER BY id LIMIT 1";

impl Look<'_> {
    pub(crate) fn task(&self, id: i64) -> Result<Task, Error> {
        self.one("SELECT * FROM task WHERE id = ?", [id], task)
    }

    /// How many tasks are not over.
    pub(crate) fn count_open_tasks(&self) -> Result<i64, Error> {
        self.one("SELECT count(*) FROM task WHERE status < 2", [], |row| {
            row.get(0)
        })
    }

    pub(crate) fn open_tasks(&self) -> Result<Vec<Task>, Error> {
        self.all("SELECT * FROM task WHERE status < 2", [], task)
    }

    /// The task that a worker is at.
    pub(crate) fn task_of(&self, worker: &str) -> Result<Option<Task>, Error> {
        let query = "SELECT * FROM task WHERE status < 2 AND owner = ?";
        self.maybe(query, [worker], task)
    }

    /// Whether a task ended before.
    pub(crate) fn is_task_over(&self, id: i64, before: Millis) -> Result<bool, Error> {
        let query = "SELECT 1 FROM task WHERE id = ? AND ended < ?";
        self.is_there(query, [id, before])
    }

    /// Whether a worker could lease a task.
    pub(crate) fn is_task_free(&self, worker: &str, now: Millis) -> Result<bool, Error> {
        self.is_there(NEXT, (worker, now))
    }
}

impl Change<'_> {
    pub(crate) fn add_task(&self, new: &NewTask<'_>, now: Millis) -> Result<i64, Error> {
        let query = "INSERT INTO task (account, campaign, status, progress, job, base, \
                     generation, done, messages, segments, cost, rejected, created) \
                     VALUES (?, ?, 0, 0, ?, ?, ?, 0, 0, 0, 0, 0, ?)";
        self.run(
            query,
            (
                new.account,
                new.campaign,
                to_json(new.job)?,
                new.base,
                new.generation,
                now,
            ),
        )?;
        let task = self.last_id();
        self.lock_campaign(new.campaign, Some(task))?;
        Ok(task)
    }

    /// Writes down which cards these groups of the account hold; how many there are.
    pub(crate) fn add_task_cards(
        &self,
        task: i64,
        account: i64,
        groups: &[i64],
    ) -> Result<usize, Error> {
        let query = "INSERT OR IGNORE INTO task_card SELECT ?, card FROM card_in_group \
                     JOIN card ON card.id = card WHERE card_group IN \
                     (SELECT value FROM json_each(?)) AND account = ? AND deleted IS NULL";
        self.run(query, (task, to_json(&groups)?, account))
    }

    /// The oldest task that is open and nobody else's, which is the worker's from now on.
    pub(crate) fn lease_task(
        &self,
        worker: &str,
        now: Millis,
        until: Millis,
    ) -> Result<Option<Task>, Error> {
        let query = format!(
            "UPDATE task SET status = 1, owner = ?1, leased = ?3 WHERE id = ({NEXT}) RETURNING *"
        );
        self.maybe(&query, (worker, now, until), task)
    }

    /// Whether the task is still the worker's, which then has it for longer.
    pub(crate) fn renew_lease(
        &self,
        task: i64,
        worker: &str,
        until: Millis,
    ) -> Result<bool, Error> {
        let query = "UPDATE task SET leased = ? WHERE id = ? AND owner = ? AND status < 2";
        Ok(self.run(query, (until, task, worker))? > 0)
    }

    /// Leaves the tasks of a worker, or of all, to whoever comes next.
    pub(crate) fn free_tasks(&self, worker: Option<&str>) -> Result<(), Error> {
        let query = "UPDATE task SET owner = NULL, leased = NULL \
                     WHERE status < 2 AND (?1 IS NULL OR owner = ?1)";
        self.run(query, [worker])?;
        Ok(())
    }

    /// A failure of the worker's at a task, which is nobody's for a while, twice as long as the
    /// last time, but at most 64 times the first; how many there were in a row.
    pub(crate) fn put_task_off(
        &self,
        task: i64,
        worker: &str,
        now: Millis,
        backoff: Millis,
    ) -> Result<i64, Error> {
        let query = "UPDATE task SET failures = failures + 1, owner = '', \
                     leased = ? + (? << min(failures, 6)) \
                     WHERE id = ? AND owner = ? RETURNING failures";
        let failures = self.maybe(query, (now, backoff, task, worker), |row| row.get(0))?;
        Ok(failures.unwrap_or(0))
    }

    /// Gives a task that is nobody's to a worker.
    pub(crate) fn assign_task(&self, task: i64, worker: &str) -> Result<(), Error> {
        let query = "UPDATE task SET owner = ? WHERE id = ? AND owner = ''";
        self.run(query, (worker, task))?;
        Ok(())
    }

    /// Writes down that so many rows more are carried out, and what came of them.
    pub(crate) fn advance_task(
        &self,
        task: i64,
        rows: usize,
        progress: i64,
        sums: &Sums,
    ) -> Result<(), Error> {
        let query = "UPDATE task SET failures = 0, done = done + ?, \
                     progress = max(progress, ?), messages = messages + ?, \
                     segments = segments + ?, cost = cost + ?, rejected = rejected + ? \
                     WHERE id = ?";
        self.run(
            query,
            (
                rows as i64,
                progress,
                sums.added.messages,
                sums.added.segments,
                sums.added.cost.0,
                sums.rejected,
                task,
            ),
        )?;
        Ok(())
    }

    /// Ends a task and unlocks its campaign.
    pub(crate) fn end_task(
        &self,
        task: &Task,
        status: TaskStatus,
        note: Option<&str>,
        now: Millis,
    ) -> Result<(), Error> {
        self.lock_campaign(task.campaign, None)?;
        let query = "UPDATE task SET status = ?1, note = ?2, ended = ?3, \
                     progress = CASE ?1 WHEN 2 THEN 100 ELSE progress END WHERE id = ?4";
        self.run(query, (status, note, now, task.id))?;
        self.run("DELETE FROM task_card WHERE task = ?", [task.id])?;
        Ok(())
    }
}
