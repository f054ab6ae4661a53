//! The control group of untouched traffic (E4): requests that a fault hits beside those of the same kind that it spares.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use squall_e2e::binary::{Squall, said};
use squall_e2e::left;
use squall_e2e::peer::redis::Redis;
use squall_e2e::peer::running::last_record;
use squall_e2e::peer::server::Server;
use squall_e2e::wait;
use squall_model::event::{Blame, EventKind, GroupsCompared};
use squall_model::measure::Outcome;

const SOON: Duration = Duration::from_mins(1);

/// An experiment on a service behind a proxy of the run, through which the load goes.
fn experiment(upstream: &str, protocol: &str, load: &str, measure: &str, fault: &str) -> String {
    format!(
        "name: halves\n\
         target:\n  name: stage\n  services:\n    shop:\n      find: {{ elsewhere: {{}} }}\n      \
         proxy: {{ listen: '127.0.0.1:{{port:via}}', upstream: '{upstream}', protocol: {protocol} }}\n\
         load: {{ {load}, pattern: {{ constant: 40/s }} }}\n\
         steady:\n  every: 500ms\n  measures:\n    seen: {{ traffic: {{ service: shop, {measure}, allow: 30 % }}\n\
         baseline: 3s\nduration: 6s\n\
         faults:\n  some: {{ inject: {{ {fault} }}, on: {{ service: shop }}, percent: 50 % }}\n\
         recovery: {{ within: 40s, steady-for: 500ms }}\n"
    )
}

fn compared(squall: &Squall) -> Vec<GroupsCompared> {
    let compared = last_record(squall).events.into_iter().filter_map(|event| match event.kind {
        EventKind::GroupsCompared(compared) => Some(compared),
        _ => None,
    });
    compared.collect()
}

/// What was read of a group before the fault.
fn before(squall: &Squall, group: &str) -> Vec<Outcome> {
    let events = last_record(squall).events.into_iter();
    let before = events.take_while(|event| !matches!(event.kind, EventKind::FaultInjected { .. }));
    let read = before.filter_map(|event| match event.kind {
        EventKind::Read(reading) if reading.instance.as_deref() == Some(group) => Some(reading.outcome),
        _ => None,
    });
    read.collect()
}

#[test]
fn errors_that_only_those_commands_get_that_are_hit_are_the_faults() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    let text = experiment(
        &format!("127.0.0.1:{}", redis.port()),
        "redis",
        "redis: { url: 'redis://127.0.0.1:{port:via}/0', list: jobs, body: task }",
        "read: error-rate }, expect: '< 20 %'",
        "redis: { commands: [LPUSH], error: LOADING }",
    );
    let output = squall.run(["run", squall.file("halves.yaml", &text).to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(10), "{}", said(&output));
    let [compared] = &compared(&squall)[..] else { panic!("{}", said(&output)) };
    assert_eq!((compared.blame, compared.control.missed), (Blame::Faults, 0), "{compared:?}");
    assert!(compared.hit.missed > 3 && compared.control.readings > 3, "{compared:?}");
    // Before the fault there is one group, of what the fault will be about.
    let [hit, spared] = ["hit", "spared"].map(|group| before(&squall, group));
    assert!(hit.len() >= 3 && hit.iter().all(|outcome| outcome.as_number() == Some(0.0)), "{hit:?}");
    assert!(spared.iter().all(|outcome| outcome.as_number() == Some(0.0)), "{spared:?}");
    let report = squall.run(["report", "last", "--format", "md"]);
    let sentence = "seen: the requests that were hit changed by +100 % more than the untouched ones";
    assert!(said(&report).contains(sentence), "{}", said(&report));
    for run in squall.runs() {
        assert_eq!(left::of_run(&run), Vec::<String>::new());
    }
}

/// A server that answers at once, or after a second while it has a bad time.
fn shop(is_slow: &Arc<AtomicBool>) -> Server {
    let is_slow = Arc::clone(is_slow);
    Server::start(move |request| {
        if is_slow.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_secs(1));
        }
        request.answer(200, "ok");
    })
}

const LOAD: &str = "http: { url: 'http://127.0.0.1:{port:via}/cart' }";
const QUICK: &str = "read: p50 }, expect: '< 500 ms'";

#[test]
fn slowness_that_only_those_requests_have_that_are_hit_is_the_faults() {
    let squall = Squall::new();
    let shop = shop(&Arc::default());
    let text = experiment(&shop.address(), "http", LOAD, QUICK, "http: { delay: 1s }");
    let output = squall.run(["run", squall.file("halves.yaml", &text).to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(10), "{}", said(&output));
    let [compared] = &compared(&squall)[..] else { panic!("{}", said(&output)) };
    assert_eq!(compared.blame, Blame::Faults, "{compared:?}");
}

// A server that is slow for everybody in the time of the fault: nobody is blamed.
#[test]
fn slowness_that_all_requests_have_is_nobodys_fault() {
    let squall = Squall::new();
    let is_slow = Arc::default();
    let shop = shop(&is_slow);
    let text = experiment(&shop.address(), "http", LOAD, QUICK, "http: { delay: 5ms }");
    squall.file("halves.yaml", &text);
    let mut child = squall.start(["run", "halves.yaml"]);
    let run = wait::until("the run begins", SOON, || squall.runs().pop());
    let happened = |what: &'static str| {
        let record = run.record();
        move || std::fs::read_to_string(&record).ok()?.contains(what).then_some(())
    };
    wait::until("the fault is on", SOON, happened("\"fault-injected\""));
    is_slow.store(true, Ordering::Relaxed);
    wait::until("the fault is gone", SOON, happened("\"fault-undone\""));
    is_slow.store(false, Ordering::Relaxed);
    let status = wait::until("the run ends", SOON, || child.try_wait().unwrap());
    let reported = squall.run(["report", "last", "--format", "md"]);
    assert_eq!(status.code(), Some(13), "{}", said(&reported));
    let [compared] = &compared(&squall)[..] else { panic!("{}", said(&reported)) };
    assert_eq!(compared.blame, Blame::Unclear, "{compared:?}");
    assert!(compared.hit.missed > 0 && compared.control.missed > 0, "{compared:?}");
    assert!(said(&reported).contains("INCONCLUSIVE"), "{}", said(&reported));
}
