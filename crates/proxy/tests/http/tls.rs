//! TLS that passes, is refused, or is opened, as curl sees it.

use std::process::Output;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::curl::curl;
use crate::origin::{Origin, Speaks};
use crate::through::Through;

/// Exit codes (curl(1)): the handshake failed, the certificate is not to be trusted.
const HANDSHAKE: i32 = 35;
const UNTRUSTED: i32 = 60;

/// An authority that the client trusts.
struct Authority {
    pem: Value,
    file: NamedTempFile,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &certificate).unwrap();
        Self { pem: json!({"certificate": certificate, "key": key.serialize_pem()}), file }
    }

    fn rule(&self, certificate: &str, upstream: &Value) -> String {
        json!({"certificate": certificate, "authority": self.pem, "upstream": upstream}).to_string()
    }

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
