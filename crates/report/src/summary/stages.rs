//! The stages of a rollout: a row each.

use serde::Serialize;
use squall_model::event::{EventKind, Offset};
use squall_model::record::Record;
use squall_model::stage::{Share, StageOutcome};

/// What became of one stage of a rollout.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StageSummary {
    /// Which, from 0.
    pub stage: u32,
    /// How much it was to hit.
    pub share: Share,
    /// Begun at; `None`: it was not reached.
    pub from: Option<Offset>,
    /// Ended at.
    pub until: Option<Offset>,
    /// How it ended; `None`: it did not, or was not reached.
    pub outcome: Option<StageOutcome>,
    /// Why it did not pass.
    pub reasons: Vec<String>,
}

impl StageSummary {
    /// How it ended, with the reasons.
    pub(crate) fn words(&self) -> String {
        match (self.from, self.outcome) {
            (None, _) => "not reached".to_owned(),
            (Some(_), None) => "did not end".to_owned(),
            (Some(_), Some(outcome)) if self.reasons.is_empty() => outcome.to_string(),
            (Some(_), Some(outcome)) => format!("{outcome}: {}", self.reasons.join("; ")),
        }
    }
}

/// All stages of the plan, also those that were not reached.
pub(super) fn of(record: &Record) -> Vec<StageSummary> {
    let planned = record.start.plan.stages.iter().enumerate();
    let mut stages: Vec<StageSummary> = planned
        .map(|(stage, planned)| StageSummary {
            stage: stage as u32,
            share: planned.share,
            from: None,
            until: None,
            outcome: None,
            reasons: Vec::new(),
        })
        .collect();
    for event in &record.events {
        match &event.kind {
            EventKind::StageEntered { stage, .. } => {
                if let Some(found) = stages.get_mut(*stage as usize) {
                    found.from.get_or_insert(event.at);
                }
            }
            EventKind::StageEnded { stage, outcome, reasons } => {
                if let Some(found) = stages.get_mut(*stage as usize) {
                    found.until = Some(event.at);
                    found.outcome = Some(*outcome);
                    found.reasons.clone_from(reasons);
                }
            }
            _ => {}
        }
    }
    stages
}
