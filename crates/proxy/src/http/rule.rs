//! A rule that is carried out: which requests, and what happens to them.

use bytes::Bytes;
use serde::Deserialize;

use super::answer::Answer;
use super::attributes::{Attributes, BodyAttributes, DribbleAttributes, EditAttributes, Point};
use super::code;
use super::edit::Edit;
use super::lane::Pace;
use super::request::{Fields, Request};
use crate::glob::{Case, Glob};
use crate::globs::{Globs, Hosts};
use crate::mistake::Mistake;
use crate::pause::Pause;
use crate::share::Share;

/// A rule that makes sense, ready to be asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Attributes")]
pub struct Rule {
    methods: Vec<String>,
    paths: Globs,
    hosts: Hosts,
    headers: Vec<(String, Glob)>,
    /// Whether only calls of gRPC are meant.
    of_grpc: bool,
    pub(crate) share: Share,
    pub(crate) pause: Pause,
    pub(crate) ending: Option<Ending>,
    /// The error code of HTTP/2 for a reset.
    pub(crate) stream_error: u32,
    pub(crate) pace: Option<Pace>,
    pub(crate) body: Option<Body>,
    pub(crate) request: Edit,
    pub(crate) response: Edit,
    pub(crate) length: i64,
}

/// What an exchange comes to, other than the server's whole answer.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    Answer(Answer),
    Reset(Point),
    Goaway(u32),
    Truncate(u64),
}

/// What happens to a body.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Replace(Bytes),
    Corrupt(u64),
    MalformedJson,
}

/// The most bytes of a body that a rule may bring along.
const BODY: usize = 64 * 1024;

impl TryFrom<Attributes> for Rule {
    type Error = Mistake;

    fn try_from(written: Attributes) -> Result<Self, Mistake> {
        let mut headers = Vec::new();
        for (name, pattern) in &written.headers {
            let place = format!("headers.{name}");
            super::edit::check_name(name, &place)?;
            headers.push((name.clone(), Glob::new(pattern, Case::Differs, &place)?));
        }
        let edit = |edit: &Option<EditAttributes>, place: &str| match edit {
            Some(edit) => Edit::new(edit, place),
            None => Ok(Edit::default()),
        };
        let rule = Self {
            methods: written.method.0.clone(),
            paths: Globs::new(&written.path, Case::Differs, "path")?,
            hosts: Hosts::new(&written.host, "host")?,
            headers,
            of_grpc: written.grpc.is_some(),
            share: written.share()?,
            pause: written.pause()?,
            ending: ending(&written)?,
            stream_error: match &written.stream_error {
                None => code::INTERNAL_ERROR,
                Some(code) => code::http2(code, "stream_error")?,
            },
            pace: pace(&written)?,
            body: body(written.body.as_ref())?,
            request: edit(&written.request, "request")?,
            response: edit(&written.response, "response")?,
            length: written.length.unwrap_or(0),
        };
        rule.check(&written)?;
        Ok(rule)
    }
}

impl Rule {
    /// Whether this request is meant, share aside.
    pub(crate) fn matches<F: Fields + ?Sized>(&self, request: &Request<'_, F>) -> bool {
        (self.methods.is_empty()
            || self.methods.iter().any(|method| method.as_bytes().eq_ignore_ascii_case(request.method)))
            && self.paths.have(Some(request.path()))
            && self.hosts.have(|| request.host())
            && self
                .headers
                .iter()
                .all(|(name, glob)| request.fields.any(name, &mut |value| glob.matches(value)))
            && (!self.of_grpc || request.is_grpc())
    }

    /// Refuses what contradicts itself or does nothing.
    fn check(&self, written: &Attributes) -> Result<(), Mistake> {
        let of_the_answer: Vec<&str> = [
            ("truncate", written.truncate.is_some()),
            ("throttle", written.throttle.is_some()),
            ("dribble", written.dribble.is_some()),
            ("body", written.body.is_some()),
            ("response", written.response.is_some()),
            ("length", written.length.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, there)| there.then_some(name))
        .collect();
        let without_answer = matches!(
            self.ending,
            Some(Ending::Answer(_) | Ending::Goaway(_) | Ending::Reset(Point::Request))
        );
        if let (true, Some(name)) = (without_answer, of_the_answer.first()) {
            return Err(Mistake::at(
                *name,
                "there is no answer of the server that it could change",
                "leave it away, or make a rule of its own of it",
            ));
        }
        if without_answer && written.request.is_some() {
            let hint = "leave it away, or make a rule of its own of it";
            return Err(Mistake::at("request", "the server never sees the request", hint));
        }
        if written.stream_error.is_some() && written.reset.is_none() {
            return Err(Mistake::at("stream_error", "nothing is reset", "set `reset` too"));
        }
        if self.length != 0 && matches!(self.body, Some(Body::Replace(_))) {
            let hint = "use `response` and `length` on the server's own body";
            return Err(Mistake::at("length", "the body is replaced, with a length of its own", hint));
        }
        if of_the_answer.is_empty()
            && self.pause.is_none()
            && self.ending.is_none()
            && self.request.is_empty()
        {
            return Err(Mistake::at(
                "rule",
                "it does nothing",
                "set one of delay, answer, grpc, reset, goaway, truncate, throttle, dribble, body, request, \
                 response, length",
            ));
        }
        Ok(())
    }
}

fn ending(written: &Attributes) -> Result<Option<Ending>, Mistake> {
    let mut endings: Vec<(&str, Ending)> = Vec::new();
    if let Some(answer) = &written.answer {
        endings.push(("answer", Ending::Answer(Answer::new(answer, BODY)?)));
    }
    if let Some(grpc) = &written.grpc {
        endings.push(("grpc", Ending::Answer(Answer::grpc(grpc)?)));
    }
    if let Some(point) = written.reset {
        endings.push(("reset", Ending::Reset(point)));
    }
    if let Some(code) = &written.goaway {
        endings.push(("goaway", Ending::Goaway(code::http2(code, "goaway")?)));
    }
    if let Some(bytes) = written.truncate {
        endings.push(("truncate", Ending::Truncate(bytes)));
    }
    if let [(one, _), (other, _), ..] = &endings[..] {
        let problem = format!("it cannot go together with `{one}`");
        return Err(Mistake::at(*other, problem, "one of them is enough to end a request"));
    }
    Ok(endings.pop().map(|(_, ending)| ending))
}

fn pace(written: &Attributes) -> Result<Option<Pace>, Mistake> {
    match (written.throttle, &written.dribble) {
        (Some(_), Some(_)) => {
            let hint = "`throttle` is a rate, `dribble` is pieces and pauses; set one";
            Err(Mistake::at("dribble", "it cannot go together with `throttle`", hint))
        }
        (Some(0), None) => {
            let hint = "1 byte a second or more; `reset` or a long `delay` stops an answer";
            Err(Mistake::at("throttle", "at 0 bytes a second nothing ever arrives", hint))
        }
        (Some(rate), None) => Ok(Some(Pace::rate(rate.min(1 << 40)))),
        (None, Some(DribbleAttributes { bytes, every })) => {
            if !(1..=65_536).contains(bytes) {
                let problem = format!("{bytes} is out of range");
                return Err(Mistake::at("dribble.bytes", problem, "from 1 to 65536 bytes"));
            }
            if !(1..=60_000).contains(every) {
                let problem = format!("{every} is out of range");
                return Err(Mistake::at("dribble.every", problem, "from 1 to 60000 ms"));
            }
            Ok(Some(Pace { bytes: *bytes as usize, every: std::time::Duration::from_millis(*every) }))
        }
        (None, None) => Ok(None),
    }
}

fn body(written: Option<&BodyAttributes>) -> Result<Option<Body>, Mistake> {
    match written {
        None => Ok(None),
        Some(BodyAttributes::Replace(text)) if text.len() > BODY => {
            let problem = format!("{} bytes are too many", text.len());
            Err(Mistake::at("body.replace", problem, format!("at most {BODY} bytes")))
        }
        Some(BodyAttributes::Replace(text)) => Ok(Some(Body::Replace(Bytes::from(text.clone())))),
        Some(BodyAttributes::Corrupt(0)) => {
            let hint = "1 for every byte, 100 for every hundredth";
            Err(Mistake::at("body.corrupt", "there is no 0th byte", hint))
        }
        Some(BodyAttributes::Corrupt(every)) => Ok(Some(Body::Corrupt(*every))),
        Some(BodyAttributes::MalformedJson) => Ok(Some(Body::MalformedJson)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::Request;

    fn rule(json: &str) -> Result<Rule, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place_and_a_hint() {
        for (json, expected) in [
            ("{}", "rule: it does nothing; set one of delay"),
            (r#"{"delai": 5}"#, "unknown field `delai`, expected one of `method`, `path`"),
            (r#"{"delay": "soon"}"#, "invalid type: string \"soon\", expected u64"),
            (r#"{"delay": 4000000}"#, "delay: 4000000 ms is too long"),
            (r#"{"delay": 1, "percent": 101}"#, "percent: 101 is out of range"),
            (r#"{"delay": 1, "every": 0}"#, "every: there is no 0th request"),
            (r#"{"delay": 1, "path": "/[a"}"#, "path: `/[a` has a `[` without `]`"),
            (r#"{"answer": {"status": 99}}"#, "answer.status: 99 is out of range; from 200 to 599"),
            (r#"{"answer": {"status": 503, "headers": {"a b": "c"}}}"#, "answer.headers.a b: it is no name"),
            (r#"{"answer": {"status": 503, "headers": {"a": "c\r\nd: e"}}}"#, "answer.headers.a: the value"),
            (r#"{"answer": {"status": 204, "body": "x"}}"#, "answer.body: an answer of status 204 has none"),
            (r#"{"answer": {"status": 503}, "reset": "end"}"#, "reset: it cannot go together with `answer`"),
            (r#"{"answer": {"status": 503}, "throttle": 5}"#, "throttle: there is no answer of the server"),
            (r#"{"grpc": {"status": "BROKEN"}}"#, "grpc.status: `BROKEN` is no status; one of OK, CANCELLED"),
            (r#"{"grpc": {"status": 17}}"#, "grpc.status: 17 is no status"),
            (r#"{"goaway": "CALM"}"#, "goaway: `CALM` is no error code; one of NO_ERROR"),
            (r#"{"stream_error": 1, "delay": 1}"#, "stream_error: nothing is reset; set `reset` too"),
            (r#"{"throttle": 0}"#, "throttle: at 0 bytes a second nothing ever arrives"),
            (r#"{"dribble": {"bytes": 0, "every": 1}}"#, "dribble.bytes: 0 is out of range"),
            (r#"{"body": {"corrupt": 0}}"#, "body.corrupt: there is no 0th byte"),
            (
                r#"{"response": {"set": {"Content-Length": "7"}}}"#,
                "response.set.Content-Length: it frames the",
            ),
        ] {
            let error = rule(json).expect_err(json);
            assert!(error.starts_with(expected), "{json}: {error}");
        }
    }

    #[test]
    fn requests_are_matched_by_method_path_host_and_headers() {
        let fields: &[(Vec<u8>, Vec<u8>)] =
            &[(b"host".to_vec(), b"Shop.local:8080".to_vec()), (b"x-user".to_vec(), b"42".to_vec())];
        let request = Request { method: b"GET", target: b"/cart/7?secret=1", authority: None, fields };
        for (json, expected) in [
            (r#"{"delay": 1}"#, true),
            (r#"{"delay": 1, "method": ["post", "get"]}"#, true),
            (r#"{"delay": 1, "method": "POST"}"#, false),
            (r#"{"delay": 1, "path": "/cart/*"}"#, true),
            (r#"{"delay": 1, "path": "/cart/7"}"#, true),
            (r#"{"delay": 1, "path": ["/cart", "/order/*"]}"#, false),
            (r#"{"delay": 1, "host": "shop.local"}"#, true),
            (r#"{"delay": 1, "host": "shop.local:8080"}"#, true),
            (r#"{"delay": 1, "host": "shop.local:80"}"#, false),
            (r#"{"delay": 1, "headers": {"X-User": "4*"}}"#, true),
            (r#"{"delay": 1, "headers": {"X-User": "4*", "X-Other": "*"}}"#, false),
            (r#"{"grpc": {"status": 14}}"#, false),
        ] {
            assert_eq!(rule(json).unwrap().matches(&request), expected, "{json}");
        }
    }
}
