//! Programs that use something up: each runs as a process of its own, a child of squall.
//!
//! ```text
//! spawn ──> {"started":{"pid":7}} ──> effect measured ──> {"ready":{"memory":{...}}} ──> holds until its time is over
//!                                └──> {"error":"..."}, and an end that is no success
//! ```
//!
//! A stressor dies with its parent, at its own deadline, and first when memory runs out. Everything
//! that it uses up belongs to the process alone, so its death is the undo.

mod cpu;
mod disk;
mod inodes;
mod memory;
mod ports;
mod tasks;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::disk::DiskError;
use crate::process::ProcessError;
use crate::sys;

/// What to use up, and for how long. Passed to the stressor's process as JSON.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// What to use up.
    pub stress: Stress,
    /// When the stressor ends by itself, counted from its start.
    pub deadline: Duration,
}

/// What to use up.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stress {
    /// Processor time.
    Cpu {
        /// Of one core for each worker, more than 0, at most 100.
        percent: f64,
        /// How many threads.
        workers: u32,
    },
    /// Memory that stays in use.
    Memory {
        /// How much.
        bytes: u64,
        /// How long to take for it, evenly; zero for at once.
        ramp: Duration,
    },
    /// Space of a file system, in a file without a name.
    DiskFill {
        /// A directory on it; never on the root file system.
        dir: PathBuf,
        /// How much.
        bytes: u64,
    },
    /// Inodes of a file system, in empty files without names.
    Inodes {
        /// A directory on it; never on the root file system.
        dir: PathBuf,
        /// How many. Each one also needs a descriptor of the stressor.
        count: u64,
    },
    /// Tasks of a group or a user: threads that sleep.
    Tasks {
        /// How many.
        count: u64,
    },
    /// TCP ports, bound on 127.0.0.1. Outgoing connections cannot use them either, whatever their
    /// destination. Ports that are in use already are passed over.
    Ports {
        /// The first one, at least 1.
        first: u16,
        /// The last one, at least the first.
        last: u16,
    },
}

/// A line that a stressor writes to stdout.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// It runs; the effect is still being made.
    Started {
        /// Its number.
        pid: u32,
    },
    /// The effect is there.
    Ready(Measured),
    /// It could not be made. The process ends.
    Error(String),
}

/// What is used up, as measured by the stressor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measured {
    /// Processor time over the first moments.
    Cpu {
        /// Of one core for each worker. Less than asked when the machine is busy.
        percent: f64,
        /// How many threads.
        workers: u32,
    },
    /// Memory.
    Memory {
        /// In RAM or swapped out, in addition to what the process had before.
        bytes: u64,
    },
    /// Space.
    DiskFill {
        /// What the file takes.
        bytes: u64,
        /// What users without privileges can still get.
        available: u64,
        /// Why it stopped.
        end: End,
    },
    /// Inodes.
    Inodes {
        /// How many are held.
        count: u64,
        /// How many are left on the file system.
        free: u64,
        /// Why it stopped.
        end: End,
    },
    /// Tasks.
    Tasks {
        /// How many are held.
        count: u64,
        /// Why it stopped.
        end: End,
    },
    /// Ports.
    Ports {
        /// How many are held.
        count: u32,
        /// How many were in use already.
        taken: u32,
    },
}

/// Why a stressor stopped taking more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It has as much as it was asked for.
    Asked,
    /// There is no more: the effect in its purest form.
    Exhausted,
}

/// Why an effect could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StressError {
    /// An order that makes no sense.
    #[error("take the order: {why}")]
    Order {
        /// What is wrong.
        why: &'static str,
    },
    /// The alarm that ends it.
    #[error("set the alarm")]
    Alarm {
        /// Why.
        source: io::Error,
    },
    /// Nobody reads what it says.
    #[error("say what was measured")]
    Say {
        /// Why.
        source: io::Error,
    },
    /// The file system is the one that the machine runs from.
    #[error("fill {dir}: it is on the root file system")]
    RootFilesystem {
        /// Which directory.
        dir: PathBuf,
    },
    /// A file, a mapping or a thread could not be had.
    #[error("use up {what}")]
    Take {
        /// What.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It was taken, but cannot be seen in the kernel's figures.
    #[error("see {what} used up: {measured} of {wanted} measured")]
    NoEffect {
        /// What.
        what: &'static str,
        /// What was measured.
        measured: u64,
        /// What was asked for.
        wanted: u64,
    },
    /// The file system's figures.
    #[error("measure the file system")]
    Disk(#[from] DiskError),
    /// Our own figures.
    #[error("measure ourselves")]
    Process(#[from] ProcessError),
}

/// The effect is held for as long as this is.
trait Hold: Send {
    /// Keeps the effect up; called about once a second.
    fn tend(&mut self) -> Result<(), StressError> {
        Ok(())
    }
}

/// Makes the effect, says so on stdout, and holds it until the deadline. The caller turns an error
/// into an exit code that is no success; it has been said on stdout already.
pub fn main(order: &Order) -> Result<(), StressError> {
    let done = run(order);
    if let Err(error) = &done {
        let mut text = format!("could not {error}");
        let mut cause = std::error::Error::source(error);
        while let Some(deeper) = cause {
            text = format!("{text}: {deeper}");
            cause = deeper.source();
        }
        // With nobody to read it, the exit code has to do.
        let _ = say(&Line::Error(text));
    }
    done
}

/// How much later the kernel ends a stressor that has not ended itself.
const GRACE: Duration = Duration::from_millis(250);

fn run(order: &Order) -> Result<(), StressError> {
    let end = clock::now() + order.deadline;
    let leash = rustix::process::Signal::KILL;
    rustix::process::set_parent_process_death_signal(Some(leash))
        .map_err(|error| StressError::Take { what: "a leash", source: error.into() })?;
    sys::arm_alarm(order.deadline + GRACE).map_err(|source| StressError::Alarm { source })?;
    // Raising it needs no privilege. Without /proc the stressor only loses its place in the queue.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    say(&Line::Started { pid: std::process::id() })?;
    let Some((mut hold, measured)) = take(&order.stress, end)? else {
        return Ok(());
    };
    say(&Line::Ready(measured))?;
    loop {
        let left = end.saturating_duration_since(clock::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(Duration::from_secs(1)));
        hold.tend()?;
    }
}

type Held = (Box<dyn Hold>, Measured);

/// `None`: the deadline came first.
fn take(stress: &Stress, end: Instant) -> Result<Option<Held>, StressError> {
    match stress {
        Stress::Cpu { percent, workers } => cpu::take(*percent, *workers).map(Some),
        Stress::Memory { bytes, ramp } => memory::take(*bytes, *ramp, end),
        Stress::DiskFill { dir, bytes } => disk::take(dir, *bytes).map(Some),
        Stress::Inodes { dir, count } => inodes::take(dir, *count).map(Some),
        Stress::Tasks { count } => tasks::take(*count).map(Some),
        Stress::Ports { first, last } => ports::take(*first, *last).map(Some),
    }
}

fn say(line: &Line) -> Result<(), StressError> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, line)
        .map_err(io::Error::from)
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush())
        .map_err(|source| StressError::Say { source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_lines_read_back_and_look_as_documented() {
        let order = Order {
            stress: Stress::Memory { bytes: 4096, ramp: Duration::from_secs(2) },
            deadline: Duration::from_secs(30),
        };
        let text = serde_json::to_string(&order).unwrap();
        assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), order);
        let ready = Line::Ready(Measured::Memory { bytes: 4096 });
        let text = serde_json::to_string(&ready).unwrap();
        assert_eq!(text, r#"{"ready":{"memory":{"bytes":4096}}}"#);
        let error = serde_json::to_string(&Line::Error("x".into())).unwrap();
        assert_eq!(error, r#"{"error":"x"}"#);
    }
}
