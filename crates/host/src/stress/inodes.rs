//! Inodes of a file system, in empty files without names: they return when the process ends.

use std::fs::{self, File};
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{End, Held, Hold, Measured, StressError};
use crate::disk::{self, Space, nameless};

impl Hold for Vec<File> {}

/// Descriptors for everything else.
const SPARE: u64 = 32;

pub(super) fn take(dir: &Path, count: u64) -> Result<Held, StressError> {
    if disk::is_root_filesystem(dir)? {
        return Err(StressError::RootFilesystem { dir: dir.into() });
    }
    let room = descriptors(count + SPARE);
    if room < count + SPARE {
        return Err(StressError::Order { why: "more inodes than one process may hold descriptors" });
    }
    let mut files = Vec::new();
    let mut end = End::Asked;
    while (files.len() as u64) < count {
        match nameless(dir) {
            Ok(file) => files.push(file),
            Err(error) if disk::is_full(&error) => {
                end = End::Exhausted;
                break;
            }
            Err(source) => return Err(StressError::Take { what: "an inode", source }),
        }
    }
    let (held, free) = (files.len() as u64, Space::of(dir)?.inodes_free);
    Ok((Box::new(files), Measured::Inodes { count: held, free, end }))
}

/// Raises our own limit as far as needed and allowed, and says how far that is.
fn descriptors(wanted: u64) -> u64 {
    let now = getrlimit(Resource::Nofile);
    let ceiling = fs::read_to_string("/proc/sys/fs/nr_open")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(u64::MAX);
    let wanted = wanted.min(ceiling);
    if now.current.is_some_and(|soft| soft < wanted) {
        let higher = now.maximum.map(|hard| hard.max(wanted));
        let best = Rlimit { current: Some(wanted), maximum: higher };
        let least = Rlimit { current: now.maximum.map(|hard| hard.min(wanted)), maximum: now.maximum };
        // Above the hard limit needs CAP_SYS_RESOURCE.
        let _ = setrlimit(Resource::Nofile, best).or_else(|_| setrlimit(Resource::Nofile, least));
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
