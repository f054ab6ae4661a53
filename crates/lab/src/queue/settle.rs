//! Ending an attempt. Only the newest attempt of a task may.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Doing, Queue, QueueError, count};
use crate::work::dice;
use crate::{Claim, Millis, State, WorkFailed, backoff};

/// What became of an attempt's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The task is done.
    Done,
    /// The task waits for its next try.
    Again,
    /// The task has failed too often and is in the dead-letter queue.
    Dead,
    /// Refused: the task had already been done. The work ran twice, the completion counts once.
    Duplicate,
    /// Refused: the lease was lost, another attempt has the task.
    Fenced,
}

impl Queue {
    /// Ends the attempt with success.
    pub fn complete(
        &mut self,
        claim: &Claim,
        worker: &str,
        result: &str,
        now: Millis,
    ) -> Result<Settled, QueueError> {
        let change = self.change("complete a task")?;
        let settled = match held(&change, claim)? {
            Hold::Lost(settled) => settled,
            Hold::Held { .. } => {
                let done = "UPDATE tasks SET state = 'done', lease_until = NULL, finished = ?2, result = ?3 WHERE id = ?1";
                change
                    .prepare_cached(done)
                    .and_then(|mut done| done.execute(params![claim.task.0, now.0, result]))
                    .doing("complete a task")?;
                // UNIQUE (task) is the last guard: a second completion fails here and takes the update with it.
                let note = "INSERT INTO completions (task, tag, worker, attempt, waited, at)
                            SELECT id, tag, ?2, attempts, max(started - created, 0), ?3 FROM tasks WHERE id = ?1";
                change
                    .prepare_cached(note)
                    .and_then(|mut note| note.execute(params![claim.task.0, worker, now.0]))
                    .doing("note a completion")?;
                Settled::Done
            }
        };
        change.commit().doing("commit a completion")?;
        Ok(settled)
    }

    /// Ends the attempt with a failure: the task waits for its next try, or is dead.
    pub fn fail(&mut self, claim: &Claim, failure: &WorkFailed, now: Millis) -> Result<Settled, QueueError> {
        let change = self.change("fail a task")?;
        let settled = match held(&change, claim)? {
            Hold::Lost(settled) => settled,
            Hold::Held { failures, max_failures } => {
                let failures = failures + 1;
                let (settled, state, finished) = if failures >= max_failures {
                    (Settled::Dead, State::Dead, Some(now.0))
                } else {
                    (Settled::Again, State::Queued, None)
                };
                let wait = backoff::wait(failures, &mut dice(claim.task, claim.attempt));
                let back = "UPDATE tasks SET state = ?2, failures = ?3, lease_until = NULL, run_after = ?4, finished = ?5, error = ?6
                            WHERE id = ?1";
                change
                    .prepare_cached(back)
                    .and_then(|mut back| {
                        back.execute(params![
                            claim.task.0,
                            state.name(),
                            failures,
                            now.plus(wait).0,
                            finished,
                            failure.0
                        ])
                    })
                    .doing("fail a task")?;
                settled
            }
        };
        change.commit().doing("commit a failure")?;
        Ok(settled)
    }
}

enum Hold {
    Held { failures: u32, max_failures: u32 },
    Lost(Settled),
}

/// Whether the claim is still the task's newest attempt; counts the refusal where it is not.
fn held(change: &Transaction<'_>, claim: &Claim) -> Result<Hold, QueueError> {
    let look = "SELECT state, attempts, failures, max_failures, tag FROM tasks WHERE id = ?1";
    let found: Option<(String, u32, u32, u32, String)> = change
        .prepare_cached(look)
        .and_then(|mut look| {
            look.query_row([claim.task.0], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .optional()
        })
        .doing("look a task up")?;
    match found {
        Some((state, attempts, failures, max_failures, _))
            if state == State::Running.name() && attempts == claim.attempt =>
        {
            Ok(Hold::Held { failures, max_failures })
        }
        Some((state, _, _, _, tag)) if state == State::Done.name() => {
            count(change, &tag, "duplicates")?;
            Ok(Hold::Lost(Settled::Duplicate))
        }
        Some((_, _, _, _, tag)) => {
            count(change, &tag, "fenced")?;
            Ok(Hold::Lost(Settled::Fenced))
        }
        // Another queue has taken the file's place since the claim.
        None => Ok(Hold::Lost(Settled::Fenced)),
    }
}
