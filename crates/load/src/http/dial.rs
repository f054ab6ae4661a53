//! Making connections.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::{HttpTarget, HttpTargetMistake, HttpVersion, Security};
use crate::{Failure, trust};

/// A connection, with or without TLS.
pub(crate) type Stream = Either<TcpStream, TlsStream<TcpStream>>;

/// How to reach a target.
pub(crate) struct Dial {
    host: String,
    address: Option<IpAddr>,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Dial {
    pub(crate) fn new(target: &HttpTarget) -> Result<Self, HttpTargetMistake> {
        let host = target.host().to_owned();
        let tls = match target.security {
            Security::Plain => None,
            Security::Tls => {
                let name = ServerName::try_from(host.clone())
                    .map_err(|_| HttpTargetMistake::Url(target.authority.to_string()))?;
                Some((TlsConnector::from(Arc::new(trust(target)?)), name))
            }
        };
        Ok(Self { address: host.parse().ok(), host, port: target.port(), tls })
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Result<Stream, Failure> {
        let connected = match self.address {
            Some(address) => TcpStream::connect((address, self.port)).await,
            None => TcpStream::connect((self.host.as_str(), self.port)).await,
        };
        let stream = connected.map_err(|error| Failure::of_connect(&error))?;
        // A request is one write; waiting for more to send would only add to its latency.
        stream.set_nodelay(true).map_err(|error| Failure::of_connect(&error))?;
        let Some((connector, name)) = &self.tls else { return Ok(Either::Left(stream)) };
        let secured = connector.connect(name.clone(), stream).await;
        secured.map(Either::Right).map_err(|error| match error.get_ref() {
            Some(inner) if inner.is::<rustls::Error>() => Failure::Tls,
            _ => Failure::of_connection(&error),
        })
    }
}

fn trust(target: &HttpTarget) -> Result<ClientConfig, HttpTargetMistake> {
    let mut config = trust::config(target.trust.as_deref()).map_err(HttpTargetMistake::Certificates)?;
    config.alpn_protocols = match target.version {
        HttpVersion::One => vec![b"http/1.1".to_vec()],
        HttpVersion::Two => vec![b"h2".to_vec()],
    };
    Ok(config)
}
