//! A record: the events of one run, one JSON object a line, written as they happen.
//!
//! A run that was killed leaves a record whose last line may be torn; that is normal, and everything before it counts.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, BufRead};

use serde::Deserialize;

use crate::event::{Event, EventKind, RunStarted};
use crate::name::Name;
use crate::verdict::Verdict;

const OWN: &str = env!("CARGO_PKG_VERSION");

/// The version of the record's form on disk.
pub const RECORD_VERSION: u32 = 1;

/// The events of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The first event.
    pub start: RunStarted,
    /// All events, the first included.
    pub events: Vec<Event>,
    /// Whether the file ended in the middle of a line.
    pub torn: Torn,
}

/// Whether the last line was whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Torn {
    /// It was.
    No,
    /// It was not, and was left out.
    Yes,
}

/// The text is not a record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Nothing whole in it.
    #[error("the record is empty")]
    Empty,
    /// The disk does not give it.
    #[error("the record cannot be read")]
    Read {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line other than the last is not an event.
    #[error("line {line} of the record is not an event")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What the JSON reader says.
        #[source]
        source: serde_json::Error,
    },
    /// A whole event of a form that only another version of squall knows.
    #[error(
        "line {line} of the record is of a form that squall {OWN} does not read: squall {squall} wrote it"
    )]
    Foreign {
        /// Counted from 1.
        line: usize,
        /// The version that wrote it.
        squall: String,
    },
    /// The first event is another one than `run-started`.
    #[error("the record does not begin with the start of a run")]
    Headless,
    /// A later squall wrote it.
    #[error("the record has format {found}, and this squall reads up to {RECORD_VERSION}")]
    Newer {
        /// The format found.
        found: u32,
    },
}

/// The version of squall that wrote a line which is JSON, and not an event that is known here; `None`: the line is
/// nothing that a squall writes.
fn writer(line: &str, before: &[Event]) -> Option<String> {
    #[derive(Deserialize)]
    struct Line {
        #[serde(rename = "at")]
        _at: f64,
        what: serde_json::Map<String, serde_json::Value>,
    }
    let line: Line = serde_json::from_str(line).ok()?;
    match before.first().map(|event| &event.kind) {
        None => Some(line.what.get("run-started")?.get("squall")?.as_str()?.to_owned()),
        Some(EventKind::RunStarted(start)) => Some(start.squall.clone()),
        Some(_) => None,
    }
}

/// The names that readings have had so far.
#[derive(Default)]
struct Names(HashSet<Name>);

impl Names {
    /// Of a stranger's record with a new name in each line, no more than so many are kept.
    const MOST: usize = 10_000;

    fn share(&mut self, kind: &mut EventKind) {
        let EventKind::Read(reading) = kind else { return };
        for name in std::iter::once(&mut reading.measure).chain(&mut reading.instance) {
            match self.0.get(name.as_str()) {
                Some(known) => *name = known.clone(),
                None if self.0.len() < Self::MOST => drop(self.0.insert(name.clone())),
                None => {}
            }
        }
    }
}

impl Record {
    /// Reads a record. A last line without its line break that is not an event is left out.
    pub fn read(text: &str) -> Result<Self, RecordError> {
        Self::read_from(text.as_bytes())
    }

    /// Reads a record line by line, so that its text is never in memory as a whole.
    pub fn read_from(mut lines: impl BufRead) -> Result<Self, RecordError> {
        let mut events = Vec::new();
        let mut torn = Torn::No;
        let mut bytes = Vec::new();
        let mut names = Names::default();
        for line in 1.. {
            bytes.clear();
            if lines.read_until(b'\n', &mut bytes).map_err(|source| RecordError::Read { source })? == 0 {
                break;
            }
            let text = match str::from_utf8(&bytes) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => String::from_utf8_lossy(&bytes),
            };
            if text.trim().is_empty() {
                continue;
            }
            match serde_json::from_str::<Event>(&text) {
                Ok(mut event) => {
                    names.share(&mut event.kind);
                    events.push(event);
                }
                // Only the last line can be without its break.
                Err(_) if !text.ends_with('\n') => torn = Torn::Yes,
                Err(source) => {
                    let squall = writer(&text, &events).filter(|_| source.is_data());
                    return Err(match squall {
                        Some(squall) => RecordError::Foreign { line, squall },
                        None => RecordError::Line { line, source },
                    });
                }
            }
        }
        let start = match events.first() {
            None => return Err(RecordError::Empty),
            Some(Event { kind: EventKind::RunStarted(start), .. }) => (**start).clone(),
            Some(_) => return Err(RecordError::Headless),
        };
        if start.format > RECORD_VERSION {
            return Err(RecordError::Newer { found: start.format });
        }
        Ok(Self { start, events, torn })
    }

    /// The verdict, where the run came to its end.
    pub fn verdict(&self) -> Option<Verdict> {
        self.events.iter().rev().find_map(|event| match &event.kind {
            EventKind::RunEnded { verdict, .. } => Some(*verdict),
            _ => None,
        })
    }
}

/// One event as a line of a record, with its line break.
///
/// # Panics
/// Never: an event is made of strings, numbers and maps with string keys.
pub fn line(event: &Event) -> String {
    let mut line = serde_json::to_string(event).expect("an event is always valid JSON");
    line.push('\n');
    line
}
