//! `GET /events`: what happens in the queue, as server-sent events.
//!
//! ```text
//! id: 17
//! event: done
//! data: {"cursor":"17","at_ms":...,"happened":"done","task":5,"tag":"a","kind":"sleep","attempt":1,...}
//! ```
//!
//! The events are read from the queue itself at the client's own pace: a slow client misses nothing and costs no
//! memory, and one that comes back with `Last-Event-ID` goes on where it was. Changes of breakers (`event: breaker`)
//! are no part of the queue: they have no id, and a client that is far behind misses some.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use futures_util::stream::{Stream, unfold};
use serde::Deserialize;
use tokio::sync::broadcast::{self, error::RecvError};

use super::Desk;
use super::access::Member;
use super::problem::Problem;
use crate::breaker::BreakerChange;
use crate::metrics::Follower;
use crate::queue::Clerk;
use crate::{Cursor, Event, Tag};

/// Clients that may follow at the same time.
const MOST_FOLLOWERS: i64 = 64;
/// Pause between two looks for new events.
const PAUSE: Duration = Duration::from_millis(100);
/// Events in one look.
const AT_ONCE: u32 = 200;
/// Silence after which a comment is sent, so that a dead connection is noticed.
const SILENCE: Duration = Duration::from_secs(10);

/// The query of `GET /events`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsRequest {
    /// Begin after this one; empty: with the first there is. Where nothing is said, with the next.
    after: Option<Cursor>,
    /// Only tasks with this tag.
    tag: Option<Tag>,
}

struct Following {
    view: Clerk,
    place: Cursor,
    tag: Option<Tag>,
    waiting: VecDeque<Event>,
    changes: Option<broadcast::Receiver<BreakerChange>>,
    _counted: Follower,
}

pub(super) async fn follow(
    State(desk): State<Desk>,
    _: Member,
    headers: HeaderMap,
    query: Result<Query<EventsRequest>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let refused = |why: String| Problem::bad_request(format!("follow the events: {why}"));
    let Query(request) = query.map_err(|refusal| refused(refusal.to_string()))?;
    if desk.metrics.followers() >= MOST_FOLLOWERS {
        return Err(Problem::full(format!(
            "follow the events: {MOST_FOLLOWERS} clients do, which is the most"
        )));
    }
    let counted = desk.metrics.follower();
    // A browser that lost its connection says where it was; that is newer than what its address says.
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let asked = last.map(|text| Cursor(text.to_owned())).or(request.after);
    let place = match asked {
        Some(place) => {
            // A place that is none is refused now, and not after the answer has begun.
            let tried = place.clone();
            let look = desk.view.ask(move |view| view.events(&tried, 1)).await;
            if let Err(error @ crate::QueueError::Garbled { .. }) = look {
                return Err(refused(error.to_string()));
            }
            look?;
            place
        }
        None => desk.view.ask(|view| view.newest()).await?,
    };
    let changes = desk.watch.as_ref().map(crate::watch::Watch::changes);
    let following = Following {
        view: desk.view,
        place,
        tag: request.tag,
        waiting: VecDeque::new(),
        changes,
        _counted: counted,
    };
    Ok(Sse::new(stream(following)).keep_alive(KeepAlive::new().interval(SILENCE)))
}

fn stream(following: Following) -> impl Stream<Item = Result<Sent, Infallible>> {
    unfold(following, async |mut following| {
        let sent = following.next().await;
        Some((Ok(sent), following))
    })
}

impl Following {
    async fn next(&mut self) -> Sent {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                let name = if event.late { "late" } else { event.happened.name() };
                let sent = Sent::default().id(event.cursor.0.clone()).event(name).json_data(&event);
                return sent.expect("an event is plain data");
            }
            tokio::select! {
                Some(change) = change(&mut self.changes) => {
                    return Sent::default().event("breaker").json_data(&change).expect("a change is plain data");
                }
                events = look(&self.view, &self.place) => {
                    if let Some(last) = events.last() {
                        self.place = last.cursor.clone();
                    }
                    let wanted = |event: &Event| self.tag.as_ref().is_none_or(|tag| event.tag == tag.as_str());
                    self.waiting.extend(events.into_iter().filter(wanted));
                }
            }
        }
    }
}

/// The next events. Where there are none, or the queue does not answer, it pauses first.
async fn look(view: &Clerk, place: &Cursor) -> Vec<Event> {
    let place = place.clone();
    let events = view.ask(move |view| view.events(&place, AT_ONCE)).await.unwrap_or_default();
    if events.is_empty() {
        tokio::time::sleep(PAUSE).await;
    }
    events
}

/// The next change of a breaker; none when there are no breakers.
async fn change(changes: &mut Option<broadcast::Receiver<BreakerChange>>) -> Option<BreakerChange> {
    let changes = changes.as_mut()?;
    loop {
        match changes.recv().await {
            Ok(change) => return Some(change),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}
