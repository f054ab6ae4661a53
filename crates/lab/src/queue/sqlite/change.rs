//! One change of the queue: the rows, what is counted, and what happened, committed together.

use std::collections::BTreeMap;

use rusqlite::{Transaction, params};

use super::{Doing, QueueError};
use crate::queue::Happened;
use crate::{Millis, State, TaskId};

/// The task that something happens to.
pub(super) struct Subject<'a> {
    pub(super) task: TaskId,
    pub(super) tag: &'a str,
    pub(super) kind: &'a str,
    pub(super) attempt: u32,
    pub(super) worker: Option<&'a str>,
}

/// An immediate transaction. Counts are gathered and written once at its end.
pub(super) struct Change<'a> {
    pub(super) rows: Transaction<'a>,
    counts: BTreeMap<(String, String, &'static str), i64>,
}

impl<'a> Change<'a> {
    pub(super) fn new(rows: Transaction<'a>) -> Self {
        Self { rows, counts: BTreeMap::new() }
    }

    /// Counts a task out of one state and into another.
    pub(super) fn moved(&mut self, of: &Subject<'_>, from: Option<State>, to: State) {
        if let Some(from) = from {
            self.add(of, from.name(), -1);
        }
        self.add(of, to.name(), 1);
    }

    /// Counts one thing more.
    pub(super) fn count(&mut self, of: &Subject<'_>, name: &'static str) {
        self.add(of, name, 1);
    }

    fn add(&mut self, of: &Subject<'_>, name: &'static str, n: i64) {
        *self.counts.entry((of.tag.to_owned(), of.kind.to_owned(), name)).or_default() += n;
    }

    /// Writes an event.
    pub(super) fn tell(
        &mut self,
        of: &Subject<'_>,
        happened: Happened,
        late: Late,
        at: Millis,
    ) -> Result<(), QueueError> {
        let write = "INSERT INTO events (at, happened, task, tag, kind, attempt, worker, late)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        if late == Late::Yes {
            self.count(of, "late");
        }
        self.rows
            .prepare_cached(write)
            .and_then(|mut write| {
                write.execute(params![
                    at.0,
                    happened.name(),
                    of.task.0,
                    of.tag,
                    of.kind,
                    of.attempt,
                    of.worker,
                    late == Late::Yes
                ])
            })
            .doing("write an event")?;
        Ok(())
    }

    /// Makes the change.
    pub(super) fn commit(self, doing: &'static str) -> Result<(), QueueError> {
        let add = "INSERT INTO tally (tag, kind, name, n) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (tag, kind, name) DO UPDATE SET n = n + excluded.n";
        for ((tag, kind, name), n) in self.counts {
            if n != 0 {
                self.rows
                    .prepare_cached(add)
                    .and_then(|mut add| add.execute(params![tag, kind, name, n]))
                    .doing("count")?;
            }
        }
        self.rows.commit().doing(doing)
    }

    /// Leaves everything as it was.
    pub(super) fn give_up(self) -> Result<(), QueueError> {
        self.rows.rollback().doing("give the write lock back")
    }
}

/// Whether a task ended after its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    Yes,
    No,
}

impl Late {
    /// An end at `now` of a task that was wanted by `deadline`.
    pub(super) fn of(deadline: Option<i64>, now: Millis) -> Self {
        if deadline.is_some_and(|deadline| now.0 > deadline) { Self::Yes } else { Self::No }
    }
}
