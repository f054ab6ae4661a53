//! Registering, logging in and out.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::Desk;
use super::access::{Admin, Guard, Login};
use super::problem::Problem;
use super::request::{page, read};
use crate::Millis;
use crate::account::{AccountError, Name, Password, Person, Role};

/// The body of `POST /register` and `POST /login`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    name: Name,
    password: Password,
}

/// Answer to `POST /login`.
#[derive(Debug, Serialize)]
pub(super) struct LoggedIn {
    token: String,
    name: String,
    role: Role,
    expires_ms: Millis,
}

/// Answer to `GET /users`.
#[derive(Debug, Serialize)]
pub(super) struct People {
    users: Vec<Person>,
    /// `after` of the next page, where there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

fn guard(desk: &Desk) -> Result<&Guard, Problem> {
    desk.guard.as_ref().ok_or_else(Problem::no_accounts)
}

fn credentials(what: &str, body: Result<Bytes, BytesRejection>) -> Result<Credentials, Problem> {
    read(what, &body.map_err(|refusal| Problem::unread(&refusal))?)
}

pub(super) async fn register(
    State(desk): State<Desk>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Person>), Problem> {
    let accounts = &guard(&desk)?.accounts;
    let Credentials { name, password } = credentials("read the registration", body)?;
    // Who registers is a user; an admin is made with `squall lab account`.
    Ok((StatusCode::CREATED, Json(accounts.add(name, password, Role::User).await?)))
}

pub(super) async fn log_in(
    State(desk): State<Desk>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<LoggedIn>, Problem> {
    let guard = guard(&desk)?;
    let Credentials { name, password } = credentials("read the login", body)?;
    let session = guard.accounts.log_in(name, password, guard.lifetime).await;
    match &session {
        Ok(_) => desk.metrics.logged_in(),
        Err(AccountError::Refused) => desk.metrics.login_refused(),
        Err(_) => {}
    }
    let session = session?;
    Ok(Json(LoggedIn {
        token: session.token.reveal().to_owned(),
        name: session.person.name,
        role: session.person.role,
        expires_ms: session.expires,
    }))
}

pub(super) async fn log_out(State(desk): State<Desk>, login: Login) -> Result<StatusCode, Problem> {
    guard(&desk)?.accounts.log_out(login.token).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn me(login: Login) -> Json<Person> {
    Json(login.person)
}

/// The query of `GET /users`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PeopleRequest {
    after: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn people(
    State(desk): State<Desk>,
    _: Admin,
    query: Result<Query<PeopleRequest>, QueryRejection>,
) -> Result<Json<People>, Problem> {
    let accounts = &guard(&desk)?.accounts;
    let refused = |why: String| Problem::bad_request(format!("list the users: {why}"));
    let Query(request) = query.map_err(|refusal| refused(refusal.to_string()))?;
    let limit = page(request.limit).map_err(refused)?;
    let users = accounts.people(request.after.unwrap_or_default(), limit).await?;
    let next =
        (users.len() == limit as usize).then(|| users.last().map(|person| person.name.clone())).flatten();
    Ok(Json(People { users, next }))
}
