//! One thread that puts tasks into the queue: those that wait together share a transaction and its sync.

use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot};

use crate::attached::Attached;
use crate::{LabError, Millis, Queue, QueueError, Receipt, Submission};

/// Submissions that may wait; more are refused, so that an outage of the disk does not fill the memory.
const WAITING: usize = 1024;
/// Submissions in one transaction.
const TOGETHER: usize = 256;

/// Why a submission was not put in.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum IntakeError {
    /// Too many others wait.
    #[error("take more tasks: {WAITING} submissions are waiting for the queue")]
    Overloaded,
    /// The queue did not take it. The text is that of the `QueueError`, which the whole batch shares.
    #[error("{0}")]
    Queue(String),
}

enum Order {
    Submit(Submission, oneshot::Sender<Result<Receipt, IntakeError>>),
    Probe(oneshot::Sender<Result<(), IntakeError>>),
}

/// Hands submissions to the thread.
#[derive(Clone)]
pub(crate) struct Intake {
    orders: mpsc::Sender<Order>,
}

impl Intake {
    /// Starts the thread. It ends when the last intake is dropped.
    pub(crate) fn start(path: PathBuf) -> Result<Self, LabError> {
        let (orders, waiting) = mpsc::channel(WAITING);
        std::thread::Builder::new()
            .name("intake".into())
            .spawn(move || take(Attached::new(path, Queue::for_intake), waiting))
            .map_err(|source| LabError::Start { what: "the intake's thread", source })?;
        Ok(Self { orders })
    }

    /// Puts tasks in. They are on the disk when this returns a receipt.
    pub(crate) async fn submit(&self, submission: Submission) -> Result<Receipt, IntakeError> {
        let (reply, answer) = oneshot::channel();
        self.hand_over(Order::Submit(submission, reply))?;
        answer.await.map_err(|_| stopped())?
    }

    /// Whether tasks could be put in now.
    pub(crate) async fn probe(&self) -> Result<(), IntakeError> {
        let (reply, answer) = oneshot::channel();
        self.hand_over(Order::Probe(reply))?;
        answer.await.map_err(|_| stopped())?
    }

    fn hand_over(&self, order: Order) -> Result<(), IntakeError> {
        self.orders.try_send(order).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => IntakeError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => stopped(),
        })
    }
}

fn stopped() -> IntakeError {
    refusal(&QueueError::Stopped)
}

fn refusal(error: &QueueError) -> IntakeError {
    IntakeError::Queue(crate::error::with_causes(error))
}

fn take(mut queue: Attached<Queue>, mut waiting: mpsc::Receiver<Order>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut submissions = Vec::new();
        let mut replies = Vec::new();
        let mut next = Some(first);
        while let Some(order) = next {
            match order {
                Order::Submit(submission, reply) => {
                    submissions.push(submission);
                    replies.push(reply);
                }
                Order::Probe(reply) => {
                    let answer = queue.get().and_then(Queue::try_lock).map_err(|error| refusal(&error));
                    let _ = reply.send(answer);
                }
            }
            next = if submissions.len() < TOGETHER { waiting.try_recv().ok() } else { None };
        }
        if submissions.is_empty() {
            continue;
        }
        // Whoever stopped listening is not told; its tasks are in all the same, as with any lost answer.
        match queue.get().and_then(|queue| queue.submit(&submissions, Millis::now())) {
            Ok(receipts) => replies.into_iter().zip(receipts).for_each(|(reply, receipt)| {
                let _ = reply.send(Ok(receipt));
            }),
            Err(error) => replies.into_iter().for_each(|reply| {
                let _ = reply.send(Err(refusal(&error)));
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::JoinSet;

    use super::*;
    use crate::{Kind, View, Work};

    /// While the queue is locked, so much may wait and no more; what was refused is not in, what was taken is.
    #[tokio::test]
    async fn a_crowd_shares_transactions_and_what_is_too_much_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.db");
        drop(Queue::create(&path).unwrap());
        let lock = rusqlite::Connection::open(&path).unwrap();
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        let intake = Intake::start(path.clone()).unwrap();
        let work = Work { kind: Kind::Sleep, takes: Duration::ZERO };
        let task = Submission { tag: "t".parse().unwrap(), work, count: 1, max_failures: 1, key: None };
        let mut crowd = JoinSet::new();
        for _ in 0..WAITING + 2 * TOGETHER {
            let (intake, task) = (intake.clone(), task.clone());
            crowd.spawn(async move { intake.submit(task).await });
        }

        let (mut ids, mut refused) = (Vec::new(), 0);
        while let Some(answer) = crowd.join_next().await {
            match answer.unwrap() {
                Ok(Receipt::Created(created)) => ids.extend(created),
                Err(IntakeError::Overloaded) => {
                    if refused == 0 {
                        assert_eq!(ids, [], "nobody is answered while the queue is locked");
                        lock.execute_batch("ROLLBACK").unwrap();
                    }
                    refused += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(refused > 0);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len() + refused, WAITING + 2 * TOGETHER);
        assert_eq!(View::open(&path).unwrap().ledger(None).unwrap().sent, ids.len() as u64);
    }
}
