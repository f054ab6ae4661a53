//! The account of work, as it is written.

use squall_model::unit::Span;

use crate::mistake::At;
use crate::shape::{Map, Tried, document};
use crate::word::Words;

document! {
    /// What must add up when the load has ended: `sent = done + dead + pending`, nothing lost and nothing done twice. Each figure is the name of a measure, or with `ledger` the JSON path at which the program prints it.
    struct ConservationDocument {
        /// A program that prints one JSON object with all figures of one moment. It is read from the baseline on.
        ledger: optional Tried<Words>,
        /// Accepted by the system. With a ledger `sent` where nothing is said.
        sent: optional At<String>,
        /// Done, each counted once. With a ledger `done` where nothing is said.
        done: optional At<String>,
        /// Given up on purpose, in a dead-letter queue.
        dead: optional At<String>,
        /// Waiting, or being worked on.
        pending: optional At<String>,
        /// Accepted, and gone. Worked out from the others where nothing is said.
        lost: optional At<String>,
        /// Done more than once. Worked out from the others where nothing is said.
        duplicated: optional At<String>,
        /// Deadlines missed.
        late: optional At<String>,
        /// Attempts after the first.
        retried: optional At<String>,
        /// Said to be worked on, by nobody.
        stuck: optional At<String>,
        /// It must add up within this, counted from the end of the load. 60s where nothing is said.
        within: optional At<Span>,
        /// The most of each figure that a run may add: `{ dead: 10 }`. Nothing may be lost, duplicated or stuck where nothing is said, nor pending when the experiment has a load; other figures are only reported.
        allow: optional Map<At<u64>>,
        /// Time between two looks at the ledger. That of the steady state where nothing is said.
        every: optional At<Span>,
    }
}
