//! Any history.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use squall_lab::{Claim, Filter, Outcome, Priority, Settled, State, Submission, TaskId};

use super::bench::{Bench, LEASE, failed, millis, rejected, submission};

/// What may happen to a queue.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    Submit(u32, u8),
    Claim(usize),
    End(usize, usize),
    Renew(usize),
    Replay(i64),
    Purge(i64),
    Pass(u64),
}

pub(super) fn happening() -> impl Strategy<Value = Happening> {
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
pub(super) fn conserved(bench: &mut Bench<'_>, history: &[Happening]) -> Result<(), TestCaseError> {
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
