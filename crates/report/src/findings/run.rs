//! Rules about the run as a whole: its end, its recovery, its load, its instances.

use squall_model::event::Mode;
use squall_model::unit::{Quantity, Unit};

use super::{Finding, Severity};
use crate::summary::{Change, Conclusion, LoadPart, Period, RecoverySummary, Standing, State, Summary};
use crate::wording::{counted, duration};

/// A median of fewer readings moves with each of them.
const FEW_READINGS: u64 = 10;

pub(super) fn interrupted(summary: &Summary) -> Vec<Finding> {
    if summary.verdict != Conclusion::Interrupted {
        return Vec::new();
    }
    let title = "The run did not end".to_owned();
    vec![
        Finding::new("interrupted", Severity::Critical, None, title)
            .evidence([format!("the record's last event is at {}", summary.length)])
            .evidence(summary.reasons.iter().cloned())
            .recommend("Run `squall status` to see what is still broken and `squall recover` to undo it, then run the experiment again."),
    ]
}

pub(super) fn left_behind(summary: &Summary) -> Vec<Finding> {
    if summary.left.is_empty() {
        return Vec::new();
    }
    let title = format!("{} left on the host", counted(summary.left.len() as u64, "thing"));
    vec![
        Finding::new("left-behind", Severity::Critical, None, title)
            .evidence(summary.left.iter().cloned())
            .recommend("Run `squall recover`, and look at each with `squall status`."),
    ]
}

pub(super) fn never_recovered(summary: &Summary) -> Vec<Finding> {
    let RecoverySummary::Never { within, measures } = &summary.recovery else { return Vec::new() };
    let title = format!("The system was not steady again within {within}");
    vec![
        Finding::new("never-recovered", Severity::Critical, None, title)
            .evidence(measures.iter().map(|measure| format!("{measure} was still not as expected")))
            .recommend("Find out what keeps it down after the cause is gone: pools that do not drain, retries that add load, work that is stuck. Measure longer to see whether it comes back at all."),
    ]
}

pub(super) fn inventory_changed(summary: &Summary) -> Vec<Finding> {
    let changed = summary.inventory.iter().map(|change| {
        let title = format!("{} was not what the plan saw", change.service);
        Finding::new("inventory-changed", Severity::Warning, Some(&change.service), title)
            .evidence([format!(
                "{}: {} instances planned, {} found",
                change.at, change.planned, change.found
            )])
            .recommend("Plan again, so that count and percent are of what is there.")
    });
    changed.collect()
}

/// S5: only the selected are touched.
pub(super) fn bystander_ended(summary: &Summary) -> Vec<Finding> {
    let service_hit = |instance: &str| {
        summary.faults.iter().any(|fault| {
            let whole = fault.chosen.is_empty()
                && fault.service.as_deref().is_some_and(|service| belongs(instance, service));
            let scaled = fault.kind.as_deref().is_some_and(|kind| kind.starts_with("service-"))
                && fault.service.as_deref().is_some_and(|service| belongs(instance, service));
            whole
                || scaled
                || fault.chosen.iter().any(|chosen| chosen == instance)
                || fault.windows.iter().any(|window| window.on.iter().any(|on| on == instance))
        })
    };
    let mut evidence = Vec::new();
    for change in &summary.instances {
        let Change::Ended { how } = &change.change else { continue };
        let within = summary.periods.faults_from.is_some_and(|from| change.at >= from)
            && summary.periods.faults_until.is_none_or(|until| change.at <= until);
        if within && !service_hit(&change.instance) {
            evidence.push(format!("{}: {} {how}", change.at, change.instance));
        }
    }
    if evidence.is_empty() {
        return Vec::new();
    }
    evidence.truncate(20);
    vec![
        Finding::new(
            "bystander-ended",
            Severity::Warning,
            None,
            "Instances ended that no fault had chosen".to_owned(),
        )
        .evidence(evidence)
        .recommend("The failure spread: look for what these instances share with those that were hit."),
    ]
}

fn belongs(instance: &str, service: &str) -> bool {
    instance
        .strip_prefix(service)
        .and_then(|rest| rest.strip_prefix('-'))
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

pub(super) fn requests_failed(summary: &Summary) -> Vec<Finding> {
    let Some(load) = &summary.load else { return Vec::new() };
    if load.total.failed == 0 {
        return Vec::new();
    }
    let rate = |part: &LoadPart| {
        part.error_rate.map_or("none".to_owned(), |rate| Quantity::new(rate, Unit::Percent).to_string())
    };
    let worse = load.during.error_rate.unwrap_or(0.0) > load.before.error_rate.unwrap_or(0.0);
    let severity = if worse { Severity::Warning } else { Severity::Note };
    let kinds: Vec<String> =
        load.total.failed_by_kind.iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
    let title = format!("{} of the load failed", counted(load.total.failed, "request"));
    vec![
        Finding::new("requests-failed", severity, None, title)
            .evidence([
                format!(
                    "error rate {} before, {} during, {} after",
                    rate(&load.before),
                    rate(&load.during),
                    rate(&load.after)
                ),
                kinds.join(", "),
            ])
            .recommend(
                "These are failures that users would have seen: retry where it is safe, or shed load early.",
            ),
    ]
}

pub(super) fn slow_recovery(summary: &Summary) -> Vec<Finding> {
    let RecoverySummary::Recovered { steady, within, .. } = &summary.recovery else { return Vec::new() };
    if steady.0 * 2 <= within.0 {
        return Vec::new();
    }
    let title = "The recovery took more than half of its time".to_owned();
    vec![
        Finding::new("slow-recovery", Severity::Note, None, title)
            .evidence([format!("steady after {steady}, {within} allowed")])
            .recommend("A slower day, and this experiment deviates."),
    ]
}

pub(super) fn weak_evidence(summary: &Summary) -> Vec<Finding> {
    let mut findings = Vec::new();
    if summary.mode == Mode::Dry {
        findings.push(
            Finding::new(
                "dry-run",
                Severity::Note,
                None,
                "This was a dry run: nothing was changed".to_owned(),
            )
            .recommend("Run it without `--dry-run` to learn how the system takes the faults."),
        );
    }
    let few: Vec<String> = summary
        .measures
        .iter()
        .filter(|measure| measure.expect.is_some() && measure.standing != Standing::Unread)
        .filter(|measure| summary.periods.faults_from.is_some() && measure.before.n < FEW_READINGS)
        .map(|measure| format!("{}: {}", measure.name, counted(measure.before.n, "reading")))
        .collect();
    if !few.is_empty() {
        let length = summary
            .periods
            .length(Period::Before, summary.length)
            .map_or_else(String::new, |length| format!(" of {}", duration(length.as_secs_f64())));
        let title = format!("The baseline{length} has few readings");
        findings.push(Finding::new("few-readings", Severity::Note, None, title).evidence(few).recommend(
            "Make the baseline longer or read more often: a median of few readings moves with each of them.",
        ));
    }
    let missing: Vec<String> = summary
        .windows()
        .filter(|(_, window)| window.state == State::NotReached)
        .map(|(_, window)| window.name.clone())
        .collect();
    if !missing.is_empty() {
        findings.push(
            Finding::new(
                "not-reached",
                Severity::Note,
                None,
                "Not every planned fault was injected".to_owned(),
            )
            .evidence(missing)
            .recommend("The verdict speaks of the injected faults only."),
        );
    }
    findings
}
