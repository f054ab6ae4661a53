//! What differs between two pictures, in sentences.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::{Condition, Snapshot};

impl Snapshot {
    /// What is different in the `later` picture, one sentence each. Empty: nothing.
    pub fn diff(&self, later: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let titles = |picture: &Self| picture.ours.values().cloned().collect::<BTreeSet<_>>();
        compare(&titles(self), &titles(later), &mut found);
        let groups =
            |picture: &Self| picture.groups.iter().map(|path| format!("group {}", path.display())).collect();
        compare::<String>(&groups(self), &groups(later), &mut found);
        let mounts = |picture: &Self| picture.mounts.iter().map(|line| format!("mount `{line}`")).collect();
        compare::<String>(&mounts(self), &mounts(later), &mut found);
        conditions(&self.processes, &later.processes, &mut found);
        for (path, (bytes, inodes)) in &self.rooms {
            let Some((bytes_later, inodes_later)) = later.rooms.get(path) else { continue };
            // A file takes at least a block, so the inodes get as much leeway as there are blocks.
            if bytes.abs_diff(*bytes_later) > self.tolerance {
                found.push(format!("{} had {bytes} bytes free, now {bytes_later}", path.display()));
            }
            if inodes.abs_diff(*inodes_later) > self.tolerance / 4096 {
                found.push(format!("{} had {inodes} inodes free, now {inodes_later}", path.display()));
            }
        }
        for (path, size) in &self.files {
            match later.files.get(path) {
                None => found.push(format!("file {} is gone", path.display())),
                Some(now) if now != size => {
                    found.push(format!("file {} had {size} bytes, now {now}", path.display()));
                }
                Some(_) => {}
            }
        }
        let new = later.files.keys().filter(|path| !self.files.contains_key(*path));
        found.extend(new.map(|path| format!("file {} is new", path.display())));
        found
    }
}

fn compare<T: Ord + Display>(before: &BTreeSet<T>, after: &BTreeSet<T>, found: &mut Vec<String>) {
    found.extend(before.difference(after).map(|gone| format!("{gone} is gone")));
    found.extend(after.difference(before).map(|new| format!("{new} is new")));
}

fn conditions(
    before: &BTreeMap<u32, Option<Condition>>,
    after: &BTreeMap<u32, Option<Condition>>,
    found: &mut Vec<String>,
) {
    for (pid, was) in before {
        match (was, after.get(pid).and_then(Option::as_ref)) {
            (Some(_), None) => found.push(format!("process {pid} is gone")),
            (None, Some(_)) => found.push(format!("process {pid} is back")),
            (Some(was), Some(is)) => {
                if was.halted != is.halted {
                    let (was, is) = (was.halted, is.halted);
                    found.push(format!("process {pid} was halted: {was:?}, now: {is:?}"));
                }
                if was.groups != is.groups {
                    found.push(format!("process {pid} is in other control groups"));
                }
                for (old, new) in was.limits.iter().zip(&is.limits).filter(|(old, new)| old != new) {
                    let (resource, was, is) = (old.0, old.1, new.1);
                    found.push(format!(
                        "process {pid} has another limit of {resource:?}: {was:?}, now {is:?}"
                    ));
                }
            }
            (None, None) => {}
        }
    }
}
