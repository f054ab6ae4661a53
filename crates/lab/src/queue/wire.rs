//! What goes to a queue that is kept by a server, as JSON, and what comes back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Outcome, QueueError, Settled, Wanted};
use crate::work::dice;
use crate::{Claim, Millis, Submission, Tag, TaskId, WorkFailed, backoff};

/// A submission. What is absent is left out, because Lua's null is a value.
#[derive(Serialize)]
pub(super) struct Sent<'a> {
    tag: &'a str,
    kind: &'a str,
    payload: String,
    max_failures: u32,
    priority: u8,
    labels: String,
    content: String,
    count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

impl<'a> Sent<'a> {
    pub(super) fn of(submission: &'a Submission) -> Self {
        let Submission { tag, work, count, max_failures, key, priority, deadline, labels, batch } =
            submission;
        let payload = text(work);
        let labels = text(labels);
        let priority = u8::from(*priority);
        Self {
            tag: tag.as_str(),
            kind: work.kind.name(),
            // The deadline is no part of it: one that is meant as "in a minute" is another moment when it is sent
            // again.
            content: text(&(tag, &payload, count, max_failures, priority, &labels, batch)),
            payload,
            max_failures: *max_failures,
            priority,
            labels,
            count: *count,
            deadline: *deadline,
            batch: batch.as_ref().map(Tag::as_str),
            key: key.as_deref(),
        }
    }
}

/// The end of an attempt.
#[derive(Serialize)]
pub(super) struct End<'a> {
    task: TaskId,
    attempt: u32,
    outcome: &'static str,
    text: &'a str,
    /// Share of the full wait before the next try.
    share: f64,
}

impl<'a> End<'a> {
    pub(super) fn of(task: TaskId, attempt: u32, outcome: &'a Outcome) -> Self {
        let (outcome, text) = match outcome {
            Outcome::Done(result) => ("done", result.as_str()),
            Outcome::Failed(WorkFailed(reason)) => ("failed", reason.as_str()),
            Outcome::Rejected(WorkFailed(reason)) => ("rejected", reason.as_str()),
            Outcome::Released => ("released", ""),
        };
        Self { task, attempt, outcome, text, share: backoff::share(&mut dice(task, attempt)) }
    }
}

/// The answer to an end.
pub(super) fn settled(name: &str) -> Result<Settled, QueueError> {
    Ok(match name {
        "done" => Settled::Done,
        "again" => Settled::Again,
        "dead" => Settled::Dead,
        "released" => Settled::Released,
        "known" => Settled::Known,
        "duplicate" => Settled::Duplicate,
        "fenced" => Settled::Fenced,
        other => return Err(QueueError::Garbled { what: format!("an attempt ended as `{other}`") }),
    })
}

/// A task that a server has given to a worker.
#[derive(Deserialize)]
pub(super) struct Taken {
    pub(super) task: TaskId,
    pub(super) attempt: u32,
    pub(super) tag: String,
    pub(super) payload: String,
    pub(super) deadline: Option<Millis>,
}

impl Taken {
    /// The claim; the reason when this version cannot do the work.
    fn read(self) -> Result<Claim, Unreadable> {
        let Self { task, attempt, tag, payload, deadline } = self;
        let unreadable = |reason: String| {
            let failure = WorkFailed(format!("could not read the work: {reason}"));
            Unreadable { task, attempt, outcome: Outcome::Rejected(failure) }
        };
        let work = serde_json::from_str(&payload).map_err(|reason| unreadable(reason.to_string()))?;
        let tag = Tag::try_from(tag).map_err(|reason| unreadable(reason.to_string()))?;
        Ok(Claim { task, attempt, tag, work, deadline })
    }
}

struct Unreadable {
    task: TaskId,
    attempt: u32,
    outcome: Outcome,
}

/// A server that keeps the queue.
pub(super) trait Server {
    /// Takes up to `slots` tasks.
    fn take(&mut self, wanted: &Wanted, slots: usize, now: Millis) -> Result<Vec<Taken>, QueueError>;
    /// Ends attempts.
    fn end(&mut self, worker: &str, ends: &[End<'_>], now: Millis) -> Result<Vec<Settled>, QueueError>;
}

/// Takes tasks until the slots are full or there are no more. What cannot be read is dead; when the worker is killed
/// before it has said so, the lease ends and the next worker says it.
pub(super) fn claim(
    server: &mut impl Server,
    wanted: &Wanted,
    now: Millis,
) -> Result<Vec<Claim>, QueueError> {
    let mut claims = Vec::new();
    while claims.len() < wanted.slots {
        let mut unreadable = Vec::new();
        for taken in server.take(wanted, wanted.slots - claims.len(), now)? {
            match taken.read() {
                Ok(claim) => claims.push(claim),
                Err(reason) => unreadable.push(reason),
            }
        }
        if unreadable.is_empty() {
            break;
        }
        let ends: Vec<End<'_>> =
            unreadable.iter().map(|one| End::of(one.task, one.attempt, &one.outcome)).collect();
        server.end(&wanted.worker, &ends, now)?;
    }
    Ok(claims)
}

/// The claims as pairs of task and attempt.
pub(super) fn pairs(claims: &[Claim]) -> Vec<(TaskId, u32)> {
    claims.iter().map(|claim| (claim.task, claim.attempt)).collect()
}

/// The kinds that a worker wants: `all`, `only` or `except`, and the names.
pub(super) fn kinds(wanted: &Wanted) -> (&'static str, &[String]) {
    match wanted.kinds.listed() {
        None => ("all", &[]),
        Some((names, true)) => ("only", names),
        Some((names, false)) => ("except", names),
    }
}

/// The waits in milliseconds: what is waited before the second try, and the longest wait.
pub(super) fn waits() -> (u64, u64) {
    let millis = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    (millis(backoff::FIRST), millis(backoff::LONGEST))
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_value(value).as_ref().map(Value::to_string).expect("plain data")
}
