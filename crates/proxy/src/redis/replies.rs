//! The server's replies, counted against the commands, and our own in their place.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::frame::{Frame, Scanned};
use super::rule::{Cut, CutWith};
use super::tickets::Tickets;
use crate::groups::Ticket;
use crate::layer::{Act, Way};

/// What comes for one command, or for several that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// So many replies.
    Replies(u64),
    /// A line for each channel that is subscribed or left.
    Lines { topic: Topic, left: u64 },
    /// A line for each channel there is, or one where there is none.
    AllLines(Topic),
    /// The reply to `MONITOR`, after which there are lines without a command.
    Monitor,
    /// The reply to `RESET`.
    Reset,
    /// Nothing of the server: these bytes of ours.
    Own(Bytes),
    /// One line of the server, for which these bytes of ours stand.
    Instead(Bytes),
    /// One reply, which is cut.
    Cut(Cut),
    /// Nothing any more.
    Hang,
    /// The end of the connection.
    Close,
}

impl Expected {
    /// Whether the server has no part in it.
    fn is_ours(&self) -> bool {
        matches!(self, Self::Own(_) | Self::Hang | Self::Close)
    }
}

/// What is subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Channels,
    Patterns,
    Shards,
}

/// What is done with the frame that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Pass,
    Swallow,
    /// So many bytes may still pass.
    Cut(u64, CutWith),
}

/// How the replies go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Counting,
    /// Everything passes unseen.
    Raw,
    /// Nothing passes.
    Silent,
}

#[derive(Debug)]
pub(super) struct Replies {
    expected: VecDeque<Expected>,
    tickets: Tickets,
    /// What the entries and their bytes cost.
    held: usize,
    frame: Frame,
    fate: Fate,
    mood: Mood,
    /// How many channels, patterns and shard channels are subscribed to.
    subscribed: [i64; 3],
    /// Whether subscriptions come as lists (RESP2), which look like replies.
    as_lists: bool,
    monitoring: bool,
}

impl Replies {
    /// What an entry costs apart from its bytes.
    const ENTRY: usize = size_of::<Expected>();

    pub(super) fn new() -> Self {
        Self {
            expected: VecDeque::new(),
            tickets: Tickets::default(),
            held: 0,
            frame: Frame::one(),
            fate: Fate::Pass,
            mood: Mood::Counting,
            subscribed: [0; 3],
            as_lists: false,
            monitoring: false,
        }
    }

    /// The bytes held, with what holding them costs.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Whether replies can no longer be counted, so that none can be given in their place.
    pub(super) fn is_raw(&self) -> bool {
        self.mood == Mood::Raw
    }

    /// Nothing is looked at any more.
    pub(super) fn pass_unseen(&mut self) {
        self.mood = Mood::Raw;
        self.expected.clear();
        self.tickets.forget();
        self.held = 0;
    }

    /// A command went to the server, or was answered by us.
    pub(super) fn expect(&mut self, expected: Expected, ticket: Option<Ticket>) {
        if self.is_raw() && !expected.is_ours() {
            ticket.into_iter().for_each(Ticket::forget);
            return;
        }
        self.tickets.asked(ticket);
        if let (Some(Expected::Replies(before)), Expected::Replies(more)) =
            (self.expected.back_mut(), &expected)
        {
            *before += more;
            return;
        }
        self.held += Self::cost(&expected);
        self.expected.push_back(expected);
    }

    fn cost(expected: &Expected) -> usize {
        match expected {
            Expected::Own(bytes) | Expected::Instead(bytes) => bytes.len() + Self::ENTRY,
            _ => Self::ENTRY,
        }
    }

    fn pop(&mut self) -> Option<Expected> {
        let expected = self.expected.pop_front()?;
        self.held -= Self::cost(&expected);
        Some(expected)
    }

    /// Gives what is ours and whose turn it is.
    pub(super) fn settle(&mut self, now: Instant, acts: &mut Vec<Act>) {
        if self.mood == Mood::Silent || !(self.frame.is_new() || self.is_raw()) {
            return;
        }
        while self.ours_is_next() {
            match self.pop() {
                Some(Expected::Own(bytes)) => {
                    self.tickets.answered(now, bytes.starts_with(b"-"));
                    acts.push(Act::Send(Way::Downstream, bytes));
                }
                Some(Expected::Close) => {
                    self.tickets.lost();
                    self.mood = Mood::Silent;
                    acts.push(Act::Close);
                    return;
                }
                _ => {
                    self.tickets.lost();
                    self.mood = Mood::Silent;
                    return;
                }
            }
        }
    }

    /// Bytes of the server.
    pub(super) fn received(&mut self, bytes: &Bytes, now: Instant, acts: &mut Vec<Act>) {
        // What passes and has not been sent.
        let mut from = 0;
        let mut at = 0;
        let send = |from: usize, upto: usize, acts: &mut Vec<Act>| {
            if upto > from {
                acts.push(Act::Send(Way::Downstream, bytes.slice(from..upto)));
            }
        };
        while at < bytes.len() {
            match self.mood {
                Mood::Counting => {}
                Mood::Silent => return,
                Mood::Raw => break,
            }
            if self.frame.is_new() {
                self.fate = self.fate(bytes[at]);
            }
            let scanned = self.frame.scan(&bytes[at..]);
            let upto = match scanned {
                Scanned::All => bytes.len(),
                Scanned::End(read) => at + read,
                Scanned::Broken => {
                    self.mood = Mood::Raw;
                    self.expected.retain(Expected::is_ours);
                    self.tickets.forget();
                    self.held = self.expected.iter().map(Self::cost).sum();
                    break;
                }
            };
            let ended = upto < bytes.len() || matches!(scanned, Scanned::End(_));
            match &mut self.fate {
                Fate::Pass => {}
                Fate::Swallow => {
                    send(from, at, acts);
                    from = upto;
                }
                Fate::Cut(left, with) => {
                    // Of a reply that is shorter the last byte is missing.
                    let may = if ended { upto - at - 1 } else { upto - at };
                    let pass = may.min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= pass as u64;
                    if ended || pass < upto - at {
                        send(from, at + pass, acts);
                        acts.push(match with {
                            CutWith::Close => Act::Close,
                            CutWith::Reset => Act::Reset,
                        });
                        self.mood = Mood::Silent;
                        return;
                    }
                }
            }
            at = upto;
            if ended {
                let own = self.ended(now);
                self.frame = Frame::one();
                if own.is_some() || self.ours_is_next() {
                    send(from, at, acts);
                    from = at;
                    acts.extend(own.map(|own| Act::Send(Way::Downstream, own)));
                    self.settle(now, acts);
                }
            }
        }
        send(from, bytes.len(), acts);
        if self.is_raw() {
            self.settle(now, acts);
        }
    }

    fn ours_is_next(&self) -> bool {
        self.expected.front().is_some_and(Expected::is_ours)
    }

    /// What is done with a frame that begins with this byte.
    fn fate(&self, first: u8) -> Fate {
        match self.expected.front() {
            Some(Expected::Instead(_)) if matches!(first, b'-' | b'+') => Fate::Swallow,
            Some(Expected::Cut(cut)) if first != b'>' => Fate::Cut(cut.after, cut.with),
            _ => Fate::Pass,
        }
    }

    /// A frame has ended: whose was it? Gives the bytes that stand for it.
    fn ended(&mut self, now: Instant) -> Option<Bytes> {
        if self.fate == Fate::Swallow {
            self.tickets.answered(now, true);
            return match self.pop() {
                Some(Expected::Instead(bytes)) => Some(bytes),
                _ => None,
            };
        }
        let kind = self.frame.kind();
        let subscribed = self.subscribed.iter().any(|count| *count > 0);
        let in_list = kind == b'*' && (subscribed && self.as_lists);
        if kind == b'>' || in_list || (kind == b'*' && self.lines_are_next()) {
            if let Some((topic, count)) = self.subscription() {
                self.as_lists = kind == b'*';
                self.subscribed[topic as usize] = count;
                self.line(topic, count, now);
                return None;
            }
            if kind == b'>' || matches!(self.frame.word(), b"message" | b"pmessage" | b"smessage") {
                return None;
            }
        }
        if self.monitoring && kind == b'+' && self.frame.word().first().is_some_and(u8::is_ascii_digit) {
            return None;
        }
        if !self.expected.is_empty() {
            self.tickets.answered(now, matches!(kind, b'-' | b'!'));
        }
        match self.expected.front_mut() {
            Some(Expected::Replies(left)) if *left > 1 => *left -= 1,
            Some(Expected::Monitor) => {
                self.monitoring |= kind == b'+';
                self.pop();
            }
            Some(Expected::Reset) => {
                if kind == b'+' {
                    self.monitoring = false;
                    self.subscribed = [0; 3];
                }
                self.pop();
            }
            // An error, or QUEUED, stands for all the lines.
            Some(_) => {
                self.pop();
            }
            None => {}
        }
        None
    }

    fn lines_are_next(&self) -> bool {
        matches!(self.expected.front(), Some(Expected::Lines { .. } | Expected::AllLines(_)))
    }

    /// What the frame says about subscriptions, where it does, and how many of the kind there are now.
    fn subscription(&self) -> Option<(Topic, i64)> {
        let [channels, patterns, _] = self.subscribed;
        // Redis counts channels and patterns together, and shard channels apart.
        let (topic, others) = match self.frame.word() {
            b"subscribe" | b"unsubscribe" => (Topic::Channels, patterns),
            b"psubscribe" | b"punsubscribe" => (Topic::Patterns, channels),
            b"ssubscribe" | b"sunsubscribe" => (Topic::Shards, 0),
            _ => return None,
        };
        Some((topic, (self.frame.number() - others).max(0)))
    }

    /// A line about subscriptions has come, after which there are so many of them.
    fn line(&mut self, about: Topic, count: i64, now: Instant) {
        let complete = match self.expected.front_mut() {
            Some(Expected::Lines { topic, left }) if *topic == about => {
                *left -= 1;
                *left == 0
            }
            Some(Expected::AllLines(topic)) => *topic == about && count == 0,
            _ => false,
        };
        if complete {
            self.tickets.answered(now, false);
            self.pop();
        }
    }
}
