//! The toxics of proxies: made, changed, removed, and gone when their time is over.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Value;

use super::Server;
use crate::dice::seed_of;
use crate::event::What;
use crate::proxy::Proxy;
use crate::refusal::Refusal;
use crate::toxic::{Live, Shared, Toxic};

impl Server {
    pub(super) fn set_toxics(&self, proxy: &mut Proxy, toxics: &[Toxic]) -> Result<(), Refusal> {
        for (index, toxic) in toxics.iter().enumerate() {
            if toxics[..index].iter().any(|other| other.name == toxic.name) {
                return Err(Refusal::ToxicExists);
            }
        }
        proxy.toxics =
            toxics.iter().map(|toxic| self.bring_alive(&proxy.traffic.proxy, toxic.clone())).collect();
        proxy.publish();
        Ok(())
    }

    /// The toxics of a proxy, as the API lists them.
    pub fn toxics(&self, proxy: &str) -> Result<Vec<Value>, Refusal> {
        self.lock().get(proxy).map(Proxy::toxic_views).ok_or(Refusal::ProxyNotFound)
    }

    /// One toxic.
    pub fn toxic(&self, proxy: &str, toxic: &str) -> Result<Value, Refusal> {
        let proxies = self.lock();
        proxies.get(proxy).ok_or(Refusal::ProxyNotFound)?.toxic(toxic).map(|live| live.toxic.document())
    }

    /// How often a toxic has hit: connections, requests where it is a rule, or datagrams.
    ///
    /// # Errors
    /// There is no such proxy or toxic.
    pub fn hits(&self, proxy: &str, toxic: &str) -> Result<u64, Refusal> {
        let proxies = self.lock();
        let proxy = proxies.get(proxy).ok_or(Refusal::ProxyNotFound)?;
        proxy.toxic(toxic).map(|live| proxy.traffic.hits(live))
    }

    pub(super) fn bring_alive(&self, proxy: &str, toxic: Toxic) -> Arc<Live> {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        self.live(proxy, toxic, id, 1, Arc::default())
    }

    pub(super) fn live(
        &self,
        proxy: &str,
        toxic: Toxic,
        id: u64,
        revision: u64,
        shared: Arc<Shared>,
    ) -> Arc<Live> {
        let seed = toxic.seed.unwrap_or_else(|| seed_of(self.0.seed, &[proxy, &toxic.name]));
        let live = Arc::new(Live { id, revision, toxic, seed, shared });
        if let Some(ttl) = live.toxic.ttl {
            let until = tokio::time::Instant::now() + ttl;
            let (server, proxy) = (Arc::downgrade(&self.0), proxy.to_owned());
            self.0.places[0].handle().spawn(async move {
                tokio::time::sleep_until(until).await;
                if let Some(inner) = server.upgrade() {
                    Self(inner).expire(&proxy, id, revision);
                }
            });
        }
        live
    }

    /// The time of a toxic is over, unless it was changed or replaced since.
    pub(super) fn expire(&self, proxy: &str, id: u64, revision: u64) {
        let mut proxies = self.lock();
        let Some(there) = proxies.get_mut(proxy) else { return };
        if let Some(index) = there.toxics.iter().position(|live| live.id == id && live.revision == revision) {
            let live = there.toxics.remove(index);
            there.publish();
            self.tell(proxy, What::ToxicExpired { toxic: live.toxic.name.clone() });
        }
    }

    /// Puts a toxic in force. Connections feel it at once; none is waited for.
    pub fn add_toxic(&self, proxy: &str, toxic: Toxic) -> Result<Value, Refusal> {
        let mut proxies = self.lock();
        let there = proxies.get_mut(proxy).ok_or(Refusal::ProxyNotFound)?;
        if there.toxic(&toxic.name).is_ok() {
            return Err(Refusal::ToxicExists);
        }
        toxic.kind.fits(there.network())?;
        let live = self.bring_alive(proxy, toxic);
        there.toxics.push(Arc::clone(&live));
        there.publish();
        self.tell(proxy, What::ToxicAdded { toxic: live.toxic.name.clone() });
        Ok(live.toxic.document())
    }

    /// Changes a toxic: what the document (with keys in lower case) names, and nothing else.
    pub fn change_toxic(&self, proxy: &str, toxic: &str, document: &Value) -> Result<Value, Refusal> {
        let mut proxies = self.lock();
        let there = proxies.get_mut(proxy).ok_or(Refusal::ProxyNotFound)?;
        let before = Arc::clone(there.toxic(toxic)?);
        let changed = before.toxic.changed(document)?;
        changed.kind.fits(there.network())?;
        let live = self.live(proxy, changed, before.id, before.revision + 1, Arc::clone(&before.shared));
        for slot in &mut there.toxics {
            if slot.id == live.id {
                *slot = Arc::clone(&live);
            }
        }
        there.publish();
        self.tell(proxy, What::ToxicChanged { toxic: toxic.to_owned() });
        Ok(live.toxic.document())
    }

    /// Takes a toxic away. What it held goes on at once.
    pub fn remove_toxic(&self, proxy: &str, toxic: &str) -> Result<(), Refusal> {
        let mut proxies = self.lock();
        let there = proxies.get_mut(proxy).ok_or(Refusal::ProxyNotFound)?;
        let id = there.toxic(toxic)?.id;
        there.toxics.retain(|live| live.id != id);
        there.publish();
        self.tell(proxy, What::ToxicRemoved { toxic: toxic.to_owned() });
        Ok(())
    }
}
