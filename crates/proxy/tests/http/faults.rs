//! Each fault of HTTP/1, byte by byte.

use std::time::Duration;

use squall_proxy::layer::Way;

use crate::wire::Wire;

const GET: &str = "GET /cart?key=1 HTTP/1.1\r\nHost: shop\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX-A: 1\r\n\r\n{\"a\": \"b\"}";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n3\r\n 1}\r\n0\r\n\r\n";

/// One exchange under a rule, in pieces of every size; the client's bytes and the ends are the same for all sizes.
fn exchange(rule: &str, request: &str, response: &str) -> Wire {
    let mut whole: Option<Wire> = None;
    for size in [1, 3, 7, 1000] {
        let mut wire = Wire::http(&[rule]);
        request.as_bytes().chunks(size).for_each(|piece| wire.client(piece));
        response.as_bytes().chunks(size).for_each(|piece| wire.server(piece));
        wire.pass(Duration::from_hours(1));
        if let Some(before) = &whole {
            assert_eq!(
                (before.down_text(), &before.ends),
                (wire.down_text(), &wire.ends),
                "{rule}, by {size}"
            );
        }
        whole = Some(wire);
    }
    whole.unwrap()
}

#[test]
fn an_answer_of_a_rule_never_reaches_the_server_and_the_connection_lives_on() {
    let rule = r#"{"path": "/cart", "answer": {"status": 429, "headers": {"Retry-After": "7"}, "body": "slow down"}}"#;
    let mut wire = Wire::http(&[rule]);
    wire.client(GET);
    let expected = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 9\r\n\r\nslow down";
    assert_eq!(wire.down_text(), expected);
    assert_eq!(wire.hits, ["rule 0: GET /cart: answered 429"], "without the query, which may be secret");
    // The body of a request that was answered goes nowhere; the next request is an ordinary one.
    wire.client("POST /cart HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /other HTTP/1.1\r\n\r\n");
    assert_eq!(wire.up_text(), "GET /other HTTP/1.1\r\n\r\n");
    wire.server(OK);
    assert_eq!(wire.down_text(), [expected, expected, OK].concat());
    assert!(wire.ends.is_empty());
}

#[test]
fn pipelined_answers_keep_their_order() {
    let mut wire = Wire::http(&[r#"{"path": "/b", "answer": {"status": 503}}"#]);
    wire.client(
        "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
    );
    assert_eq!(wire.up_text(), "GET /a HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n");
    assert_eq!(wire.down_text(), "");
    let own = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    wire.server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    assert_eq!(wire.down_text(), ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", own].concat());
    wire.server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nc");
    assert!(wire.down_text().ends_with(&["\r\n\r\nc", own].concat()), "{}", wire.down_text());
}

#[test]
fn an_answer_closes_where_the_client_asked_for_it() {
    for request in [
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        "PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    ] {
        let mut wire = Wire::http(&[r#"{"answer": {"status": 500}}"#]);
        wire.client(request);
        assert!(wire.down_text().contains("connection: close\r\n\r\n"), "{request}");
        assert_eq!(wire.ends, ["end down"], "{request}");
        wire.client("whatever follows");
        wire.ended(Way::Upstream);
        wire.ended(Way::Downstream);
        assert_eq!((wire.up_text().as_str(), &wire.ends[..]), ("", &["end down", "end up"][..]), "{request}");
    }
}

#[test]
fn an_answer_without_a_body_gets_no_other_one() {
    let none = "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n";
    assert_eq!(exchange(r#"{"body": {"replace": "other"}}"#, GET, none).down_text(), none);
}

#[test]
fn a_connection_that_rules_cannot_follow_says_so() {
    let many = "X: 1\r\n".repeat(129);
    let long = format!("X: {}\r\n", "x".repeat(64 * 1024));
    for headers in [&many, &long] {
        let request = format!("GET / HTTP/1.1\r\n{headers}\r\n");
        let wire = exchange(r#"{"delay": 1}"#, &request, OK);
        assert_eq!((wire.up_text(), wire.down_text()), (request, OK.to_owned()));
        assert!(wire.hits[0].starts_with(": the rest of the connection: passed unseen: "), "{:?}", wire.hits);
        let answer = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 0\r\n\r\n");
        let wire = exchange(r#"{"delay": 1}"#, GET, &answer);
        assert!(wire.hits[1].contains("passed unseen"), "{:?}", wire.hits);
    }
    // Without a rule nobody needs to know.
    let mut wire = Wire::http(&[]);
    wire.client("this is no HTTP at all\r\n\r\n");
    assert!(wire.hits.is_empty());
}

#[test]
fn an_answer_to_head_has_no_body() {
    let wire = exchange(r#"{"answer": {"status": 404, "body": "gone"}}"#, "HEAD / HTTP/1.1\r\n\r\n", "");
    assert_eq!(wire.down_text(), "HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\n");
}

#[test]
fn a_delay_holds_the_answer_and_delays_of_pipelined_requests_do_not_add_up() {
    let mut wire = Wire::http(&[r#"{"delay": 1000}"#]);
    wire.client([GET, GET].concat());
    assert_eq!(wire.up_text(), [GET, GET].concat(), "the server has the requests at once");
    wire.server([OK, OK].concat());
    wire.pass(Duration::from_millis(999));
    assert_eq!(wire.down_text(), "");
    wire.pass(Duration::from_millis(1));
    assert_eq!(wire.down_text(), [OK, OK].concat());
}

#[test]
fn only_the_first_or_every_nth_or_a_share_is_hit() {
    let answered = |rule: &str| {
        let mut wire = Wire::http(&[rule]);
        (0..100).for_each(|_| wire.client(GET));
        100 - wire.up_text().matches("GET").count()
    };
    assert_eq!(answered(r#"{"answer": {"status": 503}, "first": 3}"#), 3);
    assert_eq!(answered(r#"{"answer": {"status": 503}, "every": 4}"#), 25);
    let share = answered(r#"{"answer": {"status": 503}, "percent": 30}"#);
    assert!((15..=45).contains(&share), "{share}");
    assert_eq!(
        share,
        answered(r#"{"answer": {"status": 503}, "percent": 30}"#),
        "the same seed, the same requests"
    );
}

#[test]
fn resets_come_where_they_are_asked_for() {
    let wire = exchange(r#"{"reset": "request"}"#, GET, "");
    assert_eq!(
        (wire.up_text().as_str(), wire.down_text().as_str(), &wire.ends[..]),
        ("", "", &["reset"][..])
    );
    let wire = exchange(r#"{"reset": "answer"}"#, GET, OK);
    assert_eq!(
        (wire.up_text().as_str(), wire.down_text().as_str(), &wire.ends[..]),
        (GET, "", &["reset"][..])
    );
    let wire = exchange(r#"{"reset": "body"}"#, GET, OK);
    assert!(wire.down_text().ends_with("\r\n\r\n{\"a\":"), "{}", wire.down_text());
    assert_eq!(wire.ends, ["reset"]);
    let wire = exchange(r#"{"reset": "end"}"#, GET, OK);
    assert_eq!((wire.down_text().as_str(), &wire.ends[..]), (OK, &["reset"][..]));
    let wire = exchange(r#"{"reset": "end"}"#, GET, CHUNKED);
    assert_eq!((wire.down_text().as_str(), &wire.ends[..]), (CHUNKED, &["reset"][..]));
}

#[test]
fn a_truncated_body_ends_after_so_many_bytes() {
    let wire = exchange(r#"{"truncate": 4}"#, GET, OK);
    assert!(wire.down_text().ends_with("\r\n\r\n{\"a\""), "{}", wire.down_text());
    assert_eq!(wire.ends, ["close"]);
    let wire = exchange(r#"{"truncate": 6}"#, GET, CHUNKED);
    assert!(wire.down_text().ends_with("\r\n\r\n5\r\n{\"a\":\r\n3\r\n "), "{}", wire.down_text());
    assert_eq!(wire.ends, ["close"]);
    let wire = exchange(r#"{"truncate": 10}"#, GET, OK);
    assert_eq!((wire.down_text().as_str(), wire.ends.len()), (OK, 0), "no more than that there is");
}

#[test]
fn bodies_are_replaced_corrupted_and_malformed() {
    let wire = exchange(r#"{"body": {"replace": "other"}}"#, GET, CHUNKED);
    assert_eq!(wire.down_text(), "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother");
    let wire = exchange(r#"{"body": "malformed-json"}"#, GET, CHUNKED);
    assert_eq!(wire.down_text(), CHUNKED.replace('{', "}"));
    let wire = exchange(r#"{"body": {"corrupt": 4}}"#, GET, OK);
    let body: Vec<u8> = OK.bytes().rev().take(10).collect();
    let changed = wire.down.iter().rev().zip(&body).filter(|(new, old)| **new == !**old).count();
    assert_eq!((changed, wire.down.len()), (3, OK.len()));
}

#[test]
fn headers_are_set_and_removed() {
    let rule = r#"{"request": {"set": {"X-Fault": "1", "Host": "other"}}, "response": {"remove": "x-a", "set": {"ETag": "\"2\""}}}"#;
    let wire = exchange(rule, GET, OK);
    assert_eq!(wire.up_text(), "GET /cart?key=1 HTTP/1.1\r\nhost: other\r\nx-fault: 1\r\n\r\n");
    let expected = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\netag: \"2\"\r\n\r\n{\"a\": \"b\"}";
    assert_eq!(wire.down_text(), expected);
}

#[test]
fn a_wrong_length_ends_the_connection_after_the_body() {
    for (length, shown) in [(5, "15"), (-4, "6"), (-100, "0")] {
        let wire = exchange(&format!(r#"{{"length": {length}}}"#), GET, OK);
        let head = format!("HTTP/1.1 200 OK\r\nX-A: 1\r\ncontent-length: {shown}\r\n\r\n");
        assert_eq!(wire.down_text(), head + "{\"a\": \"b\"}");
        assert_eq!(wire.ends, ["close"]);
    }
}

#[test]
fn throttle_and_dribble_slow_the_body_and_lose_nothing() {
    let body = "x".repeat(1000);
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{body}");
    for (rule, seconds) in
        [(r#"{"throttle": 100}"#, 10.0), (r#"{"dribble": {"bytes": 10, "every": 50}}"#, 5.0)]
    {
        let mut wire = Wire::http(&[rule]);
        wire.client(GET);
        wire.server(&response);
        wire.pass(Duration::from_secs_f64(seconds * 0.5));
        let there = wire.down.len() as f64 - (response.len() - 1000) as f64;
        assert!((480.0..=530.0).contains(&there), "{rule}: {there} bytes after half of the time");
        wire.pass(Duration::from_secs_f64(seconds * 0.5));
        assert_eq!(wire.down_text(), response, "{rule}");
    }
}

#[test]
fn the_first_rule_that_ends_a_request_is_right_and_delays_add_up() {
    let mut wire = Wire::http(&[
        r#"{"delay": 10}"#,
        r#"{"delay": 5, "answer": {"status": 500}}"#,
        r#"{"answer": {"status": 502}}"#,
    ]);
    wire.client(GET);
    wire.pass(Duration::from_millis(14));
    assert_eq!(wire.down_text(), "");
    wire.pass(Duration::from_millis(1));
    assert!(wire.down_text().starts_with("HTTP/1.1 500 "), "{}", wire.down_text());
    let expected =
        ["rule 0: GET /cart: delayed by 10 ms", "rule 1: GET /cart: delayed by 5 ms, answered 500"];
    assert_eq!(wire.hits, expected);
}

#[test]
fn a_server_that_loses_its_mind_after_an_own_answer_ends_the_connection() {
    let mut wire = Wire::http(&[r#"{"path": "/b", "answer": {"status": 503}}"#]);
    wire.client("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
    wire.server("no HTTP at all\r\n\r\n");
    assert_eq!(wire.ends, ["close"]);
}
