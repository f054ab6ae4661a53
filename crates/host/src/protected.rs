//! Processes that are never a target, whoever asks.

use crate::glob::Glob;
use crate::process::{Process, ProcessError};

/// Names that are protected unless a policy says otherwise: without these the machine, or the way
/// into it, is lost.
pub const NAMES: &[&str] = &[
    "init",
    "systemd",
    "systemd-*",
    "dbus-daemon",
    "dbus-broker",
    "sshd",
    "sshd-*",
    "dockerd",
    "containerd",
    "containerd-shim*",
    "podman",
    "crio",
    "kubelet",
    "k3s",
    "agetty",
    "login",
    "udevd",
    "NetworkManager",
];

/// Why a process is not touched.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Process 1: without it the machine or the container ends.
    #[error("touch process 1: everything ends with it")]
    First,
    /// A kernel thread.
    #[error("touch process {pid}: it is a part of the kernel ({name})")]
    Kernel {
        /// Its number.
        pid: u32,
        /// Its name.
        name: String,
    },
    /// We ourselves.
    #[error("touch process {pid}: it is squall itself")]
    Ourselves {
        /// Its number.
        pid: u32,
    },
    /// One that we were started by: the shell, the terminal, the service manager.
    #[error("touch process {pid}: squall was started by it ({name})")]
    Ancestor {
        /// Its number.
        pid: u32,
        /// Its name.
        name: String,
    },
    /// One of our own process group.
    #[error("touch process {pid}: it is in squall's own process group ({name})")]
    OwnGroup {
        /// Its number.
        pid: u32,
        /// Its name.
        name: String,
    },
    /// One with a protected name.
    #[error("touch process {pid}: the name {name} is protected by `{pattern}`")]
    Name {
        /// Its number.
        pid: u32,
        /// Its name.
        name: String,
        /// Which pattern.
        pattern: String,
    },
    /// Not knowing is no permission.
    #[error("find out whether a process is protected")]
    Unknown(#[from] ProcessError),
}

/// Says no when `process` is protected, by what it is or by a name (patterns as in [`Glob`]).
pub fn check<'a>(process: Process, names: impl IntoIterator<Item = &'a str>) -> Result<(), Refusal> {
    let pid = process.pid;
    if pid == 1 {
        return Err(Refusal::First);
    }
    if pid == std::process::id() {
        return Err(Refusal::Ourselves { pid });
    }
    let stat = process.stat()?;
    let name = stat.name.clone();
    if stat.is_kernel_thread() {
        return Err(Refusal::Kernel { pid, name });
    }
    let own = Process::current()?;
    let mut ancestor = own.parent()?;
    while let Some(above) = ancestor {
        if above == process {
            return Err(Refusal::Ancestor { pid, name });
        }
        ancestor = above.parent()?;
    }
    if stat.group == own.group()? {
        return Err(Refusal::OwnGroup { pid, name });
    }
    // The kernel keeps 15 bytes of a name; the program's file has all of it, where we may look.
    let file = process.exe().ok();
    let file = file.as_deref().and_then(|path| path.file_name()).and_then(|name| name.to_str());
    for pattern in names {
        let glob = Glob::new(pattern);
        if glob.matches(&name) || file.is_some_and(|file| glob.matches(file)) {
            return Err(Refusal::Name { pid, name, pattern: pattern.into() });
        }
    }
    Ok(())
}
