//! The lab as its users meet it: real processes, a real port, a real file, `kill -9`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends, here as in the tests themselves")]

mod api;
mod chaos;
mod client;
mod contract;
mod process;
mod reading;
mod store;
mod worker;
