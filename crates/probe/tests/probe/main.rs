//! Every kind of probe at the real thing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cgroup;
mod child;
mod command;
mod http;
mod ledger;
mod load;
mod log;
mod login;
mod many;
mod process;
mod prometheus;
mod queue;
mod stage;
mod tcp;
mod tls;
mod wire;
