//! One thread that puts tasks into the queue: those that wait together share a transaction and its sync.

use tokio::sync::{mpsc, oneshot};

use crate::queue::Attached;
use crate::{Access, LabError, Location, Millis, Queue, QueueError, Receipt, Submission};

/// Orders that may wait; more are refused, so that an outage of the disk does not fill the memory.
const WAITING: usize = 1024;
/// Orders that are put in together, in one change.
const TOGETHER: usize = 256;
/// No more orders are added to a change that has this many tasks.
const MOST_TASKS: u64 = 5000;

/// Why a submission was not put in.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum IntakeError {
    /// Too many others wait.
    #[error("take more tasks: {WAITING} others are waiting for the queue")]
    Overloaded,
    /// The queue did not take it. The text is that of the `QueueError`, which the whole batch shares.
    #[error("{0}")]
    Queue(String),
}

enum Order {
    Submit(Vec<Submission>, oneshot::Sender<Result<Vec<Receipt>, IntakeError>>),
    Probe(oneshot::Sender<Result<(), IntakeError>>),
}

/// Hands submissions to the thread.
#[derive(Clone)]
pub(crate) struct Intake {
    orders: mpsc::Sender<Order>,
}

impl Intake {
    /// Starts the thread. It ends when the last intake is dropped.
    pub(crate) fn start(queue: Location) -> Result<Self, LabError> {
        let (orders, waiting) = mpsc::channel(WAITING);
        std::thread::Builder::new()
            .name("intake".into())
            .spawn(move || take(Attached::new(queue, Access::Intake), waiting))
            .map_err(|source| LabError::Start { what: "the intake's thread", source })?;
        Ok(Self { orders })
    }

    /// Puts all the tasks in, or with an error none of them. They are on the disk when this returns the receipts,
    /// which are in the order of the submissions.
    pub(crate) async fn submit(&self, submissions: Vec<Submission>) -> Result<Vec<Receipt>, IntakeError> {
        let (reply, answer) = oneshot::channel();
        self.hand_over(Order::Submit(submissions, reply))?;
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

fn take(mut queue: Attached, mut waiting: mpsc::Receiver<Order>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut submissions = Vec::new();
        let mut replies = Vec::new();
        let mut tasks = 0;
        let mut next = Some(first);
        while let Some(order) = next {
            match order {
                Order::Submit(more, reply) => {
                    replies.push((more.len(), reply));
                    tasks += more.iter().map(|submission| u64::from(submission.count)).sum::<u64>();
                    submissions.extend(more);
                }
                Order::Probe(reply) => {
                    let answer = queue.get().and_then(Queue::probe).map_err(|error| refusal(&error));
                    let _ = reply.send(answer);
                }
            }
            next =
                if replies.len() < TOGETHER && tasks < MOST_TASKS { waiting.try_recv().ok() } else { None };
        }
        if replies.is_empty() {
            continue;
        }
        // Whoever stopped listening is not told; its tasks are in all the same, as with any lost answer.
        match queue.get().and_then(|queue| queue.submit(&submissions, Millis::now())) {
            Ok(receipts) => {
                let mut receipts = receipts.into_iter();
                for (count, reply) in replies {
                    let _ = reply.send(Ok(receipts.by_ref().take(count).collect()));
                }
            }
            Err(error) => replies.into_iter().for_each(|(_, reply)| {
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
    use crate::{Kind, Work};

    /// While the queue is locked, so much may wait and no more; what was refused is not in, what was taken is.
    #[tokio::test]
    async fn a_crowd_shares_transactions_and_what_is_too_much_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.db");
        let location = Location::File(path.clone());
        drop(location.open(Access::Make).unwrap());
        let lock = rusqlite::Connection::open(&path).unwrap();
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        let intake = Intake::start(location.clone()).unwrap();
        let work = Work { kind: Kind::Sleep, takes: Duration::ZERO };
        let task = Submission::new("t".parse().unwrap(), work);
        let mut crowd = JoinSet::new();
        for _ in 0..WAITING + 2 * TOGETHER {
            let (intake, task) = (intake.clone(), task.clone());
            crowd.spawn(async move { intake.submit(vec![task]).await });
        }

        let (mut ids, mut refused) = (Vec::new(), 0);
        while let Some(answer) = crowd.join_next().await {
            match answer.unwrap() {
                Ok(receipts) => match receipts.as_slice() {
                    [Receipt::Created(created)] => ids.extend(created.clone()),
                    other => panic!("{other:?}"),
                },
                Err(IntakeError::Overloaded) => {
                    if refused == 0 {
                        assert_eq!(ids, [], "nobody is answered while the queue is locked");
                        lock.execute_batch("ROLLBACK").unwrap();
                    }
                    refused += 1;
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert!(refused > 0);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len() + refused, WAITING + 2 * TOGETHER);
        assert_eq!(location.open(Access::Read).unwrap().ledger(None).unwrap().sent, ids.len() as u64);
    }
}
