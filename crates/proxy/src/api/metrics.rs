//! Counters for Prometheus: Toxiproxy's names, and ours for what it does not count.

use std::fmt;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::address::Network;
use crate::layer::Way;
use crate::server::Server;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn show(State(server): State<Server>) -> Response {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Counts(server)));
    let mut body = String::new();
    match text::encode(&mut body, &registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[derive(Debug)]
struct Counts(Server);

type Labels = Vec<(&'static str, String)>;

/// Writes one metric with all its rows.
fn write<M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    kind: MetricType,
    rows: impl IntoIterator<Item = (Labels, M)>,
) -> Result<(), fmt::Error> {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, value) in rows {
        let row = metric.encode_family(&labels)?;
        value.encode(row)?;
    }
    Ok(())
}

impl Collector for Counts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (mut received, mut sent, mut open, mut accepted, mut hits) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut refused, mut dropped) = (Vec::new(), Vec::new());
        let all = self.0.inspect(|proxy| {
            let ways = [Way::Upstream, Way::Downstream].map(|way| (way, proxy.traffic.bytes(way)));
            let toxics: Vec<_> =
                proxy.toxics.iter().map(|live| (live.toxic.name.clone(), proxy.traffic.hits(live))).collect();
            let datagrams = &proxy.traffic.datagrams;
            let lost =
                (proxy.network() == Network::Datagram).then(|| (datagrams.refused(), datagrams.dropped()));
            (proxy.view(), ways, proxy.traffic.open(), proxy.traffic.accepted(), toxics, lost)
        });
        for (view, ways, now, ever, toxics, lost) in all {
            for (way, bytes) in ways {
                let direction = if way == Way::Upstream { "upstream" } else { "downstream" };
                let labels = vec![
                    ("direction", direction.to_owned()),
                    ("proxy", view.name.clone()),
                    ("listener", view.listen.clone()),
                    ("upstream", view.upstream.clone()),
                ];
                received.push((labels.clone(), ConstCounter::new(bytes.0)));
                sent.push((labels, ConstCounter::new(bytes.1)));
            }
            let labels = vec![("proxy", view.name.clone())];
            open.push((labels.clone(), ConstGauge::new(i64::try_from(now).unwrap_or(i64::MAX))));
            accepted.push((labels.clone(), ConstCounter::new(ever)));
            if let Some((refusals, drops)) = lost {
                refused.push((labels.clone(), ConstCounter::new(refusals)));
                dropped.push((labels, ConstCounter::new(drops)));
            }
            for (toxic, count) in toxics {
                let labels = vec![("proxy", view.name.clone()), ("toxic", toxic)];
                hits.push((labels, ConstCounter::new(count)));
            }
        }
        let to = &mut encoder;
        let counter = MetricType::Counter;
        write(to, "toxiproxy_proxy_received_bytes", "Bytes that came in", counter, received)?;
        write(to, "toxiproxy_proxy_sent_bytes", "Bytes that went out", counter, sent)?;
        write(to, "squall_proxy_open_connections", "Connections now", MetricType::Gauge, open)?;
        write(to, "squall_proxy_connections", "Connections so far", counter, accepted)?;
        write(
            to,
            "squall_proxy_toxic_hits",
            "Connections, requests or datagrams that a toxic hit",
            counter,
            hits,
        )?;
        write(
            to,
            "squall_proxy_refused_datagrams",
            "Times that a server said nobody listens there (ICMP)",
            counter,
            refused,
        )?;
        write(
            to,
            "squall_proxy_dropped_datagrams",
            "Datagrams that found no room, or that the kernel would not send",
            counter,
            dropped,
        )
    }
}
