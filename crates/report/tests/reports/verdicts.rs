//! What the summary, the findings and the test suite say of each way in which a run can end.

use squall_report::{Conclusion, Standing, State, Summary, findings_json, json, junit};

use crate::{planned, record};

fn rules(summary: &Summary) -> Vec<&'static str> {
    summary.findings.iter().map(|finding| finding.rule).collect()
}

/// Failures and errors of the test suite, and the cases that are not passed.
fn cases(summary: &Summary) -> (String, String, Vec<String>) {
    let xml = junit(summary);
    let document = roxmltree::Document::parse(&xml).unwrap();
    let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
    let bad = document
        .descendants()
        .filter(|node| node.has_tag_name("testcase"))
        .filter_map(|case| {
            let sign = case.children().find(|child| child.is_element() && !child.has_tag_name("skipped"))?;
            Some(format!("{} {}", sign.tag_name().name(), case.attribute("name")?))
        })
        .collect();
    let count = |name: &str| suite.attribute(name).unwrap().to_owned();
    (count("failures"), count("errors"), bad)
}

#[test]
fn a_system_that_held_has_no_failure_and_a_proof_for_every_undo() {
    let summary = Summary::of(&record::held());
    assert_eq!(cases(&summary), ("0".to_owned(), "0".to_owned(), Vec::new()));
    let window = &summary.faults[0].windows[0];
    // S2: the proof is shown, not only claimed.
    assert_eq!(window.state, State::Undone);
    assert_eq!(window.proof.as_deref(), Some("4 of 4 instances are alive"));
    assert!(
        summary.measures.iter().all(|measure| measure.standing == Standing::Met),
        "{:?}",
        summary.measures
    );
    // E4: nine readings before, nineteen during, nine after, and the shift of the medians.
    let p99 = summary.measure("p99").unwrap();
    assert_eq!((p99.before.n, p99.during.n, p99.after.n), (9, 19, 9));
    let contrast = p99.contrast_during.as_ref().unwrap();
    let effect = contrast.effect().unwrap();
    assert!(effect.low <= effect.shift && effect.shift <= effect.high && effect.p < 0.01, "{effect:?}");
    assert!((effect.shift - 0.167).abs() < 0.003, "{effect:?}");
    // F23: the killed workers are the chosen ones, so nobody else is named.
    assert_eq!(rules(&summary), ["few-readings"]);
}

#[test]
fn a_system_that_deviated_fails_each_measure_that_missed() {
    let summary = Summary::of(&record::deviated());
    let (failures, errors, bad) = cases(&summary);
    assert_eq!((failures.as_str(), errors.as_str()), ("4", "0"), "{bad:?}");
    assert_eq!(bad, ["failure verdict", "failure p99", "failure backlog", "failure health"]);
    // S9: a reading that could not be taken is a miss, and never fine.
    let health = summary.measure("health").unwrap();
    assert_eq!((health.during.unreadable, health.during.misses), (4, Some(4)));
    let load = summary.load.as_ref().unwrap();
    assert_eq!((load.total.failed, load.during.failed, load.after.failed), (4, 4, 0));
    assert!(rules(&summary).starts_with(&["never-recovered"]), "{:?}", rules(&summary));
    for rule in ["deviated", "unreadable", "requests-failed"] {
        assert!(rules(&summary).contains(&rule), "{rule}");
    }
}

#[test]
fn an_unsteady_baseline_is_an_error_because_nothing_was_injected() {
    let summary = Summary::of(&record::unsteady());
    let (_, _, bad) = cases(&summary);
    assert_eq!(bad, ["error verdict", "failure p99"]);
    assert_eq!(summary.periods.faults_from, None);
    assert_eq!(summary.faults[0].windows[0].state, State::NotReached);
    assert!(rules(&summary).contains(&"unsteady"));
}

#[test]
fn a_threshold_that_ended_the_run_is_named() {
    let summary = Summary::of(&record::aborted());
    let (_, _, bad) = cases(&summary);
    assert_eq!(bad, ["failure verdict", "failure p99", "failure backlog"]);
    assert_eq!(summary.findings[0].rule, "aborted");
}

#[test]
fn a_halted_run_is_an_error_and_its_undo_is_still_proven() {
    let summary = Summary::of(&record::halted());
    let (_, _, bad) = cases(&summary);
    assert_eq!(bad, ["error verdict"]);
    assert_eq!(summary.faults[0].windows[0].state, State::Undone);
}

// S2: what could not be undone is reported loudly, with the commands to mend it by hand.
#[test]
fn what_could_not_be_undone_is_an_error_with_the_commands_for_it() {
    let summary = Summary::of(&record::dirty());
    let (_, _, bad) = cases(&summary);
    assert_eq!(bad, ["error verdict", "error undo of workers"]);
    assert!(junit(&summary).contains("systemctl start &#39;worker@4&#39;"));
    assert_eq!(rules(&summary)[..2], ["not-undone", "left-behind"]);
    assert!(summary.findings[0].recommendation.contains("`systemctl start 'worker@2'`"));
}

#[test]
fn a_run_that_did_not_end_is_an_error_and_names_what_may_be_owed() {
    let record = record::interrupted();
    let summary = Summary::of(&record);
    assert_eq!(summary.verdict, Conclusion::Interrupted);
    assert_eq!(
        summary.sentence,
        "the run did not end; last event at 11.9s; what is still owed is in the journal (`squall recover`)"
    );
    assert_eq!(summary.reasons, ["workers may still be in effect: its undo is not in this record"]);
    let (_, _, bad) = cases(&summary);
    assert_eq!(bad, ["error verdict", "error undo of workers"]);
    assert_eq!(summary.periods.faults_until, None);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json(&summary)).unwrap()["verdict"], "interrupted");
}

#[test]
fn a_dry_run_compares_the_same_periods_and_undoes_nothing() {
    let summary = Summary::of(&record::dry());
    let p99 = summary.measure("p99").unwrap();
    assert_eq!((p99.before.n, p99.during.n), (9, 19));
    assert!(junit(&summary).contains("left out by the dry run"));
    assert!(rules(&summary).contains(&"dry-run"));
}

#[test]
fn a_fault_that_could_not_be_injected_is_an_error() {
    let summary = Summary::of(&record::error());
    let (_, _, bad) = cases(&summary);
    assert_eq!(bad, ["error verdict", "error undo of workers"]);
    assert!(rules(&summary).contains(&"without-effect"));
}

// E4: a metric source that lags speaks of the past.
#[test]
fn a_reading_belongs_to_the_time_that_it_speaks_of() {
    let mut record = record::held();
    for event in &mut record.events {
        if let squall_model::event::EventKind::RunStarted(start) = &mut event.kind {
            start.plan.measures[0].lag = planned::span("5s");
        }
    }
    record.start.plan.measures[0].lag = planned::span("5s");
    let summary = Summary::of(&record);
    let p99 = summary.measure("p99").unwrap();
    // 9 less the 4 that speak of the time before the baseline, plus 5 of the time before the fault.
    assert_eq!((p99.before.n, p99.during.n, p99.after.n), (9, 19, 4));
}

#[test]
fn findings_stand_alone_as_json() {
    let summary = Summary::of(&record::deviated());
    let findings: serde_json::Value = serde_json::from_str(&findings_json(&summary)).unwrap();
    assert_eq!(findings["verdict"], "deviated");
    let first = &findings["findings"][0];
    assert_eq!((&first["severity"], &first["rule"]), (&"critical".into(), &"never-recovered".into()));
    for key in ["title", "evidence", "recommendation"] {
        assert!(!first[key].is_null(), "{key}");
    }
}
