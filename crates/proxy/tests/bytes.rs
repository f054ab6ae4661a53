//! No byte is lost, doubled or turned around, and nothing is held without bounds, on real sockets.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use socket2::SockRef;
use squall_proxy::Settings;
use support::{Rig, connect, listener, pair, stuff, wait};

/// The byte at a place of a stream.
fn byte(at: usize) -> u8 {
    (at.wrapping_mul(0x9e37_79b1) >> 11) as u8
}

fn send(mut stream: &TcpStream, length: usize) {
    let mut at = 0;
    while at < length {
        let size = (1 + at % 70_001).min(length - at);
        let block: Vec<u8> = (at..at + size).map(byte).collect();
        stream.write_all(&block).unwrap();
        at += size;
    }
    stream.shutdown(Shutdown::Write).unwrap();
}

fn check(mut stream: &TcpStream, length: usize) {
    let mut buffer = vec![0; 65_536];
    let mut at = 0;
    loop {
        let read = stream.read(&mut buffer).unwrap();
        if read == 0 {
            break;
        }
        for (offset, found) in buffer[..read].iter().enumerate() {
            assert!(*found == byte(at + offset), "another byte at {}", at + offset);
        }
        at += read;
    }
    assert_eq!(at, length);
}

#[test]
fn bulk_both_ways_arrives_whole_while_toxics_come_and_go() {
    const LENGTH: usize = 24 << 20;
    let rig = Rig::new();
    let (servers, at) = listener();
    let (client, server) = pair(&servers, rig.proxy(at));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| send(&client, LENGTH));
        scope.spawn(|| send(&server, LENGTH));
        let checks = [scope.spawn(|| check(&server, LENGTH)), scope.spawn(|| check(&client, LENGTH))];
        let changes = scope.spawn(|| {
            let toxics = [
                json!({"name": "a", "type": "latency", "stream": "both", "attributes": {"latency": 3, "jitter": 3}}),
                json!({"name": "b", "type": "slicer", "stream": "both",
                       "attributes": {"average_size": 5000, "size_variation": 4000, "delay": 0}}),
                json!({"name": "c", "type": "bandwidth", "stream": "both", "attributes": {"rate": 200_000}}),
            ];
            let mut rounds = 0_usize;
            while !done.load(Ordering::Relaxed) {
                let toxic = &toxics[rounds % 3];
                rig.toxic(toxic);
                if rounds.is_multiple_of(2) {
                    // A while without any: then it is spliced.
                    thread::sleep(Duration::from_millis(3));
                }
                rig.remove(toxic["name"].as_str().unwrap());
                thread::sleep(Duration::from_millis(2));
                rounds += 1;
            }
            rounds
        });
        for check in checks {
            check.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        assert!(changes.join().unwrap() > 3, "it was changed while it ran");
    });
    rig.wait("it has ended", <[Value]>::is_empty);
}

#[test]
fn bulk_without_a_toxic_arrives_whole_and_is_counted() {
    const LENGTH: usize = 64 << 20;
    let rig = Rig::new();
    let (servers, at) = listener();
    let (client, server) = pair(&servers, rig.proxy(at));
    thread::scope(|scope| {
        scope.spawn(|| send(&server, LENGTH));
        check(&client, LENGTH);
    });
    rig.wait("every byte is counted", |list| {
        let down = &list[0]["downstream"];
        down["received"] == LENGTH && down["sent"] == LENGTH
    });
}

#[test]
fn a_reader_that_does_not_read_is_held_for_only_so_much() {
    let rig = Rig::new();
    let (servers, at) = listener();
    let (client, server) = pair(&servers, rig.proxy(at));
    // Held longest: a delay line of an hour.
    rig.toxic(&json!({"type": "latency", "attributes": {"latency": 3_600_000}}));
    stuff(&server);
    let received = || {
        let (_, list) = rig.call("GET", "/proxies/p/connections", &Value::Null);
        list[0]["downstream"]["received"].as_u64().unwrap()
    };
    wait("it is full", || received() >= 7 << 20);
    // The limit, and what one read may add to it.
    assert!(received() <= (8 << 20) + (1 << 16), "{}", received());
    assert_eq!(rig.call("DELETE", "/proxies/p", &Value::Null).0, 204);
    drop(client);
}

/// Fills everything between a sender and a receiver that does not read, by writes of this size; what the proxy took and
/// has not passed on.
fn fill_up(rig: &Rig, mut from: &TcpStream, size: usize) -> u64 {
    from.set_nonblocking(true).unwrap();
    let counts = || {
        let (_, list) = rig.call("GET", "/proxies/p/connections", &Value::Null);
        let count = |what: &str| list[0]["downstream"][what].as_u64().unwrap();
        (count("received"), count("sent"))
    };
    let (block, mut before) = (vec![7; size], (0, 0));
    loop {
        let _ = from.write(&block);
        let moved = (0..60).find_map(|_| {
            let now = counts();
            if now == before {
                thread::sleep(Duration::from_millis(5));
            }
            (now != before).then_some(now)
        });
        let Some(now) = moved else { return before.0 - before.1 };
        before = now;
    }
}

#[test]
fn without_a_toxic_as_little_is_held_and_none_of_it_reaches_another_connection() {
    let rig = Rig::with(&Settings { workers: Some(1), ..Settings::default() });
    let (servers, at) = listener();
    let through = rig.proxy(at);
    // In bulk, and little by little.
    for size in [1 << 20, 16 << 10] {
        let (client, server) = pair(&servers, through);
        // A pipe, and what one read may add to it.
        let held = fill_up(&rig, &server, size);
        assert!(held <= (1 << 20) + (1 << 16), "{held}");
        SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
        drop((client, server));
        rig.wait("it has ended", <[Value]>::is_empty);
        // The next one is bulk as well.
        let (client, server) = pair(&servers, through);
        thread::scope(|scope| {
            scope.spawn(|| send(&server, 8 << 20));
            check(&client, 8 << 20);
        });
        drop((client, server));
        rig.wait("it has ended", <[Value]>::is_empty);
    }
}

#[test]
fn a_change_reaches_every_one_of_many_busy_connections() {
    let rig = Rig::new();
    let at = rig.proxy(support::echo());
    let clients: Vec<TcpStream> = (0..100).map(|_| connect(at)).collect();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for client in &clients[..8] {
            let stop = &stop;
            scope.spawn(move || {
                let mut client = client;
                while !stop.load(Ordering::Relaxed) {
                    if client.write_all(b"busy").is_err() || client.read(&mut [0; 64]).is_err() {
                        return;
                    }
                }
            });
        }
        rig.wait("all are through", |list| {
            list.iter().filter(|one| one["established"] == true).count() == 100
        });
        rig.toxic(&json!({"type": "reset_peer"}));
        rig.wait("all were reset", <[Value]>::is_empty);
        stop.store(true, Ordering::Relaxed);
    });
}
