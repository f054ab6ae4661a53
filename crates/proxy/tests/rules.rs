//! Rules of the protocols as toxics: through the API, on real sockets.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use support::{Rig, connect, echo, listener, wait};

/// A server that answers every request head with 200 and its path, and keeps the connection.
fn http() -> SocketAddr {
    let (listener, at) = listener();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
                    if line.ends_with("\r\n\r\n") || line == "\r\n" {
                        let path = line.split(' ').nth(1).unwrap_or_default();
                        let answer =
                            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len());
                        if stream.write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                        line.clear();
                    }
                }
            });
        }
    });
    at
}

/// Asks on an open connection: status and body.
fn get(client: &mut TcpStream, path: &str) -> (u16, String) {
    client.write_all(format!("GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n").as_bytes()).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or("0");
    let mut body = vec![0; length.parse().unwrap()];
    client.read_exact(&mut body).unwrap();
    (head[9..12].parse().unwrap(), String::from_utf8(body).unwrap())
}

#[test]
fn an_http_rule_hits_its_requests_on_connections_that_are_open_and_is_counted() {
    let rig = Rig::new();
    let body = json!({"name": "p", "upstream": http().to_string(), "protocol": "http"});
    let (status, view) = rig.call("POST", "/proxies", &body);
    assert_eq!((status, &view["protocol"]), (201, &json!("http")));
    let mut client = connect(view["listen"].as_str().unwrap().parse().unwrap());
    assert_eq!(get(&mut client, "/cart"), (200, "/cart".into()));
    rig.toxic(&json!({"name": "cart", "type": "http",
                      "attributes": {"path": "/cart*", "answer": {"status": 503}}}));
    assert_eq!(get(&mut client, "/cart/1").0, 503);
    assert_eq!(get(&mut client, "/else"), (200, "/else".into()));
    wait("the hit is counted", || rig.metric("toxic=\"cart\"") == 1);
    let (status, _) =
        rig.call("PATCH", "/proxies/p/toxics/cart", &json!({"attributes": {"path": "/cart/*"}}));
    assert_eq!((status, rig.metric("toxic=\"cart\"")), (200, 1), "a counter never goes back");
    assert_eq!(get(&mut client, "/cart/2").0, 503);
    wait("another hit is counted", || rig.metric("toxic=\"cart\"") == 2);
    rig.remove("cart");
    assert_eq!(get(&mut client, "/cart"), (200, "/cart".into()));
}

#[test]
fn the_first_rule_steers_the_next_connections_and_the_others_stay_as_they_are() {
    let rig = Rig::new();
    let at = rig.proxy(http());
    let mut before = connect(at);
    assert_eq!(get(&mut before, "/a").0, 200);
    rig.toxic(&json!({"type": "http", "attributes": {"answer": {"status": 500}}}));
    assert_eq!(get(&mut before, "/a").0, 200, "its bytes were not followed from the beginning");
    assert_eq!(get(&mut connect(at), "/a").0, 500);
}

#[test]
fn a_rule_and_a_toxic_of_bytes_work_on_one_connection() {
    let rig = Rig::new();
    let at = rig.proxy(http());
    rig.toxic(&json!({"type": "http", "attributes": {"path": "/no", "answer": {"status": 429}}}));
    rig.toxic(&json!({"type": "slicer", "attributes": {"average_size": 1}}));
    let mut client = connect(at);
    assert_eq!(get(&mut client, "/no").0, 429);
    assert_eq!(get(&mut client, "/yes"), (200, "/yes".into()));
}

/// A server that answers whatever it gets with PONG and a text of five bytes.
fn redis() -> SocketAddr {
    let (listener, at) = listener();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            thread::spawn(move || {
                let mut buffer = [0; 1024];
                while let Ok(1..) = stream.read(&mut buffer) {
                    let _ = stream.write_all(b"+PONG\r\n$5\r\nhello\r\n");
                }
            });
        }
    });
    at
}

/// What comes until the end, and how it ends.
fn rest(client: &mut TcpStream) -> (String, Option<std::io::ErrorKind>) {
    let mut bytes = Vec::new();
    let end = client.read_to_end(&mut bytes).err().map(|error| error.kind());
    (String::from_utf8(bytes).unwrap(), end)
}

#[test]
fn what_comes_before_a_reset_arrives_before_it() {
    let reset = Some(std::io::ErrorKind::ConnectionReset);
    for (point, expected) in
        [("body", "Content-Length: 8\r\n\r\n/car"), ("end", "Content-Length: 8\r\n\r\n/cart/12")]
    {
        let rig = Rig::new();
        let at = rig.proxy(http());
        rig.toxic(&json!({"type": "http", "attributes": {"reset": point}}));
        let mut client = connect(at);
        client.write_all(b"GET /cart/12 HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap();
        let (came, end) = rest(&mut client);
        assert!(came.starts_with("HTTP/1.1 200 OK\r\n") && came.ends_with(expected), "{point}: {came:?}");
        assert_eq!(end, reset, "{point}");
    }
    let rig = Rig::new();
    let at = rig.proxy(redis());
    rig.toxic(&json!({"type": "redis",
                      "attributes": {"command": "get", "cut": {"after": 6, "with": "reset"}}}));
    let mut client = connect(at);
    client.write_all(b"PING\r\nGET a\r\n").unwrap();
    assert_eq!(rest(&mut client), ("+PONG\r\n$5\r\nhe".into(), reset));
}

#[test]
fn toxicity_spares_requests_of_a_rule_by_its_seed() {
    let statuses = |seed: u64| {
        let rig = Rig::new();
        let at = rig.proxy(http());
        rig.toxic(&json!({"type": "http", "toxicity": 0.5, "seed": seed,
                          "attributes": {"answer": {"status": 500}}}));
        let mut client = connect(at);
        (0..40).map(|_| get(&mut client, "/").0).collect::<Vec<_>>()
    };
    let first = statuses(3);
    let hit = first.iter().filter(|status| **status == 500).count();
    assert!((8..=32).contains(&hit), "{hit} of 40");
    assert_eq!(first, statuses(3));
    assert_ne!(first, statuses(4));
}

#[test]
fn a_redis_rule_answers_in_place_of_the_server() {
    let rig = Rig::new();
    // The echo stands for a server: what reaches it comes back.
    let at = rig.proxy(echo());
    rig.toxic(&json!({"type": "redis", "attributes": {"command": "GET", "error": "loading"}}));
    let mut client = connect(at);
    client.write_all(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n").unwrap();
    let mut answer = String::new();
    BufReader::new(client).read_line(&mut answer).unwrap();
    assert!(answer.starts_with("-LOADING"), "{answer}");
}

#[test]
fn a_wrong_rule_is_refused_with_its_place() {
    let rig = Rig::new();
    rig.proxy(echo());
    for (toxic, word) in [
        (json!({"type": "http", "attributes": {"percent": 200, "answer": {"status": 500}}}), "percent"),
        (json!({"type": "redis", "attributes": {"comand": "GET"}}), "comand"),
        (json!({"type": "postgres", "attributes": {"nothing": 1}}), "nothing"),
        (json!({"type": "websocket", "attributes": {"nothing": 1}}), "nothing"),
        (json!({"type": "redis", "clients": "10.0.0.0/8", "attributes": {"error": "loading"}}), "clients"),
    ] {
        let (status, answer) = rig.call("POST", "/proxies/p/toxics", &toxic);
        assert_eq!(status, 400, "{toxic}");
        assert!(answer["error"].as_str().unwrap().contains(word), "{answer}");
    }
    assert_eq!(rig.call("GET", "/proxies/p/toxics", &Value::Null).1, json!([]));
}

// E4: what is read off for the comparison of both groups.
#[test]
fn hit_and_spared_requests_are_shown_where_old_clients_never_look() {
    let rig = Rig::new();
    let body = json!({"name": "p", "upstream": http().to_string(), "protocol": "http"});
    let at = rig.call("POST", "/proxies", &body).1["listen"].as_str().unwrap().parse().unwrap();
    let mut client = connect(at);
    let shown = |key: &str| {
        let (status, page) = rig.call("GET", "/proxies/p/traffic", &Value::Null);
        assert_eq!(status, 200, "{page}");
        let of = |group: &str| page[group][key].clone();
        (page["rules"].clone(), of("hit"), of("spared"))
    };
    get(&mut client, "/cart");
    assert_eq!(shown("finished"), (json!(0), json!(0), json!(0)));
    // Without any toxicity a rule hits nothing, and says what it is about.
    rig.toxic(&json!({"name": "watch", "type": "http", "toxicity": 0, "attributes": {"path": "/cart", "answer": {"status": 503}}}));
    assert_eq!(get(&mut client, "/cart").0, 200);
    get(&mut client, "/else");
    assert_eq!(shown("finished"), (json!(0), json!(0), json!(1)));
    rig.toxic(&json!({"name": "half", "type": "http", "attributes": {"path": "/cart", "every": 2, "answer": {"status": 503}}}));
    for _ in 0..4 {
        get(&mut client, "/cart");
    }
    assert_eq!(shown("finished"), (json!(1), json!(2), json!(3)));
    assert_eq!(shown("failed"), (json!(1), json!(2), json!(0)));
    let (_, hit, spared) = shown("latency");
    let sum = |rows: &Value| rows.as_array().unwrap().iter().map(|row| row[1].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum(&hit), sum(&spared)), (2, 3));
    rig.toxic(&json!({"type": "slow_close"}));
    assert_eq!(shown("finished").0, json!(1), "what is no rule is none");
    assert_eq!(rig.call("GET", "/proxies/q/traffic", &Value::Null).0, 404);
}

/// A certificate of its own, and its key.
fn certificate() -> Value {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["shop.test".to_owned()]).unwrap().self_signed(&key).unwrap();
    json!({"certificate": certificate.pem(), "key": key.serialize_pem()})
}

// Whoever may ask the API may not have the keys that somebody has put into it. They are kept all the same.
#[test]
fn private_keys_are_shown_nowhere_and_outlive_a_change() {
    let rig = Rig::new();
    let mut events = connect(rig.api);
    events.write_all(b"GET /events HTTP/1.1\r\nHost: api\r\n\r\n").unwrap();
    let toxics = json!([
        {"name": "made", "type": "tls", "attributes": {"certificate": "none", "authority": certificate(), "upstream": "plain"}},
        {"name": "given", "type": "tls", "attributes": {"sni": "shop.test", "identity": certificate(), "upstream": "plain"}},
    ]);
    let plan = json!([{"name": "p", "upstream": echo().to_string(), "toxics": toxics}]);
    let read = squall_proxy::plans(plan.to_string().as_bytes()).unwrap();
    assert!(!format!("{read:?}").contains("PRIVATE"), "not even to who looks for mistakes in a program");
    let mut shown = vec![rig.call("POST", "/populate", &plan)];
    for path in [
        "/proxies",
        "/proxies/p",
        "/proxies/p/toxics",
        "/proxies/p/toxics/made",
        "/proxies/p/toxics/given?counts=true",
    ] {
        shown.push(rig.call("GET", path, &Value::Null));
    }
    // Only the names change: the key that is there stays, and the rule is as good as before.
    for toxic in ["made", "given"] {
        let path = format!("/proxies/p/toxics/{toxic}");
        shown.push(rig.call("PATCH", &path, &json!({"attributes": {"sni": "other.test"}})));
    }
    rig.remove("made");
    shown.push(rig.call("POST", "/proxies/p/toxics", &toxics[0]));
    for (status, page) in &shown {
        let page = page.to_string();
        assert!([200, 201].contains(status) && page.contains("BEGIN CERTIFICATE"), "{status} {page}");
        assert!(!page.contains("PRIVATE KEY") && !page.contains("\"key\""), "{page}");
    }
    for path in ["/metrics", "/proxies/p/connections", "/proxies/p/traffic"] {
        assert!(!String::from_utf8(rig.raw("GET", path, "", b"").2).unwrap().contains("PRIVATE"), "{path}");
    }
    let mut told = String::new();
    let mut buffer = [0; 4096];
    while told.matches("toxic-added").count() < 1 {
        let read = events.read(&mut buffer).unwrap();
        assert!(read > 0, "{told}");
        told.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    assert!(!told.contains("PRIVATE"), "{told}");
}
