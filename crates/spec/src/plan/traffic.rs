//! Faults on traffic: from what is written to the toxics of the proxy's API.

mod http;
mod postgres;
mod redis;
mod tcp;
mod tls;
mod udp;
mod websocket;

use std::fmt::Display;

use serde_json::{Map, Value, json};
use squall_model::fault::Fault;
use squall_model::traffic::{Protocol, Toxic};
use squall_model::unit::{Bytes, Percent, Span};

use crate::code::Code;
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::word::{Distribution, Texts};

pub(crate) use http::http;
pub(crate) use postgres::postgres;
pub(crate) use redis::redis;
pub(crate) use tcp::tcp;
pub(crate) use tls::tls;
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

    fn delay(&mut self, delay: Delay) {
        if delay.millis > 0 {
            self.put("delay", delay.millis);
            self.put("jitter", delay.jitter);
            if let Some(distribution) = delay.distribution {
                self.put("distribution", distribution.name());
            }
            self.say(delay.to_string());
        }
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

/// What is written of a delay.
struct Written<'a> {
    delay: Option<&'a At<Span>>,
    jitter: Option<&'a At<Span>>,
    distribution: Option<&'a At<Distribution>>,
}

/// The three keys of a document.
macro_rules! written {
    ($document:expr) => {
        $crate::plan::traffic::Written {
            delay: $document.delay.as_ref(),
            jitter: $document.jitter.as_ref(),
            distribution: $document.distribution.as_ref(),
        }
    };
}
use written;

/// A jitter without a delay, or one that is longer, is a mistake of its own.
fn delay(written: &Written<'_>, notes: &mut Notes<'_>) -> Option<Delay> {
    let &Written { delay, jitter, distribution } = written;
    let mut needs = |message: &str, place: Place, key: &str| {
        let mistake = Mistake::new(Code::MissingKey, message, place, format!("needs `{key}`"));
        notes.mistake(mistake.help("write `delay: 100ms, jitter: 20ms`"));
    };
    let Some(delay) = delay else {
        if let Some(jitter) = jitter {
            needs("a jitter of no delay", jitter.place, "delay");
        } else if let Some(distribution) = distribution {
            needs("a distribution of no delay", distribution.place, "delay");
        } else {
            return Some(Delay::default());
        }
        return None;
    };
    let Some(jitter) = jitter else {
        if let Some(distribution) = distribution {
            needs("a distribution of no jitter", distribution.place, "jitter");
            return None;
        }
        return Some(Delay { millis: millis(delay, notes)?, ..Delay::default() });
    };
    let distribution = distribution.map(|at| at.value);
    if jitter.value > delay.value && distribution != Some(Distribution::Pareto) {
        let message = format!("a jitter of {} around {} would arrive too early", jitter.value, delay.value);
        notes.mistake(Mistake::new(Code::OutOfRange, message, jitter.place, "longer than the delay"));
        return None;
    }
    let (jitter, place) = (millis(jitter, notes)?, jitter.place);
    let delay = Delay { millis: millis(delay, notes)?, jitter, distribution };
    if Span::millis(delay.millis + delay.jitter) > LONGEST {
        let message = "delay and jitter together are too long to hold traffic";
        notes.mistake(Mistake::new(Code::OutOfRange, message, place, format!("at most {LONGEST} together")));
        return None;
    }
    Some(delay)
}

/// Milliseconds that traffic is held; none at all where nothing is said.
#[derive(Clone, Copy, Default)]
struct Delay {
    millis: u64,
    jitter: u64,
    distribution: Option<Distribution>,
}

impl Delay {
    /// The attributes of the toxic `latency`.
    fn latency(self) -> Value {
        let mut attributes = json!({ "latency": self.millis, "jitter": self.jitter });
        if let Some(distribution) = self.distribution {
            attributes["distribution"] = distribution.name().into();
        }
        attributes
    }
}

impl Display for Delay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "delay {}", Span::millis(self.millis))?;
        if self.jitter == 0 {
            return Ok(());
        }
        let jitter = Span::millis(self.jitter);
        match self.distribution {
            None | Some(Distribution::Uniform) => write!(f, " ± {jitter}"),
            Some(Distribution::Normal) => write!(f, " ± {jitter} (normal)"),
            Some(Distribution::Pareto) => write!(f, " + {jitter} (Pareto)"),
        }
    }
}

fn nothing(place: Place, example: impl Display, notes: &mut Notes<'_>) {
    let mistake = Mistake::new(Code::MissingChoice, "the fault does nothing", place, "changes nothing");
    notes.mistake(mistake.help(format!("write what it does, for example `{example}`")));
}
