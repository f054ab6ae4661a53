//! Toxics that are refused, change, go, and are counted.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use squall_proxy::Settings;

use crate::support::{Rig, connect, echo, ending, pattern, round_trip, wait};

#[test]
fn no_connection_flips_when_an_unrelated_toxic_is_added() {
    let rig = Rig::new();
    let at = rig.proxy(echo());
    rig.toxic(
        &json!({"type": "latency", "name": "half", "toxicity": 0.5, "attributes": {"latency": 3_600_000}}),
    );
    let mut clients: Vec<_> = (0..30).map(|_| connect(at)).collect();
    rig.wait("all are through", |list| list.iter().filter(|one| one["established"] == true).count() == 30);
    let spared = || 30 - usize::try_from(rig.hits("half")).unwrap();
    wait("some are hit and some are not", || (1..30).contains(&spared()));
    let mut talk = |number: u64| -> Vec<u64> {
        for client in &mut clients {
            client.write_all(b"x").unwrap();
        }
        let answered = |list: &[Value]| -> Vec<u64> {
            let answered = list.iter().filter(|one| one["downstream"]["sent"] == number);
            answered.map(|one| one["connection"].as_u64().unwrap()).collect()
        };
        rig.wait("all are answered or held", |list| {
            list.iter().all(|one| one["downstream"]["received"] == number) && answered(list).len() == spared()
        });
        answered(rig.call("GET", "/proxies/p/connections", &Value::Null).1.as_array().unwrap())
    };
    let before = talk(1);
    rig.toxic(&json!({"type": "slow_close", "name": "other", "attributes": {"delay": 1}}));
    assert_eq!(talk(2), before);
}

#[test]
fn the_same_seed_makes_the_same_decisions() {
    let hits = |seed: u64| {
        let rig = Rig::with(&Settings { seed, ..Settings::default() });
        let at = rig.proxy(echo());
        rig.toxic(&json!({"type": "reset_peer", "toxicity": 0.5}));
        (0..40).map(|_| ending_of_hello(&mut connect(at)) == "reset").collect::<Vec<bool>>()
    };
    let first = hits(7);
    assert_eq!(first, hits(7));
    assert_ne!(first, hits(8));
}

fn ending_of_hello(client: &mut TcpStream) -> &'static str {
    let _ = client.write_all(b"h");
    match client.read(&mut [0]) {
        Ok(1) => "answered",
        _ => "reset",
    }
}

#[test]
fn a_latency_that_is_removed_with_data_in_flight_loses_nothing() {
    let rig = Rig::new();
    let mut client = connect(rig.proxy(echo()));
    rig.toxic(&json!({"type": "latency", "name": "long", "attributes": {"latency": 3_600_000}}));
    let sent = pattern(300_000);
    client.write_all(&sent).unwrap();
    rig.wait("it is all on its way back", |list| {
        list.first().is_some_and(|one| one["downstream"]["received"] == 300_000)
    });
    rig.remove("long");
    let mut back = vec![0; sent.len()];
    client.read_exact(&mut back).unwrap();
    assert!(back == sent);
}

#[test]
fn parameters_that_kill_toxiproxy_are_refused_with_the_range() {
    let rig = Rig::new();
    let mut client = connect(rig.proxy(echo()));
    for (toxic, word) in [
        (json!({"type": "slicer"}), "average_size must be from 1"),
        (json!({"type": "bandwidth", "attributes": {"rate": -1}}), "rate must be from 0"),
        (json!({"type": "latency", "attributes": {"jitter": 9.3e18}}), "jitter must be from 0"),
        (json!({"type": "latency", "attributes": {"latncy": 1}}), "unknown field `latncy`, expected"),
        (json!({"type": "latency", "toxicity": 2}), "toxicity must be a number from 0 to 1"),
        (json!({"type": "latency", "toxicity": -1}), "toxicity must be a number from 0 to 1"),
    ] {
        let (status, answer) = rig.call("POST", "/proxies/p/toxics", &toxic);
        assert_eq!(status, 400, "{toxic}");
        assert_eq!(answer["status"], 400);
        assert!(answer["error"].as_str().unwrap().contains(word), "{answer} does not say {word}");
    }
    assert_eq!(rig.call("GET", "/proxies/p/toxics", &Value::Null).1, json!([]));
    round_trip(&mut client, b"alive");
}

#[test]
fn a_field_that_means_nothing_is_warned_of() {
    let rig = Rig::new();
    rig.proxy(echo());
    let (status, head, _) =
        rig.raw("POST", "/proxies/p/toxics", "", br#"{"type": "latency", "toxcity": 0.5}"#);
    assert_eq!(status, 200);
    assert!(head.contains("toxcity means nothing here"), "{head}");
}

#[test]
fn toxics_of_a_populate_are_made_with_the_proxy_or_nothing_is() {
    let rig = Rig::new();
    let upstream = echo().to_string();
    let (status, answer) = rig.call(
        "POST",
        "/populate",
        &json!([{"name": "a", "upstream": upstream,
                 "toxics": [{"type": "limit_data", "attributes": {"bytes": 3}}]}]),
    );
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["proxies"][0]["toxics"][0]["name"], "limit_data_downstream");
    let mut client = connect(answer["proxies"][0]["listen"].as_str().unwrap().parse().unwrap());
    client.write_all(b"hello").unwrap();
    assert_eq!(ending(&mut client), "end after 3");

    let (status, answer) = rig.call(
        "POST",
        "/populate",
        &json!([{"name": "b", "upstream": upstream},
                {"name": "c", "upstream": upstream, "toxics": [{"type": "slicer"}]}]),
    );
    assert_eq!(status, 400, "{answer}");
    assert_eq!(rig.call("GET", "/proxies/b", &Value::Null).0, 404, "nothing is made when one is wrong");
}

#[test]
fn a_toxic_that_is_on_its_own_clock_outlives_its_client() {
    let rig = Rig::new();
    let mut client = connect(rig.proxy(echo()));
    rig.toxic(&json!({"type": "timeout", "name": "t", "toxicity": 0, "ttl": 50}));
    let toxics = || rig.call("GET", "/proxies/p/toxics", &Value::Null).1;
    wait("its time is over", || toxics() == json!([]));
    round_trip(&mut client, b"hello");
    // Set anew, the new time counts and not the old one.
    rig.toxic(&json!({"type": "latency", "name": "l", "ttl": 50, "attributes": {"latency": 1}}));
    assert_eq!(rig.call("PATCH", "/proxies/p/toxics/l", &json!({"ttl": null})).0, 200);
    // The old time is over before that of one that was made later.
    rig.toxic(&json!({"type": "slow_close", "name": "later", "ttl": 50}));
    wait("the later one is gone", || {
        toxics().as_array().unwrap().iter().all(|toxic| toxic["name"] != "later")
    });
    assert_eq!(toxics()[0]["name"], "l");
}

#[test]
fn byte_counters_move_while_the_connection_is_open() {
    let rig = Rig::new();
    let mut client = connect(rig.proxy(echo()));
    round_trip(&mut client, &pattern(1000));
    rig.wait("both ways are counted", |list| {
        list[0]["upstream"]["sent"] == 1000 && list[0]["downstream"]["sent"] == 1000
    });
    let words = "toxiproxy_proxy_sent_bytes_total{direction=\"downstream\"";
    assert_eq!(rig.metric(words), 1000);
}
