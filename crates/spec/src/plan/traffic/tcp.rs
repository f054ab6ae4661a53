//! Bytes and connections.

use serde_json::json;
use squall_model::fault::Fault;
use squall_model::traffic::Protocol;
use squall_model::unit::{Bytes, Percent};

use super::delay::Delay;
use super::toxics::Toxics;
use super::{millis, nothing, positive};
use crate::code::Code;
use crate::document::traffic::TcpDocument;
use crate::mistake::{Mistake, Place};
use crate::notes::Notes;

/// The fault, or `None` with a mistake noted.
pub(crate) fn tcp(tcp: &TcpDocument, place: Place, percent: Percent, notes: &mut Notes<'_>) -> Option<Fault> {
    let mut toxics = Toxics::on(tcp.direction);
    let delay = Delay::read(tcp.delay.as_ref(), &tcp.spread, notes)?;
    if delay.millis > 0 {
        toxics.add("latency", delay.latency(), delay.to_string());
    }
    toxics.bandwidth(tcp.bandwidth.as_ref(), notes)?;
    if let Some(after) = &tcp.slow_close {
        toxics.add(
            "slow_close",
            json!({ "delay": millis(after, notes)? }),
            format!("closed {} later", after.value),
        );
    }
    if let Some(size) = &tcp.slice {
        let size = positive(size, notes)?;
        let pause = tcp.pause.as_ref().map_or(Some(0), |pause| millis(pause, notes))? * 1_000;
        let attributes = json!({ "average_size": size, "size_variation": size / 10, "delay": pause });
        toxics.add("slicer", attributes, format!("in pieces of {}", Bytes(size)));
    } else if let Some(pause) = &tcp.pause {
        let mistake =
            Mistake::new(Code::MissingKey, "a pause between no pieces", pause.place, "needs `slice`");
        notes.mistake(mistake.help("write `slice: 100 B, pause: 1ms`"));
        return None;
    }
    if let Some(limit) = &tcp.limit {
        toxics.add(
            "limit_data",
            json!({ "bytes": positive(limit, notes)? }),
            format!("cut after {}", limit.value),
        );
    }
    if let Some(after) = &tcp.timeout {
        toxics.add("timeout", json!({ "timeout": millis(after, notes)? }), "nothing arrives");
    }
    if let Some(after) = &tcp.reset {
        toxics.add("reset_peer", json!({ "timeout": millis(after, notes)? }), "reset");
    }
    let fault = toxics.done(Protocol::Tcp, percent);
    if fault.is_none() {
        nothing(place, "tcp: { delay: 100ms }", notes);
    }
    fault
}
