//! A group of our own, in all the hierarchies that it takes: `squall/NAME`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::value::{is_missing, put, same};
use super::{CgroupError, Controller, Hierarchies, Home, Place, Version, read_value};
use crate::process::Process;
use crate::signal::Signal;
use crate::wait;

/// The directory that all our groups are in.
pub(super) const FAMILY: &str = "squall";

/// A group of our own. Making one in memory changes nothing; see [`Group::create`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Group {
    /// Its name below `squall/`.
    pub name: String,
    /// Its directories, one a hierarchy.
    pub places: Vec<Place>,
    /// Version 2 only: the controllers that have to be handed down from `base` first and were not
    /// before. They are taken back when nobody else is there to use them.
    pub handed_down: Vec<Controller>,
}

impl Hierarchies {
    /// A group named `squall/NAME` wherever these controllers are. Nothing is changed yet.
    pub fn plan(&self, name: &str, controllers: &[Controller]) -> Result<Group, CgroupError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.starts_with('.') || !name.bytes().all(allowed) {
            return Err(CgroupError::Name { name: name.into() });
        }
        let mut places: Vec<Place> = Vec::new();
        let mut handed_down = Vec::new();
        for &controller in controllers {
            let hierarchy = self.with(controller)?;
            let base = hierarchy.base();
            let directory = base.join(FAMILY).join(name);
            if hierarchy.version == Version::V2
                && hierarchy.controllers.iter().any(|named| named == controller.name())
                && !hands_down(&base, controller)?
            {
                handed_down.push(controller);
            }
            match places.iter_mut().find(|place| place.directory == directory) {
                Some(place) => place.controllers.push(controller),
                None => places.push(Place {
                    version: hierarchy.version,
                    controllers: vec![controller],
                    directory,
                    base,
                }),
            }
        }
        Ok(Group { name: name.into(), places, handed_down })
    }

    /// The directories of all groups of ours that exist now, in all hierarchies.
    pub fn ours(&self) -> Result<BTreeSet<PathBuf>, CgroupError> {
        let mut found = BTreeSet::new();
        for hierarchy in self.list() {
            for base in [hierarchy.mount.clone(), hierarchy.base()] {
                let mut open = children(&base, |name| name.starts_with(FAMILY))?;
                while let Some(directory) = open.pop() {
                    open.extend(children(&directory, |_| true)?);
                    found.insert(directory);
                }
            }
        }
        Ok(found)
    }
}

impl Group {
    /// Makes its directories. One with this name must not exist. When this fails, [`Group::remove`]
    /// takes away what was made.
    pub fn create(&self) -> Result<(), CgroupError> {
        for place in &self.places {
            let family = place.base.join(FAMILY);
            // Another group's removal may take the family away in between.
            let made = wait::until(Duration::from_millis(200), || {
                make(&family, Existing::Welcome)?;
                if place.version == Version::V2 {
                    hand_down(&place.base, &place.controllers)?;
                    hand_down(&family, &place.controllers)?;
                }
                match make(&place.directory, Existing::Refused) {
                    Err(CgroupError::Make { source, .. }) if is_missing(&source) => Ok(None),
                    other => other.map(Some),
                }
            })?;
            if made.is_none() {
                let source = io::Error::from_raw_os_error(libc::ENOENT);
                return Err(CgroupError::Make { path: place.directory.clone(), source });
            }
        }
        Ok(())
    }

    /// Moves a process, with all its threads, into it. What it starts from now on is in it too.
    /// Ask [`Hierarchies::home`] first. Fails when the process is gone.
    pub fn add(&self, process: Process) -> Result<(), CgroupError> {
        for place in &self.places {
            // The start time is checked before and after: the number could not change hands in
            // between without the second look showing it.
            process.stat()?;
            put_into(&place.directory, process.pid).map_err(|source| CgroupError::Write {
                path: place.file("cgroup.procs"),
                text: process.pid.to_string(),
                source,
            })?;
            process.stat()?;
        }
        Ok(())
    }

    /// The processes in it, oldest first, without zombies.
    pub fn members(&self) -> Result<Vec<Process>, CgroupError> {
        let mut members = Vec::new();
        for place in &self.places {
            members.extend(place.members()?);
        }
        members.sort_by_key(|member| (member.started, member.pid));
        members.dedup();
        Ok(members)
    }

    /// Whether any of its directories exists.
    pub fn exists(&self) -> bool {
        self.places.iter().any(|place| place.directory.exists())
    }

    /// Kills all its processes, also frozen ones and those started meanwhile. Returns the proof.
    pub fn kill_all(&self, timeout: Duration) -> Result<String, CgroupError> {
        let mut killed = BTreeSet::new();
        // Before the thaw, so that nobody gets to run once more.
        for member in if_there(self.members())? {
            member.signal(Signal::Kill)?;
            killed.insert(member.pid);
        }
        self.let_go(timeout)?;
        for place in &self.places {
            let all_gone = wait::until(timeout, || {
                let members = if_there(place.members())?;
                // cgroup.kill also meets those that are being forked right now.
                let at_once = place.version == Version::V2 && put(&place.file("cgroup.kill"), "1").is_ok();
                for member in &members {
                    if !at_once {
                        member.signal(Signal::Kill)?;
                    }
                    killed.insert(member.pid);
                }
                Ok::<_, CgroupError>(members.is_empty().then_some(()))
            })?;
            if all_gone.is_none() {
                let left = place.members()?.len();
                return Err(CgroupError::Left { path: place.directory.clone(), left, timeout });
            }
        }
        Ok(format!("no process is left in group {FAMILY}/{} ({} killed)", self.name, killed.len()))
    }

    /// Thaws it, moves its processes back home, and removes its directories. Harmless to repeat.
    ///
    /// A process without a home of its own was started inside: it goes where the first home says. A
    /// home that is gone is replaced by the nearest group above it. Returns the proof.
    pub fn remove(&self, homes: &[Home], timeout: Duration) -> Result<String, CgroupError> {
        self.let_go(timeout)?;
        let mut moved = BTreeSet::new();
        for place in &self.places {
            let mut last = io::Error::from_raw_os_error(libc::EBUSY);
            let removed = wait::until(timeout, || {
                let pids = match super::place::pids_in(&place.directory) {
                    Ok(pids) => pids,
                    Err(CgroupError::Read { source, .. }) if is_missing(&source) => {
                        return Ok(Some(()));
                    }
                    Err(error) => return Err(error),
                };
                for pid in pids {
                    let home = Home::for_member(place, pid, homes);
                    match put_into(&home, pid) {
                        Ok(()) => {
                            moved.insert(pid);
                        }
                        // It ended meanwhile.
                        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                        Err(error) => last = error,
                    }
                }
                match fs::remove_dir(&place.directory) {
                    Ok(()) => Ok(Some(())),
                    Err(error) if is_missing(&error) => Ok(Some(())),
                    // Processes on their way out hold the group for a moment.
                    Err(error) if error.raw_os_error() == Some(libc::EBUSY) => Ok(None),
                    Err(source) => {
                        Err(CgroupError::Remove { path: place.directory.clone(), timeout, source })
                    }
                }
            })?;
            if removed.is_none() {
                let path = place.directory.clone();
                return Err(CgroupError::Remove { path, timeout, source: last });
            }
            self.tidy(place)?;
        }
        if let Some(place) = self.places.iter().find(|place| place.directory.exists()) {
            let source = io::Error::from_raw_os_error(libc::EEXIST);
            return Err(CgroupError::Remove { path: place.directory.clone(), timeout, source });
        }
        let name = &self.name;
        Ok(match moved.len() {
            0 => format!("group {FAMILY}/{name} is gone"),
            count => format!("group {FAMILY}/{name} is gone, {count} processes moved back"),
        })
    }

    /// Thaws it, if that is one of its uses.
    fn let_go(&self, timeout: Duration) -> Result<(), CgroupError> {
        self.places
            .iter()
            .filter(|place| place.has(Controller::Freezer))
            .try_for_each(|place| place.thaw(timeout))
    }

    /// Takes the family's directory away when no other group is in it, and with it the controllers
    /// that were handed down only for us, if nobody else is below who may use them by now.
    fn tidy(&self, place: &Place) -> Result<(), CgroupError> {
        let family = place.base.join(FAMILY);
        if fs::remove_dir(&family).is_err() && family.exists() {
            return Ok(());
        }
        if place.version == Version::V1 || !children(&place.base, |_| true)?.is_empty() {
            return Ok(());
        }
        let path = place.base.join("cgroup.subtree_control");
        for controller in self.handed_down.iter().filter(|one| place.has(**one)) {
            let text = format!("-{}", controller.name());
            put(&path, &text).map_err(|source| CgroupError::Write { path: path.clone(), text, source })?;
        }
        Ok(())
    }
}

/// A group that is gone has no members.
fn if_there(members: Result<Vec<Process>, CgroupError>) -> Result<Vec<Process>, CgroupError> {
    match members {
        Err(CgroupError::Read { source, .. }) if is_missing(&source) => Ok(Vec::new()),
        other => other,
    }
}

enum Existing {
    Welcome,
    Refused,
}

fn make(path: &Path, existing: Existing) -> Result<(), CgroupError> {
    match (fs::create_dir(path), existing) {
        (Ok(()), _) => Ok(()),
        (Err(error), Existing::Welcome) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        (Err(source), _) => Err(CgroupError::Make { path: path.into(), source }),
    }
}

fn hands_down(directory: &Path, controller: Controller) -> Result<bool, CgroupError> {
    let text = read_value(&directory.join("cgroup.subtree_control"))?;
    Ok(text.split_whitespace().any(|name| same(name, controller.name())))
}

/// Makes controllers available to the groups below. The freezer and the processor accounting are
/// always there.
fn hand_down(directory: &Path, controllers: &[Controller]) -> Result<(), CgroupError> {
    let path = directory.join("cgroup.subtree_control");
    for &controller in controllers {
        if matches!(controller, Controller::Freezer | Controller::Cpuacct) {
            continue;
        }
        if !hands_down(directory, controller)? {
            let text = format!("+{}", controller.name());
            put(&path, &text).map_err(|source| CgroupError::Write { path: path.clone(), text, source })?;
        }
    }
    Ok(())
}

fn put_into(directory: &Path, pid: u32) -> io::Result<()> {
    put(&directory.join("cgroup.procs"), &pid.to_string())
}

fn children(directory: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, CgroupError> {
    let failed = |source| CgroupError::Read { path: directory.into(), source };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if is_missing(&error) => return Ok(Vec::new()),
        Err(source) => return Err(failed(source)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let named = entry.file_name().to_str().is_some_and(&wanted);
        if named && entry.file_type().map_err(failed)?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A version 2 tree of plain files: what is written can be seen, nothing more.
    fn unified(handed_down: &str) -> (tempfile::TempDir, Hierarchies) {
        let root = tempfile::tempdir().unwrap();
        let top = root.path().join("sys/fs/cgroup");
        fs::create_dir_all(&top).unwrap();
        fs::write(top.join("cgroup.controllers"), "cpu memory pids\n").unwrap();
        fs::write(top.join("cgroup.subtree_control"), handed_down).unwrap();
        fs::write(top.join("cgroup.procs"), "").unwrap();
        let mounts = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let found = Hierarchies::at(root.path(), "0::/user.slice\n", mounts).unwrap();
        (root, found)
    }

    #[test]
    fn with_version_2_all_controllers_share_one_place() {
        let (_root, hierarchies) = unified("memory\n");
        let group = hierarchies.plan("a", &Controller::ALL).unwrap();
        assert_eq!(group.places.len(), 1);
        assert_eq!(group.places[0].controllers, Controller::ALL);
        assert_eq!(group.handed_down, [Controller::Cpu, Controller::Pids]);
        assert!(!group.exists(), "planning makes nothing");
    }

    #[test]
    fn missing_controllers_are_handed_down_and_taken_back_when_nobody_else_is_there() {
        let (_root, hierarchies) = unified("\n");
        let group = hierarchies.plan("a", &[Controller::Cpu]).unwrap();
        let control = group.places[0].base.join("cgroup.subtree_control");
        hand_down(&group.places[0].base, &group.places[0].controllers).unwrap();
        assert_eq!(fs::read_to_string(&control).unwrap(), "+cpu");

        let other = group.places[0].base.join("system.slice");
        fs::create_dir(&other).unwrap();
        group.tidy(&group.places[0]).unwrap();
        assert_eq!(fs::read_to_string(&control).unwrap(), "+cpu", "others may use it by now");

        fs::remove_dir(&other).unwrap();
        group.tidy(&group.places[0]).unwrap();
        assert_eq!(fs::read_to_string(&control).unwrap(), "-cpu");
    }

    #[test]
    fn where_nothing_may_be_written_the_failure_names_the_directory() {
        let (_root, hierarchies) = unified("cpu\n");
        let group = hierarchies.plan("a", &[Controller::Cpu]).unwrap();
        fs::remove_dir_all(&group.places[0].base).unwrap();
        let error = group.create().unwrap_err();
        assert!(error.to_string().contains("sys/fs/cgroup"), "{error}");
    }
}
