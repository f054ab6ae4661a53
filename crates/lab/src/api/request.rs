//! What clients send, and what it means.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

use super::problem::Problem;
use crate::{
    Endpoint, Filter, Kind, Mebibytes, Millis, Percent, Priority, State, Submission, Tag, TaskId, Work,
    duration,
};

/// Tasks in one request.
const MOST_TASKS: u32 = 10_000;
/// Failures that a task may be allowed.
const MOST_FAILURES: u32 = 100;
/// Characters of a key.
const LONGEST_KEY: usize = 200;
/// Work of one task.
const LONGEST_WORK: Duration = Duration::from_hours(1);
/// Labels of one task.
const MOST_LABELS: usize = 20;
/// Tasks in one list.
pub(super) const LONGEST_LIST: u32 = 1000;

/// Reads a body. `what` continues "could not ..." where it is wrong.
pub(super) fn read<T: DeserializeOwned>(what: &str, body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|mistake| Problem::bad_request(format!("{what}: {mistake}")))
}

/// How many are listed: 100 unless told, 1000 at most.
pub(super) fn page(limit: Option<u32>) -> Result<u32, String> {
    within("limit", limit.unwrap_or(100), LONGEST_LIST)
}

/// The body of `POST /tasks`, and one item of `POST /batches`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskRequest {
    tag: String,
    #[serde(default)]
    kind: KindName,
    work: Option<String>,
    work_ms: Option<u64>,
    percent: Option<Percent>,
    mib: Option<u32>,
    url: Option<String>,
    count: Option<u32>,
    max_failures: Option<u32>,
    key: Option<String>,
    priority: Option<u8>,
    deadline: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
    batch: Option<String>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KindName {
    #[default]
    Sleep,
    Cpu,
    Memory,
    FailAlways,
    Flaky,
    Webhook,
}

impl TaskRequest {
    /// Reads the body.
    pub(super) fn read(body: &[u8], now: Millis) -> Result<Submission, Problem> {
        read::<Self>("read the task", body)?.submission(now)
    }

    /// What it means now.
    pub(super) fn submission(self, now: Millis) -> Result<Submission, Problem> {
        self.meant(now).map_err(|mistake| Problem::bad_request(format!("take the task: {mistake}")))
    }

    fn meant(self, now: Millis) -> Result<Submission, String> {
        let takes = match (&self.work, self.work_ms) {
            (Some(_), Some(_)) => return Err("`work` and `work_ms` say the same, give one".into()),
            (Some(work), None) => duration::parse(work).map_err(|mistake| format!("`work`: {mistake}"))?,
            (None, millis) => Duration::from_millis(millis.unwrap_or(0)),
        };
        if takes > LONGEST_WORK {
            return Err("`work` is longer than an hour".into());
        }
        let kind = self.kind()?;
        let tag = Tag::try_from(self.tag).map_err(|mistake| format!("`tag`: {mistake}"))?;
        let count = within("count", self.count.unwrap_or(1), MOST_TASKS)?;
        let max_failures = within("max_failures", self.max_failures.unwrap_or(5), MOST_FAILURES)?;
        if self.key.as_ref().is_some_and(|key| key.is_empty() || key.chars().count() > LONGEST_KEY) {
            return Err(format!("`key` has 1 to {LONGEST_KEY} characters"));
        }
        let priority = match self.priority {
            Some(priority) => {
                Priority::try_from(priority).map_err(|mistake| format!("`priority`: {mistake}"))?
            }
            None => Priority::default(),
        };
        let deadline = match &self.deadline {
            Some(span) => Some(
                now.plus(duration::parse_some(span).map_err(|mistake| format!("`deadline`: {mistake}"))?),
            ),
            None => None,
        };
        if self.labels.len() > MOST_LABELS {
            return Err(format!("`labels` has at most {MOST_LABELS}, not {}", self.labels.len()));
        }
        let label = |(at, text): (usize, String)| {
            Tag::try_from(text).map_err(|mistake| format!("`labels[{at}]`: {mistake}"))
        };
        let mut labels = self.labels.into_iter().enumerate().map(label).collect::<Result<Vec<_>, _>>()?;
        labels.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        labels.dedup();
        let batch =
            self.batch.map(Tag::try_from).transpose().map_err(|mistake| format!("`batch`: {mistake}"))?;
        let work = Work { kind, takes };
        let key = self.key;
        Ok(Submission {
            count,
            max_failures,
            key,
            priority,
            deadline,
            labels,
            batch,
            ..Submission::new(tag, work)
        })
    }

    fn kind(&self) -> Result<Kind, String> {
        let (percent, mib, url) = (self.percent, self.mib, self.url.as_deref());
        if percent.is_some() && !matches!(self.kind, KindName::Flaky) {
            return Err("`percent` belongs to kind `flaky`".into());
        }
        if mib.is_some() && !matches!(self.kind, KindName::Memory) {
            return Err("`mib` belongs to kind `memory`".into());
        }
        if url.is_some() && !matches!(self.kind, KindName::Webhook) {
            return Err("`url` belongs to kind `webhook`".into());
        }
        Ok(match self.kind {
            KindName::Sleep => Kind::Sleep,
            KindName::Cpu => Kind::Cpu,
            KindName::FailAlways => Kind::FailAlways,
            KindName::Flaky => {
                Kind::Flaky(percent.ok_or("kind `flaky` needs `percent`, the share that fails")?)
            }
            KindName::Memory => {
                let mib = mib.ok_or("kind `memory` needs `mib`, how much it takes")?;
                Kind::Memory(Mebibytes::try_from(mib).map_err(|mistake| format!("`mib`: {mistake}"))?)
            }
            KindName::Webhook => {
                let url = url.ok_or("kind `webhook` needs `url`, where it is sent")?;
                let receiver: Endpoint = url.parse().map_err(|mistake| format!("`url`: {mistake}"))?;
                if !receiver.is_local() {
                    return Err(format!(
                        "`url`: {receiver} is not on this machine: write 127.0.0.1, [::1] or localhost"
                    ));
                }
                Kind::Webhook(receiver)
            }
        })
    }
}

pub(super) fn within(name: &str, value: u32, most: u32) -> Result<u32, String> {
    if (1..=most).contains(&value) { Ok(value) } else { Err(format!("`{name}` is 1 to {most}, not {value}")) }
}

/// The query of `GET /tasks` and `GET /dead`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListRequest {
    tag: Option<Tag>,
    state: Option<State>,
    kind: Option<String>,
    label: Option<Tag>,
    batch: Option<Tag>,
    after: Option<i64>,
    limit: Option<u32>,
}

impl ListRequest {
    /// The filter that is meant. `what` continues "could not ..." where the query is wrong.
    pub(super) fn filter_of(
        what: &str,
        query: Result<Query<Self>, QueryRejection>,
    ) -> Result<Filter, Problem> {
        let refused = |why: String| Problem::bad_request(format!("{what}: {why}"));
        let Query(request) = query.map_err(|refusal| refused(refusal.to_string()))?;
        let limit = page(request.limit).map_err(refused)?;
        let after = TaskId(request.after.unwrap_or(0));
        let Self { tag, state, kind, label, batch, .. } = request;
        Ok(Filter { tag, state, kind, label, batch, after, limit })
    }
}

/// The query of `GET /stats`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatsRequest {
    /// Only this tag.
    pub(super) tag: Option<Tag>,
    /// Only this kind.
    pub(super) kind: Option<String>,
}
