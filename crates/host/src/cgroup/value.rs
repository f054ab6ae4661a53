//! One value in one file: read, write and read back, put back.
//!
//! Values are compared as text without the line end. Also good for sysctls.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::CgroupError;
use crate::restoration::Restoration;

/// What the file says now, to the byte.
pub fn read_value(path: &Path) -> Result<String, CgroupError> {
    fs::read_to_string(path).map_err(|source| CgroupError::Read { path: path.into(), source })
}

/// Writes a value in one call and returns what the file says afterwards. The file must exist.
pub fn write_value(path: &Path, text: &str) -> Result<String, CgroupError> {
    put(path, text).map_err(|source| CgroupError::Write {
        path: path.into(),
        text: text.trim_end().into(),
        source,
    })?;
    read_value(path)
}

/// Puts `previous` back if the file still says what we `wrote`; harmless to repeat.
pub fn restore(path: &Path, wrote: &str, previous: &str) -> Result<Restoration, CgroupError> {
    let found = match read_value(path) {
        Ok(found) => found,
        Err(CgroupError::Read { source, .. }) if is_missing(&source) => {
            return Ok(Restoration::Gone);
        }
        Err(error) => return Err(error),
    };
    if same(&found, previous) {
        return Ok(Restoration::Restored);
    }
    if !same(&found, wrote) {
        return Ok(Restoration::ForeignValue(found.trim().into()));
    }
    match write_value(path, previous) {
        Ok(now) if same(&now, previous) => Ok(Restoration::Restored),
        Ok(now) => Err(CgroupError::NotTaken {
            path: path.into(),
            wrote: previous.trim().into(),
            found: now.trim().into(),
        }),
        Err(CgroupError::Read { source, .. } | CgroupError::Write { source, .. }) if is_missing(&source) => {
            Ok(Restoration::Gone)
        }
        Err(error) => Err(error),
    }
}

pub(super) fn same(one: &str, other: &str) -> bool {
    one.trim() == other.trim()
}

/// ENODEV: the group was removed while its file was open.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENODEV))
}

/// Never creates: below a directory that is no cgroup a file would stay behind.
pub(super) fn put(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).truncate(true).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_somebody_else_has_changed_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cpu.max");
        fs::write(&path, "max 100000\n").unwrap();
        let previous = read_value(&path).unwrap();
        write_value(&path, "5000 100000").unwrap();

        fs::write(&path, "7000 100000\n").unwrap();
        let foreign = restore(&path, "5000 100000", &previous).unwrap();
        assert_eq!(foreign, Restoration::ForeignValue("7000 100000".into()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "7000 100000\n");

        fs::write(&path, "5000 100000\n").unwrap();
        for _ in 0..2 {
            assert_eq!(restore(&path, "5000 100000", &previous).unwrap(), Restoration::Restored);
            assert_eq!(read_value(&path).unwrap(), previous);
        }

        fs::remove_file(&path).unwrap();
        assert_eq!(restore(&path, "5000 100000", &previous).unwrap(), Restoration::Gone);
        assert!(write_value(&path, "1").is_err());
        assert!(!path.exists(), "a missing value must not be created");
    }
}
