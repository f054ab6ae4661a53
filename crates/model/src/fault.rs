//! Faults: what can be broken, with typed parameters.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::template::{Argv, Template};
use crate::traffic::{Protocol, Toxic};
use crate::unit::{Bytes, Percent, Span};

/// A fault with its parameters. The names are those that people write under `inject:`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// F6: a signal that ends processes, once per window; the service's supervisor may start them again.
    ProcessKill {
        /// The signal.
        signal: Signal,
        /// How far from each chosen process it reaches.
        scope: Scope,
        /// The service must be whole again within this, counted from the kill.
        expect_restart: Option<Span>,
    },
    /// F7: processes stand still.
    ProcessPause {
        /// How far from each chosen process it reaches.
        scope: Scope,
        /// By which means.
        by: PauseBy,
    },
    /// F8: busy loops on this host.
    CpuStress {
        /// Share of each worker's core.
        percent: Percent,
        /// Number of busy workers; one a core where nothing is said.
        workers: Option<u32>,
    },
    /// F9: memory of this host taken and held.
    MemoryPressure {
        /// How much.
        amount: Amount,
        /// Time over which it grows.
        ramp: Span,
    },
    /// F10: a filesystem filled, never the root filesystem.
    DiskFill {
        /// A folder on it.
        path: Template,
        /// How much of what is available.
        amount: Amount,
    },
    /// F12: the inodes of a filesystem used up, never those of the root filesystem.
    InodeExhaustion {
        /// A folder on it.
        path: Template,
        /// Share of the inodes that are free when the fault is injected.
        percent: Percent,
    },
    /// F12: TCP ports of this host bound, so that nobody else can use them.
    PortExhaustion {
        /// The first port.
        first: u16,
        /// The last port.
        last: u16,
    },
    /// F12: fewer file descriptors for the chosen processes.
    FdExhaustion {
        /// The new soft limit, in percent of the descriptors that each has open now.
        percent: Percent,
    },
    /// F12: no more processes or threads for the chosen processes.
    PidExhaustion {
        /// How many more than now they may make.
        spare: u32,
    },
    /// F8, F9, F12: limits of the chosen processes' cgroup.
    CgroupLimit {
        /// CPU time, in percent of one core.
        cpu: Option<Percent>,
        /// Memory.
        memory: Option<Bytes>,
        /// Number of processes and threads.
        pids: Option<u32>,
    },
    /// F23: the service is asked to stop, and stays down for the window.
    ServiceStop {},
    /// F23: the service is killed, and stays down for the window.
    ServiceKill {},
    /// F23: the service is stopped and started at once.
    ServiceRestart {},
    /// F23: the service has another number of instances for the window.
    ServiceScale {
        /// The number of instances.
        to: u32,
        /// One every so long; all at once where nothing is said.
        every: Option<Span>,
    },
    /// F16-F20: what passes through the proxy in front of the service is slowed, altered, refused or cut.
    Traffic {
        /// What it is read as.
        protocol: Protocol,
        /// What the proxy does, each a toxic of its API.
        toxics: Vec<Toxic>,
        /// The same in few words: `latency 100ms, jitter 20ms`.
        what: String,
        /// Share of the connections, or of the requests where the protocol has requests.
        percent: Percent,
    },
    /// Programs of your own.
    Command {
        /// Makes the change.
        inject: Argv,
        /// Takes it back; run again until `check` says that it is gone.
        undo: Argv,
        /// Exits with 0 while the change is in effect, with 1 when it is not, and with anything else when it cannot say.
        check: Argv,
        /// For each of the three.
        timeout: Span,
    },
}

/// The four sets that "the process" may mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The process alone.
    #[default]
    Process,
    /// Its process group.
    Group,
    /// Its session.
    Session,
    /// It and all its descendants.
    Tree,
}

/// By what processes are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PauseBy {
    /// SIGSTOP and SIGCONT.
    #[default]
    Signal,
    /// The cgroup freezer.
    Freezer,
}

/// Signals that a fault may send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// 9, cannot be caught.
    #[default]
    Kill,
    /// 15.
    Term,
    /// 2.
    Int,
    /// 1.
    Hup,
    /// 3.
    Quit,
    /// 6.
    Abrt,
    /// 11.
    Segv,
    /// 10.
    Usr1,
    /// 12.
    Usr2,
}

/// An absolute amount, or a share of what there is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amount {
    /// So many bytes.
    Bytes(Bytes),
    /// A share of what is available when the fault is injected.
    Percent(Percent),
}

impl Fault {
    /// Every kind, as people write it.
    pub const KINDS: [&str; 22] = [
        "process-kill",
        "process-pause",
        "cpu-stress",
        "memory-pressure",
        "disk-fill",
        "inode-exhaustion",
        "port-exhaustion",
        "fd-exhaustion",
        "pid-exhaustion",
        "cgroup-limit",
        "service-stop",
        "service-kill",
        "service-restart",
        "service-scale",
        "tcp",
        "udp",
        "http",
        "websocket",
        "redis",
        "postgres",
        "tls",
        "command",
    ];

    /// The kind, as people write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ProcessKill { .. } => "process-kill",
            Self::ProcessPause { .. } => "process-pause",
            Self::CpuStress { .. } => "cpu-stress",
            Self::MemoryPressure { .. } => "memory-pressure",
            Self::DiskFill { .. } => "disk-fill",
            Self::InodeExhaustion { .. } => "inode-exhaustion",
            Self::PortExhaustion { .. } => "port-exhaustion",
            Self::FdExhaustion { .. } => "fd-exhaustion",
            Self::PidExhaustion { .. } => "pid-exhaustion",
            Self::CgroupLimit { .. } => "cgroup-limit",
            Self::ServiceStop {} => "service-stop",
            Self::ServiceKill {} => "service-kill",
            Self::ServiceRestart {} => "service-restart",
            Self::ServiceScale { .. } => "service-scale",
            Self::Traffic { protocol, .. } => protocol.name(),
            Self::Command { .. } => "command",
        }
    }

    /// Whether it hits requests of which it spares some: those are its control group. `None`: it does not hit requests.
    pub fn spares_requests(&self) -> Option<bool> {
        let Self::Traffic { protocol, toxics, percent, .. } = self else { return None };
        let spares = percent.0 < 100.0
            || toxics.iter().any(|toxic| {
                let attributes = &toxic.attributes;
                attributes.contains_key("first")
                    || attributes.get("every").and_then(Value::as_u64).is_some_and(|every| every > 1)
            });
        protocol.has_requests().then_some(spares)
    }

    /// Whether it acts on what passes through a proxy, and not on processes.
    pub fn is_on_traffic(&self) -> bool {
        matches!(self, Self::Traffic { .. })
    }

    /// Whether it needs a service to act on (`on:`), or acts on the host.
    pub fn needs_service(&self) -> bool {
        !matches!(
            self,
            Self::CpuStress { .. }
                | Self::MemoryPressure { .. }
                | Self::DiskFill { .. }
                | Self::InodeExhaustion { .. }
                | Self::PortExhaustion { .. }
                | Self::Command { .. }
        )
    }
}

/// A short sentence without the place: `SIGKILL to each process`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProcessKill { signal, scope, .. } => write!(f, "SIG{signal} to {scope}"),
            Self::ProcessPause { scope, by: PauseBy::Signal } => write!(f, "{scope} stopped (SIGSTOP)"),
            Self::ProcessPause { scope, by: PauseBy::Freezer } => {
                write!(f, "{scope} frozen (cgroup freezer)")
            }
            Self::CpuStress { percent, workers: Some(workers) } => {
                write!(f, "{workers} busy workers at {percent} of a core each")
            }
            Self::CpuStress { percent, workers: None } => write!(f, "every core {percent} busy"),
            Self::MemoryPressure { amount, ramp } if ramp.is_zero() => write!(f, "{amount} of memory taken"),
            Self::MemoryPressure { amount, ramp } => write!(f, "{amount} of memory taken over {ramp}"),
            Self::DiskFill { path, amount } => write!(f, "{amount} of {path} filled"),
            Self::InodeExhaustion { path, percent } => {
                write!(f, "{percent} of the free inodes of {path} used up")
            }
            Self::PortExhaustion { first, last } => write!(f, "TCP ports {first} to {last} bound"),
            Self::FdExhaustion { percent } => {
                write!(f, "file descriptors limited to {percent} of those open")
            }
            Self::PidExhaustion { spare } => write!(f, "{spare} more processes or threads allowed"),
            Self::CgroupLimit { cpu, memory, pids } => {
                let mut parts = Vec::new();
                parts.extend(cpu.map(|cpu| format!("CPU {cpu} of a core")));
                parts.extend(memory.map(|memory| format!("memory {memory}")));
                parts.extend(pids.map(|pids| format!("{pids} processes")));
                write!(f, "limited to {}", parts.join(", "))
            }
            Self::ServiceStop {} => f.write_str("stopped"),
            Self::ServiceKill {} => f.write_str("killed and kept down"),
            Self::ServiceRestart {} => f.write_str("restarted"),
            Self::ServiceScale { to, every: None } => write!(f, "scaled to {to}"),
            Self::ServiceScale { to, every: Some(every) } => write!(f, "scaled to {to}, one every {every}"),
            Self::Traffic { what, percent, .. } if percent.0 >= 100.0 => f.write_str(what),
            Self::Traffic { protocol: Protocol::Tcp, what, percent, .. } => {
                write!(f, "{what} on {percent} of the connections")
            }
            Self::Traffic { protocol: Protocol::Udp, what, percent, .. } => {
                write!(f, "{what} for {percent} of the clients")
            }
            Self::Traffic { what, percent, .. } => write!(f, "{what}, {percent} of them"),
            Self::Command { inject, .. } => {
                write!(f, "command {}", inject.first().map(ToString::to_string).unwrap_or_default())
            }
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "the process",
            Self::Group => "the process group",
            Self::Session => "the session",
            Self::Tree => "the process tree",
        })
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "KILL",
            Self::Term => "TERM",
            Self::Int => "INT",
            Self::Hup => "HUP",
            Self::Quit => "QUIT",
            Self::Abrt => "ABRT",
            Self::Segv => "SEGV",
            Self::Usr1 => "USR1",
            Self::Usr2 => "USR2",
        })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => bytes.fmt(f),
            Self::Percent(percent) => percent.fmt(f),
        }
    }
}
