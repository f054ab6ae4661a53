//! Reading the answer of a server that may do anything.

use httparse::Status;
use hyper::Method;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::body::{Body, Eaten};
use crate::Failure;

/// What is read at once.
pub(crate) const BUFFER: usize = 16 * 1024;
/// A head is no longer than this.
const LONGEST_HEAD: usize = 64 * 1024;
const MOST_HEADERS: usize = 96;

/// What may come after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Another request on the same connection.
    Another,
    /// Nothing: the connection is at its end.
    Nothing,
}

struct Head {
    length: usize,
    status: u16,
    body: Option<Body>,
    after: After,
}

/// Reads one answer to its end. `buffer` is empty before and after.
pub(crate) async fn read(
    from: &mut (impl AsyncRead + Unpin),
    method: &Method,
    buffer: &mut Vec<u8>,
) -> Result<(u16, After), Failure> {
    buffer.clear();
    let mut head = loop {
        fill(from, buffer).await?;
        match head(buffer, method)? {
            // Announcements (RFC 9110, 15.2) come before the answer; nobody asked to switch protocols.
            Some(head) if (100..200).contains(&head.status) && head.status != 101 => {
                buffer.drain(..head.length);
                if let Some(head) = self::head(buffer, method)? {
                    break head;
                }
            }
            Some(head) => break head,
            None if buffer.len() < LONGEST_HEAD => {}
            None => return Err(Failure::Malformed),
        }
    };
    let mut used = head.length;
    while let Some(body) = &mut head.body {
        match body.eat(&buffer[used..])? {
            Eaten::All(all) => {
                used += all;
                break;
            }
            Eaten::Some(some) => {
                buffer.drain(..used + some);
                used = 0;
                let until_close = *body == Body::UntilClose;
                match fill(from, buffer).await {
                    Err(Failure::Closed) if until_close => break,
                    other => other?,
                }
            }
        }
    }
    if buffer.len() > used {
        return Err(Failure::Surplus);
    }
    buffer.clear();
    Ok((head.status, head.after))
}

async fn fill(from: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Result<(), Failure> {
    buffer.reserve(BUFFER);
    match from.read_buf(buffer).await {
        Ok(0) => Err(Failure::Closed),
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::of_connection(&error)),
    }
}

/// The head, when all of it is there.
fn head(bytes: &[u8], method: &Method) -> Result<Option<Head>, Failure> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let length = match answer.parse(bytes) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return Err(Failure::Malformed),
    };
    let (Some(status), Some(version)) = (answer.code, answer.version) else { return Err(Failure::Malformed) };
    let mut content_length = None;
    let mut chunked = false;
    let mut after = if version == 1 { After::Another } else { After::Nothing };
    for header in answer.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let read = number(header.value).ok_or(Failure::Malformed)?;
            if content_length.is_some_and(|before| before != read) {
                return Err(Failure::Malformed);
            }
            content_length = Some(read);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            // The last coding says where the body ends.
            chunked =
                words(header.value).next_back().is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"));
            if !chunked {
                after = After::Nothing;
                content_length = None;
            }
        } else if header.name.eq_ignore_ascii_case("connection") {
            for word in words(header.value) {
                if word.eq_ignore_ascii_case(b"close") {
                    after = After::Nothing;
                } else if word.eq_ignore_ascii_case(b"keep-alive") && version == 0 {
                    after = After::Another;
                }
            }
        }
    }
    let without = method == Method::HEAD || status == 204 || status == 304 || (100..200).contains(&status);
    let body = match content_length {
        _ if without => None,
        _ if chunked => Some(Body::Size),
        Some(length) => Some(Body::Length(length)),
        None => {
            after = After::Nothing;
            Some(Body::UntilClose)
        }
    };
    Ok(Some(Head { length, status, body, after }))
}

fn words(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Digits and nothing else.
fn number(value: &[u8]) -> Option<u64> {
    let value = value.trim_ascii();
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answered(method: &Method, mut bytes: &[u8]) -> Result<(u16, After), Failure> {
        let mut buffer = Vec::new();
        let reading = read(&mut bytes, method, &mut buffer);
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(reading)
    }

    fn get(bytes: &str) -> Result<(u16, After), Failure> {
        answered(&Method::GET, bytes.as_bytes())
    }

    #[test]
    fn an_answer_ends_where_it_says() {
        assert_eq!(get("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"), Ok((200, After::Another)));
        assert_eq!(get("HTTP/1.1 204 No\r\n\r\n"), Ok((204, After::Another)));
        assert_eq!(
            get("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"),
            Ok((200, After::Another))
        );
        assert_eq!(
            get("HTTP/1.1 503 No\r\ncontent-length: 0\r\nConnection: Close\r\n\r\n"),
            Ok((503, After::Nothing))
        );
        assert_eq!(get("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n"), Ok((200, After::Nothing)));
        assert_eq!(
            get("HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n"),
            Ok((200, After::Another))
        );
        assert_eq!(get("HTTP/1.1 200 OK\r\n\r\nuntil the end"), Ok((200, After::Nothing)));
        assert_eq!(
            get("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
            Ok((200, After::Another))
        );
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
        assert_eq!(answered(&Method::HEAD, head), Ok((200, After::Another)));
    }

    #[test]
    fn lies_are_named() {
        assert_eq!(get(""), Err(Failure::Closed));
        assert_eq!(get("HTTP/1.1 200 OK\r\ncontent-le"), Err(Failure::Closed));
        assert_eq!(get("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"), Err(Failure::Closed));
        assert_eq!(get("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab"), Err(Failure::Surplus));
        assert_eq!(get("HTTP/1.1 204 No\r\n\r\nbody"), Err(Failure::Surplus));
        for bad in [
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 abc\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\na",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
            "\0\0\0\0",
        ] {
            assert_eq!(get(bad), Err(Failure::Malformed), "{bad:?}");
        }
        let long = format!("HTTP/1.1 200 OK\r\n{}", "a".repeat(2 * LONGEST_HEAD));
        assert_eq!(get(&long), Err(Failure::Malformed));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MOST_HEADERS + 1));
        assert_eq!(get(&many), Err(Failure::Malformed));
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..400), known in any::<bool>()) {
            let mut all = if known { b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec() } else { Vec::new() };
            all.extend(bytes);
            let _ = answered(&Method::GET, &all);
        }
    }
}
