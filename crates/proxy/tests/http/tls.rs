//! TLS that passes, is refused, or is opened, as curl sees it.

use std::net::SocketAddr;
use std::process::Output;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::authority::Authority;
use crate::curl::curl;
use crate::nginx::Nginx;
use crate::origin::{Origin, Speaks};
use crate::through::Through;

/// Exit codes (curl(1)): the handshake failed, the certificate is not to be trusted.
const HANDSHAKE: i32 = 35;
const UNTRUSTED: i32 = 60;

impl Authority {
    /// Asks a host, wherever it is.
    async fn curl(&self, through: &Through, host: &str, arguments: &[&str]) -> Output {
        let (to, file) = (format!("::{}", through.address), self.file.path().display().to_string());
        let fixed = ["--connect-to", &to, "--cacert", &file, "--http1.1"];
        curl(&[&fixed, arguments, &[&format!("https://{host}/page")]].concat()).await
    }
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[tokio::test]
async fn what_is_said_over_tls_is_looked_into_and_each_flaw_is_seen() {
    let authority = Authority::new();
    let origin = Origin::new(Speaks::Http1).await;
    let good = authority.rule("none", &json!("plain"));
    let busy = r#"{"host": "busy.test", "answer": {"status": 503, "body": "later"}}"#;
    let through = Through::mixed(&origin.address, &[("tls", &good), ("http", busy)]);
    let page = authority.curl(&through, "shop.test", &[]).await;
    assert_eq!(page.stdout, b"/page", "{}", words(&page));
    assert_eq!(authority.curl(&through, "busy.test", &[]).await.stdout, b"later");
    assert_eq!(curl(&[&through.url("/clear")]).await.stdout, b"/clear", "and not encrypted too");

    for (flaw, complaint) in [
        ("expired", "certificate has expired"),
        ("not-yet-valid", "not yet valid"),
        ("wrong-host", "matches target host name"),
        ("self-signed", "self-signed certificate"),
        ("unknown-issuer", "self-signed certificate in certificate chain"),
    ] {
        let through = Through::new(&origin.address, "tls", &[&authority.rule(flaw, &json!("plain"))]);
        let refused = authority.curl(&through, "shop.test", &[]).await;
        assert_eq!(refused.status.code(), Some(UNTRUSTED), "{flaw}: {}", words(&refused));
        assert!(words(&refused).contains(complaint), "{flaw}: {}", words(&refused));
        let careless = authority.curl(&through, "shop.test", &["--insecure"]).await;
        assert_eq!(careless.stdout, b"/page", "{flaw}: {}", words(&careless));
    }
}

#[tokio::test]
async fn what_goes_on_over_tls_is_checked_unless_said_otherwise() {
    let (authority, other) = (Authority::new(), Authority::new());
    let origin = Origin::new(Speaks::Http1).await;
    // A server of TLS, made of a proxy.
    let server = Through::new(&origin.address, "tls", &[&authority.rule("none", &json!("plain"))]);
    for (tls, expected) in [
        (json!({"roots": authority.pem["certificate"]}), "/page"),
        (json!({"insecure": true}), "/page"),
        (json!({"roots": other.pem["certificate"]}), ""),
        (json!({"roots": authority.pem["certificate"], "name": "shop.test"}), "/page"),
    ] {
        let rule = authority.rule("none", &json!({"tls": tls}));
        let through = Through::new(&server.address, "tls", &[&rule]);
        let got = authority.curl(&through, "shop.test", &[]).await;
        assert_eq!(String::from_utf8_lossy(&got.stdout), expected, "{tls} {}", words(&got));
    }
}

#[tokio::test]
async fn connections_that_pass_are_delayed_and_refused_by_name() {
    let authority = Authority::new();
    let origin = Origin::new(Speaks::Http1).await;
    let server = Through::new(&origin.address, "tls", &[&authority.rule("none", &json!("plain"))]);
    let rules = [
        r#"{"sni": "*.alert.test", "refuse": "alert"}"#,
        r#"{"sni": "*.reset.test", "refuse": "reset"}"#,
        r#"{"sni": "*.slow.test", "delay": 200}"#,
    ];
    let through = Through::new(&server.address, "tls", &rules);
    assert_eq!(authority.curl(&through, "a.shop.test", &[]).await.stdout, b"/page");
    for host in ["a.alert.test", "a.reset.test"] {
        let refused = authority.curl(&through, host, &[]).await;
        assert_eq!(refused.status.code(), Some(HANDSHAKE), "{host}: {}", words(&refused));
    }
    let start = tokio::time::Instant::now();
    assert_eq!(authority.curl(&through, "a.slow.test", &[]).await.stdout, b"/page");
    assert!(start.elapsed() >= std::time::Duration::from_millis(200));
}

/// A server of TLS that has never heard of protocols inside of it (ALPN), in front of one of HTTP/1.1.
async fn without_protocols(authority: &Authority, origin: SocketAddr) -> SocketAddr {
    let (certificate, key) = authority.certify("shop.test");
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut secure = acceptor.accept(socket).await?;
                let mut plain = TcpStream::connect(origin).await?;
                tokio::io::copy_bidirectional(&mut secure, &mut plain).await
            });
        }
    });
    address
}

// F18: curl offers HTTP/2, and gets it from a server that has it, and from no other.
#[tokio::test]
async fn the_version_of_http_is_what_the_server_behind_takes() {
    let authority = Authority::new();
    let (certificate, key) = authority.certify("shop.test");
    let nginx = Nginx::secure(&certificate, &key).await;
    let origin = Origin::new(Speaks::Http1).await;
    let bare = without_protocols(&authority, origin.address).await.to_string();
    let socket = |name: &str| format!("unix:{}", nginx.socket(name).display());
    let rule = authority.rule("none", &json!({"tls": {"roots": authority.pem["certificate"]}}));
    let busy = r#"{"path": "/busy", "answer": {"status": 503}}"#;
    for (server, version) in [(&socket("one"), "1.1"), (&socket("two"), "2"), (&bare, "1.1")] {
        let through = Through::mixed(server, &[("tls", &rule), ("http", busy)]);
        for (path, status) in [("page.txt", "200"), ("busy", "503")] {
            let (to, file) = (format!("::{}", through.address), authority.file.path().display().to_string());
            let fixed = ["--http2", "--connect-to", &to, "--cacert", &file, "--output", "/dev/null"];
            let written = ["--write-out", "%{http_version} %{response_code}"];
            let url = format!("https://shop.test/{path}");
            let got = curl(&[&fixed[..], &written, &[&url]].concat()).await;
            assert_eq!(words(&got), format!("{version} {status}"), "{server}");
        }
    }
}

// Who asks for an address names no server (RFC 6066, section 3).
#[tokio::test]
async fn a_certificate_is_for_whatever_the_client_calls_the_server() {
    let authority = Authority::new();
    let origin = Origin::new(Speaks::Http1).await;
    let through = Through::new(&origin.address, "tls", &[&authority.rule("none", &json!("plain"))]);
    for host in ["127.0.0.1", "[::1]", "localhost", "shop.test"] {
        let page = authority.curl(&through, host, &[]).await;
        assert_eq!(page.stdout, b"/page", "{host}: {}", words(&page));
    }
}
