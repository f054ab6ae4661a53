//! The queue's guarantees, the same for every store, with the time held by the test.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use squall_lab::{
    Access, Batch, Claim, Cursor, Event, Filter, Happened, Kind, Kinds, Ledger, Location, Millis, Outcome,
    Priority, Queue, QueueError, Receipt, Scope, Settled, State, Stats, Submission, Tag, TaskId, Wanted,
    Work, WorkFailed,
};

use Happened::{Dead, Done, Failed, Purged, Queued, Released, Replayed, Started};

use crate::process::until;
use crate::store::{Damage, Postgres, Redis, Sqlite, Store};

const LEASE: Duration = Duration::from_secs(3);

#[test]
fn every_guarantee_holds_on_sqlite() {
    hold(&Sqlite::new(), 48);
}

#[test]
fn every_guarantee_holds_on_redis() {
    hold(&Redis::new(), 12);
}

#[test]
fn every_guarantee_holds_on_postgresql() {
    let postgres = Postgres::new();
    hold(&postgres, 8);
    the_event_of_a_slow_change_is_not_skipped(&postgres);
}

/// Transactions do not end in the order in which they began.
fn the_event_of_a_slow_change_is_not_skipped(store: &Postgres) {
    let mut bench = Bench::new(store);
    let mut client = postgres::Client::connect(&bench.place, postgres::NoTls).unwrap();
    let mut slow = client.transaction().unwrap();
    slow.batch_execute(
        "INSERT INTO squall_lab.events (at, happened, task, tag, kind, attempt, late)
         VALUES (0, 'queued', 99, 't', 'sleep', 0, false)",
    )
    .unwrap();
    bench.put(1);
    assert_eq!(bench.queue.events(&Cursor::default(), 9).unwrap(), [], "one that began earlier is not over");
    slow.commit().unwrap();
    assert_eq!(bench.events(2).iter().map(|event| event.task.0).collect::<Vec<_>>(), [99, 1]);
}

type Guarantee = (&'static str, fn(&mut Bench<'_>));

macro_rules! guarantees {
    ($($name:ident)*) => { [$((stringify!($name), $name as fn(&mut Bench<'_>))),*] };
}

const GUARANTEES: [Guarantee; 25] = guarantees![
    a_task_is_claimed_by_one_worker_and_completed_once
    an_end_that_is_sent_again_changes_nothing
    a_lease_that_is_not_renewed_ends_and_the_late_worker_is_fenced
    a_renewed_lease_holds_and_a_task_of_a_dead_worker_is_stuck_until_it_is_taken
    failures_wait_longer_each_time_and_end_in_the_dead_letter_queue
    a_rejected_task_is_dead_at_once
    a_lost_lease_is_no_failure_of_the_task
    a_released_task_is_free_at_once_and_has_not_failed
    the_urgent_come_first_and_then_the_longest_waiting
    kinds_are_chosen_or_left_out
    a_dead_task_is_replayed_with_new_tries_and_without_its_deadline
    a_purged_task_stays_in_the_ledger
    what_ends_after_its_deadline_is_late
    a_batch_tells_its_states_and_its_partial_results
    the_same_key_gives_the_same_tasks_and_another_content_is_a_conflict
    waiting_and_the_oldest_task_are_measured_from_the_submission
    tasks_are_listed_by_what_they_are_page_by_page
    counts_are_kept_by_tag_and_kind
    events_tell_the_life_of_a_task_and_go_on_from_a_cursor
    a_note_is_changed_only_by_who_knows_it
    work_that_this_version_cannot_read_is_dead_and_says_why
    a_lost_task_and_a_second_completion_show_in_the_ledger
    strange_texts_come_back_as_they_were
    many_workers_take_each_task_once
    events_are_followed_without_a_gap_while_others_write
];

/// Each guarantee on a queue and a thread of its own, whose name is in the panic; then any history.
fn hold(store: &dyn Store, histories: u32) {
    let broken: Vec<&str> = std::thread::scope(|scope| {
        let running: Vec<_> = GUARANTEES
            .iter()
            .map(|(name, guarantee)| {
                let thread = std::thread::Builder::new().name((*name).to_owned());
                (*name, thread.spawn_scoped(scope, || guarantee(&mut Bench::new(store))).unwrap())
            })
            .collect();
        running.into_iter().filter_map(|(name, thread)| thread.join().err().map(|_| name)).collect()
    });
    assert!(broken.is_empty(), "not held: {broken:?}");
    let mut runner = TestRunner::new(Config { cases: histories, ..Config::default() });
    let history = prop::collection::vec(happening(), 1..60);
    runner.run(&history, |history| conserved(&mut Bench::new(store), &history)).unwrap();
}

struct Bench<'a> {
    store: &'a dyn Store,
    place: String,
    queue: Box<dyn Queue>,
    now: Millis,
}

impl<'a> Bench<'a> {
    fn new(store: &'a dyn Store) -> Self {
        let place = store.fresh();
        let queue = place.parse::<Location>().unwrap().open(Access::Make).unwrap();
        Self { store, place, queue, now: Millis(1_700_000_000_000) }
    }

    fn damage(&self, damage: Damage) {
        self.store.damage(&self.place, damage);
    }

    fn send(&mut self, submission: &Submission) -> Vec<TaskId> {
        match self.queue.submit(std::slice::from_ref(submission), self.now).unwrap().remove(0) {
            Receipt::Created(ids) => ids,
            other => panic!("{other:?}"),
        }
    }

    fn put(&mut self, count: u32) -> Vec<TaskId> {
        self.send(&submission(count, None))
    }

    fn claims(&mut self, worker: &str, slots: usize) -> Vec<Claim> {
        self.claims_of(worker, slots, Kinds::All)
    }

    fn claims_of(&mut self, worker: &str, slots: usize, kinds: Kinds) -> Vec<Claim> {
        let wanted = Wanted { worker: worker.to_owned(), slots, lease: LEASE, kinds };
        self.queue.claim(&wanted, self.now).unwrap()
    }

    fn claim(&mut self, worker: &str) -> Claim {
        self.claims(worker, 1).pop().expect("a task to claim")
    }

    fn end(&mut self, claim: &Claim, worker: &str, outcome: Outcome) -> Settled {
        self.queue.settle(worker, &[(claim.clone(), outcome)], self.now).unwrap().remove(0)
    }

    fn complete(&mut self, claim: &Claim, worker: &str) -> Settled {
        self.end(claim, worker, Outcome::Done("ok".into()))
    }

    fn kill(&mut self, outcome: &Outcome) -> TaskId {
        let claim = self.claim("w");
        assert_eq!(self.end(&claim, "w", outcome.clone()), Settled::Dead);
        claim.task
    }

    fn stats(&mut self) -> Stats {
        self.queue.stats(&Scope::default(), LEASE, self.now).unwrap()
    }

    fn ledger(&mut self) -> Ledger {
        self.queue.ledger(None).unwrap()
    }

    /// All events, once there are so many.
    fn events(&mut self, many: usize) -> Vec<Event> {
        until("the events are to be seen", Duration::from_secs(30), || {
            Some(self.queue.events(&Cursor::default(), 1000).unwrap()).filter(|events| events.len() >= many)
        })
    }

    fn list(&mut self, filter: Filter) -> Vec<i64> {
        let filter = Filter { limit: filter.limit.max(1), ..filter };
        self.queue.tasks(&filter).unwrap().iter().map(|task| task.id.0).collect()
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now.plus(span);
    }
}

fn submission(count: u32, key: Option<&str>) -> Submission {
    let work = Work { kind: Kind::Sleep, takes: Duration::from_millis(200) };
    Submission { count, max_failures: 3, key: key.map(str::to_owned), ..Submission::new(tag("t"), work) }
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn failed() -> Outcome {
    Outcome::Failed(WorkFailed("no".into()))
}

fn rejected() -> Outcome {
    Outcome::Rejected(WorkFailed("never".into()))
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn a_task_is_claimed_by_one_worker_and_completed_once(bench: &mut Bench<'_>) {
    let ids = bench.put(1);
    let claim = bench.claim("a");
    assert_eq!((claim.task, claim.tag.as_str()), (ids[0], "t"));
    assert_eq!(bench.claims("b", 1), []);
    assert_eq!(bench.complete(&claim, "a"), Settled::Done);
    let task = bench.queue.task(ids[0]).unwrap().unwrap();
    assert_eq!(
        (task.state, task.worker.as_deref(), task.result.as_deref()),
        (State::Done, Some("a"), Some("ok"))
    );
    assert_eq!((task.attempts, task.finished_ms, task.lease_until_ms), (1, Some(bench.now), None));
    let stats = bench.stats();
    assert_eq!((stats.done, stats.depth, stats.duplicates, stats.retries), (1, 0, 0, 0));
    assert_eq!(bench.queue.task(TaskId(77)).unwrap(), None);
}

/// The answer to an end can be lost with a connection.
fn an_end_that_is_sent_again_changes_nothing(bench: &mut Bench<'_>) {
    bench.put(3);
    for (outcome, settled) in
        [(Outcome::Done("ok".into()), Settled::Done), (failed(), Settled::Again), (rejected(), Settled::Dead)]
    {
        let claim = bench.claim("a");
        assert_eq!(bench.end(&claim, "a", outcome.clone()), settled);
        let before = (bench.stats(), bench.ledger(), bench.queue.task(claim.task).unwrap());
        assert_eq!(bench.end(&claim, "a", outcome), Settled::Known);
        assert_eq!(before, (bench.stats(), bench.ledger(), bench.queue.task(claim.task).unwrap()));
    }
    assert_eq!(bench.stats().duplicates, 0);
}

fn a_lease_that_is_not_renewed_ends_and_the_late_worker_is_fenced(bench: &mut Bench<'_>) {
    bench.put(1);
    let late = bench.claim("late");
    bench.pass(LEASE);
    assert_eq!(bench.claims("b", 1), [], "the lease holds to its last moment");
    bench.pass(millis(1));
    let newer = bench.claim("b");
    assert_eq!((newer.task, newer.attempt), (late.task, 2));
    assert_eq!(bench.complete(&late, "late"), Settled::Fenced);
    assert_eq!(bench.queue.renew(std::slice::from_ref(&late), LEASE, bench.now).unwrap(), [late.task]);
    assert_eq!(bench.complete(&newer, "b"), Settled::Done);
    assert_eq!(bench.end(&late, "late", failed()), Settled::Duplicate);
    let stats = bench.stats();
    assert_eq!((stats.fenced, stats.duplicates, stats.retries, stats.done), (1, 1, 1, 1));
}

fn a_renewed_lease_holds_and_a_task_of_a_dead_worker_is_stuck_until_it_is_taken(bench: &mut Bench<'_>) {
    bench.put(1);
    let claim = bench.claim("a");
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.queue.renew(&[claim], LEASE, bench.now).unwrap(), []);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.claims("b", 1), []);
    bench.pass(Duration::from_secs(7));
    let stuck = |bench: &mut Bench<'_>, of: Option<&str>| {
        let scope = Scope { tag: of.map(tag), kind: None };
        bench.queue.stats(&scope, Duration::from_secs(5), bench.now).unwrap().stuck
    };
    assert_eq!((stuck(bench, None), stuck(bench, Some("other"))), (1, 0));
    bench.claim("b");
    assert_eq!(stuck(bench, None), 0);
}

fn failures_wait_longer_each_time_and_end_in_the_dead_letter_queue(bench: &mut Bench<'_>) {
    let id = bench.put(1)[0];
    for (failure, expected) in [(1, Settled::Again), (2, Settled::Again), (3, Settled::Dead)] {
        let claim = bench.claim("a");
        assert_eq!(bench.end(&claim, "a", failed()), expected);
        assert_eq!(bench.claims("a", 1), [], "not at once after {failure}");
        bench.pass(millis(200 * 2u64.pow(failure)));
    }
    let task = bench.queue.task(id).unwrap().unwrap();
    assert_eq!((task.state, task.failures, task.error.as_deref()), (State::Dead, 3, Some("no")));
    let ledger = bench.queue.ledger(Some(&tag("t"))).unwrap();
    assert_eq!((ledger.sent, ledger.dead, ledger.conserved), (1, 1, true));
}

fn a_rejected_task_is_dead_at_once(bench: &mut Bench<'_>) {
    bench.put(1);
    let id = bench.kill(&rejected());
    let task = bench.queue.task(id).unwrap().unwrap();
    assert_eq!((task.state, task.failures, task.error.as_deref()), (State::Dead, 1, Some("never")));
}

fn a_lost_lease_is_no_failure_of_the_task(bench: &mut Bench<'_>) {
    bench.put(1);
    for _ in 0..10 {
        bench.claim("killed");
        bench.pass(LEASE + millis(1));
    }
    let claim = bench.claim("alive");
    assert_eq!(claim.attempt, 11);
    assert_eq!(bench.complete(&claim, "alive"), Settled::Done);
}

fn a_released_task_is_free_at_once_and_has_not_failed(bench: &mut Bench<'_>) {
    bench.put(1);
    let first = bench.claim("a");
    assert_eq!(bench.end(&first, "a", Outcome::Released), Settled::Released);
    let second = bench.claim("b");
    assert_eq!((second.task, second.attempt), (first.task, 2));
    assert_eq!(bench.complete(&first, "a"), Settled::Fenced);
    assert_eq!(bench.queue.task(first.task).unwrap().unwrap().failures, 0);
}

fn the_urgent_come_first_and_then_the_longest_waiting(bench: &mut Bench<'_>) {
    for priority in [5, 0, 9, 5, 9] {
        let priority = Priority::try_from(priority).unwrap();
        bench.send(&Submission { priority, ..submission(1, None) });
        bench.pass(millis(1));
    }
    let order = |claims: Vec<Claim>| claims.iter().map(|claim| claim.task.0).collect::<Vec<_>>();
    assert_eq!(order(bench.claims("a", 2)), [3, 5]);
    let priority = Priority::try_from(9).unwrap();
    bench.send(&Submission { priority, count: 12, ..submission(1, None) });
    let expected: Vec<i64> = (6..=17).chain([1, 4, 2]).collect();
    assert_eq!(order(bench.claims("a", 100)), expected);
    // A lease that has ended goes before everything: its task has waited longest.
    bench.pass(LEASE + millis(1));
    bench.send(&Submission { priority, ..submission(1, None) });
    assert!(order(bench.claims("b", 1))[0] < 18);
}

fn kinds_are_chosen_or_left_out(bench: &mut Bench<'_>) {
    bench.put(2);
    let work = Work { kind: Kind::FailAlways, takes: Duration::ZERO };
    bench.send(&Submission::new(tag("t"), work));
    let sleep = || vec!["sleep".to_owned()];
    assert_eq!(bench.claims_of("a", 9, Kinds::Only(vec!["other".into()])), []);
    assert_eq!(bench.claims_of("a", 9, Kinds::Except(vec!["sleep".into(), "fail-always".into()])), []);
    let others = bench.claims_of("a", 9, Kinds::Except(sleep()));
    assert_eq!(others.iter().map(|claim| claim.task.0).collect::<Vec<_>>(), [3]);
    assert_eq!(bench.claims_of("a", 1, Kinds::Only(sleep())).len(), 1);
    // Leases that have ended are of a kind too.
    bench.pass(LEASE + millis(1));
    assert_eq!(bench.claims_of("b", 9, Kinds::Only(vec!["fail-always".into()])).len(), 1);
    assert_eq!(bench.claims_of("b", 9, Kinds::All).len(), 2);
}

fn a_dead_task_is_replayed_with_new_tries_and_without_its_deadline(bench: &mut Bench<'_>) {
    let deadline = Some(bench.now.plus(millis(10)));
    bench.send(&Submission { deadline, max_failures: 1, ..submission(2, None) });
    let id = bench.kill(&failed());
    let dead = Filter { state: Some(State::Dead), ..Filter::default() };
    assert_eq!(bench.list(dead.clone()), [id.0]);
    assert_eq!(bench.queue.replay(&[TaskId(2), id, TaskId(99)], bench.now).unwrap(), [id]);
    assert_eq!(bench.queue.replay(&[id], bench.now).unwrap(), []);
    assert_eq!(bench.list(dead), [0i64; 0]);
    let task = bench.queue.task(id).unwrap().unwrap();
    assert_eq!(
        (task.state, task.failures, task.deadline_ms, task.finished_ms),
        (State::Queued, 0, None, None)
    );
    let claims = bench.claims("a", 9);
    let again = claims.iter().find(|claim| claim.task == id).unwrap();
    assert_eq!((again.attempt, again.deadline), (2, None));
    assert_eq!(bench.complete(again, "a"), Settled::Done);
    let (stats, ledger) = (bench.stats(), bench.ledger());
    assert_eq!((stats.dead, stats.done, stats.running, stats.queued), (0, 1, 1, 0));
    assert!(ledger.conserved, "{ledger:?}");
}

fn a_purged_task_stays_in_the_ledger(bench: &mut Bench<'_>) {
    bench.put(2);
    let id = bench.kill(&rejected());
    assert_eq!(bench.queue.purge(&[TaskId(2), id], bench.now).unwrap(), [id]);
    assert_eq!(bench.queue.replay(&[id], bench.now).unwrap(), []);
    let (stats, ledger) = (bench.stats(), bench.ledger());
    assert_eq!((stats.dead, stats.purged, stats.total, stats.depth), (0, 1, 2, 1));
    assert_eq!((ledger.sent, ledger.purged, ledger.dead, ledger.open, ledger.conserved), (2, 1, 0, 1, true));
}

fn what_ends_after_its_deadline_is_late(bench: &mut Bench<'_>) {
    let deadline = Some(bench.now.plus(millis(100)));
    bench.send(&Submission { deadline, ..submission(4, None) });
    let claims = bench.claims("a", 4);
    assert_eq!(claims[0].deadline, deadline);
    bench.pass(millis(100));
    bench.complete(&claims[0], "a");
    assert_eq!(bench.stats().late, 0, "the last moment is in time");
    bench.pass(millis(1));
    bench.complete(&claims[1], "a");
    bench.end(&claims[2], "a", rejected());
    bench.end(&claims[3], "a", failed());
    let stats = bench.stats();
    assert_eq!((stats.late, stats.done, stats.dead, stats.queued), (2, 2, 1, 1));
    let late = bench.events(12);
    let late: Vec<_> = late.iter().filter(|event| event.late).map(|event| event.happened).collect();
    assert_eq!(late, [Done, Dead]);
}

fn a_batch_tells_its_states_and_its_partial_results(bench: &mut Bench<'_>) {
    let batch = Some(tag("b-1"));
    bench.put(1);
    bench.send(&Submission { batch: batch.clone(), ..submission(3, None) });
    bench.send(&Submission { batch: batch.clone(), tag: tag("u"), ..submission(1, None) });
    for claim in bench.claims("a", 3) {
        match claim.task.0 {
            2 => bench.end(&claim, "a", Outcome::Done("half".into())),
            3 => bench.end(&claim, "a", rejected()),
            _ => Settled::Known,
        };
    }
    let far = bench.queue.batch(&tag("b-1")).unwrap();
    let name = "b-1".to_owned();
    assert_eq!(
        far,
        Some(Batch { batch: name, total: 4, queued: 2, running: 0, done: 1, dead: 1, purged: 0 })
    );
    assert_eq!(bench.queue.batch(&tag("b-2")).unwrap(), None);
    let parts = bench.queue.tasks(&Filter { batch, limit: 10, ..Filter::default() }).unwrap();
    let results: Vec<_> =
        parts.iter().map(|task| (task.id.0, task.result.as_deref(), task.error.as_deref())).collect();
    assert_eq!(
        results,
        [(2, Some("half"), None), (3, None, Some("never")), (4, None, None), (5, None, None)]
    );
}

fn the_same_key_gives_the_same_tasks_and_another_content_is_a_conflict(bench: &mut Bench<'_>) {
    let first = submission(3, Some("order-7"));
    let later = Submission { deadline: Some(bench.now.plus(LEASE)), ..first.clone() };
    let other = Submission { max_failures: 9, ..first.clone() };
    let urgent = Submission { priority: Priority::try_from(9).unwrap(), ..first.clone() };
    let labelled = Submission { labels: vec![tag("x")], ..first.clone() };
    let grouped = Submission { batch: Some(tag("b")), ..first.clone() };
    let sent =
        [first.clone(), first, later, other, urgent, labelled, grouped, submission(2, Some("order-7"))];
    let receipts = bench.queue.submit(&sent, bench.now).unwrap();
    let ids: Vec<_> = (1..=3).map(TaskId).collect();
    assert_eq!(
        receipts[..3],
        [Receipt::Created(ids.clone()), Receipt::Known(ids.clone()), Receipt::Known(ids.clone())]
    );
    assert!(receipts[3..].iter().all(|receipt| *receipt == Receipt::Conflict), "{receipts:?}");
    assert_eq!(bench.queue.submit(&sent[..1], bench.now).unwrap(), [Receipt::Known(ids)]);
    assert_eq!(bench.ledger().sent, 3);
}

fn waiting_and_the_oldest_task_are_measured_from_the_submission(bench: &mut Bench<'_>) {
    bench.put(2);
    bench.pass(millis(1500));
    let claim = bench.claim("a");
    bench.complete(&claim, "a");
    let scope = |tag_name: &str, kind: Option<&str>| Scope {
        tag: Some(tag(tag_name)),
        kind: kind.map(str::to_owned),
    };
    for scope in [Scope::default(), scope("t", None), scope("t", Some("sleep"))] {
        let stats = bench.queue.stats(&scope, LEASE, bench.now).unwrap();
        assert_eq!((stats.waiting_p50_s, stats.waiting_p95_s), (Some(1.5), Some(1.5)), "{scope:?}");
        assert_eq!((stats.oldest_queued_s, stats.total), (Some(1.5), 2), "{scope:?}");
    }
    for scope in [scope("other", None), scope("t", Some("flaky"))] {
        let nothing = bench.queue.stats(&scope, LEASE, bench.now).unwrap();
        assert_eq!(
            (nothing.total, nothing.oldest_queued_s, nothing.waiting_p50_s),
            (0, None, None),
            "{scope:?}"
        );
    }
}

fn tasks_are_listed_by_what_they_are_page_by_page(bench: &mut Bench<'_>) {
    bench.put(5);
    let labels = vec![tag("red"), tag("big")];
    let work = Work { kind: Kind::FailAlways, takes: Duration::ZERO };
    bench.send(&Submission {
        labels: labels.clone(),
        batch: Some(tag("b")),
        ..Submission::new(tag("u"), work)
    });
    bench.send(&Submission { labels: vec![tag("red")], ..submission(1, None) });
    bench.claim("a");
    let all = Filter { tag: Some(tag("t")), limit: 3, ..Filter::default() };
    assert_eq!(bench.list(all.clone()), [1, 2, 3]);
    assert_eq!(bench.list(Filter { after: TaskId(3), ..all.clone() }), [4, 5, 7]);
    assert_eq!(bench.list(Filter { state: Some(State::Queued), ..all.clone() }), [2, 3, 4]);
    assert_eq!(bench.list(Filter { tag: Some(tag("x")), ..all.clone() }), [0i64; 0]);
    let everything = Filter { limit: 100, ..Filter::default() };
    assert_eq!(bench.list(everything.clone()), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(bench.list(Filter { kind: Some("fail-always".into()), ..everything.clone() }), [6]);
    assert_eq!(bench.list(Filter { batch: Some(tag("b")), ..everything.clone() }), [6]);
    assert_eq!(bench.list(Filter { label: Some(tag("red")), ..everything.clone() }), [6, 7]);
    let red = Filter { label: Some(tag("red")), tag: Some(tag("t")), ..everything };
    assert_eq!(bench.list(red.clone()), [7]);
    assert_eq!(bench.list(Filter { state: Some(State::Running), ..red }), [0i64; 0]);
    assert_eq!(bench.queue.task(TaskId(6)).unwrap().unwrap().labels, labels);
}

fn counts_are_kept_by_tag_and_kind(bench: &mut Bench<'_>) {
    bench.put(2);
    let work = Work { kind: Kind::FailAlways, takes: Duration::ZERO };
    bench.send(&Submission::new(tag("u"), work));
    let claim = bench.claim("a");
    bench.complete(&claim, "a");
    let counts = bench.queue.counts().unwrap();
    let counts: BTreeMap<_, _> = counts
        .iter()
        .filter(|count| count.n > 0)
        .map(|count| ((count.tag.as_str(), count.kind.as_str(), count.name.as_str()), count.n))
        .collect();
    let expected =
        [(("t", "sleep", "queued"), 1), (("t", "sleep", "done"), 1), (("u", "fail-always", "queued"), 1)];
    assert_eq!(counts, BTreeMap::from(expected));
}

fn events_tell_the_life_of_a_task_and_go_on_from_a_cursor(bench: &mut Bench<'_>) {
    let id = bench.send(&Submission { max_failures: 2, ..submission(1, None) })[0];
    let first = bench.claim("a");
    bench.end(&first, "a", failed());
    bench.pass(millis(400));
    let second = bench.claim("b");
    bench.end(&second, "b", Outcome::Released);
    bench.kill(&failed());
    bench.queue.replay(&[id], bench.now).unwrap();
    bench.kill(&rejected());
    bench.queue.purge(&[id], bench.now).unwrap();
    let events = bench.events(11);
    let life: Vec<_> = events.iter().map(|event| (event.happened, event.attempt)).collect();
    assert_eq!(
        life,
        [
            (Queued, 0),
            (Started, 1),
            (Failed, 1),
            (Started, 2),
            (Released, 2),
            (Started, 3),
            (Dead, 3),
            (Replayed, 3),
            (Started, 4),
            (Dead, 4),
            (Purged, 4)
        ]
    );
    let expected = Event {
        cursor: events[4].cursor.clone(),
        at_ms: events[4].at_ms,
        happened: Released,
        task: id,
        tag: "t".into(),
        kind: "sleep".into(),
        attempt: 2,
        worker: Some("b".into()),
        late: false,
    };
    assert_eq!(events[4], expected);
    assert_eq!(bench.queue.events(&events[4].cursor, 2).unwrap(), events[5..7]);
    assert_eq!(bench.queue.events(&events[10].cursor, 2).unwrap(), []);
    let newest = until("the newest is the last one", Duration::from_secs(30), || {
        let newest = bench.queue.newest().unwrap();
        bench.queue.events(&newest, 9).unwrap().is_empty().then_some(newest)
    });
    bench.put(1);
    assert_eq!(bench.events(12).len(), 12);
    assert_eq!(bench.queue.events(&newest, 9).unwrap().len(), 1);
    let garbled = bench.queue.events(&Cursor("x'; --".into()), 9);
    assert!(matches!(garbled, Err(QueueError::Garbled { .. })), "{garbled:?}");
}

fn a_note_is_changed_only_by_who_knows_it(bench: &mut Bench<'_>) {
    assert_eq!(bench.queue.note("n").unwrap(), None);
    assert!(!bench.queue.set_note("n", Some("a"), "b").unwrap());
    assert!(bench.queue.set_note("n", None, "a").unwrap());
    assert!(!bench.queue.set_note("n", None, "b").unwrap());
    assert!(bench.queue.set_note("n", Some("a"), "").unwrap());
    assert!(!bench.queue.set_note("n", Some("a"), "c").unwrap());
    assert_eq!(bench.queue.note("n").unwrap().as_deref(), Some(""));
}

fn work_that_this_version_cannot_read_is_dead_and_says_why(bench: &mut Bench<'_>) {
    bench.put(2);
    bench.damage(Damage::Garbled(1));
    assert_eq!(bench.claim("a").task, TaskId(2));
    let task = bench.queue.task(TaskId(1)).unwrap().unwrap();
    assert_eq!(task.state, State::Dead);
    assert!(task.error.unwrap().contains("could not read the work"));
    let (stats, ledger) = (bench.stats(), bench.ledger());
    assert_eq!((stats.dead, stats.running, ledger.conserved), (1, 1, true));
}

fn a_lost_task_and_a_second_completion_show_in_the_ledger(bench: &mut Bench<'_>) {
    bench.put(3);
    assert!(bench.ledger().conserved);
    bench.damage(Damage::Lost(1));
    let claim = bench.claim("a");
    assert_eq!(claim.task, TaskId(2), "a task that is gone cannot be claimed");
    bench.complete(&claim, "a");
    bench.damage(Damage::Uncompleted(2));
    bench.damage(Damage::Completed(3));
    let ledger = bench.ledger();
    assert_eq!((ledger.sent, ledger.lost, ledger.twice, ledger.conserved), (3, 2, 1, false));
}

fn strange_texts_come_back_as_they_were(bench: &mut Bench<'_>) {
    for text in ["größe'\"\\{}[]:%_*?", "\u{1F980}--;$1\\x00"] {
        let (key, label) = (Some(format!("key {text}\n\t")), tag(text));
        let sent = Submission {
            tag: tag(text),
            key,
            labels: vec![label.clone()],
            batch: Some(label.clone()),
            ..submission(1, None)
        };
        let id = bench.send(&sent)[0];
        let known = bench.queue.submit(&[sent], bench.now).unwrap();
        assert_eq!(known, [Receipt::Known(vec![id])]);
        let worker = format!("w {text}\n");
        let claim = bench.claim(&worker);
        assert_eq!(bench.end(&claim, &worker, Outcome::Done(format!("r {text}\r\n"))), Settled::Done);
        let found =
            Filter { label: Some(label.clone()), tag: Some(label.clone()), limit: 5, ..Filter::default() };
        let task = bench.queue.tasks(&found).unwrap().remove(0);
        assert_eq!((task.id, task.tag.as_str(), task.worker), (id, text, Some(worker)));
        assert_eq!((task.result, task.labels), (Some(format!("r {text}\r\n")), vec![label.clone()]));
        assert_eq!(bench.queue.batch(&label).unwrap().unwrap().done, 1);
        assert_eq!(
            bench.queue.stats(&Scope { tag: Some(label), kind: None }, LEASE, bench.now).unwrap().done,
            1
        );
    }
}

/// Connections of its own for each thread.
fn crowd<T: Send>(bench: &Bench<'_>, member: impl Fn(usize, Box<dyn Queue>) -> T + Sync) -> Vec<T> {
    let (place, member) = (bench.place.as_str(), &member);
    std::thread::scope(|scope| {
        let work = |number| {
            scope
                .spawn(move || member(number, place.parse::<Location>().unwrap().open(Access::Work).unwrap()))
        };
        let members: Vec<_> = (0..4).map(work).collect();
        members.into_iter().map(|member| member.join().unwrap()).collect()
    })
}

fn many_workers_take_each_task_once(bench: &mut Bench<'_>) {
    bench.put(200);
    let now = bench.now;
    let shares = crowd(bench, |number, mut queue| {
        let mut done = Vec::new();
        let worker = format!("w{number}");
        let wanted = Wanted { worker: worker.clone(), slots: 7, lease: LEASE, kinds: Kinds::All };
        loop {
            let claims = queue.claim(&wanted, now).unwrap();
            if claims.is_empty() {
                return done;
            }
            let ends: Vec<_> =
                claims.iter().map(|claim| (claim.clone(), Outcome::Done("ok".into()))).collect();
            assert!(
                queue.settle(&worker, &ends, now).unwrap().iter().all(|settled| *settled == Settled::Done)
            );
            done.extend(claims.iter().map(|claim| (claim.task, claim.attempt)));
        }
    });
    let mut taken: Vec<_> = shares.concat();
    taken.sort_unstable();
    assert_eq!(taken, (1..=200).map(|id| (TaskId(id), 1)).collect::<Vec<_>>());
    let (stats, ledger) = (bench.stats(), bench.ledger());
    assert_eq!(
        (stats.done, stats.depth, stats.retries, ledger.done, ledger.conserved),
        (200, 0, 0, 200, true)
    );
}

fn events_are_followed_without_a_gap_while_others_write(bench: &mut Bench<'_>) {
    let (now, many) = (bench.now, 240);
    let mut seen = Vec::new();
    std::thread::scope(|scope| {
        let place = bench.place.clone();
        let reader = scope.spawn(move || {
            let mut queue = place.parse::<Location>().unwrap().open(Access::Read).unwrap();
            let (mut cursor, mut seen) = (Cursor::default(), Vec::new());
            until("all events were followed", Duration::from_mins(1), || {
                let page = queue.events(&cursor, 5).unwrap();
                cursor = page.last().map_or(cursor.clone(), |event| event.cursor.clone());
                seen.extend(page.iter().map(|event| event.task.0));
                (seen.len() >= many).then_some(())
            });
            seen
        });
        crowd(bench, |_, mut queue| {
            for _ in 0..many / 4 {
                queue.submit(&[submission(1, None)], now).unwrap();
            }
        });
        seen = reader.join().unwrap();
    });
    seen.sort_unstable();
    assert_eq!(seen, (1..=240).collect::<Vec<i64>>());
}

/// What may happen to a queue.
#[derive(Debug, Clone)]
enum Happening {
    Submit(u32, u8),
    Claim(usize),
    End(usize, usize),
    Renew(usize),
    Replay(i64),
    Purge(i64),
    Pass(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        (1u32..4, 0u8..=9).prop_map(|(count, priority)| Happening::Submit(count, priority)),
        (1usize..4).prop_map(Happening::Claim),
        (0usize..50, 0usize..6).prop_map(|(which, how)| Happening::End(which, how)),
        (0usize..50, 0usize..6).prop_map(|(which, how)| Happening::End(which, how)),
        (0usize..50).prop_map(Happening::Renew),
        (1i64..20).prop_map(Happening::Replay),
        (1i64..20).prop_map(Happening::Purge),
        (1u64..5000).prop_map(Happening::Pass),
    ]
}

/// E5: whatever happens, in whatever order, also with claims that were lost long ago.
fn conserved(bench: &mut Bench<'_>, history: &[Happening]) -> Result<(), TestCaseError> {
    let mut claims: Vec<Claim> = Vec::new();
    let mut done = HashSet::new();
    let mut sent = 0;
    for step in history {
        match *step {
            Happening::Submit(count, priority) => {
                let priority = Priority::try_from(priority).unwrap();
                sent += bench.send(&Submission { priority, ..submission(count, None) }).len() as u64;
            }
            Happening::Claim(slots) => claims.extend(bench.claims("w", slots)),
            Happening::Pass(span) => bench.pass(millis(span)),
            Happening::End(which, how) if !claims.is_empty() => {
                let claim = claims[which % claims.len()].clone();
                let outcome = [failed(), rejected(), Outcome::Released].into_iter().nth(how);
                match outcome {
                    Some(outcome) => {
                        bench.end(&claim, "w", outcome);
                    }
                    None if bench.complete(&claim, "w") == Settled::Done => {
                        prop_assert!(done.insert(claim.task), "completed twice");
                    }
                    None => {}
                }
            }
            Happening::Renew(which) if !claims.is_empty() => {
                let claim = claims[which % claims.len()].clone();
                bench.queue.renew(&[claim], LEASE, bench.now).unwrap();
            }
            Happening::Replay(id) => drop(bench.queue.replay(&[TaskId(id)], bench.now).unwrap()),
            Happening::Purge(id) => drop(bench.queue.purge(&[TaskId(id)], bench.now).unwrap()),
            _ => {}
        }
    }
    let ledger = bench.ledger();
    prop_assert!(ledger.conserved, "{ledger:?}");
    let stats = bench.stats();
    prop_assert_eq!((ledger.sent, ledger.done), (sent, done.len() as u64));
    prop_assert_eq!(
        (stats.total, stats.done, stats.dead, stats.purged, stats.depth),
        (sent, ledger.done, ledger.dead, ledger.purged, ledger.open)
    );
    let tasks = bench.queue.tasks(&Filter { limit: 1000, ..Filter::default() }).unwrap();
    let of = |state: State| tasks.iter().filter(|task| task.state == state).count() as u64;
    prop_assert_eq!((stats.queued, stats.running), (of(State::Queued), of(State::Running)));
    Ok(())
}

#[test]
fn another_database_or_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let location = Location::File(path.clone());
    let error = |access| location.open(access).err().expect("refused");
    assert!(matches!(error(Access::Read), QueueError::Missing { .. }));
    assert!(matches!(error(Access::Work), QueueError::Missing { .. }));
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    assert!(matches!(error(Access::Make), QueueError::Foreign { .. }));
    assert!(matches!(error(Access::Read), QueueError::Foreign { .. }));
    std::fs::write(&path, "not a database, but a text that is long enough to be read as a header").unwrap();
    assert!(error(Access::Make).is_lasting());
}
