//! Following the queue's events: the bus between the parts of the lab, and what the breakers are computed from.
//!
//! ```text
//!   queue --events after a cursor--> watch --fold--> breakers --> api: refuses types; worker: does not claim them
//!                                      |                  |
//!                                      |                  +--changes--> /events
//!                                      +--note "breakers": what is not closed, for processes that start later
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use tokio::sync::broadcast;
use tokio::time::{MissedTickBehavior, interval};

use crate::breaker::{Admission, BreakerChange, BreakerView, Breakers, Fact, Thresholds};
use crate::queue::Clerk;
use crate::{Cursor, Event, Happened, Millis, Queue, QueueError, duration};

/// Pause between two looks for new events.
const PAUSE: Duration = Duration::from_millis(50);
/// Events in one look.
const AT_ONCE: u32 = 1000;
/// Changes that a follower may be behind before it misses some.
const BEHIND: usize = 256;
/// Under this name the queue keeps the breakers that are not closed.
const NOTE: &str = "breakers";

/// The breakers of a process. All processes of one lab should be given the same.
#[derive(Debug, Clone, Args)]
pub struct BreakerArgs {
    /// Open the breaker of a type of task after so many failures in a row. Not given: there are no breakers
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub breaker_failures: Option<u32>,
    /// An open breaker lets one attempt through after this time, which closes it or opens it again
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration::parse_some)]
    pub breaker_cool_down: Duration,
}

impl BreakerArgs {
    /// When breakers open and close, where there are some.
    pub(crate) fn thresholds(&self) -> Option<Thresholds> {
        let cool_down = self.breaker_cool_down;
        self.breaker_failures.map(|failures| Thresholds { failures, cool_down })
    }
}

/// The breakers as this process knows them. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Watch {
    breakers: Arc<Mutex<Breakers>>,
    begun: Arc<AtomicBool>,
    changes: broadcast::Sender<BreakerChange>,
}

impl Watch {
    /// Begins to follow the queue; it goes on until the process ends, also while the queue does not answer.
    pub(crate) fn start(queue: Clerk, thresholds: Thresholds) -> Self {
        let breakers = Arc::new(Mutex::new(Breakers::new(thresholds)));
        let begun = Arc::new(AtomicBool::new(false));
        let watch = Self { breakers, begun, changes: broadcast::channel(BEHIND).0 };
        tokio::spawn(watch.clone().follow(queue));
        watch
    }

    /// What may be done with this type now.
    pub(crate) fn admission(&self, kind: &str) -> Admission {
        self.with(|breakers| breakers.admission(kind, Millis::now()))
    }

    /// The types of which not every attempt may start now; none while the queue has not been asked what was open
    /// before this process began.
    pub(crate) fn held(&self) -> Option<Vec<(String, Admission)>> {
        let held = |breakers: &mut Breakers| {
            breakers.held(Millis::now()).map(|(kind, admission)| (kind.to_owned(), admission)).collect()
        };
        self.begun.load(Ordering::Relaxed).then(|| self.with(held))
    }

    /// All breakers.
    pub(crate) fn view(&self) -> Vec<BreakerView> {
        self.with(|breakers| breakers.view(Millis::now()))
    }

    /// The changes from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<BreakerChange> {
        self.changes.subscribe()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Breakers) -> T) -> T {
        work(&mut self.breakers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn follow(self, queue: Clerk) {
        let mut ticks = interval(PAUSE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut place: Option<Cursor> = None;
        loop {
            ticks.tick().await;
            // Whoever asks the queue for tasks says that it does not answer; here it is only tried again.
            let Some(after) = place.clone() else {
                if let Ok((cursor, kept)) = queue.ask(begin).await {
                    self.with(|breakers| breakers.restore(&kept));
                    self.begun.store(true, Ordering::Relaxed);
                    place = Some(cursor);
                }
                continue;
            };
            match queue.ask(move |queue| queue.events(&after, AT_ONCE)).await {
                Ok(events) => {
                    if let Some(last) = events.last() {
                        place = Some(last.cursor.clone());
                    }
                    if self.fold(&events) {
                        let open = self.with(|breakers| breakers.kept());
                        let _ = queue.ask(move |queue| keep(queue, &open)).await;
                    }
                    if events.len() == AT_ONCE as usize {
                        ticks.reset_immediately();
                    }
                }
                // Another queue has taken the place of the one that was followed.
                Err(error) if error.is_lasting() => place = None,
                Err(_) => {}
            }
        }
    }

    /// Whether a breaker changed.
    fn fold(&self, events: &[Event]) -> bool {
        let mut changed = false;
        for event in events {
            let attempt = (event.task, event.attempt);
            let fact = match event.happened {
                Happened::Started => Fact::Started(attempt),
                Happened::Done => Fact::Succeeded(attempt),
                Happened::Failed | Happened::Dead => Fact::Failed(attempt),
                Happened::Queued | Happened::Released | Happened::Replayed | Happened::Purged => continue,
            };
            if let Some(change) = self.with(|breakers| breakers.observe(&event.kind, fact, event.at_ms)) {
                changed = true;
                // Nobody may be following.
                let _ = self.changes.send(change);
            }
        }
        changed
    }
}

/// Where to begin, and the breakers that were not closed then. A change between the two looks is made up for by the
/// next probe.
fn begin(queue: &mut dyn Queue) -> Result<(Cursor, BTreeMap<String, Millis>), QueueError> {
    let cursor = queue.newest()?;
    let kept = queue.note(NOTE)?.and_then(|note| serde_json::from_str(&note).ok()).unwrap_or_default();
    Ok((cursor, kept))
}

/// Every process writes the same after the same events; whose write is the last does not matter.
fn keep(queue: &mut dyn Queue, open: &BTreeMap<String, Millis>) -> Result<(), QueueError> {
    let value = serde_json::to_string(open).expect("a map of numbers");
    let believed = queue.note(NOTE)?;
    if believed.as_deref() != Some(value.as_str()) {
        queue.set_note(NOTE, believed.as_deref(), &value)?;
    }
    Ok(())
}
