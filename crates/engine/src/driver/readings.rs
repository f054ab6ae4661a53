//! Reading every measure at its own interval, without drifting.

use std::rc::Rc;
use std::time::Duration;

use squall_model::event::{Offset, Reading};
use squall_model::measure::{CgroupFact, Measure, Outcome, Probe, ProcessFact};
use squall_probe::Prober;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::Run;
use super::surroundings::Known;
use crate::machine::Input;
use crate::reason::reason;

/// The tasks that read.
#[derive(Default)]
pub(super) struct Readers(Vec<JoinHandle<()>>);

impl Readers {
    pub(super) fn stop(&mut self) {
        for reader in self.0.drain(..) {
            reader.abort();
        }
    }
}

/// First readings are spread over this much, so that a thousand probes do not start at the same instant.
const SPREAD: Duration = Duration::from_secs(1);

/// Starts a task for each measure.
pub(super) fn start(run: &Rc<Run>) -> Readers {
    let known = Known::of(run);
    let count = run.plan.measures.len().max(1) as u32;
    let begin = Instant::now();
    let readers = run.plan.measures.iter().zip(0_u32..).map(|(measure, number)| {
        let spread = SPREAD.min(measure.every.0) * number / count;
        // What counts since the reading before has nothing to say at once.
        let first = if counts_since(measure) { measure.every.0 } else { spread };
        tokio::task::spawn_local(read(Rc::clone(run), measure.clone(), Rc::clone(&known), begin + first))
    });
    Readers(readers.collect())
}

fn counts_since(measure: &Measure) -> bool {
    match &measure.probe {
        Probe::Load(_) | Probe::Log { .. } => true,
        Probe::Process { fact, .. } => *fact == ProcessFact::Cpu,
        Probe::Cgroup { fact, .. } => *fact == CgroupFact::Cpu,
        _ => false,
    }
}

async fn read(run: Rc<Run>, measure: Measure, known: Rc<Known>, first: Instant) {
    let mut prober = match Prober::new(&measure, known) {
        Ok(prober) => prober,
        Err(error) => {
            let why = format!("{} cannot be read: {}", measure.name, reason(&error));
            return run.inbox.input(Input::Failed { why });
        }
    };
    let mut times = interval_at(first, measure.every.0);
    times.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        times.tick().await;
        let asked: Offset = run.now();
        let outcome: Outcome = prober.read().await;
        run.inbox.input(Input::Read(Reading {
            measure: measure.name.clone(),
            instance: None,
            outcome,
            asked,
        }));
    }
}
