//! How far a batch is.

use serde::{Deserialize, Serialize};

/// The tasks of one batch by their state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Its name.
    pub batch: String,
    /// All its tasks.
    pub total: u64,
    /// Waiting for a worker or for their next try.
    pub queued: u64,
    /// Held by a worker.
    pub running: u64,
    /// Completed.
    pub done: u64,
    /// In the dead-letter queue.
    pub dead: u64,
    /// Thrown away from the dead-letter queue.
    pub purged: u64,
}

impl Batch {
    /// From the number of tasks in each state, by the state's name. None when there are no tasks.
    pub(super) fn of(batch: &str, states: impl IntoIterator<Item = (String, u64)>) -> Option<Self> {
        let name = batch.to_owned();
        let mut batch = Self { batch: name, total: 0, queued: 0, running: 0, done: 0, dead: 0, purged: 0 };
        for (state, n) in states {
            match state.as_str() {
                "queued" => batch.queued += n,
                "running" => batch.running += n,
                "done" => batch.done += n,
                "dead" => batch.dead += n,
                _ => batch.purged += n,
            }
            batch.total += n;
        }
        (batch.total > 0).then_some(batch)
    }
}
