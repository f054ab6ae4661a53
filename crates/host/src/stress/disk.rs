//! Space of a file system, in a file without a name: the space returns when the process ends.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

use super::{End, Held, Hold, Measured, StressError};
use crate::disk::{self, Space, nameless};

/// How much is taken at a time: small enough to get near the end.
const CHUNK: u64 = 16 << 20;

/// Held open, never read.
impl Hold for File {}

pub(super) fn take(dir: &Path, bytes: u64) -> Result<Held, StressError> {
    if disk::is_root_filesystem(dir)? {
        return Err(StressError::RootFilesystem { dir: dir.into() });
    }
    let taken = |source| StressError::Take { what: "disk space", source };
    let mut file = nameless(dir).map_err(taken)?;
    let end = fill(&mut file, bytes).map_err(taken)?;
    let held = file.metadata().map_err(taken)?.blocks() * 512;
    let available = Space::of(dir)?.available;
    // Some file systems only count what has reached the disk.
    let held = if held == 0 {
        file.sync_all().map_err(taken)?;
        file.metadata().map_err(taken)?.blocks() * 512
    } else {
        held
    };
    if end == End::Asked && held < bytes {
        return Err(StressError::NoEffect { what: "bytes of disk", measured: held, wanted: bytes });
    }
    Ok((Box::new(file), Measured::DiskFill { bytes: held, available, end }))
}

fn fill(file: &mut File, bytes: u64) -> io::Result<End> {
    let mut chunk = CHUNK;
    let mut at = 0;
    while at < bytes {
        let size = chunk.min(bytes - at);
        match fallocate(&*file, FallocateFlags::empty(), at, size) {
            Ok(()) => at += size,
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
                return write(file, bytes);
            }
            Err(rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT) => {
                // The last free bytes may be less than a chunk.
                if chunk <= 4096 {
                    return Ok(End::Exhausted);
                }
                chunk /= 2;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(End::Asked)
}

/// Where space cannot be reserved, it is really written.
fn write(file: &mut File, bytes: u64) -> io::Result<End> {
    let zeros = vec![0_u8; 1 << 20];
    let mut at = 0;
    while at < bytes {
        let size = (bytes - at).min(zeros.len() as u64) as usize;
        match file.write(&zeros[..size]) {
            Ok(count) => at += count as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if disk::is_full(&error) => return Ok(End::Exhausted),
            Err(error) => return Err(error),
        }
    }
    Ok(End::Asked)
}
