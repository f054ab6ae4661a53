//! One connection of HTTP/1.0 or 1.1.

mod answers;
mod requests;

use std::collections::VecDeque;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::body::Framing;
use super::exchange::{Answering, Exchange};
use super::head::Collector;
use super::lane::{Lane, Pace};
use super::rule::Rule;
use crate::layer::{Act, Hit, LIMIT, Layer, Way};
use crate::rulebook::Rulebook;
use crate::websocket;

/// Requests that may wait for their answers before no more are read.
const PIPELINE: usize = 256;

/// Follows one connection.
pub(crate) struct Connection {
    rules: Rulebook<Rule>,
    websocket: Rulebook<websocket::Rule>,
    up: Up,
    down: Down,
    upstream: Lane<Act>,
    downstream: Lane<Act>,
    exchanges: VecDeque<Exchange>,
    /// What came behind a request for an upgrade: nobody knows yet what it is.
    behind: BytesMut,
    /// What goes on after an upgrade to WebSocket.
    inner: Option<Box<dyn Layer>>,
    /// Which ways have ended already, so that no end is told twice.
    ended_up: bool,
    ended_down: bool,
    /// The connection is about to be closed or reset: nothing more goes out.
    over: bool,
}

/// What comes from the client.
enum Up {
    Head(Collector),
    Body {
        framing: Framing,
        kept: bool,
    },
    /// Behind a request for an upgrade.
    Behind,
    /// After an answer that ends the connection.
    Ignored,
    Inner,
    Raw,
}

/// What comes from the server.
enum Down {
    Head(Collector),
    Body(Box<Answering>),
    Inner,
    Raw,
}

impl Connection {
    pub(crate) fn new(rules: Rulebook<Rule>, websocket: Rulebook<websocket::Rule>) -> Self {
        Self {
            rules,
            websocket,
            up: Up::Head(Collector::default()),
            down: Down::Head(Collector::default()),
            upstream: Lane::default(),
            downstream: Lane::default(),
            exchanges: VecDeque::new(),
            behind: BytesMut::new(),
            inner: None,
            ended_up: false,
            ended_down: false,
            over: false,
        }
    }

    /// The server answers nothing more: what the client still says waits for nothing, and goes on as it is.
    fn unanswered(&mut self, now: Instant, acts: &mut Vec<Act>) {
        if matches!(self.up, Up::Ignored | Up::Inner | Up::Raw) {
            return;
        }
        self.exchanges.clear();
        let behind = std::mem::take(&mut self.behind).freeze();
        self.raw_up(behind, now, acts);
    }

    /// From here on rules see nothing of the connection; where there are rules somebody wants to know.
    fn unseen(&self, why: &str, acts: &mut Vec<Act>) {
        if !self.rules.current().is_empty() || !self.websocket.current().is_empty() {
            acts.push(Act::Hit(Hit::unseen(why)));
        }
    }

    /// Sends something in its order, not before `at`.
    fn put(
        &mut self,
        way: Way,
        act: Act,
        at: Instant,
        pace: Option<Pace>,
        now: Instant,
        acts: &mut Vec<Act>,
    ) {
        let lane = match way {
            Way::Upstream => &mut self.upstream,
            Way::Downstream => &mut self.downstream,
        };
        acts.extend(lane.offer(act, at, pace, now));
    }

    fn send(&mut self, way: Way, bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        if !bytes.is_empty() {
            self.put(way, Act::Send(way, bytes), now, None, now, acts);
        }
    }

    fn end(&mut self, way: Way, at: Instant, now: Instant, acts: &mut Vec<Act>) {
        let ended = match way {
            Way::Upstream => &mut self.ended_up,
            Way::Downstream => &mut self.ended_down,
        };
        if !std::mem::replace(ended, true) {
            self.put(way, Act::End(way), at, None, now, acts);
        }
    }

    /// Ends the connection with this act; what the client is still to get goes out before.
    fn finish(&mut self, act: Act, at: Instant, now: Instant, acts: &mut Vec<Act>) {
        self.over = true;
        self.put(Way::Downstream, act, at, None, now, acts);
    }

    fn raw_down_when_idle(&mut self, now: Instant, acts: &mut Vec<Act>) {
        if let (Up::Raw, true, Down::Head(collector)) = (&self.up, self.exchanges.is_empty(), &mut self.down)
        {
            let held = collector.take();
            self.down = Down::Raw;
            self.send(Way::Downstream, held, now, acts);
        }
    }

    /// Sends the answers of our own whose turn it is.
    fn settle(&mut self, now: Instant, acts: &mut Vec<Act>) {
        while let Some(Exchange::Own(_)) = self.exchanges.front() {
            let Some(Exchange::Own(own)) = self.exchanges.pop_front() else { return };
            for bytes in own.bytes {
                if !bytes.is_empty() {
                    let act = Act::Send(Way::Downstream, bytes);
                    self.put(Way::Downstream, act, own.at, None, now, acts);
                }
            }
            match own.then {
                None => {}
                Some(Act::End(way)) => self.end(way, own.at, now, acts),
                Some(act) => return self.finish(act, own.at, now, acts),
            }
        }
        self.raw_down_when_idle(now, acts);
    }

    fn upgrade(&mut self, session: Option<Box<dyn Layer>>, now: Instant, acts: &mut Vec<Act>) {
        if !matches!(self.up, Up::Behind) {
            // Nobody asked for it, or not in a way that could be followed.
            return self.raw(Bytes::new(), now, acts);
        }
        self.exchanges.clear();
        (self.up, self.down) =
            if session.is_some() { (Up::Inner, Down::Inner) } else { (Up::Raw, Down::Raw) };
        self.inner = session;
        let behind = std::mem::take(&mut self.behind).freeze();
        self.client(behind, now, acts);
    }

    /// Lets what goes on after an upgrade do something, and sends what comes of it in its order.
    fn inner(&mut self, now: Instant, acts: &mut Vec<Act>, ask: impl FnOnce(&mut dyn Layer, &mut Vec<Act>)) {
        let Some(layer) = &mut self.inner else { return };
        let mut done = Vec::new();
        ask(&mut **layer, &mut done);
        for act in done {
            match act {
                Act::Send(way, _) => self.put(way, act, now, None, now, acts),
                Act::End(way) => self.end(way, now, now, acts),
                Act::Close | Act::Reset => self.finish(act, now, now, acts),
                Act::Hit(_) => acts.push(act),
            }
        }
    }
}

/// How far the body goes in these bytes, and whether it ends there.
fn run(framing: &mut Framing, bytes: &[u8]) -> Result<(usize, bool), super::body::NoChunk> {
    let mut size = 0;
    while size < bytes.len() {
        let part = framing.next(&bytes[size..])?;
        size += part.size;
        if part.last {
            return Ok((size, true));
        }
    }
    Ok((size, false))
}

/// Line ends before a head, which are allowed and mean nothing (RFC 9112, section 2.2).
fn blank_lines(collector: &Collector, bytes: &mut Bytes) -> Bytes {
    if !collector.held().is_empty() {
        return Bytes::new();
    }
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    bytes.split_to(blank)
}

impl Layer for Connection {
    fn received(&mut self, way: Way, bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        match way {
            Way::Upstream => self.client(bytes, now, acts),
            Way::Downstream => self.server(bytes, now, acts),
        }
    }

    fn ended(&mut self, way: Way, now: Instant, acts: &mut Vec<Act>) {
        if self.over {
            return;
        }
        match (way, &mut self.up, &mut self.down) {
            (_, Up::Inner, _) => return self.inner(now, acts, |layer, acts| layer.ended(way, now, acts)),
            (Way::Upstream, Up::Head(collector), _) | (Way::Downstream, _, Down::Head(collector)) => {
                let held = collector.take();
                self.send(way, held, now, acts);
            }
            (Way::Upstream, Up::Behind, _) => {
                let behind = std::mem::take(&mut self.behind).freeze();
                self.send(way, behind, now, acts);
            }
            (Way::Downstream, _, Down::Body(answering)) => {
                // A body that ends with the connection is whole now.
                if let (Framing::UntilEnd, Some(act)) = (&answering.framing, answering.then.take()) {
                    return self.finish(act, now, now, acts);
                }
            }
            _ => {}
        }
        self.end(way, now, now, acts);
        if way == Way::Downstream {
            self.unanswered(now, acts);
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        let inner = self.inner.as_ref().and_then(|layer| layer.wake_at());
        [self.upstream.wake_at(), self.downstream.wake_at(), inner].into_iter().flatten().min()
    }

    fn woken(&mut self, now: Instant, acts: &mut Vec<Act>) {
        if self.inner.as_ref().and_then(|layer| layer.wake_at()).is_some_and(|at| at <= now) {
            self.inner(now, acts, |layer, acts| layer.woken(now, acts));
        }
        acts.extend(std::iter::from_fn(|| self.upstream.pop(now)));
        acts.extend(std::iter::from_fn(|| self.downstream.pop(now)));
    }

    fn wants(&self, way: Way) -> bool {
        let inner = self.inner.as_ref().is_none_or(|layer| layer.wants(way));
        inner
            && match way {
                Way::Upstream => {
                    self.upstream.held() < LIMIT
                        && self.exchanges.len() < PIPELINE
                        && !matches!(self.up, Up::Behind)
                }
                Way::Downstream => self.downstream.held() < LIMIT,
            }
    }
}
