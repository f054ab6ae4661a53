//! Tasks that are dead, replayed, purged or cannot be read.

use squall_lab::{Filter, Settled, State, Submission, TaskId};

use super::bench::{Bench, failed, millis, rejected, submission};
use crate::store::Damage;

pub(super) fn a_dead_task_is_replayed_with_new_tries_and_without_its_deadline(bench: &mut Bench<'_>) {
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

pub(super) fn a_purged_task_stays_in_the_ledger(bench: &mut Bench<'_>) {
    bench.put(2);
    let id = bench.kill(&rejected());
    assert_eq!(bench.queue.purge(&[TaskId(2), id], bench.now).unwrap(), [id]);
    assert_eq!(bench.queue.replay(&[id], bench.now).unwrap(), []);
    let (stats, ledger) = (bench.stats(), bench.ledger());
    assert_eq!((stats.dead, stats.purged, stats.total, stats.depth), (0, 1, 2, 1));
    assert_eq!((ledger.sent, ledger.purged, ledger.dead, ledger.open, ledger.conserved), (2, 1, 0, 1, true));
}

pub(super) fn work_that_this_version_cannot_read_is_dead_and_says_why(bench: &mut Bench<'_>) {
    bench.put(2);
    bench.damage(Damage::Garbled(1));
    assert_eq!(bench.claim("a").task, TaskId(2));
    let task = bench.queue.task(TaskId(1)).unwrap().unwrap();
    assert_eq!(task.state, State::Dead);
    assert!(task.error.unwrap().contains("could not read the work"));
    let (stats, ledger) = (bench.stats(), bench.ledger());
    assert_eq!((stats.dead, stats.running, ledger.conserved), (1, 1, true));
}

pub(super) fn a_lost_task_and_a_second_completion_show_in_the_ledger(bench: &mut Bench<'_>) {
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
