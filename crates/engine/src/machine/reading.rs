//! What readings of measures and of the ledger change.

use squall_model::conservation::Counts;
use squall_model::event::{EventKind, Offset, Phase, Reading};

use super::backlog::{Backlog, Part};
use super::hypothesis::Baselined;
use super::{Action, Machine, whole_millis};

/// Whether the steady state was seen to be left since the faults began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detection {
    NotYet,
    Done,
}

impl Machine {
    pub(super) fn read(&mut self, reading: &Reading, actions: &mut Vec<Action>) {
        actions.push(Action::Emit(EventKind::Read(reading.clone())));
        if !matches!(
            self.phase,
            Phase::BaselineCheck | Phase::FaultInjection | Phase::Monitoring | Phase::PostValidation
        ) {
            return;
        }
        if let Some(account) = &mut self.account {
            account.note(reading);
        }
        if self.validation.is_settling() {
            return;
        }
        let part = match self.phase {
            Phase::BaselineCheck => Part::Baseline,
            _ if self.hypothesis.is_exposed() => Part::Faults,
            _ => Part::Recovery(self.recovering_since()),
        };
        if let Some(backlog) = &mut self.backlog {
            backlog.note(reading, part);
        }
        let noted = self.hypothesis.note(reading);
        if let Some(event) = noted.change {
            let detected = self.detect(&event, reading);
            actions.push(Action::Emit(event));
            actions.extend(detected.map(Action::Emit));
        }
        if let Some(abort) = noted.abort
            && matches!(self.phase, Phase::FaultInjection | Phase::Monitoring)
        {
            self.ending.aborted(&abort);
            actions.push(Action::Emit(abort.event()));
            self.leave_early("aborted", actions);
        }
    }

    pub(super) fn look(&mut self, asked: Offset, read: Result<Counts, String>, actions: &mut Vec<Action>) {
        let event = match &read {
            Ok(counts) => EventKind::LedgerRead { asked, counts: counts.clone() },
            Err(why) => EventKind::LedgerUnreadable { asked, why: why.clone() },
        };
        actions.push(Action::Emit(event));
        if let Some(account) = &mut self.account {
            account.look(asked, read);
        }
    }

    /// The first miss after the faults began.
    fn detect(&mut self, event: &EventKind, reading: &Reading) -> Option<EventKind> {
        let first = self.schedule.first_asked().filter(|_| self.detection == Detection::NotYet)?;
        if !matches!(event, EventKind::ExpectationMissed { .. }) || !self.hypothesis.is_exposed() {
            return None;
        }
        self.detection = Detection::Done;
        let lag = self.plan.measures.iter().find(|measure| measure.name == reading.measure)?.lag;
        let after = whole_millis(reading.asked.0.saturating_sub(lag.0).saturating_sub(first.0));
        let measure = reading.measure.to_string();
        let instance = reading.instance.as_ref().map(ToString::to_string);
        Some(EventKind::DeviationDetected { measure, instance, after })
    }

    /// What the baseline says, of the measures and of the account.
    pub(super) fn baseline(&mut self) -> Baselined {
        if self.account.as_ref().is_some_and(|account| !account.is_answered()) {
            return Baselined::NotYet;
        }
        let found = self.hypothesis.baseline();
        let mut reasons = match &found {
            Baselined::NotYet => return found,
            Baselined::Steady(_) => Vec::new(),
            Baselined::Unsteady(reasons) => reasons.clone(),
        };
        reasons.extend(self.backlog.as_ref().and_then(Backlog::unsteady));
        reasons.extend(self.account.as_mut().and_then(|account| account.open().err()));
        if reasons.is_empty() { found } else { Baselined::Unsteady(reasons) }
    }
}
