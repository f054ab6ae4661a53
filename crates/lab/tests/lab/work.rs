//! The types of work, done by real workers.

use std::time::Duration;

use serde_json::json;

use crate::client::{get, post};
use crate::process::{Site, until};

const SOON: Duration = Duration::from_secs(30);

#[test]
fn each_type_is_done_and_says_what_it_did() {
    let site = Site::new();
    let (_api, port) = site.api();
    let (_receiver, receiver) = site.receiver(0, &[]);
    let _worker = site.worker("w", &["--concurrency", "4", "--poll", "10ms"]);
    for work in [
        json!({"tag": "t", "kind": "cpu", "work": "20ms"}),
        json!({"tag": "t", "kind": "memory", "mib": 16, "work": "20ms"}),
        json!({"tag": "t", "kind": "webhook", "url": format!("http://127.0.0.1:{receiver}/hook")}),
    ] {
        assert_eq!(post(port, "/tasks", &work.to_string()).unwrap().status, 201, "{work}");
    }
    until("all are done", SOON, || (site.stat("done") == 3).then_some(()));
    let result = |id| get(port, &format!("/tasks/{id}")).unwrap().body["result"].as_str().unwrap().to_owned();
    assert!(result(1).contains("hashes"), "{}", result(1));
    assert_eq!(result(2), "held 16 MiB for 20 ms");
    assert_eq!(result(3), format!("delivered to http://127.0.0.1:{receiver}/hook"));
    let received = std::fs::read_to_string(site.file("received")).unwrap();
    let message: serde_json::Value = serde_json::from_str(received.trim()).unwrap();
    assert_eq!(message, json!({"path": "/hook", "key": "task-3", "message": {"task": 3, "attempt": 1}}));
}

#[test]
fn a_webhook_is_tried_again_until_its_receiver_is_back_and_the_receiver_can_tell() {
    let site = Site::new();
    let (_api, port) = site.api();
    let (receiver, at) = site.receiver(0, &["--fail", "100"]);
    let _worker = site.worker("w", &["--poll", "10ms"]);
    let work =
        json!({"tag": "t", "kind": "webhook", "url": format!("http://127.0.0.1:{at}/"), "max_failures": 100});
    post(port, "/tasks", &work.to_string()).unwrap();
    until("it failed twice", SOON, || (site.stat("retries") >= 2).then_some(()));
    let error = get(port, "/tasks/1").unwrap().body["error"].as_str().unwrap().to_owned();
    assert!(error.contains("it answered 503"), "{error}");
    receiver.kill();
    let (_receiver, _) = site.receiver(at, &[]);
    until("it is done", SOON, || (site.stat("done") == 1).then_some(()));
    let counted = get(at, "/count").unwrap().body;
    assert_eq!((&counted["accepted"], &counted["distinct"]), (&1.into(), &1.into()), "{counted}");
}

#[test]
fn a_worker_that_dies_in_the_middle_of_work_of_any_type_loses_none() {
    let site = Site::new();
    let (_api, port) = site.api();
    let first = site.worker("first", &["--concurrency", "3", "--lease", "1s", "--poll", "10ms"]);
    for work in [
        json!({"tag": "t", "kind": "cpu", "work": "300ms"}),
        json!({"tag": "t", "kind": "memory", "mib": 8, "work": "300ms"}),
        json!({"tag": "t", "work": "300ms"}),
    ] {
        post(port, "/tasks", &work.to_string()).unwrap();
    }
    until("one runs", SOON, || (site.stat("running") >= 1).then_some(()));
    first.kill();
    let _second = site.worker("second", &["--concurrency", "3", "--poll", "10ms"]);
    until("all are done", SOON, || (site.stat("done") == 3).then_some(()));
    assert_eq!(site.json(&["ledger"])["conserved"], true);
}
