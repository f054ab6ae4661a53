//! A run whose fault is on.

use std::process::{Child, ExitStatus};
use std::time::Duration;

use squall_e2e::binary::Squall;
use squall_e2e::victim::Victim;
use squall_e2e::{left, wait};
use squall_engine::home::RunDir;
use squall_host::process::{Process, State};
use squall_host::signal::Signal;

pub(crate) const SOON: Duration = Duration::from_secs(10);

/// An experiment that pauses the victim for a minute, with services of its own.
pub(crate) fn long(victim: &Victim) -> String {
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

pub(crate) struct Stage {
    pub(crate) squall: Squall,
    pub(crate) victim: Victim,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let squall = Squall::new();
        let victim = Victim::start();
        squall.file("long.yaml", &long(&victim));
        Self { squall, victim }
    }

    /// Starts the run and waits until its fault is on.
    pub(crate) fn broken(&self) -> (Child, RunDir) {
        let child = self.squall.start(["run", "long.yaml"]);
        wait::until("the victim is stopped", SOON, || self.is_stopped().then_some(()));
        let run = self.squall.runs().pop().unwrap();
        wait::until("the fault is on record", SOON, || {
            let text = std::fs::read_to_string(run.record()).ok()?;
            text.contains("\"fault-injected\"").then_some(())
        });
        (child, run)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.victim.process().state().unwrap() == Some(State::Stopped)
    }

    pub(crate) fn is_clean(&self, run: &RunDir) {
        assert!(!self.is_stopped(), "the victim is still stopped");
        assert_eq!(left::of_run(run), Vec::<String>::new());
    }
}

pub(crate) fn send(child: &Child, signal: Signal) {
    Process::of(child.id()).unwrap().unwrap().signal(signal).unwrap();
}

pub(crate) fn ended(child: &mut Child) -> ExitStatus {
    wait::until("the run ends", SOON, || child.try_wait().unwrap())
}
