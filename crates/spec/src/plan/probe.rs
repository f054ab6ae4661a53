//! Probes: what is read, and in which unit.

use squall_model::measure::{
    CgroupFact, HttpFact, HttpProbe, LoadFigure, Login, Output, Probe, ProcessFact, TrafficFigure,
};
use squall_model::template::Template;
use squall_model::unit::Unit;

use crate::code::Code;
use crate::document::probe::{HttpDocument, ProbeDocument, PrometheusDocument, ReadDocument};
use crate::mistake::{At, Mistake};
use crate::notes::Notes;
use crate::plan::expect::Reads;
use crate::plan::text::{self, Request};
use crate::shape::OrText;

/// What a probe may refer to.
pub(crate) struct Surroundings<'a> {
    /// The services of the target; `None` where they are not known because the target could not be read.
    pub(crate) services: Option<&'a [String]>,
    pub(crate) has_queue: bool,
    pub(crate) has_load: bool,
    /// The Prometheus server of the steady state.
    pub(crate) prometheus: Option<&'a At<String>>,
    /// What is read of an HTTP answer where nothing is said.
    pub(crate) http_default: HttpFact,
    /// The service whose instances it is read for, one by one.
    pub(crate) each: Option<&'a At<String>>,
}

/// References that mean something where a measure is read for each instance.
pub(crate) const OWN: [&str; 3] = ["name", "own-port", "pid"];

impl Surroundings<'_> {
    /// References beside those that mean something everywhere.
    fn own(&self) -> &'static [&'static str] {
        if self.each.is_some() { &OWN } else { &[] }
    }
}

/// The probe and what it reads, or `None` with a mistake noted.
pub(crate) fn probe(
    written: &ProbeDocument,
    around: &Surroundings<'_>,
    notes: &mut Notes<'_>,
) -> Option<(Probe, Reads)> {
    let another = written.tcp.is_some()
        || written.command.is_some()
        || written.process.is_some()
        || written.cgroup.is_some()
        || written.log.is_some()
        || written.queue.is_some()
        || written.load.is_some()
        || written.traffic.is_some()
        || written.prometheus.is_some();
    if another {
        let http_only = [
            ("read", written.read.as_ref().map(|at| at.place)),
            ("unit", written.unit.as_ref().map(|at| at.place)),
        ];
        for (key, place) in http_only.into_iter().filter_map(|(key, place)| Some((key, place?))) {
            let message = format!("`{key}` belongs to `http` here");
            let mistake = Mistake::new(Code::UnknownKey, message, place, "not for this probe");
            notes.mistake(mistake.help(format!(
                "`command` and `prometheus` have their own: `command: {{ run: [...], {key}: ... }}`"
            )));
        }
    }
    if let Some(written_http) = &written.http {
        return http(written_http, written, around, notes);
    }
    if let Some(address) = &written.tcp {
        return Some((
            Probe::Tcp { address: text::address(address, around.own(), notes)? },
            Reads::Number(Unit::Seconds),
        ));
    }
    if let Some(command) = &written.command {
        let run = text::argv(&command.run, around.own(), notes);
        let unit = command.unit.as_ref().map_or(Unit::Number, |unit| unit.value);
        let (read, reads) = output(command.read.as_ref(), unit, notes)?;
        return Some((Probe::Command { run: run?, read, unit }, reads));
    }
    if let Some(process) = &written.process {
        if let Some(services) = around.services.filter(|services| !services.contains(&process.service.value))
        {
            notes.unknown(
                Code::UnknownService,
                "service",
                &process.service.value,
                process.service.place,
                services,
            );
            return None;
        }
        if let Some(each) = around.each.filter(|each| each.value != process.service.value) {
            let message =
                format!("`{}` is read for each instance of `{}`", process.service.value, each.value);
            notes.mistake(
                Mistake::new(Code::EachElsewhere, message, each.place, "another service")
                    .related(process.service.place, "the processes that are read")
                    .help(format!("write `each: {}`", process.service.value)),
            );
            return None;
        }
        let unit = match process.fact {
            ProcessFact::Cpu => Unit::Percent,
            ProcessFact::Memory => Unit::Bytes,
            ProcessFact::Count | ProcessFact::Files | ProcessFact::Threads => Unit::Number,
        };
        let probe = Probe::Process { service: process.service.value.clone(), fact: process.fact };
        return Some((probe, Reads::Number(unit)));
    }
    if let Some(cgroup) = &written.cgroup {
        let unit = match cgroup.fact {
            CgroupFact::Cpu => Unit::Percent,
            CgroupFact::Memory => Unit::Bytes,
            CgroupFact::Pids | CgroupFact::OomKills => Unit::Number,
        };
        text::absolute(&cgroup.path, notes)?;
        let path = text::template(&cgroup.path, around.own(), notes)?;
        return Some((Probe::Cgroup { path, fact: cgroup.fact }, Reads::Number(unit)));
    }
    if let Some(log) = &written.log {
        let (file, pattern) =
            (text::template(&log.file, around.own(), notes), text::regex(&log.pattern, notes));
        return Some((Probe::Log { file: file?, pattern: pattern? }, Reads::Number(Unit::Number)));
    }
    if let Some(figure) = &written.queue {
        if !around.has_queue {
            let mistake = Mistake::new(
                Code::NoQueue,
                "the target has no queue that can be read",
                figure.place,
                "needs `queue` in the target",
            );
            notes.mistake(mistake.help("give `queue: { stats: [PROGRAM, ...] }` in the target"));
            return None;
        }
        return Some((Probe::Queue { figure: figure.value.clone() }, Reads::Number(Unit::Number)));
    }
    if let Some(figure) = &written.load {
        if !around.has_load {
            let mistake =
                Mistake::new(Code::NoLoad, "there is no load to measure", figure.place, "needs `load`");
            notes.mistake(mistake.help("add `load:` with a `pattern` to the experiment"));
            return None;
        }
        let unit = match figure.value {
            LoadFigure::ErrorRate => Unit::Percent,
            LoadFigure::P50 | LoadFigure::P95 | LoadFigure::P99 => Unit::Seconds,
            LoadFigure::Rate => Unit::PerSecond,
            LoadFigure::InFlight => Unit::Number,
        };
        return Some((Probe::Load(figure.value), Reads::Number(unit)));
    }
    if let Some(traffic) = &written.traffic {
        if let Some(services) = around.services.filter(|services| !services.contains(&traffic.service.value))
        {
            let service = &traffic.service;
            notes.unknown(Code::UnknownService, "service", &service.value, service.place, services);
            return None;
        }
        let unit = match traffic.read {
            TrafficFigure::ErrorRate => Unit::Percent,
            TrafficFigure::P50 | TrafficFigure::P95 | TrafficFigure::P99 => Unit::Seconds,
        };
        let probe =
            Probe::Traffic { service: traffic.service.value.clone(), read: traffic.read, about: Vec::new() };
        return Some((probe, Reads::Number(unit)));
    }
    prometheus(written.prometheus.as_ref()?, around, notes)
}

fn http(
    written: &OrText<HttpDocument>,
    probe: &ProbeDocument,
    around: &Surroundings<'_>,
    notes: &mut Notes<'_>,
) -> Option<(Probe, Reads)> {
    let (request, login) = match written {
        OrText::Text(url) => {
            let request = Request { url, method: None, headers: None, body: None, ca: None };
            (text::request(&request, "GET", around.own(), notes), Some(None))
        }
        OrText::Full(At { value: http, .. }) => {
            let token: &[&str] = if http.login.is_some() { &["token"] } else { &[] };
            let also = [token, around.own()].concat();
            let request = Request {
                url: &http.url,
                method: http.method.as_ref(),
                headers: http.headers.as_ref(),
                body: http.body.as_ref(),
                ca: http.ca.as_ref(),
            };
            let request = text::request(&request, "GET", &also, notes);
            let login = http.login.as_ref().map(|login| {
                let written = Request {
                    url: &login.url,
                    method: login.method.as_ref(),
                    headers: login.headers.as_ref(),
                    body: login.body.as_ref(),
                    ca: http.ca.as_ref(),
                };
                let request = text::request(&written, "POST", around.own(), notes)?;
                Some(Login { request, token: login.token.value.clone() })
            });
            (request, login.map_or(Some(None), |login| login.map(Some)))
        }
    };
    let unit = probe.unit.as_ref().map_or(Unit::Number, |unit| unit.value);
    let fact = match &probe.read {
        None => Some(around.http_default.clone()),
        Some(At { value, place }) => match value {
            ReadDocument::Word(word) if word == "status" => Some(HttpFact::Status),
            ReadDocument::Word(word) if word == "latency" => Some(HttpFact::Latency),
            ReadDocument::Word(word) => {
                let mistake = Mistake::new(
                    Code::UnknownWord,
                    format!("`{word}` cannot be read of an HTTP answer"),
                    *place,
                    "not for `http`",
                );
                notes.mistake(mistake.help("`status`, `latency`, `{ json: PATH }` or `{ matches: REGEX }`"));
                None
            }
            ReadDocument::Json(path) => Some(HttpFact::Json(path.value.clone())),
            ReadDocument::Matches(pattern) => text::regex(pattern, notes).map(HttpFact::Matches),
        },
    };
    let (request, login, fact) = (request?, login?, fact?);
    let (unit, reads) = match &fact {
        HttpFact::Status | HttpFact::Matches(_) => (Unit::Number, Reads::Number(Unit::Number)),
        HttpFact::Latency => (Unit::Seconds, Reads::Number(Unit::Seconds)),
        HttpFact::Json(_) => (unit, Reads::Either(unit)),
    };
    Some((Probe::Http(Box::new(HttpProbe { request, read: fact, login, unit })), reads))
}

fn output(read: Option<&At<ReadDocument>>, unit: Unit, notes: &mut Notes<'_>) -> Option<(Output, Reads)> {
    let Some(At { value, place }) = read else { return Some((Output::Number, Reads::Number(unit))) };
    Some(match value {
        ReadDocument::Word(word) if word == "number" => (Output::Number, Reads::Number(unit)),
        ReadDocument::Word(word) if word == "text" => (Output::Text, Reads::Text),
        ReadDocument::Word(word) if word == "exit" => (Output::Exit, Reads::Number(Unit::Number)),
        ReadDocument::Json(path) => (Output::Json(path.value.clone()), Reads::Either(unit)),
        ReadDocument::Word(_) | ReadDocument::Matches(_) => {
            let mistake = Mistake::new(
                Code::UnknownWord,
                "this cannot be read of a program",
                *place,
                "not for `command`",
            );
            notes.mistake(mistake.help("`number`, `text`, `exit` or `{ json: PATH }`"));
            return None;
        }
    })
}

fn prometheus(
    written: &OrText<PrometheusDocument>,
    around: &Surroundings<'_>,
    notes: &mut Notes<'_>,
) -> Option<(Probe, Reads)> {
    let (url, query, unit, place) = match written {
        OrText::Text(query) => (None, query, Unit::Number, query.place),
        OrText::Full(At { value, place }) => (
            value.url.as_ref(),
            &value.query,
            value.unit.as_ref().map_or(Unit::Number, |unit| unit.value),
            *place,
        ),
    };
    let Some(url) = url.or(around.prometheus) else {
        let mistake =
            Mistake::new(Code::MissingKey, "the address of Prometheus is missing", place, "which server?");
        notes.mistake(mistake.help("write it once under `steady:`, as `prometheus: http://127.0.0.1:9090`"));
        return None;
    };
    let url: Template = text::url(url, around.own(), notes)?;
    let query = text::template(query, around.own(), notes)?;
    Some((Probe::Prometheus { url, query, unit }, Reads::Number(unit)))
}
