//! What is told of proxies.

use std::io::{Read, Write};

use serde_json::{Value, json};

use crate::support::{Rig, connect, echo, listener, pair, round_trip};

// The names are Toxiproxy's where it has any, and what they count is what has happened.
#[test]
fn metrics_count_each_way_for_itself_and_also_what_is_over() {
    let rig = Rig::new();
    let (servers, at) = listener();
    let listen = rig.proxy(at);
    let (mut client, mut server) = pair(&servers, listen);
    client.write_all(b"four").unwrap();
    server.read_exact(&mut [0; 4]).unwrap();
    server.write_all(b"22").unwrap();
    client.read_exact(&mut [0; 2]).unwrap();
    drop((client, server));
    rig.wait("it has ended", <[Value]>::is_empty);
    rig.toxic(
        &json!({"name": "held", "type": "latency", "stream": "both", "attributes": {"latency": 3_600_000}}),
    );
    let (mut client, mut server) = pair(&servers, listen);
    client.write_all(&[0; 10]).unwrap();
    server.write_all(&[0; 7]).unwrap();
    rig.wait("both are held", |list| {
        list.iter().any(|one| one["upstream"]["received"] == 10 && one["downstream"]["received"] == 7)
    });
    let (_, head, page) = rig.raw("GET", "/metrics", "", b"");
    let page = String::from_utf8(page).unwrap();
    assert!(head.contains("openmetrics-text"), "{head}");
    let of = |way: &str| format!(r#"{{direction="{way}",proxy="p",listener="{listen}",upstream="{at}"}}"#);
    for row in [
        format!("toxiproxy_proxy_received_bytes_total{} 14", of("upstream")),
        format!("toxiproxy_proxy_received_bytes_total{} 9", of("downstream")),
        format!("toxiproxy_proxy_sent_bytes_total{} 4", of("upstream")),
        format!("toxiproxy_proxy_sent_bytes_total{} 2", of("downstream")),
        r#"squall_proxy_open_connections{proxy="p"} 1"#.to_owned(),
        r#"squall_proxy_connections_total{proxy="p"} 2"#.to_owned(),
        r#"squall_proxy_toxic_hits_total{proxy="p",toxic="held"} 2"#.to_owned(),
    ] {
        assert!(page.lines().any(|line| line == row), "{row} is not in\n{page}");
    }
}

#[test]
fn what_happens_is_streamed() {
    let rig = Rig::new();
    let mut events = rig.follow();
    rig.named("other", echo());
    let at = rig.proxy(echo());
    events.until("proxy-created");
    rig.toxic(&json!({"type": "latency", "ttl": 20}));
    events.until("toxic-added");
    events.until("toxic-expired");
    let mut client = connect(at);
    round_trip(&mut client, b"12345");
    drop(client);
    events.until("\"how\":\"ended\"");
    events.until("\"downstream\":5");
    assert!(!events.seen.contains("other"), "{}", events.seen);
}
