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
fn answers_of_rules_and_connections_that_end_are_failures() {
    for (rule, failed) in [
        (r#"{"answer": {"status": 503}}"#, 1),
        (r#"{"answer": {"status": 404}}"#, 0),
        (r#"{"reset": "request"}"#, 1),
        (r#"{"reset": "answer"}"#, 1),
        (r#"{"truncate": 1}"#, 1),
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
