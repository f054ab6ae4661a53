//! The queue's figures, read from its store alone: they are there while the API is not.

use serde::{Deserialize, Serialize};

use crate::{Millis, Tag};

/// Waiting times are those of this many newest completions.
pub(super) const NEWEST: u32 = 200;

/// Which tasks to look at. Nothing said: all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only this tag.
    pub tag: Option<Tag>,
    /// Only kinds with this name.
    pub kind: Option<String>,
}

/// A kept count of one tag and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The tag.
    pub tag: String,
    /// Name of the kind.
    pub kind: String,
    /// A state (`queued`, `running`, `done`, `dead`, `purged`), or `retries`, `duplicates`, `fenced`, `late`.
    pub name: String,
    /// How many.
    pub n: u64,
}

/// The queue at one moment. Counts are of tasks, times in seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// The tag that was asked for; none: all tags.
    pub tag: Option<String>,
    /// The kind that was asked for; none: all kinds.
    #[serde(default)]
    pub kind: Option<String>,
    /// All tasks that were ever put in.
    pub total: u64,
    /// Waiting for a worker or for their next try.
    pub queued: u64,
    /// Held by a worker, or by one that is gone.
    pub running: u64,
    /// Completed.
    pub done: u64,
    /// In the dead-letter queue.
    pub dead: u64,
    /// Thrown away from the dead-letter queue.
    pub purged: u64,
    /// Work that is left: queued and running.
    pub depth: u64,
    /// Running, but the lease has ended and nobody took the task over.
    pub stuck: u64,
    /// Attempts after a first one: after failures and after lost leases.
    pub retries: u64,
    /// Completions that were refused because the task was already done.
    pub duplicates: u64,
    /// Ends of attempts that were refused because another attempt had the task.
    pub fenced: u64,
    /// Tasks that ended after their deadline, done or dead.
    pub late: u64,
    /// Age of the oldest queued task; none when nothing is queued.
    pub oldest_queued_s: Option<f64>,
    /// Median time from submission to the start of the attempt that completed, over the last 200 completions.
    pub waiting_p50_s: Option<f64>,
    /// The same, 95th percentile.
    pub waiting_p95_s: Option<f64>,
}

/// What a store reads for [`Stats`] beside the kept counts.
pub(super) struct Reading {
    /// Running, with a lease that ended too long ago.
    pub(super) stuck: u64,
    /// When the oldest queued task was put in.
    pub(super) oldest: Option<Millis>,
    /// Waiting times of the newest completions in milliseconds, in any order.
    pub(super) waits: Vec<i64>,
}

impl Stats {
    /// The figures of `scope` from kept counts, which are those of the scope, and what else was read.
    pub(super) fn of(
        scope: &Scope,
        counts: impl IntoIterator<Item = (String, u64)>,
        mut reading: Reading,
        now: Millis,
    ) -> Self {
        let tag = scope.tag.as_ref().map(|tag| tag.as_str().to_owned());
        let mut stats = Self { tag, kind: scope.kind.clone(), stuck: reading.stuck, ..Self::default() };
        for (name, n) in counts {
            match name.as_str() {
                "queued" => stats.queued += n,
                "running" => stats.running += n,
                "done" => stats.done += n,
                "dead" => stats.dead += n,
                "purged" => stats.purged += n,
                "retries" => stats.retries += n,
                "duplicates" => stats.duplicates += n,
                "fenced" => stats.fenced += n,
                "late" => stats.late += n,
                _ => {}
            }
        }
        stats.depth = stats.queued + stats.running;
        stats.total = stats.depth + stats.done + stats.dead + stats.purged;
        stats.oldest_queued_s = reading.oldest.map(|created| now.seconds_since(created));
        reading.waits.sort_unstable();
        stats.waiting_p50_s = rank(&reading.waits, 50);
        stats.waiting_p95_s = rank(&reading.waits, 95);
        stats
    }
}

/// The nearest-rank percentile of ascending milliseconds, in seconds.
fn rank(ascending: &[i64], percent: usize) -> Option<f64> {
    let rank = (ascending.len() * percent).div_ceil(100);
    ascending.get(rank.saturating_sub(1)).map(|millis| *millis as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let waits: Vec<i64> = (1..=20).map(|n| n * 1000).collect();
        assert_eq!(rank(&waits, 50), Some(10.0));
        assert_eq!(rank(&waits, 95), Some(19.0));
        assert_eq!(rank(&waits[..1], 95), Some(1.0));
        assert_eq!(rank(&[], 50), None);
    }
}
