//! TLS that a rule opens in front of a real PostgreSQL and a real Redis (F16, F17).

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::authority::Authority;
use crate::postgres_server::PostgresServer;
use crate::proxied::Proxied;
use crate::redis_server::RedisServer;

impl Authority {
    /// Statements of psql to `localhost`, whose certificate is checked as `mode` says.
    fn psql(&self, proxied: &Proxied, mode: &str, statements: &[&str]) -> (String, String) {
        let to = format!(
            "host=localhost hostaddr=127.0.0.1 port={} user=postgres dbname=postgres sslmode={mode} sslrootcert={}",
            proxied.address.port(),
            self.file.path().display()
        );
        let mut command = Command::new("psql");
        command.args([to.as_str(), "-X", "-A", "-t", "-c", "\\set VERBOSITY verbose"]);
        command.args(statements.iter().flat_map(|statement| ["-c", statement]));
        words(&command.output().expect("psql is of Debian's package postgresql-client"))
    }
}

fn words(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

const CONFLICT: &str = r#"{"statement":{"regex":"conflict"},"error":{"sqlstate":"40001"}}"#;
const IS_ENCRYPTED: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

#[test]
fn statements_under_tls_are_seen_and_go_on_in_plain() {
    let (authority, server) = (Authority::new(), PostgresServer::start());
    let proxied = Proxied::start(&server.socket(), "postgres");
    let opened = authority.rule("none", &json!("plain"));
    proxied.toxics(&[("tls", &opened), ("postgres", CONFLICT)]);
    for mode in ["verify-full", "require", "disable"] {
        let (out, err) =
            authority.psql(&proxied, mode, &["SELECT 'conflict'", "SELECT 'well'", IS_ENCRYPTED]);
        assert_eq!(out, "well\nf\n", "{mode}: {err}");
        assert!(err.contains("ERROR:  40001: could not serialize"), "{mode}: {err}");
    }
    let hits = proxied.hits();
    assert_eq!(hits.iter().filter(|hit| hit.contains("answered 40001")).count(), 3, "{hits:?}");
    assert_eq!(hits.iter().filter(|hit| *hit == "localhost: opened").count(), 2, "{hits:?}");
    let (_, shown) = proxied.api("GET", "/proxies", &Value::Null);
    let shown = shown.to_string();
    assert!(shown.contains("BEGIN CERTIFICATE") && !shown.contains("PRIVATE KEY"), "{shown}");
    // A certificate that is wrong is seen as such, and the session never begins.
    proxied.toxics(&[("tls", &authority.rule("expired", &json!("plain")))]);
    let (out, err) = authority.psql(&proxied, "verify-full", &["SELECT 1"]);
    assert!(out.is_empty() && err.contains("certificate"), "{out}{err}");
}

#[test]
fn statements_under_tls_go_on_under_tls_or_pass_unseen() {
    let authority = Authority::new();
    let (certificate, key) = authority.certify("localhost");
    let server = PostgresServer::with_tls(&certificate, &key);
    let proxied = Proxied::to(&server.address(), "postgres");
    let opened = authority.rule("none", &json!({"tls": {"roots": authority.pem["certificate"]}}));
    proxied.toxics(&[("tls", &opened), ("postgres", CONFLICT)]);
    let statements = ["SELECT 'conflict'", "SELECT 'well'", IS_ENCRYPTED];
    let (out, err) = authority.psql(&proxied, "verify-full", &statements);
    assert_eq!(out, "well\nt\n", "{err}");
    assert!(err.contains("40001"), "{err}");
    // A rule for another name: it passes, with the server's own certificate.
    let other = r#"{"sni": "other.test", "refuse": "close"}"#;
    proxied.toxics(&[("tls", other), ("postgres", CONFLICT)]);
    let (out, err) = authority.psql(&proxied, "verify-full", &statements);
    assert_eq!((out.as_str(), err.as_str()), ("conflict\nwell\nt\n", ""));
    // Its own name: no session.
    proxied.toxics(&[("tls", r#"{"sni": "localhost", "refuse": "close"}"#)]);
    let (out, err) = authority.psql(&proxied, "require", &["SELECT 1"]);
    assert!(out.is_empty() && err.contains("SSL"), "{out}{err}");
}

#[test]
fn a_server_that_does_not_speak_tls_is_told() {
    let (authority, server) = (Authority::new(), PostgresServer::start());
    let proxied = Proxied::start(&server.socket(), "postgres");
    proxied.toxics(&[("tls", &authority.rule("none", &json!({"tls": {"insecure": true}})))]);
    let (out, err) = authority.psql(&proxied, "require", &["SELECT 1"]);
    assert!(out.is_empty() && err.contains("SSL"), "{out}{err}");
    let hits = proxied.hits();
    assert!(hits.iter().any(|hit| hit.contains("the server does not speak it")), "{hits:?}");
}

#[test]
fn commands_under_tls_are_seen_by_rules_for_redis() {
    let (authority, server) = (Authority::new(), RedisServer::start());
    let proxied = Proxied::start(&server.socket(), "redis");
    proxied.toxics(&[
        ("tls", &authority.rule("none", &json!("plain"))),
        ("redis", r#"{"command": "get", "error": "loading"}"#),
    ]);
    let output = Command::new("redis-cli")
        .args([
            "--tls",
            "--sni",
            "localhost",
            "-h",
            "localhost",
            "-p",
            &proxied.address.port().to_string(),
            "--cacert",
        ])
        .arg(authority.file.path())
        .args(["get", "cart"])
        .output()
        .expect("redis-cli is of Debian's package redis-tools");
    let (out, err) = words(&output);
    assert!(out.starts_with("LOADING"), "{out}{err}");
    assert_eq!(proxied.hits().last().unwrap(), "GET cart: answered LOADING");
}

// F17: said once of the proxy, TLS is opened for good. A wrong certificate is a toxic, and goes with it.
#[test]
fn a_proxy_opens_tls_by_itself_and_a_wrong_certificate_is_a_toxic() {
    let authority = Authority::new();
    let (certificate, key) = authority.certify("localhost");
    let server = PostgresServer::with_tls(&certificate, &key);
    let proxied = Proxied::to(&server.address(), "postgres");
    let onward = json!({"tls": {"roots": authority.pem["certificate"]}});
    let tls = json!({"certificate": "none", "authority": authority.pem, "upstream": onward});
    let (status, view) = proxied.api("PATCH", "/proxies/p", &json!({"tls": tls}));
    let view = view.to_string();
    assert!(status == 200 && view.contains("BEGIN CERTIFICATE") && !view.contains("PRIVATE KEY"), "{view}");
    let statements = ["SELECT 'conflict'", "SELECT 'well'", IS_ENCRYPTED];
    let is_opened = |proxied: &Proxied| {
        let (out, err) = authority.psql(proxied, "verify-full", &statements);
        assert!(out == "well\nt\n" && err.contains("40001"), "{out}{err}");
    };
    proxied.toxics(&[("postgres", CONFLICT)]);
    is_opened(&proxied);
    let expired = authority.rule("expired", &onward);
    proxied.toxics(&[("postgres", CONFLICT), ("tls", &expired)]);
    let (out, err) = authority.psql(&proxied, "verify-full", &statements);
    assert!(out.is_empty() && err.contains("certificate"), "{out}{err}");
    // Toxics come and go, and all of them at once.
    proxied.toxics(&[("postgres", CONFLICT)]);
    is_opened(&proxied);
    assert_eq!(proxied.api("POST", "/reset", &Value::Null).0, 204);
    proxied.toxics(&[("postgres", CONFLICT)]);
    is_opened(&proxied);
}
