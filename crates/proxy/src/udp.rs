//! Datagrams: a session for each client address, as network address translation has them (RFC 4787).
//!
//! ```text
//! clients --> front: one socket, one task --> inbox of the client's session --> chain up --> connected socket --> server
//!         <-------------- the same socket <-- chain down <------------------------------------------------------
//! ```
//!
//! A session ends when no datagram has come either way for the idle time-out. Its socket to the server is connected, so
//! that only the server is heard; what it answers by ICMP (port unreachable) is counted and, as there is no way to pass
//! it on without root, nothing else.

mod front;
mod inbox;
mod lane;
mod session;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(crate) use front::Front;

/// How long a session lives without a datagram, where nothing is said.
pub(crate) const IDLE: Duration = Duration::from_mins(1);

/// Sessions of one proxy at a time. For one more, the one that was idle longest ends.
const MOST_SESSIONS: usize = 4096;

/// Bytes that one session holds at most in each way; datagrams beyond are lost.
const MOST_HELD: usize = 4 * 1024 * 1024;

/// The same while all sessions and connections together hold much.
const MOST_HELD_TIGHT: usize = 64 * 1024;

/// What a proxy of datagrams counts apart from bytes.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    refused: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    /// The server has said that nobody listens there.
    fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A datagram was lost by the proxy itself, and by no toxic.
    fn lose(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// The kernel would not send or receive.
    fn fail(&self, error: &io::Error) {
        if error.kind() == io::ErrorKind::ConnectionRefused {
            self.refuse();
        } else {
            self.lose();
        }
    }

    /// How often the server said that nobody listens there (ICMP port unreachable); several may be told as one.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Datagrams that found no room, or that the kernel would not send.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
