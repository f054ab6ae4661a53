//! The contract of Toxiproxy's API, row by row.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use support::{Rig, connect, echo, ending, listener, pair, round_trip, wait};

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
fn toxics_are_listed_upstream_first_in_their_order_and_updates_merge() {
    let rig = Rig::new();
    rig.proxy(echo());
    for (name, stream) in [("a", "downstream"), ("b", "upstream"), ("c", "downstream"), ("d", "upstream")] {
        rig.toxic(
            &json!({"name": name, "type": "bandwidth", "stream": stream, "attributes": {"rate": 1000}}),
        );
    }
    let (_, toxics) = rig.call("GET", "/proxies/p/toxics", &Value::Null);
    let names: Vec<_> =
        toxics.as_array().unwrap().iter().map(|toxic| toxic["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["b", "d", "a", "c"]);
    for method in ["POST", "PATCH"] {
        let (status, toxic) = rig.call(
            method,
            "/proxies/p/toxics/a",
            &json!({"Attributes": {"Rate": 5}, "Toxicity": 0.25, "name": "other", "stream": "upstream"}),
        );
        let expected = json!({"name": "a", "type": "bandwidth", "stream": "downstream", "toxicity": 0.25,
                              "attributes": {"rate": 5}});
        assert_eq!((status, toxic), (200, expected.clone()));
        assert_eq!(rig.call("GET", "/proxies/p/toxics/a", &Value::Null), (200, expected));
    }
    // What is not named stays as it was.
    let made =
        json!({"name": "e", "type": "latency", "toxicity": 0.5, "attributes": {"latency": 7, "jitter": 3}});
    rig.toxic(&made);
    for method in ["POST", "PATCH"] {
        let (status, toxic) = rig.call(method, "/proxies/p/toxics/e", &json!({"attributes": {"latency": 9}}));
        assert_eq!((status, &toxic["attributes"]), (200, &json!({"latency": 9, "jitter": 3})));
        assert_eq!(toxic["toxicity"], 0.5);
    }
    assert_eq!(rig.call("PATCH", "/proxies/p/toxics/a", &json!({"attributes": {"rate": -5}})).0, 400);
    assert_eq!(rig.call("GET", "/proxies/p/toxics/a", &Value::Null).1["attributes"]["rate"], 5);
}

#[test]
fn populate_leaves_the_same_alone_and_replaces_what_differs() {
    let rig = Rig::new();
    let (one, other) = (echo().to_string(), echo().to_string());
    let at = rig.proxy(one.parse().unwrap());
    rig.toxic(&json!({"type": "slow_close"}));
    let mut client = connect(at);
    round_trip(&mut client, b"x");
    let same = json!([{"name": "p", "listen": at.to_string(), "upstream": one}]);
    let (status, answer) = rig.call("POST", "/populate", &same);
    assert_eq!((status, &answer["proxies"][0]["toxics"][0]["type"]), (201, &json!("slow_close")));
    round_trip(&mut client, b"still the same");
    let (status, answer) =
        rig.call("POST", "/populate", &json!([{"name": "p", "listen": at.to_string(), "upstream": other}]));
    assert_eq!((status, &answer["proxies"][0]["upstream"]), (201, &json!(other)));
    assert_eq!(answer["proxies"][0]["toxics"], json!([]));
    assert_eq!(ending(&mut client), "end after 0");
    round_trip(&mut connect(at), b"x");
}

#[test]
fn reset_enables_all_and_takes_all_toxics_away() {
    let rig = Rig::new();
    let at = rig.proxy(echo());
    rig.toxic(&json!({"type": "timeout"}));
    assert_eq!(rig.call("PATCH", "/proxies/p", &json!({"enabled": false})).0, 200);
    assert_eq!(rig.call("POST", "/reset", &Value::Null), (204, Value::Null));
    let (_, view) = rig.call("GET", "/proxies/p", &Value::Null);
    assert_eq!((&view["enabled"], &view["toxics"]), (&json!(true), &json!([])));
    round_trip(&mut connect(at), b"x");
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
fn a_populate_that_stops_in_the_middle_says_what_is_there_and_what_means_nothing() {
    let rig = Rig::new();
    let (_taken, taken) = listener();
    let upstream = echo().to_string();
    let plans = json!([{"name": "a", "upstream": upstream},
                       {"name": "b", "upstream": upstream, "listen": taken.to_string()},
                       {"name": "c", "upstream": upstream}]);
    let (status, answer) = rig.call("POST", "/populate", &plans);
    assert_eq!(
        (status, &answer["status"], answer["proxies"].as_array().unwrap().len()),
        (500, &json!(500), 1)
    );
    assert!(answer["error"].as_str().unwrap().contains("in use"), "{answer}");
    assert_eq!(answer["proxies"][0], rig.call("GET", "/proxies/a", &Value::Null).1);
    for absent in ["b", "c"] {
        assert_eq!(rig.call("GET", &format!("/proxies/{absent}"), &Value::Null).0, 404);
    }
    let plan = json!([{"name": "d", "upstream": upstream, "colour": 1, "toxics": [{"type": "latency", "taste": 2}]}]);
    let (status, head, _) = rig.raw("POST", "/populate", "", plan.to_string().as_bytes());
    assert_eq!(status, 201);
    for field in ["colour", "taste"] {
        assert!(head.contains(&format!("{field} means nothing here")), "{head}");
    }
}

#[test]
fn two_toxics_of_one_name_are_refused_wherever_they_come_from() {
    let toxic = json!({"type": "latency"});
    let body = json!([{"name": "a", "upstream": echo().to_string(), "toxics": [toxic, toxic]}]).to_string();
    let refused = squall_proxy::plans(body.as_bytes()).unwrap_err();
    assert_eq!(refused.to_string(), "toxic already exists at toxic 2 of proxy 1");
    // As a program puts it together that embeds the proxy.
    let mut plan = squall_proxy::plans(body.replacen(r#"{"type":"latency"},"#, "", 1).as_bytes())
        .unwrap()
        .value
        .remove(0);
    plan.toxics.push(plan.toxics[0].clone());
    let rig = Rig::new();
    assert_eq!(rig.server.create(&plan).unwrap_err().status(), 409);
    assert!(rig.server.proxies().is_empty());
}

#[test]
fn populate_knows_the_same_place_by_another_name_and_by_its_path() {
    use std::os::unix::net::{UnixListener, UnixStream};
    let rig = Rig::new();
    let upstream = echo();
    let at = rig.proxy(upstream);
    let mut client = connect(at);
    round_trip(&mut client, b"x");
    let named = format!("localhost:{}", at.port());
    let (status, answer) = rig.call(
        "POST",
        "/populate",
        &json!([{"name": "p", "listen": named, "upstream": upstream.to_string()}]),
    );
    assert_eq!((status, &answer["proxies"][0]["listen"]), (201, &json!(at.to_string())));
    round_trip(&mut client, b"still the same");

    let folder = tempfile::tempdir().unwrap();
    let front = folder.path().join("front");
    // What a proxy that was killed has left there is in nobody's way.
    drop(UnixListener::bind(&front).unwrap());
    let plan = json!([{"name": "u", "listen": format!("unix:{}", front.display()), "upstream": upstream.to_string()}]);
    assert_eq!(rig.call("POST", "/populate", &plan).0, 201);
    let mut client = UnixStream::connect(&front).unwrap();
    for text in [b"one", b"two"] {
        client.write_all(text).unwrap();
        let mut back = [0; 3];
        client.read_exact(&mut back).unwrap();
        assert_eq!((&back, rig.call("POST", "/populate", &plan).0), (text, 201));
    }
    // Somebody listens there, or it is no socket at all.
    let file = folder.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    for taken in [&front, &file] {
        let body = json!({"name": "v", "listen": format!("unix:{}", taken.display()), "upstream": "a:1"});
        assert_eq!(rig.call("POST", "/proxies", &body).0, 500);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

// The names are Toxiproxy's where it has any, and what they count is what has happened.
#[test]
fn metrics_count_each_way_for_itself_and_also_what_is_over() {
    let rig = Rig::new();
    let (servers, at) = listener();
    let listen = rig.proxy(at);
    let (mut client, mut server) = pair(&servers, listen);
    client.write_all(b"four").unwrap();
    server.read_exact(&mut [0; 4]).unwrap();
    server.write_all(b"22").unwrap();
    client.read_exact(&mut [0; 2]).unwrap();
    drop((client, server));
    rig.wait("it has ended", <[Value]>::is_empty);
    rig.toxic(
        &json!({"name": "held", "type": "latency", "stream": "both", "attributes": {"latency": 3_600_000}}),
    );
    let (mut client, mut server) = pair(&servers, listen);
    client.write_all(&[0; 10]).unwrap();
    server.write_all(&[0; 7]).unwrap();
    rig.wait("both are held", |list| {
        list.iter().any(|one| one["upstream"]["received"] == 10 && one["downstream"]["received"] == 7)
    });
    let (_, head, page) = rig.raw("GET", "/metrics", "", b"");
    let page = String::from_utf8(page).unwrap();
    assert!(head.contains("openmetrics-text"), "{head}");
    let of = |way: &str| format!(r#"{{direction="{way}",proxy="p",listener="{listen}",upstream="{at}"}}"#);
    for row in [
        format!("toxiproxy_proxy_received_bytes_total{} 14", of("upstream")),
        format!("toxiproxy_proxy_received_bytes_total{} 9", of("downstream")),
        format!("toxiproxy_proxy_sent_bytes_total{} 4", of("upstream")),
        format!("toxiproxy_proxy_sent_bytes_total{} 2", of("downstream")),
        r#"squall_proxy_open_connections{proxy="p"} 1"#.to_owned(),
        r#"squall_proxy_connections_total{proxy="p"} 2"#.to_owned(),
        r#"squall_proxy_toxic_hits_total{proxy="p",toxic="held"} 2"#.to_owned(),
    ] {
        assert!(page.lines().any(|line| line == row), "{row} is not in\n{page}");
    }
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
fn what_happens_is_streamed() {
    let rig = Rig::new();
    let mut events = rig.follow();
    rig.named("other", echo());
    let at = rig.proxy(echo());
    events.until("proxy-created");
    rig.toxic(&json!({"type": "latency", "ttl": 20}));
    events.until("toxic-added");
    events.until("toxic-expired");
    let mut client = connect(at);
    round_trip(&mut client, b"12345");
    drop(client);
    events.until("\"how\":\"ended\"");
    events.until("\"downstream\":5");
    assert!(!events.seen.contains("other"), "{}", events.seen);
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
fn openings_are_refused_held_and_counted() {
    let rig = Rig::new();
    let (servers, at) = listener();
    let at = rig.proxy(at);
    rig.toxic(&json!({"name": "cap", "type": "limit_connections", "attributes": {"connections": 1}}));
    let first = pair(&servers, at);
    assert_eq!(ending(&mut connect(at)), "ConnectionReset");
    let (_, cap) = rig.call("GET", "/proxies/p/toxics/cap?counts", &Value::Null);
    assert_eq!(cap["hits"], 1, "the connection that it let through was not hit");
    drop(first);
    rig.wait("the first has gone", <[Value]>::is_empty);
    rig.remove("cap");
    rig.toxic(&json!({"name": "no", "type": "refuse"}));
    assert_eq!(ending(&mut connect(at)), "ConnectionReset");
    assert_eq!(rig.call("GET", "/proxies/p/toxics/no?counts=true", &Value::Null).1["hits"], 1);
    rig.remove("no");
    rig.toxic(&json!({"name": "hang", "type": "hang_open"}));
    let mut held = connect(at);
    held.write_all(b"early").unwrap();
    rig.wait("it waits", |list| list.len() == 1 && list[0]["established"] == false);
    rig.remove("hang");
    let (mut server, _) = servers.accept().unwrap();
    let mut early = [0; 5];
    server.read_exact(&mut early).unwrap();
    assert_eq!(&early, b"early");
    // One that is closed while it waits sees an end, although nobody has read what it said.
    rig.toxic(&json!({"name": "hang", "type": "hang_open"}));
    let mut held = connect(at);
    held.write_all(b"early").unwrap();
    rig.wait("it waits", |list| list.iter().any(|one| one["established"] == false));
    assert_eq!(rig.call("PATCH", "/proxies/p", &json!({"enabled": false})).0, 200);
    assert_eq!(ending(&mut held), "end after 0");
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

#[test]
fn a_client_that_has_said_all_is_answered_through_a_slow_opening_and_one_that_is_gone_is_not_waited_for() {
    let rig = Rig::new();
    let at = rig.proxy(echo());
    rig.toxic(&json!({"type": "slow_open", "name": "slow", "attributes": {"delay": 100}}));
    let mut client = connect(at);
    client.write_all(b"hello").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello");
    rig.remove("slow");
    rig.toxic(&json!({"type": "slow_open", "name": "long", "attributes": {"delay": 3_600_000}}));
    let gone = connect(at);
    rig.wait("it waits", |list| list.len() == 1);
    socket2::SockRef::from(&gone).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(gone);
    rig.wait("it has gone with a reset", <[Value]>::is_empty);
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
