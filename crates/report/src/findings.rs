//! What a reader should know or do: rules over a summary, each small enough to be read at a glance.

mod cost;
mod faults;
mod measures;
mod run;

use std::fmt;

use serde::Serialize;

use crate::summary::Summary;

/// One thing that a reader should know or do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// The rule that made it; stable, for machines.
    pub rule: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The measure, fault, service or instance that it is about.
    pub about: Option<String>,
    /// What was found, as a sentence.
    pub title: String,
    /// What shows it, with numbers.
    pub evidence: Vec<String>,
    /// What to do.
    pub recommendation: String,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Something is broken now, or the system did not come back.
    Critical,
    /// The system or the experiment is weaker than it was meant to be.
    Warning,
    /// Good to know when reading the numbers.
    Note,
}

/// A rule sees the whole summary and finds any number of things.
type Rule = fn(&Summary) -> Vec<Finding>;

const RULES: [Rule; 23] = [
    run::interrupted,
    faults::not_undone,
    run::left_behind,
    run::never_recovered,
    cost::not_conserved,
    cost::backlog_left,
    cost::ledger_unreadable,
    cost::stage_failed,
    cost::not_to_blame,
    measures::aborted,
    measures::deviated,
    measures::unread,
    measures::unreadable,
    measures::unsteady,
    faults::without_effect,
    faults::restart_missed,
    faults::ended_early,
    run::inventory_changed,
    run::bystander_ended,
    run::requests_failed,
    run::slow_recovery,
    measures::narrow_margin,
    run::weak_evidence,
];

/// The most severe first; within a severity in the order of the rules.
pub(crate) fn of(summary: &Summary) -> Vec<Finding> {
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(summary)).collect();
    findings.sort_by_key(|finding| finding.severity);
    findings
}

impl Finding {
    fn new(rule: &'static str, severity: Severity, about: Option<&str>, title: String) -> Self {
        Self {
            rule,
            severity,
            about: about.map(str::to_owned),
            title,
            evidence: Vec::new(),
            recommendation: String::new(),
        }
    }

    fn evidence(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    fn recommend(mut self, recommendation: impl Into<String>) -> Self {
        self.recommendation = recommendation.into();
        self
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}
