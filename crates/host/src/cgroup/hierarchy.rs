//! Which controllers are where, from /proc/PID/cgroup and /proc/self/mountinfo.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::{CgroupError, Controller, Home, Place, Version};
use crate::mount::{self, Mount};
use crate::process::Process;

/// One mounted tree of groups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hierarchy {
    /// Which interface it speaks.
    pub version: Version,
    /// Its controllers by name; those of version 2 that are not taken by version 1.
    pub controllers: Vec<String>,
    /// Where it is mounted.
    pub mount: PathBuf,
    /// The group that is visible at the mount point, `/` outside of containers.
    root: PathBuf,
    /// Our own group, as in /proc/self/cgroup.
    own: PathBuf,
}

/// All hierarchies of this machine that we can see.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hierarchies {
    list: Vec<Hierarchy>,
}

impl Hierarchies {
    /// Those of this machine.
    pub fn read() -> Result<Self, CgroupError> {
        let read = |path: &str| {
            fs::read_to_string(path).map_err(|source| CgroupError::Read { path: path.into(), source })
        };
        let (own, mounts) = (read("/proc/self/cgroup")?, read("/proc/self/mountinfo")?);
        Self::at(Path::new("/"), &own, &mounts)
    }

    /// Those that the two texts describe, with all mount points taken to be below `root`.
    pub fn at(root: &Path, proc_cgroup: &str, mountinfo: &str) -> Result<Self, CgroupError> {
        let mounts = mount::parse(mountinfo);
        let mut list = Vec::new();
        for (names, own) in lines(proc_cgroup) {
            let Some(mount) = mounts.iter().find(|mount| carries(mount, &names)) else {
                continue;
            };
            let point = root.join(mount.point.strip_prefix("/").unwrap_or(&mount.point));
            let (version, controllers) = if names.is_empty() {
                let path = point.join("cgroup.controllers");
                let text = super::read_value(&path)?;
                (Version::V2, text.split_whitespace().map(str::to_owned).collect())
            } else {
                (Version::V1, names)
            };
            list.push(Hierarchy { version, controllers, mount: point, root: mount.root.clone(), own });
        }
        Ok(Self { list })
    }

    /// All of them.
    pub fn list(&self) -> &[Hierarchy] {
        &self.list
    }

    /// The one that has `controller`. For the freezer version 1 comes first where both are there:
    /// systemd keeps its books in version 2 and loses processes that are moved there.
    pub fn with(&self, controller: Controller) -> Result<&Hierarchy, CgroupError> {
        let carries = |hierarchy: &&Hierarchy| hierarchy.has(controller);
        self.list
            .iter()
            .filter(|hierarchy| hierarchy.version == Version::V1)
            .find(carries)
            .or_else(|| self.list.iter().find(carries))
            .ok_or(CgroupError::NoController { controller })
    }

    /// The groups that a process is in, one place a hierarchy, for these controllers.
    pub fn places_of(&self, process: Process, controllers: &[Controller]) -> Result<Vec<Place>, CgroupError> {
        let text = process.text("cgroup")?;
        let mut places: Vec<Place> = Vec::new();
        for &controller in controllers {
            let hierarchy = self.with(controller)?;
            let directory = lines(&text)
                .find(|(names, _)| hierarchy.is_named(names))
                .and_then(|(_, path)| hierarchy.directory(&path))
                .ok_or(CgroupError::NoGroup { pid: process.pid, controller })?;
            match places.iter_mut().find(|place| place.directory == directory) {
                Some(place) => place.controllers.push(controller),
                None => places.push(Place {
                    version: hierarchy.version,
                    controllers: vec![controller],
                    directory,
                    base: hierarchy.mount.clone(),
                }),
            }
        }
        Ok(places)
    }

    /// Where a process is in every hierarchy: what is needed to move it back later.
    pub fn home(&self, process: Process) -> Result<Home, CgroupError> {
        let text = process.text("cgroup")?;
        let directories = lines(&text)
            .filter_map(|(names, path)| {
                let hierarchy = self.list.iter().find(|hierarchy| hierarchy.is_named(&names))?;
                hierarchy.directory(&path)
            })
            .collect();
        Ok(Home { process, directories })
    }

    /// The numbers of all processes in a group and the groups below it, found by its path as in
    /// /proc/PID/cgroup in any hierarchy, or by its directory.
    pub fn members_of(&self, path: &str) -> Result<BTreeSet<u32>, CgroupError> {
        let mut directories: Vec<PathBuf> = Vec::new();
        let asked = Path::new(path);
        if self.list.iter().any(|hierarchy| asked.starts_with(&hierarchy.mount)) {
            directories.push(asked.into());
        } else {
            let below = self.list.iter().filter_map(|hierarchy| hierarchy.directory(asked));
            directories.extend(below);
        }
        directories.retain(|directory| directory.join("cgroup.procs").exists());
        if directories.is_empty() || asked.components().any(|part| part == Component::ParentDir) {
            return Err(CgroupError::Missing { path: path.into() });
        }
        let mut pids = BTreeSet::new();
        while let Some(directory) = directories.pop() {
            pids.extend(super::place::pids_in(&directory)?);
            let read = |source| CgroupError::Read { path: directory.clone(), source };
            for entry in fs::read_dir(&directory).map_err(read)? {
                let entry = entry.map_err(read)?;
                if entry.file_type().map_err(read)?.is_dir() {
                    directories.push(entry.path());
                }
            }
        }
        Ok(pids)
    }
}

impl Hierarchy {
    /// Whether it has this controller.
    pub fn has(&self, controller: Controller) -> bool {
        let named = self.controllers.iter().any(|name| name == controller.name());
        let built_in = matches!(controller, Controller::Freezer | Controller::Cpuacct);
        named || (self.version == Version::V2 && built_in)
    }

    /// The directory of a group, given as in /proc/PID/cgroup. `None`: it is outside of what is
    /// mounted.
    pub fn directory(&self, path: &Path) -> Option<PathBuf> {
        let below = path.strip_prefix(&self.root).ok()?;
        let inside = below.components().all(|part| matches!(part, Component::Normal(_)));
        inside.then(|| self.mount.join(below))
    }

    /// The highest group that we may make groups in: the root, or where we are or above.
    pub(super) fn base(&self) -> PathBuf {
        let own = self.directory(&self.own).unwrap_or_else(|| self.mount.clone());
        let mut ways: Vec<&Path> = own.ancestors().take_while(|way| way.starts_with(&self.mount)).collect();
        ways.reverse();
        let writable = |way: &&&Path| {
            let access = rustix::fs::Access::WRITE_OK;
            rustix::fs::access(**way, access).is_ok()
                && rustix::fs::access(way.join("cgroup.procs"), access).is_ok()
        };
        // Nothing is writable: making the group will say so.
        ways.iter().find(writable).map_or_else(|| self.mount.clone(), |way| way.to_path_buf())
    }

    fn is_named(&self, names: &[String]) -> bool {
        match self.version {
            Version::V1 => self.controllers == names,
            Version::V2 => names.is_empty(),
        }
    }
}

/// The lines `ID:CONTROLLERS:PATH` of /proc/PID/cgroup; without controllers it is version 2.
fn lines(text: &str) -> impl Iterator<Item = (Vec<String>, PathBuf)> + '_ {
    text.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let names = parts.next()?.split(',').filter(|name| !name.is_empty());
        let path = parts.next()?;
        let path = path.strip_suffix(" (deleted)").unwrap_or(path);
        Some((names.map(str::to_owned).collect(), PathBuf::from(path)))
    })
}

fn carries(mount: &Mount, names: &[String]) -> bool {
    if names.is_empty() {
        return mount.kind == "cgroup2";
    }
    mount.kind == "cgroup" && names.iter().all(|name| mount.options.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID_MOUNTS: &str = "\
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
37 31 0:34 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
";
    const HYBRID_OWN: &str = "\
6:freezer:/
4:memory:/user.slice
2:cpu,cpuacct:/
1:name=systemd:/user.slice
0::/user.slice
";

    #[test]
    fn hybrid_prefers_version_1_and_keeps_shared_hierarchies_together() {
        let root = tempfile::tempdir().unwrap();
        let unified = root.path().join("sys/fs/cgroup/unified");
        fs::create_dir_all(&unified).unwrap();
        fs::write(unified.join("cgroup.controllers"), "pids\n").unwrap();
        let found = Hierarchies::at(root.path(), HYBRID_OWN, HYBRID_MOUNTS).unwrap();
        let version = |controller| found.with(controller).unwrap().version;
        assert_eq!(version(Controller::Freezer), Version::V1);
        assert_eq!(version(Controller::Memory), Version::V1);
        assert_eq!(version(Controller::Pids), Version::V2);
        let cpu = found.with(Controller::Cpu).unwrap();
        assert_eq!(cpu, found.with(Controller::Cpuacct).unwrap());
        assert!(cpu.mount.ends_with("sys/fs/cgroup/cpu,cpuacct"));
    }

    #[test]
    fn a_machine_without_a_controller_says_so() {
        let found = Hierarchies::at(Path::new("/"), "4:memory:/\n", HYBRID_MOUNTS).unwrap();
        assert!(matches!(
            found.with(Controller::Cpu),
            Err(CgroupError::NoController { controller: Controller::Cpu })
        ));
    }

    #[test]
    fn inside_a_container_paths_are_cut_at_what_is_mounted() {
        let mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let found = Hierarchies::at(Path::new("/"), "4:memory:/docker/abc\n", mounts).unwrap();
        let memory = found.with(Controller::Memory).unwrap();
        let directory = |path| memory.directory(Path::new(path));
        assert_eq!(directory("/docker/abc/x"), Some("/sys/fs/cgroup/memory/x".into()));
        assert_eq!(directory("/docker/abc"), Some("/sys/fs/cgroup/memory".into()));
        assert_eq!(directory("/docker/other"), None);
        assert_eq!(directory("/docker/abc/../other"), None);
    }

    #[test]
    fn colons_in_a_path_are_kept() {
        let parsed: Vec<_> = lines("0::/a:b/c (deleted)\n").collect();
        assert_eq!(parsed, [(Vec::new(), PathBuf::from("/a:b/c"))]);
    }
}
