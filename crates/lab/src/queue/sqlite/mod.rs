//! The queue in one SQLite file in WAL mode, shared by processes.
//!
//! Every change is one immediate transaction, so two processes never decide on the same state of a task.
//! A killed process leaves either the whole transaction or nothing: what was committed is in the page cache of
//! the kernel, and the write-ahead log is checksummed. The intake's connection also syncs each commit
//! (`synchronous = FULL`) before it acknowledges, so that a promise survives a power cut. The workers' do not: a
//! completion that a power cut takes back is work done again, not work lost.

mod change;
mod claim;
mod file;
mod ledger;
mod note;
mod settle;
mod stats;
mod submit;
mod view;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::{
    Access, Batch, Chance, Count, Cursor, Event, Ledger, Outcome, Queue, QueueError, Receipt, Scope, Settled,
    Stats, Wanted,
};
use crate::{Claim, Filter, Millis, Submission, Tag, Task, TaskId};
use change::Change;
use file::FileIdentity;

/// Marks the file as a queue of the lab: "sqll".
const APPLICATION: i32 = 0x7371_6c6c;
/// Version of the tables.
const VERSION: i32 = 2;
/// How long a connection waits for another one's transaction. Shorter than what clients wait for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connection to the file.
pub(super) struct SqliteQueue {
    path: PathBuf,
    identity: FileIdentity,
    connection: Connection,
}

impl SqliteQueue {
    /// Opens the file; only [`Access::Make`] makes it where there is none.
    pub(super) fn open(path: &Path, access: Access) -> Result<Self, QueueError> {
        let (flags, synchronous) = match access {
            Access::Make => (OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE, "full"),
            Access::Intake => (OpenFlags::SQLITE_OPEN_READ_WRITE, "full"),
            Access::Work => (OpenFlags::SQLITE_OPEN_READ_WRITE, "normal"),
            Access::Read => (OpenFlags::SQLITE_OPEN_READ_ONLY, "normal"),
        };
        let missing =
            |source| QueueError::Missing { queue: path.display().to_string(), source: Arc::new(source) };
        if access != Access::Make {
            // SQLite only says "unable to open database file".
            FileIdentity::of(path).map_err(missing)?;
        }
        let opening = opening(path);
        let connection =
            Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(&opening)?;
        connection.busy_timeout(PATIENCE).map_err(&opening)?;
        connection.set_prepared_statement_cache_capacity(64);
        let identity = FileIdentity::of(path).map_err(missing)?;
        let mut queue = Self { path: path.to_owned(), identity, connection };
        if access == Access::Make {
            queue.make()?;
        }
        queue.check()?;
        queue.connection.pragma_update(None, "synchronous", synchronous).map_err(&opening)?;
        Ok(queue)
    }

    fn make(&mut self) -> Result<(), QueueError> {
        let opening = opening(&self.path);
        self.connection.pragma_update(None, "journal_mode", "wal").map_err(&opening)?;
        if self.check().is_ok() {
            // Nothing to make, so nothing to wait for: an API must start while another process holds the lock.
            return Ok(());
        }
        let change =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&opening)?;
        if number(&change, "application_id").map_err(&opening)? == 0 && is_empty(&change).map_err(&opening)? {
            change.execute_batch(include_str!("schema.sql")).map_err(&opening)?;
            change.pragma_update(None, "application_id", APPLICATION).map_err(&opening)?;
            change.pragma_update(None, "user_version", VERSION).map_err(&opening)?;
        }
        change.commit().map_err(&opening)
    }

    fn check(&self) -> Result<(), QueueError> {
        let opening = opening(&self.path);
        let ours = number(&self.connection, "application_id").map_err(&opening)? == APPLICATION
            && number(&self.connection, "user_version").map_err(&opening)? == VERSION;
        if ours { Ok(()) } else { Err(QueueError::Foreign { queue: self.path.display().to_string() }) }
    }

    fn change(&mut self, doing: &'static str) -> Result<Change<'_>, QueueError> {
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        begun.map(Change::new).doing(doing)
    }
}

impl Queue for SqliteQueue {
    fn is_attached(&self) -> bool {
        FileIdentity::of(&self.path).is_ok_and(|now| now == self.identity)
    }

    fn caveat(&mut self) -> Result<Option<String>, QueueError> {
        Ok(None)
    }

    /// Takes the write lock and gives it back.
    fn probe(&mut self) -> Result<(), QueueError> {
        self.change("take the queue's write lock")?.give_up()
    }

    fn submit(&mut self, batch: &[Submission], now: Millis) -> Result<Vec<Receipt>, QueueError> {
        submit::submit(self.change("put tasks into the queue")?, batch, now)
    }

    fn claim(&mut self, wanted: &Wanted, now: Millis) -> Result<Vec<Claim>, QueueError> {
        // Looking first without the write lock keeps idle workers out of each other's way.
        if wanted.slots == 0 || !claim::has_claimable(&self.connection, now)? {
            return Ok(Vec::new());
        }
        claim::claim(self.change("take tasks from the queue")?, wanted, now)
    }

    fn renew(&mut self, claims: &[Claim], lease: Duration, now: Millis) -> Result<Vec<TaskId>, QueueError> {
        claim::renew(self.change("renew leases")?, claims, now.plus(lease))
    }

    fn settle(
        &mut self,
        worker: &str,
        ends: &[(Claim, Outcome)],
        now: Millis,
    ) -> Result<Vec<Settled>, QueueError> {
        settle::settle(self.change("end attempts")?, worker, ends, now)
    }

    fn replay(&mut self, dead: &[TaskId], now: Millis) -> Result<Vec<TaskId>, QueueError> {
        settle::replay(self.change("replay dead tasks")?, dead, now)
    }

    fn purge(&mut self, dead: &[TaskId], now: Millis) -> Result<Vec<TaskId>, QueueError> {
        settle::purge(self.change("throw dead tasks away")?, dead, now)
    }

    fn task(&mut self, id: TaskId) -> Result<Option<Task>, QueueError> {
        view::task(&self.connection, id)
    }

    fn tasks(&mut self, filter: &Filter) -> Result<Vec<Task>, QueueError> {
        view::tasks(&self.connection, filter)
    }

    fn batch(&mut self, batch: &Tag) -> Result<Option<Batch>, QueueError> {
        view::batch(&self.connection, batch)
    }

    fn stats(&mut self, scope: &Scope, stuck_after: Duration, now: Millis) -> Result<Stats, QueueError> {
        stats::stats(&self.connection, scope, stuck_after, now)
    }

    fn counts(&mut self) -> Result<Vec<Count>, QueueError> {
        stats::counts(&self.connection)
    }

    fn ledger(&mut self, tag: Option<&Tag>) -> Result<Ledger, QueueError> {
        ledger::ledger(&self.connection, tag)
    }

    fn events(&mut self, after: &Cursor, limit: u32) -> Result<Vec<Event>, QueueError> {
        note::events(&self.connection, after, limit)
    }

    fn newest(&mut self) -> Result<Cursor, QueueError> {
        note::newest(&self.connection)
    }

    fn note(&mut self, name: &str) -> Result<Option<String>, QueueError> {
        note::note(&self.connection, name)
    }

    fn set_note(&mut self, name: &str, believed: Option<&str>, value: &str) -> Result<bool, QueueError> {
        note::set_note(&self.connection, name, believed, value)
    }
}

fn opening(path: &Path) -> impl Fn(rusqlite::Error) -> QueueError + use<> {
    let queue = path.display().to_string();
    move |source| QueueError::Open { queue: queue.clone(), chance: chance(&source), source: Arc::new(source) }
}

fn chance(error: &rusqlite::Error) -> Chance {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::PermissionDenied) => {
            Chance::Never
        }
        _ => Chance::Later,
    }
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

/// Says what was being done when SQLite refused.
trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, QueueError>;
}

impl<T> Doing<T> for Result<T, rusqlite::Error> {
    fn doing(self, doing: &'static str) -> Result<T, QueueError> {
        self.map_err(|source| QueueError::Statement {
            doing,
            chance: chance(&source),
            source: Arc::new(source),
        })
    }
}
