//! Datagrams.

use serde_json::json;
use squall_model::fault::Fault;
use squall_model::traffic::Protocol;
use squall_model::unit::Percent;

use super::delay::Delay;
use super::nothing;
use super::toxics::Toxics;
use crate::code::Code;
use crate::document::traffic::UdpDocument;
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::word::Flag;

/// The fault, or `None` with a mistake noted.
pub(crate) fn udp(udp: &UdpDocument, place: Place, percent: Percent, notes: &mut Notes<'_>) -> Option<Fault> {
    let mut toxics = Toxics::on(udp.direction);
    let delay = Delay::read(udp.delay.as_ref(), &udp.spread, notes)?;
    if let Some(in_order) = udp.in_order.as_ref().filter(|_| delay.jitter == 0) {
        let message = "nothing overtakes without a jitter";
        notes.mistake(Mistake::new(Code::MissingKey, message, in_order.place, "needs `jitter`"));
        return None;
    }
    if delay.millis > 0 {
        let mut attributes = delay.latency();
        let in_order = udp.in_order.as_ref().is_some_and(|at| at.value == Flag::Yes);
        attributes["in_order"] = in_order.into();
        toxics.add("latency", attributes, format!("{delay}{}", if in_order { " in order" } else { "" }));
    }
    if let Some(loss) = &udp.loss {
        let mut attributes = json!({ "percent": share(loss, notes)? });
        let mut text = format!("{} lost", loss.value);
        if let Some(correlation) = &udp.correlation {
            attributes["correlation"] = bursts(correlation, notes)?.into();
            text = format!("{text} in bursts");
        }
        toxics.add("loss", attributes, text);
    } else if let Some(correlation) = &udp.correlation {
        let mistake = Mistake::new(Code::MissingKey, "bursts of no loss", correlation.place, "needs `loss`");
        notes.mistake(mistake.help("write `loss: 5 %, correlation: 50 %`"));
        return None;
    }
    for (kind, written, text) in
        [("duplicate", &udp.duplicate, "doubled"), ("reorder", &udp.reorder, "overtaken")]
    {
        if let Some(written) = written {
            toxics.add(
                kind,
                json!({ "percent": share(written, notes)? }),
                format!("{} {text}", written.value),
            );
        }
    }
    if let Some(corrupt) = &udp.corrupt {
        let rate = share(corrupt, notes)? / 100.0;
        toxics.add("corrupt", json!({ "rate": rate }), format!("{} of the bytes damaged", corrupt.value));
    }
    toxics.bandwidth(udp.bandwidth.as_ref(), notes)?;
    if let Some(limit) = &udp.limit {
        toxics.add(
            "limit_size",
            json!({ "bytes": limit.value.0 }),
            format!("those above {} lost", limit.value),
        );
    }
    let fault = toxics.done(Protocol::Udp, percent);
    if fault.is_none() {
        nothing(place, "udp: { loss: 10 % }", notes);
    }
    fault
}

/// A share of what passes, above zero.
fn share(written: &At<Percent>, notes: &mut Notes<'_>) -> Option<f64> {
    if written.value.0 > 0.0 {
        return Some(written.value.0);
    }
    notes.mistake(Mistake::new(Code::Zero, "a share of zero hits nothing", written.place, "more than 0 %"));
    None
}

fn bursts(written: &At<Percent>, notes: &mut Notes<'_>) -> Option<f64> {
    if written.value.0 <= 99.0 {
        return Some(written.value.0);
    }
    let message = "a burst of losses would never end";
    notes.mistake(Mistake::new(Code::OutOfRange, message, written.place, "at most 99 %"));
    None
}
