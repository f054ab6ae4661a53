//! Datagrams through a real proxy, between real sockets (F20).

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use squall_proxy::Settings;
use support::{LONG, Rig, connect, pattern, wait};
use tokio::time::Instant;

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket
}

/// A server that sends back what it gets, to whom it came from, until it gets `end`.
struct Echo {
    at: SocketAddr,
    thread: Option<thread::JoinHandle<()>>,
}

impl Echo {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = socket.local_addr().unwrap();
        let thread = thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                if &buffer[..length] == b"end" {
                    return;
                }
                let _ = socket.send_to(&buffer[..length], from);
            }
        });
        Self { at, thread: Some(thread) }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"end", self.at);
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

/// Makes a proxy `p` of datagrams; where it listens.
fn proxy(rig: &Rig, upstream: SocketAddr, more: &Value) -> SocketAddr {
    let mut body = json!({"name": "p", "upstream": format!("udp://{upstream}")});
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let (status, view) = rig.call("POST", "/proxies", &body);
    assert_eq!(status, 201, "{view}");
    let listen = view["listen"].as_str().unwrap();
    listen.strip_prefix("udp://").unwrap().parse().unwrap()
}

fn client(at: SocketAddr) -> UdpSocket {
    let socket = socket();
    socket.connect(at).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65_536];
    let length = socket.recv(&mut buffer).unwrap();
    buffer.truncate(length);
    buffer
}

/// Whether there is nothing to be received now.
fn is_silent(socket: &UdpSocket) -> bool {
    socket.set_nonblocking(true).unwrap();
    let silent = socket.recv(&mut [0; 16]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    socket.set_nonblocking(false).unwrap();
    silent
}

fn hits(rig: &Rig, toxic: &str) -> u64 {
    let (_, view) = rig.call("GET", &format!("/proxies/p/toxics/{toxic}?counts=true"), &Value::Null);
    view["hits"].as_u64().unwrap_or_else(|| panic!("{view}"))
}

fn metric(rig: &Rig, name: &str) -> u64 {
    let (_, _, body) = rig.raw("GET", "/metrics", "", b"");
    let text = String::from_utf8(body).unwrap();
    let line =
        text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}: {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn without_a_toxic_every_datagram_arrives_unchanged_and_each_client_gets_its_own() {
    let rig = Rig::new();
    let server = Echo::start();
    let at = proxy(&rig, server.at, &json!({}));
    let clients: Vec<UdpSocket> = (0..20).map(|_| client(at)).collect();
    // An empty one and the largest that there is are datagrams too.
    for (round, length) in [0, 1, 100, 1472, 1473, 9000, 65_507].into_iter().enumerate() {
        for (number, client) in clients.iter().enumerate() {
            let mut datagram = pattern(length);
            for byte in &mut datagram {
                *byte ^= (number * 7 + round) as u8;
            }
            client.send(&datagram).unwrap();
            assert!(receive(client) == datagram, "{length} bytes of client {number} came back as others");
        }
    }
    let (_, list) = rig.call("GET", "/proxies/p/connections", &Value::Null);
    assert_eq!(list.as_array().unwrap().len(), 20);
    assert_eq!(list[3]["client"], json!(clients[3].local_addr().unwrap().to_string()));
    assert_eq!(list[3]["upstream"], json!({"received": 77_553, "sent": 77_553}));
    assert_eq!(metric(&rig, "squall_proxy_dropped_datagrams_total"), 0);
}

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
    assert_eq!(hits(&rig, "slow"), 1);
    rig.remove("slow");

    add(json!({"name": "twice", "type": "duplicate", "attributes": {"percent": 100}}));
    assert_eq!((exchange(b"b"), receive(&client)), (b"b".to_vec(), b"b".to_vec()));
    assert_eq!(hits(&rig, "twice"), 1);
    rig.remove("twice");

    add(json!({"name": "size", "type": "limit_size", "stream": "upstream", "attributes": {"bytes": 10}}));
    client.send(&[0; 11]).unwrap();
    assert_eq!(exchange(b"small"), b"small");
    assert_eq!(hits(&rig, "size"), 1);
    rig.remove("size");

    add(json!({"name": "hole", "type": "timeout", "stream": "both"}));
    client.send(b"nothing").unwrap();
    wait("it is swallowed", || hits(&rig, "hole") == 1);
    assert!(is_silent(&client));
    rig.remove("hole");
    assert_eq!(exchange(b"again"), b"again");

    add(json!({"name": "bits", "type": "corrupt", "attributes": {"rate": 1}}));
    let damaged = exchange(&[0; 8]);
    assert!(damaged.len() == 8 && damaged.iter().all(|byte| byte.is_power_of_two()), "{damaged:?}");
    assert_eq!(hits(&rig, "bits"), 1);
    rig.remove("bits");

    // All are to be overtaken and none goes first: each arrives when its time is over.
    add(json!({"name": "turn", "type": "reorder", "attributes": {"percent": 100, "delay": 50}}));
    let began = Instant::now();
    exchange(b"c");
    assert!(began.elapsed() >= Duration::from_millis(50));
    assert_eq!(hits(&rig, "turn"), 0, "nothing has gone first");
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
        let hits = hits(&rig, "t");
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
fn a_session_ends_when_it_is_idle_and_the_next_datagram_makes_another() {
    let rig = Rig::new();
    let server = Echo::start();
    let at = proxy(&rig, server.at, &json!({"idle_timeout": 50}));
    let mut events = connect(rig.api);
    events.write_all(b"GET /events?proxy=p HTTP/1.1\r\nHost: api\r\n\r\n").unwrap();
    let mut seen = String::new();
    let mut until = |word: &str| {
        let mut buffer = [0; 4096];
        while !seen.contains(word) {
            let read = events.read(&mut buffer).unwrap();
            seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    };
    until(": listening");
    let client = client(at);
    client.send(b"12345").unwrap();
    receive(&client);
    until("connection-opened");
    until("\"how\":\"idle\"");
    until("\"upstream\":5,\"downstream\":5");
    rig.wait("it is gone", <[Value]>::is_empty);
    let (status, view) = rig.call("PATCH", "/proxies/p", &json!({"idle_timeout": 86_400_000}));
    assert_eq!((status, &view["idle_timeout"]), (200, &json!(86_400_000)));
    client.send(b"again").unwrap();
    receive(&client);
    rig.wait("there is another", |list| list.len() == 1 && list[0]["connection"] == 1);
    assert_eq!(rig.call("PATCH", "/proxies/p", &json!({"idle_timeout": 20})).0, 200);
    rig.wait("it ends by the new time", <[Value]>::is_empty);
}

#[test]
fn a_server_that_is_not_there_is_counted_and_heard_again_once_it_is() {
    let rig = Rig::new();
    let server = socket();
    let there = server.local_addr().unwrap();
    drop(server);
    let at = proxy(&rig, there, &json!({}));
    let client = client(at);
    wait("it was refused often", || {
        client.send(b"anybody?").unwrap();
        metric(&rig, "squall_proxy_refused_datagrams_total") >= 3
    });
    assert!(is_silent(&client), "a refusal is passed on as nothing");
    let server = UdpSocket::bind(there).unwrap();
    server.set_read_timeout(Some(LONG)).unwrap();
    client.send(b"now").unwrap();
    let mut buffer = [0; 16];
    let from = loop {
        let (length, from) = server.recv_from(&mut buffer).unwrap();
        if &buffer[..length] == b"now" {
            break from;
        }
    };
    server.send_to(b"yes", from).unwrap();
    assert_eq!(receive(&client), b"yes");
}

#[test]
fn the_port_is_free_as_soon_as_the_proxy_is_disabled_or_gone_and_the_same_afterwards() {
    let rig = Rig::new();
    let server = Echo::start();
    let at = proxy(&rig, server.at, &json!({}));
    let client = client(at);
    for _ in 0..20 {
        client.send(b"x").unwrap();
        receive(&client);
        assert_eq!(rig.call("PATCH", "/proxies/p", &json!({"enabled": false})).0, 200);
        drop(UdpSocket::bind(at).unwrap());
        let (status, view) = rig.call("PATCH", "/proxies/p", &json!({"enabled": true}));
        assert_eq!((status, &view["listen"]), (200, &json!(format!("udp://{at}"))));
    }
    let other = Echo::start();
    let upstream = format!("udp://{}", other.at);
    assert_eq!(rig.call("PATCH", "/proxies/p", &json!({"upstream": upstream})).0, 200);
    client.send(b"y").unwrap();
    assert_eq!(receive(&client), b"y");
    assert_eq!(rig.call("DELETE", "/proxies/p", &Value::Null).0, 204);
    drop(UdpSocket::bind(at).unwrap());
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
    wait("it is swallowed", || hits(&rig, "hole") == 1);
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

#[test]
fn the_same_port_of_the_other_network_is_another_place() {
    let rig = Rig::new();
    let server = Echo::start();
    // Somebody else may have that port of TCP; then another one.
    for _ in 0..20 {
        let at = proxy(&rig, server.at, &json!({}));
        let body = json!([{"name": "p", "listen": at.to_string(), "upstream": "127.0.0.1:9"}]);
        let (status, answer) = rig.call("POST", "/populate", &body);
        if status == 201 {
            assert_eq!(answer["proxies"][0]["listen"], json!(at.to_string()));
            connect(at);
            drop(UdpSocket::bind(at).unwrap());
            return;
        }
        assert!(answer["error"].as_str().unwrap().contains("in use"), "{answer}");
        assert_eq!(rig.call("DELETE", "/proxies/p", &Value::Null).0, 204);
    }
    panic!("no port was free");
}

#[test]
fn for_one_client_too_many_the_one_that_was_idle_longest_goes() {
    let rig = Rig::new();
    let server = Echo::start();
    let at = proxy(&rig, server.at, &json!({}));
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    let first = client(at);
    first.send(b"first").unwrap();
    receive(&first);
    // Each is another client, and its socket is not kept here.
    for number in 0..4096_u32 {
        let from = SocketAddr::from(([127, 1, (number >> 8) as u8, number as u8], 0));
        let client = UdpSocket::bind(from).unwrap();
        client.set_read_timeout(Some(LONG)).unwrap();
        client.send_to(b"x", at).unwrap();
        client.recv(&mut [0; 1]).unwrap();
    }
    rig.wait("the first has gone", |list| list.len() == 4096 && list[0]["connection"] == 1);
    first.send(b"back").unwrap();
    assert_eq!(receive(&first), b"back");
    rig.wait("it displaced another", |list| list.len() == 4096 && list[0]["connection"] == 2);
}
