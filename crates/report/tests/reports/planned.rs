//! What was planned, in the records.

use std::collections::BTreeMap;
use std::time::Duration;

use squall_model::event::{FaultRef, Offset};
use squall_model::fault::{Fault, Scope, Signal};
use squall_model::load::{Connections, HttpLoad, HttpVersion, Load, LoadTarget, Pattern};
use squall_model::measure::{Abort, Compare, Expect, Judged, Limit, LoadFigure, Measure, Probe};
use squall_model::plan::{PLAN_VERSION, Plan, PlannedFault, Recovery, Selection, Window};
use squall_model::target::{Inventory, Target};
use squall_model::template::Template;
use squall_model::unit::{Percent, Quantity, Rate, Span, Unit};

pub(crate) fn at(seconds: f64) -> Offset {
    Offset(Duration::from_secs_f64(seconds))
}

pub(crate) fn span(text: &str) -> Span {
    text.parse().unwrap()
}

pub(crate) fn at_most(value: f64, unit: Unit) -> Expect {
    Expect::Is { compare: Compare::AtMost, limit: Limit::Absolute(Quantity::new(value, unit)) }
}

pub(crate) fn measure(name: &str, probe: Probe, expect: Option<Expect>) -> Measure {
    Measure {
        name: name.to_owned(),
        each: None,
        probe,
        expect,
        abort: None,
        allow: Percent(0.0),
        judged: vec![Judged::Before, Judged::During, Judged::After],
        every: span("1s"),
        timeout: span("500ms"),
        lag: Span::ZERO,
        throughput: None,
    }
}

/// Half of the workers of a job queue are killed, 10 s after the start, for 20 s.
pub(crate) fn plan() -> Plan {
    let mut latency = measure("p99", Probe::Load(LoadFigure::P99), Some(at_most(0.25, Unit::Seconds)));
    latency.abort = Some(Abort {
        when: Expect::Is {
            compare: Compare::More,
            limit: Limit::Absolute(Quantity::new(1.0, Unit::Seconds)),
        },
        consecutive: 3,
    });
    let backlog = measure(
        "backlog",
        Probe::Queue { figure: "waiting".to_owned() },
        Some(Expect::Is {
            compare: Compare::AtMost,
            limit: Limit::Baseline { factor: 4.0, plus: Quantity::new(5.0, Unit::Number) },
        }),
    );
    let health = measure(
        "health",
        Probe::Tcp { address: Template("127.0.0.1:{port:api}".to_owned()) },
        Some(Expect::Text("ok".to_owned())),
    );
    Plan {
        version: PLAN_VERSION,
        name: "half of the workers die".to_owned(),
        description: "The queue survives the loss of half of its workers.".to_owned(),
        owner: Some("queue team".to_owned()),
        tags: vec!["queue".to_owned()],
        file: Some("workers.yaml".to_owned()),
        digest: "1a2b3c4d".to_owned(),
        seed: 7,
        target: Target {
            name: "lab".to_owned(),
            environment: "local".to_owned(),
            services: BTreeMap::new(),
            queue: None,
            tasks: None,
        },
        inventory: Inventory::default(),
        load: Some(Load {
            target: LoadTarget::Http(HttpLoad {
                url: Template("http://127.0.0.1:{port:api}/tasks".to_owned()),
                method: "POST".to_owned(),
                headers: Vec::new(),
                body: None,
                csv: None,
                ca: None,
                connections: Connections::Reused,
                version: HttpVersion::One,
            }),
            pattern: Pattern::Constant(Rate(20.0)),
            timeout: span("2s"),
            max_in_flight: 100,
            max_rate: None,
            max_total: None,
            warm_up: span("0s"),
            retries: 0,
        }),
        measures: vec![latency, backlog, health],
        conservation: None,
        stages: Vec::new(),
        baseline: span("10s"),
        duration: span("20s"),
        faults: vec![PlannedFault {
            name: "workers".to_owned(),
            fault: Fault::ProcessKill { signal: Signal::Kill, scope: Scope::Process, expect_restart: None },
            on: Some(Selection {
                service: "worker".to_owned(),
                eligible: ["worker-1", "worker-2", "worker-3", "worker-4"].map(str::to_owned).to_vec(),
                chosen: vec!["worker-2".to_owned(), "worker-4".to_owned()],
            }),
            windows: vec![Window { from: Span::ZERO, until: span("20s") }],
            when: None,
        }],
        recovery: Recovery { within: span("20s"), steady_for: span("3s"), backlog: None },
    }
}

pub(crate) fn workers() -> FaultRef {
    FaultRef { name: "workers".to_owned(), stage: None, window: 0 }
}
