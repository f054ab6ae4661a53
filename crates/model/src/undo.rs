//! Undo as data: written to the journal before the change, executed by whoever is alive.
//!
//! Each can be executed by any process, any number of times, and ends by measuring that the thing is gone.
//! None touches what squall did not make: processes are named with their start time, values are put back only
//! where they still are what squall wrote.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::ProcessRef;
use crate::target::Find;
use crate::template::{Argv, Template};
use crate::unit::Span;

/// One change taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undo {
    /// Processes that squall started, and whatever they started: found by a mark in their environment.
    KillMarked {
        /// The value of `SQUALL_MARK`.
        mark: String,
    },
    /// Processes that were stopped by SIGSTOP.
    Continue {
        /// Each of them.
        processes: Vec<ProcessRef>,
    },
    /// A cgroup of squall's own: thawed, its processes moved back to where they were, and removed.
    LeaveGroup {
        /// The group.
        group: OwnGroup,
        /// Where each process was.
        homes: Vec<OwnHome>,
    },
    /// A value in a file of the kernel (cgroup, sysctl): the exact previous bytes.
    RestoreValue {
        /// The file.
        path: String,
        /// What squall wrote; anything else is somebody else's and left alone.
        wrote: String,
        /// What stood there.
        previous: String,
    },
    /// A resource limit of a process.
    RestoreLimit {
        /// The process.
        process: ProcessRef,
        /// Which limit.
        resource: Resource,
        /// What squall set (soft); anything else is somebody else's and left alone. `None` is no limit.
        wrote: Option<u64>,
        /// What it was (soft).
        previous: Option<u64>,
    },
    /// A service of squall's own run: its supervisor starts the instances again; gone with the run.
    Resume {
        /// The service.
        service: String,
        /// The number of instances that it must have.
        count: u32,
        /// Time for it.
        within: Span,
    },
    /// A service that squall did not start: it has its instances again.
    StartService {
        /// The service.
        service: String,
        /// How it is found.
        find: Find,
        /// The number of instances that it must have.
        count: u32,
        /// A program that starts it or scales it back; `None`: its own supervisor is expected to.
        start: Option<Argv>,
        /// Time for it.
        within: Span,
    },
    /// A service that squall did not start and scaled: it has its number of instances again, no more and no less.
    ScaleBack {
        /// The service.
        service: String,
        /// How it is found.
        find: Find,
        /// The number of instances that it must have.
        count: u32,
        /// A program that scales it to that number.
        scale: Argv,
        /// Time for it.
        within: Span,
    },
    /// A filesystem filled by processes that squall started: the space returns when they end.
    FreeSpace {
        /// The value of `SQUALL_MARK`.
        mark: String,
        /// A folder on the filesystem.
        path: String,
    },
    /// Programs of the experiment.
    Run {
        /// Takes the change back.
        undo: Argv,
        /// Exits with 1 when the change is gone.
        check: Argv,
        /// For each.
        timeout: Span,
        /// The value of `SQUALL_MARK` of the program that made the change: what is left of it ends first.
        mark: String,
    },
    /// A toxic of a proxy in front of a service.
    RemoveToxic {
        /// Address of the proxy's API.
        api: Template,
        /// The proxy.
        proxy: String,
        /// The toxic, with a name that only squall gives.
        toxic: String,
    },
    /// Connections go through a proxy without their clients knowing, by a table of nftables that belongs to the proxy:
    /// the kernel removes it with its owner, so that only the proof is left to do.
    EndRedirect {
        /// The table, of the family `inet`.
        table: String,
    },
    /// A file that squall made.
    RemoveFile {
        /// Its path.
        path: String,
    },
}

/// A cgroup of squall's own, in every hierarchy that it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnGroup {
    /// Its name below `squall/`.
    pub name: String,
    /// Its directories, one a hierarchy.
    pub places: Vec<OwnPlace>,
    /// Version 2: controllers that were handed down to it for the first time.
    pub handed_down: Vec<String>,
}

/// A directory of a cgroup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnPlace {
    /// `v1` or `v2`.
    pub version: String,
    /// The controllers that it is used for.
    pub controllers: Vec<String>,
    /// The directory.
    pub directory: String,
    /// The directory above all groups of squall.
    pub base: String,
}

/// Where a process was before it was moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnHome {
    /// The process.
    pub process: ProcessRef,
    /// The directories of its groups.
    pub directories: Vec<String>,
}

/// A resource limit (setrlimit(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// RLIMIT_NOFILE.
    OpenFiles,
    /// RLIMIT_NPROC.
    Processes,
}

fn list(processes: &[ProcessRef]) -> String {
    processes.iter().map(|process| process.pid.to_string()).collect::<Vec<_>>().join(", ")
}

/// A program and its arguments as they are typed into a shell.
fn typed(argv: &Argv) -> String {
    let word = |word: &Template| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,{}".contains(c);
        if !word.0.is_empty() && word.0.chars().all(is_plain) {
            word.0.clone()
        } else {
            format!("'{}'", word.0.replace('\'', r"'\''"))
        }
    };
    argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

impl Undo {
    /// Commands for a person, in case that squall itself cannot.
    pub fn by_hand(&self) -> Vec<String> {
        match self {
            Self::KillMarked { mark } | Self::FreeSpace { mark, .. } => {
                vec![format!(
                    "grep -lz '^SQUALL_MARK={mark}' /proc/[0-9]*/environ | cut -d/ -f3 | xargs -r kill -9"
                )]
            }
            Self::Continue { processes } => {
                vec![format!("kill -CONT {}", list(processes).replace(", ", " "))]
            }
            Self::LeaveGroup { group, homes } => {
                let mut lines = Vec::new();
                for home in homes {
                    let moves = home
                        .directories
                        .iter()
                        .map(|directory| format!("echo {} > {directory}/cgroup.procs", home.process.pid));
                    lines.extend(moves);
                }
                lines.extend(group.places.iter().map(|place| format!("rmdir {}", place.directory)));
                lines
            }
            Self::RestoreValue { path, previous, .. } => vec![format!("printf %s '{previous}' > {path}")],
            Self::RestoreLimit { process, resource, previous, .. } => {
                let flag = match resource {
                    Resource::OpenFiles => "nofile",
                    Resource::Processes => "nproc",
                };
                let soft = previous.map_or("unlimited".to_owned(), |soft| soft.to_string());
                vec![format!("prlimit --pid {} --{flag}={soft}:", process.pid)]
            }
            Self::Resume { service, .. } => {
                vec![format!("the run starts {service} again; end it with `squall halt`")]
            }
            Self::StartService { service, start, .. } => vec![match start {
                Some(start) => typed(start),
                None => format!("start the service {service}"),
            }],
            Self::ScaleBack { scale, .. } => vec![typed(scale)],
            Self::Run { undo, .. } => vec![typed(undo)],
            Self::RemoveToxic { api, proxy, toxic } => {
                vec![format!("curl -X DELETE {api}/proxies/{proxy}/toxics/{toxic}")]
            }
            Self::EndRedirect { table } => {
                vec![format!(
                    "end the `nft -i` that `nft list table inet {table}` is of: its parent is `squall proxy`"
                )]
            }
            Self::RemoveFile { path } => vec![format!("rm {path}")],
        }
    }
}

/// What will be done, as a plan shows it.
impl fmt::Display for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillMarked { mark } => write!(f, "end the processes marked {mark}"),
            Self::Continue { processes } => write!(f, "continue {}", list(processes)),
            Self::LeaveGroup { group, homes } => match homes.len() {
                0 => write!(f, "remove the cgroup squall/{}", group.name),
                count => write!(f, "move {count} back from the cgroup squall/{} and remove it", group.name),
            },
            Self::RestoreValue { path, previous, .. } => {
                write!(f, "write {:?} back to {path}", previous.trim())
            }
            Self::RestoreLimit { process, resource, previous, .. } => {
                let soft = previous.map_or("unlimited".to_owned(), |soft| soft.to_string());
                write!(f, "set the {resource} limit of {process} back to {soft}")
            }
            Self::Resume { service, count, .. } => write!(f, "start {service} again, {count} instances"),
            Self::StartService { service, count, start: Some(_), .. } => {
                write!(f, "start {service} again until {count} instances are found")
            }
            Self::StartService { service, count, start: None, within, .. } => {
                write!(f, "wait up to {within} until {service} has {count} instances again")
            }
            Self::ScaleBack { service, count, .. } => write!(f, "scale {service} back to {count} instances"),
            Self::FreeSpace { mark, path } => {
                write!(f, "end the processes marked {mark}, which frees {path}")
            }
            Self::Run { undo, .. } => {
                write!(f, "run {}", undo.first().map(ToString::to_string).unwrap_or_default())
            }
            Self::RemoveToxic { proxy, toxic, .. } => {
                write!(f, "remove the toxic {toxic} from the proxy {proxy}")
            }
            Self::EndRedirect { table } => {
                write!(f, "end the redirection of connections by the table {table}")
            }
            Self::RemoveFile { path } => write!(f, "remove {path}"),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenFiles => "open files",
            Self::Processes => "processes",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_by_hand_can_be_pasted_into_a_shell() {
        let argv = ["sh", "-c", "rm 'it' $0", "{env:TOKEN}", ""].map(Template::from).to_vec();
        assert_eq!(typed(&argv), r"sh -c 'rm '\''it'\'' $0' {env:TOKEN} ''");
    }
}
