//! What a person sees and does at a terminal (S1, S7, U1).

use std::time::Duration;

use squall_e2e::binary::Squall;
use squall_e2e::left;
use squall_e2e::terminal::Terminal;
use squall_e2e::victim::Victim;
use squall_e2e::wait;
use squall_engine::journal::Journal;
use squall_host::process::State;

const SOON: Duration = Duration::from_secs(10);

fn experiment(victim: &Victim, environment: &str, duration: &str) -> String {
    format!(
        "name: still\ntarget:\n  name: stage\n  environment: {environment}\n  services:\n    victim: {}\n\
         steady:\n  every: 50ms\n  measures:\n    there: {{ process: {{ service: victim, fact: count }}, expect: '== 1' }}\n\
         baseline: 150ms\nduration: {duration}\n\
         faults:\n  hold: {{ inject: {{ process-pause: {{}} }}, on: {{ service: victim }} }}\n\
         recovery: {{ within: 5s, steady-for: 50ms }}\n",
        victim.service()
    )
}

fn is_stopped(victim: &Victim) -> bool {
    victim.process().state().is_ok_and(|state| state == Some(State::Stopped))
}

// S7: a banner while a fault is on, and Ctrl-C that undoes.
#[test]
fn a_banner_stands_there_while_a_fault_is_on_and_an_interrupt_undoes() {
    let (squall, victim) = (Squall::new(), Victim::start());
    squall.file("still.yaml", &experiment(&victim, "local", "60s"));
    let terminal = Terminal::run(squall.dir(), "squall run still.yaml");
    terminal.await_text("CHAOS MODE");
    wait::until("the victim is stopped", SOON, || is_stopped(&victim).then_some(()));
    terminal.press(&["C-c"]);
    let screen = terminal.await_text("EXIT 11");
    assert!(screen.contains("HALTED") && !screen.contains("CHAOS MODE"), "{screen}");
    assert!(!is_stopped(&victim));
}

// S1: the window is closed, and with it the terminal, the shell and the process group.
#[test]
fn a_closed_terminal_undoes_everything() {
    let (squall, victim) = (Squall::new(), Victim::start());
    squall.file("still.yaml", &experiment(&victim, "local", "60s"));
    let terminal = Terminal::run(squall.dir(), "squall run still.yaml");
    wait::until("the victim is stopped", SOON, || is_stopped(&victim).then_some(()));
    let run = squall.runs().pop().expect("the run");
    terminal.close();
    wait::until("everything is undone", SOON, || {
        Journal::peek(&run.journal()).ok().filter(squall_engine::journal::Ledger::is_closed)
    });
    assert!(!is_stopped(&victim));
    assert_eq!(left::of_run(&run), Vec::<String>::new());
}

// S7: in production the name of the experiment is typed, by hand.
#[test]
fn production_asks_for_the_name_and_takes_no_other() {
    let (squall, victim) = (Squall::new(), Victim::start());
    squall.file("still.yaml", &experiment(&victim, "production", "300ms"));
    squall.file("policy.yaml", "environments: { production: { locked: false } }\n");
    for (typed, exit) in [("yes", "EXIT 4"), ("still", "EXIT 0")] {
        let terminal = Terminal::run(squall.dir(), "squall run still.yaml --policy policy.yaml");
        terminal.await_text("Type the name of the experiment");
        assert!(!is_stopped(&victim), "nothing is touched while it asks");
        terminal.press(&[typed, "Enter"]);
        terminal.await_text(exit);
        assert_eq!(squall.runs().len(), usize::from(exit == "EXIT 0"), "typed `{typed}`");
    }
}
