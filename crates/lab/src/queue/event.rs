//! What happened in the queue, for whoever follows it.

use serde::{Deserialize, Serialize};

use crate::{Millis, TaskId};

/// A place in the stream of events. Its text belongs to the store; the default is the place before the first event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// What happened to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happened {
    /// It was put in.
    Queued,
    /// A worker took it.
    Started,
    /// It is done.
    Done,
    /// An attempt failed; it waits for the next one.
    Failed,
    /// It is in the dead-letter queue.
    Dead,
    /// Its worker gave it back undone.
    Released,
    /// It left the dead-letter queue for another try.
    Replayed,
    /// It was thrown away from the dead-letter queue.
    Purged,
}

impl Happened {
    /// The name in the API and in the stores.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Started => "started",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Released => "released",
            Self::Replayed => "replayed",
            Self::Purged => "purged",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [
            Self::Queued,
            Self::Started,
            Self::Done,
            Self::Failed,
            Self::Dead,
            Self::Released,
            Self::Replayed,
            Self::Purged,
        ]
        .into_iter()
        .find(|happened| happened.name() == name)
    }
}

/// One event. It is written with the change that it tells of: both are there or neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The place after it.
    pub cursor: Cursor,
    /// When.
    pub at_ms: Millis,
    /// What.
    pub happened: Happened,
    /// The task.
    pub task: TaskId,
    /// The task's tag.
    pub tag: String,
    /// Name of the task's kind.
    pub kind: String,
    /// The attempt, from 1; 0 before the first one.
    pub attempt: u32,
    /// The worker, where there was one.
    pub worker: Option<String>,
    /// Whether a task ended after its deadline.
    pub late: bool,
}
