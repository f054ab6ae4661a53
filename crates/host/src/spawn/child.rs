//! A program that we have started, until we have seen its end.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use super::SpawnError;
use crate::exit::Exit;
use crate::process::{Process, ProcessError};

/// A program that we have started. Dropping it neither ends nor reaps it.
#[derive(Debug)]
pub struct Child {
    process: Process,
    pidfd: OwnedFd,
    inner: std::process::Child,
}

impl Child {
    pub(super) fn new(inner: std::process::Child) -> Result<Self, ProcessError> {
        let pid = inner.id();
        // Nobody but us can reap it, so the number is still its own, also if it has ended already.
        let process = Process::of(pid)?.ok_or(ProcessError::Gone { pid })?;
        let pidfd = rustix::process::pidfd_open(
            rustix::process::Pid::from_child(&inner),
            rustix::process::PidfdFlags::empty(),
        )
        .map_err(|error| ProcessError::Open { pid, source: error.into() })?;
        Ok(Self { process, pidfd, inner })
    }

    /// Who it is.
    pub fn process(&self) -> Process {
        self.process
    }

    /// A descriptor that becomes readable when it ends.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Takes what it writes to stdout, once, if that was asked for as a pipe.
    pub fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.inner.stdout.take()
    }

    /// Takes what it writes to stderr, once, if that was asked for as a pipe.
    pub fn take_stderr(&mut self) -> Option<std::process::ChildStderr> {
        self.inner.stderr.take()
    }

    /// How it ended, which also reaps it. `None`: it still runs.
    pub fn try_wait(&mut self) -> Result<Option<Exit>, SpawnError> {
        match self.inner.try_wait() {
            Ok(status) => Ok(status.map(Exit::from)),
            Err(source) => Err(SpawnError::Wait { pid: self.process.pid, source }),
        }
    }

    /// Waits for its end and reaps it. `None`: it still runs after `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Result<Option<Exit>, SpawnError> {
        match self.process.wait_gone(timeout) {
            Ok(()) | Err(ProcessError::StillThere { .. }) => self.try_wait(),
            Err(error) => {
                Err(SpawnError::Wait { pid: self.process.pid, source: std::io::Error::other(error) })
            }
        }
    }
}
