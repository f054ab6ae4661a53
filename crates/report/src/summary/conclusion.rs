//! The verdict, also where the run did not live to reach one.

use std::fmt;

use serde::{Serialize, Serializer};
use squall_model::event::EventKind;
use squall_model::record::Record;
use squall_model::verdict::Verdict;

use super::faults::{FaultSummary, State};

/// How a record ends. In JSON one word: `held`, `deviated`, ..., `interrupted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// With a verdict.
    Reached(Verdict),
    /// The run did not end: squall was killed, or the record was copied too early.
    Interrupted,
}

pub(super) struct Ending {
    pub(super) verdict: Conclusion,
    pub(super) sentence: String,
    pub(super) reasons: Vec<String>,
    pub(super) left: Vec<String>,
}

pub(super) fn of(record: &Record, faults: &[FaultSummary]) -> Ending {
    let ended = record.events.iter().rev().find_map(|event| match &event.kind {
        EventKind::RunEnded { verdict, sentence, reasons, left } => Some(Ending {
            verdict: Conclusion::Reached(*verdict),
            sentence: sentence.clone(),
            reasons: reasons.clone(),
            left: left.clone(),
        }),
        _ => None,
    });
    ended.unwrap_or_else(|| interrupted(record, faults))
}

fn interrupted(record: &Record, faults: &[FaultSummary]) -> Ending {
    let last = record.events.iter().map(|event| event.at).max().unwrap_or_default();
    let mut reasons = Vec::new();
    for fault in faults {
        for window in &fault.windows {
            match window.state {
                State::Requested | State::Injected => {
                    reasons.push(format!(
                        "{} may still be in effect: its undo is not in this record",
                        window.name
                    ));
                }
                State::UndoFailed => reasons.push(format!("{} could not be undone", window.name)),
                _ => {}
            }
        }
    }
    Ending {
        verdict: Conclusion::Interrupted,
        sentence: format!(
            "the run did not end; last event at {last}; what is still owed is in the journal (`squall recover`)"
        ),
        reasons,
        left: Vec::new(),
    }
}

impl Conclusion {
    /// The word that stands for it everywhere.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reached(verdict) => verdict.word(),
            Self::Interrupted => "INTERRUPTED",
        }
    }

    /// Whether it is that verdict.
    pub fn is(self, verdict: Verdict) -> bool {
        self == Self::Reached(verdict)
    }
}

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Serialize for Conclusion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Reached(verdict) => verdict.serialize(serializer),
            Self::Interrupted => serializer.serialize_str("interrupted"),
        }
    }
}
