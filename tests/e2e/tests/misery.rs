//! Probes of things that never answer, or never let go: a run ends in time, and what could not be read is not "fine" (E3).

use std::time::Duration;

use squall_e2e::binary::{Squall, said};
use squall_e2e::left;
use squall_e2e::peer::running::{last_record, reasons};
use squall_e2e::peer::server::Server;
use squall_e2e::victim::Victim;
use squall_host::clock;
use squall_host::find;
use squall_model::event::EventKind;
use squall_model::measure::Outcome;

/// Baseline, faults and recovery together; a busy machine may need as much again.
const LONGEST: Duration = Duration::from_secs(12);

fn experiment(victim: &Victim, measure: &str) -> String {
    format!(
        "name: misery\n\
         target: {{ name: stage, services: {{ victim: {} }} }}\n\
         steady:\n  every: 300ms\n  measures:\n    it: {{ {measure} }}\n\
         baseline: 1s\nduration: 1500ms\n\
         faults:\n  paused: {{ inject: {{ process-pause: {{}} }}, on: {{ service: victim }} }}\n\
         recovery: {{ within: 2s, steady-for: 300ms }}\n",
        victim.service()
    )
}

/// Runs it, and gives the exit code, the reasons and what was unreadable.
fn run(squall: &Squall, text: &str) -> (Option<i32>, String, Vec<String>) {
    squall.file("misery.yaml", text);
    let began = clock::since_boot();
    let output = squall.run(["run", "misery.yaml"]);
    let took = clock::since_boot().saturating_sub(began);
    assert!(took < LONGEST, "{took:?}: {}", said(&output));
    let record = last_record(squall);
    let unreadable = record.events.iter().filter_map(|event| match &event.kind {
        EventKind::Read(reading) => match &reading.outcome {
            Outcome::Unreadable(why) => Some(why.clone()),
            _ => None,
        },
        _ => None,
    });
    let unreadable = unreadable.collect();
    for run in squall.runs() {
        assert_eq!(left::of_run(&run), Vec::<String>::new());
    }
    (output.status.code(), reasons(&record), unreadable)
}

#[test]
fn a_server_that_drips_for_ever_is_unreadable_and_unsteady() {
    let squall = Squall::new();
    let victim = Victim::start();
    let server = Server::start(squall_e2e::peer::server::Request::drip);
    let measure = format!("http: '{}', expect: '== 200'", server.url("/"));
    let (code, reasons, unreadable) = run(&squall, &experiment(&victim, &measure));
    assert_eq!(code, Some(5), "{reasons}");
    assert!(reasons.contains("could not be read"), "{reasons}");
    assert!(unreadable.iter().all(|why| why == "timed out after 300ms"), "{unreadable:?}");
    assert!(unreadable.len() >= 3, "{unreadable:?}");
}

/// A baseline that was fine does not make up for what cannot be read afterwards.
#[test]
fn a_server_that_begins_to_drip_while_faults_are_on_is_not_held() {
    let squall = Squall::new();
    let victim = Victim::start();
    let process = victim.process();
    let server = Server::start(move |request| {
        let is_paused = process.state().ok().flatten().is_some_and(squall_host::process::State::is_halted);
        if is_paused { request.drip() } else { request.answer(200, "well") }
    });
    let measure = format!("http: '{}', expect: '== 200'", server.url("/"));
    let (code, reasons, unreadable) = run(&squall, &experiment(&victim, &measure));
    assert_eq!(code, Some(10), "{reasons}");
    assert!(reasons.contains("could not be read"), "{reasons}");
    assert!(!unreadable.is_empty());
}

#[test]
fn a_command_that_forks_and_hangs_is_unreadable_and_leaves_no_process() {
    let squall = Squall::new();
    let victim = Victim::start();
    // A length that no other test sleeps: what is left of it is found by its command line.
    let length = format!("{}.{}", 7000 + std::process::id() % 1000, clock::since_boot().subsec_nanos());
    let measure = format!(
        "command: {{ run: [sh, -c, 'sleep {length} & setsid sleep {length} & sleep {length}'] }}, expect: '>= 0'"
    );
    let (code, reasons, unreadable) = run(&squall, &experiment(&victim, &measure));
    assert_eq!(code, Some(5), "{reasons}");
    assert!(reasons.contains("could not be read"), "{reasons}");
    assert!(unreadable.iter().all(|why| why == "timed out after 300ms"), "{unreadable:?}");
    let left = find::with_command_line(|line| line.contains(&length)).unwrap();
    assert_eq!(left, []);
}

/// A command that ends at once, but whose child keeps the pipe open.
#[test]
fn a_command_whose_child_holds_on_to_its_output_is_read_in_time() {
    let squall = Squall::new();
    let victim = Victim::start();
    let measure = "command: { run: [sh, -c, 'sleep 600 & echo 1'] }, expect: '== 1'";
    let (code, reasons, unreadable) = run(&squall, &experiment(&victim, measure));
    assert_eq!((code, unreadable), (Some(0), vec![]), "{reasons}");
}
