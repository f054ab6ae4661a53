//! A plan: what an experiment means, with nothing left to decide.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::conservation::Conservation;
use crate::fault::Fault;
use crate::load::Load;
use crate::measure::{Expect, Measure, Probe};
use crate::stage::{Share, Stage};
use crate::target::{Inventory, Target};
use crate::unit::{Percent, Span};

/// The version of the plan's form on disk.
pub const PLAN_VERSION: u32 = 1;

/// One experiment, ready to be run. The same plan and the same answers of the system give the same run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// [`PLAN_VERSION`] of the squall that made it.
    pub version: u32,
    /// Name of the experiment.
    pub name: String,
    /// What it is about, for people.
    pub description: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// The file that it was written in, as it was named.
    pub file: Option<String>,
    /// CRC-32 of the document's text, in hexadecimal: which version of the file this was.
    pub digest: String,
    /// Everything that chance decides is drawn from it.
    pub seed: u64,
    /// The system under experiment.
    pub target: Target,
    /// What was there when the plan was made. A service that is started by the run has instances without a process.
    pub inventory: Inventory,
    /// The load, from before the baseline until after the recovery.
    pub load: Option<Load>,
    /// The steady-state hypothesis.
    pub measures: Vec<Measure>,
    /// What must add up when all is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conservation: Option<Conservation>,
    /// Length of the baseline.
    pub baseline: Span,
    /// Length of the time in which faults are injected and watched; with stages, that of each.
    pub duration: Span,
    /// The faults, in the order of the file.
    pub faults: Vec<PlannedFault>,
    /// The stages of a rollout, in their order; empty: the faults are injected once, in full.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    /// How soon the steady state must be back.
    pub recovery: Recovery,
}

/// A fault with its place and its times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedFault {
    /// Its name in the experiment.
    pub name: String,
    /// The fault.
    pub fault: Fault,
    /// Where; `None` for the host.
    pub on: Option<Selection>,
    /// When, counted from the end of the baseline or from the start of each stage, in order and without overlap.
    pub windows: Vec<Window>,
    /// A window waits for this before it begins.
    pub when: Option<Condition>,
}

/// Which instances of a service are hit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Selection {
    /// The service.
    pub service: String,
    /// The instances that could have been chosen, in the order that the draw saw.
    pub eligible: Vec<String>,
    /// The chosen ones.
    pub chosen: Vec<String>,
}

/// One time during which a fault is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Window {
    /// Injected at.
    pub from: Span,
    /// Undone at: the deadline.
    pub until: Span,
}

/// A state to wait for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Condition {
    /// The measure whose last reading decides.
    pub measure: String,
    /// The reading that is waited for.
    pub is: Expect,
}

/// How soon the system must be itself again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Recovery {
    /// From the last undo.
    pub within: Span,
    /// Every measure as expected for so long counts as steady.
    pub steady_for: Span,
    /// The measure that is the backlog: it must be back at its level of the baseline within the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog: Option<String>,
}

/// On which side of a comparison an instance, or a part of the traffic, is while faults are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// A fault hits it.
    Hit,
    /// It is like those that are hit, and nothing is done to it.
    Control,
}

impl Group {
    /// The name of this part of the traffic, where that of a proxy is read in two groups. While no fault is on there is
    /// one group, and both names stand for it.
    pub fn of_traffic(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Control => "spared",
        }
    }
}

impl Plan {
    /// The longest that a run may take, without the time that undoing takes.
    pub fn worst_case(&self) -> Span {
        let held: std::time::Duration = self.stages.iter().map(|stage| stage.hold.0).sum();
        let recovery = (self.recovery.within.0 + self.lag().0) * self.rounds();
        let settling = self.conservation.as_ref().map(|book| book.within.0).unwrap_or_default();
        let warm_up = self.load.as_ref().map_or(Span::ZERO, |load| load.warm_up);
        Span(warm_up.0 + self.baseline.0 + self.lag().0 + self.watched().0 + recovery + held + settling)
    }

    /// The time in which faults may be on, over all stages.
    pub fn watched(&self) -> Span {
        Span(self.duration.0 * self.rounds())
    }

    /// How often the faults are injected.
    fn rounds(&self) -> u32 {
        self.stages.len().max(1) as u32
    }

    /// The longest lag of the measures.
    pub fn lag(&self) -> Span {
        self.measures.iter().map(|measure| measure.lag).max().unwrap_or_default()
    }

    /// Everything that is read, in order: each measure, once for every instance where it is read for each, and once for
    /// both groups of the traffic.
    pub fn series(&self) -> Vec<(&Measure, Option<&str>)> {
        let mut series = Vec::new();
        for measure in &self.measures {
            if let Probe::Traffic { .. } = measure.probe {
                series.extend([Group::Hit, Group::Control].map(|group| (measure, Some(group.of_traffic()))));
                continue;
            }
            match &measure.each {
                None => series.push((measure, None)),
                Some(service) => {
                    let known = self.inventory.services.get(service).map(Vec::as_slice).unwrap_or_default();
                    series.extend(known.iter().map(|instance| (measure, Some(instance.name.as_str()))));
                }
            }
        }
        series
    }

    /// The fault of that name.
    pub fn fault(&self, name: &str) -> Option<&PlannedFault> {
        self.faults.iter().find(|fault| fault.name == name)
    }

    /// The instances that a fault hits in a stage, or in a run without stages; `None`: it hits no single instances.
    pub fn chosen<'a>(&'a self, fault: &'a PlannedFault, stage: Option<u32>) -> Option<&'a [String]> {
        let selection = fault.on.as_ref()?;
        let staged = stage.and_then(|stage| self.stages.get(stage as usize));
        let chosen = staged.and_then(|stage| stage.chosen.get(&fault.name));
        Some(chosen.unwrap_or(&selection.chosen))
    }

    /// The share of the traffic that its faults hit in a stage, of what they would hit in full.
    pub fn traffic_share(&self, stage: Option<u32>) -> Percent {
        match stage.and_then(|stage| self.stages.get(stage as usize)).map(|stage| stage.share) {
            Some(Share::Percent(share)) => share,
            Some(Share::Shadow) | None => Percent(100.0),
        }
    }

    /// On which side a series of readings of a measure is in a stage; `None`: there is nothing to compare.
    pub fn side(&self, measure: &Measure, instance: Option<&str>, stage: Option<u32>) -> Option<Group> {
        match (&measure.probe, &measure.each, instance) {
            (Probe::Traffic { service, .. }, _, Some(name)) => self.traffic_group(service, name, stage),
            (_, Some(service), Some(instance)) => self.group(service, instance, stage),
            _ => None,
        }
    }

    /// On which side an instance of a service is in a stage; `None`: there is nothing to compare, because no fault
    /// or every fault hits all of its instances alike.
    ///
    /// A fault of the whole host hits everything on it: then nobody is untouched.
    fn group(&self, service: &str, instance: &str, stage: Option<u32>) -> Option<Group> {
        if self.spares_nobody(stage) {
            return None;
        }
        let hit: BTreeSet<&str> = self
            .faults_on(service)
            .filter_map(|fault| self.chosen(fault, stage))
            .flatten()
            .map(String::as_str)
            .collect();
        if hit.is_empty() || self.inventory.services.get(service)?.len() <= hit.len() {
            return None;
        }
        Some(if hit.contains(instance) { Group::Hit } else { Group::Control })
    }

    /// On which side a part of the traffic of a service is. A fault on its processes hits all of its traffic.
    fn traffic_group(&self, service: &str, name: &str, stage: Option<u32>) -> Option<Group> {
        let mut faults = self.faults_on(service).peekable();
        if self.spares_nobody(stage)
            || faults.peek().is_none()
            || !faults.all(|fault| fault.fault.is_on_traffic())
        {
            return None;
        }
        [Group::Hit, Group::Control].into_iter().find(|group| group.of_traffic() == name)
    }

    /// Whether nothing is done in this stage, or to everybody.
    fn spares_nobody(&self, stage: Option<u32>) -> bool {
        let staged = stage.and_then(|stage| self.stages.get(stage as usize));
        let is_shadow = staged.is_some_and(|stage| stage.share == Share::Shadow);
        is_shadow || self.faults.iter().any(|fault| fault.on.is_none())
    }

    /// The faults that take place on a service.
    fn faults_on<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a PlannedFault> {
        self.faults.iter().filter(move |fault| {
            !fault.windows.is_empty() && fault.on.as_ref().is_some_and(|on| on.service == service)
        })
    }
}
