//! The admin view: the queue as its store knows it, from a process of its own, without a login and without the API.
//!
//! ```text
//! GET /          counts by state and kind, and the ledger: what a scenario counts by
//! GET /stats     ?tag=&kind=            GET /tasks  ?tag=&state=&kind=&label=&batch=&after=&limit=
//! GET /ledger    ?tag=                  GET /tasks/{id}, GET /batches/{name}
//! GET /health    200 | 503              GET /metrics
//! ```
//!
//! It reads and changes nothing. Whoever reaches its port may read everything: it belongs on a loopback address.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::request::{ListRequest, StatsRequest};
use super::{announced, batch, health, run, tasks};
use crate::queue::Clerk;
use crate::stop::Stop;
use crate::{Access, LabError, Ledger, Location, Stats, Tag, Task};

/// What `admin` takes.
#[derive(Debug, Args)]
pub struct AdminArgs {
    /// The queue: FILE, redis://HOST:PORT/NUMBER or postgres://USER@HOST:PORT/NAME
    #[arg(long, alias = "db", value_name = "QUEUE")]
    pub queue: Location,
    /// Address to listen on; port 0 lets the kernel choose, and the first line of output says which
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8081")]
    pub listen: SocketAddr,
}

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn serve(args: AdminArgs, out: &mut dyn Write) -> Result<(), LabError> {
    let stop = Stop::new()?;
    let view = Clerk::start(args.queue, Access::Read)?;
    let router = Router::new()
        .route("/", get(overview))
        .route("/stats", get(stats))
        .route("/ledger", get(ledger))
        .route("/tasks", get(list))
        .route("/tasks/{id}", get(show))
        .route("/batches/{name}", get(show_batch))
        .route("/health", get(health::reading_health))
        .route("/metrics", get(health::queue_metrics))
        .fallback(async || {
            Problem::not_found(
                "find this path: there are /, /stats, /ledger, /tasks, /tasks/{id}, /batches/{name}, /health and /metrics",
            )
        })
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .with_state(view);
    run(announced("admin", args.listen, out)?, router, stop).await
}

/// Answer to `GET /`.
#[derive(Debug, Serialize)]
struct Overview {
    /// Of all tasks.
    stats: Stats,
    /// Tasks by kind and state, and what else is counted.
    kinds: BTreeMap<String, BTreeMap<String, u64>>,
}

async fn overview(State(view): State<Clerk>) -> Result<Json<Overview>, Problem> {
    let Json(stats) = health::figures(&view, Ok(Query(StatsRequest { tag: None, kind: None }))).await?;
    let mut kinds: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for count in view.ask(|view| view.counts()).await? {
        *kinds.entry(count.kind).or_default().entry(count.name).or_default() += count.n;
    }
    Ok(Json(Overview { stats, kinds }))
}

async fn stats(
    State(view): State<Clerk>,
    query: Result<Query<StatsRequest>, QueryRejection>,
) -> Result<Json<Stats>, Problem> {
    health::figures(&view, query).await
}

/// The query of `GET /ledger`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerRequest {
    tag: Option<Tag>,
}

async fn ledger(
    State(view): State<Clerk>,
    query: Result<Query<LedgerRequest>, QueryRejection>,
) -> Result<Json<Ledger>, Problem> {
    let Query(LedgerRequest { tag }) =
        query.map_err(|refusal| Problem::bad_request(format!("read the ledger: {refusal}")))?;
    Ok(Json(view.ask(move |view| view.ledger(tag.as_ref())).await?))
}

async fn list(
    State(view): State<Clerk>,
    query: Result<Query<ListRequest>, QueryRejection>,
) -> Result<Json<tasks::Listed>, Problem> {
    tasks::listed(&view, ListRequest::filter_of("list the tasks", query)?).await
}

async fn show(State(view): State<Clerk>, Path(id): Path<String>) -> Result<Json<Task>, Problem> {
    tasks::shown(&view, &id).await
}

async fn show_batch(
    State(view): State<Clerk>,
    Path(name): Path<String>,
) -> Result<Json<batch::Progress>, Problem> {
    batch::shown(&view, &name).await
}
