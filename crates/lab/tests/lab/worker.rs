//! Workers.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use squall_lab::{Access, Kind, Location, Millis, State, Submission, TaskId, Work};

use crate::client::submit;
use crate::process::{Site, now, until};
use crate::store::{Redis, Server, Store};

const SOON: Duration = Duration::from_secs(30);

/// A task that would take an hour.
fn endless() -> Submission {
    let work = Work { kind: Kind::Sleep, takes: Duration::from_hours(1) };
    Submission::new("t".parse().unwrap(), work)
}

#[test]
fn a_worker_does_its_tasks_and_the_failing_ones_end_in_the_dead_letter_queue() {
    let site = Site::new();
    let (_api, port) = site.api();
    let _worker = site.worker("w", &["--concurrency", "4"]);
    for _ in 0..8 {
        submit(port, r#"{"tag":"good","work":"20ms"}"#).unwrap();
    }
    submit(port, r#"{"tag":"bad","kind":"fail-always","max_failures":2}"#).unwrap();
    until("all tasks end", SOON, || (site.stat("depth") == 0).then_some(()));
    let good = site.json(&["ledger", "--tag", "good"]);
    let bad = site.json(&["ledger", "--tag", "bad"]);
    assert_eq!((&good["done"], &good["conserved"]), (&8.into(), &true.into()));
    assert_eq!((&bad["dead"], &bad["done"], &bad["conserved"]), (&1.into(), &0.into(), &true.into()));
    assert_eq!(site.json(&["stats", "--tag", "bad"])["retries"], 1);
}

/// F6: the work of a killed worker is redone after its lease, not before.
#[test]
fn the_task_of_a_killed_worker_is_redone_within_the_lease() {
    let site = Site::new();
    let (_api, port) = site.api();
    let first = site.worker("first", &[]);
    submit(port, r#"{"tag":"t","work":"300ms"}"#).unwrap();
    until("it is running", SOON, || (site.stat("running") == 1).then_some(()));
    first.kill();
    let killed = now();
    let _second = site.worker("second", &[]);
    until("it is done", SOON, || (site.stat("done") == 1).then_some(()));
    assert!(killed.elapsed() >= Duration::from_secs(1), "taken over although its lease had not ended");
    assert!(killed.elapsed() < Duration::from_secs(15), "{:?}", killed.elapsed());
    let stats = site.json(&["stats"]);
    assert_eq!((&stats["retries"], &stats["duplicates"], &stats["stuck"]), (&1.into(), &0.into(), &0.into()));
}

/// F7: a worker that was paused beyond its lease comes back too late, and its work does not count twice.
#[test]
fn a_paused_worker_comes_back_too_late_and_is_refused() {
    let site = Site::new();
    let (_api, port) = site.api();
    let paused = site.worker("paused", &["--lease", "600ms"]);
    submit(port, r#"{"tag":"t","work":"500ms"}"#).unwrap();
    until("it is running", SOON, || (site.stat("running") == 1).then_some(()));
    until("it is paused, and not in the middle of a change, which would lock the queue", SOON, || {
        paused.signal(Signal::STOP);
        until("it is paused", SOON, || (paused.state() == 'T').then_some(()));
        let free = Location::File(site.db()).open(Access::Work).and_then(|mut queue| queue.probe()).ok();
        if free.is_none() {
            paused.signal(Signal::CONT);
        }
        free
    });
    let _other = site.worker("other", &[]);
    until("another has done it", SOON, || (site.stat("done") == 1).then_some(()));
    paused.signal(Signal::CONT);
    // The late one finds out by completing (a duplicate) or by renewing (the work is dropped): never a completion.
    submit(port, r#"{"tag":"next","work":"1ms"}"#).unwrap();
    until("both live on", SOON, || (site.stat("depth") == 0).then_some(()));
    let ledger = site.json(&["ledger", "--tag", "t"]);
    assert_eq!(
        (&ledger["done"], &ledger["twice"], &ledger["conserved"]),
        (&1.into(), &0.into(), &true.into())
    );
}

#[test]
fn sigterm_lets_a_worker_finish_its_task_and_take_no_other() {
    let site = Site::new();
    let (_api, port) = site.api();
    let worker = site.worker("w", &[]);
    for _ in 0..2 {
        submit(port, r#"{"tag":"t","work":"700ms"}"#).unwrap();
    }
    until("the first runs", SOON, || (site.stat("running") == 1).then_some(()));
    worker.signal(Signal::TERM);
    let (succeeded, said) = worker.ended(SOON);
    assert!(succeeded && said.contains("draining"), "{said}");
    let stats = site.json(&["stats"]);
    assert_eq!((&stats["done"], &stats["queued"], &stats["running"]), (&1.into(), &1.into(), &0.into()));
}

#[test]
fn a_worker_whose_queue_vanished_ends_and_says_so() {
    let site = Site::new();
    let (api, _) = site.api();
    let mut worker = site.worker("w", &[]);
    assert_eq!(worker.line(), "w: ready\n");
    api.kill();
    fs::remove_file(site.db()).unwrap();
    let (succeeded, said) = worker.ended(SOON);
    assert!(!succeeded);
    assert!(said.contains("could not work on the queue: out of reach for 5 s"), "{said}");
    assert!(said.contains("could not find the queue"), "{said}");
}

#[test]
fn a_worker_waits_for_its_queue_to_be_made() {
    let site = Site::new();
    let mut worker = site.worker("w", &[]);
    assert_eq!(worker.line(), "w: ready\n");
    let missing = worker.line();
    assert!(missing.starts_with("w: could not find the queue"), "{missing}");
    let (_api, port) = site.api();
    submit(port, r#"{"tag":"t"}"#).unwrap();
    until("it is done", SOON, || (site.stat("done") == 1).then_some(()));
}

#[test]
fn work_is_cut_off_at_its_deadline_or_not_begun_after_it() {
    let site = Site::new();
    let mut queue = site.open(Access::Make);
    let in_time = Submission { deadline: Some(Millis::now().plus(Duration::from_secs(3))), ..endless() };
    let too_late = Submission { deadline: Some(Millis::now().minus(Duration::from_secs(1))), ..endless() };
    queue.submit(&[in_time, too_late], Millis::now()).unwrap();
    let _worker = site.worker("w", &["--concurrency", "2"]);
    until("both are dead", SOON, || (site.stat("dead") == 2).then_some(()));
    let mut error = |id: i64| queue.task(TaskId(id)).unwrap().unwrap().error.unwrap();
    assert_eq!(error(2), "the deadline passed before the work began");
    let cut_off = error(1);
    assert!(cut_off.starts_with("the deadline passed"), "{cut_off}");
    assert_eq!((site.stat("late"), site.stat("retries")), (2, 0));
}

#[test]
fn what_does_not_end_within_the_drain_time_is_given_back() {
    let site = Site::new();
    let mut queue = site.open(Access::Make);
    queue.submit(&[Submission { count: 3, ..endless() }], Millis::now()).unwrap();
    let worker = site.worker("w", &["--concurrency", "2", "--lease", "1h", "--drain", "200ms"]);
    until("two are running", SOON, || (site.stat("running") == 2).then_some(()));
    worker.signal(Signal::TERM);
    let (succeeded, said) = worker.ended(SOON);
    assert!(succeeded && said.contains("gives 2 tasks back"), "{said}");
    let stats = site.json(&["stats"]);
    assert_eq!((&stats["queued"], &stats["running"], &stats["dead"]), (&3.into(), &0.into(), &0.into()));
    let task = queue.task(TaskId(1)).unwrap().unwrap();
    assert_eq!((task.state, task.attempts, task.failures), (State::Queued, 1, 0));
}

#[test]
fn an_api_and_a_worker_wait_for_their_server_and_a_forgetful_one_is_named() {
    let mut redis = Redis::new();
    let site = Site::on(redis.fresh());
    redis.kill();
    let mut api = site.start(&["api", "--listen", "127.0.0.1:0"]);
    let waits = api.line();
    assert!(
        waits.starts_with("api: could not open the queue redis+unix://") && waits.contains("waiting"),
        "{waits}"
    );
    let mut worker = site.worker("w", &[]);
    assert_eq!(worker.line(), "w: ready\n");
    assert!(worker.line().starts_with("w: could not open the queue redis+unix://"));
    redis.start();
    let listens = api.line();
    let port = listens.trim().rsplit(':').next().unwrap().parse().unwrap_or_else(|_| panic!("{listens}"));
    submit(port, r#"{"tag":"t"}"#).unwrap();
    until("it is done", SOON, || (site.stat("done") == 1).then_some(()));

    redis.forget();
    let mut other = site.start(&["api", "--listen", "127.0.0.1:0"]);
    assert!(other.line().starts_with("api: listening"));
    let caveat = other.line();
    assert!(caveat.contains("forgets acknowledged tasks") && caveat.contains("appendonly is no"), "{caveat}");
}
