//! Batches, labels, priorities and deadlines.

use std::time::Duration;

use serde_json::json;

use crate::client::{get, post};
use crate::process::{Site, until};

const SOON: Duration = Duration::from_secs(30);

#[test]
fn good_items_of_a_batch_are_taken_and_bad_ones_have_their_reason() {
    let site = Site::new();
    let (_api, port) = site.api();
    let body = json!({"batch": "night", "tasks": [
        {"tag": "a", "work": "1ms", "labels": ["blue", "new"]},
        {"tag": "a", "work": "soon"},
        {"tag": "a", "count": 2, "kind": "fail-always", "max_failures": 1},
        {"tag": "a", "wrok": "1ms"},
        {"tag": "a", "batch": "day"},
    ]});
    let answer = post(port, "/batches", &body.to_string()).unwrap();
    assert_eq!(answer.status, 207, "{answer:?}");
    assert_eq!((&answer.body["accepted"], &answer.body["refused"]), (&2.into(), &3.into()));
    let items = answer.body["items"].as_array().unwrap();
    assert_eq!(items[0], json!({"index": 0, "ids": [1]}));
    assert_eq!(items[2], json!({"index": 2, "ids": [2, 3]}));
    for (index, reason) in [(1, "is not a duration"), (3, "wrok"), (4, "batch")] {
        assert!(items[index]["error"].as_str().unwrap().contains(reason), "{}", items[index]);
    }

    let _worker = site.worker("w", &["--poll", "10ms"]);
    let ended = until("the batch ends", SOON, || {
        let view = get(port, "/batches/night").unwrap();
        assert_eq!(view.status, 200, "{view:?}");
        (view.body["ended"] == true).then_some(view.body)
    });
    assert_eq!((&ended["total"], &ended["done"], &ended["dead"]), (&3.into(), &1.into(), &2.into()));
    let results = get(port, "/tasks?batch=night").unwrap().body;
    assert_eq!(results["tasks"][0]["result"], "slept 1 ms");
    assert!(results["tasks"][1]["error"].as_str().unwrap().contains("always fails"));
    assert_eq!(get(port, "/tasks?label=blue").unwrap().body["tasks"].as_array().unwrap().len(), 1);
    assert_eq!(get(port, "/batches/morning").unwrap().status, 404);
}

#[test]
fn a_batch_of_bad_items_only_is_refused_and_one_of_good_items_only_is_created() {
    let site = Site::new();
    let (_api, port) = site.api();
    let bad = post(port, "/batches", r#"{"tasks":[{"tag":""},{}]}"#).unwrap();
    assert_eq!((bad.status, &bad.body["refused"]), (400, &2.into()));
    for (body, reason) in [
        (r#"{"tasks":[]}"#, "1 to 1000 items"),
        (r#"{"batch":"a b","tasks":[{"tag":"a"}]}"#, "is not a tag"),
        (r#"{"task":[]}"#, "task"),
        (r#"{"tasks":[{"tag":"a","count":9000},{"tag":"a","count":9000}]}"#, "10000 tasks"),
    ] {
        let answer = post(port, "/batches", body).unwrap();
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.error().contains(reason), "{answer:?}");
    }
    assert_eq!(site.stat("total"), 0);
    let good = post(port, "/batches", r#"{"tasks":[{"tag":"a"},{"tag":"b"}]}"#).unwrap();
    assert_eq!(good.status, 201, "{good:?}");
    let name = good.body["batch"].as_str().unwrap();
    assert_eq!(get(port, &format!("/batches/{name}")).unwrap().body["total"], 2);
}

#[test]
fn a_list_goes_on_where_its_page_ended() {
    let site = Site::new();
    let (_api, port) = site.api();
    post(port, "/tasks", r#"{"tag":"a","count":5}"#).unwrap();
    let (mut seen, mut after) = (Vec::new(), 0);
    loop {
        let page = get(port, &format!("/tasks?limit=2&after={after}")).unwrap().body;
        seen.extend(page["tasks"].as_array().unwrap().iter().map(|task| task["id"].as_i64().unwrap()));
        match page["next"].as_i64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
}

#[test]
fn the_urgent_is_done_first_and_work_is_cut_off_at_its_deadline_and_counted_as_late() {
    let site = Site::new();
    let (_api, port) = site.api();
    post(port, "/tasks", r#"{"tag":"a","priority":1}"#).unwrap();
    post(port, "/tasks", r#"{"tag":"a","priority":9}"#).unwrap();
    post(port, "/tasks", r#"{"tag":"late","work":"1h","deadline":"300ms","priority":9}"#).unwrap();
    let _worker = site.worker("w", &["--poll", "10ms"]);
    until("all end", SOON, || (site.stat("depth") == 0).then_some(()));
    let finished = |id| get(port, &format!("/tasks/{id}")).unwrap().body["finished_ms"].as_i64().unwrap();
    assert!(finished(2) <= finished(1));
    let late = get(port, "/tasks/3").unwrap().body;
    assert_eq!((&late["state"], site.stat("late")), (&"dead".into(), 1), "{late}");
    assert!(late["error"].as_str().unwrap().contains("deadline"), "{late}");
}

#[test]
fn what_is_too_much_is_refused_with_the_place() {
    let site = Site::new();
    let (_api, port) = site.api();
    let labels: Vec<String> = (0..21).map(|n| format!("l{n}")).collect();
    for (body, reason) in [
        (json!({"tag": "a", "priority": 10}), "`priority`"),
        (json!({"tag": "a", "deadline": "0s"}), "`deadline`"),
        (json!({"tag": "a", "deadline": "25h"}), "`deadline`"),
        (json!({"tag": "a", "labels": labels}), "`labels` has at most 20"),
        (json!({"tag": "a", "labels": ["ok", "a b"]}), "`labels[1]`"),
        (json!({"tag": "a", "batch": ""}), "`batch`"),
        (json!({"tag": "a", "kind": "memory"}), "needs `mib`"),
        (json!({"tag": "a", "kind": "memory", "mib": 1025}), "1 to 1024 MiB"),
        (json!({"tag": "a", "mib": 1}), "belongs to kind `memory`"),
        (json!({"tag": "a", "kind": "webhook"}), "needs `url`"),
        (json!({"tag": "a", "kind": "webhook", "url": "http://192.0.2.7/"}), "not on this machine"),
        (json!({"tag": "a", "kind": "webhook", "url": "https://localhost/"}), "TLS"),
        (json!({"tag": "a", "url": "http://localhost/"}), "belongs to kind `webhook`"),
    ] {
        let answer = post(port, "/tasks", &body.to_string()).unwrap();
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.error().contains(reason), "{body}: {answer:?}");
    }
    assert_eq!(site.stat("total"), 0);
}
