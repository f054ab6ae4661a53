//! Certificates, right ones and wrong ones.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::rule::{Flaw, Pem};
use crate::mistake::Mistake;

/// Whoever signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key stays out of whatever is shown.
        formatter.write_str("Authority")
    }
}

/// A name that no host has (RFC 6761, section 6.4).
const NOBODY: &str = "wrong-host.invalid";

/// How this machine calls itself.
const OWN: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

impl Authority {
    /// One that nobody has heard of.
    pub(crate) fn unknown() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "squall, an authority that nobody trusts");
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.der().clone();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// One that somebody has: its certificate and its key, in PEM.
    pub(crate) fn read(pem: &Pem, place: &str) -> Result<Self, Mistake> {
        let hint = "the certificate and the key of the authority, each in PEM";
        let key = KeyPair::from_pem(&pem.key)
            .map_err(|error| Mistake::at(format!("{place}.key"), error.to_string(), hint))?;
        let certificate = CertificateDer::from_pem_slice(pem.certificate.as_bytes())
            .map_err(|error| Mistake::at(format!("{place}.certificate"), error.to_string(), hint))?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .map_err(|error| Mistake::at(format!("{place}.certificate"), error.to_string(), hint))?;
        Ok(Self { issuer, certificate })
    }

    /// A certificate for a host, with a flaw or without. Who asks for none is a client of an address, most likely of
    /// this machine's own.
    pub(crate) fn certify(&self, host: Option<&str>, flaw: Flaw) -> Result<Arc<CertifiedKey>, NoCertificate> {
        let hosts = match (flaw, host) {
            (Flaw::WrongHost, _) => vec![NOBODY],
            (_, Some(host)) => vec![host],
            (_, None) => OWN.to_vec(),
        };
        let mut params = CertificateParams::new(hosts.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        params.distinguished_name.push(DnType::CommonName, hosts[0]);
        match flaw {
            Flaw::Expired => {
                params.not_before = date_time_ymd(2001, 1, 1);
                params.not_after = date_time_ymd(2002, 1, 1);
            }
            Flaw::NotYetValid => params.not_before = date_time_ymd(4000, 1, 1),
            _ => {}
        }
        let key = KeyPair::generate()?;
        let chain = if flaw == Flaw::SelfSigned {
            vec![params.self_signed(&key)?.der().clone()]
        } else {
            vec![params.signed_by(&key, &self.issuer)?.der().clone(), self.certificate.clone()]
        };
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(Arc::new(CertifiedKey::from_der(chain, key, &ring::default_provider())?))
    }
}

/// No certificate could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCertificate {
    #[error("{0}")]
    Made(#[from] rcgen::Error),
    #[error("{0}")]
    Used(#[from] rustls::Error),
}

/// A certificate with its chain and its key, in PEM, as somebody has it.
pub(crate) fn given(pem: &Pem, place: &str) -> Result<Arc<CertifiedKey>, Mistake> {
    let mistake = |part: &str, problem: String| {
        Mistake::at(format!("{place}.{part}"), problem, "the certificate with its chain, and its key, in PEM")
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem.certificate.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| mistake("certificate", error.to_string()))?;
    if chain.is_empty() {
        return Err(mistake("certificate", "there is none in it".into()));
    }
    let key = PrivateKeyDer::from_pem_slice(pem.key.as_bytes())
        .map_err(|error| mistake("key", error.to_string()))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider())
        .map(Arc::new)
        .map_err(|error| mistake("key", error.to_string()))
}
