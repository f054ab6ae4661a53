//! Bytes and connections.

use serde_json::{Value, json};
use squall_model::fault::Fault;
use squall_model::traffic::{Protocol, Toxic};
use squall_model::unit::{Bytes, Percent};

use super::{delay, millis, nothing, positive, written};
use crate::code::Code;
use crate::document::traffic::TcpDocument;
use crate::mistake::{Mistake, Place};
use crate::notes::Notes;
use crate::word::Stream;

/// The fault, or `None` with a mistake noted.
pub(crate) fn tcp(tcp: &TcpDocument, place: Place, percent: Percent, notes: &mut Notes<'_>) -> Option<Fault> {
    let stream = tcp.direction.unwrap_or(Stream::Downstream);
    let mut toxics = Vec::new();
    let mut what = Vec::new();
    let mut add = |kind: &str, attributes: Value, text: String| {
        let attributes = attributes.as_object().cloned().unwrap_or_default();
        toxics.push(Toxic { kind: kind.to_owned(), stream: Some(stream.name().to_owned()), attributes });
        what.push(text);
    };
    let delay = delay(&written!(tcp), notes)?;
    if delay.millis > 0 {
        add("latency", delay.latency(), delay.to_string());
    }
    if let Some(rate) = &tcp.bandwidth {
        // Toxiproxy counts in KB (1000 bytes) a second.
        let rate = positive(rate, notes)?.div_ceil(1_000);
        add("bandwidth", json!({ "rate": rate }), format!("{}/s at most", Bytes(rate * 1_000)));
    }
    if let Some(after) = &tcp.slow_close {
        add("slow_close", json!({ "delay": millis(after, notes)? }), format!("closed {} later", after.value));
    }
    if let Some(size) = &tcp.slice {
        let size = positive(size, notes)?;
        let pause = tcp.pause.as_ref().map_or(Some(0), |pause| millis(pause, notes))? * 1_000;
        let attributes = json!({ "average_size": size, "size_variation": size / 10, "delay": pause });
        add("slicer", attributes, format!("in pieces of {}", Bytes(size)));
    } else if let Some(pause) = &tcp.pause {
        let mistake =
            Mistake::new(Code::MissingKey, "a pause between no pieces", pause.place, "needs `slice`");
        notes.mistake(mistake.help("write `slice: 100 B, pause: 1ms`"));
        return None;
    }
    if let Some(limit) = &tcp.limit {
        add("limit_data", json!({ "bytes": positive(limit, notes)? }), format!("cut after {}", limit.value));
    }
    if let Some(after) = &tcp.timeout {
        add("timeout", json!({ "timeout": millis(after, notes)? }), "nothing arrives".to_owned());
    }
    if let Some(after) = &tcp.reset {
        add("reset_peer", json!({ "timeout": millis(after, notes)? }), "reset".to_owned());
    }
    if toxics.is_empty() {
        nothing(place, "tcp: { delay: 100ms }", notes);
        return None;
    }
    let what = format!("{} {stream}", what.join(", "));
    Some(Fault::Traffic { protocol: Protocol::Tcp, toxics, what, percent })
}
