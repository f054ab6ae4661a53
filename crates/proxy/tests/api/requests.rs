//! Requests that are refused, or cannot be answered.

use serde_json::{Value, json};

use crate::support::{Rig, echo};

#[test]
fn mistakes_have_toxiproxys_words_and_status() {
    let rig = Rig::new();
    rig.proxy(echo());
    rig.toxic(&json!({"type": "latency"}));
    for (method, path, body, status, error) in [
        ("POST", "/proxies", json!({"upstream": "a:1"}), 400, "missing required field: name"),
        ("POST", "/proxies", json!({"name": "x"}), 400, "missing required field: upstream"),
        ("POST", "/proxies", json!({"name": "p", "upstream": "a:1"}), 409, "proxy already exists"),
        ("GET", "/proxies/x", Value::Null, 404, "proxy not found"),
        ("PATCH", "/proxies/x", json!({}), 404, "proxy not found"),
        ("DELETE", "/proxies/x", Value::Null, 404, "proxy not found"),
        ("POST", "/proxies/p/toxics", json!({"type": "latency"}), 409, "toxic already exists"),
        ("POST", "/proxies/p/toxics", json!({"type": "lag"}), 400, "invalid toxic type"),
        (
            "POST",
            "/proxies/p/toxics",
            json!({"type": "latency", "stream": "up"}),
            400,
            "stream was invalid, can be either upstream or downstream",
        ),
        ("GET", "/proxies/p/toxics/x", Value::Null, 404, "toxic not found"),
        ("PATCH", "/proxies/p/toxics/x", json!({}), 404, "toxic not found"),
        ("DELETE", "/proxies/p/toxics/x", Value::Null, 404, "toxic not found"),
        (
            "POST",
            "/populate",
            json!([{"name": "a", "upstream": "b:1"}, {"name": "c"}]),
            400,
            "missing required field: upstream at proxy 2",
        ),
    ] {
        let (answered, answer) = rig.call(method, path, &body);
        assert_eq!((answered, &answer["error"], &answer["status"]), (status, &json!(error), &json!(status)));
    }
    for body in ["", "{", "[1]", "{\"name\": 1}", "{\"name\": \"x\", \"upstream\": \"nowhere\"}"] {
        let (status, _, answer) = rig.raw("POST", "/proxies", "", body.as_bytes());
        let answer = String::from_utf8(answer).unwrap();
        assert!(status == 400 && answer.contains("bad request body: "), "{body}: {answer}");
    }
    assert_eq!(rig.call("GET", "/proxies/a", &Value::Null).0, 404, "a populate is checked before it is done");
}

#[test]
fn browsers_are_kept_out_and_clients_are_told_a_version_they_know() {
    let rig = Rig::new();
    assert_eq!(rig.raw("GET", "/proxies", "User-Agent: Mozilla/5.0\r\n", b"").0, 403);
    let (status, version) = rig.call("GET", "/version", &Value::Null);
    assert_eq!(status, 200);
    assert!(version["version"].as_str().unwrap().starts_with("2."), "{version}");
}

#[test]
fn what_the_api_cannot_answer_is_said_in_json() {
    let rig = Rig::new();
    for (method, path, body, status, word) in [
        ("GET", "/nothing/here", Vec::new(), 404, "/nothing/here"),
        ("DELETE", "/proxies", Vec::new(), 405, "DELETE"),
        ("POST", "/proxies", vec![b' '; 2 * 1024 * 1024 + 1], 413, "2097152"),
    ] {
        let (found, head, answer) = rig.raw(method, path, "", &body);
        assert_eq!(found, status, "{head}");
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["status"], status);
        assert!(answer["error"].as_str().unwrap().contains(word), "{answer}");
    }
}

// With the clock stopped, time goes by as soon as everybody waits.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_finish_its_request_is_waited_for_half_a_minute() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = squall_proxy::Server::start(&squall_proxy::Settings::default()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(squall_proxy::api::serve(listener, server));
    for (begun, expected) in [
        ("", ""),
        ("GET /ver", ""),
        ("POST /proxies HTTP/1.1\r\nHost: api\r\nContent-Length: 9\r\n\r\n{", "HTTP/1.1 408"),
    ] {
        let mut client = tokio::net::TcpStream::connect(at).await.unwrap();
        client.write_all(begun.as_bytes()).await.unwrap();
        let began = tokio::time::Instant::now();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(expected), "{begun}: {answer}");
        assert!(began.elapsed().as_secs() >= 29, "{begun}: after {:?}", began.elapsed());
    }
}
