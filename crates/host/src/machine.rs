//! Facts about this machine as a whole.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::process::facts::status_field;

/// Facts about this machine and what we may do on it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Another one after each boot, random(4).
    pub boot_id: String,
    /// Since boot.
    pub uptime: Duration,
    /// How many cores we may use.
    pub cores: usize,
    /// All memory in bytes.
    pub memory_total: u64,
    /// What can be had without swapping, in bytes, as the kernel estimates it (MemAvailable).
    pub memory_available: u64,
    /// Our effective capabilities, capabilities(7), one bit each.
    pub capabilities: u64,
    /// The release of the kernel, as `uname -r` says.
    pub kernel: String,
    /// Our effective user number; 0 is root.
    pub user: u32,
}

/// Why a fact could not be read.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// A file of the kernel.
    #[error("read {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of the kernel without the line that was looked for.
    #[error("find {what} in {path}")]
    Malformed {
        /// What was looked for.
        what: &'static str,
        /// Which file.
        path: PathBuf,
    },
}

impl Machine {
    /// Reads all facts.
    pub fn read() -> Result<Self, MachineError> {
        let memory = text("/proc/meminfo")?;
        let memory = |what| field(&memory, what, "/proc/meminfo", kilobytes);
        let hexadecimal = |text: &str| u64::from_str_radix(text, 16).ok();
        Ok(Self {
            boot_id: boot_id()?,
            uptime: clock::since_boot(),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_total: memory("MemTotal")?,
            memory_available: memory("MemAvailable")?,
            capabilities: field(&text("/proc/self/status")?, "CapEff", "/proc/self/status", hexadecimal)?,
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            user: rustix::process::geteuid().as_raw(),
        })
    }

    /// Whether we run as root.
    pub fn is_root(&self) -> bool {
        self.user == 0
    }

    /// Whether we have a capability, by its number in capabilities(7)'s header, such as 19 for
    /// CAP_SYS_PTRACE.
    pub fn has_capability(&self, number: u32) -> bool {
        self.capabilities.checked_shr(number).is_some_and(|bits| bits & 1 == 1)
    }
}

/// The identity of this boot.
pub fn boot_id() -> Result<String, MachineError> {
    Ok(text("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

fn text(path: &'static str) -> Result<String, MachineError> {
    fs::read_to_string(path).map_err(|source| MachineError::Read { path: path.into(), source })
}

fn field<T>(
    text: &str,
    what: &'static str,
    path: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, MachineError> {
    let value = status_field(text, what).and_then(parse);
    value.ok_or(MachineError::Malformed { what, path: path.into() })
}

fn kilobytes(text: &str) -> Option<u64> {
    Some(text.strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_of_this_machine_make_sense() {
        let machine = Machine::read().unwrap();
        assert_eq!(machine.boot_id.len(), 36);
        assert!(machine.memory_total >= machine.memory_available);
        assert!(machine.memory_available > 0 && machine.cores > 0);
        assert!(machine.uptime > Duration::ZERO);
        assert!(!machine.has_capability(64));
    }
}
