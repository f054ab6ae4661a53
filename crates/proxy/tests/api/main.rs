//! The contract of Toxiproxy's API, row by row.
#![allow(clippy::unwrap_used, reason = "tests")]

mod populate;
mod proxies;
mod requests;
mod seeing;
#[path = "../support/mod.rs"]
mod support;
mod toxics;
