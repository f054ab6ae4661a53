//! The queue: one contract, three stores that keep it.
//!
//! ```text
//!             claim                 settle: done
//!   queued ----------> running ---------------------> done
//!     ^ ^               |  | failed too often, rejected
//!     | |  failed, wait |  +------------------------> dead --purge--> purged
//!     | +--- released --+                              |
//!     |                 | lease ended: claimed again,  |
//!     |                 +---> running  attempt + 1     |
//!     +------------------------- replay --------------+
//! ```
//!
//! Whatever the store is:
//!
//! - Every change is atomic: two processes never decide on the same state of a task, and a process that is killed in
//!   the middle of a change has made all of it or nothing.
//! - A submission is on the disk when it is answered.
//! - An attempt's number is its fence: only the newest attempt of a task can end it, and one that ended cannot end
//!   again. A task has at most one completion.
//! - Moments come from the caller ([`Millis`]), so all stores behave the same in a test that holds the clock.

mod attached;
mod batch;
mod clerk;
mod error;
mod event;
mod ledger;
mod location;
mod postgres;
mod receipt;
mod redis;
mod sqlite;
mod stats;
mod wanted;
mod wire;

use std::time::Duration;

pub(crate) use attached::Attached;
pub use batch::Batch;
pub(crate) use clerk::Clerk;
pub use error::{Cause, Chance, QueueError};
pub use event::{Cursor, Event, Happened};
pub use ledger::Ledger;
pub use location::{Location, LocationMistake};
pub use postgres::PostgresPlace;
pub use receipt::{Outcome, Receipt, Settled};
pub use redis::RedisPlace;
pub use stats::{Count, Scope, Stats};
pub use wanted::{Kinds, Wanted};

use crate::{Claim, Filter, Millis, Submission, Tag, Task, TaskId};

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Makes the queue where there is none, then as [`Access::Intake`].
    Make,
    /// Puts tasks in: what is answered is on the disk.
    Intake,
    /// Takes tasks out and ends them.
    Work,
    /// Only reads.
    Read,
}

/// A connection to a queue.
///
/// An error means that the change was not made, with one exception: a connection that is lost between a change and
/// its answer. Then a key makes a submission harmless to repeat, an end that is sent again is [`Settled::Known`], and
/// a claim whose answer was lost ends with its lease.
pub trait Queue: Send {
    /// Whether this connection still leads to the queue. One that does not is opened anew by its owner.
    fn is_attached(&self) -> bool;

    /// What the store's settings take away from the promises; none when they hold.
    fn caveat(&mut self) -> Result<Option<String>, QueueError>;

    /// Whether a change could be made now.
    fn probe(&mut self) -> Result<(), QueueError>;

    /// Puts all submissions in, in one change: with an error none of them is in.
    fn submit(&mut self, batch: &[Submission], now: Millis) -> Result<Vec<Receipt>, QueueError>;

    /// Takes up to `wanted.slots` tasks until `now + wanted.lease`: first those whose lease has ended, then those that
    /// are due, the highest priority first, and in it the longest waiting.
    fn claim(&mut self, wanted: &Wanted, now: Millis) -> Result<Vec<Claim>, QueueError>;

    /// Holds the claims until `now + lease`. Returns those that were lost: another worker has them, or they ended.
    fn renew(&mut self, claims: &[Claim], lease: Duration, now: Millis) -> Result<Vec<TaskId>, QueueError>;

    /// Ends attempts, in one change. The answers are in the order of the ends.
    fn settle(
        &mut self,
        worker: &str,
        ends: &[(Claim, Outcome)],
        now: Millis,
    ) -> Result<Vec<Settled>, QueueError>;

    /// Puts dead tasks back: their failures start from 0 and they have no deadline any more. Returns those that were
    /// dead; others are left as they are.
    fn replay(&mut self, dead: &[TaskId], now: Millis) -> Result<Vec<TaskId>, QueueError>;

    /// Throws dead tasks away. They stay in the ledger. Returns those that were dead; others are left as they are.
    fn purge(&mut self, dead: &[TaskId], now: Millis) -> Result<Vec<TaskId>, QueueError>;

    /// One task.
    fn task(&mut self, id: TaskId) -> Result<Option<Task>, QueueError>;

    /// The tasks that pass the filter, by number. The dead letters are those in [`crate::State::Dead`].
    fn tasks(&mut self, filter: &Filter) -> Result<Vec<Task>, QueueError>;

    /// How far a batch is; none when no task belongs to it. Its results are [`Queue::tasks`] of the batch.
    fn batch(&mut self, batch: &Tag) -> Result<Option<Batch>, QueueError>;

    /// The figures, all of the same moment. A task is `stuck` when its lease ended more than `stuck_after` ago.
    fn stats(&mut self, scope: &Scope, stuck_after: Duration, now: Millis) -> Result<Stats, QueueError>;

    /// The kept counts by tag and kind, in no order.
    fn counts(&mut self) -> Result<Vec<Count>, QueueError>;

    /// The account of every task, of one tag or of all. Reads every task.
    fn ledger(&mut self, tag: Option<&Tag>) -> Result<Ledger, QueueError>;

    /// What happened after `cursor`, the oldest first, at most `limit`. Nothing is left out and nothing comes twice,
    /// also while others write; the events of one task are in their order. While others write, the newest may come a
    /// moment later.
    fn events(&mut self, after: &Cursor, limit: u32) -> Result<Vec<Event>, QueueError>;

    /// The place after the newest event that [`Queue::events`] would give.
    fn newest(&mut self) -> Result<Cursor, QueueError>;

    /// A note that the parts of the lab keep beside the tasks, such as how far the reports to an outside service are.
    fn note(&mut self, name: &str) -> Result<Option<String>, QueueError>;

    /// Writes a note if it still is what the caller believes (none: there is none). Returns whether it did.
    fn set_note(&mut self, name: &str, believed: Option<&str>, value: &str) -> Result<bool, QueueError>;
}
