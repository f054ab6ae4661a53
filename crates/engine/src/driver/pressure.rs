//! The load of a run: started before the baseline, sampled for every reader at its own pace, stopped at the end.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::time::Duration;

use squall_load::{HttpTarget, Latencies, Load, Pattern, PerSecond, Sample, Settings, Target};
use squall_model::event::{EventKind, LoadSample};
use squall_model::load;
use squall_probe::LoadCursor;

use super::Run;
use crate::reason::reason;

/// The load, where there is one.
#[derive(Clone, Default)]
pub(super) struct Pressure(Rc<RefCell<Option<Book>>>);

struct Book {
    load: Load,
    /// Samples that somebody may not have seen yet, and how many came before them.
    recent: VecDeque<Sample>,
    dropped: u64,
}

/// Nobody reads more seldom than this many samples apart.
const KEPT: usize = 10_000;
/// Between two samples for the record.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Starts the load of a plan.
pub(super) fn start(run: &Rc<Run>, load: &load::Load) -> Result<(), String> {
    let load = Load::start(settings(run, load)?);
    *run.pressure.0.borrow_mut() = Some(Book { load, recent: VecDeque::new(), dropped: 0 });
    let (pressure, inbox) = (run.pressure.clone(), run.inbox.clone());
    tokio::task::spawn_local(async move {
        let mut cursor = LoadCursor::default();
        let _ = pressure.sample(&mut cursor);
        let mut seconds = tokio::time::interval(TELL_EVERY);
        seconds.tick().await;
        loop {
            seconds.tick().await;
            let Some(sample) = pressure.sample(&mut cursor) else { return };
            inbox.tell(EventKind::LoadSampled(sample));
        }
    });
    Ok(())
}

fn settings(run: &Run, load: &load::Load) -> Result<Settings, String> {
    let fill = |template| run.filling.fill(template).map_err(|error| reason(&error));
    let load::Pattern::Constant(rate) = load.pattern;
    let mut target = HttpTarget::new(&load.method, &fill(&load.url)?).map_err(|error| reason(&error))?;
    for header in &load.headers {
        target = target.header(&header.name, &fill(&header.value)?).map_err(|error| reason(&error))?;
    }
    if let Some(body) = &load.body {
        target = target.body(&fill(body)?);
    }
    let rate = PerSecond::new(rate.0).map_err(|error| reason(&error))?;
    let mut settings = Settings::new(Target::Http(target), Pattern::Constant(rate));
    settings.timeout = load.timeout.0;
    settings.max_total = load.max_total;
    settings.max_in_flight = NonZeroUsize::new(load.max_in_flight as usize).ok_or("max-in-flight is 0")?;
    Ok(settings)
}

impl Pressure {
    /// What the load did since the cursor's last sample. Each cursor sees everything once.
    pub(super) fn sample(&self, since: &mut LoadCursor) -> Option<LoadSample> {
        let mut book = self.0.borrow_mut();
        let book = book.as_mut()?;
        book.recent.push_back(book.load.sample());
        if book.recent.len() > KEPT {
            book.recent.pop_front();
            book.dropped += 1;
        }
        let end = book.dropped + book.recent.len() as u64;
        let begin = since.replace(end).unwrap_or(end).max(book.dropped) - book.dropped;
        Some(merge(book.recent.iter().skip(begin as usize), book.recent.back()))
    }

    /// Ends it.
    pub(super) fn stop(&self) {
        drop(self.0.borrow_mut().take());
    }
}

fn merge<'a>(samples: impl Iterator<Item = &'a Sample>, last: Option<&Sample>) -> LoadSample {
    let mut merged =
        LoadSample { in_flight: last.map_or(0, |last| last.in_flight as u64), ..LoadSample::default() };
    let mut latency = Latencies::default();
    let mut failed: BTreeMap<String, u64> = BTreeMap::new();
    for sample in samples {
        merged.sent += sample.sent;
        merged.ok += sample.ok;
        for (failure, count) in &sample.failures {
            *failed.entry(failure.to_string()).or_default() += count;
        }
        latency.merge(&sample.latency);
    }
    merged.failed = failed;
    let quantile = |quantile| latency.quantile(quantile).map(|latency| latency.as_secs_f64());
    (merged.p50, merged.p95, merged.p99) = (quantile(0.50), quantile(0.95), quantile(0.99));
    merged
}
