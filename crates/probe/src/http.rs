//! One HTTP request, and what of its answer is the reading.

mod answer;
mod client;
mod failure;
mod request;

use regex::bytes::Regex;
use squall_model::measure::{HttpFact, HttpProbe, Login, Outcome};
use squall_model::unit::Unit;

pub(crate) use self::answer::Answer;
pub(crate) use self::request::{Request, address};
use crate::error::ProbeError;
use crate::json;
use crate::path::JsonPath;
use crate::prober::pattern;
use crate::surroundings::Surroundings;
use crate::unread::Unread;

pub(crate) struct Http {
    request: Request,
    read: Read,
    login: Option<LoginStep>,
    unit: Unit,
}

enum Read {
    Status,
    Latency,
    Json(JsonPath),
    Matches(Regex),
}

/// A request that yields a token, and the token once there is one.
struct LoginStep {
    request: Request,
    path: JsonPath,
    token: Option<String>,
}

const UNAUTHORIZED: u16 = 401;

impl Http {
    pub(crate) fn new(probe: &HttpProbe, known: &dyn Surroundings) -> Result<Self, ProbeError> {
        let read = match &probe.read {
            HttpFact::Status => Read::Status,
            HttpFact::Latency => Read::Latency,
            HttpFact::Json(path) => Read::Json(path.parse()?),
            HttpFact::Matches(text) => Read::Matches(pattern(text)?),
        };
        let login = probe.login.as_ref().map(|login| LoginStep::new(login, known)).transpose()?;
        Ok(Self { request: Request::new(&probe.request, known)?, read, login, unit: probe.unit })
    }

    pub(crate) async fn read(&mut self) -> Result<Outcome, Unread> {
        let answer = self.ask().await;
        let outcome = answer.and_then(|answer| self.fact(&answer));
        // The token came from the network, so nobody else knows that it is a secret.
        let token = self.login.as_ref().and_then(|login| login.token.as_deref());
        match (outcome, token) {
            (Ok(Outcome::Text(text)), Some(token)) => Ok(Outcome::Text(text.replace(token, "***"))),
            (Err(Unread(why)), Some(token)) => Err(Unread(why.replace(token, "***"))),
            (outcome, _) => outcome,
        }
    }

    /// With a login: a token that is no longer good is renewed once.
    async fn ask(&mut self) -> Result<Answer, Unread> {
        let Some(login) = &mut self.login else { return self.request.send(None).await };
        let is_new = login.token.is_none();
        let answer = self.request.send(Some(login.token().await?)).await?;
        if answer.status != UNAUTHORIZED || is_new {
            return Ok(answer);
        }
        login.token = None;
        self.request.send(Some(login.token().await?)).await
    }

    fn fact(&self, answer: &Answer) -> Result<Outcome, Unread> {
        if let Read::Status = self.read {
            return json::number(f64::from(answer.status), Unit::Number);
        }
        let body = answer.body()?;
        match &self.read {
            Read::Latency => json::number(answer.latency.as_secs_f64(), Unit::Seconds),
            Read::Matches(pattern) => json::number(pattern.find_iter(body).count() as f64, Unit::Number),
            Read::Json(path) => json::outcome(&answer.json()?, path, self.unit),
            Read::Status => json::number(f64::from(answer.status), Unit::Number),
        }
    }
}

impl LoginStep {
    fn new(login: &Login, known: &dyn Surroundings) -> Result<Self, ProbeError> {
        let request = Request::new(&login.request, known)?;
        Ok(Self { request, path: login.token.parse()?, token: None })
    }

    async fn token(&mut self) -> Result<&str, Unread> {
        let token = match self.token.take() {
            Some(token) => token,
            None => self.log_in().await.map_err(|Unread(why)| Unread(format!("login: {why}")))?,
        };
        Ok(self.token.insert(token))
    }

    async fn log_in(&mut self) -> Result<String, Unread> {
        let answer = self.request.send(None).await?;
        let document = answer.json()?;
        match self.path.find(&document) {
            Some(serde_json::Value::String(token)) if !token.is_empty() => Ok(token.clone()),
            Some(serde_json::Value::Number(token)) => Ok(token.to_string()),
            _ => Err(Unread(format!("the answer has no token at `{}`", self.path))),
        }
    }
}
