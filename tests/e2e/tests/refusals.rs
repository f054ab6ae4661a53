//! What squall refuses to break, before anything is touched (S4, S5, S9; F6, F10).

use squall_e2e::binary::{Squall, said};
use squall_e2e::victim::Victim;
use squall_host::process::{Process, State};

fn experiment(find: &str, fault: &str) -> String {
    format!(
        "name: refused\ntarget:\n  name: stage\n  services:\n    it: {{ find: {find} }}\n    \
         own: {{ start: {{ run: [sleep, '600'] }} }}\n\
         steady:\n  every: 50ms\n  measures:\n    own: {{ process: {{ service: own, fact: count }}, expect: '>= 0' }}\n\
         baseline: 150ms\nduration: 1s\nfaults:\n  broken: {{ {fault} }}\n\
         recovery: {{ within: 5s, steady-for: 50ms }}\n"
    )
}

/// Runs `check` and `run`: both refuse with exit code 4, for that reason, and `run` leaves no run behind.
fn refused(squall: &Squall, text: &str, reason: &str) {
    squall.file("refused.yaml", text);
    for command in ["check", "run"] {
        let output = squall.run([command, "refused.yaml"]);
        assert_eq!(output.status.code(), Some(4), "{command}: {}", said(&output));
        assert!(said(&output).contains(reason), "{command} names `{reason}`: {}", said(&output));
    }
    assert!(squall.runs().is_empty(), "a refused run was begun");
}

#[test]
fn the_first_process_is_never_killed() {
    let squall = Squall::new();
    let pid_file = squall.file("first.pid", "1\n");
    let find = format!("{{ pid-file: {} }}", pid_file.display());
    refused(&squall, &experiment(&find, "inject: { process-kill: {} }, on: { service: it }"), "process 1");
}

/// The test is the parent of the binary that it starts: ending it would end squall's own terminal.
#[test]
fn what_squall_itself_runs_in_is_never_stopped() {
    let squall = Squall::new();
    let pid_file = squall.file("own.pid", &format!("{}\n", std::process::id()));
    let find = format!("{{ pid-file: {} }}", pid_file.display());
    refused(
        &squall,
        &experiment(&find, "inject: { process-pause: {} }, on: { service: it }"),
        "squall was started by it",
    );
}

#[test]
fn a_scope_that_reaches_what_is_protected_is_refused_as_a_whole() {
    let squall = Squall::new();
    // Its session is the one of the test, and so of squall.
    #[expect(clippy::disallowed_methods, reason = "a test starts something to break")]
    let mut victim = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let process = Process::of(victim.id()).unwrap().unwrap();
    let pid_file = squall.file("victim.pid", &format!("{}\n", victim.id()));
    let find = format!("{{ pid-file: {} }}", pid_file.display());
    let text = experiment(&find, "inject: { process-pause: { scope: session } }, on: { service: it }");
    refused(&squall, &text, "touch process");
    let state = process.state().unwrap();
    victim.kill().unwrap();
    victim.wait().unwrap();
    assert_ne!(state, Some(State::Stopped));
}

#[test]
fn the_root_filesystem_is_never_filled() {
    let squall = Squall::new();
    let text = experiment("{ port: 9 }", "inject: { disk-fill: { path: /var, amount: 1 % } }");
    // A machine with its own filesystem for /var is not of use for this test.
    if !squall_host::disk::is_root_filesystem(std::path::Path::new("/var")).unwrap() {
        return;
    }
    refused(&squall, &text.replace("    it: { find: { port: 9 } }\n", ""), "root filesystem");
}

#[test]
fn more_memory_than_can_be_spared_is_refused() {
    let squall = Squall::new();
    let text = experiment("{ port: 9 }", "inject: { memory-pressure: { amount: 100 % } }");
    refused(&squall, &text.replace("    it: { find: { port: 9 } }\n", ""), "would leave less");
}

#[test]
fn a_process_that_somebody_else_has_stopped_is_not_touched() {
    let squall = Squall::new();
    let victim = Victim::start();
    victim.process().signal(squall_host::signal::Signal::Stop).unwrap();
    let find = format!("{{ pid-file: {} }}", victim.pid_file().display());
    let text = experiment(&find, "inject: { process-pause: {} }, on: { service: it }");
    refused(&squall, &text, "stopped already");
    assert_eq!(victim.process().state().unwrap(), Some(State::Stopped), "squall let it go on");
}
