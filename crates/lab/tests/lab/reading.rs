//! `stats` and `ledger`: the view without the API.

use crate::client::submit;
use crate::process::Site;

#[test]
fn the_figures_are_there_while_the_api_is_not() {
    let site = Site::new();
    let (api, port) = site.api();
    submit(port, r#"{"tag":"t","count":5}"#).unwrap();
    api.kill();
    let stats = site.json(&["stats", "--tag", "t"]);
    assert_eq!((&stats["total"], &stats["depth"], &stats["tag"]), (&5.into(), &5.into(), &"t".into()));
    assert!(stats["oldest_queued_s"].as_f64().is_some_and(|age| (0.0..60.0).contains(&age)));
    assert!(stats["waiting_p95_s"].is_null());
    let text = String::from_utf8(site.ask(&["stats"]).stdout).unwrap();
    assert!(text.contains("queued         5\n"), "{text}");
    let text = String::from_utf8(site.ask(&["ledger"]).stdout).unwrap();
    assert_eq!(text, "5 sent = 0 done + 0 dead + 0 purged + 5 open; 0 twice, 0 lost: conserved\n");
}

#[test]
fn a_missing_queue_or_another_file_is_an_error_and_never_zeros() {
    let site = Site::new();
    for command in ["stats", "ledger"] {
        let output = site.ask(&[command, "--json"]);
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("error: could not find the queue"), "{said}");
    }
    std::fs::write(site.db(), "something else").unwrap();
    let output = site.ask(&["stats"]);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(!site.ask(&["stats", "--tag", "a b"]).status.success());
}
