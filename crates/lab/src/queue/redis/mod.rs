//! The queue on a Redis server.
//!
//! Every operation is one call of a script ([`queue.lua`](queue.lua)), which Redis runs alone and logs as one: all of it
//! or nothing. With `appendonly yes` and `appendfsync always` an answer is given only after the log was synced
//! (<https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/>), so what was acknowledged survives
//! the death of the server. With other settings it may not, and [`Queue::caveat`] says so.

mod reply;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::{
    Client, Connection, ConnectionAddr, ErrorKind, FromRedisValue, IntoConnectionInfo, RedisError, Script,
};
use serde_json::{Value, json};

use super::ledger::Account;
use super::stats::{NEWEST, Reading};
use super::wire::{self, End, Sent, Server, Taken};
use super::{
    Access, Batch, Chance, Count, Cursor, Event, Ledger, Outcome, Queue, QueueError, Receipt, Scope, Settled,
    Stats, Wanted,
};
use crate::{Claim, Filter, Millis, State, Submission, Tag, Task, TaskId};

/// How long the server has for an answer. Shorter than what clients of the API wait.
const PATIENCE: Duration = Duration::from_secs(2);
/// Tasks that are read by one call, so that a long list does not hold the server up.
const CHUNK: u32 = 500;

/// A place on a server: `redis://[USER:PASSWORD@]HOST[:PORT][/NUMBER]` or `redis+unix:///SOCKET[?db=NUMBER]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisPlace {
    url: String,
    shown: String,
}

impl RedisPlace {
    /// Reads the address. The error says what is wrong with it.
    pub(super) fn read(url: &str) -> Result<Self, String> {
        let known = url.into_connection_info().map_err(|error| error.to_string())?;
        let number = known.redis_settings().db();
        let shown = match known.addr() {
            ConnectionAddr::Unix(socket) => format!("redis+unix://{}?db={number}", socket.display()),
            address => format!("redis://{address}/{number}"),
        };
        Ok(Self { url: url.to_owned(), shown })
    }
}

impl fmt::Display for RedisPlace {
    /// Without name and password.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.shown)
    }
}

/// A connection to the server.
pub(super) struct RedisQueue {
    shown: String,
    connection: Connection,
    script: Script,
    lost: bool,
}

impl RedisQueue {
    pub(super) fn open(place: &RedisPlace, access: Access) -> Result<Self, QueueError> {
        let opening = |source: RedisError| QueueError::Open {
            queue: place.shown.clone(),
            chance: chance(&source),
            source: Arc::new(source),
        };
        let client = Client::open(place.url.as_str()).map_err(opening)?;
        let connection = client.get_connection_with_timeout(PATIENCE).map_err(opening)?;
        connection.set_read_timeout(Some(PATIENCE)).map_err(opening)?;
        connection.set_write_timeout(Some(PATIENCE)).map_err(opening)?;
        let script = Script::new(include_str!("queue.lua"));
        let mut queue = Self { shown: place.shown.clone(), connection, script, lost: false };
        let operation = if access == Access::Make { "make" } else { "check" };
        queue.ask::<i64>("open the queue", operation, &json!({}))?;
        Ok(queue)
    }

    fn ask<T: FromRedisValue>(
        &mut self,
        doing: &'static str,
        operation: &str,
        input: &Value,
    ) -> Result<T, QueueError> {
        let answer = self.script.arg(operation).arg(input.to_string()).invoke(&mut self.connection);
        answer.map_err(|error| self.refusal(doing, error))
    }

    fn refusal(&mut self, doing: &'static str, error: RedisError) -> QueueError {
        // A late answer would be taken for that of the next question.
        if error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error() {
            self.lost = true;
        }
        match error.code() {
            Some("MISSING") => QueueError::Missing { queue: self.shown.clone(), source: Arc::new(error) },
            Some("FOREIGN") => QueueError::Foreign { queue: self.shown.clone() },
            _ => QueueError::Statement { doing, chance: chance(&error), source: Arc::new(error) },
        }
    }

    /// Some tasks with a higher number than `after`, and whether there may be more.
    fn chunk(
        &mut self,
        index: Option<&str>,
        after: TaskId,
    ) -> Result<(Vec<Task>, Option<TaskId>), QueueError> {
        let mut input = json!({ "after": after, "limit": CHUNK });
        if let Some(index) = index {
            input["index"] = index.into();
        }
        let rows: Vec<(i64, Vec<String>)> = self.ask("list tasks", "list", &input)?;
        let more = (rows.len() == CHUNK as usize).then(|| TaskId(rows[rows.len() - 1].0));
        // A number without a task is one that was lost; the ledger tells.
        let present = rows.into_iter().filter(|(_, fields)| !fields.is_empty());
        let tasks = present.map(|(id, fields)| reply::task(id, &fields)).collect::<Result<_, _>>()?;
        Ok((tasks, more))
    }

    fn moved(&mut self, operation: &str, dead: &[TaskId], now: Millis) -> Result<Vec<TaskId>, QueueError> {
        let moved: Vec<i64> = self.ask("move dead tasks", operation, &json!({ "now": now, "dead": dead }))?;
        Ok(moved.into_iter().map(TaskId).collect())
    }
}

impl Server for RedisQueue {
    fn take(&mut self, wanted: &Wanted, slots: usize, now: Millis) -> Result<Vec<Taken>, QueueError> {
        let (kinds, names) = wire::kinds(wanted);
        let input = json!({
            "now": now, "worker": wanted.worker, "slots": slots, "lease_until": now.plus(wanted.lease),
            "kinds": kinds, "names": names
        });
        let rows: Vec<(i64, u32, String, String, String)> =
            self.ask("take tasks from the queue", "claim", &input)?;
        let taken = rows.into_iter().map(|(id, attempt, tag, payload, deadline)| Taken {
            task: TaskId(id),
            attempt,
            tag,
            payload,
            deadline: deadline.parse().ok().map(Millis),
        });
        Ok(taken.collect())
    }

    fn end(&mut self, worker: &str, ends: &[End<'_>], now: Millis) -> Result<Vec<Settled>, QueueError> {
        let (first, longest) = wire::waits();
        let input = json!({ "now": now, "worker": worker, "ends": ends, "first_wait": first, "longest_wait": longest });
        let settled: Vec<String> = self.ask("end attempts", "settle", &input)?;
        settled.iter().map(|name| wire::settled(name)).collect()
    }
}

impl Queue for RedisQueue {
    fn is_attached(&self) -> bool {
        !self.lost
    }

    fn caveat(&mut self) -> Result<Option<String>, QueueError> {
        let mut setting = |name: &str| {
            let read: Result<Vec<String>, _> =
                redis::cmd("CONFIG").arg("GET").arg(name).query(&mut self.connection);
            read.ok().and_then(|pair| pair.into_iter().nth(1))
        };
        let (log, sync) = (setting("appendonly"), setting("appendfsync"));
        Ok(match (log.as_deref(), sync.as_deref()) {
            (Some("yes"), Some("always")) => None,
            (Some(log), Some(sync)) => Some(format!(
                "this Redis forgets acknowledged tasks when it is killed: appendonly is {log} and appendfsync is {sync}; \
                 set them to yes and always"
            )),
            _ => Some("this Redis does not tell whether it keeps what it acknowledges".to_owned()),
        })
    }

    fn probe(&mut self) -> Result<(), QueueError> {
        self.ask::<i64>("change the queue", "probe", &json!({})).map(drop)
    }

    fn submit(&mut self, batch: &[Submission], now: Millis) -> Result<Vec<Receipt>, QueueError> {
        let sent: Vec<Sent<'_>> = batch.iter().map(Sent::of).collect();
        let input = json!({ "now": now, "submissions": sent });
        let receipts: Vec<(i64, i64, i64)> = self.ask("put tasks into the queue", "submit", &input)?;
        let receipts = receipts.into_iter().map(|(what, first, count)| {
            let ids = (first..first + count).map(TaskId).collect();
            match what {
                0 => Receipt::Created(ids),
                1 => Receipt::Known(ids),
                _ => Receipt::Conflict,
            }
        });
        Ok(receipts.collect())
    }

    fn claim(&mut self, wanted: &Wanted, now: Millis) -> Result<Vec<Claim>, QueueError> {
        wire::claim(self, wanted, now)
    }

    fn renew(&mut self, claims: &[Claim], lease: Duration, now: Millis) -> Result<Vec<TaskId>, QueueError> {
        let input = json!({ "now": now, "lease_until": now.plus(lease), "claims": wire::pairs(claims) });
        let lost: Vec<i64> = self.ask("renew leases", "renew", &input)?;
        Ok(lost.into_iter().map(TaskId).collect())
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
        self.moved("replay", dead, now)
    }

    fn purge(&mut self, dead: &[TaskId], now: Millis) -> Result<Vec<TaskId>, QueueError> {
        self.moved("purge", dead, now)
    }

    fn task(&mut self, id: TaskId) -> Result<Option<Task>, QueueError> {
        let input = json!({ "after": id.0 - 1, "limit": 1 });
        let rows: Vec<(i64, Vec<String>)> = self.ask("read a task", "list", &input)?;
        let row = rows.into_iter().find(|(_, fields)| !fields.is_empty());
        row.map(|(id, fields)| reply::task(id, &fields)).transpose()
    }

    fn tasks(&mut self, filter: &Filter) -> Result<Vec<Task>, QueueError> {
        let index = match (&filter.batch, &filter.label, filter.state, &filter.tag) {
            (Some(batch), ..) => Some(format!("of-batch:{}", batch.as_str())),
            (_, Some(label), ..) => Some(format!("of-label:{}", label.as_str())),
            (_, _, Some(State::Dead), _) => Some("dead".to_owned()),
            (.., Some(tag)) => Some(format!("of-tag:{}", tag.as_str())),
            _ => None,
        };
        let mut found = Vec::new();
        let mut after = Some(filter.after);
        while let Some(from) = after
            && found.len() < filter.limit as usize
        {
            let (tasks, more) = self.chunk(index.as_deref(), from)?;
            found.extend(tasks.into_iter().filter(|task| reply::passes(filter, task)));
            after = more;
        }
        found.truncate(filter.limit as usize);
        Ok(found)
    }

    fn batch(&mut self, batch: &Tag) -> Result<Option<Batch>, QueueError> {
        let states: Vec<String> = self.ask("read a batch", "batch", &json!({ "batch": batch }))?;
        Ok(Batch::of(batch.as_str(), states.into_iter().map(|state| (state, 1))))
    }

    fn stats(&mut self, scope: &Scope, stuck_after: Duration, now: Millis) -> Result<Stats, QueueError> {
        let mut input = json!({ "stuck_before": now.minus(stuck_after) });
        if let Some(tag) = &scope.tag {
            input["tag"] = tag.as_str().into();
        }
        if let Some(kind) = &scope.kind {
            input["kind"] = kind.as_str().into();
        }
        let (counts, stuck, oldest, waits): (Vec<(String, u64)>, u64, String, Vec<String>) =
            self.ask("read the queue's figures", "stats", &input)?;
        let mut newest: Vec<(u64, i64)> = waits.iter().filter_map(|wait| reply::wait(wait)).collect();
        newest.sort_unstable_by(|one, other| other.cmp(one));
        let waits = newest.into_iter().take(NEWEST as usize).map(|(_, waited)| waited).collect();
        let oldest = oldest.parse().ok().map(Millis);
        Ok(Stats::of(scope, counts, Reading { stuck, oldest, waits }, now))
    }

    fn counts(&mut self) -> Result<Vec<Count>, QueueError> {
        let tally: Vec<(String, u64)> = self.ask("read the tally", "counts", &json!({}))?;
        tally.iter().map(|(names, n)| reply::count(names, *n)).collect()
    }

    /// In pieces, so that others are not held up: each promise is looked at once, together with what became of it.
    fn ledger(&mut self, tag: Option<&Tag>) -> Result<Ledger, QueueError> {
        let mut account = Account::default();
        let mut from = 0;
        loop {
            let mut input = json!({ "from": from, "limit": CHUNK });
            if let Some(tag) = tag {
                input["tag"] = tag.as_str().into();
            }
            let sums: [u64; 8] = self.ask("read the ledger", "account", &input)?;
            let [seen, sent, done, dead, purged, open, twice, lost] = sums;
            account.sent += sent;
            account.done += done;
            account.dead += dead;
            account.purged += purged;
            account.open += open;
            account.twice += twice;
            account.lost += lost;
            from += seen;
            if seen < u64::from(CHUNK) {
                return Ok(account.of(tag));
            }
        }
    }

    fn events(&mut self, after: &Cursor, limit: u32) -> Result<Vec<Event>, QueueError> {
        let after = reply::place(after)?;
        let rows: Vec<(String, Vec<String>)> =
            self.ask("read events", "events", &json!({ "after": after, "limit": limit }))?;
        rows.into_iter().map(|(id, fields)| reply::event(id, &fields)).collect()
    }

    fn newest(&mut self) -> Result<Cursor, QueueError> {
        let rows: Vec<(String, Vec<String>)> = self.ask("read events", "newest", &json!({}))?;
        Ok(rows.into_iter().next().map_or_else(Cursor::default, |(id, _)| Cursor(id)))
    }

    fn note(&mut self, name: &str) -> Result<Option<String>, QueueError> {
        self.ask("read a note", "note", &json!({ "name": name }))
    }

    fn set_note(&mut self, name: &str, believed: Option<&str>, value: &str) -> Result<bool, QueueError> {
        let mut input = json!({ "name": name, "value": value });
        if let Some(believed) = believed {
            input["believed"] = believed.into();
        }
        Ok(self.ask::<i64>("write a note", "set-note", &input)? == 1)
    }
}

fn chance(error: &RedisError) -> Chance {
    match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig, _)
        | (_, Some("NOAUTH" | "WRONGPASS" | "NOPERM")) => Chance::Never,
        _ => Chance::Later,
    }
}
