//! `squall load`: only load.

mod summary;

use std::path::Path;
use std::time::Duration;

use squall_engine::load::{Stage, settings};
use squall_engine::reason::reason;
use squall_load::{Load, Sample};
use squall_model::load::{Body, Connections, HttpLoad, HttpVersion, LoadTarget, Pattern};
use squall_model::measure::Header;
use squall_model::template::Template;
use squall_model::unit::{Rate, Span};
use squall_model::verdict::Exit;
use squall_spec::{draft, load as written};

use self::summary::Summary;
use crate::args::quantity;
use crate::args::{Format, Output};
use crate::failure::Failure;
use crate::live::Standing;
use crate::printer::Printer;
use crate::running::runtime;
use crate::settings::Settings;
use crate::signals::Signals;

const EXAMPLES: &str = "\
Examples:
  squall load http://127.0.0.1:8080/health --rate 20/s --for 10s
  squall load http://127.0.0.1:8080/ --for 1m --pattern 'ramp: { from: 0/s, to: 50/s, over: 30s }'
  squall load http://127.0.0.1:8080/tasks --method POST --body '{\"key\": \"{uuid}\"}' --header 'authorization: Bearer {env:TOKEN}'
  squall load profile.yaml --format json

Patterns: constant, linear, ramp, step, spike, sine, burst, random, soak, sequence. In addresses, headers and bodies:
{n}, {uuid}, {random:1-100}, {csv:COLUMN}; secrets as {env:NAME} and {file:PATH}.
A profile is a file with what stands under `load:` in an experiment; it can also send to Redis, PostgreSQL, SQLite, or
start programs. `squall schema profile` describes it.

Latencies count from the time that a request was due, so that a stall is not hidden by requests that were never sent.
Exits with 10 when a request failed. Ctrl-C ends it early, with the summary.";

/// Only load: requests at fixed times, whether the target keeps up or not
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct LoadArgs {
    /// Where the requests go, http://HOST:PORT/PATH or https://, or the file of a profile
    #[arg(value_name = "URL|FILE")]
    target: String,
    /// How many: `20/s`, `600/min`; 10/s where nothing is said
    #[arg(long, conflicts_with = "pattern")]
    rate: Option<Rate>,
    /// How many over time, as in a file: `ramp: { from: 0/s, to: 50/s, over: 30s }`
    #[arg(long)]
    pattern: Option<String>,
    /// How long; once through a sequence, else 10s, where nothing is said
    #[arg(long = "for", value_name = "TIME", value_parser = quantity::<Span>)]
    length: Option<Span>,
    /// The method; GET where nothing is said
    #[arg(long)]
    method: Option<String>,
    /// A header, `NAME: VALUE`; may be given several times
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// The body
    #[arg(long, conflicts_with = "body_file")]
    body: Option<String>,
    /// A file with the body
    #[arg(long, value_name = "FILE")]
    body_file: Option<String>,
    /// A file with comma-separated values, names in the first line, a row for each request
    #[arg(long, value_name = "FILE")]
    csv: Option<String>,
    /// A file with the certificates to trust
    #[arg(long, value_name = "FILE")]
    ca: Option<String>,
    /// Speak HTTP/2
    #[arg(long)]
    http2: bool,
    /// A new connection for each request
    #[arg(long)]
    no_reuse: bool,
    /// A request that takes longer has failed; 10s where nothing is said
    #[arg(long, value_name = "TIME", value_parser = quantity::<Span>)]
    timeout: Option<Span>,
    /// No more requests than this under way; 1000 where nothing is said
    #[arg(long, value_name = "N")]
    max_in_flight: Option<u32>,
    /// No more requests than this are started in a second
    #[arg(long, value_name = "RATE")]
    max_rate: Option<Rate>,
    /// No more requests than this in all
    #[arg(long, value_name = "N")]
    max_total: Option<u64>,
    /// Requests in this time from the start are sent and not counted
    #[arg(long, value_name = "TIME", value_parser = quantity::<Span>)]
    warm_up: Option<Span>,
    /// Send a request that got no answer again, up to so many times
    #[arg(long, value_name = "N")]
    retries: Option<u32>,
    /// What chance draws from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: Output,
}

const RATE: Rate = Rate(10.0);
const LENGTH: Span = Span::seconds(10);
const TIMEOUT: Span = Span::seconds(10);
const IN_FLIGHT: u32 = 1_000;
/// How often the live line is drawn.
const EVERY: Duration = Duration::from_millis(500);

impl LoadArgs {
    pub(crate) fn run(&self, process: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
        let load = self.load()?;
        let length = self.length.or(load.pattern.length()).unwrap_or(LENGTH);
        let filling = process.filling_before()?;
        let stage = Stage {
            fill: &|template| filling.fill(template).map_err(|error| reason(&error)),
            variables: Vec::new(),
            seed: self.seed,
        };
        let ready = settings(&load, &stage).map_err(|why| Failure::usage(filling.redact(&why)))?;
        let totals = runtime()?.block_on(async {
            let mut signals = Signals::listen()
                .map_err(|error| Failure::refused(format!("could not listen to signals: {error}")))?;
            let mut load =
                Load::start(ready).map_err(|error| Failure::usage(filling.redact(&reason(&error))))?;
            let mut watch = Watch::default();
            let whole = tokio::time::sleep(length.0);
            tokio::pin!(whole);
            let mut ticks = tokio::time::interval(EVERY);
            ticks.tick().await;
            loop {
                tokio::select! {
                    () = &mut whole => break,
                    () = load.ended() => break,
                    _ = signals.next() => break,
                    _ = ticks.tick() => watch.see(&load.sample()),
                }
            }
            watch.line.end();
            Ok::<_, Failure>(load.stop().await)
        })?;
        let summary = Summary::of(&totals);
        match self.output.format {
            Format::Json => printer.json(&summary),
            Format::Text => summary.tell(printer),
        }
        Ok(if totals.failures.is_empty() { Exit::Held } else { Exit::Deviated })
    }

    fn load(&self) -> Result<squall_model::load::Load, Failure> {
        let mut load = if self.target.contains("://") { self.request()? } else { self.profile()? };
        if let Some(pattern) = self.pattern()? {
            load.pattern = pattern;
        }
        load.timeout = self.timeout.unwrap_or(load.timeout);
        load.max_in_flight = self.max_in_flight.unwrap_or(load.max_in_flight);
        load.max_rate = self.max_rate.or(load.max_rate);
        load.max_total = self.max_total.or(load.max_total);
        load.warm_up = self.warm_up.unwrap_or(load.warm_up);
        load.retries = self.retries.unwrap_or(load.retries);
        if let (Some(peak), Some(most)) = (load.pattern.peak(), load.max_rate)
            && peak > most.0
        {
            let text = format!("the pattern reaches {}, and the ceiling is {most}", Rate(peak));
            return Err(Failure::usage(text).hint("a lower rate, or a higher `--max-rate`"));
        }
        Ok(load)
    }

    fn pattern(&self) -> Result<Option<Pattern>, Failure> {
        match (&self.pattern, self.rate) {
            (Some(text), _) => {
                let pattern = written::pattern("--pattern", text);
                Ok(Some(pattern.map_err(|mistakes| Failure { exit: Exit::Usage, ..mistakes.into() })?))
            }
            (None, Some(rate)) => Ok(Some(Pattern::Constant(rate))),
            (None, None) => Ok(None),
        }
    }

    /// A load from the arguments alone.
    fn request(&self) -> Result<squall_model::load::Load, Failure> {
        let template = |text: &String| Template(text.clone());
        let headers = self.headers.iter().map(|header| {
            let (name, value) =
                header.split_once(':').ok_or_else(|| Failure::usage("a header is written `NAME: VALUE`"))?;
            Ok(Header { name: name.trim().to_owned(), value: Template(value.trim().to_owned()) })
        });
        let text = self.body.as_ref().map(|text| Body::Text(template(text)));
        Ok(squall_model::load::Load {
            target: LoadTarget::Http(HttpLoad {
                url: template(&self.target),
                method: self.method.clone().unwrap_or_else(|| "GET".to_owned()),
                headers: headers.collect::<Result<_, Failure>>()?,
                body: text.or_else(|| self.body_file.as_ref().map(|file| Body::File(template(file)))),
                csv: self.csv.as_ref().map(template),
                ca: self.ca.as_ref().map(template),
                connections: if self.no_reuse { Connections::New } else { Connections::Reused },
                version: if self.http2 { HttpVersion::Two } else { HttpVersion::One },
            }),
            pattern: Pattern::Constant(RATE),
            timeout: TIMEOUT,
            max_in_flight: IN_FLIGHT,
            max_rate: None,
            max_total: None,
            warm_up: Span::ZERO,
            retries: 0,
        })
    }

    /// A load from a file; what is sent stands there, how much may be said here.
    fn profile(&self) -> Result<squall_model::load::Load, Failure> {
        let of_requests = self.method.is_some()
            || !self.headers.is_empty()
            || self.body.is_some()
            || self.body_file.is_some()
            || self.csv.is_some()
            || self.ca.is_some()
            || self.http2
            || self.no_reuse;
        if of_requests {
            let text = "a profile says itself what is sent: method, headers, body and the like stand there";
            return Err(Failure::usage(text).hint("squall load http://HOST:PORT/PATH takes these options"));
        }
        let bytes = std::fs::read(Path::new(&self.target)).map_err(|error| {
            Failure::file(format!("could not read the profile {}: {error}", self.target))
                .hint("an address begins with http:// or https://")
        })?;
        let text = draft::decode(&self.target, bytes)?;
        Ok(written::profile(&self.target, &text)?)
    }
}

/// The last seconds as a line that stands at the bottom of a terminal.
#[derive(Default)]
struct Watch {
    line: Standing,
    all: Sample,
}

impl Watch {
    fn see(&mut self, sample: &Sample) {
        self.all.merge(sample);
        let seconds = sample.over.as_secs_f64().max(0.001);
        let failed: u64 = self.all.failures.values().sum();
        let p99 = sample.latency.quantile(0.99);
        self.line.draw(&format!(
            "{:.0}s  {:.0}/s of {:.0}/s  ok {}, failed {failed}, in flight {}, p99 {}",
            self.all.over.as_secs_f64(),
            sample.sent as f64 / seconds,
            sample.due as f64 / seconds,
            self.all.ok,
            sample.in_flight,
            summary::time(p99.map(|p99| p99.as_secs_f64())),
        ));
    }
}
