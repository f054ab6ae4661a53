//! Reading the queue without changing it.

use std::path::Path;

use rusqlite::types::Type;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};

use super::{Doing, QueueError, check, open};
use crate::{Filter, Millis, State, Tag, Task, TaskId, Work};

/// A connection that only reads. Readers never wait for writers, nor writers for readers.
pub struct View {
    pub(super) connection: Connection,
}

const COLUMNS: &str = "id, tag, kind, payload, state, attempts, failures, max_failures, worker, lease_until,
                       run_after, created, started, finished, result, error";

impl View {
    /// Opens an existing queue.
    pub fn open(path: &Path) -> Result<Self, QueueError> {
        let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        check(&connection, path)?;
        Ok(Self { connection })
    }

    /// One task.
    pub fn task(&self, id: TaskId) -> Result<Option<Task>, QueueError> {
        let look = format!("SELECT {COLUMNS} FROM tasks WHERE id = ?1");
        self.connection
            .prepare_cached(&look)
            .and_then(|mut look| look.query_row([id.0], task).optional())
            .doing("read a task")
    }

    /// The tasks that pass the filter, by number.
    pub fn tasks(&self, filter: &Filter) -> Result<Vec<Task>, QueueError> {
        let tag = if filter.tag.is_some() { "tag = ?1" } else { "?1 IS NULL" };
        let look = format!(
            "SELECT {COLUMNS} FROM tasks WHERE {tag} AND (?2 IS NULL OR state = ?2) AND id > ?3 ORDER BY id LIMIT ?4"
        );
        let values = params![
            filter.tag.as_ref().map(Tag::as_str),
            filter.state.map(State::name),
            filter.after.0,
            filter.limit
        ];
        self.connection
            .prepare_cached(&look)
            .and_then(|mut look| look.query_map(values, task)?.collect())
            .doing("list tasks")
    }
}

fn task(row: &Row<'_>) -> rusqlite::Result<Task> {
    let moment = |column| row.get::<_, Option<i64>>(column).map(|value| value.map(Millis));
    let unreadable = |column| rusqlite::Error::InvalidColumnType(column, "tasks".into(), Type::Text);
    let work: Option<Work> = serde_json::from_str(&row.get::<_, String>(3)?).ok();
    Ok(Task {
        id: TaskId(row.get(0)?),
        tag: row.get(1)?,
        kind: row.get(2)?,
        // A payload that cannot be read has a dead task with the reason in its error.
        work_ms: work.map_or(0, |work| u64::try_from(work.takes.as_millis()).unwrap_or(u64::MAX)),
        state: State::named(&row.get::<_, String>(4)?).ok_or_else(|| unreadable(4))?,
        attempts: row.get(5)?,
        failures: row.get(6)?,
        max_failures: row.get(7)?,
        worker: row.get(8)?,
        lease_until_ms: moment(9)?,
        run_after_ms: Millis(row.get(10)?),
        created_ms: Millis(row.get(11)?),
        started_ms: moment(12)?,
        finished_ms: moment(13)?,
        result: row.get(14)?,
        error: row.get(15)?,
    })
}
