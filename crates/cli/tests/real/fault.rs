//! One fault by hand.

use crate::stage::{Stage, Victim, text, until};

// F7, S2, S3: held still for its time, then free.
#[test]
fn a_paused_process_goes_on_after_its_time() {
    let (stage, victim) = (Stage::new(), Victim::new());
    let mut squall = stage.start(&format!("inject process-pause --pid {} --for 1s", victim.pid()));
    until("the pause", || victim.state() == "T");
    assert_eq!(squall.end().code(), Some(0));
    assert!(victim.is_free());
}

// S5, S9: more processes than were meant are not hit.
#[test]
fn several_processes_are_hit_only_when_all_are_asked_for() {
    let tag = format!("{}77", std::process::id());
    let (stage, one, other) = (Stage::new(), Victim::with(&tag), Victim::with(&tag));
    let pause = format!("inject process-pause --command-line ^sleep.300[.]{tag}$ --for 1s");
    let refused = stage.squall(&pause);
    assert_eq!(refused.status.code(), Some(4), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("2 processes were found"), "{}", text(&refused.stderr));
    assert!(one.is_free() && other.is_free());
    let mut all = stage.start(&format!("{pause} --all"));
    until("both pauses", || one.state() == "T" && other.state() == "T");
    assert_eq!(all.end().code(), Some(0));
}

// S5: never the group of squall itself, which may be the shell of whoever typed it.
#[test]
fn squalls_own_group_is_refused() {
    let stage = Stage::new();
    let refused = stage.squall(&format!("inject process-pause --pid {} --for 1s", std::process::id()));
    assert_eq!(refused.status.code(), Some(4), "{}", text(&refused.stderr));
}

// E6: a dry run changes nothing and says what it would do.
#[test]
fn a_dry_run_leaves_the_process_alone() {
    let (stage, victim) = (Stage::new(), Victim::new());
    let done = stage.squall(&format!("inject process-kill --pid {} --for 200ms --dry-run", victim.pid()));
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert!(
        text(&done.stdout).contains(&format!("send SIGKILL to {}", victim.pid())),
        "{}",
        text(&done.stdout)
    );
    assert!(victim.is_free());
}

// S2: a kill that nobody makes good is DIRTY, and stays owed until a person answers for it.
#[test]
fn what_cannot_be_undone_blocks_new_faults_until_a_person_answers_for_it() {
    let (stage, victim) = (Stage::new(), Victim::new());
    let done = stage.squall(&format!("inject process-kill --pid {} --for 200ms", victim.pid()));
    assert_eq!(done.status.code(), Some(20), "{}{}", text(&done.stdout), text(&done.stderr));

    stage.write("quick.yaml", crate::stage::QUICK);
    let refused = stage.squall("run quick.yaml");
    assert_eq!(refused.status.code(), Some(4), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("still injected"), "{}", text(&refused.stderr));

    let runs: serde_json::Value =
        serde_json::from_slice(&stage.squall("status --format json").stdout).unwrap();
    let run = runs[0]["run"].as_str().unwrap();
    let mended = stage.squall(&format!("recover --mended {run}"));
    assert_eq!(mended.status.code(), Some(0), "{}", text(&mended.stderr));
    assert_eq!(stage.squall("status").status.code(), Some(0));
    assert_eq!(stage.squall("run quick.yaml").status.code(), Some(0));
}
