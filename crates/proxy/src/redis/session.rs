//! One connection.

use std::net::IpAddr;
use std::time::Instant;

use bytes::Bytes;

use super::command::{Command, Head, Reading};
use super::frame::{Frame, Scanned};
use super::hit::{done, what};
use super::keys;
use super::replies::{Expected, Replies};
use super::rule::{About, Drop, Effect, Rule};
use super::special::Special;
use super::wanted::wanted;
use crate::delay_line::DelayLine;
use crate::groups::Ticket;
use crate::layer::{Act, Hit, LIMIT, Layer, Way};
use crate::remainder::Remainder;
use crate::rulebook::{Drawn, Live, Rulebook};

/// What a connection of this client (`None` for a Unix socket) sees of these rules.
pub fn session(book: Rulebook<Rule>, client: Option<IpAddr>) -> Box<dyn Layer> {
    Box::new(Session {
        book,
        client,
        stage: Stage::Head,
        head: Head::default(),
        held: Remainder::default(),
        line: DelayLine::default(),
        replies: Replies::new(),
        ticket: None,
        answers: Answers::On,
        transaction: false,
    })
}

struct Session {
    book: Rulebook<Rule>,
    client: Option<IpAddr>,
    stage: Stage,
    head: Head,
    /// The part of a head that has come.
    held: Remainder,
    line: DelayLine<Step>,
    replies: Replies,
    /// Of the command that is looked at, until it is known what will come for it.
    ticket: Option<Ticket>,
    answers: Answers,
    /// Between MULTI and EXEC.
    transaction: bool,
}

/// Where the client's bytes stand.
enum Stage {
    /// In the head of a command.
    Head,
    /// In the rest of a command, which passes or is left out.
    Rest(Frame, Fate),
    /// Everything passes unseen.
    Raw,
    /// Everything is left out.
    Silent,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Pass,
    LeaveOut,
}

/// What the client has asked of the server with CLIENT REPLY.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answers {
    On,
    Off,
    SkipNext,
}

/// What is done in its turn.
enum Step {
    Send(Bytes),
    Expect(Expected, Option<Ticket>),
    End,
}

impl Layer for Session {
    fn received(&mut self, way: Way, bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        match way {
            Way::Upstream => self.commands(bytes, now, acts),
            Way::Downstream => self.replies.received(&bytes, now, acts),
        }
    }

    fn ended(&mut self, way: Way, now: Instant, acts: &mut Vec<Act>) {
        match way {
            Way::Upstream => {
                let rest = self.held.take();
                self.send(rest, now, acts);
                self.step(Step::End, 0, now, acts);
            }
            Way::Downstream => acts.push(Act::End(Way::Downstream)),
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        self.line.wake_at()
    }

    fn woken(&mut self, now: Instant, acts: &mut Vec<Act>) {
        while let Some(step) = self.line.pop(now) {
            self.carry_out(step, acts);
        }
        self.replies.settle(now, acts);
    }

    fn wants(&self, way: Way) -> bool {
        way == Way::Downstream || (self.line.held() < LIMIT && self.replies.held() < LIMIT)
    }
}

impl Session {
    fn commands(&mut self, bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        let bytes = self.held.join(bytes);
        let rules = self.book.current();
        // What passes and has not been sent begins at `from`; the command or rest that is read, at `at`.
        let (mut from, mut at) = (0, 0);
        while at < bytes.len() {
            match &mut self.stage {
                Stage::Head => {
                    let rest = &bytes[at..];
                    let reading = self.head.read(rest, |command| wanted(command, &rules, self.client));
                    match reading {
                        Reading::More => break,
                        Reading::Broken => {
                            self.stage = Stage::Raw;
                            continue;
                        }
                        Reading::Nothing(length) => at += length,
                        Reading::Head(length, left) => {
                            let head = std::mem::take(&mut self.head);
                            let command = head.command(rest);
                            let drawn = if rules.is_empty() || self.replies.is_raw() {
                                Drawn::default()
                            } else {
                                Drawn::of(&rules, |rule| {
                                    let about = rule.about(&command, self.client);
                                    matches!(about, About::Yes | About::YesWithKeyAt(_))
                                        .then_some(&rule.share)
                                })
                            };
                            self.ticket = self.book.ticket(drawn.side, now);
                            let fate = match drawn.hit {
                                None => {
                                    self.forwarded(&command, now, acts);
                                    Fate::Pass
                                }
                                Some((rule, drawn)) => {
                                    self.send(bytes.slice(from..at), now, acts);
                                    from = at;
                                    self.hit(rule, drawn, &command, now, acts)
                                }
                            };
                            // Nothing comes for it.
                            self.ticket.take().into_iter().for_each(Ticket::forget);
                            self.head = head;
                            at += length;
                            if fate == Fate::LeaveOut {
                                from = at;
                            }
                            if left > 0 && matches!(self.stage, Stage::Head) {
                                self.stage = Stage::Rest(Frame::several(left), fate);
                            }
                        }
                    }
                    self.head.clear();
                }
                Stage::Rest(rest, fate) => {
                    let fate = *fate;
                    match rest.scan(&bytes[at..]) {
                        Scanned::All => at = bytes.len(),
                        Scanned::End(length) => {
                            at += length;
                            self.stage = Stage::Head;
                        }
                        Scanned::Broken => self.stage = Stage::Raw,
                    }
                    if fate == Fate::LeaveOut {
                        from = at;
                    }
                }
                Stage::Raw => at = bytes.len(),
                Stage::Silent => {
                    at = bytes.len();
                    from = at;
                }
            }
        }
        self.send(bytes.slice(from..at), now, acts);
        self.held.keep(bytes, at);
        self.replies.settle(now, acts);
    }

    /// A command goes to the server: notes what will come for it.
    fn forwarded(&mut self, command: &Command<'_>, now: Instant, acts: &mut Vec<Act>) {
        if let Some(expected) = self.answer(command) {
            self.expect(expected, now, acts);
        }
    }

    /// What a server answers to this command, and what the command changes for those after it.
    fn answer(&mut self, command: &Command<'_>) -> Option<Expected> {
        let special = Special::of(command);
        let answers = self.answers;
        if answers == Answers::SkipNext {
            self.answers = Answers::On;
        }
        let expected = match special {
            Special::Multi => {
                self.transaction = true;
                Expected::Replies(1)
            }
            Special::Exec | Special::Discard => {
                self.transaction = false;
                Expected::Replies(1)
            }
            Special::Subscribe(topic) if command.total() > 1 => {
                Expected::Lines { topic, left: command.total() as u64 - 1 }
            }
            Special::Unsubscribe(topic) if command.total() > 1 => {
                Expected::Lines { topic, left: command.total() as u64 - 1 }
            }
            Special::Unsubscribe(topic) => Expected::AllLines(topic),
            Special::Monitor => Expected::Monitor,
            Special::Reset => {
                self.transaction = false;
                self.answers = Answers::On;
                return Some(Expected::Reset);
            }
            Special::Client if command.is(1, b"reply") && command.total() == 3 => {
                if command.is(2, b"off") {
                    self.answers = Answers::Off;
                    return None;
                }
                if command.is(2, b"skip") && answers != Answers::Off {
                    self.answers = Answers::SkipNext;
                    return None;
                }
                if command.is(2, b"on") {
                    self.answers = Answers::On;
                    return Some(Expected::Replies(1));
                }
                Expected::Replies(1)
            }
            Special::Replication => {
                self.stage = Stage::Raw;
                self.replies.pass_unseen();
                return None;
            }
            _ => Expected::Replies(1),
        };
        (answers == Answers::On).then_some(expected)
    }

    /// A rule hits a command. Says whether its bytes pass.
    fn hit(
        &mut self,
        rule: &Live<Rule>,
        drawn: f64,
        command: &Command<'_>,
        now: Instant,
        acts: &mut Vec<Act>,
    ) -> Fate {
        let pause = rule.rule.pause.drawn(drawn);
        if !pause.is_zero() {
            self.line.not_before(now + pause);
        }
        let effect = &rule.rule.effect;
        acts.push(Act::Hit(Hit { rule: rule.name.clone(), what: what(command), done: done(effect, pause) }));
        match effect {
            Effect::Pass => {
                self.forwarded(command, now, acts);
                Fate::Pass
            }
            Effect::Error(error) => {
                let keys = keys::find(command).keys;
                let key = keys.places().next().and_then(|place| command.arg(place));
                self.refuse(&error.text(key), command, now, acts);
                Fate::LeaveOut
            }
            Effect::Cut(cut) => {
                let answered = self.answer(command).is_some();
                if answered {
                    self.expect(Expected::Cut(*cut), now, acts);
                }
                Fate::Pass
            }
            Effect::Drop(drop) => {
                if self.answers == Answers::On {
                    let expected = match drop {
                        Drop::Hang => Expected::Hang,
                        Drop::Close => Expected::Close,
                    };
                    self.expect(expected, now, acts);
                    self.stage = Stage::Silent;
                } else {
                    self.consume_skip(now, acts);
                }
                Fate::LeaveOut
            }
        }
    }

    /// The server does not get the command and the client gets this error.
    fn refuse(&mut self, error: &str, command: &Command<'_>, now: Instant, acts: &mut Vec<Act>) {
        // So that the server knows: a command without its argument is refused and spoils the transaction.
        const REFUSED: &[u8] = b"*1\r\n$4\r\nECHO\r\n";
        const DISCARD: &[u8] = b"*1\r\n$7\r\nDISCARD\r\n";
        let special = Special::of(command);
        let answered = self.answers == Answers::On;
        let (instead, error) = match special {
            _ if !self.transaction => (None, format!("-{error}\r\n")),
            Special::Exec => {
                self.transaction = false;
                (Some(DISCARD), format!("-EXECABORT Transaction discarded because of: {error}\r\n"))
            }
            Special::Discard | Special::Reset | Special::Multi => (None, format!("-{error}\r\n")),
            _ => (Some(REFUSED), format!("-{error}\r\n")),
        };
        match instead {
            None if answered => self.expect(Expected::Own(error.into()), now, acts),
            None => self.consume_skip(now, acts),
            Some(instead) => {
                if self.answers == Answers::SkipNext {
                    self.answers = Answers::On;
                }
                if answered {
                    self.expect(Expected::Instead(error.into()), now, acts);
                }
                self.send(Bytes::from_static(instead), now, acts);
            }
        }
    }

    /// A command is left out of which the server would have skipped the reply: it must skip another one's.
    fn consume_skip(&mut self, now: Instant, acts: &mut Vec<Act>) {
        if self.answers == Answers::SkipNext {
            self.answers = Answers::On;
            self.send(Bytes::from_static(b"*1\r\n$4\r\nPING\r\n"), now, acts);
        }
    }

    fn expect(&mut self, expected: Expected, now: Instant, acts: &mut Vec<Act>) {
        let ticket = self.ticket.take();
        self.step(Step::Expect(expected, ticket), 0, now, acts);
    }

    fn send(&mut self, bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        if !bytes.is_empty() {
            let length = bytes.len();
            self.step(Step::Send(bytes), length, now, acts);
        }
    }

    fn step(&mut self, step: Step, bytes: usize, now: Instant, acts: &mut Vec<Act>) {
        if let Some(step) = self.line.pass(now, bytes, step) {
            self.carry_out(step, acts);
        }
    }

    fn carry_out(&mut self, step: Step, acts: &mut Vec<Act>) {
        match step {
            Step::Send(bytes) => acts.push(Act::Send(Way::Upstream, bytes)),
            Step::Expect(expected, ticket) => self.replies.expect(expected, ticket),
            Step::End => acts.push(Act::End(Way::Upstream)),
        }
    }
}
