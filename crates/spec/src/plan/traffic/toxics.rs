//! Toxics on bytes and datagrams.

use serde_json::{Value, json};
use squall_model::fault::Fault;
use squall_model::traffic::{Protocol, Toxic};
use squall_model::unit::{Bytes, Percent};

use super::positive;
use crate::mistake::At;
use crate::notes::Notes;
use crate::word::Stream;

/// Toxics of one way, or of both, that are gathered together with the words that a person reads.
pub(super) struct Toxics {
    stream: Stream,
    all: Vec<Toxic>,
    what: Vec<String>,
}

impl Toxics {
    /// None yet, on this way.
    pub(super) fn on(direction: Option<Stream>) -> Self {
        Self { stream: direction.unwrap_or(Stream::Downstream), all: Vec::new(), what: Vec::new() }
    }

    pub(super) fn add(&mut self, kind: &str, attributes: Value, text: impl Into<String>) {
        let Value::Object(attributes) = attributes else { unreachable!("attributes have names") };
        let stream = Some(self.stream.name().to_owned());
        self.all.push(Toxic { kind: kind.to_owned(), stream, attributes });
        self.what.push(text.into());
    }

    pub(super) fn bandwidth(&mut self, written: Option<&At<Bytes>>, notes: &mut Notes<'_>) -> Option<()> {
        if let Some(rate) = written {
            // The API counts in KB (1000 bytes) a second.
            let rate = positive(rate, notes)?.div_ceil(1_000);
            self.add("bandwidth", json!({ "rate": rate }), format!("{}/s at most", Bytes(rate * 1_000)));
        }
        Some(())
    }

    /// The fault; `None` where nothing was added.
    pub(super) fn done(self, protocol: Protocol, percent: Percent) -> Option<Fault> {
        let what = format!("{} {}", self.what.join(", "), self.stream);
        (!self.all.is_empty()).then_some(Fault::Traffic { protocol, toxics: self.all, what, percent })
    }
}
