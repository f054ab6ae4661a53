//! The circuit breakers, on a dependency that really fails and really recovers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{get, post};
use crate::process::{Site, until};

const SOON: Duration = Duration::from_secs(30);
const BREAKER: [&str; 4] = ["--breaker-failures", "3", "--breaker-cool-down", "1s"];

fn state(port: u16, kind: &str) -> Value {
    let body = get(port, "/breakers").unwrap().body;
    assert_eq!(body["on"], true);
    let breakers = body["breakers"].as_array().unwrap();
    breakers
        .iter()
        .find(|breaker| breaker["kind"] == kind)
        .map_or(Value::Null, |breaker| breaker["state"].clone())
}

#[test]
fn it_opens_fails_fast_leaves_other_types_alone_probes_and_closes_again() {
    opens_and_closes(&Site::new());
}

/// On any store.
pub(crate) fn opens_and_closes(site: &Site) {
    let (_api, port) = site.serve("api", 0, &BREAKER);
    let (receiver, at) = site.receiver(0, &["--fail", "100"]);
    let _one = site.worker("one", &[&["--poll", "10ms"][..], &BREAKER].concat());
    let _two = site.worker("two", &[&["--poll", "10ms"][..], &BREAKER].concat());
    let webhook = |max: u32| {
        json!({"tag": "hook", "kind": "webhook", "url": format!("http://127.0.0.1:{at}/"), "max_failures": max})
            .to_string()
    };
    for _ in 0..3 {
        assert_eq!(post(port, "/tasks", &webhook(100)).unwrap().status, 201);
    }
    until("it is open", SOON, || (state(port, "webhook") == "open").then_some(()));
    // It may be half-open for a moment between two failed probes.
    let refused = until("it refuses", SOON, || {
        let answer = post(port, "/tasks", &webhook(100)).unwrap();
        (answer.status == 503).then_some(answer)
    });
    assert!(refused.error().contains("breaker is open"), "{refused:?}");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(post(port, "/tasks", r#"{"tag":"other"}"#).unwrap().status, 201);
    until("other types are done", SOON, || {
        (site.json(&["stats", "--tag", "other"])["done"] == 1).then_some(())
    });

    let metrics = get(port, "/metrics").unwrap().text;
    assert!(metrics.contains(r#"lab_breaker_opened_total{kind="webhook"}"#), "{metrics}");
    receiver.kill();
    let (_receiver, _) = site.receiver(at, &[]);
    until("it is closed", SOON, || (state(port, "webhook") == "closed").then_some(()));
    until("what waited is done", SOON, || {
        let stats = site.json(&["stats", "--tag", "hook"]);
        (stats["depth"] == 0 && stats["dead"] == 0).then_some(())
    });
    assert_eq!(post(port, "/tasks", &webhook(1)).unwrap().status, 201);
    assert_eq!(site.json(&["ledger"])["conserved"], true);
}

#[test]
fn an_open_breaker_keeps_work_in_the_queue_and_a_new_worker_knows_of_it() {
    let site = Site::new();
    let long = ["--breaker-failures", "2", "--breaker-cool-down", "1h"];
    let (api, port) = site.serve("api", 0, &long);
    let worker = site.worker("one", &[&["--poll", "10ms"][..], &long].concat());
    post(port, "/tasks", r#"{"tag":"bad","kind":"fail-always","max_failures":2}"#).unwrap();
    until("it is open", SOON, || (state(port, "fail-always") == "open").then_some(()));
    worker.kill();
    api.kill();

    let (_api, port) = site.serve("api", 0, &long);
    until("the new API knows", SOON, || (state(port, "fail-always") == "open").then_some(()));
    assert_eq!(post(port, "/tasks", r#"{"tag":"bad","kind":"fail-always"}"#).unwrap().status, 503);
    // An API without breakers lets it into the queue, where it is left.
    let (_open, free) = site.api();
    assert_eq!(get(free, "/breakers").unwrap().body, json!({"on": false, "breakers": []}));
    assert_eq!(post(free, "/tasks", r#"{"tag":"held","kind":"fail-always"}"#).unwrap().status, 201);
    let _worker = site.worker("two", &[&["--poll", "10ms"][..], &long].concat());
    for _ in 0..3 {
        post(port, "/tasks", r#"{"tag":"good"}"#).unwrap();
    }
    until("the worker works", SOON, || (site.json(&["stats", "--tag", "good"])["done"] == 3).then_some(()));
    let held = &get(free, "/tasks?tag=held").unwrap().body["tasks"][0];
    assert_eq!((&held["state"], &held["attempts"]), (&"queued".into(), &0.into()), "{held}");
}
