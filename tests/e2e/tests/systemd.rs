//! Services that are systemd units, with a real systemd (F6, F23, S1).

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::time::Duration;

use squall_e2e::binary::{self, Squall, said};
use squall_e2e::systemd::Systemd;
use squall_e2e::wait;
use squall_engine::journal::Journal;

fn experiment(fault: &str, length: &str) -> String {
    format!(
        "name: unit\ntarget: {{ name: stage, services: {{ victim: {{ find: {{ unit: victim.service }} }} }} }}\n\
         steady:\n  every: 50ms\n  measures:\n    there: {{ process: {{ service: victim, fact: count }}, \
         expect: '== 1', judge: [before, after] }}\n\
         baseline: 150ms\nduration: {length}\n\
         faults:\n  broken: {{ inject: {{ {fault} }}, on: {{ service: victim }} }}\n\
         recovery: {{ within: 5s, steady-for: 50ms }}\n"
    )
}

/// Runs an experiment inside; its exit code and what it said.
fn run(systemd: &Systemd, squall: &Squall, fault: &str) -> (Option<i32>, String) {
    let file = squall.file("unit.yaml", &experiment(fault, "500ms"));
    let mut command = systemd.command(binary::path().to_str().unwrap());
    let home = squall.home().path().to_owned();
    let output = command.arg("run").arg(file).env("SQUALL_HOME", home).output().unwrap();
    (output.status.code(), said(&output))
}

#[test]
fn units_are_found_killed_stopped_and_restarted_and_are_active_afterwards() {
    let (systemd, squall) = (Systemd::start(), Squall::new());
    let mut pid = systemd.property("MainPID");
    for fault in ["process-kill: {}", "service-kill: {}", "service-stop: {}", "service-restart: {}"] {
        let (code, text) = run(&systemd, &squall, fault);
        assert_eq!(code, Some(0), "{fault}: {text}");
        assert_eq!(systemd.property("ActiveState"), "active", "{fault}: {text}");
        let now = systemd.property("MainPID");
        assert_ne!(now, pid, "{fault} did nothing: {text}");
        pid = now;
    }
}

#[test]
fn a_unit_that_does_not_exist_is_named() {
    let (systemd, squall) = (Systemd::start(), Squall::new());
    let file = squall.file(
        "unit.yaml",
        &experiment("service-stop: {}", "500ms").replace("victim.service", "nobody.service"),
    );
    let mut command = systemd.command(binary::path().to_str().unwrap());
    let home = squall.home().path().to_owned();
    let output = command.arg("run").arg(file).env("SQUALL_HOME", home).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nobody.service"), "{}", said(&output));
}

#[test]
fn a_unit_that_was_stopped_is_started_again_when_the_run_is_killed() {
    let (systemd, squall) = (Systemd::start(), Squall::new());
    let file = squall.file("unit.yaml", &experiment("service-stop: {}", "60s"));
    let mut command = systemd.command(binary::path().to_str().unwrap());
    let home = squall.home().path().to_owned();
    command.arg("run").arg(file).env("SQUALL_HOME", home);
    let mut child = command.env("SQUALL_TEST_KILL", "run@after-effect:broken").spawn().unwrap();
    child.wait().unwrap();
    let run = squall.runs().pop().unwrap();
    wait::until("the warden starts the unit", Duration::from_secs(10), || {
        Journal::peek(&run.journal()).unwrap().is_closed().then_some(())
    });
    assert_eq!(systemd.property("ActiveState"), "active");
}
