//! Requests of HTTP and gRPC.

use serde_json::{Map as Object, Value, json};
use squall_model::fault::Fault;
use squall_model::traffic::Protocol;
use squall_model::unit::Percent;

use super::{Gathered, millis, nothing, positive};
use crate::code::Code;
use crate::document::http::{AnswerDocument, BodyDocument, EditDocument, HttpDocument};
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::shape::Map;
use crate::word::Texts;

/// The fault, or `None` with a mistake noted.
pub(crate) fn http(
    http: &HttpDocument,
    place: Place,
    percent: Percent,
    notes: &mut Notes<'_>,
) -> Option<Fault> {
    let mut rule = Gathered::default();
    rule.delay(http.delay.as_ref(), &http.spread, notes)?;
    instead(http, &mut rule, notes)?;
    if let Some(point) = &http.reset {
        rule.put("reset", point.value.name());
        rule.say(format!("reset at the {}", point.value.name()));
    }
    body(http, &mut rule, notes)?;
    for (name, edit) in [("request", &http.request), ("response", &http.response)] {
        if let Some(edit) = edit {
            rule.put(name, edited(edit));
            rule.say(format!("headers of the {name} changed"));
        }
    }
    if rule.attributes.is_empty() {
        nothing(place, "http: { paths: [/cart], status: 503 }", notes);
        return None;
    }
    rule.texts("method", http.methods.as_ref(), "on");
    rule.texts("path", http.paths.as_ref(), "on");
    rule.texts("host", http.hosts.as_ref(), "at");
    if let Some(headers) = &http.headers {
        rule.put("headers", texts(headers));
        rule.say("with certain headers");
    }
    rule.nth(&http.nth, notes)?;
    Some(rule.done(Protocol::Http, percent))
}

/// An answer in place of the service's: there can be one.
fn instead(http: &HttpDocument, rule: &mut Gathered, notes: &mut Notes<'_>) -> Option<()> {
    let places = [
        http.status.as_ref().map(|at| at.place),
        http.answer.as_ref().map(|at| at.place),
        http.grpc.as_ref().map(|at| at.place),
    ];
    let mut places = places.into_iter().flatten();
    if let (Some(first), Some(second)) = (places.next(), places.next()) {
        let message = "a request cannot be answered in two ways";
        let mistake = Mistake::new(Code::SeveralChoices, message, second, "the second answer");
        notes.mistake(mistake.related(first, "the first").help("keep one of `status`, `answer` and `grpc`"));
        return None;
    }
    if let Some(at) = &http.status {
        rule.put("answer", json!({ "status": status(at, notes)? }));
        rule.say(format!("answered {}", at.value));
    }
    if let Some(At { value: AnswerDocument { status: at, headers, body }, .. }) = &http.answer {
        let headers = headers.as_ref().map_or(Value::Object(Object::new()), texts);
        let body = body.as_ref().map_or("", |body| &body.value);
        rule.put("answer", json!({ "status": status(at, notes)?, "headers": headers, "body": body }));
        rule.say(format!("answered {}", at.value));
    }
    if let Some(grpc) = &http.grpc {
        rule.put("grpc", json!({ "status": grpc.value }));
        rule.say(format!("answered {}", grpc.value));
    }
    Some(())
}

fn status(written: &At<u32>, notes: &mut Notes<'_>) -> Option<u32> {
    if (200..=599).contains(&written.value) {
        return Some(written.value);
    }
    let message = format!("{} is no status of an answer", written.value);
    notes.mistake(Mistake::new(Code::OutOfRange, message, written.place, "200 to 599"));
    None
}

/// What happens to the body of the answer.
fn body(http: &HttpDocument, rule: &mut Gathered, notes: &mut Notes<'_>) -> Option<()> {
    if let Some(after) = &http.truncate {
        rule.put("truncate", after.value.0);
        rule.say(format!("cut after {}", after.value));
    }
    if let Some(rate) = &http.throttle {
        rule.put("throttle", positive(rate, notes)?);
        rule.say(format!("{}/s at most", rate.value));
    }
    if let Some(dribble) = &http.dribble {
        let (bytes, every) = (positive(&dribble.bytes, notes)?, millis(&dribble.every, notes)?);
        rule.put("dribble", json!({ "bytes": bytes, "every": every }));
        rule.say(format!("{} every {}", dribble.bytes.value, dribble.every.value));
    }
    match &http.body {
        None => {}
        Some(BodyDocument::Replace(text)) => {
            rule.put("body", json!({ "replace": text.value }));
            rule.say("another body");
        }
        Some(BodyDocument::Corrupt(every)) if every.value == 0 => {
            let mistake = Mistake::new(Code::Zero, "no byte would be altered", every.place, "at least 1");
            notes.mistake(mistake.help("`corrupt: 100` alters every hundredth byte"));
            return None;
        }
        Some(BodyDocument::Corrupt(every)) => {
            rule.put("body", json!({ "corrupt": every.value }));
            rule.say("body corrupted");
        }
        Some(BodyDocument::MalformedJson(_)) => {
            rule.put("body", "malformed-json");
            rule.say("body malformed");
        }
    }
    Some(())
}

fn edited(edit: &EditDocument) -> Value {
    let set = edit.set.as_ref().map_or(Value::Object(Object::new()), texts);
    let remove: Vec<&str> =
        edit.remove.iter().flat_map(|Texts(names)| names).map(|name| name.value.as_str()).collect();
    json!({ "set": set, "remove": remove })
}

fn texts(map: &Map<At<String>>) -> Value {
    let pairs = map
        .0
        .iter()
        .filter_map(|(name, value)| Some((name.value.clone(), Value::String(value.as_ref()?.value.clone()))));
    Value::Object(pairs.collect())
}
