//! E3: how long a TCP connection takes.

use std::time::Duration;

use squall_model::measure::{Outcome, Probe};
use squall_model::unit::Unit;
use squall_probe::ProbeError;

use crate::stage::{Stage, impatient, refused, unreadable};
use crate::wire::{Nobody, Site};

fn tcp(address: &str) -> Probe {
    Probe::Tcp { address: address.into() }
}

#[tokio::test]
async fn a_connection_takes_seconds_and_needs_a_listener() {
    let site = Site::answering("").await;
    let port = site.address.port();
    let mut prober = Stage::with_secret("PORT", &port.to_string()).prober(tcp("localhost:{env:PORT}"));
    let Outcome::Value(taken) = prober.read().await else { panic!("no connection") };
    assert_eq!(taken.unit, Unit::Seconds);
    assert!(taken.value > 0.0 && taken.value < 10.0, "{taken}");

    let nobody = Nobody::here();
    let mut prober = Stage::default().prober(tcp(&nobody.address.to_string()));
    assert_eq!(prober.read().await, unreadable("connection refused"));
    let mut prober = Stage::default().prober(tcp("no-such-host.invalid:80"));
    assert_eq!(prober.read().await, unreadable("could not look up the host name"));
}

#[tokio::test]
async fn a_handshake_that_is_never_answered_times_out() {
    // A full queue of a listener that accepts nothing drops further handshakes, listen(2).
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(300), tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(stream);
    }
    let mut prober = impatient(tcp(&address.to_string()), Duration::from_millis(200));
    assert_eq!(prober.read().await, unreadable("timed out after 200ms"));
}

#[test]
fn an_address_without_a_port_is_refused() {
    for address in ["localhost", "localhost:", ":80", "localhost:0", "localhost:http", "localhost:70000"] {
        assert!(matches!(refused(tcp(address), Stage::default()), ProbeError::Address { .. }), "{address}");
    }
}
