//! A record in the making, through the form on disk: what a run writes is what a report reads.

use std::collections::BTreeMap;
use std::time::Duration;

use squall_model::event::{Baseline, Event, EventKind, LoadSample, Mode, Phase, Reading, RunStarted};
use squall_model::latency::Latencies;
use squall_model::measure::Outcome;
use squall_model::plan::Plan;
use squall_model::record::{RECORD_VERSION, Record, line};
use squall_model::unit::{Quantity, Unit};
use squall_model::verdict::Verdict;

use crate::planned::{at, span, workers};

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
