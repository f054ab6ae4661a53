//! The queue: one SQLite file in WAL mode, shared by processes.
//!
//! ```text
//!             claim                 complete
//!   queued ----------> running ---------------> done
//!     ^                 |   |  fail, too often
//!     |   fail, wait    |   +------------------> dead
//!     +-----------------+
//!                       | lease ended: claimed again, attempt + 1
//!                       +---> running
//! ```
//!
//! Every change is one immediate transaction, so two processes never decide on the same state of a task.
//! A killed process leaves either the whole transaction or nothing: what was committed is in the page cache of
//! the kernel, and the write-ahead log is checksummed. The API's connection also syncs each commit
//! (`synchronous = FULL`) before it acknowledges, so that a promise survives a power cut. The workers' do not: a
//! completion that a power cut takes back is work done again, not work lost.

mod claim;
mod error;
mod ledger;
mod settle;
mod stats;
mod submit;
mod view;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

pub(crate) use error::Doing;
pub use error::QueueError;
pub use ledger::Ledger;
pub use settle::Settled;
pub use stats::Stats;
pub use submit::Receipt;
pub use view::View;

/// Marks the file as a queue of the lab: "sqll".
const APPLICATION: i32 = 0x7371_6c6c;
/// Version of the tables.
const VERSION: i32 = 1;
/// How long a connection waits for another one's transaction. Shorter than what clients wait for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connection that changes the queue.
pub struct Queue {
    connection: Connection,
}

impl Queue {
    /// Opens the queue, makes it where there is none.
    pub fn create(path: &Path) -> Result<Self, QueueError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut queue = Self { connection: open(path, flags)? };
        let opening = |source| QueueError::Open { path: path.to_owned(), source };
        queue.connection.pragma_update(None, "journal_mode", "wal").map_err(opening)?;
        if check(&queue.connection, path).is_ok() {
            // Nothing to make, so nothing to wait for: an API must start while another process holds the lock.
            return Ok(queue);
        }
        let change = queue.change("make the queue's tables")?;
        if number(&change, "application_id").map_err(opening)? == 0 && is_empty(&change).map_err(opening)? {
            change.execute_batch(include_str!("schema.sql")).map_err(opening)?;
            change.pragma_update(None, "application_id", APPLICATION).map_err(opening)?;
            change.pragma_update(None, "user_version", VERSION).map_err(opening)?;
        }
        change.commit().map_err(opening)?;
        check(&queue.connection, path)?;
        Ok(queue)
    }

    /// Opens an existing queue to put tasks in: each commit is on the disk when it returns.
    pub fn for_intake(path: &Path) -> Result<Self, QueueError> {
        Self::existing(path, "full")
    }

    /// Opens an existing queue to work on it.
    pub fn for_work(path: &Path) -> Result<Self, QueueError> {
        Self::existing(path, "normal")
    }

    fn existing(path: &Path, synchronous: &str) -> Result<Self, QueueError> {
        let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        check(&connection, path)?;
        connection
            .pragma_update(None, "synchronous", synchronous)
            .map_err(|source| QueueError::Open { path: path.to_owned(), source })?;
        Ok(Self { connection })
    }

    /// Whether a change could be made now: takes the write lock and gives it back.
    pub fn try_lock(&mut self) -> Result<(), QueueError> {
        self.change("take the queue's write lock")?.rollback().doing("give the write lock back")
    }

    fn change(&mut self, doing: &'static str) -> Result<Transaction<'_>, QueueError> {
        self.connection.transaction_with_behavior(TransactionBehavior::Immediate).doing(doing)
    }
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, QueueError> {
    if !flags.contains(OpenFlags::SQLITE_OPEN_CREATE) {
        // SQLite only says "unable to open database file".
        std::fs::metadata(path).map_err(|source| QueueError::Missing { path: path.to_owned(), source })?;
    }
    let opening = |source| QueueError::Open { path: path.to_owned(), source };
    let connection =
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(opening)?;
    connection.busy_timeout(PATIENCE).map_err(opening)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn check(connection: &Connection, path: &Path) -> Result<(), QueueError> {
    let opening = |source| QueueError::Open { path: path.to_owned(), source };
    let ours = number(connection, "application_id").map_err(opening)? == APPLICATION
        && number(connection, "user_version").map_err(opening)? == VERSION;
    if ours { Ok(()) } else { Err(QueueError::Foreign { path: path.to_owned() }) }
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

/// Adds one to a kept count.
fn count(change: &Transaction<'_>, tag: &str, name: &str) -> Result<(), QueueError> {
    let add =
        "INSERT INTO tally (tag, name, n) VALUES (?1, ?2, 1) ON CONFLICT (tag, name) DO UPDATE SET n = n + 1";
    change.prepare_cached(add).and_then(|mut add| add.execute([tag, name])).doing("count")?;
    Ok(())
}

#[cfg(test)]
mod tests;
