//! The proxy with its API between a test and a server.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use squall_proxy::{Event, What};
use tokio::sync::broadcast::Receiver;

use crate::support::Rig;

/// One proxy `p`, which speaks one protocol.
pub(crate) struct Proxied {
    pub(crate) address: SocketAddr,
    rig: Rig,
    protocol: &'static str,
    events: Mutex<Receiver<Arc<Event>>>,
}

impl Proxied {
    /// Goes to this Unix socket.
    pub(crate) fn start(upstream: &Path, protocol: &'static str) -> Self {
        Self::to(&format!("unix:{}", upstream.display()), protocol)
    }

    /// Goes to this address.
    pub(crate) fn to(upstream: &str, protocol: &'static str) -> Self {
        let rig = Rig::new();
        let events = Mutex::new(rig.server.events());
        let plan = json!({ "name": "p", "upstream": upstream, "protocol": protocol });
        let (status, view) = rig.call("POST", "/proxies", &plan);
        assert_eq!(status, 201, "{view}");
        let address = view["listen"].as_str().unwrap().parse().unwrap();
        Self { address, rig, protocol, events }
    }

    /// Replaces all rules by these, each the attributes of a toxic.
    pub(crate) fn rules(&self, rules: &[&str]) {
        self.toxics(&rules.iter().map(|rule| (self.protocol, *rule)).collect::<Vec<_>>());
    }

    /// Replaces all rules by these, each a type of toxic and its attributes.
    pub(crate) fn toxics(&self, rules: &[(&str, &str)]) {
        let (_, there) = self.rig.call("GET", "/proxies/p/toxics", &Value::Null);
        for toxic in there.as_array().unwrap() {
            self.rig.remove(toxic["name"].as_str().unwrap());
        }
        for (number, (kind, attributes)) in rules.iter().enumerate() {
            let attributes: Value = serde_json::from_str(attributes).unwrap();
            let name = format!("rule-{number}");
            self.rig.toxic(&json!({ "name": name, "type": kind, "attributes": attributes }));
        }
    }

    /// A call to the API.
    pub(crate) fn api(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.rig.call(method, path, body)
    }

    /// What was hit since this was asked last: `WHAT: DONE`.
    pub(crate) fn hits(&self) -> Vec<String> {
        let mut events = self.events.lock().unwrap();
        std::iter::from_fn(|| events.try_recv().ok())
            .filter_map(|event| match &event.what {
                What::Hit { hit, .. } => Some(format!("{}: {}", hit.what, hit.done)),
                _ => None,
            })
            .collect()
    }
}
