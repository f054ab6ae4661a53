//! A picture of the machine, to be compared with a later one: is everything as it was?

mod difference;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cgroup::{CgroupError, Hierarchies};
use crate::disk::{DiskError, Space};
use crate::find::{self, FindError};
use crate::glob::Glob;
use crate::limit::{self, Bounds, LimitError, Resource};
use crate::mark::{self, MarkError};
use crate::process::{Process, ProcessError, State};

/// What to look at.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Watch {
    /// Names of processes (patterns) that count as ours, besides all that are marked.
    pub names: Vec<String>,
    /// Processes whose state and limits must not change.
    pub processes: Vec<Process>,
    /// Paths whose file systems must keep their room.
    pub rooms: Vec<PathBuf>,
    /// How many bytes a room may change by itself.
    pub tolerance: u64,
    /// Directories whose files, at any depth, must stay the same in name and size.
    pub directories: Vec<PathBuf>,
}

/// A picture of the machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// Our processes, each with what it is.
    pub ours: BTreeMap<u32, String>,
    /// The directories of our control groups.
    pub groups: BTreeSet<PathBuf>,
    /// What is mounted, one line a mount.
    pub mounts: BTreeSet<String>,
    /// The watched processes. `None`: gone.
    pub processes: BTreeMap<u32, Option<Condition>>,
    /// Free bytes and inodes of the watched rooms.
    pub rooms: BTreeMap<PathBuf, (u64, u64)>,
    /// Files with their sizes in the watched directories.
    pub files: BTreeMap<PathBuf, u64>,
    /// How many bytes a room may differ.
    pub tolerance: u64,
}

/// What must not change about a process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Condition {
    /// Whether it is held by a signal or a debugger.
    pub halted: Option<State>,
    /// Its control groups, as in /proc/PID/cgroup.
    pub groups: String,
    /// Its limits.
    pub limits: Vec<(Resource, Bounds)>,
}

/// Why a picture could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The processes.
    #[error("look at the processes")]
    Process(#[from] ProcessError),
    /// The marked processes.
    #[error("look at the marked processes")]
    Mark(#[from] MarkError),
    /// The named processes.
    #[error("look at the named processes")]
    Find(#[from] FindError),
    /// The limits.
    #[error("look at the limits")]
    Limit(#[from] LimitError),
    /// The control groups.
    #[error("look at the control groups")]
    Group(#[from] CgroupError),
    /// The file systems.
    #[error("look at the file systems")]
    Disk(#[from] DiskError),
    /// A file or directory.
    #[error("read {path}")]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Snapshot {
    /// Takes a picture now.
    pub fn take(watch: &Watch) -> Result<Self, SnapshotError> {
        let mut files = BTreeMap::new();
        for directory in &watch.directories {
            walk(directory, &mut files)?;
        }
        Ok(Self {
            ours: ours(&watch.names)?,
            groups: Hierarchies::read()?.ours()?,
            mounts: mounts()?,
            processes: watch
                .processes
                .iter()
                .map(|process| Ok((process.pid, condition(*process)?)))
                .collect::<Result<_, SnapshotError>>()?,
            rooms: watch
                .rooms
                .iter()
                .map(|path| {
                    let space = Space::of(path)?;
                    Ok((path.clone(), (space.free, space.inodes_free)))
                })
                .collect::<Result<_, DiskError>>()?,
            files,
            tolerance: watch.tolerance,
        })
    }
}

fn ours(names: &[String]) -> Result<BTreeMap<u32, String>, SnapshotError> {
    let mut ours = BTreeMap::new();
    for (process, mark) in mark::all()? {
        ours.insert(process.pid, format!("{} marked `{mark}`", title(process)));
    }
    for name in names {
        for process in find::named(&Glob::new(name))? {
            ours.entry(process.pid).or_insert_with(|| title(process));
        }
    }
    Ok(ours)
}

/// For people: what it was called when it was still there.
fn title(process: Process) -> String {
    let line = process.command_line().unwrap_or_default().join(" ");
    format!("process {} ({})", process.pid, line.chars().take(60).collect::<String>())
}

fn condition(process: Process) -> Result<Option<Condition>, SnapshotError> {
    if !process.is_alive()? {
        return Ok(None);
    }
    let resources = [Resource::Descriptors, Resource::Tasks, Resource::AddressSpace, Resource::FileSize];
    let limits = resources
        .into_iter()
        .map(|resource| Ok((resource, limit::read(process, resource)?)))
        .collect::<Result<_, LimitError>>()?;
    let halted = process.state()?.filter(|state| state.is_halted());
    Ok(Some(Condition { halted, groups: process.text("cgroup")?, limits }))
}

/// Without the numbers in front, which change when something is mounted again.
fn mounts() -> Result<BTreeSet<String>, SnapshotError> {
    let path = Path::new("/proc/self/mountinfo");
    let text = fs::read_to_string(path).map_err(|source| failed(path, source))?;
    Ok(text.lines().map(|line| line.splitn(4, ' ').skip(3).collect()).collect())
}

fn walk(directory: &Path, files: &mut BTreeMap<PathBuf, u64>) -> Result<(), SnapshotError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed(directory, source)),
    };
    for entry in entries {
        let entry = entry.map_err(|source| failed(directory, source))?;
        let path = entry.path();
        match entry.metadata() {
            Ok(about) if about.is_dir() => walk(&path, files)?,
            Ok(about) => {
                files.insert(path, about.len());
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed(&path, source)),
        }
    }
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> SnapshotError {
    SnapshotError::Read { path: path.into(), source }
}
