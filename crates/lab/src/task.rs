//! The words of the queue: a task, its name tag, its states.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Millis, Work};

/// A task's number in its queue, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub i64);

/// Groups the tasks of one run or one client: 1 to 100 visible characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

/// The text is no tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a tag: write 1 to 100 visible characters without blanks")]
pub struct TagMistake(String);

impl Tag {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = TagMistake;

    fn from_str(text: &str) -> Result<Self, TagMistake> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for Tag {
    type Error = TagMistake;

    fn try_from(text: String) -> Result<Self, TagMistake> {
        let length = text.chars().count();
        let visible = text.chars().all(|c| !c.is_whitespace() && !c.is_control());
        if visible && (1..=100).contains(&length) {
            Ok(Self(text))
        } else {
            Err(TagMistake(text.escape_debug().take(120).collect()))
        }
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> String {
        tag.0
    }
}

/// Where a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Waits for a worker, or for its next try.
    Queued,
    /// A worker holds its lease.
    Running,
    /// Completed, once.
    Done,
    /// The dead-letter queue: failed as often as it may.
    Dead,
}

impl State {
    /// The name in the API and in the queue's file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Queued, Self::Running, Self::Done, Self::Dead].into_iter().find(|state| state.name() == name)
    }
}

/// Tasks to put into the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Their tag.
    pub tag: Tag,
    /// What each of them does.
    pub work: Work,
    /// How many, at least 1.
    pub count: u32,
    /// How often each may fail before it is dead, at least 1.
    pub max_failures: u32,
    /// The same key again means the same submission: nothing new is queued.
    pub key: Option<String>,
}

/// A task in the hands of a worker. The attempt is the fence: a later claim has a higher one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The task.
    pub task: TaskId,
    /// The attempt that this claim began, from 1.
    pub attempt: u32,
    /// What to do.
    pub work: Work,
}

/// A task as the queue knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// Its tag.
    pub tag: String,
    /// Name of its kind.
    pub kind: String,
    /// How long its work takes, in milliseconds.
    pub work_ms: u64,
    /// Where it is.
    pub state: State,
    /// How often a worker has taken it.
    pub attempts: u32,
    /// How often its work has failed. An attempt that was lost with its worker is no failure.
    pub failures: u32,
    /// Failures after which it is dead.
    pub max_failures: u32,
    /// The worker that holds it or held it last.
    pub worker: Option<String>,
    /// End of the lease, while running.
    pub lease_until_ms: Option<Millis>,
    /// Not before this moment.
    pub run_after_ms: Millis,
    /// When it was put into the queue.
    pub created_ms: Millis,
    /// When its newest attempt began.
    pub started_ms: Option<Millis>,
    /// When it became done or dead.
    pub finished_ms: Option<Millis>,
    /// What the work answered.
    pub result: Option<String>,
    /// Why it failed last.
    pub error: Option<String>,
}

/// Which tasks to list.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Only this tag.
    pub tag: Option<Tag>,
    /// Only in this state.
    pub state: Option<State>,
    /// Only numbers above this one.
    pub after: TaskId,
    /// No more than this.
    pub limit: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_visible_text_of_limited_length() {
        assert!("checkout-1".parse::<Tag>().is_ok());
        assert!("größe".parse::<Tag>().is_ok());
        for text in ["", " ", "a b", "a\n", "a\u{0}", &"x".repeat(101)] {
            assert!(text.parse::<Tag>().is_err(), "{text:?}");
        }
    }
}
