//! Somebody who watches a process all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use squall_host::process::Process;

/// Watches until it is asked.
pub struct Onlooker {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<bool>>,
}

impl Onlooker {
    /// Begins to watch.
    pub fn of(process: Process) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut stopped = false;
            while !until.load(Ordering::Relaxed) {
                stopped |= process.state().ok().flatten().is_some_and(squall_host::process::State::is_halted);
                std::thread::sleep(Duration::from_millis(2));
            }
            stopped
        });
        Self { over, thread: Some(thread) }
    }

    /// Whether it was ever seen stopped.
    ///
    /// # Panics
    /// When the watching thread did.
    pub fn saw_it_stopped(mut self) -> bool {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().expect("asked once").join().expect("the onlooker")
    }
}

impl Drop for Onlooker {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
