//! How the queue is.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Desk;
use super::access::Member;
use super::problem::Problem;
use super::request::StatsRequest;
use crate::breaker::BreakerView;
use crate::error::with_causes;
use crate::metrics::{Page, QueueFigures};
use crate::queue::Clerk;
use crate::{Millis, Scope, Stats};

/// The queue has this long to answer.
const SOON: Duration = Duration::from_secs(1);
/// A lease that ended this long ago, and nobody took the task, makes it stuck.
const STUCK_AFTER: Duration = Duration::from_secs(5);

/// Answer to `GET /health`.
#[derive(Debug, Serialize)]
pub(super) struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Health {
    fn of(answer: Result<(), String>) -> (StatusCode, Json<Self>) {
        match answer {
            Ok(()) => (StatusCode::OK, Json(Self { status: "ok", reason: None })),
            Err(error) => {
                let reason = Some(format!("could not {error}"));
                (StatusCode::SERVICE_UNAVAILABLE, Json(Self { status: "unavailable", reason }))
            }
        }
    }
}

/// Asks both threads: whether tasks can be read, and whether tasks could be put in.
pub(super) async fn health(State(desk): State<Desk>) -> (StatusCode, Json<Health>) {
    let asked = async {
        desk.intake.probe().await.map_err(|error| error.to_string())?;
        readable(&desk.view).await
    };
    Health::of(soon(asked).await)
}

/// Asks whether tasks can be read.
pub(super) async fn reading_health(State(view): State<Clerk>) -> (StatusCode, Json<Health>) {
    Health::of(soon(readable(&view)).await)
}

async fn readable(view: &Clerk) -> Result<(), String> {
    let read = view.ask(|view| view.stats(&Scope::default(), STUCK_AFTER, Millis::now())).await;
    read.map(drop).map_err(|error| with_causes(&error))
}

async fn soon(asked: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let late = || Err(format!("reach the queue within {} s", SOON.as_secs()));
    tokio::time::timeout(SOON, asked).await.unwrap_or_else(|_| late())
}

pub(super) async fn stats(
    State(desk): State<Desk>,
    _: Member,
    query: Result<Query<StatsRequest>, QueryRejection>,
) -> Result<Json<Stats>, Problem> {
    figures(&desk.view, query).await
}

/// The figures that a query asks for.
pub(super) async fn figures(
    view: &Clerk,
    query: Result<Query<StatsRequest>, QueryRejection>,
) -> Result<Json<Stats>, Problem> {
    let Query(StatsRequest { tag, kind }) =
        query.map_err(|refusal| Problem::bad_request(format!("read the figures: {refusal}")))?;
    let scope = Scope { tag, kind };
    Ok(Json(view.ask(move |view| view.stats(&scope, STUCK_AFTER, Millis::now())).await?))
}

/// Answer to `GET /breakers`.
#[derive(Debug, Serialize)]
pub(super) struct Breakers {
    /// Whether there are any: `--breaker-failures`.
    on: bool,
    breakers: Vec<BreakerView>,
}

pub(super) async fn breakers(State(desk): State<Desk>, _: Member) -> Json<Breakers> {
    let breakers = desk.watch.as_ref().map(crate::watch::Watch::view);
    Json(Breakers { on: breakers.is_some(), breakers: breakers.unwrap_or_default() })
}

/// A queue that does not answer is a metric (`lab_queue_up 0`) and not a failed scrape.
pub(super) async fn metrics(State(desk): State<Desk>) -> Response {
    let figures = queue_figures(&desk.view).await;
    let breakers = desk.watch.as_ref().map(crate::watch::Watch::view).unwrap_or_default();
    let queue = QueueFigures::registry(figures.as_ref(), &breakers);
    Page::of(&[desk.metrics.registry(), &queue])
        .map_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response(), IntoResponse::into_response)
}

/// The queue's figures alone.
pub(super) async fn queue_metrics(State(view): State<Clerk>) -> Response {
    let figures = queue_figures(&view).await;
    Page::of(&[&QueueFigures::registry(figures.as_ref(), &[])])
        .map_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response(), IntoResponse::into_response)
}

async fn queue_figures(view: &Clerk) -> Option<QueueFigures> {
    let read = view.ask(|view| QueueFigures::read(view, STUCK_AFTER, Millis::now()));
    tokio::time::timeout(SOON, read).await.ok()?.ok()
}
