//! How a delay is spread, as it is written.

use squall_model::unit::Span;

use crate::mistake::At;
use crate::shape::document;
use crate::word::Distribution;

document! {
    /// The `delay` beside it is the same for all where nothing is said.
    struct SpreadDocument {
        /// The delay is so much shorter or longer.
        jitter: optional At<Span>,
        /// How the jitter is spread: `uniform`, up to so much either way; `normal`, with so much as standard deviation; `pareto`, never shorter and with a long tail. `uniform` where nothing is said.
        distribution: optional At<Distribution>,
    }
}
