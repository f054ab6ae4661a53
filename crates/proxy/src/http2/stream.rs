//! One stream that a rule hit.

use std::time::Instant;

use bytes::Bytes;

use super::block::Field;
use crate::http::answer::{Answer, bodiless};
use crate::http::attributes::Point;
use crate::http::edit::Edit;
use crate::http::lane::{Lane, Parcel};
use crate::http::plan::{Plan, Spoiler};
use crate::http::rule::Ending;

/// A stream that is followed.
pub(crate) struct Stream {
    pub(crate) plan: Box<Plan>,
    pub(crate) lane: Lane<Piece>,
    /// What left the lane and waits for the client's window.
    pub(crate) blocked: Option<Piece>,
    /// Bytes that the client accepts on this stream.
    pub(crate) window: i64,
    /// Whether the client has sent all of its request.
    pub(crate) asked: bool,
    /// Whether the head of the answer has come.
    pub(crate) headed: bool,
    /// Bytes of the body so far.
    passed: u64,
    cut: Option<u64>,
    spoiler: Spoiler,
}

/// What goes to the client on a stream.
pub(crate) enum Piece {
    Head { fields: Vec<Field>, end: bool },
    Data { bytes: Bytes, end: bool },
    Reset(u32),
    Goaway(u32),
}

impl Parcel for Piece {
    fn size(&self) -> usize {
        if let Self::Data { bytes, .. } = self { bytes.len() } else { 0 }
    }

    fn split(&mut self, size: usize) -> Self {
        match self {
            Self::Data { bytes, .. } => Self::Data { bytes: bytes.split_to(size), end: false },
            // Only data has a size.
            _ => Self::Data { bytes: Bytes::new(), end: false },
        }
    }
}

/// Whether the server's side of the stream goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Server {
    GoesOn,
    /// Nobody wants any more of it.
    Unwanted,
}

impl Stream {
    pub(crate) fn new(plan: Box<Plan>, window: i64, asked: bool) -> Self {
        Self {
            plan,
            lane: Lane::default(),
            blocked: None,
            window,
            asked,
            headed: false,
            passed: 0,
            cut: None,
            spoiler: Spoiler::default(),
        }
    }

    fn put(&mut self, piece: Piece, at: Instant, now: Instant) {
        let pace = if matches!(piece, Piece::Data { .. }) { self.plan.pace } else { None };
        if let Some(piece) = self.lane.offer(piece, at, pace, now) {
            self.blocked = match self.blocked.take() {
                None => Some(piece),
                // Nothing overtakes what is blocked: what goes out at once only does so from an empty lane.
                Some(before) => {
                    self.lane.append(piece, now);
                    Some(before)
                }
            };
        }
    }

    /// What a rule does in place of the server.
    pub(crate) fn own(&mut self, head_only: bool, now: Instant) {
        let at = now + self.plan.delay;
        match self.plan.ending.clone() {
            Some(Ending::Answer(answer)) => {
                let body = if head_only { Bytes::new() } else { answer.body.clone() };
                let end = body.is_empty();
                self.put(Piece::Head { fields: fields_of(&answer), end }, at, now);
                if !end {
                    self.put(Piece::Data { bytes: body, end: true }, at, now);
                }
            }
            Some(Ending::Goaway(code)) => self.put(Piece::Goaway(code), at, now),
            _ => self.put(Piece::Reset(self.plan.stream_error), at, now),
        }
    }

    /// The server's headers: an interim answer, the answer's head, or trailers.
    pub(crate) fn headers(&mut self, mut fields: Vec<Field>, end: bool, now: Instant) -> Server {
        let status =
            value(&fields, b":status").and_then(|value| std::str::from_utf8(value).ok()?.parse::<u16>().ok());
        match status {
            Some(100..=199) => {
                self.put(Piece::Head { fields, end: false }, now, now);
                return Server::GoesOn;
            }
            Some(_) if !self.headed => {}
            _ => return self.trailers(fields, now),
        }
        self.headed = true;
        let at = now + self.plan.delay;
        let reset = Piece::Reset(self.plan.stream_error);
        let ending = match &self.plan.ending {
            Some(Ending::Reset(point)) => Some(*point),
            _ => None,
        };
        if ending == Some(Point::Answer) {
            self.put(reset, at, now);
            return Server::Unwanted;
        }
        for live in &self.plan.rules {
            edit(&live.rule.response, &mut fields);
        }
        let length = length(&fields);
        if let (Some(length), true) = (length, self.plan.length != 0) {
            set(&mut fields, b"content-length", &length.saturating_add_signed(self.plan.length).to_string());
        }
        if end {
            let resets = matches!(ending, Some(Point::Body | Point::End));
            self.put(Piece::Head { fields, end: !resets }, at, now);
            if resets {
                self.put(reset, at, now);
            }
            return Server::GoesOn;
        }
        if let Some(body) = self.plan.replacement().cloned() {
            fields.retain(|(name, _)| name != b"content-encoding");
            set(&mut fields, b"content-length", &body.len().to_string());
            let resets = ending.is_some();
            let end = body.is_empty() && !resets;
            self.put(Piece::Head { fields, end }, at, now);
            if !end {
                self.put(Piece::Data { bytes: body, end: !resets }, at, now);
            }
            if resets {
                self.put(reset, at, now);
            }
            return Server::Unwanted;
        }
        self.cut = match (&self.plan.ending, length) {
            (Some(Ending::Truncate(bytes)), _) => Some(*bytes),
            (Some(Ending::Reset(Point::Body)), Some(length)) => Some(length / 2),
            _ => None,
        };
        self.put(Piece::Head { fields, end: false }, at, now);
        Server::GoesOn
    }

    fn trailers(&mut self, fields: Vec<Field>, now: Instant) -> Server {
        let piece = match &self.plan.ending {
            Some(Ending::Reset(_)) => Piece::Reset(self.plan.stream_error),
            _ => Piece::Head { fields, end: true },
        };
        self.put(piece, now, now);
        Server::GoesOn
    }

    /// The server's data.
    pub(crate) fn data(&mut self, mut bytes: Bytes, end: bool, now: Instant) -> Server {
        let resets = matches!(self.plan.ending, Some(Ending::Reset(_)));
        let first_piece = matches!(self.plan.ending, Some(Ending::Reset(Point::Body)))
            && self.cut.is_none()
            && !bytes.is_empty();
        let cut = self.cut.is_some_and(|most| self.passed + bytes.len() as u64 > most);
        if let (true, Some(most)) = (cut, self.cut) {
            bytes.truncate((most - self.passed) as usize);
        }
        self.passed += bytes.len() as u64;
        if let Some(body) = &self.plan.body {
            bytes = self.spoiler.spoil(body, &bytes);
        }
        let over = end || cut || first_piece;
        self.put(Piece::Data { bytes, end: over && !resets }, now, now);
        if over && resets {
            self.put(Piece::Reset(self.plan.stream_error), now, now);
        }
        if over && !end { Server::Unwanted } else { Server::GoesOn }
    }

    /// The server has reset the stream.
    pub(crate) fn reset(&mut self, code: u32, now: Instant) {
        self.put(Piece::Reset(code), now, now);
    }

    /// The next piece whose time has come.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Piece> {
        self.blocked.take().or_else(|| self.lane.pop(now))
    }

    /// Whether nothing waits to go to the client.
    pub(crate) fn is_idle(&self) -> bool {
        self.blocked.is_none() && self.lane.is_empty()
    }

    /// Bytes that wait.
    pub(crate) fn held(&self) -> usize {
        self.lane.held() + self.blocked.as_ref().map_or(0, Parcel::size)
    }
}

/// The value of the first field of a name.
pub(crate) fn value<'a>(fields: &'a [Field], name: &[u8]) -> Option<&'a [u8]> {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| &value[..])
}

/// The content length, where one is said.
pub(crate) fn length(fields: &[Field]) -> Option<u64> {
    value(fields, b"content-length").and_then(|value| std::str::from_utf8(value).ok()?.parse().ok())
}

fn set(fields: &mut Vec<Field>, name: &[u8], value: &str) {
    fields.retain(|(key, _)| key != name);
    fields.push((name.to_vec(), value.as_bytes().to_vec()));
}

/// Changes the headers; pseudo-headers (`:path`) are none and stay.
pub(crate) fn edit(edit: &Edit, fields: &mut Vec<Field>) {
    fields.retain(|(name, _)| name.starts_with(b":") || !edit.drops(name));
    fields.extend(edit.set.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())));
}

fn fields_of(answer: &Answer) -> Vec<Field> {
    let mut fields = vec![(b":status".to_vec(), answer.status.to_string().into_bytes())];
    fields.extend(
        answer.headers.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes())),
    );
    let trailers_only = value(&fields, b"grpc-status").is_some();
    if !trailers_only && !bodiless(answer.status) {
        set(&mut fields, b"content-length", &answer.body.len().to_string());
    }
    fields
}
