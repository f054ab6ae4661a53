//! The signals that ask a process of the lab to end gently.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::LabError;

/// SIGTERM from a supervisor, SIGINT from a terminal.
pub(crate) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// Takes both signals over. Needs a runtime.
    pub(crate) fn new() -> Result<Self, LabError> {
        let take = |kind| signal(kind).map_err(|source| LabError::Start { what: "signal handlers", source });
        Ok(Self { terminate: take(SignalKind::terminate())?, interrupt: take(SignalKind::interrupt())? })
    }

    /// Waits for either.
    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
