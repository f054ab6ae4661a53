//! Where a process was before, so that it can be moved back.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Place;
use super::group::FAMILY;
use crate::process::Process;

/// Where a process was before it was added to a group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Home {
    /// Who.
    pub process: Process,
    /// The directories of its groups, one a hierarchy.
    pub directories: Vec<PathBuf>,
}

impl Home {
    /// Where a member of our group at `place` goes: to its own home, or if it was started inside, to
    /// the first home there is; from a home that is gone, to the nearest group above it.
    pub(super) fn for_member(place: &Place, pid: u32, homes: &[Home]) -> PathBuf {
        let known = homes.iter().find(|home| {
            // A number used again is somebody who was started inside.
            home.process.pid == pid && matches!(home.process.state(), Ok(Some(_)))
        });
        let directory = known
            .or(homes.first())
            .and_then(|home| home.directories.iter().find(|directory| directory.starts_with(&place.base)));
        let family = place.base.join(FAMILY);
        directory
            .into_iter()
            .flat_map(|directory| directory.ancestors())
            .take_while(|way| way.starts_with(&place.base))
            // A home of ours is about to go as well.
            .find(|way| !way.starts_with(&family) && way.join("cgroup.procs").exists())
            .map_or_else(|| place.base.clone(), Path::to_path_buf)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{Controller, Version};
    use super::*;

    #[test]
    fn a_home_is_looked_for_in_the_same_hierarchy_and_never_among_ours() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("cpu");
        for name in ["", "a", "a/b", "squall/x"] {
            fs::create_dir_all(base.join(name)).unwrap();
            fs::write(base.join(name).join("cgroup.procs"), "").unwrap();
        }
        let place = Place {
            version: Version::V1,
            controllers: vec![Controller::Cpu],
            directory: base.join("squall/y"),
            base: base.clone(),
        };
        let process = Process::current().unwrap();
        let home = |name: &str| {
            let elsewhere = dir.path().join("memory/a");
            let home = Home { process, directories: vec![elsewhere, base.join(name)] };
            Home::for_member(&place, process.pid, &[home])
        };
        assert_eq!(home("a/b"), base.join("a/b"));
        assert_eq!(home("a/gone/too"), base.join("a"));
        assert_eq!(home("squall/x"), base);
        assert_eq!(Home::for_member(&place, process.pid, &[]), base);
    }
}
