//! A fault proxy: TCP, HTTP, Redis and PostgreSQL, with the API of Toxiproxy in front.
//!
//! It knows nothing of experiments, and a program can embed it.

pub mod layer;
pub mod rulebook;
