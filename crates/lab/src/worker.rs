//! A worker: takes tasks, does them, holds their leases meanwhile, and says how they ended.
//!
//! ```text
//!   poll --claim--> doing --------> unsettled --settle--> poll at once
//!                     |  every third of a lease: renew; a lost lease drops the work
//!                     |  its deadline: the work is cut off and rejected
//!   SIGTERM: no more claims; work that does not end within the drain time is given back
//!   no queue for 5 s, and none to be expected: the worker ends with an error
//!   a server that is down: the worker waits for it, and what ended meanwhile is settled then
//! ```

mod gate;

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use crate::error::with_causes;
use crate::metrics::{self, WorkerMetrics};
use crate::post::Post;
use crate::queue::Clerk;
use crate::stop::Stop;
use crate::watch::{BreakerArgs, Watch};
use crate::{
    Access, Claim, Kinds, LabError, Location, Millis, Outcome, QueueError, Settled, TaskId, Wanted,
    WorkFailed, duration,
};
use gate::Gate;

/// A queue that is gone may come back within this time.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause after the queue did not answer.
const PAUSE: Duration = Duration::from_millis(200);

/// What `worker` takes.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// The queue: FILE, redis://HOST:PORT/NUMBER or postgres://USER@HOST:PORT/NAME; the worker waits 5 s for it to
    /// be made, and for a server as long as it takes
    #[arg(long, alias = "db", value_name = "QUEUE")]
    pub queue: Location,
    /// Name in the queue's records; by default `worker-PID`
    #[arg(long)]
    pub name: Option<String>,
    /// Tasks that are done at the same time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub concurrency: u16,
    /// Take only tasks of this kind; more than once for more kinds
    #[arg(long, value_name = "NAME")]
    pub kind: Vec<String>,
    /// How long a task is held without a sign of life. Renewed every third of it, so the tasks of a killed worker
    /// are taken over after two thirds to one lease
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = duration::parse_some)]
    pub lease: Duration,
    /// Pause between two looks into an empty queue
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = duration::parse_some)]
    pub poll: Duration,
    /// After SIGTERM the tasks in hand have this long to end; then they are given back
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::parse)]
    pub drain: Duration,
    /// Serve metrics at this address; port 0 lets the kernel choose
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub metrics: Option<SocketAddr>,
    /// When types of tasks that keep failing are left in the queue
    #[command(flatten)]
    pub breaker: BreakerArgs,
}

type Ended = (Claim, Outcome);

struct Worker<'a> {
    name: String,
    slots: usize,
    kinds: Kinds,
    lease: Duration,
    queue: Clerk,
    gate: Gate,
    post: Post,
    metrics: Arc<WorkerMetrics>,
    unreachable_since: Option<Instant>,
    doing: JoinSet<Ended>,
    held: HashMap<TaskId, (Claim, AbortHandle)>,
    /// Ended, and the queue does not know it yet.
    unsettled: Vec<Ended>,
    /// When the drain is over, once it has begun.
    drained_at: Option<Instant>,
    out: &'a mut dyn Write,
}

/// Works until SIGTERM or SIGINT, then brings the tasks in hand to their end.
pub(crate) async fn work(args: WorkerArgs, out: &mut dyn Write) -> Result<(), LabError> {
    let mut stop = Stop::new()?;
    let queue = Clerk::start(args.queue, Access::Work)?;
    let watch = args.breaker.thresholds().map(|thresholds| Watch::start(queue.clone(), thresholds));
    let mut worker = Worker {
        name: args.name.unwrap_or_else(|| format!("worker-{}", std::process::id())),
        slots: args.concurrency.into(),
        kinds: if args.kind.is_empty() { Kinds::All } else { Kinds::Only(args.kind) },
        lease: args.lease,
        queue,
        gate: Gate::new(watch),
        post: Post::new(),
        metrics: Arc::new(WorkerMetrics::new()),
        unreachable_since: None,
        doing: JoinSet::new(),
        held: HashMap::new(),
        unsettled: Vec::new(),
        drained_at: None,
        out,
    };
    let mut poll = ticks(args.poll);
    let mut renew = ticks(args.lease / 3);
    let mut again = ticks(PAUSE);
    if let Some(address) = args.metrics {
        let address = metrics::serve(address, worker.metrics.registry())?;
        worker.say(&format!("metrics on {address}"));
    }
    worker.say("ready");
    while !(worker.drained_at.is_some() && worker.doing.is_empty() && worker.unsettled.is_empty()) {
        let free = worker.slots.saturating_sub(worker.doing.len() + worker.unsettled.len());
        let drained_at = worker.drained_at;
        worker.metrics.in_hand(worker.doing.len(), worker.slots);
        tokio::select! {
            () = stop.asked(), if drained_at.is_none() => {
                worker.drained_at = Some(Instant::now() + args.drain);
                worker.say("draining");
            }
            () = sleep_until(drained_at.unwrap_or_else(Instant::now)), if drained_at.is_some() && !worker.doing.is_empty() => {
                worker.release().await;
                worker.settle().await?;
            }
            Some(ended) = worker.doing.join_next() => {
                worker.take_end(ended);
                // What has ended at the same time goes into the same change.
                while let Some(ended) = worker.doing.try_join_next() {
                    worker.take_end(ended);
                }
                worker.settle().await?;
                poll.reset_immediately();
            }
            _ = again.tick(), if !worker.unsettled.is_empty() => worker.settle().await?,
            _ = renew.tick() => worker.renew().await?,
            _ = poll.tick(), if drained_at.is_none() && free > 0 => worker.claim(free).await?,
        }
    }
    worker.say("stopped");
    Ok(())
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Does the work, until its deadline at most.
async fn perform(claim: Claim, post: Post, metrics: Arc<WorkerMetrics>) -> Ended {
    let began = Instant::now();
    let left = claim.deadline.map(|deadline| u64::try_from(deadline.0.saturating_sub(Millis::now().0)));
    let done = match left {
        None => Ok(claim.work.perform(claim.task, claim.attempt, &post).await),
        Some(Err(_)) => Err("before the work began"),
        // What ends at its deadline is in time, so the cut is a moment later: it must count as late.
        Some(Ok(left)) => {
            let left = Duration::from_millis(left.saturating_add(1));
            timeout(left, claim.work.perform(claim.task, claim.attempt, &post))
                .await
                .map_err(|_| "in the middle of the work")
        }
    };
    metrics.worked(claim.work.kind.name(), began.elapsed());
    let outcome = match done {
        Ok(Ok(result)) => Outcome::Done(result),
        Ok(Err(failure)) => Outcome::Failed(failure),
        Err(when) => Outcome::Rejected(WorkFailed(format!("the deadline passed {when}"))),
    };
    (claim, outcome)
}

impl Worker<'_> {
    async fn claim(&mut self, slots: usize) -> Result<(), LabError> {
        let mut free = slots;
        for (kinds, most) in self.gate.wanted(&self.kinds, slots) {
            let slots = most.min(free);
            if slots == 0 {
                break;
            }
            let wanted = Wanted { worker: self.name.clone(), slots, lease: self.lease, kinds };
            let claimed = self.queue.ask(move |queue| queue.claim(&wanted, Millis::now())).await;
            for claim in self.reached(claimed).await?.unwrap_or_default() {
                free = free.saturating_sub(1);
                self.gate.claimed(&claim);
                let work =
                    self.doing.spawn(perform(claim.clone(), self.post.clone(), Arc::clone(&self.metrics)));
                self.held.insert(claim.task, (claim, work));
            }
        }
        Ok(())
    }

    async fn renew(&mut self) -> Result<(), LabError> {
        if self.held.is_empty() {
            return Ok(());
        }
        let claims: Vec<Claim> = self.held.values().map(|(claim, _)| claim.clone()).collect();
        let lease = self.lease;
        let renewed = self.queue.ask(move |queue| queue.renew(&claims, lease, Millis::now())).await;
        for lost in self.reached(renewed).await?.unwrap_or_default() {
            if let Some((claim, work)) = self.held.remove(&lost) {
                work.abort();
                self.say(&format!("lost the lease of task {} at attempt {}", claim.task.0, claim.attempt));
            }
        }
        Ok(())
    }

    fn take_end(&mut self, ended: Result<Ended, JoinError>) {
        match ended {
            Ok(ended) => self.unsettled.push(ended),
            // Cancelled, because the lease was lost, or a panic, whose lease is left to end.
            Err(_) => self.held.retain(|_, (_, work)| !work.is_finished()),
        }
    }

    /// Cuts the work in hand off and gives its tasks back.
    async fn release(&mut self) {
        self.doing.abort_all();
        while let Some(ended) = self.doing.join_next().await {
            if let Ok(ended) = ended {
                self.unsettled.push(ended);
            }
        }
        let ended: Vec<TaskId> = self.unsettled.iter().map(|(claim, _)| claim.task).collect();
        let undone = self.held.values().filter(|(claim, _)| !ended.contains(&claim.task));
        let given_back: Vec<Ended> = undone.map(|(claim, _)| (claim.clone(), Outcome::Released)).collect();
        self.say(&format!("gives {} tasks back", given_back.len()));
        self.unsettled.extend(given_back);
    }

    /// Tells the queue what has ended. What it does not take now is kept for the next time.
    async fn settle(&mut self) -> Result<(), LabError> {
        let (name, ends) = (self.name.clone(), self.unsettled.clone());
        let settled = self.queue.ask(move |queue| queue.settle(&name, &ends, Millis::now())).await;
        let Some(settled) = self.reached(settled).await? else { return Ok(()) };
        for ((claim, _), settled) in std::mem::take(&mut self.unsettled).into_iter().zip(settled) {
            self.metrics.settled(claim.work.kind.name(), settled);
            if matches!(settled, Settled::Duplicate | Settled::Fenced) {
                self.say(&format!("was too late with a task: {settled:?}"));
            }
            // The task may have been lost and claimed again by this same worker: that attempt goes on.
            if self.held.get(&claim.task).is_some_and(|(held, _)| held.attempt == claim.attempt) {
                self.held.remove(&claim.task);
            }
        }
        Ok(())
    }

    /// Lets a queue that does not answer pass, but not for ever when it is gone or the worker is to end.
    async fn reached<T>(&mut self, answer: Result<T, QueueError>) -> Result<Option<T>, LabError> {
        match answer {
            Ok(value) => {
                if self.unreachable_since.take().is_some() {
                    self.say("reaches the queue again");
                }
                Ok(Some(value))
            }
            Err(source) => {
                self.metrics.queue_failed();
                if self.unreachable_since.is_none() {
                    self.say(&format!("could not {}", with_causes(&source)));
                }
                let since = *self.unreachable_since.get_or_insert_with(Instant::now);
                let drained = self.drained_at.is_some_and(|end| end <= Instant::now());
                if drained || (source.is_lasting() && since.elapsed() >= PATIENCE) {
                    return Err(LabError::QueueLost { seconds: since.elapsed().as_secs(), source });
                }
                sleep(PAUSE).await;
                Ok(None)
            }
        }
    }

    /// A closed output must not stop the work.
    fn say(&mut self, what: &str) {
        let _ = writeln!(self.out, "{}: {what}", self.name).and_then(|()| self.out.flush());
    }
}
