//! A connection that is opened: TLS to the client, and perhaps to the server, and what goes between in the clear.
//!
//! ```text
//! client  ClientHello -->  (held)  ClientHello -->                     with the client's list of protocols (ALPN)
//!                                              <-- its protocol        server
//!                     <-- that protocol
//! ```
//!
//! The server is asked first, so that the client is told what the server takes, and a refusal is the server's own.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, ClientConnection, ServerConfig, ServerConnection};

use super::certificate::NoCertificate;
use super::hello::Hello;
use super::onward;
use super::rule::{Opens, Shows, Upstream};
use crate::layer::{Act, Hit, LIMIT, Layer, Way};

/// Both sides of it.
pub(crate) struct Opened {
    client: Client,
    /// `None`: it is spoken to in plain.
    server: Option<Box<ClientConnection>>,
    inner: Box<dyn Layer>,
    rule: String,
    name: Option<String>,
    ended_up: bool,
    ended_down: bool,
    over: bool,
}

/// The client's side.
enum Client {
    /// It has said what it can, and hears nothing until the server has chosen.
    Waiting {
        held: BytesMut,
        shown: Arc<CertifiedKey>,
    },
    Tls(Box<ServerConnection>),
}

#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Why there is no TLS with a peer, in words and as an alert.
struct Failed(String, AlertDescription);

impl From<rustls::Error> for Failed {
    fn from(error: rustls::Error) -> Self {
        let alert = match error {
            rustls::Error::AlertReceived(alert) => alert,
            _ => AlertDescription::HandshakeFailure,
        };
        Self(error.to_string(), alert)
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string(), AlertDescription::HandshakeFailure)
    }
}

/// A fatal alert before any key is agreed upon (RFC 8446, sections 5.1 and 6).
pub(super) fn alert(description: AlertDescription) -> Bytes {
    vec![21, 3, 3, 0, 2, 2, u8::from(description)].into()
}

impl Opened {
    pub(crate) fn new(
        opens: &Opens,
        hello: Hello,
        rule: String,
        inner: Box<dyn Layer>,
    ) -> Result<Self, NoCertificate> {
        let shown = match &opens.shows {
            Shows::Given(key) => Arc::clone(key),
            Shows::Made(authority) => authority.certify(hello.name.as_deref(), opens.flaw)?,
        };
        let (client, server) = match &opens.upstream {
            Upstream::Plain => {
                // In the clear nobody can agree on HTTP/2.
                let protocols = hello.protocols.into_iter().filter(|protocol| protocol != b"h2");
                (Client::Tls(Box::new(accept(shown, protocols.collect())?)), None)
            }
            Upstream::Tls { name, roots } => {
                let server = onward::begin(name.as_ref(), roots.as_ref(), &hello)?;
                (Client::Waiting { held: BytesMut::new(), shown }, Some(Box::new(server)))
            }
        };
        let name = hello.name;
        Ok(Self { client, server, inner, rule, name, ended_up: false, ended_down: false, over: false })
    }

    pub(crate) fn received(&mut self, way: Way, bytes: &Bytes, now: Instant, acts: &mut Vec<Act>) {
        let mut rest = &bytes[..];
        while !rest.is_empty() && !self.over {
            let read = match (way, &mut self.client, &mut self.server) {
                (Way::Upstream, Client::Waiting { held, .. }, _) => {
                    held.extend_from_slice(std::mem::take(&mut rest));
                    Ok((Bytes::new(), false))
                }
                (Way::Upstream, Client::Tls(client), _) => decrypted(client, &mut rest),
                (Way::Downstream, _, Some(server)) => decrypted(&mut **server, &mut rest),
                (Way::Downstream, _, None) => Ok((Bytes::copy_from_slice(std::mem::take(&mut rest)), false)),
            };
            match read {
                Ok((plain, ended)) => {
                    self.answer(now, acts);
                    self.flush(acts);
                    if self.over {
                        return;
                    }
                    let mut done = Vec::new();
                    if !plain.is_empty() {
                        self.inner.received(way, plain, now, &mut done);
                    }
                    if ended && !self.mark(way) {
                        self.inner.ended(way, now, &mut done);
                    }
                    self.carry(done, acts);
                }
                Err(failed) => self.fail(way, failed, acts),
            }
        }
    }

    /// Answers the client once the server has chosen a protocol, or none.
    fn answer(&mut self, now: Instant, acts: &mut Vec<Act>) {
        let (Client::Waiting { held, shown }, Some(server)) = (&mut self.client, &self.server) else {
            return;
        };
        if server.is_handshaking() {
            return;
        }
        let chosen = server.alpn_protocol().map(<[u8]>::to_vec);
        let held = held.split().freeze();
        match accept(Arc::clone(shown), chosen.into_iter().collect()) {
            Ok(client) => {
                self.client = Client::Tls(Box::new(client));
                self.received(Way::Upstream, &held, now, acts);
            }
            Err(error) => self.fail(Way::Upstream, error.into(), acts),
        }
    }

    /// There is no TLS with one of both; the other is told too.
    fn fail(&mut self, way: Way, Failed(why, description): Failed, acts: &mut Vec<Act>) {
        self.flush(acts);
        if let Client::Waiting { .. } = self.client {
            acts.push(Act::Send(Way::Downstream, alert(description)));
        }
        let who = if way == Way::Upstream { "the client" } else { "the server" };
        let what = self.name.clone().unwrap_or_else(|| "a connection".into());
        let done = format!("no TLS with {who}: {why}");
        acts.push(Act::Hit(Hit { rule: self.rule.clone(), what, done }));
        // Alerts go out first, and the client's last words are still read, so that no reset overtakes them.
        acts.extend([Act::End(Way::Downstream), Act::End(Way::Upstream)]);
        self.over = true;
    }

    /// Notes that a way has ended; whether it had before.
    fn mark(&mut self, way: Way) -> bool {
        let ended = match way {
            Way::Upstream => &mut self.ended_up,
            Way::Downstream => &mut self.ended_down,
        };
        std::mem::replace(ended, true)
    }

    pub(crate) fn ended(&mut self, way: Way, now: Instant, acts: &mut Vec<Act>) {
        if self.over || self.mark(way) {
            return;
        }
        let is_shaking = match &self.client {
            Client::Waiting { .. } if way == Way::Downstream => {
                let why = "it ended the connection".to_owned();
                return self.fail(way, Failed(why, AlertDescription::HandshakeFailure), acts);
            }
            Client::Waiting { .. } => true,
            Client::Tls(client) => client.is_handshaking(),
        };
        if is_shaking {
            self.over = true;
            acts.push(Act::Close);
            return;
        }
        let mut done = Vec::new();
        self.inner.ended(way, now, &mut done);
        self.carry(done, acts);
    }

    pub(crate) fn wake_at(&self) -> Option<Instant> {
        self.inner.wake_at()
    }

    pub(crate) fn woken(&mut self, now: Instant, acts: &mut Vec<Act>) {
        let mut done = Vec::new();
        self.inner.woken(now, &mut done);
        self.carry(done, acts);
    }

    pub(crate) fn wants(&self, way: Way) -> bool {
        match &self.client {
            Client::Waiting { held, .. } if way == Way::Upstream => held.len() < LIMIT,
            _ => self.inner.wants(way),
        }
    }

    /// What was done in the clear, encrypted again.
    fn carry(&mut self, done: Vec<Act>, acts: &mut Vec<Act>) {
        for act in done {
            match (act, &mut self.client, &mut self.server) {
                (Act::Send(Way::Downstream, bytes), Client::Tls(client), _) => {
                    // Writing into memory without a limit does not fail.
                    let _ = client.writer().write_all(&bytes);
                    self.flush(acts);
                }
                (Act::Send(Way::Upstream, bytes), _, Some(server)) => {
                    let _ = server.writer().write_all(&bytes);
                    self.flush(acts);
                }
                (Act::End(way), client, server) => {
                    match (way, client, server) {
                        (Way::Downstream, Client::Tls(client), _) => client.send_close_notify(),
                        (Way::Upstream, _, Some(server)) => server.send_close_notify(),
                        _ => {}
                    }
                    self.flush(acts);
                    acts.push(Act::End(way));
                }
                (act, _, _) => acts.push(act),
            }
        }
    }

    fn flush(&mut self, acts: &mut Vec<Act>) {
        let mut out = Vec::new();
        if let Client::Tls(client) = &mut self.client {
            while client.wants_write() && client.write_tls(&mut out).is_ok() {}
        }
        if !out.is_empty() {
            acts.push(Act::Send(Way::Downstream, out.into()));
        }
        let mut out = Vec::new();
        if let Some(server) = &mut self.server {
            while server.wants_write() && server.write_tls(&mut out).is_ok() {}
        }
        if !out.is_empty() {
            acts.push(Act::Send(Way::Upstream, out.into()));
        }
    }
}

/// Begins a handshake with a client that is shown this certificate, and offered these protocols.
fn accept(shown: Arc<CertifiedKey>, protocols: Vec<Vec<u8>>) -> Result<ServerConnection, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(onward::provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Shown(shown)));
    config.alpn_protocols = protocols;
    let mut client = ServerConnection::new(Arc::new(config))?;
    client.set_buffer_limit(None);
    Ok(client)
}

/// Takes encrypted bytes as far as they are taken; what they say, and whether the peer has said its last word.
fn decrypted<D>(
    connection: &mut rustls::ConnectionCommon<D>,
    bytes: &mut &[u8],
) -> Result<(Bytes, bool), Failed> {
    if connection.read_tls(bytes)? == 0 {
        *bytes = &[];
        return Ok((Bytes::new(), false));
    }
    let state = connection.process_new_packets()?;
    let mut plain = vec![0; state.plaintext_bytes_to_read()];
    connection.reader().read_exact(&mut plain)?;
    Ok((plain.into(), state.peer_has_closed()))
}
