//! Rules about faults and their undo.

use super::{Finding, Severity};
use crate::summary::{Restart, State, Summary};

pub(super) fn not_undone(summary: &Summary) -> Vec<Finding> {
    let failed = summary.windows().filter(|(_, window)| window.state == State::UndoFailed);
    let findings = failed.map(|(fault, window)| {
        let by_hand: Vec<&str> = window
            .undo_failures
            .last()
            .map(|failure| failure.by_hand.iter().map(String::as_str).collect())
            .unwrap_or_default();
        let title = format!("{} could not be undone", window.name);
        Finding::new("not-undone", Severity::Critical, Some(&fault.name), title)
            .evidence(window.undo_failures.iter().map(|failure| format!("{}: {}", failure.at, failure.why)))
            .recommend(match by_hand.as_slice() {
                [] => "Run `squall recover`; the journal keeps what is owed.".to_owned(),
                commands => format!("Run `squall recover`, or by hand: `{}`", commands.join("`, `")),
            })
    });
    findings.collect()
}

pub(super) fn without_effect(summary: &Summary) -> Vec<Finding> {
    let failed = summary.windows().filter_map(|(fault, window)| {
        let why = window.failed.as_ref()?;
        let title = format!("{} could not be injected, or had no effect", window.name);
        Some(
            Finding::new("without-effect", Severity::Warning, Some(&fault.name), title)
                .evidence([why.clone()])
                .recommend("Run `squall doctor` to see what can be injected here."),
        )
    });
    failed.collect()
}

pub(super) fn restart_missed(summary: &Summary) -> Vec<Finding> {
    let missed = summary.windows().filter_map(|(fault, window)| {
        let Some(Restart::Missed { within, found }) = &window.restart else { return None };
        let service = fault.service.as_deref().unwrap_or("the service");
        let title = format!("{service} was not whole again within {within} of {}", window.name);
        Some(
            Finding::new("restart-missed", Severity::Warning, Some(&fault.name), title)
                .evidence([format!("found {found}")])
                .recommend("Give it a supervisor that starts it again, and look at how long a start takes."),
        )
    });
    missed.collect()
}

pub(super) fn ended_early(summary: &Summary) -> Vec<Finding> {
    let early = summary.windows().filter_map(|(fault, window)| {
        let how = window.ended_early.as_ref()?;
        let title = format!("{} ended before its time", window.name);
        Some(
            Finding::new("ended-early", Severity::Warning, Some(&fault.name), title).evidence([how.clone()]).recommend(
                "The system was under this fault for a shorter time than planned; judge the numbers accordingly.",
            ),
        )
    });
    early.collect()
}
