//! A request of HTTP/1.1 as bytes.

use std::fmt::Write as _;
use std::sync::Arc;

use hyper::Method;
use hyper::header::{CONTENT_LENGTH, HOST, USER_AGENT};

use super::{Connections, HttpTarget, header_of, path_of};

/// What all requests have in common, made ready.
pub(crate) enum Request {
    /// Every request is the same.
    Same(Arc<[u8]>),
    /// Each is written anew.
    Each { target: Box<HttpTarget>, seed: u64 },
}

impl Request {
    pub(crate) fn new(target: &HttpTarget, seed: u64) -> Self {
        let headers = target.headers.iter().map(|(_, value)| value);
        let mut texts = [&target.path, &target.body].into_iter().chain(headers);
        if texts.all(|text| text.constant().is_some()) {
            let mut text = String::new();
            write(target, 0, seed, &mut text);
            return Self::Same(text.into_bytes().into());
        }
        Self::Each { target: Box::new(target.clone()), seed }
    }

    /// The bytes of request `n`; `buffer` may be used for them.
    pub(crate) fn of<'a>(&'a self, n: u64, buffer: &'a mut String) -> &'a [u8] {
        match self {
            Self::Same(bytes) => bytes,
            Self::Each { target, seed } => {
                buffer.clear();
                write(target, n, *seed, buffer);
                buffer.as_bytes()
            }
        }
    }
}

fn write(target: &HttpTarget, n: u64, seed: u64, to: &mut String) {
    to.push_str(target.method.as_str());
    to.push(' ');
    path_of(target, n, seed, to);
    to.push_str(" HTTP/1.1\r\n");
    let has = |name: &hyper::header::HeaderName| target.headers.iter().any(|(known, _)| known == name);
    if !has(&HOST) {
        to.extend(["host: ", target.authority.as_str(), "\r\n"]);
    }
    if !has(&USER_AGENT) {
        to.push_str(concat!("user-agent: squall/", env!("CARGO_PKG_VERSION"), "\r\n"));
    }
    if target.connections == Connections::New {
        to.push_str("connection: close\r\n");
    }
    for (name, value) in target.headers.iter().filter(|(name, _)| name != CONTENT_LENGTH) {
        to.extend([name.as_str(), ": "]);
        header_of(value, n, seed, to);
        to.push_str("\r\n");
    }
    let body = target.body.of(n, seed);
    let has_body = [Method::POST, Method::PUT, Method::PATCH].contains(&target.method) || !body.is_empty();
    if has_body {
        let _ = write!(to, "content-length: {}\r\n", body.len());
    }
    to.push_str("\r\n");
    to.push_str(&body);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Text;

    fn text(text: &str) -> Text {
        Text::new(text, None).unwrap()
    }

    #[test]
    fn a_request_has_what_rfc_9112_asks_for() {
        let target = HttpTarget::new("POST", &text("http://h:81/a/{n}?x"))
            .unwrap()
            .header("x-key", &text("k{n}"))
            .unwrap()
            .body(text("number {n}"))
            .connections(Connections::New);
        let request = Request::new(&target, 1);
        let mut buffer = String::new();
        let bytes = String::from_utf8(request.of(12, &mut buffer).to_vec()).unwrap();
        let agent = concat!("user-agent: squall/", env!("CARGO_PKG_VERSION"), "\r\n");
        assert_eq!(
            bytes,
            format!(
                "POST /a/12?x HTTP/1.1\r\nhost: h:81\r\n{agent}connection: close\r\nx-key: k12\r\ncontent-length: 9\r\n\r\nnumber 12"
            )
        );
    }

    #[test]
    fn a_request_that_never_changes_is_made_once() {
        let target =
            HttpTarget::new("GET", &text("http://h/")).unwrap().header("host", &text("other")).unwrap();
        let request = Request::new(&target, 1);
        assert!(matches!(request, Request::Same(_)));
        let bytes = String::from_utf8(request.of(5, &mut String::new()).to_vec()).unwrap();
        assert!(bytes.starts_with("GET / HTTP/1.1\r\n") && bytes.ends_with("\r\n\r\n"));
        assert_eq!(bytes.matches("host:").count(), 1, "{bytes}");
        assert!(!bytes.contains("content-length"));
    }
}
