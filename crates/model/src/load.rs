//! The load that an experiment puts on its target.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::measure::Header;
use crate::template::{Argv, Template};
use crate::unit::{Rate, Span};

/// Requests at fixed times, whether the target keeps up or not (open loop).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Load {
    /// What is sent, and where.
    pub target: LoadTarget,
    /// When requests are started.
    pub pattern: Pattern,
    /// A request that takes longer has failed.
    pub timeout: Span,
    /// Requests that would exceed this many under way are not sent, and counted.
    pub max_in_flight: u32,
    /// No more requests than this are started in a second, whatever the pattern says.
    pub max_rate: Option<Rate>,
    /// No more requests than this in a run.
    pub max_total: Option<u64>,
    /// Requests in this time from the start are sent and not counted, and nothing is measured before its end.
    pub warm_up: Span,
    /// A request that got no answer is sent again up to so many times, and the retries are counted.
    pub retries: u32,
}

/// What is sent, and where. Texts may hold `{n}`, `{uuid}`, `{random:1-100}` and `{csv:COLUMN}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum LoadTarget {
    /// Requests over HTTP.
    Http(HttpLoad),
    /// A program for each request, which must exit with 0.
    Command {
        /// Program and arguments.
        run: Argv,
        /// Rows for `{csv:COLUMN}`: a file with a first line of names.
        csv: Option<Template>,
    },
    /// Tasks for a queue in Redis.
    Redis {
        /// `redis://HOST:PORT/DATABASE`, or `rediss://` for TLS.
        url: Template,
        /// Where tasks are pushed.
        queue: RedisQueue,
        /// The task.
        body: Body,
        /// Rows for `{csv:COLUMN}`.
        csv: Option<Template>,
        /// A file with the certificates that are trusted in place of the host's, for `rediss://`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca: Option<Template>,
    },
    /// Tasks for a queue in a database.
    Sql {
        /// `postgres://USER@HOST/DATABASE` or `sqlite:PATH`.
        url: Template,
        /// The statement that inserts one; the body is its only parameter.
        statement: String,
        /// The task.
        body: Body,
        /// Rows for `{csv:COLUMN}`.
        csv: Option<Template>,
        /// A file with the certificates that are trusted in place of the host's, for `sslmode=require`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca: Option<Template>,
    },
}

/// HTTP requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HttpLoad {
    /// Address.
    pub url: Template,
    /// Method.
    pub method: String,
    /// Headers.
    pub headers: Vec<Header>,
    /// Body.
    pub body: Option<Body>,
    /// Rows for `{csv:COLUMN}`: a file with a first line of names.
    pub csv: Option<Template>,
    /// A file with the certificates that are trusted in place of the host's.
    pub ca: Option<Template>,
    /// Whether a connection serves more than one request.
    pub connections: Connections,
    /// The version of the protocol.
    pub version: HttpVersion,
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// This text.
    Text(Template),
    /// What stands in a file.
    File(Template),
}

/// A list or a stream of Redis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RedisQueue {
    /// `LPUSH LIST BODY`.
    List(String),
    /// `XADD STREAM * body BODY`.
    Stream(String),
}

/// Whether a connection serves more than one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Connections {
    /// Kept alive between requests.
    #[default]
    Reused,
    /// A new one for each request.
    New,
}

/// The version of HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpVersion {
    /// RFC 9112.
    #[default]
    #[serde(rename = "1.1")]
    One,
    /// RFC 9113; without TLS it is spoken at once, with TLS it is agreed upon.
    #[serde(rename = "2")]
    Two,
}

/// The rate over time. After what is said, the last rate stays until the end of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Pattern {
    /// Always the same.
    Constant(Rate),
    /// More (or, to a lower limit, less) all the time, along a straight line.
    Linear {
        /// At the beginning.
        from: Rate,
        /// By so much.
        by: Rate,
        /// In so much time.
        every: Span,
        /// And no further.
        to: Option<Rate>,
    },
    /// From one rate to another along a straight line.
    Ramp {
        /// At the beginning.
        from: Rate,
        /// At the end.
        to: Rate,
        /// The time between.
        over: Span,
    },
    /// In steps.
    Step {
        /// The first.
        from: Rate,
        /// The height of a step.
        by: Rate,
        /// The length of a step.
        every: Span,
        /// The last.
        to: Rate,
    },
    /// Another rate for a while.
    Spike {
        /// Before and after.
        base: Rate,
        /// For the while.
        to: Rate,
        /// Its beginning.
        at: Span,
        /// Its length.
        length: Span,
    },
    /// Up and down.
    Sine {
        /// The middle.
        mean: Rate,
        /// How far it goes up and down.
        swing: Rate,
        /// From one peak to the next.
        period: Span,
    },
    /// On and off.
    Burst {
        /// While on.
        rate: Rate,
        /// While off.
        base: Rate,
        /// On for so long.
        on: Span,
        /// Off for so long.
        off: Span,
    },
    /// One of several rates, drawn from the seed of the run.
    Random {
        /// The rates.
        rates: Vec<Rate>,
        /// How long each is held.
        hold: Span,
    },
    /// A slow rise, and then the same for a long time.
    Soak {
        /// After the rise.
        rate: Rate,
        /// The time of the rise.
        over: Span,
    },
    /// One after the other; from the beginning again when the last has a length too.
    Sequence(Vec<PatternPart>),
}

/// A part of a sequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PatternPart {
    /// How long it lasts; `None` only for the last.
    pub length: Option<Span>,
    /// What it does meanwhile.
    pub pattern: Pattern,
}

impl Pattern {
    /// The highest rate that it may reach, in requests a second; `None` where it grows without a limit.
    pub fn peak(&self) -> Option<f64> {
        let most = |rates: &[Rate]| rates.iter().map(|rate| rate.0).fold(0.0, f64::max);
        Some(match self {
            Self::Constant(rate) | Self::Soak { rate, .. } => rate.0,
            Self::Linear { to: None, .. } => return None,
            Self::Linear { from, to: Some(to), .. }
            | Self::Ramp { from, to, .. }
            | Self::Step { from, to, .. } => most(&[*from, *to]),
            Self::Spike { base, to, .. } => most(&[*base, *to]),
            Self::Sine { mean, swing, .. } => mean.0 + swing.0,
            Self::Burst { rate, base, .. } => most(&[*rate, *base]),
            Self::Random { rates, .. } => most(rates),
            Self::Sequence(parts) => {
                let peaks: Option<Vec<f64>> = parts.iter().map(|part| part.pattern.peak()).collect();
                peaks?.into_iter().fold(0.0, f64::max)
            }
        })
    }

    /// How long it takes to the end of what it says: of a sequence whose parts all have lengths; else `None`.
    pub fn length(&self) -> Option<Span> {
        let Self::Sequence(parts) = self else { return None };
        let lengths: Option<Vec<_>> = parts.iter().map(|part| part.length.map(|length| length.0)).collect();
        Some(Span(lengths?.into_iter().sum()))
    }
}

/// `20/s`, `from 0/s to 50/s over 30s`, `10/s, 200/s at 10s for 5s`.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(rate) => write!(f, "{rate}"),
            Self::Linear { from, by, every, to } => {
                write!(f, "from {from} by {by} every {every}")?;
                to.map_or(Ok(()), |to| write!(f, " to {to}"))
            }
            Self::Ramp { from, to, over } => write!(f, "from {from} to {to} over {over}"),
            Self::Step { from, by, every, to } => {
                write!(f, "from {from} to {to} in steps of {by} every {every}")
            }
            Self::Spike { base, to, at, length } => write!(f, "{base}, {to} at {at} for {length}"),
            Self::Sine { mean, swing, period } => write!(f, "{mean} up and down by {swing} every {period}"),
            Self::Burst { rate, base, on, off } => write!(f, "{rate} for {on}, {base} for {off}"),
            Self::Random { rates, hold } => {
                let rates: Vec<String> = rates.iter().map(ToString::to_string).collect();
                write!(f, "one of {} every {hold}", rates.join(", "))
            }
            Self::Soak { rate, over } => write!(f, "{rate} after a rise of {over}"),
            Self::Sequence(parts) => {
                for (number, part) in parts.iter().enumerate() {
                    let gap = if number > 0 { "; then " } else { "" };
                    write!(f, "{gap}{}", part.pattern)?;
                    part.length.map_or(Ok(()), |length| write!(f, " ({length})"))?;
                }
                Ok(())
            }
        }
    }
}

/// `POST http://127.0.0.1:8080/tasks`, `the list jobs of redis://127.0.0.1`.
impl fmt::Display for LoadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(http) => write!(f, "{} {}", http.method, http.url),
            Self::Command { run, .. } => {
                let words: Vec<&str> = run.iter().map(|word| word.0.as_str()).collect();
                write!(f, "{}", words.join(" "))
            }
            Self::Redis { url, queue: RedisQueue::List(name), .. } => write!(f, "the list {name} of {url}"),
            Self::Redis { url, queue: RedisQueue::Stream(name), .. } => {
                write!(f, "the stream {name} of {url}")
            }
            Self::Sql { url, statement, .. } => write!(f, "{statement} at {url}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_and_the_length_are_those_of_the_parts() {
        let part = |length: Option<u64>, pattern| PatternPart { length: length.map(Span::seconds), pattern };
        let sine = Pattern::Sine { mean: Rate(20.0), swing: Rate(5.0), period: Span::seconds(10) };
        let constant = Pattern::Constant(Rate(10.0));
        let closed = Pattern::Sequence(vec![part(Some(5), constant.clone()), part(Some(20), sine.clone())]);
        assert_eq!((closed.peak(), closed.length()), (Some(25.0), Some(Span::seconds(25))));
        let open = Pattern::Sequence(vec![part(Some(5), sine), part(None, constant)]);
        assert_eq!((open.peak(), open.length()), (Some(25.0), None));
        let endless = Pattern::Linear { from: Rate(1.0), by: Rate(1.0), every: Span::seconds(1), to: None };
        assert_eq!(Pattern::Sequence(vec![part(None, endless)]).peak(), None);
    }
}
