//! The stages of a rollout, as they are written.

use squall_model::unit::Span;

use crate::document::experiment::AbortDocument;
use crate::mistake::At;
use crate::shape::{Map, OrText, document};

document! {
    /// A stage of a rollout: the faults for a share of the instances that they pick.
    struct StageDocument {
        /// How much is hit: `shadow` (every change is left out, and said) or a share of the instances that the faults pick (`10 %`, rounded up). More than in the stage before.
        share: required At<String>,
        /// After the recovery from this stage everything must stay as expected for so long, before the next one begins. No time where nothing is said.
        hold: optional At<Span>,
        /// Stricter expectations than those of the measures, by the name of the measure: `{ p95: "<= baseline * 1.05" }`.
        gate: optional Map<At<String>>,
        /// Abort thresholds of this stage beside those of the measures, by the name of the measure: `{ errors: "> 2 %" }`.
        rollback: optional Map<OrText<AbortDocument>>,
    }
}
