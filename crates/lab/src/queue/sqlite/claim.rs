//! Taking tasks out, and keeping hold of them.

use rusqlite::{Connection, params};

use super::change::{Change, Late, Subject};
use super::{Doing, QueueError};
use crate::queue::{Happened, Wanted};
use crate::{Claim, Millis, State, Tag, TaskId};

pub(super) fn has_claimable(connection: &Connection, now: Millis) -> Result<bool, QueueError> {
    let look = "SELECT EXISTS (SELECT 1 FROM tasks WHERE state = 'queued' AND run_after <= ?1)
                    OR EXISTS (SELECT 1 FROM tasks WHERE state = 'running' AND lease_until < ?1)";
    connection
        .prepare_cached(look)
        .and_then(|mut look| look.query_row([now.0], |row| row.get(0)))
        .doing("look for tasks")
}

pub(super) fn claim(mut change: Change<'_>, wanted: &Wanted, now: Millis) -> Result<Vec<Claim>, QueueError> {
    const EXPIRED: &str = "SELECT id FROM tasks
        WHERE state = 'running' AND lease_until < ?1 AND (?2 IS NULL OR (kind IN (SELECT value FROM json_each(?2))) = ?3)
        ORDER BY lease_until LIMIT ?4";
    const DUE: &str = "SELECT id FROM tasks
        WHERE state = 'queued' AND run_after <= ?1 AND (?2 IS NULL OR (kind IN (SELECT value FROM json_each(?2))) = ?3)
        ORDER BY priority DESC, run_after, id LIMIT ?4";
    let mut claims = Vec::new();
    for (look, from) in [(EXPIRED, State::Running), (DUE, State::Queued)] {
        // What cannot be read is taken out without being a claim, so another look may find more.
        while claims.len() < wanted.slots {
            let found = look_for(&change, look, wanted, wanted.slots - claims.len(), now)?;
            if found.is_empty() {
                break;
            }
            for id in found {
                claims.extend(take(&mut change, id, from, wanted, now)?);
            }
        }
    }
    change.commit("commit the taken tasks")?;
    Ok(claims)
}

fn look_for(
    change: &Change<'_>,
    look: &str,
    wanted: &Wanted,
    limit: usize,
    now: Millis,
) -> Result<Vec<i64>, QueueError> {
    let listed = wanted.kinds.listed();
    let names = listed.map(|(names, _)| serde_json::to_string(names).expect("names are texts"));
    let values = params![
        now.0,
        names,
        listed.is_some_and(|(_, wanted)| wanted),
        i64::try_from(limit).unwrap_or(i64::MAX)
    ];
    change
        .rows
        .prepare_cached(look)
        .and_then(|mut look| look.query_map(values, |row| row.get(0))?.collect())
        .doing("look for tasks")
}

/// None when this version cannot do the work; the task is dead then.
fn take(
    change: &mut Change<'_>,
    id: i64,
    from: State,
    wanted: &Wanted,
    now: Millis,
) -> Result<Option<Claim>, QueueError> {
    let take = "UPDATE tasks SET state = 'running', attempts = attempts + 1, worker = ?2, lease_until = ?3, started = ?4
                WHERE id = ?1 RETURNING attempts, tag, kind, payload, deadline";
    let until = now.plus(wanted.lease).0;
    let (attempt, tag, kind, payload, deadline): (u32, String, String, String, Option<i64>) = change
        .rows
        .prepare_cached(take)
        .and_then(|mut take| {
            take.query_row(params![id, wanted.worker, until, now.0], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
        })
        .doing("take a task")?;
    let subject = Subject { task: TaskId(id), tag: &tag, kind: &kind, attempt, worker: Some(&wanted.worker) };
    change.moved(&subject, Some(from), State::Running);
    change.tell(&subject, Happened::Started, Late::No, now)?;
    if attempt > 1 {
        change.count(&subject, "retries");
    }
    match (serde_json::from_str(&payload), Tag::try_from(tag.clone())) {
        (Ok(work), Ok(tag)) => {
            Ok(Some(Claim { task: TaskId(id), attempt, tag, work, deadline: deadline.map(Millis) }))
        }
        (work, _) => {
            let bury = "UPDATE tasks SET state = 'dead', lease_until = NULL, finished = ?2, error = ?3 WHERE id = ?1";
            let reason =
                work.err().map_or_else(|| "its tag is no tag".to_owned(), |reason| reason.to_string());
            let error = format!("could not read the work: {reason}");
            change.rows.execute(bury, params![id, now.0, error]).doing("bury a task that cannot be read")?;
            change.moved(&subject, Some(State::Running), State::Dead);
            change.tell(&subject, Happened::Dead, Late::of(deadline, now), now)?;
            Ok(None)
        }
    }
}

pub(super) fn renew(change: Change<'_>, claims: &[Claim], until: Millis) -> Result<Vec<TaskId>, QueueError> {
    let mut lost = Vec::new();
    for claim in claims {
        let renew = "UPDATE tasks SET lease_until = ?3 WHERE id = ?1 AND attempts = ?2 AND state = 'running'";
        let held = change
            .rows
            .prepare_cached(renew)
            .and_then(|mut renew| renew.execute(params![claim.task.0, claim.attempt, until.0]))
            .doing("renew a lease")?;
        if held == 0 {
            lost.push(claim.task);
        }
    }
    change.commit("commit the renewed leases")?;
    Ok(lost)
}
