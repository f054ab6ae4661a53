//! One proxy: what was asked for, and what is there of it.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::address::Address;
use crate::gate::Gate;
use crate::protocol::Protocol;
use crate::refusal::Refusal;
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
    /// Its toxics, in their order.
    pub toxics: Vec<Toxic>,
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
    protocol: Option<Protocol>,
    pub(crate) toxics: Vec<Arc<Live>>,
    gate: Option<Gate>,
    /// The worker that accepts.
    home: usize,
}

impl Proxy {
    pub(crate) fn new(plan: &Plan, home: usize, surroundings: Surroundings) -> Self {
        let (name, upstream) = (plan.name.clone(), plan.upstream.clone());
        Self {
            traffic: Arc::new(Traffic::new(name, upstream, plan.protocol, surroundings)),
            listen: plan.listen.clone(),
            upstream: plan.upstream.clone(),
            protocol: plan.protocol,
            toxics: Vec::new(),
            gate: None,
            home,
        }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.gate.is_some()
    }

    /// Takes connections from now on. Nothing changes where it does already.
    ///
    /// # Errors
    /// The address is not to be had.
    pub(crate) fn enable(&mut self, resolved: &[SocketAddr], places: &[Place]) -> Result<(), Refusal> {
        if self.gate.is_some() {
            return Ok(());
        }
        let refused = |source| Refusal::Listen { address: self.listen.to_string(), source };
        let gate = Gate::open(&self.listen, resolved).map_err(refused)?;
        gate.start(&self.traffic, self.home, places).map_err(refused)?;
        // From now on the port is its own: disabled and enabled again, it is found at the same place.
        if let Ok(at) = gate.at().parse() {
            self.listen = at;
        }
        self.gate = Some(gate);
        Ok(())
    }

    /// Refuses connections from now on, and closes those that are open.
    pub(crate) fn disable(&mut self) {
        self.gate = None;
        self.traffic.stop();
    }

    /// Takes no new connections; those that are open stay.
    pub(crate) fn shut(&mut self) {
        self.gate = None;
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
            toxics: self.toxic_views(),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.disable();
    }
}
