//! One connection, from its first byte.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rustls::AlertDescription;

use super::hello::{Collector, Hello, Read};
use super::opened::{Opened, alert};
use super::rule::{Flaw, Refuse, Rule};
use crate::layer::{Act, Hit, LIMIT, Layer, Way};
use crate::rulebook::Rulebook;

pub(crate) struct Session {
    rules: Rulebook<Rule>,
    state: State,
}

enum State {
    /// The client has not said yet whom it wants. `inner` looks into what turns out to be no TLS.
    Hello(Box<Collector>, Box<dyn Layer>),
    /// The hello waits for its time; what comes behind it too.
    Delayed {
        at: Instant,
        held: BytesMut,
        then: Box<State>,
        ended: bool,
    },
    /// Encrypted, and passed as it is.
    Passes,
    /// What it says in the clear is looked into.
    Clear(Box<dyn Layer>),
    Opened(Box<Opened>),
    /// It ends in this way.
    Refused(Refuse),
    Over,
}

impl Session {
    pub(crate) fn new(rules: Rulebook<Rule>, inner: Box<dyn Layer>) -> Self {
        Self { rules, state: State::Hello(Box::default(), inner) }
    }

    /// The client has said whom it wants.
    fn greeted(&mut self, hello: &Hello, held: BytesMut, now: Instant, acts: &mut Vec<Act>) {
        let State::Hello(_, inner) = std::mem::replace(&mut self.state, State::Passes) else { return };
        let mut inner = Some(inner);
        let mut at = now;
        let what = hello.name.clone().unwrap_or_else(|| "a connection without a name".into());
        for live in self.rules.current().iter() {
            if !live.rule.matches(hello.name.as_deref()) {
                continue;
            }
            let Some(chance) = live.strike(&live.rule.share) else { continue };
            let mut tell = |done: String| {
                acts.push(Act::Hit(Hit { rule: live.name.clone(), what: what.clone(), done }));
            };
            if !live.rule.pause.is_none() {
                let delay = live.rule.pause.drawn(chance);
                at += delay;
                tell(format!("delayed by {} ms", delay.as_millis()));
            }
            if let Some(refuse) = live.rule.refuse {
                tell("refused".into());
                self.state = State::Refused(refuse);
                break;
            }
            if let (Some(opens), Some(layer)) = (&live.rule.opens, inner.take()) {
                match Opened::new(opens, hello.clone(), live.name.clone(), layer) {
                    Ok(opened) => {
                        tell(match opens.flaw {
                            Flaw::None => "opened".into(),
                            flaw => format!("shown a certificate that is wrong ({flaw:?})"),
                        });
                        self.state = State::Opened(Box::new(opened));
                    }
                    Err(error) => {
                        tell(format!("refused, because it could not be opened: {error}"));
                        self.state = State::Refused(Refuse::Alert);
                    }
                }
                break;
            }
        }
        if at > now {
            let then = Box::new(std::mem::replace(&mut self.state, State::Over));
            self.state = State::Delayed { at, held, then, ended: false };
        } else {
            self.received(Way::Upstream, held.freeze(), now, acts);
        }
    }

    fn clear(&mut self, now: Instant, acts: &mut Vec<Act>) {
        if let State::Hello(mut collector, mut inner) = std::mem::replace(&mut self.state, State::Over) {
            let held = collector.bytes.split().freeze();
            if !held.is_empty() {
                inner.received(Way::Upstream, held, now, acts);
            }
            self.state = State::Clear(inner);
        }
    }
}

impl Layer for Session {
    fn received(&mut self, way: Way, bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        match &mut self.state {
            State::Passes => acts.push(Act::Send(way, bytes)),
            State::Clear(inner) => inner.received(way, bytes, now, acts),
            State::Opened(opened) => opened.received(way, &bytes, now, acts),
            State::Over => {}
            State::Delayed { held, .. } => match way {
                Way::Upstream => held.extend_from_slice(&bytes),
                Way::Downstream => acts.push(Act::Send(way, bytes)),
            },
            State::Refused(refuse) => {
                acts.extend(match refuse {
                    Refuse::Close => vec![Act::Close],
                    Refuse::Reset => vec![Act::Reset],
                    Refuse::Alert => vec![
                        Act::Send(Way::Downstream, alert(AlertDescription::HandshakeFailure)),
                        Act::End(Way::Downstream),
                        Act::End(Way::Upstream),
                    ],
                });
                self.state = State::Over;
            }
            State::Hello(collector, _) => {
                // A server that speaks first does not speak TLS.
                let read = if way == Way::Upstream { collector.take(&bytes) } else { Read::Nothing };
                match read {
                    Read::More => {}
                    Read::Hello(hello) => {
                        let held = collector.bytes.split();
                        self.greeted(&hello, held, now, acts);
                    }
                    Read::Nothing => {
                        self.clear(now, acts);
                        if way == Way::Downstream {
                            self.received(way, bytes, now, acts);
                        }
                    }
                }
            }
        }
    }

    fn ended(&mut self, way: Way, now: Instant, acts: &mut Vec<Act>) {
        if let State::Hello(..) = self.state {
            self.clear(now, acts);
        }
        match &mut self.state {
            State::Clear(inner) => inner.ended(way, now, acts),
            State::Opened(opened) => opened.ended(way, now, acts),
            State::Delayed { ended, .. } if way == Way::Upstream => *ended = true,
            State::Passes | State::Delayed { .. } => acts.push(Act::End(way)),
            State::Hello(..) | State::Refused(_) | State::Over => {}
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        match &self.state {
            State::Delayed { at, .. } => Some(*at),
            State::Clear(inner) => inner.wake_at(),
            State::Opened(opened) => opened.wake_at(),
            _ => None,
        }
    }

    fn woken(&mut self, now: Instant, acts: &mut Vec<Act>) {
        match &mut self.state {
            State::Clear(inner) => inner.woken(now, acts),
            State::Opened(opened) => opened.woken(now, acts),
            State::Delayed { at, .. } if *at <= now => {
                if let State::Delayed { held, then, ended, .. } =
                    std::mem::replace(&mut self.state, State::Over)
                {
                    self.state = *then;
                    self.received(Way::Upstream, held.freeze(), now, acts);
                    if ended {
                        self.ended(Way::Upstream, now, acts);
                    }
                }
            }
            _ => {}
        }
    }

    fn wants(&self, way: Way) -> bool {
        match &self.state {
            State::Clear(inner) => inner.wants(way),
            State::Opened(opened) => opened.wants(way),
            State::Delayed { held, .. } => way == Way::Downstream || held.len() < LIMIT,
            _ => true,
        }
    }
}
