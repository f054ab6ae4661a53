//! What others see of a connection: its counts, and the bell that makes it look up.

use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;
use std::time::{Instant, SystemTime};

use crate::layer::Way;

/// Bytes of one way.
#[derive(Debug, Default)]
pub(crate) struct Count {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Count {
    pub(crate) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Received, sent.
    pub(crate) fn read(&self) -> (u64, u64) {
        (self.received.load(Ordering::Relaxed), self.sent.load(Ordering::Relaxed))
    }

    pub(crate) fn add(&self, other: &Self) {
        let (received, sent) = other.read();
        self.received.fetch_add(received, Ordering::Relaxed);
        self.sent.fetch_add(sent, Ordering::Relaxed);
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Link {
    /// Its number in its proxy, from 0, in the order of arrival. Chances are drawn by it.
    pub(crate) number: u64,
    /// The client's address; `None` where it came to a Unix socket.
    from: Option<SocketAddr>,
    pub(crate) opened: Instant,
    pub(crate) since: SystemTime,
    /// The server has been reached.
    pub(crate) established: AtomicBool,
    counts: [Count; 2],
    stopped: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Link {
    pub(crate) fn new(number: u64, from: Option<SocketAddr>) -> Self {
        Self {
            number,
            from,
            opened: tokio::time::Instant::now().into_std(),
            since: SystemTime::now(),
            established: AtomicBool::new(false),
            counts: Default::default(),
            stopped: AtomicBool::new(false),
            waker: Mutex::new(None),
        }
    }

    /// The client's address, as text.
    pub(crate) fn client(&self) -> String {
        self.from.map_or_else(|| "unix".to_owned(), |from| from.to_string())
    }

    /// The client's address without its port.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.from.map(|from| from.ip())
    }

    pub(crate) fn count(&self, way: Way) -> &Count {
        &self.counts[way as usize]
    }

    /// Its proxy closes it.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.ring();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Something has changed that it must look at.
    pub(crate) fn ring(&self) {
        let waker = self.waker.lock().expect("nobody panics with the bell in hand").take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Who is to be woken by the next ring.
    pub(crate) fn listen(&self, waker: &Waker) {
        let mut slot = self.waker.lock().expect("nobody panics with the bell in hand");
        if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }
}
