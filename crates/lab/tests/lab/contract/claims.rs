//! Tasks are taken, held, lost and ended.

use std::time::Duration;

use squall_lab::{
    Claim, Kind, Kinds, Outcome, Priority, Scope, Settled, State, Submission, TaskId, Wanted, Work,
};

use super::bench::{Bench, LEASE, crowd, failed, millis, rejected, submission, tag};

pub(super) fn a_task_is_claimed_by_one_worker_and_completed_once(bench: &mut Bench<'_>) {
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
pub(super) fn an_end_that_is_sent_again_changes_nothing(bench: &mut Bench<'_>) {
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

pub(super) fn a_lease_that_is_not_renewed_ends_and_the_late_worker_is_fenced(bench: &mut Bench<'_>) {
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

pub(super) fn a_renewed_lease_holds_and_a_task_of_a_dead_worker_is_stuck_until_it_is_taken(
    bench: &mut Bench<'_>,
) {
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

pub(super) fn failures_wait_longer_each_time_and_end_in_the_dead_letter_queue(bench: &mut Bench<'_>) {
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

pub(super) fn a_rejected_task_is_dead_at_once(bench: &mut Bench<'_>) {
    bench.put(1);
    let id = bench.kill(&rejected());
    let task = bench.queue.task(id).unwrap().unwrap();
    assert_eq!((task.state, task.failures, task.error.as_deref()), (State::Dead, 1, Some("never")));
}

pub(super) fn a_lost_lease_is_no_failure_of_the_task(bench: &mut Bench<'_>) {
    bench.put(1);
    for _ in 0..10 {
        bench.claim("killed");
        bench.pass(LEASE + millis(1));
    }
    let claim = bench.claim("alive");
    assert_eq!(claim.attempt, 11);
    assert_eq!(bench.complete(&claim, "alive"), Settled::Done);
}

pub(super) fn a_released_task_is_free_at_once_and_has_not_failed(bench: &mut Bench<'_>) {
    bench.put(1);
    let first = bench.claim("a");
    assert_eq!(bench.end(&first, "a", Outcome::Released), Settled::Released);
    let second = bench.claim("b");
    assert_eq!((second.task, second.attempt), (first.task, 2));
    assert_eq!(bench.complete(&first, "a"), Settled::Fenced);
    assert_eq!(bench.queue.task(first.task).unwrap().unwrap().failures, 0);
}

pub(super) fn the_urgent_come_first_and_then_the_longest_waiting(bench: &mut Bench<'_>) {
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

pub(super) fn kinds_are_chosen_or_left_out(bench: &mut Bench<'_>) {
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

pub(super) fn many_workers_take_each_task_once(bench: &mut Bench<'_>) {
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
