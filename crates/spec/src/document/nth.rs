//! Which of those that match, by their number, as it is written.

use crate::mistake::At;
use crate::shape::document;

document! {
    /// All of them where nothing is said.
    struct NthDocument {
        /// Only so many of those that match.
        first: optional At<u64>,
        /// Only every n-th of those that match.
        every: optional At<u64>,
    }
}
