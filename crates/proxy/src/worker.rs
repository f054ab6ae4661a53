//! The threads that carry the bytes: one single-threaded runtime each, and a connection never leaves its thread.
//!
//! So no byte crosses a thread, no buffer belongs to an idle connection, and nothing that the API does waits for one.

mod alarm;
mod pipes;
mod scratch;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{io, thread};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

pub(crate) use alarm::{Alarm, within};
pub(crate) use pipes::Pipe;
pub(crate) use scratch::{SIZE as SCRATCH_SIZE, with_scratch};

/// One of the threads.
#[derive(Debug)]
pub(crate) struct Worker {
    place: Place,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// The way to give a worker something to do.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    handle: Handle,
    connections: Arc<AtomicUsize>,
}

/// A connection that counts as load of its worker as long as this lives.
#[derive(Debug)]
pub(crate) struct Seat(Arc<AtomicUsize>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Worker {
    /// Starts the thread number `number`.
    pub(crate) fn start(number: usize) -> io::Result<Self> {
        let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name(format!("proxy-{number}")).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = ready.send(Err(error));
                    return;
                }
            };
            runtime.block_on(async move {
                match alarm::run() {
                    Ok(ringing) => {
                        let _ = ready.send(Ok(Handle::current()));
                        tokio::select! {
                            () = ringing => {}
                            _ = stopped => {}
                        }
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                    }
                }
            });
        })?;
        let handle = is_ready.recv().map_err(|_| io::Error::other("the thread ended at once"))??;
        let place = Place { handle, connections: Arc::default() };
        Ok(Self { place, stop: Some(stop), thread: Some(thread) })
    }

    /// The way to give it something to do.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

impl Place {
    /// Its runtime.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Connections that it carries now.
    pub(crate) fn load(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Counts a connection.
    pub(crate) fn seat(&self) -> Seat {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Seat(Arc::clone(&self.connections))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}
