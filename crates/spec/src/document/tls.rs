//! Faults on TLS, as they are written. The words are those of the proxy's own rules.

use squall_model::unit::Span;

use crate::document::nth::NthDocument;
use crate::document::spread::SpreadDocument;
use crate::mistake::At;
use crate::shape::{choice, document};
use crate::word::{Certificate, Refuse, Texts};

document! {
    /// TLS connections: which, and what is done to their handshake.
    struct TlsDocument {
        /// Server names that clients ask for (SNI), with `*` for any text. Every connection where nothing is said.
        sni: optional Texts,
        nth: flatten NthDocument,
        /// The handshake begins so much later.
        delay: optional At<Span>,
        spread: flatten SpreadDocument,
        /// The handshake does not happen: the connection is closed (`close`), reset (`reset`), or ended with the alert `handshake_failure` (`alert`).
        refuse: optional At<Refuse>,
        /// The client sees this certificate in place of the service's: `expired`, `not-yet-valid`, `wrong-host`, `self-signed`, `unknown-issuer`, or one that is right (`none`), so that faults on `http` see what is said.
        certificate: optional At<Certificate>,
        /// How the connection is opened for that, unless the `proxy` of the service says so.
        opening: flatten OpeningDocument,
    }
}

document! {
    /// How connections of TLS are opened, so that faults on `http`, `redis` or `postgres` see what is said inside.
    struct OpeningDocument {
        /// Who signs the certificate that clients see, made for the name that each asks for. An authority that nobody knows where nothing is said.
        authority: optional At<PairDocument>,
        /// The certificate that clients see, with its chain, in place of one that is made.
        identity: optional At<PairDocument>,
        /// How it goes on to the service. Over TLS, whatever certificate the service has, where nothing is said.
        upstream: optional At<OnwardDocument>,
    }
}

document! {
    /// A certificate and its key, in files (PEM).
    struct PairDocument {
        /// The file with the certificate.
        certificate: required At<String>,
        /// The file with its key. It is read when it is needed, and shown nowhere.
        key: required At<String>,
    }
}

choice! {
    /// How a connection that was opened goes on.
    enum OnwardDocument("a way to the service") {
        /// Not encrypted: `plain: {}`.
        Plain("plain"): PlainDocument,
        /// Over TLS.
        Tls("tls"): OnwardTlsDocument,
    }
}

document! {
    /// Not encrypted.
    struct PlainDocument {}
}

document! {
    /// TLS to the service.
    struct OnwardTlsDocument {
        /// The name of the service. The one that the client asked for, else `localhost`, where nothing is said.
        name: optional At<String>,
        /// A file with the authorities to trust (PEM). Every certificate is taken where nothing is said.
        roots: optional At<String>,
    }
}
