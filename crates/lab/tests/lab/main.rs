//! The lab as its users meet it: real processes, a real port, a real file, `kill -9`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends, here as in the tests themselves")]

mod account;
mod admin;
mod alerts;
mod api;
mod batch;
mod breaker;
mod chaos;
mod client;
mod contract;
mod dead;
mod events;
mod limit;
mod metrics;
mod parts;
mod process;
mod reading;
mod relay;
mod store;
mod work;
mod worker;
