//! A server of datagrams, and its clients.

use std::net::{SocketAddr, UdpSocket};
use std::thread;

use serde_json::{Value, json};

use crate::support::{LONG, Rig};

pub(crate) fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket
}

/// A server that sends back what it gets, to whom it came from, until it gets `end`.
pub(crate) struct Echo {
    pub(crate) at: SocketAddr,
    thread: Option<thread::JoinHandle<()>>,
}

impl Echo {
    pub(crate) fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = socket.local_addr().unwrap();
        let thread = thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                if &buffer[..length] == b"end" {
                    return;
                }
                let _ = socket.send_to(&buffer[..length], from);
            }
        });
        Self { at, thread: Some(thread) }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"end", self.at);
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

/// Makes a proxy `p` of datagrams; where it listens.
pub(crate) fn proxy(rig: &Rig, upstream: SocketAddr, more: &Value) -> SocketAddr {
    let mut body = json!({"name": "p", "upstream": format!("udp://{upstream}")});
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let (status, view) = rig.call("POST", "/proxies", &body);
    assert_eq!(status, 201, "{view}");
    let listen = view["listen"].as_str().unwrap();
    listen.strip_prefix("udp://").unwrap().parse().unwrap()
}

pub(crate) fn client(at: SocketAddr) -> UdpSocket {
    let socket = socket();
    socket.connect(at).unwrap();
    socket
}

pub(crate) fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65_536];
    let length = socket.recv(&mut buffer).unwrap();
    buffer.truncate(length);
    buffer
}

/// Whether there is nothing to be received now.
pub(crate) fn is_silent(socket: &UdpSocket) -> bool {
    socket.set_nonblocking(true).unwrap();
    let silent = socket.recv(&mut [0; 16]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    socket.set_nonblocking(false).unwrap();
    silent
}
