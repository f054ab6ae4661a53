//! F9: memory of this host taken and held, in a process of squall that the kernel would kill first.

use std::time::Duration;

use squall_host::cgroup::Controller;
use squall_host::machine::Machine;
use squall_host::stress::{Measured, Stress};
use squall_model::fault::Amount;
use squall_model::undo::Undo;
use squall_model::unit::{Bytes, Quantity, Span, Unit};

use super::{Prepared, Refusal, Site, stressor};
use crate::reason::reason;

/// So much stays available: the host must be able to run the undo.
const FLOOR: u64 = 128 << 20;
/// Beyond the ramp, for a machine that is busy.
const READY_WITHIN: Duration = Duration::from_secs(20);

pub(super) fn prepare(site: &Site, amount: Amount, ramp: Span) -> Result<Prepared, Refusal> {
    let available = Machine::read().map_err(|error| reason(&error))?.memory_available;
    let bytes = match amount {
        Amount::Bytes(bytes) => bytes.0,
        Amount::Percent(percent) => (available as f64 * percent.0 / 100.0) as u64,
    };
    if bytes + FLOOR > available {
        let (asked, there) = (shown(bytes), shown(available));
        return Err(format!("{asked} of {there} would leave less than {}", Bytes(FLOOR)));
    }
    let undo = Undo::KillMarked { mark: site.mark() };
    let stress = Stress::Memory { bytes, ramp: ramp.0 };
    let steps = stressor::steps(site, stress, &[Controller::Memory], undo);
    let ready = stressor::ready(site, ramp.0 + READY_WITHIN);
    let effect = move || match ready()? {
        Measured::Memory { bytes: measured } if measured >= bytes / 10 * 9 => {
            Ok(format!("{} are held", shown(measured)))
        }
        Measured::Memory { bytes: measured } => {
            Err(format!("only {} of {} are held", shown(measured), shown(bytes)))
        }
        other => Err(format!("the stressor measured {other:?}")),
    };
    Ok(Prepared { steps, effect: Box::new(effect), expects: None })
}

fn shown(bytes: u64) -> Quantity {
    Quantity::new(bytes as f64, Unit::Bytes)
}
