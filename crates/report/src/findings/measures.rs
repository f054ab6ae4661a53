//! Rules about measures.

use super::{Finding, Severity};
use crate::summary::{MeasureSummary, Periods, Standing, Summary, Tally};
use crate::wording::counted;

pub(super) fn aborted(summary: &Summary) -> Vec<Finding> {
    let breached = summary.measures.iter().filter_map(|measure| {
        let reason = measure.reasons.iter().find(|reason| reason.ends_with("the run was aborted"))?;
        let title = format!("{} went past its abort threshold", measure.name);
        Some(
            Finding::new("aborted", Severity::Critical, Some(&measure.name), title)
                .evidence([reason.clone()])
                .evidence(worst(measure))
                .recommend("Start again with a smaller blast radius, and grow it once this holds."),
        )
    });
    breached.collect()
}

pub(super) fn deviated(summary: &Summary) -> Vec<Finding> {
    let missed = summary.measures.iter().filter_map(|measure| {
        let reason = measure.reasons.iter().find(|reason| reason.contains("during the faults"))?;
        let title = format!("{} left the steady state during the faults", measure.name);
        let hit: Vec<String> = summary
            .faults
            .iter()
            .filter(|fault| fault.windows.iter().any(|window| window.injected.is_some()))
            .map(|fault| format!("{} ({})", fault.name, fault.what))
            .collect();
        Some(
            Finding::new("deviated", Severity::Warning, Some(&measure.name), title)
                .evidence([reason.clone()])
                .evidence(worst(measure))
                .recommend(format!(
                    "Find what ties {} to {}: a missing timeout, retry, spare instance or fallback.",
                    measure.name,
                    if hit.is_empty() { "the fault".to_owned() } else { hit.join(", ") },
                )),
        )
    });
    missed.collect()
}

pub(super) fn unread(summary: &Summary) -> Vec<Finding> {
    let unread = summary.measures.iter().filter(|measure| measure.standing == Standing::Unread);
    let findings = unread.map(|measure| {
        let why = Periods::ALL.iter().find_map(|period| measure.tally(*period).first_unreadable.clone());
        Finding::new(
            "unread",
            Severity::Warning,
            Some(&measure.name),
            format!("{} could not be read at all", measure.name),
        )
        .evidence(measure.reasons.iter().cloned())
        .evidence(why)
        .recommend("Mend the probe first: what cannot be measured says nothing about the system.")
    });
    findings.collect()
}

pub(super) fn unreadable(summary: &Summary) -> Vec<Finding> {
    let blind = summary.measures.iter().filter(|measure| measure.standing != Standing::Unread);
    let findings = blind.filter_map(|measure| {
        let periods = Periods::ALL.iter().filter(|period| measure.tally(**period).unreadable > 0);
        let evidence: Vec<String> = periods
            .map(|period| {
                let tally = measure.tally(*period);
                let why = tally.first_unreadable.as_deref().unwrap_or("no reason given");
                format!("{period}: {} of {}, first: {why}", tally.unreadable, counted(tally.n, "reading"))
            })
            .collect();
        let title = format!("{} could not always be read", measure.name);
        (!evidence.is_empty()).then(|| {
            Finding::new("unreadable", Severity::Warning, Some(&measure.name), title).evidence(evidence).recommend(
                "Unreadable readings count as missed. If the system was down, that is the finding; if only the probe was, read it another way.",
            )
        })
    });
    findings.collect()
}

pub(super) fn unsteady(summary: &Summary) -> Vec<Finding> {
    let missed = summary.measures.iter().filter_map(|measure| {
        let reason = measure.reasons.iter().find(|reason| reason.contains("before the faults"))?;
        let title = format!("{} was not steady before any fault", measure.name);
        Some(
            Finding::new("unsteady", Severity::Warning, Some(&measure.name), title)
                .evidence([reason.clone()])
                .recommend(
                    "Mend the system or the expectation first: a fault on an unsteady system shows nothing.",
                ),
        )
    });
    missed.collect()
}

/// Held, but not by much: some readings missed and were allowed to, or the worst came within a tenth of the limit.
pub(super) fn narrow_margin(summary: &Summary) -> Vec<Finding> {
    let close =
        summary.measures.iter().filter(|measure| measure.standing == Standing::Met).filter_map(|measure| {
            let tally = &measure.during;
            let evidence = if let Some(misses) = tally.misses.filter(|misses| *misses > 0) {
                format!(
                    "{misses} of {} during the faults missed, {} allowed",
                    counted(tally.n, "reading"),
                    measure.allow
                )
            } else {
                let numbers = tally.numbers.filter(|_| tally.misses.is_some())?;
                let room = |limit: f64| {
                    let outside =
                        if numbers.max <= limit { limit - numbers.max } else { numbers.min - limit };
                    (outside >= 0.0 && outside <= limit.abs() * 0.1 && numbers.max > numbers.min)
                        .then_some(limit)
                };
                let limit = measure.limits.iter().copied().find_map(room)?;
                format!(
                    "{} to {} during the faults, limit {}",
                    measure.quantity(numbers.min),
                    measure.quantity(numbers.max),
                    measure.quantity(limit)
                )
            };
            let title = format!("{} held by a narrow margin", measure.name);
            Some(
                Finding::new("narrow-margin", Severity::Note, Some(&measure.name), title)
                    .evidence([evidence])
                    .recommend(
                        "Repeat with another seed, or with a little more of the fault, before relying on it.",
                    ),
            )
        });
    close.collect()
}

fn worst(measure: &MeasureSummary) -> Option<String> {
    let of = |tally: &Tally| {
        tally.numbers.map(|numbers| {
            format!(
                "median {}, {} to {}",
                measure.quantity(numbers.median),
                measure.quantity(numbers.min),
                measure.quantity(numbers.max)
            )
        })
    };
    Some(format!("before: {}; during: {}", of(&measure.before)?, of(&measure.during)?))
}
