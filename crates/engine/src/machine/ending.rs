//! How a run ends: the gravest of what happened decides.

use squall_model::event::FaultRef;
use squall_model::plan::Plan;
use squall_model::unit::Span;
use squall_model::verdict::Verdict;

use super::watch::{Breach, title};

/// What has happened so far that the verdict depends on.
#[derive(Debug, Default)]
pub(super) struct Ending {
    dirty: Vec<String>,
    /// The first reason to leave early; later ones add nothing.
    early: Option<(Verdict, Vec<String>)>,
    deviations: Vec<String>,
    /// Deviations that the control group shares.
    unclear: Vec<String>,
    /// Stages that passed, of so many; `None`: no rollout.
    stages: Option<(u32, u32)>,
    injected: u32,
    recovered: Option<Span>,
    /// Faults that a dry run left out.
    left_out: u32,
}

impl Ending {
    pub(super) fn dirty(&mut self, reason: String) {
        self.dirty.push(reason);
    }

    fn leave(&mut self, verdict: Verdict, reasons: Vec<String>) {
        self.early.get_or_insert((verdict, reasons));
    }

    pub(super) fn error(&mut self, reason: String) {
        self.leave(Verdict::Error, vec![reason]);
    }

    pub(super) fn halted(&mut self, by: &str) {
        self.leave(Verdict::Halted, vec![format!("halted by {by}")]);
    }

    pub(super) fn unsteady(&mut self, reasons: Vec<String>) {
        self.leave(Verdict::Unsteady, reasons);
    }

    pub(super) fn aborted(&mut self, breach: &Breach) {
        let Breach { measure, instance, outcome, when, breaches } = breach;
        let what = title(measure, instance.as_deref());
        let reason = format!("{what} was {outcome}, abort threshold {when}, {breaches} times in a row");
        self.leave(Verdict::Aborted, vec![reason]);
    }

    /// Faults begin, perhaps once more: what came before says nothing of this recovery.
    pub(super) fn begin(&mut self) {
        self.recovered = None;
    }

    pub(super) fn injected(&mut self) {
        self.injected += 1;
    }

    pub(super) fn left_out(&mut self) {
        self.left_out += 1;
    }

    pub(super) fn recovered(&mut self, steady: Span) {
        self.recovered = Some(steady);
    }

    pub(super) fn never_recovered(&mut self, within: Span, measures: &[String]) {
        self.deviations.push(format!("{} not steady again within {within}", measures.join(", ")));
    }

    /// As [`Self::never_recovered`], and the control group is not steady either.
    pub(super) fn nobody_recovered(&mut self, within: Span, measures: &[String]) {
        let measures = measures.join(", ");
        self.unclear.push(format!("{measures} not steady again within {within}, also where no fault hit"));
    }

    /// A deviation that the faults are to blame for.
    pub(super) fn deviated(&mut self, sentence: String) {
        self.deviations.push(sentence);
    }

    /// Work is missing, or nothing says that none is; of an aborted run it is one more reason.
    pub(super) fn unaccounted(&mut self, sentence: String) {
        match &mut self.early {
            Some((_, reasons)) => reasons.push(sentence),
            None => self.deviations.push(sentence),
        }
    }

    pub(super) fn restart_missed(&mut self, fault: &FaultRef, within: Span, found: &str) {
        self.deviations.push(format!("not whole again within {within} after {fault}: {found}"));
    }

    /// What the time with faults has shown comes first.
    pub(super) fn exposed(&mut self, blamed: Vec<String>, unclear: Vec<String>) {
        self.deviations.splice(0..0, blamed);
        self.unclear.splice(0..0, unclear);
    }

    /// Why a gate does not let pass; empty: it does.
    pub(super) fn objections(&self) -> Vec<String> {
        [&self.dirty, &self.deviations, &self.unclear].into_iter().flatten().cloned().collect()
    }

    pub(super) fn passed(&mut self, stages: u32, of: u32) {
        self.stages = Some((stages, of));
    }

    /// The first reason to leave before the end.
    pub(super) fn early(&self) -> Vec<String> {
        self.early.as_ref().map(|(_, reasons)| reasons.clone()).unwrap_or_default()
    }

    /// Whether a threshold ended it: then what was broken off may be lost. Whoever halts a run wants its end.
    pub(super) fn is_aborted(&self) -> bool {
        matches!(self.early, Some((Verdict::Aborted, _)))
    }

    /// Whether the steady state need not be waited for.
    pub(super) fn is_early(&self) -> bool {
        self.early.is_some()
    }

    /// The verdict, as a sentence, and its reasons.
    pub(super) fn verdict(&self, plan: &Plan, left: &[String]) -> (Verdict, String, Vec<String>) {
        let name = &plan.name;
        if !self.dirty.is_empty() || !left.is_empty() {
            let mut reasons = self.dirty.clone();
            reasons.extend(left.iter().map(|thing| format!("left: {thing}")));
            if let Some((_, early)) = &self.early {
                reasons.extend(early.iter().cloned());
            }
            return (Verdict::Dirty, format!("{name}: something could not be undone"), reasons);
        }
        if let Some((verdict, reasons)) = &self.early {
            let sentence = match verdict {
                Verdict::Unsteady => format!("{name}: the baseline was not steady; nothing was injected"),
                Verdict::Aborted => format!("{name}: aborted by a threshold; everything was undone"),
                Verdict::Halted => format!("{name}: halted; everything was undone"),
                _ => format!("{name}: could not be carried out; everything was undone"),
            };
            return (*verdict, sentence, reasons.clone());
        }
        if !self.deviations.is_empty() {
            let back = self.recovered.map(|steady| format!("; it was back after {steady}"));
            let at = self
                .stages
                .filter(|(passed, of)| passed < of)
                .map(|(passed, of)| format!(" in stage {} of {of}", passed + 1));
            let sentence = format!(
                "{name}: the steady state did not hold{}{}",
                at.unwrap_or_default(),
                back.unwrap_or_default()
            );
            let reasons = self.deviations.iter().chain(&self.unclear).cloned().collect();
            return (Verdict::Deviated, sentence, reasons);
        }
        if !self.unclear.is_empty() {
            let sentence = format!(
                "{name}: the steady state was left, and no less where no fault hit: the faults cannot be blamed"
            );
            return (Verdict::Inconclusive, sentence, self.unclear.clone());
        }
        let faults = plan.faults.len();
        let stages = self.stages.map(|(_, of)| format!(" in {of} stages")).unwrap_or_default();
        let sentence = match faults {
            0 => format!("{name}: steady without any fault (a control run)"),
            _ if self.left_out > 0 && self.injected == 0 => {
                format!("{name}: steady, and every fault was left out: this was a dry run")
            }
            1 => format!("{name}: the steady state held through {}{stages}", plan.faults[0].name),
            _ => format!("{name}: the steady state held through {faults} faults{stages}"),
        };
        (Verdict::Held, sentence, Vec::new())
    }
}
