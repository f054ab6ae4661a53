//! Sessions without sockets: any bytes in any chunks, and what becomes of them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/authority.rs"]
mod authority;
mod counts;
mod groups;
mod handshake;
mod pages;
mod peers;
mod postgres;
mod redis;
mod redis_any;
mod tls;
mod wire;
