//! F12: the inodes of a filesystem used up by files without names, which vanish with the process that holds them.

use std::path::PathBuf;
use std::time::Duration;

use squall_host::cgroup::Controller;
use squall_host::disk::{self, Space};
use squall_host::stress::{End, Measured, Stress};
use squall_model::template::Template;
use squall_model::undo::Undo;
use squall_model::unit::Percent;

use super::{Prepared, Refusal, Site, stressor};
use crate::reason::reason;

const READY_WITHIN: Duration = Duration::from_mins(1);

pub(super) fn prepare(site: &Site, path: &Template, percent: Percent) -> Result<Prepared, Refusal> {
    let path = site.filling.fill(path).map_err(|error| reason(&error))?;
    let dir = PathBuf::from(&path);
    if disk::is_root_filesystem(&dir).map_err(|error| reason(&error))? {
        return Err(format!("{path} is on the root filesystem, whose inodes are never used up"));
    }
    let free = Space::of(&dir).map_err(|error| reason(&error))?.inodes_free;
    let count = (free as f64 * percent.0 / 100.0) as u64;
    if count == 0 {
        return Err(format!("{path} has no limit of inodes, or none left"));
    }
    let undo = Undo::FreeSpace { mark: site.mark(), path };
    let steps = stressor::steps(site, Stress::Inodes { dir, count }, &[Controller::Memory], undo);
    let ready = stressor::ready(site, READY_WITHIN);
    let effect = move || match ready()? {
        Measured::Inodes { count: held, free, end } if held >= count || end == End::Exhausted => {
            Ok(format!("{held} inodes held, {free} free"))
        }
        Measured::Inodes { count: held, .. } => Err(format!("only {held} of {count} inodes are held")),
        other => Err(format!("the stressor measured {other:?}")),
    };
    Ok(Prepared { steps, effect: Box::new(effect), expects: None })
}
