//! TLS and HTTP/2.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{Response, StatusCode};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use squall_load::{Connections, Failure, HttpVersion, Load};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::stage::{carried_out, get, http, of, settings};

/// A server for `localhost` and its certificate (PEM).
async fn secured(protocol: &[u8]) -> (SocketAddr, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![cert.der().clone()],
            PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into(),
        )
        .unwrap();
    config.alpn_protocols = vec![protocol.to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let two = protocol == b"h2";
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                if two { speak_two(stream, Arc::default()).await } else { speak_one(stream).await }
            });
        }
    });
    (address, cert.pem())
}

async fn speak_one(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut bytes = Vec::new();
    while matches!(stream.read_buf(&mut bytes).await, Ok(read) if read > 0) {
        if bytes.ends_with(b"\r\n\r\n") {
            bytes.clear();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        }
    }
}

/// Answers the first request with 503 and the others with 200, the number in the body.
async fn speak_two(stream: impl AsyncRead + AsyncWrite + Unpin, turn: Arc<AtomicU64>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((_, mut answer))) = connection.accept().await {
        let first = turn.fetch_add(1, Ordering::Relaxed) == 0;
        let status = if first { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        let head = Response::builder().status(status).body(()).unwrap();
        if let Ok(mut body) = answer.send_response(head, false) {
            let _ = body.send_data("hello".into(), true);
        }
    }
}

#[tokio::test]
async fn a_trusted_server_is_spoken_to_and_another_is_not() {
    for (protocol, version) in [(&b"http/1.1"[..], HttpVersion::One), (b"h2", HttpVersion::Two)] {
        let (address, pem) = secured(protocol).await;
        let target = || get(&format!("https://localhost:{}/", address.port())).version(version);
        let trusted = carried_out(of(http(target().trust(pem.into_bytes())), 50.0, 10)).await;
        let first_of_two = u64::from(version == HttpVersion::Two);
        assert!(trusted.ok >= 10 - first_of_two * 10 / 2, "{trusted:?}");
        let other = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap().cert.pem();
        let untrusted = carried_out(of(http(target().trust(other.into_bytes())), 50.0, 5)).await;
        assert_eq!(untrusted.failures, [(Failure::Tls, 5)].into());
    }
}

#[tokio::test]
async fn a_server_without_tls_is_named() {
    let plain = crate::stage::serve_rudely(async |mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let pem = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap().cert.pem().into_bytes();
    let target = get(&format!("https://localhost:{}/", plain.port())).trust(pem);
    let totals = carried_out(of(http(target), 50.0, 3)).await;
    assert_eq!(totals.failures, [(Failure::Tls, 3)].into());
    let target = get("https://localhost/").trust(b"no certificate".to_vec());
    assert!(Load::start(of(http(target), 50.0, 3)).is_err());
}

#[tokio::test]
async fn requests_over_http_2_share_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicU64::new(0));
    let (accepted, turn) = (Arc::clone(&connections), Arc::default());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            accepted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(speak_two(stream, Arc::clone(&turn)));
        }
    });
    let target = || get(&format!("http://{address}/")).version(HttpVersion::Two);
    let totals = carried_out(of(http(target()), 200.0, 40)).await;
    assert_eq!((totals.ok, totals.failures), (39, [(Failure::Status(503), 1)].into()));
    assert!(connections.load(Ordering::Relaxed) < 10, "{connections:?}");
    assert!(Load::start(of(http(target().connections(Connections::New)), 1.0, 1)).is_err());
}

#[tokio::test]
async fn a_server_that_speaks_no_http_2_is_named() {
    let old = crate::stage::serve_rudely(async |mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        let _ = stream.read(&mut [0; 64]).await;
    })
    .await;
    let mut two = settings(old, 50.0, 3);
    two.target = http(get(&format!("http://{old}/")).version(HttpVersion::Two));
    let totals = carried_out(two).await;
    assert_eq!(totals.ok, 0, "{totals:?}");
    assert!(totals.failures.keys().all(|failure| *failure != Failure::Timeout), "{totals:?}");
}
