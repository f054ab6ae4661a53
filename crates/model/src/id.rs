//! Names of things that outlive a process.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A run, on disk and on the wire: a version 7 UUID, so that ids sort by the time of their start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(String);

impl RunId {
    /// A new id, of this moment.
    pub fn new() -> Self {
        Self(uuid::Uuid::now_v7().simple().to_string())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RunId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not an id: ids are made of 1 to 64 letters, digits and hyphens.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not the id of a run")]
pub struct NotAnId(String);

impl FromStr for RunId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if fits { Ok(Self(text.to_owned())) } else { Err(NotAnId(text.to_owned())) }
    }
}

/// A process, once and for all: a PID is used again, a PID with its start time is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessRef {
    /// The process id in squall's own PID namespace.
    pub pid: u32,
    /// Clock ticks from boot to the start of the process (proc_pid_stat(5), field 22).
    pub started: u64,
}

impl fmt::Display for ProcessRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {}", self.pid)
    }
}
