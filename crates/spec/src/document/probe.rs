//! Probes, as they are written.

use serde_json::{Value, json};
use squall_model::measure::{CgroupFact, LoadFigure, ProcessFact, TrafficFigure};
use squall_model::unit::Unit;

use crate::code::Code;
use crate::mistake::{At, Mistake};
use crate::node::{Kind, Node};
use crate::notes::Notes;
use crate::shape::{Map, OrText, Shape, chosen, document};
use crate::word::{Method, Words};

document! {
    /// How something is read.
    struct ProbeDocument
        one_of("a probe": "http", "tcp", "command", "process", "cgroup", "log", "queue", "load", "traffic", "prometheus")
        later(
            "redis" => "read it with a program: `command: { run: [redis-cli, llen, jobs], read: number }`",
            "sql" => "read it with a program: `command: { run: [psql, -Atc, \"select count(*) from jobs\"], read: number }`",
            "alert" => "read it as a metric: `prometheus: 'ALERTS{alertname=\"QueueStuck\"}'` with `expect: absent`"
        )
    {
        /// An HTTP request: an address, or a mapping with more.
        http: optional OrText<HttpDocument>,
        /// A TCP connection, read as the time that it takes: `HOST:PORT`.
        tcp: optional At<String>,
        /// A program.
        command: optional CommandDocument,
        /// A fact of the processes of a service.
        process: optional ProcessDocument,
        /// A fact of a cgroup.
        cgroup: optional CgroupDocument,
        /// Lines of a log that match, since the reading before.
        log: optional LogDocument,
        /// A figure of the target's job queue: `depth` and whatever else its `stats` program prints.
        queue: optional At<String>,
        /// A figure of the built-in load.
        load: optional At<LoadFigure>,
        /// A figure of the requests that faults of a service are about, read of those that are hit and those that are spared.
        traffic: optional TrafficProbeDocument,
        /// PromQL with one series as its answer, or none; or a mapping with more.
        prometheus: optional OrText<PrometheusDocument>,
        /// With `http`, what of the answer is read: `status`, `latency`, `{ json: PATH }` or `{ matches: REGEX }`. The status where nothing is said.
        read: optional At<ReadDocument>,
        /// With `http` and `read: { json: PATH }`, the unit of the number.
        unit: optional At<Unit>,
    }
}

document! {
    /// An HTTP request.
    struct HttpDocument {
        /// Address.
        url: required At<String>,
        /// Method. GET where nothing is said.
        method: optional Method,
        /// Headers by name; `{token}` stands for the token of the login, `{env:NAME}` for a secret.
        headers: optional Map<At<String>>,
        /// Body of the request.
        body: optional At<String>,
        /// A file with certificates (PEM) of the authorities to trust instead of the system's.
        ca: optional At<String>,
        /// A request before it that yields a token.
        login: optional LoginDocument,
    }
}

document! {
    /// A request that yields a token.
    struct LoginDocument {
        /// Address.
        url: required At<String>,
        /// Method. POST where nothing is said.
        method: optional Method,
        /// Headers by name.
        headers: optional Map<At<String>>,
        /// Body of the request.
        body: optional At<String>,
        /// Where the token stands in the answer: a JSON path such as `auth.token`.
        token: required At<String>,
    }
}

document! {
    /// A program, and what of its output is read.
    struct CommandDocument {
        /// Program and arguments.
        run: required Words,
        /// `number`, `text`, `exit` or `{ json: PATH }`. The number where nothing is said.
        read: optional At<ReadDocument>,
        /// Unit of the number.
        unit: optional At<Unit>,
    }
}

document! {
    /// A fact of the processes of a service, summed over its instances.
    struct ProcessDocument {
        /// The service.
        service: required At<String>,
        /// `count`, `cpu` (percent of one core), `memory` (bytes), `files` or `threads`.
        fact: required ProcessFact,
    }
}

document! {
    /// A fact of a cgroup.
    struct CgroupDocument {
        /// Its path below the root of the hierarchy: `/system.slice/redis.service`.
        path: required At<String>,
        /// `cpu` (percent of one core), `memory` (bytes), `pids` or `oom-kills`.
        fact: required CgroupFact,
    }
}

document! {
    /// A figure of the requests that pass through the proxy of a service and that its faults are about. It is read in two
    /// groups: the requests that a fault hits, and those that `percent`, `first` or `every` spare.
    struct TrafficProbeDocument {
        /// The service, which has a proxy.
        service: required At<String>,
        /// `error-rate`, `p50`, `p95` or `p99`, of the requests that ended since the reading before.
        read: required TrafficFigure,
    }
}

document! {
    /// Lines of a log that match.
    struct LogDocument {
        /// The file; rotation and truncation are followed.
        file: required At<String>,
        /// A regular expression.
        pattern: required At<String>,
    }
}

document! {
    /// A query to Prometheus.
    struct PrometheusDocument {
        /// Base address of the server, where it differs from that of the steady state.
        url: optional At<String>,
        /// PromQL.
        query: required At<String>,
        /// Unit of the number.
        unit: optional At<Unit>,
    }
}

/// What of an answer is read.
#[derive(Clone, Debug)]
pub(crate) enum ReadDocument {
    Word(String),
    Json(At<String>),
    Matches(At<String>),
}

const WORDS: [&str; 5] = ["status", "latency", "number", "text", "exit"];

impl Shape for ReadDocument {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self> {
        if let Kind::Scalar { text, .. } = &node.kind {
            if WORDS.contains(&text.as_str()) {
                return Some(Self::Word(text.clone()));
            }
            let mistake = Mistake::new(
                Code::UnknownWord,
                format!("`{text}` cannot be read"),
                node.spot,
                "not known here",
            );
            notes.mistake(mistake.help("`status`, `latency`, `{ json: PATH }` or `{ matches: REGEX }` of an HTTP answer; `number`, `text`, `exit` or `{ json: PATH }` of a program"));
            return None;
        }
        let (name, value) =
            chosen(node, "a part of the answer", &["json".to_owned(), "matches".to_owned()], &[], notes)?;
        let text = At::read(value, notes)?;
        Some(if name.value == "json" { Self::Json(text) } else { Self::Matches(text) })
    }

    fn schema() -> Value {
        let path = |key: &str| json!({ "type": "object", "properties": { key: { "type": "string" } }, "required": [key], "additionalProperties": false });
        json!({ "anyOf": [{ "enum": WORDS }, path("json"), path("matches")] })
    }
}
