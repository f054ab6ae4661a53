//! Peers that do not answer, do not read, or come all at once.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use squall_proxy::Settings;
use tokio::time::Instant;

use crate::support::{LONG, Rig, connect, echo, ending, listener, pair, round_trip, stuff};

/// How quickly the API answers whatever peers do. The promise is 100 ms; a busy machine may take ten times that.
const SOON: Duration = Duration::from_secs(1);

/// A port that answers no connect: its queue is full.
fn deaf() -> (Socket, std::net::SocketAddr, Vec<Socket>) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let at = socket.local_addr().unwrap();
    let fill: Vec<Socket> = (0..8)
        .map(|_| {
            let client = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None).unwrap();
            let _ = client.connect(&at);
            client
        })
        .collect();
    let at = at.as_socket().unwrap();
    (socket, at, fill)
}

#[test]
fn a_server_that_does_not_answer_the_connect_holds_up_nobody() {
    // Longer than anybody waits here: what ends the dials is the end of the proxy.
    let dial_timeout = Duration::from_hours(1);
    let rig = Rig::with(&Settings { workers: Some(1), dial_timeout, ..Settings::default() });
    let (_socket, deaf, _fill) = deaf();
    let at = rig.proxy(deaf);
    let waiting: Vec<_> = (0..3).map(|_| connect(at)).collect();
    rig.wait("three wait for the dial", |list| list.len() == 3);
    let other = rig.named("other", echo());
    round_trip(&mut connect(other), b"hello");
    let began = Instant::now();
    assert_eq!(rig.call("GET", "/proxies/p", &Value::Null).0, 200);
    assert_eq!(rig.call("DELETE", "/proxies/p", &Value::Null).0, 204);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    for mut client in waiting {
        assert!(ending(&mut client).starts_with("end"));
    }
}

#[test]
fn a_dial_has_a_time_limit() {
    let rig = Rig::with(&Settings { dial_timeout: Duration::from_millis(50), ..Settings::default() });
    let (_socket, deaf, _fill) = deaf();
    let mut client = connect(rig.proxy(deaf));
    assert_eq!(ending(&mut client), "end after 0");
}

#[test]
fn the_api_answers_while_a_peer_does_not_read() {
    let rig = Rig::new();
    let (servers, at) = listener();
    let (client, server) = pair(&servers, rig.proxy(at));
    rig.toxic(&json!({"type": "latency", "name": "l", "attributes": {"latency": 1}}));
    // The client reads nothing: everything between fills up.
    stuff(&server);
    let began = Instant::now();
    rig.toxic(&json!({"type": "bandwidth", "name": "b", "attributes": {"rate": 1}}));
    rig.toxic(&json!({"type": "slicer", "name": "s", "attributes": {"average_size": 10}}));
    rig.remove("l");
    rig.remove("b");
    assert_eq!(rig.call("POST", "/reset", &Value::Null).0, 204);
    assert_eq!(rig.call("DELETE", "/proxies/p", &Value::Null).0, 204);
    assert!(began.elapsed() < 6 * SOON, "{:?}", began.elapsed());
    drop(client);
}

#[test]
fn a_thousand_connects_at_once_are_taken() {
    let rig = Rig::new();
    let (servers, at): (TcpListener, _) = listener();
    let at = rig.proxy(at);
    thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok((stream, _)) = servers.accept() {
            held.push(stream);
        }
    });
    let began = Instant::now();
    let _clients: Vec<_> = (0..1000).map(|_| connect(at)).collect();
    rig.wait("all are through", |list| list.iter().filter(|one| one["established"] == true).count() == 1000);
    assert!(began.elapsed() < LONG);
}
