//! Tasks for job queues.

mod postgres;
mod redis;
mod sqlite;

pub use self::postgres::PostgresTarget;
pub use self::redis::{RedisQueue, RedisTarget};
pub use self::sqlite::SqliteTarget;

/// The queue cannot be used. Addresses are not repeated: they may hold passwords.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueMistake {
    /// No address of such a server.
    #[error("the address of the queue cannot be read: {0}")]
    Address(String),
    /// The database could not be opened.
    #[error("the database cannot be used: {0}")]
    Open(String),
    /// The statement does not fit.
    #[error("the statement cannot be used: {0}")]
    Statement(String),
}
