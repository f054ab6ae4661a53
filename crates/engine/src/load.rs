//! A load of a plan, made ready: texts filled in, files read.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use squall_load::{
    CommandTarget, Connections, HttpTarget, HttpVersion, Part, Pattern, PerSecond, PostgresTarget,
    RedisQueue, RedisTarget, Rows, Settings, SqliteTarget, Target, Text,
};
use squall_model::load::{self, Body, HttpLoad, Load, LoadTarget};
use squall_model::template::Template;
use squall_model::unit::Rate;

use crate::reason::reason;

/// Larger bodies are not held in memory.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// What a load needs from where it runs.
pub struct Stage<'a> {
    /// Fills in ports, paths and secrets; the error is a reason without any secret.
    pub fill: &'a dyn Fn(&Template) -> Result<String, String>,
    /// Variables for the programs that it starts.
    pub variables: Vec<(String, String)>,
    /// What chance draws from.
    pub seed: u64,
}

/// The load as it can be started. The error is a reason, as a fragment.
pub fn settings(load: &Load, stage: &Stage<'_>) -> Result<Settings, String> {
    let mut settings = Settings::new(target(&load.target, stage)?, pattern(&load.pattern, stage.seed)?);
    settings.timeout = load.timeout.0;
    settings.max_total = load.max_total;
    settings.max_rate = load.max_rate.map(rate).transpose()?;
    settings.max_in_flight = NonZeroUsize::new(load.max_in_flight as usize).ok_or("max-in-flight is 0")?;
    settings.warm_up = load.warm_up.0;
    settings.retries = load.retries;
    settings.seed = stage.seed;
    Ok(settings)
}

fn target(target: &LoadTarget, stage: &Stage<'_>) -> Result<Target, String> {
    match target {
        LoadTarget::Http(http) => self::http(http, stage).map(Box::new).map(Target::Http),
        LoadTarget::Command { run, csv } => {
            let rows = rows(csv.as_ref(), stage)?;
            let words: Result<Vec<Text>, String> =
                run.iter().map(|word| text(&(stage.fill)(word)?, rows.as_ref())).collect();
            let command = CommandTarget::new(words?).ok_or("there is no program")?;
            let variables = stage.variables.iter();
            Ok(Target::Command(
                variables.fold(command, |command, (name, value)| command.variable(name, value)),
            ))
        }
        LoadTarget::Redis { url, queue, body, csv, ca } => {
            let rows = rows(csv.as_ref(), stage)?;
            let queue = match queue {
                load::RedisQueue::List(list) => RedisQueue::List(list.clone()),
                load::RedisQueue::Stream(stream) => RedisQueue::Stream(stream.clone()),
            };
            let body = self::body(body, rows.as_ref(), stage)?;
            RedisTarget::new(&(stage.fill)(url)?, queue, body, authorities(ca.as_ref(), stage)?)
                .map(Target::Redis)
                .map_err(|error| reason(&error))
        }
        LoadTarget::Sql { url, statement, body, csv, ca } => {
            let rows = rows(csv.as_ref(), stage)?;
            let (url, body) = ((stage.fill)(url)?, self::body(body, rows.as_ref(), stage)?);
            match url.strip_prefix("sqlite:") {
                Some(_) if ca.is_some() => {
                    Err("a file of SQLite has no certificate: leave `ca` out".to_owned())
                }
                Some(path) => Ok(Target::Sqlite(SqliteTarget::new(Path::new(path), statement, body))),
                None => {
                    PostgresTarget::new(&url, statement, body, authorities(ca.as_ref(), stage)?.as_deref())
                        .map(Target::Postgres)
                        .map_err(|error| reason(&error))
                }
            }
        }
    }
}

fn http(http: &HttpLoad, stage: &Stage<'_>) -> Result<HttpTarget, String> {
    let rows = rows(http.csv.as_ref(), stage)?;
    let filled = |template: &Template| text(&(stage.fill)(template)?, rows.as_ref());
    let mut target = HttpTarget::new(&http.method, &filled(&http.url)?).map_err(|error| reason(&error))?;
    for header in &http.headers {
        target = target.header(&header.name, &filled(&header.value)?).map_err(|error| reason(&error))?;
    }
    if let Some(body) = &http.body {
        target = target.body(self::body(body, rows.as_ref(), stage)?);
    }
    if let Some(pem) = authorities(http.ca.as_ref(), stage)? {
        target = target.trust(pem);
    }
    Ok(target
        .connections(match http.connections {
            load::Connections::Reused => Connections::Reused,
            load::Connections::New => Connections::New,
        })
        .version(match http.version {
            load::HttpVersion::One => HttpVersion::One,
            load::HttpVersion::Two => HttpVersion::Two,
        }))
}

fn text(filled: &str, rows: Option<&Arc<Rows>>) -> Result<Text, String> {
    Text::new(filled, rows).map_err(|error| reason(&error))
}

fn body(body: &Body, rows: Option<&Arc<Rows>>, stage: &Stage<'_>) -> Result<Text, String> {
    match body {
        Body::Text(template) => text(&(stage.fill)(template)?, rows),
        Body::File(path) => text(&file(path, stage)?, rows),
    }
}

fn rows(csv: Option<&Template>, stage: &Stage<'_>) -> Result<Option<Arc<Rows>>, String> {
    let Some(csv) = csv else { return Ok(None) };
    let text = file(csv, stage)?;
    Rows::read(text.as_bytes()).map(|rows| Some(Arc::new(rows))).map_err(|error| reason(&error))
}

/// Certificates (PEM) of the authorities to trust.
fn authorities(ca: Option<&Template>, stage: &Stage<'_>) -> Result<Option<Vec<u8>>, String> {
    ca.map(|ca| file(ca, stage).map(String::into_bytes)).transpose()
}

fn file(path: &Template, stage: &Stage<'_>) -> Result<String, String> {
    let path = (stage.fill)(path)?;
    let large = fs::metadata(&path).is_ok_and(|about| about.len() > MOST_BYTES);
    if large {
        return Err(format!("{path} has more than 64 MiB"));
    }
    fs::read_to_string(&path).map_err(|error| format!("could not read {path}: {error}"))
}

fn rate(rate: Rate) -> Result<PerSecond, String> {
    PerSecond::new(rate.0).map_err(|error| reason(&error))
}

/// The pattern as a load follows it.
pub fn pattern(pattern: &load::Pattern, seed: u64) -> Result<Pattern, String> {
    use load::Pattern as Planned;
    Ok(match pattern {
        Planned::Constant(constant) => Pattern::Constant(rate(*constant)?),
        Planned::Linear { from, by, every, to } => Pattern::Linear {
            from: rate(*from)?,
            by: rate(*by)?,
            every: every.0,
            to: to.map_or(Ok(PerSecond::MOST), rate)?,
        },
        Planned::Ramp { from, to, over } => {
            Pattern::Ramp { from: rate(*from)?, to: rate(*to)?, over: over.0 }
        }
        Planned::Step { from, by, every, to } => {
            Pattern::Step { from: rate(*from)?, by: rate(*by)?, every: every.0, to: rate(*to)? }
        }
        Planned::Spike { base, to, at, length } => {
            Pattern::Spike { base: rate(*base)?, to: rate(*to)?, at: at.0, length: length.0 }
        }
        Planned::Sine { mean, swing, period } => {
            Pattern::Sine { mean: rate(*mean)?, swing: rate(*swing)?, period: period.0 }
        }
        Planned::Burst { rate: high, base, on, off } => {
            Pattern::Burst { rate: rate(*high)?, base: rate(*base)?, on: on.0, off: off.0 }
        }
        Planned::Random { rates, hold } => Pattern::Random {
            rates: rates.iter().copied().map(rate).collect::<Result<_, _>>()?,
            hold: hold.0,
            seed,
        },
        Planned::Soak { rate: high, over } => Pattern::Soak { rate: rate(*high)?, over: over.0 },
        Planned::Sequence(parts) => {
            let part = |(number, part): (u64, &load::PatternPart)| {
                let length = part.length.map(|length| length.0);
                // Two parts that draw do not draw the same.
                Ok(Part { length, pattern: self::pattern(&part.pattern, seed.wrapping_add(number))? })
            };
            Pattern::Sequence((0..).zip(parts).map(part).collect::<Result<_, String>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use squall_model::unit::Span;

    fn stage() -> Stage<'static> {
        Stage { fill: &|template| Ok(template.0.clone()), variables: Vec::new(), seed: 7 }
    }

    fn load(target: LoadTarget) -> Load {
        Load {
            target,
            pattern: load::Pattern::Constant(Rate(10.0)),
            timeout: Span::seconds(2),
            max_in_flight: 5,
            max_rate: Some(Rate(20.0)),
            max_total: Some(9),
            warm_up: Span::seconds(1),
            retries: 2,
        }
    }

    // C7
    #[test]
    fn ceilings_reach_the_load() {
        let command = LoadTarget::Command { run: vec!["true".into()], csv: None };
        let settings = settings(&load(command), &stage()).unwrap();
        assert_eq!((settings.max_in_flight.get(), settings.max_total), (5, Some(9)));
        assert_eq!(settings.max_rate, Some(PerSecond::new(20.0).unwrap()));
        assert_eq!((settings.retries, settings.seed), (2, 7));
        assert_eq!(settings.pattern, Pattern::Constant(PerSecond::new(10.0).unwrap()));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let sql = LoadTarget::Sql {
            url: "postgres://u@h/d".into(),
            statement: "insert into jobs values ($1)".to_owned(),
            body: Body::File("/no/such/file".into()),
            csv: None,
            ca: None,
        };
        let error = settings(&load(sql), &stage()).unwrap_err();
        assert!(error.contains("/no/such/file"), "{error}");
        let redis = LoadTarget::Redis {
            url: "redis://:secret@:x".into(),
            queue: load::RedisQueue::List("jobs".to_owned()),
            body: Body::Text("{n}".into()),
            csv: None,
            ca: None,
        };
        let error = settings(&load(redis), &stage()).unwrap_err();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn parts_that_draw_do_not_draw_the_same() {
        let random = || load::Pattern::Random { rates: vec![Rate(1.0), Rate(2.0)], hold: Span::seconds(1) };
        let part = |length| load::PatternPart { length, pattern: random() };
        let sequence = load::Pattern::Sequence(vec![part(Some(Span::seconds(5))), part(None)]);
        let Pattern::Sequence(parts) = pattern(&sequence, 7).unwrap() else { panic!("a sequence") };
        assert_ne!(parts[0].pattern, parts[1].pattern);
    }
}
