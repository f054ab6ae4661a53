//! Submitting and reading tasks.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Serialize;

use super::Desk;
use super::access::Member;
use super::problem::Problem;
use super::request::{ListRequest, TaskRequest};
use crate::breaker::Admission;
use crate::queue::Clerk;
use crate::{Filter, Millis, Receipt, Submission, Task, TaskId};

/// Answer to `POST /tasks`.
#[derive(Debug, Serialize)]
pub(super) struct Submitted {
    ids: Vec<TaskId>,
}

/// Answer to `GET /tasks` and `GET /dead`.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    tasks: Vec<Task>,
    /// `after` of the next page, where there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<TaskId>,
}

/// Refuses a type whose breaker is open: at once, instead of taking work that would only wait.
pub(super) fn breaker_lets(desk: &Desk, submission: &Submission) -> Result<(), Problem> {
    let kind = submission.work.kind.name();
    match desk.watch.as_ref().map(|watch| watch.admission(kind)) {
        Some(Admission::Refused(wait)) => Err(Problem::open_breaker(kind, wait)),
        Some(Admission::Any | Admission::Probe) | None => Ok(()),
    }
}

/// What a receipt says about one submission.
pub(super) fn ids_of(receipt: Option<Receipt>) -> Result<(StatusCode, Vec<TaskId>), Problem> {
    match receipt {
        Some(Receipt::Created(ids)) => Ok((StatusCode::CREATED, ids)),
        Some(Receipt::Known(ids)) => Ok((StatusCode::OK, ids)),
        Some(Receipt::Conflict) | None => {
            Err(Problem::conflict("take the task: its `key` was used for tasks with another content"))
        }
    }
}

/// 201 once the tasks are on the disk; 200 when the key had put them there before.
pub(super) async fn submit(
    State(desk): State<Desk>,
    _: Member,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Submitted>), Problem> {
    let body = body.map_err(|refusal| Problem::unread(&refusal))?;
    let submission = TaskRequest::read(&body, Millis::now())?;
    breaker_lets(&desk, &submission)?;
    let (status, ids) = ids_of(desk.intake.submit(vec![submission]).await?.into_iter().next())?;
    Ok((status, Json(Submitted { ids })))
}

pub(super) async fn list(
    State(desk): State<Desk>,
    _: Member,
    query: Result<Query<ListRequest>, QueryRejection>,
) -> Result<Json<Listed>, Problem> {
    listed(&desk.view, ListRequest::filter_of("list the tasks", query)?).await
}

/// One page of tasks.
pub(super) async fn listed(view: &Clerk, filter: Filter) -> Result<Json<Listed>, Problem> {
    let limit = filter.limit as usize;
    let tasks = view.ask(move |view| view.tasks(&filter)).await?;
    let next = (tasks.len() == limit).then(|| tasks.last().map(|task| task.id)).flatten();
    Ok(Json(Listed { tasks, next }))
}

pub(super) async fn show(
    State(desk): State<Desk>,
    _: Member,
    Path(id): Path<String>,
) -> Result<Json<Task>, Problem> {
    shown(&desk.view, &id).await
}

/// One task.
pub(super) async fn shown(view: &Clerk, id: &str) -> Result<Json<Task>, Problem> {
    let missing = || Problem::not_found(format!("find task `{}`", id.escape_debug()));
    let number = id.parse().map(TaskId).map_err(|_| missing())?;
    view.ask(move |view| view.task(number)).await?.map(Json).ok_or_else(missing)
}
