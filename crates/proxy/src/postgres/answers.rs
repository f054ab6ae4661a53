//! The server's messages, and our errors in the place of its refusals.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::message::{Header, LONGEST, header, text};
use super::tickets::Tickets;
use crate::delay_line::DelayLine;
use crate::groups::Ticket;
use crate::layer::{Act, LIMIT, Way};
use crate::remainder::Remainder;

/// Something that the server will refuse, and what is said for it.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The name that it will complain about.
    pub(super) token: String,
    /// Our error.
    pub(super) error: Bytes,
    /// Whether the session ends with it.
    pub(super) fatal: bool,
    /// Types of the messages before it that are about what we sent, too.
    pub(super) before: &'static [u8],
}

#[derive(Debug)]
enum Stage {
    /// At the start of a message.
    Message,
    /// So many bytes of a message are still to come.
    Rest(u64),
    /// One byte, the answer to a question for encryption; so many of these are to come.
    Encryption(usize),
    Raw,
    Silent,
}

/// What is done in its turn.
#[derive(Debug)]
enum Step {
    Send(Bytes),
    End,
    Close,
    Reset,
}

#[derive(Debug)]
pub(super) struct Answers {
    stage: Stage,
    /// The part of a message that has come.
    held: Remainder,
    /// Whole messages that may be about what we sent.
    kept: VecDeque<Bytes>,
    /// What is to be refused, and after how many `ReadyForQuery` it has been or was skipped.
    refusals: VecDeque<(u64, Refusal)>,
    /// How many `ReadyForQuery` were asked for, and how many came.
    asked: u64,
    ready: u64,
    /// Whether the connection is reset at the next reply.
    cut: bool,
    row_delay: Duration,
    tickets: Tickets,
    line: DelayLine<Step>,
}

impl Answers {
    /// The most refusals that are waited for.
    const REFUSALS: usize = 256;

    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Message,
            held: Remainder::default(),
            kept: VecDeque::new(),
            refusals: VecDeque::new(),
            asked: 0,
            ready: 0,
            cut: false,
            row_delay: Duration::ZERO,
            tickets: Tickets::default(),
            line: DelayLine::default(),
        }
    }

    /// The client has asked for encryption.
    pub(super) fn asked_for_encryption(&mut self) {
        self.stage = match self.stage {
            Stage::Message => Stage::Encryption(1),
            Stage::Encryption(count) => Stage::Encryption(count.saturating_add(1)),
            _ => return,
        };
    }

    /// The server got something that it will refuse.
    pub(super) fn refused(&mut self, refusal: Refusal) {
        if self.refusals.len() == Self::REFUSALS {
            self.refusals.pop_front();
        }
        self.refusals.push_back((self.asked + 1, refusal));
    }

    /// The server got something that it answers with `ReadyForQuery`.
    pub(super) fn asked_for_ready(&mut self) {
        self.asked += 1;
    }

    /// The server got a statement that a rule is about; it is answered when the server is ready next.
    pub(super) fn watch(&mut self, ticket: Ticket) {
        if self.is_raw() {
            ticket.forget();
        } else {
            self.tickets.asked(self.asked + 1, ticket);
        }
    }

    /// The next reply is not given: the connection is reset instead.
    pub(super) fn cut_next(&mut self) {
        self.cut = true;
    }

    /// The rows of the next result come so much apart.
    pub(super) fn slow_rows(&mut self, delay: Duration) {
        self.row_delay = delay;
    }

    /// Our error ends the session before it has begun.
    pub(super) fn end_with(&mut self, error: Bytes, now: Instant, acts: &mut Vec<Act>) {
        self.send(error, now, acts);
        self.step(Step::Close, 0, now, acts);
        self.stage = Stage::Silent;
    }

    /// Whether nothing is looked at any more.
    pub(super) fn is_raw(&self) -> bool {
        matches!(self.stage, Stage::Raw)
    }

    pub(super) fn pass_unseen(&mut self) {
        self.tickets.forget();
        if !matches!(self.stage, Stage::Silent) {
            self.stage = Stage::Raw;
        }
    }

    pub(super) fn wants(&self) -> bool {
        self.line.held() < LIMIT
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.line.wake_at()
    }

    pub(super) fn woken(&mut self, now: Instant, acts: &mut Vec<Act>) {
        while let Some(step) = self.line.pop(now) {
            Self::carry_out(step, acts);
        }
    }

    /// The server has ended.
    pub(super) fn ended(&mut self, now: Instant, acts: &mut Vec<Act>) {
        self.give_kept(0, now, acts);
        let rest = self.held.take();
        self.send(rest, now, acts);
        self.step(Step::End, 0, now, acts);
    }

    /// Bytes of the server. Says whether it has agreed to encryption.
    pub(super) fn received(&mut self, bytes: Bytes, now: Instant, acts: &mut Vec<Act>) -> bool {
        let bytes = self.held.join(bytes);
        let mut encrypted = false;
        // What passes and has not been sent begins at `from`.
        let (mut from, mut at) = (0, 0);
        while at < bytes.len() {
            match self.stage {
                Stage::Silent => return false,
                Stage::Raw => at = bytes.len(),
                Stage::Rest(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    at += here;
                    self.stage = match left - here as u64 {
                        0 => Stage::Message,
                        left => Stage::Rest(left),
                    };
                }
                Stage::Encryption(count) => {
                    match bytes[at] {
                        b'S' | b'G' => {
                            encrypted = true;
                            self.stage = Stage::Raw;
                        }
                        // An error instead is a message.
                        b'E' => {
                            self.stage = Stage::Message;
                            continue;
                        }
                        _ if count > 1 => self.stage = Stage::Encryption(count - 1),
                        _ => self.stage = Stage::Message,
                    }
                    at += 1;
                }
                Stage::Message => {
                    let (kind, length) = match header(&bytes[at..]) {
                        Header::More => break,
                        Header::Foreign => {
                            self.tickets.forget();
                            self.stage = Stage::Raw;
                            continue;
                        }
                        Header::Of(kind, length) => (kind, length),
                    };
                    if self.cut && b"DCEIsGHWZ".contains(&kind) {
                        self.send(bytes.slice(from..at), now, acts);
                        self.step(Step::Reset, 0, now, acts);
                        self.stage = Stage::Silent;
                        return false;
                    }
                    if kind == b'E' {
                        self.tickets.failed();
                    }
                    let ours = self.may_be_ours(kind) && length <= LONGEST as u64;
                    if ours {
                        let end = at + length as usize;
                        if end > bytes.len() {
                            break;
                        }
                        self.send(bytes.slice(from..at), now, acts);
                        from = end;
                        self.keep(kind, bytes.slice(at..end), now, acts);
                        if matches!(self.stage, Stage::Silent) {
                            return false;
                        }
                        at = end;
                        continue;
                    }
                    if kind == b'Z' {
                        self.ready += 1;
                        self.tickets.ready(self.ready, self.line.leaves_at(now));
                        // In a failed pipeline the server skips what we sent, so its refusal never comes.
                        self.refusals.retain(|(ready, _)| *ready > self.ready);
                    }
                    if !self.kept.is_empty() {
                        self.send(bytes.slice(from..at), now, acts);
                        from = at;
                        self.give_kept(0, now, acts);
                    }
                    if !self.row_delay.is_zero() {
                        match kind {
                            b'D' => {
                                self.send(bytes.slice(from..at), now, acts);
                                from = at;
                                self.line.space(now, self.row_delay);
                            }
                            b'C' | b'E' | b's' | b'I' => self.row_delay = Duration::ZERO,
                            _ => {}
                        }
                    }
                    self.stage = Stage::Rest(length);
                }
            }
        }
        self.send(bytes.slice(from..at), now, acts);
        self.held.keep(bytes, at);
        encrypted
    }

    /// Whether a message of this type may be about what we sent.
    fn may_be_ours(&self, kind: u8) -> bool {
        self.refusals.iter().any(|(_, refusal)| kind == b'E' || refusal.before.contains(&kind))
    }

    /// A whole message, which may be about what we sent.
    fn keep(&mut self, kind: u8, message: Bytes, now: Instant, acts: &mut Vec<Act>) {
        if kind != b'E' {
            self.kept.push_back(message);
            let most = self.refusals.iter().map(|(_, refusal)| refusal.before.len()).max().unwrap_or(0);
            self.give_kept(most, now, acts);
            return;
        }
        self.row_delay = Duration::ZERO;
        let about = |(_, refusal): &(u64, Refusal)| {
            let token = refusal.token.as_bytes();
            message.windows(token.len()).any(|window| window == token)
        };
        let Some(place) = self.refusals.iter().position(about) else {
            self.give_kept(0, now, acts);
            self.send(message, now, acts);
            return;
        };
        // Those before it were skipped.
        self.refusals.drain(..place);
        let Some((_, refusal)) = self.refusals.pop_front() else { return };
        self.give_kept(refusal.before.len(), now, acts);
        let kinds: Vec<u8> = self.kept.iter().map(|message| message[0]).collect();
        if kinds == refusal.before {
            self.kept.clear();
        }
        self.give_kept(0, now, acts);
        self.send(refusal.error, now, acts);
        if refusal.fatal {
            self.step(Step::Close, 0, now, acts);
            self.stage = Stage::Silent;
        }
    }

    /// Gives what is kept, but for the last so many.
    fn give_kept(&mut self, most: usize, now: Instant, acts: &mut Vec<Act>) {
        while self.kept.len() > most {
            if let Some(message) = self.kept.pop_front() {
                self.send(message, now, acts);
            }
        }
    }

    fn send(&mut self, bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        if !bytes.is_empty() {
            let length = bytes.len();
            self.step(Step::Send(bytes), length, now, acts);
        }
    }

    fn step(&mut self, step: Step, bytes: usize, now: Instant, acts: &mut Vec<Act>) {
        if let Some(step) = self.line.pass(now, bytes, step) {
            Self::carry_out(step, acts);
        }
    }

    fn carry_out(step: Step, acts: &mut Vec<Act>) {
        acts.push(match step {
            Step::Send(bytes) => Act::Send(Way::Downstream, bytes),
            Step::End => Act::End(Way::Downstream),
            Step::Close => Act::Close,
            Step::Reset => Act::Reset,
        });
    }
}

/// The parameters of a startup message, after its length and version.
pub(super) fn parameter<'a>(mut bytes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    while let Some((key, rest)) = text(bytes) {
        let (value, rest) = text(rest)?;
        if key == name {
            return Some(value);
        }
        bytes = rest;
    }
    None
}
