//! Redis and PostgreSQL as they are, behind their layers: Debian's redis-server and postgresql must be there.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests start servers and clients as a person does, and fail where they cannot go on"
)]

#[path = "../support/authority.rs"]
mod authority;
mod encryption;
mod postgres;
mod postgres_server;
mod proxied;
mod redis;
mod redis_server;
#[path = "../support/mod.rs"]
mod support;
