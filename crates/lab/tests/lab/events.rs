//! Following the events.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{get, post};
use crate::process::{Site, now, until};

const SOON: Duration = Duration::from_secs(30);

/// Reads `GET /events` line by line.
struct Follower {
    lines: BufReader<TcpStream>,
    /// Comments keep the answer alive, so a read alone would never end.
    deadline: Instant,
}

/// One event: id, name, data.
type Sent = (String, String, Value);

impl Follower {
    fn new(port: u16, path: &str, more: &str) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: lab\r\n{more}\r\n").unwrap();
        let mut follower = Self { lines: BufReader::new(stream), deadline: now() + SOON };
        assert!(follower.line().starts_with("HTTP/1.1 200"));
        while !follower.line().is_empty() {}
        follower
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.lines.read_line(&mut line).unwrap() > 0, "the answer has ended");
        assert!(now() < self.deadline, "not within {SOON:?}, only {line:?}");
        line.trim_end().to_owned()
    }

    fn next(&mut self) -> Sent {
        let (mut id, mut name) = (String::new(), String::new());
        loop {
            let line = self.line();
            if let Some(text) = line.strip_prefix("id: ") {
                text.clone_into(&mut id);
            } else if let Some(text) = line.strip_prefix("event: ") {
                text.clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data: ") {
                return (id, name, serde_json::from_str(data).unwrap());
            }
        }
    }

    fn until(&mut self, name: &str) -> Vec<Sent> {
        let mut seen = Vec::new();
        loop {
            let event = self.next();
            let found = event.1 == name;
            seen.push(event);
            if found {
                return seen;
            }
        }
    }
}

#[test]
fn the_way_of_a_task_is_told_and_a_client_that_comes_back_misses_nothing() {
    misses_nothing(&Site::new());
}

/// On any store.
pub(crate) fn misses_nothing(site: &Site) {
    let (api, port) = site.api();
    let mut follower = Follower::new(port, "/events", "");
    post(port, "/tasks", r#"{"tag":"a","work":"1ms"}"#).unwrap();
    let worker = site.worker("w", &["--poll", "10ms"]);
    let told = follower.until("done");
    assert_eq!(
        told.iter().map(|(_, name, _)| name.as_str()).collect::<Vec<_>>(),
        ["queued", "started", "done"]
    );
    let (last, _, data) = told.last().unwrap();
    assert_eq!((&data["task"], &data["kind"], &data["worker"]), (&1.into(), &"sleep".into(), &"w".into()));

    // While the client and the API are away, more happens.
    api.kill();
    worker.kill();
    let (_api, port) = site.api();
    post(port, "/tasks", r#"{"tag":"b","kind":"fail-always","max_failures":1}"#).unwrap();
    let _worker = site.worker("w2", &["--poll", "10ms"]);
    until("it is dead", SOON, || (site.stat("dead") == 1).then_some(()));
    let mut again = Follower::new(port, "/events", &format!("last-event-id: {last}\r\n"));
    let names: Vec<String> = again.until("dead").into_iter().map(|(_, name, _)| name).collect();
    assert_eq!(names, ["queued", "started", "dead"]);

    let mut all = Follower::new(port, "/events?after=&tag=b", "");
    assert_eq!(all.until("dead").len(), 3, "only of tag b");
    assert!(get(port, "/metrics").unwrap().text.contains("lab_api_followers 2"));
}

#[test]
fn late_ends_and_changes_of_breakers_are_told() {
    let site = Site::new();
    let breaker = ["--breaker-failures", "2", "--breaker-cool-down", "1h"];
    let (_api, port) = site.serve("api", 0, &breaker);
    let mut follower = Follower::new(port, "/events?after=", "");
    let _worker = site.worker("w", &["--poll", "10ms"]);
    post(port, "/tasks", r#"{"tag":"a","work":"1h","deadline":"100ms"}"#).unwrap();
    let (_, _, late) = follower.until("late").pop().unwrap();
    assert_eq!((&late["happened"], &late["late"]), (&"dead".into(), &true.into()));
    post(port, "/tasks", r#"{"tag":"a","kind":"fail-always","max_failures":2}"#).unwrap();
    let (id, _, change) = follower.until("breaker").pop().unwrap();
    assert_eq!(id, "", "a change of a breaker is no place to go on from");
    assert_eq!((&change["from"], &change["to"]), (&"closed".into(), &"open".into()), "{change}");
    assert_eq!(change["kind"], "fail-always");
}

#[test]
fn a_place_that_is_none_is_refused_before_the_answer_begins() {
    let site = Site::new();
    let (_api, port) = site.api();
    for path in ["/events?after=x", "/events?since=1", "/events?tag=a%20b"] {
        let answer = get(port, path).unwrap();
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.error().starts_with("could not follow the events"), "{answer:?}");
    }
}
