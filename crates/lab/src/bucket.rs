//! A token bucket for each client: so many requests a second, and so many at once.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// Clients that have a bucket of their own; those beyond share one.
const MOST_CLIENTS: usize = 10_000;
/// The bucket that they share. No client has this name.
const OTHERS: &str = "";

/// How much each client may ask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Allowance {
    /// Requests a second in the long run, above 0.
    pub(crate) rate: f64,
    /// Requests at once after a pause, at least 1.
    pub(crate) burst: f64,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    seen: Instant,
}

/// The buckets of all clients.
#[derive(Debug)]
pub(crate) struct Buckets {
    allowance: Allowance,
    clients: HashMap<String, Bucket>,
}

impl Buckets {
    pub(crate) fn new(allowance: Allowance) -> Self {
        Self { allowance, clients: HashMap::new() }
    }

    /// Takes one request of this client, or says how long it has to wait for the next.
    pub(crate) fn take(&mut self, client: &str, now: Instant) -> Result<(), Duration> {
        let Allowance { rate, burst } = self.allowance;
        if !self.clients.contains_key(client) && self.clients.len() >= MOST_CLIENTS {
            // A bucket that is full again is the same as none.
            self.clients.retain(|_, bucket| bucket.level(now, rate, burst) < burst);
        }
        let crowded = self.clients.len() >= MOST_CLIENTS && !self.clients.contains_key(client);
        let client = if crowded { OTHERS } else { client };
        let bucket = self.clients.entry(client.to_owned()).or_insert(Bucket { tokens: burst, seen: now });
        bucket.tokens = bucket.level(now, rate, burst);
        bucket.seen = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            Ok(())
        } else {
            Err(Duration::try_from_secs_f64((1.0 - bucket.tokens) / rate).unwrap_or(Duration::MAX))
        }
    }
}

impl Bucket {
    fn level(&self, now: Instant, rate: f64, burst: f64) -> f64 {
        (self.tokens + now.saturating_duration_since(self.seen).as_secs_f64() * rate).min(burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_A_SECOND: Allowance = Allowance { rate: 2.0, burst: 3.0 };

    #[tokio::test]
    async fn a_burst_passes_then_the_rate_and_each_client_has_its_own() {
        let mut buckets = Buckets::new(TWO_A_SECOND);
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(buckets.take("ada", start), Ok(()));
        }
        assert_eq!(buckets.take("ada", start), Err(Duration::from_millis(500)));
        assert_eq!(buckets.take("bob", start), Ok(()));
        let passed = (0..100)
            .filter(|tenth| buckets.take("ada", start + Duration::from_millis(100 * tenth)).is_ok())
            .count();
        assert!((19..=20).contains(&passed), "{passed} in 10 s at 2 a second");
    }

    #[tokio::test]
    async fn a_crowd_of_clients_takes_no_more_memory_than_the_limit_and_idle_ones_give_way() {
        let mut buckets = Buckets::new(TWO_A_SECOND);
        let start = Instant::now();
        for client in 0..MOST_CLIENTS + 500 {
            let _ = buckets.take(&format!("client-{client}"), start);
        }
        assert_eq!(buckets.clients.len(), MOST_CLIENTS + 1);
        assert!(buckets.take("latecomer", start).is_err(), "those beyond share one bucket");
        assert_eq!(buckets.take("latecomer", start + Duration::from_secs(10)), Ok(()));
        assert_eq!(buckets.clients.len(), 1);
    }
}
