//! Toxics between simulated hosts, over simulated hours (turmoil).
//!
//! The proxy's sockets are the kernel's (splice, timerfd), so a proxy of a few lines stands here in their place. It has
//! the same chains, asks them in the same way, and sleeps until they are due: what is tested is that their times and their
//! bytes are right over a network that stalls, drops and takes its time, whatever comes and goes meanwhile.

mod datagrams;
mod streams;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use turmoil::{Builder, Sim};

use crate::dice::Dice;
use crate::toxic::{Live, Toxic};

/// How far the simulation goes at once, and how long a message is on its way between two hosts.
const TICK: Duration = Duration::from_millis(10);

/// From when on, since the beginning, which toxics are in force.
type Phases = Vec<(Duration, Vec<Arc<Live>>)>;

fn simulation(length: Duration) -> Sim<'static> {
    Builder::new()
        .tick_duration(TICK)
        .min_message_latency(TICK)
        .max_message_latency(TICK)
        .simulation_duration(length)
        .tcp_capacity(4096)
        .udp_capacity(4096)
        .rng_seed(1)
        .build()
}

fn live(document: &Value, id: u64) -> Arc<Live> {
    let (toxic, unknown) = Toxic::read(document).unwrap();
    assert!(unknown.is_empty());
    Arc::new(Live { id, revision: 1, toxic, seed: 7, shared: Arc::default() })
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// A number below this.
fn below(dice: &mut Dice, end: u64) -> u64 {
    (dice.throw() * end as f64) as u64
}
