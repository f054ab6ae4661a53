//! Pausing a process by signal, and letting it go on: a paired verb, each measured (F7).

use std::time::Duration;

use super::{Process, ProcessError, State};
use crate::signal::Signal;
use crate::wait;

impl Process {
    /// Stops it with SIGSTOP and waits until it is stopped. [`Process::resume`] is the undo.
    pub fn pause(self, timeout: Duration) -> Result<(), ProcessError> {
        self.signal(Signal::Stop)?;
        let mut last = State::Running;
        let paused = wait::until(timeout, || {
            last = self.stat()?.state;
            if matches!(last, State::Zombie | State::Dead) {
                return Err(ProcessError::Gone { pid: self.pid });
            }
            Ok(last.is_halted().then_some(()))
        })?;
        paused.ok_or(ProcessError::NotPaused { pid: self.pid, timeout, state: last })
    }

    /// Has it go on with SIGCONT and waits until it is no longer stopped. Harmless if it never was,
    /// or is gone. Returns the proof.
    pub fn resume(self, timeout: Duration) -> Result<String, ProcessError> {
        let pid = self.pid;
        self.signal(Signal::Cont)?;
        let mut last = State::Stopped;
        let proof = wait::until(timeout, || {
            Ok::<_, ProcessError>(match self.state()? {
                None | Some(State::Zombie | State::Dead) => Some(format!("process {pid} is gone")),
                Some(state) if state.is_halted() => {
                    last = state;
                    None
                }
                Some(state) => Some(format!("process {pid} is {state}")),
            })
        })?;
        proof.ok_or(ProcessError::NotResumed { pid, timeout, state: last })
    }
}

impl State {
    /// Whether a signal or a debugger holds it.
    pub fn is_halted(self) -> bool {
        matches!(self, Self::Stopped | Self::Traced)
    }
}
