//! The control group, at real processes (E4): a fault is blamed for what only those suffer that it hits.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::Path;
use std::time::Duration;

use squall_e2e::binary::{Squall, said};
use squall_e2e::left;
use squall_e2e::wait;
use squall_engine::home::RunDir;
use squall_model::event::{Blame, EventKind, GroupsCompared};

const SOON: Duration = Duration::from_secs(30);

/// Four processes that each write a line five times a second, until there is a file that makes all of them stop. One of
/// them is stopped by a fault.
fn experiment(bad: &Path) -> String {
    format!(
        "name: groups\ntarget: {{ name: stage, services: {{ own: {{ start: {{ count: 4, run: [sh, -c, \
         'while :; do test -e {} || echo beat; sleep 0.2; done >> {{name}}.log'] }} }} }} }}\n\
         steady:\n  every: 1s\n  measures:\n    beats: {{ log: {{ file: '{{run-dir}}/{{name}}.log', pattern: beat }}, each: own, \
         expect: '> 0', allow: 40 % }}\n\
         baseline: 4s\nduration: 6s\n\
         faults:\n  still: {{ inject: {{ process-pause: {{}} }}, on: {{ service: own }}, pick: 1 }}\n\
         recovery: {{ within: 30s, steady-for: 500ms }}\n",
        bad.display()
    )
}

fn compared(run: &RunDir) -> Vec<GroupsCompared> {
    let record = run.read_record().unwrap();
    let compared = record.events.into_iter().filter_map(|event| match event.kind {
        EventKind::GroupsCompared(compared) => Some(compared),
        _ => None,
    });
    compared.collect()
}

#[test]
fn a_fault_is_blamed_for_what_only_those_suffer_that_it_hits() {
    let squall = Squall::new();
    squall.file("groups.yaml", &experiment(&squall.dir().join("bad")));
    let output = squall.run(["run", "groups.yaml"]);
    assert_eq!(output.status.code(), Some(10), "{}", said(&output));
    let run = squall.runs().pop().unwrap();
    let [compared] = &compared(&run)[..] else { panic!("{}", said(&output)) };
    assert_eq!(compared.blame, Blame::Faults, "{}", said(&output));
    assert!(compared.hit.missed > 0 && compared.control.readings > compared.hit.readings, "{compared:?}");
    assert_eq!(left::of_run(&run), Vec::<String>::new());
}

// A run whose control group is as bad as its target ends without blame.
#[test]
fn a_control_group_that_is_as_bad_ends_without_blame() {
    let squall = Squall::new();
    let bad = squall.dir().join("bad");
    squall.file("groups.yaml", &experiment(&bad));
    let mut child = squall.start(["run", "groups.yaml"]);
    let run = wait::until("the run begins", SOON, || squall.runs().pop());
    let happened = |what: &'static str| {
        let record = run.record();
        move || std::fs::read_to_string(&record).ok()?.contains(what).then_some(())
    };
    wait::until("the fault is on", SOON, happened("\"fault-injected\""));
    std::fs::write(&bad, "").unwrap();
    wait::until("the fault is gone", SOON, happened("\"fault-undone\""));
    std::fs::remove_file(&bad).unwrap();
    let status = wait::until("the run ends", SOON, || child.try_wait().unwrap());
    let reported = squall.run(["report", "last", "--format", "md"]);
    assert_eq!(status.code(), Some(13), "{}", said(&reported));
    let [compared] = &compared(&run)[..] else { panic!("{}", said(&reported)) };
    assert_eq!(compared.blame, Blame::Unclear);
    assert!(compared.hit.missed > 0 && compared.control.missed > compared.hit.missed, "{compared:?}");
    assert!(said(&reported).contains("INCONCLUSIVE"), "{}", said(&reported));
    assert_eq!(left::of_run(&run), Vec::<String>::new());
}

// Each instance has a port of its own, and a measure of it reads that one.
#[test]
fn every_instance_is_read_at_its_own_port() {
    let squall = Squall::new();
    let text = "\
name: ports
target: { name: stage, services: { web: { start: { run: [python3, -m, http.server, '{own-port}', --bind, 127.0.0.1], count: 2 }, \
  health: { command: { run: [python3, -c, 'import socket; [socket.create_connection((\"127.0.0.1\", p)).close() for p in ({port:web-1}, {port:web-2})]'], read: exit } } } } }
steady:
  every: 500ms
  measures:
    answers: { http: 'http://127.0.0.1:{own-port}/', each: web, expect: '== 200', judge: [before, after] }
baseline: 1500ms
duration: 2s
faults:
  stop: { inject: { process-pause: {} }, on: { service: web }, pick: [web-2] }
recovery: { within: 30s, steady-for: 500ms }
";
    squall.file("ports.yaml", text);
    let output = squall.run(["run", "ports.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let record = squall.runs().pop().unwrap().read_record().unwrap();
    let unreadable = |name: &str| {
        let of = record.events.iter().filter(|event| match &event.kind {
            EventKind::Read(reading) => {
                reading.instance.as_deref() == Some(name) && reading.outcome.as_number() != Some(200.0)
            }
            _ => false,
        });
        of.count()
    };
    assert_eq!(unreadable("web-1"), 0, "{}", said(&output));
    assert!(unreadable("web-2") > 0, "{}", said(&output));
}
