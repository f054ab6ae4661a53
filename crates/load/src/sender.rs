//! Targets that take one request at a time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use crate::Failure;
use crate::desk::{Desk, Job};

/// A request under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// Something that takes requests: a queue, a program, a protocol.
///
/// The load calls it at the time of each request, whether earlier ones have ended or not, and drops the future when the
/// time of the request is over.
pub trait Sender: Send + Sync + 'static {
    /// Sends request `n`, and waits until it is known to have been taken.
    fn send(&self, n: u64) -> Sending<'_>;
}

/// Carries out one request of a [`Sender`].
pub(crate) async fn carry_out(desk: Arc<Desk>, sender: Arc<dyn Sender>, mut job: Job) {
    desk.sent(&job);
    loop {
        let outcome = match timeout_at(job.deadline, sender.send(job.n)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Timeout),
        };
        if !desk.again(&mut job, outcome, Instant::now()) {
            return desk.ended(job, outcome);
        }
    }
}
