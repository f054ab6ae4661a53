//! A connection that is opened: TLS to the client, and perhaps to the server, and what goes between in the clear.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, ServerConfig, ServerConnection, SignatureScheme,
};

use super::certificate::NoCertificate;
use super::hello::Hello;
use super::rule::{Opens, Shows, Upstream};
use crate::layer::{Act, Hit, Layer, Way};

/// Both sides of it.
pub(crate) struct Opened {
    client: ServerConnection,
    server: Server,
    inner: Box<dyn Layer>,
    rule: String,
    name: Option<String>,
    ended_up: bool,
    ended_down: bool,
    over: bool,
}

/// Starts the handshake with the server, for this protocol inside.
type Start = dyn FnOnce(Option<&[u8]>) -> Result<ClientConnection, rustls::Error> + Send;

/// The server's side.
enum Server {
    Plain,
    /// The handshake with the server waits for the one with the client, which settles the protocol inside.
    Due(Box<Start>),
    Tls(Box<ClientConnection>),
}

#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Takes any certificate, because the rule says so; the handshake must still be sound.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
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
            Shows::Made(authority) => {
                authority.certify(hello.name.as_deref().unwrap_or("localhost"), opens.flaw)?
            }
        };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Shown(shown)));
        config.alpn_protocols = hello.protocols;
        if matches!(opens.upstream, Upstream::Plain) {
            // In the clear nobody can agree on HTTP/2.
            config.alpn_protocols.retain(|protocol| protocol != b"h2");
        }
        let mut client = ServerConnection::new(Arc::new(config))?;
        client.set_buffer_limit(None);
        let server = match &opens.upstream {
            Upstream::Plain => Server::Plain,
            Upstream::Tls { name, roots } => {
                let asked = hello.name.clone().unwrap_or_else(|| "localhost".into());
                let name = match name {
                    Some(name) => name.clone(),
                    None => ServerName::try_from(asked)
                        .map_err(|error| rustls::Error::General(error.to_string()))?,
                };
                let roots = roots.clone();
                Server::Due(Box::new(move |protocol| {
                    let builder = ClientConfig::builder_with_provider(provider())
                        .with_safe_default_protocol_versions()?;
                    let mut config = match roots {
                        Some(roots) => builder.with_root_certificates(roots).with_no_client_auth(),
                        None => builder
                            .dangerous()
                            .with_custom_certificate_verifier(Arc::new(Anybody(
                                provider().signature_verification_algorithms,
                            )))
                            .with_no_client_auth(),
                    };
                    config.alpn_protocols = protocol.map(<[u8]>::to_vec).into_iter().collect();
                    let mut connection = ClientConnection::new(Arc::new(config), name)?;
                    connection.set_buffer_limit(None);
                    Ok(connection)
                }))
            }
        };
        let name = hello.name;
        Ok(Self { client, server, inner, rule, name, ended_up: false, ended_down: false, over: false })
    }

    pub(crate) fn received(&mut self, way: Way, bytes: &Bytes, now: Instant, acts: &mut Vec<Act>) {
        if self.over {
            return;
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() && !self.over {
            let read = match way {
                Way::Upstream => decrypted(&mut self.client, &mut rest),
                Way::Downstream => match &mut self.server {
                    Server::Tls(server) => decrypted(&mut **server, &mut rest),
                    Server::Plain => Ok((Bytes::copy_from_slice(std::mem::take(&mut rest)), false)),
                    // It speaks before it was spoken to; a server of TLS does not.
                    Server::Due(_) => Err("it spoke first".to_owned()),
                },
            };
            match read {
                Ok((plain, ended)) => {
                    self.shake(acts);
                    let mut done = Vec::new();
                    if !plain.is_empty() {
                        self.inner.received(way, plain, now, &mut done);
                    }
                    if ended && !self.mark(way) {
                        self.inner.ended(way, now, &mut done);
                    }
                    self.carry(done, acts);
                }
                Err(error) => {
                    self.flush(acts);
                    let who = if way == Way::Upstream { "the client" } else { "the server" };
                    let what = self.name.clone().unwrap_or_else(|| "a connection".into());
                    let done = format!("no TLS with {who}: {error}");
                    acts.push(Act::Hit(Hit { rule: self.rule.clone(), what, done }));
                    // Alerts go out first, and the client's last words are still read, so that no reset overtakes them.
                    acts.extend([Act::End(Way::Downstream), Act::End(Way::Upstream)]);
                    self.over = true;
                }
            }
        }
    }

    /// Starts the handshake with the server when the one with the client is done.
    fn shake(&mut self, acts: &mut Vec<Act>) {
        if !self.client.is_handshaking()
            && let Server::Due(_) = &self.server
            && let Server::Due(start) = std::mem::replace(&mut self.server, Server::Plain)
        {
            if let Ok(connection) = start(self.client.alpn_protocol()) {
                self.server = Server::Tls(Box::new(connection));
            } else {
                self.over = true;
                acts.push(Act::Close);
            }
        }
        self.flush(acts);
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
        if self.client.is_handshaking() {
            self.over = true;
            acts.push(Act::Close);
            return;
        }
        let mut done = Vec::new();
        self.inner.ended(way, now, &mut done);
        self.carry(done, acts);
    }

    pub(crate) fn woken(&mut self, now: Instant, acts: &mut Vec<Act>) {
        let mut done = Vec::new();
        self.inner.woken(now, &mut done);
        self.carry(done, acts);
    }

    pub(crate) fn inner(&self) -> &dyn Layer {
        &*self.inner
    }

    /// What was done in the clear, encrypted again.
    fn carry(&mut self, done: Vec<Act>, acts: &mut Vec<Act>) {
        for act in done {
            match (act, &mut self.server) {
                (Act::Send(Way::Downstream, bytes), _) => {
                    // Writing into memory without a limit does not fail.
                    let _ = self.client.writer().write_all(&bytes);
                    self.flush(acts);
                }
                (Act::Send(Way::Upstream, bytes), Server::Tls(server)) => {
                    let _ = server.writer().write_all(&bytes);
                    self.flush(acts);
                }
                (Act::End(way), server) => {
                    match (way, server) {
                        (Way::Downstream, _) => self.client.send_close_notify(),
                        (Way::Upstream, Server::Tls(server)) => server.send_close_notify(),
                        (Way::Upstream, _) => {}
                    }
                    self.flush(acts);
                    acts.push(Act::End(way));
                }
                (act, _) => acts.push(act),
            }
        }
    }

    fn flush(&mut self, acts: &mut Vec<Act>) {
        let mut out = Vec::new();
        while self.client.wants_write() && self.client.write_tls(&mut out).is_ok() {}
        if !out.is_empty() {
            acts.push(Act::Send(Way::Downstream, out.into()));
        }
        let mut out = Vec::new();
        if let Server::Tls(server) = &mut self.server {
            while server.wants_write() && server.write_tls(&mut out).is_ok() {}
        }
        if !out.is_empty() {
            acts.push(Act::Send(Way::Upstream, out.into()));
        }
    }
}

/// Takes encrypted bytes as far as they are taken; what they say, and whether the peer has said its last word.
fn decrypted<D>(
    connection: &mut rustls::ConnectionCommon<D>,
    bytes: &mut &[u8],
) -> Result<(Bytes, bool), String> {
    if connection.read_tls(bytes).map_err(|error| error.to_string())? == 0 {
        *bytes = &[];
        return Ok((Bytes::new(), false));
    }
    let state = connection.process_new_packets().map_err(|error| error.to_string())?;
    let mut plain = vec![0; state.plaintext_bytes_to_read()];
    connection.reader().read_exact(&mut plain).map_err(|error| error.to_string())?;
    Ok((plain.into(), state.peer_has_closed()))
}
