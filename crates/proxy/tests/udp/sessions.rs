//! Clients and their sessions.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use squall_proxy::Change;
use tokio::time::Instant;

use crate::echo::{Echo, client, is_silent, proxy, receive, socket};
use crate::support::{LONG, Rig, connect, pattern, wait};

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
    assert_eq!(rig.metric("squall_proxy_dropped_datagrams_total"), 0);
}

#[test]
fn a_session_ends_when_it_is_idle_and_the_next_datagram_makes_another() {
    let rig = Rig::new();
    let server = Echo::start();
    let at = proxy(&rig, server.at, &json!({"idle_timeout": 50}));
    let mut events = rig.follow();
    let client = client(at);
    client.send(b"12345").unwrap();
    receive(&client);
    events.until("connection-opened");
    events.until("\"how\":\"idle\"");
    events.until("\"upstream\":5,\"downstream\":5");
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
fn what_only_the_server_sends_keeps_a_session_too() {
    const IDLE: Duration = Duration::from_secs(3);
    let rig = Rig::new();
    let server = socket();
    let at = proxy(&rig, server.local_addr().unwrap(), &json!({"idle_timeout": 86_400_000}));
    loop {
        let client = client(at);
        client.send(b"ask").unwrap();
        let (_, session) = server.recv_from(&mut [0; 3]).unwrap();
        thread::sleep(IDLE);
        let began = Instant::now();
        server.send_to(b"tell", session).unwrap();
        receive(&client);
        let (_, before) = rig.call("GET", "/proxies/p/connections", &Value::Null);
        let idle = json!({"idle_timeout": IDLE.as_millis() as u64});
        assert_eq!(rig.call("PATCH", "/proxies/p", &idle).0, 200);
        thread::sleep(IDLE / 20);
        let (_, after) = rig.call("GET", "/proxies/p/connections", &Value::Null);
        // Unless this machine has slept over it.
        if began.elapsed() < IDLE {
            let numbers = |list: &Value| list.as_array().unwrap().last().map(|one| one["connection"].clone());
            assert_eq!(numbers(&after), numbers(&before));
            return;
        }
    }
}

#[test]
fn a_session_does_not_end_while_something_of_it_is_held() {
    let rig = Rig::new();
    let server = socket();
    let at = proxy(&rig, server.local_addr().unwrap(), &json!({"idle_timeout": 20}));
    rig.toxic(&json!({"type": "latency", "stream": "upstream", "attributes": {"latency": 600}}));
    client(at).send(b"late").unwrap();
    assert_eq!(receive(&server), b"late");
}

// However long a datagram was held: whoever gets it has the whole idle time-out to answer.
#[test]
fn what_goes_to_the_server_begins_the_idle_time_anew() {
    let rig = Rig::new();
    let server = socket();
    let at = proxy(&rig, server.local_addr().unwrap(), &json!({"idle_timeout": 3000}));
    rig.toxic(&json!({"type": "latency", "stream": "upstream", "attributes": {"latency": 3200}}));
    let client = client(at);
    loop {
        client.send(b"ask").unwrap();
        let (_, session) = server.recv_from(&mut [0; 3]).unwrap();
        let began = Instant::now();
        thread::sleep(Duration::from_millis(300));
        server.send_to(b"tell", session).unwrap();
        // Unless this machine has slept over it.
        if began.elapsed() < Duration::from_millis(1500) {
            assert_eq!(receive(&client), b"tell");
            return;
        }
    }
}

// The kernel tells of a refusal with the next datagram, and does not send that one.
#[test]
fn no_datagram_is_left_out_because_an_earlier_one_was_refused() {
    let rig = Rig::new();
    // At an address where nobody else takes a port that is free.
    let dead = UdpSocket::bind("127.0.0.9:0").unwrap().local_addr().unwrap();
    let at = proxy(&rig, dead, &json!({}));
    // So that several go at once.
    rig.toxic(&json!({"type": "latency", "stream": "upstream", "attributes": {"latency": 50}}));
    let client = client(at);
    for _ in 0..50 {
        client.send(b"x").unwrap();
    }
    let all = json!({"received": 50, "sent": 50});
    rig.wait("all are sent", |list| list.first().is_some_and(|one| one["upstream"] == all));
    wait("it was refused", || rig.metric("squall_proxy_refused_datagrams_total") > 0);
}

#[test]
fn sessions_end_when_the_proxy_is_to_end_and_are_not_waited_for() {
    let rig = Rig::new();
    let server = Echo::start();
    let at = proxy(&rig, server.at, &json!({}));
    let client = client(at);
    client.send(b"x").unwrap();
    receive(&client);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let drained = async { tokio::time::timeout(LONG, rig.server.drain(Duration::from_hours(1))).await };
    runtime.block_on(drained).expect("nobody waits an hour");
}

#[test]
fn a_server_that_is_not_there_is_counted_and_heard_again_once_it_is() {
    let rig = Rig::new();
    // At an address where nobody else takes a port that is free.
    let there = UdpSocket::bind("127.0.0.9:0").unwrap().local_addr().unwrap();
    let at = proxy(&rig, there, &json!({}));
    let client = client(at);
    wait("it was refused often", || {
        client.send(b"anybody?").unwrap();
        rig.metric("squall_proxy_refused_datagrams_total") >= 3
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
        // By a program that embeds it: nothing is between this and the next line.
        rig.server.update("p", &Change { enabled: Some(false), ..Change::default() }).unwrap();
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
