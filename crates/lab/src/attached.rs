//! An open queue that is opened again when its file was changed for another.

use std::path::{Path, PathBuf};

use crate::QueueError;
use crate::file::FileIdentity;

/// Opens one sort of connection. It must not create the file.
pub(crate) type Opener<T> = fn(&Path) -> Result<T, QueueError>;

/// A connection to the file that has the queue's name now, opened when first needed.
pub(crate) struct Attached<T> {
    path: PathBuf,
    open: Opener<T>,
    held: Option<(FileIdentity, T)>,
}

impl<T> Attached<T> {
    pub(crate) fn new(path: PathBuf, open: Opener<T>) -> Self {
        Self { path, open, held: None }
    }

    /// The connection, once its file has been seen under its name.
    pub(crate) fn get(&mut self) -> Result<&mut T, QueueError> {
        let now = FileIdentity::of(&self.path)
            .map_err(|source| QueueError::Missing { path: self.path.clone(), source });
        let now = match now {
            Ok(now) => now,
            Err(missing) => {
                self.held = None;
                return Err(missing);
            }
        };
        let held = match self.held.take() {
            Some((identity, connection)) if identity == now => (identity, connection),
            _ => (now, (self.open)(&self.path)?),
        };
        Ok(&mut self.held.insert(held).1)
    }
}
