//! Requests over HTTP/1.1.

use std::error::Error;
use std::io;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::Failure;
use crate::body::BodyTemplate;

/// A connection without a request is closed after this time.
const IDLE: Duration = Duration::from_secs(10);

/// The request that is sent again and again.
#[derive(Debug, Clone)]
pub struct HttpTarget {
    method: Method,
    url: Uri,
    headers: HeaderMap,
    body: BodyTemplate,
}

/// The request cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpTargetMistake {
    /// No HTTP method.
    #[error("`{0}` is not an HTTP method")]
    Method(String),
    /// No URL, or one that is not `http://`.
    #[error("`{0}` is not a URL of the form http://host:port/path")]
    Url(String),
    /// No header name, or a value with characters that a header cannot have. The value is not repeated: it may be
    /// a secret.
    #[error("header `{0}` cannot be sent")]
    Header(String),
}

impl HttpTarget {
    /// A request without headers of its own and with an empty body.
    pub fn new(method: &str, url: &str) -> Result<Self, HttpTargetMistake> {
        let is_http =
            |url: &Uri| url.scheme_str() == Some("http") && url.host().is_some_and(|host| !host.is_empty());
        let mistake = || HttpTargetMistake::Url(url.to_owned());
        Ok(Self {
            method: method.parse().map_err(|_| HttpTargetMistake::Method(method.to_owned()))?,
            url: url.parse().ok().filter(is_http).ok_or_else(mistake)?,
            headers: HeaderMap::new(),
            body: BodyTemplate::new(""),
        })
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, HttpTargetMistake> {
        let mistake = || HttpTargetMistake::Header(name.escape_debug().to_string());
        let known: HeaderName = name.parse().map_err(|_| mistake())?;
        self.headers.append(known, HeaderValue::from_str(value).map_err(|_| mistake())?);
        Ok(self)
    }

    /// Sets the body; each `{n}` in it becomes the number of the request, from 0.
    #[must_use]
    pub fn body(mut self, text: &str) -> Self {
        self.body = BodyTemplate::new(text);
        self
    }

    fn request(&self, n: u64) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(Bytes::from(self.body.of(n))));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// Sends the requests of one load over connections that are kept alive.
#[derive(Clone)]
pub(crate) struct HttpSender {
    target: HttpTarget,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl HttpSender {
    pub(crate) fn new(target: HttpTarget) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self { target, client }
    }

    /// Sends request `n` and reads its answer to the end.
    pub(crate) async fn send(&self, n: u64) -> Result<(), Failure> {
        let answer = self
            .client
            .request(self.target.request(n))
            .await
            .map_err(|error| if error.is_connect() { no_connection(&error) } else { broken(&error) })?;
        let status = answer.status();
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            frame.map_err(|error| broken(&error))?;
        }
        if status.is_success() { Ok(()) } else { Err(Failure::Status(status.as_u16())) }
    }
}

fn no_connection(error: &(dyn Error + 'static)) -> Failure {
    let refused = causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::ConnectionRefused);
    if refused { Failure::Refused } else { Failure::Connect }
}

fn broken(error: &(dyn Error + 'static)) -> Failure {
    let not_http =
        causes(error).filter_map(|cause| cause.downcast_ref::<hyper::Error>()).any(hyper::Error::is_parse);
    if not_http { Failure::Protocol } else { Failure::Cut }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_cannot_be_made_is_refused_before_the_load_starts() {
        for url in ["", "127.0.0.1:80", "/tasks", "https://localhost/", "ftp://x/", "http://", "http://a b/"]
        {
            assert_eq!(HttpTarget::new("GET", url).unwrap_err(), HttpTargetMistake::Url(url.into()));
        }
        assert!(matches!(HttpTarget::new("GE T", "http://x/"), Err(HttpTargetMistake::Method(_))));
        let target = HttpTarget::new("GET", "http://x/").unwrap();
        assert!(target.clone().header("a b", "c").is_err());
        let mistake = target.header("authorization", "secret\n").unwrap_err();
        assert!(!mistake.to_string().contains("secret"));
    }
}
