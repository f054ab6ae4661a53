//! After the last undo: the steady state must come back, a stage is held, and all work must be accounted for.

use squall_model::event::{EventKind, Offset, Phase};
use squall_model::stage::StageOutcome;

use super::account::Balanced;
use super::backlog::Backlog;
use super::{Action, Judged, Machine, groups, plus, whole_millis};

/// What is waited for in the phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validation {
    /// The steady state.
    Recovering,
    /// The time of a stage in which everything must stay as expected, until `self.until`.
    Holding,
    /// The load has ended then; all work must become something.
    Settling(Offset),
}

impl Validation {
    pub(super) fn is_settling(self) -> bool {
        matches!(self, Self::Settling(_))
    }
}

impl Machine {
    /// The time of the last undo, from which the recovery counts.
    pub(super) fn recovering_since(&self) -> Offset {
        self.schedule.last_undo().unwrap_or(self.since)
    }

    pub(super) fn validate(&mut self, at: Offset, actions: &mut Vec<Action>) {
        match self.validation {
            Validation::Recovering => self.recover(at, actions),
            Validation::Holding => self.hold(at, actions),
            Validation::Settling(since) => self.settle(since, at, actions),
        }
    }

    fn recover(&mut self, at: Offset, actions: &mut Vec<Action>) {
        let within = self.plan.recovery.within;
        let is_late = at >= self.until && self.hypothesis.is_answered();
        let back = self.hypothesis.recovered(self.plan.recovery.steady_for.0);
        let is_drained = self.backlog.as_ref().is_none_or(Backlog::is_drained);
        if !is_late && (back.is_none() || !is_drained) {
            return;
        }
        if let Some(backlog) = &self.backlog {
            actions.push(Action::Emit(backlog.event(self.since, within)));
            if !is_drained {
                self.ending.deviated(backlog.deviation(within));
            }
        }
        let outcome = if let Some(back) = back {
            let from = |moment: Offset| whole_millis(moment.0.saturating_sub(self.since.0));
            let (first, steady) = (from(back.first), from(back.steady));
            actions.push(Action::Emit(EventKind::Recovered { first, steady }));
            self.ending.recovered(steady);
            if is_drained { "steady" } else { "steady, and the backlog is left" }
        } else {
            let missing = self.hypothesis.missing();
            let measures: Vec<String> = missing.iter().map(|watch| watch.title()).collect();
            if groups::is_shared(&missing, &self.plan, self.stage) {
                self.ending.nobody_recovered(within, &measures);
            } else {
                self.ending.never_recovered(within, &measures);
            }
            actions.push(Action::Emit(EventKind::NeverRecovered { within, measures }));
            "not steady again"
        };
        self.compare_groups(actions);
        self.gate(at, outcome, actions);
    }

    /// Judges the time with faults that is over.
    pub(super) fn compare_groups(&mut self, actions: &mut Vec<Action>) {
        let found = groups::judge(&self.hypothesis, &self.plan, self.stage);
        actions.extend(found.compared.into_iter().map(|one| Action::Emit(EventKind::GroupsCompared(one))));
        self.ending.exposed(found.blamed, found.unclear);
        for sentence in self.hypothesis.shut_gates() {
            self.ending.deviated(sentence);
        }
    }

    /// What was seen decides whether there is more to do.
    fn gate(&mut self, at: Offset, outcome: &str, actions: &mut Vec<Action>) {
        let Some(stage) = self.stage else { return self.close(at, outcome, actions) };
        let objections = self.ending.objections();
        if !objections.is_empty() {
            self.ending.passed(stage, self.plan.stages.len() as u32);
            self.end_stage(StageOutcome::Failed, objections, actions);
            return self.close(at, outcome, actions);
        }
        let hold = self.plan.stages.get(stage as usize).map(|stage| stage.hold).unwrap_or_default();
        if hold.is_zero() {
            return self.pass(stage, at, outcome, actions);
        }
        self.validation = Validation::Holding;
        self.until = plus(at, hold.0 + self.plan.lag().0);
        self.hypothesis.watch(Judged::After, at);
    }

    fn hold(&mut self, at: Offset, actions: &mut Vec<Action>) {
        let Some(stage) = self.stage.filter(|_| at >= self.until) else { return };
        for sentence in self.hypothesis.relapses() {
            self.ending.deviated(sentence);
        }
        let objections = self.ending.objections();
        if objections.is_empty() {
            return self.pass(stage, at, "steady", actions);
        }
        self.ending.passed(stage, self.plan.stages.len() as u32);
        self.end_stage(StageOutcome::Failed, objections, actions);
        self.close(at, "not steady while held", actions);
    }

    fn pass(&mut self, stage: u32, at: Offset, outcome: &str, actions: &mut Vec<Action>) {
        let (next, all) = (stage + 1, self.plan.stages.len() as u32);
        self.ending.passed(next, all);
        self.end_stage(StageOutcome::Passed, Vec::new(), actions);
        if next < all {
            self.expose(Some(next), at, outcome, actions);
        } else {
            self.close(at, outcome, actions);
        }
    }

    pub(super) fn end_stage(
        &mut self,
        outcome: StageOutcome,
        reasons: Vec<String>,
        actions: &mut Vec<Action>,
    ) {
        if let Some(stage) = self.stage.take() {
            actions.push(Action::Emit(EventKind::StageEnded { stage, outcome, reasons }));
        }
    }

    /// The last thing to find out is whether all work is accounted for.
    pub(super) fn close(&mut self, at: Offset, outcome: &str, actions: &mut Vec<Action>) {
        let Some(account) = &self.account else { return self.report(outcome, actions) };
        self.validation = Validation::Settling(at);
        self.until = plus(at, account.within().0);
        actions.push(Action::Settle);
    }

    fn settle(&mut self, since: Offset, at: Offset, actions: &mut Vec<Action>) {
        let Some(account) = &self.account else { return };
        match account.balance(since, at) {
            Balanced::NotYet => {}
            Balanced::Judged(event, deviation) => {
                actions.push(Action::Emit(event));
                let outcome = if deviation.is_some() { "work is not accounted for" } else { "steady" };
                if let Some(sentence) = deviation {
                    self.ending.unaccounted(sentence);
                }
                debug_assert_eq!(self.phase, Phase::PostValidation);
                self.report(outcome, actions);
            }
        }
    }
}
