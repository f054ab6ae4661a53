//! Reading a system: HTTP, TCP, programs, processes, cgroups, logs, job queues, load, PromQL.
//!
//! A [`Prober`] is made once for a measure and read as often as the experiment says:
//!
//! ```text
//! Measure + Surroundings --Prober::new--> Prober --read--> Outcome
//!                                            |              Value | Text | Absent | Unreadable(why)
//!                                            +--lag-------> how far behind a metric source is
//! ```
//!
//! Three rules hold for every kind of probe:
//!
//! - A reading never takes longer than the measure's timeout. What was begun for it (a connection,
//!   a program and its children) ends with it.
//! - What could not be read is [`Outcome::Unreadable`](squall_model::measure::Outcome::Unreadable)
//!   with the reason, never a number and never "nothing".
//! - No reason and no text that leaves this crate holds a secret.

mod cgroup;
mod command;
pub mod error;
mod http;
mod json;
pub mod ledger;
mod load;
mod log;
pub mod path;
pub mod prober;
mod process;
mod program;
mod prometheus;
mod queue;
pub mod surroundings;
mod tcp;
mod traffic;
mod unread;

pub use error::ProbeError;
pub use ledger::Ledger;
pub use prober::Prober;
pub use surroundings::{LoadCursor, Passing, Surroundings};
