//! Where every request of a load is signed in and out.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::counts::{Counts, Sample};
use crate::schedule::Expected;
use crate::{Failure, Settings};

/// One request, from the time at which it is due to its end.
#[derive(Debug)]
pub(crate) struct Job {
    /// Its number, from 0.
    pub(crate) n: u64,
    pub(crate) due: Instant,
    /// When it is given up.
    pub(crate) deadline: Instant,
    tries_left: u32,
    counts: Counted,
}

/// Whether a request counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Yes,
    /// It is a part of the warm-up.
    No,
}

pub(crate) struct Desk {
    book: Mutex<Book>,
    in_flight: AtomicUsize,
    emptied: Notify,
    began: Instant,
    most: usize,
    timeout: Duration,
    retries: u32,
    warm_up: Duration,
    end: u64,
}

/// The counts since the last sample, and those before it.
struct Book {
    since: Instant,
    now: Counts,
    before: Counts,
    expected: Expected,
    /// Requests that were expected until the last sample, and in the warm-up.
    expected_before: u64,
    expected_warm: u64,
}

impl Desk {
    pub(crate) fn new(settings: &Settings, began: Instant) -> Self {
        let end = settings.max_total.unwrap_or(u64::MAX);
        let mut expected = Expected::new(&settings.pattern);
        // Only what is due before its end belongs to the warm-up.
        let expected_warm = (expected.until(settings.warm_up) - 1e-6).max(0.0).ceil() as u64;
        let expected_warm = expected_warm.min(end);
        Self {
            book: Mutex::new(Book {
                since: began + settings.warm_up,
                now: Counts::default(),
                before: Counts::default(),
                expected,
                expected_before: expected_warm,
                expected_warm,
            }),
            in_flight: AtomicUsize::new(0),
            emptied: Notify::new(),
            began,
            most: settings.max_in_flight.get(),
            timeout: settings.timeout,
            retries: settings.retries,
            warm_up: settings.warm_up,
            end,
        }
    }

    /// Signs in request `n`, due that long after the start; none when there is no room for it.
    pub(crate) fn enter(&self, n: u64, due: Duration, now: Instant) -> Option<Job> {
        let counts = if due < self.warm_up { Counted::No } else { Counted::Yes };
        let due = self.began + due;
        // Only the conductor adds, so that nobody gets in between.
        if self.in_flight.load(Ordering::Relaxed) >= self.most {
            if counts == Counted::Yes {
                self.book().now.ended(Err(Failure::Ceiling), Duration::ZERO);
            }
            return None;
        }
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Some(Job { n, due, deadline: now + self.timeout, tries_left: self.retries, counts })
    }

    /// The request is being sent now.
    pub(crate) fn sent(&self, job: &Job) {
        if job.counts == Counted::Yes {
            self.book().now.sent(job.due.elapsed());
        }
    }

    /// Whether the request is to be sent again.
    pub(crate) fn again(&self, job: &mut Job, outcome: Result<(), Failure>, now: Instant) -> bool {
        let again = job.tries_left > 0 && now < job.deadline && outcome.is_err_and(Failure::may_be_retried);
        if again {
            job.tries_left -= 1;
            if job.counts == Counted::Yes {
                self.book().now.retried += 1;
            }
        }
        again
    }

    /// Signs a request out.
    #[expect(clippy::needless_pass_by_value, reason = "a request is signed out once")]
    pub(crate) fn ended(&self, job: Job, outcome: Result<(), Failure>) {
        if job.counts == Counted::Yes {
            self.book().now.ended(outcome, job.due.elapsed());
        }
        if self.in_flight.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.emptied.notify_one();
        }
    }

    /// Waits until no request is under way.
    pub(crate) async fn emptied(&self) {
        while self.in_flight.load(Ordering::Relaxed) > 0 {
            self.emptied.notified().await;
        }
    }

    /// What happened since the last sample.
    pub(crate) fn sample(&self) -> Sample {
        let mut book = self.book();
        let now = Instant::now();
        let since = book.since;
        book.since = since.max(now);
        let expected = book.expected_until(now - self.began, self.end);
        let due = expected - book.expected_before;
        book.expected_before = expected;
        let counts = std::mem::take(&mut book.now);
        book.before.merge(&counts);
        drop(book);
        counts.sample(now.saturating_duration_since(since), due, self.in_flight.load(Ordering::Relaxed))
    }

    /// What happened from the end of the warm-up to `stopped`, after which no request was started.
    pub(crate) fn totals(&self, stopped: Instant) -> Sample {
        let mut book = self.book();
        let now = Instant::now();
        let due = book.expected_until(stopped - self.began, self.end) - book.expected_warm;
        let Book { now: since, before, .. } = &mut *book;
        before.merge(&std::mem::take(since));
        let over = now.saturating_duration_since(self.began + self.warm_up);
        before.clone().sample(over, due, self.in_flight.load(Ordering::Relaxed))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("nobody panics with the book in hand")
    }
}

impl Book {
    fn expected_until(&mut self, time: Duration, end: u64) -> u64 {
        count(self.expected.until(time), end).max(self.expected_before)
    }
}

/// The first request is due when the integral leaves 0.
fn count(area: f64, end: u64) -> u64 {
    if area > 0.0 { (area.floor() as u64).saturating_add(1).min(end) } else { 0 }
}
