//! What toxics do to datagrams.

use std::collections::HashSet;
use std::net::UdpSocket;
use std::time::Duration;

use serde_json::{Value, json};
use squall_proxy::Settings;
use tokio::time::Instant;

use crate::echo::{Echo, client, is_silent, proxy, receive};
use crate::support::{LONG, Rig, wait};

#[test]
fn each_toxic_does_to_datagrams_what_it_says_and_counts_them() {
    let rig = Rig::with(&Settings { seed: 3, workers: Some(2), ..Settings::default() });
    let server = Echo::start();
    let at = proxy(&rig, server.at, &json!({}));
    let client = client(at);
    let add = |document: Value| rig.toxic(&document);
    let exchange = |bytes: &[u8]| {
        client.send(bytes).unwrap();
        receive(&client)
    };
    add(json!({"name": "slow", "type": "latency", "attributes": {"latency": 60}}));
    let began = Instant::now();
    exchange(b"a");
    assert!(began.elapsed() >= Duration::from_millis(60));
    assert_eq!(rig.hits("slow"), 1);
    rig.remove("slow");

    add(json!({"name": "twice", "type": "duplicate", "attributes": {"percent": 100}}));
    assert_eq!((exchange(b"b"), receive(&client)), (b"b".to_vec(), b"b".to_vec()));
    assert_eq!(rig.hits("twice"), 1);
    rig.remove("twice");

    add(json!({"name": "size", "type": "limit_size", "stream": "upstream", "attributes": {"bytes": 10}}));
    client.send(&[0; 11]).unwrap();
    assert_eq!(exchange(b"small"), b"small");
    assert_eq!(rig.hits("size"), 1);
    rig.remove("size");

    add(json!({"name": "hole", "type": "timeout", "stream": "both"}));
    client.send(b"nothing").unwrap();
    wait("it is swallowed", || rig.hits("hole") == 1);
    assert!(is_silent(&client));
    rig.remove("hole");
    assert_eq!(exchange(b"again"), b"again");

    add(json!({"name": "bits", "type": "corrupt", "attributes": {"rate": 1}}));
    let damaged = exchange(&[0; 8]);
    assert!(damaged.len() == 8 && damaged.iter().all(|byte| byte.is_power_of_two()), "{damaged:?}");
    assert_eq!(rig.hits("bits"), 1);
    rig.remove("bits");

    // All are to be overtaken and none goes first: each arrives when its time is over.
    add(json!({"name": "turn", "type": "reorder", "attributes": {"percent": 100, "delay": 50}}));
    let began = Instant::now();
    exchange(b"c");
    assert!(began.elapsed() >= Duration::from_millis(50));
    assert_eq!(rig.hits("turn"), 0, "nothing has gone first");
}

// The row of decisions belongs to the seed, and what is counted is what clients saw.
#[test]
fn the_same_seed_loses_and_turns_the_same_datagrams_and_the_api_counts_those() {
    let through = |toxic: &Value| {
        let rig = Rig::with(&Settings { seed: 99, workers: Some(1), ..Settings::default() });
        let server = Echo::start();
        let at = proxy(&rig, server.at, &json!({"toxics": [toxic]}));
        let client = client(at);
        // Little enough for any buffer of the kernel, also where each comes twice.
        for number in 0..100_u32 {
            client.send(&number.to_be_bytes()).unwrap();
        }
        wait("the server has answered all", || {
            rig.call("GET", "/proxies/p/connections", &Value::Null).1[0]["downstream"]["received"]
                == json!(400)
        });
        let hits = rig.hits("t");
        rig.remove("t");
        // Behind all that were held.
        client.send(b"last").unwrap();
        let mut numbers = Vec::new();
        loop {
            let datagram = receive(&client);
            if datagram == b"last" {
                return (numbers, hits);
            }
            numbers.push(u32::from_be_bytes(datagram[..].try_into().unwrap()));
        }
    };
    let loss = json!({"name": "t", "type": "loss", "attributes": {"percent": 30, "correlation": 50}});
    let (left, hits) = through(&loss);
    assert_eq!(left.len() as u64 + hits, 100);
    assert!((10..=60).contains(&hits) && left.is_sorted(), "{hits} lost");
    assert_eq!(through(&loss), (left, hits));
    let turn =
        json!({"name": "t", "type": "reorder", "attributes": {"percent": 20, "gap": 2, "delay": 60_000}});
    let (left, hits) = through(&turn);
    let mut most = 0;
    let overtaken = left.iter().fold(0, |count, number| {
        most = most.max(*number);
        count + u64::from(*number < most)
    });
    assert_eq!((left.iter().collect::<HashSet<_>>().len(), overtaken), (100, hits));
    assert!(hits > 5, "{hits} overtaken");
    assert_eq!(through(&turn), (left, hits));
    let double = json!({"name": "t", "type": "duplicate", "attributes": {"percent": 30}});
    let (left, hits) = through(&double);
    assert_eq!(left.len() as u64, 100 + hits);
    assert_eq!(through(&double), (left, hits));
}

#[test]
fn toxics_for_some_clients_and_for_a_time() {
    let rig = Rig::new();
    let server = Echo::start();
    let at = proxy(&rig, server.at, &json!({}));
    let here = client(at);
    let there = UdpSocket::bind("127.0.0.2:0").unwrap();
    there.set_read_timeout(Some(LONG)).unwrap();
    there.connect(at).unwrap();
    rig.toxic(&json!({"name": "hole", "type": "timeout", "clients": ["127.0.0.2"], "ttl": 86_400_000}));
    there.send(b"lost").unwrap();
    wait("it is swallowed", || rig.hits("hole") == 1);
    here.send(b"kept").unwrap();
    assert_eq!(receive(&here), b"kept");
    assert!(is_silent(&there));
    let (status, _) = rig.call("PATCH", "/proxies/p/toxics/hole", &json!({"ttl": 20}));
    assert_eq!(status, 200);
    wait("its time is over", || rig.call("GET", "/proxies/p/toxics/hole", &Value::Null).0 == 404);
    there.send(b"heard").unwrap();
    assert_eq!(receive(&there), b"heard");
}

#[test]
fn what_makes_no_sense_on_a_network_is_refused_with_a_hint() {
    let rig = Rig::new();
    let server = Echo::start();
    proxy(&rig, server.at, &json!({}));
    rig.named("stream", server.at);
    let cases = [
        ("p", json!({"type": "slicer", "attributes": {"average_size": 10}}), "limit_size"),
        ("p", json!({"type": "slow_close"}), "datagrams have none"),
        ("p", json!({"type": "reset_peer"}), "datagrams have none"),
        ("p", json!({"type": "limit_data", "attributes": {"bytes": 1}}), "limit_size"),
        ("p", json!({"type": "refuse"}), "timeout drops all"),
        ("p", json!({"type": "timeout", "attributes": {"timeout": 100}}), "`ttl` ends it"),
        ("p", json!({"type": "redis", "attributes": {"delay": 1}}), "latency, bandwidth"),
        ("stream", json!({"type": "loss", "attributes": {"percent": 1}}), "udp://"),
        ("stream", json!({"type": "duplicate"}), "udp://"),
        ("stream", json!({"type": "reorder"}), "udp://"),
        ("stream", json!({"type": "limit_size"}), "udp://"),
        (
            "stream",
            json!({"type": "bandwidth", "attributes": {"rate": 1, "queue": 1}}),
            "sender of a stream waits",
        ),
        ("p", json!({"type": "loss", "attributes": {"percent": 101}}), "percent must be from 0 to 100"),
        (
            "p",
            json!({"type": "loss", "attributes": {"correlation": 100}}),
            "correlation must be from 0 to 99.9",
        ),
        ("p", json!({"type": "reorder", "attributes": {"gap": 0}}), "gap must be from 1"),
    ];
    for (proxy, toxic, hint) in cases {
        let (status, answer) = rig.call("POST", &format!("/proxies/{proxy}/toxics"), &toxic);
        let error = answer["error"].as_str().unwrap();
        assert!(status == 400 && error.contains(hint), "{toxic}: {status} {error}");
    }
    for (body, hint) in [
        (json!({"name": "a", "listen": "127.0.0.1:0", "upstream": "udp://127.0.0.1:9"}), "both or none"),
        (json!({"name": "a", "upstream": "udp://127.0.0.1:9", "protocol": "redis"}), "go over TCP"),
        (json!({"name": "a", "upstream": "127.0.0.1:9", "idle_timeout": 5}), "limit_time"),
        (json!({"name": "a", "upstream": "udp://127.0.0.1:9", "idle_timeout": 0}), "from 1"),
        (
            json!({"name": "a", "upstream": "udp://127.0.0.1:9", "toxics": [{"type": "refuse"}]}),
            "datagrams have none",
        ),
    ] {
        let (status, answer) = rig.call("POST", "/proxies", &body);
        let error = answer["error"].as_str().unwrap();
        assert!(status == 400 && error.contains(hint), "{body}: {status} {error}");
    }
    let (status, answer) = rig.call("PATCH", "/proxies/p", &json!({"upstream": "127.0.0.1:9"}));
    assert!(status == 400 && answer["error"].as_str().unwrap().contains("both or none"), "{answer}");
    let both = json!({"listen": "127.0.0.1:0", "upstream": "127.0.0.1:9"});
    let (status, answer) = rig.call("PATCH", "/proxies/p", &both);
    assert!(status == 400 && answer["error"].as_str().unwrap().contains("make another"), "{answer}");
    assert_eq!(rig.call("GET", "/proxies/a", &Value::Null).0, 404);
}
