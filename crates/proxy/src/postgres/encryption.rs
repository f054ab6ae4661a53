//! A session under TLS that rules open: the question for encryption is answered here, and the server is asked in its turn.
//!
//! ```text
//! client  SSLRequest -->         ClientHello -->  rules by name: open it, refuse it, let it pass
//!                    <-- S                        server  SSLRequest -->
//!                                                                    <-- S
//!                                                         ClientHello -->      the client's own, or ours
//! ```
//!
//! Who asks is told yes before anybody knows whether the server can, because the name that rules are about comes only
//! after the answer. A server that is spoken to in plain is not asked.

use std::time::Instant;

use bytes::{Buf as _, Bytes, BytesMut};

use super::startup::{ASKS_FOR_TLS, Kind, QUESTION, Startup, startup};
use crate::layer::{Act, Hit, LIMIT, Layer, Way};
use crate::rulebook::Rulebook;
use crate::tls;

/// Follows one connection; `inner` looks into what is not encrypted, or was opened.
pub fn encryption(rules: Rulebook<tls::Rule>, inner: Box<dyn Layer>) -> Box<dyn Layer> {
    Box::new(Encryption { rules, state: State::Start(BytesMut::new(), inner) })
}

struct Encryption {
    rules: Rulebook<tls::Rule>,
    state: State,
}

enum State {
    /// What came is too short to know what it is.
    Start(BytesMut, Box<dyn Layer>),
    /// The client did not ask, or there was no rule, or it began with TLS at once: nothing is to be added.
    Settled(Box<dyn Layer>),
    /// The client was told that it may begin with TLS.
    Agreed(Box<dyn Layer>, Server),
    Over,
}

enum Server {
    /// Nothing has gone to it.
    Unasked,
    /// It has not answered; what goes to it then.
    Asked { held: usize, waiting: Vec<Act> },
    /// It has agreed, or is spoken to in plain.
    Settled,
}

/// The first byte of a TLS handshake (RFC 8446, section 5.1), which no startup message begins with.
const HANDSHAKE: u8 = 22;

impl Encryption {
    /// Looks at the start of a connection that rules for TLS may be about.
    fn begin(&mut self, now: Instant, acts: &mut Vec<Act>) {
        let State::Start(held, _) = &mut self.state else { return };
        let is_settled = match startup(held) {
            Startup::More if held.first() == Some(&HANDSHAKE) => true,
            Startup::More => return,
            Startup::Encryption(Kind::Gss) => {
                held.advance(QUESTION);
                acts.push(Act::Send(Way::Downstream, Bytes::from_static(b"N")));
                return self.begin(now, acts);
            }
            Startup::Encryption(Kind::Tls) => {
                held.advance(QUESTION);
                acts.push(Act::Send(Way::Downstream, Bytes::from_static(b"S")));
                false
            }
            Startup::Foreign | Startup::Cancel(_) | Startup::Session(_) => true,
        };
        let State::Start(held, inner) = std::mem::replace(&mut self.state, State::Over) else { return };
        self.state = if !is_settled {
            State::Agreed(tls::session(self.rules.clone(), inner), Server::Unasked)
        } else if held.first() == Some(&HANDSHAKE) {
            State::Settled(tls::session(self.rules.clone(), inner))
        } else {
            State::Settled(inner)
        };
        if !held.is_empty() {
            self.received(Way::Upstream, held.freeze(), now, acts);
        }
    }

    /// Gives up looking at the start.
    fn settle(&mut self, now: Instant, acts: &mut Vec<Act>) {
        if let State::Start(held, mut inner) = std::mem::replace(&mut self.state, State::Over) {
            if !held.is_empty() {
                inner.received(Way::Upstream, held.freeze(), now, acts);
            }
            self.state = State::Settled(inner);
        }
    }

    /// Does what the session under TLS wants; the server is asked before its first byte of TLS.
    fn carry(&mut self, done: Vec<Act>, acts: &mut Vec<Act>) {
        let State::Agreed(_, server) = &mut self.state else { return };
        for act in done {
            if let (Act::Send(Way::Upstream, bytes), Server::Unasked) = (&act, &server) {
                *server = if bytes.first() == Some(&HANDSHAKE) {
                    acts.push(Act::Send(Way::Upstream, Bytes::from_static(ASKS_FOR_TLS)));
                    Server::Asked { held: 0, waiting: Vec::new() }
                } else {
                    Server::Settled
                };
            }
            match (act, &mut *server) {
                (
                    act @ (Act::Send(Way::Upstream, _) | Act::End(Way::Upstream)),
                    Server::Asked { held, waiting },
                ) => {
                    if let Act::Send(_, bytes) = &act {
                        *held += bytes.len();
                    }
                    waiting.push(act);
                }
                (act, _) => acts.push(act),
            }
        }
    }

    /// The server's answer to our question.
    fn answered(&mut self, answer: u8, acts: &mut Vec<Act>) {
        let State::Agreed(_, server) = &mut self.state else { return };
        let Server::Asked { waiting, .. } = std::mem::replace(server, Server::Settled) else { return };
        if answer == b'S' {
            acts.extend(waiting);
            return;
        }
        acts.push(Act::Hit(Hit {
            rule: String::new(),
            what: "a connection".to_owned(),
            done: "closed: the client asked for TLS, and the server does not speak it; `upstream` may be `plain`".to_owned(),
        }));
        acts.push(Act::Close);
        self.state = State::Over;
    }
}

impl Layer for Encryption {
    fn received(&mut self, way: Way, mut bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        match &mut self.state {
            State::Over => {}
            State::Settled(inner) => inner.received(way, bytes, now, acts),
            State::Start(held, _) if way == Way::Upstream && !self.rules.current().is_empty() => {
                held.extend_from_slice(&bytes);
                self.begin(now, acts);
            }
            State::Start(..) => {
                self.settle(now, acts);
                self.received(way, bytes, now, acts);
            }
            State::Agreed(session, server) => {
                if way == Way::Downstream && matches!(server, Server::Asked { .. }) && !bytes.is_empty() {
                    let answer = bytes.get_u8();
                    self.answered(answer, acts);
                    if !bytes.is_empty() {
                        self.received(way, bytes, now, acts);
                    }
                    return;
                }
                let mut done = Vec::new();
                session.received(way, bytes, now, &mut done);
                self.carry(done, acts);
            }
        }
    }

    fn ended(&mut self, way: Way, now: Instant, acts: &mut Vec<Act>) {
        if let State::Start(..) = self.state {
            self.settle(now, acts);
        }
        match &mut self.state {
            State::Settled(inner) => inner.ended(way, now, acts),
            State::Agreed(session, _) => {
                let mut done = Vec::new();
                session.ended(way, now, &mut done);
                self.carry(done, acts);
            }
            State::Start(..) | State::Over => {}
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        match &self.state {
            State::Settled(inner) | State::Agreed(inner, _) => inner.wake_at(),
            State::Start(..) | State::Over => None,
        }
    }

    fn woken(&mut self, now: Instant, acts: &mut Vec<Act>) {
        match &mut self.state {
            State::Settled(inner) => inner.woken(now, acts),
            State::Agreed(inner, _) => {
                let mut done = Vec::new();
                inner.woken(now, &mut done);
                self.carry(done, acts);
            }
            State::Start(..) | State::Over => {}
        }
    }

    fn wants(&self, way: Way) -> bool {
        match &self.state {
            State::Agreed(_, Server::Asked { held, .. }) if way == Way::Upstream => *held < LIMIT,
            State::Settled(inner) | State::Agreed(inner, _) => inner.wants(way),
            State::Start(..) | State::Over => true,
        }
    }
}
