//! Reports to a service outside, which is slow, gone, failing, and back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::client::{get, post};
use crate::process::{Process, Site, until};

const SOON: Duration = Duration::from_mins(1);

fn relay(site: &Site, at: u16) -> Process {
    site.start(&["relay", "--to", &format!("http://127.0.0.1:{at}/reports"), "--timeout", "2s"])
}

/// What arrived: how each task ended, and the keys.
fn received(site: &Site) -> (BTreeMap<i64, String>, BTreeSet<String>) {
    let (mut ends, mut keys) = (BTreeMap::new(), BTreeSet::new());
    let log = std::fs::read_to_string(site.file("received")).unwrap();
    // The last line may be half written.
    for line in log.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let line: Value = serde_json::from_str(line).unwrap();
        let message = &line["message"];
        ends.insert(message["task"].as_i64().unwrap(), message["ended"].as_str().unwrap().to_owned());
        keys.insert(line["key"].as_str().unwrap().to_owned());
    }
    (ends, keys)
}

/// E5: the outside service fails, is killed and comes back, and so does the relay: no task waits for it, every end is
/// reported at least once, and a repeated report is known by its key.
#[test]
fn every_finished_task_is_reported_though_the_service_and_the_relay_are_killed() {
    every_end_is_reported(&Site::new());
}

/// On any store.
pub(crate) fn every_end_is_reported(site: &Site) {
    let (_api, port) = site.api();
    let (receiver, at) = site.receiver(0, &["--fail", "30"]);
    let first = relay(site, at);
    let _worker = site.worker("w", &["--concurrency", "8", "--poll", "10ms"]);
    post(port, "/tasks", r#"{"tag":"good","count":60,"work":"5ms"}"#).unwrap();
    post(port, "/tasks", r#"{"tag":"bad","count":5,"kind":"fail-always","max_failures":1}"#).unwrap();
    until("some reports arrived", SOON, || {
        (get(at, "/count").unwrap().body["accepted"].as_u64() >= Some(10)).then_some(())
    });
    receiver.kill();
    first.kill();
    until("the tasks do not wait for it", SOON, || (site.stat("depth") == 0).then_some(()));

    let _second = relay(site, at);
    let (_receiver, _) = site.receiver(at, &["--delay", "5ms"]);
    let (ends, keys) = until("all are reported", SOON, || {
        let (ends, keys) = received(site);
        (ends.len() == 65).then_some((ends, keys))
    });
    assert_eq!(ends.values().filter(|end| *end == "done").count(), 60);
    assert_eq!(ends.values().filter(|end| *end == "dead").count(), 5);
    assert_eq!(keys.len(), 65, "a repeated report has the key of the first");
}

#[test]
fn what_was_reported_is_not_reported_again_after_a_gentle_stop() {
    let site = Site::new();
    let (_api, port) = site.api();
    let (_receiver, at) = site.receiver(0, &[]);
    let _worker = site.worker("w", &["--poll", "10ms"]);
    post(port, "/tasks", r#"{"tag":"a","count":3}"#).unwrap();
    let first = relay(&site, at);
    until("all are reported", SOON, || (get(at, "/count").unwrap().body["distinct"] == 3).then_some(()));
    first.signal(Signal::TERM);
    let (succeeded, said) = first.ended(SOON);
    assert!(succeeded && said.ends_with("relay: stopped\n"), "{said}");
    let _second = relay(&site, at);
    post(port, "/tasks", r#"{"tag":"a"}"#).unwrap();
    until("the next is reported", SOON, || (get(at, "/count").unwrap().body["distinct"] == 4).then_some(()));
    assert_eq!(get(at, "/count").unwrap().body["accepted"], 4);
}

#[test]
fn a_service_that_is_gone_is_said_and_counted_and_the_rest_goes_on() {
    let site = Site::new();
    let (_api, port) = site.api();
    let (receiver, at) = site.receiver(0, &[]);
    receiver.kill();
    let to = format!("http://127.0.0.1:{at}/");
    let mut relay = site.start(&["relay", "--to", &to, "--metrics", "127.0.0.1:0"]);
    let line = relay.line();
    let metrics: u16 = line.trim().rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(relay.line(), "relay: ready\n");
    let _worker = site.worker("w", &["--poll", "10ms"]);
    post(port, "/tasks", r#"{"tag":"a","count":3}"#).unwrap();
    let said = relay.line();
    assert!(said.starts_with("relay: could not deliver to http://127.0.0.1:"), "{said}");
    until("the tasks are done all the same", SOON, || (site.stat("done") == 3).then_some(()));
    until("it is behind, and says so", SOON, || {
        let text = get(metrics, "/metrics").unwrap().text;
        let behind = text.lines().find_map(|line| line.strip_prefix("lab_relay_behind_seconds "))?;
        (behind.parse::<f64>().unwrap() > 0.0 && !text.contains("lab_relay_failed_total 0")).then_some(())
    });
    for to in ["https://localhost/", "localhost"] {
        let output = site.ask(&["relay", "--to", to]);
        assert!(!output.status.success());
        assert!(String::from_utf8(output.stderr).unwrap().contains("is no address to send to"));
    }
}
