//! Sending JSON to somebody over HTTP/1.1: webhooks, and reports to an outside service.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HeaderName};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::{Deserialize, Serialize};

use crate::error::with_causes;

/// The same key again means the same message (draft-ietf-httpapi-idempotency-key-header).
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// An answer is read to its end, so that its connection can be used again, but no further than this.
const LONGEST_ANSWER: usize = 64 * 1024;
/// Idle connections to one receiver.
const IDLE: usize = 16;

/// An address that JSON can be sent to: `http://HOST[:PORT][/PATH]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint(Uri);

/// The text is no such address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no address to send to: {why}; write http://HOST:PORT/PATH")]
pub struct EndpointMistake {
    text: String,
    why: &'static str,
}

impl std::str::FromStr for Endpoint {
    type Err = EndpointMistake;

    fn from_str(text: &str) -> Result<Self, EndpointMistake> {
        let mistake = |why| EndpointMistake { text: text.escape_debug().take(200).collect(), why };
        let uri: Uri = text.parse().map_err(|_| mistake("it cannot be read"))?;
        match (uri.scheme_str(), uri.host()) {
            (Some("http"), Some(host)) if !host.is_empty() => {}
            (Some("https"), _) => return Err(mistake("TLS is not spoken")),
            _ => return Err(mistake("it does not begin with http:// and a host")),
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(mistake("it has a user in it"));
        }
        Ok(Self(uri))
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointMistake;

    fn try_from(text: String) -> Result<Self, EndpointMistake> {
        text.parse()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> String {
        endpoint.0.to_string()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(to)
    }
}

impl Endpoint {
    /// Whether it is on this machine: a loopback address or `localhost`.
    pub fn is_local(&self) -> bool {
        let host = self.0.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Why nothing arrived, or may not have. Each text continues "could not ...".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PostFailed {
    /// The receiver answered, but not with a success.
    #[error("deliver to {receiver}: it answered {status}")]
    Answered {
        /// Where to.
        receiver: String,
        /// What it said.
        status: StatusCode,
    },
    /// No whole answer in time.
    #[error("deliver to {receiver}: no answer within {} ms", limit.as_millis())]
    Late {
        /// Where to.
        receiver: String,
        /// The time it had.
        limit: Duration,
    },
    /// The connection could not be made, or broke.
    #[error("deliver to {receiver}: {what}")]
    Broken {
        /// Where to.
        receiver: String,
        /// What happened.
        what: String,
    },
}

impl PostFailed {
    /// Whether the receiver will not take this message, however often it is sent: an answer from 400 to 499, but not
    /// one that asks to come later (408, 425, 429).
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Answered { status, .. } => {
                status.is_client_error() && !matches!(status.as_u16(), 408 | 425 | 429)
            }
            Self::Late { .. } | Self::Broken { .. } => false,
        }
    }
}

/// Sends. Clones share their connections.
#[derive(Clone)]
pub(crate) struct Post {
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Post {
    pub(crate) fn new() -> Self {
        Self { client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(IDLE).build_http() }
    }

    /// Sends one message and waits for the answer, at most `limit` for both.
    pub(crate) async fn send(
        &self,
        receiver: &Endpoint,
        key: &str,
        json: Vec<u8>,
        limit: Duration,
    ) -> Result<(), PostFailed> {
        let broken = |error: &dyn std::error::Error| PostFailed::Broken {
            receiver: receiver.to_string(),
            what: with_causes(error),
        };
        let request = Request::builder()
            .method(Method::POST)
            .uri(receiver.0.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(KEY, key)
            .body(Full::new(json.into()))
            .map_err(|error| broken(&error))?;
        let exchange = async {
            let answer = self.client.request(request).await.map_err(|error| broken(&error))?;
            let status = answer.status();
            // What it says beside its status is not asked for; too much of it only costs the connection.
            let _ = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await;
            if status.is_success() {
                Ok(())
            } else {
                Err(PostFailed::Answered { receiver: receiver.to_string(), status })
            }
        };
        let late = PostFailed::Late { receiver: receiver.to_string(), limit };
        tokio::time::timeout(limit, exchange).await.unwrap_or(Err(late))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_addresses_are_taken_and_loopback_is_recognised() {
        for text in ["http://127.0.0.1:80/x", "http://localhost", "http://[::1]:8080/", "http://127.8.9.1/"] {
            assert!(text.parse::<Endpoint>().unwrap().is_local(), "{text}");
        }
        assert!(!"http://192.0.2.7/".parse::<Endpoint>().unwrap().is_local());
        assert!(!"http://localhost.example/".parse::<Endpoint>().unwrap().is_local());
        for text in [
            "",
            "127.0.0.1",
            "ftp://x/",
            "https://localhost/",
            "http://",
            "http://a b/",
            "/x",
            "http://u:p@h/",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn answers_that_ask_to_come_later_are_not_final() {
        let answered = |status: u16| PostFailed::Answered {
            receiver: String::new(),
            status: StatusCode::from_u16(status).unwrap(),
        };
        for (status, is_final) in
            [(400, true), (404, true), (408, false), (429, false), (500, false), (302, false)]
        {
            assert_eq!(answered(status).is_final(), is_final, "{status}");
        }
    }
}
