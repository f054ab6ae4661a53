//! Where a queue is, as people write it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::postgres::{PostgresPlace, PostgresQueue};
use super::redis::{RedisPlace, RedisQueue};
use super::sqlite::SqliteQueue;
use super::{Access, Queue, QueueError};

/// Where a queue is: `redis://HOST:PORT/NUMBER`, `postgres://USER@HOST:PORT/NAME`, or a file of SQLite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file.
    File(PathBuf),
    /// A Redis server.
    Redis(RedisPlace),
    /// A database of a PostgreSQL server.
    Postgres(Box<PostgresPlace>),
}

/// The text is no place for a queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no place for a queue: {why}; write a FILE, redis://HOST:PORT/NUMBER or postgres://USER@HOST:PORT/NAME"
)]
pub struct LocationMistake {
    text: String,
    why: String,
}

impl FromStr for Location {
    type Err = LocationMistake;

    fn from_str(text: &str) -> Result<Self, LocationMistake> {
        let mistake = |why: String| LocationMistake {
            text: without_password(text).escape_debug().take(200).collect(),
            why,
        };
        match text.split_once("://") {
            _ if text.is_empty() => Err(mistake("it is empty".to_owned())),
            Some(("redis" | "redis+unix", _)) => RedisPlace::read(text).map(Self::Redis).map_err(mistake),
            Some(("postgres" | "postgresql", _)) => {
                PostgresPlace::read(text).map(|place| Self::Postgres(Box::new(place))).map_err(mistake)
            }
            Some((scheme, _)) => Err(mistake(format!("`{}` is no known scheme", scheme.escape_debug()))),
            None => Ok(Self::File(text.into())),
        }
    }
}

/// A mistake is shown on terminals and in logs.
fn without_password(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://...@{host}"),
        _ => text.to_owned(),
    }
}

impl fmt::Display for Location {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(to),
            Self::Redis(place) => place.fmt(to),
            Self::Postgres(place) => place.fmt(to),
        }
    }
}

impl Location {
    /// Opens the queue.
    pub fn open(&self, access: Access) -> Result<Box<dyn Queue>, QueueError> {
        Ok(match self {
            Self::File(path) => Box::new(SqliteQueue::open(path, access)?),
            Self::Redis(place) => Box::new(RedisQueue::open(place, access)?),
            Self::Postgres(place) => Box::new(PostgresQueue::open(place, access)?),
        })
    }

    /// Whether the queue is kept by another process, which may be down.
    pub(crate) fn is_remote(&self) -> bool {
        !matches!(self, Self::File(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_or_the_address_of_a_server_and_is_shown_without_its_password() {
        for (text, shown) in [
            ("queue.db", "queue.db"),
            ("/tmp/a b.db", "/tmp/a b.db"),
            ("redis://127.0.0.1:7000/3", "redis://127.0.0.1:7000/3"),
            ("redis://user:secret@127.0.0.1", "redis://127.0.0.1:6379/0"),
            ("redis+unix:///tmp/r.sock?db=2", "redis+unix:///tmp/r.sock?db=2"),
            ("postgres://lab:secret@127.0.0.1:7001/lab", "postgres://127.0.0.1:7001/lab"),
            ("postgresql://lab@/lab?host=/tmp/pg", "postgres:///tmp/pg/lab"),
        ] {
            let location: Location = text.parse().unwrap();
            assert_eq!(location.to_string(), shown);
            assert!(!format!("{location}").contains("secret"));
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_reason_and_without_the_password() {
        for (text, reason) in [
            ("", "it is empty"),
            ("mysql://127.0.0.1/lab", "`mysql` is no known scheme"),
            ("redis://user:secret@127.0.0.1:port", "no place for a queue"),
            ("redis://127.0.0.1/x", "no place for a queue"),
            ("postgres://lab:secret@127.0.0.1:port/lab", "no place for a queue"),
            ("postgres:///lab", "names no host"),
        ] {
            let mistake = text.parse::<Location>().unwrap_err().to_string();
            assert!(mistake.contains(reason) && mistake.contains("redis://HOST"), "{text}: {mistake}");
            assert!(!mistake.contains("secret"), "{mistake}");
        }
    }
}
