//! The queue in a schema of a PostgreSQL database.
//!
//! Every operation is one call of a function ([`schema.sql`](schema.sql)), and so one statement and one transaction:
//! all of it or nothing, and a client that is killed or stands still holds no lock. Workers take tasks with
//! `FOR UPDATE SKIP LOCKED`, so none waits for another. Commits are synchronous: what was acknowledged is in the
//! write-ahead log on the disk
//! (<https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-SYNCHRONOUS-COMMIT>).

mod link;

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::ledger::Account;
use super::stats::{NEWEST, Reading};
use super::wire::{self, End, Sent, Server, Taken};
use super::{
    Access, Batch, Count, Cursor, Event, Ledger, Outcome, Queue, QueueError, Receipt, Scope, Settled, Stats,
    Wanted,
};
use crate::{Claim, Filter, Millis, State, Submission, Tag, Task, TaskId, Work};
use link::Link;

/// A place in a database: `postgres://[USER[:PASSWORD]@]HOST[:PORT]/NAME`, also with `?host=/FOLDER` of a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresPlace {
    config: tokio_postgres::Config,
    shown: String,
}

impl PostgresPlace {
    /// Reads the address. The error says what is wrong with it.
    pub(super) fn read(url: &str) -> Result<Self, String> {
        let config: tokio_postgres::Config =
            url.parse().map_err(|error: tokio_postgres::Error| crate::error::with_causes(&error))?;
        let Some(host) = config.get_hosts().first() else { return Err("it names no host".to_owned()) };
        let host = match host {
            tokio_postgres::config::Host::Tcp(name) => name.clone(),
            tokio_postgres::config::Host::Unix(folder) => folder.display().to_string(),
        };
        let port = config.get_ports().first().map_or_else(String::new, |port| format!(":{port}"));
        let name = config.get_dbname().unwrap_or_default();
        let shown = format!("postgres://{host}{port}/{name}");
        Ok(Self { config, shown })
    }
}

impl fmt::Display for PostgresPlace {
    /// Without name and password.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.shown)
    }
}

/// A connection to the server.
pub(super) struct PostgresQueue {
    link: Link,
}

impl PostgresQueue {
    pub(super) fn open(place: &PostgresPlace, access: Access) -> Result<Self, QueueError> {
        let mut link = Link::open(&place.config, &place.shown)?;
        if access == Access::Make {
            link.make()?;
        }
        link.check()?;
        Ok(Self { link })
    }

    fn list(&mut self, doing: &'static str, input: &Value) -> Result<Vec<Task>, QueueError> {
        let rows: Vec<Row> = self.link.ask(doing, "list", input)?;
        Ok(rows.into_iter().map(Row::task).collect())
    }

    fn revive(&mut self, to: State, dead: &[TaskId], now: Millis) -> Result<Vec<TaskId>, QueueError> {
        let input = json!({ "now": now, "dead": dead, "to": to.name() });
        self.link.ask("move dead tasks", "revive", &input)
    }
}

#[derive(Deserialize)]
struct Row {
    payload: String,
    #[serde(flatten)]
    task: Task,
}

impl Row {
    fn task(self) -> Task {
        let work: Option<Work> = serde_json::from_str(&self.payload).ok();
        let work_ms = work.map_or(0, |work| u64::try_from(work.takes.as_millis()).unwrap_or(u64::MAX));
        Task { work_ms, ..self.task }
    }
}

#[derive(Deserialize)]
struct Answer {
    what: String,
    ids: Vec<TaskId>,
}

#[derive(Deserialize)]
struct Figures {
    counts: Vec<(String, i64)>,
    stuck: u64,
    oldest: Option<Millis>,
    waits: Vec<i64>,
}

impl Server for PostgresQueue {
    /// Two changes: tasks whose lease has ended, then those that are due.
    fn take(&mut self, wanted: &Wanted, slots: usize, now: Millis) -> Result<Vec<Taken>, QueueError> {
        let (kinds, names) = wire::kinds(wanted);
        let mut taken: Vec<Taken> = Vec::new();
        for state in [State::Running, State::Queued] {
            if taken.len() < slots {
                let input = json!({
                    "now": now, "worker": wanted.worker, "slots": slots - taken.len(),
                    "lease_until": now.plus(wanted.lease), "kinds": kinds, "names": names, "state": state.name()
                });
                let more: Vec<Taken> = self.link.ask("take tasks from the queue", "claim", &input)?;
                taken.extend(more);
            }
        }
        Ok(taken)
    }

    fn end(&mut self, worker: &str, ends: &[End<'_>], now: Millis) -> Result<Vec<Settled>, QueueError> {
        let (first, longest) = wire::waits();
        let input = json!({ "now": now, "worker": worker, "ends": ends, "first_wait": first, "longest_wait": longest });
        let settled: Vec<String> = self.link.ask("end attempts", "settle", &input)?;
        settled.iter().map(|name| wire::settled(name)).collect()
    }
}

impl Queue for PostgresQueue {
    fn is_attached(&self) -> bool {
        self.link.is_up()
    }

    fn caveat(&mut self) -> Result<Option<String>, QueueError> {
        let off = self.link.setting("fsync")? != "on";
        Ok(off
            .then(|| "this PostgreSQL may forget acknowledged tasks at a power cut: fsync is off".to_owned()))
    }

    fn probe(&mut self) -> Result<(), QueueError> {
        self.link.ask::<bool>("change the queue", "probe", &json!({})).map(drop)
    }

    fn submit(&mut self, batch: &[Submission], now: Millis) -> Result<Vec<Receipt>, QueueError> {
        let sent: Vec<Sent<'_>> = batch.iter().map(Sent::of).collect();
        let input = json!({ "now": now, "submissions": sent });
        let answers: Vec<Answer> = self.link.ask("put tasks into the queue", "submit", &input)?;
        let receipts = answers.into_iter().map(|Answer { what, ids }| match what.as_str() {
            "created" => Receipt::Created(ids),
            "known" => Receipt::Known(ids),
            _ => Receipt::Conflict,
        });
        Ok(receipts.collect())
    }

    fn claim(&mut self, wanted: &Wanted, now: Millis) -> Result<Vec<Claim>, QueueError> {
        wire::claim(self, wanted, now)
    }

    fn renew(&mut self, claims: &[Claim], lease: Duration, now: Millis) -> Result<Vec<TaskId>, QueueError> {
        let input = json!({ "lease_until": now.plus(lease), "claims": wire::pairs(claims) });
        self.link.ask("renew leases", "renew", &input)
    }

    fn settle(
        &mut self,
        worker: &str,
        ends: &[(Claim, Outcome)],
        now: Millis,
    ) -> Result<Vec<Settled>, QueueError> {
        let ends: Vec<End<'_>> =
            ends.iter().map(|(claim, outcome)| End::of(claim.task, claim.attempt, outcome)).collect();
        self.end(worker, &ends, now)
    }

    fn replay(&mut self, dead: &[TaskId], now: Millis) -> Result<Vec<TaskId>, QueueError> {
        self.revive(State::Queued, dead, now)
    }

    fn purge(&mut self, dead: &[TaskId], now: Millis) -> Result<Vec<TaskId>, QueueError> {
        self.revive(State::Purged, dead, now)
    }

    fn task(&mut self, id: TaskId) -> Result<Option<Task>, QueueError> {
        let input = json!({ "id": id, "after": i64::MIN, "limit": 1 });
        Ok(self.list("read a task", &input)?.pop())
    }

    fn tasks(&mut self, filter: &Filter) -> Result<Vec<Task>, QueueError> {
        let mut input = json!({ "after": filter.after, "limit": filter.limit });
        let texts = [
            ("tag", filter.tag.as_ref().map(Tag::as_str)),
            ("state", filter.state.map(State::name)),
            ("kind", filter.kind.as_deref()),
            ("batch", filter.batch.as_ref().map(Tag::as_str)),
            ("label", filter.label.as_ref().map(Tag::as_str)),
        ];
        add(&mut input, texts);
        self.list("list tasks", &input)
    }

    fn batch(&mut self, batch: &Tag) -> Result<Option<Batch>, QueueError> {
        let states: Vec<(String, u64)> =
            self.link.ask("read a batch", "batch", &json!({ "batch": batch }))?;
        Ok(Batch::of(batch.as_str(), states))
    }

    fn stats(&mut self, scope: &Scope, stuck_after: Duration, now: Millis) -> Result<Stats, QueueError> {
        let mut input = json!({ "stuck_before": now.minus(stuck_after), "newest": NEWEST });
        add(&mut input, [("tag", scope.tag.as_ref().map(Tag::as_str)), ("kind", scope.kind.as_deref())]);
        let figures: Figures = self.link.ask("read the queue's figures", "stats", &input)?;
        let Figures { counts, stuck, oldest, waits } = figures;
        let counts = counts.into_iter().map(|(name, n)| (name, u64::try_from(n).unwrap_or(0)));
        Ok(Stats::of(scope, counts, Reading { stuck, oldest, waits }, now))
    }

    fn counts(&mut self) -> Result<Vec<Count>, QueueError> {
        self.link.ask("read the tally", "counts", &json!({}))
    }

    fn ledger(&mut self, tag: Option<&Tag>) -> Result<Ledger, QueueError> {
        let mut input = json!({});
        add(&mut input, [("tag", tag.map(Tag::as_str))]);
        let [sent, done, dead, purged, open, twice, lost] =
            self.link.ask_at_length("read the ledger", "ledger", &input)?;
        Ok(Account { sent, done, dead, purged, open, twice, lost }.of(tag))
    }

    fn events(&mut self, after: &Cursor, limit: u32) -> Result<Vec<Event>, QueueError> {
        let (change, number) = place(after)?;
        self.link.ask("read events", "events", &json!({ "change": change, "number": number, "limit": limit }))
    }

    fn newest(&mut self) -> Result<Cursor, QueueError> {
        self.link.ask("read events", "newest", &json!({}))
    }

    fn note(&mut self, name: &str) -> Result<Option<String>, QueueError> {
        self.link.ask("read a note", "note", &json!({ "name": name }))
    }

    fn set_note(&mut self, name: &str, believed: Option<&str>, value: &str) -> Result<bool, QueueError> {
        let mut input = json!({ "name": name, "value": value });
        add(&mut input, [("believed", believed)]);
        self.link.ask("write a note", "set_note", &input)
    }
}

/// Adds what is there: an absent key means no condition.
fn add<const N: usize>(input: &mut Value, texts: [(&str, Option<&str>); N]) {
    for (name, text) in texts {
        if let Some(text) = text {
            input[name] = text.into();
        }
    }
}

/// Transaction and number of a cursor.
fn place(cursor: &Cursor) -> Result<(i64, i64), QueueError> {
    let text = cursor.0.as_str();
    if text.is_empty() {
        return Ok((0, 0));
    }
    let read =
        text.split_once('-').and_then(|(change, number)| Some((change.parse().ok()?, number.parse().ok()?)));
    read.ok_or_else(|| QueueError::Garbled { what: format!("`{}` is no cursor of it", text.escape_debug()) })
}
