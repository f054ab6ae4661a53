//! Runs and wardens that are killed, and a machine that is started anew.

use std::time::Duration;

use squall_e2e::binary::said;
use squall_e2e::{left, wait};
use squall_engine::home::RunDir;
use squall_engine::journal::{Entry, Journal};
use squall_host::clock;
use squall_host::process::Process;
use squall_host::signal::Signal;
use squall_model::event::EventKind;

use crate::stage::{SOON, Stage, ended, long, send};

fn children(pid: u32) -> Vec<Process> {
    Process::of(pid).unwrap().unwrap().children().unwrap()
}

// S1: the whole process group gets SIGHUP when a terminal is closed; then it is gone, and the warden is not.
#[test]
fn a_killed_process_group_leaves_nothing() {
    use std::os::unix::process::CommandExt;
    let stage = Stage::new();
    let mut command = stage.squall.command(["run", "long.yaml"]);
    command.process_group(0).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    wait::until("the victim is stopped", SOON, || stage.is_stopped().then_some(()));
    let run = stage.squall.runs().pop().unwrap();
    let group = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    ended(&mut child);
    wait::until("the warden undoes", SOON, || {
        Journal::peek(&run.journal()).unwrap().is_closed().then_some(())
    });
    stage.is_clean(&run);
}

// S1: the record of a killed run can be read, and its report made.
#[test]
fn a_killed_run_has_a_report() {
    let stage = Stage::new();
    let (mut child, run) = stage.broken();
    child.kill().unwrap();
    child.wait().unwrap();
    wait::until("the warden undoes", SOON, || {
        Journal::peek(&run.journal()).unwrap().is_closed().then_some(())
    });
    for file in ["page.html", "page.md", "page.xml", "page.json"] {
        let report = stage.squall.run(["report", "last", "-o", file]);
        let text = std::fs::read_to_string(stage.squall.dir().join(file)).unwrap_or_default();
        assert!(text.to_lowercase().contains("interrupted"), "{file}: {}", said(&report));
    }
    stage.is_clean(&run);
}

// S1: after a reboot processes and kernel state are gone, files are not.
#[test]
fn a_journal_of_another_boot_is_settled_without_touching_new_processes() {
    let stage = Stage::new();
    let (mut child, run) = stage.broken();
    // The run and its warden are gone at once, as at a power cut.
    let text = std::fs::read(run.journal()).unwrap();
    send(&child, Signal::Stop);
    for warden in children(child.id()) {
        warden.signal(Signal::Kill).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // The same journal, written in another boot.
    let lines = String::from_utf8(text).unwrap();
    let mut forged = Vec::new();
    for line in lines.lines() {
        forged.extend(match Entry::read(line.as_bytes()).unwrap() {
            Entry::Opened(mut opened) => {
                opened.boot = "11111111-2222-3333-4444-555555555555".to_owned();
                Entry::Opened(opened).line()
            }
            other => other.line(),
        });
    }
    std::fs::write(run.journal(), forged).unwrap();
    let recovered = stage.squall.run(["recover"]);
    assert!(recovered.status.success(), "{}", said(&recovered));
    assert!(stage.is_stopped(), "a process of this boot is not the one in the journal");
    assert!(Journal::peek(&run.journal()).unwrap().is_closed());
    stage.victim.process().signal(Signal::Cont).unwrap();
}

// S1: a warden that is lost is replaced, and the new one does its work.
#[test]
fn a_lost_warden_is_replaced_and_the_new_one_undoes() {
    let stage = Stage::new();
    let (mut child, run) = stage.broken();
    let is_warden = |process: &Process| {
        process.command_line().is_ok_and(|line| line.iter().any(|word| word == "__warden"))
    };
    let warden = |not: Option<Process>| {
        children(child.id())
            .into_iter()
            .find(|one| is_warden(one) && Some(*one) != not && one.is_alive().unwrap())
    };
    let first = warden(None).unwrap();
    first.signal(Signal::Kill).unwrap();
    wait::until("a new warden", SOON, || warden(Some(first)));
    wait::until("the replacement is on record", SOON, || {
        let record = run.read_record().ok()?;
        record.events.iter().any(|event| matches!(event.kind, EventKind::WardenReplaced {})).then_some(())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    wait::until("the new warden undoes", SOON, || {
        Journal::peek(&run.journal()).unwrap().is_closed().then_some(())
    });
    stage.is_clean(&run);
}

// S1, and the promise of a second: killed at random moments, everything is undone soon after.
#[test]
fn killed_at_any_moment_everything_is_undone() {
    let stage = Stage::new();
    let text = long(&stage.victim).replace(
        "on: { service: victim } }",
        "on: { service: victim }, burst: { on: 60ms, off: 40ms } }\n  busy: { inject: { cpu-stress: { percent: 5 %, workers: 1 } } }",
    );
    stage.squall.file("long.yaml", &text);
    for attempt in 0..20_u64 {
        let mut child = stage.squall.start(["run", "long.yaml"]);
        let known = stage.squall.runs().len();
        let began = clock::since_boot();
        // Spread over the start, the baseline and the first bursts.
        std::thread::sleep(Duration::from_millis(40 * attempt % 787));
        child.kill().unwrap();
        child.wait().unwrap();
        let took = clock::since_boot().saturating_sub(began);
        let runs = stage.squall.runs();
        assert!(runs.len() >= known);
        for run in &runs {
            wait::until("the warden undoes", SOON, || {
                // A run that was killed before its journal was there has changed nothing.
                if !run.journal().exists() {
                    return Some(());
                }
                let ledger = Journal::peek(&run.journal()).unwrap();
                (ledger.is_closed() || ledger.opened().is_none() || nobody_is_left(run, &ledger))
                    .then_some(())
            });
            assert_eq!(left::of_run(run), Vec::<String>::new(), "attempt {attempt}, killed after {took:?}");
        }
        assert!(!stage.is_stopped(), "attempt {attempt}, killed after {took:?}");
    }
}

/// A run that was killed before its warden was there owes nothing; the next command closes its journal.
fn nobody_is_left(run: &RunDir, ledger: &squall_engine::journal::Ledger) -> bool {
    ledger.owed().is_empty() && !Journal::is_held(&run.journal()).unwrap()
}
