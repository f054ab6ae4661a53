//! E3: a login step that yields a token.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use squall_model::measure::{Header, HttpFact, HttpProbe, HttpRequest, Login, Outcome, Probe};
use squall_model::unit::Unit;
use squall_probe::Prober;

use crate::stage::{Stage, get, text, unreadable};
use crate::wire::Site;

/// A shop with a door: every login gives a new token, only the last one is good.
#[derive(Clone, Default)]
struct Door(Arc<Mutex<DoorState>>);

#[derive(Default)]
struct DoorState {
    logins: u32,
    visits: u32,
    good: Option<String>,
    closed: bool,
}

impl Door {
    async fn open(&self) -> Site {
        let router = Router::new().route("/login", post(log_in)).route("/visit", post(visit));
        Site::running(router.with_state(self.clone())).await
    }

    fn counts(&self) -> (u32, u32) {
        let state = self.0.lock().unwrap();
        (state.logins, state.visits)
    }
}

async fn log_in(State(door): State<Door>, body: String) -> Result<String, StatusCode> {
    let mut state = door.0.lock().unwrap();
    state.logins += 1;
    if body != r#"{"password": "s3cr3t"}"# {
        return Err(StatusCode::FORBIDDEN);
    }
    let token = format!("token-{}", state.logins);
    state.good = if state.closed { None } else { Some(token.clone()) };
    Ok(format!(r#"{{"auth": {{"token": "{token}"}}}}"#))
}

async fn visit(State(door): State<Door>, headers: HeaderMap, body: String) -> Result<String, StatusCode> {
    let mut state = door.0.lock().unwrap();
    state.visits += 1;
    let shown = headers.get("authorization").and_then(|value| value.to_str().ok());
    match &state.good {
        Some(good) if shown == Some(&format!("Bearer {good}")) && body == format!("as {good}") => {
            Ok(format!(r#"{{"who": "you are {good}"}}"#))
        }
        _ => Err(StatusCode::UNAUTHORIZED),
    }
}

fn visitor(site: &Site, password: &str, token: &str, read: HttpFact) -> Prober {
    let login = Login {
        request: HttpRequest {
            method: "POST".into(),
            body: Some(r#"{"password": "{env:PASSWORD}"}"#.into()),
            ..get(&site.url("/login"))
        },
        token: token.into(),
    };
    let request = HttpRequest {
        method: "POST".into(),
        headers: vec![Header { name: "Authorization".into(), value: "Bearer {token}".into() }],
        body: Some("as {token}".into()),
        ..get(&site.url("/visit"))
    };
    let probe = HttpProbe { request, read, login: Some(login), unit: Unit::Number };
    Stage::with_secret("PASSWORD", password).prober(Probe::Http(Box::new(probe)))
}

#[tokio::test]
async fn the_token_is_had_once_and_renewed_when_it_is_no_longer_good() {
    let door = Door::default();
    let site = door.open().await;
    let mut visitor = visitor(&site, "s3cr3t", "auth.token", HttpFact::Json("who".into()));
    // U3: the token is a secret too, though it came from the network.
    assert_eq!(visitor.read().await, text("you are ***"));
    assert_eq!(visitor.read().await, text("you are ***"));
    assert_eq!(door.counts(), (1, 2));

    door.0.lock().unwrap().good = None;
    assert_eq!(visitor.read().await, text("you are ***"));
    assert_eq!(door.counts(), (2, 4));
}

#[tokio::test]
async fn a_door_that_stays_closed_is_asked_once_more_and_not_for_ever() {
    let door = Door::default();
    let site = door.open().await;
    let mut visitor = visitor(&site, "s3cr3t", "auth.token", HttpFact::Status);
    assert_eq!(visitor.read().await, crate::stage::value(200.0, Unit::Number));
    door.0.lock().unwrap().closed = true;
    door.0.lock().unwrap().good = None;
    assert_eq!(visitor.read().await, crate::stage::value(401.0, Unit::Number));
    assert_eq!(door.counts(), (2, 3));
}

#[tokio::test]
async fn a_login_that_fails_is_unreadable_and_says_so() {
    let site = Door::default().open().await;
    let who = || HttpFact::Json("who".into());
    let mut wrong = visitor(&site, "guess", "auth.token", who());
    assert_eq!(wrong.read().await, unreadable("login: answered 403"));
    let mut elsewhere = visitor(&site, "s3cr3t", "token", who());
    assert_eq!(elsewhere.read().await, unreadable("login: the answer has no token at `token`"));
    assert_eq!(
        elsewhere.read().await,
        Outcome::Unreadable("login: the answer has no token at `token`".into())
    );
}
