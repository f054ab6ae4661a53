//! The circuit breaker of each task type.
//!
//! ```text
//!            so many failures in a row
//!   closed ----------------------------> open
//!     ^                                   |  cool-down is over
//!     |   the probe succeeds              v
//!     +------------------------------- half-open ---the probe fails---> open
//! ```
//!
//! A breaker is computed, not kept: every process folds the same events of the queue (started, done, failed) into the
//! same state, so there is nothing to share, to lock, or to lose with a process. The price is that a process learns
//! of a change as late as it reads the events, and that two workers may each start a probe in the same instant.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Millis, TaskId};

/// Types that are watched; types beyond these have no breaker.
const MOST_TYPES: usize = 1000;

/// When breakers open and close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thresholds {
    /// Failures in a row that open it, at least 1.
    pub(crate) failures: u32,
    /// How long it stays open before a probe may pass.
    pub(crate) cool_down: Duration,
}

/// How a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BreakerState {
    /// Work passes.
    Closed,
    /// Work is refused at once.
    Open,
    /// One attempt passes, and decides.
    HalfOpen,
}

impl BreakerState {
    /// The name in the API and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// One attempt of one task.
pub(crate) type Attempt = (TaskId, u32);

/// What an event says about the work of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    Started(Attempt),
    Succeeded(Attempt),
    Failed(Attempt),
}

/// What may be done with a type now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Any number of attempts.
    Any,
    /// One attempt.
    Probe,
    /// None, for at least so long.
    Refused(Duration),
}

/// A breaker that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BreakerChange {
    /// The type of task.
    pub kind: String,
    /// How it stood before.
    pub from: BreakerState,
    /// How it stands now.
    pub to: BreakerState,
    /// When.
    pub at_ms: Millis,
}

/// A breaker as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BreakerView {
    /// The type of task.
    pub kind: String,
    /// How it stands.
    pub state: BreakerState,
    /// Failures in a row, while closed.
    pub failures: u32,
    /// How often it has opened since this process began to watch.
    pub opened: u64,
    /// When the next probe may pass, while open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe_from_ms: Option<Millis>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed { failures: u32 },
    Open { since: Millis },
    HalfOpen { probe: Attempt, since: Millis },
}

#[derive(Debug, Clone, Copy)]
struct Breaker {
    phase: Phase,
    opened: u64,
}

/// The breakers of all types.
#[derive(Debug)]
pub(crate) struct Breakers {
    thresholds: Thresholds,
    types: BTreeMap<String, Breaker>,
}

impl Breakers {
    pub(crate) fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, types: BTreeMap::new() }
    }

    /// Takes an event in. Events come in the queue's order.
    pub(crate) fn observe(&mut self, kind: &str, fact: Fact, at: Millis) -> Option<BreakerChange> {
        if !self.types.contains_key(kind) {
            if self.types.len() >= MOST_TYPES {
                return None;
            }
            let fresh = Breaker { phase: Phase::Closed { failures: 0 }, opened: 0 };
            self.types.insert(kind.to_owned(), fresh);
        }
        let breaker = self.types.get_mut(kind)?;
        let from = breaker.phase.state();
        breaker.phase = breaker.phase.after(fact, at, self.thresholds);
        let to = breaker.phase.state();
        if from == to {
            return None;
        }
        breaker.opened += u64::from(to == BreakerState::Open);
        Some(BreakerChange { kind: kind.to_owned(), from, to, at_ms: at })
    }

    /// What may be done with this type now.
    pub(crate) fn admission(&self, kind: &str, now: Millis) -> Admission {
        self.types.get(kind).map_or(Admission::Any, |breaker| breaker.phase.admission(now, self.thresholds))
    }

    /// The types that must not be started now, and those of which one attempt may be.
    pub(crate) fn held(&self, now: Millis) -> impl Iterator<Item = (&str, Admission)> {
        self.types
            .iter()
            .map(move |(kind, breaker)| (kind.as_str(), breaker.phase.admission(now, self.thresholds)))
            .filter(|(_, admission)| *admission != Admission::Any)
    }

    /// The breakers that are not closed, and since when: enough for another process to go on from.
    pub(crate) fn kept(&self) -> BTreeMap<String, Millis> {
        let open = |(kind, breaker): (&String, &Breaker)| match breaker.phase {
            Phase::Open { since } | Phase::HalfOpen { since, .. } => Some((kind.clone(), since)),
            Phase::Closed { .. } => None,
        };
        self.types.iter().filter_map(open).collect()
    }

    /// Begins with what another process kept.
    pub(crate) fn restore(&mut self, kept: &BTreeMap<String, Millis>) {
        self.types = kept
            .iter()
            .take(MOST_TYPES)
            .map(|(kind, since)| (kind.clone(), Breaker { phase: Phase::Open { since: *since }, opened: 0 }))
            .collect();
    }

    /// All breakers, by type.
    pub(crate) fn view(&self, now: Millis) -> Vec<BreakerView> {
        let view = |(kind, breaker): (&String, &Breaker)| BreakerView {
            kind: kind.clone(),
            state: match breaker.phase.admission(now, self.thresholds) {
                // The cool-down is over; the state changes with the probe, which only has to come.
                Admission::Probe => BreakerState::HalfOpen,
                Admission::Any | Admission::Refused(_) => breaker.phase.state(),
            },
            failures: if let Phase::Closed { failures } = breaker.phase { failures } else { 0 },
            opened: breaker.opened,
            probe_from_ms: match breaker.phase {
                Phase::Open { since } => Some(since.plus(self.thresholds.cool_down)),
                Phase::Closed { .. } | Phase::HalfOpen { .. } => None,
            },
        };
        self.types.iter().map(view).collect()
    }
}

impl Phase {
    fn state(self) -> BreakerState {
        match self {
            Self::Closed { .. } => BreakerState::Closed,
            Self::Open { .. } => BreakerState::Open,
            Self::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn after(self, fact: Fact, at: Millis, thresholds: Thresholds) -> Self {
        match (self, fact) {
            (Self::Closed { .. }, Fact::Succeeded(_)) => Self::Closed { failures: 0 },
            (Self::Closed { failures }, Fact::Failed(_)) if failures + 1 >= thresholds.failures => {
                Self::Open { since: at }
            }
            (Self::Closed { failures }, Fact::Failed(_)) => Self::Closed { failures: failures + 1 },
            (Self::Open { since }, Fact::Started(probe)) if at >= since.plus(thresholds.cool_down) => {
                Self::HalfOpen { probe, since: at }
            }
            (Self::HalfOpen { probe, .. }, Fact::Succeeded(attempt)) if attempt == probe => {
                Self::Closed { failures: 0 }
            }
            (Self::HalfOpen { probe, .. }, Fact::Failed(attempt)) if attempt == probe => {
                Self::Open { since: at }
            }
            // The probe was lost with its worker and is tried again, or nothing was heard of it for a cool-down.
            (Self::HalfOpen { probe, since }, Fact::Started(again))
                if again.0 == probe.0 || at >= since.plus(thresholds.cool_down) =>
            {
                Self::HalfOpen { probe: again, since: at }
            }
            // Attempts that began before it opened say nothing about now.
            (phase, _) => phase,
        }
    }

    fn admission(self, now: Millis, thresholds: Thresholds) -> Admission {
        let left = |since: Millis| {
            let until = since.plus(thresholds.cool_down);
            Duration::from_millis(u64::try_from(until.0.saturating_sub(now.0)).unwrap_or(0))
        };
        match self {
            Self::Closed { .. } => Admission::Any,
            Self::Open { since } | Self::HalfOpen { since, .. } => {
                let left = left(since);
                if left.is_zero() { Admission::Probe } else { Admission::Refused(left) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: Thresholds = Thresholds { failures: 3, cool_down: Duration::from_secs(10) };

    fn failed(breakers: &mut Breakers, task: i64, at: i64) -> Option<BreakerState> {
        breakers.observe("mail", Fact::Failed((TaskId(task), 1)), Millis(at)).map(|change| change.to)
    }

    fn opened() -> Breakers {
        let mut breakers = Breakers::new(RULES);
        assert_eq!(
            [1, 2, 3].map(|task| failed(&mut breakers, task, 1000)),
            [None, None, Some(BreakerState::Open)]
        );
        breakers
    }

    #[test]
    fn it_opens_after_so_many_failures_in_a_row_and_other_types_are_unharmed() {
        let breakers = opened();
        assert_eq!(breakers.admission("mail", Millis(2000)), Admission::Refused(Duration::from_secs(9)));
        assert_eq!(breakers.admission("print", Millis(2000)), Admission::Any);
        assert_eq!(breakers.held(Millis(2000)).map(|(kind, _)| kind).collect::<Vec<_>>(), ["mail"]);
    }

    #[test]
    fn a_success_between_failures_keeps_it_closed() {
        let mut breakers = Breakers::new(RULES);
        for task in 0..20 {
            if task % 3 == 2 {
                breakers.observe("mail", Fact::Succeeded((TaskId(task), 1)), Millis(task));
            } else {
                assert_eq!(failed(&mut breakers, task, task), None);
            }
        }
        assert_eq!(breakers.admission("mail", Millis(20)), Admission::Any);
    }

    #[test]
    fn after_the_cool_down_one_probe_passes_and_its_success_closes_it() {
        let mut breakers = opened();
        assert_eq!(breakers.admission("mail", Millis(11_000)), Admission::Probe);
        assert_eq!(breakers.view(Millis(11_000))[0].state, BreakerState::HalfOpen);
        let probe = (TaskId(9), 4);
        let change = breakers.observe("mail", Fact::Started(probe), Millis(11_000)).unwrap();
        assert_eq!((change.from, change.to), (BreakerState::Open, BreakerState::HalfOpen));
        assert!(
            matches!(breakers.admission("mail", Millis(11_001)), Admission::Refused(_)),
            "only one probe"
        );
        // One that began before it opened does not decide.
        assert_eq!(breakers.observe("mail", Fact::Succeeded((TaskId(1), 1)), Millis(11_002)), None);
        let change = breakers.observe("mail", Fact::Succeeded(probe), Millis(11_003)).unwrap();
        assert_eq!(change.to, BreakerState::Closed);
        assert_eq!(breakers.admission("mail", Millis(11_004)), Admission::Any);
    }

    #[test]
    fn a_probe_that_fails_opens_it_again_for_a_whole_cool_down() {
        let mut breakers = opened();
        let probe = (TaskId(9), 4);
        breakers.observe("mail", Fact::Started(probe), Millis(12_000));
        let change = breakers.observe("mail", Fact::Failed(probe), Millis(13_000)).unwrap();
        assert_eq!(change.to, BreakerState::Open);
        assert_eq!(breakers.admission("mail", Millis(13_000)), Admission::Refused(RULES.cool_down));
        assert_eq!(breakers.view(Millis(13_000))[0].opened, 2);
    }

    #[test]
    fn a_probe_that_was_lost_with_its_worker_does_not_hold_it_for_ever() {
        let mut breakers = opened();
        breakers.observe("mail", Fact::Started((TaskId(9), 1)), Millis(11_000));
        assert_eq!(breakers.admission("mail", Millis(21_000)), Admission::Probe);
        breakers.observe("mail", Fact::Started((TaskId(9), 2)), Millis(14_000));
        let change = breakers.observe("mail", Fact::Succeeded((TaskId(9), 2)), Millis(15_000)).unwrap();
        assert_eq!(change.to, BreakerState::Closed);
    }

    proptest! {
        /// Whatever happened before: once failures end, time and one success close it.
        #[test]
        fn it_always_closes_again(history in prop::collection::vec((0u8..3, 0i64..6, 1u32..3, 0i64..9000), 0..200)) {
            let mut breakers = Breakers::new(RULES);
            let mut now = 0;
            for (what, task, attempt, later) in history {
                now += later;
                let attempt = (TaskId(task), attempt);
                let fact = match what {
                    0 => Fact::Started(attempt),
                    1 => Fact::Succeeded(attempt),
                    _ => Fact::Failed(attempt),
                };
                breakers.observe("mail", fact, Millis(now));
            }
            now += 10_000;
            prop_assert!(!matches!(breakers.admission("mail", Millis(now)), Admission::Refused(_)));
            breakers.observe("mail", Fact::Started((TaskId(100), 1)), Millis(now));
            breakers.observe("mail", Fact::Succeeded((TaskId(100), 1)), Millis(now));
            prop_assert_eq!(breakers.admission("mail", Millis(now)), Admission::Any);
        }
    }
}
