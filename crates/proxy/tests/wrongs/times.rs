//! When things arrive.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use socket2::SockRef;
use tokio::time::Instant;

use crate::support::{Rig, listener, pair};

#[test]
fn latency_has_both_ways_and_the_connect() {
    let rig = Rig::new();
    let (servers, at) = listener();
    let at = rig.proxy(at);
    rig.toxic(&json!({"type": "slow_open", "name": "open", "attributes": {"delay": 300}}));
    let began = Instant::now();
    let (mut client, mut server) = pair(&servers, at);
    assert!(began.elapsed() >= Duration::from_millis(300), "the server is dialled later");
    rig.remove("open");
    rig.toxic(&json!({"type": "latency", "stream": "both", "attributes": {"latency": 100}}));
    let began = Instant::now();
    client.write_all(b"x").unwrap();
    server.read_exact(&mut [0]).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(100));
    let began = Instant::now();
    server.write_all(b"x").unwrap();
    client.read_exact(&mut [0]).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(100));
    let (_, toxics) = rig.call("GET", "/proxies/p/toxics", &Value::Null);
    assert_eq!(toxics[0]["name"], "latency_both");
}

/// Whether the socket of this process with these two ends sends at once (TCP_NODELAY). The proxy is in this process too.
fn sends_at_once(local: SocketAddr, peer: SocketAddr) -> bool {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
    let own = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    let numbers = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let found = numbers.filter_map(|entry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        // It may have been closed since.
        let socket = pidfd_getfd(&own, number, PidfdGetfdFlags::empty()).ok()?;
        let is_it = |address: std::io::Result<socket2::SockAddr>, wanted| {
            address.is_ok_and(|address| address.as_socket() == Some(wanted))
        };
        let socket = SockRef::from(&socket);
        let found = is_it(socket.local_addr(), local) && is_it(socket.peer_addr(), peer);
        found.then(|| socket.tcp_nodelay().unwrap())
    });
    found.last().expect("a socket with these two ends")
}

#[test]
fn small_writes_do_not_wait_for_acknowledgements() {
    let rig = Rig::new();
    let (servers, at) = listener();
    let through = rig.proxy(at);
    let (mut client, mut server) = pair(&servers, through);
    assert!(sends_at_once(through, client.local_addr().unwrap()), "to the client");
    assert!(sends_at_once(server.peer_addr().unwrap(), at), "to the server");
    let reader = thread::spawn(move || {
        for _ in 0..50 {
            // Two small writes for one answer: without TCP_NODELAY the second waits 40 ms for the first.
            server.read_exact(&mut [0; 2]).unwrap();
            server.write_all(b"a").unwrap();
            server.write_all(b"b").unwrap();
        }
    });
    let mut trips = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        client.write_all(b"1").unwrap();
        client.write_all(b"2").unwrap();
        client.read_exact(&mut [0; 2]).unwrap();
        trips.push(began.elapsed());
    }
    reader.join().unwrap();
    // Most would take 40 ms; the first few are acknowledged at once in any case. A busy machine delays some.
    trips.drain(..10);
    trips.sort();
    assert!(trips[4] < Duration::from_millis(30), "{trips:?}");
}

#[test]
fn delays_do_not_add_up_over_chunks() {
    let rig = Rig::new();
    let (servers, at) = listener();
    let (mut client, mut server) = pair(&servers, rig.proxy(at));
    rig.toxic(&json!({"type": "latency", "attributes": {"latency": 200}}));
    let began = Instant::now();
    let sender = thread::spawn(move || {
        for number in 0..100_u8 {
            server.write_all(&[number]).unwrap();
            thread::sleep(Duration::from_millis(2));
        }
        server
    });
    let mut all = [0; 100];
    client.read_exact(&mut all).unwrap();
    assert!(all.iter().enumerate().all(|(at, number)| at as u8 == *number));
    // Chunk after chunk would be 20 s.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    drop(sender.join().unwrap());
}
