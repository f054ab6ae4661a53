//! Everything against the real thing: real processes, groups, file systems and sockets.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "these are tests, also where the functions are no #[test]"
)]

mod capability;
mod cgroup;
mod find;
mod limit;
mod mark;
mod process;
mod protected;
mod scope;
mod snapshot;
mod spawn;
mod stage;
mod stress;
mod tool;
