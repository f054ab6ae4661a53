//! Everything that a newcomer is told to run, run (U7, U8): the demo, and each file of examples/.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::{Path, PathBuf};

use squall_e2e::binary::{Squall, said};
use squall_e2e::left;
use squall_model::event::EventKind;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join("examples")
}

// U7: no set-up, under a minute, a queue that loses workers and holds, a report, and nothing left behind.
#[test]
fn the_demo_breaks_a_queue_and_shows_that_it_holds() {
    let squall = Squall::new();
    let began = squall_host::clock::since_boot();
    let output = squall.run(["demo"]);
    let took = squall_host::clock::since_boot().saturating_sub(began);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(took.as_secs() < 60, "the demo took {took:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for word in ["steady", "injected", "killed by SIGKILL", "undone", "clean", "HELD", "fault on"] {
        assert!(text.contains(word), "`{word}` is missing: {}", said(&output));
    }
    let run = squall.runs().pop().unwrap();
    let page = text.lines().find_map(|line| line.trim().strip_prefix("report ")).unwrap().trim().to_owned();
    assert!(std::fs::read_to_string(page).unwrap().contains("<svg"));
    assert_eq!(left::of_run(&run), Vec::<String>::new());
}

/// An example is carried out to its end, every fault of it with an effect and undone; what it then says of the system
/// is the system's business.
fn runs(name: &str) {
    let squall = Squall::new();
    let file = examples().join(name);
    let output = squall.run(["run", file.to_str().unwrap()]);
    assert!(matches!(output.status.code(), Some(0 | 10)), "{}", said(&output));
    let run = squall.runs().pop().unwrap();
    let record = run.read_record().unwrap();
    let count = |is: fn(&EventKind) -> bool| record.events.iter().filter(|event| is(&event.kind)).count();
    let windows: usize = record.start.plan.faults.iter().map(|fault| fault.windows.len()).sum();
    assert_eq!(count(|kind| matches!(kind, EventKind::FaultInjected { .. })), windows, "{}", said(&output));
    assert_eq!(count(|kind| matches!(kind, EventKind::FaultUndone { .. })), windows, "{}", said(&output));
    assert_eq!(left::of_run(&run), Vec::<String>::new());
}

macro_rules! examples {
    ($($test:ident: $file:literal),* $(,)?) => {
        $(#[test]
        fn $test() {
            runs($file);
        })*

        #[test]
        fn every_example_is_in_this_list() {
            let mut known = vec![$($file),*];
            known.sort_unstable();
            // Folders hold other things than experiments: `clients` is for clients.rs.
            let entries = std::fs::read_dir(examples()).unwrap().map(Result::unwrap);
            let mut found: Vec<String> = entries
                .filter(|entry| entry.file_type().unwrap().is_file())
                .map(|entry| entry.file_name().into_string().unwrap())
                .collect();
            found.sort_unstable();
            assert_eq!(found, known);
        }
    };
}

examples! {
    api_restart_runs: "api-restart.yaml",
    control_run_runs: "control-run.yaml",
    cpu_stress_runs: "cpu-stress.yaml",
    disk_fill_runs: "disk-fill.yaml",
    worker_loss_runs: "worker-loss.yaml",
    worker_pause_runs: "worker-pause.yaml",
    worker_scale_runs: "worker-scale.yaml",
}
