//! Proxies that are made, changed and taken away.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::support::{Rig, connect, echo, ending, listener, pair, round_trip, wait};

#[test]
fn a_proxy_is_made_shown_changed_and_taken_away() {
    let rig = Rig::new();
    let upstream = echo().to_string();
    let (status, made) =
        rig.call("POST", "/proxies", &json!({"Name": "p", "UPSTREAM": upstream, "listen": "localhost:0"}));
    assert_eq!(status, 201);
    let listen = made["listen"].as_str().unwrap().to_owned();
    assert!(listen.starts_with("127.0.0.1:") && !listen.ends_with(":0"), "{listen}");
    assert_eq!(
        made,
        json!({"name": "p", "listen": listen, "upstream": upstream, "enabled": true, "toxics": []})
    );
    assert_eq!(rig.call("GET", "/proxies", &Value::Null), (200, json!({"p": made})));
    assert_eq!(rig.call("GET", "/proxies/p", &Value::Null), (200, made.clone()));
    for method in ["POST", "PATCH"] {
        let mut client = connect(listen.parse().unwrap());
        round_trip(&mut client, b"x");
        let (status, off) = rig.call(method, "/proxies/p", &json!({"enabled": false}));
        assert_eq!((status, &off["enabled"], &off["listen"]), (200, &json!(false), &json!(listen)));
        assert_eq!(ending(&mut client), "end after 0", "disabled, its connections are closed");
        assert!(TcpStream::connect(&listen).is_err(), "disabled, it refuses");
        assert_eq!(rig.call(method, "/proxies/p", &json!({"enabled": true})).1, made);
    }
    assert_eq!(rig.call("DELETE", "/proxies/p", &Value::Null), (204, Value::Null));
    assert!(TcpStream::connect(&listen).is_err());
    assert_eq!(rig.call("GET", "/proxies/p", &Value::Null).0, 404);
}

#[test]
fn another_upstream_closes_the_connections_and_keeps_the_toxics() {
    let rig = Rig::new();
    let (first, first_at) = listener();
    let (second, second_at) = listener();
    let at = rig.proxy(first_at);
    rig.toxic(&json!({"type": "slow_close", "attributes": {"delay": 0}}));
    let (mut client, _server) = pair(&first, at);
    let (status, view) = rig.call("PATCH", "/proxies/p", &json!({"upstream": second_at.to_string()}));
    assert_eq!((status, &view["toxics"][0]["name"]), (200, &json!("slow_close_downstream")));
    assert_eq!(ending(&mut client), "end after 0");
    pair(&second, at);
    // Another port: the old one is closed.
    let (_, view) = rig.call("PATCH", "/proxies/p", &json!({"listen": "127.0.0.1:0"}));
    assert_ne!(view["listen"], at.to_string());
    assert!(TcpStream::connect(at).is_err());
    pair(&second, view["listen"].as_str().unwrap().parse().unwrap());
}

#[test]
fn a_port_that_is_taken_is_said_and_nothing_is_lost() {
    let rig = Rig::new();
    let at = rig.proxy(echo());
    let (_taken, taken) = listener();
    let (status, answer) = rig.call("POST", "/proxies/p", &json!({"listen": taken.to_string()}));
    assert_eq!(status, 500, "{answer}");
    assert!(answer["error"].as_str().unwrap().contains("in use"), "{answer}");
    assert_eq!(rig.call("GET", "/proxies/p", &Value::Null).1["listen"], at.to_string());
    round_trip(&mut connect(at), b"still here");
    let body = json!({"name": "q", "upstream": "a:1", "listen": taken.to_string()});
    assert_eq!(rig.call("POST", "/proxies", &body).0, 500);
    assert_eq!(rig.call("GET", "/proxies/q", &Value::Null).0, 404);
}

#[test]
fn a_proxy_that_is_made_disabled_takes_nobody_until_it_is_enabled() {
    let rig = Rig::new();
    let (_taken, taken) = listener();
    let plan =
        json!({"name": "p", "listen": taken.to_string(), "upstream": echo().to_string(), "enabled": false});
    let (status, view) = rig.call("POST", "/proxies", &plan);
    assert_eq!((status, &view["enabled"]), (201, &json!(false)), "not even the port is looked at: {view}");
    assert_eq!(rig.call("PATCH", "/proxies/p", &json!({"enabled": true})).0, 500);
    let (_, view) = rig.call("PATCH", "/proxies/p", &json!({"listen": "127.0.0.1:0", "enabled": true}));
    round_trip(&mut connect(view["listen"].as_str().unwrap().parse().unwrap()), b"x");
}

#[test]
fn unix_sockets_on_either_side() {
    use std::os::unix::net::{UnixListener, UnixStream};
    let rig = Rig::new();
    let folder = tempfile::tempdir().unwrap();
    let (front, back) = (folder.path().join("front"), folder.path().join("back"));
    let server = UnixListener::bind(&back).unwrap();
    let body = json!({"name": "p", "listen": format!("unix:{}", front.display()),
                      "upstream": format!("unix:{}", back.display())});
    let (status, view) = rig.call("POST", "/proxies", &body);
    assert_eq!(status, 201, "{view}");
    let mut client = UnixStream::connect(&front).unwrap();
    let (mut end, _) = server.accept().unwrap();
    client.write_all(b"hello").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = String::new();
    end.read_to_string(&mut text).unwrap();
    end.write_all(b"yes").unwrap();
    drop(end);
    client.read_to_string(&mut text).unwrap();
    assert_eq!(text, "helloyes");
    rig.call("DELETE", "/proxies/p", &Value::Null);
    wait("its socket is gone", || !front.exists());
}

#[test]
fn a_proxy_that_would_lead_to_itself_is_refused() {
    let rig = Rig::new();
    let (held, free) = listener();
    drop(held);
    let port = free.port();
    for (listen, upstream) in [
        (format!("127.0.0.1:{port}"), format!("127.0.0.1:{port}")),
        (format!("127.0.0.1:{port}"), format!("localhost:{port}")),
        (format!(":{port}"), format!("127.0.0.1:{port}")),
        (format!("[::1]:{port}"), format!("localhost:{port}")),
        ("unix:/tmp/nowhere".to_owned(), "unix:/tmp/nowhere".to_owned()),
    ] {
        let proxy = json!({"name": "p", "listen": listen, "upstream": upstream});
        let (status, answer) = rig.call("POST", "/proxies", &proxy);
        assert_eq!(status, 400, "{answer}");
        assert!(answer["error"].as_str().unwrap().contains("itself"), "{answer}");
        assert_eq!(rig.call("POST", "/populate", &json!([proxy])).0, 400);
    }
    let at = rig.proxy(free);
    let (status, answer) = rig.call("POST", "/proxies/p", &json!({"upstream": at.to_string()}));
    assert_eq!(status, 400, "{answer}");
    assert_eq!(rig.call("GET", "/proxies/p", &Value::Null).1["upstream"], free.to_string());
}

#[test]
fn a_change_that_nobody_makes_is_answered_with_a_warning() {
    let rig = Rig::new();
    rig.proxy(echo());
    rig.toxic(&json!({"type": "latency", "name": "slow"}));
    let warnings = |path: &str, body: Value| {
        let (status, head, _) = rig.raw("PATCH", path, "", body.to_string().as_bytes());
        assert_eq!(status, 200, "{head}");
        head.lines().filter(|line| line.starts_with("warning: ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let whole =
        json!({"name": "slow", "type": "latency", "stream": "downstream", "attributes": {"latency": 1}});
    assert!(warnings("/proxies/p/toxics/slow", whole).is_empty());
    let said = warnings("/proxies/p/toxics/slow", json!({"stream": "upstream", "latency": 5}));
    assert!(
        said.len() == 2 && said[0].contains("latency means") && said[1].contains("stream means"),
        "{said:?}"
    );
    assert_eq!(warnings("/proxies/p", json!({"toxics": [{"type": "latency"}]})).len(), 1);
    assert!(warnings("/proxies/p", json!({"toxics": []})).is_empty());
}

// F18: how connections are opened stands at the proxy; what breaks them is a toxic.
#[test]
fn how_tls_is_opened_is_said_of_the_proxy_and_faults_are_not() {
    let rig = Rig::new();
    let make = |protocol: Option<&str>, tls: &Value| {
        let mut plan = json!({"name": "p", "upstream": "127.0.0.1:9", "tls": tls});
        if let Some(protocol) = protocol {
            plan["protocol"] = protocol.into();
        }
        rig.call("POST", "/proxies", &plan)
    };
    let opens = json!({"certificate": "none", "upstream": "plain"});
    for (protocol, change, expected) in [
        (None, json!({}), "tls: nothing looks inside of what is opened; set `protocol` to http"),
        (
            Some("http"),
            json!({"certificate": "expired"}),
            "tls.certificate: it is a fault; a toxic of the type",
        ),
        (Some("http"), json!({"delay": 5}), "tls.delay: it is a fault"),
        (Some("http"), json!({"percent": 5}), "tls.percent: it is a fault"),
        (Some("http"), json!({"jitter": 5}), "tls.jitter: it is a fault"),
        (
            Some("http"),
            json!({"certificate": null, "upstream": null, "refuse": "close"}),
            "tls.refuse: it is a fault",
        ),
        (Some("http"), json!({"upstream": null}), "tls: upstream: nobody said how it goes on to the server"),
        (Some("http"), json!({"nonsense": 1}), "tls: unknown field `nonsense`"),
        (Some("http"), json!({"sni": 5}), "tls: attribute sni: "),
    ] {
        let mut tls = opens.clone();
        tls.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, said) = make(protocol, &tls);
        let said = said["error"].as_str().unwrap();
        assert!(status == 400 && said.contains(expected), "{status} {said}");
    }
    let (status, made) = make(Some("redis"), &opens);
    assert_eq!((status, &made["tls"]["certificate"]), (201, &json!("none")), "{made}");
    let other = json!({"tls": {"certificate": "none", "upstream": {"tls": {"insecure": true}}}});
    let (status, changed) = rig.call("PATCH", "/proxies/p", &other);
    assert_eq!((status, &changed["tls"]["upstream"]["tls"]["insecure"]), (200, &json!(true)), "{changed}");
    rig.named("bytes", "127.0.0.1:9".parse().unwrap());
    assert_eq!(rig.call("PATCH", "/proxies/bytes", &other).0, 400);
}
