//! The running load.

use std::io;
use std::sync::{Arc, mpsc};
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::conductor::{Conductor, Line};
use crate::counts::Sample;
use crate::desk::Desk;
use crate::http::{HttpVersion, Pool, Two};
use crate::throttle::Throttle;
use crate::{PatternMistake, Settings, Target};

/// A load that runs until it is stopped or dropped, on a thread of its own: whatever its owner does meanwhile, requests
/// start at their times.
pub struct Load {
    desk: Arc<Desk>,
    stop: CancellationToken,
    ended: oneshot::Receiver<Instant>,
    abandon: DropGuard,
}

/// The load could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The pattern is none.
    #[error("the pattern cannot be followed")]
    Pattern(#[from] PatternMistake),
    /// No request could be under way in no time.
    #[error("a timeout of zero fails every request")]
    Timeout,
    /// The ceiling lets nothing through.
    #[error("a ceiling of zero for the rate lets no request through")]
    Ceiling,
    /// The target cannot be used.
    #[error("{0}")]
    Target(String),
    /// No thread, or no timer.
    #[error("could not start the load's thread")]
    Thread(#[source] io::Error),
}

impl Load {
    /// Starts it; its time begins now.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        settings.pattern.check()?;
        if settings.timeout.is_zero() {
            return Err(StartError::Timeout);
        }
        if settings.max_rate.is_some_and(crate::PerSecond::is_zero) {
            return Err(StartError::Ceiling);
        }
        let (stop, abandon) = (CancellationToken::new(), CancellationToken::new());
        let began = Instant::now();
        let desk = Arc::new(Desk::new(&settings, began));
        let conductor = Conductor {
            schedule: settings.pattern.schedule(),
            throttle: settings.max_rate.map(Throttle::new),
            began,
            end: settings.max_total.unwrap_or(u64::MAX),
            line: line(settings, &desk)?,
            desk: Arc::clone(&desk),
        };
        let (tell, ended) = oneshot::channel();
        let (stopping, abandoned) = (stop.clone(), abandon.clone());
        let (built, started) = mpsc::channel();
        thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => {
                    let _ = built.send(Ok(()));
                    run(runtime, conductor, &stopping, &abandoned, tell);
                }
                Err(error) => drop(built.send(Err(error))),
            })
            .map_err(StartError::Thread)?;
        let gone = |_| Err(io::Error::other("it ended at once"));
        started.recv().unwrap_or_else(gone).map_err(StartError::Thread)?;
        Ok(Self { desk, stop, ended, abandon: abandon.drop_guard() })
    }

    /// What happened since the last sample.
    pub fn sample(&self) -> Sample {
        self.desk.sample()
    }

    /// Waits until the last request that is allowed has ended; for ever where nothing is said about that.
    pub async fn ended(&mut self) {
        // An error means that the thread is gone, and then nothing is under way.
        let stopped = (&mut self.ended).await.unwrap_or_else(|_| Instant::now());
        let (tell, ended) = oneshot::channel();
        let _ = tell.send(stopped);
        self.ended = ended;
    }

    /// Starts no more requests, waits for those in flight, each no longer than its timeout, and says what happened from
    /// the start to the end.
    pub async fn stop(self) -> Sample {
        self.stop.cancel();
        let stopped = self.ended.await.unwrap_or_else(|_| Instant::now());
        drop(self.abandon);
        self.desk.totals(stopped)
    }
}

fn line(settings: Settings, desk: &Arc<Desk>) -> Result<Line, StartError> {
    let unusable = |error: &dyn std::fmt::Display| StartError::Target(error.to_string());
    let seed = settings.seed;
    Ok(match settings.target {
        Target::Http(target) if target.version == HttpVersion::Two => {
            Line::Each(Arc::new(Two::new(*target, seed).map_err(|error| unusable(&error))?))
        }
        Target::Http(target) => {
            Line::Pool(Pool::new(&target, seed, Arc::clone(desk)).map_err(|error| unusable(&error))?)
        }
        Target::Command(command) => Line::Each(Arc::new(command.seeded(seed))),
        Target::Redis(redis) => Line::Each(Arc::new(redis.seeded(seed))),
        Target::Postgres(postgres) => Line::Each(Arc::new(postgres.seeded(seed))),
        Target::Sqlite(sqlite) => {
            Line::Each(Arc::new(sqlite.open(seed, settings.timeout).map_err(|error| unusable(&error))?))
        }
        Target::Other(sender) => Line::Each(sender),
    })
}

fn run(
    runtime: Runtime,
    conductor: Conductor,
    stop: &CancellationToken,
    abandon: &CancellationToken,
    ended: oneshot::Sender<Instant>,
) {
    let desk = Arc::clone(&conductor.desk);
    runtime.block_on(async {
        let stopped = tokio::select! {
            biased;
            () = abandon.cancelled() => return,
            conducted = conductor.conduct(stop) => {
                // Without a timer nothing more is started, which shows as requests that were due and not sent.
                drop(conducted);
                Instant::now()
            }
        };
        tokio::select! {
            biased;
            () = abandon.cancelled() => {}
            () = desk.emptied() => {
                let _ = ended.send(stopped);
            }
        }
    });
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
}
