//! Scalars: quantities, numbers and fixed words.

mod traffic;

use std::str::FromStr;

use serde_json::{Value, json};
use squall_model::fault::{Amount, PauseBy, Scope, Signal};
use squall_model::load::HttpVersion;
use squall_model::measure::{CgroupFact, Flow, Judged, LoadFigure, ProcessFact, TrafficFigure};
use squall_model::unit::{Bytes, Percent, Rate, Span, Unit, UnitError};

use crate::code::Code;
use crate::lab::Store;
use crate::mistake::{At, Mistake};
use crate::node::{Kind, Node};
use crate::notes::Notes;
use crate::shape::{Shape, scalar, wrong_shape};

pub(crate) use traffic::{Certificate, CutPoint, Disconnect, Distribution, Drop, Refuse, ResetPoint, Stream};

/// `true` or `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flag {
    Yes,
    No,
}

/// Which instances of a service a fault hits.
#[derive(Clone, Debug)]
pub(crate) enum Pick {
    Names(Vec<At<String>>),
    Count(u32),
    Percent(Percent),
}

/// A program and its arguments, as written.
#[derive(Clone, Debug)]
pub(crate) struct Words(pub(crate) Vec<At<String>>);

/// A version of HTTP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version(pub(crate) HttpVersion);

/// One text or several.
#[derive(Clone, Debug)]
pub(crate) struct Texts(pub(crate) Vec<At<String>>);

/// A method of HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Method(pub(crate) String);

fn quantity<T: FromStr<Err = UnitError>>(
    node: &Node,
    code: Code,
    kind: &str,
    notes: &mut Notes<'_>,
) -> Option<T> {
    let text = scalar(node, kind, notes)?;
    text.parse::<T>()
        .map_err(|error| {
            notes.mistake(
                Mistake::new(code, error.to_string(), node.spot, error.label.clone()).help(error.help),
            );
        })
        .ok()
}

macro_rules! quantities {
    ($($type:ty, $code:ident, $kind:literal, $schema:tt)*) => {$(
        impl Shape for $type {
            fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self> {
                quantity(node, Code::$code, $kind, notes)
            }

            fn schema() -> Value {
                json!($schema)
            }
        }
    )*};
}

quantities! {
    Span, NotADuration, "a duration", {
        "type": ["string", "integer"],
        "pattern": r"^(\s*[0-9+._]+\s*(ns|us|µs|ms|s|m|min|h))+\s*$|^0$",
        "maximum": 0,
        "examples": ["250ms", "2s", "1m30s"],
    }
    Percent, NotAPercentage, "a percentage", {
        "type": "string",
        "pattern": r"^[0-9+._]+\s*%$",
        "examples": ["50 %"],
    }
    Bytes, NotBytes, "a number of bytes", {
        "type": "string",
        "pattern": r"^[0-9+._]+\s*([KMGT]iB|[kKMGT]?B|[MG])$",
        "examples": ["256 MiB", "1 GB"],
    }
    Rate, NotARate, "a rate", {
        "type": "string",
        "pattern": r"^[0-9+._]+\s*/\s*(s|m|min|h)$",
        "examples": ["20/s", "600/min"],
    }
}

macro_rules! numbers {
    ($($type:ty, $min:literal, $max:literal;)*) => {$(
        impl Shape for $type {
            fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self> {
                let text = scalar(node, "a whole number", notes)?;
                let number = text.replace('_', "").parse::<$type>().ok();
                if number.is_none() {
                    let message = format!("`{text}` is not a whole number that fits here");
                    let help = format!("write a number from {} to {}, without unit", $min, <$type>::MAX);
                    notes.mistake(Mistake::new(Code::NotANumber, message, node.spot, "expected a whole number").help(help));
                }
                number
            }

            fn schema() -> Value {
                json!({ "type": "integer", "minimum": $min, "maximum": <$type>::MAX })
            }
        }
    )*};
}

numbers! {
    u16, 0, 65_535;
    u32, 0, 4_294_967_295;
    u64, 0, 18_446_744_073_709_551_615;
}

fn word<T: Clone>(node: &Node, what: &str, words: &[(&str, T)], notes: &mut Notes<'_>) -> Option<T> {
    let text = scalar(node, what, notes)?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(value.clone());
    }
    let known: Vec<String> = words.iter().map(|(word, _)| (*word).to_owned()).collect();
    let bare = text.to_uppercase().trim_start_matches("SIG").to_owned();
    if known.contains(&bare) {
        let label = format!("did you mean `{bare}`?");
        notes.mistake(Mistake::new(Code::UnknownWord, format!("`{text}` is not {what}"), node.spot, label));
        return None;
    }
    let near = crate::notes::nearest(text, &known).map(|near| format!("did you mean `{near}`?"));
    let label = near.unwrap_or_else(|| format!("expected {what}"));
    let mistake = Mistake::new(Code::UnknownWord, format!("`{text}` is not {what}"), node.spot, label);
    notes.mistake(mistake.help(crate::notes::listed(&known)));
    None
}

macro_rules! words {
    ($($type:ty, $what:literal, { $($word:literal => $value:expr),+ $(,)? })*) => {$(
        impl Shape for $type {
            fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self> {
                word(node, $what, &[$(($word, $value)),+], notes)
            }

            fn schema() -> Value {
                json!({ "enum": [$($word),+] })
            }
        }
    )*};
}

pub(crate) use words;

words! {
    Signal, "a signal", {
        "KILL" => Signal::Kill, "TERM" => Signal::Term, "INT" => Signal::Int, "HUP" => Signal::Hup, "QUIT" => Signal::Quit,
        "ABRT" => Signal::Abrt, "SEGV" => Signal::Segv, "USR1" => Signal::Usr1, "USR2" => Signal::Usr2,
    }
    Store, "a store for the lab's queue", { "sqlite" => Store::Sqlite, "redis" => Store::Redis, "postgres" => Store::Postgres }
    Scope, "a scope", {
        "process" => Scope::Process, "group" => Scope::Group, "session" => Scope::Session, "tree" => Scope::Tree,
    }
    PauseBy, "a way to pause", { "signal" => PauseBy::Signal, "freezer" => PauseBy::Freezer }
    Judged, "a phase", { "before" => Judged::Before, "during" => Judged::During, "after" => Judged::After }
    Flow, "how numbers say what is done", { "rate" => Flow::Rate, "count" => Flow::Count, "total" => Flow::Total }
    ProcessFact, "a fact of processes", {
        "count" => ProcessFact::Count, "cpu" => ProcessFact::Cpu, "memory" => ProcessFact::Memory,
        "files" => ProcessFact::Files, "threads" => ProcessFact::Threads,
    }
    CgroupFact, "a fact of a cgroup", {
        "cpu" => CgroupFact::Cpu, "memory" => CgroupFact::Memory, "pids" => CgroupFact::Pids, "oom-kills" => CgroupFact::OomKills,
    }
    LoadFigure, "a figure of the load", {
        "error-rate" => LoadFigure::ErrorRate, "p50" => LoadFigure::P50, "p95" => LoadFigure::P95, "p99" => LoadFigure::P99,
        "rate" => LoadFigure::Rate, "in-flight" => LoadFigure::InFlight,
    }
    TrafficFigure, "a figure of the traffic", {
        "error-rate" => TrafficFigure::ErrorRate, "p50" => TrafficFigure::P50, "p95" => TrafficFigure::P95,
        "p99" => TrafficFigure::P99,
    }
    Unit, "a unit", {
        "number" => Unit::Number, "percent" => Unit::Percent, "%" => Unit::Percent, "seconds" => Unit::Seconds, "s" => Unit::Seconds,
        "bytes" => Unit::Bytes, "per-second" => Unit::PerSecond, "/s" => Unit::PerSecond,
    }
    Version, "a version of HTTP", { "1.1" => Self(HttpVersion::One), "2" => Self(HttpVersion::Two) }
    Method, "a method of HTTP", {
        "GET" => Self("GET".to_owned()), "HEAD" => Self("HEAD".to_owned()), "POST" => Self("POST".to_owned()),
        "PUT" => Self("PUT".to_owned()), "PATCH" => Self("PATCH".to_owned()), "DELETE" => Self("DELETE".to_owned()),
        "OPTIONS" => Self("OPTIONS".to_owned()),
    }
}

impl Shape for Texts {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Scalar { .. } => At::read(node, notes).map(|text| Self(vec![text])),
            Kind::Sequence(items) if items.is_empty() => {
                notes.mistake(
                    Mistake::new(Code::Zero, "an empty list means nothing here", node.spot, "empty")
                        .help("leave the key out for all"),
                );
                None
            }
            _ => Vec::read(node, notes).map(Self),
        }
    }

    fn schema() -> Value {
        json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }] })
    }
}

impl Shape for Flag {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self> {
        match scalar(node, "`true` or `false`", notes)? {
            "true" => Some(Self::Yes),
            "false" => Some(Self::No),
            text => {
                let message = format!("`{text}` is neither `true` nor `false`");
                notes.mistake(Mistake::new(Code::NotAFlag, message, node.spot, "expected `true` or `false`"));
                None
            }
        }
    }

    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}

impl Shape for Amount {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self> {
        if scalar(node, "an amount", notes)?.trim_end().ends_with('%') {
            Percent::read(node, notes).map(Self::Percent)
        } else {
            Bytes::read(node, notes).map(Self::Bytes)
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "examples": ["256 MiB", "30 %"] })
    }
}

impl Shape for Pick {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Sequence(_) => Vec::read(node, notes).map(Self::Names),
            Kind::Scalar { text, .. } if text.trim_end().ends_with('%') => {
                Percent::read(node, notes).map(Self::Percent)
            }
            Kind::Scalar { text, .. } if text.parse::<u32>().is_ok() => {
                u32::read(node, notes).map(Self::Count)
            }
            Kind::Scalar { text, .. } => {
                let mistake = Mistake::new(
                    Code::WrongShape,
                    format!("`{text}` chooses no instances"),
                    node.spot,
                    "expected a choice",
                );
                notes.mistake(
                    mistake.help("write a number (`2`), a share (`50 %`) or names (`[worker-1, worker-3]`)"),
                );
                None
            }
            Kind::Mapping(_) => {
                wrong_shape(node, "a number, a share or a list of names", notes);
                None
            }
        }
    }

    fn schema() -> Value {
        json!({ "anyOf": [
            { "type": "integer", "minimum": 1 },
            { "type": "string", "examples": ["50 %"] },
            { "type": "array", "items": { "type": "string" }, "minItems": 1 },
        ] })
    }
}

impl Shape for Words {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Scalar { text, .. } if !node.is_null() => {
                let list = text.split_whitespace().collect::<Vec<_>>().join(", ");
                let mistake = Mistake::new(
                    Code::BadCommand,
                    "a program is written as a list",
                    node.spot,
                    "expected a list",
                );
                notes.mistake(mistake.help(format!("no shell takes this apart; write `[{list}]`")));
                None
            }
            Kind::Sequence(items) if items.is_empty() => {
                let mistake =
                    Mistake::new(Code::BadCommand, "the program is missing", node.spot, "an empty list");
                notes.mistake(mistake.help("write the program and its arguments: `[redis-cli, ping]`"));
                None
            }
            _ => Vec::read(node, notes).map(Self),
        }
    }

    fn schema() -> Value {
        json!({ "type": "array", "items": { "type": ["string", "number", "boolean"] }, "minItems": 1, "examples": [["redis-cli", "ping"]] })
    }
}
