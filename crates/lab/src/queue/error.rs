//! What can go wrong with the queue's file.

use std::io;
use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why the queue did not answer. Each text continues "could not ...".
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// No such file, or not any more.
    #[error("find the queue {}", path.display())]
    Missing {
        /// The name that was tried.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file could not be opened as a database.
    #[error("open the queue {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// A database, but of something else.
    #[error("use {} as a queue: it is a database of something else, or of another version", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A statement failed.
    #[error("{doing}")]
    Statement {
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The thread that owns the connection has ended.
    #[error("ask the queue: its thread has ended")]
    Stopped,
}

impl QueueError {
    /// Whether this cannot pass by itself: the file is gone or is no queue.
    /// A locked file, a full disk or a failing read may pass.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::Foreign { .. } | Self::Stopped => true,
            Self::Open { source, .. } | Self::Statement { source, .. } => {
                matches!(
                    source.sqlite_error_code(),
                    Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::PermissionDenied)
                )
            }
        }
    }
}

/// Says what was being done when SQLite refused.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, QueueError>;
}

impl<T> Doing<T> for Result<T, rusqlite::Error> {
    fn doing(self, doing: &'static str) -> Result<T, QueueError> {
        self.map_err(|source| QueueError::Statement { doing, source })
    }
}
