//! Tasks for job queues.

mod postgres;
mod redis;
mod sqlite;

use std::error::Error;
use std::sync::Arc;

pub use self::postgres::PostgresTarget;
pub use self::redis::{RedisQueue, RedisTarget};
pub use self::sqlite::SqliteTarget;

/// Only a server that is spoken to over TLS shows a certificate.
fn needless(form: &str) -> QueueMistake {
    QueueMistake::Certificates(format!("the address asks for no TLS: {form} does"))
}

/// Whether a certificate was not accepted, or the other side speaks no TLS.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        // The Redis client shares its causes.
        let error: &(dyn Error + 'static) = match error.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
            Some(shared) => &**shared,
            None => error,
        };
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if error.is::<rustls::Error>() || inner.is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The queue cannot be used. Addresses are not repeated: they may hold passwords.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueMistake {
    /// No address of such a server.
    #[error("the address of the queue cannot be read: {0}")]
    Address(String),
    /// The database could not be opened.
    #[error("the database cannot be used: {0}")]
    Open(String),
    /// Nobody could be trusted, or nobody needs to be.
    #[error("the certificates to trust cannot be used: {0}")]
    Certificates(String),
    /// The statement does not fit.
    #[error("the statement cannot be used: {0}")]
    Statement(String),
}
