//! File systems: how much room there is, and which ones must be left alone.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};
use serde::{Deserialize, Serialize};

use crate::mount;

/// How much room a file system has, statvfs(3). Sizes in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Space {
    /// All of it.
    pub total: u64,
    /// Free, with what is kept for root.
    pub free: u64,
    /// What users without privileges can get.
    pub available: u64,
    /// How many files it can hold; zero where there is no such limit.
    pub inodes: u64,
    /// How many more.
    pub inodes_free: u64,
}

/// Why a file system could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The path is missing, or may not be looked at.
    #[error("look at the file system of {path}")]
    Look {
        /// Which path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Space {
    /// The room of the file system that `path` is on.
    pub fn of(path: &Path) -> Result<Self, DiskError> {
        let about = rustix::fs::statvfs(path)
            .map_err(|error| DiskError::Look { path: path.into(), source: error.into() })?;
        Ok(Self {
            total: about.f_blocks * about.f_frsize,
            free: about.f_bfree * about.f_frsize,
            available: about.f_bavail * about.f_frsize,
            inodes: about.f_files,
            inodes_free: about.f_ffree,
        })
    }
}

/// What tells file systems apart: the device number of a path, stat(2) `st_dev`.
pub fn filesystem_id(path: &Path) -> Result<u64, DiskError> {
    let about = fs::metadata(path).map_err(|source| DiskError::Look { path: path.into(), source })?;
    Ok(about.dev())
}

/// Whether `path` is on the file system that the machine runs from: the same device number as `/`,
/// or the same block device mounted elsewhere (Btrfs gives every subvolume a number of its own).
pub fn is_root_filesystem(path: &Path) -> Result<bool, DiskError> {
    if filesystem_id(path)? == filesystem_id(Path::new("/"))? {
        return Ok(true);
    }
    let look = |path: &Path, source| DiskError::Look { path: path.into(), source };
    let whole = path.canonicalize().map_err(|source| look(path, source))?;
    let mountinfo = Path::new("/proc/self/mountinfo");
    let text = fs::read_to_string(mountinfo).map_err(|source| look(mountinfo, source))?;
    let mounts = mount::parse(&text);
    let (root, own) = (mount::of(&mounts, Path::new("/")), mount::of(&mounts, &whole));
    Ok(match (root, own) {
        (Some(root), Some(own)) => own.source == root.source && own.source.starts_with("/dev/"),
        _ => false,
    })
}

/// Whether an error means that there is no room: ENOSPC, or EDQUOT by quota.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT))
}

/// A new file without a name, open(2) O_TMPFILE: it is gone when it is closed, also by our death.
/// Where the file system cannot do that, it has a name for a moment.
pub(crate) fn nameless(dir: &Path) -> io::Result<File> {
    let mode = Mode::RUSR | Mode::WUSR;
    match openat(CWD, dir, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode) {
        Ok(file) => Ok(file.into()),
        // EISDIR is what kernels say that do not know the flag.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::ISDIR) => named_briefly(dir),
        Err(error) => Err(error.into()),
    }
}

fn named_briefly(dir: &Path) -> io::Result<File> {
    let path = dir.join(format!(".squall-{}", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_on_the_root_filesystem_and_proc_is_not() {
        assert!(is_root_filesystem(Path::new("/")).unwrap());
        assert!(!is_root_filesystem(Path::new("/proc")).unwrap());
        assert!(is_root_filesystem(Path::new("/no/such/place")).is_err());
    }

    #[test]
    fn a_nameless_file_leaves_no_name_either_way() {
        let dir = tempfile::tempdir().unwrap();
        let held = (nameless(dir.path()).unwrap(), named_briefly(dir.path()).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert_eq!(held.0.metadata().unwrap().nlink(), 0);
        assert_eq!(held.1.metadata().unwrap().nlink(), 0);
    }

    #[test]
    fn space_adds_up() {
        let space = Space::of(Path::new("/")).unwrap();
        assert!(space.total >= space.free && space.free >= space.available);
        assert!(space.total > 0);
    }
}
