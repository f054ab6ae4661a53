//! Who is connected now.

use std::sync::atomic::Ordering;
use std::time::SystemTime;

use axum::extract::{Path, State};
use serde_json::json;

use super::answer::{Answered, ok};
use crate::layer::Way;
use crate::refusal::Refusal;
use crate::server::Server;

pub(super) async fn list(State(server): State<Server>, Path(name): Path<String>) -> Answered {
    let links = server
        .inspect(|proxy| (proxy.view().name == name).then(|| proxy.traffic.links()))
        .into_iter()
        .flatten()
        .next()
        .ok_or(Refusal::ProxyNotFound)?;
    let mut links: Vec<_> = links.into_iter().map(|link| (link.number, link)).collect();
    links.sort_by_key(|(number, _)| *number);
    let list: Vec<_> = links
        .into_iter()
        .map(|(number, link)| {
            let (up_received, up_sent) = link.count(Way::Upstream).read();
            let (down_received, down_sent) = link.count(Way::Downstream).read();
            let since = link.since.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |at| at.as_secs_f64());
            json!({
                "connection": number,
                "client": link.client(),
                "since": since,
                "established": link.established.load(Ordering::Relaxed),
                "upstream": {"received": up_received, "sent": up_sent},
                "downstream": {"received": down_received, "sent": down_sent},
            })
        })
        .collect();
    Ok(ok(&list))
}
