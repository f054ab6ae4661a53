//! Lines of a log that match a pattern, since the reading before.

mod lines;
mod tail;

use regex::bytes::Regex;
use squall_model::measure::Outcome;
use squall_model::template::Template;
use squall_model::unit::Unit;
use tokio::task::{JoinHandle, spawn_blocking};

use self::tail::Tail;
use crate::error::ProbeError;
use crate::json;
use crate::prober::{fill, pattern};
use crate::surroundings::Surroundings;
use crate::unread::Unread;

/// A file can block whoever reads it for ever (a dead network mount), so that is left to another
/// thread. A reading that timed out goes on there, and the next reading waits for it.
pub(crate) struct Log {
    work: Option<JoinHandle<(Follower, Result<(), Unread>)>>,
    follower: Option<Follower>,
}

struct Follower {
    tail: Tail,
    pattern: Regex,
    /// Lines that matched and were not yet part of a reading.
    matched: u64,
}

impl Log {
    pub(crate) fn new(file: &Template, text: &str, known: &dyn Surroundings) -> Result<Self, ProbeError> {
        let tail = Tail::at_end_of(fill(known, "path of the log", file)?.into());
        let follower = Follower { tail, pattern: pattern(text)?, matched: 0 };
        Ok(Self { work: None, follower: Some(follower) })
    }

    /// What was counted before a reading failed is part of the next one.
    pub(crate) async fn read(&mut self) -> Result<Outcome, Unread> {
        if self.follower.is_none() {
            self.finished().await?.ok();
        }
        if let Some(mut follower) = self.follower.take() {
            self.work = Some(spawn_blocking(move || {
                let outcome = follower.follow();
                (follower, outcome)
            }));
        }
        self.finished().await??;
        let follower = self.follower.as_mut().ok_or_else(lost)?;
        json::number(std::mem::take(&mut follower.matched) as f64, Unit::Number)
    }

    /// Waits for the other thread. May be dropped while it waits.
    async fn finished(&mut self) -> Result<Result<(), Unread>, Unread> {
        let work = self.work.as_mut().ok_or_else(lost)?;
        let done = work.await;
        self.work = None;
        let (follower, outcome) = done.map_err(|_| lost())?;
        self.follower = Some(follower);
        Ok(outcome)
    }
}

impl Follower {
    fn follow(&mut self) -> Result<(), Unread> {
        let Self { tail, pattern, matched } = self;
        tail.follow(&mut |line| *matched += u64::from(pattern.is_match(line)))
    }
}

fn lost() -> Unread {
    "the thread that reads the log is gone".into()
}
