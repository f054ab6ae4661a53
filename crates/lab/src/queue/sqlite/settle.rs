//! Ending an attempt. Only the newest attempt of a task may.

use rusqlite::{OptionalExtension, params};

use super::change::{Change, Late, Subject};
use super::{Doing, QueueError};
use crate::queue::{Happened, Outcome, Settled};
use crate::work::dice;
use crate::{Claim, Millis, State, TaskId, backoff};

pub(super) fn settle(
    mut change: Change<'_>,
    worker: &str,
    ends: &[(Claim, Outcome)],
    now: Millis,
) -> Result<Vec<Settled>, QueueError> {
    let settled = ends
        .iter()
        .map(|(claim, outcome)| end(&mut change, worker, claim, outcome, now))
        .collect::<Result<_, _>>()?;
    change.commit("commit the ends of attempts")?;
    Ok(settled)
}

fn end(
    change: &mut Change<'_>,
    worker: &str,
    claim: &Claim,
    outcome: &Outcome,
    now: Millis,
) -> Result<Settled, QueueError> {
    // Another queue has taken the file's place since the claim: it is not this queue's task.
    let Some(row) = row(change, claim.task)? else { return Ok(Settled::Fenced) };
    let subject = Subject {
        task: claim.task,
        tag: &row.tag,
        kind: &row.kind,
        attempt: claim.attempt,
        worker: Some(worker),
    };
    if row.attempts != claim.attempt {
        let (name, settled) = if row.state == State::Done.name() {
            ("duplicates", Settled::Duplicate)
        } else {
            ("fenced", Settled::Fenced)
        };
        change.count(&subject, name);
        return Ok(settled);
    }
    if row.state != State::Running.name() {
        return Ok(Settled::Known);
    }
    let late = Late::of(row.deadline, now);
    match outcome {
        Outcome::Done(result) => {
            let done = "UPDATE tasks SET state = 'done', lease_until = NULL, finished = ?2, result = ?3 WHERE id = ?1";
            // UNIQUE (task) is the last guard: a second completion fails here and takes the whole change with it.
            let note = "INSERT INTO completions (task, tag, kind, worker, attempt, waited, at)
                        SELECT id, tag, kind, ?2, attempts, max(started - created, 0), ?3 FROM tasks WHERE id = ?1";
            change
                .rows
                .prepare_cached(done)
                .and_then(|mut done| done.execute(params![claim.task.0, now.0, result]))
                .doing("complete a task")?;
            change
                .rows
                .prepare_cached(note)
                .and_then(|mut note| note.execute(params![claim.task.0, worker, now.0]))
                .doing("note a completion")?;
            change.moved(&subject, Some(State::Running), State::Done);
            change.tell(&subject, Happened::Done, late, now)?;
            Ok(Settled::Done)
        }
        Outcome::Failed(failure) if row.failures + 1 < row.max_failures => {
            let failures = row.failures + 1;
            let due = now.plus(backoff::wait(failures, backoff::share(&mut dice(claim.task, claim.attempt))));
            back(change, claim.task, failures, due, Some(&failure.0))?;
            change.moved(&subject, Some(State::Running), State::Queued);
            change.tell(&subject, Happened::Failed, Late::No, now)?;
            Ok(Settled::Again)
        }
        Outcome::Failed(failure) | Outcome::Rejected(failure) => {
            let bury = "UPDATE tasks SET state = 'dead', failures = failures + 1, lease_until = NULL, finished = ?2, error = ?3
                        WHERE id = ?1";
            change
                .rows
                .prepare_cached(bury)
                .and_then(|mut bury| bury.execute(params![claim.task.0, now.0, failure.0]))
                .doing("bury a task")?;
            change.moved(&subject, Some(State::Running), State::Dead);
            change.tell(&subject, Happened::Dead, late, now)?;
            Ok(Settled::Dead)
        }
        Outcome::Released => {
            back(change, claim.task, row.failures, now, None)?;
            change.moved(&subject, Some(State::Running), State::Queued);
            change.tell(&subject, Happened::Released, Late::No, now)?;
            Ok(Settled::Released)
        }
    }
}

fn back(
    change: &Change<'_>,
    task: TaskId,
    failures: u32,
    due: Millis,
    error: Option<&str>,
) -> Result<(), QueueError> {
    let back = "UPDATE tasks SET state = 'queued', failures = ?2, lease_until = NULL, run_after = ?3,
                                 error = coalesce(?4, error)
                WHERE id = ?1";
    change
        .rows
        .prepare_cached(back)
        .and_then(|mut back| back.execute(params![task.0, failures, due.0, error]))
        .doing("put a task back")?;
    Ok(())
}

pub(super) fn replay(
    mut change: Change<'_>,
    dead: &[TaskId],
    now: Millis,
) -> Result<Vec<TaskId>, QueueError> {
    let replay =
        "UPDATE tasks SET state = 'queued', failures = 0, run_after = ?2, deadline = NULL, finished = NULL
                  WHERE id = ?1 AND state = 'dead'";
    revive(&mut change, dead, replay, (State::Queued, Happened::Replayed), now)
        .and_then(|moved| change.commit("commit the replay").map(|()| moved))
}

pub(super) fn purge(mut change: Change<'_>, dead: &[TaskId], now: Millis) -> Result<Vec<TaskId>, QueueError> {
    let purge = "UPDATE tasks SET state = 'purged', finished = ?2 WHERE id = ?1 AND state = 'dead'";
    revive(&mut change, dead, purge, (State::Purged, Happened::Purged), now)
        .and_then(|moved| change.commit("commit the purge").map(|()| moved))
}

fn revive(
    change: &mut Change<'_>,
    dead: &[TaskId],
    update: &str,
    (to, happened): (State, Happened),
    now: Millis,
) -> Result<Vec<TaskId>, QueueError> {
    let mut moved = Vec::new();
    for task in dead {
        let updated = change
            .rows
            .prepare_cached(update)
            .and_then(|mut update| update.execute(params![task.0, now.0]))
            .doing("move a dead task")?;
        if updated == 1
            && let Some(row) = row(change, *task)?
        {
            let subject =
                Subject { task: *task, tag: &row.tag, kind: &row.kind, attempt: row.attempts, worker: None };
            change.moved(&subject, Some(State::Dead), to);
            change.tell(&subject, happened, Late::No, now)?;
            moved.push(*task);
        }
    }
    Ok(moved)
}

struct Row {
    state: String,
    attempts: u32,
    failures: u32,
    max_failures: u32,
    tag: String,
    kind: String,
    deadline: Option<i64>,
}

fn row(change: &Change<'_>, task: TaskId) -> Result<Option<Row>, QueueError> {
    let look = "SELECT state, attempts, failures, max_failures, tag, kind, deadline FROM tasks WHERE id = ?1";
    change
        .rows
        .prepare_cached(look)
        .and_then(|mut look| {
            look.query_row([task.0], |row| {
                Ok(Row {
                    state: row.get(0)?,
                    attempts: row.get(1)?,
                    failures: row.get(2)?,
                    max_failures: row.get(3)?,
                    tag: row.get(4)?,
                    kind: row.get(5)?,
                    deadline: row.get(6)?,
                })
            })
            .optional()
        })
        .doing("look a task up")
}
