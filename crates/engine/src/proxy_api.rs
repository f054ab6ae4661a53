//! The API of a fault proxy, squall's own or Toxiproxy: toxics are added, asked for and removed.

use std::time::Duration;

use serde_json::{Value, json};
use squall_model::traffic::Toxic;

/// One question; the proxy answers at once or is not well.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// Answers longer than this are not ours to read.
const MOST_BYTES: u64 = 1 << 20;

/// A proxy, by the address of its API and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyApi {
    /// `http://127.0.0.1:8474`.
    pub api: String,
    /// Its name.
    pub proxy: String,
}

/// What a proxy answered.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// It was done; what was said of it.
    Done(Value),
    /// There is no such proxy or toxic.
    Missing,
    /// Nobody listens there: the proxy is gone, and its toxics with it.
    Nobody,
}

/// What is known of a toxic in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// There is none of this name.
    Gone,
    /// Nobody listens there: the proxy has ended, and its toxics with it.
    Nobody,
    /// It is in force, and has hit so many connections or requests; `None` where the proxy does not count.
    InForce(Option<u64>),
}

impl ProxyApi {
    /// Asks for the proxy itself.
    ///
    /// # Errors
    /// It is not there, does not answer, or is no such API.
    pub fn look(&self) -> Result<(), String> {
        match self.ask("GET", "", None)? {
            Answer::Done(_) => Ok(()),
            Answer::Missing => Err(format!("there is no proxy {} at {}", self.proxy, self.api)),
            Answer::Nobody => Err(format!("nobody answers at {}", self.api)),
        }
    }

    /// Whether the proxy says what came of the requests that rules are about.
    ///
    /// # Errors
    /// It is not there, does not answer, or is Toxiproxy, which does not say.
    pub fn counts_traffic(&self) -> Result<(), String> {
        self.look()?;
        match self.ask("GET", "/traffic", None)? {
            Answer::Done(_) => Ok(()),
            Answer::Missing => Err(format!(
                "the proxy {} at {} does not count its traffic, as `squall proxy` does and Toxiproxy does not: measure \
                 with `load`, `http` or `command` instead of `traffic`",
                self.proxy, self.api
            )),
            Answer::Nobody => Err(format!("nobody answers at {}", self.api)),
        }
    }

    /// Adds a toxic, which the proxy itself ends after `ttl` where it can.
    pub fn add(&self, name: &str, toxic: &Toxic, toxicity: f64, ttl: Duration) -> Result<(), String> {
        let mut body = json!({
            "name": name, "type": toxic.kind, "toxicity": toxicity, "attributes": toxic.attributes,
            "ttl": ttl.as_millis() as u64,
        });
        if let Some(stream) = &toxic.stream {
            body["stream"] = stream.as_str().into();
        }
        match self.ask("POST", "/toxics", Some(&body))? {
            Answer::Done(_) => Ok(()),
            Answer::Missing => Err(format!("there is no proxy {} at {}", self.proxy, self.api)),
            Answer::Nobody => Err(format!("nobody answers at {}", self.api)),
        }
    }

    /// Removes a toxic. One that is not there is removed already.
    pub fn remove(&self, name: &str) -> Result<(), String> {
        self.ask("DELETE", &format!("/toxics/{name}"), None).map(drop)
    }

    /// Whether a toxic is in force, and what it has hit so far.
    pub fn see(&self, name: &str) -> Result<Sight, String> {
        Ok(match self.ask("GET", &format!("/toxics/{name}?counts=true"), None)? {
            Answer::Done(said) => Sight::InForce(said.get("hits").and_then(Value::as_u64)),
            Answer::Missing => Sight::Gone,
            Answer::Nobody => Sight::Nobody,
        })
    }

    /// Asks for the proxy, or for what is below it.
    fn ask(&self, method: &str, below: &str, body: Option<&Value>) -> Result<Answer, String> {
        let url = &format!("{}/proxies/{}{below}", self.api.trim_end_matches('/'), self.proxy);
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWERS_WITHIN))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build()
            .into();
        let request = ureq::http::Request::builder().method(method).uri(url);
        let answered = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_string())
                .map_err(|error| error.to_string())
                .and_then(|request| sent(agent.run(request))),
            None => request
                .body(())
                .map_err(|error| error.to_string())
                .and_then(|request| sent(agent.run(request))),
        };
        let Some(mut response) = answered.map_err(|why| format!("{method} {url}: {why}"))? else {
            return Ok(Answer::Nobody);
        };
        let status = response.status();
        let text = response.body_mut().with_config().limit(MOST_BYTES).read_to_string();
        let text = text.map_err(|error| format!("{method} {url}: {error}"))?;
        if status.is_success() {
            return Ok(Answer::Done(serde_json::from_str(&text).unwrap_or_default()));
        }
        if status.as_u16() == 404 {
            return Ok(Answer::Missing);
        }
        let said: Value = serde_json::from_str(&text).unwrap_or_default();
        let why = said.get("error").and_then(Value::as_str).unwrap_or_else(|| text.trim());
        Err(format!("the proxy answered {}: {why}", status.as_u16()))
    }
}

type Response = ureq::http::Response<ureq::Body>;

/// A refused connection is an answer of its own.
fn sent(answered: Result<Response, ureq::Error>) -> Result<Option<Response>, String> {
    match answered {
        Ok(response) => Ok(Some(response)),
        Err(ureq::Error::Io(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use super::*;

    /// An API that knows the proxy `p`, and nothing below it.
    fn toxiproxy() -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let at = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().take(2) {
                let mut stream = stream.unwrap();
                let mut head = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
                let answer = if head.starts_with("GET /proxies/p HTTP") { "200 OK" } else { "404 Not Found" };
                write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}")
                    .unwrap();
            }
        });
        format!("http://{at}")
    }

    // E4: before anything is changed, and not as a row of readings that nobody could take.
    #[test]
    fn a_proxy_that_does_not_count_its_traffic_is_told_as_such() {
        let why = ProxyApi { api: toxiproxy(), proxy: "p".into() }.counts_traffic().unwrap_err();
        assert!(why.contains("does not count its traffic") && why.contains("`load`"), "{why}");
    }
}
