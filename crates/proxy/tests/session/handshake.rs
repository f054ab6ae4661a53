//! What rules make of a handshake of TLS, and of its end: a client of rustls without sockets (F18).

use std::io::{Read as _, Write as _};
use std::time::Instant;

use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::Acceptor;
use rustls::{AlertDescription, ClientConnection, Error};
use serde_json::{Value, json};
use squall_proxy::layer::{Act, LIMIT, Layer, Way};
use squall_proxy::postgres;
use squall_proxy::rulebook::Rulebook;
use squall_proxy::tls::{Rule, session};

use crate::authority::Authority;
use crate::peers::said;
use crate::postgres::{query, startup};
use crate::wire::{Wire, book};

/// Passes everything.
struct Pass;

impl Layer for Pass {
    fn received(&mut self, way: Way, bytes: Bytes, _: Instant, acts: &mut Vec<Act>) {
        acts.push(Act::Send(way, bytes));
    }

    fn ended(&mut self, way: Way, _: Instant, acts: &mut Vec<Act>) {
        acts.push(Act::End(way));
    }

    fn wake_at(&self) -> Option<Instant> {
        None
    }

    fn woken(&mut self, _: Instant, _: &mut Vec<Act>) {}
}

fn wire(rules: &Rulebook<Rule>) -> Wire {
    Wire::new(session(rules.clone(), Box::new(Pass)))
}

fn under(rule: &Value) -> Wire {
    wire(&book(&[&rule.to_string()]))
}

/// Opens connections with a right certificate of this authority.
fn opening(authority: &Authority, upstream: &Value) -> Wire {
    wire(&book(&[&authority.rule("none", upstream)]))
}

fn hello(name: &str) -> Vec<u8> {
    said(&mut Authority::new().client(name, &[]))
}

/// Lets the client hear what came for it; what that is in the clear, and whether it was the last word.
fn heard(client: &mut ClientConnection, wire: &mut Wire) -> Result<(String, bool), Error> {
    let bytes = std::mem::take(&mut wire.down);
    let mut rest = &bytes[..];
    let mut text = String::new();
    let mut closed = false;
    while !rest.is_empty() && client.read_tls(&mut rest).unwrap() > 0 {
        let state = client.process_new_packets()?;
        closed = state.peer_has_closed();
        let mut plain = vec![0; state.plaintext_bytes_to_read()];
        client.reader().read_exact(&mut plain).unwrap();
        text.push_str(std::str::from_utf8(&plain).unwrap());
    }
    Ok((text, closed))
}

fn pass(way: Way, bytes: &[u8], to: &mut Wire) {
    if !bytes.is_empty() {
        to.put(way, bytes);
    }
}

/// Carries the handshake between a client and what is before it to its end; `behind` is what is behind that, if anything.
fn settle(client: &mut ClientConnection, wire: &mut Wire, mut behind: Option<&mut Wire>) -> (String, bool) {
    let (mut text, mut closed) = (String::new(), false);
    loop {
        let up = said(client);
        let is_quiet = up.is_empty();
        pass(Way::Upstream, &up, wire);
        if let Some(behind) = behind.as_deref_mut() {
            pass(Way::Upstream, &std::mem::take(&mut wire.up), behind);
            pass(Way::Downstream, &std::mem::take(&mut behind.down), wire);
        }
        if is_quiet && wire.down.is_empty() {
            return (text, closed);
        }
        let (more, last) = heard(client, wire).unwrap();
        text.push_str(&more);
        closed |= last;
    }
}

#[test]
fn a_handshake_is_closed_reset_or_refused_with_an_alert() {
    for (refuse, ends) in [
        ("close", vec![Act::Close]),
        ("reset", vec![Act::Reset]),
        ("alert", vec![Act::End(Way::Downstream), Act::End(Way::Upstream)]),
    ] {
        let mut client = Authority::new().client("shop.test", &[]);
        let mut wire = under(&json!({"refuse": refuse}));
        wire.put(Way::Upstream, &said(&mut client));
        let done: Vec<Act> = wire.others.iter().filter(|act| !matches!(act, Act::Hit(_))).cloned().collect();
        assert_eq!(done, ends, "{refuse}");
        assert!(wire.up.is_empty(), "{refuse}: the server never hears of it");
        assert_eq!(wire.hits(), ["shop.test: refused"]);
        let failure = Error::AlertReceived(AlertDescription::HandshakeFailure);
        assert_eq!(heard(&mut client, &mut wire).is_err_and(|error| error == failure), refuse == "alert");
    }
}

#[test]
fn of_the_connections_to_a_name_in_any_case_only_the_share_is_hit_and_counted() {
    let rules = book(&[r#"{"sni": "*.Shop.test", "refuse": "close", "every": 2}"#]);
    let hit: Vec<bool> = ["a.shop.test", "else.test", "b.shop.test", "c.shop.test", "d.shop.test"]
        .map(|name| {
            let mut wire = wire(&rules);
            wire.put(Way::Upstream, &hello(name));
            assert_eq!(wire.up.is_empty(), wire.has(&Act::Close), "it passes, or it ends");
            wire.has(&Act::Close)
        })
        .to_vec();
    assert_eq!(hit, [false, false, true, false, true]);
    assert_eq!(rules.current()[0].counts(), (4, 2));
}

#[test]
fn what_comes_behind_a_hello_that_is_delayed_waits_with_it_and_so_does_the_end() {
    let mut wire = under(&json!({"delay": 100}));
    let first = hello("shop.test");
    wire.put(Way::Upstream, &first);
    wire.client("early");
    wire.end(Way::Upstream);
    wire.wait(99);
    assert!(wire.up.is_empty() && !wire.has(&Act::End(Way::Upstream)));
    assert!(wire.layer.wants(Way::Upstream));
    wire.put(Way::Upstream, &vec![b'x'; LIMIT]);
    assert!(!wire.layer.wants(Way::Upstream), "so much and no more is held");
    assert!(wire.layer.wants(Way::Downstream));
    wire.wait(1);
    assert_eq!(wire.up, [&first[..], b"early", &vec![b'x'; LIMIT]].concat());
    assert_eq!(wire.others.last(), Some(&Act::End(Way::Upstream)));
    assert_eq!(wire.hits(), ["shop.test: delayed by 100 ms"]);
}

// In the clear nobody can agree on HTTP/2, so the client must not speak it.
#[test]
fn a_client_that_goes_on_in_the_clear_is_not_promised_http_2() {
    let authority = Authority::new();
    let mut client = authority.client("shop.test", &["h2", "http/1.1"]);
    let mut wire = opening(&authority, &json!("plain"));
    settle(&mut client, &mut wire, None);
    assert_eq!(client.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(wire.hits(), ["shop.test: opened"]);
}

#[test]
fn the_server_is_asked_for_the_name_of_the_rule_or_for_that_of_the_client() {
    let authority = Authority::new();
    for (name, expected) in [(json!("inner.test"), "inner.test"), (Value::Null, "shop.test")] {
        let upstream = json!({"tls": {"insecure": true, "name": name}});
        let mut client = authority.client("shop.test", &[]);
        let mut wire = opening(&authority, &upstream);
        settle(&mut client, &mut wire, None);
        let mut acceptor = Acceptor::default();
        acceptor.read_tls(&mut &wire.up[..]).unwrap();
        let accepted = acceptor.accept().ok().flatten().expect("a ClientHello");
        assert_eq!(accepted.client_hello().server_name(), Some(expected));
    }
}

// RFC 8446, section 6.1: whoever says no last word may have been cut off.
#[test]
fn the_last_word_of_either_side_is_passed_on_within_tls() {
    let authority = Authority::new();
    let trusted = json!({"tls": {"roots": authority.pem["certificate"]}});
    let (mut wire, mut server) = (opening(&authority, &trusted), opening(&authority, &json!("plain")));
    let mut client = authority.client("shop.test", &[]);
    settle(&mut client, &mut wire, Some(&mut server));
    client.writer().write_all(b"question").unwrap();
    client.send_close_notify();
    settle(&mut client, &mut wire, Some(&mut server));
    assert_eq!(server.up(), "question");
    assert!(wire.has(&Act::End(Way::Upstream)), "the last word is an end");
    assert!(server.has(&Act::End(Way::Upstream)), "and it was said to the server");
    server.server("answer");
    assert_eq!(settle(&mut client, &mut wire, Some(&mut server)), ("answer".to_owned(), false));
    server.end(Way::Downstream);
    assert_eq!(settle(&mut client, &mut wire, Some(&mut server)), (String::new(), true));
}

#[test]
fn a_client_that_speaks_no_tls_after_all_gets_an_alert_and_is_told_of() {
    let authority = Authority::new();
    let mut client = authority.client("shop.test", &[]);
    let mut wire = opening(&authority, &json!("plain"));
    let first = said(&mut client);
    wire.put(Way::Upstream, &first);
    heard(&mut client, &mut wire).unwrap();
    // A second hello where the end of the handshake is due.
    wire.put(Way::Upstream, &first);
    let error = heard(&mut client, &mut wire).unwrap_err();
    assert!(matches!(error, Error::AlertReceived(_)), "{error}");
    assert!(wire.hits().iter().any(|hit| hit.starts_with("shop.test: no TLS with the client: ")));
    assert!(wire.has(&Act::End(Way::Downstream)) && wire.has(&Act::End(Way::Upstream)));
}

#[test]
fn a_client_that_goes_in_the_middle_of_its_handshake_takes_the_connection_with_it() {
    let authority = Authority::new();
    let mut wire = opening(&authority, &json!("plain"));
    wire.put(Way::Upstream, &said(&mut authority.client("shop.test", &[])));
    wire.end(Way::Upstream);
    assert!(wire.has(&Act::Close));
}

#[test]
fn a_server_that_speaks_first_is_heard_and_all_of_it_passes_in_the_clear() {
    let mut wire = under(&json!({"refuse": "close"}));
    wire.server("220 ready\r\n");
    assert_eq!(wire.down(), "220 ready\r\n");
    let first = hello("shop.test");
    wire.put(Way::Upstream, &first);
    assert_eq!((wire.up.as_slice(), wire.hits().len()), (&first[..], 0));
}

#[test]
fn a_certificate_that_is_given_is_the_one_that_is_seen() {
    let authority = Authority::new();
    let (certificate, key) = authority.certify("shop.test");
    let own = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let identity = json!({"certificate": certificate, "key": key});
    let mut client = authority.client("shop.test", &[]);
    let rule = json!({"identity": identity, "authority": null, "upstream": "plain"});
    settle(&mut client, &mut under(&rule), None);
    assert_eq!(client.peer_certificates().unwrap(), [own]);
    let shown = format!("{:?}", serde_json::from_value::<Rule>(rule).unwrap());
    assert!(shown.contains("BEGIN CERTIFICATE") && !shown.contains("PRIVATE"), "{shown}");
}

#[test]
fn a_flaw_is_told_by_its_name() {
    let authority = Authority::new();
    let mut client = authority.client("shop.test", &[]);
    let mut wire = wire(&book(&[&authority.rule("expired", &json!("plain"))]));
    wire.put(Way::Upstream, &said(&mut client));
    assert!(heard(&mut client, &mut wire).unwrap_err().to_string().contains("xpired"));
    assert_eq!(wire.hits(), ["shop.test: shown a certificate that is wrong (Expired)"]);
}

// Whether there is TLS is then between the client and the server: a client that prefers it goes on without.
#[test]
fn without_rules_for_tls_the_server_is_asked_and_answers_for_itself() {
    let conflict = r#"{"kind": "update", "error": {"sqlstate": "40001"}}"#;
    let question = [0, 0, 0, 8, 4, 210, 22, 47];
    let mut wire = Wire::new(postgres::encryption(book(&[]), postgres::session(book(&[conflict]), None)));
    wire.put(Way::Upstream, &question);
    assert_eq!((&wire.up[..], &wire.down[..]), (&question[..], &b""[..]));
    wire.put(Way::Downstream, b"N");
    assert_eq!(wire.down, b"N");
    wire.put(Way::Upstream, &startup());
    wire.put(Way::Upstream, &query("UPDATE t"));
    let seen = String::from_utf8_lossy(&wire.up).contains("squall_fault");
    assert!(seen, "and statements in the clear are seen");
}
