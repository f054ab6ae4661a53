//! An open queue that is opened again when it was lost.

use std::time::Duration;

use tokio::time::Instant;

use super::{Access, Location, Queue, QueueError};

/// After a queue could not be opened, whoever asks in this time is answered the same without another try, so that a
/// crowd is refused at once and not one after the other.
const PAUSE: Duration = Duration::from_millis(250);

/// A connection to the queue that is there now, opened when first needed.
pub(crate) struct Attached {
    location: Location,
    access: Access,
    held: Option<Box<dyn Queue>>,
    refused: Option<(Instant, QueueError)>,
}

impl Attached {
    pub(crate) fn new(location: Location, access: Access) -> Self {
        Self { location, access, held: None, refused: None }
    }

    /// The connection, once it was seen to lead to the queue.
    pub(crate) fn get(&mut self) -> Result<&mut dyn Queue, QueueError> {
        if let Some((since, error)) = self.refused.take()
            && since.elapsed() < PAUSE
        {
            let again = error.clone();
            self.refused = Some((since, error));
            return Err(again);
        }
        let held = match self.held.take() {
            Some(held) if held.is_attached() => held,
            _ => match self.location.open(self.access) {
                Ok(opened) => opened,
                Err(error) => {
                    if self.location.is_remote() {
                        self.refused = Some((Instant::now(), error.clone()));
                    }
                    return Err(error);
                }
            },
        };
        Ok(self.held.insert(held).as_mut())
    }
}
