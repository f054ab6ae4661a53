//! A small HTTP server inside of the test, which may misbehave.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// It answers until it goes.
pub struct Server {
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

/// One request, waiting for its answer.
pub struct Request {
    /// The request line and the headers.
    pub head: String,
    stream: TcpStream,
    over: Arc<AtomicBool>,
}

impl Server {
    /// Starts one; `answer` has a thread for each request.
    ///
    /// # Panics
    /// When there is no port for it.
    pub fn start(answer: impl Fn(Request) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("a port of one's own");
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if until.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (answer, over) = (Arc::clone(&answer), Arc::clone(&until));
                std::thread::spawn(move || {
                    if let Some(request) = Request::read(stream, over) {
                        answer(request);
                    }
                });
            }
        });
        Self { address, over }
    }

    /// The address of a page.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Request {
    fn read(stream: TcpStream, over: Arc<AtomicBool>) -> Option<Self> {
        let mut head = String::new();
        let mut reader = BufReader::new(stream);
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        Some(Self { head, stream: reader.into_inner(), over })
    }

    /// Answers, and closes the connection.
    pub fn answer(mut self, status: u16, body: &str) {
        let length = body.len();
        // The client may have lost its patience.
        let _ = write!(
            self.stream,
            "HTTP/1.1 {status} Peer\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
    }

    /// Answers one byte after the other, for as long as somebody listens.
    pub fn drip(mut self) {
        let _ = write!(self.stream, "HTTP/1.1 200 Peer\r\nContent-Length: 1000000\r\n\r\n");
        while !self.over.load(Ordering::Relaxed) && self.stream.write_all(b"0").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
