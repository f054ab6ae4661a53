//! Records made by hand, one for each way in which a run may end.

use squall_model::event::{EventKind, FaultRef, Mode, Phase};
use squall_model::measure::{Expect, Outcome};
use squall_model::record::Record;
use squall_model::unit::{Quantity, Unit};
use squall_model::verdict::Verdict;

use crate::draft::Draft;
use crate::planned::{at, plan, span, workers};

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
