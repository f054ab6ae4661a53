//! The API.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::client::{get, post};
use crate::process::{Site, until};

#[test]
fn tasks_are_taken_listed_shown_and_counted() {
    let site = Site::new();
    let (_api, port) = site.api();
    let answer = post(port, "/tasks", r#"{"tag":"a","work":"200ms","count":3}"#).unwrap();
    assert_eq!((answer.status, answer.body), (201, serde_json::json!({"ids": [1, 2, 3]})));
    post(port, "/tasks", r#"{"tag":"b","kind":"flaky","percent":30,"work_ms":5}"#).unwrap();

    let list = get(port, "/tasks?tag=a&state=queued&limit=2").unwrap();
    assert_eq!(list.status, 200);
    let tasks = list.body["tasks"].as_array().unwrap();
    assert_eq!(tasks.iter().map(|task| task["id"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(get(port, "/tasks/4").unwrap().body["kind"], "flaky");
    assert_eq!(get(port, "/stats?tag=a").unwrap().body["queued"], 3);
    assert_eq!(get(port, "/stats").unwrap().body["queued"], 4);
    let health = get(port, "/health").unwrap();
    assert_eq!((health.status, health.body), (200, serde_json::json!({"status": "ok"})));
}

#[test]
fn a_key_sent_again_gives_the_same_task() {
    let site = Site::new();
    let (_api, port) = site.api();
    let body = r#"{"tag":"a","key":"order-1"}"#;
    assert_eq!(post(port, "/tasks", body).unwrap().status, 201);
    let again = post(port, "/tasks", body).unwrap();
    assert_eq!((again.status, again.body["ids"][0].as_i64()), (200, Some(1)));
    assert_eq!(post(port, "/tasks", r#"{"tag":"b","key":"order-1"}"#).unwrap().status, 409);
    assert_eq!(site.json(&["ledger"])["sent"], 1);
}

#[test]
fn bad_requests_get_a_reason_and_change_nothing() {
    let site = Site::new();
    let (_api, port) = site.api();
    for (body, reason) in [
        ("", "read the task"),
        ("{", "read the task"),
        (r#"{"work":"1s"}"#, "tag"),
        (r#"{"tag":"a b"}"#, "is not a tag"),
        (r#"{"tag":"a","work":"200 millis"}"#, "is not a duration"),
        (r#"{"tag":"a","work":"2h"}"#, "longer than an hour"),
        (r#"{"tag":"a","work":"1s","work_ms":1}"#, "give one"),
        (r#"{"tag":"a","kind":"dance"}"#, "dance"),
        (r#"{"tag":"a","kind":"flaky"}"#, "percent"),
        (r#"{"tag":"a","kind":"flaky","percent":101}"#, "101"),
        (r#"{"tag":"a","percent":1}"#, "flaky"),
        (r#"{"tag":"a","count":0}"#, "count"),
        (r#"{"tag":"a","count":1000000}"#, "count"),
        (r#"{"tag":"a","max_failures":0}"#, "max_failures"),
        (r#"{"tag":"a","key":""}"#, "key"),
        (r#"{"tag":"a","wrok":"1s"}"#, "wrok"),
    ] {
        let answer = post(port, "/tasks", body).unwrap();
        assert_eq!(answer.status, 400, "{body}");
        let error = answer.body["error"].as_str().unwrap();
        assert!(error.starts_with("could not ") && error.contains(reason), "{body}: {error}");
    }
    for (path, status) in [
        ("/tasks?state=lost", 400),
        ("/tasks?limit=0", 400),
        ("/tasks?colour=red", 400),
        ("/stats?tag=a%20b", 400),
        ("/tasks/x", 404),
        ("/tasks/7", 404),
        ("/nothing", 404),
    ] {
        let answer = get(port, path).unwrap();
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.body["error"].as_str().unwrap().starts_with("could not "), "{path}");
    }
    assert_eq!(post(port, "/health", "{}").unwrap().status, 405);
    assert_eq!(post(port, "/tasks", &" ".repeat(3_000_000)).map_or(400, |answer| answer.status), 400);
    assert_eq!(site.stat("total"), 0);
}

#[test]
fn a_queue_whose_file_is_gone_makes_the_api_refuse_until_it_is_back() {
    let site = Site::new();
    let (_api, port) = site.api();
    assert_eq!(post(port, "/tasks", r#"{"tag":"a"}"#).unwrap().status, 201);
    let away = site.db().with_extension("away");
    fs::rename(site.db(), &away).unwrap();

    let refused = post(port, "/tasks", r#"{"tag":"a"}"#).unwrap();
    assert_eq!(refused.status, 503);
    assert!(refused.body["error"].as_str().unwrap().contains("could not find the queue"), "{refused:?}");
    let health = get(port, "/health").unwrap();
    assert_eq!((health.status, &health.body["status"]), (503, &"unavailable".into()));
    assert!(health.body["reason"].as_str().unwrap().contains("could not find the queue"));
    assert_eq!(get(port, "/tasks/1").unwrap().status, 503);
    assert!(!site.db().exists(), "the API must not make an empty queue in its place");

    fs::rename(&away, site.db()).unwrap();
    assert_eq!(get(port, "/health").unwrap().status, 200);
    assert_eq!(post(port, "/tasks", r#"{"tag":"a"}"#).unwrap().status, 201);
    let ledger = site.json(&["ledger"]);
    assert_eq!((&ledger["sent"], &ledger["conserved"]), (&2.into(), &true.into()));
}

#[test]
fn a_locked_queue_is_unhealthy_and_refuses_in_time() {
    let site = Site::new();
    let (_api, port) = site.api();
    let lock = rusqlite::Connection::open(site.db()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(get(port, "/health").unwrap().status, 503);
    let refused = post(port, "/tasks", r#"{"tag":"a"}"#).unwrap();
    assert_eq!(refused.status, 503);
    assert!(refused.body["error"].as_str().unwrap().contains("locked"), "{refused:?}");
    assert_eq!(get(port, "/stats").unwrap().status, 200, "reading goes on");
    let (_second, port_of_second) = site.api();
    assert_eq!(get(port_of_second, "/tasks").unwrap().status, 200, "an API starts also now");
    lock.execute_batch("ROLLBACK").unwrap();
    until("healthy again", Duration::from_secs(5), || {
        (get(port, "/health").unwrap().status == 200).then_some(())
    });
    assert_eq!(site.stat("total"), 0);
}

#[test]
fn sigterm_ends_the_api_also_with_an_idle_connection_and_the_port_is_free_at_once() {
    let site = Site::new();
    let (api, port) = site.api();
    let mut idle = TcpStream::connect(("127.0.0.1", port)).unwrap();
    idle.write_all(b"GET /hea").unwrap();
    assert_eq!(get(port, "/health").unwrap().status, 200);
    api.signal(Signal::TERM);
    let (succeeded, said) = api.ended(Duration::from_secs(15));
    assert!(succeeded, "{said}");
    let (api, again) = site.api_at(port);
    assert_eq!(again, port);
    api.kill();
    let (_api, _) = site.api_at(port);
    assert_eq!(get(port, "/health").unwrap().status, 200);
}

#[test]
fn a_taken_port_is_an_error_that_names_it() {
    let site = Site::new();
    let (_api, port) = site.api();
    let second = site.start(&["api", "--listen", &format!("127.0.0.1:{port}")]);
    let (succeeded, said) = second.ended(Duration::from_secs(10));
    assert!(!succeeded);
    assert!(said.contains(&format!("could not listen on 127.0.0.1:{port}")), "{said}");
}
