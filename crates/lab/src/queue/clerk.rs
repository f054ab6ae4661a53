//! One thread that owns a connection and answers questions in turn, so that no async task waits for a disk.

use tokio::sync::{mpsc, oneshot};

use super::{Access, Attached, Location, Queue, QueueError};
use crate::LabError;

type Question = Box<dyn FnOnce(&mut Attached) + Send>;

/// Questions that may wait at the same time; more wait outside.
const WAITING: usize = 256;

/// Asks the thread.
#[derive(Clone)]
pub(crate) struct Clerk {
    questions: mpsc::Sender<Question>,
}

impl Clerk {
    /// Starts the thread. It ends when the last clerk is dropped.
    pub(crate) fn start(location: Location, access: Access) -> Result<Self, LabError> {
        let (questions, mut waiting) = mpsc::channel::<Question>(WAITING);
        std::thread::Builder::new()
            .name("queue".into())
            .spawn(move || {
                let mut attached = Attached::new(location, access);
                while let Some(question) = waiting.blocking_recv() {
                    question(&mut attached);
                }
            })
            .map_err(|source| LabError::Start { what: "the queue's thread", source })?;
        Ok(Self { questions })
    }

    /// The answer of `question`, asked after all those before it.
    pub(crate) async fn ask<R: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn Queue) -> Result<R, QueueError> + Send + 'static,
    ) -> Result<R, QueueError> {
        let (reply, answer) = oneshot::channel();
        let asked = self.questions.send(Box::new(move |attached| {
            // Nobody listens any more when the caller was dropped: then the answer is of no use.
            let _ = reply.send(attached.get().and_then(question));
        }));
        asked.await.map_err(|_| QueueError::Stopped)?;
        answer.await.map_err(|_| QueueError::Stopped)?
    }
}
