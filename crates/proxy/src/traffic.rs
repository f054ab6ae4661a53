//! The side of a proxy that its connections see: where to go, the toxics in force, who else is there.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use crate::address::Address;
use crate::connection::{Count, Link};
use crate::event::{Events, What};
use crate::groups::{Counts, Side};
use crate::layer::{Layer, Way};
use crate::protocol::{self, Books, Protocol};
use crate::tls;
use crate::toxic::Live;
use crate::udp;

/// What all connections of one server share.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) events: Events,
    /// How long a server may take to answer a connect.
    pub(crate) dial_timeout: Duration,
    /// The mark of connections to servers.
    pub(crate) mark: Option<u32>,
    /// Bytes that are held in memory for all connections.
    pub(crate) held: Arc<AtomicUsize>,
}

/// Beyond so many bytes held by all connections together, each gets little more.
pub(crate) const TIGHT: usize = 512 * 1024 * 1024;

/// One proxy's.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) proxy: String,
    pub(crate) surroundings: Surroundings,
    upstream: RwLock<Arc<Address>>,
    toxics: RwLock<Arc<[Arc<Live>]>>,
    protocol: RwLock<Option<Protocol>>,
    books: Books,
    /// Grows with every change of the toxics.
    version: AtomicU64,
    links: Mutex<HashMap<u64, Arc<Link>>>,
    next: AtomicU64,
    past: [Count; 2],
    /// What is counted of datagrams.
    pub(crate) datagrams: udp::Counts,
    /// Milliseconds after which a session of datagrams ends.
    idle: AtomicU64,
}

impl Traffic {
    pub(crate) fn new(
        proxy: String,
        upstream: Address,
        protocol: Option<Protocol>,
        surroundings: Surroundings,
    ) -> Self {
        Self {
            proxy,
            surroundings,
            upstream: RwLock::new(Arc::new(upstream)),
            toxics: RwLock::new(Arc::new([])),
            protocol: RwLock::new(protocol),
            books: Books::default(),
            version: AtomicU64::new(0),
            links: Mutex::default(),
            next: AtomicU64::new(0),
            past: Default::default(),
            datagrams: udp::Counts::default(),
            idle: AtomicU64::new(udp::IDLE.as_millis() as u64),
        }
    }

    /// How long a session lives without a datagram.
    pub(crate) fn idle(&self) -> Duration {
        Duration::from_millis(self.idle.load(Ordering::Relaxed))
    }

    /// Sessions live so long from now on, those that are there too.
    pub(crate) fn set_idle(&self, idle: Duration) {
        self.idle.store(u64::try_from(idle.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        for link in self.links() {
            link.ring();
        }
    }

    /// Whether so much is held by all connections together that each gets little more.
    pub(crate) fn is_tight(&self) -> bool {
        self.surroundings.held.load(Ordering::Relaxed) > TIGHT
    }

    /// Where connections go.
    pub(crate) fn upstream(&self) -> Arc<Address> {
        Arc::clone(&self.upstream.read().expect("nobody panics with the address in hand"))
    }

    /// Where the next connections go.
    pub(crate) fn steer(&self, upstream: Address) {
        *self.upstream.write().expect("nobody panics with the address in hand") = Arc::new(upstream);
    }

    /// The version of the toxics, cheap to ask.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The toxics in force, in the order of their making.
    pub(crate) fn toxics(&self) -> Arc<[Arc<Live>]> {
        Arc::clone(&self.toxics.read().expect("nobody panics with the toxics in hand"))
    }

    /// Those that hit a connection, and their version.
    pub(crate) fn hitting(&self, link: &Link) -> (u64, Vec<Arc<Live>>) {
        // The version first: a change in between is then seen as a change.
        let version = self.version();
        let toxics = self.toxics();
        (version, toxics.iter().filter(|live| live.hits(link.number, link.address())).cloned().collect())
    }

    /// Puts other toxics in force. Rings every connection and waits for none.
    pub(crate) fn replace(&self, toxics: Arc<[Arc<Live>]>) {
        self.books.replace(&toxics);
        *self.toxics.write().expect("nobody panics with the toxics in hand") = toxics;
        self.version.fetch_add(1, Ordering::AcqRel);
        for link in self.links() {
            link.ring();
        }
    }

    /// What the next connections speak; `None`: what the first rule says.
    pub(crate) fn speak(&self, protocol: Option<Protocol>) {
        *self.protocol.write().expect("nobody panics with the protocol in hand") = protocol;
    }

    /// How the next connections of TLS are opened while no toxic says otherwise.
    pub(crate) fn open_tls(&self, tls: Option<tls::Rule>) {
        self.books.open(tls, &self.toxics());
    }

    /// What looks into a new connection, where anything does.
    pub(crate) fn layer(&self, client: Option<IpAddr>) -> Option<Box<dyn Layer>> {
        let declared = *self.protocol.read().expect("nobody panics with the protocol in hand");
        let protocol = declared.or_else(|| protocol::of_toxics(&self.toxics()))?;
        Some(self.books.layer(protocol, client))
    }

    /// How often a toxic has hit: connections, requests where it is a rule, or datagrams.
    pub(crate) fn hits(&self, live: &Live) -> u64 {
        self.books.hits(live.id).unwrap_or_else(|| live.shared.hits())
    }

    /// What came of the requests that rules are about.
    pub(crate) fn counts(&self, side: Side) -> Counts {
        self.books.counts(side)
    }

    /// The connections now.
    pub(crate) fn links(&self) -> Vec<Arc<Link>> {
        self.links.lock().expect("nobody panics with the list in hand").values().cloned().collect()
    }

    /// How many connections there are now.
    pub(crate) fn open(&self) -> usize {
        self.links.lock().expect("nobody panics with the list in hand").len()
    }

    /// How many there have been.
    pub(crate) fn accepted(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Closes all connections. Waits for none.
    pub(crate) fn stop(&self) {
        for link in self.links() {
            link.stop();
        }
    }

    /// A connection has come. It is listed as long as what is returned lives.
    pub(crate) fn enter(self: &Arc<Self>, from: Option<SocketAddr>) -> Entered {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let link = Arc::new(Link::new(number, from));
        self.links.lock().expect("nobody panics with the list in hand").insert(number, Arc::clone(&link));
        Entered { link, traffic: Arc::clone(self) }
    }

    /// Bytes received and sent this way, those of connections that are open included.
    pub(crate) fn bytes(&self, way: Way) -> (u64, u64) {
        // Under the lock no connection can move from the open ones to the past between the two.
        let links = self.links.lock().expect("nobody panics with the list in hand");
        let past = self.past[way as usize].read();
        links
            .values()
            .map(|link| link.count(way).read())
            .fold(past, |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }
}

/// A connection in the list.
#[derive(Debug)]
pub(crate) struct Entered {
    pub(crate) link: Arc<Link>,
    pub(crate) traffic: Arc<Traffic>,
}

impl Entered {
    /// Tells that it has come.
    pub(crate) fn tell_opened(&self) {
        let Self { link, traffic } = self;
        traffic.surroundings.events.tell_frequent(&traffic.proxy, || What::ConnectionOpened {
            connection: link.number,
            client: link.client(),
        });
    }

    /// Tells that it has ended, and how.
    pub(crate) fn tell_closed(&self, how: &'static str) {
        let Self { link, traffic } = self;
        traffic.surroundings.events.tell_frequent(&traffic.proxy, || What::ConnectionClosed {
            connection: link.number,
            client: link.client(),
            how,
            seconds: tokio::time::Instant::now()
                .into_std()
                .saturating_duration_since(link.opened)
                .as_secs_f64(),
            upstream: link.count(Way::Upstream).read().1,
            downstream: link.count(Way::Downstream).read().1,
        });
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut links = self.traffic.links.lock().expect("nobody panics with the list in hand");
        links.remove(&self.link.number);
        for way in [Way::Upstream, Way::Downstream] {
            self.traffic.past[way as usize].add(self.link.count(way));
        }
    }
}
