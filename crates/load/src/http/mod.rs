//! Requests over HTTP.
//!
//! HTTP/1.1 has connections of its own, for a request costs little there: it is written from one buffer by the task of a
//! connection that waits for it, and its answer is read by [`httparse`]. HTTP/2 is hyper's.

mod answer;
mod body;
mod dial;
mod pool;
mod request;
mod two;

pub(crate) use self::pool::Pool;
pub(crate) use self::two::Two;

use hyper::header::{HeaderName, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Method, Uri};

use crate::{Text, TextMistake};

/// The request that is sent again and again.
#[derive(Debug, Clone)]
pub struct HttpTarget {
    pub(crate) method: Method,
    pub(crate) security: Security,
    pub(crate) authority: Authority,
    /// Path and query.
    pub(crate) path: Text,
    pub(crate) headers: Vec<(HeaderName, Text)>,
    pub(crate) body: Text,
    pub(crate) connections: Connections,
    pub(crate) version: HttpVersion,
    pub(crate) trust: Option<Vec<u8>>,
}

/// Whether a connection serves more than one request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Connections {
    /// Kept alive between requests.
    #[default]
    Reused,
    /// A new one for each request.
    New,
}

/// The version of HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// RFC 9112.
    #[default]
    One,
    /// RFC 9113: at once without TLS, agreed upon with it.
    Two,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    Plain,
    Tls,
}

/// The request cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpTargetMistake {
    /// No HTTP method.
    #[error("`{0}` is not an HTTP method")]
    Method(String),
    /// No URL of HTTP, or one with a name and password, or with a place to fill in before its path.
    #[error("`{0}` is not a URL of the form http://host:port/path or https://host:port/path")]
    Url(String),
    /// No header name, or a value with characters that a header cannot have. The value is not repeated: it may be
    /// a secret.
    #[error("header `{0}` cannot be sent")]
    Header(String),
    /// HTTP/2 knows no other way.
    #[error("HTTP/2 shares its connections: a new one for each request needs HTTP/1.1")]
    Shared,
    /// A part of it cannot be filled in.
    #[error(transparent)]
    Text(#[from] TextMistake),
    /// No certificates.
    #[error("the certificates cannot be used: {0}")]
    Certificates(String),
}

impl HttpTarget {
    /// A request without headers of its own and with an empty body. Path and query may have places to fill in.
    pub fn new(method: &str, url: &Text) -> Result<Self, HttpTargetMistake> {
        let shown = url.first();
        let mistake = || HttpTargetMistake::Url(shown.clone());
        let (origin, path) = url.split_url().ok_or_else(mistake)?;
        let parsed: Uri = origin.parse().map_err(|_| mistake())?;
        let security = match parsed.scheme_str() {
            Some("http") => Security::Plain,
            Some("https") => Security::Tls,
            _ => return Err(mistake()),
        };
        let authority = parsed
            .authority()
            .filter(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
        Ok(Self {
            method: method.parse().map_err(|_| HttpTargetMistake::Method(method.to_owned()))?,
            security,
            authority: authority.ok_or_else(mistake)?.clone(),
            path,
            headers: Vec::new(),
            body: Text::default(),
            connections: Connections::Reused,
            version: HttpVersion::One,
            trust: None,
        })
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &Text) -> Result<Self, HttpTargetMistake> {
        let mistake = || HttpTargetMistake::Header(name.escape_debug().to_string());
        let known: HeaderName = name.parse().map_err(|_| mistake())?;
        // What is filled in later is cleaned then.
        HeaderValue::from_str(value.constant().unwrap_or_default()).map_err(|_| mistake())?;
        self.headers.push((known, value.clone()));
        Ok(self)
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, text: Text) -> Self {
        self.body = text;
        self
    }

    /// Sets whether connections are reused.
    #[must_use]
    pub fn connections(mut self, connections: Connections) -> Self {
        self.connections = connections;
        self
    }

    /// Sets the version.
    #[must_use]
    pub fn version(mut self, version: HttpVersion) -> Self {
        self.version = version;
        self
    }

    /// Trusts these certificates (PEM), and not those of the host.
    #[must_use]
    pub fn trust(mut self, certificates: Vec<u8>) -> Self {
        self.trust = Some(certificates);
        self
    }

    pub(crate) fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(match self.security {
            Security::Plain => 80,
            Security::Tls => 443,
        })
    }

    /// The host without the brackets of an address of IPv6.
    pub(crate) fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }
}

/// Path and query of request `n`. What a request line cannot hold is percent-encoded (RFC 3986, 2.1): rows may hold anything.
pub(crate) fn path_of(target: &HttpTarget, n: u64, seed: u64, to: &mut String) {
    let from = to.len();
    target.path.write(to, n, seed);
    let is_bad = |byte: u8| byte <= b' ' || byte >= 0x7f || byte == b'#';
    if to.as_bytes()[from..].iter().copied().any(is_bad) {
        let path = to.split_off(from);
        for byte in path.bytes() {
            if is_bad(byte) {
                to.extend(['%', hex(byte >> 4), hex(byte & 15)]);
            } else {
                to.push(char::from(byte));
            }
        }
    }
}

/// The value of a header of request `n`; what would end the header or begin another becomes a space.
pub(crate) fn header_of(value: &Text, n: u64, seed: u64, to: &mut String) {
    let from = to.len();
    value.write(to, n, seed);
    let is_bad = |c: char| c.is_control() && c != '\t';
    if to[from..].contains(is_bad) {
        let clean = to.split_off(from).replace(is_bad, " ");
        to.push_str(&clean);
    }
}

fn hex(digit: u8) -> char {
    char::from_digit(u32::from(digit), 16).map_or('0', |digit| digit.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Text {
        Text::new(text, None).unwrap()
    }

    #[test]
    fn a_request_that_cannot_be_made_is_refused_before_the_load_starts() {
        for url in [
            "",
            "127.0.0.1:80",
            "/tasks",
            "ftp://x/",
            "http://",
            "http://a b/",
            "http://u:p@h/",
            "http://h{n}/",
            "http://{n}/x",
        ] {
            assert!(matches!(HttpTarget::new("GET", &text(url)), Err(HttpTargetMistake::Url(_))), "{url}");
        }
        assert!(matches!(HttpTarget::new("GE T", &text("http://x/")), Err(HttpTargetMistake::Method(_))));
        let target = HttpTarget::new("GET", &text("http://x/{n}")).unwrap();
        assert!(target.clone().header("a b", &text("c")).is_err());
        let mistake = target.header("authorization", &text("secret\n")).unwrap_err();
        assert!(!mistake.to_string().contains("secret"));
    }

    #[test]
    fn addresses_have_ports_hosts_and_paths() {
        let of = |url: &str| HttpTarget::new("GET", &text(url)).unwrap();
        let path = |target: &HttpTarget| {
            let mut path = String::new();
            path_of(target, 7, 1, &mut path);
            path
        };
        let six = of("https://[::1]/a?b={n}");
        assert_eq!((six.host(), six.port(), path(&six).as_str()), ("::1", 443, "/a?b=7"));
        let bare = of("http://h:81");
        assert_eq!((bare.host(), bare.port(), path(&bare).as_str()), ("h", 81, "/"));
        assert_eq!(path(&of("http://h?q={n}")), "/?q=7");
    }

    #[test]
    fn rows_cannot_break_out_of_the_request() {
        let rows = crate::Rows::read("a\n\"x y\r\nhost: evil\"\n".as_bytes()).unwrap();
        let row = Text::new("{csv:a}", Some(&std::sync::Arc::new(rows.clone()))).unwrap();
        let mut value = String::new();
        header_of(&row, 0, 1, &mut value);
        assert_eq!(value, "x y  host: evil");
        let url = Text::new("http://h/{csv:a}", Some(&std::sync::Arc::new(rows))).unwrap();
        let mut path = String::new();
        path_of(&HttpTarget::new("GET", &url).unwrap(), 0, 1, &mut path);
        assert_eq!(path, "/x%20y%0D%0Ahost:%20evil");
    }
}
