//! Every way in which a run may end early: always clean.

use crate::stage::{Stage, Victim, text, until};

// S1: each signal that a terminal or a service manager sends.
#[test]
fn every_polite_signal_undoes_and_says_halted() {
    for signal in ["INT", "TERM", "HUP", "QUIT"] {
        let (stage, victim) = (Stage::new(), Victim::new());
        let mut squall = stage.start(&format!("inject process-pause --pid {} --for 60s", victim.pid()));
        until("the pause", || victim.state() == "T");
        squall.signal(signal);
        assert_eq!(squall.end().code(), Some(11), "{signal}");
        assert!(victim.is_free(), "{signal}");
        assert_eq!(text(&stage.squall("status").stdout), "nothing is broken\n", "{signal}");
    }
}

// S1: the warden undoes when the run cannot.
#[test]
fn a_killed_run_is_undone_by_its_warden() {
    let (stage, victim) = (Stage::new(), Victim::new());
    let mut squall = stage.start(&format!("inject process-pause --pid {} --for 60s", victim.pid()));
    until("the pause", || victim.state() == "T");
    squall.signal("KILL");
    squall.end();
    until("the warden", || victim.is_free() && text(&stage.squall("status").stdout) == "nothing is broken\n");
}

// S1: with both dead, status says so, and the next command undoes.
#[test]
fn when_run_and_warden_are_killed_the_next_command_undoes() {
    let (stage, victim) = (Stage::new(), Victim::new());
    let pause = format!("inject process-pause --pid {} --for 60s", victim.pid());
    let killed = stage.command(&pause).env("SQUALL_TEST_KILL", "both@after-change").output().unwrap();
    assert_eq!(killed.status.code(), None, "{}", text(&killed.stderr));
    // On a busy machine it stops only when it has its turn.
    until("the pause", || victim.state() == "T");
    let status = stage.squall("status");
    assert_eq!(status.status.code(), Some(20), "{}", text(&status.stdout));
    assert!(text(&status.stdout).contains("NOBODY ANSWERS FOR IT"), "{}", text(&status.stdout));
    stage.write("quick.yaml", crate::stage::QUICK);
    let next = stage.squall("run quick.yaml --quiet");
    assert!(victim.is_free());
    assert!(text(&next.stderr).contains("undone, 0 left"), "{}", text(&next.stderr));
    assert_eq!(next.status.code(), Some(0), "{}", text(&next.stderr));
}

// S7: the emergency stop.
#[test]
fn halt_ends_every_run_at_once() {
    let stage = Stage::new();
    let victims = [Victim::new(), Victim::new()];
    let mut runs: Vec<_> = victims
        .iter()
        .map(|victim| stage.start(&format!("inject process-pause --pid {} --for 60s", victim.pid())))
        .collect();
    until("both pauses", || victims.iter().all(|victim| victim.state() == "T"));
    let unclear = stage.squall("halt");
    assert_eq!(unclear.status.code(), Some(2), "{}", text(&unclear.stderr));
    let halted = stage.squall("halt --all");
    assert_eq!(halted.status.code(), Some(0), "{}{}", text(&halted.stdout), text(&halted.stderr));
    assert!(victims.iter().all(Victim::is_free));
    assert!(runs.iter_mut().all(|run| run.end().code() == Some(11)));
}

// U1: a reader that goes away is no error, and the run goes on to its clean end.
#[test]
fn a_broken_pipe_is_silent() {
    let stage = Stage::new();
    stage.write("quick.yaml", crate::stage::QUICK);
    let mut squall = stage.command("run quick.yaml").spawn().unwrap();
    drop(squall.stdout.take());
    let done = squall.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert!(!text(&done.stderr).contains("panicked") && !text(&done.stderr).contains("Broken pipe"));
}

// S9: the messages without a place to keep state.
#[test]
fn without_any_folder_for_state_it_says_what_to_set() {
    let stage = Stage::new();
    stage.write("file", "");
    // A file where the folder should be.
    let done = stage.command("runs").env("SQUALL_HOME", stage.path("file")).output().unwrap();
    assert_eq!(done.status.code(), Some(1), "{}", text(&done.stderr));
    assert!(text(&done.stderr).starts_with("error: could not read "), "{}", text(&done.stderr));
}
