//! What is mounted where, from /proc/self/mountinfo; proc_pid_mountinfo(5).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// One line of mountinfo.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mount {
    /// The directory of the file system that is mounted.
    pub(crate) root: PathBuf,
    /// Where.
    pub(crate) point: PathBuf,
    /// The type, such as `ext4`.
    pub(crate) kind: String,
    /// The device or another name.
    pub(crate) source: String,
    /// The options of the file system as a whole.
    pub(crate) options: Vec<String>,
}

/// All mounts, in the order of the file: later ones hide earlier ones at the same place.
pub(crate) fn parse(mountinfo: &str) -> Vec<Mount> {
    mountinfo.lines().filter_map(line).collect()
}

/// The mount that `path`, absolute and without symbolic links, lies on.
pub(crate) fn of<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    mounts
        .iter()
        .enumerate()
        .filter(|(_, mount)| path.starts_with(&mount.point))
        .max_by_key(|(order, mount)| (mount.point.components().count(), *order))
        .map(|(_, mount)| mount)
}

fn line(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(3);
    let mut right = right.split(' ');
    Some(Mount {
        root: unescape(left.next()?),
        point: unescape(left.next()?),
        kind: right.next()?.into(),
        source: unescape(right.next()?).to_string_lossy().into_owned(),
        options: right.next().unwrap_or_default().split(',').map(str::to_owned).collect(),
    })
}

/// Blanks, tabs, line ends and backslashes are written as three octal digits.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let octal = tail.get(..3).filter(|_| first == b'\\');
        let code = octal
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(code) = code {
            bytes.push(code);
            rest = &tail[3..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:30 / /mnt/a\\040b rw - tmpfs none rw,size=4k
31 22 0:31 /sub /mnt rw - ext4 /dev/vdb rw
short line
";

    #[test]
    fn the_deepest_mount_wins_and_blanks_are_read() {
        let mounts = parse(TEXT);
        assert_eq!(mounts.len(), 3);
        assert_eq!(of(&mounts, Path::new("/mnt/a b/c")).unwrap().kind, "tmpfs");
        assert_eq!(of(&mounts, Path::new("/mnt/ab")).unwrap().source, "/dev/vdb");
        assert_eq!(of(&mounts, Path::new("/mnt2")).unwrap().source, "/dev/vda");
        assert_eq!(mounts[1].options, ["rw", "size=4k"]);
    }
}
