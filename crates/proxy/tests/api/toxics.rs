//! Toxics that are added, listed and changed, and openings.

use std::io::{Read, Write};

use serde_json::{Value, json};

use crate::support::{Rig, connect, echo, ending, listener, pair};

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
