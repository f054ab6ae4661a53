//! What the stressors have in common: a process of squall in a cgroup of its own, its report, its end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use squall_host::cgroup::{Controller, Hierarchies};
use squall_host::stress::{Line, Measured, Stress};
use squall_model::undo::Undo;

use super::{Site, wait_for};
use crate::change::{Change, Hold, Step};
use crate::recast::recast;

/// It ends by itself so much later than its deadline, in case that nobody is left to end it.
const ALARM_AFTER: Duration = Duration::from_secs(1);

/// The steps that start one. The cgroup is for its accounting: where there is none, it does without.
pub(super) fn steps(site: &Site, stress: Stress, controllers: &[Controller], undo: Undo) -> Vec<Step> {
    let mut steps = Vec::new();
    let group = Hierarchies::read().and_then(|all| all.plan(&site.group_name(), controllers)).ok();
    let group = group.filter(|group| group.places.iter().all(|place| is_writable(&place.base)));
    if let Some(group) = &group
        && let Ok(own) = recast(group)
    {
        steps.push(Step {
            undo: Undo::LeaveGroup { group: own, homes: vec![] },
            change: Change::Group { group: group.clone(), members: vec![], limits: vec![], hold: Hold::Free },
        });
    }
    let change = Change::Stress {
        stress,
        mark: site.mark(),
        squall: site.squall.clone(),
        report: report(site),
        alarm: site.remaining + ALARM_AFTER,
        group,
    };
    steps.push(Step { undo, change });
    steps
}

fn is_writable(directory: &Path) -> bool {
    rustix::fs::access(directory, rustix::fs::Access::WRITE_OK).is_ok()
}

fn report(site: &Site) -> PathBuf {
    site.dir.join(format!("{}-{}.stress", site.fault.name, site.number()))
}

/// Why the stressor of a fault gave up, where it could still say so.
pub(crate) fn last_words(site: &Site) -> Option<String> {
    let text = std::fs::read_to_string(report(site)).ok()?;
    text.lines().rev().find_map(|line| match serde_json::from_str(line) {
        Ok(Line::Error(why)) => Some(why),
        _ => None,
    })
}

/// What the stressor says that it has measured, as soon as it says so.
pub(super) fn ready(
    site: &Site,
    within: Duration,
) -> impl FnOnce() -> Result<Measured, String> + Send + use<> {
    let path = report(site);
    move || {
        wait_for(within, "the stressor was not ready", || {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
                match serde_json::from_str(line) {
                    Ok(Line::Ready(measured)) => return Ok(Some(measured)),
                    Ok(Line::Error(why)) => return Err(why),
                    Ok(Line::Started { .. }) | Err(_) => {}
                }
            }
            Ok(None)
        })
    }
}
