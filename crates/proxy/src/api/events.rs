//! What happens from now on, as server-sent events (HTML standard, 9.2).

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::channel::Channel;
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;

use crate::server::Server;

/// Which events are wanted.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    /// Of this proxy only.
    proxy: Option<String>,
}

pub(super) async fn stream(State(server): State<Server>, Query(wanted): Query<Wanted>) -> Response {
    let mut events = server.events();
    drop(server);
    let (mut sender, body) = Channel::<Bytes>::new(16);
    tokio::spawn(async move {
        // So that the client knows that it misses nothing from here on.
        let mut text = ": listening\n\n".to_owned();
        while sender.send_data(text.into()).await.is_ok() {
            text = loop {
                match events.recv().await {
                    Ok(event) if wanted.proxy.as_ref().is_none_or(|proxy| *proxy == event.proxy) => {
                        let data = serde_json::to_string(&*event).expect("an event has text keys");
                        break format!("data: {data}\n\n");
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(missed)) => {
                        break format!("event: missed\ndata: {{\"missed\":{missed}}}\n\n");
                    }
                    Err(RecvError::Closed) => return,
                }
            };
        }
    });
    ([(CONTENT_TYPE, "text/event-stream")], Body::new(body)).into_response()
}
