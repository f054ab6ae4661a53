//! Breaking this machine and mending it: processes, cgroups, limits, stressors, disks.
//!
//! Everything here is a small primitive that can be measured. A change comes in three parts, so
//! that a caller can write the undo to disk before the machine is touched:
//!
//! 1. *look*: read what the undo needs (the previous value, the previous group, the identity);
//! 2. *change*: do it, and read it back;
//! 3. *undo*: idempotent, refuses to touch what somebody else has changed since, and returns a
//!    short measured sentence: the proof that the change is gone.
//!
//! Nothing is remembered between calls except what a handle holds. A process is never named by its
//! number alone: [`process::Process`] carries the start time, and signals go through a pidfd.
//!
//! "Could not look" is always an error, never an empty answer. Error texts continue the words
//! "could not".
//!
//! ```no_run
//! use std::time::Duration;
//! use squall_host::{mark, scope::Scope, signal::Signal, spawn::Spawn};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let worker = Spawn::program("worker").arg("--queue=mail").mark("lab-1").start()?;
//! for process in Scope::Tree.members(worker.process())? {
//!     process.signal(Signal::Stop)?;
//! }
//! println!("{}", mark::kill_marked("lab-1", Duration::from_secs(2))?);
//! # Ok(())
//! # }
//! ```
//!
//! Linux only. Works without root as far as the kernel allows it; [`capability`] says how far.

pub mod capability;
pub mod cgroup;
pub mod clock;
pub mod disk;
pub mod exit;
pub mod find;
pub mod glob;
pub mod limit;
pub mod machine;
pub mod mark;
mod mount;
mod proc;
pub mod process;
pub mod protected;
pub mod redirect;
pub mod restoration;
pub mod scope;
pub mod signal;
pub mod snapshot;
pub mod spawn;
pub mod stress;
mod sys;
pub mod tool;
mod wait;
