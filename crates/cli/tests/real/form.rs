//! What is written for programs has the form that schema/output/ promises.

use serde_json::Value;

use crate::schema::check;
use crate::stage::{QUICK, Stage, Victim, text, until};

macro_rules! schema {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!(
            "../../../../schema/output/",
            $name,
            ".schema.json"
        )))
        .unwrap()
    };
}

fn json(stage: &Stage, words: &str) -> Value {
    let done = stage.squall(words);
    serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|error| panic!("{words}: {error}\n{}\n{}", text(&done.stdout), text(&done.stderr)))
}

// U1: every event of a real run, and the lists made of it.
#[test]
fn events_and_lists_are_of_their_schemas() {
    let stage = Stage::new();
    stage.write("quick.yaml", QUICK);
    stage.write("wrong.yaml", "name: x\nduration: 10\n");
    let done = stage.squall("run quick.yaml --format json");
    let schema = schema!("event");
    let mut kinds = Vec::new();
    for line in text(&done.stdout).lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        check(&event, &schema).unwrap_or_else(|wrong| panic!("{wrong}: {line}"));
        kinds.extend(event["what"].as_object().unwrap().keys().cloned());
    }
    for kind in [
        "run-started",
        "read",
        "steady-state-met",
        "fault-injected",
        "fault-undone",
        "recovered",
        "run-ended",
    ] {
        assert!(kinds.iter().any(|seen| seen == kind), "no {kind}");
    }
    check(&json(&stage, "findings --format json"), &schema!("findings")).unwrap();
    check(&json(&stage, "report --format json"), &schema!("report")).unwrap();
    check(&json(&stage, "runs --format json"), &schema!("runs")).unwrap();
    stage.squall("run quick.yaml --quiet");
    let runs = json(&stage, "runs --format json");
    let compare = format!("compare {} last --format json", runs[0]["run"].as_str().unwrap());
    check(&json(&stage, &compare), &schema!("compare")).unwrap();
    check(&json(&stage, "history --format json"), &schema!("history")).unwrap();
    check(&json(&stage, "check quick.yaml wrong.yaml missing.yaml --format json"), &schema!("check"))
        .unwrap();
    check(&json(&stage, "doctor --format json"), &schema!("doctor")).unwrap();
    check(&json(&stage, "load http://127.0.0.1:1/ --rate 20/s --for 200ms --format json"), &schema!("load"))
        .unwrap();
}

// U1, S7: while something is broken, and when it is ended.
#[test]
fn status_halt_and_recover_are_of_their_schemas() {
    let (stage, victim) = (Stage::new(), Victim::new());
    let pause = format!("inject process-pause --pid {} --for 60s", victim.pid());
    let _run = stage.start(&pause);
    until("the pause", || victim.state() == "T");
    let status = json(&stage, "status --format json");
    check(&status, &schema!("status")).unwrap();
    assert_eq!(status[0]["answered-for"], true);
    assert!(
        status[0]["owed"].as_array().unwrap().iter().any(|owed| owed["fault"] == "process-pause"),
        "{status}"
    );
    let halted = json(&stage, "halt --format json");
    check(&halted, &schema!("halt")).unwrap();
    assert_eq!(halted[0]["how"], "by-itself");
    stage.command(&pause).env("SQUALL_TEST_KILL", "both@after-change").output().unwrap();
    let recovered = json(&stage, "recover --format json");
    check(&recovered, &schema!("recover")).unwrap();
    assert_eq!(recovered[0]["left"], serde_json::json!([]), "{recovered}");
}
