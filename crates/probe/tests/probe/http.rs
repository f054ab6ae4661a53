//! E3: HTTP, and everything that a broken server can do.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{any, get as on_get, post};
use squall_model::measure::{Header, HttpFact, HttpProbe, HttpRequest, Outcome, Probe};
use squall_model::unit::Unit;
use squall_probe::ProbeError;
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;

use crate::stage::{Stage, get, http, impatient, refused, text, unreadable, value};
use crate::wire::{Nobody, Site};

async fn read(url: &str, fact: HttpFact) -> Outcome {
    Stage::default().prober(http(get(url), fact)).read().await
}

fn json(path: &str) -> HttpFact {
    HttpFact::Json(path.into())
}

async fn shop() -> Site {
    let body = r#"{"queue": {"waiting": [3, 4]}, "state": "open", "ok": true, "note": "error error"}"#;
    let router = Router::new()
        .route("/stats", on_get(move || async move { body }))
        .route("/gone", on_get(|| async { (StatusCode::SERVICE_UNAVAILABLE, "{\"state\": 1}") }))
        .route("/page", on_get(|| async { "<html>" }))
        .route(
            "/echo",
            post(|headers: HeaderMap, body: String| async move {
                let named = headers.get("x-name").and_then(|value| value.to_str().ok()).unwrap_or("nobody");
                format!("{{\"said\": \"{named}: {body}\"}}")
            }),
        );
    Site::running(router).await
}

#[tokio::test]
async fn a_body_is_read_by_path_and_by_pattern() {
    let shop = shop().await;
    let url = shop.url("/stats");
    assert_eq!(read(&url, json("queue.waiting[1]")).await, value(4.0, Unit::Number));
    assert_eq!(read(&url, json("state")).await, text("open"));
    assert_eq!(read(&url, json("ok")).await, text("true"));
    assert_eq!(read(&url, json("queue.failed")).await, Outcome::Absent);
    assert_eq!(read(&url, HttpFact::Matches("err.r".into())).await, value(2.0, Unit::Number));
    assert_eq!(
        read(&shop.url("/page"), json("a")).await,
        unreadable("the answer is not JSON: expected value at line 1 column 1")
    );
    let sized =
        HttpProbe { request: get(&url), read: json("queue.waiting[0]"), login: None, unit: Unit::Bytes };
    let mut sized = Stage::default().prober(Probe::Http(Box::new(sized)));
    assert_eq!(sized.read().await, value(3.0, Unit::Bytes));
}

#[tokio::test]
async fn any_status_can_be_read_and_everything_else_needs_success() {
    let shop = shop().await;
    assert_eq!(read(&shop.url("/stats"), HttpFact::Status).await, value(200.0, Unit::Number));
    assert_eq!(read(&shop.url("/gone"), HttpFact::Status).await, value(503.0, Unit::Number));
    assert_eq!(read(&shop.url("/nowhere"), HttpFact::Status).await, value(404.0, Unit::Number));
    for fact in [json("state"), HttpFact::Latency, HttpFact::Matches(".".into())] {
        assert_eq!(read(&shop.url("/gone"), fact).await, unreadable("answered 503"));
    }
}

#[tokio::test]
async fn the_latency_reaches_to_the_last_byte() {
    let site = Site::serving(|mut stream| async move {
        use tokio::io::AsyncWriteExt as _;
        crate::wire::read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nh").await;
        tokio::time::sleep(Duration::from_millis(120)).await;
        let _ = stream.write_all(b"i").await;
    })
    .await;
    let Outcome::Value(latency) = read(&site.url("/"), HttpFact::Latency).await else { panic!("no latency") };
    assert_eq!(latency.unit, Unit::Seconds);
    assert!((0.12..10.0).contains(&latency.value), "{latency}");
}

#[tokio::test]
async fn method_headers_and_body_are_sent_with_their_secrets_filled_in() {
    let shop = shop().await;
    let request = HttpRequest {
        method: "POST".into(),
        headers: vec![Header { name: "X-Name".into(), value: "Ada".into() }],
        body: Some("hello".into()),
        ..get(&shop.url("/echo"))
    };
    assert_eq!(Stage::default().prober(http(request.clone(), json("said"))).read().await, text("Ada: hello"));

    // U3: the server got the secret and sent it back; nobody else gets to see it.
    let secret = HttpRequest { body: Some("key {env:KEY}".into()), ..request };
    let mut prober = Stage::with_secret("KEY", "s3cr3t").prober(http(secret, json("said")));
    assert_eq!(prober.read().await, text("Ada: key ***"));
}

// S9: a probe that can never work is refused when it is made, without showing a secret.
#[test]
fn what_can_never_be_sent_is_refused() {
    let status = |request| http(request, HttpFact::Status);
    let error = refused(status(get("http://127.0.0.1:{env:PORT}/")), Stage::default());
    assert_eq!(error.to_string(), "fill in the address: the variable PORT is not set");
    let error = refused(status(get("{env:URL}")), Stage::with_secret("URL", "s3cr3t:x"));
    assert!(matches!(error, ProbeError::Address { .. }), "{error}");
    assert!(!format!("{error:?}").contains("s3cr3t"));
    let header = Header { name: "x-key".into(), value: "{env:KEY}".into() };
    let request = HttpRequest { headers: vec![header], ..get("http://127.0.0.1/") };
    let error = refused(status(request), Stage::with_secret("KEY", "s3cr3t\n"));
    assert_eq!(
        error.to_string(),
        "use the header `x-key`: its value holds a character that no header may hold"
    );
    let request = HttpRequest { method: "GE T".into(), ..get("http://127.0.0.1/") };
    assert!(matches!(refused(status(request), Stage::default()), ProbeError::Method(_)));
    let error = refused(http(get("http://127.0.0.1/"), json("a..b")), Stage::default());
    assert!(matches!(error, ProbeError::Path(_)));
    let error = refused(http(get("http://127.0.0.1/"), HttpFact::Matches("(".into())), Stage::default());
    assert!(matches!(error, ProbeError::Pattern { .. }));
}

/// Reads a site that never ends its answer, and sees the reading end anyway.
async fn times_out(site: &Site, fact: HttpFact) {
    let start = Instant::now();
    let mut prober = impatient(http(get(&site.url("/")), fact), Duration::from_millis(300));
    assert_eq!(prober.read().await, unreadable("timed out after 300ms"));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_body_that_drips_for_ever_times_out() {
    let length = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
    for fact in [HttpFact::Status, HttpFact::Latency, json("a"), HttpFact::Matches("a".into())] {
        times_out(&Site::dripping(length, "a").await, fact).await;
    }
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    times_out(&Site::dripping(chunked, "1\r\na\r\n").await, HttpFact::Latency).await;
}

#[tokio::test]
async fn headers_that_drip_for_ever_time_out() {
    times_out(&Site::dripping("HTTP/1.1 200 OK\r\n", "x: y\r\n").await, HttpFact::Status).await;
    times_out(&Site::dripping("HTTP/1.1 200 OK\r\nx: ", "y").await, HttpFact::Status).await;
}

#[tokio::test]
async fn a_server_that_says_nothing_times_out() {
    let silent = Site::serving(|mut stream| async move {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    times_out(&silent, HttpFact::Status).await;
}

#[tokio::test]
async fn a_body_beyond_four_mebibytes_is_refused() {
    let large = |size: usize| {
        let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n").into_bytes();
        answer.resize(answer.len() + size, b'a');
        answer
    };
    let cap = 4 * 1024 * 1024;
    let site = Site::answering(large(cap + 1)).await;
    assert_eq!(read(&site.url("/"), HttpFact::Latency).await, unreadable("the answer is larger than 4 MiB"));
    let site = Site::answering(large(cap)).await;
    let fits = read(&site.url("/"), HttpFact::Matches("a+".into())).await;
    assert_eq!(fits, value(1.0, Unit::Number));
}

#[tokio::test]
async fn a_redirect_is_a_status_and_is_not_followed() {
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&visits);
    let looping = any(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        async { (StatusCode::FOUND, [(header::LOCATION, "/loop")]) }
    });
    let site = Site::running(Router::new().route("/loop", looping)).await;
    assert_eq!(read(&site.url("/loop"), HttpFact::Status).await, value(302.0, Unit::Number));
    assert_eq!(visits.load(Ordering::Relaxed), 1);
    assert_eq!(read(&site.url("/loop"), HttpFact::Latency).await, unreadable("answered 302"));
}

#[tokio::test]
async fn broken_connections_are_named_in_few_words() {
    let nobody = Nobody::here();
    let url = format!("http://{}/", nobody.address);
    assert_eq!(read(&url, HttpFact::Status).await, unreadable("connection refused"));

    // Closing with unread bytes makes the kernel send RST, tcp(7).
    let resetting = Site::serving(|stream| async move {
        let _ = stream.peek(&mut [0]).await;
    })
    .await;
    assert_eq!(read(&resetting.url("/"), HttpFact::Status).await, unreadable("connection reset"));

    let closing = Site::answering("").await;
    assert_eq!(
        read(&closing.url("/"), HttpFact::Status).await,
        unreadable("connection closed before message completed")
    );
    let cut = Site::answering("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    assert_eq!(
        read(&cut.url("/"), HttpFact::Latency).await,
        unreadable("end of file before message length reached")
    );

    let garbage = Site::answering("SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
    assert_eq!(read(&garbage.url("/"), HttpFact::Status).await, unreadable("invalid HTTP version parsed"));
    let nowhere = read("http://no-such-host.invalid/", HttpFact::Status).await;
    assert!(matches!(&nowhere, Outcome::Unreadable(why) if why.contains("lookup")), "{nowhere}");
}

#[tokio::test]
async fn a_probe_recovers_with_its_server() {
    let nobody = Nobody::here();
    let address = nobody.address;
    let stage = Rc::new(Stage::default());
    let mut prober = crate::stage::prober(&stage, http(get(&format!("http://{address}/")), HttpFact::Status));
    assert_eq!(prober.read().await, unreadable("connection refused"));
    let listener = nobody.appears();
    let server = tokio::spawn(async move {
        let router = Router::new().route("/", on_get(|| async { "hello" }));
        axum::serve(listener, router).await
    });
    assert_eq!(prober.read().await, value(200.0, Unit::Number));
    server.abort();
    crate::stage::until("the server is gone", async || matches!(prober.read().await, Outcome::Unreadable(_)))
        .await;
}
