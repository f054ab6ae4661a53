//! Refusals as JSON.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::QueueError;
use crate::account::AccountError;
use crate::error::with_causes;
use crate::intake::IntakeError;

/// Why a request was refused.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    #[serde(skip)]
    status: StatusCode,
    error: String,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

impl Problem {
    /// The request is wrong; `what` continues "could not ...".
    pub(super) fn bad_request(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, what)
    }

    /// The body did not arrive, or is too long.
    pub(super) fn unread(refusal: &BytesRejection) -> Self {
        Self::bad_request(format!("read the body: {refusal}"))
    }

    /// There is no such thing.
    pub(super) fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, what)
    }

    /// The path is about accounts, and this API has none.
    pub(super) fn no_accounts() -> Self {
        Self::not_found("find accounts: this API asks for no login; start it with --auth FILE")
    }

    /// The path is known, but not with this method.
    pub(super) fn wrong_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "do this here: GET reads, POST submits and changes")
    }

    /// The request contradicts an earlier one.
    pub(super) fn conflict(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::CONFLICT, what)
    }

    /// Nobody is logged in with this request.
    pub(super) fn unauthorized(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, what)
    }

    /// Whoever is logged in may not do this.
    pub(super) fn forbidden(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::FORBIDDEN, what)
    }

    /// The client has asked too often.
    pub(super) fn too_many(wait: Duration) -> Self {
        let refused = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!("take the request: you are over your rate; come again in {} ms", wait.as_millis().max(1)),
        );
        Self { retry_after: Some(wait), ..refused }
    }

    /// The breaker of this type of task is open.
    pub(super) fn open_breaker(kind: &str, wait: Duration) -> Self {
        let refused = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "take tasks of kind `{kind}`: its breaker is open after failures in a row; a probe may pass in {} ms",
                wait.as_millis().max(1)
            ),
        );
        Self { retry_after: Some(wait), ..refused }
    }

    /// So many of something is the limit here.
    pub(super) fn full(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, what)
    }

    /// The text, for one item among others.
    pub(super) fn into_text(self) -> String {
        self.error
    }

    fn new(status: StatusCode, what: impl std::fmt::Display) -> Self {
        Self { status, error: format!("could not {what}"), retry_after: None }
    }
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, with_causes(&error))
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error)
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let status = match error {
            AccountError::Taken { .. } => StatusCode::CONFLICT,
            AccountError::Refused => StatusCode::UNAUTHORIZED,
            AccountError::Full { .. }
            | AccountError::Open { .. }
            | AccountError::Foreign { .. }
            | AccountError::Statement { .. }
            | AccountError::Hash(_)
            | AccountError::Random(_)
            | AccountError::Stopped => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, with_causes(&error))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status, self.retry_after);
        let mut response = (status, Json(self)).into_response();
        if let Some(wait) = retry_after {
            // Whole seconds (RFC 9110, 10.2.3), never too few.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(RETRY_AFTER, seconds.max(1).into());
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
