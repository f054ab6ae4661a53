//! The machine: what a run does next, given what happened. No clock, no I/O, no await.
//!
//! ```text
//!                              +---------------- the next stage of a rollout ----------------+
//!                              v                                                             | passed
//! Init -> BaselineCheck -> FaultInjection -> Monitoring -> Rollback -> PostValidation -------+-> Report
//!            | unsteady        | failed,         | abort threshold, halt, deadline
//!            |                 | halt            v
//!            +--------> Report <------------- Rollback      (rollback from any phase; never skipped)
//! ```
//!
//! `PostValidation` waits for the steady state, then holds a stage, and at last, with the load ended, waits until all
//! work is accounted for.
//!
//! A fault counts as possibly in effect from the moment it is asked for, so a half-made one is undone too.
//! Each fault that was asked for is undone exactly once, the last one first when all go at once.

mod account;
mod action;
mod backlog;
mod ending;
mod groups;
mod hypothesis;
mod input;
mod reading;
mod schedule;
#[cfg(test)]
mod tests;
mod validation;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use squall_model::event::{EventKind, Offset, Phase};
use squall_model::measure::Judged;
use squall_model::plan::Plan;
use squall_model::stage::StageOutcome;
use squall_model::unit::Span;

use self::account::Account;
pub use self::action::Action;
use self::backlog::Backlog;
use self::ending::Ending;
use self::hypothesis::{Baselined, Hypothesis};
pub use self::input::Input;
use self::reading::Detection;
use self::schedule::{Due, Schedule};
use self::validation::Validation;

/// The state of a run.
#[derive(Debug)]
pub struct Machine {
    plan: Arc<Plan>,
    phase: Phase,
    hypothesis: Hypothesis,
    schedule: Schedule,
    ending: Ending,
    account: Option<Account>,
    backlog: Option<Backlog>,
    /// The stage of a rollout that the run is in; `None`: there are none, or none has begun.
    stage: Option<u32>,
    validation: Validation,
    detection: Detection,
    /// When the phase that has a length ends: baseline, monitoring, validation.
    until: Offset,
    /// Start of the time that readings of the phase may speak of.
    since: Offset,
}

/// Finer than the intervals of any probe.
fn whole_millis(span: Duration) -> Span {
    Span::millis(span.as_millis() as u64)
}

fn plus(at: Offset, span: Duration) -> Offset {
    Offset(at.0 + span)
}

fn backlog(plan: &Plan) -> Option<Backlog> {
    let name = plan.recovery.backlog.as_ref()?;
    let lag = plan.measures.iter().find(|measure| measure.name == *name)?.lag;
    Some(Backlog::new(name, lag))
}

impl Machine {
    /// A run that has not begun.
    pub fn new(plan: Arc<Plan>) -> Self {
        Self {
            phase: Phase::Init,
            hypothesis: Hypothesis::new(&plan),
            schedule: Schedule::new(&plan, None),
            ending: Ending::default(),
            account: Account::of(&plan),
            backlog: backlog(&plan),
            stage: None,
            validation: Validation::Recovering,
            detection: Detection::NotYet,
            until: Offset::default(),
            since: Offset::default(),
            plan,
        }
    }

    /// The first actions.
    pub fn start(&mut self) -> Vec<Action> {
        vec![Action::Emit(EventKind::PhaseEntered { phase: Phase::Init })]
    }

    /// The phase that the run is in.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Takes one input and says what to do. `at` never goes back.
    pub fn step(&mut self, at: Offset, input: Input) -> Vec<Action> {
        let mut actions = Vec::new();
        self.take(at, input, &mut actions);
        self.advance(at, &mut actions);
        if let Some(wake) = self.next_wake(at) {
            actions.push(Action::WakeAt(wake));
        }
        actions
    }

    fn take(&mut self, at: Offset, input: Input, actions: &mut Vec<Action>) {
        match input {
            Input::Woke => {}
            Input::Started => self.started(at, actions),
            Input::StartFailed { why } => self.fail(format!("could not start: {why}"), actions),
            Input::Failed { why } => self.fail(why, actions),
            Input::Read(reading) => self.read(&reading, actions),
            Input::Ledger { asked, read } => self.look(asked, read, actions),
            Input::Injected { fault, on, effect } => {
                if let Some(until) = self.schedule.injected(&fault) {
                    self.ending.injected();
                    actions.push(Action::Emit(EventKind::FaultInjected { fault, on, effect, until }));
                    self.enter_monitoring(actions);
                }
            }
            Input::LeftOut { fault, on, change, undo } => {
                self.ending.left_out();
                self.schedule.left_out(&fault);
                actions.push(Action::Emit(EventKind::FaultLeftOut { fault, on, change, undo }));
                self.enter_monitoring(actions);
            }
            Input::InjectFailed { fault, why } => {
                if self.schedule.is_wanted(&fault) {
                    let reason = format!("{fault} could not be injected: {why}");
                    actions.push(Action::Emit(EventKind::FaultFailed { fault, why }));
                    self.fail(reason, actions);
                }
            }
            Input::EndedEarly { fault, how } => {
                if self.schedule.is_wanted(&fault) {
                    let reason = format!("{fault} ended before its time: {how}");
                    actions.push(Action::Emit(EventKind::FaultEndedEarly { fault, how }));
                    self.fail(reason, actions);
                }
            }
            Input::RestartSeen { fault, after } => {
                actions.push(Action::Emit(EventKind::RestartSeen { fault, after }));
            }
            Input::RestartMissed { fault, within, found } => {
                self.ending.restart_missed(&fault, within, &found);
                actions.push(Action::Emit(EventKind::RestartMissed { fault, within, found }));
            }
            Input::Undone { fault, proof } => {
                self.schedule.undone(&fault, at);
                actions.push(Action::Emit(EventKind::FaultUndone { fault, proof }));
            }
            Input::UndoFailed { fault, why, by_hand } => {
                self.schedule.undone(&fault, at);
                self.ending.dirty(format!("{fault} could not be undone: {why}"));
                actions.push(Action::Emit(EventKind::UndoFailed { fault, why, by_hand }));
                self.roll_back("a fault could not be undone", actions);
            }
            Input::Halt { by } => {
                if self.phase < Phase::Report {
                    actions.push(Action::Emit(EventKind::HaltRequested { by: by.clone() }));
                    self.ending.halted(&by);
                    self.leave_early("halted", actions);
                }
            }
            Input::CleanedUp { left } => self.finish(left, actions),
        }
    }

    /// The time with faults begins: the only one, or that of a stage.
    fn expose(&mut self, stage: Option<u32>, at: Offset, outcome: &str, actions: &mut Vec<Action>) {
        actions.push(Action::Emit(EventKind::PhaseEnded { phase: self.phase, outcome: outcome.to_owned() }));
        let planned = stage.and_then(|stage| self.plan.stages.get(stage as usize));
        if let (Some(stage), Some(planned)) = (stage, planned) {
            actions.push(Action::Emit(EventKind::StageEntered { stage, share: planned.share }));
        }
        self.hypothesis.expose(planned, at);
        self.phase = Phase::FaultInjection;
        actions.push(Action::Emit(EventKind::PhaseEntered { phase: self.phase }));
        self.stage = stage;
        self.ending.begin();
        self.detection = Detection::NotYet;
        self.validation = Validation::Recovering;
        self.since = at;
        self.until = plus(at, self.plan.duration.0 + self.plan.lag().0);
        self.schedule = Schedule::new(&self.plan, stage);
        self.schedule.begin(at);
        if let Some(backlog) = &mut self.backlog {
            backlog.expose();
        }
        if self.plan.faults.is_empty() {
            self.enter_monitoring(actions);
        }
    }

    fn started(&mut self, at: Offset, actions: &mut Vec<Action>) {
        if self.phase != Phase::Init {
            return;
        }
        self.enter(Phase::BaselineCheck, "started", actions);
        self.since = at;
        self.until = plus(at, self.plan.baseline.0 + self.plan.lag().0);
        self.hypothesis.watch(Judged::Before, at);
        actions.push(Action::StartReading);
    }

    /// Moves on as far as time and facts allow.
    fn advance(&mut self, at: Offset, actions: &mut Vec<Action>) {
        if self.phase == Phase::BaselineCheck && at >= self.until {
            match self.baseline() {
                Baselined::NotYet => {}
                Baselined::Steady(baselines) => {
                    actions.push(Action::Emit(EventKind::SteadyStateMet { baselines }));
                    let first = (!self.plan.stages.is_empty()).then_some(0);
                    self.expose(first, at, "steady", actions);
                }
                Baselined::Unsteady(reasons) => {
                    self.ending.unsteady(reasons);
                    self.leave_early("unsteady", actions);
                }
            }
        }
        if matches!(self.phase, Phase::FaultInjection | Phase::Monitoring) {
            self.run_schedule(at, actions);
        }
        if self.phase == Phase::Monitoring
            && self.schedule.is_over()
            && let Some(last_undo) = self.schedule.last_undo()
        {
            self.hypothesis.recover(last_undo);
        }
        if self.phase == Phase::Monitoring && at >= self.until && self.schedule.is_over() {
            self.roll_back("watched to the end", actions);
        }
        if self.phase == Phase::Rollback && self.schedule.is_over() {
            self.after_rollback(at, actions);
        }
        if self.phase == Phase::PostValidation {
            self.validate(at, actions);
        }
    }

    fn run_schedule(&mut self, at: Offset, actions: &mut Vec<Action>) {
        for due in self.schedule.due(at, |condition| self.hypothesis.is(condition)) {
            match due {
                Due::Undo(fault) => actions.push(Action::Undo { fault }),
                Due::Unmeasured(fault) => {
                    let why = "its window was over before its effect was measured".to_owned();
                    let reason = format!("{fault} could not be injected: {why}");
                    actions.push(Action::Emit(EventKind::FaultFailed { fault, why }));
                    self.fail(reason, actions);
                }
                Due::Waits { fault, condition } => {
                    actions.push(Action::Emit(EventKind::FaultWaited { fault, condition }));
                }
                Due::Inject { fault, until } => {
                    actions.push(Action::Emit(EventKind::FaultRequested { fault: fault.clone() }));
                    actions.push(Action::Inject { fault, until });
                }
                Due::Missed { fault, condition } => {
                    let why = format!("waited for {condition} until its window was over");
                    let reason = format!("{fault} could not be injected: {why}");
                    actions.push(Action::Emit(EventKind::FaultFailed { fault, why }));
                    self.fail(reason, actions);
                }
            }
        }
    }

    fn enter_monitoring(&mut self, actions: &mut Vec<Action>) {
        if self.phase == Phase::FaultInjection {
            self.enter(Phase::Monitoring, "injected", actions);
        }
    }

    fn fail(&mut self, why: String, actions: &mut Vec<Action>) {
        self.ending.error(why);
        self.leave_early("failed", actions);
    }

    /// To the end by way of the rollback, from any phase.
    fn leave_early(&mut self, outcome: &str, actions: &mut Vec<Action>) {
        if self.phase < Phase::Rollback {
            self.roll_back(outcome, actions);
        } else if self.phase == Phase::PostValidation {
            self.report(outcome, actions);
        }
    }

    fn roll_back(&mut self, outcome: &str, actions: &mut Vec<Action>) {
        if self.phase >= Phase::Rollback {
            return;
        }
        self.enter(Phase::Rollback, outcome, actions);
        for fault in self.schedule.undo_all() {
            actions.push(Action::Undo { fault });
        }
    }

    fn after_rollback(&mut self, at: Offset, actions: &mut Vec<Action>) {
        if self.ending.is_early() {
            self.hypothesis.recover(at);
            if self.account.is_none() || !self.ending.is_aborted() {
                return self.report("undone", actions);
            }
            self.compare_groups(actions);
            self.enter(Phase::PostValidation, "undone", actions);
            return self.close(at, "undone", actions);
        }
        self.enter(Phase::PostValidation, "undone", actions);
        self.since = self.schedule.last_undo().unwrap_or(at);
        self.until = plus(self.since, self.plan.recovery.within.0 + self.plan.lag().0);
        self.validation = Validation::Recovering;
        self.hypothesis.recover(self.since);
    }

    fn report(&mut self, outcome: &str, actions: &mut Vec<Action>) {
        if self.ending.is_early() {
            if self.validation == Validation::Recovering {
                self.compare_groups(actions);
            }
            self.end_stage(StageOutcome::Left, self.ending.early(), actions);
        }
        self.enter(Phase::Report, outcome, actions);
        actions.push(Action::CleanUp);
    }

    fn finish(&mut self, left: Vec<String>, actions: &mut Vec<Action>) {
        if self.phase != Phase::Report {
            return;
        }
        let (verdict, sentence, reasons) = self.ending.verdict(&self.plan, &left);
        actions.push(Action::Emit(EventKind::PhaseEnded {
            phase: Phase::Report,
            outcome: verdict.word().to_lowercase(),
        }));
        actions.push(Action::Emit(EventKind::RunEnded { verdict, sentence, reasons, left }));
        actions.push(Action::Finish(verdict));
    }

    fn enter(&mut self, phase: Phase, outcome: &str, actions: &mut Vec<Action>) {
        actions.push(Action::Emit(EventKind::PhaseEnded { phase: self.phase, outcome: outcome.to_owned() }));
        actions.push(Action::Emit(EventKind::PhaseEntered { phase }));
        self.phase = phase;
    }

    fn next_wake(&self, at: Offset) -> Option<Offset> {
        let phase_end = match self.phase {
            Phase::BaselineCheck | Phase::Monitoring | Phase::PostValidation => Some(self.until),
            _ => None,
        };
        let schedule = match self.phase {
            Phase::FaultInjection | Phase::Monitoring => self.schedule.next(at),
            _ => None,
        };
        phase_end.into_iter().chain(schedule).filter(|wake| *wake > at).min()
    }
}
