//! The API: takes tasks, shows tasks, says how the queue is.
//!
//! ```text
//! POST /tasks        {"tag": "t", "work": "200ms", "count": 3}   201 {"ids": [1, 2, 3]}   after the commit
//! GET  /tasks        ?tag=&state=&after=&limit=                  200 {"tasks": [...]}
//! GET  /tasks/{id}                                               200 {...} | 404
//! GET  /stats        ?tag=                                       200 {...}
//! GET  /health                                                   200 {"status": "ok"} | 503 with the reason
//! ```
//!
//! Every refusal is `{"error": "could not ..."}`. 503 means that the queue did not answer: nothing was taken.

mod health;
mod listen;
mod problem;
mod request;
mod tasks;

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use clap::Args;

use crate::error::with_causes;
use crate::intake::Intake;
use crate::queue::Clerk;
use crate::stop::Stop;
use crate::{Access, LabError, Location};
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
}

/// What every request may use.
#[derive(Clone)]
struct Desk {
    intake: Intake,
    view: Clerk,
}

/// Serves until SIGTERM or SIGINT, then lets requests that have begun come to their end.
pub(crate) async fn serve(args: ApiArgs, out: &mut dyn Write) -> Result<(), LabError> {
    let mut stop = Stop::new()?;
    let caveat = open(&args.queue, &mut stop, out).await?;
    let desk =
        Desk { intake: Intake::start(args.queue.clone())?, view: Clerk::start(args.queue, Access::Read)? };
    let (listener, address) = listen::listen(args.listen)?;
    // A closed output must not stop the API.
    let _ = writeln!(out, "api: listening on {address}").and_then(|()| out.flush());
    if let Some(caveat) = caveat {
        let _ = writeln!(out, "api: {caveat}").and_then(|()| out.flush());
    }

    let (asked, mut ended) = tokio::sync::watch::channel(());
    let server = axum::serve(listener, router(desk)).with_graceful_shutdown(async move {
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
        .route("/stats", get(health::stats))
        .route("/health", get(health::health))
        .fallback(async || {
            Problem::not_found("find this path: there are /tasks, /tasks/{id}, /stats and /health")
        })
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .with_state(desk)
}
