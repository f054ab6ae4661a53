//! Reports each finished task to a service outside.
//!
//! ```text
//!   queue --events after the note--> relay --POST--> outside service
//!     ^                                |  no answer, 5xx, 429: again, later and later
//!     +--note: everything before is reported
//! ```
//!
//! The queue's events are the outbox: an event is written with the change that it tells of, so a task that is done
//! has its report waiting, whoever is killed in between. Each report arrives at least once; those that arrive again
//! have the same `idempotency-key`. While the service is slow or gone the tasks go on, and the reports wait.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use futures_util::stream::{FuturesUnordered, StreamExt};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::error::with_causes;
use crate::metrics::{self, RelayMetrics};
use crate::post::{Endpoint, Post};
use crate::queue::Clerk;
use crate::stop::Stop;
use crate::{Access, Cursor, Event, Happened, LabError, Location, QueueError, Tag, backoff, duration};

/// A queue that is gone may come back within this time.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two looks for new events, and after the queue did not answer.
const PAUSE: Duration = Duration::from_millis(100);
/// Events that are read together. The note moves when all of them are reported.
const TOGETHER: u32 = 100;
/// After SIGTERM, reports that are on their way have this long.
const GRACE: Duration = Duration::from_secs(5);

/// What `relay` takes.
#[derive(Debug, Args)]
pub struct RelayArgs {
    /// The queue: FILE, redis://HOST:PORT/NUMBER or postgres://USER@HOST:PORT/NAME
    #[arg(long, alias = "db", value_name = "QUEUE")]
    pub queue: Location,
    /// The service: each finished task is sent to it with POST
    #[arg(long, value_name = "URL")]
    pub to: Endpoint,
    /// The queue remembers under this name how far the reports are; each service has its own
    #[arg(long, default_value = "outside")]
    pub name: Tag,
    /// A report has this long to be answered
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse_some)]
    pub timeout: Duration,
    /// Reports that may be on their way at the same time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub concurrency: u16,
    /// Serve metrics at this address; port 0 lets the kernel choose
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub metrics: Option<SocketAddr>,
}

/// What is sent.
#[derive(Debug, Serialize)]
struct Report<'a> {
    task: i64,
    tag: &'a str,
    kind: &'a str,
    /// `done` or `dead`.
    ended: &'a str,
    attempt: u32,
    late: bool,
    at_ms: crate::Millis,
}

struct Relay<'a> {
    queue: Clerk,
    note: String,
    to: Endpoint,
    timeout: Duration,
    concurrency: usize,
    post: Post,
    metrics: RelayMetrics,
    /// Whether the service did not take the last report.
    failing: Cell<bool>,
    /// Whether the relay is to end.
    asked: Cell<bool>,
    out: RefCell<&'a mut dyn Write>,
}

/// Reports until SIGTERM or SIGINT. What was not reported then is reported by the next relay.
pub(crate) async fn relay(args: RelayArgs, out: &mut dyn Write) -> Result<(), LabError> {
    let mut stop = Stop::new()?;
    let relay = Relay {
        queue: Clerk::start(args.queue, Access::Work)?,
        note: format!("relay:{}", args.name.as_str()),
        to: args.to,
        timeout: args.timeout,
        concurrency: args.concurrency.into(),
        post: Post::new(),
        metrics: RelayMetrics::new(),
        failing: Cell::new(false),
        asked: Cell::new(false),
        out: RefCell::new(out),
    };
    if let Some(address) = args.metrics {
        let address = metrics::serve(address, relay.metrics.registry())?;
        relay.say(&format!("metrics on {address}"));
    }
    relay.say("ready");
    let asked = async {
        stop.asked().await;
        relay.asked.set(true);
        sleep(GRACE).await;
    };
    let ended = tokio::select! {
        ended = relay.follow() => ended,
        () = asked => Ok(()),
    };
    relay.say("stopped");
    ended
}

impl Relay<'_> {
    async fn follow(&self) -> Result<(), LabError> {
        let mut unreachable: Option<Instant> = None;
        while !self.asked.get() {
            match self.round().await {
                Ok(Progress::Some) => unreachable = None,
                Ok(Progress::None) => {
                    unreachable = None;
                    sleep(PAUSE).await;
                }
                Err(source) => {
                    if unreachable.is_none() {
                        self.say(&format!("could not {}", with_causes(&source)));
                    }
                    let since = *unreachable.get_or_insert_with(Instant::now);
                    if source.is_lasting() && since.elapsed() >= PATIENCE {
                        return Err(LabError::QueueLost { seconds: since.elapsed().as_secs(), source });
                    }
                    sleep(PAUSE).await;
                }
            }
        }
        Ok(())
    }

    /// Reads on, reports, notes.
    async fn round(&self) -> Result<Progress, QueueError> {
        let name = self.note.clone();
        let read = self.queue.ask(move |queue| {
            let note = queue.note(&name)?;
            let place = note.clone().map(Cursor).unwrap_or_default();
            Ok((note, queue.events(&place, TOGETHER)?))
        });
        let (note, events) = read.await?;
        let Some(last) = events.last() else {
            self.metrics.waiting(None);
            return Ok(Progress::None);
        };
        let ended = |event: &&Event| matches!(event.happened, Happened::Done | Happened::Dead);
        let mut waiting = events.iter().filter(ended);
        let mut sending = FuturesUnordered::new();
        sending.extend(waiting.by_ref().take(self.concurrency).map(|event| self.deliver(event)));
        while sending.next().await.is_some() {
            sending.extend(waiting.next().map(|event| self.deliver(event)));
        }
        let (name, place) = (self.note.clone(), last.cursor.0.clone());
        let noted = self.queue.ask(move |queue| queue.set_note(&name, note.as_deref(), &place)).await?;
        if !noted {
            self.say("another relay of this name is at work: reports may arrive twice");
        }
        Ok(Progress::Some)
    }

    /// Sends until it is taken; what the service refuses for good is given up and said.
    async fn deliver(&self, event: &Event) {
        let report = Report {
            task: event.task.0,
            tag: &event.tag,
            kind: &event.kind,
            ended: event.happened.name(),
            attempt: event.attempt,
            late: event.late,
            at_ms: event.at_ms,
        };
        let message = serde_json::to_vec(&report).expect("a report is plain data");
        let key = format!("task-{}-{}-{}", event.task.0, event.happened.name(), event.attempt);
        let mut dice = SmallRng::seed_from_u64(event.task.0.cast_unsigned());
        let mut failures = 0;
        loop {
            self.metrics.waiting(Some(event.at_ms));
            match self.post.send(&self.to, &key, message.clone(), self.timeout).await {
                Ok(()) => {
                    self.metrics.delivered();
                    if self.failing.replace(false) {
                        self.say("reports arrive again");
                    }
                    return;
                }
                Err(failed) if failed.is_final() => {
                    self.metrics.refused();
                    self.say(&format!("gives the report of task {} up: could not {failed}", event.task.0));
                    return;
                }
                Err(failed) => {
                    self.metrics.failed();
                    if !self.failing.replace(true) {
                        self.say(&format!("could not {failed}; reports wait"));
                    }
                    failures += 1;
                    sleep(backoff::wait(failures, backoff::share(&mut dice))).await;
                }
            }
        }
    }

    /// A closed output must not stop the reports.
    fn say(&self, what: &str) {
        let mut out = self.out.borrow_mut();
        let _ = writeln!(out, "relay: {what}").and_then(|()| out.flush());
    }
}

enum Progress {
    Some,
    None,
}
