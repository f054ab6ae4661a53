//! Which window of which fault is where on its way: waiting, asked for, on, being undone, over.

use squall_model::event::{FaultRef, Offset};
use squall_model::plan::{Condition, Plan, Window};

/// All windows of all faults.
#[derive(Debug)]
pub(super) struct Schedule {
    slots: Vec<Slot>,
    /// Start of the time that windows count from.
    begun: Offset,
    /// How many were asked for so far, so that the last is undone first.
    asked: u32,
    first_asked: Option<Offset>,
    last_undo: Option<Offset>,
}

/// Something whose time has come.
pub(super) enum Due {
    Inject {
        fault: FaultRef,
        until: Offset,
    },
    Waits {
        fault: String,
        condition: String,
    },
    Missed {
        fault: FaultRef,
        condition: String,
    },
    Undo(FaultRef),
    /// Its window is over, and its effect was not measured yet.
    Unmeasured(FaultRef),
}

#[derive(Debug)]
struct Slot {
    fault: FaultRef,
    window: Window,
    when: Option<Condition>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ahead,
    /// Its time has come, its condition has not.
    Waiting,
    /// Possibly in effect; the number is its place in the order of asking.
    Requested(u32),
    On(u32),
    Undoing,
    Over,
}

impl Schedule {
    pub(super) fn new(plan: &Plan, stage: Option<u32>) -> Self {
        let slots = plan.faults.iter().flat_map(|fault| {
            (0..).zip(&fault.windows).map(|(number, window)| Slot {
                fault: FaultRef { name: fault.name.clone(), stage, window: number },
                window: *window,
                when: fault.when.clone(),
                state: State::Ahead,
            })
        });
        Self {
            slots: slots.collect(),
            begun: Offset::default(),
            asked: 0,
            first_asked: None,
            last_undo: None,
        }
    }

    pub(super) fn begin(&mut self, at: Offset) {
        self.begun = at;
    }

    fn from(&self, slot: &Slot) -> Offset {
        Offset(self.begun.0 + slot.window.from.0)
    }

    fn until(&self, slot: &Slot) -> Offset {
        Offset(self.begun.0 + slot.window.until.0)
    }

    /// What is due: ends before beginnings, so that a window can follow the one before it without a gap; what ends the
    /// run comes last, so that nothing before it is lost.
    pub(super) fn due(&mut self, at: Offset, is: impl Fn(&Condition) -> bool) -> Vec<Due> {
        let (mut due, mut failed) = (Vec::new(), Vec::new());
        let mut ending: Vec<(u32, usize)> = Vec::new();
        for (index, slot) in self.slots.iter().enumerate() {
            if let State::Requested(order) | State::On(order) = slot.state
                && at >= self.until(slot)
            {
                ending.push((order, index));
            }
        }
        ending.sort_unstable_by(|one, other| other.cmp(one));
        let is_unmeasured =
            |(_, index): &&(u32, usize)| matches!(self.slots[*index].state, State::Requested(_));
        let unmeasured = ending.iter().filter(is_unmeasured);
        failed.extend(unmeasured.map(|(_, index)| Due::Unmeasured(self.slots[*index].fault.clone())));
        if !failed.is_empty() {
            // The rollback undoes all of them, the last one first.
            return failed;
        }
        for (_, index) in ending {
            self.slots[index].state = State::Undoing;
            due.push(Due::Undo(self.slots[index].fault.clone()));
        }
        for index in 0..self.slots.len() {
            let slot = &self.slots[index];
            let (from, until) = (self.from(slot), self.until(slot));
            if !matches!(slot.state, State::Ahead | State::Waiting) || at < from || self.is_busy(&slot.fault)
            {
                continue;
            }
            let condition = slot.when.as_ref().map(|when| format!("{} {}", when.measure, when.is));
            if slot.when.as_ref().is_some_and(|when| !is(when)) {
                let (fault, condition) = (slot.fault.clone(), condition.unwrap_or_default());
                if at >= until {
                    self.slots[index].state = State::Over;
                    failed.push(Due::Missed { fault, condition });
                } else if slot.state == State::Ahead {
                    self.slots[index].state = State::Waiting;
                    due.push(Due::Waits { fault: fault.name, condition });
                }
                continue;
            }
            self.asked += 1;
            self.first_asked.get_or_insert(at);
            self.slots[index].state = State::Requested(self.asked);
            due.push(Due::Inject { fault: self.slots[index].fault.clone(), until });
        }
        due.append(&mut failed);
        due
    }

    /// Whether another window of the same fault is not over yet.
    fn is_busy(&self, fault: &FaultRef) -> bool {
        self.slots.iter().any(|slot| {
            slot.fault.name == fault.name
                && slot.fault.window != fault.window
                && matches!(slot.state, State::Requested(_) | State::On(_) | State::Undoing)
        })
    }

    fn slot(&mut self, fault: &FaultRef) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.fault == *fault)
    }

    /// It is on; its deadline, unless it is unwanted by now.
    pub(super) fn injected(&mut self, fault: &FaultRef) -> Option<Offset> {
        let slot = self.slot(fault)?;
        let State::Requested(order) = slot.state else { return None };
        slot.state = State::On(order);
        let until = slot.window.until.0;
        Some(Offset(self.begun.0 + until))
    }

    pub(super) fn left_out(&mut self, fault: &FaultRef) {
        if let Some(slot) = self.slot(fault) {
            slot.state = State::Over;
        }
    }

    /// Whether it was asked for and nobody has asked for its end.
    pub(super) fn is_wanted(&mut self, fault: &FaultRef) -> bool {
        self.slot(fault).is_some_and(|slot| matches!(slot.state, State::Requested(_) | State::On(_)))
    }

    pub(super) fn undone(&mut self, fault: &FaultRef, at: Offset) {
        if let Some(slot) = self.slot(fault) {
            slot.state = State::Over;
            self.last_undo = Some(at);
        }
    }

    /// When the first fault was asked for.
    pub(super) fn first_asked(&self) -> Option<Offset> {
        self.first_asked
    }

    pub(super) fn last_undo(&self) -> Option<Offset> {
        self.last_undo
    }

    /// Ends everything: what may be in effect is to be undone, the last asked for first; the rest is dropped.
    pub(super) fn undo_all(&mut self) -> Vec<FaultRef> {
        let mut ending = Vec::new();
        for slot in &mut self.slots {
            match slot.state {
                State::Requested(order) | State::On(order) => {
                    ending.push((order, slot.fault.clone()));
                    slot.state = State::Undoing;
                }
                State::Ahead | State::Waiting => slot.state = State::Over,
                State::Undoing | State::Over => {}
            }
        }
        ending.sort_unstable_by(|one, other| other.cmp(one));
        ending.into_iter().map(|(_, fault)| fault).collect()
    }

    /// Nothing is ahead, and nothing may be in effect.
    pub(super) fn is_over(&self) -> bool {
        self.slots.iter().all(|slot| slot.state == State::Over)
    }

    /// The next time at which something is due.
    pub(super) fn next(&self, at: Offset) -> Option<Offset> {
        let times = self.slots.iter().filter_map(|slot| match slot.state {
            State::Ahead => Some(self.from(slot)),
            State::Waiting | State::Requested(_) | State::On(_) => Some(self.until(slot)),
            State::Undoing | State::Over => None,
        });
        times.filter(|time| *time > at).min()
    }
}
