//! The life of a run and everything that may cut it short: signals, `halt`, a stopped process, a full disk, a second
//! run, a reboot (S1, S2, S3, S7).

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use squall_e2e::binary::{Squall, said};
use squall_e2e::left;
use squall_e2e::mount::Tmpfs;
use squall_e2e::victim::Victim;
use squall_e2e::wait;
use squall_engine::home::RunDir;
use squall_engine::journal::{Entry, Journal};
use squall_host::clock;
use squall_host::process::{Process, State};
use squall_host::signal::Signal;
use squall_model::event::EventKind;
use squall_model::verdict::Verdict;

const SOON: Duration = Duration::from_secs(10);

/// An experiment that pauses the victim for a minute, with services of its own.
fn long(victim: &Victim) -> String {
    format!(
        "name: long\ntarget:\n  name: stage\n  services:\n    victim: {}\n    \
         own: {{ start: {{ run: [sleep, '600'], count: 2, restart-after: 100ms }} }}\n\
         steady:\n  every: 50ms\n  measures:\n    own: {{ process: {{ service: own, fact: count }}, expect: '>= 0' }}\n\
         baseline: 150ms\nduration: 60s\n\
         faults:\n  still: {{ inject: {{ process-pause: {{}} }}, on: {{ service: victim }} }}\n\
         recovery: {{ within: 5s, steady-for: 50ms }}\n",
        victim.service()
    )
}

struct Stage {
    squall: Squall,
    victim: Victim,
}

impl Stage {
    fn new() -> Self {
        let squall = Squall::new();
        let victim = Victim::start();
        squall.file("long.yaml", &long(&victim));
        Self { squall, victim }
    }

    /// Starts the run and waits until its fault is on.
    fn broken(&self) -> (Child, RunDir) {
        let child = self.squall.start(["run", "long.yaml"]);
        wait::until("the victim is stopped", SOON, || self.is_stopped().then_some(()));
        let run = self.squall.runs().pop().unwrap();
        wait::until("the fault is on record", SOON, || {
            let text = std::fs::read_to_string(run.record()).ok()?;
            text.contains("\"fault-injected\"").then_some(())
        });
        (child, run)
    }

    fn is_stopped(&self) -> bool {
        self.victim.process().state().unwrap() == Some(State::Stopped)
    }

    fn is_clean(&self, run: &RunDir) {
        assert!(!self.is_stopped(), "the victim is still stopped");
        assert_eq!(left::of_run(run), Vec::<String>::new());
    }
}

fn send(child: &Child, signal: Signal) {
    Process::of(child.id()).unwrap().unwrap().signal(signal).unwrap();
}

fn ended(child: &mut Child) -> ExitStatus {
    wait::until("the run ends", SOON, || child.try_wait().unwrap())
}

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

fn children(pid: u32) -> Vec<Process> {
    Process::of(pid).unwrap().unwrap().children().unwrap()
}

// S1: no journal, no change.
#[test]
fn a_full_disk_stops_a_run_before_it_changes_anything() {
    let stage = Stage::new();
    let disk = Tmpfs::mount(&stage.squall.dir().join("small"), 1);
    let before = stage.victim.process();
    fill(&disk.path().join("filling"));
    let mut command = stage.squall.command(["run", "long.yaml"]);
    let output = command.env("SQUALL_HOME", disk.path().join("home")).output().unwrap();
    assert!(matches!(output.status.code(), Some(1 | 4)), "{}", said(&output));
    assert_eq!(stage.victim.process(), before);
    assert!(!stage.is_stopped());
}

// S1: a disk that fills up while the run is on keeps nobody from undoing.
#[test]
fn a_disk_that_fills_up_during_the_run_does_not_keep_it_from_undoing() {
    let stage = Stage::new();
    let disk = Tmpfs::mount(&stage.squall.dir().join("small"), 2);
    let home = disk.path().join("home");
    let mut command = stage.squall.command(["run", "long.yaml"]);
    command.env("SQUALL_HOME", &home).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    wait::until("the victim is stopped", SOON, || stage.is_stopped().then_some(()));
    fill(&disk.path().join("filling"));
    // The record cannot be written any more: the run ends by itself, and clean.
    let status = ended(&mut child);
    assert_eq!(status.code(), Some(1));
    assert!(!stage.is_stopped());
}

fn fill(path: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    while file.write(&[0; 4096]).is_ok() {}
    while file.write(&[0; 1]).is_ok() {}
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
