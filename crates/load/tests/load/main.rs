//! The load against real servers, good ones and bad ones.

#![allow(clippy::unwrap_used, reason = "a test may end where its stage cannot be set up")]

mod arrivals;
mod http;
mod program;
mod queue;
mod secure;
mod secure_queue;
mod stage;
mod stall;
