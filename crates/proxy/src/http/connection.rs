//! One connection of HTTP/1.0 or 1.1.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use httparse::Status;

use super::answer::bodiless;
use super::attributes::Point;
use super::body::{Framing, Kind};
use super::exchange::{Answering, Asking, Cut, Exchange, Special, answering, own, rewritten};
use super::head::{self, Collected, Collector, Look, Rewrite};
use super::lane::{Lane, Pace};
use super::plan::{self, Drawn};
use super::request::Request;
use super::rule::{Ending, Rule};
use crate::layer::{Act, LIMIT, Layer, Way};
use crate::rulebook::Rulebook;
use crate::websocket::{self, Asked};

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

    fn client(&mut self, mut bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        while !bytes.is_empty() && !self.over {
            match &mut self.up {
                Up::Raw => return self.send(Way::Upstream, bytes, now, acts),
                Up::Ignored => return,
                Up::Behind => return self.behind.extend_from_slice(&bytes),
                Up::Inner => {
                    return self.inner(now, acts, |layer, acts| {
                        layer.received(Way::Upstream, bytes, now, acts);
                    });
                }
                Up::Body { framing, kept } => {
                    let kept = *kept;
                    let Ok((size, last)) = run(framing, &bytes) else {
                        // A broken body: the server is the one to say so.
                        self.raw_up(bytes, now, acts);
                        return;
                    };
                    let part = bytes.split_to(size);
                    if last {
                        self.up = Up::Head(Collector::default());
                    }
                    if kept {
                        self.send(Way::Upstream, part, now, acts);
                    }
                }
                Up::Head(collector) => {
                    let blank = blank_lines(collector, &mut bytes);
                    if !blank.is_empty() {
                        self.send(Way::Upstream, blank, now, acts);
                        continue;
                    }
                    match collector.collect(&mut bytes) {
                        Collected::Head(head) => self.request(head, now, acts),
                        Collected::More(Look::Worthwhile) if no_request(collector.held()) => {
                            self.raw_up(Bytes::new(), now, acts);
                        }
                        Collected::More(_) => {}
                        Collected::TooLong => self.raw_up(Bytes::new(), now, acts),
                    }
                }
            }
        }
    }

    /// From here on the client's bytes are no HTTP that can be followed.
    fn raw_up(&mut self, bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        let swallowed = matches!(self.up, Up::Body { kept: false, .. });
        if let Up::Head(mut collector) = std::mem::replace(&mut self.up, Up::Raw) {
            self.send(Way::Upstream, collector.take(), now, acts);
        }
        if swallowed {
            // The server never saw the head that these bytes belong to.
            self.up = Up::Ignored;
            return;
        }
        self.send(Way::Upstream, bytes, now, acts);
        self.raw_down_when_idle(now, acts);
    }

    fn raw_down_when_idle(&mut self, now: Instant, acts: &mut Vec<Act>) {
        if let (Up::Raw, true, Down::Head(collector)) = (&self.up, self.exchanges.is_empty(), &mut self.down)
        {
            let held = collector.take();
            self.down = Down::Raw;
            self.send(Way::Downstream, held, now, acts);
        }
    }

    fn request(&mut self, head: Bytes, now: Instant, acts: &mut Vec<Act>) {
        let mut space = [httparse::EMPTY_HEADER; head::HEADERS];
        let mut parsed = httparse::Request::new(&mut space);
        let complete = matches!(parsed.parse(&head), Ok(Status::Complete(_)));
        let framing = if complete { head::framing_of_request(parsed.headers) } else { None };
        let (Some(framing), Some(method), Some(target)) = (framing, parsed.method, parsed.path) else {
            return self.raw_up(head, now, acts);
        };
        let headers = &*parsed.headers;
        let request = Request {
            method: method.as_bytes(),
            target: target.as_bytes(),
            authority: None,
            fields: headers,
        };
        let Drawn { plan, side } = plan::of(&self.rules, &request, acts);
        let ticket = self.rules.ticket(side, now);
        if let Some(plan) = plan.as_ref().filter(|plan| plan.keeps_the_request()) {
            let closes = head::lists(headers, "connection", "close")
                || (parsed.version == Some(0) && !head::lists(headers, "connection", "keep-alive"))
                // Whether a body follows after all, nobody can know.
                || head::lists(headers, "expect", "100-continue");
            let own = own(plan, method == "HEAD", closes, now);
            if let (Some(ticket), Some(Ending::Answer(answer))) = (ticket, &plan.ending) {
                ticket.answered(own.at, answer.is_failure());
            }
            self.exchanges.push_back(Exchange::Own(own));
            self.up = if closes {
                Up::Ignored
            } else if framing.is_empty() {
                Up::Head(Collector::default())
            } else {
                Up::Body { framing, kept: false }
            };
            return self.settle(now, acts);
        }
        let special = match method {
            "HEAD" => Special::Head,
            "CONNECT" => Special::Connect,
            _ if framing.is_empty() && head::lists(headers, "connection", "upgrade") => {
                let asked = head::lists(headers, "upgrade", "websocket")
                    .then(|| Box::new(Asked::new(request.path(), request.host())));
                Special::Upgrade(asked)
            }
            _ => Special::Nothing,
        };
        // Messages that are compressed with what went before cannot be dropped or sent twice.
        let plain = matches!(&special, Special::Upgrade(Some(asked))
            if websocket::wants_plain(&self.websocket, asked));
        let edits = plan.as_ref().is_some_and(|plan| plan.edits_request());
        let sent = if plain || edits {
            Rewrite {
                edits: plan.iter().flat_map(|plan| &plan.rules).map(|live| &live.rule.request).collect(),
                length: None,
                remove: if plain { &["sec-websocket-extensions"] } else { &[] },
            }
            .of(&head)
        } else {
            head.clone()
        };
        self.up = match special {
            Special::Connect | Special::Upgrade(_) => Up::Behind,
            _ if framing.is_empty() => Up::Head(Collector::default()),
            _ => Up::Body { framing, kept: true },
        };
        self.exchanges.push_back(Exchange::Server(Asking { plan, ticket, special }));
        self.send(Way::Upstream, sent, now, acts);
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

    fn server(&mut self, mut bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        while !bytes.is_empty() && !self.over {
            match &mut self.down {
                Down::Raw => return self.send(Way::Downstream, bytes, now, acts),
                Down::Inner => {
                    return self.inner(now, acts, |layer, acts| {
                        layer.received(Way::Downstream, bytes, now, acts);
                    });
                }
                Down::Body(_) => self.body(&mut bytes, now, acts),
                Down::Head(collector) => {
                    if !matches!(self.exchanges.front(), Some(Exchange::Server(_))) {
                        // Nobody asked: a server that speaks first, or says goodbye.
                        self.raw(bytes, now, acts);
                        return;
                    }
                    let blank = blank_lines(collector, &mut bytes);
                    if !blank.is_empty() {
                        self.send(Way::Downstream, blank, now, acts);
                        continue;
                    }
                    match collector.collect(&mut bytes) {
                        Collected::Head(head) => self.response(head, now, acts),
                        Collected::More(Look::Worthwhile) if no_response(collector.held()) => {
                            self.raw(Bytes::new(), now, acts);
                        }
                        Collected::More(_) => {}
                        Collected::TooLong => self.raw(Bytes::new(), now, acts),
                    }
                }
            }
        }
    }

    /// From here on both ways pass as they are.
    fn raw(&mut self, bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        if let Down::Head(mut collector) = std::mem::replace(&mut self.down, Down::Raw) {
            self.send(Way::Downstream, collector.take(), now, acts);
        }
        self.send(Way::Downstream, bytes, now, acts);
        let kept_something = matches!(self.up, Up::Body { kept: false, .. } | Up::Ignored)
            || self.exchanges.iter().any(|exchange| matches!(exchange, Exchange::Own(_)));
        for exchange in self.exchanges.drain(..) {
            if let Exchange::Server(Asking { ticket: Some(ticket), .. }) = exchange {
                ticket.forget();
            }
        }
        if kept_something {
            // A request that the server never saw can no longer be answered in its place.
            return self.finish(Act::Close, now, now, acts);
        }
        if let Up::Head(mut collector) = std::mem::replace(&mut self.up, Up::Raw) {
            self.send(Way::Upstream, collector.take(), now, acts);
        }
        let behind = std::mem::take(&mut self.behind).freeze();
        self.send(Way::Upstream, behind, now, acts);
    }

    fn response(&mut self, head: Bytes, now: Instant, acts: &mut Vec<Act>) {
        let mut space = [httparse::EMPTY_HEADER; head::HEADERS];
        let mut parsed = httparse::Response::new(&mut space);
        let complete = matches!(parsed.parse(&head), Ok(Status::Complete(_)));
        let (true, Some(status), Some(Exchange::Server(asking))) =
            (complete, parsed.code, self.exchanges.front_mut())
        else {
            return self.raw(head, now, acts);
        };
        let headers = &*parsed.headers;
        if (100..200).contains(&status) && status != 101 {
            return self.send(Way::Downstream, head, now, acts);
        }
        let empty = matches!(asking.special, Special::Head) || bodiless(status);
        let framing = if empty { Some(Framing::Length(0)) } else { head::framing_of_response(headers) };
        let Some(framing) = framing else { return self.raw(head, now, acts) };
        let (plan, ticket) = (asking.plan.take(), asking.ticket.take());
        let special = std::mem::replace(&mut asking.special, Special::Nothing);
        let at = plan.as_ref().map_or(now, |plan| now + plan.delay);
        if let Some(Ending::Reset(Point::Answer)) = plan.as_ref().and_then(|plan| plan.ending.as_ref()) {
            return self.finish(Act::Reset, at, now, acts);
        }
        if let Some(ticket) = ticket {
            ticket.answered(at, status >= 500 || plan.as_ref().is_some_and(|plan| plan.breaks_off()));
        }
        let length = head::length(headers).flatten();
        let sent = match &plan {
            Some(plan) if plan.edits_response() => rewritten(plan, &head, length),
            _ => head.clone(),
        };
        self.put(Way::Downstream, Act::Send(Way::Downstream, sent), at, None, now, acts);
        if status == 101 || (matches!(special, Special::Connect) && (200..300).contains(&status)) {
            let asked = if let Special::Upgrade(Some(asked)) = special { Some(asked) } else { None };
            let session = asked.map(|asked| {
                let extensions = head::values(headers, "sec-websocket-extensions").collect::<Vec<_>>();
                websocket::session(self.websocket.clone(), asked.agreed(&extensions.join(&b',')))
                    as Box<dyn Layer>
            });
            return self.upgrade(session, now, acts);
        }
        let answering = answering(framing, plan, empty, length);
        if let (Some(plan), false) = (&answering.plan, empty)
            && let Some(body) = plan.replacement()
            && !body.is_empty()
        {
            let act = Act::Send(Way::Downstream, body.clone());
            self.put(Way::Downstream, act, at, plan.pace, now, acts);
        }
        let done = answering.framing.is_empty();
        self.down = Down::Body(Box::new(answering));
        if done {
            self.answered(now, acts);
        }
        if matches!(special, Special::Connect | Special::Upgrade(_)) {
            // The server stays with HTTP: what came behind is the next request.
            self.up = Up::Head(Collector::default());
            let behind = std::mem::take(&mut self.behind).freeze();
            self.client(behind, now, acts);
        }
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

    fn body(&mut self, bytes: &mut Bytes, now: Instant, acts: &mut Vec<Act>) {
        let Down::Body(answering) = &mut self.down else { return };
        let pace = answering.plan.as_ref().and_then(|plan| plan.pace);
        let spoils = answering.plan.as_ref().is_some_and(|plan| plan.body.is_some());
        if answering.cut.is_none() && !spoils {
            let Ok((size, last)) = run(&mut answering.framing, bytes) else {
                return self.raw(std::mem::take(bytes), now, acts);
            };
            let act = Act::Send(Way::Downstream, bytes.split_to(size));
            self.put(Way::Downstream, act, now, pace, now, acts);
            if last {
                self.answered(now, acts);
            }
            return;
        }
        let Ok(part) = answering.framing.next(bytes) else {
            return self.raw(std::mem::take(bytes), now, acts);
        };
        let mut piece = bytes.split_to(part.size);
        let mut end = None;
        if part.kind == Kind::Data && !piece.is_empty() {
            match &answering.cut {
                Some(Cut::After(most, act)) if answering.passed + piece.len() as u64 > *most => {
                    piece.truncate((most - answering.passed) as usize);
                    end = Some(act.clone());
                }
                Some(Cut::FirstPiece(act)) => end = Some(act.clone()),
                _ => {}
            }
            answering.passed += piece.len() as u64;
            if let Some(body) = answering.plan.as_ref().and_then(|plan| plan.body.as_ref()) {
                piece = answering.spoiler.spoil(body, &piece);
            }
        }
        if !answering.replaced && !piece.is_empty() {
            self.put(Way::Downstream, Act::Send(Way::Downstream, piece), now, pace, now, acts);
        }
        if let Some(act) = end {
            self.finish(act, now, now, acts);
        } else if part.last {
            self.answered(now, acts);
        }
    }

    /// The server's answer is complete.
    fn answered(&mut self, now: Instant, acts: &mut Vec<Act>) {
        let before = std::mem::replace(&mut self.down, Down::Head(Collector::default()));
        self.exchanges.pop_front();
        if let Down::Body(answering) = before
            && let Some(act) = answering.then
        {
            return self.finish(act, now, now, acts);
        }
        self.settle(now, acts);
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

fn no_request(start: &[u8]) -> bool {
    let mut space = [httparse::EMPTY_HEADER; head::HEADERS];
    httparse::Request::new(&mut space).parse(start).is_err()
}

fn no_response(start: &[u8]) -> bool {
    let mut space = [httparse::EMPTY_HEADER; head::HEADERS];
    httparse::Response::new(&mut space).parse(start).is_err()
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
