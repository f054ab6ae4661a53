//! The running load.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::counts::{Counts, Failure, Sample, Totals};
use crate::http::HttpSender;
use crate::{Pattern, Settings, Target};

/// A load that runs until it is stopped or dropped.
pub struct Load {
    shared: Arc<Shared>,
    began: Instant,
    requests: TaskTracker,
    stopping: DropGuard,
}

struct Shared {
    book: Mutex<Book>,
    slots: Arc<Semaphore>,
    most: usize,
    timeout: Duration,
    sender: HttpSender,
}

/// The counts since the last sample, and those before it.
struct Book {
    since: Instant,
    now: Counts,
    before: Counts,
}

impl Load {
    /// Starts on the caller's runtime; the first request is due at once. Needs tokio's timer and network.
    pub fn start(settings: Settings) -> Self {
        let Target::Http(target) = settings.target;
        // More permits than this a semaphore does not count.
        let most = settings.max_in_flight.get().min(Semaphore::MAX_PERMITS);
        let began = Instant::now();
        let shared = Arc::new(Shared {
            book: Mutex::new(Book { since: began, now: Counts::default(), before: Counts::default() }),
            slots: Arc::new(Semaphore::new(most)),
            most,
            timeout: settings.timeout,
            sender: HttpSender::new(target),
        });
        let stop = CancellationToken::new();
        let requests = TaskTracker::new();
        requests.spawn(conduct(
            Conductor {
                shared: Arc::clone(&shared),
                began,
                pattern: settings.pattern,
                end: settings.max_total.unwrap_or(u64::MAX),
                requests: requests.clone(),
            },
            stop.clone(),
        ));
        Self { shared, began, requests, stopping: stop.drop_guard() }
    }

    /// What happened since the last sample.
    pub fn sample(&self) -> Sample {
        let in_flight = self.shared.most - self.shared.slots.available_permits();
        let mut book = self.shared.book();
        let now = Instant::now();
        let over = now - std::mem::replace(&mut book.since, now);
        let counts = std::mem::take(&mut book.now);
        book.before.merge(&counts);
        drop(book);
        Sample {
            over,
            sent: counts.sent,
            ok: counts.ok,
            failures: counts.failures,
            in_flight,
            late: counts.late,
            latency: counts.latencies,
        }
    }

    /// Starts no more requests and waits for those in flight, each no longer than its timeout.
    pub async fn stop(self) -> Totals {
        drop(self.stopping);
        self.requests.close();
        self.requests.wait().await;
        let over = self.began.elapsed();
        let mut book = self.shared.book();
        let Book { now, before, .. } = &mut *book;
        before.merge(now);
        let counts = std::mem::take(before);
        Totals {
            over,
            sent: counts.sent,
            ok: counts.ok,
            failures: counts.failures,
            late: counts.late,
            latency: counts.latencies,
        }
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("nobody panics with the book in hand")
    }
}

struct Conductor {
    shared: Arc<Shared>,
    began: Instant,
    pattern: Pattern,
    end: u64,
    requests: TaskTracker,
}

async fn conduct(conductor: Conductor, stop: CancellationToken) {
    let Conductor { shared, began, pattern, end, requests } = conductor;
    for n in 0..end {
        // A request that is due after the end of time is never due.
        let Some(due) = began.checked_add(pattern.due(n)) else { break };
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = sleep_until(due) => {}
        }
        match Arc::clone(&shared.slots).try_acquire_owned() {
            Ok(slot) => drop(requests.spawn(request(Arc::clone(&shared), slot, n, due))),
            Err(_) => shared.book().now.ended(Err(Failure::Ceiling), due.elapsed()),
        }
    }
}

async fn request(shared: Arc<Shared>, slot: OwnedSemaphorePermit, n: u64, due: Instant) {
    shared.book().now.sent(due.elapsed());
    let outcome = timeout(shared.timeout, shared.sender.send(n)).await.unwrap_or(Err(Failure::Timeout));
    shared.book().now.ended(outcome, due.elapsed());
    drop(slot);
}
