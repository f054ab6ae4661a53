//! The stores that a queue can be in, and what the tests do to them behind the queue's back.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use squall_lab::Location;
use tempfile::TempDir;

/// Damage that no queue does to itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Damage {
    /// The work of this task cannot be read.
    Garbled(i64),
    /// This task is gone, its promise is not.
    Lost(i64),
    /// This task is done, its completion is gone.
    Uncompleted(i64),
    /// This task is not done, and has a completion.
    Completed(i64),
}

/// A store that is running.
pub(crate) trait Store: Sync {
    /// A place where no queue is yet.
    fn fresh(&self) -> Location;
    fn damage(&self, location: &Location, damage: Damage);
}

/// Files of SQLite.
pub(crate) struct Sqlite {
    folder: TempDir,
    next: AtomicU32,
}

impl Sqlite {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), next: AtomicU32::new(0) }
    }
}

impl Store for Sqlite {
    fn fresh(&self) -> Location {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Location::File(self.folder.path().join(format!("{number}.db")))
    }

    fn damage(&self, location: &Location, damage: Damage) {
        let statement = match damage {
            Damage::Garbled(id) => format!("UPDATE tasks SET payload = '{{}}' WHERE id = {id}"),
            Damage::Lost(id) => format!("DELETE FROM tasks WHERE id = {id}"),
            Damage::Uncompleted(id) => format!("DELETE FROM completions WHERE task = {id}"),
            Damage::Completed(id) => format!(
                "INSERT INTO completions (task, tag, kind, worker, attempt, waited, at) VALUES ({id}, 't', 'sleep', 'w', 1, 0, 0)"
            ),
        };
        let connection = rusqlite::Connection::open(file(location)).unwrap();
        assert_eq!(connection.execute(&statement, []).unwrap(), 1, "{statement}");
    }
}

fn file(location: &Location) -> &Path {
    match location {
        Location::File(path) => path,
    }
}
