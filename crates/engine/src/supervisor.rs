//! The services that a run starts: kept alive, held down, scaled and ended.
//!
//! Every instance carries the mark of its service, and the undo of that mark is written before the first one starts:
//! whatever becomes of the run, its services end with it.

pub(crate) mod instance;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use squall_host::signal::Signal;
use squall_model::event::EventKind;
use squall_model::id::ProcessRef;
use squall_model::target::{Find, Instance, Service, Start};
use squall_model::undo::Undo;

use self::instance::{Desired, Keeper};
use crate::filling::Filling;
use crate::journal::Receipt;
use crate::recast::process;

/// What a fault may ask of the supervisor.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// These instances end by the signal and stay down.
    Hold {
        /// The service.
        service: String,
        /// The instances.
        instances: Vec<String>,
        /// How they are ended.
        signal: Signal,
    },
    /// These instances are stopped and started again, at once.
    Restart {
        /// The service.
        service: String,
        /// The instances.
        instances: Vec<String>,
    },
    /// The service gets so many instances.
    Scale {
        /// The service.
        service: String,
        /// How many.
        to: u32,
        /// One every so long.
        every: Duration,
    },
}

/// Told when something happens to an instance.
pub(crate) type Tell = Rc<dyn Fn(EventKind)>;

/// All services of a run. Lives on the run's one thread.
#[derive(Clone)]
pub(crate) struct Supervisor {
    services: Rc<RefCell<BTreeMap<String, Supervised>>>,
    filling: Arc<Filling>,
    tell: Tell,
}

struct Supervised {
    start: Start,
    mark: String,
    keepers: BTreeMap<String, Keeper>,
}

/// A stopped service is asked first, and killed after this.
const GRACE: Duration = Duration::from_secs(2);
/// Between two looks at how far it is.
const PAUSE: Duration = Duration::from_millis(5);

impl Supervisor {
    pub(crate) fn new(filling: Arc<Filling>, tell: Tell) -> Self {
        Self { services: Rc::default(), filling, tell }
    }

    /// The undo that must be written before [`Self::start`].
    pub(crate) fn undo_of_start(mark: &str) -> Undo {
        Undo::KillMarked { mark: mark.to_owned() }
    }

    /// Starts all instances of a service.
    pub(crate) fn start(&self, service: &Service, mark: &str, receipt: &Receipt) -> Result<(), String> {
        let _ = receipt;
        let Find::Start(start) = &service.find else { return Ok(()) };
        let mut supervised =
            Supervised { start: start.clone(), mark: mark.to_owned(), keepers: BTreeMap::new() };
        for number in 1..=start.count {
            let name = format!("{}-{number}", service.name);
            let keeper = self.keep(&supervised, &name)?;
            supervised.keepers.insert(name, keeper);
        }
        self.services.borrow_mut().insert(service.name.clone(), supervised);
        Ok(())
    }

    fn keep(&self, supervised: &Supervised, name: &str) -> Result<Keeper, String> {
        Keeper::start(name, &supervised.start, &supervised.mark, &self.filling, Rc::clone(&self.tell))
    }

    /// The living instances, by the order of their numbers.
    pub(crate) fn instances(&self, service: &str) -> Vec<Instance> {
        let services = self.services.borrow();
        let Some(supervised) = services.get(service) else { return Vec::new() };
        let mut found: Vec<Instance> = supervised
            .keepers
            .iter()
            .filter_map(|(name, keeper)| {
                keeper.process().map(|process| Instance { name: name.clone(), process: Some(process) })
            })
            .collect();
        found.sort_by_key(|instance| number_of(&instance.name));
        found
    }

    /// The living main processes.
    pub(crate) fn processes(&self, service: &str) -> Vec<ProcessRef> {
        self.instances(service).into_iter().filter_map(|instance| instance.process).collect()
    }

    /// How its instances ended, when all of them have and nothing starts them again.
    pub(crate) fn ended(&self, service: &str) -> Option<String> {
        let services = self.services.borrow();
        let ended: Option<Vec<String>> = services.get(service)?.keepers.values().map(Keeper::ended).collect();
        ended?.into_iter().next()
    }

    /// Carries out an order, for which an undo was written. Returns when it is done.
    pub(crate) async fn obey(&self, order: Order, receipt: &Receipt) -> Result<(), String> {
        let _ = receipt;
        match order {
            Order::Hold { service, instances, signal } => {
                self.want(&service, &instances, Desired::Down);
                self.end(&service, &instances, signal).await
            }
            Order::Restart { service, instances } => {
                self.want(&service, &instances, Desired::Down);
                self.end(&service, &instances, Signal::Term).await?;
                self.want(&service, &instances, Desired::Up);
                self.wait_until_up(&service, &instances).await
            }
            Order::Scale { service, to, every } => self.scale(&service, to, every).await,
        }
    }

    /// Brings the service back to so many instances, all of them up.
    pub(crate) async fn resume(&self, service: &str, count: u32, within: Duration) -> Result<String, String> {
        let up = async {
            self.scale(service, count, Duration::ZERO).await?;
            let names = self.names(service);
            self.want(service, &names, Desired::Up);
            self.wait_until_up(service, &names).await
        };
        match tokio::time::timeout(within, up).await {
            Ok(Ok(())) => Ok(format!("{service} has {count} of {count} instances")),
            Ok(Err(why)) => Err(why),
            Err(_) => {
                let there = self.instances(service).len();
                Err(format!("{service} has {there} of {count} instances after {within:?}"))
            }
        }
    }

    /// Ends all services: asked first, killed after a while.
    pub(crate) async fn end_all(&self, patience: Patience) {
        let services: Vec<String> = self.services.borrow().keys().cloned().collect();
        let signal = match patience {
            Patience::Gentle => Signal::Term,
            Patience::Hurried => Signal::Kill,
        };
        let all: Vec<(String, Vec<String>)> =
            services.into_iter().map(|service| (service.clone(), self.names(&service))).collect();
        for (service, names) in &all {
            self.want(service, names, Desired::Down);
            self.signal(service, names, signal);
        }
        for (service, names) in &all {
            // What stays is killed by its mark.
            let _ = self.end(service, names, signal).await;
        }
    }

    fn names(&self, service: &str) -> Vec<String> {
        let services = self.services.borrow();
        services
            .get(service)
            .map(|supervised| supervised.keepers.keys().cloned().collect())
            .unwrap_or_default()
    }

    fn want(&self, service: &str, names: &[String], desired: Desired) {
        if let Some(supervised) = self.services.borrow().get(service) {
            for keeper in names.iter().filter_map(|name| supervised.keepers.get(name)) {
                keeper.want(desired);
            }
        }
    }

    fn living(&self, service: &str, names: &[String]) -> Vec<ProcessRef> {
        let services = self.services.borrow();
        let Some(supervised) = services.get(service) else { return Vec::new() };
        names.iter().filter_map(|name| supervised.keepers.get(name)?.process()).collect()
    }

    fn missing(&self, service: &str, names: &[String]) -> Vec<String> {
        let services = self.services.borrow();
        let Some(supervised) = services.get(service) else { return Vec::new() };
        let is_missing =
            |name: &&String| supervised.keepers.get(*name).is_some_and(|keeper| keeper.process().is_none());
        names.iter().filter(is_missing).cloned().collect()
    }

    fn signal(&self, service: &str, names: &[String], signal: Signal) {
        for living in self.living(service, names) {
            // One that is gone already needs no signal.
            let _ = process(living).signal(signal);
        }
    }

    async fn end(&self, service: &str, names: &[String], signal: Signal) -> Result<(), String> {
        self.signal(service, names, signal);
        let gone = async {
            while !self.living(service, names).is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
        };
        if tokio::time::timeout(GRACE, gone).await.is_ok() {
            return Ok(());
        }
        self.signal(service, names, Signal::Kill);
        let gone = async {
            while !self.living(service, names).is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
        };
        let killed = tokio::time::timeout(GRACE, gone).await;
        killed.map_err(|_| format!("{service} does not end, not even by SIGKILL"))
    }

    async fn wait_until_up(&self, service: &str, names: &[String]) -> Result<(), String> {
        while self.living(service, names).len() < names.len() {
            if let Some(why) = self.failure(service, names) {
                return Err(why);
            }
            // One that ends right now has not heard yet that it is wanted.
            self.want(service, &self.missing(service, names), Desired::Up);
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    fn failure(&self, service: &str, names: &[String]) -> Option<String> {
        let services = self.services.borrow();
        let supervised = services.get(service)?;
        names.iter().find_map(|name| supervised.keepers.get(name)?.failure())
    }

    async fn scale(&self, service: &str, to: u32, every: Duration) -> Result<(), String> {
        loop {
            let mut names = self.names(service);
            names.sort_by_key(|name| number_of(name));
            let have = names.len() as u32;
            if have == to {
                return Ok(());
            }
            if have < to {
                let next =
                    (1..=to).map(|number| format!("{service}-{number}")).find(|name| !names.contains(name));
                let name = next.unwrap_or_default();
                let keeper = {
                    let services = self.services.borrow();
                    let supervised = services.get(service).ok_or(format!("{service} is not ours"))?;
                    self.keep(supervised, &name)?
                };
                if let Some(supervised) = self.services.borrow_mut().get_mut(service) {
                    supervised.keepers.insert(name, keeper);
                }
            } else if let Some(name) = names.pop() {
                let one = [name];
                self.want(service, &one, Desired::Down);
                self.end(service, &one, Signal::Term).await?;
                if let Some(supervised) = self.services.borrow_mut().get_mut(service) {
                    supervised.keepers.remove(&one[0]);
                }
            }
            if !every.is_zero() {
                tokio::time::sleep(every).await;
            }
        }
    }
}

/// How services are ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// They may finish what they do.
    Gentle,
    /// At once.
    Hurried,
}

fn number_of(name: &str) -> u32 {
    name.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold { instances, signal, .. } => {
                write!(f, "end {} by {signal} and keep them down", instances.join(", "))
            }
            Self::Restart { instances, .. } => write!(f, "restart {}", instances.join(", ")),
            Self::Scale { service, to, .. } => write!(f, "scale {service} to {to}"),
        }
    }
}
