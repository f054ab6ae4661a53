//! What a task does when a worker runs it.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::TaskId;
use crate::post::{Endpoint, Post};

mod cpu;
mod memory;

pub use memory::Mebibytes;

/// A webhook has this long for its answer.
const WEBHOOK_LIMIT: Duration = Duration::from_secs(10);

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

/// What is done, and how it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It waits, and succeeds.
    Sleep,
    /// It uses a processor for the time, and succeeds.
    Cpu,
    /// It holds so much memory for the time, and succeeds if there is so much.
    Memory(Mebibytes),
    /// It fails each time, so the task is dead-lettered.
    FailAlways,
    /// It fails in this share of the attempts, drawn from the task and the attempt: the same ones in each run.
    Flaky(Percent),
    /// After the time it is sent as JSON to a receiver on this machine, and succeeds if that answers 2xx.
    Webhook(Endpoint),
}

impl Kind {
    /// The name in the API and in the queue's file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sleep => "sleep",
            Self::Cpu => "cpu",
            Self::Memory(_) => "memory",
            Self::FailAlways => "fail-always",
            Self::Flaky(_) => "flaky",
            Self::Webhook(_) => "webhook",
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
    /// Does the work. The answer is what the task's `result` will say. Dropped, it stops.
    pub(crate) async fn perform(
        &self,
        task: TaskId,
        attempt: u32,
        post: &Post,
    ) -> Result<String, WorkFailed> {
        match &self.kind {
            Kind::Cpu => cpu::burn(self.takes).await,
            Kind::Memory(mebibytes) => memory::hold(*mebibytes, self.takes).await,
            Kind::Sleep => {
                sleep(self.takes).await;
                Ok(format!("slept {} ms", self.takes.as_millis()))
            }
            Kind::FailAlways => {
                sleep(self.takes).await;
                Err(WorkFailed("this kind always fails".into()))
            }
            Kind::Flaky(Percent(share)) => {
                sleep(self.takes).await;
                if dice(task, attempt).random_range(0..100) < *share {
                    Err(WorkFailed(format!("flaky at {share} %: this attempt fails")))
                } else {
                    Ok(format!("held at attempt {attempt}"))
                }
            }
            Kind::Webhook(endpoint) => {
                sleep(self.takes).await;
                let message = serde_json::json!({"task": task, "attempt": attempt}).to_string();
                // All attempts have one key, so that the receiver can tell a repeated message from a new one.
                let key = format!("task-{}", task.0);
                let sent = post.send(endpoint, &key, message.into_bytes(), WEBHOOK_LIMIT).await;
                sent.map(|()| format!("delivered to {endpoint}"))
                    .map_err(|failed| WorkFailed(format!("could not {failed}")))
            }
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
            failed.push(work.perform(TaskId(id), 1, &Post::new()).await.is_err());
        }
        let share = failed.iter().filter(|failed| **failed).count();
        assert!((240..360).contains(&share), "{share} of 1000");
        for id in 0..1000 {
            assert_eq!(
                work.perform(TaskId(id), 1, &Post::new()).await.is_err(),
                failed[usize::try_from(id).unwrap()]
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn sleep_takes_its_time_and_fail_always_fails() {
        let start = tokio::time::Instant::now();
        let takes = Duration::from_millis(200);
        assert!(Work { kind: Kind::Sleep, takes }.perform(TaskId(1), 1, &Post::new()).await.is_ok());
        assert!(start.elapsed() >= takes);
        assert!(Work { kind: Kind::FailAlways, takes }.perform(TaskId(1), 1, &Post::new()).await.is_err());
    }

    #[tokio::test]
    async fn cpu_work_uses_a_processor_and_stops_when_it_is_dropped() {
        let takes = Duration::from_millis(50);
        let began = processor_time();
        let answer = Work { kind: Kind::Cpu, takes }.perform(TaskId(1), 1, &Post::new()).await.unwrap();
        assert!(answer.contains("hashes"), "{answer}");
        assert!(processor_time().saturating_sub(began) >= takes);
        let endless = Work { kind: Kind::Cpu, takes: Duration::from_hours(1) };
        let post = Post::new();
        let work = endless.perform(TaskId(1), 1, &post);
        assert!(tokio::time::timeout(Duration::from_millis(20), work).await.is_err());
        // The end of the runtime waits for its blocking threads: a thread that goes on would hold this test.
    }

    fn processor_time() -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
    }

    #[tokio::test]
    async fn memory_work_is_resident_while_it_is_held() {
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
        };
        let before = resident();
        let work =
            Work { kind: Kind::Memory(Mebibytes::try_from(256).unwrap()), takes: Duration::from_hours(1) };
        let post = Post::new();
        let mut work = std::pin::pin!(work.perform(TaskId(1), 1, &post));
        let look = async {
            while resident() < before + 250 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let seen = tokio::time::timeout(Duration::from_secs(30), async {
            tokio::select! {
                _ = &mut work => panic!("it holds the memory for an hour"),
                () = look => {}
            }
        });
        seen.await.expect("256 MiB become resident");
        assert!(Mebibytes::try_from(0).is_err() && Mebibytes::try_from(1025).is_err());
    }
}
