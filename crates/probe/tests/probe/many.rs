//! A thousand probes on one thread.

use std::rc::Rc;
use std::time::Duration;

use squall_model::measure::HttpFact;
use squall_model::unit::Unit;
use tokio::io::AsyncWriteExt as _;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

use crate::stage::{Stage, get, http, prober, value};
use crate::wire::{Site, read_request};

async fn polite() -> Site {
    Site::serving(|mut stream| async move {
        while read_request(&mut stream).await {
            let answered = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            if answered.is_err() {
                break;
            }
        }
    })
    .await
}

#[tokio::test]
async fn probes_share_their_connections_and_keep_them() {
    let site = polite().await;
    let stage = Rc::new(Stage::default());
    let mut probers: Vec<_> =
        (0..20).map(|_| prober(&stage, http(get(&site.url("/")), HttpFact::Status))).collect();
    for _ in 0..3 {
        for prober in &mut probers {
            assert_eq!(prober.read().await, value(200.0, Unit::Number));
        }
    }
    assert_eq!(site.accepted(), 1);
}

#[tokio::test]
async fn a_thousand_probes_are_read_at_once() {
    let site = polite().await;
    let stage = Rc::new(Stage::default());
    let start = Instant::now();
    let together = LocalSet::new();
    let everybody = together.run_until(async {
        let mut readings = JoinSet::new();
        for _ in 0..1_000 {
            let mut prober = prober(&stage, http(get(&site.url("/")), HttpFact::Status));
            readings.spawn_local(async move { prober.read().await });
        }
        readings.join_all().await
    });
    let everybody = everybody.await;
    assert_eq!(everybody.len(), 1_000);
    assert!(everybody.iter().all(|outcome| *outcome == value(200.0, Unit::Number)));
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}
