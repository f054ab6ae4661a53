//! How connections end.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use socket2::SockRef;
use tokio::time::Instant;

use crate::support::{Rig, connect, echo, ending, listener, pair, pattern, round_trip, stuff};

#[test]
fn a_server_that_answers_after_the_clients_half_close_is_heard() {
    let rig = Rig::new();
    let (servers, at) = listener();
    let (mut client, mut server) = pair(&servers, rig.proxy(at));
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut question = String::new();
    server.read_to_string(&mut question).unwrap();
    assert_eq!(question, "question");
    server.write_all(b"answer").unwrap();
    drop(server);
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "answer");
}

#[test]
fn a_half_close_of_the_server_is_passed_on_too() {
    let rig = Rig::new();
    let (servers, at) = listener();
    let (mut client, mut server) = pair(&servers, rig.proxy(at));
    server.shutdown(Shutdown::Write).unwrap();
    assert_eq!(ending(&mut client), "end after 0");
    client.write_all(b"still here").unwrap();
    drop(client);
    assert_eq!(ending(&mut server), "end after 10");
}

#[test]
fn a_reset_from_either_side_stays_a_reset() {
    let rig = Rig::new();
    let (servers, at) = listener();
    let at = rig.proxy(at);
    let (mut client, server) = pair(&servers, at);
    SockRef::from(&server).set_linger(Some(Duration::ZERO)).unwrap();
    drop(server);
    assert_eq!(ending(&mut client), "ConnectionReset");

    let (client, mut server) = pair(&servers, at);
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    assert_eq!(ending(&mut server), "ConnectionReset");
}

#[test]
fn a_reset_is_noticed_while_the_receiver_of_that_way_does_not_read() {
    for toxics in
        [json!(null), json!({"type": "latency", "stream": "upstream", "attributes": {"latency": 1}})]
    {
        for way in ["upstream", "downstream"] {
            let rig = Rig::new();
            let (servers, at) = listener();
            let at = rig.proxy(at);
            if !toxics.is_null() {
                rig.toxic(&toxics);
            }
            let (client, server) = pair(&servers, at);
            let (sender, mut receiver) = if way == "upstream" { (client, server) } else { (server, client) };
            stuff(&sender);
            SockRef::from(&sender).set_linger(Some(Duration::ZERO)).unwrap();
            drop(sender);
            rig.wait("nobody is left", <[Value]>::is_empty);
            // What had reached it may still be read; after that it sees the reset.
            assert_eq!(ending(&mut receiver), "ConnectionReset", "{way} {toxics}");
        }
    }
}

#[test]
fn what_a_server_said_before_it_refused_the_rest_is_heard() {
    let rig = Rig::new();
    let (servers, at) = listener();
    let (mut client, mut server) = pair(&servers, rig.proxy(at));
    server.write_all(b"413 too large").unwrap();
    // Closed with unread bytes, the kernel resets.
    client.write_all(&pattern(100_000)).unwrap();
    let mut first = [0; 1];
    server.read_exact(&mut first).unwrap();
    drop(server);
    let mut answer = [0; 13];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"413 too large");
    assert_eq!(ending(&mut client), "ConnectionReset");
}

// Whether the reset is noticed by reading or by writing first is up to chance; then it is a reset all the same.
#[test]
fn a_server_that_resets_while_it_is_written_to_is_always_a_reset() {
    let rig = Rig::new();
    let (servers, at) = listener();
    let at = rig.proxy(at);
    for _ in 0..60 {
        let (mut client, mut server) = pair(&servers, at);
        client.write_all(&[0; 5000]).unwrap();
        server.read_exact(&mut [0]).unwrap();
        // Closed with unread bytes, the kernel resets.
        drop(server);
        let refused = (0..50).find_map(|_| client.write_all(&[0; 1000]).err());
        let end = refused.map_or_else(|| ending(&mut client), |error| format!("{:?}", error.kind()));
        assert_eq!(end, "ConnectionReset");
    }
}

#[test]
fn reset_peer_resets_an_open_idle_connection_now() {
    let rig = Rig::new();
    let (servers, at) = listener();
    let (mut client, mut server) = pair(&servers, rig.proxy(at));
    rig.wait("it is there", |list| list.iter().any(|one| one["established"] == true));
    rig.toxic(&json!({"type": "reset_peer", "attributes": {"timeout": 0}}));
    assert_eq!(ending(&mut client), "ConnectionReset");
    assert_eq!(ending(&mut server), "ConnectionReset");
}

#[test]
fn timeout_closes_after_its_time_under_steady_traffic() {
    let rig = Rig::new();
    let mut client = connect(rig.proxy(echo()));
    round_trip(&mut client, b"before");
    let began = Instant::now();
    rig.toxic(&json!({"type": "timeout", "attributes": {"timeout": 300}}));
    let mut talker = client.try_clone().unwrap();
    let talk = thread::spawn(move || {
        while talker.write_all(b"are you there?").is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    });
    let end = ending(&mut client);
    assert!(end == "end after 0" || end == "ConnectionReset", "{end}");
    assert!(began.elapsed() >= Duration::from_millis(300));
    talk.join().unwrap();
}
