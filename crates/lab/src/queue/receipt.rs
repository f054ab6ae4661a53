//! The answers of the queue to those who put tasks in and to those who end them.

use crate::{TaskId, WorkFailed};

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// These tasks are now in the queue.
    Created(Vec<TaskId>),
    /// The key was known: these tasks had been put in before, nothing new was.
    Known(Vec<TaskId>),
    /// The key belongs to a submission with another content. Nothing was put in.
    Conflict,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With this result.
    Done(String),
    /// The work failed; the task may be tried again.
    Failed(WorkFailed),
    /// The work failed and cannot succeed: the task is dead at once. So end tasks whose deadline has passed.
    Rejected(WorkFailed),
    /// The work was not done: the task is given back, and this was no failure.
    Released,
}

/// What became of an attempt's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The task is done.
    Done,
    /// The task waits for its next try.
    Again,
    /// The task is in the dead-letter queue: it has failed too often, or cannot succeed.
    Dead,
    /// The task was given back.
    Released,
    /// This very attempt had ended before: its answer was lost on the way. Nothing was changed.
    Known,
    /// Refused: another attempt had done the task. The work ran twice, the completion counts once.
    Duplicate,
    /// Refused: the lease was lost, another attempt has the task.
    Fenced,
}
