//! One proxy: what was asked for, and what is there of it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use serde::Serialize;
use serde_json::Value;

use crate::address::{Address, Network};
use crate::inlet::Inlet;
use crate::protocol::Protocol;
use crate::refusal::Refusal;
use crate::tls;
use crate::toxic::{Live, Stream, Toxic};
use crate::traffic::{Surroundings, Traffic};
use crate::worker::Place;

/// What a proxy is to be, all of it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub listen: Address,
    /// Where it goes.
    pub upstream: Address,
    /// Whether it takes connections.
    pub enabled: bool,
    /// What its connections speak; `None`: bytes, until there is a rule of a protocol among its toxics.
    pub protocol: Option<Protocol>,
    /// How its connections of TLS are opened, so that rules of its protocol see what is said inside; `None`: they pass as
    /// they are, unless a toxic opens them.
    pub tls: Option<tls::Rule>,
    /// How long a session of datagrams lives without one; `None`: a minute. Connections have none.
    pub idle_timeout: Option<Duration>,
    /// Its toxics, in their order.
    pub toxics: Vec<Toxic>,
}

impl Plan {
    /// Whether its parts go together: both addresses of one network, and nothing of the other.
    ///
    /// # Errors
    /// What does not fit, and what would.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        same_network(&self.listen, &self.upstream)?;
        of_network(self.listen.network(), self.protocol, self.idle_timeout)?;
        opens(self.tls.as_ref(), self.protocol)?;
        self.toxics.iter().try_for_each(|toxic| toxic.kind.fits(self.listen.network()))
    }
}

/// Whether connections go on as connections, and datagrams as datagrams.
///
/// # Errors
/// One is what the other is not.
pub(crate) fn same_network(listen: &Address, upstream: &Address) -> Result<(), Refusal> {
    if listen.network() == upstream.network() {
        return Ok(());
    }
    let text = format!("{listen} to {upstream}: both or none must be udp:// addresses");
    Err(Refusal::BadBody(text))
}

/// Whether connections go somewhere else than back to where the proxy listens, which would use up all descriptors.
///
/// # Errors
/// They come back.
pub(crate) fn elsewhere(
    listen: &Address,
    resolved: &[SocketAddr],
    upstream: &Address,
) -> Result<(), Refusal> {
    let local = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
    let comes_back = match (listen, upstream) {
        (Address::Unix(listen), Address::Unix(upstream)) => listen == upstream,
        _ => upstream.loopback_or_literal().into_iter().any(|to| {
            let is_there = |at: &SocketAddr| at.ip() == to.ip() || at.ip().is_unspecified() && local(to.ip());
            to.port() != 0 && resolved.iter().any(|at| at.port() == to.port() && is_there(at))
        }),
    };
    if !comes_back {
        return Ok(());
    }
    let text = format!(
        "upstream: {upstream} is where the proxy itself listens: every connection would come back to it"
    );
    Err(Refusal::BadBody(text))
}

/// Whether this can be said of a proxy of that network.
///
/// # Errors
/// It cannot.
pub(crate) fn of_network(
    network: Network,
    protocol: Option<Protocol>,
    idle_timeout: Option<Duration>,
) -> Result<(), Refusal> {
    let text = match (network, protocol, idle_timeout) {
        (Network::Datagram, Some(_), _) => {
            "protocol: those that are known go over TCP; leave it away with udp:// addresses"
        }
        (Network::Stream, _, Some(_)) => {
            "idle_timeout: only sessions of datagrams (udp:// addresses) end by themselves; limit_time ends connections"
        }
        _ => return Ok(()),
    };
    Err(Refusal::BadBody(text.to_owned()))
}

/// Whether TLS can be opened in that way, for a protocol inside.
///
/// # Errors
/// It cannot, or nobody would look inside.
pub(crate) fn opens(tls: Option<&tls::Rule>, protocol: Option<Protocol>) -> Result<(), Refusal> {
    let Some(tls) = tls else { return Ok(()) };
    if protocol.is_none() {
        let text = "tls: nothing looks inside of what is opened; set `protocol` to http, redis or postgres";
        return Err(Refusal::BadBody(text.to_owned()));
    }
    tls.stands().map_err(|mistake| Refusal::BadBody(mistake.to_string()))
}

/// A proxy, as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View {
    /// Its name.
    pub name: String,
    /// Where it listens: the port that was chosen included.
    pub listen: String,
    /// Where it goes.
    pub upstream: String,
    /// Whether it takes connections.
    pub enabled: bool,
    /// What its connections speak, where that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// How its connections of TLS are opened, where that was said. No key is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<tls::rule::Attributes>,
    /// Milliseconds that a session of datagrams lives without one, where that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<u64>,
    /// Its toxics.
    pub toxics: Vec<Value>,
}

/// One that is there.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) traffic: Arc<Traffic>,
    /// As it was asked for, and with the port that was found.
    pub(crate) listen: Address,
    pub(crate) upstream: Address,
    pub(crate) protocol: Option<Protocol>,
    tls: Option<tls::Rule>,
    idle_timeout: Option<Duration>,
    pub(crate) toxics: Vec<Arc<Live>>,
    inlet: Option<Inlet>,
    /// The other loopback address, where connections are redirected to this proxy.
    beside: Option<Inlet>,
    /// The worker that accepts.
    home: usize,
}

impl Proxy {
    pub(crate) fn new(plan: &Plan, home: usize, surroundings: Surroundings) -> Self {
        let (name, upstream) = (plan.name.clone(), plan.upstream.clone());
        let mut proxy = Self {
            traffic: Arc::new(Traffic::new(name, upstream, plan.protocol, surroundings)),
            listen: plan.listen.clone(),
            upstream: plan.upstream.clone(),
            protocol: plan.protocol,
            tls: None,
            idle_timeout: None,
            toxics: Vec::new(),
            inlet: None,
            beside: None,
            home,
        };
        proxy.open_tls(plan.tls.clone());
        if let Some(idle) = plan.idle_timeout {
            proxy.idle(idle);
        }
        proxy
    }

    /// Whether connections go through it, or datagrams.
    pub(crate) fn network(&self) -> Network {
        self.listen.network()
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.inlet.is_some()
    }

    /// Takes connections from now on. Nothing changes where it does already.
    ///
    /// # Errors
    /// The address is not to be had.
    pub(crate) fn enable(&mut self, resolved: &[SocketAddr], places: &[Place]) -> Result<(), Refusal> {
        if self.inlet.is_some() {
            return Ok(());
        }
        let refused = |source| Refusal::Listen { address: self.listen.to_string(), source };
        let open = |address: &Address, resolved: &[SocketAddr]| {
            Inlet::open(address, resolved, &self.traffic, self.home, places)
        };
        let inlet = open(&self.listen, resolved).map_err(refused)?;
        let beside = match self.beside(&inlet) {
            Some(beside) => match open(&self.listen, &[beside]) {
                Ok(inlet) => Some(inlet),
                Err(error) if has_no_ipv6(&error) => None,
                Err(error) => return Err(refused(error)),
            },
            None => None,
        };
        // From now on the port is its own: disabled and enabled again, it is found at the same place.
        if let Ok(at) = inlet.at().parse() {
            self.listen = at;
        }
        self.beside = beside;
        self.inlet = Some(inlet);
        Ok(())
    }

    /// The same port of ::1, where it is wanted too.
    fn beside(&self, inlet: &Inlet) -> Option<SocketAddr> {
        self.traffic.surroundings.mark?;
        let own: SocketAddr = inlet.at().parse().ok()?;
        (own.ip() == Ipv4Addr::LOCALHOST).then(|| SocketAddr::from((Ipv6Addr::LOCALHOST, own.port())))
    }

    /// Refuses connections from now on, and closes those that are open.
    pub(crate) fn disable(&mut self) {
        self.shut();
        self.traffic.stop();
    }

    /// Takes no new connections; those that are open stay. Sessions of datagrams end.
    pub(crate) fn shut(&mut self) {
        self.inlet = None;
        self.beside = None;
    }

    /// Where connections go from now on; those that are open are closed.
    pub(crate) fn steer(&mut self, upstream: Address) {
        self.upstream = upstream.clone();
        self.traffic.steer(upstream);
        self.traffic.stop();
    }

    /// What its next connections speak.
    pub(crate) fn speak(&mut self, protocol: Option<Protocol>) {
        self.protocol = protocol;
        self.traffic.speak(protocol);
    }

    /// How its next connections of TLS are opened, if they are.
    pub(crate) fn open_tls(&mut self, tls: Option<tls::Rule>) {
        self.tls.clone_from(&tls);
        self.traffic.open_tls(tls);
    }

    /// How long its sessions live without a datagram.
    pub(crate) fn idle(&mut self, idle: Duration) {
        self.idle_timeout = Some(idle);
        self.traffic.set_idle(idle);
    }

    /// Puts its toxics in force.
    pub(crate) fn publish(&self) {
        self.traffic.replace(self.toxics.clone().into());
    }

    pub(crate) fn toxic(&self, name: &str) -> Result<&Arc<Live>, Refusal> {
        self.toxics.iter().find(|live| live.toxic.name == name).ok_or(Refusal::ToxicNotFound)
    }

    /// Its toxics as the API lists them: those upstream first, each in the order of making.
    pub(crate) fn toxic_views(&self) -> Vec<Value> {
        let (up, down): (Vec<_>, Vec<_>) =
            self.toxics.iter().partition(|live| live.toxic.stream != Stream::Downstream);
        up.into_iter().chain(down).map(|live| live.toxic.document()).collect()
    }

    pub(crate) fn view(&self) -> View {
        View {
            name: self.traffic.proxy.clone(),
            listen: self.listen.to_string(),
            upstream: self.upstream.to_string(),
            enabled: self.is_enabled(),
            protocol: self.protocol,
            tls: self.tls.as_ref().map(|tls| tls.written().clone()),
            idle_timeout: self.idle_timeout.map(|idle| idle.as_millis() as u64),
            toxics: self.toxic_views(),
        }
    }
}

/// Whether it cannot be listened at ::1 because there is no IPv6.
fn has_no_ipv6(error: &io::Error) -> bool {
    [Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.disable();
    }
}
