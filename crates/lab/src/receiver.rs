//! A receiver of webhooks and reports: takes whatever is sent to it, counts it, and fails on demand.
//!
//! ```text
//! POST /anything   200, or 503 in the share that was asked for
//! GET  /count      {"requests": 12, "accepted": 10, "failed": 2, "distinct": 9}
//! ```

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use clap::Args;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

use crate::stop::Stop;
use crate::{LabError, api, duration};

/// Keys that are told apart; beyond these, new ones count as known.
const MOST_KEYS: usize = 1_000_000;

/// What `receiver` takes.
#[derive(Debug, Args)]
pub struct ReceiverArgs {
    /// Address to listen on; port 0 lets the kernel choose, and the first line of output says which
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8082")]
    pub listen: SocketAddr,
    /// Answer 503 to this share of the messages
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub fail: u8,
    /// Answer after this time
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration::parse)]
    pub delay: Duration,
    /// Draw the messages that fail from this number: the same number, the same ones
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Add a line of JSON to this file for each accepted message
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
}

/// Answer to `GET /count`.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Counted {
    /// All messages.
    requests: u64,
    /// Answered with 200.
    accepted: u64,
    /// Answered with 503 on demand.
    failed: u64,
    /// Accepted with a key that was not seen before: the others are repetitions.
    distinct: u64,
}

struct Desk {
    fail: u8,
    delay: Duration,
    seen: Mutex<Seen>,
}

struct Seen {
    counted: Counted,
    keys: HashSet<u64>,
    dice: SmallRng,
    log: Option<std::fs::File>,
}

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn serve(args: ReceiverArgs, out: &mut dyn Write) -> Result<(), LabError> {
    let stop = Stop::new()?;
    let open = |path: PathBuf| {
        let opened = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        opened.map_err(|source| LabError::Log { path, source })
    };
    let seen = Seen {
        counted: Counted::default(),
        keys: HashSet::new(),
        dice: SmallRng::seed_from_u64(args.seed),
        log: args.log.map(open).transpose()?,
    };
    let desk = Arc::new(Desk { fail: args.fail, delay: args.delay, seen: Mutex::new(seen) });
    let router = Router::new().route("/count", get(count)).fallback(take).with_state(desk);
    api::run(api::announced("receiver", args.listen, out)?, router, stop).await
}

async fn count(State(desk): State<Arc<Desk>>) -> Json<Counted> {
    Json(desk.seen.lock().unwrap_or_else(PoisonError::into_inner).counted)
}

async fn take(
    State(desk): State<Arc<Desk>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method != Method::POST {
        return (StatusCode::METHOD_NOT_ALLOWED, "send with POST, or GET /count").into_response();
    }
    tokio::time::sleep(desk.delay).await;
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let mut seen = desk.seen.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.take(desk.fail, uri.path(), key, &body) {
        StatusCode::OK.into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "fails on demand").into_response()
    }
}

impl Seen {
    /// Whether the message is accepted.
    fn take(&mut self, fail: u8, path: &str, key: Option<&str>, body: &[u8]) -> bool {
        self.counted.requests += 1;
        if self.dice.random_range(0..100) < fail {
            self.counted.failed += 1;
            return false;
        }
        if let Some(log) = &mut self.log {
            let message: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
            let line = serde_json::json!({"path": path, "key": key, "message": message});
            // What is not in the log was not accepted. One write, so that nobody reads half a line.
            if log.write_all(format!("{line}\n").as_bytes()).is_err() {
                self.counted.failed += 1;
                return false;
            }
        }
        self.counted.accepted += 1;
        let mut hasher = DefaultHasher::new();
        // A message without a key is like no other.
        key.ok_or(self.counted.requests).hash(&mut hasher);
        if self.keys.len() < MOST_KEYS && self.keys.insert(hasher.finish()) {
            self.counted.distinct += 1;
        }
        true
    }
}
