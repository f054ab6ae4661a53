//! Submitting and reading tasks.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Serialize;

use super::Desk;
use super::problem::Problem;
use super::request::{ListRequest, TaskRequest};
use crate::{Receipt, Task, TaskId};

/// Answer to `POST /tasks`.
#[derive(Debug, Serialize)]
pub(super) struct Submitted {
    ids: Vec<TaskId>,
}

/// Answer to `GET /tasks`.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    tasks: Vec<Task>,
}

/// 201 once the tasks are on the disk; 200 when the key had put them there before.
pub(super) async fn submit(
    State(desk): State<Desk>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Submitted>), Problem> {
    let body = body.map_err(|refusal| Problem::bad_request(format!("read the body: {refusal}")))?;
    let receipts = desk.intake.submit(vec![TaskRequest::read(&body)?]).await?;
    let (status, ids) = match receipts.into_iter().next() {
        Some(Receipt::Created(ids)) => (StatusCode::CREATED, ids),
        Some(Receipt::Known(ids)) => (StatusCode::OK, ids),
        Some(Receipt::Conflict) | None => {
            return Err(Problem::conflict(
                "take the task: its `key` was used for tasks with another content",
            ));
        }
    };
    Ok((status, Json(Submitted { ids })))
}

pub(super) async fn list(
    State(desk): State<Desk>,
    query: Result<Query<ListRequest>, QueryRejection>,
) -> Result<Json<Listed>, Problem> {
    let Query(request) =
        query.map_err(|refusal| Problem::bad_request(format!("list the tasks: {refusal}")))?;
    let filter = request.filter()?;
    let tasks = desk.view.ask(move |view| view.tasks(&filter)).await?;
    Ok(Json(Listed { tasks }))
}

pub(super) async fn show(State(desk): State<Desk>, Path(id): Path<String>) -> Result<Json<Task>, Problem> {
    let missing = || Problem::not_found(format!("find task `{}`", id.escape_debug()));
    let number = id.parse().map(TaskId).map_err(|_| missing())?;
    desk.view.ask(move |view| view.task(number)).await?.map(Json).ok_or_else(missing)
}
