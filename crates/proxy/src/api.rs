//! Toxiproxy's HTTP API, with a little more under names that old clients never see.
//!
//! ```text
//! GET  /proxies/{proxy}/connections      who is connected now
//! GET  /proxies/{proxy}/traffic          requests that rules hit or spared: counts and latencies
//! GET  /events[?proxy=NAME]              what happens from now on, as server-sent events
//! ```

mod answer;
mod connections;
mod events;
mod metrics;
mod traffic;

use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::header::USER_AGENT;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use answer::{Answered, ok};

use crate::document::{self, Read};
use crate::refusal::Refusal;
use crate::server::Server;
use crate::toxic::Toxic;

/// The version of Toxiproxy whose API this is: clients ask before they use what older ones had not.
const TOXIPROXY: &str = "2.12.0";

/// How long a client may take for the head of its next request, and for the body. As Toxiproxy's.
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest body, in bytes.
const LARGEST: usize = 2 * 1024 * 1024;

/// How long nothing is accepted after it could not be.
const REST: Duration = Duration::from_millis(10);

/// The API of a server, to be served by axum.
pub fn router(server: Server) -> Router {
    Router::new()
        .route("/version", get(version))
        .route("/proxies", get(proxies).post(create))
        .route("/populate", post(populate))
        .route("/reset", post(reset))
        .route("/proxies/{proxy}", get(proxy).post(update).patch(update).delete(remove))
        .route("/proxies/{proxy}/connections", get(connections::list))
        .route("/proxies/{proxy}/traffic", get(traffic::show))
        .route("/proxies/{proxy}/toxics", get(toxics).post(add_toxic))
        .route(
            "/proxies/{proxy}/toxics/{toxic}",
            get(toxic).post(change_toxic).patch(change_toxic).delete(remove_toxic),
        )
        .route("/metrics", get(metrics::show))
        .route("/events", get(events::stream))
        .fallback(no_such_page)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn(whole_body))
        .layer(from_fn(no_browsers))
        // The limit is that of `whole_body`.
        .layer(DefaultBodyLimit::disable())
        .with_state(server)
}

/// Serves the API to whoever connects, until it is dropped.
///
/// # Errors
/// None in practice: what goes wrong with one connection ends that one.
pub async fn serve(listener: TcpListener, server: Server) -> io::Result<()> {
    let router = router(server);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // The client has gone, or no descriptor is left.
            tokio::time::sleep(REST).await;
            continue;
        };
        // Otherwise an answer on an old connection may wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        tokio::spawn(connection);
    }
}

/// Reads the body before anything is done with it: all of it must come, and in time.
async fn whole_body(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = match tokio::time::timeout(PATIENCE, to_bytes(body, LARGEST)).await {
        Ok(Ok(body)) => body,
        // Or its sender has gone, and nobody reads the answer.
        Ok(Err(_)) => return Refusal::TooLarge { most: LARGEST }.into_response(),
        Err(_) => return Refusal::TooSlow.into_response(),
    };
    next.run(Request::from_parts(parts, Body::from(body))).await
}

async fn no_such_page(uri: Uri) -> Response {
    Refusal::NoSuchPage { path: uri.path().chars().take(200).collect() }.into_response()
}

async fn no_such_method(method: Method, uri: Uri) -> Response {
    let path = uri.path().chars().take(200).collect();
    Refusal::NoSuchMethod { method: method.as_str().chars().take(20).collect(), path }.into_response()
}

/// A page in a browser must not be able to steer it (cross-site requests carry the browser's name).
async fn no_browsers(request: Request, next: Next) -> Response {
    let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    if agent.starts_with("Mozilla/") {
        return (StatusCode::FORBIDDEN, "User agent not allowed\n").into_response();
    }
    next.run(request).await
}

/// For what asks the resolver, which may take its time.
async fn aside<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Result<R, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Refusal::BadBody(error.to_string()))
}

async fn version() -> Response {
    axum::Json(json!({"version": TOXIPROXY, "squall": env!("CARGO_PKG_VERSION")})).into_response()
}

async fn proxies(State(server): State<Server>) -> Answered {
    Ok(ok(&server.proxies()))
}

async fn create(State(server): State<Server>, body: Bytes) -> Answered {
    let Read { value: plan, ignored } = document::plan(&document::parse(&body)?)?;
    let view = aside(move || server.create(&plan)).await??;
    Ok(ok(&view).status(StatusCode::CREATED).ignored(ignored))
}

async fn populate(State(server): State<Server>, body: Bytes) -> Answered {
    let Read { value: plans, ignored } = match document::plans(&body) {
        Ok(read) => read,
        Err(refusal) => return Ok(populated(Vec::new(), Some(&refusal))),
    };
    let done = aside(move || server.populate(&plans)).await?;
    let views = done.proxies.iter().map(|view| json!(view)).collect();
    Ok(populated(views, done.refusal.as_ref()).ignored(ignored))
}

fn populated(proxies: Vec<Value>, refusal: Option<&Refusal>) -> answer::Answer {
    let proxies = Value::Array(proxies);
    match refusal {
        None => ok(&json!({"proxies": proxies})).status(StatusCode::CREATED),
        Some(refusal) => {
            let mut said = answer::refused(refusal);
            said["proxies"] = proxies;
            ok(&said).status(answer::status(refusal))
        }
    }
}

async fn reset(State(server): State<Server>) -> Answered {
    aside(move || server.reset()).await??;
    Ok(answer::nothing())
}

async fn proxy(State(server): State<Server>, Path(name): Path<String>) -> Answered {
    Ok(ok(&server.proxy(&name)?))
}

async fn update(State(server): State<Server>, Path(name): Path<String>, body: Bytes) -> Answered {
    server.proxy(&name)?;
    let Read { value: change, ignored } = document::change(&document::parse(&body)?)?;
    let view = aside(move || server.update(&name, &change)).await??;
    Ok(ok(&view).ignored(ignored))
}

async fn remove(State(server): State<Server>, Path(name): Path<String>) -> Answered {
    server.remove(&name)?;
    Ok(answer::nothing())
}

async fn toxics(State(server): State<Server>, Path(proxy): Path<String>) -> Answered {
    Ok(ok(&server.toxics(&proxy)?))
}

async fn add_toxic(State(server): State<Server>, Path(proxy): Path<String>, body: Bytes) -> Answered {
    server.proxy(&proxy)?;
    let (toxic, ignored) = Toxic::read(&document::parse(&body)?)?;
    Ok(ok(&server.add_toxic(&proxy, toxic)?).ignored(ignored))
}

/// What only those get who ask for it: old clients know no `hits`.
#[derive(serde::Deserialize)]
struct Wanted {
    counts: Option<String>,
}

async fn toxic(
    State(server): State<Server>,
    Path((proxy, toxic)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
) -> Answered {
    let mut document = server.toxic(&proxy, &toxic)?;
    if wanted.counts.is_some() {
        document["hits"] = server.hits(&proxy, &toxic)?.into();
    }
    Ok(ok(&document))
}

async fn change_toxic(
    State(server): State<Server>,
    Path((proxy, toxic)): Path<(String, String)>,
    body: Bytes,
) -> Answered {
    let before = server.toxic(&proxy, &toxic)?;
    let change = document::parse(&body)?;
    let after = server.change_toxic(&proxy, &toxic, &change)?;
    Ok(ok(&after).ignored(document::ignored_by_change(&change, &before)))
}

async fn remove_toxic(
    State(server): State<Server>,
    Path((proxy, toxic)): Path<(String, String)>,
) -> Answered {
    server.remove_toxic(&proxy, &toxic)?;
    Ok(answer::nothing())
}
