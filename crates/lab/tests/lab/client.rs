//! A client of the API that believes nothing but a whole answer.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// An answer: status, head and body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and headers, in small letters.
    pub(crate) head: String,
    /// Null where it is no JSON.
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }
}

pub(crate) fn get(port: u16, path: &str) -> io::Result<Answer> {
    request(port, "GET", path, None, "")
}

pub(crate) fn post(port: u16, path: &str, body: &str) -> io::Result<Answer> {
    request(port, "POST", path, None, body)
}

/// With a token, where there is one.
pub(crate) fn request(
    port: u16,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &str,
) -> io::Result<Answer> {
    let length = body.len();
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    exchange(
        port,
        &format!(
            "{method} {path} HTTP/1.1\r\nhost: lab\r\nconnection: close\r\n{token}content-length: {length}\r\n\r\n{body}"
        ),
    )
}

/// Submits one task; its number only if the API acknowledged it with a whole answer.
pub(crate) fn submit(port: u16, body: &str) -> Option<i64> {
    let answer = post(port, "/tasks", body).ok()?;
    if answer.status == 201 || answer.status == 200 { answer.body["ids"][0].as_i64() } else { None }
}

fn exchange(port: u16, request: &str) -> io::Result<Answer> {
    let limit = Duration::from_secs(10);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    read(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "half an answer"))
}

fn read(answer: &[u8]) -> Option<Answer> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map(str::parse);
    if length.is_some_and(|length| length != Ok(body.len())) {
        return None;
    }
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head, body: serde_json::from_str(body).unwrap_or_default(), text: body.to_owned() })
}
