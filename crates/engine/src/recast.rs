//! Values of the host crate as words of the model, and back: two types with the same form on disk.

use serde::Serialize;
use serde::de::DeserializeOwned;
use squall_host::process::Process;
use squall_model::id::ProcessRef;

/// The same value in another type with the same JSON.
pub(crate) fn recast<Out: DeserializeOwned>(value: &impl Serialize) -> Result<Out, serde_json::Error> {
    serde_json::from_value(serde_json::to_value(value)?)
}

/// A process as the host knows it.
pub(crate) fn process(reference: ProcessRef) -> Process {
    Process { pid: reference.pid, started: reference.started }
}

/// A process as a plan names it.
pub(crate) fn reference(process: Process) -> ProcessRef {
    ProcessRef { pid: process.pid, started: process.started }
}

#[cfg(test)]
mod tests {
    use squall_host::cgroup::{Controller, Group, Home, Place, Version};
    use squall_model::undo::{OwnGroup, OwnHome};

    use super::*;

    #[test]
    fn a_cgroup_and_a_home_keep_their_form_both_ways() {
        let place = Place {
            version: Version::V1,
            controllers: vec![Controller::Freezer],
            directory: "/sys/fs/cgroup/freezer/squall/x".into(),
            base: "/sys/fs/cgroup/freezer".into(),
        };
        let group = Group { name: "x".into(), places: vec![place], handed_down: vec![Controller::Cpu] };
        let own: OwnGroup = recast(&group).unwrap();
        assert_eq!(recast::<Group>(&own).unwrap(), group);
        let home = Home { process: Process { pid: 7, started: 9 }, directories: vec!["/a".into()] };
        let own: OwnHome = recast(&home).unwrap();
        assert_eq!(recast::<Home>(&own).unwrap(), home);
    }
}
