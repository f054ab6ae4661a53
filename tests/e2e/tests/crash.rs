//! The crash matrix: for every fault, at every boundary of the journal, the run, its warden, or both are killed; then
//! the machine is as it was before (S1, S2; F6 to F10, F12, F16 to F19, F23).

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops at what it did not expect, and this one prints a table"
)]

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use squall_e2e::binary::{Squall, said};
use squall_e2e::left;
use squall_e2e::mount::Tmpfs;
use squall_e2e::peer::proxied::{PROTOCOLS, Traffic};
use squall_e2e::victim::Victim;
use squall_e2e::wait;
use squall_engine::boundary::Boundary;
use squall_engine::home::RunDir;
use squall_engine::journal::Journal;
use squall_host::clock;
use squall_model::fault::Fault;

/// What is killed.
const WHO: [&str; 3] = ["run", "warden", "both"];
/// A run that was not killed ends by itself long before that; a killed one is cleaned up within it.
const CLEAN_WITHIN: Duration = Duration::from_secs(10);

struct Stage {
    squall: Squall,
    victim: Victim,
    disk: Option<Tmpfs>,
}

impl Stage {
    fn new(with_disk: bool) -> Self {
        let squall = Squall::new();
        let victim = Victim::start();
        let disk = with_disk.then(|| Tmpfs::mount(&squall.dir().join("disk"), 16));
        std::fs::create_dir(squall.dir().join("files")).unwrap();
        Self { squall, victim, disk }
    }

    fn picture(&self) -> squall_host::snapshot::Snapshot {
        let rooms: Vec<&Path> = self.disk.iter().map(Tmpfs::path).collect();
        left::picture(self.victim.find().into_iter().collect(), &rooms, &[&self.squall.dir().join("files")])
    }
}

/// A stressor needs a moment until its effect can be measured.
fn experiment(stage: &Stage, fault: &str) -> String {
    let service = stage.victim.service();
    let is_stress = ["cpu-stress", "memory-pressure", "disk-fill", "inode-", "port-"]
        .iter()
        .any(|kind| fault.contains(kind));
    let (duration, length) = if is_stress { ("3s", "2500ms") } else { ("400ms", "250ms") };
    format!(
        "name: crash\n\
         target:\n  name: stage\n  services:\n    victim: {service}\n    \
         own: {{ start: {{ run: [sleep, '600'], count: 2, restart-after: 100ms }} }}\n\
         steady:\n  every: 50ms\n  measures:\n    own: {{ process: {{ service: own, fact: count }}, expect: '>= 0' }}\n\
         baseline: 150ms\nduration: {duration}\n\
         faults:\n  broken: {{ {fault}, at: 50ms, for: {length} }}\n\
         recovery: {{ within: 5s, steady-for: 50ms }}\n"
    )
}

/// All boundaries and victims for one fault. Prints its part of the table.
fn matrix(fault: &str, with_disk: bool, keeps_its_process: bool) {
    matrix_of(fault, ":broken", with_disk, keeps_its_process);
}

/// The boundaries of the debts with that name.
fn matrix_of(fault: &str, whose: &str, with_disk: bool, keeps_its_process: bool) {
    table(fault, |who, boundary| {
        crash(fault, with_disk, keeps_its_process, &format!("{who}@{boundary}{whose}"))
    });
}

/// Every boundary and every victim, and how it went.
fn table(fault: &str, mut crash: impl FnMut(&str, Boundary) -> Result<(), String>) {
    let mut table = String::new();
    let mut failures = Vec::new();
    for boundary in Boundary::ALL {
        for who in WHO {
            let began = clock::since_boot();
            let outcome = crash(who, boundary);
            let took = clock::since_boot().saturating_sub(began);
            let word = if outcome.is_ok() { "clean" } else { "LEFT" };
            writeln!(table, "{word:5}  {who:6} @ {boundary:13}  {:4} ms  {fault}", took.as_millis()).unwrap();
            if let Err(why) = outcome {
                failures.push(format!("{who} killed at {boundary}: {why}"));
            }
        }
    }
    println!("{table}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn crash(fault: &str, with_disk: bool, keeps_its_process: bool, kill: &str) -> Result<(), String> {
    let stage = Stage::new(with_disk);
    let mut text = experiment(&stage, &fault.replace("DIR", &stage.squall.dir().display().to_string()));
    if kill.contains("stage") {
        text.push_str("stages: [shadow, 100 %]\n");
    }
    stage.squall.file("crash.yaml", &text);
    let before = stage.picture();
    let run = &killed(&stage.squall, kill)?;
    let mut found = left::of_run(run);
    if keeps_its_process {
        found.extend(before.diff(&stage.picture()));
    } else if stage.victim.find().is_none() {
        found.push("the victim was not started again".to_owned());
    }
    if found.is_empty() { Ok(()) } else { Err(found.join(", ")) }
}

/// Runs `crash.yaml` with that kill, and waits until what was left is cleaned up.
fn killed(squall: &Squall, kill: &str) -> Result<RunDir, String> {
    let who = kill.split('@').next().unwrap_or_default();
    let output = squall
        .command(["run", "crash.yaml"])
        .env("SQUALL_TEST_KILL", kill)
        .output()
        .expect("the binary runs");
    let mut runs = squall.runs();
    let (Some(run), true) = (runs.pop(), runs.is_empty()) else {
        return Err(format!("{} runs: {}", runs.len() + 1, said(&output)));
    };
    let was_killed = output.status.code().is_none();
    if was_killed == (who == "warden") {
        return Err(format!("the wrong one died: {}", said(&output)));
    }
    if who == "warden" && output.status.code() != Some(0) {
        return Err(format!("a run that lost its warden goes on and holds: {}", said(&output)));
    }
    if who == "both" {
        // S1: nobody is left, so the next command undoes.
        let recovered = squall.run(["recover"]);
        if !recovered.status.success() {
            return Err(format!("recover: {}", said(&recovered)));
        }
    }
    wait::until("the journal is closed", CLEAN_WITHIN, || {
        Journal::peek(&run.journal()).ok().filter(squall_engine::journal::Ledger::is_closed)
    });
    Ok(run)
}

// The run's own services, from the first debt that is written to the last that is paid.
#[test]
fn services_of_the_run_leave_nothing() {
    matrix_of("inject: { process-pause: {} }, on: { service: own }", "", false, true);
}

#[test]
fn process_kill_leaves_nothing() {
    matrix("inject: { process-kill: { signal: KILL } }, on: { service: victim }", false, false);
}

#[test]
fn process_pause_by_signal_leaves_nothing() {
    matrix("inject: { process-pause: {} }, on: { service: victim }", false, true);
}

// E7: the second stage of a rollout, after the first was only said.
#[test]
fn a_stage_of_a_rollout_leaves_nothing() {
    let fault = "inject: { process-pause: {} }, on: { service: victim }";
    matrix_of(fault, ":broken (stage 2)", false, true);
}

#[test]
fn process_pause_by_freezer_leaves_nothing() {
    matrix("inject: { process-pause: { by: freezer } }, on: { service: victim }", false, true);
}

#[test]
fn cpu_stress_leaves_nothing() {
    matrix("inject: { cpu-stress: { percent: 20 %, workers: 1 } }", false, true);
}

#[test]
fn memory_pressure_leaves_nothing() {
    matrix("inject: { memory-pressure: { amount: 32 MiB } }", false, true);
}

#[test]
fn disk_fill_leaves_nothing() {
    matrix("inject: { disk-fill: { path: DIR/disk, amount: 100 % } }", true, true);
}

#[test]
fn inode_exhaustion_leaves_nothing() {
    matrix("inject: { inode-exhaustion: { path: DIR/disk, percent: 10 % } }", true, true);
}

#[test]
fn port_exhaustion_leaves_nothing() {
    // Below the ports that the kernel hands out, so that no other test wants one of them.
    matrix("inject: { port-exhaustion: { first: 23017, last: 23056 } }", false, true);
}

#[test]
fn fd_exhaustion_leaves_nothing() {
    matrix("inject: { fd-exhaustion: { percent: 100 % } }, on: { service: victim }", false, true);
}

#[test]
fn pid_exhaustion_leaves_nothing() {
    matrix("inject: { pid-exhaustion: { spare: 0 } }, on: { service: victim }", false, true);
}

#[test]
fn cgroup_limit_leaves_nothing() {
    let fault = "inject: { cgroup-limit: { cpu: 50 %, memory: 64 MiB, pids: 20 } }, on: { service: victim }";
    matrix(fault, false, true);
}

#[test]
fn service_stop_leaves_nothing() {
    matrix("inject: { service-stop: {} }, on: { service: own }", false, true);
}

#[test]
fn service_kill_leaves_nothing() {
    matrix("inject: { service-kill: {} }, on: { service: victim }", false, false);
}

#[test]
fn service_restart_leaves_nothing() {
    matrix("inject: { service-restart: {} }, on: { service: own }", false, true);
}

#[test]
fn service_scale_leaves_nothing() {
    matrix("inject: { service-scale: { to: 5 } }, on: { service: own }", false, true);
}

#[test]
fn command_leaves_nothing() {
    let fault = "inject: { command: { inject: [touch, DIR/files/broken], undo: [rm, DIR/files/broken], \
                 check: [test, -e, DIR/files/broken] } }";
    matrix(fault, false, true);
}

/// What is done to the traffic of each protocol.
const TRAFFIC: [&str; 7] = [
    "inject: { tcp: { delay: 1ms } }",
    "inject: { udp: { delay: 1ms } }",
    "inject: { http: { delay: 1ms } }",
    "inject: { websocket: { delay: 1ms } }",
    "inject: { redis: { delay: 1ms } }",
    "inject: { postgres: { delay: 1ms } }",
    "inject: { tls: { certificate: none, upstream: { plain: {} } } }",
];

/// Faults on all protocols together, at a proxy that was there before, for so many seconds.
fn on_traffic(traffic: &Traffic, seconds: u32) -> String {
    let (mut services, mut faults) = (String::new(), String::new());
    for (protocol, fault) in PROTOCOLS.iter().zip(TRAFFIC) {
        let api = traffic.standing().api(protocol).api;
        writeln!(services, "    {protocol}: {{ find: {{ elsewhere: {{}} }}, proxy: {{ api: '{api}' }} }}")
            .unwrap();
        writeln!(
            faults,
            "  {protocol}: {{ {fault}, on: {{ service: {protocol} }}, at: 50ms, for: {seconds}s }}"
        )
        .unwrap();
    }
    format!(
        "name: crash\ntarget:\n  name: stage\n  services:\n{services}\
         steady:\n  every: 50ms\n  measures:\n    any: {{ tcp: '127.0.0.1:{}', expect: present }}\n\
         baseline: 150ms\nduration: {}s\nfaults:\n{faults}recovery: {{ within: 5s, steady-for: 50ms }}\n",
        traffic.standing().port("tcp"),
        seconds + 1
    )
}

/// The proxy ends a toxic with its window by itself. Whoever is killed before that leaves a window that outlives the
/// test: only an undo can have ended it.
fn seconds_of(who: &str, boundary: Boundary) -> u32 {
    let is_early = matches!(
        boundary,
        Boundary::BeforeOwed | Boundary::AfterOwed | Boundary::AfterChange | Boundary::AfterEffect
    );
    if is_early && who != "warden" { 600 } else { 2 }
}

// F16 to F20: the faults on all protocols are on together, at a proxy that outlives the run, and the kill comes at
// the boundaries of one after the other. None of their toxics stays.
#[test]
fn faults_on_traffic_leave_nothing() {
    let traffic = Traffic::new();
    let mut turn = PROTOCOLS.iter().cycle();
    table("all protocols at once", |who, boundary| {
        let squall = Squall::new();
        squall.file("crash.yaml", &on_traffic(&traffic, seconds_of(who, boundary)));
        let protocol = turn.next().unwrap();
        let run = killed(&squall, &format!("{who}@{boundary}:{protocol}"))?;
        let mut found = left::of_run(&run);
        found.extend(traffic.standing().toxics().into_iter().filter(|toxics| toxics != "[]"));
        if found.is_empty() { Ok(()) } else { Err(format!("{protocol}: {}", found.join(", "))) }
    });
}

// Whoever adds a fault adds it here.
#[test]
fn every_fault_is_in_the_matrix() {
    let own = include_str!("crash.rs");
    let missing: Vec<&str> =
        Fault::KINDS.into_iter().filter(|kind| !own.contains(&format!("inject: {{ {kind}: {{"))).collect();
    assert!(missing.is_empty(), "not in the crash matrix: {missing:?}");
}
