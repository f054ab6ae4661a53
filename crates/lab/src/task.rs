//! The words of the queue: a task, its name tag, its states.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Millis, Work};

/// A task's number in its queue, from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

/// How urgent a task is: 0 to 9, 9 is taken first, 5 where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Priority(u8);

impl Default for Priority {
    fn default() -> Self {
        Self(5)
    }
}

impl TryFrom<u8> for Priority {
    type Error = String;

    fn try_from(value: u8) -> Result<Self, String> {
        if value <= 9 { Ok(Self(value)) } else { Err(format!("a priority is 0 to 9, not {value}")) }
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> u8 {
        priority.0
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
    /// The dead-letter queue: failed as often as it may, or could not succeed.
    Dead,
    /// Thrown away from the dead-letter queue.
    Purged,
}

impl State {
    /// The name in the API and in the queue's file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Purged => "purged",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Queued, Self::Running, Self::Done, Self::Dead, Self::Purged]
            .into_iter()
            .find(|state| state.name() == name)
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
    /// How urgent they are.
    pub priority: Priority,
    /// They are of no use after this moment: their work is cut off, they are dead, and they count as late.
    pub deadline: Option<Millis>,
    /// Further names to find them by.
    pub labels: Vec<Tag>,
    /// The batch they belong to. More submissions may name the same one.
    pub batch: Option<Tag>,
}

impl Submission {
    /// One task that may fail five times, of middle priority.
    pub fn new(tag: Tag, work: Work) -> Self {
        Self {
            tag,
            work,
            count: 1,
            max_failures: 5,
            key: None,
            priority: Priority::default(),
            deadline: None,
            labels: Vec::new(),
            batch: None,
        }
    }
}

/// A task in the hands of a worker. The attempt is the fence: a later claim has a higher one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The task.
    pub task: TaskId,
    /// The attempt that this claim began, from 1.
    pub attempt: u32,
    /// Its tag.
    pub tag: Tag,
    /// What to do.
    pub work: Work,
    /// When the work is to be cut off.
    pub deadline: Option<Millis>,
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
    /// How urgent it is.
    pub priority: Priority,
    /// Of no use after this moment.
    pub deadline_ms: Option<Millis>,
    /// Further names.
    pub labels: Vec<Tag>,
    /// Its batch.
    pub batch: Option<String>,
}

/// Which tasks to list: those that are all of what is said.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this tag.
    pub tag: Option<Tag>,
    /// Only in this state.
    pub state: Option<State>,
    /// Only kinds with this name.
    pub kind: Option<String>,
    /// Only with this label.
    pub label: Option<Tag>,
    /// Only of this batch.
    pub batch: Option<Tag>,
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
