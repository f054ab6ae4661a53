//! Where a queue is, as people write it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::sqlite::SqliteQueue;
use super::{Access, Queue, QueueError};

/// Where a queue is: `redis://HOST:PORT/NUMBER`, `postgres://USER@HOST:PORT/NAME`, or a file of SQLite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file.
    File(PathBuf),
}

/// The text is no place for a queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no place for a queue: {why}; write a FILE, redis://HOST:PORT/NUMBER or postgres://USER@HOST:PORT/NAME"
)]
pub struct LocationMistake {
    text: String,
    why: &'static str,
}

impl FromStr for Location {
    type Err = LocationMistake;

    fn from_str(text: &str) -> Result<Self, LocationMistake> {
        let mistake = |why| LocationMistake { text: text.escape_debug().take(200).collect(), why };
        match text.split_once("://") {
            _ if text.is_empty() => Err(mistake("it is empty")),
            Some(("redis" | "postgres" | "postgresql", _)) => Err(mistake("this store is not built in yet")),
            Some(_) => Err(mistake("this scheme is not known")),
            None => Ok(Self::File(text.into())),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(to),
        }
    }
}

impl Location {
    /// Opens the queue.
    pub fn open(&self, access: Access) -> Result<Box<dyn Queue>, QueueError> {
        Ok(match self {
            Self::File(path) => Box::new(SqliteQueue::open(path, access)?),
        })
    }

    /// Whether the queue is kept by another process, which may be down.
    pub(super) fn is_remote(&self) -> bool {
        !matches!(self, Self::File(_))
    }
}
