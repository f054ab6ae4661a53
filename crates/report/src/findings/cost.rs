//! Rules about what the faults cost: work that is missing, backlogs, stages, and blame.

use squall_model::event::Blame;
use squall_model::stage::StageOutcome;

use super::{Finding, Severity};
use crate::summary::{Backlog, Summary};

pub(super) fn not_conserved(summary: &Summary) -> Vec<Finding> {
    let Some(balance) = summary.cost.conservation.as_ref().filter(|balance| !balance.violations.is_empty())
    else {
        return Vec::new();
    };
    let title = format!("Work does not add up: {}", balance.violations.join(", "));
    vec![
        Finding::new("not-conserved", Severity::Critical, None, title)
            .evidence(balance.counts.iter().map(|(figure, count)| format!("{figure}: {count}")))
            .recommend("Follow one of the missing tasks from its acceptance on: work must be acknowledged only when it is done, and be safe to do twice."),
    ]
}

pub(super) fn backlog_left(summary: &Summary) -> Vec<Finding> {
    let Some(Backlog::Left { measure, within, now, level }) = &summary.cost.backlog else {
        return Vec::new();
    };
    let title = format!("{measure} was not drained within {within}");
    vec![
        Finding::new("backlog-left", Severity::Warning, Some(measure), title)
            .evidence([format!("{now} at the end, {level} before the faults")])
            .recommend("The system works off its backlog too slowly, or not at all: give it spare capacity, or shed load while it catches up."),
    ]
}

pub(super) fn ledger_unreadable(summary: &Summary) -> Vec<Finding> {
    let Some(trouble) = &summary.cost.ledger_trouble else { return Vec::new() };
    let title = format!("The ledger could not be read {} times", summary.cost.ledger_unreadable);
    vec![
        Finding::new("ledger-unreadable", Severity::Warning, None, title)
            .evidence([trouble.clone()])
            .recommend(
                "A ledger that fails with the system proves nothing: keep it outside of what is broken.",
            ),
    ]
}

pub(super) fn stage_failed(summary: &Summary) -> Vec<Finding> {
    let failed = summary.stages.iter().filter(|stage| stage.outcome == Some(StageOutcome::Failed));
    let findings = failed.map(|stage| {
        let title = format!("The rollout ended at stage {} ({})", u64::from(stage.stage) + 1, stage.share);
        Finding::new("stage-failed", Severity::Warning, None, title)
            .evidence(stage.reasons.iter().cloned())
            .recommend("Mend what this stage has shown before more is hit.")
    });
    findings.collect()
}

/// E4: a bad day elsewhere is not blamed on the fault.
pub(super) fn not_to_blame(summary: &Summary) -> Vec<Finding> {
    let findings = summary.measures.iter().filter_map(|measure| {
        let groups = measure.groups.as_ref()?;
        let unclear = groups.counted.iter().rfind(|counted| counted.blame == Blame::Unclear)?;
        let title = format!("{} was as bad where no fault hit", measure.name);
        Some(
            Finding::new("not-to-blame", Severity::Warning, Some(&measure.name), title)
                .evidence([
                    format!("not as expected: {} where a fault hit, {} where none did", unclear.hit, unclear.control),
                    groups.sentence.clone(),
                ])
                .recommend("Look for what hit both groups at the time, and run the experiment again when it is over."),
        )
    });
    findings.collect()
}
