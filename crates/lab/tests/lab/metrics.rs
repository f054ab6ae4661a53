//! What Prometheus reads.

use std::time::Duration;

use crate::client::{get, post};
use crate::process::{Site, until};

const SOON: Duration = Duration::from_secs(30);

#[test]
fn the_api_and_a_worker_count_what_they_do_and_the_queue_is_counted_from_its_store() {
    let site = Site::new();
    let (_api, port) = site.api();
    let worker = site.worker("w", &["--metrics", "127.0.0.1:0", "--poll", "10ms"]);
    let (_worker, at_worker) = worker.listening();
    post(port, "/tasks", r#"{"tag":"a","count":3}"#).unwrap();
    post(port, "/tasks", r#"{"tag":"a","kind":"fail-always","max_failures":2}"#).unwrap();
    post(port, "/tasks", "{").unwrap();
    get(port, "/a/path/that/a/stranger/made/up").unwrap();
    until("all end", SOON, || (site.stat("depth") == 0).then_some(()));

    let api = get(port, "/metrics").unwrap();
    assert!(api.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(api.text.ends_with("# EOF\n"), "{}", api.text);
    for line in [
        r#"lab_api_requests_total{method="POST",route="/tasks",status="201"} 2"#,
        r#"lab_api_requests_total{method="POST",route="/tasks",status="400"} 1"#,
        r#"lab_api_requests_total{method="GET",route="none",status="404"} 1"#,
        r#"lab_tasks{kind="sleep",state="done"} 3"#,
        r#"lab_tasks{kind="fail-always",state="dead"} 1"#,
        r#"lab_tasks_retries_total{kind="fail-always"} 1"#,
        "lab_queue_up 1",
        "lab_queue_depth 0",
        "lab_queue_dead_letters 1",
    ] {
        assert!(api.text.lines().any(|found| found == line), "{line} is not in:\n{}", api.text);
    }
    let worker = get(at_worker, "/metrics").unwrap().text;
    for line in [
        r#"lab_worker_attempts_total{kind="sleep",state="done"} 3"#,
        r#"lab_worker_attempts_total{kind="fail-always",state="failed"} 1"#,
        r#"lab_worker_attempts_total{kind="fail-always",state="dead"} 1"#,
        "lab_worker_slots 1",
    ] {
        assert!(worker.lines().any(|found| found == line), "{line} is not in:\n{worker}");
    }
}
