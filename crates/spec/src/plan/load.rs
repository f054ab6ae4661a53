//! The load: tasks or requests at a fixed rate.

use squall_model::load::{Load, Pattern};
use squall_model::template::Template;
use squall_model::unit::Span;

use crate::code::Code;
use crate::document::experiment::{LoadDocument, PatternDocument};
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::plan::target::{Known, Presence};
use crate::plan::text::{self, Request};

const TIMEOUT: Span = Span::seconds(5);
const MAX_IN_FLIGHT: u32 = 1_000;

/// The load, or `None` with a mistake noted. `known` is `None` where the target could not be read at all.
pub(crate) fn load(
    written: &LoadDocument,
    place: Place,
    known: Option<&Known>,
    notes: &mut Notes<'_>,
) -> Option<Load> {
    let pattern = written.pattern.as_ref().and_then(|pattern| rate(pattern, notes));
    let zero = |written: Option<Place>, what: &str, notes: &mut Notes<'_>| {
        if let Some(place) = written {
            notes.mistake(Mistake::new(Code::Zero, what, place, "zero"));
        }
    };
    zero(
        written.timeout.as_ref().filter(|at| at.value.is_zero()).map(|at| at.place),
        "a timeout of zero fails every request",
        notes,
    );
    zero(
        written.max_in_flight.as_ref().filter(|at| at.value == 0).map(|at| at.place),
        "no request could be under way",
        notes,
    );
    zero(
        written.max_total.as_ref().filter(|at| at.value == 0).map(|at| at.place),
        "no request could be sent",
        notes,
    );
    let (url, method, headers, body) = if let Some(http) = &written.http {
        let request = Request {
            url: &http.url,
            method: http.method.as_ref(),
            headers: http.headers.as_ref(),
            body: http.body.as_ref(),
            ca: None,
        };
        let request = text::request(&request, "GET", &["n"], notes)?;
        (request.url, request.method, request.headers, request.body)
    } else {
        let work = written.tasks.as_ref()?.work.as_ref().map_or(Span::ZERO, |work| work.value);
        let known = known?;
        if known.parts.tasks == Presence::Missing {
            let mistake = Mistake::new(
                Code::NoTasks,
                "the target does not say how it takes tasks",
                place,
                "needs `tasks` in the target",
            );
            notes.mistake(
                mistake.help("give `tasks: { url: ..., body: ... }` in the target, or use `http` here"),
            );
            return None;
        }
        let tasks = known.target.tasks.as_ref()?;
        let body = tasks.body.replace("{work}", &work.as_millis().to_string());
        (tasks.url.clone(), tasks.method.clone(), tasks.headers.clone(), Some(Template(body)))
    };
    Some(Load {
        url,
        method,
        headers,
        body,
        pattern: pattern?,
        timeout: written.timeout.as_ref().map_or(TIMEOUT, |at| at.value),
        max_in_flight: written.max_in_flight.as_ref().map_or(MAX_IN_FLIGHT, |at| at.value),
        max_total: written.max_total.as_ref().map(|at| at.value),
    })
}

fn rate(written: &PatternDocument, notes: &mut Notes<'_>) -> Option<Pattern> {
    let PatternDocument::Constant(At { value, place }) = written;
    if value.0 > 0.0 {
        return Some(Pattern::Constant(*value));
    }
    notes.mistake(
        Mistake::new(Code::Zero, "a rate of zero is no load", *place, "zero")
            .help("leave `load` out for none"),
    );
    None
}
