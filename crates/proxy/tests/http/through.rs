//! A real proxy of this process, with rules for HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use squall_proxy::{Event, Server, Settings, What, plans};
use tokio::sync::Mutex;
use tokio::sync::broadcast::Receiver;

/// A proxy that lives as long as its handle.
pub(crate) struct Through {
    pub(crate) address: SocketAddr,
    pub(crate) server: Server,
    events: Mutex<Receiver<Arc<Event>>>,
}

impl Drop for Through {
    fn drop(&mut self) {
        self.server.remove("p").unwrap();
    }
}

impl Through {
    /// Toxics of type `http` with these attributes, in front of this server.
    pub(crate) fn http(upstream: &impl ToString, rules: &[&str]) -> Self {
        Self::new(upstream, "http", rules)
    }

    /// Toxics of this type.
    pub(crate) fn new(upstream: &impl ToString, kind: &str, rules: &[&str]) -> Self {
        Self::mixed(upstream, &rules.iter().map(|rule| (kind, *rule)).collect::<Vec<_>>())
    }

    /// Toxics of these types, as a file has them.
    pub(crate) fn mixed(upstream: &impl ToString, rules: &[(&str, &str)]) -> Self {
        let toxic = |(number, (kind, rule)): (usize, &(&str, &str))| {
            let attributes: Value = serde_json::from_str(rule).unwrap();
            json!({"name": format!("rule {number}"), "type": kind, "attributes": attributes})
        };
        let toxics: Vec<Value> = rules.iter().enumerate().map(toxic).collect();
        let plan = json!([{
            "name": "p", "listen": "127.0.0.1:0", "upstream": upstream.to_string(), "protocol": "http", "toxics": toxics,
        }]);
        let plan = plans(plan.to_string().as_bytes()).unwrap().value.remove(0);
        let server = Server::start(&Settings { workers: Some(1), ..Settings::default() }).unwrap();
        let events = Mutex::new(server.events());
        let address = server.create(&plan).unwrap().listen.parse().unwrap();
        Self { address, server, events }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next hit that is told: what was hit, and what was done.
    pub(crate) async fn hit(&self) -> String {
        let next = async {
            let mut events = self.events.lock().await;
            loop {
                if let What::Hit { hit, .. } = &events.recv().await.unwrap().what {
                    return format!("{}: {}", hit.what, hit.done);
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), next).await.expect("a hit within half a minute")
    }
}
