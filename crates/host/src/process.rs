//! A process of this machine: who it is, what it does, and how to send it a signal.

pub(crate) mod facts;
mod pause;

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::proc::{ProcDir, Stat, is_gone};
use crate::signal::Signal;

/// A process, told apart from a later one with the same number by its start time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Process {
    /// The number, in our PID namespace.
    pub pid: u32,
    /// When it started: clock ticks since boot, field 22 of proc_pid_stat(5).
    pub started: u64,
}

/// What a process is doing, proc_pid_stat(5) field 3.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// On a core or ready to be.
    Running,
    /// Waiting for an event.
    Sleeping,
    /// Waiting without listening to signals, mostly for a disk; also a process that a v1 freezer holds.
    DiskSleep,
    /// Stopped by a signal.
    Stopped,
    /// Stopped by a debugger.
    Traced,
    /// Ended, not yet reaped by its parent.
    Zombie,
    /// On its way out.
    Dead,
    /// A kernel thread with nothing to do.
    Idle,
    /// A letter that proc(5) does not name.
    Other(char),
}

/// What became of a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// The kernel took it.
    Sent,
    /// The process was gone already, or a zombie.
    AlreadyGone,
}

/// What could not be done with a process.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It has ended, or its number belongs to another one now.
    #[error("find process {pid}: it is gone")]
    Gone {
        /// Its number.
        pid: u32,
    },
    /// The number is that of a thread, or zero, or out of range.
    #[error("take {pid} as a process: it is not the number of a process")]
    NotAProcess {
        /// The number.
        pid: u32,
    },
    /// A fact could not be read.
    #[error("read {what} of process {pid}")]
    Read {
        /// Its number.
        pid: u32,
        /// The file below /proc/PID.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A fact is not as proc(5) says.
    #[error("understand {what} of process {pid}")]
    Malformed {
        /// Its number.
        pid: u32,
        /// The file below /proc/PID.
        what: &'static str,
    },
    /// The list of processes could not be read.
    #[error("list the processes")]
    List {
        /// Why.
        source: io::Error,
    },
    /// No pidfd could be had.
    #[error("open process {pid}")]
    Open {
        /// Its number.
        pid: u32,
        /// Why.
        source: io::Error,
    },
    /// The signal was refused.
    #[error("send {signal} to process {pid}")]
    Signal {
        /// Its number.
        pid: u32,
        /// Which signal.
        signal: Signal,
        /// Why; EPERM without the rights.
        source: io::Error,
    },
    /// It runs on although it was told to stop.
    #[error("see process {pid} stopped within {timeout:?}: it is {state}")]
    NotPaused {
        /// Its number.
        pid: u32,
        /// How long was waited.
        timeout: Duration,
        /// What it does.
        state: State,
    },
    /// It does not go on although it was told to.
    #[error("see process {pid} going on within {timeout:?}: it is {state}")]
    NotResumed {
        /// Its number.
        pid: u32,
        /// How long was waited.
        timeout: Duration,
        /// What it does.
        state: State,
    },
    /// It is still there.
    #[error("see process {pid} gone within {timeout:?}: it is {state}")]
    StillThere {
        /// Its number.
        pid: u32,
        /// How long was waited.
        timeout: Duration,
        /// What it does.
        state: State,
    },
}

impl Process {
    /// This process.
    pub fn current() -> Result<Self, ProcessError> {
        let pid = std::process::id();
        Self::of(pid)?.ok_or(ProcessError::Gone { pid })
    }

    /// The process with this number now, also when it is a zombie. `None`: there is none.
    pub fn of(pid: u32) -> Result<Option<Self>, ProcessError> {
        let Some(dir) = open(pid)? else {
            return Ok(None);
        };
        let Some(stat) = stat_of(&dir, pid)? else {
            return Ok(None);
        };
        // Threads have a directory in /proc too, though it is not listed.
        let status = match dir.text("status") {
            Ok(status) => status,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(source) => return Err(ProcessError::Read { pid, what: "status", source }),
        };
        let leader = facts::status_field(&status, "Tgid").and_then(|text| text.parse().ok());
        if leader != Some(pid) {
            return Err(ProcessError::NotAProcess { pid });
        }
        Ok(Some(Self { pid, started: stat.started }))
    }

    pub(crate) fn from_stat(pid: u32, stat: &Stat) -> Self {
        Self { pid, started: stat.started }
    }

    /// What it does now. `None`: it is gone, also when its number is in use again.
    pub fn state(self) -> Result<Option<State>, ProcessError> {
        Ok(self.look()?.map(|stat| stat.state))
    }

    /// Whether it still runs. A zombie does not.
    pub fn is_alive(self) -> Result<bool, ProcessError> {
        Ok(self.look()?.is_some_and(|stat| stat.is_alive()))
    }

    /// Whether the kernel runs it, not a program.
    pub fn is_kernel_thread(self) -> Result<bool, ProcessError> {
        Ok(self.stat()?.is_kernel_thread())
    }

    /// Sends a signal to this very process and no other, through a pidfd; pidfd_send_signal(2).
    pub fn signal(self, signal: Signal) -> Result<Delivery, ProcessError> {
        let Some(pidfd) = self.pidfd()? else {
            return Ok(Delivery::AlreadyGone);
        };
        match pidfd_send_signal(&pidfd, signal.raw()) {
            Ok(()) => Ok(Delivery::Sent),
            Err(rustix::io::Errno::SRCH) => Ok(Delivery::AlreadyGone),
            Err(error) => Err(ProcessError::Signal { pid: self.pid, signal, source: error.into() }),
        }
    }

    /// A descriptor that becomes readable when the process ends, pidfd_open(2).
    /// `None`: it is gone already, or a zombie.
    pub fn pidfd(self) -> Result<Option<OwnedFd>, ProcessError> {
        let pid = self.pid;
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let raw = raw.ok_or(ProcessError::NotAProcess { pid })?;
        let pidfd = match pidfd_open(raw, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(error) => return Err(ProcessError::Open { pid, source: error.into() }),
        };
        // Opened first, compared afterwards: from here on the descriptor cannot change its mind.
        Ok(self.is_alive()?.then_some(pidfd))
    }

    /// Waits until it has ended; being a zombie is enough.
    pub fn wait_gone(self, timeout: Duration) -> Result<(), ProcessError> {
        let end = clock::now() + timeout;
        loop {
            let Some(pidfd) = self.pidfd()? else {
                return Ok(());
            };
            let left = end.saturating_duration_since(clock::now());
            let readable = {
                let mut polled = [PollFd::new(&pidfd, PollFlags::IN)];
                poll(&mut polled, Some(&timespec(left)))
            };
            match readable {
                Ok(count) if count > 0 => return Ok(()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    return Err(ProcessError::Open { pid: self.pid, source: error.into() });
                }
            }
            if clock::now() >= end {
                let Some(stat) = self.look()?.filter(Stat::is_alive) else {
                    return Ok(());
                };
                return Err(ProcessError::StillThere { pid: self.pid, timeout, state: stat.state });
            }
        }
    }

    /// Its directory in /proc, checked to be its own. `None`: it is gone.
    pub(crate) fn dir(self) -> Result<Option<(ProcDir, Stat)>, ProcessError> {
        let Some(dir) = open(self.pid)? else {
            return Ok(None);
        };
        let Some(stat) = stat_of(&dir, self.pid)? else {
            return Ok(None);
        };
        Ok((stat.started == self.started).then_some((dir, stat)))
    }

    fn look(self) -> Result<Option<Stat>, ProcessError> {
        Ok(self.dir()?.map(|(_, stat)| stat))
    }

    pub(crate) fn stat(self) -> Result<Stat, ProcessError> {
        self.look()?.ok_or(ProcessError::Gone { pid: self.pid })
    }
}

impl fmt::Display for Process {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "process {}", self.pid)
    }
}

impl State {
    pub(crate) fn from_letter(letter: char) -> Self {
        match letter {
            'R' => Self::Running,
            'S' => Self::Sleeping,
            'D' => Self::DiskSleep,
            'T' => Self::Stopped,
            't' => Self::Traced,
            'Z' => Self::Zombie,
            'X' | 'x' => Self::Dead,
            'I' => Self::Idle,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Running => "running",
            Self::Sleeping => "sleeping",
            Self::DiskSleep => "in disk sleep",
            Self::Stopped => "stopped",
            Self::Traced => "traced",
            Self::Zombie => "a zombie",
            Self::Dead => "dead",
            Self::Idle => "idle",
            Self::Other(letter) => return write!(out, "in state {letter}"),
        };
        out.write_str(text)
    }
}

fn open(pid: u32) -> Result<Option<ProcDir>, ProcessError> {
    ProcDir::open(pid).map_err(|source| ProcessError::Open { pid, source })
}

fn stat_of(dir: &ProcDir, pid: u32) -> Result<Option<Stat>, ProcessError> {
    match dir.stat() {
        Ok(stat) => Ok(Some(stat)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(source) => Err(ProcessError::Read { pid, what: "stat", source }),
    }
}

pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}
