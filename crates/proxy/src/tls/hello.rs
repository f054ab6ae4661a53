//! The first message of a client.

use bytes::BytesMut;
use rustls::server::Acceptor;

/// What a ClientHello says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hello {
    /// The server that is asked for.
    pub(crate) name: Option<String>,
    /// The protocols that are offered inside (ALPN).
    pub(crate) protocols: Vec<Vec<u8>>,
}

/// What the start of a connection shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// More bytes are needed to know.
    More,
    Hello(Hello),
    /// It is no TLS.
    Nothing,
}

/// The longest hello that is looked at.
const LONGEST: usize = 64 * 1024;

/// Collects a ClientHello.
#[derive(Default)]
pub(crate) struct Collector {
    acceptor: Acceptor,
    /// All bytes so far, which go on as they came.
    pub(crate) bytes: BytesMut,
}

impl Collector {
    /// Takes more bytes.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) -> Read {
        self.bytes.extend_from_slice(bytes);
        // A record of the handshake, RFC 8446, section 5.1.
        if self.bytes.first() != Some(&22) || self.bytes.len() > LONGEST {
            return Read::Nothing;
        }
        while !bytes.is_empty() {
            if !matches!(self.acceptor.read_tls(&mut bytes), Ok(1..)) {
                return Read::Nothing;
            }
            match self.acceptor.accept() {
                Ok(None) => {}
                Err(_) => return Read::Nothing,
                Ok(Some(accepted)) => {
                    let hello = accepted.client_hello();
                    let protocols = hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect();
                    return Read::Hello(Hello { name: hello.server_name().map(str::to_owned), protocols });
                }
            }
        }
        Read::More
    }
}
