//! What clients send, and what it means.

use std::time::Duration;

use serde::Deserialize;

use super::problem::Problem;
use crate::{Filter, Kind, Percent, State, Submission, Tag, TaskId, Work, duration};

/// Tasks in one request.
const MOST_TASKS: u32 = 10_000;
/// Failures that a task may be allowed.
const MOST_FAILURES: u32 = 100;
/// Characters of a key.
const LONGEST_KEY: usize = 200;
/// Work of one task.
const LONGEST_WORK: Duration = Duration::from_hours(1);
/// Tasks in one list.
const LONGEST_LIST: u32 = 1000;

/// The body of `POST /tasks`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskRequest {
    tag: String,
    #[serde(default)]
    kind: KindName,
    work: Option<String>,
    work_ms: Option<u64>,
    percent: Option<Percent>,
    count: Option<u32>,
    max_failures: Option<u32>,
    key: Option<String>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KindName {
    #[default]
    Sleep,
    FailAlways,
    Flaky,
}

impl TaskRequest {
    /// Reads the body.
    pub(super) fn read(body: &[u8]) -> Result<Submission, Problem> {
        let request: Self = serde_json::from_slice(body)
            .map_err(|mistake| Problem::bad_request(format!("read the task: {mistake}")))?;
        request.meant().map_err(|mistake| Problem::bad_request(format!("take the task: {mistake}")))
    }

    fn meant(self) -> Result<Submission, String> {
        let tag = Tag::try_from(self.tag).map_err(|mistake| mistake.to_string())?;
        let takes = match (self.work, self.work_ms) {
            (Some(_), Some(_)) => return Err("`work` and `work_ms` say the same, give one".into()),
            (Some(work), None) => duration::parse(&work).map_err(|mistake| mistake.to_string())?,
            (None, millis) => Duration::from_millis(millis.unwrap_or(0)),
        };
        if takes > LONGEST_WORK {
            return Err("`work` is longer than an hour".into());
        }
        let kind = match (self.kind, self.percent) {
            (KindName::Flaky, Some(percent)) => Kind::Flaky(percent),
            (KindName::Flaky, None) => {
                return Err("kind `flaky` needs `percent`, the share that fails".into());
            }
            (_, Some(_)) => return Err("`percent` belongs to kind `flaky`".into()),
            (KindName::Sleep, None) => Kind::Sleep,
            (KindName::FailAlways, None) => Kind::FailAlways,
        };
        let count = within("count", self.count.unwrap_or(1), MOST_TASKS)?;
        let max_failures = within("max_failures", self.max_failures.unwrap_or(5), MOST_FAILURES)?;
        if self.key.as_ref().is_some_and(|key| key.is_empty() || key.chars().count() > LONGEST_KEY) {
            return Err(format!("`key` has 1 to {LONGEST_KEY} characters"));
        }
        Ok(Submission { count, max_failures, key: self.key, ..Submission::new(tag, Work { kind, takes }) })
    }
}

fn within(name: &str, value: u32, most: u32) -> Result<u32, String> {
    if (1..=most).contains(&value) { Ok(value) } else { Err(format!("`{name}` is 1 to {most}, not {value}")) }
}

/// The query of `GET /tasks`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListRequest {
    tag: Option<Tag>,
    state: Option<State>,
    after: Option<i64>,
    limit: Option<u32>,
}

impl ListRequest {
    /// The filter that is meant: 100 tasks unless told, 1000 at most.
    pub(super) fn filter(self) -> Result<Filter, Problem> {
        let limit = within("limit", self.limit.unwrap_or(100), LONGEST_LIST)
            .map_err(|mistake| Problem::bad_request(format!("list the tasks: {mistake}")))?;
        let after = TaskId(self.after.unwrap_or(0));
        Ok(Filter { tag: self.tag, state: self.state, after, limit, ..Filter::default() })
    }
}

/// The query of `GET /stats`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatsRequest {
    /// Only this tag.
    pub(super) tag: Option<Tag>,
}
