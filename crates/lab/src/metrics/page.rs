//! Metrics as an HTTP answer.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

use crate::LabError;
use crate::listen::listen;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The text of one scrape.
pub(crate) struct Page(String);

impl Page {
    /// All metrics of these registries, whose names must not overlap.
    pub(crate) fn of(registries: &[&Registry]) -> Result<Self, fmt::Error> {
        let mut text = String::new();
        for registry in registries {
            encode_registry(&mut text, registry)?;
        }
        encode_eof(&mut text)?;
        Ok(Self(text))
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, OPEN_METRICS)], self.0).into_response()
    }
}

/// Serves the registry at `/metrics` until the process ends. Returns the address.
pub(crate) fn serve(address: SocketAddr, registry: Arc<Registry>) -> Result<SocketAddr, LabError> {
    let (listener, address) = listen(address)?;
    let router = Router::new().route(
        "/metrics",
        get(async move || Page::of(&[&registry]).map_err(|_| axum::http::StatusCode::INTERNAL_SERVER_ERROR)),
    );
    tokio::spawn(axum::serve(listener, router).into_future());
    Ok(address)
}
