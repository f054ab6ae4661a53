//! A fault proxy: TCP, HTTP, Redis and PostgreSQL, with the API of Toxiproxy in front.
//!
//! It knows nothing of experiments, and a program can embed it.

pub mod clients;
mod delay_line;
pub mod glob;
pub mod http;
pub mod http2;
pub mod layer;
pub mod mistake;
pub mod names;
pub mod pause;
pub mod postgres;
pub mod redis;
pub mod rulebook;
pub mod share;
pub mod websocket;
