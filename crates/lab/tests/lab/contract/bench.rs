//! A queue whose time is held by the test.

use std::time::Duration;

use squall_lab::{
    Access, Claim, Cursor, Event, Filter, Kind, Kinds, Ledger, Location, Millis, Outcome, Queue, Receipt,
    Scope, Settled, Stats, Submission, Tag, TaskId, Wanted, Work, WorkFailed,
};

use crate::process::until;
use crate::store::{Damage, Store};

pub(super) const LEASE: Duration = Duration::from_secs(3);

pub(super) struct Bench<'a> {
    store: &'a dyn Store,
    pub(super) place: String,
    pub(super) queue: Box<dyn Queue>,
    pub(super) now: Millis,
}

impl<'a> Bench<'a> {
    pub(super) fn new(store: &'a dyn Store) -> Self {
        let place = store.fresh();
        let queue = place.parse::<Location>().unwrap().open(Access::Make).unwrap();
        Self { store, place, queue, now: Millis(1_700_000_000_000) }
    }

    pub(super) fn damage(&self, damage: Damage) {
        self.store.damage(&self.place, damage);
    }

    pub(super) fn send(&mut self, submission: &Submission) -> Vec<TaskId> {
        match self.queue.submit(std::slice::from_ref(submission), self.now).unwrap().remove(0) {
            Receipt::Created(ids) => ids,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn put(&mut self, count: u32) -> Vec<TaskId> {
        self.send(&submission(count, None))
    }

    pub(super) fn claims(&mut self, worker: &str, slots: usize) -> Vec<Claim> {
        self.claims_of(worker, slots, Kinds::All)
    }

    pub(super) fn claims_of(&mut self, worker: &str, slots: usize, kinds: Kinds) -> Vec<Claim> {
        let wanted = Wanted { worker: worker.to_owned(), slots, lease: LEASE, kinds };
        self.queue.claim(&wanted, self.now).unwrap()
    }

    pub(super) fn claim(&mut self, worker: &str) -> Claim {
        self.claims(worker, 1).pop().expect("a task to claim")
    }

    pub(super) fn end(&mut self, claim: &Claim, worker: &str, outcome: Outcome) -> Settled {
        self.queue.settle(worker, &[(claim.clone(), outcome)], self.now).unwrap().remove(0)
    }

    pub(super) fn complete(&mut self, claim: &Claim, worker: &str) -> Settled {
        self.end(claim, worker, Outcome::Done("ok".into()))
    }

    pub(super) fn kill(&mut self, outcome: &Outcome) -> TaskId {
        let claim = self.claim("w");
        assert_eq!(self.end(&claim, "w", outcome.clone()), Settled::Dead);
        claim.task
    }

    pub(super) fn stats(&mut self) -> Stats {
        self.queue.stats(&Scope::default(), LEASE, self.now).unwrap()
    }

    pub(super) fn ledger(&mut self) -> Ledger {
        self.queue.ledger(None).unwrap()
    }

    /// All events, once there are so many.
    pub(super) fn events(&mut self, many: usize) -> Vec<Event> {
        until("the events are to be seen", Duration::from_secs(30), || {
            Some(self.queue.events(&Cursor::default(), 1000).unwrap()).filter(|events| events.len() >= many)
        })
    }

    pub(super) fn list(&mut self, filter: Filter) -> Vec<i64> {
        let filter = Filter { limit: filter.limit.max(1), ..filter };
        self.queue.tasks(&filter).unwrap().iter().map(|task| task.id.0).collect()
    }

    pub(super) fn pass(&mut self, span: Duration) {
        self.now = self.now.plus(span);
    }
}

pub(super) fn submission(count: u32, key: Option<&str>) -> Submission {
    let work = Work { kind: Kind::Sleep, takes: Duration::from_millis(200) };
    Submission { count, max_failures: 3, key: key.map(str::to_owned), ..Submission::new(tag("t"), work) }
}

pub(super) fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

pub(super) fn failed() -> Outcome {
    Outcome::Failed(WorkFailed("no".into()))
}

pub(super) fn rejected() -> Outcome {
    Outcome::Rejected(WorkFailed("never".into()))
}

pub(super) fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Connections of its own for each thread.
pub(super) fn crowd<T: Send>(
    bench: &Bench<'_>,
    member: impl Fn(usize, Box<dyn Queue>) -> T + Sync,
) -> Vec<T> {
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
