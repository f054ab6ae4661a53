//! Which file a queue is, so that one that was moved away under an open connection is noticed.
//!
//! SQLite keeps writing into a file that has lost its name, and what is acknowledged there is lost.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Device and inode of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    /// The file that has this name now.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|facts| Self { device: facts.dev(), inode: facts.ino() })
    }
}
