//! Faults on traffic: from what is written to the toxics of the proxy's API.

mod delay;
mod http;
mod postgres;
mod redis;
mod tcp;
mod tls;
mod toxics;
mod udp;
mod websocket;

use std::fmt::Display;

use serde_json::{Map, Value, json};
use squall_model::fault::Fault;
use squall_model::traffic::{Protocol, Toxic};
use squall_model::unit::{Bytes, Percent, Span};

use crate::code::Code;
use crate::document::nth::NthDocument;
use crate::document::spread::SpreadDocument;
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::word::Texts;

use delay::Delay;
pub(crate) use http::http;
pub(crate) use postgres::postgres;
pub(crate) use redis::redis;
pub(crate) use tcp::tcp;
pub(crate) use tls::{as_written, standing, tls};
pub(crate) use udp::udp;
pub(crate) use websocket::websocket;

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

    fn nth(&mut self, nth: &NthDocument, notes: &mut Notes<'_>) -> Option<()> {
        self.count("first", nth.first.as_ref(), notes)?;
        self.count("every", nth.every.as_ref(), notes)
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

    fn delay(
        &mut self,
        written: Option<&At<Span>>,
        spread: &SpreadDocument,
        notes: &mut Notes<'_>,
    ) -> Option<()> {
        let delay = Delay::read(written, spread, notes)?;
        if delay.millis > 0 {
            self.put("delay", delay.millis);
            self.put("jitter", delay.jitter);
            if let Some(distribution) = delay.distribution {
                self.put("distribution", distribution.name());
            }
            self.say(delay.to_string());
        }
        Some(())
    }

    fn done(mut self, protocol: Protocol, percent: Percent) -> Fault {
        if percent.0 < 100.0 {
            self.put("percent", percent.0);
        }
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

fn nothing(place: Place, example: impl Display, notes: &mut Notes<'_>) {
    let mistake = Mistake::new(Code::MissingChoice, "the fault does nothing", place, "changes nothing");
    notes.mistake(mistake.help(format!("write what it does, for example `{example}`")));
}
