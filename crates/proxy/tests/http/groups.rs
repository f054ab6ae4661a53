//! Requests that were hit beside those that were spared: what is counted of each (E4).

use std::time::Duration;

use squall_proxy::groups::{Counts, Side};
use squall_proxy::http::{self, Options, Rule};
use squall_proxy::layer::Way;
use squall_proxy::rulebook::Rulebook;

use crate::streams::Client;
use crate::wire::{Wire, book};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const BAD: &str = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n")
}

/// How many, how many of them failed, and how many took so many milliseconds.
type Counted = (u64, u64, Vec<(u64, u64)>);

fn in_millis(Counts { finished, failed, latency }: Counts) -> Counted {
    (finished, failed, latency.into_iter().map(|(most, count)| (most / 1_000, count)).collect())
}

/// Of those that were hit, and of those that were spared.
fn counted(rules: &Rulebook<Rule>) -> [Counted; 2] {
    [Side::Hit, Side::Spared].map(|side| in_millis(rules.groups().counts(side)))
}

/// So many exchanges one after the other: the server takes 10 ms for each.
fn asked(wire: &mut Wire, path: &str, answer: &str) {
    wire.client(get(path));
    wire.pass(Duration::from_millis(10));
    wire.server(answer);
    wire.pass(Duration::from_secs(1));
}

#[test]
fn a_request_is_hit_spared_or_of_another_kind() {
    let rules = book(&[r#"{"path": "/cart", "every": 2, "delay": 100}"#]);
    let mut wire = Wire::new(http::session(rules.clone(), Options::default()));
    for _ in 0..3 {
        asked(&mut wire, "/cart", OK);
        asked(&mut wire, "/else", BAD);
    }
    asked(&mut wire, "/cart", BAD);
    // 110 ms with the delay of the rule, 10 without; within 1/32.
    assert_eq!(counted(&rules), [(2, 1, vec![(110, 2)]), (2, 0, vec![(10, 2)])]);
    rules.replace(Vec::new());
    asked(&mut wire, "/cart", OK);
    assert_eq!(counted(&rules)[1].0, 2, "without a rule nothing is counted");
}

#[test]
fn an_answer_of_a_rule_is_as_late_as_the_rule_has_it() {
    let rules = book(&[r#"{"delay": 50, "answer": {"status": 503}}"#]);
    let mut wire = Wire::new(http::session(rules.clone(), Options::default()));
    wire.client(get("/"));
    wire.pass(Duration::from_millis(50));
    assert_eq!(counted(&rules)[0], (1, 1, vec![(50, 1)]));
}

#[test]
fn answers_of_rules_and_connections_that_end_are_failures() {
    for (rule, failed) in [
        (r#"{"answer": {"status": 503}}"#, 1),
        (r#"{"answer": {"status": 404}}"#, 0),
        (r#"{"reset": "request"}"#, 1),
        (r#"{"reset": "answer"}"#, 1),
        (r#"{"truncate": 1}"#, 1),
        (r#"{"truncate": 2}"#, 0),
    ] {
        let rules = book(&[rule]);
        let mut wire = Wire::new(http::session(rules.clone(), Options::default()));
        wire.client(get("/"));
        wire.server(OK);
        drop(wire);
        let [hit, spared] = counted(&rules);
        assert_eq!((hit.0, hit.1, spared.0), (1, failed, 0), "{rule}");
    }
}

#[test]
fn a_request_without_its_answer_has_failed_and_one_that_nobody_can_follow_is_not_counted() {
    let rules = book(&[r#"{"every": 100, "delay": 1}"#]);
    let mut wire = Wire::new(http::session(rules.clone(), Options::default()));
    wire.client([get("/a"), get("/b")].concat());
    wire.server(OK);
    assert_eq!(counted(&rules)[1].0, 1);
    wire.ended(Way::Downstream);
    drop(wire);
    assert_eq!(counted(&rules)[1], (2, 1, vec![(0, 1)]));

    let mut wire = Wire::new(http::session(rules.clone(), Options::default()));
    wire.client(get("/a"));
    wire.server("this is no answer of HTTP\r\n\r\n");
    drop(wire);
    assert_eq!(counted(&rules)[1].0, 2);
}

#[tokio::test]
async fn streams_are_counted_by_the_head_of_their_answer_and_calls_by_their_trailers() {
    let client = Client::new(&[r#"{"path": "/call", "every": 2, "grpc": {"status": "UNAVAILABLE"}}"#]).await;
    for _ in 0..4 {
        let mut request = Client::request("/call", "\0\0\0\0\u{1}x".into());
        request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
        client.send(request).await.unwrap();
    }
    client.get("/else").await.unwrap();
    let [hit, spared] =
        [Side::Hit, Side::Spared].map(|side| in_millis(client.through.server.requests("p", side).unwrap()));
    assert_eq!((hit.0, hit.1), (2, 2), "{hit:?}");
    assert_eq!((spared.0, spared.1), (2, 0), "{spared:?}");
}

#[tokio::test]
async fn a_stream_that_is_reset_has_failed_and_one_that_is_delayed_is_slow() {
    let client = Client::new(&[
        r#"{"path": "/reset", "reset": "answer"}"#,
        r#"{"path": "/slow", "delay": 50, "every": 2}"#,
    ])
    .await;
    client.get("/reset").await.unwrap_err();
    for _ in 0..2 {
        client.get("/slow").await.unwrap();
    }
    let [hit, spared] =
        [Side::Hit, Side::Spared].map(|side| in_millis(client.through.server.requests("p", side).unwrap()));
    assert_eq!((hit.0, hit.1, spared.0, spared.1), (2, 1, 1, 0), "{hit:?} {spared:?}");
    assert!(hit.2.iter().any(|(most, _)| *most >= 50), "{hit:?}");
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream][..], payload].concat()
}

const HEADERS: u8 = 1;
const RESET: u8 = 3;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Headers that are written out, with names of the static table (RFC 7541, appendix A) or of their own.
fn status(code: &str) -> Vec<u8> {
    [&[0x48, code.len() as u8], code.as_bytes()].concat()
}

fn of_grpc() -> Vec<u8> {
    [&[0x5f, 16], &b"application/grpc"[..]].concat()
}

fn grpc_status(code: &str) -> Vec<u8> {
    [&[0x40, 11], &b"grpc-status"[..], &[code.len() as u8], code.as_bytes()].concat()
}

/// A connection of HTTP/2 under a rule that spares everything, with a request on each of these streams.
fn asking(streams: &[u8]) -> (Rulebook<Rule>, Wire) {
    let rules = book(&[r#"{"every": 99999, "delay": 1}"#]);
    let mut wire = Wire::new(http::session(rules.clone(), Options::default()));
    wire.client(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    wire.client(frame(4, 0, 0, &[]));
    wire.server(frame(4, 0, 0, &[]));
    for stream in streams {
        // GET http://x/
        let request = [&[0x82, 0x86, 0x84, 0x41, 1], &b"x"[..]].concat();
        wire.client(frame(HEADERS, END_STREAM | END_HEADERS, *stream, &request));
    }
    wire.pass(Duration::from_millis(10));
    (rules, wire)
}

/// What the server says on a stream, with a second after each.
fn told(wire: &mut Wire, stream: u8, headers: &[(u8, Vec<u8>)]) {
    for (flags, block) in headers {
        wire.server(frame(HEADERS, flags | END_HEADERS, stream, block));
        wire.pass(Duration::from_secs(1));
    }
}

#[test]
fn an_answer_is_judged_by_its_head_and_a_call_by_its_trailers() {
    let head = |code: &str| vec![(0, status(code))];
    let all = |code: &str| vec![(END_STREAM, status(code))];
    let call = |code: &str| vec![(0, [status("200"), of_grpc()].concat()), (END_STREAM, grpc_status(code))];
    let refused = vec![(END_STREAM, [status("200"), of_grpc(), grpc_status("14")].concat())];
    for (headers, failed) in [
        (head("200"), 0),
        (head("500"), 1),
        (all("404"), 0),
        (all("503"), 1),
        (call("0"), 0),
        (call("14"), 1),
        (refused, 1),
    ] {
        let (rules, mut wire) = asking(&[1]);
        told(&mut wire, 1, &headers);
        // The latency is that of the head, whatever comes later.
        assert_eq!(counted(&rules)[1], (1, failed, vec![(10, 1)]), "{headers:?}");
    }
}

#[test]
fn an_interim_answer_is_none() {
    let (rules, mut wire) = asking(&[1]);
    wire.server(frame(HEADERS, END_HEADERS, 1, &status("103")));
    assert_eq!(counted(&rules)[1].0, 0);
    wire.pass(Duration::from_millis(5));
    wire.server(frame(HEADERS, END_HEADERS, 1, &status("500")));
    assert_eq!(counted(&rules)[1], (1, 1, vec![(15, 1)]));
}

#[test]
fn a_call_that_is_reset_has_failed_at_once() {
    let (rules, mut wire) = asking(&[1, 3, 5]);
    told(&mut wire, 1, &[(0, [status("200"), of_grpc()].concat())]);
    assert_eq!(counted(&rules)[1].0, 0, "its trailers are still to come");
    wire.server(frame(RESET, 0, 1, &[0, 0, 0, 2]));
    assert_eq!(counted(&rules)[1], (1, 1, vec![(10, 1)]));
    // Before there was an answer, and by the client.
    wire.server(frame(RESET, 0, 3, &[0, 0, 0, 2]));
    wire.client(frame(RESET, 0, 5, &[0, 0, 0, 8]));
    assert_eq!(counted(&rules)[1], (3, 3, vec![(10, 1)]));
}

#[test]
fn streams_that_nobody_can_follow_are_not_counted() {
    let (rules, mut wire) = asking(&[1]);
    wire.server(frame(RESET, 0, 1, &[0]));
    drop(wire);
    assert_eq!(counted(&rules)[1].0, 0);
}
