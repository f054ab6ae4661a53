//! The thread that forks.
//!
//! PR_SET_PDEATHSIG fires when the *thread* that forked ends, prctl(2), not only the process. A
//! child started from a pool's thread would be killed when the pool lets that thread go. So all
//! children are forked by one thread that lives as long as we do.

use std::io;
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::SpawnError;

type Job = Box<dyn FnOnce() + Send>;

static THREAD: OnceLock<Mutex<Sender<Job>>> = OnceLock::new();

/// Runs `work` on the thread and waits for its answer.
pub(super) fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, SpawnError> {
    let ended = || SpawnError::Thread { source: io::Error::other("it has ended") };
    let (answer, answered) = mpsc::channel();
    let job: Job = Box::new(move || {
        // Nobody listens only if the caller is gone, and then nobody wants to know.
        let _ = answer.send(work());
    });
    let thread = if let Some(thread) = THREAD.get() {
        thread
    } else {
        let fresh = begin().map_err(|source| SpawnError::Thread { source })?;
        THREAD.get_or_init(|| Mutex::new(fresh))
    };
    let sender = thread.lock().unwrap_or_else(PoisonError::into_inner).clone();
    sender.send(job).map_err(|_| ended())?;
    answered.recv().map_err(|_| ended())
}

fn begin() -> io::Result<Sender<Job>> {
    let (sender, jobs) = mpsc::channel::<Job>();
    std::thread::Builder::new()
        .name("squall-spawn".into())
        .spawn(move || jobs.into_iter().for_each(|job| job()))?;
    Ok(sender)
}
