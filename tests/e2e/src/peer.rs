//! Peers: programs that squall did not write and does not start, supervised as an operator would, and clients that look
//! at them from outside.

pub mod nginx;
pub mod onlooker;
pub mod prometheus;
pub mod proxied;
pub mod redis;
pub mod running;
pub mod server;
pub mod supervised;

use std::net::TcpListener;

/// A port that was free a moment ago. The kernel hands ports out at random, so a clash is unlikely.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a port of one's own").port()
}
