//! What the rules that hit a request make of it, put together.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::attributes::Point;
use super::code;
use super::lane::Pace;
use super::request::{Fields, Request};
use super::rule::{Body, Ending, Rule};
use crate::groups::Side;
use crate::layer::{Act, Hit};
use crate::rulebook::{Live, Rulebook};

/// What is to happen to one exchange. Delays add up; of everything else the first rule that says something is right.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// How long the answer is held.
    pub(crate) delay: Duration,
    pub(crate) ending: Option<Ending>,
    pub(crate) stream_error: u32,
    pub(crate) pace: Option<Pace>,
    pub(crate) body: Option<Body>,
    pub(crate) length: i64,
    /// The rules that hit, for their edits of headers.
    pub(crate) rules: Vec<Arc<Live<Rule>>>,
}

/// What rules make of a request.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    /// `None` when none hits.
    pub(crate) plan: Option<Box<Plan>>,
    /// Its group; `None` when no rule is about it.
    pub(crate) side: Option<Side>,
}

/// Asks all rules about a request. What hits is told.
pub(crate) fn of<F: Fields + ?Sized>(
    book: &Rulebook<Rule>,
    request: &Request<'_, F>,
    acts: &mut Vec<Act>,
) -> Drawn {
    let Drawn { mut plan, mut side } = Drawn::default();
    for live in book.current().iter() {
        if !live.rule.matches(request) {
            continue;
        }
        side.get_or_insert(Side::Spared);
        let Some(chance) = live.strike(&live.rule.share) else { continue };
        side = Some(Side::Hit);
        let done = plan.get_or_insert_default().add(live, chance);
        acts.push(Act::Hit(Hit { rule: live.name.clone(), what: request.words(), done }));
        // An own answer ends the matter: the rules after it would have nothing to act on.
        if plan.as_ref().is_some_and(|plan| plan.keeps_the_request()) {
            break;
        }
    }
    Drawn { plan, side }
}

impl Plan {
    fn add(&mut self, live: &Arc<Live<Rule>>, chance: f64) -> String {
        let rule = &live.rule;
        let mut done = String::new();
        let mut say = |words: std::fmt::Arguments<'_>| {
            let comma = if done.is_empty() { "" } else { ", " };
            let _ = write!(done, "{comma}{words}");
        };
        if !rule.pause.is_none() {
            let delay = rule.pause.drawn(chance);
            self.delay += delay;
            say(format_args!("delayed by {} ms", delay.as_millis()));
        }
        if self.ending.is_none()
            && let Some(ending) = &rule.ending
        {
            match ending {
                Ending::Answer(answer) => say(format_args!("{}", answer.words)),
                Ending::Reset(Point::Request) => say(format_args!("reset before the server saw it")),
                Ending::Reset(Point::Answer) => say(format_args!("reset before the answer")),
                Ending::Reset(Point::Body) => say(format_args!("reset in the body")),
                Ending::Reset(Point::End) => say(format_args!("reset after the body")),
                Ending::Goaway(code) => say(format_args!("sent away with {}", code::http2_name(*code))),
                Ending::Truncate(bytes) => say(format_args!("truncated after {bytes} bytes")),
            }
            self.ending = Some(ending.clone());
            self.stream_error = rule.stream_error;
        }
        if self.pace.is_none()
            && let Some(pace) = rule.pace
        {
            say(format_args!("slowed to {} bytes every {:?}", pace.bytes, pace.every));
            self.pace = Some(pace);
        }
        if self.body.is_none()
            && let Some(body) = &rule.body
        {
            say(format_args!(
                "{}",
                match body {
                    Body::Replace(_) => "body replaced",
                    Body::Corrupt(_) => "body corrupted",
                    Body::MalformedJson => "JSON broken",
                }
            ));
            self.body = Some(body.clone());
        }
        if !rule.request.is_empty() {
            say(format_args!("request headers changed"));
        }
        if !rule.response.is_empty() {
            say(format_args!("answer headers changed"));
        }
        if rule.length != 0 {
            say(format_args!("content length wrong by {}", rule.length));
            self.length += rule.length;
        }
        self.rules.push(Arc::clone(live));
        done
    }

    /// Whether the server never sees the request.
    pub(crate) fn keeps_the_request(&self) -> bool {
        matches!(self.ending, Some(Ending::Answer(_) | Ending::Goaway(_) | Ending::Reset(Point::Request)))
    }

    /// Whether what the client gets is a failure, whatever the server answers: the connection or stream ends too early.
    /// `length`: of the answer's body, where it is known.
    pub(crate) fn breaks_off(&self, length: Option<u64>) -> bool {
        match self.ending {
            Some(Ending::Reset(_) | Ending::Goaway(_)) => true,
            Some(Ending::Truncate(most)) => length.is_none_or(|length| length > most),
            _ => false,
        }
    }

    /// Whether the request's headers are changed.
    pub(crate) fn edits_request(&self) -> bool {
        self.rules.iter().any(|live| !live.rule.request.is_empty())
    }

    /// Whether the answer's headers are changed.
    pub(crate) fn edits_response(&self) -> bool {
        self.length != 0
            || self.replacement().is_some()
            || self.rules.iter().any(|live| !live.rule.response.is_empty())
    }

    /// The body in place of the server's.
    pub(crate) fn replacement(&self) -> Option<&bytes::Bytes> {
        if let Some(Body::Replace(body)) = &self.body { Some(body) } else { None }
    }
}

/// Changes a body while it passes.
#[derive(Debug, Default)]
pub(crate) struct Spoiler {
    seen: u64,
    broken: bool,
}

impl Spoiler {
    /// The next bytes of the body, changed as told; the length stays.
    pub(crate) fn spoil(&mut self, body: &Body, bytes: &[u8]) -> bytes::Bytes {
        let mut out = bytes::BytesMut::from(bytes);
        match body {
            Body::Replace(_) => {}
            Body::Corrupt(every) => {
                let to_next = (every - self.seen % every) % every;
                for byte in out.iter_mut().skip(to_next as usize).step_by(*every as usize) {
                    *byte = !*byte;
                }
            }
            Body::MalformedJson if self.broken => {}
            Body::MalformedJson => {
                if let Some(first) = out.iter_mut().find(|byte| !byte.is_ascii_whitespace()) {
                    *first = b'}';
                    self.broken = true;
                }
            }
        }
        self.seen += bytes.len() as u64;
        out.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corruption_does_not_depend_on_how_the_body_is_cut() {
        let body: Vec<u8> = (0..100).collect();
        let whole = Spoiler::default().spoil(&Body::Corrupt(7), &body);
        let mut spoiler = Spoiler::default();
        let cut: Vec<u8> = body.chunks(3).flat_map(|part| spoiler.spoil(&Body::Corrupt(7), part)).collect();
        assert_eq!(whole, cut);
        for (at, (old, new)) in body.iter().zip(&whole).enumerate() {
            assert_eq!(*new, if at % 7 == 0 { !*old } else { *old }, "byte {at}");
        }
    }

    #[test]
    fn json_is_malformed_whatever_it_begins_with() {
        for json in [&b" {\"a\": 1}"[..], b"[]", b"\n\"x\"", b"0"] {
            let mut spoiler = Spoiler::default();
            let spoilt: Vec<u8> =
                json.chunks(1).flat_map(|part| spoiler.spoil(&Body::MalformedJson, part)).collect();
            assert_eq!(spoilt.len(), json.len());
            assert!(serde_json::from_slice::<serde_json::Value>(&spoilt).is_err(), "{spoilt:?}");
        }
    }
}
