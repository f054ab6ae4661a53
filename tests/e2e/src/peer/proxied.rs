//! A proxy that was there before any run, as an operator has it, and clients that always ask through it: one service for
//! each protocol that faults know.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use squall_engine::proxy_api::ProxyApi;

use super::free_port;
use super::redis::Redis;
use crate::binary::Squall;
use crate::wait;

/// The protocols, by the names that their faults and their proxies have.
pub const PROTOCOLS: [&str; 7] = ["tcp", "udp", "http", "websocket", "redis", "postgres", "tls"];

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two rounds of questions.
const PAUSE: Duration = Duration::from_millis(5);

/// The standing proxy. It ends when this goes.
pub struct Standing {
    process: Child,
    api: u16,
    ports: BTreeMap<String, u16>,
}

impl Standing {
    /// Starts one with these proxies: each with its protocol and the port of its service.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn start(squall: &Squall, proxies: &[(&str, &str, u16)]) -> Self {
        let api = free_port();
        let ports: BTreeMap<String, u16> =
            proxies.iter().map(|(name, ..)| ((*name).to_owned(), free_port())).collect();
        let config: Vec<serde_json::Value> = proxies
            .iter()
            .map(|(name, protocol, upstream)| {
                let host = if *protocol == "udp" { "udp://127.0.0.1" } else { "127.0.0.1" };
                let mut proxy = serde_json::json!({
                    "name": name, "listen": format!("{host}:{}", ports[*name]), "upstream": format!("{host}:{upstream}"),
                });
                // A WebSocket begins as HTTP, and within TLS it is looked for.
                let protocol = if ["websocket", "tls"].contains(protocol) { "http" } else { protocol };
                if !matches!(protocol, "tcp" | "udp") {
                    proxy["protocol"] = protocol.into();
                }
                proxy
            })
            .collect();
        let file = squall.file("proxies.json", &serde_json::Value::Array(config).to_string());
        let listen = format!("127.0.0.1:{api}");
        let process =
            squall.start(["proxy", "--listen", &listen, "--config", file.to_str().expect("a path")]);
        let standing = Self { process, api, ports };
        let first = standing.api(proxies[0].0);
        wait::until("the proxy answers", Duration::from_secs(30), || first.look().ok());
        standing
    }

    /// The API, for one of its proxies.
    pub fn api(&self, proxy: &str) -> ProxyApi {
        ProxyApi { api: format!("http://127.0.0.1:{}", self.api), proxy: proxy.to_owned() }
    }

    /// Where one of its proxies listens.
    pub fn port(&self, proxy: &str) -> u16 {
        self.ports[proxy]
    }

    /// The toxics of all proxies, as the API tells them: `[]` for each that has none.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn toxics(&self) -> Vec<String> {
        let ask = |name: &String| {
            let mut stream = connect(self.api).expect("the API of the proxy");
            let wanted = format!("GET /proxies/{name}/toxics HTTP/1.0\r\n\r\n");
            stream.write_all(wanted.as_bytes()).expect("the API of the proxy");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("the API of the proxy");
            answer.split_once("\r\n\r\n").expect("an answer of HTTP").1.trim().to_owned()
        };
        self.ports.keys().map(ask).collect()
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A standing proxy in front of one service of each protocol, and clients that never stop asking.
pub struct Traffic {
    standing: Standing,
    asking: Arc<AtomicBool>,
    clients: Option<JoinHandle<()>>,
    _redis: Redis,
    _squall: Squall,
}

impl Traffic {
    /// Starts all of it.
    ///
    /// # Panics
    /// When something does not start.
    #[allow(clippy::new_without_default, reason = "it starts servers")]
    pub fn new() -> Self {
        let squall = Squall::new();
        let redis = Redis::start(squall.dir());
        let upstream = |protocol: &str| match protocol {
            "redis" => redis.port(),
            "websocket" => serve(websocket),
            "postgres" => serve(postgres),
            "udp" => echo(),
            _ => serve(http),
        };
        let proxies = PROTOCOLS.map(|protocol| (protocol, protocol, upstream(protocol)));
        let standing = Standing::start(&squall, &proxies);
        let ports = PROTOCOLS.map(|protocol| standing.port(protocol));
        let asking = Arc::new(AtomicBool::new(true));
        let is_asking = Arc::clone(&asking);
        let clients = thread::spawn(move || {
            while is_asking.load(Ordering::Relaxed) {
                for (protocol, port) in PROTOCOLS.iter().zip(ports) {
                    // While a fault is on, no answer is an answer.
                    let _ = ask(protocol, port);
                }
                thread::sleep(PAUSE);
            }
        });
        Self { standing, asking, clients: Some(clients), _redis: redis, _squall: squall }
    }

    /// The standing proxy.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.asking.store(false, Ordering::Relaxed);
        let _ = self.clients.take().map(JoinHandle::join);
    }
}

fn connect(port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// One question of a new connection, and the beginning of its answer.
#[expect(clippy::disallowed_methods, reason = "tests ask as a person does")]
fn ask(protocol: &str, port: u16) -> std::io::Result<()> {
    if protocol == "tls" {
        let url = format!("https://127.0.0.1:{port}/");
        return Command::new("curl").args(["-sk", "--max-time", "1", &url]).output().map(drop);
    }
    let mut answer = [0; 256];
    if protocol == "udp" {
        let socket = UdpSocket::bind(("127.0.0.1", 0))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.connect(("127.0.0.1", port))?;
        socket.send(b"hi")?;
        return socket.recv(&mut answer).map(drop);
    }
    let mut stream = connect(port)?;
    match protocol {
        "redis" => stream.write_all(b"PING\r\n")?,
        "websocket" => {
            stream.write_all(
                b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            )?;
            let _ = stream.read(&mut answer)?;
            // A text of two letters, masked with zeros (RFC 6455, section 5.2).
            stream.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i'])?;
        }
        "postgres" => {
            let start = b"user\0squall\0\0";
            stream.write_all(&[&21_u32.to_be_bytes()[..], &196_608_u32.to_be_bytes(), start].concat())?;
            let _ = stream.read(&mut answer)?;
            stream.write_all(b"Q\0\0\0\x0dselect 1\0")?;
        }
        _ => stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?,
    }
    let _ = stream.read(&mut answer)?;
    Ok(())
}

/// Serves every connection by a thread of its own, until the test's process ends.
fn serve(answer: fn(TcpStream) -> std::io::Result<()>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("a port of one's own").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    port
}

/// Sends datagrams back, until the test's process ends.
fn echo() -> u16 {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a free port");
    let port = socket.local_addr().expect("a port of one's own").port();
    thread::spawn(move || {
        let mut datagram = [0; 256];
        while let Ok((length, from)) = socket.recv_from(&mut datagram) {
            let _ = socket.send_to(&datagram[..length], from);
        }
    });
    port
}

/// Reads the head of a request.
fn head(stream: &TcpStream) -> std::io::Result<()> {
    for line in BufReader::new(stream).lines() {
        if line?.is_empty() {
            break;
        }
    }
    Ok(())
}

fn http(mut stream: TcpStream) -> std::io::Result<()> {
    head(&stream)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
}

fn websocket(mut stream: TcpStream) -> std::io::Result<()> {
    head(&stream)?;
    stream.write_all(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    )?;
    let mut message = [0; 256];
    while stream.read(&mut message)? > 0 {
        stream.write_all(b"\x81\x02hi")?;
    }
    Ok(())
}

/// Lets everybody in and answers every statement with an empty result (PostgreSQL's manual, 55.7).
fn postgres(mut stream: TcpStream) -> std::io::Result<()> {
    let mut message = [0; 256];
    let _ = stream.read(&mut message)?;
    stream.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I")?;
    while stream.read(&mut message)? > 0 {
        stream.write_all(b"C\0\0\0\x0dSELECT 0\0Z\0\0\0\x05I")?;
    }
    Ok(())
}
