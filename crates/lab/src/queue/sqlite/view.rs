//! Reading tasks. Readers never wait for writers, nor writers for readers.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Doing, QueueError};
use crate::queue::Batch;
use crate::{Filter, Millis, Priority, State, Tag, Task, TaskId, Work};

const COLUMNS: &str = "id, tag, kind, payload, state, attempts, failures, max_failures, worker, lease_until,
                       run_after, created, started, finished, result, error, priority, deadline, labels, batch";

pub(super) fn task(connection: &Connection, id: TaskId) -> Result<Option<Task>, QueueError> {
    let look = format!("SELECT {COLUMNS} FROM tasks WHERE id = ?1");
    connection
        .prepare_cached(&look)
        .and_then(|mut look| look.query_row([id.0], read).optional())
        .doing("read a task")
}

pub(super) fn tasks(connection: &Connection, filter: &Filter) -> Result<Vec<Task>, QueueError> {
    // A condition that is left out lets SQLite use the index of the others.
    let only = |given: bool, condition: &'static str| if given { condition } else { "" };
    let state = filter.state.map_or_else(String::new, |state| format!("AND state = '{}'", state.name()));
    let look = format!(
        "SELECT {COLUMNS} FROM tasks WHERE id > ?1 {} {state} {} {} {} ORDER BY id LIMIT ?2",
        only(filter.tag.is_some(), "AND tag = ?3"),
        only(filter.kind.is_some(), "AND kind = ?4"),
        only(filter.batch.is_some(), "AND batch = ?5"),
        only(filter.label.is_some(), "AND id IN (SELECT task FROM labels WHERE label = ?6)"),
    );
    let values = params![
        filter.after.0,
        filter.limit,
        filter.tag.as_ref().map(Tag::as_str),
        filter.kind,
        filter.batch.as_ref().map(Tag::as_str),
        filter.label.as_ref().map(Tag::as_str)
    ];
    connection
        .prepare_cached(&look)
        .and_then(|mut look| {
            // SQLite counts the parameters up to the highest one that is used.
            let used = look.parameter_count();
            look.query_map(&values[..used], read)?.collect()
        })
        .doing("list tasks")
}

pub(super) fn batch(connection: &Connection, batch: &Tag) -> Result<Option<Batch>, QueueError> {
    let look = "SELECT state, count(*) FROM tasks WHERE batch = ?1 GROUP BY state";
    let states: Vec<(String, i64)> = connection
        .prepare_cached(look)
        .and_then(|mut look| {
            look.query_map([batch.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .doing("read a batch")?;
    Ok(Batch::of(batch.as_str(), states.into_iter().map(|(state, n)| (state, n.cast_unsigned()))))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Task> {
    let moment = |column| row.get::<_, Option<i64>>(column).map(|value| value.map(Millis));
    let unreadable = |column| rusqlite::Error::InvalidColumnType(column, "tasks".into(), Type::Text);
    let work: Option<Work> = serde_json::from_str(&row.get::<_, String>(3)?).ok();
    let labels: Option<String> = row.get(18)?;
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
        priority: Priority::try_from(row.get::<_, u8>(16)?).map_err(|_| unreadable(16))?,
        deadline_ms: moment(17)?,
        labels: labels
            .map_or(Ok(Vec::new()), |labels| serde_json::from_str(&labels))
            .map_err(|_| unreadable(18))?,
        batch: row.get(19)?,
    })
}
