//! Telling the readers: the record on disk, and whoever listens.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;
use squall_model::event::{Event, EventKind, Offset};
use squall_model::record;
use tokio::sync::mpsc;

use super::RunError;

/// Writes every event to the record as it happens, and passes it on.
pub(super) struct Announcer {
    record: File,
    events: mpsc::UnboundedSender<Event>,
    redact: Box<dyn Fn(&str) -> String>,
    failure: Option<io::Error>,
    has_failed: Once,
}

#[derive(PartialEq, Eq)]
enum Once {
    NotYet,
    Done,
}

impl Announcer {
    pub(super) fn open(
        path: &Path,
        events: mpsc::UnboundedSender<Event>,
        redact: impl Fn(&str) -> String + 'static,
    ) -> Result<Self, RunError> {
        let record = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)
            .map_err(|source| RunError::Record { path: path.to_owned(), source })?;
        Ok(Self { record, events, redact: Box::new(redact), failure: None, has_failed: Once::NotYet })
    }

    /// One write for each event: what is on disk after a crash ends with a whole line, or with one torn line.
    pub(super) fn announce(&mut self, at: Offset, kind: EventKind) {
        let event = masked(Event { at, kind }, &*self.redact);
        if let Err(error) = self.record.write_all(record::line(&event).as_bytes())
            && self.has_failed == Once::NotYet
        {
            self.has_failed = Once::Done;
            self.failure = Some(error);
        }
        // Nobody listens any more: the record is still written.
        let _ = self.events.send(event);
    }

    /// Why the record could not be written, said once.
    pub(super) fn failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }
}

/// The event with every secret masked in its texts, however JSON would have written it. A text that must be what it is
/// (`real`, `KILL`) stays: it was not made from a secret that happens to be the same word.
fn masked(event: Event, redact: &dyn Fn(&str) -> String) -> Event {
    let Ok(mut document) = serde_json::to_value(&event) else { return event };
    let mut event = event;
    for place in texts(&document, String::new()) {
        let Some(Value::String(text)) = document.pointer(&place) else { continue };
        let (text, shown) = (text.clone(), redact(text));
        if shown == text {
            continue;
        }
        put(&mut document, &place, shown);
        match serde_json::from_value(document.clone()) {
            Ok(with_mask) => event = with_mask,
            Err(_) => put(&mut document, &place, text),
        }
    }
    event
}

fn put(document: &mut Value, place: &str, text: String) {
    if let Some(value) = document.pointer_mut(place) {
        *value = Value::String(text);
    }
}

/// JSON pointers (RFC 6901) to all texts.
fn texts(value: &Value, place: String) -> Vec<String> {
    match value {
        Value::String(_) => vec![place],
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(n, item)| texts(item, format!("{place}/{n}"))).collect()
        }
        Value::Object(fields) => {
            let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
            let below = |(key, field): (&String, &Value)| texts(field, format!("{place}/{}", escaped(key)));
            fields.iter().flat_map(below).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use squall_model::event::Reading;
    use squall_model::measure::Outcome;

    use super::*;

    fn read(text: &str) -> Event {
        let outcome = Outcome::Text(text.to_owned());
        let kind = EventKind::Read(Reading {
            measure: "it".into(),
            instance: None,
            outcome,
            asked: Offset::default(),
        });
        Event { at: Offset::default(), kind }
    }

    // U3: also a secret that JSON writes in another way, and one that is a word of the record itself.
    #[test]
    fn texts_are_masked_and_the_form_of_the_record_is_not() {
        let quoted = |text: &str| text.replace("a\"b", "***");
        assert_eq!(masked(read("it is a\"b"), &quoted), read("it is ***"));
        let word = |text: &str| text.replace("asked", "***").replace("read", "***");
        assert_eq!(masked(read("asked"), &word), read("***"));
        let mode = |text: &str| text.replace("REPORT", "***");
        let entered = || Event {
            at: Offset::default(),
            kind: EventKind::PhaseEntered { phase: squall_model::event::Phase::Report },
        };
        assert_eq!(masked(entered(), &mode), entered());
    }
}
