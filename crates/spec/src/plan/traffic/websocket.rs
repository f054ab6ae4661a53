//! Messages of a WebSocket.

use serde_json::json;
use squall_model::fault::Fault;
use squall_model::traffic::Protocol;
use squall_model::unit::Percent;

use super::{Gathered, nothing};
use crate::code::Code;
use crate::document::traffic::WebsocketDocument;
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::word::{Flag, Stream};

/// The fault, or `None` with a mistake noted.
pub(crate) fn websocket(
    websocket: &WebsocketDocument,
    place: Place,
    percent: Percent,
    notes: &mut Notes<'_>,
) -> Option<Fault> {
    let mut rule = Gathered::default();
    rule.delay(websocket.delay.as_ref(), &websocket.spread, notes)?;
    effect(websocket, &mut rule, notes)?;
    if rule.attributes.is_empty() {
        nothing(place, "websocket: { delay: 500ms }", notes);
        return None;
    }
    if let Some(direction @ (Stream::Upstream | Stream::Downstream)) = websocket.direction {
        rule.put("direction", direction.name());
        rule.say(direction.name());
    }
    rule.texts("path", websocket.paths.as_ref(), "on");
    rule.texts("host", websocket.hosts.as_ref(), "at");
    rule.nth(&websocket.nth, notes)?;
    Some(rule.done(Protocol::Websocket, percent))
}

/// What happens to a message besides its delay: one thing at most.
fn effect(websocket: &WebsocketDocument, rule: &mut Gathered, notes: &mut Notes<'_>) -> Option<()> {
    let drop = websocket.drop.as_ref().filter(|drop| drop.value == Flag::Yes);
    let places = [
        drop.map(|at| at.place),
        websocket.duplicate.as_ref().map(|at| at.place),
        websocket.close.as_ref().map(|at| at.place),
        websocket.disconnect.as_ref().map(|at| at.place),
    ];
    let mut places = places.into_iter().flatten();
    if let (Some(first), Some(second)) = (places.next(), places.next()) {
        let message = "a message cannot be hit in two ways at once";
        let mistake = Mistake::new(Code::SeveralChoices, message, second, "the second way");
        let help = "keep one of `drop`, `duplicate`, `close` and `disconnect`";
        notes.mistake(mistake.related(first, "the first").help(help));
        return None;
    }
    if drop.is_some() {
        rule.put("drop", true);
        rule.say("dropped");
    }
    if let Some(copies) = &websocket.duplicate {
        rule.put("duplicate", within(copies, 1, 16, notes)?);
        rule.say(format!("followed by {} copies", copies.value));
    }
    if let Some(code) = &websocket.close {
        rule.put("close", json!({ "code": within(code, 1_000, 4_999, notes)? }));
        rule.say(format!("closed with {}", code.value));
    }
    if let Some(how) = &websocket.disconnect {
        rule.put("disconnect", how.value.name());
        rule.say(format!("disconnected by a {}", how.value.name()));
    }
    Some(())
}

fn within(written: &At<u32>, least: u32, most: u32, notes: &mut Notes<'_>) -> Option<u32> {
    if (least..=most).contains(&written.value) {
        return Some(written.value);
    }
    let message = format!("{} is outside of {least} to {most}", written.value);
    notes.mistake(Mistake::new(Code::OutOfRange, message, written.place, format!("{least} to {most}")));
    None
}
