//! A worker: takes tasks, does them, holds their leases meanwhile, and says how they ended.
//!
//! ```text
//!   poll --claim--> doing --------> settle --> poll at once
//!                     |  every third of a lease: renew; a lost lease drops the work
//!   SIGTERM: no more claims, the last task is brought to its end
//!   no queue for 5 s: the worker ends with an error
//! ```

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep};

use crate::clerk::Clerk;
use crate::error::with_causes;
use crate::stop::Stop;
use crate::{Claim, LabError, Millis, Queue, QueueError, Settled, TaskId, WorkFailed, duration};

/// A queue whose file is gone may come back within this time.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause after the queue did not answer.
const PAUSE: Duration = Duration::from_millis(200);

/// What `worker` takes.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// The queue's file; the worker waits 5 s for it to appear
    #[arg(long, value_name = "FILE")]
    pub db: PathBuf,
    /// Name in the queue's records; by default `worker-PID`
    #[arg(long)]
    pub name: Option<String>,
    /// Tasks that are done at the same time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub concurrency: u16,
    /// How long a task is held without a sign of life. Renewed every third of it, so the tasks of a killed worker
    /// are taken over after two thirds to one lease
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = duration::parse_some)]
    pub lease: Duration,
    /// Pause between two looks into an empty queue
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = duration::parse_some)]
    pub poll: Duration,
}

type Ended = (Claim, Result<String, WorkFailed>);

struct Worker<'a> {
    name: String,
    slots: usize,
    lease: Duration,
    queue: Clerk<Queue>,
    unreachable_since: Option<Instant>,
    doing: JoinSet<Ended>,
    held: HashMap<TaskId, (Claim, AbortHandle)>,
    out: &'a mut dyn Write,
}

/// Works until SIGTERM or SIGINT, then brings the tasks in hand to their end.
pub(crate) async fn work(args: WorkerArgs, out: &mut dyn Write) -> Result<(), LabError> {
    let mut stop = Stop::new()?;
    let mut worker = Worker {
        name: args.name.unwrap_or_else(|| format!("worker-{}", std::process::id())),
        slots: args.concurrency.into(),
        lease: args.lease,
        queue: Clerk::start(args.db, Queue::for_work)?,
        unreachable_since: None,
        doing: JoinSet::new(),
        held: HashMap::new(),
        out,
    };
    let mut poll = ticks(args.poll);
    let mut renew = ticks(args.lease / 3);
    let mut draining = false;
    worker.say("ready");
    while !(draining && worker.doing.is_empty()) {
        let may_claim = !draining && worker.doing.len() < worker.slots;
        tokio::select! {
            () = stop.asked(), if !draining => {
                draining = true;
                worker.say("draining");
            }
            Some(ended) = worker.doing.join_next() => {
                match ended {
                    Ok((claim, outcome)) => worker.settle(claim, outcome).await?,
                    // Cancelled, because the lease was lost, or a panic, whose lease is left to end.
                    Err(_) => worker.held.retain(|_, (_, work)| !work.is_finished()),
                }
                poll.reset_immediately();
            }
            _ = renew.tick() => worker.renew().await?,
            _ = poll.tick(), if may_claim => worker.claim().await?,
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

impl Worker<'_> {
    async fn claim(&mut self) -> Result<(), LabError> {
        let (name, lease, free) = (self.name.clone(), self.lease, self.slots - self.doing.len());
        let claimed = self.queue.ask(move |queue| queue.claim(&name, free, lease, Millis::now())).await;
        for claim in self.reached(claimed).await?.unwrap_or_default() {
            let task = claim.clone();
            let work = self.doing.spawn(async move {
                let outcome = task.work.perform(task.task, task.attempt).await;
                (task, outcome)
            });
            self.held.insert(claim.task, (claim, work));
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

    /// Tries until the queue has taken the end of the attempt, or has refused it.
    async fn settle(&mut self, claim: Claim, outcome: Result<String, WorkFailed>) -> Result<(), LabError> {
        loop {
            let (name, claim, outcome) = (self.name.clone(), claim.clone(), outcome.clone());
            let settled = self.queue.ask(move |queue| match &outcome {
                Ok(result) => queue.complete(&claim, &name, result, Millis::now()),
                Err(failure) => queue.fail(&claim, failure, Millis::now()),
            });
            let settled = settled.await;
            if let Some(settled) = self.reached(settled).await? {
                if matches!(settled, Settled::Duplicate | Settled::Fenced) {
                    self.say(&format!("was too late with a task: {settled:?}"));
                }
                break;
            }
        }
        // The task may have been lost and claimed again by this same worker: that attempt goes on.
        if self.held.get(&claim.task).is_some_and(|(held, _)| held.attempt == claim.attempt) {
            self.held.remove(&claim.task);
        }
        Ok(())
    }

    /// Lets a queue that does not answer pass, but not for ever when its file is gone.
    async fn reached<T>(&mut self, answer: Result<T, QueueError>) -> Result<Option<T>, LabError> {
        match answer {
            Ok(value) => {
                if self.unreachable_since.take().is_some() {
                    self.say("reaches the queue again");
                }
                Ok(Some(value))
            }
            Err(source) => {
                if self.unreachable_since.is_none() {
                    self.say(&format!("could not {}", with_causes(&source)));
                }
                let since = *self.unreachable_since.get_or_insert_with(Instant::now);
                if source.is_lasting() && since.elapsed() >= PATIENCE {
                    return Err(LabError::QueueLost { seconds: PATIENCE.as_secs(), source });
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
