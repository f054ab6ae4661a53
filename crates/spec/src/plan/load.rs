//! The load: what is sent, how often, and its ceilings.

use std::sync::Arc;

use squall_model::load::{Body, Connections, HttpLoad, HttpVersion, Load, LoadTarget, Pattern, RedisQueue};
use squall_model::template::Template;
use squall_model::unit::{Rate, Span};

use crate::code::Code;
use crate::document::load::{CommandLoad, LoadDocument, RedisLoad, SqlLoad, TasksLoad};
use crate::draft::Loaded;
use crate::mistake::{At, Mistake, Mistakes, Place, Source};
use crate::notes::Notes;
use crate::plan::pattern::pattern;
use crate::plan::target::{Known, Presence};
use crate::plan::text;
use crate::shape::Shape;
use crate::word::Flag;
use crate::yaml;

const TIMEOUT: Span = Span::seconds(5);
const MAX_IN_FLIGHT: u32 = 1_000;
const MOST_RETRIES: u32 = 100;
/// What only bodies and addresses of a load may hold.
const WORDS: [&str; 4] = ["n", "uuid", "random:", "csv:"];

/// Where a load stands, and what it may refer to.
pub(crate) struct Around<'a> {
    /// The target, `None` where it could not be read.
    pub(crate) known: Option<&'a Known>,
    /// Finds a profile by its path.
    pub(crate) find: &'a dyn Fn(&str) -> Loaded,
}

/// The load, or `None` with a mistake noted; those of a profile are noted `elsewhere`.
pub(crate) fn load(
    written: &LoadDocument,
    place: Place,
    around: &Around<'_>,
    elsewhere: &mut Mistakes,
    notes: &mut Notes<'_>,
) -> Option<Load> {
    let profile = match &written.profile {
        Some(name) => Some(profile(name, around, elsewhere, notes)?),
        None => None,
    };
    let pattern = match (&written.pattern, &profile) {
        (Some(written), _) => pattern(written, notes),
        (None, Some(profile)) => Some(profile.pattern.clone()),
        (None, None) => {
            notes.mistake(Mistake::new(Code::MissingKey, "`pattern` is missing", place, "needs `pattern`"));
            None
        }
    };
    let target = match &profile {
        Some(profile) => Some(profile.target.clone()),
        None => target(written, place, around, notes),
    };
    let before = profile.as_ref();
    let timeout = positive(
        written.timeout.as_ref(),
        |time| time.is_zero(),
        "a timeout of zero fails every request",
        notes,
    );
    let in_flight =
        positive(written.max_in_flight.as_ref(), |n| *n == 0, "no request could be under way", notes);
    let total = positive(written.max_total.as_ref(), |n| *n == 0, "no request could be sent", notes);
    let rate = positive(written.max_rate.as_ref(), |rate| rate.0 == 0.0, "no request could be sent", notes);
    if let Some(retries) = written.retries.as_ref().filter(|retries| retries.value > MOST_RETRIES) {
        let message = format!("{} retries are an attack of their own", retries.value);
        let mistake = Mistake::new(Code::OutOfRange, message, retries.place, "too many");
        notes.mistake(mistake.help(format!("{MOST_RETRIES} at most")));
    }
    let load = Load {
        target: target?,
        pattern: pattern?,
        timeout: timeout.or(before.map(|load| load.timeout)).unwrap_or(TIMEOUT),
        max_in_flight: in_flight.or(before.map(|load| load.max_in_flight)).unwrap_or(MAX_IN_FLIGHT),
        max_rate: rate.or(before.and_then(|load| load.max_rate)),
        max_total: total.or(before.and_then(|load| load.max_total)),
        warm_up: value(written.warm_up.as_ref()).or(before.map(|load| load.warm_up)).unwrap_or_default(),
        retries: value(written.retries.as_ref()).or(before.map(|load| load.retries)).unwrap_or_default(),
    };
    let place = written.pattern.as_ref().map_or(place, |pattern| pattern.place);
    fits(&load, place, written.max_rate.as_ref(), notes).then_some(load)
}

/// The load of a file of its own; it has no target whose tasks it could send.
pub(crate) fn of_profile(document: &LoadDocument, source: &Source, notes: &mut Notes<'_>) -> Option<Load> {
    let around = Around { known: None, find: &|_| Err("a profile cannot be made of another".to_owned()) };
    let all = Place::new(0, source.text.len().min(1));
    if let Some(name) = &document.profile {
        let message = "a profile cannot be made of another";
        notes.mistake(Mistake::new(Code::ProfileUnreadable, message, name.place, "a profile in a profile"));
        return None;
    }
    if let Some(tasks) = &document.tasks {
        no_tasks("a profile has no target whose tasks it could send", tasks.place, notes);
    }
    load(document, all, &around, &mut Mistakes::default(), notes)
}

fn value<T: Copy>(written: Option<&At<T>>) -> Option<T> {
    written.map(|at| at.value)
}

fn positive<T: Copy>(
    written: Option<&At<T>>,
    is_zero: impl Fn(&T) -> bool,
    what: &str,
    notes: &mut Notes<'_>,
) -> Option<T> {
    let written = written?;
    if is_zero(&written.value) {
        notes.mistake(Mistake::new(Code::Zero, what, written.place, "zero"));
    }
    Some(written.value)
}

/// The pattern must stay below the ceiling, so that the ceiling never bends it.
fn fits(load: &Load, place: Place, ceiling: Option<&At<Rate>>, notes: &mut Notes<'_>) -> bool {
    let (Some(peak), Some(most)) = (load.pattern.peak(), load.max_rate) else { return true };
    if peak <= most.0 {
        return true;
    }
    let message = format!("the pattern reaches {}, and `max-rate` allows {most}", Rate(peak));
    let mut mistake = Mistake::new(Code::OutOfRange, message, place, "too much");
    if let Some(ceiling) = ceiling {
        mistake = mistake.related(ceiling.place, "the ceiling");
    }
    notes.mistake(mistake);
    false
}

fn profile(
    name: &At<String>,
    around: &Around<'_>,
    elsewhere: &mut Mistakes,
    notes: &mut Notes<'_>,
) -> Option<Load> {
    let beside = format!("profiles/{}.yaml", name.value);
    let found = (around.find)(&name.value).or_else(|_| (around.find)(&beside));
    let Ok((file, text)) = found else {
        let message = format!("could not read the profile `{}`", name.value);
        let mistake = Mistake::new(Code::ProfileUnreadable, message, name.place, "no such profile");
        let help =
            format!("a path beside the experiment, or a name: `{}` is looked for as `{beside}`", name.value);
        notes.mistake(mistake.help(help));
        return None;
    };
    let source = Arc::new(Source { name: file, text });
    let mut inner = Notes::new(&source.text);
    let load = yaml::parse(&source.text, &mut inner)
        .and_then(|node| LoadDocument::read(&node, &mut inner))
        .and_then(|document| of_profile(&document, &source, &mut inner));
    notes.ports.extend(inner.ports.into_iter().map(|port| At { value: port.value, place: name.place }));
    let fine = inner.mistakes.is_empty();
    elsewhere.add(&source, inner.mistakes);
    load.filter(|_| fine)
}

fn target(
    written: &LoadDocument,
    place: Place,
    around: &Around<'_>,
    notes: &mut Notes<'_>,
) -> Option<LoadTarget> {
    if let Some(tasks) = &written.tasks {
        return self::tasks(&tasks.value, place, around.known, notes);
    }
    if let Some(command) = &written.command {
        return self::command(command, notes);
    }
    if let Some(redis) = &written.redis {
        return self::redis(redis, place, notes);
    }
    if let Some(sql) = &written.sql {
        return self::sql(sql, place, notes);
    }
    let http = written.http.as_ref()?;
    let url = text::url(&http.url, &WORDS, notes);
    let headers = text::headers(http.headers.as_ref(), &WORDS, notes);
    let ca = authorities(http.ca.as_ref(), notes);
    let body = body(http.body.as_ref(), http.body_file.as_ref(), notes);
    let texts = [&http.url].into_iter().chain(&http.body);
    let values = http.headers.iter().flat_map(|map| &map.0).filter_map(|(_, value)| value.as_ref());
    let csv = words(texts.chain(values), http.csv.as_ref(), notes);
    Some(LoadTarget::Http(HttpLoad {
        url: url?,
        method: http.method.as_ref().map_or("GET", |method| &method.0).to_owned(),
        headers,
        body: body.ok()?,
        csv: csv.ok()?,
        ca: ca.ok()?,
        connections: if http.reuse == Some(Flag::No) { Connections::New } else { Connections::Reused },
        version: http.version.as_ref().map_or(HttpVersion::One, |version| version.0),
    }))
}

fn tasks(
    written: &TasksLoad,
    place: Place,
    known: Option<&Known>,
    notes: &mut Notes<'_>,
) -> Option<LoadTarget> {
    let work = written.work.as_ref().map_or(Span::ZERO, |work| work.value);
    let known = known?;
    if known.parts.tasks == Presence::Missing {
        no_tasks("the target does not say how it takes tasks", place, notes);
        return None;
    }
    let tasks = known.target.tasks.as_ref()?;
    let body = tasks.body.replace("{work}", &work.as_millis().to_string());
    Some(LoadTarget::Http(HttpLoad {
        url: tasks.url.clone(),
        method: tasks.method.clone(),
        headers: tasks.headers.clone(),
        body: Some(Body::Text(Template(body))),
        csv: None,
        ca: None,
        connections: Connections::Reused,
        version: HttpVersion::One,
    }))
}

fn no_tasks(message: &str, place: Place, notes: &mut Notes<'_>) {
    let mistake = Mistake::new(Code::NoTasks, message, place, "needs `tasks` in the target");
    notes.mistake(mistake.help("give `tasks: { url: ..., body: ... }` in the target, or use `http` here"));
}

fn command(written: &CommandLoad, notes: &mut Notes<'_>) -> Option<LoadTarget> {
    let run = text::argv(&written.run, &WORDS, notes);
    let csv = words(written.run.0.iter(), written.csv.as_ref(), notes);
    Some(LoadTarget::Command { run: run?, csv: csv.ok()? })
}

fn redis(written: &RedisLoad, place: Place, notes: &mut Notes<'_>) -> Option<LoadTarget> {
    let url = address(&written.url, &["redis://", "rediss://", "unix://"], notes);
    let queue = written
        .list
        .as_ref()
        .map(|list| RedisQueue::List(list.value.clone()))
        .or_else(|| written.stream.as_ref().map(|stream| RedisQueue::Stream(stream.value.clone())));
    let body = task(written.body.as_ref(), written.body_file.as_ref(), place, notes);
    let csv = words(written.body.iter(), written.csv.as_ref(), notes);
    let ca = authorities(written.ca.as_ref(), notes);
    Some(LoadTarget::Redis { url: url?, queue: queue?, body: body?, csv: csv.ok()?, ca: ca.ok()? })
}

fn sql(written: &SqlLoad, place: Place, notes: &mut Notes<'_>) -> Option<LoadTarget> {
    let url = address(&written.url, &["postgres://", "postgresql://", "sqlite:"], notes);
    let body = task(written.body.as_ref(), written.body_file.as_ref(), place, notes);
    let csv = words(written.body.iter(), written.csv.as_ref(), notes);
    let ca = authorities(written.ca.as_ref(), notes);
    Some(LoadTarget::Sql {
        url: url?,
        statement: written.statement.value.clone(),
        body: body?,
        csv: csv.ok()?,
        ca: ca.ok()?,
    })
}

/// A file with certificates.
fn authorities(ca: Option<&At<String>>, notes: &mut Notes<'_>) -> Result<Option<Template>, Noted> {
    ca.map(|ca| text::template(ca, &[], notes).ok_or(Noted)).transpose()
}

fn address(url: &At<String>, forms: &[&str], notes: &mut Notes<'_>) -> Option<Template> {
    if url.value.starts_with('{') || forms.iter().any(|form| url.value.starts_with(form)) {
        return text::template(url, &[], notes);
    }
    let message = format!("`{}` is not an address that is known here", url.value);
    let mistake = Mistake::new(Code::BadAddress, message, url.place, "another kind of address");
    notes.mistake(mistake.help(format!("it begins with {}", forms.join(" or "))));
    None
}

/// A mistake was noted.
struct Noted;

/// At most one of a text and a file.
fn body(
    text: Option<&At<String>>,
    file: Option<&At<String>>,
    notes: &mut Notes<'_>,
) -> Result<Option<Body>, Noted> {
    match (text, file) {
        (None, None) => Ok(None),
        (Some(text), None) => {
            text::template(text, &WORDS, notes).map(|text| Some(Body::Text(text))).ok_or(Noted)
        }
        (None, Some(file)) => {
            text::template(file, &[], notes).map(|file| Some(Body::File(file))).ok_or(Noted)
        }
        (Some(text), Some(file)) => {
            let message = "`body` and `body-file` cannot stand together";
            let mistake = Mistake::new(Code::SeveralChoices, message, file.place, "a second body");
            notes.mistake(mistake.related(text.place, "the first"));
            Err(Noted)
        }
    }
}

fn task(
    text: Option<&At<String>>,
    file: Option<&At<String>>,
    place: Place,
    notes: &mut Notes<'_>,
) -> Option<Body> {
    if text.is_none() && file.is_none() {
        let mistake = Mistake::new(Code::MissingKey, "the task is missing", place, "needs `body`");
        notes.mistake(mistake.help("write `body: TEXT`, or `body-file: PATH`"));
        return None;
    }
    body(text, file, notes).ok()?
}

/// The file with the rows, and whether what is taken from it and from chance can be.
fn words<'a>(
    texts: impl Iterator<Item = &'a At<String>>,
    csv: Option<&At<String>>,
    notes: &mut Notes<'_>,
) -> Result<Option<Template>, Noted> {
    let mut fine = true;
    for text in texts {
        for inner in text::words_of(&text.value, "random:") {
            let bounds = inner.split_once('-').map(|(low, high)| (low.parse::<u64>(), high.parse::<u64>()));
            if !matches!(bounds, Some((Ok(low), Ok(high))) if low <= high) {
                let written = format!("{{random:{inner}}}");
                let message = format!("`{written}` has no numbers to draw from");
                let place = notes.within(text.place, &written);
                let mistake = Mistake::new(Code::UnknownReference, message, place, "not a range");
                notes.mistake(mistake.help("write the lowest and the highest number: `{random:1-100}`"));
                fine = false;
            }
        }
        if let (Some(column), None) = (text::words_of(&text.value, "csv:").first(), csv) {
            let written = format!("{{csv:{column}}}");
            let place = notes.within(text.place, &written);
            let message = format!("`{written}` has no file to read from");
            let mistake = Mistake::new(Code::UnknownReference, message, place, "needs `csv`");
            notes.mistake(mistake.help("write `csv: PATH` beside it"));
            fine = false;
        }
    }
    let csv = csv.map(|path| text::template(path, &[], notes).ok_or(Noted)).transpose()?;
    if fine { Ok(csv) } else { Err(Noted) }
}

/// The pattern of `squall load --pattern`, written as in a file: `ramp: { to: 50/s, over: 30s }`.
pub(crate) fn of_text(text: &str, notes: &mut Notes<'_>) -> Option<Pattern> {
    let node = yaml::parse(text, notes)?;
    let document = At::read(&node, notes)?;
    pattern(&document, notes)
}
