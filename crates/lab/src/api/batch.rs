//! Batches: many tasks in one request, each with an answer of its own.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Desk;
use super::access::Member;
use super::problem::Problem;
use super::request::{TaskRequest, read};
use super::tasks::{breaker_lets, ids_of};
use crate::queue::Clerk;
use crate::{Batch, Millis, Submission, Tag, TaskId};

/// Items in one request.
const MOST_ITEMS: usize = 1000;
/// Tasks in one request, over all items.
const MOST_TASKS: u32 = 10_000;

/// The body of `POST /batches`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchRequest {
    /// More requests may add to the same batch. Drawn where nothing is said.
    batch: Option<Tag>,
    tasks: Vec<Value>,
}

/// What became of one item.
#[derive(Debug, Serialize)]
struct Item {
    index: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ids: Vec<TaskId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Answer to `POST /batches`.
#[derive(Debug, Serialize)]
pub(super) struct Answered {
    batch: Tag,
    accepted: usize,
    refused: usize,
    items: Vec<Item>,
}

/// Answer to `GET /batches/{name}`. What each task answered stands in `GET /tasks?batch={name}`.
#[derive(Debug, Serialize)]
pub(super) struct Progress {
    #[serde(flatten)]
    batch: Batch,
    /// Whether nothing is queued or running any more.
    ended: bool,
}

/// 201 when all items were taken, 207 when some were, 400 when none was. Those that are taken are put in together:
/// all of them, or with 503 none.
pub(super) async fn submit(
    State(desk): State<Desk>,
    _: Member,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Answered>), Problem> {
    let body = body.map_err(|refusal| Problem::unread(&refusal))?;
    let request: BatchRequest = read("read the batch", &body)?;
    if request.tasks.is_empty() || request.tasks.len() > MOST_ITEMS {
        let n = request.tasks.len();
        return Err(Problem::bad_request(format!(
            "take the batch: `tasks` has 1 to {MOST_ITEMS} items, not {n}"
        )));
    }
    let batch = match request.batch {
        Some(batch) => batch,
        None => drawn(),
    };

    let now = Millis::now();
    let read = |item| -> Result<Submission, Problem> {
        let request: TaskRequest = serde_json::from_value(item)
            .map_err(|mistake| Problem::bad_request(format!("read the task: {mistake}")))?;
        let mut submission = request.submission(now)?;
        if submission.batch.as_ref().is_some_and(|named| *named != batch) {
            return Err(Problem::bad_request("take the task: its `batch` is not the one it is sent with"));
        }
        submission.batch = Some(batch.clone());
        breaker_lets(&desk, &submission)?;
        Ok(submission)
    };
    let (mut good, mut answers) = (Vec::new(), Vec::new());
    for item in request.tasks {
        answers.push(read(item).map(|submission| good.push(submission)));
    }
    if good.iter().map(|submission| submission.count).sum::<u32>() > MOST_TASKS {
        return Err(Problem::bad_request(format!(
            "take the batch: its items make more than {MOST_TASKS} tasks"
        )));
    }
    let receipts = if good.is_empty() { Vec::new() } else { desk.intake.submit(good).await? };
    let mut receipts = receipts.into_iter();
    let items: Vec<Item> = answers
        .into_iter()
        .enumerate()
        .map(|(index, answer)| match answer.and_then(|()| ids_of(receipts.next())) {
            Ok((_, ids)) => Item { index, ids, error: None },
            Err(problem) => Item { index, ids: Vec::new(), error: Some(problem.into_text()) },
        })
        .collect();
    let refused = items.iter().filter(|item| item.error.is_some()).count();
    let accepted = items.len() - refused;
    let status = match (accepted, refused) {
        (_, 0) => StatusCode::CREATED,
        (0, _) => StatusCode::BAD_REQUEST,
        _ => StatusCode::MULTI_STATUS,
    };
    Ok((status, Json(Answered { batch, accepted, refused, items })))
}

fn drawn() -> Tag {
    let name = format!("batch-{:016x}", rand::rng().random::<u64>());
    Tag::try_from(name).expect("visible characters")
}

pub(super) async fn show(
    State(desk): State<Desk>,
    _: Member,
    Path(name): Path<String>,
) -> Result<Json<Progress>, Problem> {
    shown(&desk.view, &name).await
}

/// How far a batch is.
pub(super) async fn shown(view: &Clerk, name: &str) -> Result<Json<Progress>, Problem> {
    let missing = || Problem::not_found(format!("find batch `{}`", name.escape_debug()));
    let tag = Tag::try_from(name.to_owned()).map_err(|_| missing())?;
    let batch = view.ask(move |view| view.batch(&tag)).await?.ok_or_else(missing)?;
    let ended = batch.queued + batch.running == 0;
    Ok(Json(Progress { batch, ended }))
}
