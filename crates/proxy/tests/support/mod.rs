//! A real proxy with its API in this process, and real sockets on both of its sides.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use squall_proxy::{Server, Settings};
use tokio::time::Instant;

/// How long anything may take before a test gives up. Far above what it takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A server with its API on a port of the kernel's choice.
pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) api: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(&Settings { workers: Some(2), ..Settings::default() })
    }

    pub(crate) fn with(settings: &Settings) -> Self {
        let server = Server::start(settings).unwrap();
        let router = squall_proxy::api::router(server.clone());
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    _ = axum::serve(listener, router) => {}
                    _ = stopped => {}
                }
            });
        });
        let api = is_ready.recv().unwrap();
        Self { server, api, stop: Some(stop), thread: Some(thread) }
    }

    /// A request to the API: status and JSON (null where there is no body).
    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, _, text) = self.raw(method, path, "", body.as_bytes());
        (status, serde_json::from_slice(&text).unwrap_or(Value::Null))
    }

    /// The same with header lines of one's own; the answer's head is given too.
    pub(crate) fn raw(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.api).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: api\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let status = head[9..12].parse().unwrap();
        (status, head, answer[end..].to_vec())
    }

    /// Makes a proxy `p` to there; where it listens.
    pub(crate) fn proxy(&self, upstream: SocketAddr) -> SocketAddr {
        self.named("p", upstream)
    }

    pub(crate) fn named(&self, name: &str, upstream: SocketAddr) -> SocketAddr {
        let (status, view) =
            self.call("POST", "/proxies", &json!({"name": name, "upstream": upstream.to_string()}));
        assert_eq!(status, 201, "{view}");
        view["listen"].as_str().unwrap().parse().unwrap()
    }

    /// Adds a toxic to `p`.
    pub(crate) fn toxic(&self, toxic: &Value) {
        let (status, answer) = self.call("POST", "/proxies/p/toxics", toxic);
        assert_eq!(status, 200, "{answer}");
    }

    pub(crate) fn remove(&self, toxic: &str) {
        let (status, answer) = self.call("DELETE", &format!("/proxies/p/toxics/{toxic}"), &Value::Null);
        assert_eq!(status, 204, "{answer}");
    }

    /// How often a toxic of `p` has hit.
    pub(crate) fn hits(&self, toxic: &str) -> u64 {
        let (_, view) = self.call("GET", &format!("/proxies/p/toxics/{toxic}?counts=true"), &Value::Null);
        view["hits"].as_u64().unwrap_or_else(|| panic!("{view}"))
    }

    /// The first figure of the metrics in whose name and labels these words stand.
    pub(crate) fn metric(&self, words: &str) -> u64 {
        let (_, _, body) = self.raw("GET", "/metrics", "", b"");
        let text = String::from_utf8(body).unwrap();
        let line = text.lines().find(|line| !line.starts_with('#') && line.contains(words));
        let line = line.unwrap_or_else(|| panic!("no {words}: {text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Follows what happens to `p` from now on.
    pub(crate) fn follow(&self) -> Follower {
        let mut stream = connect(self.api);
        stream.write_all(b"GET /events?proxy=p HTTP/1.1\r\nHost: api\r\n\r\n").unwrap();
        let mut follower = Follower { stream, seen: String::new() };
        follower.until(": listening");
        follower
    }

    /// Waits until something holds of the connections of `p`.
    pub(crate) fn wait(&self, what: &str, holds: impl Fn(&[Value]) -> bool) {
        wait(what, || {
            let (_, list) = self.call("GET", "/proxies/p/connections", &Value::Null);
            holds(list.as_array().unwrap())
        });
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The stream of events.
pub(crate) struct Follower {
    stream: TcpStream,
    /// All of it, as it came.
    pub(crate) seen: String,
}

impl Follower {
    /// Reads on until this has been told.
    pub(crate) fn until(&mut self, word: &str) {
        let mut buffer = [0; 4096];
        while !self.seen.contains(word) {
            let read = self.stream.read(&mut buffer).unwrap();
            assert!(read > 0, "{}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    }
}

/// Asks again and again until it holds.
pub(crate) fn wait(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LONG, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A listener of our own; the test accepts.
pub(crate) fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    (listener, at)
}

/// A server that sends back what it gets, and ends when its client ends.
pub(crate) fn echo() -> SocketAddr {
    let (listener, at) = listener();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            thread::spawn(move || {
                let _ = stream.set_nodelay(true);
                let mut buffer = vec![0; 65536];
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..read]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    at
}

pub(crate) fn connect(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_write_timeout(Some(LONG)).unwrap();
    stream
}

/// Both ends of one connection through a proxy.
pub(crate) fn pair(listener: &TcpListener, at: SocketAddr) -> (TcpStream, TcpStream) {
    let client = connect(at);
    let (server, _) = listener.accept().unwrap();
    server.set_nodelay(true).unwrap();
    server.set_read_timeout(Some(LONG)).unwrap();
    server.set_write_timeout(Some(LONG)).unwrap();
    (client, server)
}

/// Sends and waits for the same to come back; how long that took.
pub(crate) fn round_trip(stream: &mut TcpStream, bytes: &[u8]) -> Duration {
    let began = Instant::now();
    stream.write_all(bytes).unwrap();
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, bytes);
    began.elapsed()
}

/// Sends until nobody takes anything any more: for half a second there was no room.
pub(crate) fn stuff(mut stream: &TcpStream) {
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let block = vec![b'x'; 1 << 20];
    let error = std::iter::repeat_with(|| stream.write(&block)).find_map(Result::err).unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

/// Bytes that tell where they come from.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(31) ^ (at >> 8)) as u8).collect()
}

/// What became of a connection, once it says something.
pub(crate) fn ending(stream: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => format!("end after {}", rest.len()),
        Err(error) => format!("{:?}", error.kind()),
    }
}
