//! What happened, told to whoever listens. The crate prints nothing.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use tokio::sync::broadcast;

use crate::layer::Hit;

/// Events that a slow listener may lag behind before it misses some.
const BACKLOG: usize = 4096;

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// When, in seconds since 1970.
    pub at: f64,
    /// The proxy.
    pub proxy: String,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// A proxy was made, and listens here.
    ProxyCreated {
        /// Where it listens.
        listen: String,
        /// Where it goes.
        upstream: String,
    },
    /// A proxy has other addresses, or was enabled or disabled.
    ProxyChanged {
        /// Where it listens.
        listen: String,
        /// Where it goes.
        upstream: String,
        /// Whether it takes connections.
        enabled: bool,
    },
    /// A proxy is gone.
    ProxyRemoved,
    /// A toxic is in force.
    ToxicAdded {
        /// Its name.
        toxic: String,
    },
    /// A toxic says something else.
    ToxicChanged {
        /// Its name.
        toxic: String,
    },
    /// A toxic was taken away.
    ToxicRemoved {
        /// Its name.
        toxic: String,
    },
    /// The time of a toxic was over.
    ToxicExpired {
        /// Its name.
        toxic: String,
    },
    /// A client came.
    ConnectionOpened {
        /// The number of the connection.
        connection: u64,
        /// The client's address.
        client: String,
    },
    /// A connection has ended.
    ConnectionClosed {
        /// The number of the connection.
        connection: u64,
        /// The client's address.
        client: String,
        /// How: `ended`, `closed`, `reset`, `refused`, `stopped`, `unreachable`; a session of datagrams also `idle`, or
        /// `displaced` by a new one when there were too many.
        how: &'static str,
        /// Seconds it was open.
        seconds: f64,
        /// Bytes that reached the server.
        upstream: u64,
        /// Bytes that reached the client.
        downstream: u64,
    },
    /// The server could not be reached.
    DialFailed {
        /// The number of the connection.
        connection: u64,
        /// Where it was looked for.
        upstream: String,
        /// Why not.
        error: String,
    },
    /// No connection can be taken for the moment; clients wait.
    AcceptFailed {
        /// Why not.
        error: String,
    },
    /// A rule has hit a request.
    Hit {
        /// The number of the connection.
        connection: u64,
        /// What was hit, by what.
        #[serde(flatten)]
        hit: Hit,
    },
}

impl What {
    /// Whether it happens with every connection or request. To tell it then wakes a thread each time.
    fn is_frequent(&self) -> bool {
        matches!(self, Self::ConnectionOpened { .. } | Self::ConnectionClosed { .. } | Self::Hit { .. })
    }
}

/// Tells events. Clones tell to the same listeners.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    all: broadcast::Sender<Arc<Event>>,
    /// Without what is frequent.
    rare: broadcast::Sender<Arc<Event>>,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self { all: broadcast::Sender::new(BACKLOG), rare: broadcast::Sender::new(BACKLOG) }
    }

    /// Listens from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Event>> {
        self.all.subscribe()
    }

    /// Listens from now on, but not to connections and hits.
    pub(crate) fn listen_to_rare(&self) -> broadcast::Receiver<Arc<Event>> {
        self.rare.subscribe()
    }

    /// Tells something of a connection or a request, which is only made where somebody listens to those.
    pub(crate) fn tell_frequent(&self, proxy: &str, what: impl FnOnce() -> What) {
        if self.all.receiver_count() > 0 {
            self.tell(proxy, what);
        }
    }

    /// Tells something, which is only made where somebody listens.
    pub(crate) fn tell(&self, proxy: &str, what: impl FnOnce() -> What) {
        if self.all.receiver_count() == 0 && self.rare.receiver_count() == 0 {
            return;
        }
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |at| at.as_secs_f64());
        let event = Arc::new(Event { at, proxy: proxy.to_owned(), what: what() });
        // Whoever listened may have left in the meantime.
        if !event.what.is_frequent() {
            let _ = self.rare.send(Arc::clone(&event));
        }
        let _ = self.all.send(event);
    }
}
