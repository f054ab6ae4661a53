//! One connection.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::answers::{Answers, Refusal, parameter};
use super::error::ErrorReply;
use super::kind::{Kind, Kinds};
use super::message::{Header, LONGEST, header, message, text};
use super::rule::{Cut, Effect, Rule, Who};
use super::startup::{Startup, startup};
use super::statement::{Named, Statement};
use crate::delay_line::DelayLine;
use crate::groups::Ticket;
use crate::layer::{Act, Hit, LIMIT, Layer, Way};
use crate::remainder::Remainder;
use crate::rulebook::{Drawn, Live, Rulebook};

/// What a connection of this client (`None` for a Unix socket) sees of these rules.
pub fn session(book: Rulebook<Rule>, client: Option<IpAddr>) -> Box<dyn Layer> {
    Box::new(Session {
        book,
        who: Who { client, ..Who::default() },
        stage: Stage::Startup,
        held: Remainder::default(),
        prepared: Named::default(),
        portals: Named::default(),
        line: DelayLine::default(),
        answers: Answers::new(),
    })
}

struct Session {
    book: Rulebook<Rule>,
    who: Who,
    stage: Stage,
    /// The part of a message that has come.
    held: Remainder,
    prepared: Named,
    portals: Named,
    line: DelayLine<Step>,
    answers: Answers,
}

/// Where the client's bytes stand.
#[derive(Clone, Copy)]
enum Stage {
    /// Before the session: messages without a type.
    Startup,
    /// At the start of a message.
    Message,
    /// So many bytes of a message are still to come.
    Rest(u64, Fate),
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

/// What is done in its turn.
enum Step {
    Send(Bytes),
    Refused(Refusal),
    AskedForReady,
    Watch(Ticket),
    /// The session ends with this error before it has begun.
    End(Bytes),
    SlowRows(Duration),
    CutReply,
    Reset,
    HalfClose,
}

impl Layer for Session {
    fn received(&mut self, way: Way, bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        if way == Way::Upstream {
            self.messages(bytes, now, acts);
        } else if self.answers.received(bytes, now, acts) {
            self.blind("the server agreed to encryption: rules cannot look inside", acts);
        }
    }

    fn ended(&mut self, way: Way, now: Instant, acts: &mut Vec<Act>) {
        match way {
            Way::Upstream => {
                let rest = self.held.take();
                self.send(rest, now, acts);
                self.step(Step::HalfClose, 0, now, acts);
            }
            Way::Downstream => self.answers.ended(now, acts),
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        self.line.wake_at().into_iter().chain(self.answers.wake_at()).min()
    }

    fn woken(&mut self, now: Instant, acts: &mut Vec<Act>) {
        while let Some(step) = self.line.pop(now) {
            self.carry_out(step, now, acts);
        }
        self.answers.woken(now, acts);
    }

    fn wants(&self, way: Way) -> bool {
        match way {
            Way::Upstream => self.line.held() < LIMIT,
            Way::Downstream => self.answers.wants(),
        }
    }
}

impl Session {
    fn messages(&mut self, bytes: Bytes, now: Instant, acts: &mut Vec<Act>) {
        let bytes = self.held.join(bytes);
        let rules = self.book.current();
        // What passes and has not been sent begins at `from`.
        let (mut from, mut at) = (0, 0);
        while at < bytes.len() {
            let rest = &bytes[at..];
            let (length, fate) = match self.stage {
                Stage::Raw => (rest.len() as u64, Fate::Pass),
                Stage::Silent => (rest.len() as u64, Fate::LeaveOut),
                Stage::Rest(left, fate) => (left, fate),
                Stage::Startup => match startup(rest) {
                    Startup::More => break,
                    Startup::Foreign => {
                        self.blind("this is not PostgreSQL's protocol in plain", acts);
                        continue;
                    }
                    Startup::Encryption(_) => {
                        self.answers.asked_for_encryption();
                        at += 8;
                        continue;
                    }
                    Startup::Cancel(length) => {
                        self.stage = Stage::Raw;
                        (length, Fate::Pass)
                    }
                    Startup::Session(length) => {
                        let parameters = &rest[8..length as usize];
                        self.who.user = parameter(parameters, b"user").unwrap_or_default().to_vec();
                        let database = parameter(parameters, b"database").unwrap_or(&self.who.user);
                        self.who.database = database.to_vec();
                        self.send(bytes.slice(from..at), now, acts);
                        from = at;
                        self.stage = Stage::Message;
                        let fate = self.judge(&rules, &Statement::connect(), None, now, acts);
                        self.step(Step::AskedForReady, 0, now, acts);
                        (length, fate)
                    }
                },
                Stage::Message => {
                    let (kind, length) = match header(rest) {
                        Header::More => break,
                        Header::Foreign => {
                            self.blind("this is not PostgreSQL's protocol", acts);
                            continue;
                        }
                        Header::Of(kind, length) => (kind, length),
                    };
                    let most = length.min(LONGEST as u64) as usize;
                    let complete = rest.len() >= most;
                    let body = &rest[5..rest.len().min(most)];
                    // What must be known of it is there, or will not be.
                    let fate = match kind {
                        b'Q' | b'E' if !complete => break,
                        b'P' | b'B' if !complete && text(body).and_then(|(_, rest)| text(rest)).is_none() => {
                            break;
                        }
                        b'P' => {
                            if let Some((name, sql)) = text(body) {
                                let sql = text(sql).map_or(sql, |(sql, _)| sql);
                                self.prepared.set(name, Arc::new(Statement::of(sql)));
                            }
                            Fate::Pass
                        }
                        b'B' => {
                            let names = text(body).and_then(|(portal, rest)| Some((portal, text(rest)?.0)));
                            match names.map(|(portal, name)| (portal, self.prepared.get(name))) {
                                Some((portal, Some(statement))) => self.portals.set(portal, statement),
                                Some((portal, None)) => self.portals.forget(portal),
                                None => {}
                            }
                            Fate::Pass
                        }
                        b'Q' | b'E' if !rules.is_empty() && !self.answers.is_raw() => {
                            let named = text(body).map_or(body, |(text, _)| text);
                            let statement = match kind {
                                b'Q' => Some(Arc::new(Statement::of(named))),
                                _ => self.portals.get(named),
                            };
                            match statement {
                                None => Fate::Pass,
                                Some(statement) => {
                                    self.send(bytes.slice(from..at), now, acts);
                                    from = at;
                                    self.judge(&rules, &statement, Some(kind), now, acts)
                                }
                            }
                        }
                        _ => Fate::Pass,
                    };
                    if matches!(kind, b'Q' | b'S' | b'F') && !matches!(self.stage, Stage::Silent) {
                        self.step(Step::AskedForReady, 0, now, acts);
                    }
                    (length, fate)
                }
            };
            let here = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
            at += here;
            if fate == Fate::LeaveOut {
                from = at;
            }
            match (self.stage, length - here as u64) {
                (Stage::Raw | Stage::Silent | Stage::Startup, _) => {}
                (_, 0) => self.stage = Stage::Message,
                (_, left) => self.stage = Stage::Rest(left, fate),
            }
        }
        self.send(bytes.slice(from..at), now, acts);
        self.held.keep(bytes, at);
    }

    /// From here on nothing can be looked at; where there are rules somebody wants to know.
    fn blind(&mut self, why: &str, acts: &mut Vec<Act>) {
        self.stage = Stage::Raw;
        self.answers.pass_unseen();
        if !self.book.current().is_empty() {
            acts.push(Act::Hit(Hit::unseen(why)));
        }
    }

    /// Applies the first rule that hits. `kind` is the type of the message; `None` at the start of the session.
    fn judge(
        &mut self,
        rules: &[Arc<Live<Rule>>],
        statement: &Statement,
        kind: Option<u8>,
        now: Instant,
        acts: &mut Vec<Act>,
    ) -> Fate {
        let drawn = Drawn::of(rules, |rule| rule.is_about(statement, &self.who).then_some(&rule.share));
        let ticket = self.book.ticket(drawn.side, now);
        let Some((rule, drawn)) = drawn.hit else {
            self.watch(ticket, now, acts);
            return Fate::Pass;
        };
        let pause = rule.rule.pause.drawn(drawn);
        if !pause.is_zero() {
            self.line.not_before(now + pause);
        }
        let done = done(&rule.rule, pause);
        acts.push(Act::Hit(Hit { rule: rule.name.clone(), what: statement.word.clone(), done }));
        self.watch(ticket, now, acts);
        match &rule.rule.effect {
            Effect::Pass => {
                if !rule.rule.row_delay.is_zero() {
                    self.step(Step::SlowRows(rule.rule.row_delay), 0, now, acts);
                }
                Fate::Pass
            }
            Effect::Cut(Cut::Reply) => {
                self.step(Step::CutReply, 0, now, acts);
                Fate::Pass
            }
            Effect::Cut(Cut::Before) => {
                self.step(Step::Reset, 0, now, acts);
                self.stage = Stage::Silent;
                Fate::LeaveOut
            }
            Effect::Error(error) => {
                match kind {
                    None => {
                        self.step(Step::End(error.bytes(true)), 0, now, acts);
                        self.stage = Stage::Silent;
                    }
                    Some(kind) => self.refuse(error, kind, statement.kinds, now, acts),
                }
                Fate::LeaveOut
            }
        }
    }

    fn watch(&mut self, ticket: Option<Ticket>, now: Instant, acts: &mut Vec<Act>) {
        if let Some(ticket) = ticket {
            self.step(Step::Watch(ticket), 0, now, acts);
        }
    }

    /// Sends the server something to refuse in the place of a statement.
    fn refuse(&mut self, error: &ErrorReply, kind: u8, kinds: Kinds, now: Instant, acts: &mut Vec<Act>) {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        // The last one is marked, so that no token begins another.
        let token = format!("squall_fault_{}_", NUMBER.fetch_add(1, Ordering::Relaxed));
        let name = token.as_bytes();
        let commit = kinds.only(Kind::Commit);
        let (bytes, before): (Vec<u8>, &'static [u8]) = match (kind, commit) {
            // A column that does not exist is noticed when the statement is analysed, after the one before it.
            (b'Q', true) => (message(b'Q', &[b"ROLLBACK; SELECT ", name, b"\0"]), b"C"),
            (b'Q', false) => (message(b'Q', &[name, b"\0"]), b""),
            (_, false) => (message(b'E', &[name, b"\0\0\0\0\0"]), b""),
            (_, true) => {
                let messages = [
                    message(b'P', &[name, b"\0ROLLBACK\0\0\0"]),
                    message(b'B', &[name, b"\0", name, b"\0\0\0\0\0\0\0"]),
                    message(b'E', &[name, b"\0\0\0\0\0"]),
                    message(b'C', &[b"S", name, b"\0"]),
                    message(b'E', &[name, b"none\0\0\0\0\0"]),
                ];
                (messages.concat(), b"12C3")
            }
        };
        let refusal = Refusal { token, error: error.bytes(false), fatal: error.is_fatal(), before };
        self.step(Step::Refused(refusal), 0, now, acts);
        self.send(bytes.into(), now, acts);
        // In the extended protocol an earlier error may make the server skip this one, and the session goes on.
        if error.is_fatal() && kind == b'Q' {
            self.stage = Stage::Silent;
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
            self.carry_out(step, now, acts);
        }
    }

    fn carry_out(&mut self, step: Step, now: Instant, acts: &mut Vec<Act>) {
        match step {
            Step::Send(bytes) => acts.push(Act::Send(Way::Upstream, bytes)),
            Step::Refused(refusal) => self.answers.refused(refusal),
            Step::AskedForReady => self.answers.asked_for_ready(),
            Step::Watch(ticket) => self.answers.watch(ticket),
            Step::End(error) => self.answers.end_with(error, now, acts),
            Step::SlowRows(delay) => self.answers.slow_rows(delay),
            Step::CutReply => self.answers.cut_next(),
            Step::Reset => acts.push(Act::Reset),
            Step::HalfClose => acts.push(Act::End(Way::Upstream)),
        }
    }
}

fn done(rule: &Rule, pause: Duration) -> String {
    let delayed = (!pause.is_zero()).then(|| format!("delayed by {} ms", pause.as_millis()));
    let rows = (!rule.row_delay.is_zero()).then(|| format!("rows {} ms apart", rule.row_delay.as_millis()));
    let effect = match &rule.effect {
        Effect::Pass => None,
        Effect::Error(error) => Some(format!("answered {}", error.sqlstate)),
        Effect::Cut(Cut::Before) => Some("connection reset before it".to_owned()),
        Effect::Cut(Cut::Reply) => Some("connection reset at its reply".to_owned()),
    };
    delayed.into_iter().chain(rows).chain(effect).collect::<Vec<_>>().join(", ")
}
