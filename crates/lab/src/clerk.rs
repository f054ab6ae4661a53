//! One thread that owns a connection and answers questions in turn, so that no async task waits for a disk.

use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot};

use crate::attached::{Attached, Opener};
use crate::{LabError, QueueError};

type Question<T> = Box<dyn FnOnce(&mut Attached<T>) + Send>;

/// Questions that may wait at the same time; more wait outside.
const WAITING: usize = 256;

/// Asks the thread.
pub(crate) struct Clerk<T> {
    questions: mpsc::Sender<Question<T>>,
}

impl<T> Clone for Clerk<T> {
    fn clone(&self) -> Self {
        Self { questions: self.questions.clone() }
    }
}

impl<T: Send + 'static> Clerk<T> {
    /// Starts the thread. It ends when the last clerk is dropped.
    pub(crate) fn start(path: PathBuf, open: Opener<T>) -> Result<Self, LabError> {
        let (questions, mut waiting) = mpsc::channel::<Question<T>>(WAITING);
        let mut attached = Attached::new(path, open);
        std::thread::Builder::new()
            .name("queue".into())
            .spawn(move || {
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
        question: impl FnOnce(&mut T) -> Result<R, QueueError> + Send + 'static,
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
