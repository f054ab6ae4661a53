//! The load of a run: started before the baseline, sampled for every reader at its own pace, stopped at the end.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use squall_load::{Load, Sample};
use squall_model::event::{EventKind, LoadSample};
use squall_model::latency::LatencyText;
use squall_model::load;
use squall_model::load::LoadTarget;
use squall_model::unit::Span;
use squall_probe::LoadCursor;

use super::Run;
use crate::load::{Stage, settings};
use crate::reason::reason;

/// The load, where there is one.
#[derive(Clone, Default)]
pub(super) struct Pressure(Rc<RefCell<Option<Book>>>);

struct Book {
    load: Load,
    /// What each reader has not seen yet. The readers hold them; who is gone is forgotten.
    unseen: Vec<Weak<RefCell<Sample>>>,
}

/// Between two samples for the record.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Starts the load of a plan, and waits until it is warm.
pub(super) async fn start(run: &Rc<Run>, load: &load::Load) -> Result<(), String> {
    let mark = format!("{}/load", run.id);
    if matches!(load.target, LoadTarget::Command { .. }) {
        // Its programs carry this mark, so that none of them outlives the run.
        run.hand.owe_mark(&mark)?;
    }
    let stage = Stage {
        fill: &|template| run.filling.fill(template).map_err(|error| reason(&error)),
        variables: vec![(squall_host::mark::VARIABLE.to_owned(), mark)],
        seed: run.plan.seed,
    };
    let started = Load::start(settings(load, &stage)?).map_err(|error| reason(&error))?;
    *run.pressure.0.borrow_mut() = Some(Book { load: started, unseen: Vec::new() });
    tokio::time::sleep(load.warm_up.0).await;
    let (pressure, inbox) = (run.pressure.clone(), run.inbox.clone());
    tokio::task::spawn_local(async move {
        let mut cursor = LoadCursor::default();
        let _ = pressure.since(&mut cursor);
        let mut seconds = tokio::time::interval(TELL_EVERY);
        seconds.tick().await;
        loop {
            seconds.tick().await;
            let Some(sample) = pressure.since(&mut cursor) else { return };
            inbox.tell(EventKind::LoadSampled(Box::new(for_the_record(&sample))));
        }
    });
    Ok(())
}

impl Pressure {
    /// What the load did since the cursor's last sample. Each cursor sees everything once.
    pub(super) fn sample(&self, since: &mut LoadCursor) -> Option<LoadSample> {
        self.since(since).map(|sample| figures(&sample))
    }

    fn since(&self, since: &mut LoadCursor) -> Option<Sample> {
        let mut book = self.0.borrow_mut();
        let book = book.as_mut()?;
        let sample = book.load.sample();
        book.unseen.retain(|unseen| match unseen.upgrade() {
            Some(unseen) => {
                unseen.borrow_mut().merge(&sample);
                true
            }
            None => false,
        });
        let next = Rc::new(RefCell::new(Sample::default()));
        book.unseen.push(Rc::downgrade(&next));
        let seen: Option<Rc<RefCell<Sample>>> = since.replace(next);
        // A reader that begins now has seen nothing yet.
        Some(
            seen.map_or_else(
                || Sample { in_flight: sample.in_flight, ..Sample::default() },
                |seen| seen.take(),
            ),
        )
    }

    /// Ends it.
    pub(super) fn stop(&self) {
        drop(self.0.borrow_mut().take());
    }
}

fn figures(sample: &Sample) -> LoadSample {
    let mut failed: BTreeMap<String, u64> = BTreeMap::new();
    for (failure, count) in &sample.failures {
        *failed.entry(failure.to_string()).or_default() += count;
    }
    let quantile = |quantile| sample.latency.quantile(quantile).map(|latency| latency.as_secs_f64());
    LoadSample {
        over: Span(sample.over),
        due: sample.due,
        sent: sample.sent,
        ok: sample.ok,
        failed,
        late: sample.late,
        retried: sample.retried,
        in_flight: sample.in_flight as u64,
        p50: quantile(0.50),
        p95: quantile(0.95),
        p99: quantile(0.99),
        latency: None,
    }
}

fn for_the_record(sample: &Sample) -> LoadSample {
    let latency =
        (sample.latency.count() > 0).then(|| LatencyText(STANDARD.encode(sample.latency.to_bytes())));
    LoadSample { latency, ..figures(sample) }
}
