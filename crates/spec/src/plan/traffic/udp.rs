//! Datagrams.

use serde_json::{Value, json};
use squall_model::fault::Fault;
use squall_model::traffic::{Protocol, Toxic};
use squall_model::unit::{Bytes, Percent};

use super::{delay, nothing, positive, written};
use crate::code::Code;
use crate::document::traffic::UdpDocument;
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::word::{Flag, Stream};

/// The fault, or `None` with a mistake noted.
pub(crate) fn udp(udp: &UdpDocument, place: Place, percent: Percent, notes: &mut Notes<'_>) -> Option<Fault> {
    let stream = udp.direction.unwrap_or(Stream::Downstream);
    let mut toxics = Vec::new();
    let mut what = Vec::new();
    let mut add = |kind: &str, attributes: Value, text: String| {
        let attributes = attributes.as_object().cloned().unwrap_or_default();
        toxics.push(Toxic { kind: kind.to_owned(), stream: Some(stream.name().to_owned()), attributes });
        what.push(text);
    };
    let delay = delay(&written!(udp), notes)?;
    if let Some(in_order) = udp.in_order.as_ref().filter(|_| delay.jitter == 0) {
        let message = "nothing overtakes without a jitter";
        notes.mistake(Mistake::new(Code::MissingKey, message, in_order.place, "needs `jitter`"));
        return None;
    }
    if delay.millis > 0 {
        let mut attributes = delay.latency();
        let in_order = udp.in_order.as_ref().is_some_and(|at| at.value == Flag::Yes);
        attributes["in_order"] = in_order.into();
        add("latency", attributes, format!("{delay}{}", if in_order { " in order" } else { "" }));
    }
    if let Some(loss) = &udp.loss {
        let mut attributes = json!({ "percent": share(loss, notes)? });
        let mut text = format!("{} lost", loss.value);
        if let Some(correlation) = &udp.correlation {
            attributes["correlation"] = bursts(correlation, notes)?.into();
            text = format!("{text} in bursts");
        }
        add("loss", attributes, text);
    } else if let Some(correlation) = &udp.correlation {
        let mistake = Mistake::new(Code::MissingKey, "bursts of no loss", correlation.place, "needs `loss`");
        notes.mistake(mistake.help("write `loss: 5 %, correlation: 50 %`"));
        return None;
    }
    for (kind, written, text) in
        [("duplicate", &udp.duplicate, "doubled"), ("reorder", &udp.reorder, "overtaken")]
    {
        if let Some(written) = written {
            add(kind, json!({ "percent": share(written, notes)? }), format!("{} {text}", written.value));
        }
    }
    if let Some(corrupt) = &udp.corrupt {
        let rate = share(corrupt, notes)? / 100.0;
        add("corrupt", json!({ "rate": rate }), format!("{} of the bytes damaged", corrupt.value));
    }
    if let Some(rate) = &udp.bandwidth {
        // The API counts in KB (1000 bytes) a second.
        let rate = positive(rate, notes)?.div_ceil(1_000);
        add("bandwidth", json!({ "rate": rate }), format!("{}/s at most", Bytes(rate * 1_000)));
    }
    if let Some(limit) = &udp.limit {
        add("limit_size", json!({ "bytes": limit.value.0 }), format!("those above {} lost", limit.value));
    }
    if toxics.is_empty() {
        nothing(place, "udp: { loss: 10 % }", notes);
        return None;
    }
    let what = format!("{} {stream}", what.join(", "));
    Some(Fault::Traffic { protocol: Protocol::Udp, toxics, what, percent })
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
