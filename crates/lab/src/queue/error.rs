//! What can go wrong with the queue.

use std::error::Error;
use std::sync::Arc;

/// What the store said.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why the queue did not answer. Each text continues "could not ...".
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueueError {
    /// There is no such queue, or not any more.
    #[error("find the queue {queue}")]
    Missing {
        /// Where it should be.
        queue: String,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// The queue could not be opened or its server could not be reached.
    #[error("open the queue {queue}")]
    Open {
        /// Where it is.
        queue: String,
        /// Whether it may be there again by itself.
        chance: Chance,
        /// What the store said.
        #[source]
        source: Cause,
    },
    /// Something else is there.
    #[error("use {queue} as a queue: it is a database of something else, or of another version")]
    Foreign {
        /// Where.
        queue: String,
    },
    /// A statement failed.
    #[error("{doing}")]
    Statement {
        /// What was being done.
        doing: &'static str,
        /// Whether it may succeed later.
        chance: Chance,
        /// What the store said.
        #[source]
        source: Cause,
    },
    /// What the store holds cannot be read.
    #[error("understand the queue: {what}")]
    Garbled {
        /// What was found.
        what: String,
    },
    /// The thread that owns the connection has ended.
    #[error("ask the queue: its thread has ended")]
    Stopped,
}

/// Whether trying again later can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chance {
    /// A locked file, a full disk, a server that is down: it may pass.
    Later,
    /// A damaged file, a refused password: it will not.
    Never,
}

impl QueueError {
    /// Whether this cannot pass by itself: the queue is gone, is none or is damaged.
    /// A locked file, a full disk, a failing read or a server that does not answer may pass.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::Foreign { .. } | Self::Garbled { .. } | Self::Stopped => true,
            Self::Open { chance, .. } | Self::Statement { chance, .. } => *chance == Chance::Never,
        }
    }
}
