//! What a client of HTTP/1 sends.

use std::time::Instant;

use bytes::Bytes;
use httparse::Status;

use super::{Connection, Up, blank_lines, run};
use crate::http::exchange::{Asking, Exchange, Special, own};
use crate::http::head::{self, Collected, Collector, Look, Rewrite};
use crate::http::plan::{self, Drawn};
use crate::http::request::Request;
use crate::http::rule::Ending;
use crate::layer::{Act, Way};
use crate::websocket::{self, Asked};

impl Connection {
    pub(super) fn client(&mut self, mut bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
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
                            self.unseen("this is no request of HTTP that can be followed", acts);
                            self.raw_up(Bytes::new(), now, acts);
                        }
                        Collected::More(_) => {}
                        Collected::TooLong => {
                            self.unseen(head::TOO_LONG, acts);
                            self.raw_up(Bytes::new(), now, acts);
                        }
                    }
                }
            }
        }
    }

    /// From here on the client's bytes are no HTTP that can be followed.
    pub(super) fn raw_up(&mut self, bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
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

    pub(super) fn request(&mut self, head: Bytes, now: Instant, acts: &mut Vec<Act>) {
        let mut space = [httparse::EMPTY_HEADER; head::HEADERS];
        let mut parsed = httparse::Request::new(&mut space);
        let complete = matches!(parsed.parse(&head), Ok(Status::Complete(_)));
        let framing = if complete { head::framing_of_request(parsed.headers) } else { None };
        let (Some(framing), Some(method), Some(target)) = (framing, parsed.method, parsed.path) else {
            self.unseen("the client sent a head that cannot be followed", acts);
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
                // Whoever asked to keep it open waits for a promise (RFC 9112, section 9.3), or for the end.
                || parsed.version == Some(0)
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
}

fn no_request(start: &[u8]) -> bool {
    let mut space = [httparse::EMPTY_HEADER; head::HEADERS];
    httparse::Request::new(&mut space).parse(start).is_err()
}
