//! The figures, from kept counts and a few look-ups.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::{Doing, QueueError};
use crate::queue::stats::{NEWEST, Reading};
use crate::queue::{Count, Scope, Stats};
use crate::{Millis, Tag};

pub(super) fn stats(
    connection: &Connection,
    scope: &Scope,
    stuck_after: Duration,
    now: Millis,
) -> Result<Stats, QueueError> {
    // One read transaction: all figures are of the same moment.
    let read = connection.unchecked_transaction().doing("read the queue's figures")?;
    let (tag, kind) = (scope.tag.as_ref().map(Tag::as_str), scope.kind.as_deref());
    let counts: Vec<(String, i64)> = read
        .prepare_cached(
            "SELECT name, sum(n) FROM tally WHERE (?1 IS NULL OR tag = ?1) AND (?2 IS NULL OR kind = ?2) GROUP BY name",
        )
        .and_then(|mut look| look.query_map([tag, kind], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .doing("read the tally")?;
    let stuck = "SELECT count(*) FROM tasks
                 WHERE state = 'running' AND lease_until < ?1 AND (?2 IS NULL OR tag = ?2) AND (?3 IS NULL OR kind = ?3)";
    let stuck: i64 = read
        .prepare_cached(stuck)
        .and_then(|mut look| look.query_row(params![now.minus(stuck_after).0, tag, kind], |row| row.get(0)))
        .doing("look for stuck tasks")?;
    // A lookup in the index for each tag and kind with queued tasks, never a scan of the tasks.
    let oldest = "SELECT min((SELECT min(created) FROM tasks
                              WHERE state = 'queued' AND tag = tally.tag AND kind = tally.kind))
                  FROM tally WHERE name = 'queued' AND n > 0 AND (?1 IS NULL OR tag = ?1) AND (?2 IS NULL OR kind = ?2)";
    let oldest: Option<i64> = read
        .prepare_cached(oldest)
        .and_then(|mut look| look.query_row([tag, kind], |row| row.get(0)))
        .doing("look for the oldest task")?;
    let of_tag = if tag.is_some() { "tag = ?1" } else { "?1 IS NULL" };
    let waits = format!(
        "SELECT waited FROM completions WHERE {of_tag} AND (?2 IS NULL OR kind = ?2) ORDER BY number DESC LIMIT {NEWEST}"
    );
    let waits: Vec<i64> = read
        .prepare_cached(&waits)
        .and_then(|mut look| look.query_map([tag, kind], |row| row.get(0))?.collect())
        .doing("read the newest completions")?;
    let reading = Reading { stuck: stuck.cast_unsigned(), oldest: oldest.map(Millis), waits };
    let counts = counts.into_iter().map(|(name, n)| (name, n.cast_unsigned()));
    Ok(Stats::of(scope, counts, reading, now))
}

pub(super) fn counts(connection: &Connection) -> Result<Vec<Count>, QueueError> {
    let look = "SELECT tag, kind, name, n FROM tally";
    connection
        .prepare_cached(look)
        .and_then(|mut look| {
            look.query_map([], |row| {
                Ok(Count {
                    tag: row.get(0)?,
                    kind: row.get(1)?,
                    name: row.get(2)?,
                    n: row.get::<_, i64>(3)?.cast_unsigned(),
                })
            })?
            .collect()
        })
        .doing("read the tally")
}
