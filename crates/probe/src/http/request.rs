//! A request that can be sent again and again.

use std::path::PathBuf;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use squall_model::measure::HttpRequest;
use squall_model::unit::Bytes;
use tokio::time::Instant;

use super::answer::Answer;
use super::client::{self, Trust};
use super::failure;
use crate::error::ProbeError;
use crate::prober::fill;
use crate::surroundings::Surroundings;
use crate::unread::Unread;

/// An answer with a larger body is not read.
const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// Where the token of a login stands in headers and body.
const TOKEN: &str = "{token}";

/// A request with everything filled in but the token.
pub(crate) struct Request {
    method: Method,
    pub(crate) url: Url,
    headers: Vec<(HeaderName, String)>,
    body: Option<String>,
    trust: Trust,
    client: Option<reqwest::Client>,
}

impl Request {
    pub(crate) fn new(request: &HttpRequest, known: &dyn Surroundings) -> Result<Self, ProbeError> {
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| ProbeError::Method(request.method.clone()))?;
        let url = address(&fill(known, "address", &request.url)?)?;
        let mut headers = Vec::new();
        for header in &request.headers {
            let wrong = |why| ProbeError::Header { name: header.name.clone(), why };
            let name = HeaderName::from_bytes(header.name.as_bytes())
                .map_err(|_| wrong("it is not the name of a header"))?;
            let value = fill(known, "header", &header.value)?;
            HeaderValue::from_str(&value)
                .map_err(|_| wrong("its value holds a character that no header may hold"))?;
            headers.push((name, value));
        }
        let body = request.body.as_ref().map(|body| fill(known, "body", body)).transpose()?;
        let ca = request.ca.as_ref().map(|ca| fill(known, "path of the authorities", ca)).transpose()?;
        let trust = match (url.scheme(), ca) {
            ("http", _) => Trust::Nobody,
            (_, Some(path)) => Trust::Only(PathBuf::from(path)),
            (_, None) => Trust::System,
        };
        Ok(Self { method, url, headers, body, trust, client: None })
    }

    /// A plain GET.
    pub(crate) fn get(url: Url) -> Self {
        let trust = if url.scheme() == "http" { Trust::Nobody } else { Trust::System };
        Self { method: Method::GET, url, headers: Vec::new(), body: None, trust, client: None }
    }

    /// Sends it, and reads the whole answer. No redirect is followed, no proxy asked.
    pub(crate) async fn send(&mut self, token: Option<&str>) -> Result<Answer, Unread> {
        let client = match &self.client {
            Some(client) => client.clone(),
            // Not before the first reading: the system under experiment may write the authorities' file.
            None => self.client.insert(client::trusting(&self.trust)?).clone(),
        };
        let request = self.with(token)?;
        let start = Instant::now();
        let mut response = client.execute(request).await.map_err(|error| failure::words(&error))?;
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure::words(&error))? {
            if bytes.len() + chunk.len() > LARGEST_BODY {
                return Err(Unread(format!("the answer is larger than {}", Bytes(LARGEST_BODY as u64))));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Answer { status, latency: start.elapsed(), bytes })
    }

    fn with(&self, token: Option<&str>) -> Result<reqwest::Request, Unread> {
        let put = |text: &str| match token {
            Some(token) => text.replace(TOKEN, token),
            None => text.to_owned(),
        };
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            let value = HeaderValue::from_str(&put(value))
                .map_err(|_| Unread::from("the token holds a character that no header may hold"))?;
            headers.append(name, value);
        }
        let mut request = reqwest::Request::new(self.method.clone(), self.url.clone());
        *request.headers_mut() = headers;
        *request.body_mut() = self.body.as_deref().map(|body| put(body).into());
        Ok(request)
    }
}

/// An address of HTTP with a host.
pub(crate) fn address(text: &str) -> Result<Url, ProbeError> {
    let wrong = |why: String| ProbeError::Address { what: "address", why };
    let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(wrong("it begins neither with `http://` nor with `https://`".into())),
    }
}
