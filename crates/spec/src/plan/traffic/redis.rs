//! Commands of Redis.

use serde_json::{Value, json};
use squall_model::fault::Fault;
use squall_model::traffic::Protocol;
use squall_model::unit::Percent;

use super::{Gathered, nothing};
use crate::code::Code;
use crate::document::traffic::RedisDocument;
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::word::Drop;

/// The fault, or `None` with a mistake noted.
pub(crate) fn redis(
    redis: &RedisDocument,
    place: Place,
    percent: Percent,
    notes: &mut Notes<'_>,
) -> Option<Fault> {
    let mut rule = Gathered::default();
    rule.delay(redis.delay.as_ref(), &redis.spread, notes)?;
    let effects = [
        redis.error.as_ref().map(|at| at.place),
        redis.drop.as_ref().map(|at| at.place),
        redis.cut.as_ref().map(|at| at.place),
    ];
    let mut effects = effects.into_iter().flatten();
    if let (Some(first), Some(second)) = (effects.next(), effects.next()) {
        let message = "a command cannot be hit in two ways at once";
        let mistake = Mistake::new(Code::SeveralChoices, message, second, "the second way");
        notes.mistake(mistake.related(first, "the first").help("keep one of `error`, `drop` and `cut`"));
        return None;
    }
    if let Some(error) = &redis.error {
        rule.put("error", reply(error, notes)?);
        rule.say(format!("answered {}", error.value));
    }
    if let Some(drop) = &redis.drop {
        rule.put("drop", drop.value.name());
        rule.say(if drop.value == Drop::Hang { "never answered" } else { "closed" });
    }
    if let Some(cut) = &redis.cut {
        rule.put("cut", json!({ "after": cut.value.0 }));
        rule.say(format!("reply cut after {}", cut.value));
    }
    if rule.attributes.is_empty() {
        nothing(place, "redis: { commands: [GET], delay: 100ms }", notes);
        return None;
    }
    rule.texts("command", redis.commands.as_ref(), "on");
    rule.texts("key", redis.keys.as_ref(), "with keys");
    rule.texts("client", redis.clients.as_ref(), "from");
    rule.nth(&redis.nth, notes)?;
    Some(rule.done(Protocol::Redis, percent))
}

/// An error of Redis: a known word, a word with an address, or words of one's own.
fn reply(written: &At<String>, notes: &mut Notes<'_>) -> Option<Value> {
    let text = written.value.trim();
    let known = ["LOADING", "READONLY", "CLUSTERDOWN", "OOM", "TRYAGAIN"];
    if let Some(word) = known.into_iter().find(|word| word.eq_ignore_ascii_case(text)) {
        return Some(word.to_lowercase().into());
    }
    match text.split_once(' ') {
        Some((word @ ("MOVED" | "ASK"), to)) if !to.contains(' ') => {
            Some(json!({ word.to_lowercase(): { "to": to } }))
        }
        Some((word, _))
            if word.chars().all(|c| c.is_ascii_uppercase()) && !text.contains(char::is_control) =>
        {
            Some(json!({ "custom": text }))
        }
        _ => {
            let message = format!("`{text}` is no error of Redis");
            let mistake = Mistake::new(Code::UnknownWord, message, written.place, "not an error");
            notes.mistake(mistake.help(
                "write LOADING, READONLY, CLUSTERDOWN, OOM, TRYAGAIN, `MOVED HOST:PORT`, `ASK HOST:PORT`, or a word in capitals and a text: `ERR no such thing`",
            ));
            None
        }
    }
}
