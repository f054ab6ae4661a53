//! What can go wrong with a command of the lab.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::{AccountError, QueueError};

/// Why a command of the lab ended. Each text continues "could not ...".
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The queue could not be opened, read or written.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The address is taken or not ours.
    #[error("listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The server ended by itself.
    #[error("serve the API")]
    Serve(#[source] io::Error),
    /// No runtime, thread or signal handler.
    #[error("start: {what}")]
    Start {
        /// The part that was missing.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A worker lost its queue for good.
    #[error("work on the queue: out of reach for {seconds} s")]
    QueueLost {
        /// How long the worker kept trying.
        seconds: u64,
        /// What the last try met.
        #[source]
        source: QueueError,
    },
    /// Accounts could not be opened, read or written.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// No password was given, or none that can be taken.
    #[error("read the password from the standard input: {0}")]
    Password(String),
    /// A file for what was received could not be opened.
    #[error("open the log {}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The output is gone.
    #[error("write the answer")]
    Output(#[source] io::Error),
}

/// The error with all its causes, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}
