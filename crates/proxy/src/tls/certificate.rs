//! Certificates, right ones and wrong ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData as _, date_time_ymd,
};
use rustls::RootCertStore;
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
    made: Mutex<HashMap<Asked, Arc<CertifiedKey>>>,
}

/// The host that a client asks for, and what is wrong with its certificate.
type Asked = (Option<String>, Flaw);

/// More certificates than this are not kept: names are the clients' choice.
const MOST: usize = 1024;

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
        Ok(Self { issuer: Issuer::new(params, key), certificate, made: Mutex::default() })
    }

    /// One that somebody has: its certificate and its key, in PEM.
    pub(crate) fn read(pem: &Pem, place: &str) -> Result<Self, Mistake> {
        let hint = "the certificate and the key of the authority, each in PEM";
        let key = KeyPair::from_pem(&pem.key)
            .map_err(|error| Mistake::at(format!("{place}.key"), error.to_string(), hint))?;
        let certificate = CertificateDer::from_pem_slice(pem.certificate.as_bytes())
            .map_err(|error| Mistake::at(format!("{place}.certificate"), error.to_string(), hint))?;
        let of_certificate = |error: String| Mistake::at(format!("{place}.certificate"), error, hint);
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).map_err(|error| of_certificate(error.to_string()))?;
        // The same without the outermost tag, as RFC 5280 calls it (4.1).
        let public = key.subject_public_key_info();
        if !roots.roots.iter().any(|root| public.ends_with(&root.subject_public_key_info)) {
            let problem = "it is not the key of the certificate";
            return Err(Mistake::at(format!("{place}.key"), problem, hint));
        }
        let issuer =
            Issuer::from_ca_cert_der(&certificate, key).map_err(|error| of_certificate(error.to_string()))?;
        Ok(Self { issuer, certificate, made: Mutex::default() })
    }

    /// A certificate for a host, with a flaw or without: the same one for all who ask for it.
    pub(crate) fn certify(&self, host: Option<&str>, flaw: Flaw) -> Result<Arc<CertifiedKey>, NoCertificate> {
        let asked: Asked = (host.map(str::to_ascii_lowercase), flaw);
        let known = || self.made.lock().expect("nobody panics with the certificates in hand");
        if let Some(there) = known().get(&asked) {
            return Ok(Arc::clone(there));
        }
        let made = self.make(host, flaw)?;
        let mut known = known();
        if known.len() >= MOST {
            known.clear();
        }
        Ok(Arc::clone(known.entry(asked).or_insert(made)))
    }

    /// Who asks for no host is a client of an address, most likely of this machine's own.
    fn make(&self, host: Option<&str>, flaw: Flaw) -> Result<Arc<CertifiedKey>, NoCertificate> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> (Pem, KeyPair) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        (Pem { certificate, key: key.serialize_pem() }, key)
    }

    #[test]
    fn a_name_has_one_certificate_whoever_asks_and_names_without_end_have_none_kept() {
        let authority = Authority::read(&authority().0, "authority").unwrap();
        let (none, expired) = (Flaw::None, Flaw::Expired);
        let first = authority.certify(Some("shop.test"), none).unwrap();
        assert!(Arc::ptr_eq(&first, &authority.certify(Some("Shop.Test"), none).unwrap()));
        for (host, flaw) in [(Some("shop.test"), expired), (Some("other.test"), none), (None, none)] {
            assert!(!Arc::ptr_eq(&first, &authority.certify(host, flaw).unwrap()), "{host:?} {flaw:?}");
        }
        for number in 0..MOST {
            authority.made.lock().unwrap().insert((Some(number.to_string()), none), Arc::clone(&first));
        }
        authority.certify(Some("one.more.test"), none).unwrap();
        assert!(authority.made.lock().unwrap().len() <= MOST);
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let ((mut pem, _), (_, other)) = (authority(), authority());
        pem.key = other.serialize_pem();
        let mistake = Authority::read(&pem, "authority").unwrap_err();
        assert_eq!(
            mistake.to_string(),
            "authority.key: it is not the key of the certificate; the certificate and the key of the authority, each in PEM"
        );
    }
}
