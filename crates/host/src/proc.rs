//! Reading /proc, proc(5): only what is asked for, and always of the process that was meant.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rustix::fs::{CWD, Mode, OFlags, openat, readlinkat};

use crate::process::State;

/// An open /proc/PID. It stays bound to the process that it was opened for: when that is gone,
/// reads fail with ESRCH, also when the number is in use again.
pub(crate) struct ProcDir {
    fd: OwnedFd,
}

impl ProcDir {
    /// `None`: there is no such process.
    pub(crate) fn open(pid: u32) -> io::Result<Option<Self>> {
        let flags = OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC;
        match openat(CWD, format!("/proc/{pid}"), flags, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd })),
            Err(error) if is_gone(&error.into()) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let fd = openat(&self.fd, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut bytes = Vec::new();
        File::from(fd).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn text(&self, name: &str) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&self.read(name)?).into_owned())
    }

    pub(crate) fn link(&self, name: &str) -> io::Result<PathBuf> {
        let target = readlinkat(&self.fd, name, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()).into())
    }

    /// The names in a directory below, such as `fd`.
    pub(crate) fn list(&self, name: &str) -> io::Result<Vec<String>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(&self.fd, name, flags, Mode::empty())?;
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&fd)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy();
            if name != "." && name != ".." {
                names.push(name.into_owned());
            }
        }
        Ok(names)
    }

    /// A process that is just being reaped fails with ESRCH.
    pub(crate) fn stat(&self) -> io::Result<Stat> {
        stat_of(&self.read("stat")?)
    }
}

/// What one line of /proc/PID/stat says; proc_pid_stat(5) numbers the fields from one.
#[derive(Clone, Debug)]
pub(crate) struct Stat {
    /// Field 2, at most 15 bytes.
    pub(crate) name: String,
    /// Field 3.
    pub(crate) state: State,
    /// Field 4.
    pub(crate) parent: u32,
    /// Field 5.
    pub(crate) group: u32,
    /// Field 6.
    pub(crate) session: u32,
    /// Field 9.
    flags: u32,
    /// Fields 14 and 15, in clock ticks.
    pub(crate) cpu_ticks: u64,
    /// Field 20.
    pub(crate) threads: u32,
    /// Field 22, in clock ticks since boot.
    pub(crate) started: u64,
}

/// What a line says, or ESRCH where its process is gone.
fn stat_of(line: &[u8]) -> io::Result<Stat> {
    if is_reaped(line) {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    Stat::parse(line).ok_or_else(malformed)
}

/// Whether the line was written while its process was being reaped: it has no group and no session any more, and
/// the kernel writes -1 for both (`do_task_stat` in fs/proc/array.c, where `lock_task_sighand` fails).
fn is_reaped(line: &[u8]) -> bool {
    let close = line.iter().rposition(|byte| *byte == b')').unwrap_or(0);
    let mut fields = line[close..].split(u8::is_ascii_whitespace);
    fields.nth(3) == Some(b"-1") && fields.next() == Some(b"-1")
}

/// PF_KTHREAD in the kernel's sched.h.
const KERNEL_THREAD: u32 = 0x0020_0000;

impl Stat {
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(line);
        // The name may hold spaces and parentheses: it ends at the last one.
        let (open, close) = (line.find('(')?, line.rfind(')')?);
        let name = line.get(open + 1..close)?.to_owned();
        let rest: Vec<&str> = line.get(close + 1..)?.split_ascii_whitespace().collect();
        let field = |number: usize| rest.get(number - 3).copied();
        Some(Self {
            name,
            state: State::from_letter(field(3)?.chars().next()?),
            parent: field(4)?.parse().ok()?,
            group: field(5)?.parse().ok()?,
            session: field(6)?.parse().ok()?,
            flags: field(9)?.parse().ok()?,
            cpu_ticks: field(14)?.parse::<u64>().ok()? + field(15)?.parse::<u64>().ok()?,
            threads: field(20)?.parse().ok()?,
            started: field(22)?.parse().ok()?,
        })
    }

    /// Whether it still runs. A leader that has exited while other threads of its process go on
    /// shows as a zombie with more than one thread.
    pub(crate) fn is_alive(&self) -> bool {
        match self.state {
            State::Zombie => self.threads > 1,
            State::Dead => false,
            _ => true,
        }
    }

    pub(crate) fn is_kernel_thread(&self) -> bool {
        self.flags & KERNEL_THREAD != 0
    }
}

/// The numbers of all processes that we may see.
pub(crate) fn pids() -> io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        if let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
            pids.push(pid);
        }
    }
    Ok(pids)
}

/// One line of each process that we may see; those that end meanwhile are left out.
pub(crate) fn stats() -> io::Result<Vec<(u32, Stat)>> {
    let mut stats = Vec::new();
    for pid in pids()? {
        match fs::read(format!("/proc/{pid}/stat")) {
            Ok(line) => match stat_of(&line) {
                Ok(stat) => stats.push((pid, stat)),
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            },
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(stats)
}

/// Whether an error means that the process is not there (any more).
pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH))
}

/// Whether an error means that we are not allowed to look.
pub(crate) fn is_forbidden(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EACCES | libc::EPERM))
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the line is not as proc_pid_stat(5) says")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "42 (a) R) b) Z 1 40 39 0 -1 4194304 102 0 0 0 7 5 0 0 20 0 1 0 115308 \
                        3133440 395 18446744073709551615";

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = Stat::parse(LINE.as_bytes()).unwrap();
        assert_eq!(stat.name, "a) R) b");
        assert_eq!(stat.state, State::Zombie);
        assert_eq!((stat.parent, stat.group, stat.session), (1, 40, 39));
        assert_eq!((stat.cpu_ticks, stat.threads, stat.started), (12, 1, 115_308));
    }

    #[test]
    fn a_process_that_is_just_being_reaped_is_gone() {
        let reaped = LINE.replacen("Z 1 40 39", "X 0 -1 -1", 1);
        assert!(is_gone(&stat_of(reaped.as_bytes()).unwrap_err()));
        assert!(stat_of(LINE.as_bytes()).is_ok());
        assert!(!is_gone(&stat_of(b"42 (cut").unwrap_err()));
    }

    #[test]
    fn a_zombie_is_dead_unless_other_threads_go_on() {
        let mut stat = Stat::parse(LINE.as_bytes()).unwrap();
        assert!(!stat.is_alive());
        stat.threads = 2;
        assert!(stat.is_alive());
    }

    #[test]
    fn a_line_cut_anywhere_is_refused_and_does_not_panic() {
        let cut = LINE.find("115308").unwrap();
        for end in 0..cut {
            assert!(Stat::parse(&LINE.as_bytes()[..end]).is_none(), "cut at {end}");
        }
    }
}
