//! How a measure is read.

use serde::{Deserialize, Serialize};

use crate::template::{Argv, Template};
use crate::traffic::Toxic;
use crate::unit::Unit;

/// How a measure is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// One HTTP request.
    Http(Box<HttpProbe>),
    /// A TCP connection: the time that it takes.
    Tcp {
        /// `HOST:PORT`.
        address: Template,
    },
    /// A program.
    Command {
        /// Program and arguments.
        run: Argv,
        /// What of its output is the reading.
        read: Output,
        /// Unit of the number.
        unit: Unit,
    },
    /// A fact of the processes of a service.
    Process {
        /// The service.
        service: String,
        /// The fact, summed over its instances.
        fact: ProcessFact,
    },
    /// A fact of a cgroup.
    Cgroup {
        /// Its path below the hierarchy's root.
        path: Template,
        /// The fact.
        fact: CgroupFact,
    },
    /// Lines of a log that match, since the reading before. The first reading starts at the file's end.
    Log {
        /// The file; rotation and truncation are followed.
        file: Template,
        /// A regular expression.
        pattern: String,
    },
    /// A figure of the target's job queue: a field of the object that its `stats` program prints.
    Queue {
        /// The field.
        figure: String,
    },
    /// A figure of the built-in load since the reading before.
    Load(LoadFigure),
    /// A figure of the requests that faults of a service are about, since the reading before. It is read of those that a
    /// fault hits and of those that it spares, each by themselves: see [`Group::of_traffic`](crate::plan::Group::of_traffic).
    Traffic {
        /// The service behind the proxy.
        service: String,
        /// The figure.
        read: TrafficFigure,
        /// The toxics of its faults: which requests are counted. The proxy gets them without any toxicity before the baseline.
        about: Vec<Toxic>,
    },
    /// An instant query; exactly one series, or none (absent).
    Prometheus {
        /// Base address of the server.
        url: Template,
        /// PromQL.
        query: Template,
        /// Unit of the number.
        unit: Unit,
    },
}

/// An HTTP request and what of its answer is the reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HttpProbe {
    /// The request.
    pub request: HttpRequest,
    /// What is read.
    pub read: HttpFact,
    /// A request before it, whose answer holds a token for `{token}` in headers and body.
    pub login: Option<Login>,
    /// Unit of a number read from the body.
    pub unit: Unit,
}

impl HttpProbe {
    /// How long it takes until all of this is there.
    pub fn latency(url: Template) -> Self {
        let request =
            HttpRequest { url, method: "GET".to_owned(), headers: Vec::new(), body: None, ca: None };
        Self { request, read: HttpFact::Latency, login: None, unit: Unit::Seconds }
    }
}

/// An HTTP request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HttpRequest {
    /// Address.
    pub url: Template,
    /// Method.
    pub method: String,
    /// Headers.
    pub headers: Vec<Header>,
    /// Body.
    pub body: Option<Template>,
    /// A file with certificates (PEM) of the authorities to trust instead of the system's.
    pub ca: Option<Template>,
}

/// A header of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Template,
}

/// A request that yields a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Login {
    /// The request.
    pub request: HttpRequest,
    /// Where the token stands in the answer: a JSON path such as `auth.token`.
    pub token: String,
}

/// What of an HTTP answer is the reading. Any answer other than 2xx is unreadable for all but `Status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpFact {
    /// The status code, as a number.
    Status,
    /// Seconds from the request to the last byte of the answer.
    Latency,
    /// A value in a JSON body, by path.
    Json(String),
    /// The number of matches of a regular expression in the body.
    Matches(String),
}

/// What of a program's output is the reading. It must exit with 0, but for `Exit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// The number that it prints.
    Number,
    /// The text that it prints, trimmed.
    Text,
    /// A value in the JSON that it prints, by path.
    Json(String),
    /// Its exit code.
    Exit,
}

/// Facts of processes (proc_pid_stat(5), proc_pid_status(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessFact {
    /// Number of living instances.
    Count,
    /// Share of one core since the reading before, in percent.
    Cpu,
    /// Resident memory in bytes.
    Memory,
    /// Open file descriptors.
    Files,
    /// Threads.
    Threads,
}

/// Facts of a cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CgroupFact {
    /// Share of one core since the reading before, in percent.
    Cpu,
    /// Memory in bytes.
    Memory,
    /// Processes and threads.
    Pids,
    /// Processes killed for want of memory since the start of the run.
    OomKills,
}

/// Figures of the requests that pass through a proxy, each since the reading before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrafficFigure {
    /// Share of finished requests that failed, in percent.
    ErrorRate,
    /// Median latency.
    P50,
    /// 95th percentile of latency.
    P95,
    /// 99th percentile of latency.
    P99,
}

/// Figures of the built-in load, each since the reading before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoadFigure {
    /// Share of finished requests that failed, in percent.
    ErrorRate,
    /// Median latency.
    P50,
    /// 95th percentile of latency.
    P95,
    /// 99th percentile of latency.
    P99,
    /// Requests started, per second.
    Rate,
    /// Requests under way.
    InFlight,
}
