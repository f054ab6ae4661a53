//! The messages of one connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::Asked;
use super::frame::{self, Head, Kind, Read};
use super::half::{Half, State};
use super::rule::{Disconnect, Fault, Rule};
use crate::layer::{Act, Hit, LIMIT, Layer, Way};
use crate::rulebook::{Live, Rulebook};

pub(crate) struct Session {
    rules: Rulebook<Rule>,
    asked: Arc<Asked>,
    up: Half,
    down: Half,
}

/// What becomes of one message.
#[derive(Default)]
pub(super) struct Message {
    drop: bool,
    delay: Duration,
    copies: Option<Copies>,
}

struct Copies {
    number: u64,
    frames: BytesMut,
    rule: Arc<Live<Rule>>,
    what: String,
}

impl Session {
    pub(crate) fn new(rules: Rulebook<Rule>, asked: Arc<Asked>) -> Self {
        Self { rules, asked, up: Half::new(Way::Upstream), down: Half::new(Way::Downstream) }
    }

    fn half(&mut self, way: Way) -> &mut Half {
        match way {
            Way::Upstream => &mut self.up,
            Way::Downstream => &mut self.down,
        }
    }

    /// A frame begins: `bytes` starts with its head.
    fn frame(&mut self, way: Way, head: Head, now: Instant, acts: &mut Vec<Act>) {
        let begun = self.half(way).message.is_some();
        match (head.kind, begun) {
            (Kind::Continuation, true) | (Kind::Close | Kind::Control, _) => {}
            (Kind::Continuation, false) | (Kind::Text | Kind::Binary, true) => {
                self.half(way).state = State::Raw;
                return;
            }
            (Kind::Text | Kind::Binary, false) => {
                let message = self.judge(way, head, now, acts);
                let half = self.half(way);
                if matches!(half.state, State::Silent) {
                    return;
                }
                half.message = Some(message);
            }
        }
        self.half(way).state = State::Payload { left: head.length, head };
    }

    /// Asks the rules about a new message.
    fn judge(&mut self, way: Way, head: Head, now: Instant, acts: &mut Vec<Act>) -> Message {
        let mut message = Message::default();
        for live in self.rules.current().iter() {
            if !live.rule.matches(&self.asked, way) {
                continue;
            }
            let Some(chance) = live.strike(&live.rule.share) else { continue };
            let kind = if head.kind == Kind::Text { "text" } else { "binary" };
            let what = format!("{kind} on {}", String::from_utf8_lossy(self.asked.path()));
            let mut tell = |done: String| {
                acts.push(Act::Hit(Hit { rule: live.name.clone(), what: what.clone(), done }));
            };
            if !live.rule.pause.is_none() {
                let delay = live.rule.pause.drawn(chance);
                message.delay += delay;
                tell(format!("delayed by {} ms", delay.as_millis()));
            }
            let at = now + message.delay;
            match &live.rule.fault {
                Some(Fault::Drop | Fault::Duplicate(_)) if head.compressed && self.asked.context(way) => {
                    tell("left alone: it is compressed with what went before".into());
                }
                Some(Fault::Drop) => {
                    message.drop = true;
                    tell("dropped".into());
                }
                Some(Fault::Duplicate(number)) if message.copies.is_none() => {
                    let (number, rule) = (*number, Arc::clone(live));
                    message.copies = Some(Copies { number, frames: BytesMut::new(), rule, what });
                }
                Some(Fault::Close(payload, code)) => {
                    tell(format!("closed with {code}"));
                    self.close(payload, chance, at, now, acts);
                    return message;
                }
                Some(Fault::Disconnect(how)) => {
                    let (act, done) = match how {
                        Disconnect::Close => (Act::Close, "disconnected"),
                        Disconnect::Reset => (Act::Reset, "disconnected with a reset"),
                    };
                    tell(done.into());
                    self.half(way).put(act, true, at, now, acts);
                    self.silence();
                    return message;
                }
                Some(Fault::Duplicate(_)) | None => {}
            }
        }
        message
    }

    /// Ends the conversation on both sides. The client's way to us stays open until it ends it, so that no reset
    /// overtakes the close frame.
    fn close(&mut self, payload: &[u8], chance: f64, at: Instant, now: Instant, acts: &mut Vec<Act>) {
        let key = (chance.to_bits() as u32).to_be_bytes();
        let up = Act::Send(Way::Upstream, frame::close(payload, Some(key)).into());
        let down = Act::Send(Way::Downstream, frame::close(payload, None).into());
        self.up.leave(vec![up], at, now, acts);
        self.down.leave(vec![down, Act::End(Way::Downstream)], at, now, acts);
    }

    fn silence(&mut self) {
        self.up.state = State::Silent;
        self.down.state = State::Silent;
    }
}

/// Bytes of a frame that are there already go on, by what becomes of its message.
fn pass(half: &mut Half, head: Head, bytes: Bytes, ends: bool, now: Instant, acts: &mut Vec<Act>) {
    match head.kind {
        Kind::Control => return pass_control(half, bytes, ends, now, acts),
        Kind::Close => return half.send(bytes, ends, now, now, acts),
        _ => {}
    }
    let way = half.way;
    let Some(message) = &mut half.message else { return };
    let at = now + message.delay;
    let dropped = message.drop;
    let mut after = Vec::new();
    if let Some(copies) = &mut message.copies {
        if copies.frames.len() + bytes.len() <= LIMIT {
            copies.frames.extend_from_slice(&bytes);
        } else {
            let done = "left alone: it is too long to be kept".into();
            let (rule, what) = (copies.rule.name.clone(), std::mem::take(&mut copies.what));
            acts.push(Act::Hit(Hit { rule, what, done }));
            message.copies = None;
        }
    }
    if ends && head.last {
        if let Some(Copies { number, frames, rule, what }) = message.copies.take()
            && !dropped
        {
            let frames = frames.freeze();
            let done = format!("sent {} times", number + 1);
            acts.push(Act::Hit(Hit { rule: rule.name.clone(), what, done }));
            after = vec![frames; number as usize];
        }
        half.message = None;
    }
    if !dropped {
        half.send(bytes, ends, at, now, acts);
    }
    for copy in after {
        half.put(Act::Send(way, copy), true, at, now, acts);
    }
}

/// A ping or pong, at most 139 bytes, is sent as a whole: past what lags where that can be, else in its order.
fn pass_control(half: &mut Half, bytes: Bytes, ends: bool, now: Instant, acts: &mut Vec<Act>) {
    if half.lane.is_empty() && half.start.is_empty() {
        return half.send(bytes, ends, now, now, acts);
    }
    half.start.extend_from_slice(&bytes);
    if ends {
        let whole = half.start.split().freeze();
        half.overtake(whole, acts);
    }
}

impl Layer for Session {
    fn received(&mut self, way: Way, mut bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        while !bytes.is_empty() {
            let half = self.half(way);
            match half.state {
                State::Silent => return,
                State::Raw => {
                    let start = half.start.split().freeze();
                    half.send(start, true, now, now, acts);
                    return half.send(bytes, true, now, now, acts);
                }
                State::Payload { left, head } => {
                    let size = left.min(bytes.len() as u64) as usize;
                    let left = left - size as u64;
                    half.state = if left == 0 { State::Head } else { State::Payload { left, head } };
                    pass(half, head, bytes.split_to(size), left == 0, now, acts);
                    if left == 0 && !half.farewell.is_empty() {
                        half.part(now, now, acts);
                    }
                }
                State::Head => {
                    let held = half.start.len();
                    let room = (frame::LONGEST - held).min(bytes.len());
                    half.start.extend_from_slice(&bytes[..room]);
                    match frame::read(&half.start) {
                        Read::More => return,
                        Read::Nothing => {
                            half.start.truncate(held);
                            half.state = State::Raw;
                        }
                        Read::Head(head) => {
                            let fresh = head.size - held;
                            // What is in one piece goes on in one piece, without a copy.
                            let whole = if held == 0 {
                                half.start.clear();
                                let size = (head.size as u64 + head.length).min(bytes.len() as u64);
                                bytes.split_to(size as usize)
                            } else {
                                half.start.truncate(head.size);
                                drop(bytes.split_to(fresh));
                                half.start.split().freeze()
                            };
                            self.frame(way, head, now, acts);
                            let half = self.half(way);
                            match half.state {
                                State::Payload { left, .. } => {
                                    let left = left - (whole.len() - head.size) as u64;
                                    half.state =
                                        if left == 0 { State::Head } else { State::Payload { left, head } };
                                    pass(half, head, whole, left == 0, now, acts);
                                }
                                State::Silent => return,
                                State::Head | State::Raw => half.send(whole, true, now, now, acts),
                            }
                        }
                    }
                }
            }
        }
    }

    fn ended(&mut self, way: Way, now: Instant, acts: &mut Vec<Act>) {
        let half = self.half(way);
        let start = half.start.split().freeze();
        half.send(start, true, now, now, acts);
        half.end(now, now, acts);
    }

    fn wake_at(&self) -> Option<Instant> {
        [self.up.lane.wake_at(), self.down.lane.wake_at()].into_iter().flatten().min()
    }

    fn woken(&mut self, now: Instant, acts: &mut Vec<Act>) {
        self.up.woken(now, acts);
        self.down.woken(now, acts);
    }

    fn wants(&self, way: Way) -> bool {
        match way {
            Way::Upstream => self.up.lane.held() < LIMIT,
            Way::Downstream => self.down.lane.held() < LIMIT,
        }
    }
}
