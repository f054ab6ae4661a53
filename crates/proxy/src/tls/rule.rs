//! A rule for connections of TLS. What people write is [`Attributes`]; what is carried out is [`Rule`].

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};

use super::certificate::{self, Authority};
use crate::attributes::attributes;
use crate::glob::Case;
use crate::globs::Globs;
use crate::mistake::Mistake;
use crate::names::Names;
use crate::pause::Pause;
use crate::share::Share;

attributes! {
    #[derive(PartialEq, Serialize)]
    which {
        /// Globs for the server name, in any case; none stands for all, also for clients that send none.
        pub sni: Names,
    }
    /// Milliseconds that the ClientHello is held.
    delay;
    what {
        /// The handshake does not happen.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub refuse: Option<Refuse>,
        /// The client sees this certificate instead of the server's. `upstream` is needed then.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub certificate: Option<Flaw>,
        /// Who signs the certificate; by default an authority that nobody knows.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub authority: Option<Pem>,
        /// The certificate itself, instead of one that is made.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub identity: Option<Pem>,
        /// How what the client says goes on.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub upstream: Option<UpstreamAttributes>,
    }
}

/// How a handshake is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refuse {
    /// As with a closed socket.
    Close,
    /// With a reset.
    Reset,
    /// With the alert `handshake_failure` (RFC 8446, section 6.2).
    Alert,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// Nothing, as far as its authority is trusted.
    None,
    /// It was valid until 2002.
    Expired,
    /// It is valid from the year 4000 on.
    NotYetValid,
    /// It is for another host.
    WrongHost,
    /// Nobody but itself stands for it.
    SelfSigned,
    /// Its authority is one that nobody knows, whatever `authority` says.
    UnknownIssuer,
}

/// A certificate and its key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pem {
    /// In PEM, the chain behind it.
    pub certificate: String,
    /// In PEM. It is never shown.
    #[serde(skip_serializing)]
    pub key: String,
}

impl std::fmt::Debug for Pem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pem").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// How it goes on to the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamAttributes {
    /// Not encrypted.
    Plain,
    /// Over TLS.
    Tls(TlsAttributes),
}

/// TLS to the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsAttributes {
    /// The server's name; by default the one that the client asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The authorities to trust, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roots: Option<String>,
    /// Any certificate is taken.
    pub insecure: bool,
}

/// A rule that makes sense, ready to be asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Attributes")]
pub struct Rule {
    written: Attributes,
    names: Globs,
    pub(crate) share: Share,
    pub(crate) pause: Pause,
    pub(crate) refuse: Option<Refuse>,
    pub(crate) opens: Option<Opens>,
}

/// How a connection is opened.
#[derive(Clone, Debug)]
pub(crate) struct Opens {
    pub(crate) flaw: Flaw,
    pub(crate) shows: Shows,
    pub(crate) upstream: Upstream,
}

/// The certificate that a client sees.
#[derive(Clone, Debug)]
pub(crate) enum Shows {
    Given(Arc<CertifiedKey>),
    Made(Arc<Authority>),
}

/// How it goes on to the server.
#[derive(Clone, Debug)]
pub(crate) enum Upstream {
    Plain,
    Tls {
        name: Option<ServerName<'static>>,
        /// `None`: any certificate is taken.
        roots: Option<Arc<RootCertStore>>,
    },
}

impl TryFrom<Attributes> for Rule {
    type Error = Mistake;

    fn try_from(written: Attributes) -> Result<Self, Mistake> {
        let rule = Self {
            names: Globs::new(&written.sni, Case::Ignored, "sni")?,
            share: written.share()?,
            pause: written.pause()?,
            refuse: written.refuse,
            opens: opens(&written)?,
            written,
        };
        if rule.refuse.is_some() && rule.opens.is_some() {
            let hint = "a connection that is refused shows no certificate";
            return Err(Mistake::at("refuse", "it cannot go together with `certificate`", hint));
        }
        if rule.refuse.is_none() && rule.opens.is_none() && rule.pause.is_none() {
            return Err(Mistake::at(
                "rule",
                "it does nothing",
                "set one of delay, refuse, certificate, identity",
            ));
        }
        Ok(rule)
    }
}

impl Rule {
    /// Whether it can stand at a proxy for good: it opens connections, all of those to its names, and breaks nothing.
    ///
    /// # Errors
    /// What it does besides, or that it opens none.
    pub(crate) fn stands(&self) -> Result<(), Mistake> {
        let Attributes { percent, first, every, delay, jitter, refuse, certificate, .. } = &self.written;
        let is_flawed = certificate.is_some_and(|flaw| flaw != Flaw::None);
        let strays = [
            ("percent", percent.is_some()),
            ("first", first.is_some()),
            ("every", every.is_some()),
            ("delay", delay.is_some()),
            ("jitter", jitter.is_some()),
            ("refuse", refuse.is_some()),
            ("certificate", is_flawed),
        ];
        if let Some((stray, _)) = strays.into_iter().find(|(_, is_there)| *is_there) {
            let hint =
                "a toxic of the type `tls` does that; here stands how connections are opened while none does";
            return Err(Mistake::at(format!("tls.{stray}"), "it is a fault", hint));
        }
        if self.opens.is_none() {
            let hint = "set `certificate` to `none`, or an `identity`, and `upstream`";
            return Err(Mistake::at("tls", "it opens nothing", hint));
        }
        Ok(())
    }

    /// As it was written.
    pub(crate) fn written(&self) -> &Attributes {
        &self.written
    }

    /// Whether connections to this name are meant.
    pub(crate) fn matches(&self, name: Option<&str>) -> bool {
        self.names.have(name.map(str::as_bytes))
    }
}

fn opens(written: &Attributes) -> Result<Option<Opens>, Mistake> {
    let shows = match (&written.identity, written.certificate) {
        (Some(_), Some(_)) => {
            let hint = "`certificate` makes one, `identity` is one; set one of them";
            return Err(Mistake::at("identity", "it cannot go together with `certificate`", hint));
        }
        (Some(_), None) if written.authority.is_some() => {
            let hint = "an authority signs certificates that are made, and `identity` is one already";
            return Err(Mistake::at("authority", "it cannot go together with `identity`", hint));
        }
        (Some(pem), None) => Shows::Given(certificate::given(pem, "identity")?),
        (None, Some(flaw)) => Shows::Made(Arc::new(match &written.authority {
            Some(pem) if flaw != Flaw::UnknownIssuer => Authority::read(pem, "authority")?,
            _ => Authority::unknown().map_err(|error| {
                Mistake::at("certificate", error.to_string(), "give an `authority` or an `identity`")
            })?,
        })),
        (None, None) if written.upstream.is_some() || written.authority.is_some() => {
            let hint = "set `certificate` (`none` for one without a flaw) or `identity`";
            return Err(Mistake::at("upstream", "the connection is not opened", hint));
        }
        (None, None) => return Ok(None),
    };
    let upstream = match &written.upstream {
        None => {
            let hint = "`plain`, or `{\"tls\": {\"roots\": PEM}}`, or `{\"tls\": {\"insecure\": true}}`";
            return Err(Mistake::at("upstream", "nobody said how it goes on to the server", hint));
        }
        Some(UpstreamAttributes::Plain) => Upstream::Plain,
        Some(UpstreamAttributes::Tls(tls)) => upstream(tls)?,
    };
    Ok(Some(Opens { flaw: written.certificate.unwrap_or(Flaw::None), shows, upstream }))
}

fn upstream(tls: &TlsAttributes) -> Result<Upstream, Mistake> {
    let name = match &tls.name {
        None => None,
        Some(name) => Some(ServerName::try_from(name.clone()).map_err(|error| {
            Mistake::at("upstream.tls.name", error.to_string(), "a host name or an IP address")
        })?),
    };
    let hint = "authorities in PEM, or `insecure`";
    let roots = match (&tls.roots, tls.insecure) {
        (Some(_), true) => {
            let hint = "set `roots` or `insecure`";
            return Err(Mistake::at("upstream.tls.roots", "nothing is checked with `insecure`", hint));
        }
        (None, true) => None,
        (None, false) => return Err(Mistake::at("upstream.tls.roots", "nobody is trusted", hint)),
        (Some(pem), false) => {
            let mistake = |problem: String| Mistake::at("upstream.tls.roots", problem, hint);
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|error| mistake(error.to_string()))?;
                roots.add(certificate).map_err(|error| mistake(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(mistake("there is no certificate in it".into()));
            }
            Some(Arc::new(roots))
        }
    };
    Ok(Upstream::Tls { name, roots })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place_and_a_hint() {
        for (json, expected) in [
            ("{}", "rule: it does nothing; set one of delay, refuse"),
            (r#"{"certificate": "expired"}"#, "upstream: nobody said how it goes on to the server; `plain`"),
            (r#"{"upstream": "plain"}"#, "upstream: the connection is not opened"),
            (
                r#"{"certificate": "expired", "upstream": {"tls": {}}}"#,
                "upstream.tls.roots: nobody is trusted",
            ),
            (
                r#"{"certificate": "none", "upstream": {"tls": {"roots": "x"}}}"#,
                "upstream.tls.roots: there is no certificate in it",
            ),
            (
                r#"{"identity": {"certificate": "x", "key": "y"}}"#,
                "identity.certificate: there is none in it",
            ),
            (
                r#"{"certificate": "none", "authority": {"certificate": "x", "key": "y"}, "upstream": "plain"}"#,
                "authority.key: ",
            ),
            (
                r#"{"certificate": "none", "refuse": "close", "upstream": "plain"}"#,
                "refuse: it cannot go together with `certificate`",
            ),
            (
                r#"{"identity": {"certificate": "x", "key": "y"}, "authority": {"certificate": "x", "key": "y"}}"#,
                "authority: it cannot go together with `identity`",
            ),
            (r#"{"certificate": "broken", "upstream": "plain"}"#, "unknown variant `broken`"),
        ] {
            let error = serde_json::from_str::<Rule>(json).expect_err(json).to_string();
            assert!(error.starts_with(expected), "{json}: {error}");
        }
    }
}
