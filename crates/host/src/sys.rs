//! The only unsafe code: what the standard library and rustix do not offer safely.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Signal, getppid, set_parent_process_death_signal, setsid};

/// What a child does between fork and exec.
#[derive(Default)]
pub(crate) struct BeforeExec {
    /// Become the leader of a new session.
    pub(crate) session: Option<NewSession>,
    /// Die when the thread that forks it ends, prctl(2) PR_SET_PDEATHSIG.
    pub(crate) leash: Option<Leash>,
    /// The text for /proc/self/oom_score_adj.
    pub(crate) oom_score_adj: Option<String>,
    /// The open cgroup.procs of the groups to enter.
    pub(crate) groups: Vec<OwnedFd>,
}

#[derive(Clone, Copy)]
pub(crate) struct NewSession;

#[derive(Clone, Copy)]
pub(crate) struct Leash;

/// Has the child do `steps` before it becomes the program. A failing step makes the spawn fail.
pub(crate) fn before_exec(command: &mut Command, steps: BeforeExec) {
    let parent = std::process::id();
    let run = move || -> io::Result<()> {
        if steps.session.is_some() {
            setsid()?;
        }
        if steps.leash.is_some() {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // The parent may have ended before the line above: then nobody would ever send it.
            if getppid().map(|pid| pid.as_raw_nonzero().get().cast_unsigned()) != Some(parent) {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
        }
        for group in &steps.groups {
            // Zero stands for the one who writes, cgroups(7).
            rustix::io::write(group, b"0")?;
        }
        if let Some(text) = &steps.oom_score_adj {
            let flags = OFlags::WRONLY | OFlags::CLOEXEC;
            let file = rustix::fs::open(c"/proc/self/oom_score_adj", flags, Mode::empty())?;
            rustix::io::write(&file, text.as_bytes())?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure only makes system calls (rustix' linux_raw backend,
    // no libc state) on memory prepared before the fork: it takes no lock and does not allocate.
    unsafe {
        command.pre_exec(run);
    }
}

/// Has the kernel end this process with SIGALRM after `after`, setitimer(2), whatever our code does.
pub(crate) fn arm_alarm(after: Duration) -> io::Result<()> {
    let timer = libc::itimerval {
        it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 },
        it_value: libc::timeval {
            tv_sec: libc::time_t::try_from(after.as_secs()).unwrap_or(libc::time_t::MAX),
            // A value of zero would disarm the timer instead.
            tv_usec: libc::suseconds_t::from(after.subsec_micros()).max(1),
        },
    };
    // SAFETY: SIG_DFL is a valid disposition, and the signal set and the timer are initialised
    // values on our stack that the calls only read.
    let armed = unsafe {
        libc::signal(libc::SIGALRM, libc::SIG_DFL);
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGALRM);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
        libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut())
    };
    if armed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
