//! Putting tasks in.

use rusqlite::params;

use super::change::{Change, Late, Subject};
use super::{Doing, QueueError};
use crate::queue::{Happened, Receipt};
use crate::{Millis, State, Submission, Tag, TaskId};

pub(super) fn submit(
    mut change: Change<'_>,
    batch: &[Submission],
    now: Millis,
) -> Result<Vec<Receipt>, QueueError> {
    let receipts =
        batch.iter().map(|submission| put(&mut change, submission, now)).collect::<Result<_, _>>()?;
    change.commit("commit the tasks")?;
    Ok(receipts)
}

fn put(change: &mut Change<'_>, submission: &Submission, now: Millis) -> Result<Receipt, QueueError> {
    let payload = serde_json::to_string(&submission.work).expect("work is plain data");
    let labels = (!submission.labels.is_empty())
        .then(|| serde_json::to_string(&submission.labels).expect("labels are texts"));
    if let Some(key) = &submission.key
        && let Some(known) = known(change, key, submission, &payload, labels.as_deref())?
    {
        return Ok(known);
    }
    let tag = submission.tag.as_str();
    let kind = submission.work.kind.name();
    let mut ids = Vec::new();
    for part in 0..submission.count {
        let id = change
            .rows
            .prepare_cached(
                "INSERT INTO tasks (tag, kind, payload, max_failures, run_after, created, key, part, priority, deadline,
                                    labels, batch)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )
            .and_then(|mut insert| {
                insert.insert(params![
                    tag,
                    kind,
                    payload,
                    submission.max_failures,
                    now.0,
                    submission.key,
                    part,
                    u8::from(submission.priority),
                    submission.deadline.map(|deadline| deadline.0),
                    labels,
                    submission.batch.as_ref().map(Tag::as_str)
                ])
            })
            .doing("put a task into the queue")?;
        change
            .rows
            .prepare_cached("INSERT INTO promises (task, tag, at) VALUES (?1, ?2, ?3)")
            .and_then(|mut promise| promise.execute(params![id, tag, now.0]))
            .doing("note a promise")?;
        for label in &submission.labels {
            change
                .rows
                .prepare_cached("INSERT OR IGNORE INTO labels (label, task) VALUES (?1, ?2)")
                .and_then(|mut write| write.execute(params![label.as_str(), id]))
                .doing("label a task")?;
        }
        let subject = Subject { task: TaskId(id), tag, kind, attempt: 0, worker: None };
        change.moved(&subject, None, State::Queued);
        change.tell(&subject, Happened::Queued, Late::No, now)?;
        ids.push(TaskId(id));
    }
    Ok(Receipt::Created(ids))
}

/// The deadline is not compared: one that is meant as "in a minute" is another moment when it is sent again.
fn known(
    change: &Change<'_>,
    key: &str,
    submission: &Submission,
    payload: &str,
    labels: Option<&str>,
) -> Result<Option<Receipt>, QueueError> {
    let look =
        "SELECT id, tag = ?2 AND payload = ?3 AND max_failures = ?4 AND priority = ?5 AND labels IS ?6 AND batch IS ?7
         FROM tasks WHERE key = ?1 ORDER BY part";
    let mut look = change.rows.prepare_cached(look).doing("look a key up")?;
    let content = params![
        key,
        submission.tag.as_str(),
        payload,
        submission.max_failures,
        u8::from(submission.priority),
        labels,
        submission.batch.as_ref().map(Tag::as_str)
    ];
    let same: Vec<(i64, bool)> = look
        .query_map(content, |row| Ok((row.get(0)?, row.get(1)?)))
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
