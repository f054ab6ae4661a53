//! The dead-letter queue: list, replay, purge.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};

use super::Desk;
use super::access::{Admin, Member};
use super::problem::Problem;
use super::request::{LONGEST_LIST, ListRequest, read};
use super::tasks::{self, Listed};
use crate::{Filter, Millis, State as TaskState, Tag, TaskId};

/// The body of `POST /dead/replay` and `POST /dead/purge`: these tasks, or all that are dead of a tag and kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    ids: Option<Vec<TaskId>>,
    all: Option<bool>,
    tag: Option<Tag>,
    kind: Option<String>,
}

/// Answer to both.
#[derive(Debug, Serialize)]
pub(super) struct Changed {
    /// Those that were dead, and are not any more.
    moved: Vec<TaskId>,
    /// Those that were asked for and were not dead: nothing was done to them.
    not_dead: Vec<TaskId>,
    /// Whether more may be left: the same request again takes them.
    more: bool,
}

enum Choice {
    These(Vec<TaskId>),
    All(Filter),
}

impl Chosen {
    fn meant(self) -> Result<Choice, String> {
        match (self.ids, self.all) {
            (Some(_), Some(_)) => Err("`ids` and `all` exclude each other".into()),
            (Some(_), None) if self.tag.is_some() || self.kind.is_some() => {
                Err("`tag` and `kind` belong to `all`".into())
            }
            (Some(ids), None) if ids.is_empty() || ids.len() > LONGEST_LIST as usize => {
                Err(format!("`ids` has 1 to {LONGEST_LIST} numbers, not {}", ids.len()))
            }
            (Some(ids), None) => Ok(Choice::These(ids)),
            (None, Some(true)) => Ok(Choice::All(Filter {
                tag: self.tag,
                kind: self.kind,
                state: Some(TaskState::Dead),
                limit: LONGEST_LIST,
                ..Filter::default()
            })),
            (None, _) => {
                Err("say which: `{\"ids\": [1, 2]}`, or `{\"all\": true}` with a `tag` or `kind` if wanted"
                    .into())
            }
        }
    }
}

pub(super) async fn list(
    State(desk): State<Desk>,
    _: Member,
    query: Result<Query<ListRequest>, QueryRejection>,
) -> Result<Json<Listed>, Problem> {
    let mut filter = ListRequest::filter_of("list the dead letters", query)?;
    if filter.state.replace(TaskState::Dead).is_some_and(|state| state != TaskState::Dead) {
        return Err(Problem::bad_request("list the dead letters: their `state` is dead"));
    }
    tasks::listed(&desk.view, filter).await
}

pub(super) async fn replay(
    desk: State<Desk>,
    _: Admin,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Changed>, Problem> {
    change("replay dead letters", desk, body, Change::Replay).await
}

pub(super) async fn purge(
    desk: State<Desk>,
    _: Admin,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Changed>, Problem> {
    change("purge dead letters", desk, body, Change::Purge).await
}

#[derive(Clone, Copy)]
enum Change {
    Replay,
    Purge,
}

async fn change(
    what: &str,
    State(desk): State<Desk>,
    body: Result<Bytes, BytesRejection>,
    change: Change,
) -> Result<Json<Changed>, Problem> {
    let body = body.map_err(|refusal| Problem::unread(&refusal))?;
    let chosen: Chosen = read(what, &body)?;
    let choice = chosen.meant().map_err(|mistake| Problem::bad_request(format!("{what}: {mistake}")))?;
    let moved = desk.changes.ask(move |queue| {
        let (ids, more) = match choice {
            Choice::These(ids) => (ids, false),
            Choice::All(filter) => {
                let dead = queue.tasks(&filter)?;
                let more = dead.len() == filter.limit as usize;
                (dead.into_iter().map(|task| task.id).collect(), more)
            }
        };
        let moved = match change {
            Change::Replay => queue.replay(&ids, Millis::now()),
            Change::Purge => queue.purge(&ids, Millis::now()),
        }?;
        let not_dead = ids.into_iter().filter(|id| !moved.contains(id)).collect();
        Ok(Changed { moved, not_dead, more })
    });
    Ok(Json(moved.await?))
}
