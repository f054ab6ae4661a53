//! Work for a processor.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use sha2::{Digest, Sha256};

use super::WorkFailed;

/// Hashes between two looks at the clock: about a tenth of a millisecond.
const ROUND: u32 = 500;

/// Hashes until it has used so much time of a processor. Where processors are short it takes longer, as real work
/// does. It stops soon after the future is dropped.
pub(super) async fn burn(takes: Duration) -> Result<String, WorkFailed> {
    let over = Arc::new(AtomicBool::new(false));
    let _ending = Ending(Arc::clone(&over));
    let burned = tokio::task::spawn_blocking(move || {
        let began = used();
        let mut digest = Sha256::digest(b"squall");
        let mut hashes = 0_u64;
        while used().saturating_sub(began) < takes && !over.load(Ordering::Relaxed) {
            for _ in 0..ROUND {
                digest = Sha256::digest(digest);
            }
            hashes += u64::from(ROUND);
        }
        // The digest is part of the answer, so that the work cannot be left out as useless.
        format!("{hashes} hashes, the last begins with {:02x}{:02x}", digest[0], digest[1])
    });
    burned.await.map_err(|_| WorkFailed("the thread that did the work has ended".into()))
}

/// Tells the thread that nobody waits any more.
struct Ending(Arc<AtomicBool>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What this thread has used of a processor (clock_gettime(2), `CLOCK_THREAD_CPUTIME_ID`).
fn used() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
