//! A connection that is opened, between a client and a server of rustls, byte by byte (F18).

use std::io::{Read as _, Write as _};

use proptest::prelude::*;
use rustls::server::Acceptor;
use rustls::{AlertDescription, ClientConnection, ServerConnection};
use serde_json::json;
use squall_proxy::http::Options;
use squall_proxy::layer::{Act, LIMIT, Way};
use squall_proxy::{http, tls};

use crate::authority::Authority;
use crate::peers::said;
use crate::wire::{Wire, book, chunks, sizes};

impl Authority {
    /// A proxy that clients of this authority trust, and that trusts servers of that one.
    fn between(&self, server: &Self) -> Wire {
        let rule = self.rule("none", &json!({"tls": {"roots": server.certificate()}}));
        let inner = http::session(book(&[]), Options::default());
        Wire::new(tls::session(book(&[&rule]), inner))
    }
}

fn chosen<D>(connection: &rustls::ConnectionCommon<D>) -> Option<String> {
    connection.alpn_protocol().map(|protocol| String::from_utf8(protocol.to_vec()).unwrap())
}

/// Gives a peer what was said to it; what it hears of that in the clear.
fn heard<D>(connection: &mut rustls::ConnectionCommon<D>, bytes: &[u8]) -> Result<Vec<u8>, rustls::Error> {
    let mut bytes = bytes;
    let mut plain = Vec::new();
    while !bytes.is_empty() {
        connection.read_tls(&mut bytes).unwrap();
        let state = connection.process_new_packets()?;
        let from = plain.len();
        plain.resize(from + state.plaintext_bytes_to_read(), 0);
        connection.reader().read_exact(&mut plain[from..]).unwrap();
    }
    Ok(plain)
}

/// Carries bytes between all three, in pieces of these sizes, until nobody has more to say; what each of both heard.
fn settle(
    wire: &mut Wire,
    client: &mut ClientConnection,
    server: &mut ServerConnection,
    sizes: &[usize],
) -> Result<(Vec<u8>, Vec<u8>), rustls::Error> {
    carry(wire, client, server, sizes, None)
}

/// The same, with one byte turned over on its way to the proxy.
fn carry(
    wire: &mut Wire,
    client: &mut ClientConnection,
    server: &mut ServerConnection,
    sizes: &[usize],
    wrong: Option<(Way, usize)>,
) -> Result<(Vec<u8>, Vec<u8>), rustls::Error> {
    let (mut at_client, mut at_server) = (Vec::new(), Vec::new());
    let mut carried = [0, 0];
    loop {
        let (up, down) = (said(client), said(server));
        if [&up, &down, &wire.up, &wire.down].iter().all(|bytes| bytes.is_empty()) {
            return Ok((at_client, at_server));
        }
        for (way, mut bytes) in [(Way::Upstream, up), (Way::Downstream, down)] {
            let from = carried[way as usize];
            carried[way as usize] += bytes.len();
            if let Some((_, at)) =
                wrong.filter(|(of, at)| *of == way && (from..from + bytes.len()).contains(at))
            {
                bytes[at - from] ^= 1;
            }
            for chunk in chunks(&bytes, sizes) {
                wire.put(way, chunk);
            }
        }
        // A server that refuses has still an alert to send.
        let _ = heard(server, &std::mem::take(&mut wire.up)).map(|plain| at_server.extend(plain));
        at_client.extend(heard(client, &std::mem::take(&mut wire.down))?);
    }
}

// The client is told what the server takes, whatever that is.
#[test]
fn the_client_gets_the_protocol_that_the_server_takes() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    for (offered, known, expected) in [
        (&["h2", "http/1.1"][..], &["http/1.1"][..], Some("http/1.1")),
        (&["h2", "http/1.1"], &["h2", "http/1.1"], Some("h2")),
        (&["h2", "http/1.1"], &["http/1.1", "h2"], Some("http/1.1")),
        (&["h2", "http/1.1"], &[], None),
        (&[], &["h2"], None),
        (&["postgresql"], &["postgresql"], Some("postgresql")),
    ] {
        let (mut client, mut server) = (ours.client("shop.test", offered), theirs.server(known));
        let mut wire = ours.between(&theirs);
        settle(&mut wire, &mut client, &mut server, &[1_000_000]).unwrap();
        assert!(!client.is_handshaking() && !server.is_handshaking(), "{offered:?} {known:?}");
        assert_eq!(chosen(&client).as_deref(), expected, "{offered:?} {known:?}");
        assert_eq!(chosen(&server).as_deref(), expected, "{offered:?} {known:?}");
    }
}

#[test]
fn the_server_is_asked_first_and_with_the_list_of_the_client() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let mut wire = ours.between(&theirs);
    let mut client = ours.client("shop.test", &["h2", "http/1.1"]);
    wire.put(Way::Upstream, &said(&mut client));
    assert_eq!(wire.down, b"", "nothing before the server has chosen");
    let mut acceptor = Acceptor::default();
    acceptor.read_tls(&mut &wire.up[..]).unwrap();
    let accepted = acceptor.accept().unwrap().expect("a whole ClientHello");
    let hello = accepted.client_hello();
    assert_eq!(hello.server_name(), Some("shop.test"));
    assert_eq!(hello.alpn().unwrap().collect::<Vec<_>>(), [&b"h2"[..], b"http/1.1"]);
}

// What the server says of the client's list reaches the client as it is (RFC 7301, section 3.2).
#[test]
fn a_server_that_takes_none_of_it_says_so_to_the_client() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (mut client, mut server) = (ours.client("shop.test", &["h2"]), theirs.server(&["http/1.1"]));
    let mut wire = ours.between(&theirs);
    let refused = settle(&mut wire, &mut client, &mut server, &[1_000_000]).unwrap_err();
    assert_eq!(refused, rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol));
    assert!(wire.hits().iter().any(|hit| hit.starts_with("shop.test: no TLS with the server: ")));
    assert!(wire.has(&Act::End(Way::Downstream)) && wire.has(&Act::End(Way::Upstream)));
}

#[test]
fn a_server_that_is_not_to_be_trusted_or_goes_is_told_to_the_client() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let failure = rustls::Error::AlertReceived(AlertDescription::HandshakeFailure);
    let (mut client, mut server) = (ours.client("shop.test", &[]), Authority::new().server(&[]));
    let mut wire = ours.between(&theirs);
    assert_eq!(settle(&mut wire, &mut client, &mut server, &[1_000_000]).unwrap_err(), failure);
    assert!(wire.hits().last().unwrap().contains("no TLS with the server: "), "{:?}", wire.hits());

    let mut client = ours.client("shop.test", &[]);
    let mut wire = ours.between(&theirs);
    wire.put(Way::Upstream, &said(&mut client));
    wire.end(Way::Downstream);
    assert_eq!(heard(&mut client, &wire.down).unwrap_err(), failure);
    assert_eq!(wire.hits().last().unwrap(), "shop.test: no TLS with the server: it ended the connection");

    // No TLS at all.
    let mut client = ours.client("shop.test", &[]);
    let mut wire = ours.between(&theirs);
    wire.put(Way::Upstream, &said(&mut client));
    wire.server("HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(heard(&mut client, &wire.down).unwrap_err(), failure);
}

#[test]
fn a_client_that_waits_may_go_and_is_not_heard_without_end() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let mut wire = ours.between(&theirs);
    wire.put(Way::Upstream, &said(&mut ours.client("shop.test", &[])));
    assert!(wire.layer.wants(Way::Upstream));
    wire.put(Way::Upstream, &vec![0; LIMIT]);
    assert!(!wire.layer.wants(Way::Upstream) && wire.layer.wants(Way::Downstream));
    wire.end(Way::Upstream);
    assert!(wire.has(&Act::Close));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // Whoever speaks first and however the bytes are cut: all of them arrive, in order.
    #[test]
    fn what_is_said_inside_arrives_however_it_is_cut(sizes in sizes(), ask in 1_usize..5_000, tell in 1_usize..5_000) {
        let (ours, theirs) = (Authority::new(), Authority::new());
        let (mut client, mut server) = (ours.client("shop.test", &["x"]), theirs.server(&["x"]));
        let mut wire = ours.between(&theirs);
        let (question, answer) = (vec![b'?'; ask], vec![b'!'; tell]);
        // Before there is a handshake: it goes out behind it.
        client.writer().write_all(&question).unwrap();
        server.writer().write_all(&answer).unwrap();
        let (at_client, at_server) = settle(&mut wire, &mut client, &mut server, &sizes).unwrap();
        prop_assert!(at_client == answer && at_server == question);
    }

    // A byte that is wrong on the way is found out, and never believed.
    #[test]
    fn a_byte_that_is_wrong_ends_it_and_is_not_believed(from_server: bool, at in 0_usize..3_000, sizes in sizes()) {
        let (ours, theirs) = (Authority::new(), Authority::new());
        let (mut client, mut server) = (ours.client("shop.test", &["x"]), theirs.server(&["x"]));
        let mut wire = ours.between(&theirs);
        client.writer().write_all(&[b'?'; 500]).unwrap();
        server.writer().write_all(&[b'!'; 500]).unwrap();
        let wrong = (if from_server { Way::Downstream } else { Way::Upstream }, at);
        if let Ok((at_client, at_server)) = carry(&mut wire, &mut client, &mut server, &sizes, Some(wrong)) {
            prop_assert!([b'!'; 500].starts_with(&at_client) && [b'?'; 500].starts_with(&at_server));
        }
    }
}
