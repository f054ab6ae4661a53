//! A measure that can be read.

use std::rc::Rc;
use std::time::Duration;

use squall_model::measure::{Measure, Outcome, Probe};
use squall_model::template::{Argv, Template};
use squall_model::unit::Span;
use tokio::time::timeout;

use crate::error::ProbeError;
use crate::surroundings::Surroundings;
use crate::unread::Unread;
use crate::{cgroup, command, http, load, log, process, prometheus, queue, tcp, traffic};

/// One measure, ready to be read. Lives on one thread, inside a tokio runtime with time and I/O.
pub struct Prober {
    timeout: Duration,
    surroundings: Rc<dyn Surroundings>,
    reader: Reader,
}

enum Reader {
    Http(Box<http::Http>),
    Tcp(tcp::Tcp),
    Command(command::Command),
    Process(process::Processes),
    Cgroup(cgroup::Cgroup),
    Log(log::Log),
    Queue(queue::Queue),
    Load(load::Load),
    Traffic(Box<traffic::Traffic>),
    Prometheus(Box<prometheus::Prometheus>),
}

impl Prober {
    /// Makes a measure ready. Everything that counts "since the reading before" starts counting here.
    ///
    /// Fails where no reading could ever succeed: a reference without a value, a text that is no
    /// address, path or pattern. A system that is not up yet is no failure.
    pub fn new(measure: &Measure, surroundings: Rc<dyn Surroundings>) -> Result<Self, ProbeError> {
        Self::of(&measure.probe, *measure.timeout, surroundings)
    }

    /// Makes a probe ready that belongs to no measure: the health of a service.
    pub fn of(
        probe: &Probe,
        timeout: Duration,
        surroundings: Rc<dyn Surroundings>,
    ) -> Result<Self, ProbeError> {
        let known = &*surroundings;
        let reader = match probe {
            Probe::Http(probe) => Reader::Http(Box::new(http::Http::new(probe, known)?)),
            Probe::Tcp { address } => Reader::Tcp(tcp::Tcp::new(address, known)?),
            Probe::Command { run, read, unit } => {
                Reader::Command(command::Command::new(run, read, *unit, known)?)
            }
            Probe::Process { service, fact } => {
                Reader::Process(process::Processes::new(service, *fact, known))
            }
            Probe::Cgroup { path, fact } => {
                Reader::Cgroup(cgroup::Cgroup::new(&fill(known, "path", path)?, *fact))
            }
            Probe::Log { file, pattern } => Reader::Log(log::Log::new(file, pattern, known)?),
            Probe::Queue { figure } => Reader::Queue(queue::Queue::new(figure, known)?),
            Probe::Load(figure) => Reader::Load(load::Load::new(*figure, known)),
            Probe::Traffic { service, read, .. } => {
                Reader::Traffic(Box::new(traffic::Traffic::new(service, *read, known)?))
            }
            Probe::Prometheus { url, query, unit } => {
                Reader::Prometheus(Box::new(prometheus::Prometheus::new(url, query, *unit, known)?))
            }
        };
        Ok(Self { timeout, surroundings, reader })
    }

    /// Begins to count what is counted since the reading before, where the source must be asked for that. Takes no longer
    /// than the measure's timeout.
    pub async fn begin(&mut self) {
        if let Reader::Traffic(reader) = &mut self.reader {
            // Without a mark the first reading says that there is none.
            let _ = timeout(self.timeout, reader.begin()).await;
        }
    }

    /// Reads it once. Takes no longer than the measure's timeout.
    pub async fn read(&mut self) -> Outcome {
        let known = &*self.surroundings;
        let taken = timeout(self.timeout, self.reader.read(known)).await;
        match taken {
            Ok(Ok(Outcome::Text(text))) => Outcome::Text(known.redact(&text)),
            Ok(Ok(outcome)) => outcome,
            Ok(Err(Unread(why))) => Outcome::Unreadable(known.redact(&why)),
            Err(_) => Outcome::Unreadable(format!("timed out after {}", Span(self.timeout))),
        }
    }

    /// How far behind the system its source may be, where the source can say so: the interval at
    /// which a Prometheus server scrapes. Takes no longer than the measure's timeout.
    pub async fn lag(&mut self) -> Option<Duration> {
        match &mut self.reader {
            Reader::Prometheus(reader) => timeout(self.timeout, reader.lag()).await.ok()?,
            _ => None,
        }
    }
}

impl Reader {
    async fn read(&mut self, known: &dyn Surroundings) -> Result<Outcome, Unread> {
        match self {
            Self::Http(reader) => reader.read().await,
            Self::Tcp(reader) => reader.read().await,
            Self::Command(reader) => reader.read().await,
            Self::Process(reader) => reader.read(known),
            Self::Cgroup(reader) => reader.read(),
            Self::Log(reader) => reader.read().await,
            Self::Queue(reader) => reader.read().await,
            Self::Load(reader) => reader.read(known),
            Self::Traffic(reader) => reader.read().await,
            Self::Prometheus(reader) => reader.read().await,
        }
    }
}

pub(crate) fn fill(
    known: &dyn Surroundings,
    what: &'static str,
    template: &Template,
) -> Result<String, ProbeError> {
    known.fill(template).map_err(|why| ProbeError::Fill { what, why: known.redact(&why) })
}

pub(crate) fn fill_argv(known: &dyn Surroundings, argv: &Argv) -> Result<Vec<String>, ProbeError> {
    if argv.is_empty() {
        return Err(ProbeError::NoProgram);
    }
    argv.iter().map(|argument| fill(known, "command", argument)).collect()
}

pub(crate) fn pattern(text: &str) -> Result<regex::bytes::Regex, ProbeError> {
    regex::bytes::Regex::new(text)
        .map_err(|source| ProbeError::Pattern { pattern: text.to_owned(), source: Box::new(source) })
}
