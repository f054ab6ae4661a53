//! Refusals as JSON.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::QueueError;
use crate::error::with_causes;
use crate::intake::IntakeError;

/// Why a request was refused.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    #[serde(skip)]
    status: StatusCode,
    error: String,
}

impl Problem {
    /// The request is wrong; `what` continues "could not ...".
    pub(super) fn bad_request(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, what)
    }

    /// There is no such thing.
    pub(super) fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, what)
    }

    /// The path is known, but not with this method.
    pub(super) fn wrong_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "do this here: GET reads, POST /tasks submits")
    }

    /// The request contradicts an earlier one.
    pub(super) fn conflict(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::CONFLICT, what)
    }

    fn new(status: StatusCode, what: impl std::fmt::Display) -> Self {
        Self { status, error: format!("could not {what}") }
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

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(self)).into_response()
    }
}
