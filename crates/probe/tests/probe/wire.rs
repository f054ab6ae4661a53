//! Servers that behave badly, byte by byte, and good ones.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Where a server listens, and how many connections it has accepted.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

impl Site {
    /// Serves every connection with `serve`, until the runtime of the test ends.
    pub(crate) async fn serving<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let site = Self { address, accepted: Arc::default() };
        let accepted = Arc::clone(&site.accepted);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream));
            }
        });
        site
    }

    /// Answers every connection with these bytes, and closes it.
    pub(crate) async fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes: Arc<[u8]> = bytes.into().into();
        Self::serving(move |mut stream| {
            let bytes = Arc::clone(&bytes);
            async move {
                read_request(&mut stream).await;
                let _ = stream.write_all(&bytes).await;
            }
        })
        .await
    }

    /// Answers with a start, and then with one more piece every few milliseconds, for ever.
    pub(crate) async fn dripping(start: &'static str, piece: &'static str) -> Self {
        Self::serving(move |mut stream| async move {
            read_request(&mut stream).await;
            let _ = stream.write_all(start.as_bytes()).await;
            while stream.write_all(piece.as_bytes()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    }

    pub(crate) async fn running(router: axum::Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, accepted: Arc::default() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

/// An address that nobody listens on, and that nobody else is given meanwhile: bound, not listening.
pub(crate) struct Nobody {
    pub(crate) address: SocketAddr,
    socket: TcpSocket,
}

impl Nobody {
    pub(crate) fn here() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
        Self { address: socket.local_addr().expect("it has an address"), socket }
    }

    /// Now somebody listens.
    pub(crate) fn appears(self) -> TcpListener {
        self.socket.listen(16).expect("it can listen")
    }
}

/// Reads one request without a body. Says whether there was one.
pub(crate) async fn read_request(stream: &mut TcpStream) -> bool {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return false,
        }
    }
    true
}
