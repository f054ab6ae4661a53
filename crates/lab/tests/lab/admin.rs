//! The admin view: there while the API is not.

use crate::client::{get, post, request};
use crate::process::{Site, path};

#[test]
fn it_counts_from_the_queue_without_the_api_and_without_a_token() {
    let site = Site::new();
    let auth = site.file("auth");
    let (api, port) = site.api();
    post(port, "/tasks", r#"{"tag":"a","count":3,"batch":"night"}"#).unwrap();
    post(port, "/tasks", r#"{"tag":"b","kind":"cpu"}"#).unwrap();
    api.kill();
    let (api, _) = site.serve("api", 0, &["--auth", path(&auth)]);
    let (_admin, admin) = site.serve("admin", 0, &[]);
    api.kill();

    let view = get(admin, "/").unwrap();
    assert_eq!(view.status, 200, "{view:?}");
    assert_eq!((&view.body["stats"]["queued"], &view.body["stats"]["done"]), (&4.into(), &0.into()));
    assert_eq!(view.body["kinds"]["sleep"]["queued"], 3);
    assert_eq!(view.body["kinds"]["cpu"]["queued"], 1);
    assert_eq!(get(admin, "/stats?kind=cpu").unwrap().body["queued"], 1);
    assert_eq!(get(admin, "/ledger?tag=a").unwrap().body["open"], 3);
    assert_eq!(get(admin, "/tasks?tag=b").unwrap().body["tasks"][0]["id"], 4);
    assert_eq!(get(admin, "/tasks/4").unwrap().body["kind"], "cpu");
    assert_eq!(get(admin, "/batches/night").unwrap().body["total"], 3);
    assert_eq!(get(admin, "/health").unwrap().status, 200);
    assert!(get(admin, "/metrics").unwrap().text.contains("lab_queue_depth 4"));
    assert_eq!(request(admin, "POST", "/tasks", None, r#"{"tag":"a"}"#).unwrap().status, 405);
    assert_eq!(get(admin, "/nothing").unwrap().status, 404);
}

#[test]
fn a_queue_that_is_gone_is_503_and_never_zeros() {
    let site = Site::new();
    let (_admin, admin) = site.serve("admin", 0, &[]);
    for path in ["/", "/stats", "/ledger", "/tasks", "/health"] {
        let answer = get(admin, path).unwrap();
        assert_eq!(answer.status, 503, "{path}: {answer:?}");
    }
    let metrics = get(admin, "/metrics").unwrap();
    assert!(metrics.status == 200 && metrics.text.contains("lab_queue_up 0"), "{metrics:?}");
    assert!(!metrics.text.contains("lab_queue_depth"), "an unknown depth is not 0: {metrics:?}");
}
