//! Calls of gRPC.

use bytes::Bytes;

use crate::streams::Client;

/// A message of gRPC: not compressed, its length, its bytes.
fn message(bytes: &[u8]) -> Bytes {
    [&[0][..], &(bytes.len() as u32).to_be_bytes(), bytes].concat().into()
}

async fn call(client: &Client, bytes: &[u8]) -> (String, Option<String>, Bytes) {
    let mut request = Client::request("/call", message(bytes));
    request.headers_mut().insert("content-type", "application/grpc+proto".parse().unwrap());
    request.headers_mut().insert("te", "trailers".parse().unwrap());
    let (status, headers, body) = client.send(request).await.unwrap();
    assert_eq!(status, 200, "gRPC has statuses of its own");
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    (text("grpc-status").unwrap(), text("grpc-message"), body)
}

#[tokio::test]
async fn a_call_fails_with_the_status_that_was_asked_for() {
    let rule =
        r#"{"path": "/call", "every": 2, "grpc": {"status": "UNAVAILABLE", "message": "down: 100 %"}}"#;
    let client = Client::new(&[rule]).await;
    // Not a call of gRPC, so not hit, and not counted either.
    assert_eq!(client.get("/call").await.unwrap().1["grpc-status"], "0");
    for _ in 0..5 {
        assert_eq!(call(&client, b"hello").await, ("0".into(), None, message(b"hello")));
        let failed = ("14".into(), Some("down: 100 %25".into()), Bytes::new());
        assert_eq!(call(&client, b"hello").await, failed);
    }
    assert_eq!(client.through.hit().await, "POST /call: answered UNAVAILABLE");
}

#[tokio::test]
async fn trailers_survive_a_slow_answer() {
    let client =
        Client::new(&[r#"{"path": "/call", "dribble": {"bytes": 3, "every": 1}, "delay": 5}"#]).await;
    let bytes = [7; 100];
    assert_eq!(call(&client, &bytes).await, ("0".into(), None, message(&bytes)));
}
