//! What curl says to it.

use std::process::Output;
use std::time::Duration;

use crate::origin::{Origin, Speaks};
use crate::through::Through;

/// Exit codes (curl(1)): a part of the answer only, nothing at all, a failure to receive, an error of a stream.
const PARTIAL: i32 = 18;
const RECEIVE: i32 = 56;
const STREAM: i32 = 92;

pub(crate) async fn curl(arguments: &[&str]) -> Output {
    tokio::process::Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30", "--noproxy", "*"])
        .args(arguments)
        .kill_on_drop(true)
        .output()
        .await
        .expect("curl is there")
}

async fn proxy(speaks: Speaks, rules: &[&str]) -> (Origin, Through) {
    let origin = Origin::new(speaks).await;
    let through = Through::http(&origin.address, rules);
    (origin, through)
}

#[tokio::test]
async fn curl_sees_each_fault_for_what_it_is() {
    let rules = [
        r#"{"path": "/busy", "answer": {"status": 429, "headers": {"Retry-After": "3"}, "body": "later"}}"#,
        r#"{"path": "/reset", "reset": "answer"}"#,
        r#"{"path": "/big/1000", "truncate": 100}"#,
        r#"{"path": "/big/2000", "length": 10}"#,
        r#"{"path": "/stream", "truncate": 100}"#,
        r#"{"path": "/json", "body": {"replace": "<html>"}}"#,
    ];
    let (_origin, through) = proxy(Speaks::Http1, &rules).await;
    let busy = curl(&["--include", &through.url("/busy")]).await;
    let text = String::from_utf8_lossy(&busy.stdout).into_owned();
    assert!(text.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{text}");
    assert!(text.contains("retry-after: 3\r\n") && text.ends_with("\r\n\r\nlater"), "{text}");
    assert_eq!(curl(&[&through.url("/reset")]).await.status.code(), Some(RECEIVE));
    for path in ["/big/1000", "/big/2000", "/stream"] {
        assert_eq!(curl(&[&through.url(path)]).await.status.code(), Some(PARTIAL), "{path}");
    }
    assert_eq!(curl(&[&through.url("/json")]).await.stdout, b"<html>");
    assert_eq!(curl(&[&through.url("/plain")]).await.stdout, b"/plain");
    // Several requests on one connection, ours among them, and a large upload that asks first.
    let urls = ["/a", "/busy", "/b", "/busy", "/c"].map(|path| through.url(path));
    let all = curl(&urls.each_ref().map(String::as_str)).await;
    assert_eq!(String::from_utf8_lossy(&all.stdout), "/alater/blater/c");
    let body = "x".repeat(2_000_000);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &body).unwrap();
    let upload = format!("@{}", file.path().display());
    let echo = curl(&["--data-binary", &upload, "-H", "Expect: 100-continue", &through.url("/echo")]).await;
    assert!(echo.stdout == body.as_bytes());
    let busy = curl(&["--data-binary", &upload, "-H", "Expect: 100-continue", &through.url("/busy")]).await;
    assert_eq!(busy.stdout, b"later", "{}", String::from_utf8_lossy(&busy.stderr));
}

#[tokio::test]
async fn curl_sees_the_faults_of_http2() {
    let rules = [
        r#"{"path": "/busy", "answer": {"status": 503, "body": "later"}}"#,
        r#"{"path": "/reset", "reset": "answer"}"#,
        r#"{"path": "/big/100000", "delay": 100}"#,
    ];
    let (_origin, through) = proxy(Speaks::Http2, &rules).await;
    // One request each: curl 7.88 of Debian 12 cannot use such a connection again.
    for (path, size) in [("/a", 2), ("/busy", 5), ("/big/100000", 100_000)] {
        let got = curl(&["--http2-prior-knowledge", &through.url(path)]).await;
        assert_eq!(got.stdout.len(), size, "{path}: {}", String::from_utf8_lossy(&got.stderr));
    }
    let reset = curl(&["--http2-prior-knowledge", &through.url("/reset")]).await;
    assert_eq!(reset.status.code(), Some(STREAM));
    let start = tokio::time::Instant::now();
    curl(&["--http2-prior-knowledge", &through.url("/big/100000")]).await;
    assert!(start.elapsed() >= Duration::from_millis(100));
}
