//! Reading what the server holds.

use std::collections::HashMap;

use crate::queue::{Count, Cursor, Event, Happened, QueueError};
use crate::{Filter, Millis, Priority, State, Tag, Task, TaskId, Work};

/// Fields and values in turn.
struct Fields<'a> {
    of: String,
    values: HashMap<&'a str, &'a str>,
}

impl<'a> Fields<'a> {
    fn of(of: String, flat: &'a [String]) -> Self {
        let pairs = flat.as_chunks::<2>().0.iter();
        Self { of, values: pairs.map(|[name, value]| (name.as_str(), value.as_str())).collect() }
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.values.get(name).copied()
    }

    fn need(&self, name: &str) -> Result<&'a str, QueueError> {
        self.get(name).ok_or_else(|| self.garbled(name))
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, QueueError> {
        self.need(name)?.parse().map_err(|_| self.garbled(name))
    }

    fn moment(&self, name: &str) -> Result<Option<Millis>, QueueError> {
        self.get(name).map(|_| self.number(name).map(Millis)).transpose()
    }

    fn garbled(&self, name: &str) -> QueueError {
        QueueError::Garbled { what: format!("{} has no readable `{name}`", self.of) }
    }
}

/// A task from its hash.
pub(super) fn task(id: i64, fields: &[String]) -> Result<Task, QueueError> {
    let fields = Fields::of(format!("task {id}"), fields);
    let text = |name: &str| fields.get(name).map(str::to_owned);
    let work: Option<Work> = serde_json::from_str(fields.need("payload")?).ok();
    let priority: u8 = fields.number("priority")?;
    Ok(Task {
        id: TaskId(id),
        tag: fields.need("tag")?.to_owned(),
        kind: fields.need("kind")?.to_owned(),
        work_ms: work.map_or(0, |work| u64::try_from(work.takes.as_millis()).unwrap_or(u64::MAX)),
        state: State::named(fields.need("state")?).ok_or_else(|| fields.garbled("state"))?,
        attempts: fields.number("attempts")?,
        failures: fields.number("failures")?,
        max_failures: fields.number("max_failures")?,
        worker: text("worker"),
        lease_until_ms: fields.moment("lease_until")?,
        run_after_ms: Millis(fields.number("run_after")?),
        created_ms: Millis(fields.number("created")?),
        started_ms: fields.moment("started")?,
        finished_ms: fields.moment("finished")?,
        result: text("result"),
        error: text("error"),
        priority: Priority::try_from(priority).map_err(|_| fields.garbled("priority"))?,
        deadline_ms: fields.moment("deadline")?,
        labels: serde_json::from_str(fields.need("labels")?).map_err(|_| fields.garbled("labels"))?,
        batch: text("batch"),
    })
}

/// Whether the task is all of what the filter says.
pub(super) fn passes(filter: &Filter, task: &Task) -> bool {
    filter.tag.as_ref().is_none_or(|tag| tag.as_str() == task.tag)
        && filter.state.is_none_or(|state| state == task.state)
        && filter.kind.as_ref().is_none_or(|kind| *kind == task.kind)
        && filter.label.as_ref().is_none_or(|label| task.labels.contains(label))
        && filter.batch.as_ref().map(Tag::as_str).is_none_or(|batch| task.batch.as_deref() == Some(batch))
}

/// "TAG KIND NAME" and its number.
pub(super) fn count(names: &str, n: u64) -> Result<Count, QueueError> {
    let mut parts = names.split(' ').map(str::to_owned);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(tag), Some(kind), Some(name)) => Ok(Count { tag, kind, name, n }),
        _ => Err(QueueError::Garbled { what: format!("`{}` is no name of a count", names.escape_debug()) }),
    }
}

/// "NUMBER MILLISECONDS" of a completion.
pub(super) fn wait(text: &str) -> Option<(u64, i64)> {
    let (number, waited) = text.split_once(' ')?;
    Some((number.parse().ok()?, waited.parse().ok()?))
}

/// The start of a range of the stream.
pub(super) fn place(after: &Cursor) -> Result<String, QueueError> {
    let text = after.0.as_str();
    if text.is_empty() {
        return Ok("-".to_owned());
    }
    let number = |part: &str| part.parse::<u64>().is_ok() && !part.starts_with('+');
    match text.split_once('-') {
        Some((time, sequence)) if number(time) && number(sequence) => Ok(format!("({text}")),
        _ => Err(QueueError::Garbled { what: format!("`{}` is no cursor of it", text.escape_debug()) }),
    }
}

/// An event of the stream.
pub(super) fn event(id: String, fields: &[String]) -> Result<Event, QueueError> {
    let fields = Fields::of(format!("event {id}"), fields);
    Ok(Event {
        cursor: Cursor(id),
        at_ms: Millis(fields.number("at")?),
        happened: Happened::named(fields.need("happened")?).ok_or_else(|| fields.garbled("happened"))?,
        task: TaskId(fields.number("task")?),
        tag: fields.need("tag")?.to_owned(),
        kind: fields.need("kind")?.to_owned(),
        attempt: fields.number("attempt")?,
        worker: Some(fields.need("worker")?).filter(|name| !name.is_empty()).map(str::to_owned),
        late: fields.need("late")? == "1",
    })
}
