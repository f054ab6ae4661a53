//! The requests that rules are about, in two groups: those that a rule hit, and those that all of them spared.
//!
//! A request is spared when a rule is about it (its path, its command, its statement) and `percent`, `first`, `every` or
//! the toxicity left it alone. What no rule is about is in neither group: it may be of another kind altogether.
//!
//! Counts only grow; who reads them takes differences. A request costs nothing here unless a rule is about it, and then
//! a few counters that all threads share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The group of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A rule hit it.
    Hit,
    /// A rule is about it, and none hit it.
    Spared,
}

/// Both groups.
#[derive(Debug, Default)]
pub struct Groups([Group; 2]);

#[derive(Debug)]
struct Group {
    finished: AtomicU64,
    failed: AtomicU64,
    latency: Box<[AtomicU64]>,
}

/// What is known of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that came to an end, answered or not.
    pub finished: u64,
    /// Those of them that failed: an error was the answer, or there was none or not all of it.
    pub failed: u64,
    /// From the request to the first byte of its answer, where there was one: the most microseconds that count for a
    /// row, and how many requests are in it. Rows are exact below 64 µs, and above that as wide as 1/32 of their value.
    pub latency: Vec<(u64, u64)>,
}

/// Rows of one power of two, as a power of two.
const ROWS_LOG: u32 = 5;
/// Rows in all: up to 2^36 µs, which is 19 hours.
const ROWS: usize = 1024;
const LONGEST: u64 = (1 << 36) - 1;

impl Default for Group {
    fn default() -> Self {
        Self {
            finished: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            latency: (0..ROWS).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Groups {
    /// The counts of one group.
    pub fn counts(&self, side: Side) -> Counts {
        let group = &self.0[side as usize];
        // Those that failed first: they are never more than those that finished.
        let failed = group.failed.load(Ordering::Acquire);
        let rows = group.latency.iter().enumerate();
        Counts {
            finished: group.finished.load(Ordering::Acquire),
            failed,
            latency: rows
                .map(|(row, count)| (most(row), count.load(Ordering::Relaxed)))
                .filter(|(_, count)| *count > 0)
                .collect(),
        }
    }

    fn finish(&self, side: Side, failed: bool, latency: Option<Duration>) {
        let group = &self.0[side as usize];
        if let Some(latency) = latency {
            let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST);
            group.latency[row(micros)].fetch_add(1, Ordering::Relaxed);
        }
        group.finished.fetch_add(1, Ordering::AcqRel);
        if failed {
            group.failed.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Counts {
    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.finished += other.finished;
        self.failed += other.failed;
        for (most, count) in other.latency {
            match self.latency.binary_search_by_key(&most, |(most, _)| *most) {
                Ok(at) => self.latency[at].1 += count,
                Err(at) => self.latency.insert(at, (most, count)),
            }
        }
        self
    }
}

fn row(micros: u64) -> usize {
    let micros = micros.min(LONGEST);
    let shift = micros.checked_ilog2().unwrap_or(0).saturating_sub(ROWS_LOG);
    ((u64::from(shift) << ROWS_LOG) + (micros >> shift)) as usize
}

/// The most microseconds that belong to a row.
fn most(row: usize) -> u64 {
    let row = row as u64;
    let shift = (row >> ROWS_LOG).saturating_sub(1);
    ((row - (shift << ROWS_LOG) + 1) << shift) - 1
}

/// A request that is under way. Dropped without an answer it has failed: its connection ended before.
#[derive(Debug)]
pub(crate) struct Ticket(Option<Open>);

#[derive(Debug)]
struct Open {
    groups: Arc<Groups>,
    side: Side,
    asked: Instant,
}

impl Ticket {
    pub(crate) fn new(groups: &Arc<Groups>, side: Side, asked: Instant) -> Self {
        Self(Some(Open { groups: Arc::clone(groups), side, asked }))
    }

    /// The first byte of its answer passes at this time.
    pub(crate) fn answered(mut self, at: Instant, failed: bool) {
        if let Some(open) = self.0.take() {
            open.groups.finish(open.side, failed, Some(at.saturating_duration_since(open.asked)));
        }
    }

    /// Nobody can say what comes of it.
    pub(crate) fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            open.groups.finish(open.side, true, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_cover_all_times_without_a_gap_and_are_narrow() {
        let mut next = 0;
        for at in 0..ROWS {
            let (least, most) = (next, most(at));
            assert_eq!((row(least), row(most)), (at, at), "{least} to {most}");
            assert!((most - least) * 32 <= most.max(1), "{least} to {most}");
            next = most + 1;
        }
        assert_eq!((next - 1, row(u64::MAX)), (LONGEST, ROWS - 1));
    }

    #[test]
    fn an_answer_has_a_latency_a_lost_request_has_failed_and_a_forgotten_one_is_none() {
        let groups = Arc::new(Groups::default());
        let now = tokio::time::Instant::now().into_std();
        let ticket = |side| Ticket::new(&groups, side, now);
        ticket(Side::Hit).answered(now + Duration::from_micros(40), false);
        ticket(Side::Hit).answered(now + Duration::from_micros(40), true);
        drop(ticket(Side::Spared));
        ticket(Side::Spared).forget();
        assert_eq!(groups.counts(Side::Hit), Counts { finished: 2, failed: 1, latency: vec![(40, 2)] });
        let spared = groups.counts(Side::Spared);
        assert_eq!(spared, Counts { finished: 1, failed: 1, latency: vec![] });
        let both = groups.counts(Side::Hit).and(Counts { latency: vec![(7, 1), (40, 3)], ..spared });
        assert_eq!(both, Counts { finished: 3, failed: 2, latency: vec![(7, 1), (40, 5)] });
    }
}
