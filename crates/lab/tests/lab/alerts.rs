//! The alert rules, checked by promtool and seen firing by a real Prometheus. Needs Debian's prometheus.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::client::{get, post};
use crate::process::{Process, Site, path, spawn, until};

fn rules() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../targets/lab-alerts.yml").canonicalize().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "these tests are about real programs")]
fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.stdin(Stdio::null());
    command
}

/// S6: each rule fires when it should and none fires when all is well.
#[test]
fn the_rules_are_sound_by_promtool() {
    let site = Site::new();
    let check = program("promtool").args(["check", "rules", path(&rules())]).output().unwrap();
    assert!(check.status.success(), "{check:?}");
    let tests = include_str!("alerts-test.yml").replace("RULES", path(&rules()));
    let file = site.file("alerts-test.yml");
    std::fs::write(&file, tests).unwrap();
    let tested = program("promtool").args(["test", "rules", path(&file)]).output().unwrap();
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stdout));
}

/// A Prometheus that scrapes `targets` (job, port) twice a second. Another one may have taken the port meanwhile.
fn prometheus(site: &Site, targets: &[(&str, u16)]) -> (Process, u16) {
    let scrapes: Vec<String> = targets
        .iter()
        .map(|(job, port)| {
            format!("{{ job_name: {job}, static_configs: [{{ targets: ['127.0.0.1:{port}'] }}] }}")
        })
        .collect();
    let config = format!(
        "global: {{ scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms }}\n\
         rule_files: ['{}']\n\
         scrape_configs: [{}]\n",
        rules().display(),
        scrapes.join(", ")
    );
    let file = site.file("prometheus.yml");
    std::fs::write(&file, config).unwrap();
    let start = |attempt: u32| {
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut command = program("prometheus");
        command.args([
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", site.file(&format!("series-{attempt}")).display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--log.level=error".to_owned(),
        ]);
        let mut process = spawn(command);
        let ready = until("Prometheus is ready or has ended", Duration::from_mins(1), || {
            let ready = get(port, "/-/ready").is_ok_and(|answer| answer.status == 200);
            if ready { Some(true) } else { process.has_ended().then_some(false) }
        });
        ready.then_some((process, port))
    };
    (0..5).find_map(start).expect("a Prometheus within five tries")
}

/// S6: what the lab says of itself is read by a real Prometheus, and its alerts fire.
#[test]
fn a_real_prometheus_sees_dead_letters_and_a_dead_worker() {
    let site = Site::new();
    let (_api, port) = site.api();
    let (worker, at_worker) = site.worker("w", &["--metrics", "127.0.0.1:0", "--poll", "10ms"]).listening();
    let (_prometheus, at) = prometheus(&site, &[("lab-api", port), ("lab-worker", at_worker)]);
    let firing = |alert: &str| {
        let query =
            format!("/api/v1/query?query=ALERTS%7Balertname%3D%22{alert}%22%2Calertstate%3D%22firing%22%7D");
        get(at, &query).is_ok_and(|answer| answer.text.contains("\"alertstate\":\"firing\""))
    };
    let value = |metric: &str| get(at, &format!("/api/v1/query?query={metric}")).map(|answer| answer.text);
    until("both are scraped", Duration::from_mins(1), || {
        let up = value("sum(up)").is_ok_and(|text| text.contains("\"2\"]"));
        (up && value("lab_queue_up").is_ok_and(|text| text.contains("lab-api"))).then_some(())
    });
    assert!(!firing("LabDeadLetters") && !firing("LabPartDown"));
    post(port, "/tasks", r#"{"tag":"a","kind":"fail-always","max_failures":1}"#).unwrap();
    until("dead letters are an alert", Duration::from_mins(1), || firing("LabDeadLetters").then_some(()));
    worker.kill();
    until("the dead worker is an alert", Duration::from_secs(90), || firing("LabPartDown").then_some(()));
}
