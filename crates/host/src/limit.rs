//! Limits of another process, prlimit(2): lower one, and put it back.
//!
//! Only the soft limit is ever touched: it is the one that the kernel enforces, and putting it back
//! below the hard limit needs no privilege.

use std::io;

use rustix::process::{Pid, Resource as Raw, Rlimit, prlimit};
use serde::{Deserialize, Serialize};

use crate::process::{Process, ProcessError};
use crate::restoration::Restoration;

/// What is limited, getrlimit(2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// One more than the highest number of a descriptor (RLIMIT_NOFILE).
    Descriptors,
    /// Tasks of the user that the process runs as, also those of other processes (RLIMIT_NPROC). Does not
    /// bind root.
    Tasks,
    /// Address space in bytes (RLIMIT_AS).
    AddressSpace,
    /// The size of a file that is written, in bytes (RLIMIT_FSIZE).
    FileSize,
}

/// A soft and a hard limit. `None`: unlimited.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bounds {
    /// What the kernel enforces.
    pub soft: Option<u64>,
    /// Up to where the process may raise it itself.
    pub hard: Option<u64>,
}

/// Why a limit could not be read or set.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// The process is gone, or cannot be looked at.
    #[error("look at a process and its limits")]
    Process(#[from] ProcessError),
    /// The line is missing or has another form.
    #[error("find the limit of {resource:?} among those of process {pid}")]
    Malformed {
        /// Its number.
        pid: u32,
        /// Which limit.
        resource: Resource,
    },
    /// The kernel refused. EPERM: another user's process without CAP_SYS_RESOURCE.
    #[error("set the limit of {resource:?} of process {pid}")]
    Set {
        /// Its number.
        pid: u32,
        /// Which limit.
        resource: Resource,
        /// Why.
        source: io::Error,
    },
    /// The kernel took it, but another value is in place.
    #[error("see the limit of {resource:?} of process {pid} set: it is {found:?}")]
    NotTaken {
        /// Its number.
        pid: u32,
        /// Which limit.
        resource: Resource,
        /// What is in place.
        found: Bounds,
    },
}

/// The limit as it is in /proc/PID/limits. Needs no rights.
pub fn read(process: Process, resource: Resource) -> Result<Bounds, LimitError> {
    let text = process.text("limits")?;
    parse(&text, resource).ok_or(LimitError::Malformed { pid: process.pid, resource })
}

/// Sets the soft limit, keeps the hard one, and reads it back. Ask [`read`] for the previous first.
pub fn set(process: Process, resource: Resource, soft: Option<u64>) -> Result<Bounds, LimitError> {
    let pid = process.pid;
    let before = read(process, resource)?;
    let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let raw = raw.ok_or(ProcessError::NotAProcess { pid })?;
    let new = Rlimit { current: soft, maximum: before.hard };
    match prlimit(Some(raw), resource.raw(), new) {
        Ok(_) => {}
        Err(rustix::io::Errno::SRCH) => return Err(ProcessError::Gone { pid }.into()),
        Err(error) => return Err(LimitError::Set { pid, resource, source: error.into() }),
    }
    // The reading checks the start time again: had the number changed hands, it would say gone.
    let found = read(process, resource)?;
    if found.soft != soft {
        return Err(LimitError::NotTaken { pid, resource, found });
    }
    Ok(found)
}

/// Puts the soft limit back to `previous` if it is still what we `wrote`; harmless to repeat.
pub fn restore(
    process: Process,
    resource: Resource,
    wrote: Option<u64>,
    previous: Bounds,
) -> Result<Restoration, LimitError> {
    if !process.is_alive()? {
        return Ok(Restoration::Gone);
    }
    let outcome = read(process, resource).and_then(|found| {
        if found.soft == previous.soft {
            return Ok(Restoration::Restored);
        }
        if found.soft != wrote {
            return Ok(Restoration::ForeignValue(display(found.soft)));
        }
        set(process, resource, previous.soft).map(|_| Restoration::Restored)
    });
    match outcome {
        Err(_) if !process.is_alive()? => Ok(Restoration::Gone),
        other => other,
    }
}

fn display(value: Option<u64>) -> String {
    value.map_or_else(|| "unlimited".into(), |value| value.to_string())
}

impl Resource {
    fn raw(self) -> Raw {
        match self {
            Self::Descriptors => Raw::Nofile,
            Self::Tasks => Raw::Nproc,
            Self::AddressSpace => Raw::As,
            Self::FileSize => Raw::Fsize,
        }
    }

    /// How /proc/PID/limits calls it.
    fn title(self) -> &'static str {
        match self {
            Self::Descriptors => "Max open files",
            Self::Tasks => "Max processes",
            Self::AddressSpace => "Max address space",
            Self::FileSize => "Max file size",
        }
    }
}

fn parse(limits: &str, resource: Resource) -> Option<Bounds> {
    let line = limits.lines().find_map(|line| line.strip_prefix(resource.title()))?;
    let mut words = line.split_whitespace();
    let mut bound = || match words.next()? {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    };
    Some(Bounds { soft: bound()?, hard: bound()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_by_their_title() {
        let text = "\
Limit                     Soft Limit           Hard Limit           Units     
Max file size             unlimited            unlimited            bytes     
Max open files            1024                 20000                files     
";
        let open = Bounds { soft: Some(1024), hard: Some(20000) };
        assert_eq!(parse(text, Resource::Descriptors), Some(open));
        let size = Bounds { soft: None, hard: None };
        assert_eq!(parse(text, Resource::FileSize), Some(size));
        assert_eq!(parse(text, Resource::AddressSpace), None);
    }
}
