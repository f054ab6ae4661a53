//! HTTP/2 between a client and a server that know the protocol well.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper::{HeaderMap, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::origin::{Origin, Speaks, big};
use crate::through::Through;

/// An answer, read to its end, or what went wrong.
type Got = Result<(u16, HeaderMap, Bytes), hyper::Error>;

/// A connection of HTTP/2 through a proxy.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    pub(crate) through: Through,
    _origin: Origin,
}

impl Client {
    pub(crate) async fn new(rules: &[&str]) -> Self {
        let origin = Origin::new(Speaks::Http2).await;
        let through = Through::http(&origin.address, rules);
        let socket = TcpStream::connect(through.address).await.unwrap();
        let handshake = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        let (sender, connection) = handshake.handshake(TokioIo::new(socket)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, through, _origin: origin }
    }

    pub(crate) fn request(path: &str, body: Bytes) -> Request<Full<Bytes>> {
        Request::post(format!("http://origin{path}")).body(Full::new(body)).unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Got {
        let mut sender = self.sender.clone();
        let work = async move {
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            let (head, body) = response.into_parts();
            let whole = body.collect().await?;
            let mut headers = head.headers;
            headers.extend(whole.trailers().cloned().unwrap_or_default());
            Ok((head.status.as_u16(), headers, whole.to_bytes()))
        };
        tokio::time::timeout(Duration::from_secs(30), work).await.expect("an answer within half a minute")
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.send(Self::request(path, Bytes::new())).await
    }

    async fn reason(&self, path: &str) -> String {
        let error = self.get(path).await.unwrap_err();
        let mut words = String::new();
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = cause {
            words = error.to_string();
            cause = error.source();
        }
        words
    }
}

#[tokio::test]
async fn headers_stay_right_when_some_requests_never_reach_the_server() {
    let client = Client::new(&[r#"{"path": "/x/*", "every": 3, "answer": {"status": 503}}"#]).await;
    for n in 1..=60 {
        // Names and values come back often enough to be in the tables of both sides.
        let mut request = Client::request(&format!("/x/{}", n % 7), Bytes::new());
        request.headers_mut().insert("x-n", format!("value {}", n / 4).parse().unwrap());
        request.headers_mut().insert("x-other", format!("other {}", n % 5).parse().unwrap());
        let (status, headers, body) = client.send(request).await.unwrap();
        if n % 3 == 0 {
            assert_eq!(status, 503, "{n}");
        } else {
            assert_eq!((status, &body[..]), (200, format!("/x/{}", n % 7).as_bytes()), "{n}");
            assert_eq!(headers["x-n"], format!("value {}", n / 4), "{n}");
        }
    }
}

#[tokio::test]
async fn many_streams_at_once_pass_with_their_bodies() {
    let client = Client::new(&[r#"{"path": "/never", "delay": 1}"#]).await;
    let body = big(200_000);
    let all = (0..20).map(|_| client.send(Client::request("/echo", body.clone())));
    for got in futures_util::future::join_all(all).await {
        assert!(got.unwrap().2 == body);
    }
}

#[tokio::test]
async fn answers_of_our_own_keep_to_the_windows() {
    let text = "x".repeat(60_000);
    let rule = format!(r#"{{"path": "/own", "answer": {{"status": 500, "body": "{text}"}}}}"#);
    let client = Client::new(&[&rule]).await;
    // Together far more than any window: each byte of ours must be accounted for.
    for round in 0..150 {
        let (own, other) = tokio::join!(client.get("/own"), client.get("/big/60000"));
        assert_eq!(own.unwrap().2.len(), 60_000, "{round}");
        assert!(other.unwrap().2 == big(60_000), "{round}");
    }
}

#[tokio::test]
async fn uploads_that_nobody_takes_do_not_use_up_the_window() {
    let client = Client::new(&[r#"{"path": "/own", "answer": {"status": 413}}"#]).await;
    let body = big(1_000_000);
    for _ in 0..10 {
        // The client may learn of the answer before it has sent everything, or after.
        match client.send(Client::request("/own", body.clone())).await {
            Ok((status, _, _)) => assert_eq!(status, 413),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(client.send(Client::request("/echo", body.clone())).await.unwrap().2 == body);
}

#[tokio::test]
async fn a_slowed_stream_holds_up_no_other() {
    let client = Client::new(&[r#"{"path": "/big/3000000", "throttle": 1000}"#]).await;
    let mut sender = client.sender.clone();
    let slow = sender.send_request(Client::request("/big/3000000", Bytes::new())).await.unwrap();
    let mut slow = slow.into_body();
    assert!(slow.frame().await.unwrap().unwrap().is_data());
    for _ in 0..20 {
        assert!(client.get("/big/300000").await.unwrap().2 == big(300_000));
    }
    assert!(slow.frame().await.unwrap().unwrap().is_data(), "and it goes on itself");
    drop(slow);
    assert!(client.get("/big/300000").await.unwrap().2 == big(300_000));
}

#[tokio::test]
async fn a_delayed_stream_is_overtaken_and_arrives_whole() {
    let client = Client::new(&[r#"{"path": "/stream", "delay": 500}"#]).await;
    let start = tokio::time::Instant::now();
    let (delayed, overtaking) = tokio::join!(client.get("/stream"), async {
        client.get("/a").await.unwrap();
        start.elapsed()
    });
    let (_, headers, body) = delayed.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(500));
    assert!(body == big(3000));
    assert_eq!(headers["x-sum"], "7", "with its trailers");
    assert!(overtaking < start.elapsed());
}

#[tokio::test]
async fn streams_are_reset_where_they_are_asked_for_and_the_connection_lives_on() {
    let client = Client::new(&[
        r#"{"path": "/r/request", "reset": "request", "stream_error": "REFUSED_STREAM", "first": 1}"#,
        r#"{"path": "/r/answer", "reset": "answer", "stream_error": "ENHANCE_YOUR_CALM"}"#,
        r#"{"path": "/big/100001", "reset": "body"}"#,
        r#"{"path": "/big/100002", "reset": "end"}"#,
        r#"{"path": "/big/100003", "truncate": 5000}"#,
    ])
    .await;
    for (path, words) in [
        ("/r/request", "refused stream"),
        ("/r/answer", "excessive load"),
        ("/big/100001", "internal error"),
        ("/big/100002", "internal error"),
        ("/big/100003", "protocol error"),
    ] {
        let reason = client.reason(path).await;
        assert!(reason.contains(words), "{path}: {reason}");
        assert_eq!(&client.get("/next").await.unwrap().2[..], b"/next", "after {path}");
    }
}

#[tokio::test]
async fn a_connection_is_sent_away() {
    let client = Client::new(&[r#"{"path": "/bye", "goaway": "ENHANCE_YOUR_CALM"}"#]).await;
    assert_eq!(client.get("/a").await.unwrap().0, 200);
    let reason = client.reason("/bye").await;
    assert!(reason.contains("excessive load"), "{reason}");
    assert!(client.get("/a").await.is_err());
}

#[tokio::test]
async fn bodies_and_headers_change() {
    let client = Client::new(&[
        r#"{"path": "/json", "body": "malformed-json", "response": {"set": {"x-fault": "1"}}}"#,
        r#"{"path": "/big/70000", "body": {"replace": "other"}}"#,
        r#"{"path": "/big/70001", "body": {"corrupt": 1000}}"#,
        r#"{"path": "/n", "request": {"set": {"x-n": "ours"}}}"#,
    ])
    .await;
    for _ in 0..3 {
        let (_, headers, body) = client.get("/json").await.unwrap();
        assert_eq!((&body[..], headers["x-fault"].as_bytes()), (&br#"}"a": [1, 2]}"#[..], &b"1"[..]));
        assert_eq!(&client.get("/big/70000").await.unwrap().2[..], b"other");
        let body = client.get("/big/70001").await.unwrap().2;
        assert_eq!(body.iter().zip(&big(70_001)).filter(|(new, old)| new != old).count(), 71);
        assert_eq!(client.get("/n").await.unwrap().1["x-n"], "ours");
    }
}
