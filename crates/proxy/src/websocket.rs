//! WebSocket messages after the handshake (RFC 6455): lag, loss, duplicates, close codes, broken connections.
//!
//! A rule is asked once for each message, at its first frame. Frames pass as they are, masks and fragments with them;
//! pings and pongs do not wait for messages that lag.

mod frame;
mod half;
pub mod rule;
mod session;

use std::sync::Arc;

use self::rule::Fault;
pub use self::rule::Rule;
use self::session::Session;
use crate::layer::{Layer, Way};
use crate::rulebook::Rulebook;

/// The request for a WebSocket: what rules see of it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    path: Vec<u8>,
    host: Option<Vec<u8>>,
    /// Whether messages are compressed with what went before, by way.
    context_up: bool,
    context_down: bool,
}

impl Asked {
    /// A request for this path at this host.
    pub fn new(path: &[u8], host: Option<Vec<u8>>) -> Self {
        Self { path: path.to_vec(), host, ..Self::default() }
    }

    /// What the server agreed to, by its header Sec-WebSocket-Extensions (RFC 7692, section 7.1).
    #[must_use]
    pub fn agreed(mut self, extensions: &[u8]) -> Self {
        let has =
            |word: &[u8]| extensions.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
        let compressed = has(b"permessage-deflate");
        self.context_up = compressed && !has(b"client_no_context_takeover");
        self.context_down = compressed && !has(b"server_no_context_takeover");
        self
    }

    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }

    pub(crate) fn host(&self) -> Option<&[u8]> {
        self.host.as_deref()
    }

    /// Whether a compressed message leans on those before it.
    pub(crate) fn context(&self, way: Way) -> bool {
        match way {
            Way::Upstream => self.context_up,
            Way::Downstream => self.context_down,
        }
    }
}

/// Follows the messages of one connection, from the first byte after the handshake.
pub fn session(rules: Rulebook<Rule>, asked: Asked) -> Box<dyn Layer> {
    Box::new(Session::new(rules, Arc::new(asked)))
}

/// Whether compression should not be agreed upon, because a rule may take messages out of the stream.
pub(crate) fn wants_plain(rules: &Rulebook<Rule>, asked: &Asked) -> bool {
    rules.current().iter().any(|live| {
        matches!(live.rule.fault, Some(Fault::Drop | Fault::Duplicate(_))) && live.rule.for_path(asked)
    })
}
