//! Why a request did not succeed.

use std::fmt;
use std::io;

/// Why a request did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// Nobody listens at the address.
    Refused,
    /// No connection for another reason: no route, no name, no free port or descriptor.
    Connect,
    /// No connection that can be trusted: a bad certificate, or no TLS at all.
    Tls,
    /// No whole answer in time.
    Timeout,
    /// The other side reset the connection (RST).
    Reset,
    /// The other side closed the connection before the whole answer was there.
    Closed,
    /// The answer does not follow the protocol.
    Malformed,
    /// More came than the answer had announced.
    Surplus,
    /// A whole answer with a status other than 2xx.
    Status(u16),
    /// A program that ended with another exit code than 0.
    Exit(i32),
    /// A program that was ended by a signal.
    Signal(i32),
    /// The program could not be started.
    Start,
    /// The server refused it: an error of Redis or of a database.
    Rejected,
    /// Not sent: as many requests as allowed were waiting for their answers.
    Ceiling,
}

impl Failure {
    /// Whether another try may help: there was no answer.
    pub(crate) fn may_be_retried(self) -> bool {
        matches!(self, Self::Refused | Self::Connect | Self::Tls | Self::Reset | Self::Closed)
    }

    /// What happened to a connection that was made already.
    pub(crate) fn of_connection(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::Reset,
            _ => Self::Closed,
        }
    }

    /// What happened to one that should have been made.
    pub(crate) fn of_connect(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::ConnectionReset => Self::Reset,
            io::ErrorKind::TimedOut => Self::Timeout,
            _ => Self::Connect,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => to.write_str("connection refused"),
            Self::Connect => to.write_str("no connection"),
            Self::Tls => to.write_str("no TLS"),
            Self::Timeout => to.write_str("timeout"),
            Self::Reset => to.write_str("connection reset"),
            Self::Closed => to.write_str("closed early"),
            Self::Malformed => to.write_str("malformed answer"),
            Self::Surplus => to.write_str("longer than announced"),
            Self::Status(status) => write!(to, "status {status}"),
            Self::Exit(code) => write!(to, "exit code {code}"),
            Self::Signal(signal) => write!(to, "ended by signal {signal}"),
            Self::Start => to.write_str("program not started"),
            Self::Rejected => to.write_str("refused by the server"),
            Self::Ceiling => to.write_str("too many in flight"),
        }
    }
}
