//! The HTTP clients of this thread: one for each set of authorities, shared by all probes.
//!
//! A client holds a pool of connections, and with TLS a store of some hundred certificates. So a
//! thousand probes share one, and a probe of plain HTTP never loads any certificate.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::Client;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::tcp::words;
use crate::unread::Unread;

/// Whose certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// No TLS at all.
    Nobody,
    /// The authorities of this system.
    System,
    /// Only those in a file (PEM).
    Only(PathBuf),
}

/// What tells clients apart. The content of the file, so that a renewed one is seen by the next probe.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Nobody,
    System,
    Only(Vec<u8>),
}

/// By what they trust.
#[derive(Default)]
struct Clients(HashMap<Key, Client>);

thread_local! {
    // A connection belongs to the runtime that opened it, and so to a thread.
    static CLIENTS: RefCell<Clients> = RefCell::default();
}

/// The client of this thread that trusts those, and nobody else.
pub(crate) fn trusting(trust: &Trust) -> Result<Client, Unread> {
    let key = match trust {
        Trust::Nobody => Key::Nobody,
        Trust::System => Key::System,
        Trust::Only(path) => Key::Only(fs::read(path).map_err(|error| {
            Unread(format!("could not read the certificates in {}: {}", path.display(), words(&error)))
        })?),
    };
    CLIENTS.with_borrow_mut(|clients| clients.get(key))
}

impl Clients {
    fn get(&mut self, key: Key) -> Result<Client, Unread> {
        if let Some(client) = self.0.get(&key) {
            return Ok(client.clone());
        }
        let client = Client::builder()
            .tls_backend_preconfigured(tls(authorities(&key)?)?)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // A dead connection of HTTP/2 would be used again after its timeout; one of HTTP/1 never is.
            .http1_only()
            .user_agent(concat!("squall/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Unread(format!("could not set up HTTP: {error}")))?;
        self.0.insert(key, client.clone());
        Ok(client)
    }
}

fn authorities(key: &Key) -> Result<RootCertStore, Unread> {
    let mut roots = RootCertStore::empty();
    match key {
        Key::Nobody => {}
        Key::System => {
            let found = rustls_native_certs::load_native_certs();
            if roots.add_parsable_certificates(found.certs).0 == 0 {
                return Err("this system knows no authorities for TLS".into());
            }
        }
        Key::Only(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let added = certificate.map_err(|error| error.to_string());
                let added = added.and_then(|found| roots.add(found).map_err(|error| error.to_string()));
                added.map_err(|error| Unread(format!("the authorities' certificates: {error}")))?;
            }
            if roots.is_empty() {
                return Err("the file of the authorities holds no certificate".into());
            }
        }
    }
    Ok(roots)
}

fn tls(roots: RootCertStore) -> Result<ClientConfig, Unread> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Unread(format!("could not set up TLS: {error}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
