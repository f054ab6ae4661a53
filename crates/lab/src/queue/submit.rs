//! Putting tasks in.

use rusqlite::{Transaction, params};

use super::{Doing, Queue, QueueError};
use crate::{Millis, Submission, TaskId};

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// These tasks are now in the queue.
    Created(Vec<TaskId>),
    /// The key was known: these tasks had been put in before, nothing new was.
    Known(Vec<TaskId>),
    /// The key belongs to a submission with another content. Nothing was put in.
    Conflict,
}

impl Queue {
    /// Puts all submissions in, in one transaction: with an error none of them is in.
    pub fn submit(&mut self, batch: &[Submission], now: Millis) -> Result<Vec<Receipt>, QueueError> {
        let change = self.change("put tasks into the queue")?;
        let receipts =
            batch.iter().map(|submission| put(&change, submission, now)).collect::<Result<_, _>>()?;
        change.commit().doing("commit the tasks")?;
        Ok(receipts)
    }
}

fn put(change: &Transaction<'_>, submission: &Submission, now: Millis) -> Result<Receipt, QueueError> {
    let payload = serde_json::to_string(&submission.work).expect("work is plain data");
    if let Some(key) = &submission.key
        && let Some(known) = known(change, key, submission, &payload)?
    {
        return Ok(known);
    }
    let tag = submission.tag.as_str();
    let mut insert = change
        .prepare_cached(
            "INSERT INTO tasks (tag, kind, payload, max_failures, run_after, created, key, part)
             VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)",
        )
        .doing("put a task into the queue")?;
    let mut promise = change
        .prepare_cached("INSERT INTO promises (task, tag, at) VALUES (?1, ?2, ?3)")
        .doing("note a promise")?;
    let mut ids = Vec::new();
    for part in 0..submission.count {
        let kind = submission.work.kind.name();
        let id = insert
            .insert(params![tag, kind, payload, submission.max_failures, now.0, submission.key, part])
            .doing("put a task into the queue")?;
        promise.execute(params![id, tag, now.0]).doing("note a promise")?;
        ids.push(TaskId(id));
    }
    Ok(Receipt::Created(ids))
}

fn known(
    change: &Transaction<'_>,
    key: &str,
    submission: &Submission,
    payload: &str,
) -> Result<Option<Receipt>, QueueError> {
    let look =
        "SELECT id, tag = ?2 AND payload = ?3 AND max_failures = ?4 FROM tasks WHERE key = ?1 ORDER BY part";
    let mut look = change.prepare_cached(look).doing("look a key up")?;
    let same: Vec<(i64, bool)> = look
        .query_map(params![key, submission.tag.as_str(), payload, submission.max_failures], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .and_then(Iterator::collect)
        .doing("look a key up")?;
    if same.is_empty() {
        return Ok(None);
    }
    if same.len() != submission.count as usize || same.iter().any(|(_, same)| !same) {
        return Ok(Some(Receipt::Conflict));
    }
    Ok(Some(Receipt::Known(same.into_iter().map(|(id, _)| TaskId(id)).collect())))
}
