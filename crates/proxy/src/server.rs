//! All proxies of one process, and what can be done to them. Nothing here waits for a connection.

mod toxics;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::broadcast;

use crate::address::Address;
use crate::event::{Event, Events, What};
use crate::groups::{Counts, Side};
use crate::protocol::Protocol;
use crate::proxy::{Plan, Proxy, View, elsewhere, of_network, opens, same_network};
use crate::refusal::Refusal;
use crate::tls;
use crate::traffic::Surroundings;
use crate::worker::{Place, Worker};

/// How a server is to work.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What all chances are drawn from.
    pub seed: u64,
    /// Threads that carry bytes; `None`: one for each core, at most 16.
    pub workers: Option<usize>,
    /// How long a server behind a proxy may take to answer a connect.
    pub dial_timeout: Duration,
    /// The mark of connections to servers (SO_MARK, socket(7)), for proxies that other connections are redirected to:
    /// what redirects must spare them. Such a proxy at 127.0.0.1 listens at the same port of ::1 too, since a
    /// redirected connection stays in its family. Needs CAP_NET_ADMIN.
    pub mark: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 0, workers: None, dial_timeout: Duration::from_secs(10), mark: None }
    }
}

/// The proxies of one process. Clones are handles to the same ones; with the last handle everything ends.
#[derive(Clone, Debug)]
pub struct Server(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// First, so that the proxies go before the threads.
    proxies: Mutex<BTreeMap<String, Proxy>>,
    places: Vec<Place>,
    seed: u64,
    surroundings: Surroundings,
    /// For the ids of toxics, and for where the next proxy accepts.
    next_id: AtomicU64,
    next_home: AtomicUsize,
    /// Held for their threads, which end with them.
    _workers: Vec<Worker>,
}

/// What a populate did: the proxies, and why it stopped, if it did.
#[derive(Debug)]
pub struct Populated {
    /// Those that are there now, in the order in which they were asked for.
    pub proxies: Vec<View>,
    /// What went wrong with the one after them.
    pub refusal: Option<Refusal>,
}

/// What is changed of a proxy; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Where it listens.
    pub listen: Option<Address>,
    /// Where it goes.
    pub upstream: Option<Address>,
    /// Whether it takes connections.
    pub enabled: Option<bool>,
    /// What its next connections speak.
    pub protocol: Option<Protocol>,
    /// How its next connections of TLS are opened.
    pub tls: Option<tls::Rule>,
    /// How long its sessions of datagrams live without one.
    pub idle_timeout: Option<Duration>,
}

fn resolve(address: &Address) -> Result<Vec<SocketAddr>, Refusal> {
    address.resolve().map_err(|source| Refusal::Listen { address: address.to_string(), source })
}

impl Server {
    /// Starts the threads. There is no proxy yet.
    ///
    /// # Errors
    /// When the kernel gives no thread or no descriptor.
    pub fn start(settings: &Settings) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let count = settings.workers.unwrap_or_else(|| cores.min(16)).max(1);
        let workers: Vec<Worker> = (0..count).map(Worker::start).collect::<io::Result<_>>()?;
        let surroundings = Surroundings {
            events: Events::new(),
            dial_timeout: settings.dial_timeout,
            mark: settings.mark,
            held: Arc::default(),
        };
        Ok(Self(Arc::new(Inner {
            proxies: Mutex::default(),
            places: workers.iter().map(|worker| worker.place().clone()).collect(),
            seed: settings.seed,
            surroundings,
            next_id: AtomicU64::new(1),
            next_home: AtomicUsize::new(0),
            _workers: workers,
        })))
    }

    /// Listens to what happens from now on. Whoever lags more than 4,096 events behind misses some.
    pub fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.surroundings.events.listen()
    }

    /// The same without connections and hits, which cost a wake-up of the listener each.
    pub fn changes(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.surroundings.events.listen_to_rare()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Proxy>> {
        self.0.proxies.lock().expect("nobody panics with the proxies in hand")
    }

    fn tell(&self, proxy: &str, what: What) {
        self.0.surroundings.events.tell(proxy, || what);
    }

    fn tell_changed(&self, view: &View) {
        let (listen, upstream) = (view.listen.clone(), view.upstream.clone());
        self.tell(&view.name, What::ProxyChanged { listen, upstream, enabled: view.enabled });
    }

    /// All proxies, by name.
    pub fn proxies(&self) -> BTreeMap<String, View> {
        self.lock().iter().map(|(name, proxy)| (name.clone(), proxy.view())).collect()
    }

    /// One proxy.
    pub fn proxy(&self, name: &str) -> Result<View, Refusal> {
        self.lock().get(name).map(Proxy::view).ok_or(Refusal::ProxyNotFound)
    }

    /// Makes a proxy with its toxics: it is there with all of them, or not at all.
    pub fn create(&self, plan: &Plan) -> Result<View, Refusal> {
        plan.check()?;
        let resolved = resolve(&plan.listen)?;
        elsewhere(&plan.listen, &resolved, &plan.upstream)?;
        let mut proxies = self.lock();
        if proxies.contains_key(&plan.name) {
            return Err(Refusal::ProxyExists);
        }
        self.open(&mut proxies, plan, &resolved)
    }

    fn open(
        &self,
        proxies: &mut BTreeMap<String, Proxy>,
        plan: &Plan,
        resolved: &[SocketAddr],
    ) -> Result<View, Refusal> {
        let proxy = self.build(plan, resolved)?;
        let view = proxy.view();
        proxies.insert(plan.name.clone(), proxy);
        let (listen, upstream) = (view.listen.clone(), view.upstream.clone());
        self.tell(&plan.name, What::ProxyCreated { listen, upstream });
        Ok(view)
    }

    /// The toxics are there before the first connection.
    fn build(&self, plan: &Plan, resolved: &[SocketAddr]) -> Result<Proxy, Refusal> {
        let home = self.0.next_home.fetch_add(1, Ordering::Relaxed);
        let mut proxy = Proxy::new(plan, home, self.0.surroundings.clone());
        self.set_toxics(&mut proxy, &plan.toxics)?;
        if plan.enabled {
            proxy.enable(resolved, &self.0.places)?;
        }
        Ok(proxy)
    }

    /// Makes many. One of the same name, listen and upstream is left alone, but for toxics that are given; another
    /// one of that name is replaced.
    pub fn populate(&self, plans: &[Plan]) -> Populated {
        let mut done = Populated { proxies: Vec::new(), refusal: None };
        for plan in plans {
            match self.put(plan) {
                Ok(view) => done.proxies.push(view),
                Err(refusal) => {
                    done.refusal = Some(refusal);
                    break;
                }
            }
        }
        done
    }

    fn put(&self, plan: &Plan) -> Result<View, Refusal> {
        plan.check()?;
        let resolved = resolve(&plan.listen)?;
        elsewhere(&plan.listen, &resolved, &plan.upstream)?;
        let mut proxies = self.lock();
        let Some(there) = proxies.get_mut(&plan.name) else {
            drop(proxies);
            return self.create(plan);
        };
        let same_listen = is_same(&there.listen, &plan.listen, &resolved);
        if let Some(idle) = plan.idle_timeout.filter(|_| same_listen) {
            there.idle(idle);
        }
        if same_listen && there.upstream == plan.upstream {
            if !plan.toxics.is_empty() {
                self.set_toxics(there, &plan.toxics)?;
            }
            return Ok(there.view());
        }
        if same_listen {
            // The port stays open; a new proxy at the same place could not have it before the old one is gone.
            there.steer(plan.upstream.clone());
            there.speak(plan.protocol);
            there.open_tls(plan.tls.clone());
            self.set_toxics(there, &plan.toxics)?;
            if plan.enabled {
                there.enable(&resolved, &self.0.places)?;
            } else {
                there.disable();
            }
            let view = there.view();
            self.tell_changed(&view);
            return Ok(view);
        }
        self.open(&mut proxies, plan, &resolved)
    }

    /// Changes a proxy. Another address closes its connections; its toxics stay.
    pub fn update(&self, name: &str, change: &Change) -> Result<View, Refusal> {
        // Without the lock: a resolver may take its time.
        let listen = match &change.listen {
            Some(listen) => listen.clone(),
            None => self.lock().get(name).ok_or(Refusal::ProxyNotFound)?.listen.clone(),
        };
        let resolved = resolve(&listen)?;
        let mut proxies = self.lock();
        let proxy = proxies.get_mut(name).ok_or(Refusal::ProxyNotFound)?;
        let upstream = change.upstream.as_ref().unwrap_or(&proxy.upstream);
        same_network(&listen, upstream)?;
        elsewhere(&listen, &resolved, upstream)?;
        of_network(listen.network(), change.protocol, change.idle_timeout)?;
        opens(change.tls.as_ref(), change.protocol.or(proxy.protocol))?;
        if listen.network() != proxy.network() {
            let text = "a proxy stays with connections or with datagrams: make another one, or populate";
            return Err(Refusal::BadBody(text.to_owned()));
        }
        let enabled = change.enabled.unwrap_or(proxy.is_enabled());
        if change.listen.is_some() && !is_same(&proxy.listen, &listen, &resolved) {
            let before = std::mem::replace(&mut proxy.listen, listen);
            if enabled {
                // The new gate first: when it is not to be had, everything stays as it is.
                let was_enabled = proxy.is_enabled();
                proxy.shut();
                if let Err(refusal) = proxy.enable(&resolved, &self.0.places) {
                    proxy.listen = before;
                    if was_enabled {
                        let resolved = resolve(&proxy.listen)?;
                        proxy.enable(&resolved, &self.0.places)?;
                    }
                    return Err(refusal);
                }
            }
            proxy.traffic.stop();
        }
        if let Some(upstream) = &change.upstream
            && *upstream != proxy.upstream
        {
            proxy.steer(upstream.clone());
        }
        if change.protocol.is_some() {
            proxy.speak(change.protocol);
        }
        if change.tls.is_some() {
            proxy.open_tls(change.tls.clone());
        }
        if let Some(idle) = change.idle_timeout {
            proxy.idle(idle);
        }
        if enabled {
            proxy.enable(&resolved, &self.0.places)?;
        } else {
            proxy.disable();
        }
        let view = proxy.view();
        self.tell_changed(&view);
        Ok(view)
    }

    /// Takes a proxy away, with its connections.
    pub fn remove(&self, name: &str) -> Result<(), Refusal> {
        self.lock().remove(name).ok_or(Refusal::ProxyNotFound)?;
        self.tell(name, What::ProxyRemoved);
        Ok(())
    }

    /// Enables all proxies and takes all toxics away.
    pub fn reset(&self) -> Result<(), Refusal> {
        let names: Vec<String> = self.lock().keys().cloned().collect();
        for name in names {
            match self.update(&name, &Change { enabled: Some(true), ..Change::default() }) {
                // Somebody else was quicker.
                Err(Refusal::ProxyNotFound) => continue,
                done => done?,
            };
            if let Some(proxy) = self.lock().get_mut(&name) {
                let gone = std::mem::take(&mut proxy.toxics);
                if !gone.is_empty() {
                    proxy.publish();
                }
                for live in gone {
                    self.tell(&name, What::ToxicRemoved { toxic: live.toxic.name.clone() });
                }
            }
        }
        Ok(())
    }

    /// What came of the requests of one group: those that rules hit, or those that they are about and spared.
    ///
    /// # Errors
    /// There is no such proxy.
    pub fn requests(&self, proxy: &str, side: Side) -> Result<Counts, Refusal> {
        let proxies = self.lock();
        proxies.get(proxy).map(|proxy| proxy.traffic.counts(side)).ok_or(Refusal::ProxyNotFound)
    }

    /// Something of each proxy, for those who show it.
    pub(crate) fn inspect<R>(&self, each: impl Fn(&Proxy) -> R) -> Vec<R> {
        self.lock().values().map(each).collect()
    }

    /// Takes no more connections, waits until those that are open have ended or the time is over, and ends the rest.
    pub async fn drain(&self, longest: Duration) {
        for proxy in self.lock().values_mut() {
            proxy.shut();
        }
        let end = tokio::time::Instant::now() + longest;
        while tokio::time::Instant::now() < end && self.lock().values().any(|proxy| proxy.traffic.open() > 0)
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.lock().clear();
    }
}

/// Whether an address that is listened at is what is asked for, by name or as resolved.
fn is_same(there: &Address, wanted: &Address, resolved: &[SocketAddr]) -> bool {
    there == wanted
        || there.network() == wanted.network()
            && there.literal().is_some_and(|there| resolved.first() == Some(&there))
}
