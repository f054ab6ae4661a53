//! F12: the soft limit of open files lowered to what a process has open, or less: the next one fails with EMFILE.

use squall_host::limit;
use squall_host::process::Process;
use squall_model::fault::Scope;
use squall_model::undo::{Resource, Undo};
use squall_model::unit::Percent;

use super::{Prepared, Refusal, Site};
use crate::change::{Change, Step};
use crate::reason::reason;
use crate::recast::reference;
use crate::undo::host_resource;

pub(super) fn prepare(site: &Site, percent: Percent) -> Result<Prepared, Refusal> {
    let mut steps = Vec::new();
    let mut lowered = Vec::new();
    for process in site.reach(Scope::Process)? {
        let open = process.open_descriptors().map_err(|error| reason(&error))?;
        let before =
            limit::read(process, host_resource(Resource::OpenFiles)).map_err(|error| reason(&error))?;
        // The limit is one more than the highest number that may be given out; free numbers below it stay usable.
        let soft = (open as f64 * percent.0 / 100.0).floor() as u64;
        if before.soft.is_some_and(|limit| limit <= soft) {
            return Err(format!("pid {} is limited to {:?} open files already", process.pid, before.soft));
        }
        steps.push(Step {
            undo: Undo::RestoreLimit {
                process: reference(process),
                resource: Resource::OpenFiles,
                wrote: Some(soft),
                previous: before.soft,
            },
            change: Change::Limit { process, resource: Resource::OpenFiles, soft },
        });
        lowered.push((process, soft));
    }
    Ok(Prepared { steps, effect: Box::new(move || measure(&lowered)), expects: None })
}

/// As the process itself sees it in /proc/PID/limits.
fn measure(lowered: &[(Process, u64)]) -> Result<String, String> {
    let mut seen = Vec::new();
    for (process, soft) in lowered {
        let found =
            limit::read(*process, host_resource(Resource::OpenFiles)).map_err(|error| reason(&error))?;
        let open = process.open_descriptors().map_err(|error| reason(&error))?;
        if found.soft != Some(*soft) {
            return Err(format!("pid {} may open {:?} files, not {soft}", process.pid, found.soft));
        }
        seen.push(format!("pid {} has {open} open of {soft} allowed", process.pid));
    }
    Ok(seen.join(", "))
}
