//! Runs that are asked to end, that hang, or that cannot mend.

use squall_e2e::binary::{Squall, said};
use squall_e2e::wait;
use squall_engine::home::RunDir;
use squall_host::signal::Signal;
use squall_model::verdict::Verdict;

use crate::stage::{SOON, Stage, ended, long, send};

fn verdict(run: &RunDir) -> Verdict {
    run.read_record().unwrap().verdict().unwrap()
}

// S1, S7: each signal that a terminal, a person or a system sends ends the run, clean, with exit code 11.
#[test]
fn every_signal_that_asks_for_the_end_undoes_everything() {
    for signal in [Signal::Int, Signal::Term, Signal::Hup, Signal::Quit] {
        let stage = Stage::new();
        let (mut child, run) = stage.broken();
        send(&child, signal);
        assert_eq!(ended(&mut child).code(), Some(11), "{signal}");
        assert_eq!(verdict(&run), Verdict::Halted, "{signal}");
        stage.is_clean(&run);
    }
}

#[test]
fn a_second_interrupt_hurries_and_still_undoes() {
    let stage = Stage::new();
    // A service that does not listen to SIGTERM is waited for, unless somebody is in a hurry.
    let deaf = long(&stage.victim)
        .replace("run: [sleep, '600']", "run: [sh, -c, 'trap \"\" TERM; while :; do sleep 1; done']");
    stage.squall.file("long.yaml", &deaf);
    let (mut child, run) = stage.broken();
    send(&child, Signal::Int);
    send(&child, Signal::Int);
    assert_eq!(ended(&mut child).code(), Some(11));
    stage.is_clean(&run);
}

// S7: halt from another terminal.
#[test]
fn halt_ends_a_run_and_says_so() {
    let stage = Stage::new();
    let (mut child, run) = stage.broken();
    let status = stage.squall.run(["status"]);
    let text = String::from_utf8_lossy(&status.stdout);
    assert!(text.contains("still"), "status names the fault: {}", said(&status));
    let halt = stage.squall.run(["halt"]);
    assert!(halt.status.success(), "{}", said(&halt));
    assert_eq!(ended(&mut child).code(), Some(11));
    stage.is_clean(&run);
    let again = stage.squall.run(["halt", "--all"]);
    assert!(again.status.success(), "halting what is over is harmless: {}", said(&again));
}

// S7: a run that does not answer (it is stopped itself) is taken over.
#[test]
fn halt_takes_over_a_run_that_does_not_answer() {
    let stage = Stage::new();
    let (mut child, run) = stage.broken();
    send(&child, Signal::Stop);
    let halt = stage.squall.run(["halt", "--all"]);
    assert!(halt.status.success(), "{}", said(&halt));
    ended(&mut child);
    stage.is_clean(&run);
}

// S3: the deadline holds although the run hangs: its warden undoes.
#[test]
fn a_deadline_holds_when_the_run_hangs() {
    let stage = Stage::new();
    let text = long(&stage.victim).replace("on: { service: victim }", "on: { service: victim }, for: 1s");
    stage.squall.file("long.yaml", &text);
    let (mut child, run) = stage.broken();
    send(&child, Signal::Stop);
    wait::until("the warden undoes at the deadline", SOON, || (!stage.is_stopped()).then_some(()));
    send(&child, Signal::Cont);
    send(&child, Signal::Term);
    ended(&mut child);
    stage.is_clean(&run);
}

// S1: two runs at the same time mend only their own.
#[test]
fn two_runs_do_not_undo_each_other() {
    let (one, other) = (Stage::new(), Stage::new());
    std::fs::write(other.squall.dir().join("long.yaml"), long(&other.victim)).unwrap();
    // Both in the same state folder.
    let shared = one.squall.home().path().to_owned();
    let (mut first, first_run) = one.broken();
    let mut second = other.squall.command(["run", "long.yaml"]);
    second
        .env("SQUALL_HOME", &shared)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut second = second.spawn().unwrap();
    wait::until("the other victim is stopped", SOON, || other.is_stopped().then_some(()));
    let recovered = one.squall.run(["recover"]);
    assert!(recovered.status.success(), "{}", said(&recovered));
    assert!(one.is_stopped() && other.is_stopped(), "recover leaves living runs alone");
    send(&first, Signal::Term);
    ended(&mut first);
    one.is_clean(&first_run);
    assert!(other.is_stopped(), "the other run goes on");
    send(&second, Signal::Term);
    ended(&mut second);
    assert!(!other.is_stopped());
}

// S2: what cannot be undone is DIRTY, exit 20, kept in the journal, and mended by a later command when it can be.
#[test]
fn what_cannot_be_undone_is_dirty_until_it_can_be() {
    let squall = Squall::new();
    let dir = squall.dir().display().to_string();
    let stuck = squall.file("stuck", "");
    let text = format!(
        "name: stuck\ntarget: {{ name: none, services: {{ own: {{ start: {{ run: [sleep, '600'] }} }} }} }}\n\
         steady:\n  every: 50ms\n  measures:\n    own: {{ process: {{ service: own, fact: count }}, expect: '>= 0' }}\n\
         baseline: 150ms\nduration: 400ms\nfaults:\n  file:\n    inject:\n      command:\n        \
         inject: [touch, {dir}/broken]\n        undo: [sh, -c, 'test ! -e {dir}/stuck && rm {dir}/broken']\n        \
         check: [test, -e, {dir}/broken]\n        timeout: 500ms\n    for: 200ms\n\
         recovery: {{ within: 5s, steady-for: 50ms }}\n"
    );
    squall.file("stuck.yaml", &text);
    let output = squall.run(["run", "stuck.yaml"]);
    assert_eq!(output.status.code(), Some(20), "{}", said(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("DIRTY"), "{}", said(&output));
    let again = squall.run(["recover"]);
    assert_eq!(again.status.code(), Some(20), "{}", said(&again));
    let refused = squall.run(["run", "stuck.yaml"]);
    assert_eq!(refused.status.code(), Some(4), "nothing new while something is broken: {}", said(&refused));
    std::fs::remove_file(stuck).unwrap();
    let mended = squall.run(["recover"]);
    assert!(mended.status.success(), "{}", said(&mended));
    assert!(!squall.dir().join("broken").exists());
}

// F: a fault that has no effect is an error.
#[test]
fn a_fault_without_effect_is_an_error() {
    let squall = Squall::new();
    let dir = squall.dir().display().to_string();
    let text = format!(
        "name: idle\ntarget: {{ name: none, services: {{ own: {{ start: {{ run: [sleep, '600'] }} }} }} }}\n\
         steady:\n  every: 50ms\n  measures:\n    own: {{ process: {{ service: own, fact: count }}, expect: '>= 0' }}\n\
         baseline: 150ms\nduration: 400ms\nfaults:\n  nothing:\n    inject: {{ command: {{ inject: ['true'], \
         undo: ['true'], check: [test, -e, {dir}/broken] }} }}\n\
         recovery: {{ within: 5s, steady-for: 50ms }}\n"
    );
    squall.file("idle.yaml", &text);
    let output = squall.run(["run", "idle.yaml"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("not in effect"), "{}", said(&output));
}
