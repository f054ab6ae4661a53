//! Changes to the machine, as data. The only place of the engine that changes anything, and it takes a receipt for it:
//!
//! ```compile_fail
//! # use squall_engine::change::Change;
//! let change: Change = todo!();
//! change.make(); // no receipt, no change
//! ```

use std::path::PathBuf;
use std::time::Duration;

use squall_host::cgroup::{Group, Limit, Setting};
use squall_host::limit;
use squall_host::process::{Delivery, Process};
use squall_host::signal::Signal;
use squall_host::spawn::{Child, Output, Spawn};
use squall_host::stress::{Order, Stress};
use squall_model::traffic::Toxic;
use squall_model::undo::{Resource, Undo};

use crate::journal::Receipt;
use crate::program;
use crate::proxy_api::ProxyApi;
use crate::reason::reason;
use crate::supervisor;
use crate::undo::host_resource;

/// A change and what takes it back.
#[derive(Debug)]
pub struct Step {
    /// Written first.
    pub undo: Undo,
    /// Made then.
    pub change: Change,
}

/// One change.
#[derive(Debug)]
pub enum Change {
    /// A signal to each of these.
    Signal {
        /// The processes.
        processes: Vec<Process>,
        /// The signal.
        signal: Signal,
    },
    /// A stressor is started.
    Stress {
        /// What it uses up.
        stress: Stress,
        /// Its mark.
        mark: String,
        /// The binary that has the `__stress` command.
        squall: PathBuf,
        /// The file that it reports to.
        report: PathBuf,
        /// It ends by itself after this.
        alarm: Duration,
        /// The cgroup that it is put into.
        group: Option<Group>,
    },
    /// A cgroup of our own is made.
    Group {
        /// The group.
        group: Group,
        /// The processes that are moved into it.
        members: Vec<Process>,
        /// Its limits.
        limits: Vec<Limit>,
        /// Whether its processes are held.
        hold: Hold,
    },
    /// A value of a cgroup that is not ours is set.
    Setting(Setting),
    /// A limit of a process is lowered.
    Limit {
        /// The process.
        process: Process,
        /// Which limit.
        resource: Resource,
        /// The new soft limit.
        soft: u64,
    },
    /// An order to the supervisor of the run's own services.
    Service(supervisor::Order),
    /// A toxic is added to a proxy.
    AddToxic {
        /// The proxy.
        api: ProxyApi,
        /// The name of the toxic.
        name: String,
        /// The toxic, with its values filled in.
        toxic: Toxic,
        /// Its attributes as they may be shown.
        shown: String,
        /// Share of what passes that is hit, 0 to 1.
        toxicity: f64,
        /// The proxy removes it by itself after this.
        ttl: Duration,
    },
    /// A program is run.
    Run {
        /// Program and arguments.
        argv: Vec<String>,
        /// Its time.
        timeout: Duration,
        /// The mark of it and of everything that it starts.
        mark: Option<String>,
    },
}

/// What runs after a change was made.
#[derive(Debug)]
pub struct Made {
    /// The stressor, to be watched and reaped.
    pub stressor: Option<Child>,
}

/// Whether the processes of a group stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// They do.
    Frozen,
    /// They do not.
    Free,
}

/// Time for the freezer.
const FREEZE_WITHIN: Duration = Duration::from_secs(2);

impl Change {
    /// Makes it. An order to the supervisor is not for here: the driver hands it over.
    ///
    /// # Errors
    /// Why it could not be made; it may be half made then, and its undo is owed all the same.
    pub fn make(self, receipt: &Receipt) -> Result<Made, String> {
        let _ = receipt;
        let nothing_runs = |()| Made { stressor: None };
        match self {
            Self::Signal { processes, signal } => {
                let mut sent = 0;
                for process in processes {
                    if process.signal(signal).map_err(|error| reason(&error))? == Delivery::Sent {
                        sent += 1;
                    }
                }
                if sent == 0 {
                    Err("every process was gone already".to_owned())
                } else {
                    Ok(nothing_runs(()))
                }
            }
            Self::Stress { stress, mark, squall, report, alarm, group } => {
                let order = serde_json::to_string(&Order { stress, deadline: alarm })
                    .map_err(|error| error.to_string())?;
                let mut stressor = Spawn::program(squall)
                    .args(["__stress", &order])
                    .mark(mark)
                    .stdout(Output::File(report))
                    .oom_score_adj(1000);
                if let Some(group) = &group {
                    stressor = stressor.group(group);
                }
                let child = stressor.start().map_err(|error| reason(&error))?;
                Ok(Made { stressor: Some(child) })
            }
            Self::Group { group, members, limits, hold } => {
                group.create().map_err(|error| reason(&error))?;
                for limit in limits {
                    group.limit(limit).map_err(|error| reason(&error))?;
                }
                for member in members {
                    // Children come and go; whether any is in it is measured afterwards.
                    if let Err(error) = group.add(member)
                        && member.is_alive().map_err(|error| reason(&error))?
                    {
                        return Err(reason(&error));
                    }
                }
                match hold {
                    Hold::Frozen => {
                        group.freeze(FREEZE_WITHIN).map(nothing_runs).map_err(|error| reason(&error))
                    }
                    Hold::Free => Ok(nothing_runs(())),
                }
            }
            Self::Setting(setting) => setting.apply().map(nothing_runs).map_err(|error| reason(&error)),
            Self::Limit { process, resource, soft } => {
                let set = limit::set(process, host_resource(resource), Some(soft));
                set.map(drop).map(nothing_runs).map_err(|error| reason(&error))
            }
            Self::Service(order) => Err(format!("{order:?} was not handed to the supervisor")),
            Self::AddToxic { api, name, toxic, toxicity, ttl, shown: _ } => {
                api.add(&name, &toxic, toxicity, ttl).map(nothing_runs)
            }
            Self::Run { argv, timeout, mark } => {
                program::succeed(&argv, timeout, mark.as_deref()).map(nothing_runs)
            }
        }
    }
}

/// What will be done, for a dry run.
impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Signal { processes, signal } => {
                let pids: Vec<String> = processes.iter().map(|process| process.pid.to_string()).collect();
                write!(f, "send {signal} to {}", pids.join(", "))
            }
            Self::Stress { stress, .. } => write!(f, "start a stressor: {stress:?}"),
            Self::Group { group, members, limits, hold } => {
                write!(f, "move {} processes into the cgroup squall/{}", members.len(), group.name)?;
                for limit in limits {
                    write!(f, ", limit {limit:?}")?;
                }
                if *hold == Hold::Frozen { f.write_str(", freeze it") } else { Ok(()) }
            }
            Self::Setting(setting) => write!(f, "write {} to {}", setting.wanted, setting.path.display()),
            Self::Limit { process, resource, soft } => {
                write!(f, "set the {resource} limit of pid {} to {soft}", process.pid)
            }
            Self::Service(order) => order.fmt(f),
            Self::AddToxic { api, toxic, toxicity, shown, .. } => {
                write!(f, "add the toxic {} {shown} to the proxy {}", toxic.kind, api.proxy)?;
                if *toxicity < 1.0 { write!(f, " at toxicity {toxicity}") } else { Ok(()) }
            }
            Self::Run { argv, .. } => write!(f, "run {}", argv.first().map_or("nothing", String::as_str)),
        }
    }
}
