//! Datagrams through a real proxy, between real sockets (F20).

#![allow(clippy::unwrap_used, reason = "tests")]

mod echo;
mod sessions;
#[path = "../support/mod.rs"]
mod support;
mod toxics;
