//! F10: a filesystem filled by a file without a name, which vanishes with the process that holds it.

use std::path::PathBuf;
use std::time::Duration;

use squall_host::cgroup::Controller;
use squall_host::disk::{self, Space};
use squall_host::stress::{End, Measured, Stress};
use squall_model::fault::Amount;
use squall_model::template::Template;
use squall_model::undo::Undo;
use squall_model::unit::{Quantity, Unit};

use super::{Prepared, Refusal, Site, stressor};
use crate::reason::reason;

/// Filesystems that cannot reserve are written.
const READY_WITHIN: Duration = Duration::from_mins(5);

pub(super) fn prepare(site: &Site, path: &Template, amount: Amount) -> Result<Prepared, Refusal> {
    let path = site.filling.fill(path).map_err(|error| reason(&error))?;
    let dir = PathBuf::from(&path);
    if disk::is_root_filesystem(&dir).map_err(|error| reason(&error))? {
        return Err(format!("{path} is on the root filesystem, which is never filled"));
    }
    let available = Space::of(&dir).map_err(|error| reason(&error))?.available;
    let bytes = match amount {
        Amount::Bytes(bytes) => bytes.0,
        Amount::Percent(percent) => (available as f64 * percent.0 / 100.0) as u64,
    };
    if bytes == 0 {
        return Err(format!("{path} has nothing left to fill"));
    }
    if bytes > available {
        return Err(format!("{path} has only {} available", shown(available)));
    }
    let undo = Undo::FreeSpace { mark: site.mark(), path };
    let steps = stressor::steps(site, Stress::DiskFill { dir, bytes }, &[Controller::Memory], undo);
    let ready = stressor::ready(site, READY_WITHIN);
    let effect = move || match ready()? {
        Measured::DiskFill { bytes: filled, available, end } => {
            if filled < bytes / 10 * 9 && end != End::Exhausted {
                return Err(format!("only {} of {} were filled", shown(filled), shown(bytes)));
            }
            Ok(format!("{} filled, {} available", shown(filled), shown(available)))
        }
        other => Err(format!("the stressor measured {other:?}")),
    };
    Ok(Prepared { steps, effect: Box::new(effect), expects: None })
}

fn shown(bytes: u64) -> Quantity {
    Quantity::new(bytes as f64, Unit::Bytes)
}
