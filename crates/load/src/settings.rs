//! What a load is made of.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crate::queue::{PostgresTarget, RedisTarget, SqliteTarget};
use crate::{CommandTarget, HttpTarget, Pattern, PerSecond, Sender};

/// What is loaded.
#[derive(Clone)]
pub enum Target {
    /// Requests over HTTP.
    Http(Box<HttpTarget>),
    /// A program for each request.
    Command(CommandTarget),
    /// Tasks for a queue in Redis.
    Redis(RedisTarget),
    /// Tasks for a queue in PostgreSQL.
    Postgres(PostgresTarget),
    /// Tasks for a queue in SQLite.
    Sqlite(SqliteTarget),
    /// Anything else.
    Other(Arc<dyn Sender>),
}

/// A load before it starts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is loaded.
    pub target: Target,
    /// When requests are due.
    pub pattern: Pattern,
    /// Requests without an answer at the same time. One that is due beyond that is not sent and counts as
    /// [`Failure::Ceiling`](crate::Failure::Ceiling): the system did not keep up.
    pub max_in_flight: NonZeroUsize,
    /// No more requests than this are started in any second. What is due beyond that waits for its turn, as it may
    /// after a pause of this process.
    pub max_rate: Option<PerSecond>,
    /// The load ends by itself when this many requests were due.
    pub max_total: Option<u64>,
    /// A request is given up this long after it was sent.
    pub timeout: Duration,
    /// Requests that are due in this time from the start are sent and not counted.
    pub warm_up: Duration,
    /// A request that got no answer is sent again up to so many times, within its timeout.
    pub retries: u32,
    /// What chance draws from.
    pub seed: u64,
}

impl Settings {
    /// At most 1000 requests in flight, 10 s for each, no end, no warm-up, no retries.
    pub fn new(target: Target, pattern: Pattern) -> Self {
        Self {
            target,
            pattern,
            max_in_flight: NonZeroUsize::new(1000).expect("1000 is not zero"),
            max_rate: None,
            max_total: None,
            timeout: Duration::from_secs(10),
            warm_up: Duration::ZERO,
            retries: 0,
            seed: 0,
        }
    }
}

/// Without addresses and bodies: they may hold secrets.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http(_) => "Http",
            Self::Command(_) => "Command",
            Self::Redis(_) => "Redis",
            Self::Postgres(_) => "Postgres",
            Self::Sqlite(_) => "Sqlite",
            Self::Other(_) => "Other",
        })
    }
}
