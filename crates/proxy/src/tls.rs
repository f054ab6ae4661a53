//! TLS: rules by server name (SNI) for connections that pass, and connections that are opened on the way.
//!
//! A rule is asked once for a connection, at its ClientHello. Where none asks for more the connection passes, encrypted
//! as it is. A rule with a `certificate` takes the place of the server: the client sees that certificate, right or
//! wrong, and what it says is looked into by rules for its protocol, and goes on as the rule's `upstream` says. What does not
//! begin with a ClientHello is no TLS and is looked into as it is. The rule that stands at a proxy for good is asked last.

mod certificate;
mod hello;
mod onward;
mod opened;
pub mod rule;
mod session;

use self::session::Session;
use crate::layer::Layer;
use crate::rulebook::Rulebook;

pub use self::rule::Rule;

/// Follows one connection; `inner` looks into what is not encrypted, or was opened.
pub fn session(rules: Rulebook<Rule>, inner: Box<dyn Layer>) -> Box<dyn Layer> {
    Box::new(Session::new(rules, inner))
}
