//! TLS to the server.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::hello::Hello;

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

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Begins a handshake with the server: for this name, else for the one that the client asked for, and with the client's
/// own list of protocols (ALPN). Without roots any certificate is taken.
pub(super) fn begin(
    name: Option<&ServerName<'static>>,
    roots: Option<&Arc<RootCertStore>>,
    hello: &Hello,
) -> Result<ClientConnection, rustls::Error> {
    let name = match name {
        Some(name) => name.clone(),
        None => ServerName::try_from(hello.name.clone().unwrap_or_else(|| "localhost".into()))
            .map_err(|error| rustls::Error::General(error.to_string()))?,
    };
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let mut config = match roots {
        Some(roots) => builder.with_root_certificates(Arc::clone(roots)).with_no_client_auth(),
        None => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider().signature_verification_algorithms)))
            .with_no_client_auth(),
    };
    config.alpn_protocols.clone_from(&hello.protocols);
    let mut connection = ClientConnection::new(Arc::new(config), name)?;
    connection.set_buffer_limit(None);
    Ok(connection)
}
