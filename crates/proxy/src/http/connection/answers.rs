//! What a server of HTTP/1 answers.

use std::time::Instant;

use bytes::Bytes;
use httparse::Status;

use super::{Connection, Down, Up, blank_lines, run};
use crate::http::answer::bodiless;
use crate::http::attributes::Point;
use crate::http::body::{Framing, Kind};
use crate::http::exchange::{Asking, Cut, Exchange, Special, answering, rewritten};
use crate::http::head::{self, Collected, Collector, Look};
use crate::http::rule::Ending;
use crate::layer::{Act, Layer, Way};
use crate::websocket;

impl Connection {
    pub(super) fn server(&mut self, mut bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
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
                            self.unseen("this is no answer of HTTP that can be followed", acts);
                            self.raw(Bytes::new(), now, acts);
                        }
                        Collected::More(_) => {}
                        Collected::TooLong => {
                            self.unseen(head::TOO_LONG, acts);
                            self.raw(Bytes::new(), now, acts);
                        }
                    }
                }
            }
        }
    }

    /// From here on both ways pass as they are.
    pub(super) fn raw(&mut self, bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
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

    pub(super) fn response(&mut self, head: Bytes, now: Instant, acts: &mut Vec<Act>) {
        let mut space = [httparse::EMPTY_HEADER; head::HEADERS];
        let mut parsed = httparse::Response::new(&mut space);
        let complete = matches!(parsed.parse(&head), Ok(Status::Complete(_)));
        let (true, Some(status), Some(Exchange::Server(asking))) =
            (complete, parsed.code, self.exchanges.front_mut())
        else {
            self.unseen("the server sent a head that cannot be followed", acts);
            return self.raw(head, now, acts);
        };
        let headers = &*parsed.headers;
        if (100..200).contains(&status) && status != 101 {
            return self.send(Way::Downstream, head, now, acts);
        }
        let empty = matches!(asking.special, Special::Head) || bodiless(status);
        let framing = if empty { Some(Framing::Length(0)) } else { head::framing_of_response(headers) };
        let Some(framing) = framing else {
            self.unseen("nobody can know where the body of an answer ends", acts);
            return self.raw(head, now, acts);
        };
        let (plan, ticket) = (asking.plan.take(), asking.ticket.take());
        let special = std::mem::replace(&mut asking.special, Special::Nothing);
        let at = plan.as_ref().map_or(now, |plan| now + plan.delay);
        if let Some(Ending::Reset(Point::Answer)) = plan.as_ref().and_then(|plan| plan.ending.as_ref()) {
            return self.finish(Act::Reset, at, now, acts);
        }
        let length = head::length(headers).flatten();
        if let Some(ticket) = ticket {
            let comes = if empty { Some(0) } else { length };
            ticket.answered(at, status >= 500 || plan.as_ref().is_some_and(|plan| plan.breaks_off(comes)));
        }
        let sent = match &plan {
            Some(plan) if plan.edits_response() => rewritten(plan, &head, status, length),
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

    pub(super) fn body(&mut self, bytes: &mut Bytes, now: Instant, acts: &mut Vec<Act>) {
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
    pub(super) fn answered(&mut self, now: Instant, acts: &mut Vec<Act>) {
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

fn no_response(start: &[u8]) -> bool {
    let mut space = [httparse::EMPTY_HEADER; head::HEADERS];
    httparse::Response::new(&mut space).parse(start).is_err()
}
