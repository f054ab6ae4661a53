//! The queue's rules, with the time held by the test.

use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use crate::{
    Claim, Filter, Kind, Millis, Queue, QueueError, Receipt, Settled, State, Submission, Tag, TaskId, View,
    Work, WorkFailed,
};

const LEASE: Duration = Duration::from_secs(3);

struct Bench {
    folder: TempDir,
    queue: Queue,
    now: Millis,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queue = Queue::create(&folder.path().join("lab.db")).unwrap();
        Self { folder, queue, now: Millis(1_000_000) }
    }

    fn view(&self) -> View {
        View::open(&self.folder.path().join("lab.db")).unwrap()
    }

    fn put(&mut self, count: u32) -> Vec<TaskId> {
        match self.queue.submit(&[submission(count, None)], self.now).unwrap().remove(0) {
            Receipt::Created(ids) => ids,
            other => panic!("{other:?}"),
        }
    }

    fn claim(&mut self, worker: &str) -> Claim {
        self.queue.claim(worker, 1, LEASE, self.now).unwrap().pop().expect("a task to claim")
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now.plus(span);
    }
}

fn submission(count: u32, key: Option<&str>) -> Submission {
    let work = Work { kind: Kind::Sleep, takes: Duration::from_millis(200) };
    Submission { tag: tag("t"), work, count, max_failures: 3, key: key.map(str::to_owned) }
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

#[test]
fn a_task_is_claimed_by_one_worker_and_completed_once() {
    let mut bench = Bench::new();
    let ids = bench.put(1);
    let claim = bench.claim("a");
    assert_eq!(claim.task, ids[0]);
    assert_eq!(bench.queue.claim("b", 1, LEASE, bench.now).unwrap(), []);
    assert_eq!(bench.queue.complete(&claim, "a", "ok", bench.now).unwrap(), Settled::Done);
    assert_eq!(bench.queue.complete(&claim, "a", "ok", bench.now).unwrap(), Settled::Duplicate);
    let stats = bench.view().stats(None, LEASE, bench.now).unwrap();
    assert_eq!((stats.done, stats.depth, stats.duplicates, stats.retries), (1, 0, 1, 0));
}

#[test]
fn a_lease_that_is_not_renewed_ends_and_the_late_worker_is_fenced() {
    let mut bench = Bench::new();
    bench.put(1);
    let late = bench.claim("late");
    bench.pass(LEASE);
    assert_eq!(
        bench.queue.claim("b", 1, LEASE, bench.now).unwrap(),
        [],
        "the lease holds to its last moment"
    );
    bench.pass(Duration::from_millis(1));
    let newer = bench.claim("b");
    assert_eq!((newer.task, newer.attempt), (late.task, 2));
    assert_eq!(bench.queue.complete(&late, "late", "ok", bench.now).unwrap(), Settled::Fenced);
    assert_eq!(bench.queue.renew(std::slice::from_ref(&late), LEASE, bench.now).unwrap(), [late.task]);
    assert_eq!(bench.queue.complete(&newer, "b", "ok", bench.now).unwrap(), Settled::Done);
    assert_eq!(bench.queue.fail(&late, &WorkFailed("x".into()), bench.now).unwrap(), Settled::Duplicate);
    let stats = bench.view().stats(None, LEASE, bench.now).unwrap();
    assert_eq!((stats.fenced, stats.duplicates, stats.retries, stats.done), (1, 1, 1, 1));
}

#[test]
fn a_renewed_lease_holds_and_a_task_of_a_dead_worker_is_stuck_until_it_is_taken() {
    let mut bench = Bench::new();
    bench.put(1);
    let claim = bench.claim("a");
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.queue.renew(&[claim], LEASE, bench.now).unwrap(), []);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.queue.claim("b", 1, LEASE, bench.now).unwrap(), []);
    bench.pass(Duration::from_secs(7));
    let view = bench.view();
    assert_eq!(view.stats(None, Duration::from_secs(5), bench.now).unwrap().stuck, 1);
    assert_eq!(view.stats(Some(&tag("other")), Duration::from_secs(5), bench.now).unwrap().stuck, 0);
    bench.claim("b");
    assert_eq!(view.stats(None, Duration::from_secs(5), bench.now).unwrap().stuck, 0);
}

#[test]
fn failures_wait_longer_each_time_and_end_in_the_dead_letter_queue() {
    let mut bench = Bench::new();
    bench.put(1);
    for (failure, expected) in [(1, Settled::Again), (2, Settled::Again), (3, Settled::Dead)] {
        let claim = bench.claim("a");
        let settled = bench.queue.fail(&claim, &WorkFailed("no".into()), bench.now).unwrap();
        assert_eq!(settled, expected);
        assert_eq!(bench.queue.claim("a", 1, LEASE, bench.now).unwrap(), [], "not at once after {failure}");
        bench.pass(Duration::from_millis(200 * 2u64.pow(failure)));
    }
    let task = bench.view().task(TaskId(1)).unwrap().unwrap();
    assert_eq!((task.state, task.failures, task.error.as_deref()), (State::Dead, 3, Some("no")));
    let ledger = bench.view().ledger(Some(&tag("t"))).unwrap();
    assert_eq!((ledger.sent, ledger.dead, ledger.conserved), (1, 1, true));
}

#[test]
fn a_lost_lease_is_no_failure_of_the_task() {
    let mut bench = Bench::new();
    bench.put(1);
    for _ in 0..10 {
        bench.claim("killed");
        bench.pass(LEASE + Duration::from_millis(1));
    }
    let claim = bench.claim("alive");
    assert_eq!(claim.attempt, 11);
    assert_eq!(bench.queue.complete(&claim, "alive", "ok", bench.now).unwrap(), Settled::Done);
}

#[test]
fn the_same_key_gives_the_same_tasks_and_another_content_is_a_conflict() {
    let mut bench = Bench::new();
    let first = submission(3, Some("order-7"));
    let mut other = first.clone();
    other.max_failures = 9;
    let receipts = bench
        .queue
        .submit(&[first.clone(), first, other, submission(2, Some("order-7"))], bench.now)
        .unwrap();
    let ids: Vec<_> = (1..=3).map(TaskId).collect();
    assert_eq!(
        receipts,
        [Receipt::Created(ids.clone()), Receipt::Known(ids), Receipt::Conflict, Receipt::Conflict]
    );
    assert_eq!(bench.view().ledger(None).unwrap().sent, 3);
}

#[test]
fn waiting_and_the_oldest_task_are_measured_from_the_submission() {
    let mut bench = Bench::new();
    bench.put(2);
    bench.pass(Duration::from_millis(1500));
    let claim = bench.claim("a");
    bench.queue.complete(&claim, "a", "ok", bench.now).unwrap();
    let stats = bench.view().stats(Some(&tag("t")), LEASE, bench.now).unwrap();
    assert_eq!((stats.waiting_p50_s, stats.waiting_p95_s), (Some(1.5), Some(1.5)));
    assert_eq!(stats.oldest_queued_s, Some(1.5));
    let nothing = bench.view().stats(Some(&tag("other")), LEASE, bench.now).unwrap();
    assert_eq!((nothing.total, nothing.oldest_queued_s, nothing.waiting_p50_s), (0, None, None));
}

#[test]
fn tasks_are_listed_by_tag_and_state_page_by_page() {
    let mut bench = Bench::new();
    bench.put(5);
    bench.claim("a");
    let list = |filter: Filter| -> Vec<i64> {
        bench.view().tasks(&filter).unwrap().iter().map(|task| task.id.0).collect()
    };
    let all = Filter { tag: Some(tag("t")), state: None, after: TaskId(0), limit: 3 };
    assert_eq!(list(all.clone()), [1, 2, 3]);
    assert_eq!(list(Filter { after: TaskId(3), ..all.clone() }), [4, 5]);
    assert_eq!(list(Filter { state: Some(State::Queued), ..all.clone() }), [2, 3, 4]);
    assert_eq!(list(Filter { tag: Some(tag("x")), ..all }), [0i64; 0]);
}

#[test]
fn work_that_this_version_cannot_read_is_dead_and_says_why() {
    let mut bench = Bench::new();
    bench.put(2);
    bench.queue.connection.execute("UPDATE tasks SET payload = '{}' WHERE id = 1", []).unwrap();
    assert_eq!(bench.claim("a").task, TaskId(2));
    let task = bench.view().task(TaskId(1)).unwrap().unwrap();
    assert_eq!(task.state, State::Dead);
    assert!(task.error.unwrap().contains("could not read the work"));
}

#[test]
fn another_database_or_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    assert!(matches!(View::open(&path), Err(QueueError::Missing { .. })));
    assert!(matches!(Queue::for_work(&path), Err(QueueError::Missing { .. })));
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    assert!(matches!(Queue::create(&path), Err(QueueError::Foreign { .. })));
    assert!(matches!(View::open(&path), Err(QueueError::Foreign { .. })));
    std::fs::write(&path, "not a database, but a text that is long enough to be read as a header").unwrap();
    assert!(Queue::create(&path).err().expect("refused").is_lasting());
}

#[test]
fn a_lost_task_and_a_second_completion_show_in_the_ledger() {
    let mut bench = Bench::new();
    bench.put(3);
    assert!(bench.view().ledger(None).unwrap().conserved);
    bench.queue.connection.execute("DELETE FROM tasks WHERE id = 1", []).unwrap();
    let claim = bench.claim("a");
    bench.queue.complete(&claim, "a", "ok", bench.now).unwrap();
    bench.queue.connection.execute("DELETE FROM completions", []).unwrap();
    let note =
        "INSERT INTO completions (task, tag, worker, attempt, waited, at) VALUES (3, 't', 'w', 1, 0, 0)";
    bench.queue.connection.execute(note, []).unwrap();
    assert!(bench.queue.connection.execute(note, []).is_err(), "a second completion cannot be written");
    let ledger = bench.view().ledger(None).unwrap();
    assert_eq!((ledger.sent, ledger.lost, ledger.twice, ledger.conserved), (3, 2, 1, false));
}

/// What may happen to a queue.
#[derive(Debug, Clone)]
enum Happening {
    Submit(u32),
    Claim(usize),
    Complete(usize),
    Fail(usize),
    Renew(usize),
    Pass(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        (1u32..4).prop_map(Happening::Submit),
        (1usize..4).prop_map(Happening::Claim),
        (0usize..50).prop_map(Happening::Complete),
        (0usize..50).prop_map(Happening::Fail),
        (0usize..50).prop_map(Happening::Renew),
        (1u64..5000).prop_map(Happening::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// E5: whatever happens, in whatever order, also with claims that were lost long ago.
    #[test]
    fn any_history_conserves_the_tasks_and_the_kept_counts_are_true(history in prop::collection::vec(happening(), 1..60)) {
        let mut bench = Bench::new();
        let mut claims: Vec<Claim> = Vec::new();
        let mut done = std::collections::HashSet::new();
        let mut sent = 0;
        for step in history {
            match step {
                Happening::Submit(count) => sent += bench.put(count).len() as u64,
                Happening::Claim(slots) => claims.extend(bench.queue.claim("w", slots, LEASE, bench.now).unwrap()),
                Happening::Pass(millis) => bench.pass(Duration::from_millis(millis)),
                Happening::Complete(which) if !claims.is_empty() => {
                    let claim = &claims[which % claims.len()];
                    if bench.queue.complete(claim, "w", "ok", bench.now).unwrap() == Settled::Done {
                        prop_assert!(done.insert(claim.task), "completed twice");
                    }
                }
                Happening::Fail(which) if !claims.is_empty() => {
                    let claim = &claims[which % claims.len()];
                    bench.queue.fail(claim, &WorkFailed("no".into()), bench.now).unwrap();
                }
                Happening::Renew(which) if !claims.is_empty() => {
                    let claim = claims[which % claims.len()].clone();
                    bench.queue.renew(&[claim], LEASE, bench.now).unwrap();
                }
                _ => {}
            }
        }
        let ledger = bench.view().ledger(None).unwrap();
        prop_assert!(ledger.conserved, "{ledger:?}");
        let stats = bench.view().stats(None, LEASE, bench.now).unwrap();
        prop_assert_eq!((ledger.sent, ledger.done), (sent, done.len() as u64));
        prop_assert_eq!((stats.total, stats.done, stats.dead, stats.depth), (sent, ledger.done, ledger.dead, ledger.open));
    }
}
