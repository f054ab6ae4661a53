//! Words of faults on traffic.

use serde_json::{Value, json};
use squall_model::traffic::Protocol;

use super::{word, words};
use crate::node::Node;
use crate::notes::Notes;
use crate::shape::Shape;

/// Which way traffic goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Upstream,
    Downstream,
    Both,
}

/// How a jitter is spread around its delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Distribution {
    Uniform,
    Normal,
    Pareto,
}

/// What becomes of the connection of a command that is swallowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drop {
    Hang,
    Close,
}

/// When the connection of a statement is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CutPoint {
    Before,
    Reply,
}

/// How the connection of a WebSocket breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disconnect {
    Close,
    Reset,
}

/// When a reset comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResetPoint {
    Request,
    Answer,
    Body,
    End,
}

/// How a handshake of TLS is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refuse {
    Close,
    Reset,
    Alert,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certificate {
    None,
    Expired,
    NotYetValid,
    WrongHost,
    SelfSigned,
    UnknownIssuer,
}

words! {
    Refuse, "a way to refuse a handshake", {
        "close" => Refuse::Close, "reset" => Refuse::Reset, "alert" => Refuse::Alert,
    }
    Certificate, "a flaw of a certificate", {
        "none" => Certificate::None, "expired" => Certificate::Expired, "not-yet-valid" => Certificate::NotYetValid,
        "wrong-host" => Certificate::WrongHost, "self-signed" => Certificate::SelfSigned,
        "unknown-issuer" => Certificate::UnknownIssuer,
    }
    Protocol, "a protocol", {
        "tcp" => Protocol::Tcp, "udp" => Protocol::Udp, "http" => Protocol::Http, "websocket" => Protocol::Websocket, "redis" => Protocol::Redis,
        "postgres" => Protocol::Postgres,
    }
    Distribution, "a distribution", {
        "uniform" => Distribution::Uniform, "normal" => Distribution::Normal, "pareto" => Distribution::Pareto,
    }
    Stream, "a direction", {
        "upstream" => Stream::Upstream, "downstream" => Stream::Downstream, "both" => Stream::Both,
    }
    Drop, "a way to swallow a command", { "hang" => Drop::Hang, "close" => Drop::Close }
    ResetPoint, "a moment of a request", {
        "request" => ResetPoint::Request, "answer" => ResetPoint::Answer, "body" => ResetPoint::Body, "end" => ResetPoint::End,
    }
    CutPoint, "a moment of a statement", { "before" => CutPoint::Before, "reply" => CutPoint::Reply }
    Disconnect, "a way to break a connection", { "close" => Disconnect::Close, "reset" => Disconnect::Reset }
}

impl Stream {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
            Self::Both => "both",
        }
    }
}

impl Distribution {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Normal => "normal",
            Self::Pareto => "pareto",
        }
    }
}

impl Drop {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hang => "hang",
            Self::Close => "close",
        }
    }
}

impl ResetPoint {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Answer => "answer",
            Self::Body => "body",
            Self::End => "end",
        }
    }
}

impl std::fmt::Display for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Both => "both ways",
            one => one.name(),
        })
    }
}

impl CutPoint {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Reply => "reply",
        }
    }
}

impl Disconnect {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Reset => "reset",
        }
    }
}

impl Refuse {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Reset => "reset",
            Self::Alert => "alert",
        }
    }
}

impl Certificate {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::WrongHost => "wrong-host",
            Self::SelfSigned => "self-signed",
            Self::UnknownIssuer => "unknown-issuer",
        }
    }
}
