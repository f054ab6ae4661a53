//! One request and what answers it.

use std::time::Instant;

use bytes::Bytes;

use super::answer::bodiless;
use super::attributes::Point;
use super::body::Framing;
use super::head::Rewrite;
use super::plan::{Plan, Spoiler};
use super::rule::{Body, Ending};
use crate::groups::Ticket;
use crate::layer::{Act, Way};
use crate::websocket::Asked;

/// A request whose answer is due, in the order of the requests.
pub(crate) enum Exchange {
    /// The server has it.
    Server(Asking),
    /// A rule answers it.
    Own(Own),
}

/// A request that the server has.
pub(crate) struct Asking {
    pub(crate) plan: Option<Box<Plan>>,
    /// Its place in a group, until the head of its answer.
    pub(crate) ticket: Option<Ticket>,
    /// What its answer can be besides an ordinary one.
    pub(crate) special: Special,
}

/// What the answer to a request can be.
pub(crate) enum Special {
    Nothing,
    /// HEAD: no body, whatever the headers say.
    Head,
    /// CONNECT: after a 2xx it is no HTTP any more.
    Connect,
    /// An upgrade was asked for; the path and so on where it is to WebSocket.
    Upgrade(Option<Box<Asked>>),
}

/// An answer of a rule's own.
pub(crate) struct Own {
    /// Head and body; none when the connection ends without an answer.
    pub(crate) bytes: Vec<Bytes>,
    pub(crate) at: Instant,
    /// What follows it.
    pub(crate) then: Option<Act>,
}

/// An answer of the server that passes.
pub(crate) struct Answering {
    pub(crate) framing: Framing,
    pub(crate) plan: Option<Box<Plan>>,
    /// Bytes of the body so far.
    pub(crate) passed: u64,
    /// Where it is cut off.
    pub(crate) cut: Option<Cut>,
    pub(crate) spoiler: Spoiler,
    /// The server's body goes nowhere: another one went out in its place.
    pub(crate) replaced: bool,
    /// What follows the whole answer.
    pub(crate) then: Option<Act>,
}

/// Where a body is cut off, and what follows.
#[derive(Clone, Debug)]
pub(crate) enum Cut {
    /// Before more than these bytes of it have passed.
    After(u64, Act),
    /// After its first piece.
    FirstPiece(Act),
}

/// The answer in place of the server's, or the end of the connection.
pub(crate) fn own(plan: &Plan, head_only: bool, closes: bool, now: Instant) -> Own {
    let at = now + plan.delay;
    match &plan.ending {
        Some(Ending::Answer(answer)) => {
            let body = if head_only { Bytes::new() } else { answer.body.clone() };
            let then = closes.then_some(Act::End(Way::Downstream));
            Own { bytes: vec![answer.head(closes), body], at, then }
        }
        Some(Ending::Reset(_)) => Own { bytes: Vec::new(), at, then: Some(Act::Reset) },
        _ => Own { bytes: Vec::new(), at, then: Some(Act::Close) },
    }
}

/// The server's head with the changes of a plan.
pub(crate) fn rewritten(plan: &Plan, head: &[u8], status: u16, length: Option<u64>) -> Bytes {
    // Where there is no body, none takes its place, and a length would promise one (RFC 9110, section 8.6).
    let (length, remove): (_, &[&str]) = match plan.replacement().filter(|_| !bodiless(status)) {
        Some(body) => (Some(body.len() as u64), &["content-encoding"]),
        None if plan.length == 0 => (None, &[]),
        None => (length.map(|length| length.saturating_add_signed(plan.length)), &[]),
    };
    let edits = plan.rules.iter().map(|live| &live.rule.response).collect();
    Rewrite { edits, length, remove }.of(head)
}

/// How an answer passes by its plan; `empty`: it has no body, whatever its headers say.
pub(crate) fn answering(
    framing: Framing,
    plan: Option<Box<Plan>>,
    empty: bool,
    length: Option<u64>,
) -> Answering {
    let mut answering = Answering {
        framing,
        plan,
        passed: 0,
        cut: None,
        spoiler: Spoiler::default(),
        replaced: false,
        then: None,
    };
    let Some(plan) = &answering.plan else { return answering };
    answering.replaced = matches!(plan.body, Some(Body::Replace(_)));
    if plan.length != 0 && length.is_some() && !empty {
        // Whoever counts on the length is out of step afterwards.
        answering.then = Some(Act::Close);
    }
    match (&plan.ending, &answering.framing) {
        (Some(Ending::Reset(Point::End)), _) | (Some(Ending::Reset(Point::Body)), Framing::Length(0)) => {
            answering.then = Some(Act::Reset);
        }
        (Some(Ending::Reset(Point::Body)), Framing::Length(length)) => {
            answering.cut = Some(Cut::After(length / 2, Act::Reset));
        }
        (Some(Ending::Reset(Point::Body)), _) => answering.cut = Some(Cut::FirstPiece(Act::Reset)),
        (Some(Ending::Truncate(bytes)), _) => answering.cut = Some(Cut::After(*bytes, Act::Close)),
        _ => {}
    }
    answering
}
