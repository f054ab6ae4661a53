//! The API: takes tasks, shows tasks, says how the queue is.
//!
//! ```text
//! POST /tasks        {"tag": "t", "work": "200ms", "count": 3}   201 {"ids": [1, 2, 3]}   after the commit
//! GET  /tasks        ?tag=&state=&kind=&label=&batch=&after=&limit=   200 {"tasks": [...], "next": 100}
//! GET  /tasks/{id}                                               200 {...} | 404
//! POST /batches      {"batch": "b", "tasks": [{...}, ...]}       201 | 207 | 400, with an answer for each item
//! GET  /batches/{name}                                           200 {"total": 3, "done": 1, ..., "ended": false}
//! GET  /dead         ?tag=&kind=&label=&batch=&after=&limit=     200 {"tasks": [...]}
//! POST /dead/replay  {"ids": [1]} | {"all": true, "tag": "t"}    200 {"moved": [1], "not_dead": [], "more": false}
//! POST /dead/purge   the same                                    200 the same
//! GET  /stats        ?tag=&kind=                                 200 {...}
//! GET  /breakers                                                 200 {"on": true, "breakers": [...]}
//! GET  /events       ?after=&tag=                                200 server-sent events
//! GET  /health                                                   200 {"status": "ok"} | 503 with the reason
//! GET  /metrics                                                  200 OpenMetrics
//!
//! with --auth FILE:
//! POST /register     {"name": "ada", "password": "..."}          201 {"name": "ada", "role": "user"}
//! POST /login        the same                                    200 {"token": "lab_...", "expires_ms": ...}
//! POST /logout       authorization: Bearer lab_...               204
//! GET  /me, /users                                               200 who I am; who there is (admins)
//! ```
//!
//! Every refusal is `{"error": "could not ..."}`. 503 means that the queue did not answer, or that a breaker is open:
//! nothing was taken. 401, 403: a login, or another role, is needed. 429: too often; `retry-after` says when.

mod access;
mod account;
mod admin;
mod batch;
mod dead;
mod events;
mod health;
mod problem;
mod request;
mod tasks;

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use clap::Args;
use tokio::net::TcpListener;

use crate::account::Accounts;
use crate::bucket::{Allowance, Buckets};
use crate::error::with_causes;
use crate::intake::Intake;
use crate::listen::listen;
use crate::metrics::ApiMetrics;
use crate::queue::Clerk;
use crate::stop::Stop;
use crate::watch::{BreakerArgs, Watch};
use crate::{Access, LabError, Location, duration};
use access::{Guard, Limit};
pub use admin::AdminArgs;
pub(crate) use admin::serve as admin;
use problem::Problem;

/// Open connections have this long to end after a stop was asked for.
const GRACE: Duration = Duration::from_secs(5);

/// Pause between two tries to reach the queue's server at the start.
const PAUSE: Duration = Duration::from_millis(200);

/// What `api` takes.
#[derive(Debug, Args)]
pub struct ApiArgs {
    /// The queue: FILE, redis://HOST:PORT/NUMBER or postgres://USER@HOST:PORT/NAME; it is made where there is none
    #[arg(long, alias = "db", value_name = "QUEUE")]
    pub queue: Location,
    /// Address to listen on; port 0 lets the kernel choose, and the first line of output says which
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Ask for a login; accounts and tokens are kept in this file, which is made where there is none
    #[arg(long, value_name = "FILE")]
    pub auth: Option<PathBuf>,
    /// A login lasts so long
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = duration::parse_some, requires = "auth")]
    pub token_lifetime: Duration,
    /// Requests a second that each client may make in the long run; a client is a login, or an address without one
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: Option<u32>,
    /// Requests that a client may make at once after a pause; as many as --rate where nothing is said
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000), requires = "rate")]
    pub burst: Option<u32>,
    /// When types of tasks that keep failing are refused
    #[command(flatten)]
    pub breaker: BreakerArgs,
}

/// What every request may use.
#[derive(Clone)]
struct Desk {
    intake: Intake,
    view: Clerk,
    /// For changes that are no submissions.
    changes: Clerk,
    guard: Option<Guard>,
    limit: Option<Limit>,
    watch: Option<Watch>,
    metrics: Arc<ApiMetrics>,
}

/// Serves until SIGTERM or SIGINT, then lets requests that have begun come to their end.
pub(crate) async fn serve(args: ApiArgs, out: &mut dyn Write) -> Result<(), LabError> {
    let mut stop = Stop::new()?;
    let caveat = open(&args.queue, &mut stop, out).await?;
    let lifetime = args.token_lifetime;
    let guard = args.auth.as_deref().map(Accounts::open).transpose()?;
    let changes = Clerk::start(args.queue.clone(), Access::Work)?;
    let allowance =
        args.rate.map(|rate| Allowance { rate: rate.into(), burst: args.burst.unwrap_or(rate).into() });
    let desk = Desk {
        intake: Intake::start(args.queue.clone())?,
        view: Clerk::start(args.queue, Access::Read)?,
        guard: guard.map(|accounts| Guard { accounts, lifetime }),
        limit: allowance.map(|allowance| Limit::new(Buckets::new(allowance))),
        watch: args.breaker.thresholds().map(|thresholds| Watch::start(changes.clone(), thresholds)),
        changes,
        metrics: Arc::new(ApiMetrics::new()),
    };
    let listener = announced("api", args.listen, out)?;
    if let Some(caveat) = caveat {
        let _ = writeln!(out, "api: {caveat}").and_then(|()| out.flush());
    }
    run(listener, router(desk), stop).await
}

/// Listens and says where.
pub(crate) fn announced(
    name: &str,
    address: SocketAddr,
    out: &mut dyn Write,
) -> Result<TcpListener, LabError> {
    let (listener, address) = listen(address)?;
    // A closed output must not stop the server.
    let _ = writeln!(out, "{name}: listening on {address}").and_then(|()| out.flush());
    Ok(listener)
}

/// Serves until it is asked to stop, then lets requests that have begun come to their end.
pub(crate) async fn run(listener: TcpListener, router: Router, mut stop: Stop) -> Result<(), LabError> {
    let (asked, mut ended) = tokio::sync::watch::channel(());
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(async move {
        stop.asked().await;
        drop(asked);
    });
    let forced = async {
        while ended.changed().await.is_ok() {}
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = server.into_future() => served.map_err(LabError::Serve),
        () = forced => Ok(()),
    }
}

/// Makes the queue where there is none. A server that is not there yet is waited for. Returns what the store's
/// settings take away from the promises.
async fn open(queue: &Location, stop: &mut Stop, out: &mut dyn Write) -> Result<Option<String>, LabError> {
    let mut waits = false;
    loop {
        // The thread of a clerk, because a store may wait and this task must not.
        let maker = Clerk::start(queue.clone(), Access::Make)?;
        match maker.ask(|queue| queue.caveat()).await {
            Ok(caveat) => return Ok(caveat),
            Err(error) if error.is_lasting() || !queue.is_remote() => return Err(error.into()),
            Err(error) => {
                if !waits {
                    waits = true;
                    let _ = writeln!(out, "api: could not {}; waiting for it", with_causes(&error))
                        .and_then(|()| out.flush());
                }
                tokio::select! {
                    () = stop.asked() => return Err(error.into()),
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
}

fn router(desk: Desk) -> Router {
    Router::new()
        .route("/tasks", get(tasks::list).post(tasks::submit))
        .route("/tasks/{id}", get(tasks::show))
        .route("/batches", post(batch::submit))
        .route("/batches/{name}", get(batch::show))
        .route("/dead", get(dead::list))
        .route("/dead/replay", post(dead::replay))
        .route("/dead/purge", post(dead::purge))
        .route("/stats", get(health::stats))
        .route("/breakers", get(health::breakers))
        .route("/events", get(events::follow))
        .route("/health", get(health::health))
        .route("/metrics", get(health::metrics))
        .route("/register", post(account::register))
        .route("/login", post(account::log_in))
        .route("/logout", post(account::log_out))
        .route("/me", get(account::me))
        .route("/users", get(account::people))
        .fallback(async || {
            Problem::not_found(
                "find this path: there are /tasks, /batches, /dead, /stats, /breakers, /events, /health and /metrics, \
                 and with --auth /register, /login, /logout, /me and /users",
            )
        })
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .layer(from_fn_with_state(desk.clone(), access::pass))
        .with_state(desk)
}
