//! WebSocket, byte by byte and between real peers (F19).

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use proptest::collection::vec;
use proptest::prelude::*;
use squall_proxy::http::{self, Options};
use squall_proxy::layer::Way;
use squall_proxy::rulebook::Rulebook;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

use crate::through::Through;
use crate::wire::{Wire, book};

const ASK: &str =
    "GET /chat?token=1 HTTP/1.1\r\nHost: chat.test:8080\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const AGREE: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

fn open(rule: &str) -> Wire {
    let mut wire = Wire::websocket(&[rule]);
    wire.client(ASK);
    wire.server(AGREE);
    assert_eq!((wire.up_text().as_str(), wire.down_text().as_str()), (ASK, AGREE));
    wire.up.clear();
    wire.down.clear();
    wire
}

/// A frame without a mask.
fn frame(last: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let first = opcode | if last { 0x80 } else { 0 };
    let length = match payload.len() {
        0..126 => vec![payload.len() as u8],
        length => [&[126][..], &(length as u16).to_be_bytes()].concat(),
    };
    [&[first][..], &length, payload].concat()
}

/// A message in fragments with a ping between them.
fn fragments(payload: &[u8]) -> Vec<u8> {
    let (one, two) = payload.split_at(payload.len() / 2);
    [frame(false, 1, one), frame(true, 9, b"ping"), frame(true, 0, two)].concat()
}

proptest! {
    #[test]
    fn frames_and_garbage_pass_unchanged(
        payloads in vec((any::<bool>(), vec(any::<u8>(), 0..200)), 0..8),
        garbage in vec(any::<u8>(), 0..60),
        size in 1..50_usize,
    ) {
        let mut stream: Vec<u8> = payloads
            .iter()
            .flat_map(|(split, payload)| if *split { fragments(payload) } else { frame(true, 2, payload) })
            .collect();
        let mut wire = open(r#"{"path": "/other", "drop": true}"#);
        stream.chunks(size).for_each(|piece| wire.server(piece));
        prop_assert_eq!(&wire.down, &stream, "nothing is held back");
        garbage.chunks(size).for_each(|piece| wire.server(piece));
        wire.ended(Way::Downstream);
        stream.extend(garbage);
        prop_assert_eq!(&wire.down, &stream);
    }

    #[test]
    fn dropped_and_duplicated_messages_are_whole_ones(
        payloads in vec((any::<bool>(), vec(any::<u8>(), 0..200)), 1..8),
        size in 1..50_usize,
        every in 1..4_usize,
        copies in 0..3_usize,
    ) {
        let fault = if copies == 0 { r#""drop": true"#.to_owned() } else { format!(r#""duplicate": {copies}"#) };
        let mut wire = open(&format!(r#"{{"every": {every}, {fault}}}"#));
        let (mut stream, mut expected) = (Vec::new(), Vec::new());
        for (at, (split, payload)) in payloads.iter().enumerate() {
            let hit = (at + 1) % every == 0;
            let message = if *split { fragments(payload) } else { frame(true, 2, payload) };
            stream.extend_from_slice(&message);
            let (one, two) = payload.split_at(payload.len() / 2);
            let plain = if *split {
                [frame(false, 1, one), frame(true, 0, two)].concat()
            } else {
                message.clone()
            };
            match (hit, copies) {
                (false, _) => expected.extend(message),
                (true, 0) if *split => expected.extend(frame(true, 9, b"ping")),
                (true, 0) => {}
                (true, _) => {
                    expected.extend(message);
                    (0..copies).for_each(|_| expected.extend_from_slice(&plain));
                }
            }
        }
        stream.chunks(size).for_each(|piece| wire.server(piece));
        prop_assert_eq!(&wire.down, &expected);
    }

    #[test]
    fn lag_loses_nothing_and_garbage_kills_nothing(
        pieces in vec((any::<bool>(), vec(any::<u8>(), 1..40)), 0..20),
        rule in 0..5_usize,
    ) {
        let rules = [
            r#"{"delay": 20, "jitter": 20}"#, r#"{"duplicate": 16}"#, r#"{"close": {"code": 1011}, "delay": 1}"#,
            r#"{"disconnect": "reset", "every": 2}"#, r#"{"drop": true}"#,
        ];
        let mut wire = open(rules[rule]);
        for (up, piece) in pieces {
            wire.feed(if up { Way::Upstream } else { Way::Downstream }, &piece);
            wire.pass(Duration::from_millis(7));
        }
        wire.ended(Way::Upstream);
        wire.ended(Way::Downstream);
        wire.pass(Duration::from_secs(10));
    }
}

#[test]
fn messages_lag_in_order_and_pings_do_not() {
    let mut wire = open(r#"{"direction": "downstream", "delay": 100}"#);
    let (one, two, ping) = (frame(true, 1, b"one"), frame(true, 1, b"two"), frame(true, 9, b"ping"));
    wire.server([&one[..], &ping, &two].concat());
    wire.client(&one);
    assert_eq!((&wire.down, &wire.up), (&ping, &one));
    wire.pass(Duration::from_millis(100));
    assert_eq!(wire.down, [ping, one, two].concat());
    assert_eq!(wire.hits[0], "rule 0: text on /chat: delayed by 100 ms");
}

#[test]
fn a_host_is_meant_with_its_port_and_without() {
    let message = frame(true, 1, b"hello");
    for (host, meant) in [("Chat.test", true), ("chat.test:8080", true), ("*", true), ("chat.test:80", false)]
    {
        let mut wire = open(&format!(r#"{{"host": "{host}", "drop": true}}"#));
        wire.server(&message);
        assert_eq!(wire.down.is_empty(), meant, "{host}");
    }
}

#[test]
fn compressed_messages_that_lean_on_others_are_left_alone() {
    for (extensions, dropped) in [
        ("permessage-deflate", false),
        ("permessage-deflate; client_no_context_takeover", false),
        ("permessage-deflate; server_no_context_takeover", true),
    ] {
        let mut wire = Wire::websocket(&[]);
        wire.client(ASK);
        let rules = book(&[r#"{"drop": true}"#]);
        let mut wire_later = Wire::new(http::session(Rulebook::default(), Options { websocket: rules }));
        std::mem::swap(&mut wire, &mut wire_later);
        wire.client(ASK);
        wire.server(
            AGREE.replace("\r\n\r\n", &format!("\r\nSec-WebSocket-Extensions: {extensions}\r\n\r\n")),
        );
        wire.down.clear();
        wire.server(frame(true, 0x41, b"abc"));
        assert_eq!(wire.down.is_empty(), dropped, "{extensions}");
    }
}

#[test]
fn compression_is_not_agreed_upon_where_messages_may_be_taken_out() {
    let ask = ASK.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    for (rule, offered) in
        [(r#"{"drop": true}"#, false), (r#"{"delay": 1}"#, true), (r#"{"path": "/b", "drop": true}"#, true)]
    {
        let mut wire = Wire::websocket(&[rule]);
        wire.client(&ask);
        assert_eq!(wire.up_text().contains("permessage-deflate"), offered, "{rule}");
    }
}

/// A client and an echoing server with a proxy between them; the server's task tells how its side ended.
async fn pair(rule: &str) -> (WebSocketStream<TcpStream>, tokio::task::JoinHandle<String>, Through) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut stream = accept_async(socket).await.unwrap();
        while let Some(message) = stream.next().await {
            match message {
                Ok(Message::Close(frame)) => {
                    return format!("closed {:?}", frame.map(|frame| u16::from(frame.code)));
                }
                Ok(message) if message.is_ping() || message.is_pong() => {}
                Ok(message) => stream.send(message).await.unwrap(),
                Err(error) => return format!("broken: {error}"),
            }
        }
        "ended".into()
    });
    let through = Through::new(&address, "websocket", &[rule]);
    let socket = TcpStream::connect(through.address).await.unwrap();
    let (client, _) = client_async("ws://origin/chat", socket).await.unwrap();
    (client, server, through)
}

async fn next(client: &mut WebSocketStream<TcpStream>) -> Option<Result<Message, Error>> {
    tokio::time::timeout(Duration::from_secs(30), client.next())
        .await
        .expect("something within half a minute")
}

#[tokio::test]
async fn real_peers_get_dropped_and_duplicated_messages() {
    let (mut client, _server, _through) =
        pair(r#"{"direction": "upstream", "every": 2, "drop": true}"#).await;
    for n in 0..6 {
        client.send(Message::text(n.to_string())).await.unwrap();
    }
    for n in [0, 2, 4] {
        assert_eq!(next(&mut client).await.unwrap().unwrap(), Message::text(n.to_string()));
    }
    let (mut client, _server, through) =
        pair(r#"{"direction": "upstream", "first": 1, "duplicate": 2}"#).await;
    for n in 0..2 {
        client.send(Message::binary(vec![n; 70_000])).await.unwrap();
    }
    for n in [0, 0, 0, 1] {
        assert!(next(&mut client).await.unwrap().unwrap() == Message::binary(vec![n; 70_000]));
    }
    assert_eq!(through.hit().await, "binary on /chat: sent 3 times");
}

#[tokio::test]
async fn real_peers_get_the_close_code() {
    let rule = r#"{"direction": "upstream", "every": 2, "close": {"code": 1013, "reason": "later"}}"#;
    let (mut client, server, _through) = pair(rule).await;
    client.send(Message::text("one")).await.unwrap();
    assert_eq!(next(&mut client).await.unwrap().unwrap(), Message::text("one"));
    client.send(Message::text("two")).await.unwrap();
    let expected = CloseFrame { code: 1013.into(), reason: "later".into() };
    assert_eq!(next(&mut client).await.unwrap().unwrap(), Message::Close(Some(expected)));
    assert_eq!(server.await.unwrap(), "closed Some(1013)");
    drop(client);
}

#[tokio::test]
async fn real_peers_are_disconnected() {
    let (mut client, _server, _through) = pair(r#"{"direction": "downstream", "disconnect": "reset"}"#).await;
    client.send(Message::text("one")).await.unwrap();
    match next(&mut client).await {
        Some(Err(Error::Io(error))) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        other => panic!("{other:?}"),
    }
}
