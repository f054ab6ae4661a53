//! Events and notes.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Doing, QueueError};
use crate::queue::{Cursor, Event, Happened};
use crate::{Millis, TaskId};

pub(super) fn events(connection: &Connection, after: &Cursor, limit: u32) -> Result<Vec<Event>, QueueError> {
    let number: i64 = if after.0.is_empty() {
        0
    } else {
        let garbled =
            |_| QueueError::Garbled { what: format!("`{}` is no cursor of it", after.0.escape_debug()) };
        after.0.parse().map_err(garbled)?
    };
    let look = "SELECT number, at, happened, task, tag, kind, attempt, worker, late FROM events
                WHERE number > ?1 ORDER BY number LIMIT ?2";
    connection
        .prepare_cached(look)
        .and_then(|mut look| look.query_map(params![number, limit], event)?.collect())
        .doing("read events")
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let happened: String = row.get(2)?;
    let unreadable = || rusqlite::Error::InvalidColumnType(2, "happened".into(), Type::Text);
    Ok(Event {
        cursor: Cursor(row.get::<_, i64>(0)?.to_string()),
        at_ms: Millis(row.get(1)?),
        happened: Happened::named(&happened).ok_or_else(unreadable)?,
        task: TaskId(row.get(3)?),
        tag: row.get(4)?,
        kind: row.get(5)?,
        attempt: row.get(6)?,
        worker: row.get(7)?,
        late: row.get(8)?,
    })
}

pub(super) fn newest(connection: &Connection) -> Result<Cursor, QueueError> {
    let newest =
        connection.query_row("SELECT max(number) FROM events", [], |row| row.get::<_, Option<i64>>(0));
    Ok(Cursor(newest.doing("read events")?.unwrap_or(0).to_string()))
}

pub(super) fn note(connection: &Connection, name: &str) -> Result<Option<String>, QueueError> {
    connection
        .prepare_cached("SELECT value FROM notes WHERE name = ?1")
        .and_then(|mut look| look.query_row([name], |row| row.get(0)).optional())
        .doing("read a note")
}

pub(super) fn set_note(
    connection: &Connection,
    name: &str,
    believed: Option<&str>,
    value: &str,
) -> Result<bool, QueueError> {
    let written = match believed {
        None => connection
            .execute("INSERT INTO notes (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING", [name, value]),
        Some(believed) => connection
            .execute("UPDATE notes SET value = ?2 WHERE name = ?1 AND value = ?3", [name, value, believed]),
    };
    Ok(written.doing("write a note")? == 1)
}
