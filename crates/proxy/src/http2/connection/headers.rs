//! Header blocks: the requests and answers that they begin.

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::Connection;
use crate::http::plan::{self, Drawn};
use crate::http::request::Request;
use crate::http::rule::Ending;
use crate::http2::block::Field;
use crate::http2::delivery::remember;
use crate::http2::frame::{self, Head};
use crate::http2::input::Block;
use crate::http2::stream::{Stream, edit, length, value};
use crate::layer::{Act, Way};

impl Connection {
    pub(super) fn fragment(
        &mut self,
        way: Way,
        head: &Head,
        payload: Bytes,
        whole: &Bytes,
        now: Instant,
        acts: &mut Vec<Act>,
    ) -> bool {
        let Some(mut content) = frame::content(head, payload) else { return false };
        let promised = if head.kind == frame::PUSH_PROMISE {
            let Some(promised) = frame::number(&content) else { return false };
            drop(content.split_to(4));
            Some(promised)
        } else {
            None
        };
        let block = self.input(way).block.get_or_insert_with(|| Block {
            stream: head.stream,
            end_stream: head.has(frame::END_STREAM),
            promised,
            fragments: BytesMut::new(),
            frames: BytesMut::new(),
        });
        block.fragments.extend_from_slice(&content);
        block.frames.extend_from_slice(whole);
        if !head.has(frame::END_HEADERS) {
            return true;
        }
        let Some(block) = self.input(way).block.take() else { return true };
        let codec = match way {
            Way::Upstream => &mut self.requests,
            Way::Downstream => &mut self.answers,
        };
        let Ok(fields) = codec.decode(&block.fragments) else {
            // The last frame of the block is put back by whoever asked.
            let before = block.frames.len() - whole.len();
            let frames = BytesMut::from(&block.frames[..before]);
            self.input(way).block = Some(Block { frames, ..block });
            return false;
        };
        match way {
            Way::Upstream => self.request(block, fields, now, acts),
            Way::Downstream => self.answer(block, fields, now, acts),
        }
        self.flush(now, acts);
        true
    }

    /// The client's headers: a request, or trailers.
    pub(super) fn request(
        &mut self,
        block: Block,
        mut fields: Vec<Field>,
        now: Instant,
        acts: &mut Vec<Act>,
    ) {
        let stream = block.stream;
        if block.end_stream {
            self.asked(stream);
        }
        if self.unheard.contains(&stream) {
            return self.requests.part();
        }
        if let (Some(method), true) = (value(&fields, b":method"), stream > self.newest) {
            self.newest = stream;
            let request = Request {
                method,
                target: value(&fields, b":path").unwrap_or_default(),
                authority: value(&fields, b":authority"),
                fields: &fields[..],
            };
            let Drawn { plan, side } = plan::of(&self.rules, &request, acts);
            let mut ticket = self.rules.ticket(side, now);
            let head_only = method == b"HEAD";
            if let Some(plan) = plan {
                let keeps = plan.keeps_the_request();
                if plan.edits_request() {
                    self.requests.part();
                    for live in &plan.rules {
                        edit(&live.rule.request, &mut fields);
                    }
                }
                let mut followed = Stream::new(plan, self.stream_window, block.end_stream);
                if keeps {
                    if let (Some(ticket), Some(Ending::Answer(answer))) =
                        (ticket.take(), &followed.plan.ending)
                    {
                        ticket.answered(now + followed.plan.delay, answer.is_failure());
                    }
                    followed.own(head_only, now);
                }
                self.streams.insert(stream, followed);
                if keeps {
                    remember(&mut self.unheard, stream);
                    return self.requests.part();
                }
            }
            if let Some(ticket) = ticket {
                self.tickets.asked(stream, ticket);
            }
        }
        self.forward(Way::Upstream, block, &fields, acts);
    }

    /// The server's headers.
    pub(super) fn answer(&mut self, block: Block, fields: Vec<Field>, now: Instant, acts: &mut Vec<Act>) {
        let stream = block.stream;
        if block.promised.is_none() {
            let plan = self.streams.get(&stream).map(|followed| &followed.plan);
            let at = plan.map_or(now, |plan| now + plan.delay);
            let length = if block.end_stream { Some(0) } else { length(&fields) };
            let breaks = plan.is_some_and(|plan| plan.breaks_off(length));
            self.tickets.headers(stream, &fields, block.end_stream, at, breaks);
        }
        if self.unwanted.contains(&stream) {
            return self.answers.part();
        }
        if let (Some(followed), None) = (self.streams.get_mut(&stream), block.promised) {
            // They may go out later than blocks that come after them.
            self.answers.part();
            let server = followed.headers(fields, block.end_stream, now);
            return self.dismiss(stream, server, acts);
        }
        self.forward(Way::Downstream, block, &fields, acts);
    }

    pub(super) fn forward(&mut self, way: Way, block: Block, fields: &[Field], acts: &mut Vec<Act>) {
        let codec = match way {
            Way::Upstream => &mut self.requests,
            Way::Downstream => &mut self.answers,
        };
        let frames = if codec.is_anew() {
            frame::headers(block.stream, block.promised, &codec.encode(fields), block.end_stream)
        } else {
            block.frames.freeze()
        };
        self.output(way).pass(frames, true, acts);
    }
}
