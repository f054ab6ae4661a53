//! How the queue is.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Serialize;

use super::Desk;
use super::problem::Problem;
use super::request::StatsRequest;
use crate::error::with_causes;
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

/// Asks both threads: whether tasks can be read, and whether tasks could be put in.
pub(super) async fn health(State(desk): State<Desk>) -> (StatusCode, Json<Health>) {
    let asked = tokio::time::timeout(SOON, async {
        desk.intake.probe().await.map_err(|error| error.to_string())?;
        let read = desk.view.ask(|view| view.stats(&Scope::default(), STUCK_AFTER, Millis::now())).await;
        read.map(drop).map_err(|error| with_causes(&error))
    });
    let answer = asked.await.unwrap_or_else(|_| Err(format!("reach the queue within {} s", SOON.as_secs())));
    match answer {
        Ok(()) => (StatusCode::OK, Json(Health { status: "ok", reason: None })),
        Err(error) => {
            let reason = Some(format!("could not {error}"));
            (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "unavailable", reason }))
        }
    }
}

pub(super) async fn stats(
    State(desk): State<Desk>,
    query: Result<Query<StatsRequest>, QueryRejection>,
) -> Result<Json<Stats>, Problem> {
    let Query(StatsRequest { tag }) =
        query.map_err(|refusal| Problem::bad_request(format!("read the figures: {refusal}")))?;
    let scope = Scope { tag, kind: None };
    Ok(Json(desk.view.ask(move |view| view.stats(&scope, STUCK_AFTER, Millis::now())).await?))
}
