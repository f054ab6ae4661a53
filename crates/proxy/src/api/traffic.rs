//! What came of the requests that rules are about: of those that were hit, and of those that were spared.

use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::answer::{Answered, ok};
use crate::groups::{Counts, Side};
use crate::refusal::Refusal;
use crate::server::Server;

pub(super) async fn show(State(server): State<Server>, Path(name): Path<String>) -> Answered {
    let page = server.inspect(|proxy| {
        (proxy.traffic.proxy == name).then(|| {
            // The rules first: a rule that is not there yet has hit nothing of what is counted.
            let rules = proxy.toxics.iter().filter(|live| live.toxic.is_rule_with_hits()).count();
            let [hit, spared] = [Side::Hit, Side::Spared].map(|side| group(&proxy.traffic.counts(side)));
            json!({"rules": rules, "hit": hit, "spared": spared})
        })
    });
    let page = page.into_iter().flatten().next().ok_or(Refusal::ProxyNotFound)?;
    Ok(ok(&page))
}

fn group(counts: &Counts) -> Value {
    json!({"finished": counts.finished, "failed": counts.failed, "latency": counts.latency})
}
