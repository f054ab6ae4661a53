//! The binary against real processes: what it prints, what it leaves behind, and how it ends.

#![expect(clippy::disallowed_methods, reason = "tests start the binary and wait for what it does")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod end;
mod fault;
mod form;
mod report;
mod schema;
mod stage;
