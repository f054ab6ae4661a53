//! What a machine says to do.

use squall_model::event::{EventKind, FaultRef, Offset};
use squall_model::verdict::Verdict;

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Tell the readers.
    Emit(EventKind),
    /// Begin to read all measures, each at its own interval.
    StartReading,
    /// Inject a fault, which is undone at `until` at the latest.
    Inject {
        /// Which.
        fault: FaultRef,
        /// Its deadline.
        until: Offset,
    },
    /// Stop injecting it, if that is still going on, and undo it.
    Undo {
        /// Which.
        fault: FaultRef,
    },
    /// Wake the machine at that time, in place of the wake-up asked for before.
    WakeAt(Offset),
    /// End the load, and every reading but those of the account, which go on.
    Settle,
    /// End the probes, the load and the services; then say `CleanedUp`.
    CleanUp,
    /// The run is over.
    Finish(Verdict),
}
