//! Where Toxiproxy is wrong, one test each.

#![allow(clippy::unwrap_used, reason = "tests")]

mod ends;
mod peers;
#[path = "../support/mod.rs"]
mod support;
mod times;
mod toxics;
