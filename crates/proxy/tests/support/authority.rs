//! An authority that a client trusts.
#![allow(dead_code, reason = "each test file uses its part")]

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// Made for one test.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate and key, as a rule has them.
    pub(crate) pem: Value,
    /// Its certificate, for clients.
    pub(crate) file: NamedTempFile,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &certificate).unwrap();
        let pem = json!({"certificate": certificate, "key": key.serialize_pem()});
        Self { issuer: Issuer::new(params, key), pem, file }
    }

    /// A rule that shows clients such a certificate, signed by this authority.
    pub(crate) fn rule(&self, certificate: &str, upstream: &Value) -> String {
        json!({"certificate": certificate, "authority": self.pem, "upstream": upstream}).to_string()
    }

    /// A certificate for a host, and its key.
    pub(crate) fn certify(&self, host: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, host);
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}
