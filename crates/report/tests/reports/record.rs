//! Records made by hand, through the form on disk: what a run writes is what a report reads.

use std::collections::BTreeMap;
use std::time::Duration;

use squall_model::event::{
    Baseline, Event, EventKind, FaultRef, LoadSample, Mode, Offset, Phase, Reading, RunStarted,
};
use squall_model::fault::{Fault, Scope, Signal};
use squall_model::latency::Latencies;
use squall_model::load::{Connections, HttpLoad, HttpVersion, Load, LoadTarget, Pattern};
use squall_model::measure::{Abort, Compare, Expect, Judged, Limit, LoadFigure, Measure, Outcome, Probe};
use squall_model::plan::{PLAN_VERSION, Plan, PlannedFault, Recovery, Selection, Window};
use squall_model::record::{RECORD_VERSION, Record, line};
use squall_model::target::{Inventory, Target};
use squall_model::template::Template;
use squall_model::unit::{Percent, Quantity, Rate, Span, Unit};
use squall_model::verdict::Verdict;

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

/// The lines of a record in the making.
pub(crate) struct Draft {
    lines: String,
}

impl Draft {
    pub(crate) fn of(plan: Plan, mode: Mode) -> Self {
        let mut draft = Self { lines: String::new() };
        let host = BTreeMap::from([
            ("cores".to_owned(), "2".to_owned()),
            ("kernel".to_owned(), "6.12.0".to_owned()),
        ]);
        draft.event(
            0.0,
            EventKind::RunStarted(Box::new(RunStarted {
                format: RECORD_VERSION,
                run: "0190a1b2c3d4".parse().unwrap(),
                squall: "0.1.0".to_owned(),
                time: "2026-11-21T06:00:00.5Z".to_owned(),
                mode,
                plan,
                host,
            })),
        );
        draft
    }

    pub(crate) fn event(&mut self, seconds: f64, kind: EventKind) {
        self.lines.push_str(&line(&Event { at: at(seconds), kind }));
    }

    pub(crate) fn enter(&mut self, seconds: f64, phase: Phase) {
        self.event(seconds, EventKind::PhaseEntered { phase });
    }

    pub(crate) fn leave(&mut self, seconds: f64, phase: Phase, outcome: &str) {
        self.event(seconds, EventKind::PhaseEnded { phase, outcome: outcome.to_owned() });
    }

    pub(crate) fn read(&mut self, seconds: f64, name: &str, outcome: Outcome) {
        let reading = Reading { measure: name.into(), instance: None, outcome, asked: at(seconds) };
        self.event(seconds + 0.01, EventKind::Read(reading));
    }

    pub(crate) fn number(&mut self, seconds: f64, name: &str, value: f64, unit: Unit) {
        self.read(seconds, name, Outcome::Value(Quantity::new(value, unit)));
    }

    /// One second of readings and load.
    pub(crate) fn second(&mut self, seconds: f64, p99: f64, backlog: f64, failed: u64) {
        self.number(seconds + 0.1, "p99", p99, Unit::Seconds);
        self.number(seconds + 0.2, "backlog", backlog, Unit::Number);
        self.read(seconds + 0.3, "health", Outcome::Text("ok".to_owned()));
        let kinds =
            if failed > 0 { BTreeMap::from([("timeout".to_owned(), failed)]) } else { BTreeMap::new() };
        let mut latency = Latencies::default();
        (1..=20).for_each(|n| latency.record(Duration::from_secs_f64(p99 * f64::from(n) / 20.0)));
        self.event(
            seconds + 0.9,
            EventKind::LoadSampled(Box::new(LoadSample {
                over: span("1s"),
                due: 20,
                sent: 20,
                ok: 20 - failed,
                failed: kinds,
                in_flight: 2,
                p50: Some(p99 / 3.0),
                p95: Some(p99 / 1.2),
                p99: Some(p99),
                latency: Some(latency.write()),
                ..LoadSample::default()
            })),
        );
    }

    pub(crate) fn baseline(&mut self) {
        self.enter(0.1, Phase::Init);
        for number in 1..=4 {
            let instance = format!("worker-{number}");
            self.event(0.2, EventKind::InstanceStarted { instance, pid: 100 + number });
        }
        self.leave(0.5, Phase::Init, "started");
        self.enter(0.5, Phase::BaselineCheck);
        for second in 1..=9_u32 {
            self.second(f64::from(second), 0.04 + f64::from(second % 3) * 0.001, f64::from(second % 4), 0);
        }
    }

    pub(crate) fn steady(&mut self) {
        let baselines = vec![
            Baseline {
                measure: "p99".to_owned(),
                instance: None,
                median: Outcome::Value(Quantity::new(0.041, Unit::Seconds)),
                n: 9,
            },
            Baseline {
                measure: "backlog".to_owned(),
                instance: None,
                median: Outcome::Value(Quantity::new(2.0, Unit::Number)),
                n: 9,
            },
        ];
        self.event(10.0, EventKind::SteadyStateMet { baselines });
        self.leave(10.0, Phase::BaselineCheck, "steady");
    }

    pub(crate) fn inject(&mut self) {
        self.enter(10.0, Phase::FaultInjection);
        self.event(10.05, EventKind::FaultRequested { fault: workers() });
        self.event(
            10.1,
            EventKind::InstanceEnded {
                instance: "worker-2".to_owned(),
                how: "killed by signal 9".to_owned(),
            },
        );
        self.event(
            10.1,
            EventKind::InstanceEnded {
                instance: "worker-4".to_owned(),
                how: "killed by signal 9".to_owned(),
            },
        );
        self.event(
            10.2,
            EventKind::FaultInjected {
                fault: workers(),
                on: vec!["worker-2".to_owned(), "worker-4".to_owned()],
                effect: "2 of 2 processes are gone".to_owned(),
                until: at(30.0),
            },
        );
        self.leave(10.3, Phase::FaultInjection, "injected");
        self.enter(10.3, Phase::Monitoring);
    }

    pub(crate) fn undo(&mut self, seconds: f64) {
        self.leave(seconds, Phase::Monitoring, "watched");
        self.enter(seconds, Phase::Rollback);
        for (instance, pid) in [("worker-2", 202), ("worker-4", 204)] {
            self.event(seconds + 0.1, EventKind::InstanceStarted { instance: instance.to_owned(), pid });
        }
        let proof = "4 of 4 instances are alive".to_owned();
        self.event(seconds + 0.2, EventKind::FaultUndone { fault: workers(), proof });
        self.leave(seconds + 0.3, Phase::Rollback, "undone");
        self.enter(seconds + 0.3, Phase::PostValidation);
    }

    pub(crate) fn end(&mut self, seconds: f64, verdict: Verdict, sentence: &str, reasons: &[&str]) {
        self.event(
            seconds,
            EventKind::RunEnded {
                verdict,
                sentence: sentence.to_owned(),
                reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
                left: Vec::new(),
            },
        );
    }

    pub(crate) fn tear(&mut self) {
        self.lines.push_str("{\"at\":12.5,\"what\":{\"re");
    }

    pub(crate) fn record(&self) -> Record {
        Record::read(&self.lines).unwrap()
    }
}

pub(crate) fn workers() -> FaultRef {
    FaultRef { name: "workers".to_owned(), stage: None, window: 0 }
}

/// Every verdict once, by name.
pub(crate) fn all() -> Vec<(&'static str, Record)> {
    vec![
        ("held", held()),
        ("deviated", deviated()),
        ("unsteady", unsteady()),
        ("aborted", aborted()),
        ("halted", halted()),
        ("dirty", dirty()),
        ("interrupted", interrupted()),
        ("dry", dry()),
        ("error", error()),
        ("hostile", hostile()),
    ]
}

pub(crate) fn held() -> Record {
    let mut draft = Draft::of(plan(), Mode::Real);
    draft.baseline();
    draft.steady();
    draft.inject();
    for second in 11..30_u32 {
        draft.second(f64::from(second), 0.2 + f64::from(second % 5) * 0.004, 6.0, 0);
    }
    draft.undo(30.0);
    for second in 31..40_u32 {
        draft.second(f64::from(second), 0.042, f64::from(40 - second) / 3.0, 0);
    }
    draft.event(40.0, EventKind::Recovered { first: span("1.1s"), steady: span("1.1s") });
    draft.leave(40.0, Phase::PostValidation, "steady");
    draft.end(40.1, Verdict::Held, "the queue survives the loss of half of its workers", &[]);
    draft.record()
}

pub(crate) fn deviated() -> Record {
    let mut draft = Draft::of(plan(), Mode::Real);
    draft.baseline();
    draft.steady();
    draft.inject();
    for second in 11..30_u32 {
        let outage = (14..18).contains(&second);
        if outage {
            let why = "connection refused".to_owned();
            draft.read(f64::from(second) + 0.3, "health", Outcome::Unreadable(why));
        }
        draft.second(
            f64::from(second),
            0.2 + f64::from(second % 5) * 0.04,
            f64::from(second),
            u64::from(outage),
        );
    }
    let outcome = Outcome::Value(Quantity::new(0.32, Unit::Seconds));
    draft.event(
        13.1,
        EventKind::ExpectationMissed {
            measure: "p99".to_owned(),
            instance: None,
            outcome,
            expect: "<= 250 ms".to_owned(),
        },
    );
    draft.undo(30.0);
    for second in 31..50_u32 {
        draft.second(f64::from(second), 0.3, 30.0, 0);
    }
    let measures = vec!["p99".to_owned(), "backlog".to_owned()];
    draft.event(50.0, EventKind::NeverRecovered { within: span("20s"), measures });
    draft.leave(50.0, Phase::PostValidation, "not steady");
    draft.end(
        50.1,
        Verdict::Deviated,
        "the queue did not come back within 20s",
        &["p99 was above 250 ms", "backlog grew"],
    );
    draft.record()
}

pub(crate) fn unsteady() -> Record {
    let mut draft = Draft::of(plan(), Mode::Real);
    draft.baseline();
    for second in 4..9_u32 {
        draft.number(f64::from(second) + 0.15, "p99", 0.9, Unit::Seconds);
    }
    draft.leave(10.0, Phase::BaselineCheck, "unsteady");
    draft.end(10.1, Verdict::Unsteady, "p99 was above its limit before any fault; nothing was injected", &[]);
    draft.record()
}

pub(crate) fn aborted() -> Record {
    let mut draft = Draft::of(plan(), Mode::Real);
    draft.baseline();
    draft.steady();
    draft.inject();
    for second in 11..14_u32 {
        draft.second(f64::from(second), 1.5, 40.0, 5);
    }
    let outcome = Outcome::Value(Quantity::new(1.5, Unit::Seconds));
    draft.event(
        13.5,
        EventKind::AbortTriggered {
            measure: "p99".to_owned(),
            instance: None,
            outcome,
            when: "> 1 s".to_owned(),
            breaches: 3,
        },
    );
    draft.undo(13.6);
    draft.end(15.0, Verdict::Aborted, "p99 went above 1 s three times in a row", &[]);
    draft.record()
}

pub(crate) fn halted() -> Record {
    let mut draft = Draft::of(plan(), Mode::Real);
    draft.baseline();
    draft.steady();
    draft.inject();
    draft.second(11.0, 0.2, 6.0, 0);
    draft.event(12.0, EventKind::HaltRequested { by: "SIGINT".to_owned() });
    draft.undo(12.0);
    draft.end(12.6, Verdict::Halted, "halted by SIGINT", &[]);
    draft.record()
}

pub(crate) fn dirty() -> Record {
    let mut draft = Draft::of(plan(), Mode::Real);
    draft.baseline();
    draft.steady();
    draft.inject();
    draft.second(11.0, 0.2, 6.0, 0);
    draft.enter(30.0, Phase::Rollback);
    draft.event(
        30.5,
        EventKind::UndoFailed {
            fault: workers(),
            why: "2 of 4 instances are alive after 10s".to_owned(),
            by_hand: vec!["systemctl start 'worker@2'".to_owned(), "systemctl start 'worker@4'".to_owned()],
        },
    );
    draft.event(
        31.0,
        EventKind::RunEnded {
            verdict: Verdict::Dirty,
            sentence: "worker-2 and worker-4 could not be started again".to_owned(),
            reasons: Vec::new(),
            left: vec!["service worker has 2 of 4 instances".to_owned()],
        },
    );
    draft.record()
}

pub(crate) fn interrupted() -> Record {
    let mut draft = Draft::of(plan(), Mode::Real);
    draft.baseline();
    draft.steady();
    draft.inject();
    draft.second(11.0, 0.2, 6.0, 0);
    draft.tear();
    draft.record()
}

pub(crate) fn dry() -> Record {
    let mut draft = Draft::of(plan(), Mode::Dry);
    draft.baseline();
    draft.steady();
    draft.enter(10.0, Phase::FaultInjection);
    draft.event(
        10.1,
        EventKind::FaultLeftOut {
            fault: workers(),
            on: vec!["worker-2".to_owned(), "worker-4".to_owned()],
            change: "SIGKILL to pid 102, 104".to_owned(),
            undo: "start worker again, 4 instances".to_owned(),
        },
    );
    draft.enter(10.3, Phase::Monitoring);
    for second in 11..30_u32 {
        draft.second(f64::from(second), 0.041, 2.0, 0);
    }
    draft.enter(30.0, Phase::Rollback);
    draft.end(31.0, Verdict::Held, "dry run: the steady state held, nothing was changed", &[]);
    draft.record()
}

pub(crate) fn error() -> Record {
    let mut draft = Draft::of(plan(), Mode::Real);
    draft.baseline();
    draft.steady();
    draft.enter(10.0, Phase::FaultInjection);
    draft.event(10.05, EventKind::FaultRequested { fault: workers() });
    draft.event(
        10.2,
        EventKind::FaultFailed { fault: workers(), why: "no process of worker-2 was found".to_owned() },
    );
    draft.end(10.5, Verdict::Error, "workers could not be injected", &["no process of worker-2 was found"]);
    draft.record()
}

/// Every text is somebody's attempt to be markup.
pub(crate) fn hostile() -> Record {
    let nasty = "</title></script><script>alert(1)</script><img src=x onerror=alert(1)> `|[a](b) \u{1b}[31m \u{202e}\u{0} ]]> {{ 7*7 }} {% raw %} & \"'";
    let mut plan = plan();
    plan.name = String::from(nasty);
    plan.description = nasty.repeat(2_000);
    plan.owner = Some(nasty.to_owned());
    plan.tags = vec![nasty.to_owned()];
    plan.file = Some(nasty.to_owned());
    plan.target.name = String::from(nasty);
    plan.measures[0].name = String::from(nasty);
    plan.measures[2].expect = Some(Expect::Text(nasty.to_owned()));
    plan.faults[0].name = String::from(nasty);
    if let Some(on) = &mut plan.faults[0].on {
        on.service = String::from(nasty);
        on.chosen = vec![nasty.to_owned()];
    }
    let fault = FaultRef { name: nasty.to_owned(), stage: None, window: u32::MAX };
    let mut draft = Draft::of(plan, Mode::Real);
    draft.baseline();
    draft.number(5.0, nasty, 3.0, Unit::Bytes);
    draft.read(6.0, nasty, Outcome::Unreadable(nasty.repeat(100)));
    draft.enter(9.9, Phase::FaultInjection);
    draft.event(10.0, EventKind::FaultRequested { fault: fault.clone() });
    draft.event(
        10.1,
        EventKind::FaultInjected {
            fault: fault.clone(),
            on: vec![nasty.to_owned()],
            effect: nasty.to_owned(),
            until: at(20.0),
        },
    );
    draft.read(11.0, "health", Outcome::Text(nasty.to_owned()));
    draft
        .event(12.0, EventKind::UndoFailed { fault, why: nasty.to_owned(), by_hand: vec![nasty.to_owned()] });
    draft.event(
        13.0,
        EventKind::RunEnded {
            verdict: Verdict::Dirty,
            sentence: nasty.to_owned(),
            reasons: vec![nasty.to_owned()],
            left: vec![nasty.to_owned()],
        },
    );
    draft.record()
}
