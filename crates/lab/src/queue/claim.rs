//! Taking tasks out, and keeping hold of them.

use std::time::Duration;

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Doing, Queue, QueueError, count};
use crate::{Claim, Millis, TaskId};

impl Queue {
    /// Takes up to `slots` tasks for `worker` until `now + lease`: first those whose lease has ended, then those
    /// that are due, the longest waiting first.
    pub fn claim(
        &mut self,
        worker: &str,
        slots: usize,
        lease: Duration,
        now: Millis,
    ) -> Result<Vec<Claim>, QueueError> {
        // Looking first without the write lock keeps idle workers out of each other's way.
        if !self.has_claimable(now)? {
            return Ok(Vec::new());
        }
        let change = self.change("take tasks from the queue")?;
        let mut claims = Vec::new();
        while claims.len() < slots {
            match next(&change, worker, now.plus(lease), now)? {
                Next::Taken(claim) => claims.push(claim),
                Next::Unreadable => {}
                Next::None => break,
            }
        }
        change.commit().doing("commit the taken tasks")?;
        Ok(claims)
    }

    /// Holds the claims until `now + lease`. Returns those that were lost: another worker has them, or they ended.
    pub fn renew(
        &mut self,
        claims: &[Claim],
        lease: Duration,
        now: Millis,
    ) -> Result<Vec<TaskId>, QueueError> {
        let change = self.change("renew leases")?;
        let mut lost = Vec::new();
        {
            let mut renew = change
                .prepare_cached(
                    "UPDATE tasks SET lease_until = ?3 WHERE id = ?1 AND attempts = ?2 AND state = 'running'",
                )
                .doing("renew a lease")?;
            for claim in claims {
                let held = renew
                    .execute(params![claim.task.0, claim.attempt, now.plus(lease).0])
                    .doing("renew a lease")?;
                if held == 0 {
                    lost.push(claim.task);
                }
            }
        }
        change.commit().doing("commit the renewed leases")?;
        Ok(lost)
    }

    fn has_claimable(&self, now: Millis) -> Result<bool, QueueError> {
        let look = "SELECT EXISTS (SELECT 1 FROM tasks WHERE state = 'queued' AND run_after <= ?1)
                        OR EXISTS (SELECT 1 FROM tasks WHERE state = 'running' AND lease_until < ?1)";
        self.connection
            .prepare_cached(look)
            .and_then(|mut look| look.query_row([now.0], |row| row.get(0)))
            .doing("look for tasks")
    }
}

enum Next {
    Taken(Claim),
    /// A row that this version cannot do; it is dead now.
    Unreadable,
    None,
}

fn next(change: &Transaction<'_>, worker: &str, until: Millis, now: Millis) -> Result<Next, QueueError> {
    let expired =
        "SELECT id FROM tasks WHERE state = 'running' AND lease_until < ?1 ORDER BY lease_until LIMIT 1";
    let due =
        "SELECT id FROM tasks WHERE state = 'queued' AND run_after <= ?1 ORDER BY run_after, id LIMIT 1";
    let first = |look| -> Result<Option<i64>, QueueError> {
        change
            .prepare_cached(look)
            .and_then(|mut look| look.query_row([now.0], |row| row.get(0)).optional())
            .doing("look for a task")
    };
    let id = match first(expired)? {
        Some(id) => id,
        None => match first(due)? {
            Some(id) => id,
            None => return Ok(Next::None),
        },
    };
    let take = "UPDATE tasks SET state = 'running', attempts = attempts + 1, worker = ?2, lease_until = ?3, started = ?4
                WHERE id = ?1 RETURNING attempts, tag, payload";
    let (attempt, tag, payload): (u32, String, String) = change
        .prepare_cached(take)
        .and_then(|mut take| {
            take.query_row(params![id, worker, until.0, now.0], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
        })
        .doing("take a task")?;
    if attempt > 1 {
        count(change, &tag, "retries")?;
    }
    match serde_json::from_str(&payload) {
        Ok(work) => Ok(Next::Taken(Claim { task: TaskId(id), attempt, work })),
        Err(reason) => {
            let bury = "UPDATE tasks SET state = 'dead', lease_until = NULL, finished = ?2, error = ?3 WHERE id = ?1";
            let error = format!("could not read the work: {reason}");
            change.execute(bury, params![id, now.0, error]).doing("bury a task that cannot be read")?;
            Ok(Next::Unreadable)
        }
    }
}
