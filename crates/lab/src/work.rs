//! What a task does when a worker runs it.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::TaskId;

/// A share of 100, whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Percent(u8);

impl TryFrom<u8> for Percent {
    type Error = String;

    fn try_from(value: u8) -> Result<Self, String> {
        if value <= 100 { Ok(Self(value)) } else { Err(format!("{value} is more than 100 percent")) }
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> u8 {
        percent.0
    }
}

/// How the work ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It succeeds.
    Sleep,
    /// It fails each time, so the task is dead-lettered.
    FailAlways,
    /// It fails in this share of the attempts, drawn from the task and the attempt: the same ones in each run.
    Flaky(Percent),
}

impl Kind {
    /// The name in the API and in the queue's file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sleep => "sleep",
            Self::FailAlways => "fail-always",
            Self::Flaky(_) => "flaky",
        }
    }
}

/// What a task does: it takes its time, then it succeeds or fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// How it ends.
    pub kind: Kind,
    /// How long it takes, in whole milliseconds.
    #[serde(rename = "work_ms", with = "as_millis")]
    pub takes: Duration,
}

/// The work was done to its end and failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WorkFailed(pub String);

impl Work {
    /// Does the work. The answer is what the task's `result` will say.
    pub async fn perform(&self, task: TaskId, attempt: u32) -> Result<String, WorkFailed> {
        tokio::time::sleep(self.takes).await;
        match &self.kind {
            Kind::Sleep => Ok(format!("slept {} ms", self.takes.as_millis())),
            Kind::FailAlways => Err(WorkFailed("this kind always fails".into())),
            Kind::Flaky(Percent(share)) if dice(task, attempt).random_range(0..100) < *share => {
                Err(WorkFailed(format!("flaky at {share} %: this attempt fails")))
            }
            Kind::Flaky(_) => Ok(format!("held at attempt {attempt}")),
        }
    }
}

/// The random numbers of one attempt: the same in every run, different between tasks.
pub(crate) fn dice(task: TaskId, attempt: u32) -> SmallRng {
    SmallRng::seed_from_u64((task.0.cast_unsigned() << 16) ^ u64::from(attempt))
}

mod as_millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn flaky_work_fails_in_about_its_share_and_the_same_attempts_each_time() {
        let work = Work { kind: Kind::Flaky(Percent(30)), takes: Duration::from_millis(10) };
        let mut failed = Vec::new();
        for id in 0..1000 {
            failed.push(work.perform(TaskId(id), 1).await.is_err());
        }
        let share = failed.iter().filter(|failed| **failed).count();
        assert!((240..360).contains(&share), "{share} of 1000");
        for id in 0..1000 {
            assert_eq!(work.perform(TaskId(id), 1).await.is_err(), failed[usize::try_from(id).unwrap()]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn sleep_takes_its_time_and_fail_always_fails() {
        let start = tokio::time::Instant::now();
        let takes = Duration::from_millis(200);
        assert!(Work { kind: Kind::Sleep, takes }.perform(TaskId(1), 1).await.is_ok());
        assert!(start.elapsed() >= takes);
        assert!(Work { kind: Kind::FailAlways, takes }.perform(TaskId(1), 1).await.is_err());
    }
}
