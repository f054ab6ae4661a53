//! Tasks for a queue in SQLite.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::oneshot;

use super::QueueMistake;
use crate::sender::{Sender, Sending};
use crate::{Failure, Text};

/// Tasks that are inserted by a statement into a file that is there already. SQLite has one writer at a time, so one
/// thread writes.
#[derive(Clone)]
pub struct SqliteTarget {
    file: PathBuf,
    statement: String,
    body: Text,
}

pub(crate) struct Writer {
    seed: u64,
    body: Text,
    tasks: mpsc::Sender<(String, oneshot::Sender<Result<(), Failure>>)>,
}

impl SqliteTarget {
    /// The body is the statement's `?1`.
    pub fn new(file: &Path, statement: &str, body: Text) -> Self {
        Self { file: file.to_owned(), statement: statement.to_owned(), body }
    }

    /// Opens the file and tries the statement out, without carrying it out. Waits for locks no longer than `patience`.
    pub(crate) fn open(self, seed: u64, patience: Duration) -> Result<Writer, QueueMistake> {
        let open = |error: rusqlite::Error| QueueMistake::Open(error.to_string());
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags).map_err(open)?;
        connection.busy_timeout(patience).map_err(open)?;
        let parameters = connection
            .prepare(&self.statement)
            .map_err(|error| QueueMistake::Statement(error.to_string()))?
            .parameter_count();
        if parameters > 1 {
            let why = format!("it has {parameters} parameters, and the body is only one");
            return Err(QueueMistake::Statement(why));
        }
        let (tasks, inbox) = mpsc::channel::<(String, oneshot::Sender<_>)>();
        let Self { statement, body, .. } = self;
        thread::Builder::new()
            .name("load-sqlite".to_owned())
            .spawn(move || {
                while let Ok((body, answer)) = inbox.recv() {
                    // One that was given up while it waited is not written any more.
                    if !answer.is_closed() {
                        let _ = answer.send(write(&connection, &statement, &body, parameters));
                    }
                }
            })
            .map_err(|error| QueueMistake::Open(error.to_string()))?;
        Ok(Writer { seed, body, tasks })
    }
}

fn write(connection: &Connection, statement: &str, body: &str, parameters: usize) -> Result<(), Failure> {
    let written = connection.prepare_cached(statement).and_then(|mut statement| {
        if parameters == 0 { statement.execute([]) } else { statement.execute([body]) }
    });
    written.map(drop).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Failure::Timeout,
        _ => Failure::Rejected,
    })
}

impl Sender for Writer {
    fn send(&self, n: u64) -> Sending<'_> {
        let (answer, answered) = oneshot::channel();
        let sent = self.tasks.send((self.body.of(n, self.seed), answer));
        Box::pin(async move {
            sent.map_err(|_| Failure::Closed)?;
            answered.await.unwrap_or(Err(Failure::Closed))
        })
    }
}
