//! What a protocol sees of one connection, and what it does to it. No I/O and no clock of its own: who carries the
//! bytes calls in, so that every protocol is tested byte by byte.

use std::time::Instant;

use bytes::Bytes;

/// Which way bytes go, in Toxiproxy's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// From the client to the server.
    Upstream,
    /// From the server to the client.
    Downstream,
}

impl Way {
    /// The other way.
    #[must_use]
    pub fn back(self) -> Self {
        match self {
            Self::Upstream => Self::Downstream,
            Self::Downstream => Self::Upstream,
        }
    }
}

/// One thing to do, in the order of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// These bytes go on in this way. To answer a client oneself is to send `Downstream`.
    Send(Way, Bytes),
    /// No more bytes go this way: the receiver sees the end, and the other way stays open.
    End(Way),
    /// The whole connection ends at once, on both sides, as with a closed socket.
    Close,
    /// The whole connection ends at once with a reset (RST) on both sides.
    Reset,
    /// Something was hit: told to whoever watches.
    Hit(Hit),
}

/// One request, command, statement or message that a rule hit.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Hit {
    /// The rule's name.
    pub rule: String,
    /// What was hit, in few words and without secrets: `GET /cart`, `BLMOVE jobs`, `UPDATE`.
    pub what: String,
    /// What was done: `delayed by 100 ms`, `answered 503`.
    pub done: String,
}

impl Hit {
    /// Nothing was hit, and nothing will be: from here on rules see nothing of the connection.
    pub(crate) fn unseen(why: &str) -> Self {
        Self {
            rule: String::new(),
            what: "the rest of the connection".to_owned(),
            done: format!("passed unseen: {why}"),
        }
    }
}

/// A protocol's view of one connection.
///
/// The promise: without a rule that hits, exactly the bytes that came in go out, in order, as soon as they came, and
/// bytes that are no such protocol pass unchanged from there on. At no time is more held back than the head of one
/// message or what a rule told to delay; while more is held than [`LIMIT`], `wants` is false for that way.
pub trait Layer: Send {
    /// Bytes came in, to go this way.
    fn received(&mut self, way: Way, bytes: Bytes, now: Instant, acts: &mut Vec<Act>);

    /// The sender of this way has ended it (half-close). What is still held goes out first, then an [`Act::End`].
    fn ended(&mut self, way: Way, now: Instant, acts: &mut Vec<Act>);

    /// When it wants to be woken; `None` when nothing is held for a time.
    fn wake_at(&self) -> Option<Instant>;

    /// The time is there.
    fn woken(&mut self, now: Instant, acts: &mut Vec<Act>);

    /// Whether more bytes of this way are wanted now; otherwise the sender is left to wait (backpressure).
    fn wants(&self, way: Way) -> bool {
        let _ = way;
        true
    }
}

/// The most bytes that a layer holds back in one way before it wants no more.
pub const LIMIT: usize = 256 * 1024;
