//! What the API answers: JSON, also for errors.

use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, WARNING};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::refusal::Refusal;

/// An answer, or why there is none.
pub(super) type Answered = Result<Answer, Refusal>;

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// 200 with this as JSON.
pub(super) fn ok<T: Serialize>(value: &T) -> Answer {
    let body = serde_json::to_vec(value).expect("what the API shows has text keys and finite numbers");
    Answer { status: StatusCode::OK, headers: HeaderMap::from_iter([(CONTENT_TYPE, JSON)]), body }
}

/// 204.
pub(super) fn nothing() -> Answer {
    Answer { status: StatusCode::NO_CONTENT, headers: HeaderMap::new(), body: Vec::new() }
}

/// The status of a refusal.
pub(super) fn status(refusal: &Refusal) -> StatusCode {
    StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

impl Answer {
    /// With another status.
    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Says which fields meant nothing. Toxiproxy says nothing, and clients rely on being let through.
    pub(super) fn ignored(mut self, fields: Vec<String>) -> Self {
        const WARN: HeaderName = WARNING;
        for field in fields.into_iter().take(8) {
            let shown: String = field.chars().filter(char::is_ascii_graphic).take(40).collect();
            if let Ok(value) = HeaderValue::try_from(format!("299 squall \"{shown} means nothing here\"")) {
                self.headers.append(WARN, value);
            }
        }
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.status, self.headers, self.body).into_response()
    }
}

/// What is said of a refusal.
pub(super) fn refused(refusal: &Refusal) -> Value {
    let mut said = json!({"error": refusal.to_string(), "status": refusal.status()});
    if let Some(hint) = refusal.hint() {
        said["hint"] = hint.into();
    }
    said
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        ok(&refused(&self)).status(status(&self)).into_response()
    }
}
