//! Finding processes by what people know about them.
//!
//! Every search tells "there is none" (an empty list) from "could not look" (an error). Results are
//! alive and oldest first. Kernel threads and we ourselves are never found.

mod port;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

pub use port::listening;

use crate::cgroup::{CgroupError, Hierarchies};
use crate::clock;
use crate::glob::Glob;
use crate::proc::{self, ProcDir, Stat, is_gone};
use crate::process::facts::{arguments, undeleted};
use crate::process::{Process, ProcessError};

/// Something that a process listens on.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Socket {
    /// A TCP port, IPv4 or IPv6.
    Tcp(u16),
    /// A UDP port, IPv4 or IPv6.
    Udp(u16),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// Why processes could not be looked for.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The list of processes, or a fact of one.
    #[error("look through the processes")]
    Look(#[from] ProcessError),
    /// Nothing was found, but most processes are hidden from us: /proc is mounted with `hidepid`.
    #[error(
        "see all processes: /proc hides those of other users (hidepid); run as root or with CAP_SYS_PTRACE"
    )]
    Blind,
    /// A file that says where to look.
    #[error("read {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A PID file without a number in it.
    #[error("find a process number in {path}: it says `{text}`")]
    NotANumber {
        /// Which file.
        path: PathBuf,
        /// What it says.
        text: String,
    },
    /// The process with that number has started after the file was written: it is another one.
    #[error("trust {path}: process {pid} has started after the file was written")]
    Stale {
        /// Which file.
        path: PathBuf,
        /// The number in it.
        pid: u32,
    },
    /// Somebody listens, but the processes are another user's.
    #[error("see who listens on {socket:?}: needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, or root")]
    HolderHidden {
        /// On what.
        socket: Socket,
    },
    /// The group could not be read.
    #[error("look into a control group")]
    Group(#[from] CgroupError),
}

/// By name: the short name that the kernel keeps, or the file name of the program.
pub fn named(pattern: &Glob) -> Result<Vec<Process>, FindError> {
    search(|dir, stat| {
        if pattern.matches(&stat.name) {
            return Ok(true);
        }
        // Another user's program cannot be read, but its first argument can.
        let program = match dir.link("exe") {
            Ok(path) => undeleted(&path),
            Err(_) => arguments(&dir.read("cmdline")?).into_iter().next().unwrap_or_default().into(),
        };
        let base = program.file_name().map(|base| base.to_string_lossy().into_owned());
        Ok(base.is_some_and(|base| pattern.matches(&base)))
    })
}

/// By command line: `accept` sees the arguments, joined with blanks.
pub fn with_command_line(accept: impl Fn(&str) -> bool) -> Result<Vec<Process>, FindError> {
    search(|dir, _| {
        let arguments = arguments(&dir.read("cmdline")?);
        // A program that writes its own title leaves the rest of the place empty.
        Ok(!arguments.is_empty() && accept(arguments.join(" ").trim_end()))
    })
}

/// By the number in a file. `None`: there is no such file, or no such process any more.
///
/// A process that has started after the file was written is another one with a number used again:
/// that is an error.
pub fn in_pid_file(path: &Path) -> Result<Option<Process>, FindError> {
    let failed = |source| FindError::Read { path: path.into(), source };
    let (text, written) = match fs::read_to_string(path) {
        Ok(text) => (text, fs::metadata(path).and_then(|about| about.modified()).map_err(failed)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // PostgreSQL writes more lines below the number.
    let first = text.lines().next().unwrap_or_default().trim();
    let pid = first
        .parse()
        .map_err(|_| FindError::NotANumber { path: path.into(), text: first.chars().take(40).collect() })?;
    let Some(process) = Process::of(pid)? else {
        return Ok(None);
    };
    if !process.is_alive()? {
        return Ok(None);
    }
    if started_at(process) > written + SLACK {
        return Err(FindError::Stale { path: path.into(), pid });
    }
    Ok(Some(process))
}

/// By control group, with the groups below it: a path as in /proc/PID/cgroup, such as
/// `/system.slice/redis.service`, or a directory below /sys/fs/cgroup.
pub fn in_group(hierarchies: &Hierarchies, path: &str) -> Result<Vec<Process>, FindError> {
    let mut found = Vec::new();
    for pid in hierarchies.members_of(path)? {
        if let Some(process) = Process::of(pid)?
            && process.is_alive()?
        {
            found.push(process);
        }
    }
    found.sort_by_key(|process| (process.started, process.pid));
    found.dedup();
    Ok(found)
}

/// The wall clock may have been set a little since.
const SLACK: Duration = Duration::from_secs(5);

#[expect(clippy::cast_precision_loss, reason = "clock ticks of an uptime are far below 2^52")]
fn started_at(process: Process) -> SystemTime {
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let started = Duration::from_secs_f64(process.started as f64 / ticks);
    SystemTime::now() - clock::since_boot().saturating_sub(started)
}

/// All for which `accept` says yes. An error that only means "it is gone" counts as no.
fn search(accept: impl Fn(&ProcDir, &Stat) -> io::Result<bool>) -> Result<Vec<Process>, FindError> {
    let own = std::process::id();
    let mut found = Vec::new();
    for pid in proc::pids().map_err(|source| ProcessError::List { source })? {
        if pid == own {
            continue;
        }
        let opened = ProcDir::open(pid).map_err(|source| ProcessError::Open { pid, source })?;
        let Some(dir) = opened else { continue };
        let looked = dir.stat().and_then(|stat| {
            let meant = stat.is_alive() && !stat.is_kernel_thread() && accept(&dir, &stat)?;
            Ok(meant.then(|| Process::from_stat(pid, &stat)))
        });
        match looked {
            Ok(process) => found.extend(process),
            Err(error) if is_gone(&error) => {}
            Err(source) => return Err(ProcessError::Read { pid, what: "cmdline", source }.into()),
        }
    }
    // The first process is always there: who cannot see it does not see everybody.
    if found.is_empty() && !Path::new("/proc/1").exists() {
        return Err(FindError::Blind);
    }
    found.sort_by_key(|process| (process.started, process.pid));
    Ok(found)
}
