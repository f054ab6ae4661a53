//! Starting each request at its time.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::alarm::Alarm;
use crate::desk::{Desk, Job};
use crate::http::Pool;
use crate::schedule::Schedule;
use crate::sender::{Sender, carry_out};
use crate::throttle::Throttle;

/// Requests that are due within this time are started together: waking up for each would cost more than sending it.
/// They start that much too late at most, never too early.
const TOGETHER: Duration = Duration::from_micros(300);
/// So many requests are handed on before they get their turn to be sent.
const AT_ONCE: u32 = 32;

/// Who carries requests out.
pub(crate) enum Line {
    /// HTTP/1.1, by connections that wait for requests.
    Pool(Arc<Pool>),
    /// Anything else, each request by itself.
    Each(Arc<dyn Sender>),
}

pub(crate) struct Conductor {
    pub(crate) desk: Arc<Desk>,
    pub(crate) line: Line,
    pub(crate) schedule: Schedule,
    pub(crate) throttle: Option<Throttle>,
    pub(crate) began: Instant,
    pub(crate) end: u64,
}

impl Conductor {
    /// Starts requests until the last one, or until it is stopped.
    pub(crate) async fn conduct(mut self, stop: &CancellationToken) -> io::Result<()> {
        let alarm = Alarm::new()?;
        let mut stopped = pin!(stop.cancelled());
        let mut handed = 0;
        for n in 0..self.end {
            let Some(due) = self.schedule.next() else { break };
            // A request that is due after the end of time is never due.
            let Some(at) = self.began.checked_add(due) else { break };
            let at = self.throttle.as_ref().and_then(Throttle::free).map_or(at, |free| free.max(at));
            let mut now = Instant::now();
            if now < at {
                tokio::select! {
                    biased;
                    () = &mut stopped => break,
                    woken = alarm.at(at.max(now + TOGETHER)) => woken?,
                }
                handed = 0;
                now = Instant::now();
            } else if handed == AT_ONCE {
                tokio::task::yield_now().await;
                handed = 0;
            }
            if stop.is_cancelled() {
                break;
            }
            handed += 1;
            if let Some(job) = self.desk.enter(n, due, now) {
                if let Some(throttle) = &mut self.throttle {
                    throttle.start(now);
                }
                self.start(job);
            }
        }
        Ok(())
    }

    fn start(&self, job: Job) {
        match &self.line {
            Line::Pool(pool) => pool.start(job),
            Line::Each(sender) => {
                tokio::spawn(carry_out(Arc::clone(&self.desk), Arc::clone(sender), job));
            }
        }
    }
}
