//! The dead-letter queue.

use std::time::Duration;

use serde_json::json;

use crate::client::{get, post};
use crate::process::{Site, until};

const SOON: Duration = Duration::from_secs(30);

#[test]
fn dead_letters_are_listed_replayed_and_purged() {
    let site = Site::new();
    let (_api, port) = site.api();
    let worker = site.worker("w", &["--poll", "10ms"]);
    post(port, "/tasks", r#"{"tag":"a","kind":"fail-always","max_failures":1,"count":3}"#).unwrap();
    post(port, "/tasks", r#"{"tag":"b","kind":"fail-always","max_failures":1}"#).unwrap();
    post(port, "/tasks", r#"{"tag":"good"}"#).unwrap();
    until("four are dead", SOON, || (site.stat("dead") == 4 && site.stat("depth") == 0).then_some(()));
    worker.kill();

    let list = get(port, "/dead?tag=a&limit=2").unwrap().body;
    assert_eq!((list["tasks"].as_array().unwrap().len(), &list["next"]), (2, &2.into()));
    let replayed = post(port, "/dead/replay", r#"{"ids":[1,5,99]}"#).unwrap();
    assert_eq!(replayed.body, json!({"moved": [1], "not_dead": [5, 99], "more": false}));
    assert_eq!(get(port, "/tasks/1").unwrap().body["state"], "queued");
    let purged = post(port, "/dead/purge", r#"{"all":true,"tag":"a"}"#).unwrap();
    assert_eq!(purged.body["moved"], json!([2, 3]));
    let ledger = site.json(&["ledger"]);
    assert_eq!((&ledger["purged"], &ledger["conserved"]), (&2.into(), &true.into()), "{ledger}");
    assert_eq!(get(port, "/dead").unwrap().body["tasks"].as_array().unwrap().len(), 1);

    // A task that was replayed fails again, as often as it may, and is dead again.
    let _worker = site.worker("w2", &["--poll", "10ms"]);
    until("it is dead again", SOON, || (site.stat("dead") == 2).then_some(()));
    assert_eq!(get(port, "/tasks/1").unwrap().body["attempts"], 2);
}

#[test]
fn requests_that_do_not_say_which_change_nothing() {
    let site = Site::new();
    let (_api, port) = site.api();
    for (body, reason) in [
        ("", "replay dead letters"),
        ("{}", "say which"),
        (r#"{"all":false}"#, "say which"),
        (r#"{"ids":[]}"#, "1 to 1000"),
        (r#"{"ids":[1],"all":true}"#, "exclude each other"),
        (r#"{"ids":[1],"tag":"a"}"#, "belong to `all`"),
        (r#"{"ids":["x"]}"#, "invalid type"),
    ] {
        let answer = post(port, "/dead/replay", body).unwrap();
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.error().contains(reason), "{body}: {answer:?}");
    }
    assert_eq!(get(port, "/dead?state=done").unwrap().status, 400);
}
