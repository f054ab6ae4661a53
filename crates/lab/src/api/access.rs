//! Who may ask, and how often.
//!
//! ```text
//!   request --who is it?--> person, or an address --bucket--> route --role--> answer
//!              |  a token that holds no more: 401      | empty: 429   | not allowed: 401, 403
//! ```

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::Desk;
use super::problem::Problem;
use crate::account::{Accounts, Person, Role, Token};
use crate::bucket::Buckets;

/// Paths that cost no tokens of the bucket: a client that is too fast must not hide from its watchers.
const UNLIMITED: [&str; 2] = ["/health", "/metrics"];

/// Accounts, where a login is asked for.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) accounts: Accounts,
    /// How long a token lasts.
    pub(super) lifetime: Duration,
}

/// The buckets of all clients, where there is a limit.
#[derive(Clone)]
pub(super) struct Limit(Arc<Mutex<Buckets>>);

impl Limit {
    pub(super) fn new(buckets: Buckets) -> Self {
        Self(Arc::new(Mutex::new(buckets)))
    }

    fn take(&self, client: &str) -> Result<(), Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(client, Instant::now())
    }
}

/// Who asks, as far as it is known. It is among the extensions of each request.
#[derive(Clone)]
enum Visitor {
    /// There are no accounts: everybody may do everything.
    Anybody,
    /// Nobody has shown a token.
    Stranger,
    /// The holder of the token.
    Known(Person, Token),
}

/// Identifies the client, holds it to its rate, and counts the answer. Around every route.
pub(super) async fn pass(
    State(desk): State<Desk>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "none".to_owned());
    let header = request.headers().get(AUTHORIZATION).cloned();
    let answer = match admit(&desk, peer.ip(), &route, header).await {
        Ok(visitor) => {
            request.extensions_mut().insert(visitor);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    desk.metrics.answered(method, &route, answer.status().as_u16(), began.elapsed());
    answer
}

async fn admit(
    desk: &Desk,
    peer: IpAddr,
    route: &str,
    header: Option<HeaderValue>,
) -> Result<Visitor, Problem> {
    let visitor = identify(desk, header).await;
    let client = match &visitor {
        Ok(Visitor::Known(person, _)) => person.name.clone(),
        // A wrong token is the address's own, or guessing would cost nothing.
        Ok(Visitor::Anybody | Visitor::Stranger) | Err(_) => peer.to_string(),
    };
    if let Some(limit) = &desk.limit
        && !UNLIMITED.contains(&route)
        && let Err(wait) = limit.take(&client)
    {
        desk.metrics.limited();
        return Err(Problem::too_many(wait));
    }
    visitor
}

async fn identify(desk: &Desk, header: Option<HeaderValue>) -> Result<Visitor, Problem> {
    let Some(guard) = &desk.guard else { return Ok(Visitor::Anybody) };
    let Some(header) = header else { return Ok(Visitor::Stranger) };
    let token = header.to_str().ok().and_then(Token::of_header);
    let token = token
        .ok_or_else(|| Problem::unauthorized("read the header `authorization`: write `Bearer TOKEN`"))?;
    match guard.accounts.holder(token.clone()).await? {
        Some(person) => Ok(Visitor::Known(person, token)),
        None => Err(Problem::unauthorized(
            "accept the token: it is unknown, ended or expired; POST /login gives a new one",
        )),
    }
}

/// Methods that strangers make up must not become names of metrics.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}

/// Asks for a login, where there are accounts. A parameter of handlers.
pub(super) struct Member;

/// Asks for a login of an admin, where there are accounts. A parameter of handlers.
pub(super) struct Admin;

/// The login itself, for handlers that are about it: without accounts there is none.
pub(super) struct Login {
    pub(super) person: Person,
    pub(super) token: Token,
}

fn visitor(parts: &Parts) -> Visitor {
    // Without `pass` around the route nobody was identified.
    parts.extensions.get().cloned().unwrap_or(Visitor::Stranger)
}

fn no_login() -> Problem {
    Problem::unauthorized(
        "do this without a login: send `authorization: Bearer TOKEN`; POST /login gives a token",
    )
}

impl FromRequestParts<Desk> for Member {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Desk) -> Result<Self, Problem> {
        match visitor(parts) {
            Visitor::Anybody | Visitor::Known(..) => Ok(Self),
            Visitor::Stranger => Err(no_login()),
        }
    }
}

impl FromRequestParts<Desk> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Desk) -> Result<Self, Problem> {
        match visitor(parts) {
            Visitor::Anybody => Ok(Self),
            Visitor::Known(person, _) if person.role == Role::Admin => Ok(Self),
            Visitor::Known(person, _) => {
                Err(Problem::forbidden(format!("do this as `{}`: it takes the role admin", person.name)))
            }
            Visitor::Stranger => Err(no_login()),
        }
    }
}

impl FromRequestParts<Desk> for Login {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Desk) -> Result<Self, Problem> {
        match visitor(parts) {
            Visitor::Known(person, token) => Ok(Self { person, token }),
            Visitor::Stranger => Err(no_login()),
            Visitor::Anybody => Err(Problem::no_accounts()),
        }
    }
}
