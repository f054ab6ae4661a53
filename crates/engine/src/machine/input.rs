//! What a machine is told.

use squall_model::conservation::Counts;
use squall_model::event::{FaultRef, Offset, Reading};
use squall_model::unit::Span;

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Services are up, the load is on, probes are primed.
    Started,
    /// Services or load could not be started.
    StartFailed {
        /// Why.
        why: String,
    },
    /// Time passed: a wake-up that was asked for.
    Woke,
    /// A measure was read.
    Read(Reading),
    /// The ledger was read, or could not be.
    Ledger {
        /// When it was asked for.
        asked: Offset,
        /// What it says, or why it says nothing.
        read: Result<Counts, String>,
    },
    /// A fault is on, and its effect was measured.
    Injected {
        /// Which.
        fault: FaultRef,
        /// The instances hit.
        on: Vec<String>,
        /// What was measured.
        effect: String,
    },
    /// In a dry run: the change was left out.
    LeftOut {
        /// Which.
        fault: FaultRef,
        /// The instances that would have been hit.
        on: Vec<String>,
        /// The change.
        change: String,
        /// Its undo.
        undo: String,
    },
    /// A fault could not be injected, or had no effect.
    InjectFailed {
        /// Which.
        fault: FaultRef,
        /// Why.
        why: String,
    },
    /// A fault's stressor ended before its time.
    EndedEarly {
        /// Which.
        fault: FaultRef,
        /// How.
        how: String,
    },
    /// The service was whole again after a kill.
    RestartSeen {
        /// Which fault.
        fault: FaultRef,
        /// From the kill.
        after: Span,
    },
    /// The service was not whole again in time.
    RestartMissed {
        /// Which fault.
        fault: FaultRef,
        /// The time that it had.
        within: Span,
        /// What was found instead.
        found: String,
    },
    /// A fault was undone and measured to be gone.
    Undone {
        /// Which.
        fault: FaultRef,
        /// What was measured.
        proof: String,
    },
    /// A fault could not be undone, or that could not be measured.
    UndoFailed {
        /// Which.
        fault: FaultRef,
        /// Why.
        why: String,
        /// What a person can do.
        by_hand: Vec<String>,
    },
    /// Something beside the run itself went wrong: the record cannot be written, the warden cannot be kept.
    Failed {
        /// What.
        why: String,
    },
    /// A person or a signal asks for the end.
    Halt {
        /// Who or what.
        by: String,
    },
    /// Load and services are ended; what is still owed is named.
    CleanedUp {
        /// What is left of ours.
        left: Vec<String>,
    },
}
