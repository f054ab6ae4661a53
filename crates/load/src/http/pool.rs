//! Connections of HTTP/1.1 that wait for requests.
//!
//! ```text
//!  conductor --request--> a waiting connection, the last used first --> write, read --> desk
//!                   \---> none waits: a new one                              |
//!                                          waits again, at most 10 s  <------+
//! ```

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::Method;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::answer::{self, After};
use super::dial::{Dial, Stream};
use super::request::Request;
use super::{Connections, HttpTarget, HttpTargetMistake};
use crate::Failure;
use crate::desk::{Desk, Job};

/// A connection without a request is closed after this time.
const IDLE: Duration = Duration::from_secs(10);

pub(crate) struct Pool {
    desk: Arc<Desk>,
    dial: Dial,
    request: Request,
    method: Method,
    connections: Connections,
    /// The last used at the end.
    waiting: Mutex<Vec<Arc<Slot>>>,
}

/// Where a waiting connection is given its next request.
#[derive(Default)]
struct Slot(Mutex<Handed>);

#[derive(Default)]
struct Handed {
    job: Option<Job>,
    waker: Option<Waker>,
}

/// What a waiting connection waited for.
enum Waited {
    Job(Job),
    /// The connection is gone; a request may have come at the same time.
    Gone(Option<Job>),
}

/// A connection and what it is used with.
struct Connection {
    stream: Stream,
    slot: Arc<Slot>,
    /// Goes off at or before the time that counts; then it is set anew. So it is set once in a while, not for each request.
    timer: Pin<Box<Sleep>>,
    sent: String,
    received: Vec<u8>,
}

impl Pool {
    pub(crate) fn new(
        target: &HttpTarget,
        seed: u64,
        desk: Arc<Desk>,
    ) -> Result<Arc<Self>, HttpTargetMistake> {
        Ok(Arc::new(Self {
            desk,
            dial: Dial::new(target)?,
            request: Request::new(target, seed),
            method: target.method.clone(),
            connections: target.connections,
            waiting: Mutex::new(Vec::new()),
        }))
    }

    /// Hands a request to a connection.
    pub(crate) fn start(self: &Arc<Self>, job: Job) {
        let waiting = self.waiting().pop();
        match waiting {
            Some(slot) => slot.give(job),
            None => drop(tokio::spawn(serve(Arc::clone(self), job))),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Arc<Slot>>> {
        self.waiting.lock().expect("nobody panics with the list in hand")
    }

    /// Signs the request out, or gives it back to be sent again.
    fn end(&self, mut job: Job, outcome: Result<(), Failure>) -> Option<Job> {
        if outcome.is_err() && self.desk.again(&mut job, outcome, Instant::now()) {
            return Some(job);
        }
        self.desk.ended(job, outcome);
        None
    }
}

/// Makes a connection for a request, and serves others with it as long as it lasts.
async fn serve(pool: Arc<Pool>, job: Job) {
    let mut next = Some(job);
    let mut sent_before = false;
    while let Some(job) = next.take() {
        if !sent_before {
            pool.desk.sent(&job);
        }
        let connected = tokio::time::timeout_at(job.deadline, pool.dial.connect()).await;
        match connected.unwrap_or(Err(Failure::Timeout)) {
            Ok(stream) => {
                let mut connection = Connection::new(stream, job.deadline);
                (next, sent_before) = connection.serve(&pool, job).await;
            }
            Err(failure) => {
                next = pool.end(job, Err(failure));
                sent_before = true;
            }
        }
    }
}

impl Connection {
    fn new(stream: Stream, until: Instant) -> Self {
        Self {
            stream,
            slot: Arc::default(),
            timer: Box::pin(sleep_until(until)),
            sent: String::new(),
            received: Vec::with_capacity(answer::BUFFER),
        }
    }

    /// Serves requests until the connection ends; gives back one that needs another connection, and whether it was
    /// sent before.
    async fn serve(&mut self, pool: &Pool, mut job: Job) -> (Option<Job>, bool) {
        loop {
            match self.exchange(pool, &job).await {
                Ok((status, after)) => {
                    let outcome =
                        if (200..300).contains(&status) { Ok(()) } else { Err(Failure::Status(status)) };
                    pool.desk.ended(job, outcome);
                    if after == After::Nothing || pool.connections == Connections::New {
                        return (None, false);
                    }
                }
                Err(failure) => return (pool.end(job, Err(failure)), true),
            }
            match self.wait(pool).await {
                Waited::Job(next) => {
                    pool.desk.sent(&next);
                    job = next;
                }
                Waited::Gone(next) => return (next, false),
            }
        }
    }

    /// Sends the request and reads its answer, no longer than its time.
    async fn exchange(&mut self, pool: &Pool, job: &Job) -> Result<(u16, After), Failure> {
        let Self { stream, timer, sent, received, .. } = self;
        let exchange = async {
            let bytes = pool.request.of(job.n, sent);
            stream.write_all(bytes).await.map_err(|error| Failure::of_connection(&error))?;
            // Under TLS a write may be held back.
            stream.flush().await.map_err(|error| Failure::of_connection(&error))?;
            answer::read(stream, &pool.method, received).await
        };
        let mut exchange = pin!(exchange);
        poll_fn(|context| match exchange.as_mut().poll(context) {
            Poll::Pending => over(timer.as_mut(), job.deadline, context).map(|()| Err(Failure::Timeout)),
            ready @ Poll::Ready(_) => ready,
        })
        .await
    }

    /// Waits for the next request.
    async fn wait(&mut self, pool: &Pool) -> Waited {
        let until = Instant::now() + IDLE;
        pool.waiting().push(Arc::clone(&self.slot));
        let Self { stream, slot, timer, received, .. } = self;
        received.clear();
        received.resize(1, 0);
        let waited = poll_fn(|context| {
            // Nothing may come unasked. Looked at first, so that no request is written to a connection that is known
            // to be closed.
            let mut unasked = ReadBuf::new(received);
            if Pin::new(&mut *stream).poll_read(context, &mut unasked).is_ready() {
                return Poll::Ready(None);
            }
            let taken = slot.take(context);
            if taken.is_some() {
                return Poll::Ready(taken);
            }
            over(timer.as_mut(), until, context).map(|()| None)
        })
        .await;
        if let Some(job) = waited {
            return Waited::Job(job);
        }
        let mut waiting = pool.waiting();
        waiting.retain(|other| !Arc::ptr_eq(other, slot));
        drop(waiting);
        Waited::Gone(slot.0.lock().expect("nobody panics with a slot in hand").job.take())
    }
}

impl Slot {
    fn give(&self, job: Job) {
        let mut handed = self.0.lock().expect("nobody panics with a slot in hand");
        handed.job = Some(job);
        if let Some(waker) = handed.waker.take() {
            drop(handed);
            waker.wake();
        }
    }

    fn take(&self, context: &Context<'_>) -> Option<Job> {
        let mut handed = self.0.lock().expect("nobody panics with a slot in hand");
        let job = handed.job.take();
        if job.is_none() {
            handed.waker = Some(context.waker().clone());
        }
        job
    }
}

/// Whether the time is over.
fn over(mut timer: Pin<&mut Sleep>, until: Instant, context: &mut Context<'_>) -> Poll<()> {
    while timer.as_mut().poll(context).is_ready() {
        if Instant::now() >= until {
            return Poll::Ready(());
        }
        timer.as_mut().reset(until);
    }
    Poll::Pending
}
