//! How long a TCP connection takes.

use std::io;

use squall_model::measure::Outcome;
use squall_model::template::Template;
use squall_model::unit::Unit;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::Instant;

use crate::error::ProbeError;
use crate::json;
use crate::prober::fill;
use crate::surroundings::Surroundings;
use crate::unread::Unread;

pub(crate) struct Tcp {
    address: String,
}

impl Tcp {
    pub(crate) fn new(address: &Template, known: &dyn Surroundings) -> Result<Self, ProbeError> {
        let address = fill(known, "address", address)?;
        let has_port = address
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0));
        if has_port {
            Ok(Self { address })
        } else {
            Err(ProbeError::Address { what: "address", why: "it is not `HOST:PORT`".into() })
        }
    }

    /// Seconds for the handshake; looking up the name is not part of it.
    pub(crate) async fn read(&mut self) -> Result<Outcome, Unread> {
        let addresses = lookup_host(&self.address).await;
        let addresses: Vec<_> =
            addresses.map_err(|_| Unread::from("could not look up the host name"))?.collect();
        let start = Instant::now();
        let connected = TcpStream::connect(addresses.as_slice()).await;
        let taken = start.elapsed();
        connected.map_err(|error| Unread(words(&error)))?;
        json::number(taken.as_secs_f64(), Unit::Seconds)
    }
}

/// A network error in few words.
pub(crate) fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::ConnectionReset => "connection reset".into(),
        io::ErrorKind::ConnectionAborted => "connection aborted".into(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => "connection closed too early".into(),
        io::ErrorKind::HostUnreachable => "host unreachable".into(),
        io::ErrorKind::NetworkUnreachable => "network unreachable".into(),
        io::ErrorKind::TimedOut => "the connection timed out".into(),
        io::ErrorKind::AddrNotAvailable => "no local port is free for the connection".into(),
        io::ErrorKind::PermissionDenied => "the connection was refused by a firewall here".into(),
        _ => error.to_string(),
    }
}
