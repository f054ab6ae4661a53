//! Processes moved aside into a cgroup of squall's own, and back.

use squall_host::cgroup::{Controller, Group, Hierarchies, Limit};
use squall_host::process::Process;
use squall_model::undo::Undo;

use super::{Refusal, Site};
use crate::change::{Change, Hold, Step};
use crate::reason::reason;
use crate::recast::recast;

/// What becomes of the processes in their group.
pub(super) struct Terms {
    pub(super) controllers: Vec<Controller>,
    pub(super) limits: Vec<Limit>,
    pub(super) hold: Hold,
}

/// The step that moves these processes aside, and the group, for measuring.
pub(super) fn step(site: &Site, processes: Vec<Process>, terms: Terms) -> Result<(Step, Group), Refusal> {
    let hierarchies = Hierarchies::read().map_err(|error| reason(&error))?;
    let group = hierarchies.plan(&site.group_name(), &terms.controllers).map_err(|error| reason(&error))?;
    let mut homes = Vec::new();
    for process in &processes {
        let home = hierarchies.home(*process).map_err(|error| reason(&error))?;
        homes.push(recast(&home).map_err(|error| error.to_string())?);
    }
    let undo = Undo::LeaveGroup { group: recast(&group).map_err(|error| error.to_string())?, homes };
    let Terms { limits, hold, .. } = terms;
    let change = Change::Group { group: group.clone(), members: processes, limits, hold };
    Ok((Step { undo, change }, group))
}
