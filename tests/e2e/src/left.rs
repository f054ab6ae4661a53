//! What a run has left behind: its processes, cgroups and mounts, and the state of what it broke.
//!
//! Only things of this run are looked at, so that tests may run beside each other.

use squall_engine::home::RunDir;
use squall_host::cgroup::Hierarchies;
use squall_host::mark;
use squall_host::process::Process;
use squall_host::snapshot::{Snapshot, Watch};

/// Processes and groups that carry the name of this run.
///
/// # Panics
/// When this machine cannot be looked at.
pub fn of_run(run: &RunDir) -> Vec<String> {
    let id = run.id().as_str();
    let mut left = Vec::new();
    for (process, mark) in mark::all().expect("the processes of this machine") {
        if mark.starts_with(id) {
            left.push(format!("pid {} is marked {mark}", process.pid));
        }
    }
    let tail = &id[id.len() - 12..];
    for group in Hierarchies::read().and_then(|all| all.ours()).expect("the cgroups of this machine") {
        if group.display().to_string().contains(tail) {
            left.push(format!("{} is still there", group.display()));
        }
    }
    left
}

/// The state, groups and limits of processes, the room of filesystems and the files in folders.
///
/// # Panics
/// When this machine cannot be looked at.
pub fn picture(processes: Vec<Process>, rooms: &[&std::path::Path], files: &[&std::path::Path]) -> Snapshot {
    let watch = Watch {
        processes,
        rooms: rooms.iter().map(|path| path.to_path_buf()).collect(),
        directories: files.iter().map(|path| path.to_path_buf()).collect(),
        ..Watch::default()
    };
    let mut picture = Snapshot::take(&watch).expect("a picture of this machine");
    // Those of other tests come and go.
    picture.ours.clear();
    picture.groups.clear();
    picture.mounts.clear();
    picture
}
