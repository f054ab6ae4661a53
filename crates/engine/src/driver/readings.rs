//! Reading every measure and the ledger, each at its own interval, without drifting.

use std::rc::Rc;
use std::time::Duration;

use squall_model::conservation::{Account, Conservation};
use squall_model::event::{Offset, Reading};
use squall_model::id::ProcessRef;
use squall_model::measure::{CgroupFact, Measure, Outcome, Probe, ProcessFact};
use squall_model::name::Name;
use squall_model::plan::Group;
use squall_probe::{Ledger, ProbeError, Prober};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::Run;
use super::surroundings::Known;
use crate::machine::Input;
use crate::reason::reason;

/// The tasks that read.
#[derive(Default)]
pub(super) struct Readers {
    ledger: Option<JoinHandle<()>>,
    /// By the name of the measure.
    measures: Vec<(String, JoinHandle<()>)>,
}

impl Readers {
    pub(super) fn stop(&mut self) {
        for (_, reader) in self.measures.drain(..) {
            reader.abort();
        }
        if let Some(ledger) = self.ledger.take() {
            ledger.abort();
        }
    }

    /// Stops all but those that the account needs.
    pub(super) fn keep_for(&mut self, book: Option<&Conservation>) {
        let is_needed = |name: &String| match book.map(|book| &book.account) {
            Some(Account::Measures(figures)) => figures.values().any(|measure| measure == name),
            _ => false,
        };
        self.measures.retain(|(name, reader)| {
            let needed = is_needed(name);
            if !needed {
                reader.abort();
            }
            needed
        });
    }
}

/// First readings are spread over this much, so that a thousand probes do not start at the same instant.
const SPREAD: Duration = Duration::from_secs(1);

/// Starts a task for each measure, for each instance of one that is read so, and for the ledger.
pub(super) fn start(run: &Rc<Run>) -> Readers {
    let known = Known::of(run);
    let series = run.plan.series();
    let count = series.len().max(1) as u32;
    let begin = Instant::now();
    let mut readers = Readers::default();
    let mut number = 0;
    let mut before = None;
    for (measure, instance) in series {
        // The instances of one measure are read at the same time, so that they can be compared.
        if before != Some(&measure.name) {
            before = Some(&measure.name);
            number += 1;
        }
        let spread = SPREAD.min(measure.every.0) * (number - 1) / count;
        // What counts since the reading before has nothing to say at once.
        let first = if counts_since(measure) { measure.every.0 } else { spread };
        let times = times(begin + first, measure.every.0);
        let known = match (&measure.each, instance) {
            (Some(service), Some(instance)) => known.of_instance(service, instance),
            (None, Some(name)) => {
                let is_named = |group: &Group| group.of_traffic() == name;
                let group = [Group::Hit, Group::Control].into_iter().find(is_named);
                group.map_or_else(|| Rc::clone(&known), |group| known.of_group(group))
            }
            _ => Rc::clone(&known),
        };
        let instance = instance.map(str::to_owned);
        let task = tokio::task::spawn_local(read(Rc::clone(run), measure.clone(), instance, known, times));
        readers.measures.push((measure.name.clone(), task));
    }
    if let Some(Account::Ledger { run: argv, figures, every, timeout }) =
        run.plan.conservation.as_ref().map(|book| &book.account)
    {
        match Ledger::new(argv, figures, timeout.0, known) {
            Ok(ledger) => {
                let task = keep_looking(Rc::clone(run), ledger, times(begin, every.0));
                readers.ledger = Some(tokio::task::spawn_local(task));
            }
            Err(error) => {
                run.inbox
                    .input(Input::Failed { why: format!("the ledger cannot be read: {}", reason(&error)) });
            }
        }
    }
    readers
}

fn times(first: Instant, every: Duration) -> Interval {
    let mut times = interval_at(first, every);
    times.set_missed_tick_behavior(MissedTickBehavior::Skip);
    times
}

fn counts_since(measure: &Measure) -> bool {
    match &measure.probe {
        Probe::Load(_) | Probe::Log { .. } | Probe::Traffic { .. } => true,
        Probe::Process { fact, .. } => *fact == ProcessFact::Cpu,
        Probe::Cgroup { fact, .. } => *fact == CgroupFact::Cpu,
        _ => false,
    }
}

async fn read(
    run: Rc<Run>,
    measure: Measure,
    instance: Option<String>,
    known: Rc<Known>,
    mut times: Interval,
) {
    let mut source = match Source::new(&measure, known) {
        Ok(source) => source,
        Err(error) => {
            let why = format!("{} cannot be read: {}", measure.name, reason(&error));
            return run.inbox.input(Input::Failed { why });
        }
    };
    let (name, instance) = (Name::from(measure.name.as_str()), instance.map(Name::from));
    source.begin().await;
    loop {
        times.tick().await;
        let asked: Offset = run.now();
        let outcome = source.read(&measure).await;
        let (measure, instance) = (name.clone(), instance.clone());
        run.inbox.input(Input::Read(Reading { measure, instance, outcome, asked }));
    }
}

async fn keep_looking(run: Rc<Run>, mut ledger: Ledger, mut times: Interval) {
    loop {
        times.tick().await;
        let asked: Offset = run.now();
        let read = ledger.read().await;
        run.inbox.input(Input::Ledger { asked, read });
    }
}

/// Where a series of readings comes from.
enum Source {
    /// The same all the time.
    Fixed(Prober),
    /// It names the process id of an instance, which may be started again.
    OfProcess { known: Rc<Known>, last: Option<(ProcessRef, Prober)> },
}

impl Source {
    fn new(measure: &Measure, known: Rc<Known>) -> Result<Self, ProbeError> {
        // The one form in which every text of every probe can be looked at.
        let written = serde_json::to_string(&measure.probe).unwrap_or_default();
        if written.contains("{pid}") {
            return Ok(Self::OfProcess { known, last: None });
        }
        Prober::new(measure, known).map(Self::Fixed)
    }

    /// What counts since the reading before begins to count.
    async fn begin(&mut self) {
        if let Self::Fixed(prober) = self {
            prober.begin().await;
        }
    }

    async fn read(&mut self, measure: &Measure) -> Outcome {
        match self {
            Self::Fixed(prober) => prober.read().await,
            Self::OfProcess { known, last } => {
                let Some(process) = known.own_process() else {
                    *last = None;
                    return Outcome::Unreadable("the instance has no process".to_owned());
                };
                if last.as_ref().is_none_or(|(before, _)| *before != process) {
                    match Prober::new(measure, Rc::<Known>::clone(known)) {
                        Ok(prober) => *last = Some((process, prober)),
                        Err(error) => return Outcome::Unreadable(reason(&error)),
                    }
                }
                match last {
                    Some((_, prober)) => prober.read().await,
                    None => Outcome::Unreadable("the instance has no process".to_owned()),
                }
            }
        }
    }
}
