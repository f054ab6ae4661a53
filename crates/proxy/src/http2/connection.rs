//! One connection of HTTP/2.

mod flow;
mod headers;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::block::Codec;
use super::delivery::{REMEMBERED, wide};
use super::frame::{self, Head};
use super::input::{Fate, Input, State};
use super::output::Output;
use super::stream::Stream;
use super::tickets::Tickets;
use crate::http::rule::Rule;
use crate::layer::{Act, Hit, LIMIT, Layer, Way};
use crate::rulebook::Rulebook;

/// Bytes held for slowed streams, all together, before the server is left to wait, and other streams with it. One
/// stream's window is often some megabytes.
const HELD: usize = 16 * LIMIT;

/// Follows one connection.
pub(crate) struct Connection {
    pub(super) rules: Rulebook<Rule>,
    pub(super) mode: Mode,
    pub(super) from_client: Input,
    pub(super) from_server: Input,
    /// Header blocks from the client, and from the server.
    pub(super) requests: Codec,
    pub(super) answers: Codec,
    pub(super) to_server: Output,
    pub(super) to_client: Output,
    /// The streams that rules hit.
    pub(super) streams: BTreeMap<u32, Stream>,
    pub(super) tickets: Tickets,
    /// Streams of which the server must hear no more: it does not know them, or they were reset.
    pub(super) unheard: BTreeSet<u32>,
    /// Streams of which the client must hear no more.
    pub(super) unwanted: BTreeSet<u32>,
    /// Bytes that the client accepts on the connection.
    pub(super) window: i64,
    /// The window of a new stream.
    pub(super) stream_window: i64,
    /// Bytes sent to the client that the server has been credited already.
    pub(super) debt: u64,
    /// What came from the server and waits for the client's window.
    pub(super) stalled: BytesMut,
    pub(super) newest: u32,
    pub(super) server: ServerSide,
}

/// Whether the server has ended; the client hears of it when all that is held is out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerSide {
    Open,
    Ended,
    Told,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Following,
    /// It is no HTTP/2: all passes.
    Raw,
    /// The connection is about to be closed.
    Over,
}

impl Connection {
    pub(crate) fn new(rules: Rulebook<Rule>) -> Self {
        Self {
            rules,
            mode: Mode::Following,
            from_client: Input::new(frame::PREFACE.len()),
            from_server: Input::new(0),
            requests: Codec::default(),
            answers: Codec::default(),
            to_server: Output::new(Way::Upstream),
            to_client: Output::new(Way::Downstream),
            streams: BTreeMap::new(),
            tickets: Tickets::default(),
            unheard: BTreeSet::new(),
            unwanted: BTreeSet::new(),
            window: 65_535,
            stream_window: 65_535,
            debt: 0,
            stalled: BytesMut::new(),
            newest: 0,
            server: ServerSide::Open,
        }
    }

    fn input(&mut self, way: Way) -> &mut Input {
        match way {
            Way::Upstream => &mut self.from_client,
            Way::Downstream => &mut self.from_server,
        }
    }

    fn output(&mut self, way: Way) -> &mut Output {
        match way {
            Way::Upstream => &mut self.to_server,
            Way::Downstream => &mut self.to_client,
        }
    }

    fn bytes(&mut self, way: Way, mut bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        while !bytes.is_empty() {
            match self.mode {
                Mode::Over => return,
                Mode::Raw => return acts.push(Act::Send(way, bytes)),
                Mode::Following => {}
            }
            let input = self.input(way);
            match input.state {
                State::Preface(left) => {
                    let size = left.min(bytes.len());
                    let left = left - size;
                    input.state = if left == 0 { State::Head } else { State::Preface(left) };
                    self.output(way).pass(bytes.split_to(size), left == 0, acts);
                }
                State::Head => {
                    let Some(head) = input.head(&mut bytes) else { return };
                    let Some(fate) = self.fate(way, &head) else {
                        self.broken(acts);
                        acts.extend((self.mode == Mode::Raw).then_some(Act::Send(way, bytes)));
                        return;
                    };
                    if way == Way::Downstream && !self.has_room(&head, fate) {
                        self.stalled = std::mem::take(&mut self.from_server.held);
                        self.stalled.extend_from_slice(&bytes);
                        return;
                    }
                    self.begin(way, head, fate, acts);
                    if head.length == 0 {
                        self.payload(way, Bytes::new(), now, acts);
                    }
                }
                State::Payload { left, .. } => {
                    let part = bytes.split_to(left.min(bytes.len()));
                    self.payload(way, part, now, acts);
                }
            }
        }
    }

    /// What is to be done with a frame; `None` when it cannot be.
    fn fate(&mut self, way: Way, head: &Head) -> Option<Fate> {
        if let Some(block) = &self.input(way).block {
            // Nothing comes between the frames of a header block (RFC 9113, section 6.10).
            let goes_on = head.kind == frame::CONTINUATION && head.stream == block.stream;
            // With their heads: empty frames are held too.
            let fits = block.frames.len() + frame::HEAD + head.length <= LIMIT;
            return (goes_on && fits).then_some(Fate::Collect);
        }
        let collected = match head.kind {
            frame::CONTINUATION => return None,
            frame::DATA => match way {
                Way::Upstream if self.unheard.contains(&head.stream) => return Some(Fate::Swallow),
                Way::Downstream if self.unwanted.contains(&head.stream) => return Some(Fate::Swallow),
                Way::Downstream => self.streams.contains_key(&head.stream),
                Way::Upstream => false,
            },
            frame::HEADERS
            | frame::PUSH_PROMISE
            | frame::SETTINGS
            | frame::WINDOW_UPDATE
            | frame::RST_STREAM => true,
            _ => false,
        };
        match (collected, head.length <= LIMIT) {
            (true, true) => Some(Fate::Collect),
            (true, false) => None,
            (false, _) => Some(Fate::Pass),
        }
    }

    fn begin(&mut self, way: Way, head: Head, fate: Fate, acts: &mut Vec<Act>) {
        let input = self.input(way);
        input.state = State::Payload { head, left: head.length, fate };
        if fate == Fate::Collect {
            return;
        }
        let bytes = input.held.split().freeze();
        if head.kind == frame::DATA {
            if way == Way::Upstream && head.has(frame::END_STREAM) {
                self.asked(head.stream);
            }
            if fate == Fate::Pass && way == Way::Downstream {
                self.window -= wide(head.length);
            }
            if fate == Fate::Swallow && head.length > 0 {
                // It is used up at once.
                let credit = frame::window_update(0, head.length as u32);
                self.output(way.back()).add(credit, acts);
            }
        }
        if fate == Fate::Pass {
            self.output(way).pass(bytes, head.length == 0, acts);
        }
    }

    fn payload(&mut self, way: Way, part: Bytes, now: Instant, acts: &mut Vec<Act>) {
        let input = self.input(way);
        let State::Payload { head, left, fate } = &mut input.state else { return };
        *left -= part.len();
        let (head, complete, fate) = (*head, *left == 0, *fate);
        if complete {
            input.state = State::Head;
        }
        match fate {
            Fate::Pass => {
                if head.length > 0 {
                    self.output(way).pass(part, complete, acts);
                }
            }
            Fate::Swallow => {}
            Fate::Collect => {
                input.held.extend_from_slice(&part);
                if complete {
                    let whole = input.held.split().freeze();
                    if !self.frame(way, &head, &whole, now, acts) {
                        self.input(way).held = BytesMut::from(&whole[..]);
                        self.broken(acts);
                    }
                }
            }
        }
    }

    /// A frame that was wanted as a whole; whether it made sense.
    fn frame(&mut self, way: Way, head: &Head, whole: &Bytes, now: Instant, acts: &mut Vec<Act>) -> bool {
        let payload = whole.slice(frame::HEAD..);
        match head.kind {
            frame::HEADERS | frame::PUSH_PROMISE | frame::CONTINUATION => {
                return self.fragment(way, head, payload, whole, now, acts);
            }
            frame::DATA => {
                let Some(content) = frame::content(head, payload) else { return false };
                self.data(head, content, now, acts);
            }
            frame::SETTINGS => {
                if !head.has(frame::ACK) {
                    self.settings(way, &payload);
                }
                self.output(way).pass(whole.clone(), true, acts);
            }
            frame::WINDOW_UPDATE => {
                let Some(credit) = frame::number(&payload) else { return false };
                match way {
                    Way::Upstream => self.credit(head.stream, credit, whole, now, acts),
                    Way::Downstream if self.unwanted.contains(&head.stream) => {}
                    Way::Downstream => self.output(way).pass(whole.clone(), true, acts),
                }
            }
            _ => {
                let Some(code) = payload.get(..4).and_then(|code| code.try_into().ok()) else { return false };
                self.reset(way, head.stream, u32::from_be_bytes(code), whole, now, acts);
            }
        }
        self.flush(now, acts);
        true
    }

    fn reset(&mut self, way: Way, stream: u32, code: u32, whole: &Bytes, now: Instant, acts: &mut Vec<Act>) {
        self.tickets.reset(stream);
        match way {
            Way::Upstream => {
                self.streams.remove(&stream);
                if !self.unheard.contains(&stream) {
                    self.to_server.pass(whole.clone(), true, acts);
                }
            }
            Way::Downstream => match self.streams.get_mut(&stream) {
                Some(followed) => {
                    if !self.unwanted.contains(&stream) {
                        followed.reset(code, now);
                    }
                }
                None if self.unwanted.contains(&stream) => {}
                None => self.to_client.pass(whole.clone(), true, acts),
            },
        }
    }

    /// The server's data on a stream that is followed.
    fn data(&mut self, head: &Head, content: Bytes, now: Instant, acts: &mut Vec<Act>) {
        let Some(followed) = self.streams.get_mut(&head.stream) else { return };
        let padding = (head.length - content.len()) as u32;
        let server = followed.data(content, head.has(frame::END_STREAM), now);
        if head.length > 0 {
            self.to_server.add(frame::window_update(0, head.length as u32), acts);
        }
        if padding > 0 && !head.has(frame::END_STREAM) {
            // The client never sees the padding, and gives no credit for it.
            self.to_server.add(frame::window_update(head.stream, padding), acts);
        }
        self.dismiss(head.stream, server, acts);
    }

    /// What came is no HTTP/2. While nothing was changed it passes from here; afterwards nobody could make sense of it.
    fn broken(&mut self, acts: &mut Vec<Act>) {
        let untouched = self.streams.is_empty()
            && self.unheard.is_empty()
            && self.unwanted.is_empty()
            && self.debt == 0
            && !self.requests.is_anew()
            && !self.answers.is_anew();
        if untouched {
            let stalled = std::mem::take(&mut self.stalled).freeze();
            self.leave(Mode::Raw);
            self.tickets.forget();
            if !self.rules.current().is_empty() {
                acts.push(Act::Hit(Hit::unseen("this is no HTTP/2 that can be followed")));
            }
            let (up, down) = (self.from_client.take(), self.from_server.take());
            for (way, bytes) in [(Way::Upstream, up), (Way::Downstream, down), (Way::Downstream, stalled)] {
                acts.extend((!bytes.is_empty()).then_some(Act::Send(way, bytes)));
            }
        } else {
            self.leave(Mode::Over);
            acts.push(Act::Close);
        }
    }

    /// Follows nothing any more.
    pub(super) fn leave(&mut self, mode: Mode) {
        self.mode = mode;
        self.streams.clear();
        self.stalled.clear();
    }
}

impl Layer for Connection {
    fn received(&mut self, way: Way, bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        if way == Way::Downstream && !self.stalled.is_empty() {
            self.stalled.extend_from_slice(&bytes);
            return;
        }
        self.bytes(way, bytes, now, acts);
    }

    fn ended(&mut self, way: Way, now: Instant, acts: &mut Vec<Act>) {
        if self.mode == Mode::Over {
            return;
        }
        let held = self.input(way).take();
        if way == Way::Upstream || self.mode == Mode::Raw {
            if !held.is_empty() {
                acts.push(Act::Send(way, held));
            }
            acts.push(Act::End(way));
            return;
        }
        if !held.is_empty() {
            self.to_client.pass(held, true, acts);
        }
        self.server = ServerSide::Ended;
        self.flush(now, acts);
    }

    fn wake_at(&self) -> Option<Instant> {
        self.streams.values().filter(|stream| stream.blocked.is_none()).filter_map(|s| s.lane.wake_at()).min()
    }

    fn woken(&mut self, now: Instant, acts: &mut Vec<Act>) {
        self.flush(now, acts);
    }

    fn wants(&self, way: Way) -> bool {
        match way {
            Way::Upstream => self.to_client.waiting() < REMEMBERED && self.streams.len() < REMEMBERED,
            Way::Downstream => {
                self.stalled.is_empty() && self.streams.values().map(Stream::held).sum::<usize>() < HELD
            }
        }
    }
}
