//! Requests over HTTP/2.

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::header::HeaderValue;
use hyper::http::uri::{PathAndQuery, Scheme};
use hyper::{Request, Uri, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::dial::Dial;
use super::{Connections, HttpTarget, HttpTargetMistake, Security, header_of, path_of};
use crate::Failure;
use crate::sender::{Sender, Sending};

/// Requests that share a connection; servers allow at least this many (RFC 9113, 6.5.2).
const SHARED: usize = 100;

/// Sends over connections that many requests share.
pub(crate) struct Two {
    target: HttpTarget,
    dial: Dial,
    seed: u64,
    lines: Mutex<Vec<Shared>>,
}

/// A connection; how many hold its `users` is how many requests use it.
#[derive(Clone)]
struct Shared {
    requests: SendRequest<Full<Bytes>>,
    users: Arc<()>,
}

impl Two {
    pub(crate) fn new(target: HttpTarget, seed: u64) -> Result<Self, HttpTargetMistake> {
        if target.connections == Connections::New {
            return Err(HttpTargetMistake::Shared);
        }
        Ok(Self { dial: Dial::new(&target)?, target, seed, lines: Mutex::new(Vec::new()) })
    }

    fn lines(&self) -> MutexGuard<'_, Vec<Shared>> {
        self.lines.lock().expect("nobody panics with the list in hand")
    }

    /// A connection with room.
    fn known(&self) -> Option<Shared> {
        let mut lines = self.lines();
        lines.retain(|line| !line.requests.is_closed());
        lines.iter().find(|line| Arc::strong_count(&line.users) <= SHARED).cloned()
    }

    async fn line(&self) -> Result<Shared, Failure> {
        if let Some(line) = self.known() {
            return Ok(line);
        }
        let stream = TokioIo::new(self.dial.connect().await?);
        let (requests, connection) =
            handshake(TokioExecutor::new(), stream).await.map_err(|error| failure(&error))?;
        tokio::spawn(connection);
        let line = Shared { requests, users: Arc::new(()) };
        self.lines().push(line.clone());
        Ok(line)
    }

    fn request(&self, n: u64) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let target = &self.target;
        let mut text = String::new();
        path_of(target, n, self.seed, &mut text);
        let mut parts = hyper::http::uri::Parts::default();
        parts.scheme = Some(if target.security == Security::Tls { Scheme::HTTPS } else { Scheme::HTTP });
        parts.authority = Some(target.authority.clone());
        parts.path_and_query = Some(text.parse::<PathAndQuery>()?);
        let mut request = Request::new(Full::new(Bytes::from(target.body.of(n, self.seed))));
        *request.method_mut() = target.method.clone();
        *request.uri_mut() = Uri::from_parts(parts)?;
        *request.version_mut() = Version::HTTP_2;
        for (name, value) in &target.headers {
            text.clear();
            header_of(value, n, self.seed, &mut text);
            request.headers_mut().append(name, HeaderValue::from_str(&text)?);
        }
        Ok(request)
    }

    async fn exchange(&self, n: u64) -> Result<(), Failure> {
        // What was given was tried out before; only a row can hold what a header cannot.
        let request = self.request(n).map_err(|_| Failure::Malformed)?;
        let mut line = self.line().await?;
        line.requests.ready().await.map_err(|error| failure(&error))?;
        let answer = line.requests.send_request(request).await.map_err(|error| failure(&error))?;
        let status = answer.status();
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            frame.map_err(|error| failure(&error))?;
        }
        if status.is_success() { Ok(()) } else { Err(Failure::Status(status.as_u16())) }
    }
}

impl Sender for Two {
    fn send(&self, n: u64) -> Sending<'_> {
        Box::pin(self.exchange(n))
    }
}

fn failure(error: &hyper::Error) -> Failure {
    let causes = || std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source());
    if let Some(cause) = causes().find_map(|cause| cause.downcast_ref::<io::Error>()) {
        return Failure::of_connection(cause);
    }
    let of_protocol = causes()
        .filter_map(|cause| cause.downcast_ref::<h2::Error>())
        .any(|error| error.is_library() || error.reason() == Some(h2::Reason::PROTOCOL_ERROR));
    match (of_protocol, causes().any(<dyn Error>::is::<h2::Error>)) {
        (true, _) => Failure::Malformed,
        (false, true) => Failure::Reset,
        (false, false) if error.is_parse() => Failure::Malformed,
        (false, false) => Failure::Closed,
    }
}
