//! An answer in place of the server's.

use std::fmt::Write as _;

use axum::http::StatusCode;
use bytes::Bytes;

use super::attributes::{AnswerAttributes, GrpcAttributes};
use super::{code, edit};
use crate::mistake::Mistake;

/// An answer, for any version of HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// With names in lower case, as HTTP/2 demands.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// What was done, in words.
    pub(crate) words: String,
}

impl Answer {
    pub(crate) fn new(written: &AnswerAttributes, most: usize) -> Result<Self, Mistake> {
        let status = written.status;
        if !(200..=599).contains(&status) {
            let problem = format!("{status} is out of range");
            return Err(Mistake::at("answer.status", problem, "from 200 to 599"));
        }
        let mut headers = Vec::new();
        for (name, value) in &written.headers {
            edit::check_field(name, value, &format!("answer.headers.{name}"))?;
            headers.push((name.to_lowercase(), value.clone()));
        }
        if written.body.len() > most {
            let problem = format!("{} bytes are too many", written.body.len());
            return Err(Mistake::at("answer.body", problem, format!("at most {most} bytes")));
        }
        if !written.body.is_empty() && bodiless(status) {
            let problem = format!("an answer of status {status} has none");
            return Err(Mistake::at("answer.body", problem, "leave it away, or choose another status"));
        }
        let body = Bytes::from(written.body.clone());
        Ok(Self { status, headers, body, words: format!("answered {status}") })
    }

    /// Whether it tells of a failure of the server: a status from 500, or one of gRPC that is not OK.
    pub(crate) fn is_failure(&self) -> bool {
        self.status >= 500 || self.headers.iter().any(|(name, value)| name == "grpc-status" && value != "0")
    }

    /// Trailers only, as gRPC calls an answer without a message (grpc/doc/PROTOCOL-HTTP2.md).
    pub(crate) fn grpc(written: &GrpcAttributes) -> Result<Self, Mistake> {
        let status = code::grpc(&written.status, "grpc.status")?;
        if written.message.len() > 1024 {
            let problem = format!("{} bytes are too many", written.message.len());
            return Err(Mistake::at("grpc.message", problem, "at most 1024 bytes"));
        }
        let mut headers = vec![
            ("content-type".to_owned(), "application/grpc".to_owned()),
            ("grpc-status".to_owned(), status.to_string()),
        ];
        if !written.message.is_empty() {
            headers.push(("grpc-message".to_owned(), percent_encoded(&written.message)));
        }
        let words = format!("answered {}", code::grpc_name(status));
        Ok(Self { status: 200, headers, body: Bytes::new(), words })
    }

    /// The head in HTTP/1.1.
    pub(crate) fn head(&self, close: bool) -> Bytes {
        let reason = StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason.unwrap_or("Chosen by a rule"));
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if !bodiless(self.status) {
            let _ = write!(head, "content-length: {}\r\n", self.body.len());
        }
        head.push_str(if close { "connection: close\r\n\r\n" } else { "\r\n" });
        Bytes::from(head)
    }
}

/// Whether answers of this status have no body (RFC 9110, sections 15.3.5 and 15.4.5).
pub(crate) fn bodiless(status: u16) -> bool {
    status < 200 || status == 204 || status == 304
}

fn percent_encoded(message: &str) -> String {
    let mut out = String::new();
    for byte in message.bytes() {
        if (b' '..=b'~').contains(&byte) && byte != b'%' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
