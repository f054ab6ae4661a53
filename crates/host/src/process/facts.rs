//! What can be read about a process, each fact by itself.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustix::param::{clock_ticks_per_second, page_size};

use super::{Process, ProcessError};
use crate::proc::{self, ProcDir, is_gone};

impl Process {
    /// The process that started it, or that it was left to. `None`: the kernel did, or a process
    /// outside of our PID namespace.
    pub fn parent(self) -> Result<Option<Self>, ProcessError> {
        match self.stat()?.parent {
            0 => Ok(None),
            parent => Self::of(parent),
        }
    }

    /// The number of its process group, setpgid(2).
    pub fn group(self) -> Result<u32, ProcessError> {
        Ok(self.stat()?.group)
    }

    /// The number of its session, setsid(2).
    pub fn session(self) -> Result<u32, ProcessError> {
        Ok(self.stat()?.session)
    }

    /// Its short name, at most 15 bytes: usually the start of the program's file name.
    pub fn name(self) -> Result<String, ProcessError> {
        Ok(self.stat()?.name)
    }

    /// Its arguments, the first one is the program. Empty for zombies and kernel threads.
    pub fn command_line(self) -> Result<Vec<String>, ProcessError> {
        let bytes = self.read("cmdline", |dir| dir.read("cmdline"))?;
        Ok(arguments(&bytes))
    }

    /// The program's file. Fails for kernel threads, zombies, and without the rights to look.
    pub fn exe(self) -> Result<PathBuf, ProcessError> {
        self.read("exe", |dir| dir.link("exe")).map(|path| undeleted(&path))
    }

    /// How many threads it has.
    pub fn threads(self) -> Result<u32, ProcessError> {
        Ok(self.stat()?.threads)
    }

    /// How much processor time it has used, in user and system mode; steps of a clock tick (10 ms).
    pub fn cpu_time(self) -> Result<Duration, ProcessError> {
        let ticks = self.stat()?.cpu_ticks as f64;
        Ok(Duration::from_secs_f64(ticks / clock_ticks_per_second() as f64))
    }

    /// How much memory it holds in RAM, in bytes. Field 2 of proc_pid_statm(5): newer kernels count
    /// it exactly, while the same figure in `stat` may be off by more than a small process has.
    pub fn resident_bytes(self) -> Result<u64, ProcessError> {
        let text = self.text("statm")?;
        let pages = text.split_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok());
        let malformed = ProcessError::Malformed { pid: self.pid, what: "statm" };
        Ok(pages.ok_or(malformed)? * page_size() as u64)
    }

    /// How many descriptors it has open. Needs the rights to look.
    pub fn open_descriptors(self) -> Result<u64, ProcessError> {
        self.read("fd", |dir| dir.list("fd")).map(|names| names.len() as u64)
    }

    /// Whether SIGKILL is on its way: it is alive now and will not be for long. Pending signals of its main thread and
    /// of the whole process, proc_pid_status(5) SigPnd and ShdPnd.
    pub fn is_doomed(self) -> Result<bool, ProcessError> {
        const KILL: u64 = 1 << (9 - 1);
        let status = self.text("status")?;
        let pending = |name| {
            let mask = status_field(&status, name).and_then(|mask| u64::from_str_radix(mask, 16).ok());
            mask.unwrap_or_default()
        };
        Ok((pending("SigPnd") | pending("ShdPnd")) & KILL != 0)
    }

    /// The processes whose parent it is, oldest first.
    pub fn children(self) -> Result<Vec<Self>, ProcessError> {
        self.stat()?;
        let stats = proc::stats().map_err(|source| ProcessError::List { source })?;
        let mut children: Vec<_> = stats
            .iter()
            .filter(|(_, stat)| stat.parent == self.pid)
            .map(|(pid, stat)| Self::from_stat(*pid, stat))
            .collect();
        children.sort_by_key(|child| (child.started, child.pid));
        Ok(children)
    }

    /// The text of a file below its /proc directory.
    pub(crate) fn text(self, what: &'static str) -> Result<String, ProcessError> {
        self.read(what, |dir| dir.text(what))
    }

    fn read<T>(
        self,
        what: &'static str,
        read: impl FnOnce(&ProcDir) -> io::Result<T>,
    ) -> Result<T, ProcessError> {
        let pid = self.pid;
        let (dir, stat) = self.dir()?.ok_or(ProcessError::Gone { pid })?;
        match read(&dir) {
            Ok(value) => Ok(value),
            // ENOENT is also what `exe` of a kernel thread or a zombie gives.
            Err(error) if is_gone(&error) && stat.is_alive() && self.dir()?.is_none() => {
                Err(ProcessError::Gone { pid })
            }
            Err(source) => Err(ProcessError::Read { pid, what, source }),
        }
    }
}

/// The value after `name:` in /proc/PID/status.
pub(crate) fn status_field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Splits what /proc/PID/cmdline holds.
pub(crate) fn arguments(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    bytes.split(|byte| *byte == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

/// The kernel adds a note to the path of a program whose file was replaced.
pub(crate) fn undeleted(path: &std::path::Path) -> PathBuf {
    match path.to_str().and_then(|text| text.strip_suffix(" (deleted)")) {
        Some(bare) => bare.into(),
        None => path.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_keep_the_empty_ones() {
        assert_eq!(arguments(b"sh\0-c\0\0x y\0"), ["sh", "-c", "", "x y"]);
        assert!(arguments(b"").is_empty());
    }

    #[test]
    fn a_status_field_is_found_by_its_whole_name() {
        let status = "Name:\tsh\nTgid:\t12\nNStgid:\t99\nVmRSS:\t  8 kB\n";
        assert_eq!(status_field(status, "Tgid"), Some("12"));
        assert_eq!(status_field(status, "VmRSS"), Some("8 kB"));
        assert_eq!(status_field(status, "Vm"), None);
    }
}
