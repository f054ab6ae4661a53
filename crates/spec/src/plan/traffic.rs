//! Faults on traffic: from what is written to the toxics of the proxy's API.

use std::fmt::Display;

use serde_json::{Map, Value, json};
use squall_model::fault::Fault;
use squall_model::traffic::{Protocol, Toxic};
use squall_model::unit::{Bytes, Percent, Span};

use crate::code::Code;
use crate::document::traffic::{RedisDocument, TcpDocument};
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::word::{Drop, Stream, Texts};

/// A delay longer than this is a typing error, and the proxy refuses it.
const LONGEST: Span = Span::seconds(3_600);

/// Attributes that are gathered together with the words that a person reads.
#[derive(Default)]
struct Gathered {
    attributes: Map<String, Value>,
    what: Vec<String>,
}

impl Gathered {
    fn say(&mut self, text: impl Into<String>) {
        self.what.push(text.into());
    }

    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.attributes.insert(name.to_owned(), value.into());
    }

    /// A number that is put as it is, and said only where it narrows.
    fn count(&mut self, name: &str, written: Option<&At<u64>>, notes: &mut Notes<'_>) -> Option<()> {
        let Some(written) = written else { return Some(()) };
        if written.value == 0 {
            let message = format!("`{name}: 0` would hit nothing");
            notes.mistake(Mistake::new(Code::Zero, message, written.place, "at least 1"));
            return None;
        }
        self.put(name, written.value);
        self.say(if name == "first" {
            format!("the first {}", written.value)
        } else {
            format!("every {}", ordinal(written.value))
        });
        Some(())
    }

    fn texts(&mut self, name: &str, written: Option<&Texts>, word: &str) {
        let Some(Texts(texts)) = written else { return };
        let values: Vec<&str> = texts.iter().map(|text| text.value.as_str()).collect();
        self.say(format!("{word} {}", values.join(", ")));
        self.put(name, json!(values));
    }

    fn done(self, protocol: Protocol, percent: Percent) -> Fault {
        let toxic = Toxic { kind: protocol.name().to_owned(), stream: None, attributes: self.attributes };
        Fault::Traffic {
            protocol,
            toxics: vec![toxic],
            what: format!("{protocol}: {}", self.what.join(", ")),
            percent,
        }
    }
}

fn ordinal(number: u64) -> String {
    let end = match (number % 10, number % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    };
    format!("{number}{end}")
}

/// Whole milliseconds, or `None` with a mistake noted.
fn millis(written: &At<Span>, notes: &mut Notes<'_>) -> Option<u64> {
    if written.value <= LONGEST {
        return Some(written.value.as_millis() as u64);
    }
    let message = format!("{} is too long to hold traffic", written.value);
    notes.mistake(Mistake::new(Code::OutOfRange, message, written.place, format!("at most {LONGEST}")));
    None
}

fn positive(written: &At<Bytes>, notes: &mut Notes<'_>) -> Option<u64> {
    if written.value.0 > 0 {
        return Some(written.value.0);
    }
    notes.mistake(Mistake::new(Code::Zero, "no bytes at all would pass", written.place, "zero"));
    None
}

/// A jitter without a delay, or one that is longer, is a mistake of its own.
fn delay(
    delay: Option<&At<Span>>,
    jitter: Option<&At<Span>>,
    notes: &mut Notes<'_>,
) -> Option<Option<(u64, u64)>> {
    let (Some(delay), jitter) = (delay, jitter) else {
        let Some(jitter) = jitter else { return Some(None) };
        let mistake = Mistake::new(Code::MissingKey, "a jitter of no delay", jitter.place, "needs `delay`");
        notes.mistake(mistake.help("write `delay: 100ms, jitter: 20ms`"));
        return None;
    };
    let jitter = match jitter {
        Some(jitter) if jitter.value > delay.value => {
            let message =
                format!("a jitter of {} around {} would arrive too early", jitter.value, delay.value);
            notes.mistake(Mistake::new(Code::OutOfRange, message, jitter.place, "longer than the delay"));
            return None;
        }
        Some(jitter) => millis(jitter, notes)?,
        None => 0,
    };
    Some(Some((millis(delay, notes)?, jitter)))
}

fn with_jitter(millis: u64, jitter: u64) -> String {
    match jitter {
        0 => format!("delay {}", Span::millis(millis)),
        jitter => format!("delay {} ± {}", Span::millis(millis), Span::millis(jitter)),
    }
}

fn nothing(place: Place, example: impl Display, notes: &mut Notes<'_>) {
    let mistake = Mistake::new(Code::MissingChoice, "the fault does nothing", place, "changes nothing");
    notes.mistake(mistake.help(format!("write what it does, for example `{example}`")));
}

/// Bytes and connections.
pub(crate) fn tcp(tcp: &TcpDocument, place: Place, percent: Percent, notes: &mut Notes<'_>) -> Option<Fault> {
    let stream = tcp.direction.unwrap_or(Stream::Downstream);
    let mut toxics = Vec::new();
    let mut what = Vec::new();
    let mut add = |kind: &str, attributes: Value, text: String| {
        let attributes = attributes.as_object().cloned().unwrap_or_default();
        toxics.push(Toxic { kind: kind.to_owned(), stream: Some(stream.name().to_owned()), attributes });
        what.push(text);
    };
    if let Some((millis, jitter)) = delay(tcp.delay.as_ref(), tcp.jitter.as_ref(), notes)? {
        add("latency", json!({ "latency": millis, "jitter": jitter }), with_jitter(millis, jitter));
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

/// Commands of Redis.
pub(crate) fn redis(
    redis: &RedisDocument,
    place: Place,
    percent: Percent,
    notes: &mut Notes<'_>,
) -> Option<Fault> {
    let mut rule = Gathered::default();
    if let Some((millis, jitter)) = delay(redis.delay.as_ref(), redis.jitter.as_ref(), notes)? {
        rule.put("delay", millis);
        rule.put("jitter", jitter);
        rule.say(with_jitter(millis, jitter));
    }
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
    rule.count("first", redis.first.as_ref(), notes)?;
    rule.count("every", redis.every.as_ref(), notes)?;
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
