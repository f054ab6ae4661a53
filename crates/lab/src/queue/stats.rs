//! The queue's figures, read from its file alone: they are there while the API is not.

use std::time::Duration;

use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::{Doing, QueueError, View};
use crate::{Millis, Tag};

/// Waiting times are those of this many newest completions.
const NEWEST: u32 = 200;

/// The queue at one moment. Counts are of tasks, times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// The tag that was asked for; none: all tags.
    pub tag: Option<String>,
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
    /// Age of the oldest queued task; none when nothing is queued.
    pub oldest_queued_s: Option<f64>,
    /// Median time from submission to the start of the attempt that completed, over the last 200 completions.
    pub waiting_p50_s: Option<f64>,
    /// The same, 95th percentile.
    pub waiting_p95_s: Option<f64>,
}

impl View {
    /// The figures, of one tag or of all. A task is `stuck` when its lease ended more than `stuck_after` ago.
    pub fn stats(&self, tag: Option<&Tag>, stuck_after: Duration, now: Millis) -> Result<Stats, QueueError> {
        // One read transaction: all figures are of the same moment.
        let read = self.connection.unchecked_transaction().doing("read the queue's figures")?;
        let tag = tag.map(Tag::as_str);
        let mut stats = Stats {
            tag: tag.map(str::to_owned),
            total: 0,
            queued: 0,
            running: 0,
            done: 0,
            dead: 0,
            depth: 0,
            stuck: 0,
            retries: 0,
            duplicates: 0,
            fenced: 0,
            oldest_queued_s: None,
            waiting_p50_s: None,
            waiting_p95_s: None,
        };
        let mut tally = read
            .prepare_cached("SELECT name, sum(n) FROM tally WHERE ?1 IS NULL OR tag = ?1 GROUP BY name")
            .doing("read the tally")?;
        let rows = tally
            .query_map([tag], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .doing("read the tally")?;
        for (name, n) in rows {
            let n = n.cast_unsigned();
            match name.as_str() {
                "queued" => stats.queued = n,
                "running" => stats.running = n,
                "done" => stats.done = n,
                "dead" => stats.dead = n,
                "retries" => stats.retries = n,
                "duplicates" => stats.duplicates = n,
                "fenced" => stats.fenced = n,
                _ => {}
            }
        }
        stats.depth = stats.queued + stats.running;
        stats.total = stats.depth + stats.done + stats.dead;
        stats.stuck = read
            .query_row(
                "SELECT count(*) FROM tasks WHERE state = 'running' AND lease_until < ?1 AND (?2 IS NULL OR tag = ?2)",
                params![now.minus(stuck_after).0, tag],
                |row| row.get::<_, i64>(0),
            )
            .doing("look for stuck tasks")?
            .cast_unsigned();
        stats.oldest_queued_s = self.oldest(tag)?.map(|created| now.seconds_since(created));
        let waits = self.waits(tag)?;
        stats.waiting_p50_s = rank(&waits, 50);
        stats.waiting_p95_s = rank(&waits, 95);
        Ok(stats)
    }

    fn oldest(&self, tag: Option<&str>) -> Result<Option<Millis>, QueueError> {
        // A lookup in the index for each tag that has queued tasks, never a scan of the tasks.
        let look = "SELECT min((SELECT min(created) FROM tasks WHERE state = 'queued' AND tag = tally.tag))
                    FROM tally WHERE name = 'queued' AND n > 0 AND (?1 IS NULL OR tag = ?1)";
        let oldest = self.connection.query_row(look, [tag], |row| row.get::<_, Option<i64>>(0));
        Ok(oldest.doing("look for the oldest task")?.map(Millis))
    }

    /// Milliseconds, ascending.
    fn waits(&self, tag: Option<&str>) -> Result<Vec<i64>, QueueError> {
        let (tag_is, doing) =
            (if tag.is_some() { "tag = ?1" } else { "?1 IS NULL" }, "read the newest completions");
        let look =
            format!("SELECT waited FROM completions WHERE {tag_is} ORDER BY number DESC LIMIT {NEWEST}");
        let mut look = self.connection.prepare_cached(&look).doing(doing)?;
        let mut waits: Vec<i64> =
            look.query_map([tag], |row| row.get(0)).and_then(Iterator::collect).doing(doing)?;
        waits.sort_unstable();
        Ok(waits)
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
