//! A real job queue to practise on: an HTTP API takes tasks, workers do them, and a store holds the queue: one SQLite
//! file, a Redis server or a PostgreSQL server, with the same guarantees.
//!
//! ```text
//!  client --POST /tasks--> api --commit, then 201--> store <--claim, renew, settle-- worker (any number)
//!                                                     ^
//!                       admin, stats, ledger ---------+  read the store itself, so they work while the API is down
//!                                                     |
//!  client <--GET /events-- api <------- events -------+--------> relay --POST--> a service outside
//!                          api, workers <--- folded into circuit breakers
//! ```
//!
//! What it promises, under `kill -9` of any of its processes at any moment:
//!
//! - a task that was acknowledged (201) exists and ends as `done` or `dead`: it is committed and synced first;
//! - no task is completed twice: a completion names the attempt that made it, and only the newest attempt counts.
//!   A late worker is refused and counted (`fenced`, or `duplicates` when the task was already done);
//! - no task is stuck while a worker lives: a lease that is not renewed ends, and the next worker takes the task.
//!
//! The work itself may run more than once. That is what "at least once" means, and the lab makes it visible.

mod account;
mod api;
mod backoff;
mod breaker;
mod bucket;
mod clock;
mod command;
mod duration;
mod error;
mod intake;
mod listen;
mod metrics;
mod post;
mod queue;
mod receiver;
mod relay;
mod stop;
mod task;
mod watch;
mod work;
mod worker;

pub use account::{
    AccountArgs, AccountError, Accounts, Name, NameMistake, Password, PasswordMistake, Person, Role, Session,
    Token,
};
pub use api::{AdminArgs, ApiArgs};
pub use breaker::{BreakerChange, BreakerState, BreakerView};
pub use clock::Millis;
pub use command::{LabCommand, LedgerArgs, StatsArgs, run};
pub use duration::DurationMistake;
pub use error::LabError;
pub use post::{Endpoint, EndpointMistake};
pub use queue::{
    Access, Batch, Cause, Chance, Count, Cursor, Event, Happened, Kinds, Ledger, Location, LocationMistake,
    Outcome, PostgresPlace, Queue, QueueError, Receipt, RedisPlace, Scope, Settled, Stats, Wanted,
};
pub use receiver::ReceiverArgs;
pub use relay::RelayArgs;
pub use task::{Claim, Filter, Priority, State, Submission, Tag, TagMistake, Task, TaskId};
pub use watch::BreakerArgs;
pub use work::{Kind, Mebibytes, Percent, Work, WorkFailed};
pub use worker::WorkerArgs;
